//! The subset of HOCON that a portable app's `etc/*.conf` files use: objects, dotted and quoted keys, text, and
//! `${?VARIABLE}`.
//!
//! Nothing outside the text is read: an `include` is reported, and a variable is kept as its name. Lists and composed
//! values are recognised and not interpreted. Work and memory are proportional to the text.

use std::collections::BTreeMap;
use std::iter::Peekable;
use std::str::Chars;

use super::error::{LayerError, Position};
use super::layer::{LayerValues, MAX_LAYER_CONSTANTS};
use super::setting::Setting;

/// Where a portable app has its constants.
const CONSTANTS: [&str; 3] = ["runtime", "params", "MicroflowConstants"];
/// Maximum nesting of objects and lists.
const MAX_DEPTH: usize = 32;
/// Maximum length of a key, in its parts.
const MAX_PARTS: usize = 32;

/// Returns the constants that `text` sets, and the variables that override them.
///
/// # Errors
///
/// The position of the first error; never any of the text.
pub(in crate::constants) fn parse(text: &str) -> Result<LayerValues, LayerError> {
    let mut parser = Parser {
        rest: text.chars().peekable(),
        position: Position { line: 1, column: 1 },
        found: Found::default(),
    };
    parser
        .file()
        .map_err(|Unexpected| LayerError::Malformed(parser.position))?;
    let found = parser.found;
    if found.constants.len() > MAX_LAYER_CONSTANTS {
        return Err(LayerError::TooMany {
            limit: MAX_LAYER_CONSTANTS,
        });
    }
    let sets_none =
        found.constants.is_empty() && found.variables.is_empty() && found.includes.is_empty();
    let warning = "sets no constants: it has no runtime.params.MicroflowConstants";
    Ok(LayerValues {
        variables: found.variables,
        includes: found.includes,
        is_partial: sets_none,
        warnings: sets_none.then(|| warning.to_owned()).into_iter().collect(),
        ..LayerValues::from_settings(found.constants)
    })
}

#[derive(Default)]
struct Found {
    constants: BTreeMap<String, Setting>,
    variables: BTreeMap<String, Vec<String>>,
    includes: Vec<String>,
}

enum Value {
    Setting(Setting),
    /// `${NAME}` or `${?NAME}`.
    Variable(String),
}

/// The text is not in the subset; the parser's position is where.
struct Unexpected;

type Parsed<T> = Result<T, Unexpected>;

struct Parser<'t> {
    rest: Peekable<Chars<'t>>,
    position: Position,
    found: Found,
}

