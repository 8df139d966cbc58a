//! One table of a fleet file, read field by field; every fault is kept with its line and field.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::fault::Faults;

/// One table of the file, with what is needed to name a field of it in a fault.
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
                let reason = format!("unknown key, allowed are {}", allowed.join(", "));
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

    /// Returns the text of `key` with its offset; text that is empty is a fault.
    pub(super) fn optional_text(
        &self,
        faults: &mut Faults<'_>,
        key: &str,
    ) -> Option<(&'t str, usize)> {
        let value = self.get(key)?;
        match value.get_ref() {
            DeValue::String(text) if !text.is_empty() => Some((text.as_ref(), value.span().start)),
            DeValue::String(_) => {
                faults.add(value.span().start, &self.field(key), "is empty");
                None
            }
            other => {
                let reason = format!("is {}, allowed is a string", other.type_str());
                faults.add(value.span().start, &self.field(key), reason);
                None
            }
        }
    }

    pub(super) fn required_text(
        &self,
        faults: &mut Faults<'_>,
        key: &str,
    ) -> Option<(&'t str, usize)> {
        if self.get(key).is_none() {
            faults.add(self.offset, &self.field(key), "is missing");
        }
        self.optional_text(faults, key)
    }

    /// Returns the text of `key` when `rule` finds nothing wrong with it.
    pub(super) fn checked(
        &self,
        faults: &mut Faults<'_>,
        (key, text): (&str, Option<(&'t str, usize)>),
        rule: impl Fn(&str) -> Result<(), &'static str>,
    ) -> Option<String> {
        let (text, offset) = text?;
        match rule(text) {
            Ok(()) => Some(text.to_owned()),
            Err(reason) => {
                faults.add(offset, &self.field(key), format!("{text:?} {reason}"));
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
            let reason = format!("allowed is a whole number from {least} to {most}");
            faults.add(value.span().start, &self.field(key), reason);
        }
        number
    }

    /// Returns the truth value of `key`.
    pub(super) fn truth(&self, faults: &mut Faults<'_>, key: &str) -> Option<bool> {
        let value = self.get(key)?;
        let truth = value.get_ref().as_bool();
        if truth.is_none() {
            faults.add(
                value.span().start,
                &self.field(key),
                "allowed is true or false",
            );
        }
        truth
    }

    /// Returns the entries of the list `key` with their fields, at most `most`; `allowed` says what it must be.
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
            faults.add(offset, &field, format!("allowed is {allowed}"));
            return Vec::new();
        };
        if array.len() > most {
            let reason = format!("has {} entries, allowed are {most}", array.len());
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
                let reason = format!("is {}, allowed is a table: [{field}]", other.type_str());
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
                "is {}, allowed are tables: [[{key}]]",
                value.get_ref().type_str()
            );
            faults.add(value.span().start, &field, reason);
            return Vec::new();
        };
        if array.len() > most {
            faults.add(
                value.span().start,
                &field,
                format!("has {} entries, allowed are {most}", array.len()),
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
                    let reason = format!("is {}, allowed is a table", other.type_str());
                    faults.add(entry.span().start, &path, reason);
                }
            }
        }
        sections
    }
}
