//! Unquoted values by the rules of YAML 1.1, as the platform's own tool (m2ee-tools with `PyYAML`) reads them.
//!
//! Current parsers follow YAML 1.2, where `yes`, `0755` and `12:30` are text. An app that is configured with an
//! unquoted `0755` runs with 493, and the answer must show that.

use super::setting::Setting;

/// An unquoted value.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::constants) enum Resolved {
    /// A value.
    Setting(Setting),
    /// A date, which m2ee-tools cannot pass on: it stops.
    Date(String),
}

/// Returns what `written`, which has no quotes, stands for.
pub(in crate::constants) fn resolve(written: &str) -> Resolved {
    if is_date(written) {
        return Resolved::Date(written.to_owned());
    }
    Resolved::Setting(match written {
        "" | "~" | "null" | "Null" | "NULL" => Setting::Null,
        "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => {
            Setting::text("true")
        }
        "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => {
            Setting::text("false")
        }
        // Neither JSON nor the platform has such numbers.
        _ if is_not_finite(written) => Setting::Opaque,
        _ => match whole_number(written).or_else(|| base_sixty(written)) {
            Some(digits) => Setting::text(&digits),
            None => fraction(written).map_or_else(|| Setting::text(written), Setting::of_float),
        },
    })
}

fn is_not_finite(written: &str) -> bool {
    let unsigned = written.strip_prefix(['-', '+']).unwrap_or(written);
    matches!(unsigned, ".inf" | ".Inf" | ".INF") || matches!(written, ".nan" | ".NaN" | ".NAN")
}

/// Returns the decimal digits of a whole number; `None` if `written` is something else in YAML 1.1.
fn whole_number(written: &str) -> Option<String> {
    let (sign, digits) = split_sign(written);
    if !digits.starts_with(|first: char| first.is_ascii_digit()) {
        return None;
    }
    let digits: String = digits.chars().filter(|digit| *digit != '_').collect();
    let (radix, digits) = match digits.as_bytes() {
        [b'0', b'b', _, ..] => (2, digits.get(2..)?),
        [b'0', b'x', _, ..] => (16, digits.get(2..)?),
        [b'0', _, ..] => (8, digits.as_str()),
        _ => (10, digits.as_str()),
    };
    if !digits.chars().all(|digit| digit.is_digit(radix)) {
        return None;
    }
    match u128::from_str_radix(digits, radix) {
        Ok(0) => Some("0".to_owned()),
        Ok(number) => Some(format!("{sign}{number}")),
        // Decimal digits need no conversion, however many there are.
        Err(_) if radix == 10 => Some(format!("{sign}{digits}")),
        Err(_) => None,
    }
}

/// Returns a whole number in base 60 in decimal digits, such as 750 for `12:30`.
fn base_sixty(written: &str) -> Option<String> {
    let (sign, digits) = split_sign(written);
    if !digits.starts_with(|digit: char| matches!(digit, '1'..='9')) {
        return None;
    }
    let number = sixties(digits)?;
    Some(format!("{sign}{number}"))
}

/// Returns the value of `190:20:30`; `None` if a part is not a number of its range.
fn sixties(digits: &str) -> Option<i64> {
    let (first, rest) = digits.split_once(':')?;
    let is_first = first
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'_');
    let mut number: i64 = first.replace('_', "").parse().ok().filter(|_| is_first)?;
    for part in rest.split(':') {
        let is_digits = (1..=2).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
        let part: i64 = part.parse().ok().filter(|part| is_digits && *part < 60)?;
        number = number.checked_mul(60)?.checked_add(part)?;
    }
    Some(number)
}

/// Returns a number with a decimal point, which YAML 1.1 requires, as it does a sign before an exponent.
fn fraction(written: &str) -> Option<f64> {
    let (sign, digits) = split_sign(written);
    let is_number = |text: &str| text.bytes().all(|b| b.is_ascii_digit() || b == b'_');
    let starts_with_digit = |text: &str| text.starts_with(|first: char| first.is_ascii_digit());
    let (mantissa, exponent) = match digits.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (digits, None),
    };
    let (whole, rest) = mantissa.split_once('.')?;
    if !is_number(rest) {
        return None;
    }
    if whole.contains(':') {
        let whole = sixties(whole).filter(|_| exponent.is_none() && starts_with_digit(whole))?;
        let rest: f64 = format!("0.{}0", rest.replace('_', "")).parse().ok()?;
        let number = format!("{whole}").parse::<f64>().ok()? + rest;
        return Some(if sign == "-" { -number } else { number });
    }
    let has_good_exponent = exponent.is_none_or(|exponent| {
        let digits = exponent.strip_prefix(['+', '-']).unwrap_or_default();
        !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
    });
    // Without digits before the point there is no sign.
    let is_whole = match whole {
        "" => sign.is_empty() && !written.starts_with('+') && starts_with_digit(rest),
        _ => starts_with_digit(whole) && is_number(whole),
    };
    if !is_whole || !has_good_exponent {
        return None;
    }
    format!("{sign}{digits}").replace('_', "").parse().ok()
}

