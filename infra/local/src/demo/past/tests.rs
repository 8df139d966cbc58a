//! The past of a database and of a bucket, read back from a store.

use chrono::NaiveDate;
use shared::clock::FixedClock;
use shared::deployment_key::DeploymentKey;
use shared::fleet::Engine;
use shared::history::{
    Gap, GapReason, History, HistoryQuery, HistoryReader, HistoryRetention, Measure, OwnSeries,
    Reading, Resolution, TableHistory, TableKey,
};
use shared::identities::{Identities, UserType};
use shared::snapshot::{ConcurrentUsers, KeyedIdentities, UserActivity, UserCounts};
use shared::snapshot::{ServerStorage, TableSize};
use shared::testing::time::at;
use shared::user_months::{Month, UserMonthReader};

use super::users::PastUsers;
use super::*;

const NOW: &str = "2026-03-10T10:20:00Z";
const RETENTION: Duration = Duration::from_secs(35 * 86_400);

fn database() -> DatabaseSize {
    let names = [
        shape::IMPORTED.1,
        shape::EMPTIED,
        shape::RENAMED.0,
        "sales$order",
    ];
    let tables = names.into_iter().zip([400, 200, 70, 3000]).zip(16384..);
    let tables: Vec<_> = tables
        .map(|((name, pages), id)| TableSize {
            table_id: Some(id),
            heap_bytes: Some(pages * 8192),
            toast_bytes: Some(8192),
            index_bytes: Some(pages * 2048 / 8192 * 8192),
            total_bytes: (pages + 1) * 8192 + pages * 2048 / 8192 * 8192,
            ..TableSize::named("public", name)
        })
        .collect();
    DatabaseSize {
        engine: Engine::Postgres,
        database: "globex_prod".into(),
        total_bytes: tables.iter().map(|table| table.total_bytes).sum::<u64>() + 7_000_000,
        system_bytes: Some(7_000_000),
        server_role: None,
        mendix_catalogue: None,
        tables,
        unsized_tables: vec![],
        storage: ServerStorage::not_asked(),
    }
}

fn bucket() -> BucketSize {
    let mut size = BucketSize::empty(shared::snapshot::Method::Listing);
    for _ in 0..300 {
        size.add("STANDARD", 5_000_000);
    }
    size
}

/// Returns a store with the past of one target.
async fn store<M: Shaped + 'static>(
    target: &TargetId,
    environment: &str,
    measured: M,
) -> Arc<MemoryStore> {
    let calendar = Arc::new(Calendar::before(at(NOW), MAX_DAYS));
    let writers = |items| Writers::new(items, RETENTION, HistoryRetention::default());
    let past = Past::new(target.clone(), environment, measured, &calendar);
    let items = past.items(Scratch::new(writers)).await.unwrap();
    let store = Arc::new(MemoryStore::new(Arc::new(FixedClock::at(NOW))));
    for item in items {
        let expect = Expect::Absent;
        let written = store.put(Put { item, expect }).await.unwrap();
        assert_eq!(written, Written::Done);
    }
    store
}

async fn history<M: Shaped>(store: Arc<MemoryStore>, target: &TargetId) -> History {
    let all = |_: &TableKey| true;
    let query = HistoryQuery {
        from: at("2025-12-01T00:00:00Z"),
        to: at(NOW),
        resolution: Resolution::Days,
        tables: Some(&all),
        with_parts: false,
        limit: 1_000_000,
    };
    let read = HistoryReader::new(store)
        .read(M::KIND, target, &query)
        .await;
    read.unwrap()
}

/// Returns the number of a column on a day.
fn on(history: &History, column: &[Reading], day: &str) -> Option<u64> {
    let day: NaiveDate = day.parse().unwrap();
    let mut moments = history.moments.iter();
    let position = moments.position(|moment| moment.scheduled_at.date_naive() == day)?;
    column[position].value()
}

fn table<'a>(history: &'a History, name: &str) -> &'a TableHistory {
    let mut tables = history.tables.iter();
    tables.find(|table| *table.table == *name).unwrap()
}

fn total(history: &History) -> &[Reading] {
    &history.own[&OwnSeries::all(Measure::TotalBytes)]
}

#[tokio::test]
async fn history_has_the_import_the_rename_and_the_day_without_collections() {
    let target = TargetId::from_text("globex-prod/db/globex_prod");
    let store = store(&target, "globex-prod", database()).await;

    let history = history::<DatabaseSize>(store, &target).await;

    // The running day is not closed, and one had no run.
    assert_eq!(history.moments.len(), 60);
    let imported = &table(&history, shape::IMPORTED.1).total_bytes;
    let before = on(&history, imported, "2026-02-25").unwrap();
    let after = on(&history, imported, "2026-02-26").unwrap();
    assert!(after * 10 > before * 17, "{before} {after}");
    let (name, old_name) = shape::RENAMED;
    let (new, old) = (table(&history, name), table(&history, old_name));
    assert_eq!(
        new.last_identity().unwrap().table_id,
        old.last_identity().unwrap().table_id
    );
    assert!(on(&history, &old.total_bytes, "2026-02-28").is_some());
    assert!(on(&history, &old.total_bytes, "2026-03-01").is_none());
    assert!(on(&history, &new.total_bytes, "2026-03-01").is_some());
    assert!(on(&history, &new.total_bytes, "2026-02-28").is_none());
    let [
        Gap {
            from, to, reason, ..
        },
    ] = &history.gaps[..]
    else {
        panic!("{:?}", history.gaps);
    };
    assert_eq!(
        (*from, *to),
        (at("2026-02-23T00:00:00Z"), at("2026-02-24T00:00:00Z"))
    );
    assert_eq!(*reason, GapReason::NoRuns);
}

