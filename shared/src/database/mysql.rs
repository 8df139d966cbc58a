//! One connection to MySQL or MariaDB.
//!
//! sqlx sends no connection attributes, so the server's process list has no program name. Statements start with a
//! comment that identifies them instead ([`STATEMENT_MARK`](super::STATEMENT_MARK)).

use std::collections::BTreeMap;
use std::time::Duration;

use sqlx::mysql::{MySqlConnectOptions, MySqlConnection, MySqlSslMode};
use sqlx::{AssertSqlSafe, ConnectOptions, Executor};

use super::wire::Wire;
use super::{DatabaseError, LOCK_TIMEOUT, Login, STATEMENT_MARK, relay};
use crate::fleet::{Auth, DatabaseTarget};

/// Largest value of a limit on rows: none. `DEFAULT` would be the server's own limit.
const NO_LIMIT: &str = "18446744073709551615";

/// Session settings of both MySQL and MariaDB, in this order: the limit of a join resets the switch after it.
///
/// Each may be set by the server or by its `init_connect`, and would change what a statement means or returns, cut its
/// rows, or keep locks until the end of a transaction that nobody began.
const SETTINGS: [(&str, &str); 10] = [
    // The server's may change the meaning of statements (`ANSI_QUOTES`).
    ("sql_mode", "''"),
    ("autocommit", "1"),
    ("completion_type", "0"),
    ("sql_auto_is_null", "0"),
    ("sql_safe_updates", "0"),
    ("max_join_size", NO_LIMIT),
    ("sql_big_selects", "1"),
    ("sql_select_limit", NO_LIMIT),
    // Grants are read from quoted names.
    ("sql_quote_show_create", "1"),
    // Longest text that is sorted by its whole length, and longest list in one value: both at least the default.
    ("max_sort_length", "1024"),
];
/// Makes all transactions of the session read-only, and so all statements.
const READ_ONLY: &str = "SET SESSION TRANSACTION READ ONLY";
/// The settings as they are in effect. Newer servers have the second name of the last one only.
const CHECK: &str = "SHOW SESSION VARIABLES WHERE Variable_name IN ('sql_mode', 'autocommit', 'completion_type', \
     'sql_auto_is_null', 'sql_safe_updates', 'max_join_size', 'sql_big_selects', 'sql_select_limit', \
     'sql_quote_show_create', 'tx_read_only', 'transaction_read_only')";

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
    let options = if target.host.starts_with('/') {
        options.socket(&target.host)
    } else {
        options
    };
    // Kept until the driver is connected.
    let mut folder = None;
    let options = match wire {
        Wire::Plain => options.ssl_mode(MySqlSslMode::Disabled),
        Wire::Unverified => options.ssl_mode(MySqlSslMode::Required),
        Wire::OnlyAuthorities { authorities } => options
            .ssl_mode(MySqlSslMode::VerifyCa)
            .ssl_ca_from_pem(authorities.clone()),
        Wire::Tls {
            authorities,
            server_name,
        } => {
            let options = options
                .ssl_mode(MySqlSslMode::VerifyIdentity)
                .ssl_ca_from_pem(authorities.clone())
                // RDS accepts IAM tokens through this plugin only. The server is verified, and the connection encrypted.
                .enable_cleartext_plugin(target.auth == Auth::Iam);
            match server_name {
                None => options,
                Some(name) => {
                    let opened = folder.insert(relay::open(target, "mysql.sock").await?);
                    options.host(name).socket(opened.path().join("mysql.sock"))
                }
            }
        }
    };
    let connected = options.connect().await;
    drop(folder);
    let connected = connected.map_err(|error| DatabaseError::from(error).at_login());
    let mut connection = connected?;
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
    let lock = LOCK_TIMEOUT.as_secs().max(1);
    // MySQL's limit applies to SELECT only, and there are no other statements.
    let limit = if is_mariadb(&version) {
        format!("max_statement_time = {}", statement_timeout.as_secs_f64())
    } else {
        format!("max_execution_time = {}", statement_timeout.as_millis())
    };
    let settings = SETTINGS.map(|(name, value)| format!("{name} = {value}"));
    let session = format!(
        "SET SESSION {}, lock_wait_timeout = {lock}, innodb_lock_wait_timeout = {lock}, {limit}",
        settings.join(", ")
    );
    for statement in [session, READ_ONLY.to_owned()] {
        connection.execute(AssertSqlSafe(statement)).await?;
    }
    let rows: Vec<(String, String)> = sqlx::query_as(CHECK)
        .persistent(false)
        .fetch_all(connection)
        .await?;
    if is_guarded(&rows.into_iter().collect()) {
        Ok(())
    } else {
        Err(DatabaseError::Unguarded)
    }
}

/// Returns whether the settings that the server reports are ours: a proxy may have left out the statement that sets them.
fn is_guarded(settings: &BTreeMap<String, String>) -> bool {
    let is = |name: &str, expected: &str| settings.get(name).is_some_and(|value| value == expected);
    let is_read_only = is("tx_read_only", "ON") || is("transaction_read_only", "ON");
    is_read_only
        && is("sql_mode", "")
        && is("autocommit", "ON")
        && is("completion_type", "NO_CHAIN")
        && is("sql_auto_is_null", "OFF")
        && is("sql_safe_updates", "OFF")
        && is("max_join_size", NO_LIMIT)
        && is("sql_big_selects", "ON")
        && is("sql_select_limit", NO_LIMIT)
        && is("sql_quote_show_create", "ON")
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
