//! The part of the exam about the months of users.

#![expect(
    clippy::unwrap_used,
    reason = "test support: a case that cannot go on has failed"
)]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;

use super::{Candidate, Case};
use crate::clock::Clock;
use crate::deployment_key::{DeploymentKey, Key};
use crate::fleet::TargetId;
use crate::identities::{Identities, UserType};
use crate::snapshot::{ConcurrentUsers, KeyedIdentities, UserActivity, UserCounts};
use crate::store::StoreError;
use crate::store::failing::FailingStore;
use crate::testing::time::at;
use crate::user_months::{
    ActiveRun, Month, MonthRecord, NoNumber, UserMonthReader, UserMonthWriter,
};

pub(super) const CASES: [(&str, Case); 5] = [
    (
        "whoever was active on any day of a month counts once",
        |c| Box::pin(any_day(c)),
    ),
    ("writers of one month lose nothing", |c| {
        Box::pin(concurrent(c))
    }),
    ("a set above the item limit comes back whole", |c| {
        Box::pin(large_set(c))
    }),
    ("any failing call leaves a month that heals", |c| {
        Box::pin(failing_calls(c))
    }),
    ("months expire after three years", |c| Box::pin(expiry(c))),
];

const YEAR: Duration = Duration::from_secs(366 * 86_400);

struct Scene {
    c: Candidate,
    target: TargetId,
    key: Key,
}

impl Scene {
    async fn new(c: Candidate) -> Self {
        let target = TargetId::from_text(&format!("{}/db/acme", c.name));
        let key = DeploymentKey::from_value("0123456789abcdef").key().await;
        Self {
            key: key.unwrap_or_else(|_| unreachable!("the key is long enough")),
            c,
            target,
        }
    }

    fn activity(&self, users: impl Iterator<Item = u32>, sessions: u64) -> UserActivity {
        let mut identities = Identities::default();
        for user in users {
            identities.add(self.key.identity_mac(&user.to_string()), UserType::Internal);
        }
        UserActivity {
            counts: UserCounts {
                named: identities.counts(),
                licensed: 0,
                anonymous: 0,
            },
            concurrent: Some(ConcurrentUsers {
                named_users: sessions,
                named_user_sessions: sessions + 1,
                anonymous_sessions: 0,
            }),
            identities: Some(KeyedIdentities {
                key_id: self.key.id(),
                identities,
            }),
        }
    }

    fn writer(&self) -> UserMonthWriter {
        UserMonthWriter::new(Arc::clone(&self.c.store), None)
    }

    async fn take_in(&self, time: &str, activity: &UserActivity) -> Result<(), StoreError> {
        self.take_in_by(&self.writer(), time, activity).await
    }

    async fn take_in_by(
        &self,
        writer: &UserMonthWriter,
        time: &str,
        activity: &UserActivity,
    ) -> Result<(), StoreError> {
        let run = ActiveRun {
            scheduled_at: at(time),
            taken_at: at(time),
            activity,
        };
        writer.take_in(&self.target, &run).await
    }

    async fn months(&self) -> Vec<MonthRecord> {
        let reader = UserMonthReader::new(Arc::clone(&self.c.store));
        let (first, last) = (
            Month::parse("2025-01").unwrap(),
            Month::parse("2029-12").unwrap(),
        );
        let months = reader.months(&self.target, first, last).await.unwrap();
        months
            .into_iter()
            .map(|(_, month)| month.unwrap())
            .collect()
    }
}

async fn any_day(c: Candidate) {
    let scene = Scene::new(c).await;
    // Out of order, one of them twice.
    for (time, users, sessions) in [
        ("2026-01-05T06:00:00Z", 10..20, 1),
        ("2026-02-01T00:00:00Z", 0..3, 4),
        ("2026-01-31T23:59:59Z", 15..25, 2),
        ("2026-01-01T00:00:00Z", 0..12, 9),
        ("2026-01-05T18:00:00Z", 10..11, 7),
        ("2026-01-01T00:00:00Z", 0..12, 9),
    ] {
        let activity = scene.activity(users, sessions);
        scene.take_in(time, &activity).await.unwrap();
    }

    let months = scene.months().await;

    assert_eq!(months.len(), 2, "{months:?}");
    let (january, february) = (&months[0], &months[1]);
    assert_eq!(january.distinct().unwrap().total(), 25);
    assert_eq!(february.distinct().unwrap().total(), 3);
    assert_eq!(
        january.new_by_day,
        BTreeMap::from([(1, 12), (5, 8), (31, 5)])
    );
    let fifth = &january.days[&5];
    // The newest run counts, and the peak is any run's.
    assert_eq!(fifth.counts.named.total(), 1);
    assert_eq!(fifth.peak.map(|peak| peak.named_users), Some(7));
    assert_eq!(fifth.runs.len(), 2);
    assert_eq!(january.days[&1].runs.len(), 1);
    let missing = january.missing_days(at("2026-02-02T00:00:00Z"));
    assert_eq!(missing.len(), 28);
    assert_eq!(february.missing_days(at("2026-02-02T12:00:00Z")), [0; 0]);

    // Without a key there are counts, and the day's identities are missing.
    let without_key = UserActivity {
        identities: None,
        ..scene.activity(0..5, 1)
    };
    scene
        .take_in("2026-02-02T00:00:00Z", &without_key)
        .await
        .unwrap();
    scene
        .take_in("2026-03-01T00:00:00Z", &without_key)
        .await
        .unwrap();
    let months = scene.months().await;
    assert_eq!(months[1].distinct().unwrap().total(), 3);
    assert_eq!(months[1].missing_days(at("2026-02-03T12:00:00Z")), [2]);
    assert_eq!(months[2].distinct(), Err(NoNumber::NoKey));

    // Under another key nobody can be found again.
    let other = DeploymentKey::from_value("another key that is long enough")
        .key()
        .await;
    let other = Scene {
        key: other.unwrap_or_else(|_| unreachable!("the key is long enough")),
        c: scene.c.clone(),
        target: scene.target.clone(),
    };
    let activity = other.activity(0..5, 1);
    other
        .take_in("2026-02-03T00:00:00Z", &activity)
        .await
        .unwrap();
    assert_eq!(
        scene.months().await[1].distinct(),
        Err(NoNumber::KeyChanged)
    );
}

