//! Arithmetic on keys: predicts the key that lies a number of keys ahead of another. No I/O.
//!
//! Keys are treated as numbers with one digit per character. The number of symbols of a digit is guessed from the
//! characters seen at its position: digits, hexadecimal digits, letters. A character that never changes, such as a
//! slash, is not a digit. A wrong guess costs a request and never a byte: ranges that meet at any key miss nothing and
//! count nothing twice. Every predicted key is valid UTF-8, whose bytes sort like its characters, which is S3's order.

use std::collections::BTreeMap;

/// Maximum length of a key in bytes, by S3.
const MAX_KEY_BYTES: usize = 1024;
/// Digits after the first differing one that are considered: with 10 symbols each, a trillionth of the distance.
const DEPTH: usize = 12;
/// Digits after the first changed one that a predicted key gets: enough to distinguish pages of a thousand keys.
const FRACTION_DIGITS: usize = 8;
/// Larger than any useful step; floats are exact up to here.
const MAX_STEP: f64 = 1e15;
/// First code point of the scripts with thousands of characters.
const EAST_ASIAN: u32 = 0x2E80;
/// Code points that are not characters.
const SURROGATES: std::ops::RangeInclusive<u32> = 0xD800..=0xDFFF;
/// Positions that are remembered.
const MAX_POSITIONS: usize = 128;
/// Key layouts that are remembered: the first ones; 128 positions of each take 8 KB.
const MAX_LAYOUTS: usize = 64;

/// The symbols of one position in order: at most four runs of code points.
#[derive(Debug, Clone, Default)]
struct Alphabet {
    runs: Vec<(u32, u32)>,
}

/// Characters seen at one position: the lowest and the highest of each kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Symbols {
    digit: Option<(u32, u32)>,
    upper: Option<(u32, u32)>,
    lower: Option<(u32, u32)>,
    other: Option<(u32, u32)>,
}

impl Symbols {
    fn add(&mut self, symbol: char) {
        let kind = match symbol {
            '0'..='9' => &mut self.digit,
            'A'..='Z' => &mut self.upper,
            'a'..='z' => &mut self.lower,
            _ => &mut self.other,
        };
        let code = u32::from(symbol);
        let (lowest, highest) = kind.unwrap_or((code, code));
        *kind = Some((lowest.min(code), highest.max(code)));
    }

    /// Returns whether at most one character was seen.
    fn is_constant(&self) -> bool {
        let mut kinds = [self.digit, self.upper, self.lower, self.other]
            .into_iter()
            .flatten();
        kinds
            .next()
            .is_none_or(|(lowest, highest)| lowest == highest)
            && kinds.next().is_none()
    }
}

/// What is known about the keys of one listing: their common prefix, and the characters seen at each position.
///
/// Keys with slashes at the same positions are remembered together, because other keys are built differently.
#[derive(Debug, Clone)]
pub(crate) struct KeyModel {
    prefix_bytes: usize,
    layouts: BTreeMap<u128, Vec<Symbols>>,
}

impl KeyModel {
    /// Returns the model of keys with a common prefix of `prefix_bytes` bytes.
    pub(crate) fn new(prefix_bytes: usize) -> Self {
        Self {
            prefix_bytes,
            layouts: BTreeMap::new(),
        }
    }

    /// Adds the characters of `key`.
    pub(crate) fn learn(&mut self, key: &[u8]) {
        let Some(key) = characters(key) else {
            return;
        };
        let layout = layout(&key);
        if self.layouts.len() >= MAX_LAYOUTS && !self.layouts.contains_key(&layout) {
            return;
        }
        let positions = self.layouts.entry(layout).or_default();
        for (position, symbol) in key.iter().take(MAX_POSITIONS).enumerate() {
            if positions.len() <= position {
                positions.push(Symbols::default());
            }
            if let Some(symbols) = positions.get_mut(position) {
                symbols.add(*symbol);
            }
        }
    }

