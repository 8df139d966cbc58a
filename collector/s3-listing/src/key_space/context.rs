//! Which symbols follow in which context: the distributions that make keys numbers.
//!
//! A symbol has two families of contexts: its position in its folder, and the symbols before it. The family that
//! predicted recent keys better counts more. What its contexts have not shown is taken from all places where keys differ.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use super::AFTER_SURROGATES;
use super::unseen::Unseen;

/// Contexts that are remembered: some megabytes.
const MAX_CONTEXTS: usize = 16_384;
/// Symbols that are remembered of one context.
const MAX_SYMBOLS: usize = 1_024;
/// Weight of a context at which all its weights are halved, so that recent keys count more.
const MAX_WEIGHT: f32 = 65_536.0;
/// The same of positions, and of symbols that vary: they depend on the folder, and keys of the same one come together.
const MAX_LOCAL_WEIGHT: f32 = 256.0;
/// Symbols after the first new one whose varying ones are known as places where keys differ.
const NEAR: usize = 8;
/// Places from which on a context with several symbols counts: one place is seen from its start, so its symbols so far
/// say nothing about those after them.
const MIN_PLACES: f64 = 2.0;
/// How much more likely it is that a symbol varies which was seen once and varies elsewhere, than that it never does.
const VARYING: f64 = 100.0;
/// How much the family that predicted better by a bit is preferred, as a power of two.
const LOSS_WEIGHT: f64 = 16.0;
/// Factor by which old predictions count less with each new one.
const LOSS_DECAY: f64 = 0.995;
/// Factor by which older symbols that a context had not shown count less with each new one.
const FAMILIAR_DECAY: f64 = 0.98;
/// Share below which a prediction is not worse.
const MIN_SHARE: f64 = 1e-4;
/// Contexts of one family, the more general one first.
const CONTEXTS: usize = 2;

/// The distributions of symbols in all contexts.
#[derive(Debug, Clone, Default)]
pub(super) struct Contexts {
    seen: HashMap<u64, Seen, BuildHasherDefault<ByHash>>,
    /// Symbols in which neighbouring keys differ.
    varying: Seen,
    /// How badly each family predicted symbols, in bits.
    losses: [f64; 2],
    unseen: Unseen,
    /// How many symbols that their position had not shown varied elsewhere, and how many did not.
    familiar: f64,
    novel: f64,
}

/// Symbols seen in one context.
#[derive(Debug, Clone, Default)]
struct Seen {
    /// In order, with their weights.
    symbols: Vec<(char, f32)>,
    total: f32,
    /// Number of places where it was seen.
    places: f32,
}

/// What was seen in the contexts of one family, and elsewhere, each with its share.
type Parts<'m> = [Option<(&'m Seen, f64)>; CONTEXTS + 1];

/// The distribution of a symbol: what was seen in several contexts, each with its share.
///
/// The rest are symbols that were never seen.
#[derive(Debug)]
pub(super) struct Distribution<'m> {
    families: [Parts<'m>; 2],
    unseen: &'m Unseen,
    rest: f64,
}

impl Contexts {
    /// Learns the symbol of `key` at `index`, which is `place`, from `new` on where no key was seen before.
    pub(super) fn learn(&mut self, key: &[char], index: usize, place: Place, new: usize) {
        let Some(symbol) = key.get(index).copied() else {
            return;
        };
        if index >= new {
            self.learn_familiarity(place, symbol);
            for family in [0, 1] {
                let share = share_of(&self.family(place, family, 1.0), symbol);
                if let Some(loss) = self.losses.get_mut(family) {
                    *loss = *loss * LOSS_DECAY - share.max(MIN_SHARE).log2();
                }
            }
        }
        if index > new && index < new + NEAR {
            let [position, _] = place.contexts(0);
            let is_varying = |seen: &Seen| seen.symbols.len() > 1;
            if self.seen.get(&position).is_some_and(is_varying) {
                self.learn_varying(symbol);
            }
        }
        for (family, most) in [(0, MAX_LOCAL_WEIGHT), (1, MAX_WEIGHT)] {
            for context in place.contexts(family) {
                if self.seen.len() < MAX_CONTEXTS || self.seen.contains_key(&context) {
                    let seen = self.seen.entry(context).or_default();
                    seen.add(symbol, index > new, most);
                }
            }
        }
    }

    /// Learns whether a symbol that its position has not shown varies elsewhere.
    fn learn_familiarity(&mut self, place: Place, symbol: char) {
        let [position, _] = place.contexts(0);
        let seen = self.seen.get(&position);
        if seen.is_some_and(|seen| seen.find(symbol).is_ok()) {
            return;
        }
        self.familiar *= FAMILIAR_DECAY;
        self.novel *= FAMILIAR_DECAY;
        if self.varying.find(symbol).is_ok() {
            self.familiar += 1.0;
        } else {
            self.novel += 1.0;
        }
    }