async fn concurrent(c: Candidate) {
    let scene = Scene::new(c).await;
    let writers = (1..=6_u32).map(|day| {
        let scene = &scene;
        async move {
            let activity = scene.activity(day * 10..day * 10 + 15, 1);
            let time = format!("2026-01-{day:02}T00:00:00Z");
            // Who loses against others too often is delivered again.
            while let Err(error) = scene.take_in(&time, &activity).await {
                assert!(
                    matches!(
                        error,
                        StoreError::Contended { .. } | StoreError::Unreadable { .. }
                    ),
                    "{error}"
                );
            }
        }
    });
    join_all(writers).await;

    let months = scene.months().await;

    assert_eq!(months[0].distinct().unwrap().total(), 65);
    assert_eq!(months[0].days.len(), 6);
}

async fn large_set(c: Candidate) {
    let scene = Scene::new(c).await;
    let many = scene.activity(0..100_000, 1);

    scene.take_in("2026-01-01T00:00:00Z", &many).await.unwrap();
    let more = scene.activity(99_990..100_010, 1);
    scene.take_in("2026-01-02T00:00:00Z", &more).await.unwrap();

    let reader = UserMonthReader::new(Arc::clone(&scene.c.store));
    let month = Month::parse("2026-01").unwrap();
    let found = reader.active_users(&scene.target, month).await.unwrap();
    let (record, users) = found.unwrap();
    assert_eq!(record.distinct().unwrap().total(), 100_010);
    assert_eq!(users.len(), 100_010);
    assert_eq!(record.new_by_day, BTreeMap::from([(1, 100_000), (2, 10)]));
}

async fn failing_calls(c: Candidate) {
    let scene = Scene::new(c).await;
    let activity = scene.activity(0..5, 1);
    scene
        .take_in("2026-01-01T00:00:00Z", &activity)
        .await
        .unwrap();
    let next = scene.activity(3..9, 1);
    for call in 1..=3 {
        let store = FailingStore::new(Arc::clone(&scene.c.store), [call]);
        let writer = UserMonthWriter::new(Arc::new(store), None);

        let failed = scene
            .take_in_by(&writer, "2026-01-02T00:00:00Z", &next)
            .await;

        assert!(
            matches!(failed, Err(StoreError::Unavailable(_))),
            "call {call}"
        );
        assert_eq!(scene.months().await[0].distinct().unwrap().total(), 5);
    }
    scene.take_in("2026-01-02T00:00:00Z", &next).await.unwrap();
    assert_eq!(scene.months().await[0].distinct().unwrap().total(), 9);
}

async fn expiry(c: Candidate) {
    let scene = Scene::new(c).await;
    let activity = scene.activity(0..5, 1);
    let short = UserMonthWriter::new(Arc::clone(&scene.c.store), Some(YEAR));
    scene
        .take_in("2026-01-01T00:00:00Z", &activity)
        .await
        .unwrap();
    scene
        .take_in_by(&short, "2026-02-01T00:00:00Z", &activity)
        .await
        .unwrap();
    let at_month = async |time: &str| {
        let later = at(time) - scene.c.clock.now();
        scene.c.clock.advance(later.to_std().unwrap());
        scene
            .months()
            .await
            .into_iter()
            .map(|month| month.month.to_string())
            .collect::<Vec<_>>()
    };

    assert_eq!(
        at_month("2027-02-28T00:00:00Z").await,
        ["2026-01", "2026-02"]
    );
    assert_eq!(at_month("2028-12-31T00:00:00Z").await, ["2026-01"]);
    assert_eq!(at_month("2029-02-01T00:00:00Z").await, [""; 0]);
}