    /// Returns the key space around `keys`, using what is known about keys with the layout of the first one.
    ///
    /// Returns `None` if a key is not UTF-8.
    pub(crate) fn space(&self, keys: &[&[u8]], guess: Guess) -> Option<KeySpace> {
        let keys: Option<Vec<Vec<char>>> = keys.iter().map(|key| characters(key)).collect();
        let keys = keys?;
        let longest = keys.iter().map(Vec::len).max().unwrap_or(0);
        let positions = keys
            .first()
            .and_then(|first| self.layouts.get(&layout(first)));
        let mut has_wrapped = false;
        let mut alphabets = Vec::with_capacity(longest);
        for position in 0..longest {
            let known = positions
                .and_then(|positions| positions.get(position))
                .copied()
                .unwrap_or_default();
            let mut seen = if has_wrapped {
                known
            } else {
                Symbols::default()
            };
            for symbol in keys.iter().filter_map(|key| key.get(position).copied()) {
                seen.add(symbol);
            }
            alphabets.push(Alphabet::estimate(seen, guess, has_wrapped));
            has_wrapped |= !known.is_constant();
        }
        let first = keys.first()?;
        let mut bytes = 0;
        let prefix = first.iter().take_while(|symbol| {
            bytes += symbol.len_utf8();
            bytes <= self.prefix_bytes
        });
        Some(KeySpace {
            alphabets,
            prefix_length: prefix.count(),
        })
    }
}

/// Returns the positions of the slashes of a key, as bits.
fn layout(key: &[char]) -> u128 {
    let symbols = key.iter().take(MAX_POSITIONS).enumerate();
    symbols.fold(0, |layout, (position, symbol)| {
        layout | u128::from(*symbol == '/') << position
    })
}

impl Alphabet {
    /// Estimates the symbols of a position from the characters `seen` there.
    ///
    /// Once an earlier position has changed, this one `has_wrapped`: it has probably shown all its symbols.
    fn estimate(seen: Symbols, guess: Guess, has_wrapped: bool) -> Self {
        if let (Some((lowest, highest)), Guess::Bold) = (seen.other, guess) {
            let run = if lowest > 0x7F {
                (lowest & !0xFFF, highest | 0xFFF)
            } else {
                (lowest.min(0x20), highest.max(0x7E))
            };
            return Self { runs: vec![run] };
        }
        let mut runs = Vec::new();
        if has_wrapped {
            runs.extend([seen.digit, seen.upper, seen.lower].into_iter().flatten());
        } else {
            if seen.digit.is_some() {
                runs.push((u32::from('0'), u32::from('9')));
            }
            for (letters, first, hex, last) in
                [(seen.upper, 'A', 'F', 'Z'), (seen.lower, 'a', 'f', 'z')]
            {
                if let Some((_, highest)) = letters {
                    let is_hex = seen.digit.is_some() && highest <= u32::from(hex);
                    let last = if is_hex { hex } else { last };
                    runs.push((u32::from(first), u32::from(last)));
                }
            }
        }
        if let Some((lowest, highest)) = seen.other {
            if runs.is_empty() && lowest != highest && lowest > 0x7F && !has_wrapped {
                // A script: its characters are contiguous, some thousands of them in East Asia.
                let block = if lowest >= EAST_ASIAN { 0xFFF } else { 0xFF };
                runs.push((lowest & !block, highest | block));
            } else {
                runs.retain(|(from, to)| *to < lowest || *from > highest);
                runs.push((lowest, highest));
            }
        }
        runs.sort_unstable();
        Self { runs }
    }

    fn size(&self) -> u64 {
        let sizes = self.runs.iter().map(|(from, to)| u64::from(to - from) + 1);
        sizes.sum::<u64>().max(1)
    }

