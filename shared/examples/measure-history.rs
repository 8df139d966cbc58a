//! Measures the history of synthetic databases: `measure-history SEED [TABLES…]`, by default of 500 and of 5,000 tables.
//! Prints one JSON object for each measurement.
//!
//! Runs are kept by the writers of the collectors in a store in memory that counts what DynamoDB would bill, and are
//! read by the reader of the API. What is read is compared with what was measured. For the history benchmark,
//! `make bench-history`.

#![allow(clippy::print_stdout, reason = "a tool for the benchmark")]

use std::error::Error;
use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use flate2::Compression;
use flate2::write::DeflateEncoder;
use serde_json::{Value, json};
use shared::clock::FixedClock;
use shared::fleet::{Kind, TargetId};
use shared::history::model::Model;
use shared::history::{
    History, HistoryQuery, HistoryReader, HistoryRetention, HistoryWriter, Point, Resolution,
    TableKey, TableMeasure,
};
use shared::snapshot::{BucketSize, DatabaseSize, Method, Run, Snapshot};
use shared::store::counting::{CountingStore, Units};
use shared::store::memory::MemoryStore;
use shared::store::{Expect, Item, ItemStore, Key, Put, SnapshotReader, SnapshotWriter};

/// A Monday; all runs are at full hours from here on.
const START: &str = "2026-01-12T00:00:00Z";
/// Bytes of one page of a query.
const PAGE_BYTES: usize = 1 << 20;
const EVERY: Duration = Duration::from_secs(3600);
const RETENTION: Duration = Duration::from_secs(35 * 86_400);
/// Reads of one answer; the least of their times counts.
const ANSWERS: usize = 5;
/// Latest records of the overview of a fleet.
const FLEET: usize = 1000;

type Failure = Box<dyn Error>;

/// A store in memory that counts.
type Counting = CountingStore<MemoryStore>;

fn counting() -> Arc<Counting> {
    let store = MemoryStore::new(Arc::new(FixedClock::at(START)));
    Arc::new(CountingStore::new(store))
}

fn ratio(part: usize, of: usize) -> f64 {
    let number = |count| f64::from(u32::try_from(count).unwrap_or(u32::MAX));
    number(part) / number(of)
}

/// Returns the processor time of this thread so far, in milliseconds.
fn cpu_ms() -> Result<f64, Failure> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    let nanoseconds: u64 = text.split_whitespace().next().unwrap_or_default().parse()?;
    Ok(Duration::from_nanos(nanoseconds).as_secs_f64() * 1000.0)
}

fn target() -> TargetId {
    TargetId::from_text("bench/db/bench")
}

fn snapshot(point: &Point) -> Snapshot<DatabaseSize> {
    Snapshot {
        target: target(),
        run: Run {
            taken_at: point.moment.taken_at,
            ..Run::at(point.moment.scheduled_at, EVERY)
        },
        measurement: Model::measurement(point),
    }
}

/// What keeping runs costs.
#[derive(Default)]
struct Kept {
    runs: usize,
    snapshot_units: Units,
    history_units: Units,
    snapshot_cpu_ms: f64,
    history_cpu_ms: f64,
    /// Processor time of the costliest run's history, which closes a day.
    longest_cpu_ms: f64,
    /// Readings of all tables' totals, in the order of time: what an answer must say.
    table_sums: Vec<u64>,
}

