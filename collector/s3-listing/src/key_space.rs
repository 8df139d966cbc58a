//! Predicts where keys are: which share of all keys lies between two keys, and which key lies some keys ahead. No I/O.
//!
//! The model learns from the keys of pages which symbols follow which. The symbols at one place of a key have a
//! distribution, so a key is a number between 0 and 1, as in arithmetic coding: its first symbol chooses a part of that
//! interval, the second one a part of the part. Keys that are equally far apart as numbers have about as many keys
//! between them, whatever alphabet, length or depth they have. A wrong prediction costs a request and never a byte:
//! ranges that meet at any key miss nothing and count nothing twice. Every predicted key is valid UTF-8, whose bytes
//! sort like its characters, which is S3's order.

mod context;
mod unseen;

use self::context::{Contexts, Place};

/// Maximum length of a key in bytes, by S3.
const MAX_KEY_BYTES: usize = 1024;
/// Symbols before the first new one that are learned again, so that frequent ones weigh more.
const LEARNED_BEFORE: usize = 24;
/// Symbols from the first new one on that are learned.
const LEARNED_AFTER: usize = 12;
/// Share of a distance below which further symbols do not matter.
const PRECISION: f64 = 1e-3;
/// Symbols that a predicted key has at most after the place where it leaves a known one.
const MAX_NEW_SYMBOLS: usize = 24;

/// First code point after those that are not characters.
const AFTER_SURROGATES: char = '\u{E000}';

/// A key as symbols.
pub(crate) type Symbols = Vec<char>;

/// Returns a key as symbols; `None` if it is not UTF-8.
pub(crate) fn symbols(key: &[u8]) -> Option<Symbols> {
    Some(std::str::from_utf8(key).ok()?.chars().collect())
}

/// Returns the number of symbols that two keys have in common at their start.
fn common(one: &[char], other: &[char]) -> usize {
    let pairs = one.iter().zip(other);
    pairs.take_while(|(one, other)| one == other).count()
}

/// What is known about the keys of one listing.
#[derive(Debug, Clone)]
pub(crate) struct KeyModel {
    prefix_bytes: usize,
    contexts: Contexts,
}

/// Distance between two keys, as a share of all keys that have their common prefix.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Distance {
    /// Number of symbols of the common prefix.
    position: usize,
    share: f64,
}

impl KeyModel {
    /// Returns the model of keys with a common prefix of `prefix_bytes` bytes.
    pub(crate) fn new(prefix_bytes: usize) -> Self {
        Self {
            prefix_bytes,
            contexts: Contexts::default(),
        }
    }

    /// Learns from `key`, which is listed after `previous`: a key that `is_listed` too, or one that was predicted.
    pub(crate) fn learn(&mut self, previous: Option<&[char]>, is_listed: bool, key: &[char]) {
        let new = previous.map_or(0, |previous| common(previous, key));
        let from = new.saturating_sub(LEARNED_BEFORE);
        let mut place = Place::before(key, from);
        let part = key.iter().enumerate().take(new + LEARNED_AFTER).skip(from);
        for (index, symbol) in part {
            self.contexts.learn(key, index, place, new);
            place.advance(*symbol);
        }
        let other = previous
            .filter(|_| is_listed)
            .and_then(|previous| previous.get(new));
        for symbol in other.into_iter().chain(key.get(new)) {
            self.contexts.learn_varying(*symbol);
        }
    }

    /// Returns the distance from `low` to `high`; `None` if the model does not distinguish them.
    pub(crate) fn distance(&self, low: &[char], high: &[char]) -> Option<Distance> {
        let position = common(low, high);
        let share = self.share_before(high, position) - self.share_before(low, position);
        (share > 0.0).then_some(Distance { position, share })
    }

    /// Returns the share of keys before `key`, of those with its first `position` symbols.
    fn share_before(&self, key: &[char], position: usize) -> f64 {
        let (mut before, mut weight) = (0.0, 1.0);
        let mut place = Place::before(key, position);
        for symbol in key.iter().skip(position) {
            let distribution = self.contexts.at(place);
            place.advance(*symbol);
            before += weight * distribution.before(*symbol);
            weight *= distribution.of(*symbol);
            if weight < PRECISION * before.min(1.0 - before) {
                break;
            }
        }
        before + weight / 2.0
    }

    /// Returns how many times as long as `step` a `distance` is. Both are between keys that begin like `path`.
    pub(crate) fn ratio(&self, path: &[char], distance: Distance, step: Distance) -> f64 {
        let from = distance.position.min(step.position);
        let to = distance.position.max(step.position);
        let mut place = Place::before(path, from);
        let mut part = 1.0;
        for symbol in path.iter().take(to).skip(from) {
            part *= self.contexts.at(place).of(*symbol);
            place.advance(*symbol);
        }
        if step.position > distance.position {
            distance.share / (step.share * part)
        } else {
            distance.share * part / step.share
        }
    }

