//! Comma-separated values (RFC 4180) that are safe to open in a spreadsheet. No I/O.

use std::borrow::Cow;

use chrono::{DateTime, Utc};

/// First characters of a text that a spreadsheet takes for a formula.
const FORMULA_STARTS: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];

/// One cell.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell<'a> {
    /// Null.
    Empty,
    /// A whole number.
    Number(i128),
    /// A number with a fraction.
    Decimal(f64),
    /// Any other value.
    Text(Cow<'a, str>),
}

/// Lines of cells.
#[derive(Debug, Default)]
pub struct Csv {
    text: String,
}

impl Csv {
    /// Returns a table with a header line.
    pub fn new(header: &[&str]) -> Self {
        let mut csv = Self::default();
        csv.row(header.iter().map(|name| Cell::from(*name)));
        csv
    }

    /// Adds a line.
    pub fn row<'a>(&mut self, cells: impl IntoIterator<Item = Cell<'a>>) {
        for (number, cell) in cells.into_iter().enumerate() {
            if number > 0 {
                self.text.push(',');
            }
            self.cell(&cell);
        }
        self.text.push_str("\r\n");
    }

    /// Returns the number of bytes so far.
    pub(crate) fn len(&self) -> usize {
        self.text.len()
    }

    /// Removes what was added after there were so many bytes.
    pub(crate) fn truncate(&mut self, len: usize) {
        self.text.truncate(len);
    }

    /// Returns the UTF-8 text.
    pub fn into_body(self) -> Vec<u8> {
        self.text.into_bytes()
    }

    fn cell(&mut self, cell: &Cell<'_>) {
        match cell {
            Cell::Empty => {}
            Cell::Number(number) => self.text.push_str(&number.to_string()),
            Cell::Decimal(number) => self.text.push_str(&number.to_string()),
            Cell::Text(text) => {
                let guard = if text.starts_with(FORMULA_STARTS) {
                    "'"
                } else {
                    ""
                };
                if text.contains(['"', ',', '\r', '\n']) {
                    let text = text.replace('"', "\"\"");
                    self.text.extend(["\"", guard, &text, "\""]);
                } else {
                    self.text.extend([guard, text]);
                }
            }
        }
    }
}

impl<'a> From<&'a str> for Cell<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }
}

impl<'a> From<&'a String> for Cell<'a> {
    fn from(text: &'a String) -> Self {
        Self::Text(Cow::Borrowed(text))
    }
}

impl From<u64> for Cell<'_> {
    fn from(number: u64) -> Self {
        Self::Number(number.into())
    }
}

impl From<i64> for Cell<'_> {
    fn from(number: i64) -> Self {
        Self::Number(number.into())
    }
}

impl From<f64> for Cell<'_> {
    fn from(number: f64) -> Self {
        Self::Decimal(number)
    }
}

impl From<bool> for Cell<'_> {
    fn from(flag: bool) -> Self {
        Self::from(if flag { "true" } else { "false" })
    }
}

impl From<DateTime<Utc>> for Cell<'_> {
    /// RFC 3339 in UTC, as in JSON.
    fn from(time: DateTime<Utc>) -> Self {
        let text = time.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true);
        Self::Text(Cow::Owned(text))
    }
}

impl<'a, T> From<Option<T>> for Cell<'a>
where
    Cell<'a>: From<T>,
{
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Empty, Self::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(cell: Cell<'_>) -> String {
        let mut csv = Csv::default();
        csv.row([cell]);
        String::from_utf8(csv.into_body()).unwrap()
    }

    #[test]
    fn cells_are_quoted_where_they_must_be() {
        for (text, expected) in [
            ("plain text", "plain text\r\n"),
            ("a,b", "\"a,b\"\r\n"),
            ("say \"x\"", "\"say \"\"x\"\"\"\r\n"),
            ("two\nlines", "\"two\nlines\"\r\n"),
            ("", "\r\n"),
            ("ü", "ü\r\n"),
        ] {
            assert_eq!(line(Cell::from(text)), expected);
        }
    }

    #[test]
    fn a_text_is_never_a_formula_and_a_number_stays_one() {
        for (cell, expected) in [
            (Cell::from("=1+1"), "'=1+1\r\n"),
            (Cell::from("+1"), "'+1\r\n"),
            (Cell::from("-1"), "'-1\r\n"),
            (Cell::from("@SUM(A1)"), "'@SUM(A1)\r\n"),
            (Cell::from("\t=1"), "'\t=1\r\n"),
            (Cell::from("\r=1"), "\"'\r=1\"\r\n"),
            (
                Cell::from("=HYPERLINK(\"a\",\"b\")"),
                "\"'=HYPERLINK(\"\"a\"\",\"\"b\"\")\"\r\n",
            ),
            (Cell::from("a=1"), "a=1\r\n"),
            (Cell::from(-1_i64), "-1\r\n"),
            (Cell::from(0.039_393), "0.039393\r\n"),
            (Cell::from(u64::MAX), "18446744073709551615\r\n"),
        ] {
            assert_eq!(line(cell), expected);
        }
    }

    #[test]
    fn a_null_is_empty_and_times_are_those_of_json() {
        let time: DateTime<Utc> = "2026-01-12T10:00:00.250Z".parse().unwrap();
        let json = serde_json::to_string(&time).unwrap();
        let mut csv = Csv::new(&["a", "b", "c"]);

        csv.row([None::<u64>.into(), Cell::from(Some(true)), time.into()]);

        let body = String::from_utf8(csv.into_body()).unwrap();
        let time = json.trim_matches('"');
        assert_eq!(body, format!("a,b,c\r\n,true,{time}\r\n"));
    }
}
