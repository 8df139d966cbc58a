//! Lists a bucket in memory with the real plan and the real concurrency limit, in virtual time.
//!
//! Nothing depends on the machine: a page takes 30 ms, with a jitter that a seed decides. What is left is what the plan
//! decides: how many requests there are, and how many of them at once.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::{Duration, Instant};

use s3_listing::{
    Completion, ConcurrencyLimit, Cursor, EntryHash, Key, OpenRange, PageKeys, PageRequest, Plan,
    Sample,
};
use synthetic_s3::Numbers;

/// Time that a page takes.
const PAGE_MICROSECONDS: u64 = 30_000;
/// Bytes of a page between two samples, and bytes of an entry beside its key: as the scanner samples pages of S3.
const SAMPLE_BYTES: usize = 32 << 10;
const ENTRY_BYTES: usize = 190;

/// Cost of a listing.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Cost {
    /// Keys that were counted.
    pub(crate) keys: u64,
    /// Requests, and how few would do one after another.
    pub(crate) requests: u64,
    pub(crate) least_requests: u64,
    /// Virtual time.
    pub(crate) milliseconds: u64,
    /// Pages that brought no key, and pages that were requested again.
    pub(crate) empty: u64,
    pub(crate) repeated: u64,
    /// Real time that the plan took.
    pub(crate) planning: Duration,
}

impl Cost {
    /// Returns how many times as many requests there were as necessary.
    pub(crate) fn ratio(&self) -> f64 {
        self.requests as f64 / self.least_requests as f64
    }
}

/// Lists `keys` from start to end.
pub(crate) fn list(keys: &[String]) -> Cost {
    let mut numbers = Numbers(keys.len() as u64);
    let mut plan = Plan::new(0, true);
    let mut limit = ConcurrencyLimit::default();
    let start = Instant::now();
    let mut cost = Cost {
        least_requests: keys.len().div_ceil(1000).max(1) as u64,
        ..Cost::default()
    };
    let (mut now, mut number) = (0, 0);
    let mut pending: BinaryHeap<Reverse<Pending>> = BinaryHeap::new();
    while !plan.is_finished() {
        while pending.len() < limit.current() {
            let started = Instant::now();
            let next = plan.next_page(limit.current() - pending.len());
            cost.planning += started.elapsed();
            let Some(request) = next else {
                break;
            };
            let jitter = numbers.below(2_000) as u64;
            number += 1;
            pending.push(Reverse(Pending {
                done_at: now + PAGE_MICROSECONDS + jitter,
                number,
                request,
            }));
        }
        let Reverse(done) = pending.pop().unwrap();
        now = done.done_at;
        cost.requests += 1;
        let page = page(keys, &done.request.open);
        let started = Instant::now();
        let completion = plan.complete(done.request.range, &page);
        cost.planning += started.elapsed();
        assert_eq!(plan.next_seam(), None);
        match completion {
            Completion::Counted => {
                cost.keys += page.counted;
                cost.empty += u64::from(page.counted == 0);
            }
            Completion::Repeat => cost.repeated += 1,
        }
        limit.record_page(start + Duration::from_micros(now), pending.len(), 0);
    }
    cost.milliseconds = now / 1000;
    cost
}

#[derive(Debug)]
struct Pending {
    done_at: u64,
    number: u64,
    request: PageRequest,
}

impl Pending {
    fn order(&self) -> (u64, u64) {
        (self.done_at, self.number)
    }
}

impl PartialEq for Pending {
    fn eq(&self, other: &Self) -> bool {
        self.order() == other.order()
    }
}

impl Eq for Pending {}

impl PartialOrd for Pending {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Pending {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.order().cmp(&other.order())
    }
}

/// Returns the next page of a range, as the scanner describes it.
fn page(keys: &[String], range: &OpenRange) -> PageKeys {
    let from = range.position().map_or(0, |after| {
        keys.partition_point(|key| key.as_bytes() <= &**after)
    });
    let listed = &keys[from..keys.len().min(from + 1000)];
    let in_range = range.until.as_ref().map_or(listed.len(), |until| {
        listed.partition_point(|key| key.as_bytes() <= &**until)
    });
    let key = |index: usize| Key::from(listed[index].as_bytes());
    let hash = |key: &String| EntryHash::of(key.as_bytes(), b"");
    let (mut samples, mut bytes) = (Vec::new(), 0);
    for (index, entry) in listed.iter().enumerate() {
        bytes += ENTRY_BYTES + entry.len();
        if bytes > SAMPLE_BYTES || index + 1 == listed.len() {
            bytes = 0;
            samples.push(Sample {
                entries: index as u64 + 1,
                key: key(index),
            });
        }
    }
    PageKeys {
        counted: in_range as u64,
        samples,
        last_counted: (in_range > 0).then(|| key(in_range - 1)),
        first: listed.first().map(hash),
        first_past_end: listed.get(in_range).map(hash),
        next: (from + listed.len() < keys.len()).then(|| Cursor {
            key: key(listed.len() - 1),
            token: None,
            last: None,
        }),
    }
}
