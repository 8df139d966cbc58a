//! Measures a bucket by the newest report of S3 Inventory, without listing it.
//!
//! The crate `s3-inventory` reads the files and adds them up. Here, `report` finds the newest complete report, `object`
//! fetches ranges of its files, and `checkpoint` stores a paused reading. A report counts whole or not at all: a file that
//! is missing, damaged or of another form is a failure.

mod checkpoint;
mod object;
mod report;

use std::future::pending;

use aws_sdk_s3::Client;
use chrono::{DateTime, Utc};
use futures::stream::{FuturesOrdered, StreamExt};
use s3_inventory::{
    BLOCK_BYTES, CsvReader, File, Footer, Format, InventoryError, Manifest, PrefixSums, Query,
    Step, Sum, Sums, TAIL_BYTES,
};
use shared::aws::Aws;
use shared::clock::Clock;
use shared::fleet::BucketTarget;
use shared::snapshot::BucketSize;
use shared::snapshot::bucket_size::{InventoryReport, Objects, Part, Unmeasured};
use tokio::time::{Instant, sleep_until};

use self::checkpoint::Reading;
use self::object::Object;
use super::listing::PartBounds;
use super::prefixes;
use crate::error::MeasureError;
use crate::run::{self, Progress};

/// Files that are read at a time. Each takes about 10 MB of memory: a block and a decoded page for each column.
const CONCURRENT_FILES: usize = 3;
/// Bytes at the end of a Parquet file that are read first. They have the metadata of files of up to about 50 row groups.
const FOOTER_BYTES: u64 = 64 << 10;
/// Bytes of a CSV file that are read at a time.
const CSV_BLOCK_BYTES: u64 = 8 << 20;

/// Measures `target` by the newest report of its inventory.
///
/// Costs one `LIST` request, and one `GET` for each 2 MiB of the columns that are needed: 5.5 bytes an object without a
/// prefix or suffix.
///
/// # Errors
///
/// See [`MeasureError`]; `inventory_missing`, `inventory_damaged` and `inventory_unsupported` are about the report.
pub(super) async fn measure(
    aws: &Aws,
    clock: &dyn Clock,
    target: &BucketTarget,
    bounds: PartBounds<'_>,
    progress: &Progress,
) -> Result<run::Part<BucketSize>, MeasureError> {
    let Some(location) = &target.inventory else {
        return Err(report::missing("the fleet file names none"));
    };
    let scope = aws.scope_of(&location.bucket, &target.scope).await;
    let client = aws.s3(&scope).await;
    let mut reading = match bounds.checkpoint {
        Some(checkpoint) => Reading::decode(checkpoint, target)?,
        None => Reading::of(
            report::newest(&client, location, clock.now()).await?,
            target,
        ),
    };
    let manifest = report::manifest(&client, location, &reading.report).await?;
    if manifest.source_bucket != target.bucket {
        let reason = format!(
            "the reports at {location} are of another bucket, {}",
            manifest.source_bucket
        );
        return Err(MeasureError::permanent("inventory_unsupported", reason));
    }
    if manifest.destination_bucket != location.bucket {
        let reason = "the manifest names another destination bucket than its own";
        return Err(MeasureError::permanent("inventory_damaged", reason));
    }
    reading
        .read(&client, &manifest, target, bounds.pause_at, progress)
        .await?;
    if reading.done < manifest.files.len() {
        return Ok(run::Part::Paused(reading.encode()?));
    }
    size(target, &manifest, &reading).map(run::Part::Whole)
}

/// Returns when the scan for the newest complete report of `target` started. Reads its manifest, and nothing else.
///
/// # Errors
///
/// See [`MeasureError`]; `inventory_missing` where there is none.
pub async fn newest_inventory(
    aws: &Aws,
    target: &BucketTarget,
    now: DateTime<Utc>,
) -> Result<DateTime<Utc>, MeasureError> {
    let Some(location) = &target.inventory else {
        return Err(report::missing("the fleet file names none"));
    };
    let scope = aws.scope_of(&location.bucket, &target.scope).await;
    let client = aws.s3(&scope).await;
    let newest = report::newest(&client, location, now).await?;
    let manifest = report::manifest(&client, location, &newest).await?;
    scanned_at(&manifest)
}

