//! Real services by variable. Unset means that the test says so and ends, or fails where services are required.

use std::sync::atomic::{AtomicU32, Ordering};

use shared::config::{ProcessVariables, Variables};

/// Returns the URL in `variable`; `None` when the test is to be skipped.
pub(crate) fn url(variable: &str) -> Option<String> {
    let url = ProcessVariables.get(variable);
    let is_required = ProcessVariables
        .get("MRT_TEST_REQUIRE_SERVICES")
        .is_some_and(|value| value == "1");
    assert!(
        url.is_some() || !is_required,
        "{variable} is not set, and services are required"
    );
    if url.is_none() {
        eprintln!("skipped: {variable} is not set");
    }
    url
}

/// Returns 12 digits that no other test of this machine has: for the emulator, an account of its own.
pub(crate) fn unique_account() -> String {
    static ACCOUNTS: AtomicU32 = AtomicU32::new(1);
    let number = ACCOUNTS.fetch_add(1, Ordering::SeqCst);
    format!("2{:08}{number:03}", std::process::id() % 100_000_000)
}
