//! Sizes, counts, names and tables for people.

use indicatif::{BinaryBytes, DecimalBytes, HumanCount};
pub(super) use shared::printable::printable;
use unicode_width::UnicodeWidthStr;

/// Units of sizes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Units {
    /// Powers of 1,024: KiB, MiB and so on.
    #[default]
    Iec,
    /// Powers of 1,000: kB, MB and so on.
    Si,
    /// Bytes.
    Bytes,
}

impl Units {
    /// Returns a rounded size.
    pub(super) fn rounded(self, bytes: u64) -> String {
        match self {
            Self::Iec => BinaryBytes(bytes).to_string(),
            Self::Si => DecimalBytes(bytes).to_string(),
            Self::Bytes => format!("{} bytes", HumanCount(bytes)),
        }
    }

    /// Returns a rounded size, followed by the exact bytes.
    pub(super) fn exact(self, bytes: u64) -> String {
        match self {
            Self::Bytes => self.rounded(bytes),
            _ => format!("{} ({} bytes)", self.rounded(bytes), HumanCount(bytes)),
        }
    }
}

/// Returns a rounded size, followed by the exact bytes.
pub(super) fn size(bytes: u64) -> String {
    Units::default().exact(bytes)
}

/// Returns a count with separators between thousands.
pub(super) fn count(number: u64) -> String {
    HumanCount(number).to_string()
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

/// Returns the width of the widest line of `text`.
pub(super) fn width(text: &str) -> usize {
    text.lines().map(UnicodeWidthStr::width).max().unwrap_or(0)
}

/// Returns the same rows one below the other, for terminals that are too narrow for [`table`]: the first `names` cells in
/// one line, and each other cell in a line of its own, with the name of its column.
pub(super) fn stacked(rows: &[Vec<String>], names: usize) -> String {
    let Some((header, rows)) = rows.split_first() else {
        return String::new();
    };
    let mut text = String::new();
    for row in rows {
        let (first, others) = row.split_at(names.min(row.len()));
        text.push_str(&printable(&first.join(" ")));
        text.push('\n');
        for (name, cell) in header.iter().skip(names).zip(others) {
            text.push_str(&printable(&format!("  {name} {cell}")));
            text.push('\n');
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_in_the_chosen_units_and_exact() {
        for (units, expected) in [
            (Units::Iec, "1.46 KiB (1,500 bytes)"),
            (Units::Si, "1.50 kB (1,500 bytes)"),
            (Units::Bytes, "1,500 bytes"),
        ] {
            assert_eq!(units.exact(1_500), expected);
        }
        assert_eq!(Units::Iec.rounded(0), "0 B");
    }

    #[test]
    fn narrow_tables_have_a_line_for_each_cell() {
        let rows = [["part", "class", "size"], ["current", "total", "1 B"]];
        let rows = rows.map(|row| row.map(str::to_owned).to_vec());

        assert_eq!(stacked(&rows, 2), "current total\n  size 1 B\n");
        assert_eq!(width(&stacked(&rows, 2)), 13);
    }

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
}
