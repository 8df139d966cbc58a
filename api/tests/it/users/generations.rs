//! Schemas of three generations of Mendix on both engines: what a generation lacks is null with a warning, never an error.

use shared::clock::{Clock, SystemClock};
use shared::fleet::Engine;
use shared::users::UsersError;

use super::count;
use super::database::{BEFORE_7_4, COLUMNS, ENGINES, SEED, TestDatabase, users};

const RENAMED: &str = include_str!("../../fixtures/mendix_renamed.sql");

#[tokio::test]
async fn what_mendix_before_7_4_does_not_store_is_null_with_a_warning() {
    for engine in ENGINES {
        let seed = format!("{SEED}{BEFORE_7_4}");
        let Some(database) = TestDatabase::on(engine, "before_7_4", &seed).await else {
            return;
        };

        let counts = count(&database.environment()).await.unwrap();

        assert_eq!(counts.named.active_humans_by_user_type, None);
        assert_eq!(counts.source.mendix_version, None);
        assert_eq!(counts.source.model_version.as_deref(), Some("1.4.0.317"));
        assert_eq!((counts.named.total, counts.named.active), (5, 4));
        assert_eq!(counts.sessions.unwrap().named_user_sessions, 2);
        // Without user types, nobody is external.
        assert_eq!((counts.metering.internal, counts.metering.external), (4, 0));
        assert_eq!(
            counts.warnings,
            [
                "this app's database has no user types: active_humans_by_user_type is null",
                "this app's database has no column for the Mendix version: mendix_version is null",
            ]
        );
        database.remove().await;
    }
}

#[tokio::test]
async fn associations_in_columns_count_like_those_in_tables() {
    for engine in ENGINES {
        let Some(tables) = TestDatabase::on(engine, "tables", SEED).await else {
            return;
        };
        let seed = format!("{SEED}{COLUMNS}");
        let columns = TestDatabase::on(engine, "columns", &seed).await.unwrap();

        let expected = count(&tables.environment()).await.unwrap();
        let counts = count(&columns.environment()).await.unwrap();

        assert_eq!(counts.named, expected.named);
        assert_eq!(counts.sessions, expected.sessions);
        assert_eq!(counts.by_role, expected.by_role);
        // For metering, two accounts of one person count once, as internal if one of them is.
        assert_eq!(expected.metering.named_user_count, 4);
        assert_eq!(
            (
                counts.metering.named_user_count,
                counts.metering.internal,
                counts.metering.external
            ),
            (3, 3, 0)
        );
        assert_eq!(counts.warnings, Vec::<String>::new());
        tables.remove().await;
        columns.remove().await;
    }
}

/// Names are looked up in Mendix's catalogue: by the grants script, by the probe, and for the statements that restore
/// missing rights.
#[tokio::test]
async fn names_from_the_catalogue_count_like_the_usual_ones() {
    for engine in ENGINES {
        let usual = format!("{SEED}{COLUMNS}");
        let Some(usual) = TestDatabase::on(engine, "usual", &usual).await else {
            return;
        };
        let renamed = format!("{SEED}{COLUMNS}{RENAMED}");
        let renamed = TestDatabase::on(engine, "renamed", &renamed).await.unwrap();

        let expected = count(&usual.environment()).await.unwrap();
        let counts = count(&renamed.environment()).await.unwrap();
        let revoke = match engine {
            Engine::Postgres => format!(
                r#"REVOKE ALL ON "usercommons$identifier_2" FROM {}"#,
                renamed.user()
            ),
            Engine::Mysql => format!(
                "REVOKE SELECT (`value`) ON `{}`.`usercommons$identifier_2` FROM {}",
                renamed.target.name,
                renamed.user()
            ),
        };
        renamed.run(&revoke).await;
        let missing = count(&renamed.environment()).await.unwrap_err();

        assert_eq!(counts, expected);
        assert_eq!(counts.metering.named_user_count, 3);
        let UsersError::GrantsMissing { statements } = missing else {
            panic!("{missing:?}");
        };
        assert_eq!(statements.len(), 1, "{statements:?}");
        for other in ["note", "owner", "changedby"] {
            assert!(!statements[0].contains(other), "{statements:?}");
        }
        renamed.run(&statements[0]).await;
        assert_eq!(count(&renamed.environment()).await.unwrap(), expected);
        usual.remove().await;
        renamed.remove().await;
    }
}

