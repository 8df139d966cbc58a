//! Checks whether a value fits the type of its constant. The platform accepts any text and fails when it is used.

use chrono::{DateTime, NaiveDate, NaiveDateTime};

use super::layers::setting::Setting;

/// Returns whether `setting` fits a constant of type `kind`; `None` if the type is unknown, or there is no value or
/// it was not read.
pub(super) fn fits(kind: Option<&str>, setting: &Setting) -> Option<bool> {
    let kind = kind?;
    match setting {
        Setting::Null | Setting::Unread => None,
        Setting::Opaque => is_known(kind).then_some(false),
        Setting::Text(text) => fits_text(Some(kind), text.reveal()),
    }
}

fn is_known(kind: &str) -> bool {
    [
        "String", "Boolean", "Integer", "Long", "Decimal", "DateTime",
    ]
    .contains(&kind)
}

/// Returns whether `text` fits a constant of type `kind`; `None` if the type is unknown.
pub(super) fn fits_text(kind: Option<&str>, text: &str) -> Option<bool> {
    Some(match kind? {
        "String" => true,
        "Boolean" => text.eq_ignore_ascii_case("true") || text.eq_ignore_ascii_case("false"),
        "Integer" | "Long" => text.trim().parse::<i64>().is_ok(),
        "Decimal" => is_decimal(text.trim()),
        "DateTime" => is_date(text.trim()),
        _ => return None,
    })
}

fn is_decimal(text: &str) -> bool {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let are_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    are_digits(whole) && are_digits(fraction) && !(whole.is_empty() && fraction.is_empty())
}

/// Accepts dates as the Deploy API shows them, with or without time and zone, and milliseconds since 1970.
fn is_date(text: &str) -> bool {
    NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f").is_ok()
        || DateTime::parse_from_rfc3339(text).is_ok()
        || NaiveDate::parse_from_str(text, "%Y-%m-%d").is_ok()
        || text.parse::<i64>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_type_accepts_its_own_values() {
        let cases: [(&str, &[&str], &[&str]); 6] = [
            ("String", &["", "x", "true"], &[]),
            ("Boolean", &["true", "False"], &["yes", "1", "", " true"]),
            (
                "Integer",
                &["0", "-5", "+7", "007"],
                &["", "1.5", "5 s", "99999999999999999999"],
            ),
            ("Long", &["9223372036854775807"], &["x"]),
            (
                "Decimal",
                &["1", "-1.50", ".5", "21.0"],
                &["", "1,5", "1e3", "."],
            ),
            (
                "DateTime",
                &[
                    "2013-12-20T16:02:32",
                    "2013-12-20T16:02:32.5Z",
                    "2013-12-20",
                    "1387555352000",
                ],
                &["", "tomorrow", "20-12-2013"],
            ),
        ];
        for (kind, good, bad) in cases {
            for (texts, expected) in [(good, true), (bad, false)] {
                for text in texts {
                    assert_eq!(
                        fits(Some(kind), &Setting::text(text)),
                        Some(expected),
                        "{kind} {text:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn unknown_types_and_values_are_not_checked() {
        assert_eq!(fits(None, &Setting::text("x")), None);
        assert_eq!(fits(Some("Enumeration"), &Setting::text("x")), None);
        assert_eq!(fits(Some("Boolean"), &Setting::Null), None);
        assert_eq!(fits(Some("Boolean"), &Setting::Unread), None);
        assert_eq!(fits(Some("Boolean"), &Setting::Opaque), Some(false));
    }
}
