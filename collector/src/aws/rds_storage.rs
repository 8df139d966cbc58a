//! CloudWatch's figure of a database's server: what is free of an RDS instance, what an Aurora cluster uses.
//!
//! What is allocated CloudWatch does not tell; whoever asks here knows it or does without.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Timelike, Utc};
use shared::aws::Aws;
use shared::fleet::DatabaseServer;
use shared::location::AwsScope;

use crate::aws::cloudwatch::{self, MetricQuery};
use crate::error::MeasureError;

/// Bytes of what AWS allocates storage by.
pub(crate) const GIB: u64 = 1 << 30;
/// Time that one point stands for: RDS reports its instances once a minute.
const PERIOD: Duration = Duration::from_secs(60);
/// Age of the oldest point of `FreeStorageSpace` that still counts. A server that answers has one of each minute; some
/// more allow for metrics that come late.
const INSTANCE_LOOK_BACK: Duration = Duration::from_secs(30 * 60);
/// Age of the oldest point of `VolumeBytesUsed` that still counts.
///
/// Aurora reports its volume only now and then, and late: there is nothing in the last ten minutes, and within an hour
/// there are gaps (pganalyze/collector, issue 805). Within three hours there has been a point.
const CLUSTER_LOOK_BACK: Duration = Duration::from_secs(3 * 3600);

/// Bytes that are free of an instance's storage, or used of a cluster's volume, and the minute that they are of.
pub(crate) type Figure = (u64, DateTime<Utc>);

/// Reads the newest figure of `server` in a region and with a role, as of `now`. Costs one metric requested.
///
/// # Errors
///
/// See [`cloudwatch::newest`]; `no_metrics` where CloudWatch has none, `unexpected_answer` for one that cannot be.
pub(crate) async fn figure(
    aws: &Aws,
    scope: &AwsScope,
    server: &DatabaseServer,
    now: DateTime<Utc>,
) -> Result<Figure, MeasureError> {
    let client = aws.cloudwatch(scope).await;
    // Periods are counted from the begin of what is asked for, and its end is left out: whole minutes, this one too.
    let minute = now
        .with_second(0)
        .and_then(|minute| minute.with_nanosecond(0));
    let end = minute.unwrap_or(now) + TimeDelta::minutes(1);
    let newest = cloudwatch::newest(&client, &[query(server)], end).await?;
    let point = newest.into_iter().next().flatten().ok_or_else(|| {
        MeasureError::permanent(
            "no_metrics",
            "CloudWatch has no storage of the database's server: it is in another region than the one that was asked, \
             an Aurora instance that the fleet file has to name as a cluster, or not of that name",
        )
    })?;
    let bytes = point.whole().ok_or_else(|| {
        MeasureError::permanent("unexpected_answer", "CloudWatch has a size that cannot be")
    })?;
    Ok((bytes, point.at))
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
