//! Lists of rows that nothing cuts unseen.

use shared::database::{DatabaseError, STATEMENT_MARK};
use sqlx::mysql::{MySqlArguments, MySqlConnection, MySqlRow};
use sqlx::query::QueryAs;
use sqlx::{AssertSqlSafe, FromRow, MySql, Row};

use crate::error::MeasureError;

/// A statement with rows of `R`.
pub(super) type Query<'q, R> = QueryAs<'q, MySql, R, MySqlArguments>;

/// Builds a statement with our mark, which identifies it in the server's logs.
pub(super) fn query<'q, R>(sql: &str) -> Query<'q, R>
where
    R: for<'r> FromRow<'r, MySqlRow>,
{
    sqlx::query_as(AssertSqlSafe(format!("{STATEMENT_MARK} {sql}"))).persistent(false)
}

/// Why a list could not be read.
#[derive(Debug)]
pub(super) enum ListError {
    Database(DatabaseError),
    /// The server found more rows than it returned.
    Cut {
        returned: usize,
        found: u64,
    },
}

impl<E: Into<DatabaseError>> From<E> for ListError {
    fn from(error: E) -> Self {
        Self::Database(error.into())
    }
}

impl From<ListError> for MeasureError {
    fn from(error: ListError) -> Self {
        match error {
            ListError::Database(error) => error.into(),
            ListError::Cut { returned, found } => Self::permanent(
                "list_cut",
                format!(
                    "the server returned {returned} of {found} rows of a list: remove its sql_select_limit, or the \
                     proxy that sets one"
                ),
            ),
        }
    }
}

/// Returns all rows of `query`, whose statement must count them: see `SQL_CALC_FOUND_ROWS`.
///
/// A limit of the server or of a proxy would otherwise cut the list unseen.
pub(super) async fn list<R>(
    connection: &mut MySqlConnection,
    query: Query<'_, R>,
) -> Result<Vec<R>, ListError>
where
    R: for<'r> FromRow<'r, MySqlRow> + Send + Unpin,
{
    let rows = query.fetch_all(&mut *connection).await?;
    let counts = sqlx::raw_sql("SELECT CAST(FOUND_ROWS() AS UNSIGNED)");
    let found: u64 = counts.fetch_one(connection).await?.try_get(0)?;
    if u64::try_from(rows.len()) == Ok(found) {
        Ok(rows)
    } else {
        Err(ListError::Cut {
            returned: rows.len(),
            found,
        })
    }
}
