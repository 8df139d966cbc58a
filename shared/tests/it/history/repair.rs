//! Blocks that were lost or damaged are named gaps until they are rebuilt.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use flate2::Crc;
use shared::history::model::Random;
use shared::history::{
    GapReason, GapScope, History, Measure, OwnSeries, Reading, Resolution, Unreadable,
};
use shared::snapshot::{DatabaseSize, Quality, Snapshot, TableSize};
use shared::store::memory::MemoryStore;
use shared::store::{Item, ItemStore, Key};
use shared::testing::time::at;

use super::world::{
    changed, collect, history, keep, memory, newest_day, put, random_runs, run, target, trend,
    writer,
};

const ALL: (&str, &str) = ("2028-02-01T00:00:00Z", "2028-04-01T00:00:00Z");
const DAY: &str = "2028-02-24";

async fn collected(runs: &[Snapshot<DatabaseSize>]) -> (Arc<MemoryStore>, Arc<dyn ItemStore>) {
    let memory = memory();
    let store: Arc<dyn ItemStore> = memory.clone();
    for snapshot in runs {
        collect(&store, snapshot).await.unwrap();
    }
    (memory, store)
}

fn runs() -> Vec<Snapshot<DatabaseSize>> {
    random_runs(&mut Random::new(5), "2028-02-22T00:00:00Z", 40)
}

async fn item(store: &Arc<dyn ItemStore>, partition: &str, sort: &str) -> Item {
    let key = Key {
        partition: format!("{partition}#{}", target()),
        sort: sort.to_owned(),
    };
    store.get(&key).await.unwrap().unwrap()
}

/// Expires an item now, which is how a test loses one.
async fn lose(store: &Arc<dyn ItemStore>, item: Item) {
    let lost = Item {
        expires_at: Some(DateTime::<Utc>::UNIX_EPOCH),
        ..item
    };
    put(&**store, lost).await;
}

fn damaged(mut item: Item) -> Item {
    if let Some(body) = &mut item.body {
        let middle = body.len() / 2;
        body[middle] ^= 4;
    }
    item
}

/// Returns a body of a form of the future, with a right checksum.
fn of_newer_form() -> Vec<u8> {
    let (version, content) = (200, b"anything");
    let mut crc = Crc::new();
    crc.update(&[version]);
    crc.update(content);
    let checksum = crc.sum().to_le_bytes();
    [&[version], checksum.as_slice(), content].concat()
}

async fn rebuild(store: &Arc<dyn ItemStore>) -> shared::history::Rebuilt {
    let days = "2028-02-01".parse().unwrap()..="2028-03-31".parse().unwrap();
    writer(store)
        .rebuild::<DatabaseSize>(&target(), days, newest_day(store).await)
        .await
        .unwrap()
}

async fn both(store: &Arc<dyn ItemStore>) -> [History; 2] {
    let runs = history(store, Resolution::Runs, ALL).await;
    [runs, history(store, Resolution::Days, ALL).await]
}

/// Returns the times and totals of days that are closed in `whole`.
fn closed(history: &History, whole: &History) -> Vec<(DateTime<Utc>, Reading)> {
    let open_from = whole.open_from.unwrap();
    let times = history.moments.iter().map(|moment| moment.scheduled_at);
    let totals = &history.own[&OwnSeries::all(Measure::TotalBytes)];
    let both = times.zip(totals.iter().copied());
    both.filter(|(time, _)| time.date_naive() < open_from)
        .collect()
}

#[tokio::test]
async fn a_damaged_block_is_a_gap_that_only_a_rebuild_fills() {
    let all = runs();
    let (_, store) = collected(&all).await;
    let whole = both(&store).await;
    let hours = item(&store, "HOURS", DAY).await;
    put(&*store, damaged(hours)).await;
    let late = all
        .iter()
        .find(|run| run.run.scheduled_at.date_naive().to_string() == DAY)
        .unwrap();

    // A late run of that day leaves it: somebody may want to look at it.
    collect(&store, late).await.unwrap();
    let found = history(&store, Resolution::Runs, ALL).await;

    let damage = found
        .gaps
        .iter()
        .find(|gap| gap.scope == GapScope::Everything)
        .unwrap();
    assert_eq!(
        (damage.from, damage.to),
        (at("2028-02-24T00:00:00Z"), at("2028-02-25T00:00:00Z"))
    );
    assert!(matches!(
        damage.reason,
        GapReason::Unreadable(Unreadable::Damaged(_))
    ));
    assert!(found.moments.len() < whole[0].moments.len());
    assert!(
        found
            .moments
            .iter()
            .all(|moment| whole[0].moments.contains(moment))
    );
    assert_eq!(rebuild(&store).await.left, []);
    assert_eq!(both(&store).await, whole);
}

