//! Sizes, counts, names and tables for people.

use indicatif::{HumanBytes, HumanCount};
use unicode_width::UnicodeWidthStr;

/// Returns a rounded size, followed by the exact bytes.
pub(super) fn size(bytes: u64) -> String {
    format!("{} ({} bytes)", HumanBytes(bytes), HumanCount(bytes))
}

/// Returns a count with separators between thousands.
pub(super) fn count(number: u64) -> String {
    HumanCount(number).to_string()
}

/// Returns `text` with every character escaped that a terminal would obey or hide: names come from databases.
pub(super) fn printable(text: &str) -> String {
    let is_obeyed = |character: char| {
        character.is_control()
            || matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
    };
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        if is_obeyed(character) {
            shown.extend(character.escape_unicode());
        } else {
            shown.push(character);
        }
    }
    shown
}

/// Returns rows with aligned columns: the first `text_columns` to the left, the others to the right. Cells are
/// [`printable`], and wide characters take two columns.
pub(super) fn table(rows: &[Vec<String>], text_columns: usize) -> String {
    let rows: Vec<Vec<String>> = rows
        .iter()
        .map(|row| row.iter().map(|cell| printable(cell)).collect())
        .collect();
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns)
        .map(|column| {
            rows.iter()
                .filter_map(|row| row.get(column))
                .map(|cell| cell.width())
                .max()
                .unwrap_or(0)
        })
        .collect();
    let mut text = String::new();
    for row in &rows {
        let mut line = String::new();
        for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
            let separator = if column == 0 { "" } else { "  " };
            let padding = " ".repeat(width.saturating_sub(cell.width()));
            let cell = if column < text_columns {
                format!("{separator}{cell}{padding}")
            } else {
                format!("{separator}{padding}{cell}")
            };
            line.push_str(&cell);
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_by_the_width_of_characters() {
        let rows = [
            vec!["naïve".to_owned(), "1".to_owned()],
            vec!["x".to_owned(), "1,000".to_owned()],
            vec!["日本".to_owned(), "2".to_owned()],
        ];

        assert_eq!(
            table(&rows, 1),
            "naïve      1\nx      1,000\n日本       2\n"
        );
    }

    #[test]
    fn what_a_terminal_would_obey_is_escaped() {
        assert_eq!(
            printable("a\u{1b}[31m\n\u{9b}\u{202e}é日"),
            "a\\u{1b}[31m\\u{a}\\u{9b}\\u{202e}é日"
        );
    }
}
