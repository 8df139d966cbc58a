//! Short codes of fixed form: locales, time zones, colours, media types, schedules and patterns.

use super::number::is_digits;
use crate::constants::mask::language::{self, Style, is_built_like_a_word, is_listed, words};

const LANGUAGES: &str = "aa ar bg bn ca cs cy da de el en es et eu fa fi fr fy ga gl he hi hr hu id is it ja ko lb lt lv mk ms mt nb nl \
    nn no pl pt ro ru sk sl sr sv th tr uk vi zh";
const ZONE_AREAS: [&str; 11] = [
    "Africa",
    "America",
    "Antarctica",
    "Arctic",
    "Asia",
    "Atlantic",
    "Australia",
    "Europe",
    "Indian",
    "Pacific",
    "Etc",
];
const ZONES: &str = "UTC GMT CET CEST EET EEST WET WEST EST EDT CST PST MST Z";
const COLOURS: &str = "red green blue yellow white black gray grey orange purple brown pink cyan magenta navy teal olive maroon lime \
    aqua silver gold indigo turquoise transparent currentcolor";
const MEDIA: [&str; 9] = [
    "application",
    "audio",
    "font",
    "image",
    "message",
    "model",
    "multipart",
    "text",
    "video",
];
const CHARSETS: &str =
    "utf-8 utf-16 utf-16le utf-16be us-ascii iso-8859-1 iso-8859-15 windows-1252 cp1252 cp850";
const CALENDAR_WORDS: &str =
    "jan feb mar apr may jun jul aug sep oct nov dec mon tue wed thu fri sat sun l w lw";
/// Letters of patterns for dates and times.
const PATTERN_LETTERS: &str = "yYuMLdDEeHhKkmsSnaAzZXxGwW";

/// `nl`, `en_US`, `pt-BR`.
pub(super) fn is_locale(text: &str) -> bool {
    let (language, country) = match text.split_once(['_', '-']) {
        Some((language, country)) => (language, Some(country)),
        None => (text, None),
    };
    let is_country =
        |country: &str| country.len() == 2 && country.bytes().all(|byte| byte.is_ascii_uppercase());
    is_listed(LANGUAGES, language) && country.is_none_or(is_country)
}

/// `Europe/Amsterdam`, `UTC`, `GMT+01:00`.
pub(super) fn is_time_zone(text: &str) -> bool {
    if let Some((area, city)) = text.split_once('/') {
        let is_place = |word: &str| {
            let lower = word.to_ascii_lowercase();
            language::is_known(&lower) || is_built_like_a_word(&lower, 1)
        };
        return ZONE_AREAS.contains(&area)
            && city.len() <= 30
            && city.split(['_', '/', '-']).all(is_place);
    }
    let offset = text
        .strip_prefix("UTC")
        .or_else(|| text.strip_prefix("GMT"));
    let offset = offset.or_else(|| text.contains(':').then_some(text));
    let is_offset = offset
        .and_then(|offset| offset.strip_prefix(['+', '-']))
        .is_some_and(|offset| {
            offset.len() <= 5
                && offset
                    .split(':')
                    .all(|part| part.len() <= 2 && is_digits(part))
        });
    is_listed(ZONES, text) || is_offset
}

/// `#fff`, `#336699`, `navy`, `rgb(10, 20, 30)`; other hexadecimal digits need a name that states a colour.
pub(super) fn is_colour(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    let is_hexadecimal = lower.strip_prefix('#').is_some_and(|digits| {
        let pairs: Vec<&[u8]> = digits.as_bytes().chunks(2).collect();
        let are_same = |pair: &&[u8]| pair.first() == pair.last();
        let is_even = match digits.len() {
            3 => digits
                .bytes()
                .all(|byte| digits.starts_with(char::from(byte))),
            6 => pairs.iter().all(are_same) || pairs.windows(2).all(|two| two[0] == two[1]),
            _ => false,
        };
        is_even && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
    });
    let arguments = ["rgb(", "rgba(", "hsl(", "hsla("]
        .iter()
        .find_map(|start| lower.strip_prefix(start));
    let is_function = arguments
        .and_then(|arguments| arguments.strip_suffix(')'))
        .is_some_and(|arguments| {
            let is_number = |part: &str| {
                let digits = part.trim().trim_end_matches('%').replace('.', "");
                digits.len() <= 4 && is_digits(&digits)
            };
            arguments.split(',').count() <= 4 && arguments.split(',').all(is_number)
        });
    is_hexadecimal || is_function || is_listed(COLOURS, &lower)
}