    /// Learns that two neighbouring keys differ in `symbol`.
    pub(super) fn learn_varying(&mut self, symbol: char) {
        let before = self.varying.symbols.len();
        self.varying.add(symbol, true, MAX_LOCAL_WEIGHT);
        if self.varying.symbols.len() > before {
            let symbols = self.varying.symbols.iter();
            self.unseen = Unseen::between(symbols.map(|(symbol, _)| u32::from(*symbol)));
        }
    }

    /// Returns the distribution of the symbol at `place`.
    pub(super) fn at(&self, place: Place) -> Distribution<'_> {
        let [by_position, by_symbols] = self.losses;
        let bits = (by_symbols - by_position) * (1.0 - LOSS_DECAY);
        let weight = 1.0 / (1.0 + (-bits * LOSS_WEIGHT).exp2());
        let families = [
            self.family(place, 0, weight),
            self.family(place, 1, 1.0 - weight),
        ];
        let known = known_parts(&families).map(|(_, share)| share).sum::<f64>();
        Distribution {
            families,
            unseen: &self.unseen,
            rest: if self.unseen.is_empty() {
                0.0
            } else {
                (1.0 - known).max(0.0)
            },
        }
    }

    /// Returns what one family of contexts has seen at `place`, with shares that add up to less than `weight`.
    fn family(&self, place: Place, family: usize, weight: f64) -> Parts<'_> {
        let mut parts = [None; CONTEXTS + 1];
        let [elsewhere, known @ ..] = &mut parts;
        let (mut rest, mut is_constant) = (weight, false);
        let contexts = place.contexts(family);
        let seen_here = contexts.iter().rev().map(|context| self.seen.get(context));
        for (part, seen) in known.iter_mut().zip(seen_here) {
            // Two contexts that have shown the same symbol only are one observation.
            let Some(seen) = seen.filter(|seen| !is_constant || seen.symbols.len() > 1) else {
                continue;
            };
            is_constant = seen.symbols.len() == 1;
            let share = rest * seen.confidence(&self.varying);
            rest -= share;
            *part = Some((seen, share));
        }
        let familiar = (1.0 + self.familiar) / (2.0 + self.familiar + self.novel);
        *elsewhere = Some((&self.varying, rest * familiar));
        parts
    }
}

/// Returns the parts in which any symbol was seen.
fn known_parts<'d, 'm>(
    families: &'d [Parts<'m>; 2],
) -> impl Iterator<Item = &'d (&'m Seen, f64)> + use<'d, 'm> {
    let parts = families.iter().flatten().flatten();
    parts.filter(|(seen, _)| !seen.symbols.is_empty())
}

/// Returns the share of a symbol in what was seen.
fn share_of(parts: &Parts<'_>, symbol: char) -> f64 {
    let parts = parts.iter().flatten();
    let known = parts.filter(|(seen, _)| !seen.symbols.is_empty());
    known.fold(0.0, |sum, (seen, share)| sum + share * seen.of(symbol))
}

impl Seen {
    fn find(&self, symbol: char) -> Result<usize, usize> {
        self.symbols
            .binary_search_by_key(&symbol, |(known, _)| *known)
    }

    fn add(&mut self, symbol: char, is_new: bool, most: f32) {
        match self.find(symbol) {
            Ok(index) => {
                if let Some((_, weight)) = self.symbols.get_mut(index) {
                    *weight += 1.0;
                }
            }
            Err(_) if self.symbols.len() >= MAX_SYMBOLS => return,
            Err(index) => self.symbols.insert(index, (symbol, 1.0)),
        }
        self.total += 1.0;
        self.places += f32::from(u8::from(is_new));
        if self.total >= most {
            self.symbols
                .iter_mut()
                .for_each(|(_, weight)| *weight /= 2.0);
            self.total /= 2.0;
            self.places /= 2.0;
        }
    }

    /// Returns the share of symbols that are assumed to be among those seen, as Witten and Bell estimate it.
    ///
    /// A context with one symbol is constant, like a separator, unless that symbol varies elsewhere, like a digit.
    #[expect(clippy::cast_precision_loss, reason = "at most MAX_SYMBOLS")]
    fn confidence(&self, varying: &Self) -> f64 {
        let places = f64::from(self.places.max(1.0));
        match self.symbols.as_slice() {
            [] => 0.0,
            [(only, _)] => {
                let chance = varying
                    .find(*only)
                    .map_or(0.0, |_| 1.0 / varying.symbols.len() as f64);
                1.0 / (1.0 + VARYING * chance.powf(places))
            }
            _ if places < MIN_PLACES => 0.0,
            symbols => places / (places + symbols.len() as f64),
        }
    }

    fn before(&self, symbol: char) -> f64 {
        let before = self.symbols.iter().take_while(|(known, _)| *known < symbol);
        f64::from(before.map(|(_, weight)| weight).sum::<f32>() / self.total)
    }

    fn of(&self, symbol: char) -> f64 {
        let found = self
            .find(symbol)
            .ok()
            .and_then(|index| self.symbols.get(index));
        found.map_or(0.0, |(_, weight)| f64::from(weight / self.total))
    }
}

