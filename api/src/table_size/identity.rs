//! The fields that identify a database in its history and its changes.

use schemars::JsonSchema;
use serde::Serialize;
use shared::fleet::DatabaseTarget;

use crate::history::{Identity, SeriesName};
use crate::http::csv::Cell;

/// A database.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Database")]
pub(super) struct DatabaseIdentity {
    /// Environment that the database belongs to.
    environment: String,
    /// Database name on its server.
    database: String,
}

impl Identity for DatabaseIdentity {
    type Target = DatabaseTarget;
    const FIELDS: &'static [&'static str] = &["environment", "database"];
    const SERIES_FIELDS: &'static [&'static str] = &["module", "schema", "table"];

    fn of(target: &DatabaseTarget) -> Self {
        Self {
            environment: target.environment.clone(),
            database: target.name.clone(),
        }
    }

    fn cells(&self) -> Vec<Cell<'_>> {
        vec![(&self.environment).into(), (&self.database).into()]
    }

    fn series_cells(name: &SeriesName) -> Vec<Cell<'_>> {
        vec![
            name.module.as_ref().into(),
            name.schema.as_ref().into(),
            name.table.as_ref().into(),
        ]
    }
}
