//! Storage of the server that a database is on: allocated by the fleet file, free or used by CloudWatch.
//!
//! It stands beside the sizes of tables and never takes any from them: what is in the way makes it unknown, with a
//! word for the reason.

use std::time::Duration;

use chrono::{DateTime, Utc};
use shared::aws::Aws;
use shared::fleet::{DatabaseServer, DatabaseTarget};
use shared::snapshot::{ServerKind, ServerStorage};
use shared::telemetry::error_chain;
use tokio::time::{Instant, timeout_at};

use crate::aws::rds_storage::{self, Figure, GIB};
use crate::error::MeasureError;

/// Longest time for CloudWatch, after the tables were measured: one call (`shared::aws::CALL_TIMEOUT`, 33 s) and what
/// assuming a role takes of it.
const STORAGE_TIMEOUT: Duration = Duration::from_secs(35);
/// What CloudWatch leaves of the time for measuring, so that finished tables are handed back in time.
const HAND_BACK_RESERVE: Duration = Duration::from_secs(1);

/// Reads the storage of the server of `target` as of `now`, by `until` at the latest.
///
/// Costs one metric requested, and nothing where the server is not known. `database_bytes` are those of the database:
/// a server uses at least as many.
pub(super) async fn read(
    aws: &Aws,
    target: &DatabaseTarget,
    (now, until): (DateTime<Utc>, Instant),
    database_bytes: u64,
) -> ServerStorage {
    let allocated_bytes = target.allocated_gib.map(|gib| gib.saturating_mul(GIB));
    let Some(server) = target.rds_server() else {
        return ServerStorage {
            allocated_bytes,
            ..ServerStorage::unknown("server_unknown")
        };
    };
    let longest = Instant::now() + STORAGE_TIMEOUT;
    let until = until.checked_sub(HAND_BACK_RESERVE).unwrap_or(until);
    let region = target.rds_region();
    let place = (region.as_deref(), target.role_arn.as_deref());
    let reading = rds_storage::figure(aws, place, &server, now);
    let figure = timeout_at(until.min(longest), reading)
        .await
        .unwrap_or_else(|_| {
            let seconds = STORAGE_TIMEOUT.as_secs();
            let reason =
                format!("CloudWatch did not answer within {seconds} seconds, or the run's");
            Err(MeasureError::transient("timeout", reason))
        });
    let figure = figure.map_err(|error| {
        tracing::warn!(
            target.id = target.id().as_str(),
            failure.code = error.code,
            error = error_chain(&error),
            "the storage of the database's server is not known"
        );
        error.code
    });
    match server {
        DatabaseServer::Instance(_) => of_instance(allocated_bytes, figure, database_bytes),
        DatabaseServer::Cluster(_) => of_cluster(figure),
    }
}

/// Returns the storage of an instance.
///
/// What is in use is told only where it can be: an allocation that is less than what is free, or leaves less than the
/// database alone takes, is not that of the instance any more.
fn of_instance(
    allocated_bytes: Option<u64>,
    figure: Result<Figure, &'static str>,
    database_bytes: u64,
) -> ServerStorage {
    let known = |free_bytes: u64| {
        let used_bytes = allocated_bytes.ok_or("allocated_unknown")?;
        let used_bytes = used_bytes.checked_sub(free_bytes);
        used_bytes
            .filter(|used_bytes| *used_bytes >= database_bytes)
            .ok_or("allocated_outdated")
    };
    let used_bytes = figure.and_then(|(free_bytes, _)| known(free_bytes));
    ServerStorage {
        kind: Some(ServerKind::Instance),
        allocated_bytes,
        free_bytes: figure.ok().map(|(free_bytes, _)| free_bytes),
        used_bytes: used_bytes.ok(),
        as_of: figure.ok().map(|(_, as_of)| as_of),
        reason: used_bytes.err().map(str::to_owned),
    }
}

fn of_cluster(figure: Result<Figure, &'static str>) -> ServerStorage {
    ServerStorage {
        kind: Some(ServerKind::Cluster),
        allocated_bytes: None,
        free_bytes: None,
        used_bytes: figure.ok().map(|(used_bytes, _)| used_bytes),
        as_of: figure.ok().map(|(_, as_of)| as_of),
        reason: figure.err().map(str::to_owned),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: DateTime<Utc> = DateTime::UNIX_EPOCH;

    fn told(storage: &ServerStorage) -> (Option<u64>, Option<u64>, Option<&str>) {
        let reason = storage.reason.as_deref();
        (storage.free_bytes, storage.used_bytes, reason)
    }

    #[test]
    fn an_instance_uses_what_is_allocated_and_not_free() {
        let full = of_instance(Some(100), Ok((0, AT)), 100);
        let some = of_instance(Some(100), Ok((60, AT)), 40);

        assert_eq!(told(&some), (Some(60), Some(40), None));
        assert_eq!(some.as_of, Some(AT));
        assert_eq!(told(&full), (Some(0), Some(100), None));
    }

    #[test]
    fn an_allocation_that_contradicts_what_was_measured_gives_no_use() {
        let outdated = Some("allocated_outdated");

        for (free, database) in [(101, 0), (60, 41)] {
            let storage = of_instance(Some(100), Ok((free, AT)), database);
            assert_eq!(told(&storage), (Some(free), None, outdated));
            assert_eq!(storage.allocated_bytes, Some(100));
        }
        let unknown = of_instance(None, Ok((60, AT)), 0);
        assert_eq!(told(&unknown), (Some(60), None, Some("allocated_unknown")));
    }

    #[test]
    fn without_a_figure_nothing_of_it_is_zero() {
        let instance = of_instance(Some(100), Err("throttled"), 0);
        let cluster = of_cluster(Err("no_metrics"));

        assert_eq!(told(&instance), (None, None, Some("throttled")));
        assert_eq!(instance.allocated_bytes, Some(100));
        assert_eq!(told(&cluster), (None, None, Some("no_metrics")));
        assert_eq!((instance.as_of, cluster.as_of), (None, None));
    }
}
