//! Secrets and names never leave in answers, headers, errors or logs, on both engines and in every generation of Mendix.
//!
//! The fixtures contain `NEVERLEAK` in the columns that are not read, and the harness checks every answer for it too.

use shared::deployment_key::DeploymentKey;
use shared::fleet::Engine;
use shared::telemetry::error_chain;

use super::count;
use super::database::{BEFORE_7_4, COLUMNS, ENGINES, SEED, TestDatabase};
use super::http::{SCOPE, server_with};
use crate::harness::{World, get};
use crate::logs::Logs;

/// Names and addresses of accounts, which are hidden from callers without the scope.
const NAMES: [&str; 6] = ["dana", "erik", "farah", "svc_warehouse", "Anonymous_", "@"];

fn check(text: &str, names: &[&str]) {
    assert!(!text.to_lowercase().contains("neverleak"), "{text}");
    for name in names {
        assert!(!text.contains(name), "{name}: {text}");
    }
}

#[tokio::test]
async fn answers_and_log_lines_contain_no_names_and_no_secrets() {
    for engine in ENGINES {
        for (generation, parts) in [
            ("old", &[SEED, BEFORE_7_4][..]),
            ("nine", &[SEED]),
            ("new", &[SEED, COLUMNS]),
        ] {
            let suffix = format!("leak_{generation}");
            let Some(database) = TestDatabase::on(engine, &suffix, &parts.concat()).await else {
                return;
            };
            let world = World::new(&database.fleet("acme-prod"));
            let server = server_with(&world, DeploymentKey::from_value("0123456789abcdef"));
            let logs = Logs::start();
            let list = "/users?environment=acme-prod&view=list";

            for path in [
                "/users",
                "/users?environment=acme-prod",
                list,
                &format!("{list}&inactive_days=1"),
                &format!("{list}&active=false"),
                &format!("{list}&role=User"),
                &format!("{list}&kind=anonymous"),
                &format!("{list}&limit=1"),
            ] {
                let reply = server.ask(get(path).scopes(SCOPE)).await;
                assert_eq!(reply.status, 200, "{path}: {}", reply.text);
                check(&reply.text, &NAMES);
                check(&format!("{:?}", reply.headers), &NAMES);
            }
            let clear = get(&format!("{list}&names=clear")).scopes("mrt/users.read mrt/users.pii");
            let shown = server.ask(clear).await;
            assert!(shown.text.contains("dana@example.org"), "{}", shown.text);
            // Full names are in the same table as e-mail addresses.
            check(&shown.text, &["Dana", "Erik"]);

            assert!(logs.text().contains("answered /users"), "{}", logs.text());
            check(&logs.text(), &NAMES);
            database.remove().await;
        }
    }
}

#[tokio::test]
async fn errors_contain_no_names_and_no_secrets_on_both_engines() {
    for engine in ENGINES {
        let Some(database) = TestDatabase::on(engine, "leak_error", SEED).await else {
            return;
        };
        let environment = database.environment();
        let world = World::new(&database.fleet("acme-prod"));
        let server = server_with(&world, DeploymentKey::none());
        let logs = Logs::start();
        let quotes = match engine {
            Engine::Postgres => "",
            Engine::Mysql => "SET SESSION sql_mode = 'ANSI_QUOTES';",
        };

        for change in [
            // With other types: text instead of numbers.
            r#"DROP TABLE "system$userrole";
               CREATE TABLE "system$userrole" ("id" varchar(20), "name" varchar(20));
               INSERT INTO "system$userrole" VALUES ('NEVERLEAK', 'NEVERLEAK');"#,
            r#"DROP TABLE "mendixsystem$version";"#,
        ] {
            database.run(&format!("{quotes}{change}")).await;
            if let Err(error) = count(&environment).await {
                check(&format!("{error:?} {}", error_chain(&error)), &NAMES);
            }
            for path in [
                "/users?environment=acme-prod",
                "/users?environment=acme-prod&view=list",
                "/users",
            ] {
                let reply = server.ask(get(path).scopes(SCOPE)).await;
                check(&reply.text, &NAMES);
            }
        }

        assert!(count(&environment).await.is_err());
        assert!(!logs.text().is_empty());
        check(&logs.text(), &NAMES);
        database.remove().await;
    }
}