impl Distribution<'_> {
    /// Returns the share of symbols before `symbol`.
    pub(super) fn before(&self, symbol: char) -> f64 {
        let (unseen, _) = self.unseen.share(u32::from(symbol));
        known_parts(&self.families).fold(self.rest * unseen, |sum, (seen, share)| {
            sum + share * seen.before(symbol)
        })
    }

    /// Returns the share of `symbol`.
    pub(super) fn of(&self, symbol: char) -> f64 {
        let (_, unseen) = self.unseen.share(u32::from(symbol));
        let families = self.families.iter();
        families.fold(self.rest * unseen, |sum, parts| {
            sum + share_of(parts, symbol)
        })
    }

    /// Returns the symbol at a share of all, with the share before it and its own.
    ///
    /// Behind all known symbols, that is the last of them if it must be known. Otherwise, it is the one after that, with
    /// no share.
    pub(super) fn symbol_at(&self, wanted: f64, is_known: bool) -> Option<(char, f64, f64)> {
        let mut all: Vec<(char, f64)> = Vec::new();
        for (seen, share) in known_parts(&self.families) {
            let weight = share / f64::from(seen.total);
            let weighted = |(symbol, count): &(char, f32)| (*symbol, weight * f64::from(*count));
            all.extend(seen.symbols.iter().map(weighted));
        }
        all.sort_unstable_by_key(|(symbol, _)| *symbol);
        let mut seen_before = 0.0;
        let mut most = None;
        for same in all.chunk_by(|(one, _), (other, _)| one == other) {
            let (symbol, _) = *same.first()?;
            let seen = same.iter().fold(0.0, |sum, (_, share)| sum + share);
            let (unseen_before, unseen) = self.unseen.share(u32::from(symbol));
            let before = seen_before + self.rest * unseen_before;
            let share = seen + self.rest * unseen;
            if wanted < before {
                return self.unseen_at(wanted, seen_before);
            }
            if wanted < before + share {
                return Some((symbol, before, share));
            }
            seen_before += seen;
            most = Some((symbol, before, share));
        }
        if let Some(unseen) = self.unseen_at(wanted, seen_before) {
            return Some(unseen);
        }
        if is_known {
            return most;
        }
        let (last, _) = all.last()?;
        let next = char::from_u32(u32::from(*last) + 1)?;
        Some((next, seen_before + self.rest, 0.0))
    }

    /// Returns the same of a symbol that was never seen, after those that were with the share `seen_before`.
    fn unseen_at(&self, wanted: f64, seen_before: f64) -> Option<(char, f64, f64)> {
        if self.rest <= 0.0 {
            return None;
        }
        let code = self.unseen.code_at((wanted - seen_before) / self.rest)?;
        let (before, share) = self.unseen.share(code);
        let symbol = char::from_u32(code).unwrap_or(AFTER_SURROGATES);
        Some((symbol, seen_before + self.rest * before, self.rest * share))
    }
}

/// A place in a key.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Place {
    folder: u64,
    offset: u64,
    last: u64,
    before_last: u64,
}

impl Place {
    /// Returns the place of the symbol of `key` at `index`.
    pub(super) fn before(key: &[char], index: usize) -> Self {
        let mut place = Self::default();
        for symbol in key.iter().take(index) {
            place.advance(*symbol);
        }
        place
    }

    /// Returns the places of all symbols of `key`.
    pub(super) fn all(key: &[char]) -> Vec<Self> {
        let next = |place: &mut Self, symbol: &char| {
            let current = *place;
            place.advance(*symbol);
            Some(current)
        };
        key.iter().scan(Self::default(), next).collect()
    }

    /// Moves behind `symbol`.
    pub(super) fn advance(&mut self, symbol: char) {
        if symbol == '/' {
            self.folder += 1;
            self.offset = 0;
        } else {
            self.offset += 1;
        }
        self.before_last = self.last;
        self.last = u64::from(symbol) + 1;
    }

    /// Returns the contexts of a family: 0 by position, 1 by the symbols before.
    fn contexts(&self, family: usize) -> [u64; CONTEXTS] {
        let Self {
            folder,
            offset,
            last,
            before_last,
        } = *self;
        let position = folder << 12 | offset;
        match family {
            0 => [hash(1, position, 0), hash(2, position, last)],
            _ => [hash(3, last, 0), hash(4, last, before_last)],
        }
    }
}

fn hash(kind: u64, one: u64, other: u64) -> u64 {
    let mixed = (one << 24 ^ other << 3 ^ kind).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    (mixed ^ mixed >> 32).wrapping_mul(0xBF58_476D_1CE4_E5B9)
}

/// Takes a hash as it is.
#[derive(Debug, Clone, Copy, Default)]
struct ByHash(u64);

impl Hasher for ByHash {
    fn finish(&self) -> u64 {
        self.0 ^ self.0 >> 32
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0 << 8 ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = number;
    }
}