    /// Returns the number of symbols before `symbol`, which need not be one of them.
    fn rank(&self, symbol: Option<char>) -> u64 {
        let Some(code) = symbol.map(u32::from) else {
            return 0;
        };
        let before = self.runs.iter().map(|(from, to)| {
            if code < *from {
                0
            } else {
                u64::from(code.min(*to) - from) + u64::from(code > *to)
            }
        });
        before.sum::<u64>().min(self.size() - 1)
    }

    fn symbol(&self, mut rank: u64) -> Option<char> {
        for (from, to) in &self.runs {
            let size = u64::from(to - from) + 1;
            if rank < size {
                let code = from + u32::try_from(rank).ok()?;
                let code = if SURROGATES.contains(&code) {
                    0xD7FF
                } else {
                    code
                };
                return char::from_u32(code);
            }
            rank -= size;
        }
        None
    }
}

/// Strategy for positions with a separator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Guess {
    /// A separator that has never changed is constant.
    Careful,
    /// Any symbol may take a separator's position: for keys that no careful step reaches.
    Bold,
}

/// The key space around some keys.
#[derive(Debug)]
pub(crate) struct KeySpace {
    alphabets: Vec<Alphabet>,
    /// Characters of the common prefix.
    prefix_length: usize,
}

#[expect(
    clippy::cast_precision_loss,
    reason = "estimates: alphabets are small, and a float holds them exactly"
)]
impl KeySpace {
    fn rank(&self, key: &[char], position: usize) -> f64 {
        let alphabet = self.alphabets.get(position);
        alphabet.map_or(0.0, |alphabet| {
            alphabet.rank(key.get(position).copied()) as f64
        })
    }

    fn size(&self, position: usize) -> f64 {
        self.alphabets
            .get(position)
            .map_or(1.0, |alphabet| alphabet.size() as f64)
    }

    /// Returns the distance from `low` to `high`; `None` if the considered digits show none.
    pub(crate) fn distance(&self, low: &[u8], high: &[u8]) -> Option<Distance> {
        let (low, high) = (characters(low)?, characters(high)?);
        let mut positions = 0..self.alphabets.len();
        let first = positions.find(|position| low.get(*position) != high.get(*position))?;
        let (mut units, mut weight) = (0.0, 1.0);
        for position in first..(first + DEPTH).min(self.alphabets.len()) {
            units += (self.rank(&high, position) - self.rank(&low, position)) * weight;
            weight /= self.size(position + 1);
        }
        (units > 0.0).then_some(Distance {
            position: first,
            units,
        })
    }

    /// Returns `distance` divided by `step`.
    pub(crate) fn ratio(&self, distance: Distance, step: Distance) -> f64 {
        let from = distance.position.min(step.position);
        let to = distance.position.max(step.position);
        let scale: f64 = (from + 1..=to)
            .map(|position| self.size(position))
            .product();
        if step.position > distance.position {
            distance.units * scale / step.units
        } else {
            distance.units / (scale * step.units)
        }
    }

    /// Returns the key that lies `factor` times `step` after `base`; `None` beyond the end of the space.
    pub(crate) fn ahead(&self, base: &[u8], step: Distance, factor: f64) -> Option<Vec<u8>> {
        let mut key = characters(base)?;
        let first = step.position;
        key.truncate(first + DEPTH);
        let mut fraction = 0.0;
        let mut weight = 1.0 / self.size(first + 1);
        for position in first + 1..(first + DEPTH).min(self.alphabets.len()) {
            fraction += self.rank(&key, position) * weight;
            weight /= self.size(position + 1);
        }
        let moved = (fraction + step.units * factor).clamp(0.0, MAX_STEP);
        let mut fraction = moved.fract();
        let mut carry = whole(moved);
        key.truncate(first + 1);
        for position in (self.prefix_length..=first).rev() {
            if carry == 0 {
                break;
            }
            let alphabet = self.alphabets.get(position)?;
            let sum = alphabet.rank(key.get(position).copied()) + carry;
            let symbol = alphabet.symbol(sum % alphabet.size())?;
            match key.get_mut(position) {
                Some(slot) => *slot = symbol,
                None => key.resize(position + 1, symbol),
            }
            carry = sum / alphabet.size();
        }
        if carry > 0 {
            return None;
        }
        for position in key.len()..(first + 1 + FRACTION_DIGITS) {
            let Some(alphabet) = self.alphabets.get(position) else {
                break;
            };
            fraction *= alphabet.size() as f64;
            let Some(symbol) = alphabet.symbol(whole(fraction)) else {
                break;
            };
            fraction = fraction.fract();
            key.push(symbol);
        }
        let key = key.into_iter().collect::<String>().into_bytes();
        (key.as_slice() > base && key.len() <= MAX_KEY_BYTES).then_some(key)
    }
}

