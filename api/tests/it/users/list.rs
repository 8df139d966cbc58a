//! `view=list`: pages, filters, pseudonyms, and names for callers that may see them.

use serde_json::{Value, json};
use shared::deployment_key::DeploymentKey;

use super::database::{BEFORE_7_4, COLUMNS, ENGINES, SEED, TestDatabase};
use super::documented;
use super::http::{SCOPE, server_with};
use crate::harness::{NOW, Reply, TestServer, World, get};
use crate::logs::Logs;

const KEY: &str = "0123456789abcdef";
const LIST: &str = "/users/list?environment=acme-prod";
/// The deprecated form of the same.
const ALIAS: &str = "/users?environment=acme-prod&view=list";

fn server(world: &World) -> TestServer {
    server_with(world, DeploymentKey::from_value(KEY))
}

async fn list(server: &TestServer, filters: &str) -> Reply {
    let reply = server
        .ask(get(&format!("{LIST}{filters}")).scopes(SCOPE))
        .await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    reply
}

/// Returns the last digits of the ids on a page, which identify the fixture's users.
fn ids(reply: &Reply) -> Vec<String> {
    let users = reply.json()["users"].as_array().unwrap().clone();
    let id = |user: &Value| user["id"].as_str().unwrap()[12..].to_owned();
    users.iter().map(id).collect()
}

#[tokio::test]
async fn a_user_has_the_documented_form_on_both_engines() {
    for engine in ENGINES {
        let Some(database) = TestDatabase::on(engine, "list_example", SEED).await else {
            return;
        };
        let world = World::new(&database.fleet("acme-prod"));
        let server = server(&world);

        let first = list(&server, "&kind=human&limit=1").await;
        let cursor = first.json()["next"].as_str().unwrap().to_owned();
        let second = list(&server, &format!("&kind=human&limit=1&cursor={cursor}")).await;

        let alias = format!("{ALIAS}&kind=human&limit=1&cursor={cursor}");
        let alias = server.ask(get(&alias).scopes(SCOPE)).await;
        assert_eq!(alias.json(), second.json());

        let mut expected = documented(1);
        expected["as_of"] = NOW.into();
        expected["source"]["engine"] = engine.as_str().into();
        assert_eq!(second.json(), expected);
        assert!(second.header("link").ends_with("rel=\"next\""));
        database.remove().await;
    }
}

