//! Measures: sizes, ranges, rates, units, ranges of versions, and opening hours.

use super::number::{is_date_or_time, is_digits, is_version};
use crate::constants::mask::language::is_listed;

const UNITS: &str = "km/h m/s kwh mwh gwh kw mw gw wh kva kv mv bft db/m bps kbps mbps gbps l/min m3/h kg/day kg/h w/m2 %rh mbar bar hpa kpa pa psi lux rpm hz khz mhz ghz kn nm mm cm dm km m2 m3 cm3 g/cm3 \
    kg/m3 ml cl dl ltr l kg g mg ton pcs pc ea stk stuk stuks uur celsius fahrenheit kelvin dba db ppm mm2 °c °f m² m³";
const UNITS_OF_ONE_LETTER: &str = "m g l s h V A W K N J";
const WEEKDAYS: &str =
    "mo tu we th fr sa su mon tue wed thu fri sat sun ma di wo do vr za zo mi so lu me je ve";
const LENGTHS: [&str; 9] = ["px", "pt", "em", "rem", "cm", "mm", "%", "vh", "vw"];
const PERIODS: &str =
    "s sec second seconds m min minute minutes h hour hours d day days week month year";
const CURRENCIES: &str = "EUR USD GBP CHF SEK NOK DKK PLN CZK HUF RON BGN ISK TRY CAD AUD NZD JPY CNY HKD SGD INR KRW THB IDR MYR ZAR \
    BRL MXN ARS CLP COP AED SAR ILS EGP UAH";
const COUNTRIES: &str = "NLD BEL DEU FRA GBR ESP PRT ITA CHE AUT LUX DNK SWE NOR FIN IRL POL CZE SVK HUN ROU BGR GRC HRV SVN EST LVA LTU \
    TUR USA CAN MEX BRA ARG CHL AUS NZL JPN CHN IND SGP KOR ZAF ARE";
/// Whether `text` is a measure.
pub(super) fn is_measure(text: &str) -> bool {
    is_listed(UNITS, &text.to_lowercase())
        || is_listed(CURRENCIES, text)
        || is_listed(COUNTRIES, text)
        || is_size(text)
        || is_range(text)
        || is_rate(text)
        || are_lengths(text)
        || is_version_range(text)
        || is_amount(text)
        || is_month(text)
        || has_measure_unit(text)
        || are_opening_hours(text)
        || is_standard(text)
        || is_threshold(text)
}

/// `>= 90 %`, `< 5`.
fn is_threshold(text: &str) -> bool {
    text.strip_prefix(['<', '>'])
        .map(|rest| rest.trim_start_matches('='))
        .and_then(|rest| rest.strip_prefix(' '))
        .is_some_and(|rest| {
            let number = rest.trim_end_matches('%').trim_end();
            let digits = number.replacen(['.', ','], "", 1);
            (1..=3).contains(&digits.len()) && is_digits(&digits)
        })
}

/// `ISO 9001`, `EPSG:28992`, `PDF/A-2b`, `RFC5545`.
fn is_standard(text: &str) -> bool {
    const STANDARDS: &str = "ISO RFC EPSG DIN NEN EN IEC IEEE ANSI ITU PDF/A PDF/X PDF PDF/UA EAN UPC GS1 UBL HL7 FIPS NIST TLS \
        TLSv HTTP UTF EDIFACT X12 ZPL DICOM LOINC ICD A B";
    let at = text
        .find([' ', ':', '-'])
        .or_else(|| text.find(|one: char| one.is_ascii_digit()));
    let Some((body, number)) = at.map(|at| text.split_at(at)) else {
        return false;
    };
    let number = number.trim_start_matches([' ', ':', '-']);
    let is_number =
        |part: &str| part.len() <= 5 && part.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let digits = number.bytes().filter(u8::is_ascii_digit).count();
    let letters = number.bytes().filter(u8::is_ascii_alphabetic).count();
    is_listed(STANDARDS, body)
        && !(body.len() == 1 && number.len() != 1)
        && (1..=8).contains(&digits)
        && letters <= 1
        && (letters == 0 || number.ends_with(|last: char| last.is_ascii_alphabetic()))
        && number.len() <= 12
        && number.split(['.', '-', ':']).all(is_number)
}

