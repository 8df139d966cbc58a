//! Lists a bucket: in concurrent ranges of keys where possible, and page by page where not.
//!
//! The crate `s3-listing` plans the pages, reads them and adds them up. Here, `page` fetches them, `checkpoint` stores a
//! paused listing, and `sequential` lists with the SDK's own client, for buckets that nothing else can list and as the
//! reference in tests. A page counts only once it has arrived completely.

mod checkpoint;
mod listed;
mod page;
mod sequential;

use std::sync::Arc;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use s3_listing::{
    Completion, ConcurrencyLimit, Listing, ListingTotals, Order, Page, PageRequest, Plan, Seam,
    SeenEntries,
};
use shared::aws::Aws;
use shared::fleet::BucketTarget;
use tokio::time::{Instant, timeout_at};

pub(super) use self::listed::{Listed, ListedPart, objects};
use self::page::{FetchError, PageClient};
use super::{error as s3_error, prefixes};
use crate::error::MeasureError;
use crate::run::Progress;

/// Attempts to find that two ranges meet. Each takes two pages; a new key is in the way of few.
const SEAM_ATTEMPTS: u32 = 3;

/// Where one part of a listing starts and ends.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::storage_size) struct PartBounds<'a> {
    /// Checkpoint of the previous part; `None` in the first one.
    pub(in crate::storage_size) checkpoint: Option<&'a [u8]>,
    /// When to pause; `None` to list to the end.
    pub(in crate::storage_size) pause_at: Option<Instant>,
}

/// Lists all of `target`, or what remains after the checkpoint, until it must pause.
///
/// Buckets that only the SDK's client can list do not pause: if they take longer, they fail with `timeout`.
///
/// # Errors
///
/// See [`MeasureError`]; a listing is complete or an error. `unsupported` for versions of a bucket that only the SDK's
/// client can list, because that lists current objects only.
pub(super) async fn list(
    aws: &Aws,
    target: &BucketTarget,
    listing: Listing,
    PartBounds {
        checkpoint,
        pause_at,
    }: PartBounds<'_>,
    progress: &Progress,
) -> Result<ListedPart, MeasureError> {
    let Some(client) = PageClient::new(aws, target, listing).await? else {
        if listing == Listing::Versions && !is_directory_bucket(&target.bucket) {
            return Err(s3_error::no_versions());
        }
        return list_sequentially(aws, target, 0, pause_at, progress).await;
    };
    let mut active = match checkpoint {
        Some(checkpoint) => ActiveListing::resume(checkpoint, target, listing)?,
        None => ActiveListing::new(target, listing, None),
    };
    loop {
        match active.run(&client, pause_at, progress).await {
            Ok(()) => return active.into_part(client.requests()),
            Err(Stopped::Failed(error)) => return Err(error),
            // Without S3's order ranges are meaningless, so nothing that was counted is used.
            Err(Stopped::MustBeSequential) if active.seen.is_none() => {
                active = ActiveListing::new(target, listing, Some(Arc::default()));
            }
            Err(Stopped::MustBeSequential) if listing == Listing::Versions => {
                return Err(s3_error::unexpected("keys in another order"));
            }
            // The SDK's client reads a page whatever the order of its fields.
            Err(Stopped::MustBeSequential) => {
                let spent = client.requests();
                return list_sequentially(aws, target, spent, pause_at, progress).await;
            }
        }
    }
}

/// Returns whether `bucket` is a directory bucket or an access point of one. Those never keep versions, so their
/// objects are all versions. S3 reserves these suffixes.
fn is_directory_bucket(bucket: &str) -> bool {
    ["--x-s3", "--xa-s3"]
        .iter()
        .any(|suffix| bucket.ends_with(suffix))
}

/// Lists all of `target` page by page after `spent` requests, until `pause_at` at most: it cannot pause.
///
/// A time-out is permanent: the bucket stays too large, and another attempt would cost as much again.
async fn list_sequentially(
    aws: &Aws,
    target: &BucketTarget,
    spent: u64,
    pause_at: Option<Instant>,
    progress: &Progress,
) -> Result<ListedPart, MeasureError> {
    let listing = sequential::list(aws, target, spent, progress);
    let listed = match pause_at {
        Some(pause_at) => timeout_at(pause_at, listing).await.unwrap_or_else(|_| {
            Err(MeasureError::permanent(
                "timeout",
                "the bucket can only be listed page by page, and one run is too short for that; add its prefixes as \
                 separate entries",
            ))
        }),
        None => listing.await,
    };
    Ok(ListedPart::Complete(Box::new(listed?)))
}

/// Why a listing in ranges stopped.
#[derive(Debug)]
enum Stopped {
    Failed(MeasureError),
    /// The provider or a policy allows sequential listings only.
    MustBeSequential,
}

/// A listing in progress: the remaining ranges and the totals. Both change together, when a page is complete.
#[derive(Debug)]
struct ActiveListing {
    listing: Listing,
    prefix: String,
    suffix: String,
    /// Entries so far; `None` as long as keys are in the order of their bytes.
    seen: Option<Arc<SeenEntries>>,
    plan: Plan,
    totals: ListingTotals,
    /// Requests of the previous parts.
    requests: u64,
}

