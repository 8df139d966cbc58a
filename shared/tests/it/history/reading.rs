//! What a reader sees is what the snapshots say.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use shared::fleet::Kind;
use shared::history::model::Random;
use shared::history::{
    Gap, GapReason, GapScope, History, HistoryError, HistoryQuery, HistoryReader, Measure,
    OwnSeries, Point, Reading, Resolution, TableKey, TableMeasure,
};
use shared::snapshot::{DatabaseSize, Run, Snapshot};
use shared::store::ItemStore;
use shared::store::failing::FailingStore;
use shared::testing::time::at;

use super::world::{collect, history, memory, random_runs, run, run_at, target};

async fn collected(runs: &[Snapshot<DatabaseSize>]) -> Arc<dyn ItemStore> {
    let store: Arc<dyn ItemStore> = memory();
    for snapshot in runs {
        collect(&store, snapshot).await.unwrap();
    }
    store
}

fn times(history: &History) -> Vec<DateTime<Utc>> {
    let moments = history.moments.iter();
    moments.map(|moment| moment.scheduled_at).collect()
}

fn own(history: &History, measure: Measure) -> Vec<Option<u64>> {
    let column = history.own.get(&OwnSeries::all(measure));
    let readings = column.into_iter().flatten();
    readings.map(|reading| reading.value()).collect()
}

fn table<'a>(history: &'a History, name: &str) -> &'a shared::history::TableHistory {
    let mut tables = history.tables.iter();
    tables.find(|table| *table.table == *name).unwrap()
}

/// The answer computed from the snapshots alone, by another way than blocks.
fn assert_is_of_snapshots(history: &History, runs: &[&Snapshot<DatabaseSize>], case: &str) {
    let scheduled: Vec<_> = runs.iter().map(|run| run.run.scheduled_at).collect();
    assert_eq!(times(history), scheduled, "{case}");
    let totals: Vec<_> = runs
        .iter()
        .map(|run| Some(run.measurement.total_bytes))
        .collect();
    assert_eq!(own(history, Measure::TotalBytes), totals, "{case}");
    let mut names = BTreeMap::new();
    for (position, snapshot) in runs.iter().enumerate() {
        let size = &snapshot.measurement;
        for table in &size.tables {
            let readings = [
                Reading::of(table.total_bytes),
                Reading::or_absent(table.heap_bytes),
                Reading::or_absent(table.index_bytes),
                Reading::or_absent(table.row_estimate),
            ];
            names
                .entry(table.table.clone())
                .or_insert_with(BTreeMap::new)
                .insert(position, readings);
        }
        for table in &size.unsized_tables {
            let readings = [
                Reading::UNSIZED,
                Reading::UNSIZED,
                Reading::ABSENT,
                Reading::ABSENT,
            ];
            names
                .entry(table.table.clone())
                .or_insert_with(BTreeMap::new)
                .insert(position, readings);
        }
    }
    let found: Vec<_> = history.tables.iter().map(|table| &*table.table).collect();
    assert_eq!(
        found,
        names.keys().map(|name| &**name).collect::<Vec<_>>(),
        "{case}"
    );
    for (table, expected) in history.tables.iter().zip(names.values()) {
        let columns = [
            table.total_bytes.to_vec(),
            table.heap_bytes(),
            table.column(TableMeasure::IndexBytes).to_vec(),
            table.column(TableMeasure::Rows).to_vec(),
        ];
        for (number, column) in columns.iter().enumerate() {
            for (position, reading) in column.iter().enumerate() {
                let expected = expected
                    .get(&position)
                    .map_or(Reading::ABSENT, |all| all[number]);
                assert_eq!(
                    *reading, expected,
                    "{case}: {} {number} at {position}",
                    table.table
                );
            }
        }
    }
}

