//! Whether a MySQL or MariaDB server is a primary or a replica, as far as a login without rights on replication sees it.

use shared::database::DatabaseError;
use shared::snapshot::ServerRole;
use sqlx::mysql::MySqlConnection;

use super::list::query;
use crate::error::MeasureError;

const ROLE: &str = include_str!("role.sql");

/// Reads the role. `None` if it cannot be known without the right `PROCESS`.
pub(super) async fn read(
    connection: &mut MySqlConnection,
    sees_processes: bool,
) -> Result<Option<ServerRole>, MeasureError> {
    let (storage, server, receivers): (String, String, i64) = query(ROLE)
        .fetch_one(connection)
        .await
        .map_err(DatabaseError::from)?;
    let is_on = |value: &str| !matches!(value, "0" | "OFF");
    let receivers = sees_processes.then_some(receivers);
    Ok(role(is_on(&storage), is_on(&server), receivers))
}

/// Evaluates what the server says: whether its storage and its sessions are read-only, and how many connections to a
/// primary it has.
fn role(
    is_storage_read_only: bool,
    is_read_only: bool,
    receivers: Option<i64>,
) -> Option<ServerRole> {
    // Aurora's readers share the primary's storage and receive nothing.
    if is_storage_read_only {
        return Some(ServerRole::Replica);
    }
    Some(match (receivers?, is_read_only) {
        (1.., _) => ServerRole::Replica,
        (_, true) => ServerRole::ReadOnly,
        (_, false) => ServerRole::Primary,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_is_known_or_unknown_and_never_guessed() {
        for (storage, server, receivers, expected) in [
            (false, false, Some(0), Some(ServerRole::Primary)),
            (false, true, Some(1), Some(ServerRole::Replica)),
            (false, false, Some(2), Some(ServerRole::Replica)),
            (false, true, Some(0), Some(ServerRole::ReadOnly)),
            (true, true, None, Some(ServerRole::Replica)),
            (false, true, None, None),
            (false, false, None, None),
        ] {
            let found = role(storage, server, receivers);
            assert_eq!(found, expected, "{storage} {server} {receivers:?}");
        }
    }
}
