//! Arithmetic on keys: where in the key space a key is likely to lie so many keys ahead of another.
//!
//! Keys are numbers to it, with one digit for each character. How many symbols a digit has is guessed from the
//! characters that were seen there: digits, hexadecimal digits, letters; what never changes, such as a slash, is no
//! digit at all. A guess that is wrong costs a request and never a byte: whatever key comes out, ranges that meet at
//! it miss nothing and count nothing twice. Every key that comes out is valid UTF-8, of which the bytes are in the
//! order of the characters, and that is S3's order. No I/O, no state.

use std::collections::BTreeMap;

/// Longest key in bytes: a limit of S3.
const MAX_KEY_BYTES: usize = 1024;
/// Digits behind the first differing one that are looked at: with 10 symbols each, a trillionth of the distance.
const DEPTH: usize = 12;
/// Digits behind the first changed one that a key gets: enough to tell pages of a thousand keys apart.
const FRACTION_DIGITS: usize = 8;
/// More than all steps that make sense; a float is exact up to here.
const MAX_STEP: f64 = 1e15;
/// First code point of the scripts with thousands of characters.
const EAST_ASIAN: u32 = 0x2E80;
/// The code points that no character has.
const SURROGATES: std::ops::RangeInclusive<u32> = 0xD800..=0xDFFF;

/// The symbols of one position, in order: at most four runs of code points.
#[derive(Debug, Clone, Default)]
struct Alphabet {
    runs: Vec<(u32, u32)>,
}

/// Characters that were seen at one position, by kind: the least and the greatest of each.
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
        let (least, most) = kind.unwrap_or((code, code));
        *kind = Some((least.min(code), most.max(code)));
    }

    fn is_one(&self) -> bool {
        let mut kinds = [self.digit, self.upper, self.lower, self.other]
            .into_iter()
            .flatten();
        kinds.next().is_none_or(|(least, most)| least == most) && kinds.next().is_none()
    }
}

/// What all keys so far have shown of the positions, for the alphabets of positions that have come round.
///
/// Keys with their slashes at the same places are remembered together: others are made in another way.
#[derive(Debug, Clone, Default)]
pub(crate) struct Memory {
    forms: BTreeMap<u128, Vec<Symbols>>,
}

/// Positions that are remembered.
const REMEMBERED: usize = 128;
/// Forms of keys that are remembered: the first ones; 128 positions of each are 8 KB.
const FORMS: usize = 64;

impl Memory {
    /// Remembers the characters of `key`.
    pub(crate) fn add(&mut self, key: &[u8]) {
        let Some(key) = characters(key) else {
            return;
        };
        let form = form(&key);
        if self.forms.len() >= FORMS && !self.forms.contains_key(&form) {
            return;
        }
        let places = self.forms.entry(form).or_default();
        for (place, symbol) in key.iter().take(REMEMBERED).enumerate() {
            if places.len() <= place {
                places.push(Symbols::default());
            }
            if let Some(symbols) = places.get_mut(place) {
                symbols.add(*symbol);
            }
        }
    }
}

/// Returns where the slashes of a key are.
fn form(key: &[char]) -> u128 {
    let slashes = key.iter().take(REMEMBERED).enumerate();
    slashes.fold(0, |form, (place, symbol)| {
        form | u128::from(*symbol == '/') << place
    })
}

impl Alphabet {
    /// Returns the symbols that a position is likely to have where these were seen.
    ///
    /// Where a position in front of it has changed already it `has_come_round`: then it has no more than were seen.
    fn of(seen: Symbols, guess: Guess, has_come_round: bool) -> Self {
        if let (Some((least, most)), Guess::Bold) = (seen.other, guess) {
            let run = if least > 0x7F {
                (least & !0xFFF, most | 0xFFF)
            } else {
                (least.min(0x20), most.max(0x7E))
            };
            return Self { runs: vec![run] };
        }
        let mut runs = Vec::new();
        if has_come_round {
            runs.extend([seen.digit, seen.upper, seen.lower].into_iter().flatten());
        } else {
            if seen.digit.is_some() {
                runs.push((u32::from('0'), u32::from('9')));
            }
            for (letters, first, hex, last) in
                [(seen.upper, 'A', 'F', 'Z'), (seen.lower, 'a', 'f', 'z')]
            {
                if let Some((_, most)) = letters {
                    let is_hex = seen.digit.is_some() && most <= u32::from(hex);
                    let last = if is_hex { hex } else { last };
                    runs.push((u32::from(first), u32::from(last)));
                }
            }
        }
        if let Some((least, most)) = seen.other {
            if runs.is_empty() && least != most && least > 0x7F && !has_come_round {
                // A script: its characters stand together, some thousands of them in East Asia.
                let block = if least >= EAST_ASIAN { 0xFFF } else { 0xFF };
                runs.push((least & !block, most | block));
            } else {
                runs.retain(|(from, to)| *to < least || *from > most);
                runs.push((least, most));
            }
        }
        runs.sort_unstable();
        Self { runs }
    }

