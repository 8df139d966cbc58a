//! Whether the records in the store of `mrt serve` can be read, and how to fix those that cannot.
//!
//! Reads the latest of every target, a sample of its snapshots, and all its history by day and that of the last week by
//! run. Changes nothing.

use std::path::Path;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use shared::clock::{self, Clock};
use shared::fleet::{Kind, TargetId};
use shared::history::{
    GapReason, HistoryError, HistoryQuery, HistoryReader, Resolution, Unreadable,
};
use shared::snapshot::{
    BucketSize, DatabaseSize, FileDocuments, StorageMetrics, Stored, UserActivity,
};
use shared::store::{SnapshotReader, StoreError};
use shared::telemetry::error_chain;
use shared::user_months::{KEPT_MONTHS, Month, UserMonthReader};

use super::check::Check;
use crate::backend;

/// How many days ago the sampled snapshots were taken, beside the newest one.
const SAMPLED_DAYS: [i64; 4] = [1, 7, 30, 90];
/// Days of which the history by run is read.
const RUN_DAYS: i64 = 7;

const UPDATE: &str = "use the release that wrote it, or a later one";
const COLLECT: &str =
    "the next run of its target replaces it and keeps it aside; nothing else is affected";
const RESTORE: &str = "restore mrt.db from a backup if you need this run; nothing else is affected";
const RESTORE_MONTH: &str =
    "restore mrt.db from a backup: who was active in that month is kept nowhere else";
const OPEN: &str = "restore it from a backup, or move it away to start without snapshots";

/// Checks the store in `data`, or only what it has of `environment`. Empty if there is no store.
pub(super) async fn check(
    data: &Path,
    environment: Option<&str>,
    clock: Arc<dyn Clock>,
) -> Vec<Check> {
    if !backend::has_store(data) {
        return Vec::new();
    }
    let store = match backend::existing_store(data, &clock).await {
        Ok(store) => Arc::new(store),
        Err(error) => return vec![Check::problem("store", format!("{error:#}"), OPEN)],
    };
    let mut reading = Reading {
        snapshots: SnapshotReader::new(store.clone()),
        history: HistoryReader::new(store.clone()),
        months: UserMonthReader::new(store),
        environment,
        now: clock.now(),
        record_count: 0,
        problems: Vec::new(),
    };
    if let Err(error) = reading.all().await {
        let problem = Check::problem("store", error_chain(&error), OPEN);
        reading.problems.push(problem);
    }
    let count = reading.record_count;
    let mut checks = vec![Check::ok("store", format!("{count} records can be read"))];
    checks.append(&mut reading.problems);
    checks
}

/// A reading of the store, and what it found.
struct Reading<'a> {
    snapshots: SnapshotReader,
    history: HistoryReader,
    months: UserMonthReader,
    environment: Option<&'a str>,
    now: DateTime<Utc>,
    record_count: usize,
    problems: Vec<Check>,
}

