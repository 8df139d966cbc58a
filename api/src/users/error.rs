//! Why users could not be read. Knows no HTTP: the handler turns it into a problem.

use shared::database::DatabaseError;
use shared::fleet::{DatabaseTarget, Engine};

use super::grants;
use super::schema::columns;

/// Why users could not be read.
///
/// The texts name no host, no SQL and nothing that stands in the app's tables.
#[derive(Debug, thiserror::Error)]
pub enum UsersError {
    /// The fleet file names no database for the environment.
    #[error("the environment has no database")]
    NoDatabase,
    /// The role may not read all columns that are needed.
    #[error("the database role may not read what is needed of users")]
    GrantsMissing {
        /// What to run in the environment's database as its owner; each statement works by itself.
        statements: Vec<String>,
    },
    /// The database lacks tables or columns that every Mendix version has.
    #[error("the database is not that of a Mendix app")]
    NotAMendixDatabase,
    /// Too many others wait for the same database.
    #[error("too many callers wait for the database")]
    Busy,
    /// The database gave no answer, among them: unreachable and too slow.
    #[error("users could not be read")]
    Database(#[source] DatabaseError),
}

impl<E: Into<DatabaseError>> From<E> for UsersError {
    fn from(error: E) -> Self {
        Self::Database(error.into())
    }
}

impl UsersError {
    /// Returns what a connection that was refused for want of a right means.
    pub(super) fn of_connect(error: DatabaseError, target: &DatabaseTarget) -> Self {
        match (error, target.engine) {
            (DatabaseError::Denied(_), Engine::Postgres) => Self::GrantsMissing {
                statements: vec![grants::connect_statement(target)],
            },
            // Whoever has a right on any of its tables may use a database.
            (DatabaseError::Denied(_), Engine::Mysql) => Self::GrantsMissing {
                statements: grants::select_statements(target, columns::required()),
            },
            (error, _) => Self::Database(error),
        }
    }
}