#[tokio::test]
async fn everything_that_is_lost_comes_back_from_the_snapshots() {
    let (memory, store) = collected(&runs()).await;
    let whole = both(&store).await;
    for item in memory.dump() {
        let names = ["HOURS", "DAYS", "NAMES", "POINT"];
        if names
            .iter()
            .any(|name| item.key.partition.starts_with(name))
        {
            lose(&store, item).await;
        }
    }
    let nothing = both(&store).await;
    assert!(nothing.iter().all(|history| history.moments.is_empty()));

    let report = rebuild(&store).await;

    for (found, whole) in both(&store).await.iter().zip(&whole) {
        assert_eq!(closed(found, whole), closed(whole, whole));
    }
    assert_eq!(report.days, closed(&whole[1], &whole[1]).len());
    let again = memory.dump();
    rebuild(&store).await;
    assert_eq!(
        memory.dump(),
        again,
        "a rebuild of what is whole writes nothing"
    );
}

#[tokio::test]
async fn a_block_of_a_newer_program_is_left_and_named() {
    let (_, store) = collected(&runs()).await;
    let hours = item(&store, "HOURS", DAY).await;
    // A form of the future: its checksum is right.
    let newer = of_newer_form();
    put(
        &*store,
        Item {
            body: Some(newer.clone()),
            ..hours
        },
    )
    .await;

    let report = rebuild(&store).await;
    let found = history(&store, Resolution::Runs, ALL).await;

    assert_eq!(report.left.len(), 1);
    assert_eq!(report.left[0].reason, Unreadable::Newer);
    assert_eq!(item(&store, "HOURS", DAY).await.body, Some(newer));
    let reasons: Vec<_> = found.gaps.iter().map(|gap| &gap.reason).collect();
    assert!(reasons.contains(&&GapReason::Unreadable(Unreadable::Newer)));
}

#[tokio::test]
async fn without_a_list_the_targets_own_series_are_there_and_its_tables_are_a_gap() {
    let (memory, store) = collected(&runs()).await;
    let whole = both(&store).await;
    for item in memory.dump() {
        if item.key.partition.starts_with("NAMES") {
            lose(&store, item).await;
        }
    }

    let [found, _] = both(&store).await;

    let total = OwnSeries::all(Measure::TotalBytes);
    assert_eq!(found.own[&total], whole[0].own[&total]);
    assert_eq!(found.moments, whole[0].moments);
    let is_list = |gap: &shared::history::Gap| {
        gap.scope == GapScope::Tables
            && gap.reason == GapReason::Unreadable(Unreadable::ListMissing)
    };
    assert!(found.gaps.iter().any(is_list));
    rebuild(&store).await;
    assert_eq!(both(&store).await[1].gaps, []);
}

/// Snapshots are kept 35 days, hours 92: days come back from the hours then.
#[tokio::test]
async fn days_come_back_from_hours_when_the_snapshots_have_expired() {
    let (memory, store) = collected(&runs()).await;
    let whole = both(&store).await;
    for item in memory.dump() {
        let partition = item.key.partition.as_str();
        if partition.starts_with("SNAP") || partition.starts_with("DAYS") {
            lose(&store, item).await;
        }
    }

    let report = rebuild(&store).await;

    assert_eq!(report.days, whole[1].moments.len() - 1);
    assert_eq!(both(&store).await, whole);
}

#[tokio::test]
async fn runs_whose_snapshots_have_expired_stay_in_their_block() {
    let (memory, store) = collected(&runs()).await;
    let whole = both(&store).await;
    let of_day = memory
        .dump()
        .into_iter()
        .filter(|item| item.key.partition.starts_with("SNAP") && item.key.sort.starts_with(DAY));
    let of_day: Vec<_> = of_day.collect();
    assert!(of_day.len() > 2);
    for item in of_day.into_iter().skip(1) {
        lose(&store, item).await;
    }

    rebuild(&store).await;

    assert_eq!(both(&store).await, whole);
}

