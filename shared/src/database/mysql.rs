//! One connection to MySQL or MariaDB.
//!
//! sqlx sends no connection attributes, so the server's process list has no program name. Statements start with a
//! comment that identifies them instead ([`STATEMENT_MARK`](super::STATEMENT_MARK)).

use std::time::Duration;

use sqlx::mysql::{MySqlConnectOptions, MySqlConnection, MySqlSslMode};
use sqlx::{AssertSqlSafe, ConnectOptions, Executor};

use super::wire::Wire;
use super::{DatabaseError, LOCK_TIMEOUT, Login, STATEMENT_MARK};
use crate::fleet::{Auth, DatabaseTarget};

/// Session settings of both MySQL and MariaDB.
///
/// The SQL mode is empty, because the server's may change the meaning of statements (`ANSI_QUOTES`).
const SESSION: &str =
    "SET SESSION sql_mode = '', lock_wait_timeout = :lock, innodb_lock_wait_timeout = :lock";
/// Makes all transactions of the session read-only, and so all statements.
const READ_ONLY: &str = "SET SESSION TRANSACTION READ ONLY";

pub(super) async fn connect(
    target: &DatabaseTarget,
    login: &Login,
    wire: &Wire,
    statement_timeout: Duration,
) -> Result<MySqlConnection, DatabaseError> {
    let options = MySqlConnectOptions::new()
        .host(&target.host)
        .port(target.port)
        .database(&target.name)
        .username(&login.user)
        .password(&login.password)
        .pipes_as_concat(false)
        .no_engine_substitution(false)
        .disable_statement_logging();
    let options = match wire {
        Wire::Plain => options.ssl_mode(MySqlSslMode::Disabled),
        Wire::Tls { authorities } => options
            .ssl_mode(MySqlSslMode::VerifyIdentity)
            .ssl_ca_from_pem(authorities.clone())
            // RDS accepts IAM tokens through this plugin only. The server is verified, and the connection encrypted.
            .enable_cleartext_plugin(target.auth == Auth::Iam),
    };
    let mut connection = options.connect().await?;
    prepare(&mut connection, statement_timeout).await?;
    Ok(connection)
}

async fn prepare(
    connection: &mut MySqlConnection,
    statement_timeout: Duration,
) -> Result<(), DatabaseError> {
    let version: String =
        sqlx::query_scalar(AssertSqlSafe(format!("{STATEMENT_MARK} SELECT VERSION()")))
            .persistent(false)
            .fetch_one(&mut *connection)
            .await?;
    let session = SESSION.replace(":lock", &LOCK_TIMEOUT.as_secs().max(1).to_string());
    // MySQL's limit applies to SELECT only, and there are no other statements.
    let limit = if is_mariadb(&version) {
        format!("max_statement_time = {}", statement_timeout.as_secs_f64())
    } else {
        format!("max_execution_time = {}", statement_timeout.as_millis())
    };
    for statement in [format!("{session}, {limit}"), READ_ONLY.to_owned()] {
        connection.execute(AssertSqlSafe(statement)).await?;
    }
    Ok(())
}

/// Returns whether `version` is one of MariaDB. It names itself in the version, also on RDS.
pub(super) fn is_mariadb(version: &str) -> bool {
    version.to_ascii_lowercase().contains("mariadb")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mariadb_names_itself_in_its_version() {
        for version in [
            "10.11.19-MariaDB-0+deb12u1",
            "5.5.5-10.6.14-MariaDB-log",
            "11.4.2-mariadb",
        ] {
            assert!(is_mariadb(version), "{version}");
        }
        for version in ["8.0.39", "8.4.2", "5.7.mysql_aurora.2.11.2"] {
            assert!(!is_mariadb(version), "{version}");
        }
    }
}
