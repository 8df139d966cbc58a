//! Shapes that nobody chose: a seed decides what keys consist of. No I/O.
//!
//! A shape is a tree: keys of one kind, or a mixture of several kinds, each with a prefix and a share of the keys. A
//! kind is a list of parts: names, dates, counters, random text over an alphabet, folders of random depth. Lengths,
//! alphabets and shares differ by orders of magnitude.

use std::collections::BTreeSet;

use crate::shapes::{Numbers, uuid};

/// Longest key that S3 accepts, in bytes.
const MAX_KEY_BYTES: usize = 1024;
/// Attempts at a shape with enough different keys.
const ATTEMPTS: usize = 50;

/// Returns about `count` keys of the shape that `seed` decides, in order.
pub(crate) fn keys_of_seed(seed: u64, count: usize) -> Vec<String> {
    let mut numbers = Numbers(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15));
    let mut most = BTreeSet::new();
    for _ in 0..ATTEMPTS {
        let shape = Shape::random(&mut numbers, 2);
        let keys = shape.keys(count, &mut numbers);
        if keys.len() > most.len() {
            most = keys;
        }
        if most.len() * 10 >= count * 9 {
            break;
        }
    }
    most.into_iter().collect()
}

/// What the keys of a bucket, or of a part of it, look like.
#[derive(Debug)]
enum Shape {
    Kind(Vec<Part>),
    /// Shapes with their prefixes and shares.
    Mixture(Vec<(String, usize, Shape)>),
}

#[derive(Debug)]
enum Part {
    Text(String),
    /// One of these names; a `power` of 1 chooses all equally often, a higher one prefers the first.
    Name(Vec<String>, u32),
    /// A number that grows with each key, in the digits of an alphabet, with a minimum width.
    Counter(Vec<char>, usize),
    /// Random symbols: an alphabet, a minimum and a maximum length.
    Random(Vec<char>, usize, usize),
    /// A random text whose first symbols are more frequent.
    Skewed(Vec<char>, usize),
    Uuid,
    /// A day of some years.
    Date(&'static str, usize),
    /// Folders of random depth: a name for each level, chosen with this power.
    Folders(Vec<String>, usize, u32),
}

impl Shape {
    fn random(numbers: &mut Numbers, levels: usize) -> Self {
        if levels == 0 || numbers.below(2) == 0 {
            return Self::Kind(kind(numbers));
        }
        let count = 2 + numbers.below(5);
        let equal = numbers.below(2) == 0;
        let parts = (0..count).map(|_| {
            let share = if equal { 1 } else { 1 << numbers.below(8) };
            let prefix = match numbers.below(4) {
                0 => String::new(),
                1 => format!("{:016x}/", numbers.random()),
                2 => text(numbers) + "/",
                _ => symbol(&alphabet(numbers), numbers).to_string(),
            };
            (prefix, share, Self::random(numbers, levels - 1))
        });
        Self::Mixture(parts.collect())
    }

    fn keys(&self, count: usize, numbers: &mut Numbers) -> BTreeSet<String> {
        let mut keys = BTreeSet::new();
        for number in 0..count * 3 / 2 {
            if keys.len() == count {
                break;
            }
            let mut key = String::new();
            self.push(&mut key, number, count, numbers);
            truncate(&mut key);
            if !key.is_empty() {
                keys.insert(key);
            }
        }
        keys
    }