#[tokio::test]
async fn a_damaged_trend_is_made_anew_and_hides_no_latest() {
    let (_, store) = collected(&runs()).await;
    let before = trend(&store).await;
    let key = Key {
        partition: "LATEST#database".into(),
        sort: target().to_string(),
    };
    let latest = store.get(&key).await.unwrap().unwrap();
    let damaged = changed(latest, |content| content["trend"] = "?".into());
    put(&*store, damaged).await;
    let next = run("2028-03-04T00:00:00Z", &[("a", Some(100), Some(1))]);

    for _ in 0..3 {
        collect(&store, &next).await.unwrap();
    }

    let after = trend(&store).await;
    assert!(
        before
            .closings
            .iter()
            .all(|(day, closing)| after.closings.get(day) == Some(closing))
    );
    assert_eq!(after.folded_through.to_string(), "2028-03-03");
}

/// Nothing measures a target that has left the fleet, so no run closes its last day.
#[tokio::test]
async fn a_rebuild_closes_the_last_day_of_a_target_that_is_no_longer_measured() {
    let (memory, store) = collected(&runs()).await;
    let whole = both(&store).await;
    let next_day = newest_day(&store).await.succ_opt().unwrap();
    let days = "2028-02-01".parse().unwrap()..=next_day;
    let points = |item: &Item| item.key.partition.starts_with("POINT");

    let rebuilt = writer(&store)
        .rebuild::<DatabaseSize>(&target(), days, next_day)
        .await
        .unwrap();
    for item in memory.dump().into_iter().filter(points) {
        lose(&store, item).await;
    }

    assert_eq!(rebuilt.runs, whole[0].moments.len());
    for (found, whole) in both(&store).await.into_iter().zip(whole) {
        assert_eq!(found.open_from, None);
        assert_eq!(found.moments, whole.moments);
        assert_eq!((found.own, found.tables), (whole.own, whole.tables));
    }
    let february = rebuilt.days_without_runs.iter();
    let february: Vec<_> = february.map(ToString::to_string).collect();
    assert_eq!(
        (february.first().unwrap().as_str(), february.len()),
        ("2028-02-01", 21)
    );
}

/// Names that do not pack: lists and blocks of so many tables are above the limit of an item.
#[tokio::test]
async fn a_block_above_the_limit_of_an_item_is_split_and_comes_back_whole() {
    let mut random = Random::new(1);
    let name = |random: &mut Random| -> String {
        (0..4)
            .map(|_| format!("{:016x}", random.number()))
            .collect()
    };
    let tables: Vec<_> = (0..12_000)
        .map(|number| TableSize {
            table_id: Some(number),
            total_bytes: random.below(1 << 30),
            quality: Quality::Exact,
            ..TableSize::named("public", name(&mut random))
        })
        .collect();
    let large = |time: &str| {
        let mut snapshot = run(time, &[]);
        snapshot.measurement.tables.clone_from(&tables);
        snapshot
    };
    let memory = memory();
    let store: Arc<dyn ItemStore> = memory.clone();
    for time in ["2028-02-24T01:00:00Z", "2028-02-25T01:00:00Z"] {
        keep(&store, &large(time)).await.unwrap();
    }
    collect(&store, &large("2028-02-26T01:00:00Z"))
        .await
        .unwrap();

    let count = |partition: &str| {
        let items = memory.dump();
        items
            .iter()
            .filter(|item| item.key.partition.starts_with(partition))
            .count()
    };
    assert!(
        count("NAMES#") >= 2 && count("HOURS#") >= 4,
        "{} {}",
        count("NAMES#"),
        count("HOURS#")
    );
    for found in both(&store).await {
        assert_eq!(found.gaps, []);
        assert_eq!(found.tables.len(), 12_000);
        let sizes: u64 = found
            .tables
            .iter()
            .filter_map(|table| table.total_bytes[0].value())
            .sum();
        assert_eq!(
            sizes,
            tables.iter().map(|table| table.total_bytes).sum::<u64>()
        );
    }

    // A piece of another block is damage, not a wrong point.
    let piece = item(&store, "HOURS", "2028-02-24#01").await;
    put(
        &*store,
        Item {
            version: 9,
            ..piece
        },
    )
    .await;
    let found = history(&store, Resolution::Runs, ALL).await;
    assert!(
        found
            .gaps
            .iter()
            .any(|gap| matches!(gap.reason, GapReason::Unreadable(Unreadable::Damaged(_))))
    );
    assert_eq!(rebuild(&store).await.left, []);
    assert_eq!(history(&store, Resolution::Runs, ALL).await.gaps, []);
}
