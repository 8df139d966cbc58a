//! Texts with placeholders, marks and tags, which are harmless if the text around them is; and patterns of log lines.

use super::code;
use super::prose;
use crate::constants::mask::language::{Style, is_listed, words};
use crate::constants::mask::names::{Head, is_secret_field};

const TAGS: &str = "b i u p br strong em ul ol li h1 h2 h3 h4 span div";
/// Conversions of a log line's pattern.
const CONVERSIONS: &str =
    "d date level p logger c msg m message n thread t class C line L method M X mdc ex F file";
/// Names of placeholders: words, possibly with a number.
const NAME: Style = Style {
    accepts_strange: false,
    rare_groups: 0,
    abbreviation: 0,
    glued_digits: 2,
    free_digits: 2,
};

/// Whether `text` has placeholders, tags, marks or separators, and is words without them.
pub(super) fn is_template(text: &str, heads: &[Head]) -> bool {
    let Some(bare) = without_marks(text) else {
        return false;
    };
    let bare = bare.trim();
    // `{year}-{period}`: names of fields with signs between them.
    let are_fields_only = bare.chars().all(|sign| "-_/. :".contains(sign))
        && (text.contains(char::is_alphabetic) || text.matches('{').count() == 1);
    let is_title = || heads.contains(&Head::Title) && prose::is_title(bare);
    bare != text
        && !is_secret_field(bare)
        && (are_fields_only || prose::is_prose(bare, heads) || is_title())
}

/// Returns `text` without placeholders such as `{1}`, `${name}` and `%s`, tags such as `<b>`, the marks of lists, and
/// the signs between the steps of a path; `None` if the name of a placeholder is no word.
fn without_marks(text: &str) -> Option<String> {
    let mut bare = String::with_capacity(text.len());
    let mut rest = after_mark(text);
    while let Some(first) = rest.chars().next() {
        let after = &rest[first.len_utf8()..];
        let is_start = bare.is_empty() || bare.ends_with(' ');
        rest = match first {
            '{' => after_placeholder(after)?,
            '$' | '#' if after.starts_with('{') => after_placeholder(&after[1..])?,
            '%' if after.starts_with(['s', 'd']) => &after[1..],
            digit if digit.is_ascii_digit() && is_start && time_length(rest).is_some() => {
                &rest[time_length(rest).unwrap_or_default()..]
            }
            '<' => match after.split_once('>') {
                Some((tag, after)) if is_tag(tag) => after,
                _ => return None,
            },
            '*' if after.starts_with('*') => &after[1..],
            '>' | '→' if is_start && after.starts_with(' ') => after,
            '#' | '@' if is_start && after.starts_with(char::is_alphabetic) => after,
            '✓' | '•' | '·' | '©' | '…' | '“' | '”' | '„' | '«' | '»' | '¿' | '¡' => {
                after
            }
            other => {
                bare.push(other);
                after
            }
        };
    }
    Some(bare)
}

/// Returns what follows `[word] `.
fn after_mark(text: &str) -> &str {
    let inner = text
        .strip_prefix('[')
        .and_then(|rest| rest.split_once("] "));
    match inner {
        Some((mark, rest)) if words(mark, NAME).is_some_and(|words| words.count() == 1) => rest,
        _ => text,
    }
}

/// Returns the length of the time that `text` starts with: `9:00`.
fn time_length(text: &str) -> Option<usize> {
    let length = text
        .find(|character: char| !character.is_ascii_digit() && character != ':')
        .unwrap_or(text.len());
    let (hours, minutes) = text[..length].split_once(':')?;
    ((1..=2).contains(&hours.len()) && minutes.len() == 2).then_some(length)
}

/// Returns what follows `name}` or `{name}}`.
fn after_placeholder(text: &str) -> Option<&str> {
    let (text, end) = match text.strip_prefix('{') {
        Some(text) => (text, "}}"),
        None => (text, "}"),
    };
    let (name, rest) = text.split_once(end)?;
    let has_form = name
        .chars()
        .all(|character| character.is_alphanumeric() || "._- #".contains(character));
    let is_number = name.len() <= 8 && name.bytes().all(|byte| byte == b'0' || byte == b'#');
    let is_placeholder = is_number || code::is_pattern(name) || words(name, NAME).is_some();
    (has_form && is_placeholder).then_some(rest)
}

fn is_tag(text: &str) -> bool {
    is_listed(TAGS, text.trim_matches(['/', ' ']))
}

/// `%d{yyyy-MM-dd} %-5level %logger - %msg%n`.
pub(super) fn is_log_pattern(text: &str) -> bool {
    let mut conversions = text.split('%');
    let is_separator = |text: &str| text.chars().all(|character| " -[]|:()".contains(character));
    let start = conversions.next().unwrap_or_default();
    let is_conversion = |part: &str| {
        let part = part.trim_start_matches(|character: char| "-.0123456789".contains(character));
        let end = part.find(|character: char| !character.is_ascii_alphabetic());
        let (word, rest) = part.split_at(end.unwrap_or(part.len()));
        let inner = rest.strip_prefix('{').and_then(|rest| rest.split_once('}'));
        let (is_option, rest) = match inner {
            Some((option, rest)) => (
                code::is_pattern(option) || words(option, NAME).is_some(),
                rest,
            ),
            None => (true, rest),
        };
        is_listed(CONVERSIONS, word) && is_option && is_separator(rest)
    };
    text.matches('%').count() >= 2 && is_separator(start) && conversions.all(is_conversion)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_is_harmless_if_its_text_and_its_placeholders_are_words() {
        for text in [
            "Order {1}, your invoice {2} is ready.",
            "Hello ${name}, this is ${application}",
            "Order %s of %s",
            "{{name}} in {{city}}",
            "<b>Note:</b> read only",
            "**Important**: see the manual",
            "Home > Orders > Detail",
            "#sales #orders",
            "@sales-team",
            "[ACC] New order {1}",
            "{year}-{period}",
            "Welcome back, {0}!",
            "✓ Done",
        ] {
            assert!(is_template(text, &[]), "{text}");
        }
        for text in [
            "order",
            "{kqzvxw} order",
            "Welkom{1}01",
            "kufidobe%s",
            "<script>order",
            "<b>Summer2024!</b>",
            "#welcome",
            "@kqzvxw",
            "The password is {1} order",
            "{1}{2}",
            "[kqzvxw] order",
            "{kqzvxw}-{year}",
        ] {
            assert!(!is_template(text, &[]), "{text}");
        }
    }

    #[test]
    fn a_pattern_of_log_lines_has_only_known_conversions() {
        assert!(is_log_pattern(
            "%d{yyyy-MM-dd HH:mm:ss} %-5level %logger - %msg%n"
        ));
        assert!(is_log_pattern("[%thread] %m%n"));
        for text in ["%x7Qk%2Lm", "order %msg%n", "%msg", "%d{x7Qk2L} %n"] {
            assert!(!is_log_pattern(text), "{text}");
        }
    }
}