/// `application/json`, `text/html; charset=utf-8`, `text/html, */*;q=0.8`, and the charset alone.
pub(super) fn is_media_type(text: &str) -> bool {
    let is_weighted = |item: &str| {
        let (kind, weight) = item.trim().split_once(";q=").unwrap_or((item.trim(), "1"));
        (is_one_media_type(kind) || is_locale(kind) || kind == "*")
            && ["0", "1"].iter().any(|start| weight.starts_with(start))
            && weight.len() <= 4
            && weight
                .bytes()
                .all(|byte| byte.is_ascii_digit() || byte == b'.')
    };
    is_listed(CHARSETS, &text.to_lowercase())
        || is_one_media_type(text)
        || (text.contains(";q=")
            && text.split(',').count() <= 8
            && text.split(',').all(is_weighted))
}

fn is_one_media_type(text: &str) -> bool {
    let style = Style {
        accepts_strange: true,
        rare_groups: 0,
        abbreviation: 4,
        glued_digits: 2,
        free_digits: 2,
    };
    let (kind, parameters) = text.split_once(';').unwrap_or((text, "charset=utf-8"));
    let parameters = parameters.trim().to_ascii_lowercase();
    let charset = parameters
        .strip_prefix("charset=")
        .map(|charset| charset.trim_matches('"'));
    let is_charset = charset
        .is_some_and(|charset| ["utf-8", "iso-8859-1", "us-ascii", "utf-16"].contains(&charset));
    let Some((top, sub)) = kind.split_once('/') else {
        return false;
    };
    let is_name = sub == "*"
        || (sub
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b".+-".contains(&byte))
            && words(sub, style).is_some());
    is_charset
        && sub.len() <= 80
        && !sub.is_empty()
        && is_name
        && (MEDIA.contains(&top) || kind == "*/*")
}

/// `0 0 12 * * ?`, `*/5 * * * *`, `rate(5 minutes)`.
pub(super) fn is_schedule(text: &str) -> bool {
    if [
        "@yearly",
        "@monthly",
        "@weekly",
        "@daily",
        "@midnight",
        "@hourly",
    ]
    .contains(&text)
    {
        return true;
    }
    let inner = text
        .strip_prefix("cron(")
        .and_then(|rest| rest.strip_suffix(')'))
        .unwrap_or(text);
    let fields: Vec<&str> = inner.split_whitespace().collect();
    let is_field = |field: &&str| {
        let is_sign = |character: char| "*/,-?#".contains(character);
        let is_part = |part: &str| {
            let number = part.trim_end_matches('L');
            part.is_empty()
                || (number.len() <= 4 && is_digits(number))
                || is_listed(CALENDAR_WORDS, &part.to_ascii_lowercase())
        };
        field.len() <= 40 && field.split(is_sign).all(is_part)
    };
    let is_rate = text
        .strip_prefix("rate(")
        .and_then(|rest| rest.strip_suffix(')'))
        .is_some_and(|rate| {
            let (number, unit) = rate.split_once(' ').unwrap_or_default();
            number.len() <= 4
                && is_digits(number)
                && ["minute", "hour", "day"].contains(&unit.trim_end_matches('s'))
        });
    is_rate
        || ((5..=7).contains(&fields.len())
            && inner.contains(['*', '?'])
            && fields.iter().all(is_field))
}

