//! Unquoted values by the rules of YAML 1.1, which the platform's own tool (m2ee-tools with `PyYAML`) follows.
//!
//! Current parsers follow YAML 1.2, where `yes`, `0755` and `12:30` are text. An app that is configured with an
//! unquoted `0755` runs with 493, and the answer must show that.

use super::setting::Setting;

/// Returns the value of a null, Boolean or number without quotes.
pub(in crate::constants) fn resolve(written: &str) -> Setting {
    let written = written.trim().trim_matches(['\'', '"']);
    match written {
        "" | "~" | "null" | "Null" | "NULL" => return Setting::Null,
        "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => {
            return Setting::text("true");
        }
        "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => {
            return Setting::text("false");
        }
        _ => {}
    }
    if let Some(digits) = whole_number(written) {
        return Setting::text(&digits);
    }
    match fraction(written) {
        Some(number) => Setting::of_float(number),
        None => Setting::text(written),
    }
}

/// Returns the decimal digits of a whole number; `None` if `written` is something else in YAML 1.1.
fn whole_number(written: &str) -> Option<String> {
    let (sign, digits) = split_sign(written);
    let digits: String = digits.chars().filter(|digit| *digit != '_').collect();
    let radix = match digits.as_bytes() {
        [b'0', b'b', _, ..] => 2,
        [b'0', b'x', _, ..] => 16,
        [b'0', _, ..] => 8,
        [b'0'..=b'9', ..] => 10,
        _ => return None,
    };
    let prefix_length = match radix {
        2 | 16 => 2,
        _ => 0,
    };
    let digits = digits.get(prefix_length..)?;
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

/// Returns `written` as a number in base 60, such as 750 for `12:30`.
pub(in crate::constants) fn base_sixty(written: &str) -> Option<i64> {
    let (sign, digits) = split_sign(written);
    let mut parts = digits.split(':');
    let first = parts.next()?;
    if !first.starts_with(|digit: char| matches!(digit, '1'..='9')) || !digits.contains(':') {
        return None;
    }
    let mut number: i64 = first.replace('_', "").parse().ok()?;
    for part in parts {
        let is_digits = (1..=2).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
        let part: i64 = part.parse().ok().filter(|part| is_digits && *part < 60)?;
        number = number.checked_mul(60)?.checked_add(part)?;
    }
    Some(if sign == "-" { -number } else { number })
}

/// Returns a number with a decimal point, which YAML 1.1 requires, as it does a sign before an exponent.
fn fraction(written: &str) -> Option<f64> {
    let (sign, digits) = split_sign(written);
    let (mantissa, exponent) = match digits.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (digits, None),
    };
    let is_number = |text: &str| text.bytes().all(|b| b.is_ascii_digit() || b == b'_');
    let (whole, rest) = mantissa.split_once('.')?;
    let has_good_exponent = exponent.is_none_or(|exponent| {
        exponent.starts_with(['+', '-']) && exponent.len() > 1 && is_number(&exponent[1..])
    });
    if !is_number(whole) || !is_number(rest) || !has_good_exponent {
        return None;
    }
    format!("{sign}{digits}").replace('_', "").parse().ok()
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
            ("5.", "5.0"),
            ("1.5e+3", "1500.0"),
            ("1.5e3", "1.5e3"),
            ("00.10", "0.1"),
            (
                "99999999999999999999999999999999999999999",
                "99999999999999999999999999999999999999999",
            ),
        ];
        for (written, expected) in cases {
            assert_eq!(resolve(written), Setting::text(expected), "{written}");
        }
    }

    #[test]
    fn base_sixty_accepts_only_digits_between_colons() {
        assert_eq!(base_sixty("12:30"), Some(750));
        assert_eq!(base_sixty("-1:00:00"), Some(-3600));
        for text in [
            "00:30", "08:00", "12:60", "12:", "12", "a:b", ":1", "1:+2", "12:300",
        ] {
            assert_eq!(base_sixty(text), None, "{text}");
        }
    }
}
