//! Growth on ten simulated shapes, with least squares and a plain difference over seven days as peers.
//!
//! Each shape runs 80 times: 35 days hourly, most of the growth in office hours, each hour's gain between half and one
//! and a half of its mean, three gaps of 2 to 47 hours. The error of a rate is its distance from the true one, in units
//! of what the shape gains per day before anything is deleted. `cargo nextest run --no-capture` shows the table.

#![expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a simulation of sizes far below 2^53"
)]

mod peers;
mod shapes;

use std::fmt::Write;
use std::ops::RangeInclusive;

use chrono::{NaiveDate, TimeDelta};
use shared::history::growth::{Closing, ClosingSeries, Full, Growth, Trend, WINDOW_DAYS};
use shared::history::model::Random;
use shared::snapshot::ServerStorage;

use shapes::{Shape, UNIT, World};

/// Runs of each shape; the seeds are 1 to this.
const RUNS: u32 = 80;
/// Days until full when growth goes on as it truly is.
const TRUE_DAYS: f64 = 60.0;
/// Days until full that are near enough.
const NEAR: RangeInclusive<i64> = 45..=90;

/// What is demanded of growth on a shape, from the reference's table with a margin.
struct Demand {
    shape: Shape,
    /// Greatest median of the errors.
    error: f64,
    /// Least share of dates near the true one, in per cent.
    near: f64,
    /// Greatest share of it, for shapes that get no date.
    near_limit: f64,
    /// Least share of ranges that hold the true rate, in per cent.
    range: f64,
    /// Greatest share of runs that report a change, in per cent.
    changed: f64,
}

impl Demand {
    const fn of(shape: Shape, error: f64, near: f64, range: f64) -> Self {
        Self {
            shape,
            error,
            near,
            near_limit: 100.0,
            range,
            changed: 5.0,
        }
    }

    const fn without_date(shape: Shape, error: f64) -> Self {
        Self {
            near_limit: 0.0,
            ..Self::of(shape, error, 0.0, 98.0)
        }
    }
}

const DEMANDS: [Demand; 10] = [
    Demand::without_date(Shape::Flat, 0.001),
    Demand::without_date(Shape::Noise, 0.01),
    Demand::of(Shape::Steady, 0.03, 98.0, 96.0),
    Demand::of(Shape::Drop, 0.03, 98.0, 96.0),
    Demand::of(Shape::Jump, 0.03, 98.0, 96.0),
    Demand {
        changed: 40.0,
        ..Demand::of(Shape::Drops3, 0.13, 75.0, 57.0)
    },
    Demand::of(Shape::Saw, 0.02, 90.0, 96.0),
    Demand::of(Shape::Nightly, 0.01, 96.0, 96.0),
    Demand {
        changed: 100.0,
        ..Demand::of(Shape::Changed, 0.18, 94.0, 60.0)
    },
    Demand::without_date(Shape::Monthly, 0.34),
];

/// Errors and dates of one method on one shape.
#[derive(Default)]
struct Score {
    errors: Vec<f64>,
    near: u32,
}

impl Score {
    fn add(&mut self, rate: f64, days: Option<i64>, world: &World) {
        let nearest = rate.clamp(*world.truth.start(), *world.truth.end());
        self.errors.push((rate - nearest).abs() / UNIT);
        self.near += u32::from(days.is_some_and(|days| NEAR.contains(&days)));
    }

    fn add_peer(&mut self, rate: f64, world: &World) {
        let days = (rate > 0.0).then(|| (free_bytes(rate, world) / rate) as i64);
        self.add(rate, days, world);
    }

    fn error(&self) -> f64 {
        let mut errors = self.errors.clone();
        errors.sort_by(f64::total_cmp);
        f64::midpoint(errors[errors.len() / 2], errors[(errors.len() - 1) / 2])
    }
}

/// All methods on one shape.
#[derive(Default)]
struct Row {
    growth: Score,
    difference: Score,
    least_squares: Score,
    least_squares_week: Score,
    ranges: u32,
    changed: u32,
    flat: u32,
}

impl Row {
    fn of(shape: Shape, days: i64) -> Self {
        let mut row = Self::default();
        for seed in 1..=RUNS {
            let world = World::of(shape, days, &mut Random::new(seed.into()));
            row.add_growth(&world);
            let points = &world.points;
            row.difference.add_peer(peers::difference(points), &world);
            let all = peers::least_squares(points, days);
            row.least_squares.add_peer(all, &world);
            let week = peers::least_squares(points, 7);
            row.least_squares_week.add_peer(week, &world);
        }
        row
    }