#[tokio::test]
async fn every_answer_is_what_the_snapshots_say() {
    for seed in 0..20 {
        let mut random = Random::new(seed);
        let runs = random_runs(&mut random, "2028-02-22T00:00:00Z", 40);
        let store = collected(&runs).await;
        for _ in 0..10 {
            let from =
                at("2028-02-21T00:00:00Z") + TimeDelta::minutes(random.below(12_000).cast_signed());
            let to = from + TimeDelta::minutes(random.below(12_000).cast_signed());
            let case = format!("seed {seed}, {from} to {to}");
            let within: Vec<_> = runs
                .iter()
                .filter(|run| (from..to).contains(&run.run.scheduled_at))
                .collect();
            let range = (from.to_rfc3339(), to.to_rfc3339());
            let range = (range.0.as_str(), range.1.as_str());

            let by_run = history(&store, Resolution::Runs, range).await;
            let by_day = history(&store, Resolution::Days, range).await;

            assert_is_of_snapshots(&by_run, &within, &case);
            let points: Vec<_> = (0..=within.len()).map(|at| by_run.point(at)).collect();
            let expected = within.iter().map(|run| {
                let mut point = Point::of(run);
                point.own.sort_by(|(one, _), (other, _)| one.cmp(other));
                Some(point)
            });
            assert_eq!(points, expected.chain([None]).collect::<Vec<_>>(), "{case}");
            // A day is its last run, whether or not the others are in the range.
            let mut days = BTreeMap::new();
            for run in &runs {
                let day = run.run.scheduled_at.date_naive();
                days.entry(day).or_insert_with(Vec::new).push(run);
            }
            let closed = days.values().filter_map(|runs| Some((*runs.last()?, runs)));
            let closed: Vec<_> = closed
                .filter(|(last, _)| (from..to).contains(&last.run.scheduled_at))
                .collect();
            // Of the day that is not closed, only the runs in the range can be known.
            let last_day = runs.last().unwrap().run.scheduled_at.date_naive();
            if to.date_naive() >= last_day {
                continue;
            }
            let lasts: Vec<_> = closed.iter().map(|(last, _)| *last).collect();
            assert_is_of_snapshots(&by_day, &lasts, &case);
            let totals = |runs: &[&Snapshot<DatabaseSize>]| -> Vec<u64> {
                runs.iter().map(|run| run.measurement.total_bytes).collect()
            };
            if !closed.is_empty() {
                let least: Vec<_> = closed
                    .iter()
                    .map(|(_, runs)| totals(runs).into_iter().min())
                    .collect();
                let greatest: Vec<_> = closed
                    .iter()
                    .map(|(_, runs)| totals(runs).into_iter().max())
                    .collect();
                assert_eq!(own(&by_day, Measure::DayMinBytes), least, "{case}");
                assert_eq!(own(&by_day, Measure::DayMaxBytes), greatest, "{case}");
            }
        }
    }
}

const ALL: (&str, &str) = ("2028-01-01T00:00:00Z", "2029-01-01T00:00:00Z");

#[tokio::test]
async fn days_are_those_of_utc_and_the_last_one_is_open() {
    let store = collected(&[
        run("2028-02-28T23:59:59Z", &[("a", Some(1), Some(1))]),
        run("2028-02-29T00:00:00Z", &[("a", Some(1), Some(5))]),
        run("2028-02-29T23:59:59Z", &[("a", Some(1), Some(3))]),
        run("2028-03-01T00:00:00Z", &[("a", Some(1), Some(4))]),
        run("2028-03-01T12:00:00Z", &[("a", Some(1), Some(2))]),
    ])
    .await;

    let days = history(&store, Resolution::Days, ALL).await;

    assert_eq!(
        own(&days, Measure::TotalBytes),
        [Some(2024), Some(4072), Some(3048)]
    );
    assert_eq!(
        own(&days, Measure::DayMinBytes),
        [Some(2024), Some(4072), Some(3048)]
    );
    assert_eq!(
        own(&days, Measure::DayMaxBytes),
        [Some(2024), Some(6120), Some(5096)]
    );
    assert_eq!(days.open_from, Some("2028-03-01".parse().unwrap()));
}

