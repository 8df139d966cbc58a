//! Numbers, dates, times and versions.

use chrono::{DateTime, NaiveDate, NaiveDateTime};

use super::Context;
use crate::constants::mask::language;
use crate::constants::mask::names::Head;

/// Numbers that are shown under any name: long enough that their being a code is unlikely.
const USUAL_NUMBERS: [&str; 7] = [
    "27017", "86400", "65535", "65536", "604800", "1048576", "10485760",
];
/// Maximum length of a number whose name states a quantity.
const MAX_QUANTITY_DIGITS: usize = 12;
/// Units of time, size and share.
const UNITS: &str = "ms s sec secs m min mins h hr hrs d w y b k kb mb gb tb ki mi gi kib mib gib px em rem pt vh vw %";
const USUAL_UNITS: &str = "ms px kb mb gb tb kB KB MB GB TB Ki Mi Gi";
const DATES: [&str; 7] = [
    "%Y-%m-%d",
    "%d-%m-%Y",
    "%d/%m/%Y",
    "%m/%d/%Y",
    "%Y/%m/%d",
    "%d.%m.%Y",
    "%Y%m%dT%H%M%SZ",
];
const DATE_TIMES: [&str; 3] = [
    "%Y-%m-%dT%H:%M:%S%.f",
    "%Y-%m-%d %H:%M:%S%.f",
    "%d-%m-%Y %H:%M",
];

pub(super) fn is_boolean(text: &str) -> bool {
    text.eq_ignore_ascii_case("true") || text.eq_ignore_ascii_case("false")
}

/// Whether `text` is too short for a secret: two characters, or three letters.
pub(super) fn is_short(text: &str) -> bool {
    let count = text.chars().count();
    count <= 2 || (count == 3 && text.chars().all(char::is_alphabetic))
}

/// Whether `text` is a number that is no code.
///
/// Without a unit and under a name that states no quantity, a number of three or more digits may be a PIN: it is shown
/// only if it is round and has at least five digits, or is one of a few usual numbers.
pub(super) fn is_harmless_number(text: &str, context: Context<'_>) -> bool {
    if let Some((latitude, longitude)) = text.split_once(',') {
        let is_degrees = |text: &str| is_decimal(text) && text.find('.').is_some_and(|at| at <= 4);
        return [latitude, longitude]
            .iter()
            .all(|degrees| is_degrees(degrees.trim()));
    }
    if is_decimal(text) {
        return context.heads.contains(&Head::Quantity) || is_short_decimal(text);
    }
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    if !is_digits(unsigned) {
        return has_unit(unsigned);
    }
    let is_round = unsigned.len() >= 5 && unsigned[1..].bytes().all(|byte| byte == b'0');
    unsigned.len() <= 2
        || (is_round && unsigned.len() <= MAX_QUANTITY_DIGITS)
        || USUAL_NUMBERS.contains(&unsigned)
        || (context.heads.contains(&Head::Quantity) && unsigned.len() <= MAX_QUANTITY_DIGITS)
}

/// At most four digits without leading zeros: more of them may be a code.
fn is_short_decimal(text: &str) -> bool {
    let digits = text.trim_start_matches(['-', '+', '0', '.']);
    digits.bytes().filter(u8::is_ascii_digit).count() <= 4
}

/// Digits with a decimal point.
fn is_decimal(text: &str) -> bool {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    unsigned.split_once('.').is_some_and(|(whole, fraction)| {
        // A position has many decimals, an amount has many digits before them.
        let is_short = whole.len() <= 3 || fraction.len() <= 3;
        is_short
            && whole.len() <= 6
            && fraction.len() <= 8
            && is_digits(whole)
            && is_digits(fraction)
    })
}

