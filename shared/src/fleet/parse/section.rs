//! Reads one table of a fleet file field by field, and records every fault with its line and field.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::fault::Faults;

/// Text of a field, and its offset in the file.
#[derive(Debug, Clone, Copy)]
pub(super) struct Text<'t> {
    pub(super) value: &'t str,
    pub(super) offset: usize,
}

impl Text<'_> {
    pub(super) fn to_owned(self) -> String {
        self.value.to_owned()
    }
}

/// A table of the file, with its path and its offset for faults.
pub(super) struct Section<'t> {
    pub(super) table: &'t DeTable<'t>,
    pub(super) path: String,
    pub(super) offset: usize,
}

impl<'t> Section<'t> {
    pub(super) fn field(&self, key: &str) -> String {
        if self.path.is_empty() {
            key.to_owned()
        } else {
            format!("{}.{key}", self.path)
        }
    }

    pub(super) fn check_keys(&self, faults: &mut Faults<'_>, allowed: &[&str]) {
        for key in self.table.keys() {
            if !allowed.contains(&key.get_ref().as_ref()) {
                let reason = format!("unknown key; allowed keys: {}", allowed.join(", "));
                faults.add(key.span().start, &self.field(key.get_ref()), reason);
            }
        }
    }

    pub(super) fn get(&self, key: &str) -> Option<&'t Spanned<DeValue<'t>>> {
        self.table
            .iter()
            .find(|(name, _)| name.get_ref() == key)
            .map(|(_, value)| value)
    }

    /// Returns the text of `key`. Empty text is a fault.
    pub(super) fn optional_text(&self, faults: &mut Faults<'_>, key: &str) -> Option<Text<'t>> {
        let value = self.get(key)?;
        match value.get_ref() {
            // No service has a name with it, and databases end a name there.
            DeValue::String(text) if text.contains('\0') => {
                let reason = "contains the character NUL";
                faults.add(value.span().start, &self.field(key), reason);
                None
            }
            DeValue::String(text) if !text.is_empty() => Some(Text {
                value: text.as_ref(),
                offset: value.span().start,
            }),
            DeValue::String(_) => {
                faults.add(value.span().start, &self.field(key), "is empty");
                None
            }
            other => {
                let reason = format!("is {}, must be a string", other.type_str());
                faults.add(value.span().start, &self.field(key), reason);
                None
            }
        }
    }

    pub(super) fn required_text(&self, faults: &mut Faults<'_>, key: &str) -> Option<Text<'t>> {
        if self.get(key).is_none() {
            faults.add(self.offset, &self.field(key), "is missing");
        }
        self.optional_text(faults, key)
    }

    /// Returns `text`, the text of `key`, if it follows `rule`.
    pub(super) fn checked(
        &self,
        faults: &mut Faults<'_>,
        key: &str,
        text: Option<Text<'_>>,
        rule: impl Fn(&str) -> Result<(), &'static str>,
    ) -> Option<String> {
        let Text { value, offset } = text?;
        match rule(value) {
            Ok(()) => Some(value.to_owned()),
            Err(reason) => {
                faults.add(offset, &self.field(key), format!("{value:?} {reason}"));
                None
            }
        }
    }

    pub(super) fn whole_number(
        &self,
        faults: &mut Faults<'_>,
        key: &str,
        least: u64,
        most: u64,
    ) -> Option<u64> {
        let value = self.get(key)?;
        let number = match value.get_ref() {
            DeValue::Integer(integer) => {
                u64::from_str_radix(integer.as_str(), integer.radix()).ok()
            }
            _ => None,
        };
        let number = number.filter(|number| (least..=most).contains(number));
        if number.is_none() {
            let reason = format!("must be a whole number from {least} to {most}");
            faults.add(value.span().start, &self.field(key), reason);
        }
        number
    }

    /// Returns the boolean of `key`.
    pub(super) fn boolean(&self, faults: &mut Faults<'_>, key: &str) -> Option<bool> {
        let value = self.get(key)?;
        let boolean = value.get_ref().as_bool();
        if boolean.is_none() {
            faults.add(
                value.span().start,
                &self.field(key),
                "must be true or false",
            );
        }
        boolean
    }

    /// Returns the first `most` entries of the list `key`, with their fields. `allowed` describes the list in faults.
    pub(super) fn entries(
        &self,
        faults: &mut Faults<'_>,
        key: &str,
        allowed: &str,
        most: usize,
    ) -> Vec<(String, &'t Spanned<DeValue<'t>>)> {
        let Some(value) = self.get(key) else {
            return Vec::new();
        };
        let (field, offset) = (self.field(key), value.span().start);
        let Some(array) = value.get_ref().as_array() else {
            faults.add(offset, &field, format!("must be {allowed}"));
            return Vec::new();
        };
        if array.len() > most {
            let reason = format!("has {} entries; at most {most} are allowed", array.len());
            faults.add(offset, &field, reason);
        }
        let entries = array.iter().enumerate().take(most);
        entries
            .map(|(index, entry)| (format!("{field}[{index}]"), entry))
            .collect()
    }

    pub(super) fn sub_table(&self, faults: &mut Faults<'_>, key: &str) -> Option<Section<'t>> {
        let value = self.get(key)?;
        let field = self.field(key);
        match value.get_ref() {
            DeValue::Table(table) => Some(Section {
                table,
                path: field,
                offset: value.span().start,
            }),
            other => {
                let reason = format!("is {}, must be a table: [{field}]", other.type_str());
                faults.add(value.span().start, &field, reason);
                None
            }
        }
    }

    pub(super) fn sub_tables(
        &self,
        faults: &mut Faults<'_>,
        key: &str,
        most: usize,
    ) -> Vec<Section<'t>> {
        let Some(value) = self.get(key) else {
            return Vec::new();
        };
        let field = self.field(key);
        let DeValue::Array(array) = value.get_ref() else {
            let reason = format!(
                "is {}, must be tables: [[{key}]]",
                value.get_ref().type_str()
            );
            faults.add(value.span().start, &field, reason);
            return Vec::new();
        };
        if array.len() > most {
            faults.add(
                value.span().start,
                &field,
                format!("has {} entries; at most {most} are allowed", array.len()),
            );
        }
        let mut sections = Vec::new();
        for (index, entry) in array.iter().enumerate().take(most) {
            let path = format!("{field}[{index}]");
            match entry.get_ref() {
                DeValue::Table(table) => sections.push(Section {
                    table,
                    path,
                    offset: entry.span().start,
                }),
                other => {
                    let reason = format!("is {}, must be a table", other.type_str());
                    faults.add(entry.span().start, &path, reason);
                }
            }
        }
        sections
    }
}