/// `12.5 kg`, `230 V`.
fn has_measure_unit(text: &str) -> bool {
    text.split_once(' ').is_some_and(|(number, unit)| {
        let digits = number.replacen(['.', ','], "", 1);
        (1..=4).contains(&digits.len()) && is_digits(&digits) && is_unit(unit)
    })
}

fn is_unit(text: &str) -> bool {
    is_listed(UNITS, &text.to_lowercase()) || is_listed(UNITS_OF_ONE_LETTER, text)
}

/// `ma-vr 08:30-17:00`, `Mon - Fri 9:00 - 17:30`.
fn are_opening_hours(text: &str) -> bool {
    let is_end = |character: char| character.is_whitespace() || "-,;/".contains(character);
    let parts = text.split(is_end).filter(|part| !part.is_empty());
    let is_time = |part: &str| {
        let padded = if part.len() == 4 {
            format!("0{part}")
        } else {
            part.to_owned()
        };
        padded.contains(':') && is_date_or_time(&padded)
    };
    let is_day = |part: &str| is_listed(WEEKDAYS, &part.to_lowercase());
    let is_time_of_day = |part: &str| {
        part.split_once(':')
            .is_some_and(|(day, time)| is_day(day) && is_time(time))
    };
    if parts.clone().count() == 2 && parts.clone().all(is_time_of_day) {
        return true;
    }
    parts.clone().count() <= 24
        && parts.clone().any(is_day)
        && parts.clone().any(is_time)
        && parts.clone().all(|part| is_day(part) || is_time(part))
}

/// `12,5`, `€ 25,00`, `2.5 %`, `1.000.000`.
fn is_amount(text: &str) -> bool {
    let bare = text
        .trim_start_matches(['€', '$', '£'])
        .trim_end_matches('%')
        .trim();
    let has_fraction = bare
        .split_once([',', '.'])
        .is_some_and(|(whole, fraction)| {
            (1..=3).contains(&whole.len())
                && (1..=2).contains(&fraction.len())
                && is_digits(whole)
                && is_digits(fraction)
        });
    let mut groups = bare.split(['.', ',']);
    let first = groups.next().unwrap_or_default();
    let is_round = (1..=3).contains(&first.len()) && is_digits(first) && bare.len() > 3;
    // `1.234,56`
    let has_groups = bare.rsplit_once([',', '.']).is_some_and(|(whole, cents)| {
        let mut groups = whole.split(['.', ',']);
        let first = groups.next().unwrap_or_default();
        cents.len() == 2
            && is_digits(cents)
            && (1..=3).contains(&first.len())
            && is_digits(first)
            && whole.len() > 3
            && groups.all(|group| group.len() == 3 && is_digits(group))
    });
    has_fraction || has_groups || (is_round && groups.all(|group| group == "000"))
}

/// `2024-01`, `2024-01/2024-12`.
fn is_month(text: &str) -> bool {
    text.split('/').count() <= 2
        && text
            .split('/')
            .all(|month| is_date_or_time(&format!("{month}-01")) && month.len() == 7)
}

/// `1920x1080`, `16:9`.
fn is_size(text: &str) -> bool {
    let are_digits = |(one, other): (&str, &str), most: usize| {
        one.len() <= most && other.len() <= most && is_digits(one) && is_digits(other)
    };
    // Pixels are even numbers; of random characters, few form two.
    let is_even = |text: &str| text.len() >= 2 && text.ends_with(['0', '2', '4', '6', '8']);
    let is_side = |side: &str| side.len() <= 4 && is_digits(side) && is_even(side);
    ((2..=3).contains(&text.split('x').count()) && text.split('x').all(is_side))
        || text.split_once(':').is_some_and(|pair| are_digits(pair, 2))
}

