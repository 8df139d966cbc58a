//! How many pages to ask for at the same time: as many as bring more pages a second. No I/O, no clock of its own.
//!
//! It starts at [`START`] and doubles while a second brings clearly more pages than before; where it does not, it
//! goes back to what was as good, and looks again later. A throttled answer halves it at once: S3 says `SlowDown`
//! for its own good reasons, and on a narrow line more pages at a time are fewer pages a second.

use std::time::Duration;

use std::time::Instant;

/// Pages at a time at the begin: a page of S3 takes about 75 ms, so these are 640 pages a second.
pub const START: usize = 48;
/// Fewest pages at a time after throttling.
const FLOOR: usize = 2;
/// Most pages at a time: at 75 ms a page they are 1.7 million keys a second, more than one processor scans.
pub const CEILING: usize = 128;
/// Shortest time over which pages are counted.
const WINDOW: Duration = Duration::from_millis(250);
/// How many times more pages a second twice as many at a time must bring.
const GAIN: f64 = 1.15;
/// Time until the next look after one that brought nothing.
const HOLD: Duration = Duration::from_secs(5);

/// The limit and what it is judged by.
#[derive(Debug)]
pub struct Limit {
    now: usize,
    /// The limit before the last doubling, and the pages a second that it brought.
    before: Option<(usize, f64)>,
    hold_until: Option<Instant>,
    window: Option<Window>,
    throttled: u64,
}

#[derive(Debug)]
struct Window {
    started: Instant,
    pages: u32,
    /// Whether fewer pages than allowed were ever under way: then the limit is not what limits.
    was_idle: bool,
}

impl Default for Limit {
    fn default() -> Self {
        Self {
            now: START,
            before: None,
            hold_until: None,
            window: None,
            throttled: 0,
        }
    }
}

impl Limit {
    /// Returns how many pages may be under way.
    pub fn now(&self) -> usize {
        self.now
    }

    /// Takes in a page that arrived at `now` while `under_way` others were, and how often S3 throttled in total.
    pub fn page(&mut self, now: Instant, under_way: usize, throttled: u64) {
        if throttled > self.throttled {
            self.throttled = throttled;
            if self.hold_until.is_none_or(|until| now >= until) || self.before.is_some() {
                self.now = (self.now / 2).max(FLOOR);
            }
            self.before = None;
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
        window.was_idle |= under_way + 1 < self.now;
        let elapsed = now - window.started;
        if elapsed < WINDOW || usize::try_from(window.pages).is_ok_and(|pages| pages < self.now) {
            return;
        }
        let (rate, was_idle) = (
            f64::from(window.pages) / elapsed.as_secs_f64(),
            window.was_idle,
        );
        self.window = None;
        if !was_idle {
            self.judge(rate, now);
        }
    }

    fn judge(&mut self, rate: f64, now: Instant) {
        match self.before.take() {
            Some((before, old)) if rate < old * GAIN => {
                self.now = before;
                self.hold_until = Some(now + HOLD);
            }
            _ if self.hold_until.is_some_and(|until| now < until) => {}
            _ if self.now < CEILING => {
                self.before = Some((self.now, rate));
                self.now = (self.now * 2).min(CEILING);
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lets `seconds` go by in which a source delivers `rate(limit)` pages a second.
    fn deliver(limit: &mut Limit, start: &mut Instant, seconds: u64, rate: impl Fn(usize) -> f64) {
        let end = *start + Duration::from_secs(seconds);
        while *start < end {
            *start += Duration::from_secs_f64(1.0 / rate(limit.now()));
            limit.page(*start, limit.now() - 1, 0);
        }
    }

    #[test]
    fn it_grows_while_more_at_a_time_bring_more() {
        let (mut limit, mut now) = (Limit::default(), Instant::now());

        deliver(&mut limit, &mut now, 10, |limit| {
            f64::from(u32::try_from(limit).unwrap()) * 13.0
        });

        assert_eq!(limit.now(), CEILING);
    }

    #[test]
    fn it_stays_where_more_at_a_time_bring_nothing() {
        let (mut limit, mut now) = (Limit::default(), Instant::now());

        deliver(&mut limit, &mut now, 3, |_| 400.0);

        assert_eq!(limit.now(), START);
    }

    #[test]
    fn throttling_halves_it_once_for_a_burst_and_it_recovers() {
        let (mut limit, mut now) = (Limit::default(), Instant::now());

        for throttled in 1..20 {
            now += Duration::from_millis(1);
            limit.page(now, START - 1, throttled);
        }
        assert_eq!(limit.now(), START / 2);
        now += HOLD;
        for throttled in 20..30 {
            limit.page(now, START - 1, throttled);
        }
        assert_eq!(limit.now(), START / 4);
        limit.throttled = 0;
        deliver(&mut limit, &mut now, 20, |limit| {
            f64::from(u32::try_from(limit).unwrap()) * 13.0
        });
        assert!(limit.now() > START / 4);
    }

    #[test]
    fn a_limit_that_is_not_reached_is_not_judged() {
        let (mut limit, mut now) = (Limit::default(), Instant::now());

        for _ in 0..10_000 {
            now += Duration::from_millis(5);
            limit.page(now, 3, 0);
        }

        assert_eq!(limit.now(), START);
    }
}
