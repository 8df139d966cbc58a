//! Reads sizes from a PostgreSQL database: short statements over one connection, 1,000 tables at a time.
//!
//! There is no transaction around them. The size functions look at files, which no snapshot of a transaction
//! holds still, so a transaction would only keep vacuum from its work.

mod pace;
mod row;

use std::collections::BTreeMap;
use std::time::Duration;

use shared::database::{DatabaseError, Databases};
use shared::fleet::DatabaseTarget;
use shared::snapshot::{DatabaseSize, MendixCatalogue, Quality, ServerStorage, UnsizedTable};
use sqlx::postgres::PgConnection;
use sqlx::postgres::types::Oid;
use sqlx::{Connection, Executor};
use tokio::time::timeout;

use super::mendix::{MendixName, MendixNames};
use super::partitions::{Linked, roll_up};
use super::{sort, unexpected};
use crate::error::MeasureError;
use crate::run::Progress;
use pace::Pace;
use row::{Judged, Row};

/// What we give a statement beyond what the server gives it: the answer to the server's time-out must still arrive.
const ANSWER_RESERVE: Duration = Duration::from_secs(5);
/// Longest wait for an orderly end of the connection.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// Only PostgreSQL's own names are found without a schema; and a lock that came just now is waited for shortly, as
/// the batch can be asked for again around it. Half of what one locked table may cost.
const SESSION: &str = "SET search_path = pg_catalog; SET lock_timeout = '250ms'";
const DATABASE: &str = include_str!("postgres/database.sql");
const TABLES: &str = include_str!("postgres/tables.sql");
const MENDIX_READABLE: &str = include_str!("postgres/mendix_readable.sql");
const MENDIX_NAMES: &str = include_str!("postgres/mendix_names.sql");
const MENDIX_ENTITIES: &str = include_str!("postgres/mendix_entities.sql");

/// The only schema that a Mendix runtime uses.
const MENDIX_SCHEMA: &str = "public";

/// One connection, with the time that each statement is given.
struct Session {
    connection: PgConnection,
    answer_timeout: Duration,
}

/// Sizes the database of `target` and all its tables.
pub(super) async fn measure(
    databases: &Databases,
    target: &DatabaseTarget,
    statement_timeout: Duration,
    progress: &Progress,
) -> Result<DatabaseSize, MeasureError> {
    let connecting = databases.connect_postgres(target, statement_timeout);
    let mut session = Session {
        connection: connecting.await?,
        answer_timeout: statement_timeout + ANSWER_RESERVE,
    };
    let measured = ask(&mut session, target, progress).await;
    // The numbers are in: a server that does not say good-bye changes nothing.
    let _ = timeout(CLOSE_TIMEOUT, session.connection.close()).await;
    measured
}

async fn ask(
    session: &mut Session,
    target: &DatabaseTarget,
    progress: &Progress,
) -> Result<DatabaseSize, MeasureError> {
    session.prepare().await?;
    let mut found = session.tables(progress).await?;
    let names = session.mendix_names().await?;
    let total_bytes = session.database_bytes().await?;
    for table in found
        .tables
        .iter_mut()
        .filter_map(|each| each.table.as_mut())
    {
        let is_mendix_schema = table.schema == MENDIX_SCHEMA;
        names.mark(table, is_mendix_schema);
    }
    let mut tables = roll_up(found.tables);
    sort(&mut tables, &mut found.unsized_tables);
    Ok(DatabaseSize {
        engine: target.engine,
        database: target.name.clone(),
        total_bytes: u64::try_from(total_bytes).map_err(|_| negative())?,
        system_bytes: found.system_bytes,
        mendix_catalogue: Some(names.catalogue),
        tables,
        unsized_tables: found.unsized_tables,
        storage: ServerStorage::not_asked(),
    })
}

/// What the batches have brought so far.
struct Found {
    tables: Vec<Linked>,
    unsized_tables: Vec<UnsizedTable>,
    /// `None` once one of the system's tables had no exact size.
    system_bytes: Option<u64>,
}

impl Session {
    async fn in_time<T>(
        limit: Duration,
        answer: impl Future<Output = Result<T, sqlx::Error>>,
    ) -> Result<T, DatabaseError> {
        timeout(limit, answer)
            .await
            .map_err(|_| DatabaseError::Timeout(None))?
            .map_err(DatabaseError::from)
    }

    async fn prepare(&mut self) -> Result<(), DatabaseError> {
        let prepared = self.connection.execute(SESSION);
        Self::in_time(self.answer_timeout, prepared).await.map(drop)
    }

