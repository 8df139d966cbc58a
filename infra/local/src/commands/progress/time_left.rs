//! How long a measurement may still take: a range, because estimates of a listing jump. No I/O, no clock.

use std::collections::VecDeque;
use std::time::Duration;

/// Time whose samples are used: an estimate that held for so long is worth showing.
const WINDOW: Duration = Duration::from_secs(5);
/// Time after which something is shown.
const FIRST_AFTER: Duration = Duration::from_secs(2);
/// Estimates whose quotient is at most this are shown as one.
const NARROW: f64 = 1.5;

/// State at one time.
#[derive(Debug, Clone, Copy)]
struct Sample {
    at: Duration,
    count: u64,
    /// When the end is expected, in seconds since the start; `None` if unknown.
    end: Option<f64>,
}

/// Collects samples of a measurement's progress.
#[derive(Debug, Default)]
pub(super) struct TimeLeft {
    samples: VecDeque<Sample>,
}

impl TimeLeft {
    /// Adds that `count` items were found until `at`, and about `left` are left.
    pub(super) fn record(&mut self, at: Duration, count: u64, left: Option<u64>) {
        let is_old = |sample: &Sample| at.saturating_sub(sample.at) > WINDOW;
        while self.samples.len() > 1 && self.samples.front().is_some_and(is_old) {
            self.samples.pop_front();
        }
        self.samples.push_back(Sample {
            at,
            count,
            end: None,
        });
        let rate = self.rate();
        let end = left
            .filter(|_| rate > 0)
            .map(|left| at.as_secs_f64() + as_f64(left) / as_f64(rate));
        if let Some(sample) = self.samples.back_mut() {
            sample.end = end;
        }
    }

    /// Returns the items per second in the last seconds.
    pub(super) fn rate(&self) -> u64 {
        let (Some(first), Some(last)) = (self.samples.front(), self.samples.back()) else {
            return 0;
        };
        // The first sample alone has been counted since the start.
        let (from, since) = if self.samples.len() == 1 || first.at < WINDOW {
            (0, Duration::ZERO)
        } else {
            (first.count, first.at)
        };
        let elapsed_ms = last.at.saturating_sub(since).as_millis();
        let rate = u128::from(last.count.saturating_sub(from)) * 1_000 / elapsed_ms.max(1);
        u64::try_from(rate).unwrap_or(u64::MAX)
    }

    /// Returns how long it may still take; `None` if that is unknown.
    pub(super) fn text(&self) -> Option<String> {
        let now = self.samples.back()?.at;
        if now < FIRST_AFTER {
            return None;
        }
        self.samples.back()?.end?;
        let left = self.samples.iter().filter_map(|sample| sample.end);
        let left = left.map(|end| (end - now.as_secs_f64()).max(1.0));
        let shortest = left.clone().fold(f64::INFINITY, f64::min);
        let longest = left.fold(1.0, f64::max);
        if longest <= shortest * NARROW {
            return Some(format!("about {} left", rounded(longest)));
        }
        let (shortest, longest) = (rounded(shortest), rounded(longest));
        let (from, unit) = shortest.split_once(' ')?;
        // The same unit is not said twice.
        match longest.split_once(' ') {
            Some((to, same)) if same == unit => Some(format!("{from} to {to} {unit} left")),
            _ => Some(format!("{shortest} to {longest} left")),
        }
    }
}

/// Returns a time in one unit, without more digits than an estimate has.
fn rounded(seconds: f64) -> String {
    let units = [(86_400.0, "days"), (3_600.0, "hours"), (60.0, "minutes")];
    let unit = units.iter().find(|(length, _)| seconds >= 2.0 * length);
    let (length, name) = unit.copied().unwrap_or((1.0, "seconds"));
    let number = seconds / length;
    // Tens of seconds in steps of ten.
    let step = if name == "seconds" && number > 20.0 {
        10.0
    } else {
        1.0
    };
    let number = (number / step).round() * step;
    let name = if number <= 1.0 {
        name.trim_end_matches('s')
    } else {
        name
    };
    format!("{number:.0} {name}")
}

/// Counts as floating-point numbers: estimates need no more than 53 bits.
#[expect(
    clippy::cast_precision_loss,
    reason = "an estimate needs no more digits"
)]
fn as_f64(number: u64) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Records a sample each 100 ms at 1,000 items a second; `left` gets the time in milliseconds.
    fn recorded(until_ms: u64, left: impl Fn(u64) -> Option<u64>) -> TimeLeft {
        let mut time_left = TimeLeft::default();
        for at in (100..=until_ms).step_by(100) {
            time_left.record(Duration::from_millis(at), at, left(at));
        }
        time_left
    }

    #[test]
    fn a_steady_estimate_is_one_number() {
        let steady = recorded(10_000, |at| Some(310_000 - at));

        assert_eq!(steady.text().as_deref(), Some("about 5 minutes left"));
        assert_eq!(steady.rate(), 1_000);
    }

    /// The first estimates of a listing may be a hundred times too large.
    #[test]
    fn an_estimate_that_jumps_is_a_range_until_it_holds() {
        let left = |at| Some(if at < 4_000 { 480_000 } else { 20_200 - at });

        let before = recorded(3_000, left).text().unwrap();
        let jumped = recorded(4_100, left).text().unwrap();
        let held = recorded(9_500, left).text().unwrap();

        assert_eq!(before, "about 8 minutes left");
        assert_eq!(jumped, "16 seconds to 8 minutes left");
        assert_eq!(held, "about 11 seconds left");
    }

    #[test]
    fn nothing_is_shown_that_is_not_known() {
        assert_eq!(recorded(1_900, |_| Some(1_000)).text(), None);
        assert_eq!(recorded(5_000, |_| None).text(), None);
        let mut nothing = TimeLeft::default();
        nothing.record(Duration::from_secs(5), 0, Some(7));
        assert_eq!(nothing.text(), None);
    }

    #[test]
    fn times_have_one_unit() {
        for (seconds, expected) in [
            (1.0, "1 second"),
            (47.0, "50 seconds"),
            (119.0, "120 seconds"),
            (120.0, "2 minutes"),
            (7_200.0, "2 hours"),
            (200_000.0, "2 days"),
        ] {
            assert_eq!(rounded(seconds), expected);
        }
    }
}
