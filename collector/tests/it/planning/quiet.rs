//! Weeks of simulated buckets in virtual time: how far the stored totals are off from the truth, and what that costs beside
//! hourly listings.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use collector::{BatchHandler, Collector, JobKind, MeasureError, Progress, Source};
use shared::clock::{Clock, FixedClock};
use shared::fleet::{BucketTarget, Fleet};
use shared::snapshot::bucket_size::ListingRun;
use shared::snapshot::{BucketSize, Objects};

use super::{Scene, cost, event_of, measured};
use crate::support::HOUR;

/// A Monday.
const START: &str = "2026-11-23T00:00:00Z";
/// Hours of four weeks; the first two are for learning.
const HOURS: u64 = 28 * 24;
const LEARNING: u64 = 14 * 24;
/// Buckets of each shape.
const OF_EACH: u64 = 3;
/// Bytes of a bucket at the start.
const SIZE: u64 = 1_000_000_000_000;

/// How the total of a bucket changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Shape {
    /// Hardly at all.
    Idle,
    /// By the same every hour: 0.5, 1 or 1.5 % a day.
    Steady,
    /// By 1, 2 or 3 % on each working day, from 8 to 18 o'clock.
    WorkingHours,
    /// Up by 10 to 30 % by day, and down again by night.
    Sawtooth,
    /// Steady growth, and a clean-up of a fifth at a night of each week.
    CleanUps,
    /// Idle, and at three hours of the four weeks a tenth more at once.
    Bursts,
}

impl Shape {
    const ALL: [Self; 6] = [
        Self::Idle,
        Self::Steady,
        Self::WorkingHours,
        Self::Sawtooth,
        Self::CleanUps,
        Self::Bursts,
    ];

    /// Returns the bytes at `hour` of the bucket with this number from 0.
    fn bytes(self, number: u64, hour: u64) -> u64 {
        let percent = SIZE / 100;
        let of_day = hour % 24;
        match self {
            Self::Idle => SIZE + hour * 1_000_000,
            Self::Steady => SIZE + hour * percent * (number + 1) / 48,
            Self::WorkingHours => {
                let of_week = hour % 168;
                let days = hour / 168 * 5 + (of_week / 24).min(5);
                let today = match of_week < 120 {
                    true => of_day.clamp(8, 18) - 8,
                    false => 0,
                };
                SIZE + (days * 10 + today) * percent * (number + 1) / 10
            }
            Self::Sawtooth => SIZE + of_day.min(24 - of_day) * percent * (number + 1) * 10 / 12,
            Self::CleanUps => {
                let since = (hour + 168 - (number * 24 + 3)) % 168;
                SIZE + since * percent * 20 / 168
            }
            Self::Bursts => {
                let bursts = [401, 478, 601].map(|at| at + number * 17);
                let passed = bursts.iter().filter(|at| **at <= hour).count();
                SIZE + u64::try_from(passed).unwrap() * percent * 10
            }
        }
    }

    fn bucket(self, number: u64) -> String {
        format!("{self:?}-{number}-100").to_lowercase()
    }
}

/// The buckets of all shapes at the time of a clock; every listing takes 100 requests.
struct Shapes {
    clock: Arc<FixedClock>,
    start: DateTime<Utc>,
    buckets: BTreeMap<String, (Shape, u64)>,
}

impl Shapes {
    fn hour(&self) -> u64 {
        u64::try_from((self.clock.now() - self.start).num_hours()).unwrap()
    }
}

#[async_trait]
impl Source for Shapes {
    type Target = BucketTarget;
    type Measurement = BucketSize;
    const JOBS: JobKind = JobKind::Bucket;

    async fn measure(
        &self,
        target: &BucketTarget,
        _progress: &Progress,
    ) -> Result<BucketSize, MeasureError> {
        let (shape, number) = self.buckets[&target.bucket];
        let mut objects = Objects::default();
        objects.add("STANDARD", shape.bytes(number, self.hour()));
        let mut size = BucketSize::of_listing(objects);
        size.listing = Some(ListingRun {
            scheduled_at: self.start,
            taken_at: self.start,
            finished_at: self.start,
            request_count: cost(&target.bucket),
        });
        Ok(size)
    }
}

/// What the two weeks after learning showed of one shape.
#[derive(Debug, Default, Clone, Copy)]
struct Seen {
    /// Hours of all its buckets.
    hours: u64,
    /// Those in which the stored total was off by more than a percent.
    hours_off: u64,
    /// Most of them in a row.
    longest_off: u64,
    /// Listings.
    listings: u64,
}

