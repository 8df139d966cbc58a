//! Size of a bucket: its listing, its incomplete uploads, CloudWatch's daily metrics.
//!
//! The size is what a complete listing adds up to: current objects, whatever their key looks like.
//! Keys that end in `/` are objects, some of them with content, so they count like any other. Noncurrent versions,
//! delete markers and incomplete uploads are parts of their own, measured where the fleet file wants them.

pub(super) mod account;
pub(crate) mod daily_metrics;
pub(super) mod error;
pub(super) mod inventory;
pub(super) mod listing;
pub(super) mod multipart;
mod prefixes;
mod request_count;

use std::time::Duration;

use chrono::{DateTime, Utc};
use s3_listing::{Listing, Totals};
use shared::aws::Aws;
use shared::clock::{self, Clock};
use shared::fleet::BucketTarget;
use shared::snapshot::BucketSize;
use shared::snapshot::bucket_size::{self, ListingRun, Unmeasured};
use tokio::time::{Instant, timeout_at};

use self::error as s3_error;
use self::listing::{ListedPart, PartBounds};
use self::request_count::RequestCount;
use crate::error::MeasureError;
use crate::run::{Part, Progress};

/// Longest time for incomplete uploads after a finished listing, and for CloudWatch's metrics where a person waits for
/// them. A part that takes longer is unmeasured, so that the listing is not lost.
pub(super) const SECONDARY_TIMEOUT: Duration = Duration::from_secs(120);

/// Objects up to which a bucket is listed where the collector chooses: 5,000 requests, two and a half cents.
const LISTED_OBJECTS: u64 = 5_000_000;
/// Age up to which a report is taken where the collector chooses: a daily one, and a day for its arrival.
const REPORT_LIFE: Duration = Duration::from_secs(2 * 86_400);

/// Returns the wanted parts of `target` that only a listing of versions has, as unmeasured.
fn unmeasured_versions(target: &BucketTarget, error: &MeasureError) -> Vec<Unmeasured> {
    let wanted = [
        (target.measure.noncurrent, bucket_size::Part::Noncurrent),
        (
            target.measure.delete_markers,
            bucket_size::Part::DeleteMarkers,
        ),
    ];
    let parts = wanted.into_iter().filter(|(is_wanted, _)| *is_wanted);
    let reason = match error.code {
        "access_denied" => {
            "listing the bucket's versions was denied; the collector needs s3:ListBucketVersions on it"
        }
        "bad_checkpoint" => {
            "an earlier part of this run continued without versions, which were denied"
        }
        _ => error.reason.as_str(),
    };
    let unmeasured = parts.map(|(_, part)| Unmeasured {
        part,
        code: error.code.to_owned(),
        reason: reason.to_owned(),
    });
    unmeasured.collect()
}

/// Measures a bucket by its source, or the part of it within `bounds`.
pub(super) async fn measure(
    aws: &Aws,
    clock: &dyn Clock,
    target: &BucketTarget,
    bounds: PartBounds<'_>,
    progress: &Progress,
) -> Result<Part<BucketSize>, MeasureError> {
    if let Some(part) = by_inventory(aws, clock, target, bounds, progress).await? {
        return Ok(match part {
            Part::Whole(mut size) => {
                add_uploads(aws, target, &mut size, bounds.pause_at).await;
                Part::Whole(size)
            }
            paused @ Part::Paused(_) => paused,
        });
    }
    let (listed, versions_error) = list(aws, target, bounds, progress).await?;
    let listed = match listed {
        ListedPart::Paused(state) => return Ok(Part::Paused(state)),
        ListedPart::Complete(listed) => listed,
    };
    let whole = |totals: &Totals| {
        let objects = listing::objects(totals);
        objects.ok_or_else(|| s3_error::unexpected("more bytes than 64 bits hold"))
    };
    let mut size = BucketSize::of_listing(whole(&listed.totals.current)?);
    match versions_error {
        Some(error) => size.unmeasured = unmeasured_versions(target, &error),
        None => {
            if target.measure.noncurrent {
                size.noncurrent = Some(whole(&listed.totals.noncurrent)?);
            }
            if target.measure.delete_markers {
                size.delete_markers = Some(listed.totals.delete_markers);
            }
        }
    }
    if let Some(sums) = listed.totals.by_prefix {
        let sizes = prefixes::sizes(sums, size.noncurrent.is_some());
        size.by_prefix =
            Some(sizes.ok_or_else(|| s3_error::unexpected("more bytes than 64 bits hold"))?);
    }
    let upload_requests = add_uploads(aws, target, &mut size, bounds.pause_at).await;
    // Placeholders: the run sets its own times, because it may have started in another invocation.
    let now = clock.now();
    size.listing = Some(ListingRun {
        scheduled_at: now,
        taken_at: now,
        finished_at: now,
        request_count: listed.requests + upload_requests,
    });
    Ok(Part::Whole(size))
}

/// Measures a bucket by its reports; `None` where it is to be listed.
///
/// Where the collector chooses, reports count if they are of the last two days and the bucket is large: a small one is
/// listed for less than a cent a day, and its listing is of now.
async fn by_inventory(
    aws: &Aws,
    clock: &dyn Clock,
    target: &BucketTarget,
    bounds: PartBounds<'_>,
    progress: &Progress,
) -> Result<Option<Part<BucketSize>>, MeasureError> {
    if target.inventory.is_none() {
        return Ok(None);
    }
    if !target.chooses_source {
        let part = inventory::measure(aws, clock, target, bounds, progress).await?;
        return Ok(Some(part));
    }
    let is_listing = |state| !inventory::is_reading(state, target);
    if bounds.checkpoint.is_some_and(is_listing) {
        return Ok(None);
    }
    match by_counting_report(aws, clock, target, bounds, progress).await {
        Err(error) if error.code.starts_with("inventory_") => {
            tracing::warn!(
                target.id = target.id().as_str(),
                failure.code = error.code,
                "the bucket is listed, its reports cannot be used"
            );
            Ok(None)
        }
        measured => measured,
    }
}

