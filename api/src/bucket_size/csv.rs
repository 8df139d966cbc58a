//! `/bucket_size` as comma-separated values: one line for each target.

use super::{BucketItem, BucketSizes, PendingBucket};
use crate::http::csv::{Cell, Csv};

/// Columns that identify a target.
pub(super) const IDENTITY: [&str; 5] = ["environment", "kind", "bucket", "prefix", "suffix"];
const NUMBERS: [&str; 20] = [
    "total_bytes",
    "object_count",
    "definition",
    "method",
    "current_bytes",
    "noncurrent_bytes",
    "delete_markers",
    "multipart_bytes",
    "cloudwatch_bytes",
    "used_bytes",
    "provisioned_bytes",
    "monthly_cost",
    "currency",
    "completeness",
    "scheduled_at",
    "taken_at",
    "age_seconds",
    "stale",
    "bytes_per_day",
    "last_failure",
];

/// Returns the lines of a page. A target without a snapshot has no numbers.
pub(super) fn body(page: &BucketSizes) -> Vec<u8> {
    let header: Vec<_> = IDENTITY.into_iter().chain(NUMBERS).collect();
    let mut csv = Csv::new(&header);
    for item in &page.items {
        csv.row(of_item(item));
    }
    for pending in &page.pending {
        csv.row(of_pending(pending));
    }
    csv.into_body()
}

fn of_item(item: &BucketItem) -> impl Iterator<Item = Cell<'_>> {
    let identity = [
        &item.environment,
        &item.kind,
        &item.bucket,
        &item.prefix,
        &item.suffix,
    ];
    let resource = item.resource.as_ref();
    let growth = item.growth.as_ref();
    let failure = item.last_failure.as_ref();
    let numbers = [
        item.total_bytes.into(),
        item.object_count.into(),
        item.definition.as_str().into(),
        item.method.as_str().into(),
        item.current.as_ref().map(|part| part.total_bytes).into(),
        item.noncurrent.as_ref().map(|part| part.total_bytes).into(),
        item.delete_markers
            .as_ref()
            .map(|part| part.object_count)
            .into(),
        item.multipart.as_ref().map(|part| part.total_bytes).into(),
        item.cloudwatch
            .as_ref()
            .map(|part| part.metrics.total_bytes)
            .into(),
        resource.and_then(|each| each.resource.used_bytes).into(),
        resource
            .and_then(|each| each.resource.provisioned_bytes)
            .into(),
        item.cost.monthly_total.into(),
        (&item.cost.currency).into(),
        item.completeness.as_str().into(),
        item.scheduled_at.into(),
        item.taken_at.into(),
        item.age_seconds.into(),
        item.stale.into(),
        growth.and_then(|growth| growth.bytes_per_day).into(),
        failure.map(|failure| &failure.code).into(),
    ];
    identity.into_iter().map(Cell::from).chain(numbers)
}

fn of_pending(pending: &PendingBucket) -> impl Iterator<Item = Cell<'_>> {
    let identity = [
        &pending.environment,
        &pending.kind,
        &pending.bucket,
        &pending.prefix,
        &pending.suffix,
    ];
    let failure = pending.last_failure.as_ref().map(|failure| &failure.code);
    let nothing = std::iter::repeat_n(Cell::Empty, NUMBERS.len() - 1);
    let cells = identity.into_iter().map(Cell::from).chain(nothing);
    cells.chain([failure.into()])
}