impl Reading<'_> {
    async fn all(&mut self) -> Result<(), StoreError> {
        self.kind::<BucketSize>().await?;
        self.kind::<StorageMetrics>().await?;
        self.kind::<DatabaseSize>().await?;
        self.kind::<FileDocuments>().await?;
        self.kind::<UserActivity>().await
    }

    async fn kind<M: Stored>(&mut self) -> Result<(), StoreError> {
        let mut found = Vec::new();
        let visit = |id: TargetId, latest: Result<_, _>| found.push((id, latest));
        self.snapshots.each_latest::<M>(visit).await?;
        for (target, latest) in found {
            let environment = target.as_str().split('/').next();
            if self.environment.is_some() && self.environment != environment {
                continue;
            }
            let newest = match latest {
                Ok(latest) => latest.good.map(|good| good.run.scheduled_at),
                Err(error) => {
                    self.unreadable("latest", M::KIND, &target, &error, COLLECT);
                    None
                }
            };
            self.record_count += 1;
            self.snapshots_of::<M>(&target, newest).await?;
            match M::KIND {
                // They have no blocks that doctor reads.
                Kind::FileDocuments => {}
                Kind::Users => self.months_of(&target).await?,
                kind => self.blocks_of(kind, &target).await?,
            }
        }
        Ok(())
    }

    /// Reads the newest snapshot of a target, and the first one of some days before.
    async fn snapshots_of<M: Stored>(
        &mut self,
        target: &TargetId,
        newest: Option<DateTime<Utc>>,
    ) -> Result<(), StoreError> {
        let mut sampled: Vec<_> = newest.into_iter().collect();
        for days in SAMPLED_DAYS {
            let from = self.now - TimeDelta::days(days);
            let day = from..from + TimeDelta::days(1);
            match self.snapshots.first_run::<M>(target, day).await {
                Ok(first) => sampled.extend(first),
                Err(error) => self.snapshot_failed::<M>(target, error)?,
            }
        }
        sampled.sort_unstable();
        sampled.dedup();
        for scheduled_at in sampled {
            match self.snapshots.snapshot::<M>(target, scheduled_at).await {
                Ok(found) => self.record_count += usize::from(found.is_some()),
                Err(error) => self.snapshot_failed::<M>(target, error)?,
            }
        }
        Ok(())
    }

    fn snapshot_failed<M: Stored>(
        &mut self,
        target: &TargetId,
        error: StoreError,
    ) -> Result<(), StoreError> {
        if !matches!(error, StoreError::Unreadable { .. }) {
            return Err(error);
        }
        self.record_count += 1;
        self.unreadable("snapshot", M::KIND, target, &error, RESTORE);
        Ok(())
    }

    /// Reads the months of users that are kept, with their sets.
    async fn months_of(&mut self, target: &TargetId) -> Result<(), StoreError> {
        let last = Month::of(self.now);
        let months = self.months.months(target, last.minus(KEPT_MONTHS), last);
        for (month, _) in months.await? {
            match self.months.active_users(target, month).await {
                Ok(_) => self.record_count += 1,
                Err(error @ StoreError::Unreadable { .. }) => {
                    let what = format!("users of {target} in {month}");
                    let fix = match error.is_newer_release() {
                        true => UPDATE,
                        false => RESTORE_MONTH,
                    };
                    self.problems
                        .push(Check::problem(what, error_chain(&error), fix));
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    async fn blocks_of(&mut self, kind: Kind, target: &TargetId) -> Result<(), StoreError> {
        let week = self.now - TimeDelta::days(RUN_DAYS);
        let begin = self.history.available_from(kind, target, Resolution::Days);
        let begin = begin.await?.unwrap_or(self.now);
        for (resolution, from) in [(Resolution::Days, begin), (Resolution::Runs, week)] {
            let query = HistoryQuery {
                from: from.min(self.now),
                to: self.now,
                resolution,
                // Reads the lists of tables too, and returns none.
                tables: Some(&|_| false),
                with_parts: true,
                limit: usize::MAX,
            };
            let history = match self.history.read(kind, target, &query).await {
                Ok(history) => history,
                Err(HistoryError::Store(error)) => return Err(error),
                // No table is selected, so no answer is too large.
                Err(HistoryError::TooMany { .. }) => continue,
            };
            self.record_count += history.moments.len();
            for gap in history.gaps {
                let GapReason::Unreadable(why) = gap.reason else {
                    continue;
                };
                let (from, to) = (clock::rfc3339(gap.from), clock::rfc3339(gap.to));
                let what = format!("history of {target} ({})", kind.as_str());
                let fix = match why {
                    Unreadable::Newer => UPDATE.to_owned(),
                    _ => format!(
                        "mrt history rebuild --target {target} --from {}",
                        gap.from.date_naive()
                    ),
                };
                let finding = format!("{from} to {to}: {}", told(&why));
                self.problems.push(Check::problem(what, finding, fix));
            }
        }
        Ok(())
    }

    fn unreadable(
        &mut self,
        record: &str,
        kind: Kind,
        target: &TargetId,
        error: &StoreError,
        fix: &str,
    ) {
        let what = format!("{record} of {target} ({})", kind.as_str());
        let is_newer = error.is_newer_release();
        let fix = if is_newer { UPDATE } else { fix };
        self.problems
            .push(Check::problem(what, error_chain(error), fix));
    }
}

fn told(why: &Unreadable) -> String {
    match why {
        Unreadable::Newer => "a newer release wrote it".to_owned(),
        Unreadable::Damaged(reason) => format!("it is damaged: {reason}"),
        Unreadable::ListMissing => "the list of its tables is lost or damaged".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use shared::clock::FixedClock;
    use sqlx::sqlite::SqlitePool;

    use super::*;
    use crate::sqlite::SqliteStore;

    const NOW: &str = "2026-03-10T12:00:00Z";

    /// Returns the checks of a store with these records: partition, sort key, attributes, body.
    async fn checks(
        records: &[(&str, &str, &str, Option<&[u8]>)],
        environment: Option<&str>,
    ) -> Vec<Check> {
        let folder = tempfile::tempdir().unwrap();
        let clock: Arc<dyn Clock> = Arc::new(FixedClock::at(NOW));
        let path = folder.path().join("mrt.db");
        let _store = SqliteStore::open(&path, Arc::clone(&clock)).await.unwrap();
        let url = format!("sqlite://{}", path.display());
        let pool = SqlitePool::connect(&url).await.unwrap();
        for (partition, sort, attributes, body) in records {
            let insert = "INSERT INTO item (partition, sort, version, attributes, body) VALUES (?, ?, 1, ?, ?)";
            let insert = sqlx::query(insert)
                .bind(*partition)
                .bind(*sort)
                .bind(*attributes)
                .bind(*body);
            insert.execute(&pool).await.unwrap();
        }
        check(folder.path(), environment, clock).await
    }

    #[tokio::test]
    async fn a_folder_without_a_store_has_nothing_to_check() {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(FixedClock::at(NOW));

        assert!(check(folder.path(), None, clock).await.is_empty());
    }

    #[tokio::test]
    async fn every_kind_of_record_that_cannot_be_read_is_named_with_its_fix() {
        let target = "acme-prod/s3/files//";
        let newer = r#"{"stored_version": 99, "target": "other/db/acme"}"#;
        let (latest, snapshots) = ("LATEST#bucket", format!("SNAP#{target}"));
        let days = format!("DAYS#{target}");
        let records: [(&str, &str, &str, Option<&[u8]>); 4] = [
            (latest, target, "{not JSON", None),
            ("LATEST#database", "other/db/acme", newer, None),
            (&snapshots, "2026-03-09T13:00:00Z", "{}", None),
            (&days, "2026-02", "{\"pieces\": 1}", Some(&[7; 40])),
        ];

        let found = checks(&records, None).await;
        let of_one = checks(&records, Some("other")).await;

        let told: Vec<_> = found
            .iter()
            .map(|check| (check.what.as_str(), check.fix.as_deref()))
            .collect();
        let rebuild = format!("mrt history rebuild --target {target} --from 2026-02-01");
        assert_eq!(
            told,
            [
                ("store", None),
                (&*format!("latest of {target} (bucket)"), Some(COLLECT)),
                (&*format!("snapshot of {target} (bucket)"), Some(RESTORE)),
                (&*format!("history of {target} (bucket)"), Some(&*rebuild)),
                ("latest of other/db/acme (database)", Some(UPDATE)),
            ]
        );
        assert!(
            found[4].finding.contains("newer version of this program"),
            "{}",
            found[4].finding
        );
        assert_eq!(of_one.len(), 2, "the store, and one record");
    }

    #[tokio::test]
    async fn a_store_that_cannot_be_opened_is_a_problem_among_others() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("mrt.db"), [7; 8192]).unwrap();
        let clock = Arc::new(FixedClock::at(NOW));

        let found = check(folder.path(), None, clock).await;

        assert_eq!(found[0].fix.as_deref(), Some(OPEN));
        assert!(found[0].finding.contains("damaged"), "{}", found[0].finding);
    }
}
