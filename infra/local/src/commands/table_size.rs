//! `mrt table-size`: measures one database with the collector's code.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::Arc;

use api::table_size::{DatabaseItem, TableFilter};
use chrono::{DateTime, Utc};
use collector::Progress;
use percent_encoding::percent_decode_str;
use shared::aws::Aws;
use shared::clock::{Clock, SystemClock};
use shared::config::{DATABASE_CA_FILE, ProcessVariables, Variables};
use shared::database::Databases;
use shared::fleet::{Auth, DatabaseTarget, Engine};
use shared::location::AwsScope;
use shared::snapshot::{
    DatabaseSize, Measurement, Persistence, Quality, Run, Snapshot, TableKind, TableSize,
};
use url::Url;

use super::{ENVIRONMENT, exit_code, format, progress, report_failure};
use crate::output;

/// Variable through which the password reaches the login.
const PASSWORD: &str = "MRT_COMMAND_LINE_PASSWORD";
/// PostgreSQL's variable for the password; used if the URL has none.
const PGPASSWORD: &str = "PGPASSWORD";
/// Tables in the readable output; JSON lists all.
const READABLE_TABLES: usize = 25;

/// A database and the password in its URL.
#[derive(Clone)]
pub(crate) struct Database {
    target: DatabaseTarget,
    password: Option<String>,
}

/// Parses `postgres://USER[:PASSWORD]@HOST[:PORT]/NAME`. Error messages do not repeat `text`: it may contain a password.
pub(crate) fn parse(text: &str) -> Result<Database, String> {
    let url = Url::parse(text)
        .map_err(|_| "write postgres://USER@HOST/NAME or mysql://USER@HOST/NAME".to_owned())?;
    let (engine, port) = match url.scheme() {
        "postgres" | "postgresql" => (Engine::Postgres, 5432),
        "mysql" => (Engine::Mysql, 3306),
        _ => return Err("the URL must start with postgres:// or mysql://".to_owned()),
    };
    let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let host = url
        .host_str()
        .filter(|host| !host.is_empty())
        .ok_or("the host is missing")?;
    let name = decoded(url.path().trim_start_matches('/'));
    let user = decoded(url.username());
    if name.is_empty() || user.is_empty() {
        return Err("user and database name are required: postgres://USER@HOST/NAME".to_owned());
    }
    let target = DatabaseTarget {
        environment: ENVIRONMENT.to_owned(),
        engine,
        host: host.trim_matches(['[', ']']).to_owned(),
        port: url.port().unwrap_or(port),
        name,
        user,
        auth: Auth::Variable(PASSWORD.to_owned()),
        scope: AwsScope::default(),
        server: None,
        allocated_gib: None,
    };
    Ok(Database {
        target,
        password: url.password().map(decoded),
    })
}

/// Measures and prints.
pub(crate) async fn run(database: Database, is_json: bool) -> anyhow::Result<ExitCode> {
    let Database { target, password } = database;
    let password = password
        .or_else(|| ProcessVariables.get(PGPASSWORD))
        .unwrap_or_default();
    let variables = Arc::new(BTreeMap::from([(PASSWORD.to_owned(), password)]));
    let ca_file = ProcessVariables.get(DATABASE_CA_FILE).map(Into::into);
    let databases = Databases::new(
        Arc::new(Aws::without_credentials()),
        variables,
        Arc::new(SystemClock),
        ca_file,
    );
    let progress = Progress::default();
    let started_at = SystemClock.now();
    let measuring = collector::measure_database(databases, &target, &progress);
    let size = match progress::watch(&progress, "tables", measuring).await {
        Ok(size) => size,
        Err(error) => return Ok(report_failure(&format!("database {}", target.name), &error)),
    };
    let completeness = size.completeness();
    if is_json {
        output::print_json(&item(&target, size, started_at))?;
    } else {
        output::print(&readable(&size))?;
    }
    Ok(exit_code(completeness))
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

/// Returns a number, or a question mark if it is unknown.
fn number_or_mark(number: Option<u64>) -> String {
    number.map_or_else(|| "?".to_owned(), format::count)
}

fn readable(size: &DatabaseSize) -> String {
    let heads = [
        "table", "entity", "rows", "heap", "TOAST", "indexes", "total",
    ];
    let mut rows = vec![heads.map(str::to_owned).to_vec()];
    for table in size.counted_tables().take(READABLE_TABLES) {
        let mark = if table.quality == Quality::Exact {
            ""
        } else {
            " (estimated)"
        };
        rows.push(vec![
            format!("{}.{}{}", table.schema, table.table, kind_mark(table)),
            table
                .entity
                .clone()
                .or_else(|| table.association.clone())
                .unwrap_or_default(),
            number_or_mark(table.row_estimate),
            number_or_mark(table.heap_bytes),
            number_or_mark(table.toast_bytes),
            number_or_mark(table.index_bytes),
            format!("{}{mark}", format::count(table.total_bytes)),
        ]);
    }
    let left_out = size.counted_tables().skip(READABLE_TABLES).count();
    let left_out = if left_out == 0 {
        String::new()
    } else {
        format!("… and {left_out} smaller tables (--json lists all)\n")
    };
    let unsized_tables = size.unsized_tables.iter();
    let unsized_tables: String = unsized_tables
        .map(|table| {
            format!(
                "not measured: {}.{}: {}\n",
                table.schema, table.table, table.reason
            )
        })
        .collect();
    let total = format::size(size.total_bytes);
    let tables = format::count(size.summary().table_count);
    format!(
        "database {}: {total} ({}), {tables} tables, sizes in bytes\n{}{left_out}{unsized_tables}",
        size.database,
        breakdown(size),
        format::table(&rows, 2)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_parts_of_a_url_are_parsed() {
        let database = parse("postgres://mrt%5Fro:p%40ss@[::1]:6543/acme%20db")
            .ok()
            .unwrap();

        assert_eq!(
            (database.target.user.as_str(), database.target.name.as_str()),
            ("mrt_ro", "acme db")
        );
        assert_eq!(
            (database.target.host.as_str(), database.target.port),
            ("::1", 6543)
        );
        assert_eq!(database.password.as_deref(), Some("p@ss"));
        assert_eq!(parse("mysql://u@db/x").ok().unwrap().target.port, 3306);
    }

    #[test]
    fn no_error_repeats_a_password() {
        for bad in [
            "oracle://u:NEVERLEAK@h/d",
            "postgres://u:NEVERLEAK@h/",
            "postgres://:NEVERLEAK@h/d",
            "u:NEVERLEAK@h",
        ] {
            let reason = parse(bad).err().unwrap();
            assert!(!reason.contains("NEVERLEAK"), "{reason}");
        }
    }
}
