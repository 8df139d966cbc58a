//! The grants script and the statements in `GrantsMissing`, on real servers.

use std::time::Duration;

use api::users::Users;
use shared::fleet::Engine;
use shared::users::{UsersError, grants_script};

use super::database::{ENGINES, SEED, TestDatabase, databases_with};
use super::{count, now};

async fn missing_statements(database: &TestDatabase) -> Vec<String> {
    match count(&database.environment()).await {
        Err(UsersError::GrantsMissing { statements }) => statements,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn the_role_can_read_flags_but_no_secret_and_write_nothing() {
    for engine in ENGINES {
        let Some(database) = TestDatabase::on(engine, "secrets", SEED).await else {
            return;
        };
        let refused = |statement: &'static str| {
            let quoted = match engine {
                Engine::Postgres => statement.to_owned(),
                Engine::Mysql => statement.replace('"', "`"),
            };
            let database = &database;
            async move { database.refusal(&quoted).await }
        };

        for statement in [
            r#"SELECT "password" FROM "system$user""#,
            r#"SELECT * FROM "system$user""#,
            r#"SELECT "sessionid" FROM "system$session""#,
            r#"SELECT "token" FROM "system$tokeninformation""#,
            r#"SELECT "email" FROM "administration$account""#,
            r#"SELECT "name" FROM "system$filedocument""#,
            r#"SELECT "hash" FROM "system$userreportinfo""#,
            r#"DELETE FROM "system$session""#,
            r#"UPDATE "system$user" SET "active" = true"#,
        ] {
            let code = refused(statement).await;
            // insufficient_privilege; MySQL's "access denied" classes.
            assert!(
                ["42501", "42000"].contains(&code.as_str()),
                "{code} {statement}"
            );
        }
        for statement in [
            r#"SELECT "id", "name", "active" FROM "system$user""#,
            r#"SELECT "entity_name", "table_name" FROM "mendixsystem$entity""#,
        ] {
            assert_eq!(refused(statement).await, "", "{statement}");
        }
        database.remove().await;
    }
}

#[tokio::test]
async fn the_script_can_run_twice_and_on_any_database() {
    let Some(database) = TestDatabase::new("empty", "").await else {
        return;
    };

    database.run(&grants_script(&database.target)).await;

    assert!(matches!(
        count(&database.environment()).await,
        Err(UsersError::NotAMendixDatabase)
    ));
    database.remove().await;
}

#[tokio::test]
async fn names_with_quotes_and_dollars_work_from_script_to_count() {
    let Some(database) = TestDatabase::new(r#"o'dd "$mrt$ \{{role}}"#, SEED).await else {
        return;
    };

    let counts = count(&database.environment()).await.unwrap();
    let role = database.target.user.replace('"', "\"\"");
    database
        .run(&format!(r#"REVOKE ALL ON "system$user" FROM "{role}""#))
        .await;
    for statement in missing_statements(&database).await {
        database.run(&statement).await;
    }

    assert_eq!(count(&database.environment()).await.unwrap(), counts);
    database.remove().await;
}

#[tokio::test]
async fn names_with_quotes_work_on_mysql_too() {
    let name = r#"o'dd `x` \{{grants}}"#;
    let Some(database) = TestDatabase::on(Engine::Mysql, name, SEED).await else {
        return;
    };

    let counts = count(&database.environment()).await.unwrap();

    assert_eq!(counts.named.total, 5);
    database.remove().await;
}

/// MySQL hides what an account may not read, so rights are restored in steps; each step lists what can be granted.
#[tokio::test]
async fn on_mysql_the_statements_lead_from_no_rights_to_all_rights() {
    let Some(database) = TestDatabase::on(Engine::Mysql, "steps", SEED).await else {
        return;
    };
    let counts = count(&database.environment()).await.unwrap();
    let user = database.user();
    database
        .run(&format!("REVOKE ALL PRIVILEGES, GRANT OPTION FROM {user}"))
        .await;

    let mut steps = Vec::new();
    while let Err(error) = count(&database.environment()).await {
        let UsersError::GrantsMissing { statements } = error else {
            panic!("{error:?}");
        };
        for statement in &statements {
            database.run(statement).await;
        }
        steps.push(statements);
        assert!(steps.len() < 6, "{steps:?}");
    }

    assert!(!format!("{steps:?}").contains("password"), "{steps:?}");
    assert_eq!(count(&database.environment()).await.unwrap(), counts);
    database.remove().await;
}

/// A revoked right on one column is reported by name, and a column that this version lacks is not.
#[tokio::test]
async fn on_mysql_one_missing_right_is_one_statement() {
    let old = format!("{SEED}{}", super::database::BEFORE_7_4);
    for seed in [SEED, old.as_str()] {
        let Some(database) = TestDatabase::on(Engine::Mysql, "one", seed).await else {
            return;
        };
        let user = database.user();
        let name = &database.target.name;
        database
            .run(&format!(
                "REVOKE SELECT (`active`) ON `{name}`.`system$user` FROM {user}"
            ))
            .await;

        let statements = missing_statements(&database).await;

        assert_eq!(
            statements,
            [format!(
                "GRANT SELECT (`active`) ON `{name}`.`system$user` TO {user};"
            )]
        );
        database.remove().await;
    }
}

#[tokio::test]
async fn the_statements_grant_exactly_the_missing_rights() {
    let Some(database) = TestDatabase::new("revoked", SEED).await else {
        return;
    };
    let counts = count(&database.environment()).await.unwrap();
    let (name, role) = (&database.target.name, &database.target.user);
    database
        .run(&format!(
            r#"REVOKE ALL ON ALL TABLES IN SCHEMA public FROM "{role}";
               REVOKE ALL ON SCHEMA public FROM PUBLIC, "{role}";
               REVOKE ALL ON DATABASE "{name}" FROM PUBLIC, "{role}";"#
        ))
        .await;

    let connect = missing_statements(&database).await;
    assert_eq!(
        connect,
        [format!(
            r#"GRANT CONNECT ON DATABASE "{name}" TO "{role}";"#
        )]
    );
    database.run(&connect[0]).await;
    let statements = missing_statements(&database).await;

    assert_eq!(
        statements[0],
        format!(r#"GRANT USAGE ON SCHEMA public TO "{role}";"#)
    );
    assert_eq!(
        statements.len(),
        11,
        "one for the schema and each of ten tables"
    );
    assert!(!statements.join("").contains("password"), "{statements:?}");
    for statement in &statements {
        database.run(statement).await;
    }
    assert_eq!(count(&database.environment()).await.unwrap(), counts);
    database.remove().await;
}

/// Mendix recreates tables when it changes its storage, and rights on columns are lost with the old table.
#[tokio::test]
async fn a_recreated_table_needs_its_rights_again() {
    let Some(database) = TestDatabase::new("anew", SEED).await else {
        return;
    };
    database
        .run(
            r#"CREATE TABLE copy AS SELECT * FROM "system$session";
               DROP TABLE "system$session";
               ALTER TABLE copy RENAME TO "system$session";"#,
        )
        .await;

    let statements = missing_statements(&database).await;

    let role = &database.target.user;
    assert_eq!(
        statements,
        [format!(
            r#"GRANT SELECT ("id", "lastactive") ON public."system$session" TO "{role}";"#
        )]
    );
    database.remove().await;
}

/// Rights can be denied without being visible in the probe, here by a policy's function.
#[tokio::test]
async fn rights_that_are_lost_after_the_probe_are_missing_rights_too() {
    let policy = format!(
        r#"{SEED}
        CREATE FUNCTION hidden() RETURNS boolean LANGUAGE sql AS $$ SELECT true $$;
        REVOKE ALL ON FUNCTION hidden() FROM PUBLIC;
        ALTER TABLE "system$user" ENABLE ROW LEVEL SECURITY;
        CREATE POLICY refused ON "system$user" USING (hidden());"#
    );
    let Some(database) = TestDatabase::new("policy", &policy).await else {
        return;
    };

    let statements = missing_statements(&database).await;

    let tables = statements
        .iter()
        .filter(|statement| statement.contains("system$"))
        .count();
    assert_eq!(tables, 10, "{statements:?}");
    database.remove().await;
}

#[tokio::test]
async fn a_failed_login_has_its_cause() {
    let Some(database) = TestDatabase::new("login", SEED).await else {
        return;
    };
    let environment = database.environment();
    let mut elsewhere = environment.clone();
    elsewhere.database.as_mut().unwrap().name.push_str("_gone");
    let mut closed = environment.clone();
    closed.database.as_mut().unwrap().port = 9;

    let code = async |environment, databases| {
        let users = Users::new(databases, Duration::ZERO);
        match users.counts(environment, now()).await {
            Err(UsersError::Database(error)) => error.code(),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(
        code(&environment, databases_with("wrong")).await,
        "login_refused"
    );
    assert_eq!(
        code(&elsewhere, super::database::databases()).await,
        "database_missing"
    );
    assert_eq!(
        code(&closed, super::database::databases()).await,
        "connection_refused"
    );
    database.remove().await;
}

/// Another program's database may have a table with the name of one of Mendix's.
#[tokio::test]
async fn tables_with_other_columns_are_not_a_mendix_database() {
    let other = r#"CREATE TABLE "system$user" (id bigint, name text);
                   CREATE TABLE "mendixsystem$version" (lastsyncdate timestamp);"#;
    let Some(database) = TestDatabase::new("other", other).await else {
        return;
    };

    let error = count(&database.environment()).await.unwrap_err();

    assert!(matches!(error, UsersError::NotAMendixDatabase), "{error:?}");
    database.remove().await;
}
