//! Pseudo-random numbers that depend only on the seed. Not for secrets.

use std::ops::Range;

/// The generator `SplitMix64`: <https://prng.di.unimi.it/splitmix64.c>.
#[derive(Debug)]
pub(super) struct Random(u64);

impl Random {
    /// Returns a generator. Equal seeds give equal numbers.
    pub(super) fn seeded(seed: u64) -> Self {
        Self(seed)
    }

    /// Returns the next number.
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Returns a number in `range`, or its start if it is empty.
    pub(super) fn in_range(&mut self, range: &Range<u64>) -> u64 {
        match range.end.checked_sub(range.start) {
            None | Some(0) => range.start,
            Some(span) => range.start + self.next() % span,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_numbers_within_their_bounds() {
        let numbers = |seed| {
            let mut random = Random::seeded(seed);
            (0..1000)
                .map(|_| random.in_range(&(10..20)))
                .collect::<Vec<_>>()
        };

        assert_eq!(numbers(1), numbers(1));
        assert_ne!(numbers(1), numbers(2));
        assert!(numbers(1).iter().all(|number| (10..20).contains(number)));
        assert_eq!(Random::seeded(1).in_range(&(5..5)), 5);
    }
}
