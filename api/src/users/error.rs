//! Why users could not be counted. Knows no HTTP: the handler turns it into a problem.

use shared::database::DatabaseError;

/// Why users could not be counted.
///
/// The texts name no host, no SQL and nothing that stands in the app's tables.
#[derive(Debug, thiserror::Error)]
pub enum UsersError {
    /// The fleet file names no database for the environment.
    #[error("the environment has no database")]
    NoDatabase,
    /// The role may not read all columns that counts need.
    #[error("the database role may not read what counting users needs")]
    GrantsMissing {
        /// What to run in the environment's database as its owner; each statement works by itself.
        statements: Vec<String>,
    },
    /// The database lacks tables or columns that every Mendix version has.
    #[error("the database is not that of a Mendix app")]
    NotAMendixDatabase,
    /// The database gave no answer, among them: unreachable and too slow.
    #[error("users could not be counted")]
    Database(#[source] DatabaseError),
}

impl<E: Into<DatabaseError>> From<E> for UsersError {
    fn from(error: E) -> Self {
        Self::Database(error.into())
    }
}
