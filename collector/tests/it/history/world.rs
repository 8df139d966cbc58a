//! A database of a few tables, measured on a schedule, and its history read back.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, NaiveDate, Utc};
use collector::queue::JobKind;
use collector::run::{Task, run};
use collector::{MeasureError, Progress, Report, Source, Tick};
use shared::clock::{FixedClock, after};
use shared::fleet::{Engine, Kind, TargetId};
use shared::history::model::Random;
use shared::history::{
    History, HistoryQuery, HistoryReader, Measure, OwnSeries, Reading, Resolution, TableKey,
};
use shared::snapshot::{DatabaseSize, ServerStorage, Snapshot, TableSize, UnsizedTable};
use shared::store::{ItemStore, SnapshotReader};
use shared::testing::time::at;
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::support::{HOUR, writers};

pub(super) const START: &str = "2028-02-27T00:00:00Z";
/// Time between two runs: not a divisor of a day.
pub(super) const EVERY: Duration = Duration::from_secs(5 * 3600);

/// Measures a database whose tables change at random; every measurement is another.
pub(super) struct Changing {
    random: Mutex<Random>,
    is_failing: bool,
}

impl Changing {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            random: Mutex::new(Random::new(seed)),
            is_failing: false,
        }
    }

    pub(super) fn failing() -> Self {
        Self {
            is_failing: true,
            ..Self::new(0)
        }
    }
}

#[async_trait]
impl Source for Changing {
    type Target = ();
    type Measurement = DatabaseSize;
    const JOBS: JobKind = JobKind::Database;

    async fn measure(&self, (): &(), _: &Progress) -> Result<DatabaseSize, MeasureError> {
        if self.is_failing {
            return Err(MeasureError::permanent("access_denied", "the login failed"));
        }
        let mut random = self.random.lock().await;
        let mut size = DatabaseSize {
            engine: Engine::Postgres,
            database: "acme".into(),
            total_bytes: 7_000,
            system_bytes: Some(7_000),
            server_role: None,
            mendix_catalogue: None,
            tables: Vec::new(),
            unsized_tables: Vec::new(),
            storage: ServerStorage::not_asked(),
        };
        for (name, id) in ["a", "b", "c", "d", "e"].into_iter().zip(16_384..) {
            match random.below(10) {
                0 => {}
                1 => size.unsized_tables.push(UnsizedTable {
                    schema: "public".into(),
                    table: name.into(),
                    reason: "locked".into(),
                }),
                _ => {
                    let total_bytes = random.below(100) * 8192;
                    size.total_bytes += total_bytes;
                    size.tables.push(TableSize {
                        table_id: Some(id),
                        total_bytes,
                        heap_bytes: Some(total_bytes),
                        ..TableSize::named("public", name)
                    });
                }
            }
        }
        Ok(size)
    }
}

pub(super) fn target() -> TargetId {
    TargetId::from_text("acme-prod/db/acme")
}

/// Returns the scheduled times of so many runs.
pub(super) fn ticks(count: u32) -> Vec<DateTime<Utc>> {
    let first = at(START);
    (0..count).map(|run| after(first, EVERY * run)).collect()
}

/// Runs the collector for one tick, as its function does.
pub(super) async fn collect(
    store: &Arc<dyn ItemStore>,
    source: &Changing,
    scheduled_at: DateTime<Utc>,
) -> Report {
    let clock = FixedClock::at(&scheduled_at.to_rfc3339());
    clock.advance(Duration::from_millis(1_234));
    let task = Task {
        target: &(),
        id: &target(),
        tick: Tick {
            at: scheduled_at,
            every: EVERY,
        },
        refresh: None,
        deadline: Instant::now() + HOUR,
        queue: None,
    };
    run(source, &writers(Arc::clone(store)), &clock, task).await
}

