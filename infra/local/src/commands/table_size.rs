//! `mrt table-size`: measures one database with the collector's code.

mod url;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use ::url::Url;
use anyhow::Context;
use api::table_size::{DatabaseItem, TableFilter};
use chrono::{DateTime, Utc};
use collector::Progress;
use percent_encoding::percent_decode_str;
use shared::aws::Aws;
use shared::clock::{Clock, SystemClock};
use shared::config::{DATABASE_CA_FILE, ProcessVariables, Variables};
use shared::database::Databases;
use shared::file;
use shared::fleet::{DatabaseTarget, Engine};
use shared::snapshot::{
    ChildTables, DatabaseSize, Measurement, Persistence, Quality, Run, ServerRole, Snapshot,
    TableKind, TableSize,
};
use sqlx::ConnectOptions;
use sqlx::postgres::PgConnectOptions;

pub(crate) use self::url::{Database, parse};
use super::{ENVIRONMENT, exit_code, format, progress, report_failure};
use crate::output;

/// Variable through which the password reaches the login.
const PASSWORD: &str = "MRT_COMMAND_LINE_PASSWORD";
/// Variable of PostgreSQL's programs for the file with passwords.
const PASSWORD_FILE: &str = "PGPASSFILE";
/// MySQL's variable for the password; used if the URL has none. The driver itself reads PostgreSQL's.
const MYSQL_PWD: &str = "MYSQL_PWD";
/// Mark of an estimated part.
const ESTIMATED: &str = "~";
/// Code of a rejected login.
const LOGIN_REFUSED: &str = "login_refused";
/// What to do without a password.
const NO_PASSWORD: &str =
    "no password was given, in the URL, PGPASSWORD or ~/.pgpass (MYSQL_PWD for mysql://)";
/// Tables in the readable output; JSON lists all.
const READABLE_TABLES: usize = 25;

/// Measures and prints.
pub(crate) async fn run(database: Database, is_json: bool) -> anyhow::Result<ExitCode> {
    let Database {
        target,
        password,
        ca_file,
    } = database;
    let password = match (password, target.engine) {
        (Some(password), _) => Some(password),
        (None, Engine::Postgres) => postgres_password(&target)?,
        (None, Engine::Mysql) => ProcessVariables.get(MYSQL_PWD),
    };
    let has_password = password.is_some();
    let password = password.unwrap_or_default();
    let variables = Arc::new(BTreeMap::from([(PASSWORD.to_owned(), password)]));
    let ca_file = ca_file.or_else(|| ProcessVariables.get(DATABASE_CA_FILE).map(Into::into));
    let databases = Databases::new(
        Arc::new(Aws::without_credentials()),
        variables,
        Arc::new(SystemClock),
        ca_file,
    );
    let progress = Progress::default();
    let started_at = SystemClock.now();
    let measuring = collector::measure_database(databases, &target, &progress);
    let size = match progress::watch(std::slice::from_ref(&progress), "tables", measuring).await {
        Ok(size) => size,
        Err(mut error) => {
            if !has_password && error.code == LOGIN_REFUSED {
                error.reason = format!("{NO_PASSWORD}: {}", error.reason);
            }
            return Ok(report_failure(&format!("database {}", target.name), &error));
        }
    };
    let completeness = size.completeness();
    if is_json {
        output::print_json(&item(&target, size, started_at))?;
    } else {
        output::print(&readable(&size))?;
    }
    Ok(exit_code(completeness))
}

/// Returns the password in `PGPASSWORD`, or in the file `PGPASSFILE` or `~/.pgpass`, as the driver finds it.
///
/// # Errors
///
/// `PGPASSFILE` names a device, or a file that is too large, which the driver would read whole.
fn postgres_password(target: &DatabaseTarget) -> anyhow::Result<Option<String>> {
    let named = ProcessVariables.get(PASSWORD_FILE).map(PathBuf::from);
    if let Some(path) = named.filter(|path| path.exists()) {
        file::check(&path, file::SETTINGS_LIMIT_BYTES)
            .with_context(|| format!("{PASSWORD_FILE}: {}", path.display()))?;
    }
    Ok(driver_password(target))
}