    /// Reads all tables, batch by batch; goes around those that are locked.
    async fn tables(&mut self, progress: &Progress) -> Result<Found, MeasureError> {
        let mut found = Found {
            tables: Vec::new(),
            unsized_tables: Vec::new(),
            system_bytes: Some(0),
        };
        let (mut pace, mut last) = (Pace::new(), Oid(0));
        loop {
            let rows = match self.batch(last, &pace).await {
                Ok(rows) => rows,
                Err(error @ DatabaseError::Locked(_)) => {
                    if !pace.met_lock() {
                        return Err(error.into());
                    }
                    continue;
                }
                Err(error) => return Err(error.into()),
            };
            let Some(row) = rows.last() else {
                return Ok(found);
            };
            last = row.oid;
            pace.answered();
            for row in rows {
                found.add(row, progress)?;
            }
        }
    }

    async fn batch(&mut self, after: Oid, pace: &Pace) -> Result<Vec<Row>, DatabaseError> {
        let rows = sqlx::query_as(TABLES)
            .bind(after)
            .bind(pace.batch)
            .bind(pace.is_estimate)
            .persistent(false)
            .fetch_all(&mut self.connection);
        Self::in_time(self.answer_timeout, rows).await
    }

    /// Reads whose tables are whose, as far as that is ours to read and nobody holds the list locked.
    async fn mendix_names(&mut self) -> Result<MendixNames, DatabaseError> {
        let (has_entities, may_read_entities, has_associations, may_read_associations): (
            bool,
            bool,
            bool,
            bool,
        ) = {
            let asked = sqlx::query_as(MENDIX_READABLE)
                .persistent(false)
                .fetch_one(&mut self.connection);
            Self::in_time(self.answer_timeout, asked).await?
        };
        if !has_entities {
            return Ok(MendixNames::none(MendixCatalogue::Absent));
        }
        if !may_read_entities {
            return Ok(MendixNames::none(MendixCatalogue::Denied));
        }
        let (statement, catalogue) = match (has_associations, may_read_associations) {
            (true, true) => (MENDIX_NAMES, MendixCatalogue::Read),
            (true, false) => (MENDIX_ENTITIES, MendixCatalogue::Denied),
            (false, _) => (MENDIX_ENTITIES, MendixCatalogue::Read),
        };
        let rows = sqlx::query_as::<_, (String, String, bool)>(statement)
            .persistent(false)
            .fetch_all(&mut self.connection);
        match Self::in_time(self.answer_timeout, rows).await {
            Ok(rows) => Ok(MendixNames {
                catalogue,
                names: rows.into_iter().map(named).collect::<BTreeMap<_, _>>(),
            }),
            Err(DatabaseError::Locked(_)) => Ok(MendixNames::none(MendixCatalogue::Locked)),
            Err(error) if is_gone(&error) => Ok(MendixNames::none(MendixCatalogue::Denied)),
            Err(error) => Err(error),
        }
    }

    async fn database_bytes(&mut self) -> Result<i64, DatabaseError> {
        let size = sqlx::query_scalar(DATABASE)
            .persistent(false)
            .fetch_one(&mut self.connection);
        Self::in_time(self.answer_timeout, size).await
    }
}

impl Found {
    fn add(&mut self, row: Row, progress: &Progress) -> Result<(), MeasureError> {
        let (id, parent) = (row.oid.0, row.parent.map(|parent| parent.0));
        let is_catalogue = row.is_catalogue;
        match row.judge()? {
            Judged::Gone => {}
            Judged::Sized(table) if is_catalogue => {
                let is_exact = table.quality == Quality::Exact;
                let sum = self.system_bytes.filter(|_| is_exact);
                self.system_bytes = sum.and_then(|sum| sum.checked_add(table.total_bytes));
            }
            Judged::Unsized(_) if is_catalogue => self.system_bytes = None,
            Judged::Sized(table) => {
                progress.add(1, table.total_bytes);
                let table = Some(*table);
                self.tables.push(Linked { id, parent, table });
            }
            Judged::Unsized(table) => {
                self.unsized_tables.push(table);
                let table = None;
                self.tables.push(Linked { id, parent, table });
            }
        }
        Ok(())
    }
}

fn named((table, name, is_entity): (String, String, bool)) -> (String, MendixName) {
    let kind = if is_entity {
        MendixName::Entity
    } else {
        MendixName::Association
    };
    (table, kind(name))
}

/// Returns whether the list, its columns or our right on them went away since they were looked for.
fn is_gone(error: &DatabaseError) -> bool {
    let code = match error {
        DatabaseError::Denied(_) => return true,
        DatabaseError::Failed(error) => error.as_database_error().and_then(|error| error.code()),
        _ => None,
    };
    // Undefined table, undefined column.
    matches!(code.as_deref(), Some("42P01" | "42703"))
}

fn negative() -> MeasureError {
    unexpected("a negative number of bytes or rows")
}
