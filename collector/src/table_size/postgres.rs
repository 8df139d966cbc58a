//! Reads sizes from a PostgreSQL database: short statements over one connection, 1,000 tables at a time.
//!
//! Each runs in a transaction of its own, which guards it and leaves nothing behind on a pooler's connection. One
//! transaction for all would keep locks on the catalogues and on Mendix' own tables; the size functions read files, which
//! a transaction does not freeze.

mod pace;
mod row;

use std::collections::BTreeMap;
use std::time::Duration;

use shared::database::{DatabaseError, Databases, ReadOnly, end_postgres};
use shared::fleet::DatabaseTarget;
use shared::snapshot::{
    DatabaseSize, MendixCatalogue, Quality, ServerRole, ServerStorage, UnsizedTable,
};
use sqlx::postgres::types::Oid;
use sqlx::postgres::{PgArguments, PgConnection, PgRow};
use sqlx::query::QueryAs;
use sqlx::{Connection, FromRow, Postgres, Row as _};
use tokio::time::timeout;

use super::inheritance::set_child_tables;
use super::mendix::{MendixName, MendixNames};
use super::partitions::{Linked, roll_up};
use super::{ANSWER_RESERVE, CLOSE_TIMEOUT, sort, unexpected};
use crate::error::MeasureError;
use crate::run::Progress;
use pace::Pace;
use row::{Row, Verdict};

/// A new lock is waited for briefly, because the batch can be repeated without the locked table; one lock costs at most
/// two such waits.
pub(super) const LOCK_TIMEOUT: Duration = Duration::from_millis(250);
/// Most repetitions of a short statement that a replica cancels, at once each time.
const MAX_REPEATS: u32 = 20;
/// A name cannot be converted to UTF-8: untranslatable, or not valid in the database's own encoding.
const UNTRANSLATABLE: [&str; 2] = ["22P05", "22021"];
const DATABASE: &str = include_str!("postgres/database.sql");
const TABLES: &str = include_str!("postgres/tables.sql");
const MENDIX_READABLE: &str = include_str!("postgres/mendix_readable.sql");
const MENDIX_NAMES: &str = include_str!("postgres/mendix_names.sql");
const MENDIX_ENTITIES: &str = include_str!("postgres/mendix_entities.sql");

/// The only schema that a Mendix runtime uses.
const MENDIX_SCHEMA: &str = "public";

/// One connection with its time limit for each statement.
struct Session<'d> {
    databases: &'d Databases,
    target: &'d DatabaseTarget,
    connection: PgConnection,
    /// Whether the server ended the connection together with the last statement.
    is_ended: bool,
    transaction: ReadOnly,
    answer_timeout: Duration,
}

/// Sizes the database of `target` and all its tables.
pub(super) async fn measure(
    databases: &Databases,
    target: &DatabaseTarget,
    statement_timeout: Duration,
    progress: &Progress,
) -> Result<DatabaseSize, MeasureError> {
    let mut session = Session {
        databases,
        target,
        is_ended: false,
        connection: databases.connect_postgres(target).await?,
        transaction: ReadOnly {
            lock_timeout: LOCK_TIMEOUT,
            ..ReadOnly::new(statement_timeout)
        },
        answer_timeout: statement_timeout + ANSWER_RESERVE,
    };
    let size = session.measure(progress).await;
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
            table_name: row::name(row, "table_name")?,
            name: row::name(row, "name")?,
            is_entity: row.try_get("is_entity")?,
        })
    }
}

