//! A month of a large fleet in virtual time: requests a day against the budget, ages against intervals.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use collector::Tick;
use collector::plan::budget::{self, Demand, Interval};
use collector::plan::due::{Due, Known, due};
use shared::fleet::TargetId;
use shared::snapshot::bucket_size::Refresh;

const HOUR: Duration = Duration::from_secs(3600);
const DAYS: usize = 30;
/// $100 a day.
const BUDGET: u64 = 20_000_000;

struct Bucket {
    id: TargetId,
    cost: u64,
    listed_at: Option<DateTime<Utc>>,
    refresh: Option<Refresh>,
}

fn hour(hour: usize) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::hours(i64::try_from(hour).unwrap())
}

/// Returns a thousand buckets of 10 to a billion objects, as many of each magnitude.
fn fleet() -> Vec<Bucket> {
    let buckets = (0..1000_u32).map(|number| {
        let objects = 10.0 * 10_f64.powf(f64::from(number) * 8.0 / 999.0);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a million at most"
        )]
        let cost = (objects / 1000.0).ceil() as u64;
        Bucket {
            id: TargetId::from_text(&format!("acme-{number}/s3/files//")),
            cost,
            listed_at: None,
            refresh: None,
        }
    });
    buckets.collect()
}

/// Lists the buckets that are due at `now`, as `plan` decides; returns the LIST requests.
fn tick(buckets: &mut [Bucket], now: DateTime<Utc>) -> u64 {
    let costs: Vec<Demand> = buckets
        .iter()
        .filter(|bucket| bucket.listed_at.is_some())
        .map(|bucket| Demand {
            request_count: bucket.cost,
            ticks: 1,
        })
        .collect();
    let shares = budget::share(&costs, HOUR, BUDGET);
    assert!(shares.requests_per_day <= BUDGET && !shares.is_over_budget);
    let mut ticks = shares.ticks.into_iter();
    let tick = Tick {
        at: now,
        every: HOUR,
    };
    let mut requests = 0;
    for bucket in buckets {
        let known = bucket.listed_at.map(|measured_at| Known {
            measured_at,
            refresh: bucket.refresh,
            failed_at: None,
            lacks_a_part: false,
        });
        let interval = Interval::of_ticks(known.map_or(1, |_| ticks.next().unwrap()), 1, HOUR);
        match due(&bucket.id, known, interval, tick) {
            Due::Now(refresh) => {
                bucket.listed_at = Some(now);
                bucket.refresh = Some(refresh);
                requests += bucket.cost;
            }
            Due::Postponed(refresh) => bucket.refresh = Some(refresh),
            Due::AsAnnounced => {}
        }
    }
    requests
}

#[test]
fn a_thousand_buckets_stay_within_the_budget_and_none_is_older_than_its_interval() {
    let mut buckets = fleet();
    let mut by_day = [0_u64; DAYS];

    for now in 0..DAYS * 24 {
        by_day[now / 24] += tick(&mut buckets, hour(now));
        for bucket in &buckets {
            let refresh = bucket.refresh.unwrap();
            let age = (hour(now) - bucket.listed_at.unwrap()).to_std().unwrap();
            assert!(
                age < Duration::from_secs(refresh.interval_seconds),
                "{}",
                bucket.id
            );
            assert!(refresh.next_full_at > hour(now));
            if bucket.cost <= 100 {
                assert_eq!(refresh.interval_seconds, 3600, "{}", bucket.id);
            }
        }
    }

    // On the first day the costs are unknown: each bucket is listed once, whatever the budget.
    let all: u64 = buckets.iter().map(|bucket| bucket.cost).sum();
    assert!(by_day[0] >= all, "{by_day:?}");
    let later = &by_day[1..];
    let days = u64::try_from(later.len()).unwrap();
    let average = later.iter().sum::<u64>() / days;
    // Hourly listings would take 1,300 million a day. Which of the most expensive fall into the month is chance: 1 %.
    assert!(average <= BUDGET * 101 / 100, "{average}: {by_day:?}");
    assert!(average >= BUDGET * 9 / 10, "{average}: {by_day:?}");
    assert!(all * 24 > BUDGET * 60);
    // Large buckets may coincide: a day may take a quarter more.
    assert!(
        later.iter().all(|requests| *requests <= BUDGET * 5 / 4),
        "{by_day:?}"
    );
    let slowest = buckets.last().unwrap();
    println!(
        "{all} requests for each bucket once; a day: {by_day:?}; the billion: every {} h",
        slowest.refresh.unwrap().interval_seconds / 3600
    );
}