    fn size(&self) -> u64 {
        let sizes = self.runs.iter().map(|(from, to)| u64::from(to - from) + 1);
        sizes.sum::<u64>().max(1)
    }

    /// Returns how many symbols come before `symbol`, which need not be one of them.
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

/// How much is guessed from what was seen at a position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Guess {
    /// A separator that never changes stays.
    Careful,
    /// Where a separator is, any symbol may be: for keys that no careful step leads to.
    Bold,
}

/// The key space as some keys show it.
#[derive(Debug)]
pub(crate) struct Space {
    alphabets: Vec<Alphabet>,
    /// Characters at the begin that all keys share because only such are listed.
    fixed: usize,
}

#[expect(
    clippy::cast_precision_loss,
    reason = "estimates: alphabets are small, and a float holds them exactly"
)]
impl Space {
    /// Returns the space that `keys` show, all of which begin with the same `fixed` bytes.
    ///
    /// What `memory` adds is of keys that look like the first of them.
    /// `None` when one of them is not UTF-8: then nothing is guessed.
    pub(crate) fn of(keys: &[&[u8]], fixed: usize, guess: Guess, memory: &Memory) -> Option<Self> {
        let keys: Option<Vec<Vec<char>>> = keys.iter().map(|key| characters(key)).collect();
        let keys = keys?;
        let longest = keys.iter().map(Vec::len).max().unwrap_or(0);
        let places = keys
            .first()
            .and_then(|first| memory.forms.get(&form(first)));
        let mut has_come_round = false;
        let mut alphabets = Vec::with_capacity(longest);
        for place in 0..longest {
            let known = places
                .and_then(|places| places.get(place))
                .copied()
                .unwrap_or_default();
            let mut seen = if has_come_round {
                known
            } else {
                Symbols::default()
            };
            for symbol in keys.iter().filter_map(|key| key.get(place).copied()) {
                seen.add(symbol);
            }
            alphabets.push(Alphabet::of(seen, guess, has_come_round));
            has_come_round |= !known.is_one();
        }
        let first = keys.first()?;
        let mut bytes = 0;
        let fixed = first.iter().take_while(|symbol| {
            bytes += symbol.len_utf8();
            bytes <= fixed
        });
        Some(Self {
            alphabets,
            fixed: fixed.count(),
        })
    }

    fn rank(&self, key: &[char], place: usize) -> f64 {
        let alphabet = self.alphabets.get(place);
        alphabet.map_or(0.0, |alphabet| {
            alphabet.rank(key.get(place).copied()) as f64
        })
    }

    fn size(&self, place: usize) -> f64 {
        self.alphabets
            .get(place)
            .map_or(1.0, |alphabet| alphabet.size() as f64)
    }

    /// Returns how far `high` lies above `low`; `None` when it does not, as far as digits can tell.
    pub(crate) fn distance(&self, low: &[u8], high: &[u8]) -> Option<Distance> {
        let (low, high) = (characters(low)?, characters(high)?);
        let place = (0..self.alphabets.len()).find(|place| low.get(*place) != high.get(*place))?;
        let (mut units, mut weight) = (0.0, 1.0);
        for place in place..(place + DEPTH).min(self.alphabets.len()) {
            units += (self.rank(&high, place) - self.rank(&low, place)) * weight;
            weight /= self.size(place + 1);
        }
        (units > 0.0).then_some(Distance { place, units })
    }

    /// Returns how often `step` goes into `distance`.
    pub(crate) fn ratio(&self, distance: Distance, step: Distance) -> f64 {
        let (from, to) = (
            distance.place.min(step.place),
            distance.place.max(step.place),
        );
        let scale: f64 = (from + 1..=to).map(|place| self.size(place)).product();
        if step.place > distance.place {
            distance.units * scale / step.units
        } else {
            distance.units / (scale * step.units)
        }
    }