/// Returns all snapshots, oldest first.
pub(super) async fn snapshots(store: &Arc<dyn ItemStore>) -> Vec<Snapshot<DatabaseSize>> {
    let range = at("2028-01-01T00:00:00Z")..at("2029-01-01T00:00:00Z");
    let mut found = Vec::new();
    let reader = SnapshotReader::new(Arc::clone(store));
    let target = target();
    let reading = reader.each_snapshot(&target, range, |snapshot| found.push(snapshot.unwrap()));
    reading.await.unwrap();
    found
}

pub(super) async fn history(store: &Arc<dyn ItemStore>, resolution: Resolution) -> History {
    let all = |_: &TableKey| true;
    let query = HistoryQuery {
        from: at("2028-01-01T00:00:00Z"),
        to: at("2029-01-01T00:00:00Z"),
        resolution,
        tables: Some(&all),
        with_parts: true,
        limit: 1_000_000,
    };
    let reader = HistoryReader::new(Arc::clone(store));
    let read = reader.read(Kind::Database, &target(), &query).await;
    read.unwrap()
}

/// Asserts that the history has every run, and every day, of the snapshots with the same numbers, and nothing else.
pub(super) async fn assert_history_is_that_of_the_snapshots(
    store: &Arc<dyn ItemStore>,
    case: &str,
) {
    let runs = snapshots(store).await;
    assert_is_of(&history(store, Resolution::Runs).await, &runs, case);

    let mut days: BTreeMap<NaiveDate, Vec<Snapshot<DatabaseSize>>> = BTreeMap::new();
    for run in &runs {
        let day = days.entry(run.run.scheduled_at.date_naive()).or_default();
        day.push(run.clone());
    }
    let by_day = history(store, Resolution::Days).await;
    let lasts = days.values().filter_map(|runs| runs.last().cloned());
    let lasts: Vec<_> = lasts.collect();
    assert_is_of(&by_day, &lasts, case);
    let total = |run: &Snapshot<DatabaseSize>| run.measurement.total_bytes;
    let greatest = days
        .values()
        .filter_map(|runs| runs.iter().map(total).max());
    let greatest: Vec<_> = greatest.map(Reading::of).collect();
    let found = &by_day.own[&OwnSeries::all(Measure::DayMaxBytes)];
    assert_eq!(found, &greatest, "{case}");
}

fn assert_is_of(history: &History, runs: &[Snapshot<DatabaseSize>], case: &str) {
    assert_eq!(history.gaps, [], "{case}");
    let moments = history.moments.iter();
    let times: Vec<_> = moments.map(|moment| moment.scheduled_at).collect();
    let scheduled: Vec<_> = runs.iter().map(|run| run.run.scheduled_at).collect();
    assert_eq!(times, scheduled, "{case}");
    let mut tables: BTreeMap<&str, Vec<Reading>> = BTreeMap::new();
    for (position, run) in runs.iter().enumerate() {
        let moment = &history.moments[position];
        assert_eq!(moment.taken_at, run.run.taken_at, "{case}");
        let size = &run.measurement;
        let sized = size.tables.iter();
        let sized = sized.map(|table| (&table.table, Reading::of(table.total_bytes)));
        let missing = size.unsized_tables.iter();
        let missing = missing.map(|table| (&table.table, Reading::UNSIZED));
        for (name, reading) in sized.chain(missing) {
            let absent = || vec![Reading::ABSENT; runs.len()];
            tables.entry(name).or_insert_with(absent)[position] = reading;
        }
    }
    let totals = &history.own[&OwnSeries::all(Measure::TotalBytes)];
    let expected = runs.iter().map(|run| run.measurement.total_bytes);
    let expected: Vec<_> = expected.map(Reading::of).collect();
    assert_eq!(totals, &expected, "{case}");
    let found = history.tables.iter();
    let found: BTreeMap<_, _> = found
        .map(|table| (&*table.table, table.total_bytes.to_vec()))
        .collect();
    assert_eq!(found, tables, "{case}");
}