fn driver_password(target: &DatabaseTarget) -> Option<String> {
    let mut url = Url::parse("postgres://localhost").ok()?;
    url.set_path(&target.name);
    url.query_pairs_mut()
        .append_pair("host", &target.host)
        .append_pair("port", &target.port.to_string())
        .append_pair("user", &target.user);
    let found = PgConnectOptions::from_url(&url).ok()?.to_url_lossy();
    let password = percent_decode_str(found.password()?).decode_utf8().ok()?;
    Some(password.into_owned())
}

fn item(
    target: &DatabaseTarget,
    measurement: DatabaseSize,
    started_at: DateTime<Utc>,
) -> DatabaseItem {
    let now = SystemClock.now();
    let duration = (now - started_at).to_std().unwrap_or_default();
    // A one-shot measurement is not scheduled, so the next one is never due.
    let run = Run {
        scheduled_at: started_at,
        taken_at: started_at,
        duration,
        next_due_at: DateTime::<Utc>::MAX_UTC,
    };
    let snapshot = Snapshot {
        target: target.id(),
        run,
        measurement,
    };
    let filter = TableFilter {
        schema: None,
        table: None,
        limit: usize::MAX,
        is_grouped: false,
        has_partitions: true,
        has_trend: false,
    };
    DatabaseItem::of(ENVIRONMENT, snapshot, None, filter, now)
}

/// Returns what is unusual about a table, to print after its name.
fn kind_mark(table: &TableSize) -> String {
    let marks = [
        (table.kind != TableKind::Table).then(|| table.kind.as_str()),
        (table.persistence != Persistence::Permanent).then(|| table.persistence.as_str()),
        table.is_transient.then_some("transient"),
    ];
    let marks: Vec<_> = marks.into_iter().flatten().collect();
    if marks.is_empty() {
        return String::new();
    }
    format!(" ({})", marks.join(", "))
}

/// Returns the known parts of the total.
fn breakdown(size: &DatabaseSize) -> String {
    let known = [
        ("tables", Some(size.table_bytes())),
        ("system", size.system_bytes),
        ("other", size.other_bytes()),
    ];
    let known: Vec<_> = known
        .into_iter()
        .filter_map(|(name, bytes)| Some(format!("{name} {}", format::size(bytes?))))
        .collect();
    known.join(", ")
}

/// Returns a number, marked if it is estimated, or a question mark if it is unknown.
fn number(number: Option<u64>, is_estimated: bool) -> String {
    let mark = if is_estimated { ESTIMATED } else { "" };
    number.map_or_else(
        || "?".to_owned(),
        |number| format!("{mark}{}", format::count(number)),
    )
}

/// Returns the row of a table.
fn row(table: &TableSize, has_toast: bool) -> Vec<String> {
    let is_estimated = table.quality != Quality::Exact;
    let (are_parts_estimated, mark) = (
        is_estimated || table.are_parts_estimated,
        if is_estimated { " (estimated)" } else { "" },
    );
    let name = table.entity.clone().or_else(|| table.association.clone());
    let mut row = vec![
        format!("{}.{}{}", table.schema, table.table, kind_mark(table)),
        name.unwrap_or_default(),
        number(table.row_estimate, false),
        number(table.heap_bytes, are_parts_estimated),
    ];
    if has_toast {
        row.push(number(table.toast_bytes, are_parts_estimated));
    }
    row.extend([
        number(table.index_bytes, are_parts_estimated),
        format!("{}{mark}", format::count(table.total_bytes)),
    ]);
    row
}

/// Returns where the tables are that inherit from `parent`.
fn child_tables(parent: &TableSize, children: &ChildTables) -> String {
    let tables = match children.table_count {
        1 => "1 table inherits".to_owned(),
        count => format!("{} tables inherit", format::count(count)),
    };
    let bytes = children.total_bytes.map_or_else(
        || "not all are measured".to_owned(),
        |bytes| format!("{} in total", format::size(bytes)),
    );
    format!(
        "{}.{}: {tables} from it, in {}: {bytes}",
        parent.schema,
        parent.table,
        children.schemas.join(", ")
    )
}