    fn push(&self, key: &mut String, number: usize, count: usize, numbers: &mut Numbers) {
        match self {
            Self::Kind(parts) => {
                for part in parts {
                    part.push(key, number, count, numbers);
                }
            }
            Self::Mixture(shapes) => {
                let all: usize = shapes.iter().map(|(_, share, _)| share).sum();
                let mut chosen = numbers.below(all);
                for (prefix, share, shape) in shapes {
                    if chosen < *share {
                        key.push_str(prefix);
                        return shape.push(key, number, count, numbers);
                    }
                    chosen -= share;
                }
            }
        }
    }
}

impl Part {
    fn push(&self, key: &mut String, number: usize, count: usize, numbers: &mut Numbers) {
        match self {
            Self::Text(text) => key.push_str(text),
            Self::Name(names, power) => key.push_str(choice::<String>(names, *power, numbers)),
            Self::Counter(digits, width) => push_number(key, number, digits, *width),
            Self::Random(alphabet, least, most) => {
                let length = least + numbers.below(most - least + 1);
                key.extend((0..length).map(|_| symbol(alphabet, numbers)));
            }
            Self::Skewed(alphabet, length) => {
                key.extend((0..*length).map(|_| *choice(alphabet, 3, numbers)));
            }
            Self::Uuid => key.push_str(&uuid(numbers)),
            Self::Date(separator, days) => {
                let day = number * days / count;
                let (year, month, day) = (2019 + day / 336, day / 28 % 12 + 1, day % 28 + 1);
                *key += &format!("{year}{separator}{month:02}{separator}{day:02}");
            }
            Self::Folders(names, depth, power) => {
                for _ in 0..numbers.below(depth + 1) {
                    key.push_str(choice::<String>(names, *power, numbers));
                    key.push('/');
                }
            }
        }
    }
}

fn kind(numbers: &mut Numbers) -> Vec<Part> {
    let mut parts = Vec::new();
    if numbers.below(8) == 0 {
        let length = 100 + numbers.below(820);
        let name = text(numbers);
        parts.push(Part::Text(name.chars().cycle().take(length).collect()));
    }
    for _ in 0..1 + numbers.below(4) {
        parts.push(part(numbers));
        if numbers.below(2) == 0 {
            let separators = ["/", "-", "_", ".", "=", " ", "/é/", "&<>+%/", "\u{1}"];
            parts.push(Part::Text(
                separators[numbers.below(separators.len())].into(),
            ));
        }
    }
    // Most kinds need an end of their own to have enough different keys.
    parts.push(match numbers.below(5) {
        0 => Part::Counter(alphabet(numbers), 1),
        1 => Part::Counter("0123456789".chars().collect(), 9),
        2 => Part::Uuid,
        3 => Part::Random(
            alphabet(numbers),
            1 + numbers.below(6),
            6 + numbers.below(12),
        ),
        _ => Part::Random(alphabet(numbers), 12, 12),
    });
    if numbers.below(10) == 0 {
        let alphabet = alphabet(numbers);
        parts.push(Part::Text(
            (0..1000).map(|_| symbol(&alphabet, numbers)).collect(),
        ));
    }
    let suffixes = ["", "", ".json", ".dat", "/"];
    parts.push(Part::Text(suffixes[numbers.below(suffixes.len())].into()));
    parts
}

fn part(numbers: &mut Numbers) -> Part {
    match numbers.below(8) {
        0 => Part::Text(text(numbers)),
        1 | 2 => {
            let limit = 1 << (1 + numbers.below(10));
            let count = 1 + numbers.below(limit);
            let names = (0..count).map(|_| text(numbers)).collect();
            Part::Name(names, 1 + u32::try_from(numbers.below(5)).unwrap())
        }
        3 => Part::Date(["/", "-", ""][numbers.below(3)], 1 << numbers.below(11)),
        4 => Part::Skewed(alphabet(numbers), 1 + numbers.below(8)),
        5 => {
            let names = (0..2 + numbers.below(6)).map(|_| text(numbers)).collect();
            let power = 1 + u32::try_from(numbers.below(3)).unwrap();
            Part::Folders(names, 1 + numbers.below(8), power)
        }
        6 => Part::Uuid,
        _ => {
            let least = numbers.below(4);
            Part::Random(alphabet(numbers), least, least + numbers.below(6))
        }
    }
}

fn text(numbers: &mut Numbers) -> String {
    let alphabet = alphabet(numbers);
    let length = 1 + numbers.below(10);
    (0..length).map(|_| symbol(&alphabet, numbers)).collect()
}

/// Returns symbols that a part consists of: a usual set, a few of a usual set, or a few of all.
fn alphabet(numbers: &mut Numbers) -> Vec<char> {
    let usual: Vec<char> = match numbers.below(12) {
        0 => ('0'..='9').collect(),
        1 => ('0'..='9').chain('a'..='f').collect(),
        2 => ('a'..='z').collect(),
        3 => ('A'..='Z').collect(),
        4 => ('0'..='9').chain('A'..='Z').chain('a'..='z').collect(),
        5 => ('0'..='9')
            .chain('A'..='Z')
            .chain('a'..='z')
            .chain(['-', '_'])
            .collect(),
        6 => (' '..='~').collect(),
        7 => ('\u{1}'..='\u{7f}').collect(),
        8 => ('а'..='я').collect(),
        9 => ('\u{4E00}'..='\u{4E00}')
            .chain('\u{4E00}'..'\u{55D0}')
            .collect(),
        10 => "é日zA😀ß/ ~!".chars().collect(),
        _ => ('\u{20}'..'\u{3000}')
            .step_by(97)
            .chain('\u{1F300}'..'\u{1F500}')
            .collect(),
    };
    if numbers.below(3) > 0 {
        return usual;
    }
    let few = 2 + numbers.below(6);
    let chosen: BTreeSet<char> = (0..few).map(|_| symbol(&usual, numbers)).collect();
    // One symbol alone makes no difference between keys.
    if chosen.len() < 2 {
        usual
    } else {
        chosen.into_iter().collect()
    }
}

fn symbol(alphabet: &[char], numbers: &mut Numbers) -> char {
    alphabet[numbers.below(alphabet.len())]
}

/// Returns one of `items`; the smallest of `power` random indexes, which prefers the first ones.
fn choice<'i, T>(items: &'i [T], power: u32, numbers: &mut Numbers) -> &'i T {
    let indexes = (0..power).map(|_| numbers.below(items.len()));
    &items[indexes.min().unwrap()]
}

fn push_number(key: &mut String, mut number: usize, digits: &[char], width: usize) {
    let mut symbols = Vec::new();
    while number > 0 || symbols.len() < width {
        symbols.push(digits[number % digits.len()]);
        number /= digits.len();
    }
    key.extend(symbols.iter().rev());
}

fn truncate(key: &mut String) {
    if key.len() > MAX_KEY_BYTES {
        // The end is what makes keys different, so the start is shortened.
        let excess = key.len() - MAX_KEY_BYTES;
        let cut = (excess..)
            .find(|index| key.is_char_boundary(*index))
            .unwrap();
        key.replace_range(..cut, "");
    }
}