/// `dd-MM-yyyy HH:mm`, `#,##0.00`.
pub(super) fn is_pattern(text: &str) -> bool {
    let text = text.trim_start_matches(['€', '$', '£']).trim_start();
    let is_decimal = ["0.0", "0.00", "0.000"].contains(&text);
    let is_number = text.contains('#')
        && text.len() <= 30
        && text.chars().all(|character| "#0,.;%- ".contains(character));
    is_number
        || is_decimal
        || is_date_pattern(
            &["'T'", "'Z'", "'W'"]
                .iter()
                .fold(text.to_owned(), |text, letter| text.replace(letter, " ")),
        )
}

/// Letters of patterns, each at least twice or between signs: `d/M/yyyy`, `yyyyMMdd`.
fn is_date_pattern(text: &str) -> bool {
    let is_sign = |character: char| " -/.:,_".contains(character);
    let mut letter_count = 0;
    let is_group = |group: &str| {
        // A zone at the end needs no sign before it.
        let group = if group.len() > 2 {
            group.trim_end_matches(['Z', 'X'])
        } else {
            group
        };
        let letters: Vec<char> = group.chars().collect();
        let runs: Vec<&[char]> = letters.chunk_by(|one, other| one == other).collect();
        let is_run = |run: &&[char]| {
            run.len() <= 9 && PATTERN_LETTERS.contains(run[0]) && (run.len() > 1 || runs.len() == 1)
        };
        runs.iter().all(is_run)
    };
    let groups = text.split(is_sign).filter(|group| !group.is_empty());
    let are_groups = groups
        .inspect(|group| letter_count += group.len())
        .all(is_group);
    are_groups
        && (3..=40).contains(&letter_count)
        && text.contains("yy") | text.contains("mm") | text.contains("MM")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_code_has_its_form_and_no_other() {
        type Case = (
            fn(&str) -> bool,
            &'static [&'static str],
            &'static [&'static str],
        );
        let cases: [Case; 6] = [
            (
                is_locale,
                &["nl", "en_US", "pt-BR"],
                &["xx", "nl_nl", "nl_NLD", "NL"],
            ),
            (
                is_time_zone,
                &[
                    "Europe/Amsterdam",
                    "America/New_York",
                    "UTC",
                    "GMT+01:00",
                    "UTC-5",
                ],
                &["Europe/xkqzv", "Mars/Base", "UTC+abc"],
            ),
            (
                is_colour,
                &[
                    "#fff",
                    "#AABB00",
                    "#f5f5f5",
                    "navy",
                    "rgb(10, 20, 30)",
                    "rgba(0,0,0,0.5)",
                ],
                &["#a1b2", "#a1b2c3", "#a1b", "#xyz", "rgb(x)"],
            ),
            (
                is_media_type,
                &[
                    "application/json",
                    "text/html; charset=utf-8",
                    "application/vnd.ms-excel",
                    "image/*",
                    "*/*",
                ],
                &["app/json", "text/x7Qk2", "text/html; key=x"],
            ),
            (
                is_schedule,
                &[
                    "0 0 12 * * ?",
                    "*/5 * * * *",
                    "0 0 8 ? * MON-FRI",
                    "@daily",
                    "rate(5 minutes)",
                    "0 15 10 L * ?",
                ],
                &["1 2 3 4 5", "a b c * *", "* * *"],
            ),
            (
                is_pattern,
                &[
                    "dd-MM-yyyy HH:mm",
                    "yyyyMMdd",
                    "d/M/yyyy",
                    "yyyy-MM-dd'T'HH:mm:ss.SSSZ",
                    "#,##0.00",
                ],
                &["dMyHms", "yes", "mad", "abc-def", "0000"],
            ),
        ];
        for (is_code, good, bad) in cases {
            for text in good {
                assert!(is_code(text), "{text}");
            }
            for text in bad {
                assert!(!is_code(text), "{text}");
            }
        }
    }
}