/// Measures a bucket by its newest report; `None` where that is too old, or the bucket is small.
async fn by_counting_report(
    aws: &Aws,
    clock: &dyn Clock,
    target: &BucketTarget,
    bounds: PartBounds<'_>,
    progress: &Progress,
) -> Result<Option<Part<BucketSize>>, MeasureError> {
    // The manifest tells how old a report is, so one that is too old is not read.
    if bounds.checkpoint.is_none() {
        let as_of = inventory::newest_inventory(aws, target, clock.now()).await?;
        if !is_recent(as_of, clock) {
            return Ok(None);
        }
    }
    let part = inventory::measure(aws, clock, target, bounds, progress).await?;
    Ok(match part {
        Part::Whole(size) => is_better(&size, clock).then_some(Part::Whole(size)),
        paused => Some(paused),
    })
}

/// Returns whether the size by a report is to be taken in place of a listing.
fn is_better(size: &BucketSize, clock: &dyn Clock) -> bool {
    let is_large = size
        .object_count()
        .is_some_and(|count| count >= LISTED_OBJECTS);
    let report = size.inventory.as_ref();
    is_large && report.is_some_and(|report| is_recent(report.as_of, clock))
}

/// Returns whether a report whose scan started at `as_of` still counts.
fn is_recent(as_of: DateTime<Utc>, clock: &dyn Clock) -> bool {
    clock::after(as_of, REPORT_LIFE) >= clock.now()
}

/// Lists versions if one of the wanted parts needs them, otherwise objects.
///
/// If versions are denied, lists objects and returns that error as well.
async fn list(
    aws: &Aws,
    target: &BucketTarget,
    bounds: PartBounds<'_>,
    progress: &Progress,
) -> Result<(ListedPart, Option<MeasureError>), MeasureError> {
    let mut versions_error = None;
    if target.measure.needs_versions() {
        match listing::list(aws, target, Listing::Versions, bounds, progress).await {
            Ok(listed) => return Ok((listed, None)),
            // A listing that once continued without versions stays without them.
            Err(error)
                if ["access_denied", "unsupported", "bad_checkpoint"].contains(&error.code) =>
            {
                versions_error = Some(error);
            }
            Err(error) => return Err(error),
        }
    }
    let listed = listing::list(aws, target, Listing::Objects, bounds, progress).await?;
    Ok((listed, versions_error))
}

/// Adds the incomplete uploads if they are wanted; returns the number of requests, also of those that failed.
///
/// An error makes this part unmeasured, so that a long listing is not lost.
async fn add_uploads(
    aws: &Aws,
    target: &BucketTarget,
    size: &mut BucketSize,
    pause_at: Option<Instant>,
) -> u64 {
    if !target.measure.multipart {
        return 0;
    }
    let scope = aws.scope_of(&target.bucket, &target.scope).await;
    let client = aws.s3(&scope).await;
    let requests = RequestCount::default();
    let measuring = multipart::measure(&client, target, &requests);
    match with_deadline(pause_at, measuring).await {
        Ok(uploads) => size.multipart = Some(uploads),
        Err(error) => add_unmeasured(target, size, bucket_size::Part::Multipart, error),
    }
    requests.get()
}

/// Waits for what is measured in addition to a finished listing, at most [`SECONDARY_TIMEOUT`] and until `pause_at`.
async fn with_deadline<T>(
    pause_at: Option<Instant>,
    measuring: impl Future<Output = Result<T, MeasureError>>,
) -> Result<T, MeasureError> {
    let limit = Instant::now() + SECONDARY_TIMEOUT;
    let until = pause_at.map_or(limit, |pause_at| pause_at.min(limit));
    timeout_at(until, measuring).await.unwrap_or_else(|_| {
        Err(MeasureError::transient(
            "timeout",
            "the time left after the listing was too short",
        ))
    })
}

/// Lists a part as unmeasured.
pub(super) fn add_unmeasured(
    target: &BucketTarget,
    size: &mut BucketSize,
    part: bucket_size::Part,
    error: MeasureError,
) {
    tracing::warn!(
        bucket.name = target.bucket,
        bucket.part = part.as_str(),
        failure.code = error.code,
        error = shared::telemetry::error_chain(&error),
        "a part of the bucket was not measured"
    );
    size.unmeasured.push(Unmeasured {
        part,
        code: error.code.to_owned(),
        reason: error.reason,
    });
}

#[cfg(test)]
mod tests {
    use shared::clock::FixedClock;
    use shared::snapshot::Objects;
    use shared::snapshot::bucket_size::InventoryReport;
    use shared::testing::time::day;

    use super::*;

    #[test]
    fn a_report_is_taken_of_a_large_bucket_and_of_the_last_two_days() {
        let is_taken = |object_count: u64, age: i64| {
            let objects = Objects {
                object_count,
                ..Objects::default()
            };
            let report = InventoryReport {
                as_of: day(10 - age),
                file_count: 1,
                read_bytes: 1,
            };
            let clock = FixedClock::at(&day(10).to_rfc3339());
            is_better(&BucketSize::of_inventory(objects, report), &clock)
        };

        assert!(is_taken(5_000_000, 0) && is_taken(1_000_000_000, 2));
        assert!(!is_taken(4_999_999, 0) && !is_taken(1_000_000_000, 3));
    }
}
