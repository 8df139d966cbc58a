//! Accounts of the emulator, one for each test.

use std::sync::atomic::{AtomicU32, Ordering};

/// Returns 12 digits that no other test on this machine has: an account of its own in the emulator.
pub(crate) fn unique_account() -> String {
    static ACCOUNTS: AtomicU32 = AtomicU32::new(1);
    let number = ACCOUNTS.fetch_add(1, Ordering::SeqCst);
    format!("2{:08}{number:03}", std::process::id() % 100_000_000)
}
