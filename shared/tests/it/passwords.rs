//! Passwords with characters that people do not expect in them, on real servers.

use shared::aws::Aws;
use shared::fleet::{Auth, DatabaseTarget, Engine};
use shared::testing;
use sqlx::mysql::MySqlConnection;
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection, Executor};

use crate::logins::{LIMIT, administrator, connect_postgres, databases, failure};

/// Returns a role of PostgreSQL as a target, and the session that made it.
async fn role(name: &str) -> Option<(DatabaseTarget, PgConnection)> {
    let (administrator, password) = administrator(Engine::Postgres)?;
    let mut session = connect_postgres(&administrator, &password).await;
    let user = format!("{name}_{}", std::process::id());
    let create = AssertSqlSafe(format!("CREATE ROLE {user} LOGIN"));
    session.execute(create).await.unwrap();
    let target = DatabaseTarget {
        user,
        ..administrator
    };
    Some((target, session))
}

async fn set_password(session: &mut PgConnection, role: &str, password: &str) {
    let change = AssertSqlSafe(format!("ALTER ROLE {role} PASSWORD '{password}'"));
    session.execute(change).await.unwrap();
}

/// The server prepares a password when it is set. One that preparation refuses is used as it is, by the server and libpq.
#[tokio::test]
async fn a_password_is_prepared_as_the_server_prepares_it() {
    let Some((target, mut session)) = role("mrt_prepared").await else {
        return;
    };
    for (stored, also_accepted) in [
        ("NEVERLEAK\ttab", "NEVERLEAK\ttab"),
        ("NEVERLEAK newline\n", "NEVERLEAK newline\n"),
        ("NEVERLEAK\u{7f}", "NEVERLEAK\u{7f}"),
        // Composed and decomposed letters, and letters that stand for others.
        ("NEVERLEAK e\u{301}", "NEVERLEAK \u{e9}"),
        ("NEVERLEAK \u{fb01}", "NEVERLEAK fi"),
        ("NEVERLEAK \u{ff21}\u{2168}", "NEVERLEAK AIX"),
        // An emoji is refused, so the letter next to it stays what it is.
        (
            "NEVERLEAK \u{1f600} \u{fb01}",
            "NEVERLEAK \u{1f600} \u{fb01}",
        ),
        ("NEVERLEAK\t\u{fb01}", "NEVERLEAK\t\u{fb01}"),
        ("NEVERLEAK\u{a0}space", "NEVERLEAK space"),
        ("NEVERLEAK\u{200b}space", "NEVERLEAK space"),
        ("NEVERLEAK\u{ad}hyphen", "NEVERLEAKhyphen"),
        ("\u{ad}", "\u{ad}"),
        // From right to left alone, and mixed with letters from left to right, which is refused.
        ("\u{5d0}\u{ad}1\u{fb21}\u{5d0}", "\u{5d0}1\u{5d0}\u{5d0}"),
        ("\u{5d0}\u{ad}NEVERLEAK", "\u{5d0}\u{ad}NEVERLEAK"),
        ("\u{5d0}\u{ad}1", "\u{5d0}\u{ad}1"),
        // Refused, or mixed, only before or only after normalisation: the server looks at it before.
        ("NEVERLEAK\u{340}\u{fb01}", "NEVERLEAK\u{340}\u{fb01}"),
        ("NEVERLEAK \u{2135}", "NEVERLEAK \u{5d0}"),
        // Assigned since Unicode 4, too late for preparation.
        ("NEVERLEAK \u{221}\u{fb01}", "NEVERLEAK \u{221}\u{fb01}"),
    ] {
        set_password(&mut session, &target.user, stored).await;

        for password in [stored, also_accepted] {
            let opened = connect_postgres(&target, password).await;
            opened.close().await.unwrap();
        }
    }
    set_password(&mut session, &target.user, "NEVERLEAK \u{1f600} \u{fb01}").await;
    assert_eq!(
        failure(&target, "NEVERLEAK \u{1f600} fi").await,
        ("login_refused", false)
    );
    let drop = AssertSqlSafe(format!("DROP ROLE {}", target.user));
    session.execute(drop).await.unwrap();
}

/// MariaDB takes the bytes as they are.
#[tokio::test]
async fn mariadb_takes_any_password() {
    let Some((administrator, password)) = administrator(Engine::Mysql) else {
        return;
    };
    let service = testing::service(testing::MYSQL).unwrap();
    let mut session = MySqlConnection::connect(&service).await.unwrap();
    let user = format!("mrt_any_{}", std::process::id());
    for statement in [
        format!("CREATE USER {user}@'%'"),
        format!("GRANT SELECT ON mrt.* TO {user}@'%'"),
    ] {
        session.execute(AssertSqlSafe(statement)).await.unwrap();
    }
    assert!(!password.is_empty());
    let target = DatabaseTarget {
        user: user.clone(),
        ..administrator
    };
    for password in [
        "NEVERLEAK\ttab",
        "NEVERLEAK newline\n",
        "NEVERLEAK \u{1f600} \u{fb01}",
    ] {
        let change = format!("SET PASSWORD FOR {user}@'%' = PASSWORD('{password}')");
        session.execute(AssertSqlSafe(change)).await.unwrap();

        let databases = databases(password, Aws::without_credentials());
        let opened = databases.connect_mysql(&target, LIMIT).await.unwrap();
        opened.close().await.unwrap();
    }
    let drop = AssertSqlSafe(format!("DROP USER {user}@'%'"));
    session.execute(drop).await.unwrap();
}

/// Editors and `echo` end a file with a newline, which is not part of the password. In JSON it is.
#[tokio::test]
async fn one_newline_at_the_end_of_a_plain_secret_is_left_out() {
    let Some(endpoint) = testing::service(testing::MOTO) else {
        return;
    };
    let Some((target, mut session)) = role("mrt_newline").await else {
        return;
    };
    for (password, secret) in [
        ("NEVERLEAK", "NEVERLEAK\n"),
        ("NEVERLEAK", "NEVERLEAK\r\n"),
        ("NEVERLEAK\n", "NEVERLEAK\n\n"),
        ("NEVERLEAK\n", r#"{"password": "NEVERLEAK\n"}"#),
    ] {
        set_password(&mut session, &target.user, password).await;
        let aws = Aws::for_tests(&endpoint);
        let client = aws_sdk_secretsmanager::Client::new(aws.config());
        let created = client
            .create_secret()
            .name(&target.user)
            .secret_string(secret)
            .send()
            .await;
        let arn = created.unwrap().arn.unwrap();
        let target = DatabaseTarget {
            auth: Auth::Secret(arn.clone()),
            ..target.clone()
        };

        let opened = databases("", aws).connect_postgres(&target).await.unwrap();

        opened.close().await.unwrap();
        let removed = client
            .delete_secret()
            .secret_id(&arn)
            .force_delete_without_recovery(true);
        removed.send().await.unwrap();
    }
    let drop = AssertSqlSafe(format!("DROP ROLE {}", target.user));
    session.execute(drop).await.unwrap();
}
