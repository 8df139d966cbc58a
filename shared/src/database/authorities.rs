//! When the authorities of a PEM file end: a function with authorities that have all ended reaches no database.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, NaiveDateTime, Utc};

const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
const END: &str = "-----END CERTIFICATE-----";

/// Tags of DER.
const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xa0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

/// Returns when each certificate of the PEM text `pem` ends, the first one first; `None` if one cannot be read.
pub fn ends(pem: &str) -> Option<Vec<DateTime<Utc>>> {
    let mut ends = Vec::new();
    for part in pem.split(BEGIN).skip(1) {
        let text: String = part.split(END).next()?.split_whitespace().collect();
        ends.push(end_of(&STANDARD.decode(text).ok()?)?);
    }
    ends.sort_unstable();
    Some(ends)
}

/// Returns the end of a certificate's validity (RFC 5280 §4.1).
fn end_of(certificate: &[u8]) -> Option<DateTime<Utc>> {
    let (_, certificate, _) = element(certificate)?;
    let (_, mut signed, _) = element(certificate)?;
    if signed.first() == Some(&VERSION) {
        (_, _, signed) = element(signed)?;
    }
    // The serial number, the algorithm and the issuer precede it.
    for _ in 0..3 {
        (_, _, signed) = element(signed)?;
    }
    let (tag, validity, _) = element(signed)?;
    let (_, _, after_start) = element(validity)?;
    let (kind, end, _) = element(after_start)?;
    if tag != SEQUENCE {
        return None;
    }
    let end = std::str::from_utf8(end).ok()?;
    let end = match kind {
        // Two digits of the year: from 50 on, they are of the last century.
        UTC_TIME => {
            let century = if end.get(..2)?.parse::<u8>().ok()? < 50 {
                "20"
            } else {
                "19"
            };
            format!("{century}{end}")
        }
        GENERALIZED_TIME => end.to_owned(),
        _ => return None,
    };
    Some(
        NaiveDateTime::parse_from_str(&end, "%Y%m%d%H%M%SZ")
            .ok()?
            .and_utc(),
    )
}

/// Returns tag and content of the first element of DER, and what follows it.
fn element(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = bytes.split_first()?;
    let (&first, mut rest) = rest.split_first()?;
    let mut length = usize::from(first);
    if first >= 0x80 {
        let (digits, after) = rest.split_at_checked(usize::from(first & 0x7f))?;
        if digits.len() > size_of::<usize>() {
            return None;
        }
        length = digits
            .iter()
            .fold(0, |sum, digit| (sum << 8) | usize::from(*digit));
        rest = after;
    }
    let (content, after) = rest.split_at_checked(length)?;
    Some((tag, content, after))
}

#[cfg(test)]
mod tests {
    use super::*;

    const AMAZON: &str = include_str!("../aws/amazon_roots.pem");

    /// The days are those that `openssl x509 -noout -enddate` prints.
    #[test]
    fn the_ends_are_those_that_openssl_reads() {
        let days: Vec<_> = ends(AMAZON)
            .unwrap()
            .iter()
            .map(|end| end.date_naive().to_string())
            .collect();

        assert_eq!(
            days,
            [
                "2037-12-31",
                "2038-01-17",
                "2040-05-26",
                "2040-05-26",
                "2040-05-26"
            ]
        );
    }

    #[test]
    fn what_is_no_certificate_has_no_end() {
        let cut = AMAZON.replacen("MII", "", 1);
        let damaged = format!("{BEGIN}\nMAMCAQE=\n{END}\n");

        assert_eq!((ends(&cut), ends(&damaged)), (None, None));
        assert_eq!(ends("no certificate"), Some(Vec::new()));
    }
}
