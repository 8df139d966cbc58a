//! Measures: sizes, ranges, rates, units, ranges of versions, and numbers whose form their name states.

use super::Context;
use super::number::{is_date_or_time, is_digits, is_version};
use crate::constants::mask::language::is_listed;
use crate::constants::mask::names::name_words;

const UNITS: &str = "km/h m/s kwh mwh kw mw wh kva mbar bar hpa kpa pa psi lux rpm hz khz mhz ghz kn nm mm cm dm km m2 m3 cm3 g/cm3 \
    kg/m3 ml cl dl ltr l kg g mg ton pcs pc ea stk stuk stuks uur celsius fahrenheit kelvin dba db ppm mm2 °c °f m² m³";
const LENGTHS: [&str; 9] = ["px", "pt", "em", "rem", "cm", "mm", "%", "vh", "vw"];
const PERIODS: &str =
    "s sec second seconds m min minute minutes h hour hours d day days week month year";
const CURRENCIES: &str = "EUR USD GBP CHF SEK NOK DKK PLN CZK HUF RON BGN ISK TRY CAD AUD NZD JPY CNY HKD SGD INR KRW THB IDR MYR ZAR \
    BRL MXN ARS CLP COP AED SAR ILS EGP UAH";
const COUNTRIES: &str = "NLD BEL DEU FRA GBR ESP PRT ITA CHE AUT LUX DNK SWE NOR FIN IRL POL CZE SVK HUN ROU BGR GRC HRV SVN EST LVA LTU \
    TUR USA CAN MEX BRA ARG CHL AUS NZL JPN CHN IND SGP KOR ZAF ARE";
const POSTAL: &str = "postal postcode zip zipcode postleitzahl plz";
const TELEPHONE: &str = "phone telephone fax tel telefoon telefon mobile mobiel gsm";
/// What has a number in a public register.
const REGISTERED: &str = "vat btw kvk coc ust";
/// What has a public id: a login page shows it.
const TENANTS: &str = "tenant directory subscription";
const STATUSES: &str = "status statuses codes";

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
    has_fraction || (is_round && groups.all(|group| group == "000"))
}

/// `2024-01`, `2024-01/2024-12`.
fn is_month(text: &str) -> bool {
    text.split('/').count() <= 2
        && text
            .split('/')
            .all(|month| is_date_or_time(&format!("{month}-01")) && month.len() == 7)
}

/// Whether `text` is a number of the form that the constant's name states: a postal code, a telephone number, statuses of
/// HTTP, or the public id of a tenant.
pub(super) fn is_named_number(text: &str, context: Context<'_>) -> bool {
    let words = name_words(context.name);
    let is_named = |list: &str| words.iter().any(|word| is_listed(list, word));
    (is_named(POSTAL) && is_postal_code(text))
        || (is_named(TELEPHONE) && is_national_number(text))
        || (is_named(STATUSES) && text.split(',').all(is_status))
        || (is_named(REGISTERED) && is_registered_number(text))
        || (is_named(TENANTS) && is_named("id guid uuid") && is_uuid(text))
}

/// `1920x1080`, `16:9`.
fn is_size(text: &str) -> bool {
    let are_digits = |(one, other): (&str, &str), most: usize| {
        one.len() <= most && other.len() <= most && is_digits(one) && is_digits(other)
    };
    text.split_once('x').is_some_and(|pair| are_digits(pair, 4))
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

/// `1012 AB`, `10115`.
fn is_postal_code(text: &str) -> bool {
    let compact = text.replace(' ', "");
    let (digits, letters) = compact.split_at(compact.len().min(4));
    let is_dutch = is_digits(digits)
        && letters.len() == 2
        && letters.bytes().all(|byte| byte.is_ascii_uppercase());
    is_dutch || (compact.len() == 5 && is_digits(&compact))
}

/// `020-1234567`.
fn is_national_number(text: &str) -> bool {
    let digits = text.chars().filter(char::is_ascii_digit).count();
    (7..=15).contains(&digits)
        && text
            .chars()
            .all(|character| character.is_ascii_digit() || "+-() /".contains(character))
}

/// `12345678`, `NL123456789B01`.
fn is_registered_number(text: &str) -> bool {
    let is_form = |byte: u8| byte.is_ascii_digit() || byte.is_ascii_uppercase();
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    (8..=14).contains(&text.len()) && digits >= 8 && text.bytes().all(is_form)
}

fn is_uuid(text: &str) -> bool {
    let lengths = text.split('-').map(str::len);
    lengths.eq([8, 4, 4, 4, 12])
        && text
            .bytes()
            .all(|byte| byte.is_ascii_hexdigit() || byte == b'-')
}

fn is_status(text: &str) -> bool {
    let text = text.trim();
    text.len() == 3 && is_digits(text) && text.starts_with(['1', '2', '3', '4', '5'])
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
            "1-100",
            "09:00-17:30",
            "100/minute",
            "2cm 1.5cm",
            "0 auto 12px",
            ">=10.6.0 <11.0.0",
            "^1.2.3",
            "[1.0,2.0)",
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
            "",
        ] {
            assert!(!is_measure(text), "{text}");
        }
    }

    #[test]
    fn a_name_states_the_form_of_a_number() {
        let is_named = |name, text| {
            let context = Context {
                name,
                heads: &[],
                is_marketplace_default: false,
            };
            is_named_number(text, context)
        };
        assert!(is_named("App.PostalCode", "1012 AB") && is_named("App.Zip", "10115"));
        assert!(is_named("App.VatNumber", "NL123456789B01") && !is_named("App.Value", "12345678"));
        let tenant = "fae5de74-0f9e-4a59-8a53-1f0f6d1a2b3c";
        assert!(is_named("App.TenantId", tenant) && !is_named("App.Tenant", tenant));
        assert!(is_named("App.FaxNumber", "020-1234567") && is_named("App.HttpStatus", "200,201"));
        for name in ["App.Value", "App.Code", "App.Number"] {
            for text in ["1012 AB", "10115", "020-1234567", "200,201"] {
                assert!(!is_named(name, text), "{name} {text}");
            }
        }
    }
}
