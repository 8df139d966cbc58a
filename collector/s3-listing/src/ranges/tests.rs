//! Plans for buckets of every shape, in virtual time: all pages take equally long.

use synthetic_s3::{Numbers, SHAPES, keys_of_shape};

use super::density::SplitPoint;
use super::*;

/// Milliseconds that a page takes.
const PAGE_MS: u64 = 30;
/// Maximum number of pending pages.
const CONCURRENCY: usize = 64;

/// Cost of a listing.
#[derive(Debug, Default)]
struct Cost {
    counted: u64,
    requests: u64,
    repeated: u64,
    milliseconds: u64,
}

/// Returns the index of the first key of the next page of `range`.
fn page_start(keys: &[String], range: &OpenRange) -> usize {
    range.position().map_or(0, |after| {
        keys.partition_point(|key| key.as_bytes() <= &**after)
    })
}

fn hash(key: &str) -> EntryHash {
    EntryHash::of(key.as_bytes(), b"")
}

/// Returns the next page of `range` with up to `length` keys.
fn page(keys: &[String], range: &OpenRange, length: usize) -> PageKeys {
    let from = page_start(keys, range);
    let listed = &keys[from..keys.len().min(from + length)];
    let in_range = range.until.as_ref().map_or(listed.len(), |until| {
        listed.partition_point(|key| key.as_bytes() <= &**until)
    });
    let key = |index: usize| Key::from(listed[index].as_bytes());
    let mut samples = Vec::new();
    for part in 1..=8 {
        let index = listed.len() * part / 8;
        if index > 0 {
            samples.push(Sample {
                entries: index as u64,
                key: key(index - 1),
            });
        }
    }
    samples.dedup();
    PageKeys {
        counted: in_range as u64,
        samples,
        last_counted: (in_range > 0).then(|| key(in_range - 1)),
        first: listed.first().map(|key| hash(key)),
        first_past_end: listed.get(in_range).map(|key| hash(key)),
        next: (from + listed.len() < keys.len()).then(|| Cursor {
            key: key(listed.len() - 1),
            token: None,
            last: None,
        }),
    }
}

/// Lists `keys` with concurrent requests that all take equally long.
fn list(keys: &[String], mut plan: Plan) -> Cost {
    let mut cost = Cost::default();
    let mut pending = std::collections::VecDeque::new();
    while !plan.is_finished() {
        while pending.len() < CONCURRENCY {
            let Some(request) = plan.next_page(CONCURRENCY - pending.len()) else {
                break;
            };
            pending.push_back((cost.milliseconds + PAGE_MS, request));
        }
        let (done_at, request) = pending.pop_front().unwrap();
        cost.milliseconds = done_at;
        cost.requests += 1;
        let keys = page(keys, &request.open, 1000);
        let completion = plan.complete(request.range, &keys);
        assert_eq!(plan.next_seam(), None);
        match completion {
            Completion::Counted => cost.counted += keys.counted,
            Completion::Repeat => cost.repeated += 1,
        }
    }
    cost
}

/// Requests and virtual time for the shapes that buckets have. The bounds are those of the README.
#[test]
fn every_shape_is_listed_concurrently_with_few_extra_requests() {
    for (name, count, max_milliseconds) in [
        ("sequential", 200_000, 900),
        ("uuid", 200_000, 900),
        ("mendix", 200_000, 900),
        ("dates", 200_000, 900),
        ("skewed", 200_000, 900),
        ("tenants", 200_000, 900),
        ("unicode", 200_000, 1_200),
        ("slashes", 200_000, 900),
        ("control", 200_000, 900),
        ("tiny_alphabet", 200_000, 1_000),
        ("mixed_letters", 200_000, 1_000),
        ("dominant", 200_000, 900),
        ("folders", 10_000, 300),
        ("uuid", 10_000, 300),
        ("dates", 10_000, 300),
    ] {
        let keys = keys_of_shape(name, count);

        let cost = list(&keys, Plan::new(0, true));

        let min_requests = keys.len().div_ceil(1000) as u64;
        assert_eq!(cost.counted, keys.len() as u64, "{name}");
        assert!(cost.requests * 10 <= min_requests * 13, "{name}: {cost:?}");
        assert!(cost.milliseconds <= max_milliseconds, "{name}: {cost:?}");
    }
}

