//! Numbers that look random and are the same after each seed. Not for secrets.

/// The generator `SplitMix64`: <https://prng.di.unimi.it/splitmix64.c>.
#[derive(Debug)]
pub(super) struct Random(u64);

impl Random {
    /// Returns a generator; equal seeds give equal numbers.
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

    /// Returns a number from `least` up to but not including `end`; `least` when there is none.
    pub(super) fn between(&mut self, least: u64, end: u64) -> u64 {
        match end.checked_sub(least) {
            None | Some(0) => least,
            Some(span) => least + self.next() % span,
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
                .map(|_| random.between(10, 20))
                .collect::<Vec<_>>()
        };

        assert_eq!(numbers(1), numbers(1));
        assert_ne!(numbers(1), numbers(2));
        assert!(numbers(1).iter().all(|number| (10..20).contains(number)));
        assert_eq!(Random::seeded(1).between(5, 5), 5);
    }
}