    /// Returns a key that lies `factor` times `step` above `base`; `None` behind the last of the space.
    pub(crate) fn ahead(&self, base: &[u8], step: Distance, factor: f64) -> Option<Vec<u8>> {
        let mut key = characters(base)?;
        let place = step.place;
        key.truncate(place + DEPTH);
        let mut fraction = 0.0;
        let mut weight = 1.0 / self.size(place + 1);
        for place in place + 1..(place + DEPTH).min(self.alphabets.len()) {
            fraction += self.rank(&key, place) * weight;
            weight /= self.size(place + 1);
        }
        let moved = (fraction + step.units * factor).clamp(0.0, MAX_STEP);
        let mut fraction = moved.fract();
        let mut carry = whole(moved);
        key.truncate(place + 1);
        for place in (self.fixed..=place).rev() {
            if carry == 0 {
                break;
            }
            let alphabet = self.alphabets.get(place)?;
            let sum = alphabet.rank(key.get(place).copied()) + carry;
            let symbol = alphabet.symbol(sum % alphabet.size())?;
            match key.get_mut(place) {
                Some(slot) => *slot = symbol,
                None => key.resize(place + 1, symbol),
            }
            carry = sum / alphabet.size();
        }
        if carry > 0 {
            return None;
        }
        for place in key.len()..(place + 1 + FRACTION_DIGITS) {
            let Some(alphabet) = self.alphabets.get(place) else {
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

/// How far one key lies above another, in symbols of the first place where they differ.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Distance {
    place: usize,
    units: f64,
}

impl Distance {
    /// Returns `factor` times the distance.
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
    reason = "callers keep it between 0 and MAX_STEP"
)]
fn whole(value: f64) -> u64 {
    value as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Steps from the last of two neighbouring pages' keys.
    fn ahead(keys: [&str; 2], factor: f64) -> Option<String> {
        let [first, last] = keys.map(str::as_bytes);
        let space = Space::of(&[first, last], 0, Guess::Careful, &Memory::default()).unwrap();
        let step = space.distance(first, last).unwrap();
        let key = space.ahead(last, step, factor)?;
        Some(String::from_utf8(key).unwrap())
    }

    #[test]
    fn counters_go_on_counting() {
        let keys = ["file-00000000.bin", "file-00001000.bin"];

        assert!(ahead(keys, 4.0).unwrap().starts_with("file-00005000"));
        assert!(ahead(keys, 900.0).unwrap().starts_with("file-00901000"));
        assert_eq!(ahead(["9998", "9999"], 2.0), None);
    }

    #[test]
    fn what_overflows_carries_over_separators() {
        let keys = ["2026/01/07/80000000", "2026/01/07/c0000000"];

        assert!(ahead(keys, 1.0).unwrap().starts_with("2026/01/08/0"));
        assert!(ahead(keys, 12.0).unwrap().starts_with("2026/01/10/"));
    }

    #[test]
    fn scripts_are_stepped_through_in_order() {
        let key = ahead(["ключ-а", "ключ-в"], 2.0).unwrap();

        assert!(key.as_str() > "ключ-в" && key.starts_with("ключ-"), "{key}");
    }

    #[test]
    fn the_listed_prefix_is_never_left() {
        let [first, last] = ["app9/x1", "app9/x9"].map(str::as_bytes);
        let space = Space::of(&[first, last], 5, Guess::Careful, &Memory::default()).unwrap();
        let step = space.distance(first, last).unwrap();

        assert_eq!(space.ahead(last, step, 40.0), None);
    }

    #[test]
    fn distances_on_different_places_compare() {
        let [low, near, far] = ["k/1000", "k/1010", "k/2000"].map(str::as_bytes);
        let space = Space::of(&[low, near, far], 0, Guess::Careful, &Memory::default()).unwrap();
        let step = space.distance(low, near).unwrap();
        let all = space.distance(low, far).unwrap();

        assert!((space.ratio(all, step) - 100.0).abs() < 1e-6);
        assert!((space.ratio(step, all) - 0.01).abs() < 1e-9);
    }

    #[test]
    fn keys_that_are_not_utf8_are_not_guessed_from() {
        assert!(Space::of(&[b"a", &[0xFF]], 0, Guess::Careful, &Memory::default()).is_none());
    }
}