/// `1-100`, `09:00-17:30`; not two groups of digits of the same length, which are a code.
fn is_range(text: &str) -> bool {
    text.split_once('-').is_some_and(|(from, to)| {
        let (from, to) = (from.trim(), to.trim());
        let is_short = from.len() <= 2 && to.len() <= 3 && is_digits(from) && is_digits(to);
        let is_ordered = from.parse::<u16>().ok() < to.parse().ok();
        let are_times = from.contains(':') && is_date_or_time(from) && is_date_or_time(to);
        (is_short && is_ordered) || are_times
    })
}

/// `100/minute`.
fn is_rate(text: &str) -> bool {
    text.split_once('/').is_some_and(|(number, period)| {
        number.len() <= 5 && is_digits(number) && is_listed(PERIODS, period)
    })
}

/// `2cm 1.5cm`.
fn are_lengths(text: &str) -> bool {
    let is_length = |text: &str| {
        LENGTHS.iter().any(|unit| {
            text.strip_suffix(unit).is_some_and(|number| {
                let digits = number.replacen('.', "", 1);
                (1..=4).contains(&digits.len()) && is_digits(&digits)
            })
        })
    };
    let is_zero = |text: &str| text == "0" || text == "auto";
    // Four characters may be random.
    if text.len() == 4 && !["px", "mm", "cm"].iter().any(|unit| text.ends_with(unit)) {
        return false;
    }
    let parts = text.split_whitespace();
    parts.clone().count() <= 4
        && parts.clone().any(is_length)
        && parts.clone().all(|part| is_length(part) || is_zero(part))
}

/// `>=10.6.0 <11.0.0`, `^1.2.3`, `[1.0,2.0)`.
fn is_version_range(text: &str) -> bool {
    let is_number = |text: &str| {
        let is_short = text.len() <= 5
            && text
                .split('.')
                .all(|part| (1..=2).contains(&part.len()) && is_digits(part));
        is_version(text) || is_short
    };
    let interval = text
        .strip_prefix(['[', '('])
        .and_then(|text| text.strip_suffix([']', ')']))
        .and_then(|text| text.split_once(','));
    if let Some((from, to)) = interval {
        let is_end = |text: &str| text.is_empty() || (text.contains('.') && is_number(text));
        return from.len() + to.len() > 0 && is_end(from.trim()) && is_end(to.trim());
    }
    let parts = text.split_whitespace().filter(|part| *part != "||");
    let has_operator = |part: &str| part.starts_with(['^', '~', '<', '>', '=']);
    parts.clone().count() <= 4
        && parts.clone().any(has_operator)
        && parts
            .clone()
            .all(|part| is_number(part.trim_start_matches(['^', '~', '<', '>', '='])))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn measures_have_their_forms_and_no_others() {
        for text in [
            "km/h",
            "kWh",
            "mbar",
            "EUR",
            "NLD",
            "16:9",
            "1920x1080",
            "120x80x100",
            "1-100",
            "09:00-17:30",
            "100/minute",
            "2cm 1.5cm",
            "0 auto 12px",
            ">=10.6.0 <11.0.0",
            "^1.2.3",
            "[1.0,2.0)",
            "12.5 kg",
            "230 V",
            ">= 90 %",
            "< 5",
            "1.234,56",
            "ma-vr 08:30-17:00",
            "sun:02:00-sun:04:00",
            "ISO 9001",
            "EPSG:28992",
            "PDF/A-2b",
            "TLSv1.2",
            "A4",
            "Sat, Sun 10:00 - 16:00",
        ] {
            assert!(is_measure(text), "{text}");
        }
        for text in [
            "123-456",
            "48391-20384",
            "4839x20394",
            "x",
            "4839:2039",
            "^4839",
            "[48392,20394]",
            "kqz",
            "12-3456",
            "4839/minute/x",
            "98-12",
            "<4839",
            "48392 kg",
            "4839 xq",
            "ma-vr 4839",
            "A48",
            "ISOkqz",
            "ISO x7Qk2",
            "08:30-17:00 kufidobe",
            "",
        ] {
            assert!(!is_measure(text), "{text}");
        }
    }
}
