//! Queries, filters, paths into documents, and regular expressions whose words are all known.

use super::number::is_date_or_time;
use crate::constants::mask::language::{Style, is_known, is_listed, words};
use crate::constants::mask::names::{is_secret_field, is_suspicious_field};

/// Maximum length of an expression, in bytes.
const MAX_LENGTH: usize = 500;
/// Signs of queries, filters and paths.
const SIGNS: &str = " ()[]{}=<>!&|,/.*'\"@$:%+-_?\n\r\t";
/// Words that begin a query.
const STARTS: [&str; 12] = [
    "select ",
    "from ",
    "where ",
    "order by ",
    "group by ",
    "delete from ",
    "insert into ",
    "update ",
    "query ",
    "query{",
    "mutation ",
    "exists ",
];
/// Comparisons, which logins and passphrases have not.
const COMPARISONS: [&str; 15] = [
    " * ", " = ", " != ", " <> ", " >= ", " <= ", " > ", " < ", " eq ", " ne ", " gt ", " lt ",
    " ge ", " le ", " like ",
];
/// Options of `OData`.
const OPTIONS: [&str; 7] = [
    "$filter=",
    "$select=",
    "$orderby=",
    "$expand=",
    "$top=",
    "$skip=",
    "$count=",
];
/// Rules that filters of Active Directory name by their number, before the last group of digits.
const DIRECTORY_RULES: &str = "1.2.840.113556.1.4.";
/// Words that give an account a password.
const GRANTS: &str = "identified grant login role";
/// Names in queries and filters: words, possibly with a digit.
const NAME: Style = Style {
    accepts_strange: false,
    rare_groups: 0,
    abbreviation: 0,
    glued_digits: 1,
    free_digits: 4,
};
/// Words in regular expressions that are no words.
const MAX_ABBREVIATION: usize = 6;

/// Whether `text` is a query, a filter or a path of words: SQL, OQL, `XPath`, `JSONPath`, `OData`, LDAP, GraphQL.
pub(super) fn is_expression(text: &str) -> bool {
    let text: &str = &without_dates(&text.replace(DIRECTORY_RULES, ""));
    let lower = text.to_lowercase();
    let is_filter = text.starts_with('(') && text.ends_with(')') && text.contains('=');
    let is_constraint = text.starts_with('[') && text.ends_with(']') && text.contains('=');
    let is_path = text.starts_with("$.") || text.starts_with("//") || text.contains("/@");
    let is_order = |item: &str| item.ends_with(":asc") || item.ends_with(":desc");
    let has_form = lower.split(',').all(is_order)
        || STARTS.iter().any(|start| lower.starts_with(start))
        || COMPARISONS.iter().any(|sign| lower.contains(sign))
        || OPTIONS.iter().any(|option| lower.contains(option))
        || is_filter
        || is_constraint
        || is_path;
    let has_only_signs = text
        .chars()
        .all(|character| character.is_alphanumeric() || SIGNS.contains(character));
    has_form
        && text.len() <= MAX_LENGTH
        && has_only_signs
        && !has_secret(text)
        && words(&without_aliases(text), NAME)
            .is_some_and(|words| words.count() >= 1 && words.numbers.len() <= 4)
}

/// Replaces dates between quotes by a word: `datetime'2024-01-01T00:00:00'`.
fn without_dates(text: &str) -> String {
    let parts: Vec<&str> = text.split('\'').collect();
    let bare = parts.iter().map(|part| match is_date_or_time(part) {
        true => "date",
        false => part,
    });
    bare.collect::<Vec<_>>().join("'")
}

/// Removes the letter before a point that stands for a table: `o.name`.
fn without_aliases(text: &str) -> String {
    let mut bare = String::with_capacity(text.len());
    for word in text.split_inclusive(|character: char| !character.is_alphanumeric()) {
        let is_alias = word.len() == 2 && word.ends_with(['.', '/']);
        bare.push_str(if is_alias { " " } else { word });
    }
    bare
}

/// Whether a word is that of a secret, or a field may carry one.
fn has_secret(text: &str) -> bool {
    let is_sign = |character: char| !character.is_alphanumeric() && character != '_';
    let is_grant = |word: &str| is_listed(GRANTS, &word.to_lowercase());
    let compared = text.match_indices(['=', ':']).any(|(at, _)| {
        let before = text[..at].trim_end_matches([' ', '!', '<', '>']);
        let field = before.rsplit(is_sign).next().unwrap_or_default();
        is_suspicious_field(field)
    });
    compared
        || text
            .split(is_sign)
            .any(|word| is_secret_field(word) || is_grant(word))
}

/// Whether `text` is a regular expression whose letters are classes, or words of the vocabulary.
pub(super) fn is_regular_expression(text: &str) -> bool {
    text.len() <= 200
        && read_regular_expression(text).is_some_and(|classes| {
            let has_words = text.chars().filter(|letter| letter.is_alphabetic()).count() >= 3;
            classes > 0 || (has_words && (text.contains(".*") || text.contains(".+")))
        })
}