    /// Returns the key that lies `factor` times `step` after `base`; `None` beyond the end, or after `until`.
    pub(crate) fn ahead(
        &self,
        base: &[char],
        until: Option<&[char]>,
        step: Distance,
        factor: f64,
    ) -> Option<Vec<u8>> {
        let mut position = step.position.min(base.len());
        let mut wanted = self.share_before(base, position) + step.share * factor;
        // Where the keys with a common prefix end, those with a shorter one continue; not beyond those that begin like
        // `until`.
        let shortest = until.map_or(0, |until| common(base, until));
        let mut places = Vec::new();
        if wanted >= 1.0 {
            places = Place::all(base.get(..position)?);
        }
        while wanted >= 1.0 {
            position = position
                .checked_sub(1)
                .filter(|position| *position >= shortest)?;
            let symbol = *base.get(position)?;
            let distribution = self.contexts.at(*places.get(position)?);
            wanted = distribution.before(symbol) + distribution.of(symbol) * wanted;
        }
        self.key_at(base, position, wanted, step.share * factor, until.is_some())
    }

    /// Returns the key with this `part` of the keys between two others before it.
    pub(crate) fn between(&self, low: &[char], high: &[char], part: f64) -> Option<Vec<u8>> {
        let by_keys = self.between_by_keys(low, high, part);
        by_keys.or_else(|| self.between_by_codes(low, high, part))
    }

    /// Returns the key between two others by their first different symbols, where no key is known between them.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a part of a code point's distance"
    )]
    pub(crate) fn between_by_codes(
        &self,
        low: &[char],
        high: &[char],
        part: f64,
    ) -> Option<Vec<u8>> {
        let mut position = common(low, high);
        let from = low.get(position).map_or(0, |symbol| u32::from(*symbol));
        let distance = u32::from(*high.get(position)?).checked_sub(from)?;
        let mut code = from + ((f64::from(distance) * part) as u32).max(1);
        if distance < 2 {
            // After all keys that begin like `low` and one more symbol.
            position += 1;
            code = u32::from(*low.get(position)?) + 1;
        }
        let symbol = char::from_u32(code).unwrap_or(AFTER_SURROGATES);
        let start = low.get(..position)?.iter().chain([&symbol]);
        let key = start.collect::<String>().into_bytes();
        let [low, high] = [low, high].map(|key| key.iter().collect::<String>().into_bytes());
        let is_inside = low < key && key < high && key.len() > self.prefix_bytes;
        (is_inside && key.len() <= MAX_KEY_BYTES).then_some(key)
    }

    /// Returns the same by the symbols that are known; `None` if there are none.
    fn between_by_keys(&self, low: &[char], high: &[char], part: f64) -> Option<Vec<u8>> {
        let position = common(low, high);
        let from = self.share_before(low, position);
        let step = (self.share_before(high, position) - from) * part;
        let key = self.key_at(low, position, from + step, step, true)?;
        let high: String = high.iter().collect();
        (key.as_slice() < high.as_bytes()).then_some(key)
    }

    /// Returns the key after `base` with a share of keys before it, of those with the first `position` symbols of `base`.
    ///
    /// It is as long as needed for this share to be exact, compared with the share `step`. It consists of known symbols
    /// if `is_known`.
    fn key_at(
        &self,
        base: &[char],
        position: usize,
        share: f64,
        step: f64,
        is_known: bool,
    ) -> Option<Vec<u8>> {
        let mut key = base.get(..position)?.to_vec();
        let length: usize = key.iter().map(|symbol| symbol.len_utf8()).sum();
        if length < self.prefix_bytes {
            return None;
        }
        let (mut share, mut precision) = (share, 1.0);
        let mut place = Place::before(&key, position);
        let mut new = 0;
        while new < MAX_NEW_SYMBOLS && key.len() < MAX_KEY_BYTES {
            let Some((symbol, before, part)) = self.contexts.at(place).symbol_at(share, is_known)
            else {
                break;
            };
            if share >= before + part {
                share = before + part / 2.0;
            }
            key.push(symbol);
            place.advance(symbol);
            precision *= part;
            let leaves_base = new > 0 || base.get(key.len() - 1) != Some(&symbol);
            new += usize::from(leaves_base);
            if part <= 0.0 || leaves_base && precision < PRECISION * step {
                break;
            }
            share = ((share - before) / part).clamp(0.0, 1.0);
        }
        let key = key.into_iter().collect::<String>().into_bytes();
        let base: String = base.iter().collect();
        (key.as_slice() > base.as_bytes() && key.len() <= MAX_KEY_BYTES).then_some(key)
    }
}

#[cfg(test)]
mod tests;