/// Returns whether the state of a paused run is that of a reading.
pub(super) fn is_reading(state: &[u8], target: &BucketTarget) -> bool {
    Reading::decode(state, target).is_ok()
}

fn scanned_at(manifest: &Manifest) -> Result<DateTime<Utc>, MeasureError> {
    let time = DateTime::from_timestamp_millis(manifest.scan_started_at_ms);
    time.ok_or_else(|| damaged("the time of its scan is out of range"))
}

impl Reading {
    /// Adds up the files that are left, until `pause_at`; at least one, because parts without progress could repeat for
    /// ever.
    async fn read(
        &mut self,
        client: &Client,
        manifest: &Manifest,
        target: &BucketTarget,
        pause_at: Option<Instant>,
        progress: &Progress,
    ) -> Result<(), MeasureError> {
        let query = Query {
            prefix: target.prefix.clone(),
            suffix: target.suffix.clone(),
            by_prefix: self.by_prefix.as_ref().map(|sums| sums.grouping().clone()),
        };
        let mut left = manifest.files.get(self.done..).unwrap_or_default().iter();
        let mut files = FuturesOrdered::new();
        let mut pause = std::pin::pin!(at(pause_at));
        let mut has_advanced = false;
        loop {
            while files.len() < CONCURRENT_FILES
                && let Some(file) = left.next()
            {
                files.push_back(sum_file(client, manifest, file, &query));
            }
            let summed = tokio::select! {
                biased;
                // Files that are under way are dropped. They do not count, and the checkpoint is before them.
                () = pause.as_mut(), if has_advanced => return Ok(()),
                summed = files.next() => summed,
            };
            let Some(summed) = summed else {
                return Ok(());
            };
            let Summed {
                sums,
                by_prefix,
                bytes,
            } = summed?;
            self.sums.merge(&sums).map_err(unusable)?;
            if let (Some(all), Some(more)) = (&mut self.by_prefix, &by_prefix) {
                all.merge(more);
            }
            self.read_bytes += bytes;
            self.done += 1;
            has_advanced = true;
            let counted = sums
                .classes()
                .fold(Sum::default(), |mut all, (_, current, _)| {
                    all.bytes += current.bytes;
                    all.objects += current.objects;
                    all
                });
            progress.add(
                counted.objects,
                u64::try_from(counted.bytes).unwrap_or(u64::MAX),
            );
        }
    }
}

/// Waits until `time`; for ever if there is none.
async fn at(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => pending().await,
    }
}

/// Sums of one file.
struct Summed {
    sums: Sums,
    by_prefix: Option<PrefixSums>,
    /// Bytes that were read.
    bytes: u64,
}

/// Adds up one file.
async fn sum_file(
    client: &Client,
    manifest: &Manifest,
    file: &File,
    query: &Query,
) -> Result<Summed, MeasureError> {
    let object = Object::new(client, &manifest.destination_bucket, file)?;
    match manifest.format {
        Format::Parquet => sum_parquet(object, query).await,
        Format::Csv => sum_csv(object, manifest, query).await,
    }
}

async fn sum_parquet(mut object: Object<'_>, query: &Query) -> Result<Summed, MeasureError> {
    let size = object.size();
    let end = object
        .range(size.saturating_sub(FOOTER_BYTES)..size)
        .await?;
    let tail = end
        .len()
        .saturating_sub(usize::try_from(TAIL_BYTES).unwrap_or_default());
    let (before, tail) = end.split_at(tail);
    let metadata_bytes = Footer::metadata_bytes(tail).map_err(unusable)?;
    let missing = metadata_bytes.saturating_sub(before.len() as u64);
    let footer = if missing > 0 {
        let last = size.saturating_sub(TAIL_BYTES);
        let first = last.checked_sub(metadata_bytes);
        let first = first.ok_or_else(|| damaged("a file is shorter than its metadata"))?;
        Footer::parse(&object.range(first..last).await?, size)
    } else {
        let start = before
            .len()
            .saturating_sub(usize::try_from(metadata_bytes).unwrap_or(usize::MAX));
        Footer::parse(before.get(start..).unwrap_or_default(), size)
    };
    let footer = footer.map_err(unusable)?;
    let mut sums = Sums::default();
    let mut by_prefix = query.by_prefix.clone().map(PrefixSums::new);
    for index in 0..footer.group_count() {
        let mut group = footer.group(index, query).map_err(unusable)?;
        while let Step::Fetch(range) = group
            .step(&mut sums, by_prefix.as_mut())
            .map_err(unusable)?
        {
            debug_assert!(range.end - range.start <= BLOCK_BYTES, "a block is bounded");
            group
                .supply(&object.range(range).await?)
                .map_err(unusable)?;
        }
    }
    Ok(Summed {
        sums,
        by_prefix,
        bytes: object.read_bytes(),
    })
}