#[test]
fn a_small_bucket_costs_no_extra_request() {
    for count in [0, 1, 999, 1000, 1001, 2000, 3000] {
        for name in SHAPES {
            let keys = keys_of_shape(name, count);
            let min_requests = keys.len().div_ceil(1000).max(1) as u64;

            let cost = list(&keys, Plan::new(0, true));

            assert_eq!(cost.counted, keys.len() as u64, "{name}");
            assert_eq!(cost.requests, min_requests, "{name} {count}: {cost:?}");
        }
    }
}

#[test]
fn a_plan_that_may_not_split_lists_sequentially() {
    let keys = keys_of_shape("uuid", 20_000);

    let cost = list(&keys, Plan::new(0, false));

    assert_eq!(
        (cost.counted, cost.requests, cost.milliseconds),
        (20_000, 20, 600)
    );
}

/// Splits at random keys, many of them equal to keys of the bucket; completes pages of random length in random order;
/// pauses and resumes at random.
#[test]
fn every_key_counts_once_whatever_the_splits_and_the_order_of_pages() {
    for seed in 0..400 {
        let mut numbers = Numbers(seed);
        let keys = random_keys(&mut numbers);
        let mut plan = Plan::new(0, true);
        let mut counted = vec![0_u8; keys.len()];
        let mut pending: Vec<PageRequest> = Vec::new();
        while !plan.is_finished() {
            if numbers.below(3) == 0 {
                split_anywhere(&mut plan, &keys, &mut numbers);
            }
            if numbers.below(20) == 0 {
                // As after a checkpoint: pending pages and tokens are lost.
                let mut open = plan.open_ranges();
                for range in &mut open {
                    if let Some(cursor) = &mut range.cursor {
                        cursor.token = None;
                    }
                }
                plan = Plan::resume(0, true, open, plan.counts());
                pending.clear();
            }
            while pending.len() < 1 + numbers.below(8) {
                let Some(request) = plan.next_page(1 + numbers.below(4)) else {
                    break;
                };
                pending.push(request);
            }
            if pending.is_empty() {
                continue;
            }
            let request = pending.swap_remove(numbers.below(pending.len()));
            let length = 1 + numbers.below(6);
            let page = page(&keys, &request.open, length);
            let completion = plan.complete(request.range, &page);
            assert_eq!(plan.next_seam(), None);
            if completion == Completion::Counted {
                let lower = request.open.lower.as_ref();
                let listed = keys.iter().enumerate();
                let listed = listed.skip(page_start(&keys, &request.open));
                let in_range =
                    listed.filter(|(_, key)| lower.is_none_or(|lower| key.as_bytes() > &**lower));
                for (index, _) in in_range.take(usize::try_from(page.counted).unwrap()) {
                    counted[index] += 1;
                }
            }
        }
        assert!(
            counted.iter().all(|count| *count == 1),
            "seed {seed}: {counted:?}"
        );
    }
}

fn random_keys(numbers: &mut Numbers) -> Vec<String> {
    let symbols = ["a", "b", "/", "0", "9", "é", "表", "\u{1}", "🦀"];
    let count = numbers.below(60);
    let keys: std::collections::BTreeSet<String> = (0..count)
        .map(|_| {
            let length = 1 + numbers.below(4);
            (0..length)
                .map(|_| symbols[numbers.below(symbols.len())])
                .collect()
        })
        .collect();
    keys.into_iter().collect()
}

/// Splits a range at or next to a random key of the bucket.
fn split_anywhere(plan: &mut Plan, keys: &[String], numbers: &mut Numbers) {
    if keys.is_empty() {
        return;
    }
    let mut key = keys[numbers.below(keys.len())].clone();
    match numbers.below(4) {
        0 => key.push('0'),
        1 => drop(key.pop()),
        _ => {}
    }
    let key = Key::from(key.as_bytes());
    let range = plan.ranges.iter().find(|(_, range)| {
        let position = range.open.position();
        let is_after = position.is_none_or(|position| key > *position);
        is_after && range.open.until.as_ref().is_none_or(|until| key < *until)
    });
    let Some((id, _)) = range else { return };
    let point = SplitPoint { key, distance: 1.0 };
    plan.split_at(*id, point);
}

