//! Counts an app's file documents and sums their sizes, by the app's own table of them.
//!
//! The server reads one table from start to end, so this is done once a day. Nothing is read of a document but whether
//! it has contents and how large it is.

mod mysql;
mod postgres;

use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use shared::clock;
use shared::database::{DatabaseError, Databases};
use shared::fleet::{DatabaseTarget, Engine};
use shared::snapshot::FileDocuments;
use tokio::time::timeout;

use super::{ANSWER_RESERVE, CLOSE_TIMEOUT, STATEMENT_TIMEOUT, unexpected};
use crate::error::MeasureError;
use crate::queue::JobKind;
use crate::run::{Progress, Source};
use crate::tick::Tick;

/// Time between two counts.
pub const COUNT_EVERY: Duration = Duration::from_secs(86_400);

/// Counts the file documents of database targets.
#[derive(Clone)]
pub struct FileDocumentSource {
    databases: Databases,
}

impl FileDocumentSource {
    /// Returns a source that connects through `databases`.
    pub fn new(databases: Databases) -> Self {
        Self { databases }
    }
}

#[async_trait]
impl Source for FileDocumentSource {
    type Target = DatabaseTarget;
    type Measurement = FileDocuments;
    const JOBS: JobKind = JobKind::Database;

    /// Costs one connection and two statements, of which one reads the whole table of documents.
    async fn measure(
        &self,
        target: &DatabaseTarget,
        progress: &Progress,
    ) -> Result<FileDocuments, MeasureError> {
        let documents = match target.engine {
            Engine::Postgres => postgres::count(&self.databases, target).await,
            Engine::Mysql => mysql::count(&self.databases, target).await,
        }?;
        progress.add(documents.document_count, documents.document_bytes);
        Ok(documents)
    }

    fn next_due_at(&self, tick: Tick) -> DateTime<Utc> {
        tick.next_at().max(clock::after(tick.at, COUNT_EVERY))
    }
}

/// What the catalogue has of the table.
#[derive(Debug, Clone, Copy)]
struct Look {
    has_table: bool,
    has_columns: bool,
    may_read: bool,
}

impl Look {
    /// Fails with what is missing.
    fn check(self) -> Result<(), MeasureError> {
        match self {
            Self {
                has_table: false, ..
            } => Err(no_table()),
            Self {
                has_columns: false, ..
            } => Err(no_sizes()),
            Self {
                may_read: false, ..
            } => Err(no_right()),
            _ => Ok(()),
        }
    }
}

fn no_table() -> MeasureError {
    MeasureError::not_applicable(
        "not_a_mendix_database",
        "the database has no table system$filedocument, so it is not that of a Mendix app",
    )
}

fn no_sizes() -> MeasureError {
    MeasureError::permanent(
        "document_sizes_missing",
        "the table system$filedocument lacks the columns hascontents and size, which Mendix has since 7.4",
    )
}

fn no_right() -> MeasureError {
    MeasureError::permanent(
        "grants_missing",
        "the database role may not read the columns hascontents and size of system$filedocument: run the script that \
         mrt grants prints",
    )
}

/// Waits for an answer until a little after the server gives up.
async fn in_time<T>(
    answer: impl Future<Output = Result<T, sqlx::Error>>,
) -> Result<T, DatabaseError> {
    timeout(STATEMENT_TIMEOUT + ANSWER_RESERVE, answer)
        .await
        .map_err(|_| DatabaseError::Timeout(None))?
        .map_err(DatabaseError::from)
}