async fn sum_csv(
    mut object: Object<'_>,
    manifest: &Manifest,
    query: &Query,
) -> Result<Summed, MeasureError> {
    let size = object.size();
    let mut reader = CsvReader::new(manifest, query).map_err(unusable)?;
    let mut start = 0;
    while start < size {
        let end = size.min(start + CSV_BLOCK_BYTES);
        reader
            .feed(&object.range(start..end).await?)
            .map_err(unusable)?;
        start = end;
    }
    let (sums, by_prefix) = reader.finish(object.md5()).map_err(unusable)?;
    Ok(Summed {
        sums,
        by_prefix,
        bytes: object.read_bytes(),
    })
}

/// Returns the size of `target` that the whole report has.
fn size(
    target: &BucketTarget,
    manifest: &Manifest,
    reading: &Reading,
) -> Result<BucketSize, MeasureError> {
    let report = InventoryReport {
        as_of: scanned_at(manifest)?,
        file_count: manifest.files.len() as u64,
        read_bytes: reading.read_bytes,
    };
    let current = objects(
        reading
            .sums
            .classes()
            .map(|(name, current, _)| (name, current)),
    )?;
    let mut size = BucketSize::of_inventory(current, report);
    if manifest.has_versions() {
        let noncurrent = reading
            .sums
            .classes()
            .map(|(name, _, noncurrent)| (name, noncurrent));
        if target.measure.noncurrent {
            size.noncurrent = Some(objects(noncurrent)?);
        }
        if target.measure.delete_markers {
            size.delete_markers = Some(reading.sums.delete_markers());
        }
    } else {
        size.unmeasured = without_versions(target);
    }
    if let Some(sums) = &reading.by_prefix {
        let sizes = prefixes::sizes(sums.clone(), size.noncurrent.is_some());
        size.by_prefix = Some(sizes.ok_or_else(|| damaged("more bytes than 64 bits hold"))?);
    }
    Ok(size)
}

/// Returns the wanted parts that a report of current objects does not have.
fn without_versions(target: &BucketTarget) -> Vec<Unmeasured> {
    let wanted = [
        (target.measure.noncurrent, Part::Noncurrent),
        (target.measure.delete_markers, Part::DeleteMarkers),
    ];
    let parts = wanted.into_iter().filter(|(is_wanted, _)| *is_wanted);
    let unmeasured = parts.map(|(_, part)| Unmeasured {
        part,
        code: "not_in_inventory".to_owned(),
        reason: "the inventory has current objects only; configure it with all versions".to_owned(),
    });
    unmeasured.collect()
}

/// Returns the classes that have objects.
fn objects<'a>(classes: impl Iterator<Item = (&'a str, Sum)>) -> Result<Objects, MeasureError> {
    let mut objects = Objects::default();
    for (name, sum) in classes.filter(|(_, sum)| sum.objects > 0) {
        let bytes = u64::try_from(sum.bytes).ok();
        let added = bytes.is_some_and(|bytes| objects.add_class(name, bytes, sum.objects));
        if !added {
            return Err(damaged("more bytes than 64 bits hold"));
        }
    }
    Ok(objects)
}

fn damaged(what: &str) -> MeasureError {
    MeasureError::permanent(
        "inventory_damaged",
        format!("the inventory is damaged: {what}"),
    )
}

/// Maps why a report cannot be used.
fn unusable(error: InventoryError) -> MeasureError {
    let code = match error {
        InventoryError::Damaged(_) => "inventory_damaged",
        InventoryError::Unsupported(_) => "inventory_unsupported",
    };
    MeasureError::permanent(code, error.to_string())
}