#[tokio::test]
async fn every_filter_selects_its_users_and_pages_cover_all_of_them() {
    for engine in ENGINES {
        let Some(database) = TestDatabase::on(engine, "filters", SEED).await else {
            return;
        };
        let world = World::new(&database.fleet("acme-prod"));
        let server = server(&world);

        // 1 is the administrator, 2 Dana, 3 Erik, 4 Farah, 5 the web service, 6 and 7 visitors; 8 has no name.
        for (filters, expected) in [
            ("", "969 970 971 972 973"),
            ("&active=true", "969 970 971 973"),
            ("&active=false", "972"),
            ("&kind=human", "969 970 971 972"),
            ("&kind=web_service", "973"),
            ("&kind=anonymous", "974 975"),
            ("&user_type=internal", "970"),
            ("&user_type=external", "971"),
            ("&user_type=unclassified", "969 972 973"),
            ("&user_type=unclassified&kind=anonymous", ""),
            ("&role=User", "970 971 972"),
            ("&role=User&active=true", "970 971"),
            ("&role=Nobody", ""),
            // Since 2025-10-14: Erik's last login was before, Farah was created before and never logged in.
            ("&inactive_days=90", "971 972"),
            ("&inactive_days=90&active=true", "971"),
            ("&inactive_days=36500", ""),
        ] {
            let reply = list(&server, filters).await;
            assert_eq!(ids(&reply).join(" "), expected, "{filters}");
            assert_eq!(reply.json()["next"], Value::Null, "{filters}");
        }
        let mut walked = Vec::new();
        let mut cursor = String::new();
        loop {
            let page = list(&server, &format!("&limit=2{cursor}")).await;
            walked.extend(ids(&page));
            match page.json()["next"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        assert_eq!(walked.join(" "), "969 970 971 972 973");
        database.remove().await;
    }
}

/// A client joins environments by pseudonym, so it is of the identity that metering counts.
#[tokio::test]
async fn a_pseudonym_is_of_the_identifier_where_the_app_has_one() {
    for engine in ENGINES {
        let seed = format!("{SEED}{COLUMNS}");
        let Some(database) = TestDatabase::on(engine, "identity", &seed).await else {
            return;
        };
        let world = World::new(&database.fleet("acme-prod"));
        let key = DeploymentKey::from_value(KEY).key().await.unwrap();

        let reply = list(&server(&world), "").await;

        let body = reply.json();
        let user = |index: usize| body["users"][index]["user"].as_str().unwrap().to_owned();
        assert_eq!(user(1), key.pseudonym("NEVERLEAK-person"));
        assert_eq!(user(2), user(1), "Dana and Erik are one person");
        assert_eq!(user(0), key.pseudonym("MxAdmin"), "without an identifier");
        assert!(!reply.text.contains("NEVERLEAK"), "{}", reply.text);
        database.remove().await;
    }
}

#[tokio::test]
async fn without_a_key_there_are_no_pseudonyms_and_no_names() {
    let Some(database) = TestDatabase::new("no_key", SEED).await else {
        return;
    };
    let world = World::new(&database.fleet("acme-prod"));

    let reply = list(&server_with(&world, DeploymentKey::none()), "").await;

    let body = reply.json();
    for user in body["users"].as_array().unwrap() {
        assert_eq!((&user["user"], &user["name"]), (&Value::Null, &Value::Null));
    }
    assert_eq!(
        body["warnings"],
        json!(["this deployment has no key: user is null"])
    );
    database.remove().await;
}

#[tokio::test]
async fn names_need_their_scope_and_each_access_is_logged_without_names() {
    let Some(database) = TestDatabase::new("names", SEED).await else {
        return;
    };
    let world = World::new(&database.fleet("acme-prod"));
    let server = server(&world);
    let both = format!("{SCOPE} mrt/users.pii");
    let logs = Logs::start();

    // The scope alone shows nothing: names must be requested.
    let plain = server.ask(get(LIST).scopes(&both)).await;
    assert!(!plain.text.contains("dana@"), "{}", plain.text);
    assert!(!logs.text().contains("clear names"), "{}", logs.text());

    let clear = server
        .ask(get(&format!("{LIST}&names=clear")).scopes(&both))
        .await;
    let body = clear.json();
    assert_eq!(body["users"][1]["name"], "dana@example.org");
    assert_eq!(body["users"][1]["user"], "u_c6777f54a1a735bb");
    assert!(!clear.text.contains("Dana NEVERLEAK"), "no full names");
    let logged = logs.text();
    for expected in [
        "clear names of users were read",
        "client.id=\"test-client\"",
        "request.id=\"test-request\"",
        "environment=\"acme-prod\"",
        "user_count=5",
    ] {
        assert!(logged.contains(expected), "{expected}: {logged}");
    }
    assert!(
        !logged.contains("dana") && !logged.contains("svc_"),
        "{logged}"
    );
    database.remove().await;
}

#[tokio::test]
async fn an_old_schema_has_nulls_with_warnings() {
    let seed = format!(
        r#"{SEED}{BEFORE_7_4}
        ALTER TABLE "system$user" DROP COLUMN "createddate";
        ALTER TABLE "system$user" DROP COLUMN "submetaobjectname";
        DROP TABLE "system$userroles";
        DELETE FROM "mendixsystem$association" WHERE "table_name" = 'system$userroles';"#
    );
    for engine in ENGINES {
        let Some(database) = TestDatabase::on(engine, "old_list", &seed).await else {
            return;
        };
        let world = World::new(&database.fleet("acme-prod"));
        let server = server(&world);

        let reply = list(&server, "").await;

        let body = reply.json();
        let erik = &body["users"][2];
        for field in ["blocked_since", "created", "entity", "user_type", "roles"] {
            assert_eq!(erik[field], Value::Null, "{field}");
        }
        assert_eq!(
            (&erik["blocked"], &erik["last_login"]),
            (&json!(true), &json!("2025-06-01T10:00:00Z"))
        );
        assert_eq!(body["warnings"].as_array().unwrap().len(), 6, "{body}");
        // Farah never logged in, and the time of her creation is not stored.
        assert_eq!(
            ids(&list(&server, "&inactive_days=90").await),
            ["971", "972"]
        );
        assert_eq!(ids(&list(&server, "&role=User").await), [""; 0]);
        database.remove().await;
    }
}
