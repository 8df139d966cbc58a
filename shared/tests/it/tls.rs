//! TLS with real servers: accepted certificates, and errors for all others.

mod certificates;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use shared::aws::Aws;
use shared::clock::SystemClock;
use shared::database::{DatabaseError, Databases};
use shared::fleet::{Auth, DatabaseTarget, Engine};
use shared::testing::fleet::database_target;
use shared::testing::{self, PASSWORD, Server};
use sqlx::mysql::MySqlConnection;
use sqlx::postgres::PgConnection;
use sqlx::{Connection, Executor};

use certificates::{Authority, Validity};

/// A name of this machine to which connections are not in plain text. Name look-up and certificates ignore case.
const NAME: &str = "LOCALHOST";
const VARIABLE: &str = "MRT_TEST_ADMINISTRATOR_PASSWORD";

fn target(engine: Engine, host: &str, port: u16) -> DatabaseTarget {
    let (name, user) = match engine {
        Engine::Postgres => ("postgres", "postgres"),
        Engine::Mysql => ("mrt", "mrt"),
    };
    DatabaseTarget {
        engine,
        host: host.into(),
        port,
        name: name.into(),
        user: user.into(),
        auth: Auth::Variable(VARIABLE.into()),
        ..database_target()
    }
}

/// Connects, and closes the connection again.
async fn connect(target: &DatabaseTarget, ca_file: &Path) -> Result<(), DatabaseError> {
    let variables = BTreeMap::from([(VARIABLE.to_owned(), PASSWORD.to_owned())]);
    let databases = Databases::new(
        Arc::new(Aws::without_credentials()),
        Arc::new(variables),
        Arc::new(SystemClock),
        Some(ca_file.to_owned()),
    );
    let timeout = Duration::from_secs(5);
    match target.engine {
        Engine::Postgres => drop(databases.connect_postgres(target).await?),
        Engine::Mysql => drop(databases.connect_mysql(target, timeout).await?),
    }
    Ok(())
}

/// Connects, and returns the code of the error, if any.
async fn failure(target: &DatabaseTarget, ca_file: &Path) -> Option<&'static str> {
    connect(target, ca_file).await.err().map(|error| {
        let chain = shared::telemetry::error_chain(&error);
        assert!(!chain.contains("NEVERLEAK"), "{chain}");
        assert!(!error.is_transient());
        error.code()
    })
}

/// Files with trusted authorities.
struct Trust {
    folder: PathBuf,
}

impl Trust {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("mrt-tls-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        Self { folder }
    }

    fn file(&self, name: &str, authority: &Authority) -> PathBuf {
        let path = self.folder.join(name);
        std::fs::write(&path, authority.pem()).unwrap();
        path
    }
}