/// A listing too large for memory, in virtual time: keys are computed, pages take 75 ms as on S3, 128 requests are
/// pending, and the run pauses every ten seconds, which loses all pending pages.
///
/// Lists a billion objects in release builds (`cargo test --release -p s3-listing billion -- --nocapture` prints
/// requests, time, parts and cost), and a tenth of that in debug builds.
#[test]
fn a_billion_objects_take_few_extra_requests() {
    const DELAY_MS: u64 = 75;
    let count = if cfg!(debug_assertions) {
        100_000_000
    } else {
        1_000_000_000
    };
    let mut plan = Plan::new(0, true);
    let (mut counted, mut requests, mut now_ms, mut parts) = (0, 0_u64, 0, 1);
    let mut pending = std::collections::VecDeque::new();
    let (mut max_open, mut pause_ms) = (0, 10_000);
    while !plan.is_finished() {
        if now_ms >= pause_ms {
            plan = Plan::resume(0, true, plan.open_ranges(), plan.counts());
            pending.clear();
            parts += 1;
            pause_ms += 10_000;
        }
        while pending.len() < 128 {
            let Some(request) = plan.next_page(128 - pending.len()) else {
                break;
            };
            requests += 1;
            pending.push_back((now_ms + DELAY_MS, request));
        }
        let (done_at, request) = pending.pop_front().unwrap();
        now_ms = done_at;
        max_open = max_open.max(plan.ranges.len());
        let keys = computed_page(count, &request.open);
        if plan.complete(request.range, &keys) == Completion::Counted {
            counted += keys.counted;
        }
    }

    let min_requests = count / 1000;
    println!(
        "{count} objects: {requests} requests (minimum {min_requests}), {} s in {parts} parts, ${}.{:03}",
        now_ms / 1000,
        requests / 200_000,
        requests % 200_000 / 200
    );
    assert_eq!(counted, count);
    assert!(requests < min_requests * 106 / 100, "{requests}");
    assert!(max_open <= MAX_RANGES);
    assert!(now_ms < DELAY_MS * min_requests / 128 * 12 / 10, "{now_ms}");
}

/// Returns a page of a bucket whose keys are the ten-digit numbers below `count`.
fn computed_page(count: u64, range: &OpenRange) -> PageKeys {
    let number_after = |key: &Key| {
        let key = String::from_utf8_lossy(key);
        let digits: String = key
            .chars()
            .take_while(char::is_ascii_digit)
            .take(10)
            .collect();
        let is_after_digits = key[digits.len()..].starts_with(|symbol| symbol > '9');
        // A key with more or fewer than ten digits lies between two numbers.
        match (digits.len(), is_after_digits) {
            (10, _) => digits.parse::<u64>().unwrap() + 1,
            (_, true) => format!("{digits:9<10}").parse::<u64>().unwrap() + 1,
            (_, false) => format!("{digits:0<10}").parse().unwrap(),
        }
    };
    let from = range.position().map_or(0, number_after).min(count);
    let to = (from + 1000).min(count);
    let end = range
        .until
        .as_ref()
        .map_or(to, number_after)
        .clamp(from, to);
    let key = |number: u64| Key::from(format!("{number:010}").as_bytes());
    let number_hash = |number: u64| EntryHash::of(&key(number), b"");
    PageKeys {
        counted: end - from,
        samples: [1, 7, 8]
            .into_iter()
            .map(|part| (to - from) * part / 8)
            .filter(|entries| *entries > 0)
            .map(|entries| Sample {
                entries,
                key: key(from + entries - 1),
            })
            .collect(),
        last_counted: (end > from).then(|| key(end - 1)),
        first: (from < to).then(|| number_hash(from)),
        first_past_end: (end < to).then(|| number_hash(end)),
        next: (to < count).then(|| Cursor {
            key: key(to - 1),
            token: None,
            last: None,
        }),
    }
}
