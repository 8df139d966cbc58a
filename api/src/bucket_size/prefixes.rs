//! Sizes by prefix, which only snapshots have.

use std::collections::HashMap;

use futures::{StreamExt, TryStreamExt, stream};
use shared::fleet::{BucketTarget, TargetId};
use shared::snapshot::bucket_size::Prefixes;
use shared::snapshot::{BucketSize, Latest};
use shared::store::{SnapshotReader, StoreError};
use shared::telemetry::error_chain;

/// Snapshots that are read concurrently for one answer.
const READS_AT_ONCE: usize = 4;

/// Returns the sizes by prefix of each of `targets` that has some.
///
/// Costs one read for each target for which the fleet file wants them.
pub(super) async fn read(
    snapshots: &SnapshotReader,
    targets: &[(TargetId, &BucketTarget)],
    latest: &[Option<Latest<BucketSize>>],
) -> Result<HashMap<TargetId, Prefixes>, StoreError> {
    let wanted = targets
        .iter()
        .zip(latest)
        .filter_map(|((id, target), latest)| {
            target.by_prefix.as_ref()?;
            let good = latest.as_ref()?.good.as_ref()?;
            Some((id.clone(), good.run.scheduled_at))
        });
    let wanted: Vec<_> = wanted.collect();
    let reads = wanted.into_iter().map(|(id, scheduled_at)| async move {
        let read = snapshots.snapshot::<BucketSize>(&id, scheduled_at).await;
        match read {
            Ok(snapshot) => Ok(snapshot.and_then(|found| Some((id, found.measurement.by_prefix?)))),
            // The size itself is known, and the cause is logged here.
            Err(error @ StoreError::Unreadable { .. }) => {
                tracing::error!(
                    target.id = id.as_str(),
                    error = error_chain(&error),
                    "the sizes by prefix of a storage are unreadable"
                );
                Ok(Some((id, Prefixes::unknown("record_unreadable"))))
            }
            Err(error) => Err(error),
        }
    });
    let found = stream::iter(reads).buffered(READS_AT_ONCE);
    let found: Vec<_> = found.try_collect().await?;
    Ok(found.into_iter().flatten().collect())
}
