//! What the store knows about the storage targets of a fleet.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use shared::fleet::{BucketTarget, TargetId};
use shared::snapshot::{BucketSize, Latest, StorageMetrics, Stored};
use shared::store::{SnapshotReader, StoreError};
use shared::telemetry::error_chain;
use tokio::time::timeout;

use super::limits::READ_TIMEOUT;

/// What is known about a fleet's storage.
pub(super) struct Known<'a> {
    /// All targets, in the order of the fleet.
    pub(super) storage: Vec<Storage<'a>>,
}

/// One storage target.
pub(super) struct Storage<'a> {
    pub(super) id: TargetId,
    pub(super) target: &'a BucketTarget,
    pub(super) size: Option<Latest<BucketSize>>,
    /// CloudWatch's metrics; `None` before they were read.
    pub(super) metrics: Option<Latest<StorageMetrics>>,
}

impl Storage<'_> {
    /// Returns the scheduled time of the run that measured it; `None` if it never was.
    pub(super) fn measured_at(&self) -> Option<DateTime<Utc>> {
        let good = self.size.as_ref()?.good.as_ref()?;
        Some(good.summary.measured_at(&good.run))
    }
}

/// Latest records of one kind, by target; an error where a record cannot be read.
pub(super) type Records<S> = BTreeMap<TargetId, Result<Latest<S>, StoreError>>;

impl<'a> Known<'a> {
    /// Reads what is known about `targets`.
    ///
    /// A record that cannot be read counts as missing: its target is measured again, and the result replaces it.
    ///
    /// # Errors
    ///
    /// See [`StoreError`]; takes at most [`READ_TIMEOUT`].
    pub(super) async fn read(
        reader: &SnapshotReader,
        targets: Vec<&'a BucketTarget>,
    ) -> Result<Self, StoreError> {
        let wants_metrics = targets.iter().any(|target| target.wants_storage_metrics());
        let reading = async {
            let metrics = async {
                match wants_metrics {
                    true => records::<StorageMetrics>(reader).await,
                    false => Ok(Records::new()),
                }
            };
            futures::try_join!(records::<BucketSize>(reader), metrics)
        };
        let (mut sizes, mut metrics) = timeout(READ_TIMEOUT, reading)
            .await
            .unwrap_or_else(|late| Err(StoreError::Unavailable(late.into())))?;

        let storage = targets.into_iter().map(|target| {
            let id = target.id();
            Storage {
                size: readable(&id, sizes.remove(&id)),
                metrics: readable(&id, metrics.remove(&id)),
                id,
                target,
            }
        });
        Ok(Self {
            storage: storage.collect(),
        })
    }
}

fn readable<S>(id: &TargetId, record: Option<Result<Latest<S>, StoreError>>) -> Option<Latest<S>> {
    record.transpose().unwrap_or_else(|error| {
        tracing::error!(
            target.id = id.as_str(),
            error = error_chain(&error),
            "the record of a target is unreadable, it is measured again"
        );
        None
    })
}

pub(super) async fn records<M: Stored>(
    reader: &SnapshotReader,
) -> Result<Records<M::Summary>, StoreError> {
    let mut records = Records::new();
    let visit = |id, latest| {
        records.insert(id, latest);
    };
    reader.each_latest::<M>(visit).await?;
    Ok(records)
}