/// Whether `written` is a date, with or without a time, in a form that is not text in YAML 1.1.
fn is_date(written: &str) -> bool {
    let is_digits = |text: &str, least: usize, most: usize| {
        (least..=most).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
    };
    let end = written.find(['T', 't', ' ', '\t']).unwrap_or(written.len());
    let (date, time) = written.split_at(end);
    let parts: Vec<&str> = date.split('-').collect();
    let [year, month, day] = parts[..] else {
        return false;
    };
    if time.is_empty() {
        return is_digits(year, 4, 4) && is_digits(month, 2, 2) && is_digits(day, 2, 2);
    }
    let time = time.trim_start_matches([' ', '\t', 'T', 't']);
    let zone = time.find(['Z', '+', '-', ' ', '\t']).unwrap_or(time.len());
    let (time, zone) = time.split_at(zone);
    let (clock, fraction) = time.split_once('.').unwrap_or((time, ""));
    let clock: Vec<&str> = clock.split(':').collect();
    let [hour, minute, second] = clock[..] else {
        return false;
    };
    let zone = zone.trim_start();
    let offset = zone
        .strip_prefix(['+', '-'])
        .map(|offset| offset.split_once(':').unwrap_or((offset, "00")));
    let is_zone = matches!(zone, "" | "Z")
        || offset
            .is_some_and(|(hours, minutes)| is_digits(hours, 1, 2) && is_digits(minutes, 2, 2));
    is_digits(year, 4, 4)
        && is_digits(month, 1, 2)
        && is_digits(day, 1, 2)
        && is_digits(hour, 1, 2)
        && is_digits(minute, 2, 2)
        && is_digits(second, 2, 2)
        && is_digits(fraction, 0, 20)
        && is_zone
}

fn split_sign(written: &str) -> (&str, &str) {
    match written.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", written.strip_prefix('+').unwrap_or(written)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_every_form_become_decimal() {
        let cases = [
            ("0", "0"),
            ("-0", "0"),
            ("+12", "12"),
            ("-12", "-12"),
            ("0x1F", "31"),
            ("0b101", "5"),
            ("-0755", "-493"),
            ("0_7", "7"),
            ("08", "08"),
            ("1__0", "10"),
            ("0.5", "0.5"),
            (".5", "0.5"),
            ("-.5", "-.5"),
            ("5.", "5.0"),
            ("1_000.5", "1000.5"),
            ("190:20:30", "685230"),
            ("190:20:30.15", "685230.15"),
            ("-1:00:00", "-3600"),
            ("12:60", "12:60"),
            ("08:00", "08:00"),
            ("1.5e+3", "1500.0"),
            ("1.5e3", "1.5e3"),
            ("00.10", "0.1"),
            (
                "99999999999999999999999999999999999999999",
                "99999999999999999999999999999999999999999",
            ),
        ];
        for (written, expected) in cases {
            assert_eq!(
                resolve(written),
                Resolved::Setting(Setting::text(expected)),
                "{written}"
            );
        }
    }

    #[test]
    fn dates_are_no_text() {
        for written in [
            "2013-12-20",
            "2013-12-20T16:02:32",
            "2013-1-2 3:04:05.5 Z",
            "2001-12-14t21:59:43.10-05:00",
        ] {
            assert_eq!(
                resolve(written),
                Resolved::Date(written.to_owned()),
                "{written}"
            );
        }
        for written in ["2013-1-2", "20-12-2013", "2013-12-20T16:02", "13-12-20"] {
            assert_eq!(
                resolve(written),
                Resolved::Setting(Setting::text(written)),
                "{written}"
            );
        }
    }
}
