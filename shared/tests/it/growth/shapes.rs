//! Ten ways in which a size moves, by the hour.

use std::ops::RangeInclusive;

use shared::history::model::Random;

/// Bytes that a shape gains per day before anything is deleted.
pub(super) const UNIT: f64 = 50e6;

/// A way in which a size moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// It does not move.
    Flat,
    /// It moves by noise only.
    Noise,
    /// It grows.
    Steady,
    /// It grows, with one deletion.
    Drop,
    /// It grows, with one import.
    Jump,
    /// It grows, with three deletions.
    Drops3,
    /// It grows, and a clean-up deletes seven tenths of it every week.
    Saw,
    /// It grows, and a clean-up deletes nine tenths of it every night.
    Nightly,
    /// It grows three times as fast in the last seven days.
    Changed,
    /// It moves once, by a batch at the end of the month.
    Monthly,
}

/// One run of a shape.
pub(super) struct World {
    /// Hours since a midnight, with the bytes measured then.
    pub(super) points: Vec<(i64, f64)>,
    /// Bytes per day that it truly gains.
    ///
    /// With three deletions it is a matter of definition: the growth with them, the growth between them, or anything
    /// from one to the other.
    pub(super) truth: RangeInclusive<f64>,
}

impl Shape {
    /// Returns the part of the growth that a clean-up leaves, on the hours that have one.
    fn clean_up(self, weekday: i64, hour: i64) -> Option<f64> {
        match self {
            Self::Saw if (weekday, hour) == (6, 3) => Some(0.3),
            Self::Nightly if hour == 2 => Some(0.1),
            _ => None,
        }
    }

    /// Returns how fast it grows at a number of hours before the end, in units.
    fn pace(self, hours_left: i64) -> f64 {
        match self {
            Self::Flat | Self::Noise | Self::Monthly => 0.0,
            Self::Changed if hours_left <= 7 * 24 => 3.0,
            _ => 1.0,
        }
    }

    /// Returns the hours of single steps with their size in units.
    fn steps(self, hours: i64, random: &mut Random) -> Vec<(i64, f64)> {
        let (early, late) = (hours / 5, hours * 4 / 5);
        match self {
            Self::Drop => vec![(whole(random, early, late), -between(random, 8.0, 20.0))],
            Self::Jump => vec![(whole(random, early, late), between(random, 8.0, 20.0))],
            Self::Drops3 => (0..3)
                .map(|_| (whole(random, 0, hours), -between(random, 3.0, 6.0)))
                .collect(),
            Self::Monthly => vec![(whole(random, early, late), 10.0)],
            _ => Vec::new(),
        }
    }

    fn truth(self, days: f64, steps: &[(i64, f64)]) -> RangeInclusive<f64> {
        let steps = steps.iter().map(|(_, step)| step).sum::<f64>() / days;
        let (low, high) = match self {
            Self::Flat | Self::Noise => (0.0, 0.0),
            Self::Steady | Self::Drop | Self::Jump => (1.0, 1.0),
            Self::Drops3 => (1.0 + steps, 1.0),
            Self::Saw => (0.3, 0.3),
            Self::Nightly => (0.1, 0.1),
            Self::Changed => (3.0, 3.0),
            Self::Monthly => (steps, steps),
        };
        low * UNIT..=high * UNIT
    }
}

impl World {
    /// Returns one run of `days`.
    pub(super) fn of(shape: Shape, days: i64, random: &mut Random) -> Self {
        let hours = days * 24;
        let first_weekday = whole(random, 0, 7);
        let steps = shape.steps(hours, random);
        let mut bytes = between(random, 60.0, 150.0);
        let mut gained = 0.0;
        let mut points = Vec::new();
        for at in 0..hours {
            let (weekday, hour) = ((first_weekday + at / 24) % 7, at % 24);
            let mean = shape.pace(hours - at) * rhythm(weekday, hour);
            let gain = mean * between(random, 0.5, 1.5);
            bytes += gain;
            gained += gain;
            if let Some(left) = shape.clean_up(weekday, hour) {
                bytes -= gained * (1.0 - left);
                gained = 0.0;
            }
            let now = steps.iter().filter(|(hour, _)| *hour == at);
            bytes += now.map(|(_, step)| step).sum::<f64>();
            let noise = match shape {
                Shape::Noise => between(random, -0.1, 0.1),
                _ => 0.0,
            };
            points.push((at, (bytes + noise) * UNIT));
        }
        for _ in 0..3 {
            let length = whole(random, 2, 48);
            let gap = whole(random, 1, hours - length);
            points.retain(|(hour, _)| !(gap..gap + length).contains(hour));
        }
        let truth = shape.truth(days as f64, &steps);
        Self { points, truth }
    }
}

/// Returns an hour's part of a day's mean growth: five days with ten busy hours.
fn rhythm(weekday: i64, hour: i64) -> f64 {
    const WEEK: f64 = 50.0 + 70.0 * 0.1 + 48.0 * 0.05;
    let weight = match (weekday, hour) {
        (0..=4, 8..=17) => 1.0,
        (0..=4, _) => 0.1,
        _ => 0.05,
    };
    weight * 7.0 / WEEK
}

/// Returns a number from `least` up to `most`.
fn between(random: &mut Random, least: f64, most: f64) -> f64 {
    let unit = (random.number() >> 11) as f64 / (1_u64 << 53) as f64;
    least + (most - least) * unit
}

/// Returns a whole number from `least` on and below `end`.
fn whole(random: &mut Random, least: i64, end: i64) -> i64 {
    least + random.below(end.abs_diff(least)).cast_signed()
}
