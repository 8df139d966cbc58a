//! Sizes, counts and tables for people.

use indicatif::{HumanBytes, HumanCount};

/// Returns a rounded size, followed by the exact bytes.
pub(super) fn size(bytes: u64) -> String {
    format!("{} ({} bytes)", HumanBytes(bytes), HumanCount(bytes))
}

/// Returns a count with separators between thousands.
pub(super) fn count(number: u64) -> String {
    HumanCount(number).to_string()
}

/// Returns rows with aligned columns: the first `text_columns` to the left, the others to the right.
pub(super) fn table(rows: &[Vec<String>], text_columns: usize) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns)
        .map(|column| {
            rows.iter()
                .filter_map(|row| row.get(column))
                .map(|cell| cell.chars().count())
                .max()
                .unwrap_or(0)
        })
        .collect();
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
            let separator = if column == 0 { "" } else { "  " };
            let cell = if column < text_columns {
                format!("{separator}{cell:<width$}")
            } else {
                format!("{separator}{cell:>width$}")
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
    fn columns_are_aligned_by_characters() {
        let rows = [
            vec!["naïve".to_owned(), "1".to_owned()],
            vec!["x".to_owned(), "1,000".to_owned()],
        ];

        assert_eq!(table(&rows, 1), "naïve      1\nx      1,000\n");
    }
}
