//! Labels: abbreviations, short codes and lists of names, of which the constant's name says that they are some.
//!
//! Under a name that says nothing, the same values may be secrets, and stay hidden.

use super::Context;
use super::named::{is_code, is_of_access};
use super::prose::is_title;
use crate::constants::mask::language::{Style, is_built_like_a_word, is_known, words};
use crate::constants::mask::names::{Head, name_words};

/// Most items of a list.
const MAX_ITEMS: usize = 32;
/// Most letters of an abbreviation.
const MAX_ABBREVIATION: usize = 5;

/// Whether `text` is an abbreviation or a short code under the name of something that has one: `ECTS`, `C30/37`.
pub(super) fn is_label(text: &str, context: Context<'_>) -> bool {
    context.heads.contains(&Head::Title)
        && !is_of_access(&name_words(context.name))
        && (is_abbreviation(text) || is_code(text))
}

/// Whether `text` is a list of two or more names, words or short codes, and the constant's name a plural: `WardCodes`.
pub(super) fn is_list_of_labels(text: &str, context: Context<'_>) -> bool {
    let separators = [';', '|', ',', '\n', '/'];
    let Some(separator) = separators.into_iter().find(|one| text.contains(*one)) else {
        return false;
    };
    let words = name_words(context.name);
    let is_item = |item: &str| {
        is_abbreviation(item) || is_code(item) || is_title(item) || is_word_of_a_list(item)
    };
    let items = text.split(separator).map(str::trim);
    words.last().is_some_and(|last| is_plural(last))
        && !is_of_access(&words)
        && (2..=MAX_ITEMS).contains(&items.clone().count())
        && items.clone().all(is_item)
}

/// Whether `word` is the plural of a word that is known: `types`, `codes`, `categories`.
fn is_plural(word: &str) -> bool {
    let is_singular = ["ss", "us", "is"].iter().any(|end| word.ends_with(end));
    let singular = word
        .strip_suffix("ies")
        .map(|stem| format!("{stem}y"))
        .or_else(|| word.strip_suffix('s').map(str::to_owned));
    word == "list" || (!is_singular && singular.is_some_and(|singular| is_known(&singular)))
}

/// `IC`, `NLRTM`, `FdR`: two to five letters, most of them capitals.
fn is_abbreviation(text: &str) -> bool {
    let capitals = text.bytes().filter(u8::is_ascii_uppercase).count();
    (2..=MAX_ABBREVIATION).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphabetic())
        && text.starts_with(|first: char| first.is_ascii_uppercase())
        && capitals * 3 >= text.len() * 2
}

/// A word that no vocabulary has, without a capital: `klei`, `Museumkaart`.
fn is_word_of_a_list(text: &str) -> bool {
    let lower = text.to_lowercase();
    let rest = text.get(1..).unwrap_or_default();
    rest.chars().all(char::is_lowercase) && is_built_like_a_word(&lower, 1)
        || words(text, Style::PLAIN).is_some_and(|words| words.count() > 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::constants::mask::names::heads;

    fn shows(prove: fn(&str, Context<'_>) -> bool, name: &str, text: &str) -> bool {
        let heads = heads(name);
        let context = Context {
            name,
            heads: &heads,
            is_marketplace_default: false,
        };
        prove(text, context)
    }

    #[test]
    fn abbreviations_and_codes_are_harmless_under_the_name_of_something_that_has_one() {
        for (name, text) in [
            ("Study.GradingScheme", "ECTS"),
            ("Port.DefaultLocation", "NLRTM"),
            ("Site.ConcreteClass", "C30/37"),
            ("Port.GoodsClass", "IMDG 3"),
        ] {
            assert!(shows(is_label, name, text), "{name} = {text}");
            assert!(!shows(is_label, "App.Setting", text), "{text}");
        }
        for name in [
            "App.AccessLevel",
            "Site.Gate",
            "Site.GateCode",
            "Hotel.Safe",
        ] {
            assert!(!shows(is_label, name, "4711"), "{name}");
        }
        assert!(!shows(is_label, "App.Type", "kQ9x"));
    }

    #[test]
    fn a_plural_names_a_list() {
        for (name, text) in [
            ("Care.WardAbbreviations", "IC,CCU,SEH,OK"),
            ("Study.FacultyCodes", "FGW;FNWI;FdR;FEB"),
            ("Farm.SoilTypes", "zand,klei,veen,leem"),
            ("Stage.HallNames", "Grote Zaal|Kleine Zaal|Foyer"),
            ("Port.BerthCodes", "RTM-WH-01,RTM-WH-02"),
        ] {
            assert!(shows(is_list_of_labels, name, text), "{name} = {text}");
            assert!(!shows(is_list_of_labels, "App.Setting", text), "{text}");
        }
        for text in ["zand", "kQ9x,Zz4!", "scott/T1ger99", "aB3,x9Kd", "a,b,c"] {
            assert!(!shows(is_list_of_labels, "App.Options", text), "{text}");
        }
        for name in ["App.AccessCodes", "Shop.Vouchers", "Site.GateCodes"] {
            assert!(!shows(is_list_of_labels, name, "1234,5678"), "{name}");
        }
    }
}