/// Returns the number of classes of characters in a regular expression; `None` if it is none.
fn read_regular_expression(text: &str) -> Option<usize> {
    let mut rest = text;
    let mut classes = 0;
    let mut words = 0;
    while let Some(first) = rest.chars().next() {
        let after = &rest[first.len_utf8()..];
        rest = match first {
            '[' => {
                let (inner, after) = after.split_at(end_of_class(after)?);
                classes += usize::from(has_range(inner)?);
                &after[1..]
            }
            '\\' => {
                let escaped = after.chars().next()?;
                match escaped {
                    'd' | 'D' | 'w' | 'W' | 's' | 'S' => classes += 1,
                    'b' | 'B' => {}
                    other if other.is_ascii_punctuation() => {}
                    _ => return None,
                }
                &after[1..]
            }
            '{' => {
                let (count, after) = after.split_once('}')?;
                let is_count =
                    |text: &str| text.len() <= 3 && text.bytes().all(|byte| byte.is_ascii_digit());
                if count.is_empty()
                    || count.split(',').count() > 2
                    || !count.split(',').all(is_count)
                {
                    return None;
                }
                after
            }
            '(' => ["?:", "?=", "?!", "?i)"]
                .iter()
                .find_map(|start| after.strip_prefix(start))
                .unwrap_or(after),
            ')' | '|' | '?' | '+' | '*' | '^' | '$' | '.' => after,
            ' ' | '@' | '-' | '_' | '/' | ':' | ',' | '#' | '%' => after,
            letter if letter.is_ascii_alphanumeric() => {
                let end = rest.find(|character: char| !character.is_ascii_alphanumeric());
                let (word, after) = rest.split_at(end.unwrap_or(rest.len()));
                let is_short = word.len() <= MAX_ABBREVIATION
                    && (word.bytes().all(|byte| byte.is_ascii_uppercase())
                        || (word.len() <= 2 && word.bytes().all(|byte| byte.is_ascii_digit())));
                if !is_short && !is_known(&word.to_lowercase()) {
                    return None;
                }
                words += 1;
                after
            }
            _ => return None,
        };
    }
    (words <= 8).then_some(classes)
}

/// Returns the length of a class of characters up to its bracket.
fn end_of_class(text: &str) -> Option<usize> {
    let mut is_escaped = false;
    text.char_indices().find_map(|(at, character)| {
        let is_end = character == ']' && !is_escaped && at > 0;
        is_escaped = character == '\\' && !is_escaped;
        is_end.then_some(at)
    })
}

/// Returns whether a class of characters has a range such as `a-z`; `None` if it lists more than a few letters.
fn has_range(inner: &str) -> Option<bool> {
    let characters: Vec<char> = inner.chars().collect();
    let mut at = 0;
    let (mut letters, mut has_range) = (0, false);
    while let Some(first) = characters.get(at) {
        let last = characters
            .get(at + 2)
            .filter(|_| characters.get(at + 1) == Some(&'-'));
        match last {
            Some(last)
                if first.is_ascii_alphanumeric()
                    && last.is_ascii_alphanumeric()
                    && first < last =>
            {
                has_range = true;
                at += 3;
            }
            _ => {
                let is_escape = *first == '\\';
                letters += usize::from(first.is_alphanumeric());
                at += if is_escape { 2 } else { 1 };
                has_range |= is_escape && matches!(characters.get(at - 1), Some('d' | 'w' | 's'));
            }
        }
    }
    (letters <= 4).then_some(has_range)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_filters_and_paths_of_known_words_are_expressions() {
        for text in [
            "SELECT id, name FROM customer WHERE active = true",
            "select count(*) from sales$order",
            "status = 'Open' AND amount > 100",
            "(value - 32) * 5 / 9",
            "[Status = 'Open']",
            "//Sales.Order[Sales.Order_Customer/Sales.Customer/Name = 'Open']",
            "/order/lines/line/@id",
            "$.items[0].name",
            "$filter=Status eq 'Open'&$top=10",
            "(&(objectClass=user)(name={1}))",
            "Changed ge datetime'2024-01-01T00:00:00'",
            "SELECT mean(value) FROM temperature WHERE time > now() - 1h GROUP BY time(5m)",
            "(!(userAccountControl:1.2.840.113556.1.4.803:=2))",
            "query { orders { id name } }",
        ] {
            assert!(is_expression(text), "{text}");
        }
        for text in [
            "ALTER USER sales WITH PASSWORD 'orders'",
            "CREATE USER sales IDENTIFIED BY orders",
            "user = 'orders'",
            "[Name = 'kufidobe']",
            "(password=orders)",
            "name = 'Welkom01'",
            "sales/orders",
            "$.kqzvxw",
            "orders=sales",
        ] {
            assert!(!is_expression(text), "{text}");
        }
    }

    #[test]
    fn regular_expressions_consist_of_classes_and_words() {
        for text in [
            r"^[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,}$",
            r"^[1-9][0-9]{3} ?[A-Z]{2}$",
            r"^ORD-\d{6}$",
            r"\+?[0-9 ]{8,15}",
            r".*\.(csv|xlsx)$",
            r"^order_.*$",
            r"^IFTSTA.*\.edi$",
        ] {
            assert!(is_regular_expression(text), "{text}");
        }
        for text in [
            r"x7\dQk2[a-z]",
            "[aB3xK9]",
            "Summer.*2024",
            "aB3.*xK9",
            "[a-z",
            "orders",
            "$order*",
            "{12}",
            "",
        ] {
            assert!(!is_regular_expression(text), "{text}");
        }
    }
}