fn readable(size: &DatabaseSize) -> String {
    let shown = || size.counted_tables().take(READABLE_TABLES);
    // Only PostgreSQL has TOAST tables.
    let has_toast = size.engine == Engine::Postgres;
    let heads: &[&str] = if has_toast {
        &[
            "table", "entity", "rows", "heap", "TOAST", "indexes", "total",
        ]
    } else {
        &["table", "entity", "rows", "heap", "indexes", "total"]
    };
    let mut rows = vec![heads.iter().map(|head| (*head).to_owned()).collect()];
    rows.extend(shown().map(|table| row(table, has_toast)));
    let mut notes = String::new();
    if shown().any(|table| table.are_parts_estimated || table.quality != Quality::Exact) {
        notes.push_str("~ by the server's last statistics\n");
    }
    let left_out = size.counted_tables().skip(READABLE_TABLES).count();
    if left_out > 0 {
        notes.push_str(&format!(
            "… and {left_out} smaller tables (--json lists all)\n"
        ));
    }
    let parents = size.counted_tables().filter_map(|table| {
        let children = table.child_tables.as_ref()?;
        Some(child_tables(table, children))
    });
    for line in parents.take(READABLE_TABLES) {
        notes.push_str(&format::printable(&line));
        notes.push('\n');
    }
    for table in &size.unsized_tables {
        let line = format!(
            "not measured: {}.{}: {}",
            table.schema, table.table, table.reason
        );
        notes.push_str(&format::printable(&line));
        notes.push('\n');
    }
    let replica = match size.server_role {
        Some(ServerRole::Replica) => ", a replica",
        Some(ServerRole::ReadOnly) => ", a read-only server",
        Some(ServerRole::Primary) | None => "",
    };
    let tables = match size.summary().table_count {
        1 => "1 table".to_owned(),
        count => format!("{} tables", format::count(count)),
    };
    format!(
        "database {}{replica}: {} ({}), {tables}, sizes in bytes\n{}{notes}",
        format::printable(&size.database),
        format::size(size.total_bytes),
        breakdown(size),
        format::table(&rows, 2)
    )
}

#[cfg(test)]
mod tests {
    use shared::snapshot::{ServerStorage, UnsizedTable};

    use super::*;

    fn size(engine: Engine, tables: Vec<TableSize>) -> DatabaseSize {
        DatabaseSize {
            engine,
            database: "acme".into(),
            total_bytes: 100_000,
            system_bytes: None,
            server_role: None,
            mendix_catalogue: None,
            tables,
            unsized_tables: Vec::new(),
            storage: ServerStorage::not_asked(),
        }
    }

    #[test]
    fn estimated_parts_are_marked_and_no_column_is_unknown() {
        let table = TableSize {
            heap_bytes: Some(49_152),
            index_bytes: Some(16_384),
            row_estimate: Some(7),
            total_bytes: 12_582_912,
            are_parts_estimated: true,
            ..TableSize::named("acme", "note")
        };

        let text = readable(&size(Engine::Mysql, vec![table]));

        assert_eq!(
            text,
            "database acme: 97.66 KiB (100,000 bytes) (tables 12.00 MiB (12,582,912 bytes)), 1 table, sizes in bytes\n\
             table      entity  rows     heap  indexes       total\n\
             acme.note             7  ~49,152  ~16,384  12,582,912\n\
             ~ by the server's last statistics\n"
        );
    }

    #[test]
    fn names_from_the_database_do_not_reach_the_terminal_raw() {
        let mut size = size(
            Engine::Postgres,
            vec![
                TableSize::named("public", "a\u{1b}[31m\nb"),
                TableSize::named("public", "日本"),
            ],
        );
        size.database = "d\u{202e}".into();
        size.tables[0].child_tables = Some(ChildTables {
            table_count: 2,
            total_bytes: Some(2_048),
            schemas: vec!["_timescaledb_internal".into()],
        });
        size.server_role = Some(ServerRole::Replica);
        size.unsized_tables.push(UnsizedTable {
            schema: "public".into(),
            table: "x\ry".into(),
            reason: "locked".into(),
        });

        let text = readable(&size);

        assert!(
            text.starts_with("database d\\u{202e}, a replica: "),
            "{text}"
        );
        assert!(text.contains("public.a\\u{1b}[31m\\u{a}b "), "{text}");
        assert!(text.contains("public.x\\u{d}y: locked"), "{text}");
        assert!(
            !text.replace('\n', "").contains(char::is_control),
            "{text:?}"
        );
    }
}
