//! Reads sizes from a PostgreSQL database: short statements over one connection, 1,000 tables at a time.
//!
//! They do not run in a transaction. The size functions read files, which a transaction's snapshot does not freeze, so
//! a transaction would only hold back vacuum.

mod pace;
mod row;

use std::collections::BTreeMap;
use std::time::Duration;

use shared::database::{DatabaseError, Databases};
use shared::fleet::DatabaseTarget;
use shared::snapshot::{DatabaseSize, MendixCatalogue, Quality, ServerStorage, UnsizedTable};
use sqlx::postgres::types::Oid;
use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{Connection, Executor, FromRow, Row as _};
use tokio::time::timeout;

use super::mendix::{MendixName, MendixNames};
use super::partitions::{Linked, roll_up};
use super::{sort, unexpected};
use crate::error::MeasureError;
use crate::run::Progress;
use pace::Pace;
use row::{Row, Verdict};

/// Time beyond the server's own statement limit, so that the server's time-out error still arrives.
const ANSWER_RESERVE: Duration = Duration::from_secs(5);
/// Time limit for closing the connection.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// Settings of the session. Only PostgreSQL's own names resolve without a schema. A new lock is waited for briefly,
/// because the batch can be repeated without the locked table; one lock costs at most two such waits.
pub(super) const SESSION: &str = "SET search_path = pg_catalog; SET lock_timeout = '250ms'";
const DATABASE: &str = include_str!("postgres/database.sql");
const TABLES: &str = include_str!("postgres/tables.sql");
const MENDIX_READABLE: &str = include_str!("postgres/mendix_readable.sql");
const MENDIX_NAMES: &str = include_str!("postgres/mendix_names.sql");
const MENDIX_ENTITIES: &str = include_str!("postgres/mendix_entities.sql");

/// The only schema that a Mendix runtime uses.
const MENDIX_SCHEMA: &str = "public";

/// One connection with its time limit for each statement.
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
    let size = session.measure(target, progress).await;
    // The sizes are complete: a connection that fails to close cleanly changes nothing.
    let _ = timeout(CLOSE_TIMEOUT, session.connection.close()).await;
    size
}

/// Results of the batches so far.
struct Found {
    tables: Vec<Linked>,
    unsized_tables: Vec<UnsizedTable>,
    /// `None` as soon as a system table has no exact size.
    system_bytes: Option<u64>,
}

/// A row of `mendix_readable.sql`.
struct MendixReadable {
    has_entities: bool,
    may_read_entities: bool,
    has_associations: bool,
    may_read_associations: bool,
}

impl FromRow<'_, PgRow> for MendixReadable {
    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            has_entities: row.try_get("has_entities")?,
            may_read_entities: row.try_get("may_read_entities")?,
            has_associations: row.try_get("has_associations")?,
            may_read_associations: row.try_get("may_read_associations")?,
        })
    }
}

/// A row of `mendix_names.sql` and `mendix_entities.sql`.
struct MendixNameRow {
    table_name: String,
    name: String,
    is_entity: bool,
}

impl FromRow<'_, PgRow> for MendixNameRow {
    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            table_name: row.try_get("table_name")?,
            name: row.try_get("name")?,
            is_entity: row.try_get("is_entity")?,
        })
    }
}

impl Session {
    async fn measure(
        &mut self,
        target: &DatabaseTarget,
        progress: &Progress,
    ) -> Result<DatabaseSize, MeasureError> {
        self.prepare().await?;
        let mut found = self.tables(progress).await?;
        let names = self.mendix_names().await?;
        let total_bytes = self.database_bytes().await?;
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

    /// Reads all tables in batches and does not open locked ones.
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
                    if !pace.hit_lock() {
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
            pace.succeeded();
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

    /// Reads the runtime's catalogue of names, as far as the role can read it and no other session locks it.
    async fn mendix_names(&mut self) -> Result<MendixNames, DatabaseError> {
        let readable: MendixReadable = {
            let row = sqlx::query_as(MENDIX_READABLE)
                .persistent(false)
                .fetch_one(&mut self.connection);
            Self::in_time(self.answer_timeout, row).await?
        };
        if !readable.has_entities {
            return Ok(MendixNames::none(MendixCatalogue::Absent));
        }
        if !readable.may_read_entities {
            return Ok(MendixNames::none(MendixCatalogue::Denied));
        }
        let (statement, catalogue) =
            match (readable.has_associations, readable.may_read_associations) {
                (true, true) => (MENDIX_NAMES, MendixCatalogue::Read),
                (true, false) => (MENDIX_ENTITIES, MendixCatalogue::Denied),
                (false, _) => (MENDIX_ENTITIES, MendixCatalogue::Read),
            };
        let rows = sqlx::query_as::<_, MendixNameRow>(statement)
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
        match row.evaluate()? {
            Verdict::Gone => {}
            Verdict::Sized(table) if is_catalogue => {
                let is_exact = table.quality == Quality::Exact;
                let sum = self.system_bytes.filter(|_| is_exact);
                self.system_bytes = sum.and_then(|sum| sum.checked_add(table.total_bytes));
            }
            Verdict::Unsized(_) if is_catalogue => self.system_bytes = None,
            Verdict::Sized(table) => {
                progress.add(1, table.total_bytes);
                let table = Some(*table);
                self.tables.push(Linked { id, parent, table });
            }
            Verdict::Unsized(table) => {
                self.unsized_tables.push(table);
                let table = None;
                self.tables.push(Linked { id, parent, table });
            }
        }
        Ok(())
    }
}

fn named(row: MendixNameRow) -> (String, MendixName) {
    let kind = if row.is_entity {
        MendixName::Entity
    } else {
        MendixName::Association
    };
    (row.table_name, kind(row.name))
}

/// Returns whether the list, its columns or our right on them disappeared since they were checked.
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