impl Seen {
    fn add_hour(&mut self, is_off: bool, off_for: u64) {
        self.hours += 1;
        self.hours_off += u64::from(is_off);
        self.longest_off = self.longest_off.max(off_for);
    }
}

/// Ticks through the four weeks by `plan`; returns what was seen of each shape.
async fn simulate(buckets: &BTreeMap<String, (Shape, u64)>) -> BTreeMap<Shape, Seen> {
    let entries = buckets.keys().map(|name| {
        format!("[[environment.storage]]\nbucket = \"{name}\"\nmeasure = [\"current\"]\n")
    });
    let scene = Scene::refreshed(START, 1_000_000, ("", &entries.collect::<String>()));
    let source = Shapes {
        clock: scene.world.clock.clone(),
        start: START.parse().unwrap(),
        buckets: buckets.clone(),
    };
    let collector = Collector::new(scene.world.ports(&scene.fleet), source, Fleet::bucket);
    let mut seen: BTreeMap<Shape, Seen> = BTreeMap::new();
    let mut stored: BTreeMap<String, u64> = BTreeMap::new();
    let mut off_for: BTreeMap<&str, u64> = BTreeMap::new();
    for hour in 0..HOURS {
        let jobs = scene.plan().await;
        collector.handle(event_of(&jobs)).await.unwrap();
        for name in measured(&jobs) {
            let shape = buckets[&name].0;
            seen.entry(shape).or_default().listings += u64::from(hour >= LEARNING);
            let good = scene.good(&name).await;
            stored.insert(name, good.summary.total_bytes());
        }
        // Just before the next tick: its numbers are as old as they get.
        scene.world.clock.advance(HOUR);
        for (name, (shape, number)) in buckets.iter().filter(|_| hour >= LEARNING) {
            let is_off = is_off(stored[name], shape.bytes(*number, hour + 1));
            let row = off_for.entry(name).or_default();
            *row = if is_off { *row + 1 } else { 0 };
            seen.entry(*shape).or_default().add_hour(is_off, *row);
        }
    }
    seen
}

fn is_off(stored: u64, truth: u64) -> bool {
    stored.abs_diff(truth) * 100 > truth
}

/// Returns the hours after learning in which listing at every tick is off, too.
fn off_by_the_hour(shape: Shape) -> u64 {
    let all = (0..OF_EACH).flat_map(|number| (LEARNING..HOURS).map(move |hour| (number, hour)));
    let off = all.filter(|(number, hour)| {
        is_off(shape.bytes(*number, *hour), shape.bytes(*number, hour + 1))
    });
    u64::try_from(off.count()).unwrap()
}

#[tokio::test]
async fn totals_stay_within_a_percent_with_a_part_of_the_listings() {
    let all = Shape::ALL.into_iter();
    let all = all.flat_map(|shape| (0..OF_EACH).map(move |number| (shape, number)));
    let buckets = all.map(|(shape, number)| (shape.bucket(number), (shape, number)));

    let seen = simulate(&buckets.collect()).await;

    let mut listings = 0;
    for (shape, seen) in &seen {
        let by_the_hour = off_by_the_hour(*shape);
        println!("{shape:?}: {seen:?}, by the hour off {by_the_hour}");
        assert!(
            seen.longest_off <= 19 || *shape == Shape::Sawtooth,
            "{shape:?}"
        );
        let (most_off, most_listings) = match shape {
            Shape::Idle | Shape::Steady => (0, seen.hours / 15),
            Shape::WorkingHours => (0, seen.hours / 4),
            // It moves by more than a percent within an hour: no tick is too many.
            Shape::Sawtooth => (by_the_hour, seen.hours),
            Shape::CleanUps => (by_the_hour + seen.hours / 20, seen.hours / 4),
            // What nothing announces is seen after 19 hours at most.
            Shape::Bursts => (by_the_hour + seen.hours / 6, seen.hours / 2),
        };
        assert!(seen.hours_off <= most_off, "{shape:?}: {seen:?}");
        assert!(seen.listings <= most_listings, "{shape:?}: {seen:?}");
        listings += seen.listings;
    }
    assert_eq!(
        seen[&Shape::Sawtooth].listings,
        seen[&Shape::Sawtooth].hours
    );
    let hours: u64 = seen.values().map(|seen| seen.hours).sum();
    assert!(listings * 3 < hours, "{listings} of {hours}");
}