impl Drop for Trust {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// Checks one engine. `renew` gives the server another certificate.
async fn assert_only_the_right_certificate_is_accepted(
    engine: Engine,
    port: u16,
    authority: &Authority,
    mut renew: impl AsyncFnMut(String, String),
) {
    let trust = Trust::new(engine.as_str());
    let right = trust.file("right.pem", authority);
    let wrong = trust.file("wrong.pem", &Authority::new());
    let by_name = target(engine, NAME, port);

    assert_eq!(failure(&by_name, &right).await, None);
    assert_eq!(failure(&by_name, &wrong).await, Some("tls_untrusted"));
    // This address reaches the same server, but the certificate does not name it.
    let by_address = target(engine, "0.0.0.0", port);
    assert_eq!(failure(&by_address, &right).await, Some("tls_wrong_host"));

    let (certificate, key) = authority.certify("db.example.com", Validity::Now);
    renew(certificate, key).await;
    assert_eq!(failure(&by_name, &right).await, Some("tls_wrong_host"));

    let (certificate, key) = authority.certify("localhost", Validity::Past);
    renew(certificate, key).await;
    assert_eq!(failure(&by_name, &right).await, Some("tls_expired"));

    let (certificate, key) = authority.certify("localhost", Validity::Future);
    renew(certificate, key).await;
    assert_eq!(failure(&by_name, &right).await, Some("tls_expired"));

    // A renewed bundle applies to the next connection, without a restart of the client.
    let successor = Authority::new();
    let (certificate, key) = successor.certify("localhost", Validity::Now);
    renew(certificate, key).await;
    assert_eq!(failure(&by_name, &right).await, Some("tls_untrusted"));
    std::fs::write(&right, authority.pem() + &successor.pem()).unwrap();
    assert_eq!(failure(&by_name, &right).await, None);
}

#[tokio::test]
async fn postgres_must_present_a_valid_certificate_for_its_name() {
    let Some(mut server) = Server::postgres() else {
        return;
    };
    let authority = Authority::new();
    let trust = Trust::new("plain");
    let ca_file = trust.file("right.pem", &authority);
    let by_name = target(Engine::Postgres, NAME, server.port());
    // It has no certificate yet.
    assert_eq!(failure(&by_name, &ca_file).await, Some("tls_not_offered"));

    let (certificate, key) = authority.certify("localhost", Validity::Now);
    server.certify(&certificate, &key);
    server.stop();
    server.start();
    let mut administrator = PgConnection::connect(&server.url()).await.unwrap();
    let port = server.port();
    assert_only_the_right_certificate_is_accepted(
        Engine::Postgres,
        port,
        &authority,
        async |certificate, key| {
            server.certify(&certificate, &key);
            reload(&mut administrator).await;
        },
    )
    .await;
}

/// Makes PostgreSQL reload its files, and waits until it has done so.
async fn reload(administrator: &mut PgConnection) {
    let loaded = "SELECT pg_conf_load_time()::text";
    let before: String = sqlx::query_scalar(loaded)
        .fetch_one(&mut *administrator)
        .await
        .unwrap();
    administrator
        .execute("SELECT pg_reload_conf()")
        .await
        .unwrap();
    loop {
        // A session notices the reload between two statements.
        let now: String = sqlx::query_scalar(loaded)
            .fetch_one(&mut *administrator)
            .await
            .unwrap();
        if now != before {
            return;
        }
    }
}

#[tokio::test]
async fn mariadb_must_present_a_valid_certificate_for_its_name() {
    let authority = Authority::new();
    let (certificate, key) = authority.certify("localhost", Validity::Now);
    let Some(server) = Server::mariadb(Some((&certificate, &key))) else {
        return;
    };
    let mut administrator = MySqlConnection::connect(&server.url()).await.unwrap();
    let port = server.port();
    assert_only_the_right_certificate_is_accepted(
        Engine::Mysql,
        port,
        &authority,
        async |certificate, key| {
            server.certify(&certificate, &key);
            administrator.execute("FLUSH SSL").await.unwrap();
        },
    )
    .await;
}

/// The shared MariaDB has no certificate.
#[tokio::test]
async fn a_mariadb_without_tls_is_rejected() {
    let Some(url) = testing::service(testing::MYSQL) else {
        return;
    };
    let port = url::Url::parse(&url).unwrap().port().unwrap();
    let trust = Trust::new("plain-mariadb");
    let ca_file = trust.file("right.pem", &Authority::new());

    let by_name = target(Engine::Mysql, NAME, port);

    assert_eq!(failure(&by_name, &ca_file).await, Some("tls_not_offered"));
}

/// Returns `target` with another name in the certificate.
fn named(target: &DatabaseTarget, name: &str) -> DatabaseTarget {
    DatabaseTarget {
        tls_server_name: Some(name.into()),
        ..target.clone()
    }
}

/// A loopback address may be a tunnel to a server that demands TLS.
#[tokio::test]
async fn a_postgres_that_demands_tls_at_an_address_of_this_machine_is_reached_by_its_name() {
    let Some(mut server) = Server::postgres() else {
        return;
    };
    let authority = Authority::new();
    let trust = Trust::new("hostssl");
    let ca_file = trust.file("right.pem", &authority);
    let (certificate, key) = authority.certify("acme.example.com", Validity::Now);
    server.certify(&certificate, &key);
    let rules = server.data_folder().join("pg_hba.conf");
    std::fs::write(&rules, "hostssl all all 127.0.0.1/32 scram-sha-256\n").unwrap();
    server.stop();
    server.start();
    let plain = target(Engine::Postgres, "127.0.0.1", server.port());

    assert_eq!(failure(&plain, &ca_file).await, Some("tls_required"));
    let right = named(&plain, "acme.example.com");
    assert_eq!(failure(&right, &ca_file).await, None);
    let wrong = named(&plain, "other.example.com");
    assert_eq!(failure(&wrong, &ca_file).await, Some("tls_wrong_host"));
    let closed = DatabaseTarget { port: 9, ..right };
    let refused = connect(&closed, &ca_file).await.unwrap_err();
    assert_eq!(refused.code(), "connection_refused");

    // Rules that let nobody in are no demand for TLS.
    std::fs::write(&rules, "hostssl all nobody 127.0.0.1/32 scram-sha-256\n").unwrap();
    server.stop();
    server.start();
    assert_eq!(failure(&plain, &ca_file).await, Some("login_refused"));
}

#[tokio::test]
async fn a_mariadb_account_that_demands_tls_is_reached_by_the_servers_name() {
    let authority = Authority::new();
    let (certificate, key) = authority.certify("acme.example.com", Validity::Now);
    let Some(server) = Server::mariadb(Some((&certificate, &key))) else {
        return;
    };
    let trust = Trust::new("require-ssl");
    let ca_file = trust.file("right.pem", &authority);
    let mut administrator = MySqlConnection::connect(&server.url()).await.unwrap();
    for statement in [
        format!("CREATE USER strict@'%' IDENTIFIED BY '{PASSWORD}' REQUIRE SSL"),
        "GRANT SHOW VIEW ON mrt.* TO strict@'%'".to_owned(),
    ] {
        administrator
            .execute(sqlx::AssertSqlSafe(statement))
            .await
            .unwrap();
    }
    let plain = DatabaseTarget {
        user: "strict".into(),
        ..target(Engine::Mysql, "127.0.0.1", server.port())
    };

    assert_eq!(failure(&plain, &ca_file).await, Some("tls_required"));
    let right = named(&plain, "acme.example.com");
    assert_eq!(failure(&right, &ca_file).await, None);
    // Only a server with a trusted certificate is asked with the password.
    let untrusted = trust.file("wrong.pem", &Authority::new());
    assert_eq!(failure(&plain, &untrusted).await, Some("login_refused"));
}
