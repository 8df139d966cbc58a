//! Divides the fleet's budget of LIST requests among its buckets. Pure: no clock, no I/O.
//!
//! Each bucket may take the same share of requests a day. Buckets that take less are listed as often as they change, at
//! most at every tick, and what they leave increases the share of the others (max-min fairness). The others are listed
//! once in as many ticks as bring them below the share. Snapshots are the only state between ticks.

use std::time::Duration;

use shared::snapshot::bucket_size::{LONGEST_INTERVAL, RefreshReason};

const DAY_SECONDS: u128 = 86_400;
/// Requests a day are counted in thousandths and rounded up, so that no sum is too small.
const THOUSANDTHS: u128 = 1000;

/// What one bucket would take of the budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Demand {
    /// LIST requests that one listing of it takes.
    pub request_count: u64,
    /// Ticks after which its total is expected to have changed; 1 is every tick.
    pub ticks: u64,
}

/// Division of the budget.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shares {
    /// Interval of each bucket in ticks, in the order of the demands; 1 is every tick.
    pub ticks: Vec<u64>,
    /// LIST requests a day for all of them, on average and rounded up.
    pub requests_per_day: u64,
    /// Whether that exceeds the budget, because some buckets are already at [`LONGEST_INTERVAL`]. The others keep their
    /// shares.
    pub is_over_budget: bool,
}

/// Divides `requests_per_day` among buckets by what each would take.
///
/// A bucket never has a shorter interval than it asks for. Of two that ask for the same one, the less expensive never has
/// a longer interval. All buckets together never exceed the budget, unless [`Shares::is_over_budget`] is set.
pub fn share(demands: &[Demand], tick: Duration, requests_per_day: u64) -> Shares {
    let demands: Vec<Wish> = demands.iter().map(|demand| wish(*demand, tick)).collect();
    let budget = u128::from(requests_per_day) * THOUSANDTHS;
    let level = level(&demands, budget);
    let maximum = maximum_ticks(tick);
    let ticks: Vec<u64> = demands
        .iter()
        .map(|wish| {
            let ticks = u64::try_from(wish.ticks_at(level));
            ticks.unwrap_or(u64::MAX).min(maximum)
        })
        .collect();
    let each = demands.iter().zip(&ticks);
    let taken: u128 = each
        .map(|(wish, ticks)| wish.at_every_tick.div_ceil(u128::from(*ticks)))
        .sum();
    Shares {
        ticks,
        requests_per_day: u64::try_from(taken.div_ceil(THOUSANDTHS)).unwrap_or(u64::MAX),
        is_over_budget: taken > budget,
    }
}

/// Time between two measurements of a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Interval {
    /// Its length.
    pub every: Duration,
    /// Why it is that long.
    pub reason: RefreshReason,
}

impl Interval {
    /// Returns the interval of `ticks`, each `tick` long, of a bucket that asked for one of `wanted` ticks.
    pub fn of_ticks(ticks: u64, wanted: u64, tick: Duration) -> Self {
        if ticks <= 1 {
            return Self {
                every: tick,
                reason: RefreshReason::EveryTick,
            };
        }
        // Ticks need not divide the maximum interval: it ends with the tick after it.
        let is_maximum = ticks >= maximum_ticks(tick);
        let every = if is_maximum {
            LONGEST_INTERVAL.max(tick)
        } else {
            tick.saturating_mul(u32::try_from(ticks).unwrap_or(u32::MAX))
        };
        Self {
            every,
            reason: match ticks > wanted {
                true => RefreshReason::Budget,
                false => RefreshReason::ExpectedChange,
            },
        }
    }
}

/// Returns the ticks of the longest interval, at least 1.
fn maximum_ticks(tick: Duration) -> u64 {
    LONGEST_INTERVAL.as_secs().div_ceil(tick_seconds(tick))
}

fn tick_seconds(tick: Duration) -> u64 {
    tick.as_secs().max(1)
}

/// A demand, as the search for the level needs it.
struct Wish {
    /// Thousandths of requests a day that it takes at every tick.
    at_every_tick: u128,
    /// Ticks that it asks for.
    ticks: u128,
}

