//! Values of which the constant's name states the form: a postal code, a telephone number, the number of a plant.
//!
//! Under a name that says nothing, the same values may be secrets, and stay hidden.

use super::Context;
use super::number::is_digits;
use crate::constants::mask::language::{Style, has_listed, is_known, is_listed, words};
use crate::constants::mask::names::name_words;

const POSTAL: &str = "postal postcode zip zipcode postleitzahl plz";
const TELEPHONE: &str = "phone telephone fax tel telefoon telefon mobile mobiel gsm";
/// What has a number in a public register.
const REGISTERED: &str = "vat btw kvk coc ust duns eori oin rsin handelsregister";
/// What has a public id: a login page, a link or a request shows it.
const PUBLIC_THINGS: &str = "tenant directory subscription client app application object project resource site drive group policy template \
    workspace environment organisation organization company model form flow process list dataset report folder \
    document location";
const IDS: &str = "id guid uuid identifier";
const STATUSES: &str = "status statuses codes";
/// What companies number: the code is printed on documents and doors.
const NUMBERED: &str = "build release revision edition plant client company cost costcenter kostenplaats kostenstelle system sap org station series \
    range article material warehouse division segment ledger document doctype category movement sku product item \
    unit department afdeling abteilung branch ticket issue jira project incident order invoice customer supplier \
    vendor debtor creditor contract fiscal year jaar jahr sheet section chapter article route line lijn terminal gate \
    hs tariff taric form template version printer terminal device machine asset srid epsg barcode label peppol campaign layer level \
    tax schema";
/// Names of numbers that are codes of access, whatever is numbered.
const ACCESS: &str = "access pin login unlock verification activation security door alarm lock user admin reset recovery voucher \
    coupon gift invite gate garage keybox safe vault entrance poort toegang zugang";
const ACCOUNTS: &str = "account konto rekening";
const NUMBERS: &str = "number nummer nr no id";
const ARTICLES: &str = "gln ean gtin upc";
const BANKS: &str = "bic swift";
const ADDRESSES: &str = "address adres adresse anschrift street straat strasse visiting";
const ENDS: &str = "prefix suffix postfix extension separator delimiter";
const COLOURS: &str = "color colour colors colours kleur farbe couleur background foreground accent brand primary secondary theme palette \
    fill stroke border highlight";
const TRACKING: &str = "analytics gtm tag tracking measurement matomo";

/// Whether `text` has the form that the constant's name states.
pub(super) fn has_named_form(text: &str, context: Context<'_>) -> bool {
    let words = name_words(context.name);
    let is_named = |list: &str| has_listed(list, &words);
    is_iban(text)
        || (is_named(POSTAL) && is_postal_code(text))
        || (is_named(TELEPHONE) && is_national_number(text))
        || (is_named(STATUSES) && text.split(',').all(is_status))
        || (is_named(REGISTERED) && is_registered_number(text))
        || (is_named(PUBLIC_THINGS) && is_named(IDS) && is_uuid(text))
        || ((is_named(NUMBERED) || is_number_of_something(&words))
            && !is_of_access(&words)
            && (is_code(text) || is_range_of_numbers(text)))
        || (is_named(ACCOUNTS) && is_named(NUMBERS) && text.len() <= 12 && is_digits(text))
        || (words.last().is_some_and(|last| is_listed(ACCOUNTS, last))
            && text.len() <= 6
            && is_digits(text))
        || (is_named(ARTICLES) && is_article_number(text))
        || (is_named(BANKS) && is_bank_code(text))
        || (is_named(ADDRESSES) && is_address(text))
        || (is_named(ENDS) && is_end_of_text(text))
        || (is_named(TRACKING) && is_tracking_id(text))
        || (is_named(COLOURS) && is_hexadecimal_colour(text))
}

