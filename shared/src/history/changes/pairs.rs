//! Which part at the second time is which part at the first time.

use std::collections::{BTreeMap, VecDeque};

use super::ChangesError;
use super::parts::{Part, PartKind, PartName};

/// Fewest bytes of a table that is recognized by its size alone: many small tables have the same.
const PROBABLE_BYTES: u64 = 1 << 20;

/// A part at both times, or at the one that it exists at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pair {
    pub(super) from: Option<Part>,
    pub(super) to: Option<Part>,
    /// Whether nothing but module and size shows that the two are the same.
    pub(super) is_probable: bool,
}

impl Pair {
    fn new(from: Option<Part>, to: Option<Part>) -> Self {
        Self {
            from,
            to,
            is_probable: false,
        }
    }

    /// Returns whether its size is not known at a time that it exists at.
    fn is_unsized(&self) -> bool {
        let parts = [&self.from, &self.to];
        parts.into_iter().flatten().any(|part| part.bytes.is_none())
    }
}

/// Returns the pairs whose sizes are known, and those of which one is not.
pub(super) fn split([from, to]: [Vec<Part>; 2]) -> (Vec<Pair>, Vec<Pair>) {
    let pairs = matched(from, to);
    pairs.into_iter().partition(|pair| !pair.is_unsized())
}

/// Returns the sum of one side.
pub(super) fn total(pairs: &[Pair], side: fn(&Pair) -> Option<&Part>) -> i128 {
    let parts = pairs.iter().filter_map(side);
    let bytes = parts.filter_map(|part| part.bytes);
    bytes.map(i128::from).sum()
}

/// Returns every part once: by number, then by name, then by module and size.
fn matched(from: Vec<Part>, to: Vec<Part>) -> Vec<Pair> {
    let mut pairs = Vec::new();
    let mut to: Vec<_> = to.into_iter().map(Some).collect();
    let numbered = to.iter().enumerate().rev();
    let mut by_id: BTreeMap<u64, usize> = numbered
        .filter_map(|(index, part)| Some((part.as_ref()?.id?, index)))
        .collect();
    let mut left = Vec::new();
    for part in from {
        let index = part.id.and_then(|id| by_id.remove(&id));
        match index.and_then(|index| to.get_mut(index)?.take()) {
            Some(same) => pairs.push(Pair::new(Some(part), Some(same))),
            None => left.push(part),
        }
    }

    let mut by_name: BTreeMap<_, VecDeque<Part>> = BTreeMap::new();
    for part in to.into_iter().flatten() {
        let key = owned_key(&part);
        by_name.entry(key).or_default().push_back(part);
    }
    let mut gone = Vec::new();
    for part in left {
        let same = by_name.get_mut(&owned_key(&part));
        let is_other = |other: &Part| part.id.zip(other.id).is_some_and(|(one, two)| one != two);
        match same.and_then(|parts| parts.pop_front_if(|other| !is_other(other))) {
            Some(same) => pairs.push(Pair::new(Some(part), Some(same))),
            None => gone.push(part),
        }
    }
    let new = by_name.into_values().flatten().collect();
    pairs.extend(probable(gone, new));
    pairs
}

/// Returns pairs of what is left, where module and size of a large table are those of one gone and one new table alone
/// and not both have a number.
fn probable(gone: Vec<Part>, new: Vec<Part>) -> Vec<Pair> {
    let sign = |part: &Part| {
        let bytes = part.bytes.filter(|bytes| *bytes >= PROBABLE_BYTES)?;
        let is_table = part.name.part == PartKind::Table;
        is_table.then(|| (part.name.module.clone(), bytes))
    };
    let mut found: BTreeMap<_, (usize, usize)> = BTreeMap::new();
    for sign in gone.iter().filter_map(sign) {
        found.entry(sign).or_default().0 += 1;
    }
    for sign in new.iter().filter_map(sign) {
        found.entry(sign).or_default().1 += 1;
    }
    let mut new: Vec<_> = new.into_iter().map(Some).collect();
    let mut pairs = Vec::new();
    for part in gone {
        let own = sign(&part).filter(|own| found.get(own) == Some(&(1, 1)));
        let same = own.and_then(|own| {
            new.iter_mut().find_map(|other| {
                let is_same = |other: &mut Part| {
                    sign(other).as_ref() == Some(&own) && part.id.and(other.id).is_none()
                };
                other.take_if(is_same)
            })
        });
        pairs.push(Pair {
            is_probable: same.is_some(),
            ..Pair::new(Some(part), same)
        });
    }
    let rest = new.into_iter().flatten();
    pairs.extend(rest.map(|part| Pair::new(None, Some(part))));
    pairs
}

/// Returns the sums of tables by module; other parts stay as they are.
///
/// A table whose module is known at one of the two times only belongs to it at both: the list of entities could not be
/// read at the other.
pub(super) fn by_module(pairs: Vec<Pair>) -> Result<Vec<Pair>, ChangesError> {
    let mut modules: BTreeMap<Option<String>, [Option<u64>; 2]> = BTreeMap::new();
    let mut others = Vec::new();
    for pair in pairs {
        let Pair { from, to, .. } = &pair;
        let either = from.as_ref().or(to.as_ref());
        if either.is_none_or(|part| part.name.part != PartKind::Table) {
            others.push(pair);
            continue;
        }
        let module = |part: &Option<Part>| part.as_ref()?.name.module.clone();
        let known = [module(from).or(module(to)), module(to).or(module(from))];
        for ((part, module), index) in [from, to].into_iter().zip(known).zip(0_usize..) {
            let Some(bytes) = part.as_ref().and_then(|part| part.bytes) else {
                continue;
            };
            if let Some(sum) = modules.entry(module).or_default().get_mut(index) {
                let more = sum.unwrap_or(0).checked_add(bytes);
                *sum = Some(more.ok_or(ChangesError::OutOfRange)?);
            }
        }
    }
    let pair = |(module, sums): (Option<String>, [Option<u64>; 2])| {
        let [from, to] = sums.map(|bytes| {
            Some(Part {
                name: PartName::of_module(module.clone()),
                id: None,
                bytes: Some(bytes?),
            })
        });
        Pair::new(from, to)
    };
    others.extend(modules.into_iter().map(pair));
    Ok(others)
}

fn owned_key(part: &Part) -> (PartKind, [Option<String>; 3]) {
    let (kind, schema, table, class) = part.name.key();
    (
        kind,
        [schema, table, class].map(|text| text.map(str::to_owned)),
    )
}