impl Wish {
    fn ticks_at(&self, level: u128) -> u128 {
        self.at_every_tick.div_ceil(level).max(self.ticks)
    }
}

fn wish(demand: Demand, tick: Duration) -> Wish {
    let seconds = u128::from(tick_seconds(tick));
    let requests = u128::from(demand.request_count.max(1)) * DAY_SECONDS * THOUSANDTHS;
    Wish {
        at_every_tick: requests.div_ceil(seconds),
        ticks: u128::from(demand.ticks.max(1)),
    }
}

/// Returns the largest share of one bucket with which all together stay within `budget`, at least 1.
///
/// A larger share never takes less, so bisection finds the largest.
fn level(demands: &[Wish], budget: u128) -> u128 {
    let taken = |level| {
        let each = demands.iter();
        each.map(|wish| wish.at_every_tick.div_ceil(wish.ticks_at(level)))
            .sum::<u128>()
    };
    let mut good = 1;
    let largest = demands.iter().map(|wish| wish.at_every_tick).max();
    let mut high = largest.unwrap_or(1).max(1);
    if taken(high) <= budget {
        return high;
    }
    while high - good > 1 {
        let middle = good + (high - good) / 2;
        if taken(middle) <= budget {
            good = middle;
        } else {
            high = middle;
        }
    }
    good
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    /// Returns buckets that would be listed at every tick.
    fn eager(costs: &[u64]) -> Vec<Demand> {
        let demands = costs.iter().map(|cost| Demand {
            request_count: *cost,
            ticks: 1,
        });
        demands.collect()
    }

    /// Numbers that look random and are the same in every run.
    struct Numbers(u64);

    impl Numbers {
        fn below(&mut self, bound: u64) -> u64 {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            self.0 % bound
        }
    }

    #[test]
    fn small_buckets_run_at_every_tick_and_leave_the_rest_to_the_large_ones() {
        // 24 and 240 a day at every tick; 9,736 of 10,000 remain for the other two.
        let shares = share(&eager(&[1, 10, 1_000, 100_000]), HOUR, 10_000);

        assert_eq!(shares.ticks[..2], [1, 1]);
        // 1,000 once in 5 hours are 4,800 a day, 100,000 once in 487 hours 4,928.2; in 486 they are too many.
        assert_eq!(shares.ticks[2..], [5, 487]);
        assert_eq!(shares.requests_per_day, 9_993);
        assert!(!shares.is_over_budget);
    }

    #[test]
    fn a_sufficient_budget_lists_all_at_every_tick() {
        assert_eq!(share(&eager(&[1, 1_000]), HOUR, 24_024).ticks, [1, 1]);
        assert_eq!(share(&eager(&[1, 1_000]), HOUR, 24_023).ticks, [1, 2]);
        assert_eq!(share(&[], HOUR, 1).requests_per_day, 0);
    }

    #[test]
    fn what_quiet_buckets_do_not_take_is_left_to_the_others() {
        let demand = |request_count, ticks| Demand {
            request_count,
            ticks,
        };
        // 1,000 a tick are 24,000 a day: 2,400 in every tenth tick, so 9,600 remain.
        let quiet = share(&[demand(1_000, 10), demand(1_000, 1)], HOUR, 12_000);
        let eager = share(&[demand(1_000, 1), demand(1_000, 1)], HOUR, 12_000);

        assert_eq!((quiet.ticks, quiet.requests_per_day), (vec![10, 3], 10_400));
        assert_eq!(eager.ticks, [4, 4]);
        let reason = |ticks, wanted| Interval::of_ticks(ticks, wanted, HOUR).reason;
        assert_eq!(reason(10, 10), RefreshReason::ExpectedChange);
        assert_eq!(reason(3, 1), RefreshReason::Budget);
        assert_eq!(reason(1, 1), RefreshReason::EveryTick);
    }

    #[test]
    fn buckets_too_expensive_for_the_longest_interval_take_nothing_from_the_others() {
        // 10,000,000 once in 30 days are 333,334 a day.
        let shares = share(&eager(&[1, 10_000_000]), HOUR, 100_000);

        assert_eq!(shares.ticks, [1, 720]);
        assert_eq!(shares.requests_per_day, 333_358);
        assert!(shares.is_over_budget);
        let interval = Interval::of_ticks(720, 1, HOUR);
        assert_eq!(interval.every, LONGEST_INTERVAL);
        assert_eq!(interval.reason, RefreshReason::Budget);
    }

    #[test]
    fn ticks_that_do_not_divide_the_longest_interval_end_with_the_tick_after_it() {
        let tick = Duration::from_secs(7);

        let shares = share(&eager(&[u64::MAX]), tick, 1);
        let every = |ticks| Interval::of_ticks(ticks, 1, tick).every;
        let (maximum, shorter) = (every(shares.ticks[0]), every(shares.ticks[0] - 1));

        assert_eq!(maximum, LONGEST_INTERVAL);
        assert!(shorter < maximum && maximum - shorter <= tick);
        let day = Duration::from_secs(86_400);
        assert_eq!(share(&eager(&[u64::MAX]), day, 1).ticks, [30]);
    }

    /// Random fleets: within the budget or marked as over it; cheaper never later; with more budget never later.
    #[test]
    fn shares_keep_to_the_budget_and_to_the_order_of_costs() {
        let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15);
        for round in 0..400 {
            let tick = Duration::from_secs([1, 60, 3600, 5400, 86_400][round % 5]);
            let count = numbers.below(60) + 1;
            let costs: Vec<u64> = (0..count)
                .map(|_| {
                    let digits = u32::try_from(numbers.below(8)).unwrap();
                    numbers.below(10_u64.pow(digits)) + 1
                })
                .collect();
            let digits = u32::try_from(numbers.below(9)).unwrap();
            let budget = numbers.below(10_u64.pow(digits)) + 1;

            let shares = share(&eager(&costs), tick, budget);
            let richer = share(&eager(&costs), tick, budget.saturating_mul(2));

            let maximum = maximum_ticks(tick);
            let exact: f64 = costs
                .iter()
                .zip(&shares.ticks)
                .map(|(cost, ticks)| {
                    let seconds = tick.as_secs_f64() * f64::from(u32::try_from(*ticks).unwrap());
                    f64::from(u32::try_from(*cost).unwrap()) * 86_400.0 / seconds
                })
                .sum();
            let limit = f64::from(u32::try_from(budget).unwrap());
            if shares.is_over_budget {
                assert!(shares.ticks.contains(&maximum), "{costs:?} {budget}");
            } else {
                assert!(exact <= limit + 0.001, "{exact} of {budget}: {costs:?}");
                assert!(shares.requests_per_day <= budget);
            }
            for (cost, ticks) in costs.iter().zip(&shares.ticks) {
                assert!((1..=maximum).contains(ticks));
                for (other, other_ticks) in costs.iter().zip(&shares.ticks) {
                    assert!(cost > other || ticks <= other_ticks, "{cost} {other}");
                }
            }
            let never_later = shares.ticks.iter().zip(&richer.ticks);
            assert!(
                never_later
                    .into_iter()
                    .all(|(ticks, richer)| richer <= ticks)
            );
        }
    }

    #[test]
    fn a_larger_share_would_be_beyond_the_budget() {
        let mut numbers = Numbers(7);
        for _ in 0..200 {
            let demands: Vec<Wish> = (0..20)
                .map(|_| Demand {
                    request_count: numbers.below(5_000) + 1,
                    ticks: numbers.below(20),
                })
                .map(|demand| wish(demand, HOUR))
                .collect();
            let budget = u128::from(numbers.below(500_000) + 50_000) * THOUSANDTHS;
            let taken = |level: u128| {
                let each = demands.iter();
                each.map(|wish| wish.at_every_tick.div_ceil(wish.ticks_at(level)))
                    .sum::<u128>()
            };

            let level = level(&demands, budget);

            assert!(taken(level) <= budget);
            let is_as_wanted = demands
                .iter()
                .all(|wish| wish.ticks_at(level) == wish.ticks);
            assert!(
                is_as_wanted || taken(level + 1) > budget,
                "{level} {budget}"
            );
        }
    }
}