impl Session<'_> {
    async fn measure(&mut self, progress: &Progress) -> Result<DatabaseSize, MeasureError> {
        let mut found = self.tables(progress).await?;
        let names = self.mendix_names().await?;
        let (total_bytes, is_replica) = self.database().await?;
        for table in found
            .tables
            .iter_mut()
            .filter_map(|each| each.table.as_mut())
        {
            let is_mendix_schema = table.schema == MENDIX_SCHEMA;
            names.mark(table, is_mendix_schema);
        }
        set_child_tables(&mut found.tables);
        let mut tables = roll_up(found.tables);
        sort(&mut tables, &mut found.unsized_tables);
        Ok(DatabaseSize {
            engine: self.target.engine,
            database: self.target.name.clone(),
            total_bytes: u64::try_from(total_bytes).map_err(|_| negative())?,
            system_bytes: found.system_bytes,
            server_role: Some(if is_replica {
                ServerRole::Replica
            } else {
                ServerRole::Primary
            }),
            mendix_catalogue: Some(names.catalogue),
            tables,
            unsized_tables: found.unsized_tables,
            storage: ServerStorage::not_asked(),
        })
    }

    /// Returns the rows of `query`, from a guarded transaction of its own.
    async fn rows<R>(
        &mut self,
        query: QueryAs<'_, Postgres, R, PgArguments>,
    ) -> Result<Vec<R>, DatabaseError>
    where
        R: for<'r> FromRow<'r, PgRow> + Send + Unpin,
    {
        let connection = &mut self.connection;
        let reading = async {
            self.transaction.begin(connection).await?;
            let rows = query.persistent(false).fetch_all(&mut *connection).await?;
            end_postgres(connection).await?;
            Ok(rows)
        };
        let rows = timeout(self.answer_timeout, reading)
            .await
            .unwrap_or(Err(DatabaseError::Timeout(None)));
        if rows.is_err() {
            let ending = timeout(self.answer_timeout, end_postgres(&mut self.connection)).await;
            self.is_ended = !matches!(ending, Ok(Ok(())));
        }
        rows
    }

    /// Connects again if a replica has ended the connection together with the statement that it cancelled.
    async fn continue_after_conflict(&mut self) -> Result<(), DatabaseError> {
        if self.is_ended {
            self.connection = self.databases.connect_postgres(self.target).await?;
            self.is_ended = false;
        }
        Ok(())
    }

    /// Returns the rows of `sql`; repeats it if a replica cancels it, at most [`MAX_REPEATS`] times.
    async fn list<R>(&mut self, sql: &'static str) -> Result<Vec<R>, DatabaseError>
    where
        R: for<'r> FromRow<'r, PgRow> + Send + Unpin,
    {
        for _ in 0..MAX_REPEATS {
            match self.rows(sqlx::query_as(sql)).await {
                Err(DatabaseError::Conflict(_)) => self.continue_after_conflict().await?,
                other => return other,
            }
        }
        self.rows(sqlx::query_as(sql)).await
    }

    /// Returns the only row of `sql`.
    async fn one<R>(&mut self, sql: &'static str) -> Result<R, DatabaseError>
    where
        R: for<'r> FromRow<'r, PgRow> + Send + Unpin,
    {
        let row = self.list(sql).await?.pop();
        row.ok_or(DatabaseError::Failed(sqlx::Error::RowNotFound))
    }

    /// Reads all tables in batches and does not open locked ones.
    async fn tables(&mut self, progress: &Progress) -> Result<Found, MeasureError> {
        let mut found = Found {
            tables: Vec::new(),
            unsized_tables: Vec::new(),
            system_bytes: Some(0),
        };
        let (mut pace, mut last, mut is_escaped) = (Pace::new(), Oid(0), false);
        loop {
            let rows = match self.batch(last, &pace, is_escaped).await {
                Ok(rows) => rows,
                Err(error @ DatabaseError::Locked(_)) => {
                    if !pace.hit_lock() {
                        return Err(error.into());
                    }
                    continue;
                }
                Err(error @ DatabaseError::Conflict(_)) => {
                    if !pace.hit_conflict() {
                        return Err(error.into());
                    }
                    self.continue_after_conflict().await?;
                    continue;
                }
                Err(error) if !is_escaped && has_code(&error, &UNTRANSLATABLE) => {
                    is_escaped = true;
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

    async fn batch(
        &mut self,
        after: Oid,
        pace: &Pace,
        is_escaped: bool,
    ) -> Result<Vec<Row>, DatabaseError> {
        let query = sqlx::query_as(TABLES)
            .bind(after)
            .bind(pace.batch)
            .bind(pace.is_estimate)
            .bind(is_escaped);
        self.rows(query).await
    }

    /// Reads the runtime's catalogue of names, as far as the role can read it and no other session locks it.
    async fn mendix_names(&mut self) -> Result<MendixNames, DatabaseError> {
        let readable: MendixReadable = self.one(MENDIX_READABLE).await?;
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
        match self.list::<MendixNameRow>(statement).await {
            Ok(rows) => Ok(MendixNames {
                catalogue,
                names: rows.into_iter().map(named).collect::<BTreeMap<_, _>>(),
            }),
            Err(DatabaseError::Locked(_)) => Ok(MendixNames::none(MendixCatalogue::Locked)),
            Err(error) if is_gone(&error) => Ok(MendixNames::none(MendixCatalogue::Denied)),
            Err(error) => Err(error),
        }
    }

    /// Returns the bytes of the whole database, and whether the server is a replica.
    async fn database(&mut self) -> Result<(i64, bool), DatabaseError> {
        self.one(DATABASE).await
    }
}

impl Found {
    fn add(&mut self, row: Row, progress: &Progress) -> Result<(), MeasureError> {
        let (id, parent) = (row.oid.0, row.parent.map(|parent| parent.0));
        let is_catalogue = row.is_catalogue;
        let schema = row.schema_name.clone();
        let children = row.children.iter().map(|child| child.0).collect();
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
                self.tables.push(Linked {
                    id,
                    parent,
                    children,
                    schema,
                    table: Some(*table),
                });
            }
            Verdict::Unsized(table) => {
                self.unsized_tables.push(table);
                self.tables.push(Linked {
                    id,
                    parent,
                    children,
                    schema,
                    table: None,
                });
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
    // Undefined table, undefined column.
    matches!(error, DatabaseError::Denied(_)) || has_code(error, &["42P01", "42703"])
}

/// Returns whether `error` is one of the server with one of these SQLSTATEs.
fn has_code(error: &DatabaseError, codes: &[&str]) -> bool {
    let DatabaseError::Failed(error) = error else {
        return false;
    };
    let code = error.as_database_error().and_then(|error| error.code());
    code.is_some_and(|code| codes.contains(&&*code))
}

fn negative() -> MeasureError {
    unexpected("a negative number of bytes or rows")
}