    fn add_growth(&mut self, world: &World) {
        let closings = closings(world);
        let growth = Growth::of(&ClosingSeries {
            closings: &closings,
            ..ClosingSeries::default()
        });
        let rate = growth.bytes_per_day.unwrap() as f64;
        let last = closings.last().unwrap().day;
        let storage = ServerStorage {
            free_bytes: Some(free_bytes(rate, world) as u64),
            as_of: Some(last.and_hms_opt(23, 0, 0).unwrap().and_utc()),
            ..ServerStorage::not_asked()
        };
        let full = Full::of(&growth, &storage);
        let days = full.at.map(|at| (at - last).num_days());
        self.growth.add(rate, days, world);
        let (low, high) = (growth.low.unwrap() as f64, growth.high.unwrap() as f64);
        let holds = low <= *world.truth.end() && high >= *world.truth.start();
        self.ranges += u32::from(holds);
        self.changed += u32::from(growth.trend == Some(Trend::Changed));
        self.flat += u32::from(growth.trend == Some(Trend::Flat));
    }

    fn line(&self, shape: Shape) -> String {
        let mut line = format!("{:8}", format!("{shape:?}").to_lowercase());
        let methods = [
            &self.growth,
            &self.difference,
            &self.least_squares,
            &self.least_squares_week,
        ];
        for score in methods {
            write!(
                line,
                "  {:5.2} {:4.0} %",
                score.error(),
                percent(score.near)
            )
            .unwrap();
        }
        write!(line, "  {:4.0} %", percent(self.ranges)).unwrap();
        line
    }
}

fn percent(runs: u32) -> f64 {
    f64::from(runs) * 100.0 / f64::from(RUNS)
}

/// Returns the bytes that are used up in [`TRUE_DAYS`] at the true rate that is nearest to `rate`.
fn free_bytes(rate: f64, world: &World) -> f64 {
    let nearest = rate.clamp(*world.truth.start(), *world.truth.end());
    TRUE_DAYS * if nearest == 0.0 { UNIT } else { nearest }
}

/// Returns the last point of each day.
fn closings(world: &World) -> Vec<Closing> {
    let first = NaiveDate::from_ymd_opt(2026, 1, 1).unwrap();
    let mut closings: Vec<Closing> = Vec::new();
    for (hour, bytes) in &world.points {
        let day = first + TimeDelta::days(hour / 24);
        let bytes = *bytes as u64;
        closings.pop_if(|last| last.day == day);
        closings.push(Closing { day, bytes });
    }
    closings
}

#[test]
fn growth_is_near_the_truth_on_all_ten_shapes() {
    let mut table = format!(
        "Medians of the error and dates near the truth, {RUNS} runs of {WINDOW_DAYS} days, seeds 1..={RUNS}\n\
         shape            growth     difference  least squares  ... 7 days  range\n"
    );
    let mut failures = String::new();
    for demand in &DEMANDS {
        let row = Row::of(demand.shape, WINDOW_DAYS.into());
        let line = row.line(demand.shape);
        let near = percent(row.growth.near);
        let is_met = row.growth.error() <= demand.error
            && (demand.near..=demand.near_limit).contains(&near)
            && percent(row.ranges) >= demand.range
            && percent(row.changed) <= demand.changed;
        if !is_met {
            writeln!(failures, "{line}  changed {}", row.changed).unwrap();
        }
        writeln!(table, "{line}").unwrap();
    }
    println!("{table}");

    assert!(
        failures.is_empty(),
        "{table}\nbeyond the limits:\n{failures}"
    );
}

#[test]
fn no_other_method_is_near_the_truth_on_every_growing_shape() {
    let shapes = [
        Shape::Steady,
        Shape::Drop,
        Shape::Jump,
        Shape::Saw,
        Shape::Nightly,
        Shape::Changed,
    ];
    let rows = shapes.map(|shape| Row::of(shape, WINDOW_DAYS.into()));

    let worst = |score: fn(&Row) -> &Score| {
        let near = rows.iter().map(|row| percent(score(row).near));
        near.fold(100.0, f64::min)
    };

    let growth = worst(|row| &row.growth);
    assert!(growth >= 94.0, "{growth}");
    for peer in [
        worst(|row| &row.difference),
        worst(|row| &row.least_squares),
        worst(|row| &row.least_squares_week),
    ] {
        assert!(peer < growth, "{peer} against {growth}");
    }
}

#[test]
fn a_change_and_a_flat_series_are_recognized() {
    for (shape, changed, flat) in [
        (Shape::Changed, 100.0, 0.0),
        (Shape::Steady, 0.0, 0.0),
        (Shape::Flat, 0.0, 100.0),
        (Shape::Monthly, 0.0, 100.0),
    ] {
        let row = Row::of(shape, WINDOW_DAYS.into());
        let found = (percent(row.changed), percent(row.flat));
        assert_eq!(found, (changed, flat), "{shape:?}");
    }
}
