//! Months of users, collected from a real PostgreSQL: through planning, queue, collector and store.

use aws_lambda_events::event::sqs::SqsEvent;
use collector::{BatchHandler, DatabaseCollector, Job, Subject};
use serde_json::json;
use shared::deployment_key::DeploymentKey;
use shared::identities::TypeCounts;
use shared::snapshot::{ConcurrentUsers, UserActivity};
use shared::testing::time::at;
use shared::user_months::{Month, MonthRecord, NoNumber, UserMonthReader};

use super::postgres::{PASSWORD, TestDatabase, databases};
use crate::support::{FleetFile, World};

const KEY: &str = "0123456789abcdef";
/// Tables of a Mendix app before 7.5: no types of users, no sessions.
const TABLES: [&str; 3] = [
    r#"CREATE TABLE "mendixsystem$version" (versionnumber varchar(255) PRIMARY KEY, lastsyncdate timestamp)"#,
    r#"CREATE TABLE "system$user" (id bigint PRIMARY KEY, name varchar(100), password text, lastlogin timestamp,
       blocked boolean, active boolean, webserviceuser boolean, isanonymous boolean)"#,
    r#"GRANT SELECT ON "mendixsystem$version" TO :role"#,
];
const RIGHTS: &str = r#"GRANT SELECT (id, name, lastlogin, blocked, active, webserviceuser, isanonymous)
    ON "system$user" TO :role"#;

/// Returns the statement that adds an account.
fn account(id: u32, name: &str, active: bool) -> String {
    format!(
        r#"INSERT INTO "system$user" VALUES ({id}, '{name}', 'NEVERLEAK', NULL, false, {active}, false, false)"#
    )
}

fn fleet(database: &TestDatabase) -> FleetFile {
    let target = &database.target;
    FleetFile::with(&format!(
        "[[environment]]\nname = \"acme-prod\"\n[environment.database]\nengine = \"postgres\"\n\
         host = \"127.0.0.1\"\nport = {}\nname = \"{}\"\nuser = \"{}\"\nauth = \"env:MRT_TEST_ROLE_PASSWORD\"\n",
        target.port, target.name, target.user
    ))
}

async fn collect(world: &World, database: &TestDatabase, time: &str, key: DeploymentKey) -> usize {
    let job = Job::about(Subject::Users, database.target.id(), at(time));
    let event: SqsEvent = serde_json::from_value(json!({"Records": [{
        "messageId": "1", "body": job.to_json().unwrap(), "attributes": {}, "messageAttributes": {},
    }]}))
    .unwrap();
    let fleet = fleet(database);
    let collector = DatabaseCollector::new(world.ports(&fleet), databases(PASSWORD), key);
    let handled = collector.handle(event).await.unwrap();
    handled.batch_item_failures.len()
}

async fn month(world: &World, database: &TestDatabase, month: &str) -> MonthRecord {
    let month = Month::parse(month).unwrap();
    let reader = UserMonthReader::new(world.store.clone());
    let months = reader.months(&database.target.id(), month, month).await;
    let (_, record) = months.unwrap().pop().unwrap();
    record.unwrap()
}

