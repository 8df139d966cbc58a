//! Probes a PostgreSQL database with one statement.

use std::collections::BTreeSet;

use crate::fleet::{DatabaseTarget, Engine};

use super::columns::{Column, Probed};
use crate::users::connection::Connection;
use crate::users::error::UsersError;
use crate::users::grants;
use crate::users::statement::Parts;

const PROBE: &str = include_str!("../probe_postgres.sql");

pub(super) async fn probe(
    connection: &mut Connection,
    target: &DatabaseTarget,
    wanted: &BTreeSet<Column>,
) -> Result<Probed, UsersError> {
    let array = |part: fn(&Column) -> &str| {
        let names: Vec<String> = wanted
            .iter()
            .map(|column| format!("\"{}\"", part(column)))
            .collect();
        format!("{{{}}}", names.join(","))
    };
    let parts = Parts::default()
        .value("relations", array(|column| &column.0))
        .value("attributes", array(|column| &column.1));
    let rows = connection.rows(parts.fill(Engine::Postgres, PROBE)).await?;
    let mut probed = Probed {
        existing: BTreeSet::new(),
        readable: BTreeSet::new(),
        lacking: Vec::new(),
    };
    let mut is_usable = true;
    for row in &rows {
        let text = |index: usize| {
            row.get(index)
                .and_then(Option::as_deref)
                .unwrap_or_default()
        };
        let is = |index: usize| text(index) == "1";
        let column = wanted
            .iter()
            .find(|(table, column)| *table == text(0) && *column == text(1));
        let Some(column) = column.filter(|_| is(2)) else {
            continue;
        };
        probed.existing.insert(column.clone());
        if is(3) {
            probed.readable.insert(column.clone());
        }
        is_usable &= is(4);
    }
    if !is_usable {
        probed.lacking.push(grants::usage_statement(target));
    }
    Ok(probed)
}
