//! The plan against buckets of every shape, in virtual time: all pages take equally long.

use synthetic_s3::{Numbers, SHAPES, keys_of_shape};

use super::*;

/// Milliseconds that a page takes.
const PAGE_MS: u64 = 30;
/// Pages at a time.
const AT_ONCE: usize = 64;

/// What listing a bucket took.
#[derive(Debug)]
struct Took {
    counted: u64,
    requests: u64,
    again: u64,
    milliseconds: u64,
}

/// Returns the page of `range`: up to 1,000 keys behind its position.
fn page(keys: &[String], range: &OpenRange) -> Seen {
    page_of(keys, range, 1000).1
}

/// Returns the page of `range` with up to `length` keys, and the place of its first.
fn page_of(keys: &[String], range: &OpenRange, length: usize) -> (usize, Seen) {
    let position = range
        .cursor
        .as_ref()
        .map(|cursor| &cursor.key)
        .or(range.lower.as_ref());
    let from = position.map_or(0, |after| {
        keys.partition_point(|key| key.as_bytes() <= &**after)
    });
    let listed = &keys[from..keys.len().min(from + length)];
    let in_range = range.until.as_ref().map_or(listed.len(), |until| {
        listed.partition_point(|key| key.as_bytes() <= &**until)
    });
    let key = |index: usize| Key::from(listed[index].as_bytes());
    let mut samples = Vec::new();
    for part in 1..=8 {
        let index = listed.len() * part / 8;
        if index > 0 {
            samples.push((index as u64, key(index - 1)));
        }
    }
    samples.dedup();
    let seen = Seen {
        counted: in_range as u64,
        samples,
        last_counted: (in_range > 0).then(|| key(in_range - 1)),
        has_passed_end: in_range < listed.len(),
        next: (from + listed.len() < keys.len()).then(|| Cursor {
            key: key(listed.len() - 1),
            token: None,
        }),
    };
    (from, seen)
}

/// Lists `keys` with pages that all take equally long, some at a time.
fn list(keys: &[String], mut plan: Plan, at_once: usize) -> Took {
    let mut took = Took {
        counted: 0,
        requests: 0,
        again: 0,
        milliseconds: 0,
    };
    let mut under_way = std::collections::VecDeque::new();
    while !plan.is_finished() {
        while under_way.len() < at_once {
            let Some(ask) = plan.next_page() else { break };
            under_way.push_back((took.milliseconds + PAGE_MS, ask));
        }
        let (done_at, ask) = under_way.pop_front().unwrap();
        took.milliseconds = done_at;
        took.requests += 1;
        let seen = page(keys, &ask.open);
        match plan.settle(ask.range, &seen) {
            Settled::Counted => took.counted += seen.counted,
            Settled::Again => took.again += 1,
        }
    }
    took
}

/// Requests and virtual time of the shapes that buckets have. The bounds are those of the README.
#[test]
fn every_shape_is_listed_at_once_with_few_more_requests_than_one_after_the_other() {
    for (name, count, most_milliseconds) in [
        ("sequential", 200_000, 900),
        ("uuid", 200_000, 900),
        ("mendix", 200_000, 900),
        ("dates", 200_000, 900),
        ("skewed", 200_000, 900),
        ("tenants", 200_000, 900),
        ("unicode", 200_000, 1_200),
        ("slashes", 200_000, 900),
        ("folders", 10_000, 300),
        ("uuid", 10_000, 300),
        ("dates", 10_000, 300),
    ] {
        let keys = keys_of_shape(name, count);

        let took = list(&keys, Plan::new(0, true), AT_ONCE);

        let least = keys.len().div_ceil(1000) as u64;
        assert_eq!(took.counted, keys.len() as u64, "{name}");
        assert!(took.requests * 10 <= least * 13, "{name}: {took:?}");
        assert!(took.milliseconds <= most_milliseconds, "{name}: {took:?}");
    }
}

#[test]
fn a_small_bucket_costs_what_it_costs_serially() {
    for count in [0, 1, 999, 1000, 1001, 2000, 3000] {
        for name in SHAPES {
            let keys = keys_of_shape(name, count);
            let least = keys.len().div_ceil(1000).max(1) as u64;

            let took = list(&keys, Plan::new(0, true), AT_ONCE);

            assert_eq!(took.counted, keys.len() as u64, "{name}");
            assert_eq!(took.requests, least, "{name} {count}: {took:?}");
        }
    }
}

#[test]
fn a_plan_that_may_not_split_lists_one_page_after_the_other() {
    let keys = keys_of_shape("uuid", 20_000);

    let took = list(&keys, Plan::new(0, false), AT_ONCE);

    assert_eq!(
        (took.counted, took.requests, took.milliseconds),
        (20_000, 20, 600)
    );
}