/// `30s`, `512 MB`, `75%`, and durations of ISO 8601 such as `PT15M`.
fn has_unit(text: &str) -> bool {
    let digits = text
        .find(|character: char| !character.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let unit = unit.trim();
    let has_usual_case = !unit.contains(|one: char| one.is_ascii_lowercase())
        || !unit
            .chars()
            .skip(1)
            .any(|one: char| one.is_ascii_uppercase());
    let is_upper = unit.contains(|one: char| one.is_ascii_uppercase());
    let has_usual_case =
        has_usual_case && (!is_upper || unit.ends_with(['B', 'b', 'M', 'G', 'K', 'i']));
    // Of the units of two letters, four characters have a usual one: `12ms`.
    let is_usual = text.len() != 4 || number.len() != 2 || language::is_listed(USUAL_UNITS, unit);
    let unit = unit.to_ascii_lowercase();
    // Three digits and a letter may be a code of four characters.
    let most_digits = if unit.len() == 1
        && unit != "%"
        && !(number.ends_with('0') && ["s", "m"].contains(&unit.as_str()))
    {
        2
    } else {
        3
    };
    let has_leading_zero = number.len() > 1 && number.starts_with('0');
    let is_number = (1..=most_digits).contains(&number.len()) && !has_leading_zero;
    (is_number && is_usual && has_usual_case && language::is_listed(UNITS, &unit))
        || is_duration(text)
}

/// `PT15M`, `P1DT12H`: each letter at most once, in order, after a number.
fn is_duration(text: &str) -> bool {
    let follow_each_other = |part: &str, letters: &str| {
        let mut left = letters;
        let mut digits = 0;
        part.chars().all(|character| {
            if character.is_ascii_digit() {
                digits += 1;
                return digits <= 4;
            }
            let after = left.split_once(character).map(|(_, after)| after);
            let is_next = after.is_some() && digits > 0;
            left = after.unwrap_or_default();
            digits = 0;
            is_next
        }) && digits == 0
    };
    text.strip_prefix('P').is_some_and(|rest| {
        let (days, hours) = rest.split_once('T').unwrap_or((rest, ""));
        rest.len() >= 2
            && !rest.ends_with('T')
            && follow_each_other(days, "YMWD")
            && follow_each_other(hours, "HMS")
    })
}

/// `3.17.0`, `v2`, `1.0.0-beta.1`, `2024.2-beta`, `2.3.0-SNAPSHOT`, `4.12.0 (318)`.
pub(super) fn is_version(text: &str) -> bool {
    // The number of the build, as stores of apps write it.
    let text = text
        .strip_suffix(')')
        .and_then(|text| text.split_once(" ("))
        .filter(|(_, build)| build.len() <= 5 && is_digits(build))
        .map_or(text, |(version, _)| version);
    let is_stage = |suffix: &str| ["alpha", "beta", "rc", "preview"].contains(&suffix);
    let has_stage = text
        .split_once('-')
        .is_some_and(|(_, suffix)| is_stage(suffix));
    let least = if has_stage || text.starts_with(['v', 'V']) {
        2
    } else {
        3
    };
    let text = text.strip_prefix(['v', 'V']).unwrap_or(text);
    let (numbers, suffix) = match text.find(['-', '+']) {
        Some(at) => (&text[..at], Some(&text[at + 1..])),
        None => (text, None),
    };
    let groups: Vec<&str> = numbers.split('.').collect();
    let is_group = |group: &&str| (1..=5).contains(&group.len()) && is_digits(group);
    let has_good_suffix = suffix.is_none_or(|suffix| {
        suffix.split(['.', '-']).all(|part| {
            let lower = part.to_ascii_lowercase();
            let letters = lower.trim_end_matches(|character: char| character.is_ascii_digit());
            (1..=12).contains(&part.len())
                && lower.len() - letters.len() <= 3
                && (letters.is_empty()
                    || language::is_known(letters)
                    || ["rc", "snapshot"].contains(&letters))
        })
    });
    (least..=5).contains(&groups.len())
        && groups.iter().all(is_group)
        && numbers.len() <= 18
        // Three groups of many digits are an account or a telephone number.
        && groups.iter().filter(|group| group.len() > 2).count() <= 1
        && has_good_suffix
}

pub(super) fn is_date_or_time(text: &str) -> bool {
    let is_time = |text: &str| {
        let parts: Vec<&str> = text.split(':').collect();
        (2..=3).contains(&parts.len())
            && parts.iter().all(|part| part.len() == 2 && is_digits(part))
    };
    text.len() <= 40
        && (DATES
            .iter()
            .any(|pattern| NaiveDate::parse_from_str(text, pattern).is_ok())
            || DATE_TIMES
                .iter()
                .any(|pattern| NaiveDateTime::parse_from_str(text, pattern).is_ok())
            || DateTime::parse_from_rfc3339(text).is_ok()
            || is_time(text))
}

/// `+31 20 123 4567`: a plus, and digits with usual signs between them.
pub(super) fn is_telephone(text: &str) -> bool {
    let Some(rest) = text.strip_prefix('+') else {
        return false;
    };
    let digit_count = rest.bytes().filter(u8::is_ascii_digit).count();
    (8..=15).contains(&digit_count)
        && rest.len() <= 22
        && rest
            .bytes()
            .all(|byte| byte.is_ascii_digit() || b" -()".contains(&byte))
}

pub(super) fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_number(text: &str, heads: &[Head]) -> bool {
        let context = Context {
            name: "App.Value",
            heads,
            is_marketplace_default: false,
        };
        is_harmless_number(text, context)
    }

    #[test]
    fn numbers_that_may_be_codes_need_a_name_that_states_a_quantity() {
        for text in [
            "0", "42", "-5", "30000", "3.14", "0.0025", "30s", "512 MB", "75%", "PT15M", "P1DT12H",
            "500m",
        ] {
            assert!(is_number(text, &[]), "{text}");
        }
        for text in [
            "483920",
            "4839",
            "P6W66S",
            "PT",
            "543d",
            "97vh",
            "46gi",
            "740b",
            "04cm",
            "P12345D",
            "123",
            "0000",
            "1000",
            "8080",
            "12345678",
            "11111",
            "1e3",
            "52.370216",
            "483.92",
            "4839s",
            "PASSWORD",
        ] {
            assert!(!is_number(text, &[]), "{text}");
        }
        assert!(is_number("483920", &[Head::Quantity]));
        assert!(is_number("52.370216", &[Head::Quantity]) && is_number("52.370216, 4.895168", &[]));
        assert!(!is_number("1234567890123", &[Head::Quantity]));
    }

    #[test]
    fn versions_have_three_to_five_short_groups() {
        for text in [
            "3.17.0",
            "10.24.4.77222",
            "v1.2.3",
            "v1.0",
            "1.0.0-beta.1",
            "2.3.0-SNAPSHOT",
            "1.2.3+build5",
        ] {
            assert!(is_version(text), "{text}");
        }
        for text in [
            "123.456.789",
            "1.2.3-x8Fk2",
            "2",
            "1..2",
            "123456.1.1",
            "a.b.c",
            "1.2.3-",
        ] {
            assert!(!is_version(text), "{text}");
        }
    }

    #[test]
    fn dates_times_and_telephone_numbers_have_their_usual_forms() {
        for text in [
            "2026-01-12",
            "31-12-2025",
            "2013-12-20T16:02:32",
            "2026-01-12T11:10:00Z",
            "08:00",
            "23:59:59",
        ] {
            assert!(is_date_or_time(text), "{text}");
        }
        for text in ["483920", "8:5", "99-99-9999", "48:39:20:11"] {
            assert!(!is_date_or_time(text), "{text}");
        }
        assert!(
            is_telephone("+31 (0)20 123 4567")
                && !is_telephone("0201234567")
                && !is_telephone("+4839")
        );
    }
}
