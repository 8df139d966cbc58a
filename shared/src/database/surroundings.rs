//! What is unusual about a server and the way to it, for the person who sets it up.

use std::time::Duration;

use sqlx::{AssertSqlSafe, Connection as _};
use tokio::time::Instant;

use super::{CONNECT_TIMEOUT, DatabaseError, Databases, ReadOnly, STATEMENT_MARK, end_postgres};
use crate::fleet::{DatabaseTarget, Engine};

/// Role, port and age of the server's process. The port is null on a Unix socket.
const POSTGRES: &str = "SELECT pg_is_in_recovery(), inet_server_port(), \
     extract(epoch FROM clock_timestamp() - backend_start)::bigint \
     FROM pg_stat_activity WHERE pid = pg_backend_pid()";
const MYSQL: &str = "SELECT CAST(@@global.sql_select_limit AS UNSIGNED), CAST(@@global.init_connect AS CHAR), \
     CAST(@@global.read_only AS CHAR), CAST(@@port AS SIGNED)";
/// Words in `init_connect` that limit rows.
const LIMITS: [&str; 3] = ["sql_select_limit", "max_join_size", "sql_safe_updates"];
/// How much older than our connection a server's process may look: ages are in whole seconds.
const AGE_RESERVE: Duration = Duration::from_secs(2);

const REPLICA: &str = "the server is a replica: unlogged tables are not sized, dead rows are unknown, and data may be older than on \
     its primary";
const BETWEEN: &str = "a pooler, a proxy or a forwarded port is between us and the server: where possible, name the database itself";

impl Databases {
    /// Returns what is unusual about the server of `target` and the way to it, in sentences; empty if nothing is.
    ///
    /// # Errors
    ///
    /// See [`Databases::connect_postgres`].
    pub async fn surroundings(
        &self,
        target: &DatabaseTarget,
    ) -> Result<Vec<String>, DatabaseError> {
        match target.engine {
            Engine::Postgres => self.around_postgres(target).await,
            Engine::Mysql => self.around_mysql(target).await,
        }
    }

    async fn around_postgres(&self, target: &DatabaseTarget) -> Result<Vec<String>, DatabaseError> {
        let connecting_since = Instant::now();
        let mut connection = self.connect_postgres(target).await?;
        ReadOnly::new(CONNECT_TIMEOUT)
            .begin(&mut connection)
            .await?;
        let (is_replica, port, age_seconds): (bool, Option<i32>, Option<i64>) =
            sqlx::query_as(POSTGRES)
                .persistent(false)
                .fetch_one(&mut connection)
                .await?;
        end_postgres(&mut connection).await?;
        // What is known is known: a connection that fails to close cleanly changes nothing.
        let _ = connection.close().await;
        let is_socket = target.host.starts_with('/');
        let is_other_port = port != Some(i32::from(target.port)) && !is_socket;
        let age = Duration::from_secs(age_seconds.unwrap_or_default().unsigned_abs());
        let is_older = age > connecting_since.elapsed() + AGE_RESERVE;
        let notes = [
            is_replica.then_some(REPLICA),
            (is_other_port || is_older).then_some(BETWEEN),
        ];
        Ok(notes.into_iter().flatten().map(str::to_owned).collect())
    }

    async fn around_mysql(&self, target: &DatabaseTarget) -> Result<Vec<String>, DatabaseError> {
        let mut connection = self.connect_mysql(target, CONNECT_TIMEOUT).await?;
        let sql = AssertSqlSafe(format!("{STATEMENT_MARK} {MYSQL}"));
        let (limit, init, read_only, port): (u64, Option<String>, String, i64) =
            sqlx::query_as(sql)
                .persistent(false)
                .fetch_one(&mut connection)
                .await?;
        let _ = connection.close().await;
        let mut notes = Vec::new();
        if limit != u64::MAX {
            notes.push(format!(
                "the server limits results to {limit} rows (sql_select_limit): our sessions lift the limit"
            ));
        }
        let init = init.unwrap_or_default().to_ascii_lowercase();
        if LIMITS.iter().any(|name| init.contains(name)) {
            notes.push(
                "init_connect of the server limits results: our sessions lift the limits".into(),
            );
        }
        // MariaDB 12 has words in place of a number.
        if !matches!(read_only.as_str(), "0" | "OFF") {
            notes.push(
                "the server is read-only, as a replica is: data may be older than on its primary"
                    .into(),
            );
        }
        if port != i64::from(target.port) && !target.host.starts_with('/') {
            notes.push(BETWEEN.to_owned());
        }
        Ok(notes)
    }
}