impl ActiveListing {
    fn new(target: &BucketTarget, listing: Listing, seen: Option<Arc<SeenEntries>>) -> Self {
        let is_ordered = seen.is_none();
        Self {
            listing,
            prefix: target.prefix.clone(),
            suffix: target.suffix.clone(),
            seen,
            plan: Plan::new(target.prefix.len(), is_ordered),
            totals: ListingTotals {
                by_prefix: prefixes::empty(target),
                ..ListingTotals::default()
            },
            requests: 0,
        }
    }

    /// Lists the pages of the plan concurrently, to the end or until `pause_at`.
    ///
    /// Lists at least one page whatever the time is, because parts without progress could repeat for ever.
    async fn run(
        &mut self,
        client: &PageClient<'_>,
        pause_at: Option<Instant>,
        progress: &Progress,
    ) -> Result<(), Stopped> {
        let mut limit = ConcurrencyLimit::default();
        let mut pending = FuturesUnordered::new();
        let pause = async {
            match pause_at {
                Some(pause_at) => tokio::time::sleep_until(pause_at).await,
                None => std::future::pending().await,
            }
        };
        let mut pause = std::pin::pin!(pause);
        let mut has_advanced = false;
        loop {
            while pending.len() < limit.current() {
                let Some(request) = self.plan.next_page(limit.current() - pending.len()) else {
                    break;
                };
                pending.push(fetch(client, request, self.seen.clone()));
            }
            let fetched = tokio::select! {
                biased;
                // Pending pages are dropped. They do not count, and the checkpoint is before them.
                () = pause.as_mut(), if has_advanced => return Ok(()),
                fetched = pending.next() => fetched,
            };
            let Some(Fetched { request, result }) = fetched else {
                return Ok(());
            };
            let page = result.map_err(|error| Stopped::by(error, &request))?;
            if self.plan.complete(request.range, &page.keys) == Completion::Counted {
                self.count(&page, progress)?;
                has_advanced = true;
                progress.expect(self.plan.entries_left());
            }
            if self.plan.counts().is_without_progress() {
                let error = s3_error::unexpected("no end: many pages brought nothing new");
                return Err(Stopped::Failed(error));
            }
            while let Some(seam) = self.plan.next_seam() {
                check_seam(client, &seam).await?;
            }
            let now = Instant::now().into_std();
            limit.record_page(now, pending.len(), client.throttled());
        }
    }

    fn count(&mut self, page: &Page, progress: &Progress) -> Result<(), Stopped> {
        if !self.totals.merge(&page.totals) {
            let error = s3_error::unexpected("more bytes than 64 bits hold");
            return Err(Stopped::Failed(error));
        }
        if let Some(seen) = &mut self.seen {
            Arc::make_mut(seen).add_page(&page.hashes);
        }
        let totals = [&page.totals.current, &page.totals.noncurrent];
        let bytes = totals.map(|totals| totals.total_bytes().unwrap_or(0));
        progress.add(page.keys.counted, bytes.iter().sum());
        Ok(())
    }

    /// Returns the result of this part, which took `requests`.
    fn into_part(mut self, requests: u64) -> Result<ListedPart, MeasureError> {
        self.requests += requests;
        if self.plan.is_finished() {
            return Ok(ListedPart::Complete(Box::new(Listed {
                totals: self.totals,
                requests: self.requests,
            })));
        }
        Ok(ListedPart::Paused(self.checkpoint()?))
    }
}

impl Stopped {
    fn by(error: FetchError, request: &PageRequest) -> Self {
        let starts_range = request.open.cursor.is_none() && request.open.lower.is_some();
        match error {
            error if starts_range => Self::of_range(error),
            FetchError::Unordered => Self::MustBeSequential,
            FetchError::Failed(error) => Self::Failed(error),
        }
    }

    /// Returns why a listing stopped at a page that starts after a given key. A policy may allow a listing but deny that.
    fn of_range(error: FetchError) -> Self {
        match error {
            FetchError::Failed(error) if error.code != "access_denied" => Self::Failed(error),
            _ => Self::MustBeSequential,
        }
    }
}

struct Fetched {
    request: PageRequest,
    result: Result<Page, FetchError>,
}

async fn fetch(
    client: &PageClient<'_>,
    request: PageRequest,
    seen: Option<Arc<SeenEntries>>,
) -> Fetched {
    let order = match &seen {
        Some(seen) => Order::Unknown(seen),
        None => Order::Bytes,
    };
    let result = client.page(&request.open, order).await;
    Fetched { request, result }
}

/// Requests the pages on both sides of a seam again, where two ranges did not meet.
///
/// Keys that are created and deleted in between may need several attempts.
async fn check_seam(client: &PageClient<'_>, seam: &Seam) -> Result<(), Stopped> {
    for _ in 0..SEAM_ATTEMPTS {
        let [left, right] = seam.pages();
        let left = client.page(&left, Order::Bytes).await;
        let left = left.map_err(Stopped::of_range)?;
        let right = client.page(&right, Order::Bytes).await;
        let right = right.map_err(Stopped::of_range)?;
        if Seam::is_closed(&left.keys, &right.keys) {
            return Ok(());
        }
    }
    Err(Stopped::MustBeSequential)
}

#[cfg(test)]
mod tests;
