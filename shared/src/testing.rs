//! Real services for tests, by variable. Without them a test says so and is skipped.

use crate::config::{ProcessVariables, Variables};

/// URL of a PostgreSQL superuser.
pub const POSTGRES: &str = "MRT_TEST_POSTGRES_URL";
/// URL of a MariaDB user with all rights.
pub const MYSQL: &str = "MRT_TEST_MYSQL_URL";
/// Endpoint of ministack.
pub const MINISTACK: &str = "MRT_TEST_MINISTACK_URL";
/// Endpoint of moto.
pub const MOTO: &str = "MRT_TEST_MOTO_URL";
/// When this is `1`, a missing service is a failure.
const REQUIRE: &str = "MRT_TEST_REQUIRE_SERVICES";

/// Returns the address in `variable`; `None`, with a line that says so, when the test must be skipped.
///
/// # Panics
///
/// When the service is missing and all services are required.
#[expect(clippy::print_stderr, reason = "a skipped test says so")]
pub fn service(variable: &str) -> Option<String> {
    let address = ProcessVariables
        .get(variable)
        .filter(|address| !address.is_empty());
    if address.is_none() {
        let is_required = ProcessVariables.get(REQUIRE).as_deref() == Some("1");
        assert!(
            !is_required,
            "{variable} is not set, and {REQUIRE}=1 allows no skipped test"
        );
        eprintln!("skipped: {variable} is not set");
    }
    address
}
