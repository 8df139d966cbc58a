//! One connection to PostgreSQL.

use std::time::Duration;

use sqlx::ConnectOptions;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgSslMode};

use super::wire::Wire;
use super::{APPLICATION_NAME, DatabaseError, LOCK_TIMEOUT, Login};
use crate::fleet::DatabaseTarget;

pub(super) async fn connect(
    target: &DatabaseTarget,
    login: &Login,
    wire: &Wire,
    statement_timeout: Duration,
) -> Result<PgConnection, DatabaseError> {
    let milliseconds = |span: Duration| span.as_millis().to_string();
    let options = PgConnectOptions::new_without_pgpass()
        .host(&target.host)
        .port(target.port)
        .database(&target.name)
        .username(&login.user)
        .password(&login.password)
        .application_name(APPLICATION_NAME)
        .options([
            ("default_transaction_read_only", "on".to_owned()),
            ("statement_timeout", milliseconds(statement_timeout)),
            ("lock_timeout", milliseconds(LOCK_TIMEOUT)),
            (
                "idle_in_transaction_session_timeout",
                milliseconds(statement_timeout),
            ),
        ])
        .disable_statement_logging();
    let options = match wire {
        Wire::Plain => options.ssl_mode(PgSslMode::Disable),
        Wire::Tls { authorities } => options
            .ssl_mode(PgSslMode::VerifyFull)
            .ssl_root_cert_from_pem(authorities.clone()),
    };
    Ok(options.connect().await?)
}
