//! Symbols that were never seen: how likely each code point between those of known symbols is.
//!
//! Without them, nothing would be expected between two known symbols, so that a range of keys that begin with the
//! hundreds of letters between would be taken for an empty one.

/// Power of the number of code points of a gap that is its weight: of many code points, few are symbols of keys.
const GAP_POWER: f64 = 0.25;
/// Code points after the last known symbol that are expected at most.
const MAX_AFTER: u32 = 256;
/// The same for a single known symbol.
const MIN_AFTER: u32 = 16;

/// The gaps between the code points of known symbols.
#[derive(Debug, Clone, Default)]
pub(super) struct Unseen {
    /// Ends of the gaps, in order, each with the weight of all gaps up to there.
    ends: Vec<(u32, f64)>,
    total: f64,
}

impl Unseen {
    /// Returns the gaps between `codes`, which are in order.
    pub(super) fn between(codes: impl Iterator<Item = u32> + Clone) -> Self {
        let (first, last) = (codes.clone().next(), codes.clone().last());
        let (first, last) = (first.unwrap_or_default(), last.unwrap_or_default());
        let after = (last - first + MIN_AFTER).min(MAX_AFTER);
        let end = (last + after).min(u32::from(char::MAX));
        let (mut ends, mut total) = (vec![(0, 0.0)], 0.0);
        let mut start = 0;
        for code in codes.chain([end]) {
            total += f64::from(code.saturating_sub(start + 1)).powf(GAP_POWER);
            ends.push((code, total));
            start = code;
        }
        Self { ends, total }
    }

    /// Returns whether no symbol is known.
    pub(super) fn is_empty(&self) -> bool {
        self.total <= 0.0
    }

    /// Returns the share before a code point and its own; a known one has none.
    pub(super) fn share(&self, code: u32) -> (f64, f64) {
        let index = self.ends.partition_point(|(end, _)| *end <= code);
        let start = index.checked_sub(1).and_then(|index| self.ends.get(index));
        let (Some((start, before)), false) = (start, self.is_empty()) else {
            return (0.0, 0.0);
        };
        let Some((end, after)) = self.ends.get(index) else {
            return (1.0, 0.0);
        };
        if code == *start {
            return (before / self.total, 0.0);
        }
        let each = (after - before) / f64::from(end - start - 1);
        let before = before + each * f64::from(code - start - 1);
        (before / self.total, each / self.total)
    }

    /// Returns the code point at a share of all; `None` beyond the end.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a part of a gap"
    )]
    pub(super) fn code_at(&self, share: f64) -> Option<u32> {
        let wanted = share * self.total;
        let index = self.ends.partition_point(|(_, before)| *before <= wanted);
        let (end, after) = self.ends.get(index)?;
        let (start, before) = self.ends.get(index.checked_sub(1)?)?;
        let part = (wanted - before) / (after - before);
        let code = start + 1 + (part * f64::from(end - start - 1)) as u32;
        (code < *end).then_some(code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_point_lies_at_its_own_share() {
        let unseen = Unseen::between([48, 57, 97, 0x1F30D].into_iter());

        for code in [1, 47, 50, 56, 58, 96, 98, 0x4E00, 0x1F30C, 0x1F30E] {
            let (before, share) = unseen.share(code);
            assert!(share > 0.0, "{code}");
            assert_eq!(unseen.code_at(before + share / 2.0), Some(code));
        }
        for known in [48, 97] {
            assert_eq!(unseen.share(known).1.to_bits(), 0.0_f64.to_bits());
        }
        assert_eq!(unseen.code_at(1.1), None);
    }

    #[test]
    fn without_a_known_symbol_nothing_is_expected() {
        let unseen = Unseen::default();

        assert!(unseen.is_empty());
        assert_eq!(unseen.code_at(0.5), None);
    }
}