#[tokio::test]
async fn another_table_of_the_same_name_is_a_break_and_an_unknown_id_is_none() {
    let store = collected(&[
        run(
            "2028-02-22T01:00:00Z",
            &[("a", None, Some(1)), ("b", Some(1), Some(9))],
        ),
        run(
            "2028-02-22T02:00:00Z",
            &[("a", Some(7), Some(1)), ("c", Some(1), Some(9))],
        ),
        run(
            "2028-02-22T03:00:00Z",
            &[("a", None, None), ("c", Some(1), Some(9))],
        ),
        run(
            "2028-02-23T01:00:00Z",
            &[("a", Some(7), Some(1)), ("c", Some(1), Some(9))],
        ),
        run(
            "2028-02-23T02:00:00Z",
            &[("a", Some(8), Some(0)), ("c", Some(1), Some(9))],
        ),
        run("2028-02-24T02:00:00Z", &[("a", Some(8), Some(2))]),
    ])
    .await;

    let found = history(&store, Resolution::Runs, ALL).await;

    let replaced = table(&found, "a");
    assert_eq!(replaced.breaks(), [4]);
    assert_eq!(
        replaced.total_bytes[2..5],
        [Reading::UNSIZED, Reading::of(1024), Reading::of(0)]
    );
    assert_eq!(replaced.module(), Some("Sales"));
    // One that was renamed keeps its id under another name.
    let (before, after) = (table(&found, "b"), table(&found, "c"));
    assert_eq!(
        before.last_identity().unwrap().table_id,
        after.last_identity().unwrap().table_id
    );
    assert_eq!((before.breaks(), after.breaks()), (vec![], vec![]));
    assert_eq!(after.total_bytes[5], Reading::ABSENT);
}

#[tokio::test]
async fn days_without_a_run_are_a_gap_and_never_filled() {
    let store = collected(&[
        run("2028-02-22T01:00:00Z", &[("a", Some(1), Some(1))]),
        run("2028-02-25T01:00:00Z", &[("a", Some(1), Some(2))]),
        run("2028-02-26T01:00:00Z", &[("a", Some(1), Some(3))]),
    ])
    .await;

    for resolution in [Resolution::Runs, Resolution::Days] {
        let found = history(&store, resolution, ALL).await;

        let gap = Gap {
            from: at("2028-02-23T00:00:00Z"),
            to: at("2028-02-25T00:00:00Z"),
            scope: GapScope::Everything,
            reason: GapReason::NoRuns,
        };
        assert_eq!(found.gaps, [gap]);
        assert_eq!(found.moments.len(), 3);
    }
}

/// A collector whose clock was ahead for a while: its run is the latest, and all later ones are late.
#[tokio::test]
async fn runs_of_a_clock_that_moves_are_all_there() {
    let runs = [
        run("2028-02-22T01:00:00Z", &[("a", Some(1), Some(1))]),
        run("2028-03-01T01:00:00Z", &[("a", Some(1), Some(9))]),
        run("2028-02-22T02:00:00Z", &[("a", Some(1), Some(2))]),
        run("2028-02-23T02:00:00Z", &[("a", Some(1), Some(3))]),
        run("2028-02-24T02:00:00Z", &[("a", Some(1), Some(4))]),
    ];
    let store = collected(&runs).await;

    let found = history(&store, Resolution::Runs, ALL).await;

    let mut sorted: Vec<_> = runs.iter().collect();
    sorted.sort_by_key(|run| run.run.scheduled_at);
    assert_is_of_snapshots(&found, &sorted, "moved");
}

