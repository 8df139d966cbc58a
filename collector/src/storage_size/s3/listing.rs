//! Lists a bucket: many ranges of keys at a time where that is possible, one page after the other where it is not.
//!
//! What each part is for: `split` decides which pages, `keys` where to cut, `adapt` how many at a time, `page`
//! fetches one, `scan` reads it, `tally` adds up, `state` is
//! what a listing in parts goes on from. `serial` is the SDK's own client, for buckets that only it can
//! list, and what tests hold the rest against. No page is counted before it has arrived in whole.

mod checkpoint;
mod listed;
mod page;
mod sequential;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use shared::aws::Aws;
use shared::fleet::BucketTarget;
use tokio::time::{Instant, timeout_at};

pub(super) use self::listed::{Listed, objects};
use self::page::{PageError, Pages};
use super::error as failure;
use crate::error::MeasureError;
use crate::run::Progress;
use s3_listing::concurrency::Limit;
use s3_listing::ranges::{Ask, Plan, Settled};
use s3_listing::scan::{Listing, Page};
use s3_listing::totals::Sums;

/// What a part of a listing came to.
#[derive(Debug)]
pub(super) enum ListedPart {
    /// Everything is listed.
    Whole(Listed),
    /// There was no time for the rest: the state goes on from here.
    Paused(Vec<u8>),
}

/// Lists all of `target`, or what is left of it after `state`, until `pause_at`.
///
/// Buckets that only the SDK's client can list do not pause: what is not listed by then has failed with `timeout`.
///
/// # Errors
///
/// See [`MeasureError`]: a listing is whole or it is a failure. `unsupported` for versions of a bucket that only the
/// SDK's client can list: that lists objects alone.
pub(super) async fn list(
    aws: &Aws,
    target: &BucketTarget,
    listing: Listing,
    (state, pause_at): (Option<&[u8]>, Option<Instant>),
    progress: &Progress,
) -> Result<ListedPart, MeasureError> {
    let Some(pages) = Pages::new(aws, target, listing).await? else {
        if listing == Listing::Versions && !is_directory_bucket(&target.bucket) {
            return Err(failure::no_versions());
        }
        return in_turn(aws, target, pause_at, progress).await;
    };
    let mut work = match state {
        Some(state) => Work::of(state, target, listing)?,
        None => Work::new(target, listing, true),
    };
    let pages = if work.is_ordered {
        pages
    } else {
        pages.without_order()
    };
    match work.run(&pages, pause_at, progress).await {
        Ok(()) => Ok(work.part(pages.requests())?),
        Err(Stopped::Failed(failure)) => Err(failure),
        // Nothing of what was counted is used: where order means nothing, ranges do not either.
        Err(Stopped::MustBeSerial) if work.is_ordered => {
            let pages = pages.without_order();
            let mut work = Work::new(target, listing, false);
            match work.run(&pages, pause_at, progress).await {
                Ok(()) => Ok(work.part(pages.requests())?),
                Err(Stopped::Failed(failure)) => Err(failure),
                Err(Stopped::MustBeSerial) => {
                    by_sdk(aws, (target, listing), pause_at, progress).await
                }
            }
        }
        Err(Stopped::MustBeSerial) => by_sdk(aws, (target, listing), pause_at, progress).await,
    }
}

/// Returns whether `bucket` is a directory bucket, or an access point of one: those never keep versions, so objects are
/// all that there is. The endings are S3's own, no other bucket may have them.
fn is_directory_bucket(bucket: &str) -> bool {
    ["--x-s3", "--xa-s3"]
        .iter()
        .any(|ending| bucket.ends_with(ending))
}

/// Lists all of `target` with the SDK's client, which reads a page whatever the order of its fields is.
async fn by_sdk(
    aws: &Aws,
    (target, listing): (&BucketTarget, Listing),
    pause_at: Option<Instant>,
    progress: &Progress,
) -> Result<ListedPart, MeasureError> {
    if listing == Listing::Versions {
        return Err(failure::unexpected("keys in another order"));
    }
    in_turn(aws, target, pause_at, progress).await
}