#[tokio::test]
async fn identifiers_in_a_separate_table_count_too() {
    let seed = format!(
        r#"{SEED}{COLUMNS}
        CREATE TABLE "usercommons$nameduseridentifier_user" (
            "usercommons$nameduseridentifierid" bigint NOT NULL, "system$userid" bigint NOT NULL);
        INSERT INTO "usercommons$nameduseridentifier_user"
            SELECT "id", "usercommons$nameduseridentifier_user" FROM "usercommons$nameduseridentifier";
        ALTER TABLE "usercommons$nameduseridentifier" DROP COLUMN "usercommons$nameduseridentifier_user";"#
    );
    for engine in ENGINES {
        let Some(database) = TestDatabase::on(engine, "identifiers", &seed).await else {
            return;
        };

        let counts = count(&database.environment()).await.unwrap();

        assert_eq!(counts.metering.named_user_count, 3);
        database.remove().await;
    }
}

#[tokio::test]
async fn identifiers_in_an_unknown_form_add_a_warning() {
    let seed = format!(
        r#"{SEED}{COLUMNS}
        ALTER TABLE "usercommons$nameduseridentifier" DROP COLUMN "usercommons$nameduseridentifier_user";"#
    );
    let Some(database) = TestDatabase::new("unknown_form", &seed).await else {
        return;
    };

    let counts = count(&database.environment()).await.unwrap();

    assert_eq!(counts.metering.named_user_count, 4);
    assert_eq!(counts.warnings.len(), 1, "{:?}", counts.warnings);
    assert!(counts.warnings[0].contains("metering counts by names"));
    database.remove().await;
}

#[tokio::test]
async fn a_database_without_sessions_and_roles_adds_warnings() {
    let seed = format!(
        r#"{SEED}
        DROP TABLE "system$session_user";
        DROP TABLE "system$userroles";
        DELETE FROM "mendixsystem$association" WHERE "table_name" <> 'system$userreportinfo_user';"#
    );
    for engine in ENGINES {
        let Some(database) = TestDatabase::on(engine, "without", &seed).await else {
            return;
        };

        let counts = count(&database.environment()).await.unwrap();

        assert_eq!(counts.sessions, None);
        assert_eq!((&counts.by_role, counts.without_role), (&None, None));
        assert_eq!(
            counts.warnings,
            [
                "this app's database has no roles: by_role is null",
                "this app's database has no session tables: sessions is null",
            ]
        );
        database.remove().await;
    }
}

/// The shape that several public sources agree on, with every count checked one by one.
#[tokio::test]
async fn the_whole_fixture_has_its_counts() {
    let seed = include_str!("../../fixtures/mendix_fixture.sql");
    let Some(database) = TestDatabase::on(Engine::Postgres, "whole", seed).await else {
        return;
    };

    // Its sessions were active a minute ago, whenever that is.
    let now = SystemClock.now();
    let counts = users().counts(&database.environment(), now).await.unwrap();

    let named = &counts.named;
    assert_eq!(named.total, 5);
    assert_eq!(named.active, 4);
    assert_eq!(named.inactive, 1);
    assert_eq!(named.blocked, 1);
    assert_eq!(named.active_by_kind.human, 3);
    assert_eq!(named.active_by_kind.web_service, 1);
    let types = named.active_humans_by_user_type.as_ref().unwrap();
    assert_eq!(types.internal, 2);
    assert_eq!(types.external, 1);
    assert_eq!(named.active_never_logged_in, 0);
    assert_eq!(counts.license_estimate.named_user_count, 3);
    assert_eq!(counts.metering.named_user_count, 4);
    assert_eq!(counts.metering.internal, 3);
    assert_eq!(counts.metering.external, 1);
    assert_eq!(counts.runtime_metric.named_user_count, 4);
    let sessions = counts.sessions.as_ref().unwrap();
    assert_eq!(sessions.window_seconds, 600);
    assert_eq!(sessions.named_user_sessions, 2);
    assert_eq!(sessions.distinct_named_users, 1);
    assert_eq!(sessions.anonymous_sessions, 1);
    assert_eq!(counts.anonymous_rows, 2);
    let roles: Vec<_> = counts
        .by_role
        .iter()
        .flatten()
        .map(|role| (role.role.as_str(), role.total, role.active))
        .collect();
    assert_eq!(roles, [("Administrator", 2, 2), ("User", 3, 2)]);
    assert_eq!(counts.without_role, Some(1));
    assert_eq!(
        counts.source.mendix_version.as_deref(),
        Some("10.24.4.77222")
    );
    assert_eq!(counts.warnings, Vec::<String>::new());
    database.remove().await;
}