/// The interval of a large bucket may be a month: its last run must be seen until the next one closes its day.
#[tokio::test]
async fn a_run_is_there_until_the_next_one_is_due_and_longer() {
    let mut snapshot = run("2028-01-20T01:00:00Z", &[("a", Some(1), Some(1))]);
    snapshot.run = Run::at(snapshot.run.scheduled_at, Duration::from_secs(45 * 86_400));
    let store = collected(&[snapshot]).await;

    let found = history(&store, Resolution::Runs, ALL).await;

    assert_eq!(found.moments.len(), 1);
}

#[tokio::test]
async fn an_answer_is_limited_and_only_tables_that_are_wanted_count() {
    let store = collected(&random_runs(
        &mut Random::new(1),
        "2028-02-22T00:00:00Z",
        30,
    ))
    .await;
    let reader = HistoryReader::new(store);
    let wanted = |key: &TableKey| &*key.table < "c";
    let query = |limit| HistoryQuery {
        from: at(ALL.0),
        to: at(ALL.1),
        resolution: Resolution::Runs,
        tables: Some(&wanted),
        with_parts: false,
        limit,
    };
    let target = target();

    let found = reader
        .read(Kind::Database, &target, &query(60))
        .await
        .unwrap();
    let too_many = reader.read(Kind::Database, &target, &query(59)).await;

    let names: Vec<_> = found.tables.iter().map(|table| &*table.table).collect();
    assert_eq!(names, ["a", "b"]);
    assert!(
        found
            .tables
            .iter()
            .all(|table| table.heap_bytes().is_empty())
    );
    assert!(matches!(
        too_many,
        Err(HistoryError::TooMany {
            points: 30,
            limit: 59
        })
    ));
}

/// And one read for each list of tables.
#[tokio::test]
async fn an_answer_costs_a_query_of_each_kind_of_block_and_one_of_runs() {
    let hours = (0..90).map(|number| at("2028-02-10T00:00:00Z") + TimeDelta::hours(5 * number));
    let runs = hours.map(|time| run_at(time, &[("a", Some(1), Some(1)), ("b", Some(2), Some(2))]));
    let store = collected(&runs.collect::<Vec<_>>()).await;
    let all = |_: &TableKey| true;
    for (tables, with_parts, expected) in [
        (None, false, 2),
        (Some(&all as &(dyn Fn(&TableKey) -> bool + Sync)), false, 3),
        (Some(&all), true, 4),
    ] {
        let counting = Arc::new(FailingStore::new(Arc::clone(&store), []));
        let query = HistoryQuery {
            from: at("2028-02-10T00:00:00Z"),
            to: at("2028-03-10T00:00:00Z"),
            resolution: Resolution::Runs,
            tables,
            with_parts,
            limit: 1_000_000,
        };

        let reader = HistoryReader::new(Arc::clone(&counting) as Arc<dyn ItemStore>);
        let found = reader
            .read(Kind::Database, &target(), &query)
            .await
            .unwrap();

        assert_eq!(found.moments.len(), 90);
        assert_eq!(counting.calls(), expected);
    }
}

#[tokio::test]
async fn what_is_available_starts_with_the_first_run_whether_or_not_its_day_is_closed() {
    for count in [1, 30] {
        starts_with_the_first_run(count).await;
    }
}

async fn starts_with_the_first_run(count: u64) {
    let runs = random_runs(&mut Random::new(1), "2028-02-22T00:00:00Z", count);
    let store = collected(&runs).await;
    let reader = HistoryReader::new(Arc::clone(&store));
    let (target, elsewhere) = (target(), shared::fleet::TargetId::from_text("x/db/y"));

    let available = async |target, resolution| {
        reader
            .available_from(Kind::Database, target, resolution)
            .await
            .unwrap()
    };

    assert_eq!(
        available(&target, Resolution::Runs).await,
        Some(runs[0].run.scheduled_at)
    );
    assert_eq!(
        available(&target, Resolution::Days).await,
        Some(at("2028-02-22T00:00:00Z"))
    );
    assert_eq!(available(&elsewhere, Resolution::Days).await, None);
}
