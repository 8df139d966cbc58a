//! A store with one target, and runs of it, for the snapshot cases.

#![expect(
    clippy::unwrap_used,
    reason = "test support: a case that cannot go on has failed"
)]

use std::sync::Arc;
use std::time::Duration;

use super::Candidate;
use crate::fleet::{Engine, TargetId};
use crate::snapshot::{
    BucketSize, DatabaseSize, Failure, Method, Quality, Run, ServerStorage, Snapshot, TableSize,
    UnsizedTable,
};
use crate::store::{SnapshotReader, SnapshotWriter};
use crate::testing::time::at;

pub(super) const EVERY: Duration = Duration::from_secs(3600);
pub(super) const RETENTION: Duration = Duration::from_secs(35 * 86_400);

pub(super) struct World {
    pub(super) c: Candidate,
    pub(super) reader: SnapshotReader,
    pub(super) writer: SnapshotWriter,
    pub(super) target: TargetId,
}

impl World {
    pub(super) fn new(c: Candidate) -> Self {
        let target = TargetId::from_text(&format!("{}/s3/files//", c.name));
        let (reader, writer) = (
            SnapshotReader::new(Arc::clone(&c.store)),
            SnapshotWriter::new(Arc::clone(&c.store), RETENTION),
        );
        Self {
            c,
            reader,
            writer,
            target,
        }
    }

    pub(super) fn bucket(&self, time: &str, bytes: u64) -> Snapshot<BucketSize> {
        let mut measurement = BucketSize::empty(Method::Listing);
        measurement.add("STANDARD", bytes);
        Snapshot {
            target: self.target.clone(),
            run: Run::at(at(time), EVERY),
            measurement,
        }
    }

    pub(super) fn database(&self, time: &str, tables: usize) -> Snapshot<DatabaseSize> {
        Snapshot {
            target: self.target.clone(),
            run: Run::at(at(time), EVERY),
            measurement: database(tables),
        }
    }

    pub(super) async fn latest_bytes(&self) -> Option<u64> {
        let latest = self
            .reader
            .latest::<BucketSize>(&self.target)
            .await
            .unwrap()?;
        latest.good.map(|good| good.summary.total_bytes())
    }

    pub(super) async fn history(&self) -> Vec<u64> {
        let range = at("2026-01-01T00:00:00Z")..=at("2026-12-31T00:00:00Z");
        let runs = self
            .reader
            .history::<BucketSize>(&self.target, range, 1000)
            .await
            .unwrap();
        runs.into_iter()
            .map(|good| good.summary.total_bytes())
            .collect()
    }

    pub(super) async fn last_failure(&self) -> Option<String> {
        let latest = self
            .reader
            .latest::<BucketSize>(&self.target)
            .await
            .unwrap()?;
        latest.last_failure.map(|failure| failure.code)
    }

    pub(super) async fn failing_since(&self) -> Option<chrono::DateTime<chrono::Utc>> {
        let latest = self.reader.latest::<BucketSize>(&self.target).await;
        let failure = latest.unwrap()?.last_failure?;
        Some(failure.failing_since)
    }

    pub(super) async fn fail(&self, time: &str, code: &str) {
        self.writer
            .record_failure::<BucketSize>(&self.target, failed(time, code))
            .await
            .unwrap();
    }
}

pub(super) fn failed(time: &str, code: &str) -> Failure {
    Failure {
        scheduled_at: at(time),
        failed_at: at(time),
        failing_since: at(time),
        code: code.into(),
        reason: "because".into(),
    }
}

/// Returns a database whose tables have names that do not pack well.
pub(super) fn database(tables: usize) -> DatabaseSize {
    let mut seed = 1_u64;
    let mut word = || {
        seed = seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        format!("{seed:016x}")
    };
    let table = |index: u64, name: String| TableSize {
        entity: Some("Sales.Order".into()),
        module: Some("Sales".into()),
        heap_bytes: Some(index),
        toast_bytes: Some(1),
        index_bytes: Some(2),
        total_bytes: index + 3,
        quality: if index == 0 {
            Quality::Estimated {
                reason: "locked".into(),
            }
        } else {
            Quality::Exact
        },
        ..TableSize::named("public", name)
    };
    DatabaseSize {
        engine: Engine::Postgres,
        database: "acme".into(),
        total_bytes: u64::MAX,
        system_bytes: Some(3),
        server_role: None,
        mendix_catalogue: None,
        tables: (0..tables as u64)
            .map(|index| table(index, format!("{}{}{}", word(), word(), word())))
            .collect(),
        unsized_tables: vec![UnsizedTable {
            schema: "s".into(),
            table: "t".into(),
            reason: "dropped".into(),
        }],
        storage: ServerStorage::not_asked(),
    }
}