/// Keeps the runs of a database for so many days, and returns what it costs after the first week.
async fn keep_runs(
    store: &Arc<Counting>,
    (tables, seed): (u64, u64),
    days: i64,
    runs_per_day: i64,
) -> Result<Kept, Failure> {
    let start: DateTime<Utc> = START.parse()?;
    let mut model = Model::new(tables, seed);
    let snapshots = SnapshotWriter::new(store.clone(), RETENTION);
    let history = HistoryWriter::new(store.clone(), HistoryRetention::default());
    let mut kept = Kept::default();
    let every = 24 / runs_per_day;
    for hour in 0..days * 24 {
        let point = model.hour(start + TimeDelta::hours(hour));
        if hour % every != every - 1 {
            continue;
        }
        let snapshot = snapshot(&point);
        store.take();
        let before = cpu_ms()?;
        let (_, latest) = snapshots.keep_run(&snapshot).await?;
        let (between, snapshot_units) = (cpu_ms()?, store.take());
        history
            .record_after(&snapshot, latest.ok_or("no latest")?)
            .await?;
        let (after, history_units) = (cpu_ms()?, store.take());
        kept.table_sums.push(snapshot.measurement.table_bytes());
        if hour < 7 * 24 {
            continue;
        }
        kept.runs += 1;
        kept.snapshot_cpu_ms += between - before;
        kept.history_cpu_ms += after - between;
        kept.longest_cpu_ms = kept.longest_cpu_ms.max(after - between);
        for (sum, units) in [
            (&mut kept.snapshot_units, snapshot_units),
            (&mut kept.history_units, history_units),
        ] {
            sum.read += units.read;
            sum.write += units.write;
        }
    }
    Ok(kept)
}

/// Returns the write units a day of snapshots of the same runs, after the first week, in a store without any history, whose
/// latest is smaller.
async fn units_without_history((tables, seed): (u64, u64), days: i64) -> Result<f64, Failure> {
    let start: DateTime<Utc> = START.parse()?;
    let store = counting();
    let mut model = Model::new(tables, seed);
    let snapshots = SnapshotWriter::new(store.clone(), RETENTION);
    for hour in 0..days * 24 {
        let point = model.hour(start + TimeDelta::hours(hour));
        snapshots.keep(&snapshot(&point)).await?;
        if hour == 7 * 24 - 1 {
            store.take();
        }
    }
    let days = usize::try_from(days - 7)?;
    Ok(ratio(store.take().write, days))
}

/// Reads a range as an endpoint does and returns what it costs.
async fn answer(
    store: &Arc<Counting>,
    resolution: Resolution,
    with_parts: bool,
) -> Result<(History, Value), Failure> {
    let all = |_: &TableKey| true;
    let start: DateTime<Utc> = START.parse()?;
    let query = HistoryQuery {
        from: start,
        to: start + TimeDelta::days(366),
        resolution,
        tables: Some(&all),
        with_parts,
        limit: 100_000_000,
    };
    let reader = HistoryReader::new(store.clone());
    let mut least_ms = f64::MAX;
    let mut found = None;
    store.take();
    for _ in 0..ANSWERS {
        let before = cpu_ms()?;
        let history = reader.read(Kind::Database, &target(), &query).await?;
        least_ms = least_ms.min(cpu_ms()? - before);
        found = Some(history);
    }
    let units = store.take();
    let history = found.ok_or("nothing was read")?;
    let bytes = units.queried_bytes / ANSWERS;
    let costs = json!({
        "points": history.moments.len(),
        "tables": history.tables.len(),
        "query_bytes": bytes,
        "pages": ratio(bytes, PAGE_BYTES),
        "read_units": units.read / ANSWERS,
        "cpu_ms": least_ms,
    });
    Ok((history, costs))
}

/// Fails unless the tables' sizes at each point add up to what was measured then.
fn check(history: &History, expected: &[u64]) -> Result<(), Failure> {
    if history.moments.len() != expected.len() || !history.gaps.is_empty() {
        return Err("the history has not the runs that were kept".into());
    }
    for (position, expected) in expected.iter().enumerate() {
        let readings = history.tables.iter();
        let readings = readings.filter_map(|table| table.total_bytes.get(position)?.value());
        if readings.sum::<u64>() != *expected {
            return Err(format!("the sizes of run {position} are not those measured").into());
        }
    }
    Ok(())
}

