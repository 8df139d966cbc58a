//! Adapts the number of concurrent page requests to the measured throughput. No I/O, no clock of its own.
//!
//! The limit starts at 48 and doubles while that clearly increases the pages per second. Otherwise it returns to
//! the previous value and tries again later. A throttled response halves it immediately: S3 answers `SlowDown` to
//! protect itself, and on a slow network more concurrency lowers the throughput.

use std::time::Duration;

use std::time::Instant;

/// Initial limit: at the 75 ms that S3 takes per page, 48 requests are 640 pages per second.
const START: usize = 48;
/// Lowest limit after throttling.
const MIN: usize = 2;
/// Highest limit: at 75 ms per page, 128 requests are 1.7 million keys per second, more than one processor can scan.
const MAX: usize = 128;
/// Shortest time over which throughput is measured.
const WINDOW: Duration = Duration::from_millis(250);
/// Factor by which doubling must increase the throughput.
const GAIN: f64 = 1.15;
/// Time until the next attempt after a doubling without gain.
const HOLD: Duration = Duration::from_secs(5);

/// Limit on concurrent page requests.
#[derive(Debug)]
pub struct ConcurrencyLimit {
    current: usize,
    /// State before the last doubling; `None` once its effect has been measured.
    previous: Option<Previous>,
    hold_until: Option<Instant>,
    window: Option<Window>,
    throttled: u64,
}

#[derive(Debug)]
struct Previous {
    limit: usize,
    pages_per_second: f64,
}

#[derive(Debug)]
struct Window {
    started: Instant,
    pages: u32,
    /// Whether there were ever fewer requests in flight than allowed: the limit then did not determine the throughput.
    was_idle: bool,
}

impl Default for ConcurrencyLimit {
    fn default() -> Self {
        Self {
            current: START,
            previous: None,
            hold_until: None,
            window: None,
            throttled: 0,
        }
    }
}

impl ConcurrencyLimit {
    /// Returns the number of requests that may be in flight.
    pub fn current(&self) -> usize {
        self.current
    }

    /// Records a page that arrived at `now` while `in_flight` other requests were pending.
    ///
    /// `throttled` is the total number of throttled responses so far.
    pub fn record_page(&mut self, now: Instant, in_flight: usize, throttled: u64) {
        if throttled > self.throttled {
            self.throttled = throttled;
            if self.hold_until.is_none_or(|until| now >= until) || self.previous.is_some() {
                self.current = (self.current / 2).max(MIN);
            }
            self.previous = None;
            self.hold_until = Some(now + HOLD);
            self.window = None;
            return;
        }
        let window = self.window.get_or_insert(Window {
            started: now,
            pages: 0,
            was_idle: false,
        });
        window.pages += 1;
        window.was_idle |= in_flight + 1 < self.current;
        let elapsed = now - window.started;
        if elapsed < WINDOW || usize::try_from(window.pages).is_ok_and(|pages| pages < self.current)
        {
            return;
        }
        let pages_per_second = f64::from(window.pages) / elapsed.as_secs_f64();
        let was_idle = window.was_idle;
        self.window = None;
        if !was_idle {
            self.adapt(pages_per_second, now);
        }
    }

    fn adapt(&mut self, pages_per_second: f64, now: Instant) {
        match self.previous.take() {
            Some(previous) if pages_per_second < previous.pages_per_second * GAIN => {
                self.current = previous.limit;
                self.hold_until = Some(now + HOLD);
            }
            _ if self.hold_until.is_some_and(|until| now < until) => {}
            _ if self.current < MAX => {
                self.previous = Some(Previous {
                    limit: self.current,
                    pages_per_second,
                });
                self.current = (self.current * 2).min(MAX);
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Simulates `seconds` in which a source delivers `rate(limit)` pages per second.
    fn deliver(
        limit: &mut ConcurrencyLimit,
        start: &mut Instant,
        seconds: u64,
        rate: impl Fn(usize) -> f64,
    ) {
        let end = *start + Duration::from_secs(seconds);
        while *start < end {
            *start += Duration::from_secs_f64(1.0 / rate(limit.current()));
            limit.record_page(*start, limit.current() - 1, 0);
        }
    }

    #[test]
    fn the_limit_grows_while_the_throughput_grows() {
        let (mut limit, mut now) = (ConcurrencyLimit::default(), Instant::now());

        deliver(&mut limit, &mut now, 10, |limit| {
            f64::from(u32::try_from(limit).unwrap()) * 13.0
        });

        assert_eq!(limit.current(), MAX);
    }

    #[test]
    fn the_limit_stays_if_more_concurrency_gains_nothing() {
        let (mut limit, mut now) = (ConcurrencyLimit::default(), Instant::now());

        deliver(&mut limit, &mut now, 3, |_| 400.0);

        assert_eq!(limit.current(), START);
    }

    #[test]
    fn a_burst_of_throttling_halves_the_limit_once_and_it_recovers() {
        let (mut limit, mut now) = (ConcurrencyLimit::default(), Instant::now());

        for throttled in 1..20 {
            now += Duration::from_millis(1);
            limit.record_page(now, START - 1, throttled);
        }
        assert_eq!(limit.current(), START / 2);
        now += HOLD;
        for throttled in 20..30 {
            limit.record_page(now, START - 1, throttled);
        }
        assert_eq!(limit.current(), START / 4);
        limit.throttled = 0;
        deliver(&mut limit, &mut now, 20, |limit| {
            f64::from(u32::try_from(limit).unwrap()) * 13.0
        });
        assert!(limit.current() > START / 4);
    }

    #[test]
    fn a_limit_that_is_not_reached_does_not_change() {
        let (mut limit, mut now) = (ConcurrencyLimit::default(), Instant::now());

        for _ in 0..10_000 {
            now += Duration::from_millis(5);
            limit.record_page(now, 3, 0);
        }

        assert_eq!(limit.current(), START);
    }
}
