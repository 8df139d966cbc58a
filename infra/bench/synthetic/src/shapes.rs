//! Keys as real buckets have them. A shape and a count give the same keys on every machine. No I/O.

use std::collections::BTreeSet;

use crate::random_shapes::keys_of_seed;

/// A deterministic random number generator.
#[derive(Debug)]
pub struct Numbers(pub u64);

impl Numbers {
    /// Returns the next number.
    pub fn random(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// Returns a number below `limit`.
    pub fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.random() % u64::try_from(limit).unwrap()).unwrap()
    }
}

pub(crate) fn uuid(numbers: &mut Numbers) -> String {
    let (high, low) = (numbers.random(), numbers.random());
    format!(
        "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
        high >> 32,
        high >> 16 & 0xFFFF,
        high & 0xFFF,
        low >> 48,
        low & 0xFFFF_FFFF_FFFF
    )
}

/// Returns keys of a shape, about `count` of them, in order. `random-SEED` is the shape that a number decides.
///
/// # Panics
///
/// When there is no such shape.
pub fn keys_of_shape(name: &str, count: usize) -> Vec<String> {
    if let Some(seed) = name.strip_prefix("random-") {
        return keys_of_seed(seed.parse().unwrap(), count);
    }
    let mut numbers = Numbers(7);
    let keys: BTreeSet<String> = match name {
        "sequential" => (0..count).map(|n| format!("file-{n:08}.bin")).collect(),
        "unpadded" => (0..count).map(|n| format!("doc{n}")).collect(),
        "uuid" => (0..count).map(|_| uuid(&mut numbers)).collect(),
        "mendix" => (0..count)
            .map(|_| {
                let id = uuid(&mut numbers);
                format!("{}/{}/{id}", &id[0..2], &id[2..4])
            })
            .collect(),
        "dates" => (0..count)
            .map(|n| {
                let day = n * 1000 / count;
                let (year, month, day) = (2023 + day / 336, day / 28 % 12 + 1, day % 28 + 1);
                format!(
                    "logs/{year}/{month:02}/{day:02}/{}.json.gz",
                    uuid(&mut numbers)
                )
            })
            .collect(),
        "hours" => (0..count)
            .map(|n| {
                let hour = n * 10_000 / count;
                format!(
                    "year={}/month={:02}/day={:02}/hour={:02}/part-{:05}-{:016x}.snappy.parquet",
                    2024 + hour / 8064,
                    hour / 672 % 12 + 1,
                    hour / 24 % 28 + 1,
                    hour % 24,
                    n % 200,
                    numbers.random()
                )
            })
            .collect(),
        "skewed" => (0..count)
            .map(|n| match n % 100 {
                0 if n % 200 == 0 => format!("archive/{n:09}"),
                0 => format!("zones/{}", uuid(&mut numbers)),
                _ => format!("live/tenant-000017/files/{}", uuid(&mut numbers)),
            })
            .collect(),
        "skewed_end" => (0..count)
            .map(|n| match n % 100 {
                0 => format!("a/{n:09}"),
                _ => format!("zz/really/long/common/prefix/of/all/{n:09}.dat"),
            })
            .collect(),
        "folders" => (0..count)
            .map(|n| format!("folder-{:05}/{}", n / 2, n % 2))
            .collect(),
        "words" => {
            let words = [
                "ant", "bear", "cat", "dog", "eel", "fox", "gnu", "hen", "ibis", "jay", "kea",
                "lynx",
            ];
            (0..count)
                .map(|_| {
                    let word = |numbers: &mut Numbers| words[numbers.below(words.len())];
                    let (one, two, three) =
                        (word(&mut numbers), word(&mut numbers), word(&mut numbers));
                    format!("{one}/{two}-{three}/{}", numbers.random() % 100_000)
                })
                .collect()
        }
        "tenants" => (0..count)
            .map(|_| {
                // Few tenants have most of the files.
                let tenant = 1 << numbers.below(10);
                format!("tenant-{:04}/{:x}", numbers.below(tenant), numbers.random())
            })
            .collect(),
        "unicode" => (0..count)
            .map(|_| {
                let letter = |numbers: &mut Numbers| {
                    char::from_u32(0x4E00 + u32::try_from(numbers.below(2000)).unwrap()).unwrap()
                };
                let (one, two, three) = (
                    letter(&mut numbers),
                    letter(&mut numbers),
                    letter(&mut numbers),
                );
                format!("Übung/{one}{two}{three}/é{}.pdf", numbers.random() % 1000)
            })
            .collect(),
        "control" => (0..count)
            .map(|_| {
                let symbol = |numbers: &mut Numbers| {
                    char::from(u8::try_from(1 + numbers.below(126)).unwrap())
                };
                let key: String = (0..5).map(|_| symbol(&mut numbers)).collect();
                format!("{key}\u{1}{}", numbers.random() % 100)
            })
            .collect(),
        "base64" => (0..count)
            .map(|_| {
                let symbols = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
                (0..16)
                    .map(|_| char::from(symbols[numbers.below(64)]))
                    .collect()
            })
            .collect(),
        "slashes" => (0..count)
            .map(|n| format!("d{:03}/{:06}/", n % 300, n))
            .collect(),
        "growing" => (0..count)
            .map(|n| "x".repeat(n % 700) + &format!("{n:07}"))
            .collect(),
        "timestamps" => (0..count)
            .map(|n| format!("evt-{}", 1_700_000_000_000_u64 + (n as u64) * 137))
            .collect(),
        "tiny_alphabet" => (1..=count).map(|n| in_base(n, "!/0Aa~")).collect(),
        "tiny_alphabet_reversed" => (1..=count)
            .map(|n| in_base(n, "!/0Aa~").chars().rev().collect())
            .collect(),
        "mixed_letters" => (0..count)
            .map(|n| {
                let first = ["é", "日", "z", "A", "😀"][n % 5];
                let control = ["", "\u{1}", "\u{7f}"][numbers.below(3)];
                let end = ["", "", "/"][numbers.below(3)];
                format!(
                    "{first}/d{:x} &<>+%/{control}{n}{end}",
                    numbers.below(1 << 12)
                )
            })
            .collect(),
        "dominant" => (0..count)
            .map(|n| match n % 100 {
                0 => format!("{:x}/{n}", numbers.random()),
                _ => format!("5f1d3a77c2e4b609/{}", uuid(&mut numbers)),
            })
            .collect(),
        other => panic!("no shape {other}"),
    };
    keys.into_iter().collect()
}

fn in_base(mut number: usize, digits: &str) -> String {
    let digits: Vec<char> = digits.chars().collect();
    let mut symbols = Vec::new();
    while number > 0 {
        symbols.push(digits[number % digits.len()]);
        number /= digits.len();
    }
    symbols.iter().rev().collect()
}

/// All shapes, except random ones.
pub const SHAPES: [&str; 21] = [
    "sequential",
    "unpadded",
    "uuid",
    "mendix",
    "dates",
    "hours",
    "skewed",
    "skewed_end",
    "folders",
    "words",
    "tenants",
    "unicode",
    "control",
    "base64",
    "slashes",
    "growing",
    "timestamps",
    "tiny_alphabet",
    "tiny_alphabet_reversed",
    "mixed_letters",
    "dominant",
];
