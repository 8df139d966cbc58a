//! Lists a bucket: many ranges of keys at a time where that is possible, one page after the other where it is not.
//!
//! What each part is for: `split` decides which pages, `keys` where to cut, `adapt` how many at a time, `page`
//! fetches one, `scan` reads it, `tally` adds up. `serial` is the SDK's own client, for buckets that only it can
//! list, and what tests hold the rest against. No page is counted before it has arrived in whole.

mod adapt;
mod keys;
pub(super) mod page;
pub(super) mod scan;
mod serial;
pub(super) mod split;
pub(super) mod tally;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use shared::aws::Aws;
use shared::fleet::BucketTarget;
use tokio::time::Instant;

use self::adapt::Limit;
use self::page::{PageError, Pages};
use self::scan::{Listing, Page};
use self::split::{Ask, Plan, Settled};
use self::tally::Sums;
use super::failure;
use crate::error::MeasureError;
use crate::source::Progress;

/// What a listing found and took.
#[derive(Debug, Default)]
pub(super) struct Listed {
    pub(super) sums: Sums,
    /// Requests that were made, those that failed included.
    pub(super) requests: u64,
}

/// Lists all of `target`.
///
/// # Errors
///
/// See [`MeasureError`]: a listing is whole or it is a failure.
pub(super) async fn list(
    aws: &Aws,
    target: &BucketTarget,
    listing: Listing,
    progress: &Progress,
) -> Result<Listed, MeasureError> {
    let Some(pages) = Pages::new(aws, target, listing).await? else {
        return serial::list(aws, target, progress).await;
    };
    match run(&pages, Plan::new(target.prefix.len(), true), progress).await {
        Ok(sums) => Ok(Listed {
            sums,
            requests: pages.requests(),
        }),
        Err(Stopped::Failed(failure)) => Err(failure),
        // Nothing of what was counted is used: where order means nothing, ranges do not either.
        Err(Stopped::MustBeSerial) => {
            let pages = pages.without_order();
            let plan = Plan::new(target.prefix.len(), false);
            match run(&pages, plan, progress).await {
                Ok(sums) => Ok(Listed {
                    sums,
                    requests: pages.requests(),
                }),
                Err(Stopped::Failed(failure)) => Err(failure),
                Err(Stopped::MustBeSerial) => Err(failure::unexpected("keys in another order")),
            }
        }
    }
}

/// Why a run over ranges ended early.
#[derive(Debug)]
enum Stopped {
    Failed(MeasureError),
    /// The provider or a policy allows one page after the other only.
    MustBeSerial,
}

/// Lists what `plan` wants, as many pages at a time as bring more.
async fn run(pages: &Pages<'_>, mut plan: Plan, progress: &Progress) -> Result<Sums, Stopped> {
    let mut limit = Limit::new();
    let mut sums = Sums::default();
    let mut under_way = FuturesUnordered::new();
    loop {
        while under_way.len() < limit.now() {
            let Some(ask) = plan.next() else {
                break;
            };
            under_way.push(fetch(pages, ask));
        }
        let Some((ask, fetched)) = under_way.next().await else {
            return Ok(sums);
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
        if plan.settle(ask.range, &page.seen) == Settled::Counted {
            count(&mut sums, &page, progress)?;
        }
        limit.page(Instant::now(), under_way.len(), pages.throttled());
    }
}

async fn fetch(pages: &Pages<'_>, ask: Ask) -> (Ask, Result<Page, PageError>) {
    let fetched = pages.page(&ask.open).await;
    (ask, fetched)
}

fn count(sums: &mut Sums, page: &Page, progress: &Progress) -> Result<(), Stopped> {
    if !sums.merge(&page.sums) {
        return Err(Stopped::Failed(failure::unexpected(
            "more bytes than 64 bits hold",
        )));
    }
    let bytes =
        [&page.sums.current, &page.sums.noncurrent].map(|tally| tally.total_bytes().unwrap_or(0));
    progress.add(page.seen.counted, bytes.iter().sum());
    Ok(())
}
