//! What alerts are judged by: the latest of every target of the fleet.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use futures::try_join;
use shared::fleet::{BucketTarget, DatabaseTarget, Fleet, TargetId};
use shared::history::Trend;
use shared::history::growth::{Full, Growth};
use shared::snapshot::{
    BucketSize, Completeness, DatabaseSize, DatabaseSummary, FileDocuments, Latest, Stored,
};
use shared::store::{SnapshotReader, StoreError};

/// What is known of the fleet.
pub(super) struct Facts {
    /// All targets, in the order of the fleet: storage, then databases.
    pub(super) targets: Vec<TargetFacts>,
    /// Bytes of storage that no file document accounts for, of each environment that can be compared; `None` while
    /// unknown.
    pub(super) unaccounted: BTreeMap<String, Option<i64>>,
}

/// What is known of a target.
pub(super) struct TargetFacts {
    pub(super) id: TargetId,
    pub(super) environment: String,
    /// What people call it: `database acme`.
    pub(super) name: String,
    /// Its size; `None` while it was never measured or its record cannot be read.
    pub(super) total_bytes: Option<u64>,
    /// Whether the size leaves nothing out.
    pub(super) is_complete: bool,
    pub(super) growth: Growth,
    /// When the storage of its server is full; `None` for storage, and without a measurement.
    pub(super) full: Option<Full>,
    /// From when its next measurement is missed; `None` without a measurement.
    pub(super) missed_at: Option<DateTime<Utc>>,
    /// When and how the last attempt failed; `None` if it did not.
    pub(super) failure: Option<(DateTime<Utc>, String)>,
    /// Whether its record could be read, or there is none.
    pub(super) is_readable: bool,
}

type Records<S> = BTreeMap<TargetId, Result<Latest<S>, StoreError>>;

impl Facts {
    /// Reads what is known at `now`. A record that cannot be read makes its own target unknown.
    ///
    /// # Errors
    ///
    /// See [`StoreError`].
    pub(super) async fn read(
        fleet: &Fleet,
        reader: &SnapshotReader,
        now: DateTime<Utc>,
    ) -> Result<Self, StoreError> {
        let (buckets, databases, documents) = try_join!(
            records::<BucketSize>(reader),
            records::<DatabaseSize>(reader),
            records::<FileDocuments>(reader),
        )?;
        let storage = fleet.measured_buckets().into_iter();
        let storage = storage.map(|target| storage_facts(target, &buckets, now));
        let tables = fleet.measured_databases().into_iter();
        let tables = tables.map(|target| database_facts(target, &databases, now));
        let unaccounted = fleet.environments().filter_map(|environment| {
            // With several storages it is not known which has the documents.
            let [storage] = &environment.storage[..] else {
                return None;
            };
            let database = environment.database.as_ref()?;
            let bytes = unaccounted(
                buckets
                    .get(&storage.id())
                    .and_then(|read| read.as_ref().ok()),
                documents
                    .get(&database.id())
                    .and_then(|read| read.as_ref().ok()),
            );
            Some((environment.name.clone(), bytes))
        });
        Ok(Self {
            unaccounted: unaccounted.collect(),
            targets: storage.chain(tables).collect(),
        })
    }
}

async fn records<M: Stored>(reader: &SnapshotReader) -> Result<Records<M::Summary>, StoreError> {
    let mut records = Records::new();
    let visit = |id, latest| {
        records.insert(id, latest);
    };
    reader.each_latest::<M>(visit).await?;
    Ok(records)
}

fn storage_facts(
    target: &BucketTarget,
    records: &Records<BucketSize>,
    now: DateTime<Utc>,
) -> TargetFacts {
    let id = target.id();
    let mut name = format!("{} {}", target.kind.as_str(), target.bucket);
    if !target.prefix.is_empty() || !target.suffix.is_empty() {
        name += &format!("/{}*{}", target.prefix, target.suffix);
    }
    let mut facts = facts_of(id, &target.environment, name, records, now);
    if let Some(Ok(latest)) = records.get(&facts.id)
        && let Some(good) = &latest.good
    {
        facts.total_bytes = Some(good.summary.total_bytes());
        if let Some(refresh) = good.summary.refresh {
            facts.missed_at = Some(refresh.missed_at());
        }
    }
    facts
}

fn database_facts(
    target: &DatabaseTarget,
    records: &Records<DatabaseSummary>,
    now: DateTime<Utc>,
) -> TargetFacts {
    let name = format!("database {}", target.name);
    let mut facts = facts_of(target.id(), &target.environment, name, records, now);
    if let Some(Ok(latest)) = records.get(&facts.id)
        && let Some(good) = &latest.good
    {
        facts.total_bytes = Some(good.summary.total_bytes);
        facts.full = Some(Full::of(&facts.growth, &good.summary.storage));
    }
    facts
}

/// Returns what all kinds of targets have.
fn facts_of<S>(
    id: TargetId,
    environment: &str,
    name: String,
    records: &Records<S>,
    now: DateTime<Utc>,
) -> TargetFacts {
    let record = records.get(&id);
    let latest = record.and_then(|read| read.as_ref().ok());
    let good = latest.and_then(|latest| latest.good.as_ref());
    let failure = latest.and_then(|latest| latest.last_failure.as_ref());
    TargetFacts {
        environment: environment.to_owned(),
        name,
        total_bytes: None,
        is_complete: good.is_some_and(|good| good.completeness == Completeness::Complete),
        growth: Trend::growth(latest.and_then(|latest| latest.trend.as_ref()), now),
        full: None,
        missed_at: good.and_then(|good| good.run.missed_at()),
        failure: failure.map(|failure| (failure.failed_at, failure.code.clone())),
        is_readable: !matches!(record, Some(Err(_))),
        id,
    }
}

/// Returns the bytes of an environment's current objects minus those of its file documents; `None` where either is not
/// known.
fn unaccounted(
    size: Option<&Latest<BucketSize>>,
    documents: Option<&Latest<FileDocuments>>,
) -> Option<i64> {
    let current = size?.good.as_ref()?.summary.current.as_ref()?;
    let documents = documents?.good.as_ref()?.summary;
    if documents.unsized_count > 0 {
        return None;
    }
    let bytes = i128::from(current.total_bytes) - i128::from(documents.document_bytes);
    i64::try_from(bytes).ok()
}