/// Returns the bytes of an answer's columns as JSON, deflated, with names: what a simple form of blocks would take.
fn json_bytes(history: &History, with_parts: bool) -> Result<usize, Failure> {
    let column = |readings: &[shared::history::Reading]| -> Vec<Option<u64>> {
        readings.iter().map(|reading| reading.value()).collect()
    };
    let days = history.moments.chunks(24).enumerate();
    let mut bytes = 0;
    for (day, moments) in days {
        let range = day * 24..day * 24 + moments.len();
        let times: Vec<_> = moments.iter().map(|moment| moment.scheduled_at).collect();
        let tables = history.tables.iter().map(|table| {
            let of = |readings: &[shared::history::Reading]| {
                column(readings.get(range.clone()).unwrap_or_default())
            };
            let mut values = vec![of(&table.total_bytes)];
            let parts = TableMeasure::PARTS.iter().filter(|_| with_parts);
            values.extend(parts.map(|measure| of(table.column(*measure))));
            json!([&*table.schema, &*table.table, values])
        });
        let text = json!({"times": times, "tables": tables.collect::<Vec<_>>()}).to_string();
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(text.as_bytes())?;
        bytes += encoder.finish()?.len();
    }
    Ok(bytes)
}

/// Returns the sum of the sizes of all items of history, by partition.
fn stored_bytes(store: &Counting) -> Value {
    let sum = |name: &str| -> usize {
        let items = store.inner().dump();
        let items = items.iter();
        let of = items.filter(|item| item.key.partition.split('#').next() == Some(name));
        of.map(Item::size_bytes).sum()
    };
    json!({
        "hours": sum("HOURS"), "hours_parts": sum("HOURS_PARTS"), "days": sum("DAYS"),
        "days_parts": sum("DAYS_PARTS"), "names": sum("NAMES"), "latest": sum("LATEST"),
    })
}

fn print(part: &str, tables: u64, facts: Value) {
    let mut line = json!({"part": part, "of_tables": tables});
    if let (Some(line), Value::Object(facts)) = (line.as_object_mut(), facts) {
        line.extend(facts);
    }
    println!("{line}");
}

/// Five weeks of a bucket by the hour: what its history costs after the first week.
async fn of_a_bucket() -> Result<(), Failure> {
    let store = counting();
    let start: DateTime<Utc> = START.parse()?;
    let snapshots = SnapshotWriter::new(store.clone(), RETENTION);
    let history = HistoryWriter::new(store.clone(), HistoryRetention::default());
    let (mut of_snapshots, mut of_history) = (Units::default(), Units::default());
    let days = 35;
    for hour in 0..days * 24 {
        let mut measurement = BucketSize::empty(Method::Listing);
        for object in 0..u64::try_from(100 + hour)? {
            measurement.add("STANDARD", 1_000_003 * (1 + object % 7));
        }
        let snapshot = Snapshot {
            target: TargetId::from_text("bench/s3/bench-files//"),
            run: Run::at(start + TimeDelta::hours(hour), EVERY),
            measurement,
        };
        store.take();
        let (_, latest) = snapshots.keep_run(&snapshot).await?;
        let snapshot_units = store.take();
        history
            .record_after(&snapshot, latest.ok_or("no latest")?)
            .await?;
        let history_units = store.take();
        if hour >= 7 * 24 {
            of_snapshots.write += snapshot_units.write;
            of_history.write += history_units.write;
            of_history.read += history_units.read;
        }
    }
    let counted_days = usize::try_from(days - 7)?;
    print(
        "bucket",
        0,
        json!({
            "write_units_of_snapshots_per_day": ratio(of_snapshots.write, counted_days),
            "write_units_of_history_per_day": ratio(of_history.write, counted_days),
            "read_units_of_history_per_day": ratio(of_history.read, counted_days),
            "stored": stored_bytes(&store),
        }),
    );
    Ok(())
}