/// Whether what the name names opens something.
pub(super) fn is_of_access(words: &[String]) -> bool {
    has_listed(ACCESS, words)
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

pub(super) fn is_uuid(text: &str) -> bool {
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

/// Whether a name such as `InsurerCode` or `RoomNumber` says what is numbered.
fn is_number_of_something(words: &[String]) -> bool {
    const NEUTRAL: &str =
        "app my the value setting option param parameter config default text sales erp constant";
    words.windows(2).next_back().is_some_and(|pair| {
        is_listed("code number nummer nr id", &pair[1])
            && !is_listed(NEUTRAL, &pair[0])
            && is_known(&pair[0])
    })
}

/// `100000-199999`.
fn is_range_of_numbers(text: &str) -> bool {
    text.split_once('-').is_some_and(|(from, to)| {
        from.len() == to.len() && from.len() <= 9 && is_digits(from) && is_digits(to) && from < to
    })
}

/// `KP-4410`, `NL01`, `R24.3`, `#1482`, `A1:F500`: few capitals, and at most six digits.
pub(super) fn is_code(text: &str) -> bool {
    const SIGNS: &str = "-./#:_ ";
    let count = |is: fn(&char) -> bool| text.chars().filter(is).count();
    let capitals = count(char::is_ascii_uppercase);
    let digits = count(char::is_ascii_digit);
    let signs = text.chars().filter(|sign| SIGNS.contains(*sign)).count();
    capitals <= 6
        && (1..=6).contains(&digits)
        && signs <= 3
        && capitals + digits + signs == text.chars().count()
        // Letters and digits that alternate are random.
        && text
            .split(|sign: char| SIGNS.contains(sign))
            .all(|part| !part.trim_start_matches(|one: char| one.is_ascii_uppercase()).contains(char::is_alphabetic))
}

/// `NL91ABNA0417164300`, proven by its check digits.
fn is_iban(text: &str) -> bool {
    let compact: Vec<u8> = text.bytes().filter(|byte| *byte != b' ').collect();
    let is_form = (15..=34).contains(&compact.len())
        && compact[..2].iter().all(u8::is_ascii_uppercase)
        && compact[2..4].iter().all(u8::is_ascii_digit)
        && compact
            .iter()
            .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
        && compact.iter().filter(|byte| byte.is_ascii_digit()).count() * 2 > compact.len();
    let moved = compact.iter().skip(4).chain(compact.iter().take(4));
    let rest = moved.fold(0_u32, |rest, byte| match byte {
        b'0'..=b'9' => (rest * 10 + u32::from(byte - b'0')) % 97,
        letter => (rest * 100 + u32::from(letter.saturating_sub(b'A')) + 10) % 97,
    });
    is_form && rest == 1
}

/// `8712345000004`, proven by its check digit.
fn is_article_number(text: &str) -> bool {
    let digits = text
        .bytes()
        .rev()
        .map(|byte| u32::from(byte.saturating_sub(b'0')));
    let sum: u32 = digits
        .enumerate()
        .map(|(at, digit)| if at % 2 == 1 { digit * 3 } else { digit })
        .sum();
    is_digits(text) && matches!(text.len(), 8 | 12 | 13 | 14) && sum.is_multiple_of(10)
}

/// `ABNANL2A`.
fn is_bank_code(text: &str) -> bool {
    matches!(text.len(), 8 | 11)
        && text.bytes().take(6).all(|byte| byte.is_ascii_uppercase())
        && text
            .bytes()
            .skip(6)
            .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
}

/// `Stationsplein 45, 3013 AK Rotterdam`.
fn is_address(text: &str) -> bool {
    const PART: Style = Style {
        accepts_strange: true,
        rare_groups: 1,
        abbreviation: 3,
        glued_digits: 0,
        free_digits: 5,
    };
    let is_form = |character: char| character.is_alphanumeric() || " ,.-'\n".contains(character);
    text.contains(' ')
        && text.len() <= 120
        && text.chars().all(is_form)
        && words(text, PART)
            .is_some_and(|words| words.count() >= 1 && (1..=3).contains(&words.numbers.len()))
}

/// `_bak`, `ORD-`, `.old`.
fn is_end_of_text(text: &str) -> bool {
    let letters = text
        .chars()
        .filter(|character| character.is_alphanumeric())
        .count();
    letters <= 4 && text.chars().count() <= 6
}

/// `G-4XK2P9QL7M`, which every page of a website contains.
fn is_tracking_id(text: &str) -> bool {
    ["G-", "UA-", "GTM-", "AW-"].iter().any(|start| {
        text.strip_prefix(start).is_some_and(|rest| {
            (4..=14).contains(&rest.len())
                && rest
                    .bytes()
                    .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'-')
        })
    })
}

/// `#a1b2c3`, which may also be random.
fn is_hexadecimal_colour(text: &str) -> bool {
    text.strip_prefix('#').is_some_and(|digits| {
        matches!(digits.len(), 3 | 4 | 6 | 8) && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_named(name: &str, text: &str) -> bool {
        let context = Context {
            name,
            heads: &[],
            is_marketplace_default: false,
        };
        has_named_form(text, context)
    }

    #[test]
    fn a_value_has_the_form_that_its_name_states() {
        let tenant = "fae5de74-0f9e-4a59-8a53-1f0f6d1a2b3c";
        for (name, text) in [
            ("PostalCode", "1012 AB"),
            ("Zip", "10115"),
            ("VatNumber", "NL123456789B01"),
            ("TenantId", tenant),
            ("ClientId", tenant),
            ("FaxNumber", "020-1234567"),
            ("HttpStatus", "200,201"),
            ("CostCenter", "KP-4410"),
            ("Plant", "NL01"),
            ("Release", "R24.3"),
            ("Build", "#1482"),
            ("SheetRange", "A1:F500"),
            ("AwsAccountId", "123456789012"),
            ("Gln", "8712345000004"),
            ("SwiftCode", "ABNANL2A"),
            ("VisitingAddress", "Stationsplein 45, 3013 AK Rotterdam"),
            ("FilePrefix", "ORD-"),
            ("AnalyticsId", "G-4XK2P9QL7M"),
            ("PrimaryColors", "#0a1f44"),
            ("Value", "NL91 ABNA 0417 1643 00"),
        ] {
            assert!(is_named(&format!("App.{name}"), text), "{name} {text}");
        }
    }

    #[test]
    fn under_another_name_it_is_not_proven() {
        for name in ["App.Value", "App.Code", "App.Number", "App.Setting"] {
            for text in [
                "1012 AB",
                "10115",
                "020-1234567",
                "200,201",
                "12345678",
                "fae5de74-0f9e-4a59-8a53-1f0f6d1a2b3c",
                "KP-4410",
                "NL91ABNA0417164301",
                "ABNANL2A",
                "#0a1f44",
            ] {
                assert!(!is_named(name, text), "{name} {text}");
            }
        }
        for (name, text) in [
            ("App.Plant", "x7Qk2Lm9"),
            ("App.Plant", "A1B2C3"),
            ("App.CustomerPinNumber", "4839"),
            ("App.Gln", "8712345000005"),
            ("App.ApiId", "fae5de74-0f9e-4a59-8a53-1f0f6d1a2b3c"),
            ("App.Address", "kqzvxw 4839"),
        ] {
            assert!(!is_named(name, text), "{name} {text}");
        }
    }
}