/// Cuts at random keys, many of them equal to keys of the bucket, settled in random order, with pages of random
/// length, paused and resumed at random: every key is counted exactly once.
#[test]
fn whatever_is_cut_and_in_whatever_order_every_key_counts_once() {
    for seed in 0..400 {
        let mut numbers = Numbers(seed);
        let keys = random_keys(&mut numbers);
        let mut plan = Plan::new(0, true);
        let mut counted = vec![0_u8; keys.len()];
        let mut under_way: Vec<Ask> = Vec::new();
        while !plan.is_finished() {
            if numbers.below(3) == 0 {
                cut_anywhere(&mut plan, &keys, &mut numbers);
            }
            if numbers.below(20) == 0 {
                // As after a checkpoint: what was under way is lost, and tokens may be.
                let mut open = plan.open();
                for range in &mut open {
                    if let Some(cursor) = &mut range.cursor {
                        cursor.token = None;
                    }
                }
                plan = Plan::resume(0, true, open, (plan.pages, plan.entries));
                under_way.clear();
            }
            while under_way.len() < 1 + numbers.below(8) {
                let Some(ask) = plan.next_page() else { break };
                under_way.push(ask);
            }
            if under_way.is_empty() {
                continue;
            }
            let ask = under_way.swap_remove(numbers.below(under_way.len()));
            let length = 1 + numbers.below(6);
            let (from, seen) = page_of(&keys, &ask.open, length);
            if plan.settle(ask.range, &seen) == Settled::Counted {
                let lower = ask.open.lower.as_ref();
                let listed = keys.iter().enumerate().skip(from);
                let in_range =
                    listed.filter(|(_, key)| lower.is_none_or(|lower| key.as_bytes() > &**lower));
                for (index, _) in in_range.take(usize::try_from(seen.counted).unwrap()) {
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

/// Cuts a range at a key of the bucket, or beside one.
fn cut_anywhere(plan: &mut Plan, keys: &[String], numbers: &mut Numbers) {
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
        let is_behind = range.position().is_none_or(|position| key > position);
        is_behind && range.open.until.as_ref().is_none_or(|until| key < *until)
    });
    let Some((id, _)) = range else { return };
    plan.cut_at(*id, key, 1.0, None);
}

/// A listing that no memory holds, in virtual time: keys are computed, pages take 75 ms as those of S3 do, 128 are
/// listed at a time, and the run is paused every ten seconds, when what is under way is lost.
///
/// A billion objects where the compiler optimises (`cargo test --release -p collector billion -- --nocapture` shows
/// requests, time, parts and cost), a tenth of that elsewhere.
#[test]
fn a_billion_objects_take_few_requests_more_than_they_must() {
    const DELAY_MS: u64 = 75;
    let count = if cfg!(debug_assertions) {
        100_000_000
    } else {
        1_000_000_000
    };
    let mut plan = Plan::new(0, true);
    let (mut counted, mut requests, mut now_ms, mut parts) = (0, 0_u64, 0, 1);
    let mut under_way = std::collections::VecDeque::new();
    let (mut most_open, mut pause_ms) = (0, 10_000);
    while !plan.is_finished() {
        if now_ms >= pause_ms {
            plan = Plan::resume(0, true, plan.open(), plan.seen());
            under_way.clear();
            parts += 1;
            pause_ms += 10_000;
        }
        while under_way.len() < 128 {
            let Some(ask) = plan.next_page() else { break };
            requests += 1;
            under_way.push_back((now_ms + DELAY_MS, ask));
        }
        let (done_at, ask) = under_way.pop_front().unwrap();
        now_ms = done_at;
        most_open = most_open.max(plan.ranges.len());
        let seen = computed_page(count, &ask.open);
        if plan.settle(ask.range, &seen) == Settled::Counted {
            counted += seen.counted;
        }
    }

    let least = count / 1000;
    println!(
        "{count} objects: {requests} requests ({least} are the least), {} s in {parts} parts, ${}.{:03}",
        now_ms / 1000,
        requests / 200_000,
        requests % 200_000 / 200
    );
    assert_eq!(counted, count);
    assert!(requests < least * 106 / 100, "{requests}");
    assert!(most_open <= MAX_RANGES);
    assert!(now_ms < DELAY_MS * least / 128 * 12 / 10, "{now_ms}");
}

/// The page of a bucket whose keys are the numbers below `count` with ten digits.
fn computed_page(count: u64, range: &OpenRange) -> Seen {
    let number_behind = |key: &Key| {
        let digits: String = String::from_utf8_lossy(key).chars().take(10).collect();
        let number: u64 = format!("{digits:0<10}").parse().unwrap();
        // A key that is longer or shorter than ten digits lies between two numbers.
        if digits.len() < 10 {
            number
        } else {
            number + 1
        }
    };
    let position = range
        .cursor
        .as_ref()
        .map(|cursor| &cursor.key)
        .or(range.lower.as_ref());
    let from = position.map_or(0, number_behind).min(count);
    let to = (from + 1000).min(count);
    let end = range
        .until
        .as_ref()
        .map_or(to, number_behind)
        .clamp(from, to);
    let key = |number: u64| Key::from(format!("{number:010}").as_bytes());
    Seen {
        counted: end - from,
        samples: [1, 7, 8]
            .into_iter()
            .map(|part| (to - from) * part / 8)
            .filter(|entries| *entries > 0)
            .map(|entries| (entries, key(from + entries - 1)))
            .collect(),
        last_counted: (end > from).then(|| key(end - 1)),
        has_passed_end: end < to,
        next: (to < count).then(|| Cursor {
            key: key(to - 1),
            token: None,
        }),
    }
}
