//! Maps tables to Mendix entities and associations by the runtime's own catalogue. No I/O in this file.
//!
//! Only what the catalogue omits is derived from a table's name: the catalogue's own tables, and tables that the
//! runtime creates temporarily.

use std::collections::BTreeMap;

use shared::snapshot::{MendixCatalogue, TableSize};

/// Name prefixes of the runtime's own tables, for tables that the catalogue does not list.
const SYSTEM_PREFIXES: [&str; 2] = ["system$", "mendixsystem$"];
/// The module of the runtime itself.
const SYSTEM_MODULE: &str = "System";
/// Length of the names of tables that the runtime drops again soon: a digest in hexadecimal digits.
const TRANSIENT_NAME_LENGTH: usize = 32;

/// Contents of the runtime's catalogue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct MendixNames {
    /// Whether it could be read.
    pub(super) catalogue: MendixCatalogue,
    /// Entities and associations by the names of their tables.
    pub(super) names: BTreeMap<String, MendixName>,
}

/// The name of what a table holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum MendixName {
    /// Rows of an entity, such as `Sales.Order`.
    Entity(String),
    /// Pairs of an association, such as `Sales.Order_Customer`.
    Association(String),
}

impl MendixNames {
    /// Returns the empty catalogue of a database that has none, or whose catalogue cannot be read.
    pub(super) fn none(catalogue: MendixCatalogue) -> Self {
        Self {
            catalogue,
            names: BTreeMap::new(),
        }
    }

    /// Sets the Mendix fields of `table` from the catalogue.
    ///
    /// `is_mendix_schema` states whether the table is in the runtime's schema: a table with the same name in another
    /// schema does not belong to Mendix.
    pub(super) fn mark(&self, table: &mut TableSize, is_mendix_schema: bool) {
        if self.catalogue == MendixCatalogue::Absent || !is_mendix_schema {
            return;
        }
        let name = self.names.get(&table.table);
        match name {
            Some(MendixName::Entity(name)) => table.entity = Some(name.clone()),
            Some(MendixName::Association(name)) => table.association = Some(name.clone()),
            None => table.is_transient = has_transient_name(&table.table),
        }
        let known = table.entity.as_deref().or(table.association.as_deref());
        table.module = known.and_then(module).map(str::to_owned);
        table.is_system = match &table.module {
            Some(module) => module == SYSTEM_MODULE,
            None => has_system_prefix(&table.table),
        };
    }
}

/// Returns the module of `Module.Entity`.
fn module(name: &str) -> Option<&str> {
    name.split_once('.').map(|(module, _)| module)
}

fn has_system_prefix(table: &str) -> bool {
    SYSTEM_PREFIXES
        .iter()
        .any(|prefix| table.starts_with(prefix))
}

fn has_transient_name(table: &str) -> bool {
    let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    table.len() == TRANSIENT_NAME_LENGTH && table.bytes().all(is_digit)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> MendixNames {
        let entity = |name: &str| MendixName::Entity(name.into());
        MendixNames {
            catalogue: MendixCatalogue::Read,
            names: BTreeMap::from([
                ("sales$order".to_owned(), entity("Sales.Order")),
                ("system$user".to_owned(), entity("System.User")),
                ("nomodule".to_owned(), entity("NoModule")),
                (
                    "system$userroles".to_owned(),
                    MendixName::Association("System.UserRoles".into()),
                ),
                (
                    "sales$order_customer".to_owned(),
                    MendixName::Association("Sales.Order_Customer".into()),
                ),
            ]),
        }
    }

    fn marked(names: &MendixNames, table: &str) -> TableSize {
        let mut table = TableSize::named("public", table);
        names.mark(&mut table, true);
        table
    }

    #[test]
    fn names_and_modules_come_from_the_catalogue() {
        let cases = [
            (
                "sales$order",
                Some("Sales.Order"),
                None,
                Some("Sales"),
                false,
            ),
            (
                "sales$order_customer",
                None,
                Some("Sales.Order_Customer"),
                Some("Sales"),
                false,
            ),
            (
                "system$user",
                Some("System.User"),
                None,
                Some("System"),
                true,
            ),
            (
                "system$userroles",
                None,
                Some("System.UserRoles"),
                Some("System"),
                true,
            ),
            ("nomodule", Some("NoModule"), None, None, false),
            ("sales$unknown", None, None, None, false),
            ("mendixsystem$entity", None, None, None, true),
            ("systematic$user", None, None, None, false),
        ];
        for (name, entity, association, module, is_system) in cases {
            let table = marked(&names(), name);

            assert_eq!(
                (
                    table.entity.as_deref(),
                    table.association.as_deref(),
                    table.module.as_deref(),
                    table.is_system
                ),
                (entity, association, module, is_system),
                "{name}"
            );
        }
    }

    #[test]
    fn a_table_with_the_same_name_in_another_schema_is_not_marked() {
        let mut table = TableSize::named("archive", "sales$order");
        names().mark(&mut table, false);

        assert_eq!(table, TableSize::named("archive", "sales$order"));
    }

    #[test]
    fn the_runtimes_tables_are_recognized_without_access_to_its_catalogue() {
        let denied = MendixNames::none(MendixCatalogue::Denied);
        let absent = MendixNames::none(MendixCatalogue::Absent);

        assert!(marked(&denied, "system$user").is_system);
        assert!(!marked(&denied, "sales$order").is_system);
        assert!(!marked(&absent, "system$user").is_system);
    }

    #[test]
    fn names_of_32_hexadecimal_digits_are_transient() {
        let transient = "aca220e2aca220e2aca220e2aca220e2";

        assert!(marked(&names(), transient).is_transient);
        assert!(!marked(&names(), &transient[1..]).is_transient);
        assert!(!marked(&names(), &transient.replace('e', "g")).is_transient);
        assert!(!marked(&names(), &transient.to_uppercase()).is_transient);
        assert!(!marked(&MendixNames::none(MendixCatalogue::Absent), transient).is_transient);
    }
}
