//! Errors of reading users. Knows no HTTP: the handler turns them into problems.

use std::sync::Arc;

use crate::database::DatabaseError;
use crate::fleet::{DatabaseTarget, Engine};

use super::grants;
use super::schema::columns;

/// Why users could not be read.
///
/// The texts contain no host, no SQL and no content of the app's tables.
#[derive(Debug, Clone, thiserror::Error)]
pub enum UsersError {
    /// The fleet file has no database for the environment.
    #[error("the environment has no database")]
    NoDatabase,
    /// The role may not read all required columns.
    #[error("the database role may not read all required columns of users")]
    GrantsMissing {
        /// Statements to run in the environment's database as its owner; each works by itself.
        statements: Vec<String>,
    },
    /// The database lacks tables or columns that every Mendix version has.
    #[error("the database does not belong to a Mendix app")]
    NotAMendixDatabase,
    /// Too many others wait to ask the same database something else.
    #[error("too many callers wait for the database")]
    Busy,
    /// The database did not answer; it may be unreachable or too slow.
    #[error("users could not be read")]
    Database(#[source] Arc<DatabaseError>),
}

impl<E: Into<DatabaseError>> From<E> for UsersError {
    fn from(error: E) -> Self {
        Self::Database(Arc::new(error.into()))
    }
}

impl UsersError {
    /// Returns the error for a failed connection; a missing right becomes `GrantsMissing`.
    pub(super) fn of_connect(error: DatabaseError, target: &DatabaseTarget) -> Self {
        match (error, target.engine) {
            (DatabaseError::Denied(_), Engine::Postgres) => Self::GrantsMissing {
                statements: vec![grants::connect_statement(target)],
            },
            // On MySQL, a right on any table is enough to use the database.
            (DatabaseError::Denied(_), Engine::Mysql) => Self::GrantsMissing {
                statements: grants::select_statements(target, columns::required()),
            },
            (error, _) => error.into(),
        }
    }
}