/// Distance between two keys, in symbols of the first position where they differ.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Distance {
    position: usize,
    units: f64,
}

impl Distance {
    /// Multiplies the distance by `factor`.
    pub(crate) fn times(self, factor: f64) -> Self {
        Self {
            units: self.units * factor,
            ..self
        }
    }
}

fn characters(key: &[u8]) -> Option<Vec<char>> {
    Some(std::str::from_utf8(key).ok()?.chars().collect())
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "callers clamp it to 0..=MAX_STEP"
)]
fn whole(value: f64) -> u64 {
    value as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn space(keys: &[&[u8]], prefix_bytes: usize) -> KeySpace {
        let model = KeyModel::new(prefix_bytes);
        model.space(keys, Guess::Careful).unwrap()
    }

    /// Returns the key `factor` times as far after the second key as that is after the first.
    fn ahead(keys: [&str; 2], factor: f64) -> Option<String> {
        let [first, last] = keys.map(str::as_bytes);
        let space = space(&[first, last], 0);
        let step = space.distance(first, last).unwrap();
        let key = space.ahead(last, step, factor)?;
        Some(String::from_utf8(key).unwrap())
    }

    #[test]
    fn counters_continue() {
        let keys = ["file-00000000.bin", "file-00001000.bin"];

        assert!(ahead(keys, 4.0).unwrap().starts_with("file-00005000"));
        assert!(ahead(keys, 900.0).unwrap().starts_with("file-00901000"));
        assert_eq!(ahead(["9998", "9999"], 2.0), None);
    }

    #[test]
    fn an_overflow_carries_across_separators() {
        let keys = ["2026/01/07/80000000", "2026/01/07/c0000000"];

        assert!(ahead(keys, 1.0).unwrap().starts_with("2026/01/08/0"));
        assert!(ahead(keys, 12.0).unwrap().starts_with("2026/01/10/"));
    }

    #[test]
    fn non_latin_scripts_are_stepped_in_order() {
        let key = ahead(["ключ-а", "ключ-в"], 2.0).unwrap();

        assert!(key.as_str() > "ключ-в" && key.starts_with("ключ-"), "{key}");
    }

    #[test]
    fn no_step_leaves_the_common_prefix() {
        let [first, last] = ["app9/x1", "app9/x9"].map(str::as_bytes);
        let space = space(&[first, last], 5);
        let step = space.distance(first, last).unwrap();

        assert_eq!(space.ahead(last, step, 40.0), None);
    }

    #[test]
    fn distances_at_different_positions_are_comparable() {
        let [low, near, far] = ["k/1000", "k/1010", "k/2000"].map(str::as_bytes);
        let space = space(&[low, near, far], 0);
        let step = space.distance(low, near).unwrap();
        let all = space.distance(low, far).unwrap();

        assert!((space.ratio(all, step) - 100.0).abs() < 1e-6);
        assert!((space.ratio(step, all) - 0.01).abs() < 1e-9);
    }

    #[test]
    fn keys_that_are_not_utf8_have_no_key_space() {
        let model = KeyModel::new(0);

        assert!(model.space(&[b"a", &[0xFF]], Guess::Careful).is_none());
    }
}
