//! The database role that the API reads the demo with.

use shared::fleet::{Auth, DatabaseTarget, Engine};
use shared::location::AwsScope;

/// Name of the role. It has only the rights that `mrt grants` prints.
pub(super) const READER: &str = "mrt_ro";
/// Variable with the role's password.
pub(super) const PASSWORD_VARIABLE: &str = "MRT_DEMO_DATABASE_PASSWORD";

/// Returns its login to `database` on this machine, for the script that grants its rights.
pub(super) fn target(port: u16, database: &str) -> DatabaseTarget {
    DatabaseTarget {
        environment: String::new(),
        engine: Engine::Postgres,
        host: "127.0.0.1".to_owned(),
        port,
        name: database.to_owned(),
        user: READER.to_owned(),
        auth: Auth::Variable(PASSWORD_VARIABLE.to_owned()),
        scope: AwsScope::default(),
        server: None,
        allocated_gib: None,
        tls_server_name: None,
        max_error: None,
    }
}