impl Parser<'_> {
    fn file(&mut self) -> Parsed<()> {
        self.skip_blank();
        if self.peek() == Some('{') {
            self.next();
            self.members(&[], 1)?;
            self.expect('}')?;
        } else {
            self.members(&[], 0)?;
        }
        self.skip_blank();
        self.peek().is_none().then_some(()).ok_or(Unexpected)
    }

    /// Reads the members of the object at `path` up to its end.
    fn members(&mut self, path: &[String], depth: usize) -> Parsed<()> {
        if depth > MAX_DEPTH {
            return Err(Unexpected);
        }
        loop {
            self.skip_blank();
            while self.peek() == Some(',') {
                self.next();
                self.skip_blank();
            }
            match self.peek() {
                None | Some('}') => return Ok(()),
                Some(_) => self.member(path, depth)?,
            }
        }
    }

    fn member(&mut self, path: &[String], depth: usize) -> Parsed<()> {
        let (key, is_quoted) = self.key_part()?;
        self.skip_spaces();
        let is_include =
            key == "include" && !is_quoted && !matches!(self.peek(), Some('=' | ':' | '{' | '.'));
        if is_include {
            return self.include();
        }
        let mut path = [path, &[key]].concat();
        while self.peek() == Some('.') {
            self.next();
            path.push(self.key_part()?.0);
            self.skip_spaces();
            if path.len() > MAX_PARTS {
                return Err(Unexpected);
            }
        }
        match self.peek() {
            Some('{') => {}
            Some('=' | ':') => {
                self.next();
                self.skip_blank();
            }
            _ => return Err(Unexpected),
        }
        if self.peek() == Some('{') {
            self.next();
            self.members(&path, depth + 1)?;
            self.expect('}')?;
            self.skip_spaces();
            return self.end_of_value();
        }
        let value = self.value(depth)?;
        self.assign(&path, value);
        Ok(())
    }

    fn assign(&mut self, path: &[String], value: Value) {
        let Some((name, parents)) = path.split_last() else {
            return;
        };
        if parents != CONSTANTS {
            return;
        }
        match value {
            Value::Setting(setting) => {
                // The last of several wins, also over variables.
                self.found.variables.remove(name);
                self.found.constants.insert(name.clone(), setting);
            }
            Value::Variable(variable) => {
                self.found
                    .variables
                    .entry(name.clone())
                    .or_default()
                    .push(variable);
            }
        }
    }

    /// Reads `include "file"`, `include file("…")` or `include required(file("…"))`.
    fn include(&mut self) -> Parsed<()> {
        while self.peek().is_some_and(|next| !matches!(next, '"' | '\n')) {
            self.next();
        }
        let file = self.quoted()?;
        while self.peek() == Some(')') {
            self.next();
        }
        let name = file.rsplit(['/', '\\']).next().unwrap_or_default();
        self.found.includes.push(name.to_owned());
        self.skip_spaces();
        self.end_of_value()
    }

    /// Returns one part of a key, and whether it has quotes.
    fn key_part(&mut self) -> Parsed<(String, bool)> {
        self.skip_spaces();
        if self.peek() == Some('"') {
            return Ok((self.quoted()?, true));
        }
        let mut key = String::new();
        while let Some(next) = self
            .peek()
            .filter(|next| next.is_alphanumeric() || "_-$@".contains(*next))
        {
            key.push(next);
            self.next();
        }
        if key.is_empty() {
            Err(Unexpected)
        } else {
            Ok((key, false))
        }
    }

    /// Reads a value and what follows it on its line.
    fn value(&mut self, depth: usize) -> Parsed<Value> {
        let value = match self.peek() {
            Some('"') => Value::Setting(Setting::text(&self.quoted()?)),
            Some('$') => self.substitution()?,
            Some('[') => {
                self.list(depth + 1)?;
                Value::Setting(Setting::Opaque)
            }
            _ => {
                let text = self.unquoted();
                match text.as_str() {
                    "" => return Err(Unexpected),
                    "null" => Value::Setting(Setting::Null),
                    text => Value::Setting(Setting::text(text)),
                }
            }
        };
        self.skip_spaces();
        if self.end_of_value().is_ok() {
            return Ok(value);
        }
        // Composed of several parts, which are not interpreted.
        while self.end_of_value().is_err() {
            match self.peek() {
                Some('"') => {
                    self.quoted()?;
                }
                Some('$') => {
                    self.substitution()?;
                }
                Some('[') => self.list(depth + 1)?,
                Some('{' | '(' | ')') | None => return Err(Unexpected),
                Some(_) if self.unquoted().is_empty() => return Err(Unexpected),
                Some(_) => {}
            }
            self.skip_spaces();
        }
        Ok(Value::Setting(Setting::Opaque))
    }

    /// Reads a list without keeping anything of it.
    fn list(&mut self, depth: usize) -> Parsed<()> {
        if depth > MAX_DEPTH {
            return Err(Unexpected);
        }
        self.expect('[')?;
        let mut open = 1;
        while open > 0 {
            match self.peek() {
                None => return Err(Unexpected),
                Some('"') => {
                    self.quoted()?;
                }
                Some('#') => self.skip_line(),
                Some(next) => {
                    open += usize::from(matches!(next, '[' | '{'));
                    open -= usize::from(matches!(next, ']' | '}'));
                    self.next();
                }
            }
            if open > MAX_DEPTH {
                return Err(Unexpected);
            }
        }
        Ok(())
    }

    fn substitution(&mut self) -> Parsed<Value> {
        self.expect('$')?;
        self.expect('{')?;
        if self.peek() == Some('?') {
            self.next();
        }
        let mut name = String::new();
        while let Some(next) = self.peek().filter(|next| *next != '}' && *next != '\n') {
            name.push(next);
            self.next();
        }
        self.expect('}')?;
        let name = name.trim();
        let is_variable = name
            .chars()
            .all(|character| character.is_alphanumeric() || character == '_');
        Ok(match is_variable && !name.is_empty() {
            true => Value::Variable(name.to_owned()),
            // Another value of the configuration.
            false => Value::Setting(Setting::Opaque),
        })
    }

    /// Reads text in quotes, or in three quotes, with the escapes of JSON.
    fn quoted(&mut self) -> Parsed<String> {
        self.expect('"')?;
        if self.peek() == Some('"') {
            self.next();
            if self.peek() != Some('"') {
                return Ok(String::new());
            }
            self.next();
            return self.three_quotes();
        }
        let mut written = String::from("\"");
        loop {
            match self.next().ok_or(Unexpected)? {
                '"' => break,
                '\n' => return Err(Unexpected),
                '\\' => {
                    written.push('\\');
                    written.push(self.next().ok_or(Unexpected)?);
                }
                other => written.push(other),
            }
        }
        written.push('"');
        serde_json::from_str(&written).map_err(|_| Unexpected)
    }

    fn three_quotes(&mut self) -> Parsed<String> {
        let mut text = String::new();
        while !text.ends_with("\"\"\"") || self.peek() == Some('"') {
            text.push(self.next().ok_or(Unexpected)?);
        }
        text.truncate(text.len() - 3);
        Ok(text)
    }

    /// Returns text without quotes up to a sign that ends it.
    fn unquoted(&mut self) -> String {
        let mut text = String::new();
        while let Some(next) = self.peek() {
            if "$\"{}[]:=,+#`^?!@*&\\\n\r".contains(next) || (next == '/' && text.ends_with('/')) {
                break;
            }
            text.push(next);
            self.next();
        }
        text.trim().to_owned()
    }

    fn end_of_value(&mut self) -> Parsed<()> {
        match self.peek() {
            None | Some('\n' | '\r' | ',' | '}' | '#') => Ok(()),
            Some('/') if self.starts_comment() => Ok(()),
            Some(_) => Err(Unexpected),
        }
    }

    fn starts_comment(&self) -> bool {
        let mut rest = self.rest.clone();
        rest.next() == Some('/') && rest.next() == Some('/')
    }

    /// Skips spaces, line breaks and comments.
    fn skip_blank(&mut self) {
        loop {
            match self.peek() {
                Some(next) if next.is_whitespace() || next == '\u{feff}' => {
                    self.next();
                }
                Some('#') => self.skip_line(),
                Some('/') if self.starts_comment() => self.skip_line(),
                _ => return,
            }
        }
    }

    fn skip_spaces(&mut self) {
        while self.peek().is_some_and(|next| next == ' ' || next == '\t') {
            self.next();
        }
    }

    fn skip_line(&mut self) {
        while self.peek().is_some_and(|next| next != '\n') {
            self.next();
        }
    }

    fn expect(&mut self, character: char) -> Parsed<()> {
        (self.next() == Some(character))
            .then_some(())
            .ok_or(Unexpected)
    }

    fn peek(&mut self) -> Option<char> {
        self.rest.peek().copied()
    }

    fn next(&mut self) -> Option<char> {
        let next = self.rest.next()?;
        if next == '\n' {
            self.position.line += 1;
            self.position.column = 1;
        } else {
            self.position.column += 1;
        }
        Some(next)
    }
}

#[cfg(test)]
mod tests;
