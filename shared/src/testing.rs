//! Support for tests of every crate: times, fleets, and real services by variable.
//!
//! A test whose service is not there reports that and is skipped.

pub mod dynamodb;
pub mod fleet;
mod pooler;
pub mod relay;
mod server;
pub mod stand_in;
pub mod time;

use std::io::Write;
use std::process::{Command, Stdio};

use sqlx::mysql::MySqlConnectOptions;
use sqlx::{ConnectOptions, Connection};

use crate::config::{ProcessVariables, Variables};

pub use pooler::Pooler;
pub use server::{PASSWORD, Server};

/// URL of a PostgreSQL superuser.
pub const POSTGRES: &str = "MRT_TEST_POSTGRES_URL";
/// URL of a MariaDB user with all rights.
pub const MYSQL: &str = "MRT_TEST_MYSQL_URL";
/// Endpoint of ministack.
pub const MINISTACK: &str = "MRT_TEST_MINISTACK_URL";
/// Endpoint of moto.
pub const MOTO: &str = "MRT_TEST_MOTO_URL";
/// Endpoint of nanio, an S3 server that is no emulator of AWS, and checks signatures.
pub const NANIO: &str = "MRT_TEST_NANIO_URL";
/// Key pair of nanio.
pub const NANIO_KEYS: (&str, &str) = ("test", "nanio-secret");
/// Folder of PostgreSQL's programs.
pub const POSTGRES_BIN: &str = "MRT_TEST_POSTGRES_BIN";
/// Folders with the programs of other versions of PostgreSQL, separated by colons.
pub const OTHER_POSTGRES_BINS: &str = "MRT_TEST_OTHER_POSTGRES_BINS";
/// The program pgbouncer.
const PGBOUNCER: &str = "MRT_TEST_PGBOUNCER";
/// The program pgpool.
const PGPOOL: &str = "MRT_TEST_PGPOOL";
/// A Python with botocore, AWS's own library.
pub const PYTHON: &str = "MRT_TEST_PYTHON";
/// With the value `1`, a missing service is a failure.
const REQUIRE: &str = "MRT_TEST_REQUIRE_SERVICES";

/// Returns the address in `variable`; `None` if the test must be skipped, which it reports.
///
/// # Panics
///
/// If the service is missing and no test may be skipped.
pub fn service(variable: &str) -> Option<String> {
    let address = ProcessVariables
        .get(variable)
        .filter(|address| !address.is_empty());
    if address.is_none() {
        skip(&format!("{variable} is not set"));
    }
    address
}

/// Runs a Python script with botocore and with `cases` as JSON on standard input, and returns its output; `None` if the
/// test must be skipped because there is no such Python.
///
/// # Panics
///
/// If the script fails.
#[expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
pub fn botocore(script: &str, cases: &[serde_json::Value]) -> Option<String> {
    let mut peer = Command::new(service(PYTHON)?)
        .arg("-c")
        .arg(script)
        .env_clear()
        .env("PATH", ProcessVariables.get("PATH").unwrap_or_default())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = peer.stdin.take().unwrap();
    input
        .write_all(&serde_json::to_vec(cases).unwrap())
        .unwrap();
    drop(input);
    let output = peer.wait_with_output().unwrap();
    assert!(output.status.success());
    Some(String::from_utf8(output.stdout).unwrap())
}

/// Reports a skipped test, even if the output of passing tests is captured.
///
/// # Panics
///
/// If no test may be skipped.
pub fn skip(reason: &str) {
    let is_forbidden = ProcessVariables.get(REQUIRE).as_deref() == Some("1");
    assert!(
        !is_forbidden,
        "{reason}, and {REQUIRE}=1 does not allow skipping tests"
    );
    // The test runner captures the output of print macros, but not direct writes. A failed write is harmless.
    let _ = writeln!(std::io::stderr(), "skipped: {reason}");
}

/// Logs in to a MySQL once over TLS, which need not be verified: then it accepts the same login in plain text. MariaDB
/// always does.
#[expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
pub async fn remember_mysql_login(port: u16, user: &str, password: &str) {
    let options = MySqlConnectOptions::new().host("127.0.0.1").port(port);
    let options = options.username(user).password(password);
    options.connect().await.unwrap().close().await.unwrap();
}
