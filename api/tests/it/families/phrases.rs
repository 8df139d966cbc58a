//! Passwords that people choose or remember.

use super::{BASE62, DIGITS, Family, LOWER, Random, SIGNS, UPPER};

/// A syllable as generators of pronounceable passwords make them.
fn syllable(random: &mut Random) -> String {
    let (first, vowel, last) = (
        random.text("bcdfghjklmnprstvwz", 1, 1),
        random.text("aeiou", 1, 1),
        random.of(&["", "", "n", "r", "s", "l", "t"]),
    );
    format!("{first}{vowel}{last}")
}

fn capitalised(text: &str) -> String {
    format!("{}{}", text[..1].to_uppercase(), &text[1..])
}

pub(super) const PHRASES: [Family; 20] = [
    ("passphrase of 4 words with a space", |r| {
        (0..4).map(|_| r.word()).collect::<Vec<_>>().join(" ")
    }),
    ("passphrase of 4 words in capitals", |r| {
        (0..4).map(|_| r.capital()).collect::<String>()
    }),
    ("passphrase with commas", |r| {
        (0..4).map(|_| r.word()).collect::<Vec<_>>().join(",")
    }),
    ("passphrase with slashes", |r| {
        (0..4).map(|_| r.word()).collect::<Vec<_>>().join("/")
    }),
    ("passphrase with a number in the middle", |r| {
        format!("{}-{}-{}", r.word(), r.text(DIGITS, 2, 4), r.word())
    }),
    ("passphrase with a full stop", |r| {
        format!("{} {} {}.", r.capital(), r.word(), r.word())
    }),
    ("pronounceable, with capitals", |r| {
        (0..3).map(|_| capitalised(&syllable(r))).collect()
    }),
    ("pronounceable, with dashes", |r| {
        (0..3)
            .map(|_| format!("{}{}", syllable(r), syllable(r)))
            .collect::<Vec<_>>()
            .join("-")
    }),
    ("pronounceable, 2 words", |r| {
        format!(
            "{}{} {}{}",
            syllable(r),
            syllable(r),
            syllable(r),
            syllable(r)
        )
    }),
    ("pronounceable, digit and sign", |r| {
        format!(
            "{}{}{}{}{}",
            capitalised(&syllable(r)),
            syllable(r),
            syllable(r),
            r.text(DIGITS, 1, 2),
            r.of(&["!", "#", "$", "?", "."])
        )
    }),
    ("word, sign, digits", |r| {
        format!(
            "{}{}{}",
            r.word(),
            r.text(SIGNS, 1, 1),
            r.text(DIGITS, 1, 4)
        )
    }),
    ("digits and a word", |r| {
        format!("{}{}", r.text(DIGITS, 1, 4), r.capital())
    }),
    ("word, twice", |r| {
        let word = r.word();
        format!("{word}{word}")
    }),
    ("word backwards", |r| r.word().chars().rev().collect()),
    ("word and 3 letters", |r| {
        format!("{}{}", r.word(), r.text(UPPER, 3, 3))
    }),
    ("row of a keyboard", |r| {
        format!(
            "{}{}",
            r.of(&["qwert", "asdfgh", "zxcvbn", "1qaz2wsx", "qwe123", "azerty"]),
            r.text(DIGITS, 1, 3)
        )
    }),
    ("date of a birthday", |r| {
        format!(
            "{}{}",
            r.word(),
            r.of(&["01011980", "12031975", "311299", "240688"])
        )
    }),
    ("first letters of a sentence", |r| {
        format!(
            "{}{}{}",
            r.text(&format!("{LOWER}{UPPER}"), 6, 9),
            r.text(DIGITS, 1, 2),
            r.of(&["!", "", "?"])
        )
    }),
    ("4 random characters", |r| {
        format!("{}{}", r.text(DIGITS, 1, 1), r.text(BASE62, 3, 3))
    }),
    ("5 random characters", |r| r.text(BASE62, 5, 5)),
];