#[tokio::test]
async fn history_has_the_clean_up_of_a_bucket_and_its_growth() {
    let target = TargetId::from_text("acme-prod/s3/acme-prod-files//");
    let store = store(&target, "acme-prod", bucket()).await;

    let history = history::<BucketSize>(store, &target).await;

    let total = total(&history);
    let before = on(&history, total, "2026-02-17").unwrap();
    let after = on(&history, total, "2026-02-18").unwrap();
    assert!(after + 500_000_000 < before, "{before} {after}");
    let [last_week, yesterday] = ["2026-03-02", "2026-03-09"].map(|day| on(&history, total, day));
    assert!(last_week < yesterday && yesterday < Some(bucket().total_bytes()));
}

#[tokio::test]
async fn a_target_that_failed_for_a_while_has_a_hole_and_no_failure_any_more() {
    let target = TargetId::from_text("acme-test/s3/shared-files/acme-test/");
    let store = store(&target, FAILED, bucket()).await;

    let reader = SnapshotReader::new(store.clone());
    let latest = reader.latest::<BucketSize>(&target).await.unwrap().unwrap();
    assert_eq!(latest.last_failure, None);
    let failed = at("2026-03-05T02:00:00Z")..at("2026-03-06T06:00:00Z");
    let mut runs = Vec::new();
    let range = at("2026-03-04T00:00:00Z")..at("2026-03-07T00:00:00Z");
    let visit =
        |snapshot: Result<Snapshot<BucketSize>, _>| runs.push(snapshot.unwrap().run.scheduled_at);
    reader.each_snapshot(&target, range, visit).await.unwrap();
    assert!(runs.iter().all(|run| !failed.contains(run)), "{runs:?}");
    assert_eq!(runs.len(), 3 * 24 - 30);
}

#[tokio::test]
async fn what_is_older_than_the_retention_of_snapshots_is_history_only() {
    let target = TargetId::from_text("globex-prod/db/globex_prod");
    let store = store(&target, "globex-prod", database()).await;

    let oldest = at(NOW) - TimeDelta::days(35);
    let reader = SnapshotReader::new(store.clone());
    let range = at("2025-12-01T00:00:00Z")..at(NOW);
    let first = reader
        .first_run::<DatabaseSize>(&target, range)
        .await
        .unwrap();
    assert!(first > Some(oldest) && first < Some(oldest + TimeDelta::days(1)));
    let history = history::<DatabaseSize>(store, &target).await;
    assert_eq!(history.moments[0].scheduled_at, at("2026-01-09T18:00:00Z"));
}

#[tokio::test]
async fn the_same_measurement_at_the_same_time_gives_the_same_past() {
    let target = TargetId::from_text("globex-prod/db/globex_prod");
    let (one, other) = tokio::join!(
        store(&target, "globex-prod", database()),
        store(&target, "globex-prod", database())
    );

    assert_eq!(one.dump(), other.dump());
}

/// Returns a past of users whose app has as many as this now.
async fn past_users(count: u32) -> PastUsers {
    let key = DeploymentKey::from_value("0123456789abcdef").key().await;
    let key = key.unwrap_or_else(|why| panic!("{why}"));
    let mut identities = Identities::default();
    for user in 0..count {
        identities.add(key.identity_mac(&user.to_string()), UserType::Unclassified);
    }
    PastUsers {
        target: TargetId::from_text("globex-prod/db/globex_prod"),
        measured: UserActivity {
            counts: UserCounts {
                named: identities.counts(),
                licensed: u64::from(count),
                anonymous: 5,
            },
            concurrent: Some(ConcurrentUsers {
                named_users: 3,
                named_user_sessions: 4,
                anonymous_sessions: 0,
            }),
            identities: Some(KeyedIdentities {
                key_id: key.id(),
                identities,
            }),
        },
        now: at(NOW),
        days: PastUsers::days(MAX_DAYS),
    }
}

#[tokio::test]
async fn users_have_half_a_year_of_growing_months_up_to_yesterday() {
    let past = past_users(300).await;
    let writers = |items| Writers::new(items, RETENTION, HistoryRetention::default());

    let items = past.items(Scratch::new(writers)).await.unwrap();

    let store = Arc::new(MemoryStore::new(Arc::new(FixedClock::at(NOW))));
    for item in items {
        let expect = Expect::Absent;
        store.put(Put { item, expect }).await.unwrap();
    }
    let reader = UserMonthReader::new(store);
    let running = Month::of(at(NOW));
    let months = reader.months(&past.target, running.minus(11), running);
    let months: Vec<_> = months.await.unwrap().into_iter().collect();
    let records: Vec<_> = months
        .into_iter()
        .map(|(_, record)| record.unwrap())
        .collect();
    assert_eq!(records.first().unwrap().month.to_string(), "2025-09");
    assert_eq!(records.len(), 7);
    for record in &records[1..] {
        assert_eq!(record.missing_days(at(NOW)), [0; 0], "{}", record.month);
    }
    let numbers: Vec<_> = records
        .iter()
        .map(|record| record.distinct().unwrap().total())
        .collect();
    assert!(
        numbers[1..6].is_sorted_by(|one, next| one < next),
        "{numbers:?}"
    );
    assert!(*numbers.last().unwrap() <= 300, "{numbers:?}");
    assert!(numbers[1] < 250, "{numbers:?}");
}