/// Five weeks by the hour.
async fn by_the_hour(tables: u64, seed: u64) -> Result<(), Failure> {
    let store = counting();
    let kept = keep_runs(&store, (tables, seed), 35, 24).await?;
    let without = units_without_history((tables, seed), 35).await?;
    print(
        "writing",
        tables,
        json!({
            "runs": kept.runs,
            "write_units_without_history_per_day": without,
            "write_units_of_snapshots_per_day": 24.0 * ratio(kept.snapshot_units.write, kept.runs),
            "write_units_of_history_per_day": 24.0 * ratio(kept.history_units.write, kept.runs),
            "read_units_of_history_per_day": 24.0 * ratio(kept.history_units.read, kept.runs),
            "cpu_ms_of_snapshot": kept.snapshot_cpu_ms / ratio(kept.runs, 1),
            "cpu_ms_of_history": kept.history_cpu_ms / ratio(kept.runs, 1),
            "longest_cpu_ms_of_history": kept.longest_cpu_ms,
            "stored": stored_bytes(&store),
        }),
    );
    // In the last hour of the last day its runs are single items; then the day is closed.
    for (part, with_parts) in [
        ("hours", false),
        ("hours_with_parts", true),
        ("closed_hours", false),
        ("closed_hours_with_parts", true),
    ] {
        if part == "closed_hours" {
            let next_day = START.parse::<DateTime<Utc>>()? + TimeDelta::days(35);
            let history = HistoryWriter::new(store.clone(), HistoryRetention::default());
            history
                .record_failure::<DatabaseSize>(&target(), next_day)
                .await?;
        }
        let (history, mut facts) = answer(&store, Resolution::Runs, with_parts).await?;
        check(&history, &kept.table_sums)?;
        let json_bytes = json_bytes(&history, with_parts)?;
        if let Some(facts) = facts.as_object_mut() {
            facts.insert("json_deflate_bytes".to_owned(), json_bytes.into());
        }
        print(part, tables, facts);
    }
    if tables == 500 {
        overview(&store).await?;
    }
    Ok(())
}

/// A year by the day, of a database that is measured once a day.
async fn by_the_day(tables: u64, seed: u64) -> Result<(), Failure> {
    let store = counting();
    let kept = keep_runs(&store, (tables, seed), 365, 1).await?;
    for (part, with_parts) in [("days", false), ("days_with_parts", true)] {
        let (history, facts) = answer(&store, Resolution::Days, with_parts).await?;
        check(&history, &kept.table_sums)?;
        print(part, tables, facts);
    }
    Ok(())
}

/// The latest records of a fleet of targets, each with 35 daily totals.
async fn overview(store: &Arc<Counting>) -> Result<(), Failure> {
    let key = Key {
        partition: "LATEST#database".to_owned(),
        sort: target().to_string(),
    };
    let latest = store.get(&key).await?.ok_or("there is no latest")?;
    for number in 0..FLEET {
        let mut item = latest.clone();
        item.key.sort = format!("fleet-{number:04}/db/bench");
        let expect = Expect::Anything;
        store.put(Put { item, expect }).await?;
    }
    store.take();
    let reader = SnapshotReader::new(store.clone());
    let before = cpu_ms()?;
    let mut totals = 0;
    let visit = |_, latest: Result<shared::snapshot::Latest<_>, _>| {
        let trend = latest.ok().and_then(|latest| latest.trend);
        totals += trend.map_or(0, |trend| trend.totals().count());
    };
    reader.each_latest::<DatabaseSize>(visit).await?;
    let after = cpu_ms()?;
    let units = store.take();
    let pages = ratio(units.queried_bytes, PAGE_BYTES);
    print(
        "overview",
        500,
        json!({
            "targets": FLEET + 1, "totals": totals, "pages": pages, "read_units": units.read,
            "latest_bytes": latest.size_bytes(), "cpu_ms": after - before,
        }),
    );
    Ok(())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let seed = arguments
        .next()
        .ok_or("usage: measure-history SEED [TABLES…]")?;
    let seed: u64 = seed.parse()?;
    let tables: Vec<u64> = arguments
        .map(|text| text.parse())
        .collect::<Result<_, _>>()?;
    let tables = if tables.is_empty() {
        vec![500, 5000]
    } else {
        tables
    };
    of_a_bucket().await?;
    for tables in tables {
        by_the_hour(tables, seed).await?;
        by_the_day(tables, seed).await?;
    }
    Ok(())
}