/// Lists all of `target` one page after the other, until `pause_at` at most: it cannot pause.
///
/// A bucket that is too large for that stays so, and trying it again would cost the same once more.
async fn in_turn(
    aws: &Aws,
    target: &BucketTarget,
    pause_at: Option<Instant>,
    progress: &Progress,
) -> Result<ListedPart, MeasureError> {
    let listing = sequential::list(aws, target, progress);
    let listed = match pause_at {
        Some(pause_at) => timeout_at(pause_at, listing).await.unwrap_or_else(|_| {
            Err(MeasureError::permanent(
                "timeout",
                "the bucket can only be listed one page after the other, and one run is too short for it; name its \
                 prefixes as entries of their own",
            ))
        }),
        None => listing.await,
    };
    Ok(ListedPart::Whole(listed?))
}

/// Why a run over ranges ended early.
#[derive(Debug)]
enum Stopped {
    Failed(MeasureError),
    /// The provider or a policy allows one page after the other only.
    MustBeSerial,
}

/// A listing on its way: what is left and what was counted. Both change together, when a page is settled.
#[derive(Debug)]
struct Work {
    listing: Listing,
    prefix: String,
    suffix: String,
    is_ordered: bool,
    plan: Plan,
    sums: Sums,
    /// Requests of the parts before.
    requests: u64,
}

impl Work {
    fn new(target: &BucketTarget, listing: Listing, is_ordered: bool) -> Self {
        Self {
            listing,
            prefix: target.prefix.clone(),
            suffix: target.suffix.clone(),
            is_ordered,
            plan: Plan::new(target.prefix.len(), is_ordered),
            sums: Sums::default(),
            requests: 0,
        }
    }

    /// Lists what the plan wants, as many pages at a time as bring more, to the end or until `pause_at`.
    ///
    /// At least one page is listed whatever the time is: parts that did nothing could go on for ever.
    async fn run(
        &mut self,
        pages: &Pages<'_>,
        pause_at: Option<Instant>,
        progress: &Progress,
    ) -> Result<(), Stopped> {
        let mut limit = Limit::default();
        let mut under_way = FuturesUnordered::new();
        let pause = async {
            match pause_at {
                Some(pause_at) => tokio::time::sleep_until(pause_at).await,
                None => std::future::pending().await,
            }
        };
        let mut pause = std::pin::pin!(pause);
        let mut has_advanced = false;
        loop {
            while under_way.len() < limit.now() {
                let Some(ask) = self.plan.next_page() else {
                    break;
                };
                under_way.push(fetch(pages, ask));
            }
            let settled = tokio::select! {
                biased;
                // What is under way is dropped; it is not counted, and the state begins in front of it.
                () = pause.as_mut(), if has_advanced => return Ok(()),
                settled = under_way.next() => settled,
            };
            let Some((ask, fetched)) = settled else {
                return Ok(());
            };
            let page = match fetched {
                Ok(page) => page,
                Err(PageError::Unordered) => return Err(Stopped::MustBeSerial),
                Err(PageError::Failed(failure)) => {
                    // A policy may allow a listing and refuse a range of it.
                    let is_cut = ask.open.cursor.is_none() && ask.open.lower.is_some();
                    return Err(match failure.code {
                        "access_denied" if is_cut => Stopped::MustBeSerial,
                        _ => Stopped::Failed(failure),
                    });
                }
            };
            if self.plan.settle(ask.range, &page.seen) == Settled::Counted {
                self.count(&page, progress)?;
                has_advanced = true;
                progress.expect(self.plan.entries_left());
            }
            limit.page(
                Instant::now().into_std(),
                under_way.len(),
                pages.throttled(),
            );
        }
    }

    fn count(&mut self, page: &Page, progress: &Progress) -> Result<(), Stopped> {
        if !self.sums.merge(&page.sums) {
            let failure = failure::unexpected("more bytes than 64 bits hold");
            return Err(Stopped::Failed(failure));
        }
        let tallies = [&page.sums.current, &page.sums.noncurrent];
        let bytes = tallies.map(|tally| tally.total_bytes().unwrap_or(0));
        progress.add(page.seen.counted, bytes.iter().sum());
        Ok(())
    }

    /// Returns what this part came to, after `requests` of its own.
    fn part(mut self, requests: u64) -> Result<ListedPart, MeasureError> {
        self.requests += requests;
        if self.plan.is_finished() {
            return Ok(ListedPart::Whole(Listed {
                sums: self.sums,
                requests: self.requests,
            }));
        }
        Ok(ListedPart::Paused(self.state()?))
    }
}

async fn fetch(pages: &Pages<'_>, ask: Ask) -> (Ask, Result<Page, PageError>) {
    let fetched = pages.page(&ask.open).await;
    (ask, fetched)
}

#[cfg(test)]
mod tests;
