//! CloudWatch's storage metrics of database servers: free bytes of an RDS instance, used bytes of an Aurora cluster.
//!
//! CloudWatch does not report allocated bytes.

use std::time::Duration;

use aws_sdk_cloudwatch::Client;
use chrono::{DateTime, TimeDelta, Timelike, Utc};
use shared::fleet::DatabaseServer;

use crate::aws::cloudwatch::{self, MetricQuery};
use crate::error::MeasureError;

/// Unit of allocated storage.
pub(crate) const GIB: u64 = 1 << 30;
/// Period of one point: RDS reports its instances once a minute.
const PERIOD: Duration = Duration::from_secs(60);
/// Age of the oldest point of `FreeStorageSpace` that still counts. A running server has one for each minute; the rest
/// allows for late metrics.
const INSTANCE_LOOK_BACK: Duration = Duration::from_secs(30 * 60);
/// Age of the oldest point of `VolumeBytesUsed` that still counts.
///
/// Aurora reports its volume only now and then, and late: there is nothing in the last ten minutes, and within an hour
/// there are gaps (pganalyze/collector, issue 805). Within three hours there has been a point.
const CLUSTER_LOOK_BACK: Duration = Duration::from_secs(3 * 3600);

/// Free bytes of an instance's storage, or used bytes of a cluster's volume.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct StorageReading {
    /// The bytes.
    pub(crate) bytes: u64,
    /// Minute of the reading.
    pub(crate) at: DateTime<Utc>,
}

/// Reads the newest storage metric of `server` as of `now`. Costs one requested metric.
///
/// # Errors
///
/// See [`cloudwatch::newest`]; `no_metrics` if CloudWatch has none, `unexpected_answer` for an impossible value.
pub(crate) async fn newest(
    client: &Client,
    server: &DatabaseServer,
    now: DateTime<Utc>,
) -> Result<StorageReading, MeasureError> {
    // Periods are counted from the start of the requested range, which excludes its end: whole minutes, including this one.
    let minute = now
        .with_second(0)
        .and_then(|minute| minute.with_nanosecond(0));
    let end = minute.unwrap_or(now) + TimeDelta::minutes(1);
    let newest = cloudwatch::newest(client, &[query(server)], end).await?;
    let point = newest.into_iter().next().flatten().ok_or_else(|| {
        MeasureError::permanent(
            "no_metrics",
            "CloudWatch has no storage metrics of the database server: it is in another region than the requested one, an \
             Aurora instance that the fleet file must name as a cluster, or has another name",
        )
    })?;
    let bytes = point.whole().ok_or_else(|| {
        MeasureError::permanent("unexpected_answer", "CloudWatch has an impossible size")
    })?;
    Ok(StorageReading {
        bytes,
        at: point.at,
    })
}

fn query(server: &DatabaseServer) -> MetricQuery {
    let (metric, dimension, look_back) = match server {
        DatabaseServer::Instance(name) => (
            "FreeStorageSpace",
            ("DBInstanceIdentifier", name.clone()),
            INSTANCE_LOOK_BACK,
        ),
        DatabaseServer::Cluster(name) => (
            "VolumeBytesUsed",
            ("DBClusterIdentifier", name.clone()),
            CLUSTER_LOOK_BACK,
        ),
    };
    MetricQuery {
        namespace: "AWS/RDS",
        metric,
        dimensions: vec![dimension],
        statistic: "Average",
        period: PERIOD,
        look_back,
    }
}
