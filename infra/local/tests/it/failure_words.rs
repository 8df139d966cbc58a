//! What a database's server says reaches everybody who could act on it.

use std::process::Command;

use serde_json::Value;
use sqlx::AssertSqlSafe;

use crate::harness::{MRT, Server, close, data_folder, eventually, has_postgres};

/// The database allows no connections: an error of the server that has no word of ours.
#[tokio::test]
async fn an_error_of_the_server_is_told_by_the_answer_the_log_the_doctor_and_the_command() {
    if !has_postgres() {
        return;
    }
    let data = data_folder();
    let server = Server::start(data.path(), "1s").await;
    let token = server.token(&[]);
    let path = "/table_size?environment=globex-test";
    server.item(path, &token, |_| true).await;
    let fleet = std::fs::read_to_string(data.path().join("demo/fleet.toml")).unwrap();
    let fleet = shared::fleet::Fleet::parse("fleet.toml", &fleet).unwrap();
    let target = fleet
        .environment("globex-test")
        .unwrap()
        .database
        .clone()
        .unwrap();

    let mut connection = server.superuser("acme-prod").await;
    let statement = format!("ALTER DATABASE \"{}\" ALLOW_CONNECTIONS false", target.name);
    sqlx::raw_sql(AssertSqlSafe(statement))
        .execute(&mut connection)
        .await
        .unwrap();
    close(connection).await;

    let words = [
        "55000".to_owned(),
        format!(
            "database \"{}\" is not currently accepting connections",
            target.name
        ),
    ];
    let failed = server
        .item(path, &token, |item| item["last_failure"] != Value::Null)
        .await;
    let failure = &failed["last_failure"];
    assert_eq!(failure["code"], "database_failed", "{failure}");
    let reason = failure["reason"].as_str().unwrap();
    let all_in = |text: &str| words.iter().all(|words| text.contains(words.as_str()));
    assert!(all_in(reason), "{reason}");
    eventually("the words in the log", async || {
        // The log quotes a reason.
        all_in(&server.output().replace("\\\"", "\"")).then_some(())
    })
    .await;
    let doctor = Command::new(MRT)
        .args(["doctor", "--data"])
        .arg(data.path())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&doctor.stdout);
    assert_eq!(doctor.status.code(), Some(3), "{text}");
    // Long lines wrap.
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(all_in(&text), "{text}");
    let url = format!(
        "postgres://postgres@{}:{}/{}",
        target.host, target.port, target.name
    );
    let password = std::fs::read_to_string(data.path().join("demo/postgres.password")).unwrap();
    let command = Command::new(MRT)
        .args(["table-size", &url])
        .env("PGPASSWORD", password.trim())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&command.stderr);
    assert!(!command.status.success());
    assert!(all_in(&text), "{text}");
}