#[tokio::test]
async fn an_account_that_was_active_on_one_day_counts_for_the_month() {
    let Some(mut database) = TestDatabase::empty().await else {
        return;
    };
    for statement in TABLES {
        database.run(statement).await;
    }
    database.run(RIGHTS).await;
    let accounts = [
        account(1, "MxAdmin", true),
        account(2, "NEVERLEAK-dana@example.org", true),
        account(3, "NEVERLEAK-eve@example.org", false),
    ];
    for account in &accounts {
        database.run(account).await;
    }
    let world = World::at("2026-01-09T06:00:03Z");
    let key = || DeploymentKey::from_value(KEY);

    assert_eq!(
        collect(&world, &database, "2026-01-09T06:00:00Z", key()).await,
        0
    );
    let swap = r#"UPDATE "system$user" SET active = NOT active WHERE id > 1"#;
    database.run(swap).await;
    for _ in 0..2 {
        assert_eq!(
            collect(&world, &database, "2026-01-10T06:00:00Z", key()).await,
            0
        );
    }

    let january = month(&world, &database, "2026-01").await;
    let all = |unclassified| TypeCounts {
        internal: 0,
        external: 0,
        unclassified,
    };
    assert_eq!(january.distinct(), Ok(all(3)));
    assert_eq!(january.days[&9].counts.named, all(2));
    assert_eq!(january.days[&10].counts.named, all(2));
    assert_eq!(january.days[&10].counts.licensed, 1);
    assert_eq!(january.days[&10].peak, None);
    assert_eq!(january.days[&10].runs.len(), 1);
    let id = database.target.id();
    let latest = world.reader.latest::<UserActivity>(&id).await;
    let good = latest.unwrap().unwrap().good.unwrap();
    assert_eq!(good.run.scheduled_at, at("2026-01-10T06:00:00Z"));
    // Nothing that is kept has a name.
    let stored = format!("{:?}", world.store.dump());
    assert!(!stored.contains("NEVERLEAK") && !stored.contains("example.org"));

    assert_eq!(
        collect(
            &world,
            &database,
            "2026-02-01T06:00:00Z",
            DeploymentKey::none()
        )
        .await,
        0
    );
    let february = month(&world, &database, "2026-02").await;
    assert_eq!(february.distinct(), Err(NoNumber::NoKey));
    assert_eq!(february.days[&1].counts.named, all(2));
    database.drop().await;
}

#[tokio::test]
async fn sessions_are_the_peak_of_the_day() {
    let Some(mut database) = TestDatabase::empty().await else {
        return;
    };
    for statement in TABLES {
        database.run(statement).await;
    }
    for statement in [
        RIGHTS,
        r#"CREATE TABLE "system$session" (id bigint PRIMARY KEY, sessionid text, lastactive timestamp)"#,
        r#"CREATE TABLE "system$session_user" ("system$sessionid" bigint, "system$userid" bigint)"#,
        r#"GRANT SELECT (id, lastactive) ON "system$session" TO :role"#,
        r#"GRANT SELECT ON "system$session_user" TO :role"#,
        &account(1, "MxAdmin", true),
        &account(2, "dana", true),
    ] {
        database.run(statement).await;
    }
    let world = World::at("2026-01-09T06:00:03Z");
    let session = |id: u32, user: u32| {
        format!(
            "INSERT INTO \"system$session\" VALUES ({id}, 'NEVERLEAK', '2026-01-09 06:00:00'); \
             INSERT INTO \"system$session_user\" VALUES ({id}, {user})"
        )
    };
    for (id, user) in [(1, 1), (2, 2), (3, 2)] {
        database.run(&session(id, user)).await;
    }
    let key = || DeploymentKey::from_value(KEY);
    collect(&world, &database, "2026-01-09T06:00:00Z", key()).await;
    database.run(r#"DELETE FROM "system$session""#).await;
    collect(&world, &database, "2026-01-09T18:00:00Z", key()).await;

    let record = month(&world, &database, "2026-01").await;

    let peak = ConcurrentUsers {
        named_users: 2,
        named_user_sessions: 3,
        anonymous_sessions: 0,
    };
    assert_eq!(record.days[&9].peak, Some(peak));
    assert_eq!(record.days[&9].runs.len(), 2);
    database.drop().await;
}

/// A database that cannot be read is a failure of its users only, and nothing that was kept changes.
#[tokio::test]
async fn missing_rights_and_a_foreign_database_are_told_apart() {
    let Some(mut database) = TestDatabase::empty().await else {
        return;
    };
    let world = World::at("2026-01-09T06:00:03Z");
    let id = database.target.id();
    let failure = async || {
        let latest = world.reader.latest::<UserActivity>(&id).await;
        latest.unwrap().unwrap().last_failure.unwrap().code
    };
    let key = || DeploymentKey::from_value(KEY);

    collect(&world, &database, "2026-01-09T06:00:00Z", key()).await;
    assert_eq!(failure().await, "not_a_mendix_database");
    for statement in TABLES {
        database.run(statement).await;
    }
    collect(&world, &database, "2026-01-09T07:00:00Z", key()).await;
    assert_eq!(failure().await, "grants_missing");
    let items = world.store.dump();
    assert!(
        items
            .iter()
            .all(|item| !item.key.partition.starts_with("USER_MONTH"))
    );
    database.drop().await;
}
