//! Storage of the database's server: allocated bytes from the fleet file, free or used bytes from CloudWatch.
//!
//! Storage never affects the table sizes. If it cannot be read, it is unknown and carries a reason code.

use std::time::Duration;

use chrono::{DateTime, Utc};
use shared::aws::Aws;
use shared::fleet::{DatabaseServer, DatabaseTarget};
use shared::location::AwsScope;
use shared::snapshot::{ServerKind, ServerStorage};
use shared::telemetry::error_chain;
use tokio::time::{Instant, timeout_at};

use crate::aws::rds_storage::{self, GIB, StorageReading};
use crate::error::MeasureError;

/// Time limit for CloudWatch after the tables are measured: one call (`shared::aws::CALL_TIMEOUT`, 33 s), including
/// the time to assume a role.
const STORAGE_TIMEOUT: Duration = Duration::from_secs(35);
/// Part of the measuring time that CloudWatch may not use, so that finished tables are returned in time.
const RETURN_RESERVE: Duration = Duration::from_secs(1);

/// Time of a storage request, and its limit.
#[derive(Debug, Clone, Copy)]
pub(super) struct StorageDeadline {
    /// Time that the metrics are requested for.
    pub(super) now: DateTime<Utc>,
    /// End of the whole measurement.
    pub(super) until: Instant,
}

/// Reads the storage of `target`'s server before the deadline.
///
/// Costs one requested metric, or nothing if the server is unknown. A server uses at least `database_bytes`, the size
/// of the database.
pub(super) async fn read(
    aws: &Aws,
    target: &DatabaseTarget,
    StorageDeadline { now, until }: StorageDeadline,
    database_bytes: u64,
) -> ServerStorage {
    let allocated_bytes = target.allocated_gib.map(|gib| gib.saturating_mul(GIB));
    let Some(server) = target.rds_server() else {
        return ServerStorage {
            allocated_bytes,
            ..ServerStorage::unknown("server_unknown")
        };
    };
    let timeout = Instant::now() + STORAGE_TIMEOUT;
    let until = until.checked_sub(RETURN_RESERVE).unwrap_or(until);
    let scope = AwsScope {
        region: target.rds_region(),
        ..target.scope.clone()
    };
    let reading = async {
        let client = aws.cloudwatch(&scope).await;
        rds_storage::newest(&client, &server, now).await
    };
    let reading = timeout_at(until.min(timeout), reading)
        .await
        .unwrap_or_else(|_| {
            let seconds = STORAGE_TIMEOUT.as_secs();
            let reason = format!(
                "CloudWatch did not answer within {seconds} seconds or the run's time limit"
            );
            Err(MeasureError::transient("timeout", reason))
        });
    let reading = reading.map_err(|error| {
        tracing::warn!(
            target.id = target.id().as_str(),
            failure.code = error.code,
            error = error_chain(&error),
            "storage of the database server is unknown"
        );
        error.code
    });
    match server {
        DatabaseServer::Instance(_) => of_instance(allocated_bytes, reading, database_bytes),
        DatabaseServer::Cluster(_) => of_cluster(reading),
    }
}

/// Returns the storage of an instance.
///
/// Used bytes are unknown if the allocation contradicts the measurements. An allocation below the free bytes, or one
/// that leaves less than the database's own size, is outdated.
fn of_instance(
    allocated_bytes: Option<u64>,
    free: Result<StorageReading, &'static str>,
    database_bytes: u64,
) -> ServerStorage {
    let known = |free_bytes: u64| {
        let used_bytes = allocated_bytes.ok_or("allocated_unknown")?;
        let used_bytes = used_bytes.checked_sub(free_bytes);
        used_bytes
            .filter(|used_bytes| *used_bytes >= database_bytes)
            .ok_or("allocated_outdated")
    };
    let used_bytes = free.and_then(|free| known(free.bytes));
    ServerStorage {
        kind: Some(ServerKind::Instance),
        allocated_bytes,
        free_bytes: free.ok().map(|free| free.bytes),
        used_bytes: used_bytes.ok(),
        as_of: free.ok().map(|free| free.at),
        reason: used_bytes.err().map(str::to_owned),
    }
}

fn of_cluster(used: Result<StorageReading, &'static str>) -> ServerStorage {
    ServerStorage {
        kind: Some(ServerKind::Cluster),
        allocated_bytes: None,
        free_bytes: None,
        used_bytes: used.ok().map(|used| used.bytes),
        as_of: used.ok().map(|used| used.at),
        reason: used.err().map(str::to_owned),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: DateTime<Utc> = DateTime::UNIX_EPOCH;

    fn reading(bytes: u64) -> Result<StorageReading, &'static str> {
        Ok(StorageReading { bytes, at: AT })
    }

    fn reported(storage: &ServerStorage) -> (Option<u64>, Option<u64>, Option<&str>) {
        let reason = storage.reason.as_deref();
        (storage.free_bytes, storage.used_bytes, reason)
    }

    #[test]
    fn an_instance_uses_its_allocated_minus_its_free_bytes() {
        let full = of_instance(Some(100), reading(0), 100);
        let some = of_instance(Some(100), reading(60), 40);

        assert_eq!(reported(&some), (Some(60), Some(40), None));
        assert_eq!(some.as_of, Some(AT));
        assert_eq!(reported(&full), (Some(0), Some(100), None));
    }

    #[test]
    fn an_allocation_that_contradicts_the_measurements_leaves_used_bytes_unknown() {
        let outdated = Some("allocated_outdated");

        for (free, database) in [(101, 0), (60, 41)] {
            let storage = of_instance(Some(100), reading(free), database);
            assert_eq!(reported(&storage), (Some(free), None, outdated));
            assert_eq!(storage.allocated_bytes, Some(100));
        }
        let unknown = of_instance(None, reading(60), 0);
        assert_eq!(
            reported(&unknown),
            (Some(60), None, Some("allocated_unknown"))
        );
    }

    #[test]
    fn without_metrics_no_byte_count_is_zero() {
        let instance = of_instance(Some(100), Err("throttled"), 0);
        let cluster = of_cluster(Err("no_metrics"));

        assert_eq!(reported(&instance), (None, None, Some("throttled")));
        assert_eq!(instance.allocated_bytes, Some(100));
        assert_eq!(reported(&cluster), (None, None, Some("no_metrics")));
        assert_eq!((instance.as_of, cluster.as_of), (None, None));
    }
}
