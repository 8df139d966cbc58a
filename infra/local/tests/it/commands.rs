//! The one-shot commands: output, errors and exit codes.

use std::process::{Command, Output};

use serde_json::Value;
use shared::fleet::Engine;
use shared::testing::fleet::FleetBuilder;

use crate::harness::{MRT, Server, data_folder, has_postgres};

pub(crate) fn mrt(arguments: &[&str]) -> Output {
    let command = Command::new(MRT)
        .args(arguments)
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .output();
    command.unwrap()
}

pub(crate) fn error(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn json(output: &Output) -> Value {
    assert!(output.status.success(), "{}", error(output));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[tokio::test]
async fn measurements_of_the_demo_match_its_files() {
    if !has_postgres() {
        return;
    }
    let data = data_folder();
    let server = Server::start(data.path(), "1h").await;
    let folder = data
        .path()
        .join("demo/buckets/shared-files/globex-test/one-shot");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("a.pdf"), vec![1; 1000]).unwrap();
    std::fs::write(folder.join("b.txt"), vec![1; 24]).unwrap();

    let part = "s3://shared-files/globex-test/one-shot/";
    let all = json(&server.mrt(&["bucket-size", part, "--json"]));
    assert_eq!(
        (&all["total_bytes"], &all["object_count"]),
        (&1024.into(), &2.into())
    );
    let documents = json(&server.mrt(&["bucket-size", part, "--suffix", ".pdf", "--json"]));
    assert_eq!(
        (&documents["total_bytes"], &documents["completeness"]),
        (&1000.into(), &"complete".into())
    );
    assert_eq!(documents["multipart"]["upload_count"], 0);
    let current = json(&server.mrt(&["bucket-size", part, "--measure", "current", "--json"]));
    assert_eq!(current["multipart"], Value::Null);
    let readable = String::from_utf8(server.mrt(&["bucket-size", part]).stdout).unwrap();
    assert!(readable.contains("1.00 KiB (1,024 bytes)"), "{readable}");
    assert!(readable.contains("uploads 0, parts 0"), "{readable}");
    let missing = server.mrt(&["bucket-size", "s3://no-such-bucket", "--json"]);
    assert_eq!(missing.status.code(), Some(1));
    assert!(
        error(&missing).contains("(bucket_missing)"),
        "{}",
        error(&missing)
    );
    assert!(missing.stdout.is_empty(), "a failure prints no number");

    let fleet = std::fs::read_to_string(data.path().join("demo/fleet.toml")).unwrap();
    let fleet = shared::fleet::Fleet::parse("fleet.toml", &fleet).unwrap();
    let database = fleet
        .environment("globex-test")
        .unwrap()
        .database
        .clone()
        .unwrap();
    let password = server.running["variables"]
        .as_object()
        .unwrap()
        .values()
        .next()
        .unwrap()
        .as_str()
        .unwrap();
    let url = |password: &str, name: &str| {
        format!(
            "postgres://{}:{password}@127.0.0.1:{}/{name}",
            database.user, database.port
        )
    };
    let tables = json(&mrt(&[
        "table-size",
        &url(password, &database.name),
        "--json",
    ]));
    assert_eq!(
        tables["tables"].as_array().unwrap().len() as u64,
        tables["table_count"].as_u64().unwrap()
    );
    let readable =
        String::from_utf8(mrt(&["table-size", &url(password, &database.name)]).stdout).unwrap();
    assert!(readable.contains("Sales."), "{readable}");
    let refused = mrt(&["table-size", &url("wrong", &database.name)]);
    assert_eq!(
        (
            refused.status.code(),
            error(&refused).contains("(login_refused)")
        ),
        (Some(1), true),
        "{}",
        error(&refused)
    );
    let missing = mrt(&["table-size", &url(password, "nowhere")]);
    assert!(
        error(&missing).contains("(database_missing)"),
        "{}",
        error(&missing)
    );
    let without = url("", &database.name).replace(":@", "@");
    let without = Command::new(MRT)
        .args(["table-size", &without])
        .env("PGPASSFILE", "/dev/null")
        .env("HOME", "/nonexistent")
        .output()
        .unwrap();
    assert!(
        error(&without).contains("no password was given")
            && !error(&refused).contains("no password"),
        "{}",
        error(&without)
    );
    let pass_file = data.path().join("pgpass");
    std::fs::write(&pass_file, format!("127.0.0.1:*:*:*:{password}\n")).unwrap();
    std::fs::set_permissions(
        &pass_file,
        std::os::unix::fs::PermissionsExt::from_mode(0o600),
    )
    .unwrap();
    let from_file = Command::new(MRT)
        .args([
            "table-size",
            &url("", &database.name).replace(":@", "@"),
            "--json",
        ])
        .env("PGPASSFILE", &pass_file)
        .output()
        .unwrap();
    assert_eq!(json(&from_file)["server_role"], "primary");

    let event = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../api/tests/events/console.json"
    );
    let data = data.path().to_str().unwrap();
    let healthy = mrt(&["doctor", "--data", data]);
    let found = String::from_utf8(healthy.stdout).unwrap();
    assert!(
        found.ends_with("No problems found.\n") && healthy.status.success(),
        "{found}"
    );
    assert!(
        !found.contains("NEVERLEAK") && !found.contains(password),
        "{found}"
    );
    let script = mrt(&["grants", "--environment", "acme-prod", "--data", data]);
    let script = String::from_utf8(script.stdout).unwrap();
    assert!(
        script.contains("GRANT CONNECT ON DATABASE \"acme_prod\" TO \"mrt_ro\";"),
        "{script}"
    );
    assert_eq!(
        json(&mrt(&["invoke", "api-public", event, "--data", data]))["statusCode"],
        200
    );
    let event = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../collector/tests/events/scheduled-tick.json"
    );
    let planned = json(&mrt(&["invoke", "plan", event, "--data", data]));
    assert_eq!(planned["messages"].as_array().unwrap().len(), 9);
}

#[test]
fn grants_are_printed_for_each_engine_and_contain_no_secret() {
    let folder = data_folder();
    let fleet = folder.path().join("fleet.toml");
    let text = FleetBuilder::with("postgres")
        .database(Engine::Postgres, "db.example.com", "acme", "auth = \"iam\"")
        .environment("mysql")
        .database(
            Engine::Mysql,
            "db.example.com",
            "acme",
            "auth = \"env:NEVERLEAK\"",
        )
        .environment("files")
        .text();
    std::fs::write(&fleet, text).unwrap();
    let grants = |name: &str| {
        let fleet = fleet.to_str().unwrap();
        mrt(&["grants", "--environment", name, "--fleet", fleet])
    };

    let postgres = grants("postgres");
    let mysql = grants("mysql");
    let (files, nowhere) = (grants("files"), grants("nowhere"));

    let script = String::from_utf8(postgres.stdout).unwrap();
    assert!(postgres.status.success(), "{script}");
    assert!(script.contains("GRANT rds_iam"), "{script}");
    assert!(script.contains("GRANT CONNECT ON DATABASE \"acme\" TO \"mrt_ro\";"));
    let script = String::from_utf8(mysql.stdout).unwrap();
    assert!(mysql.status.success(), "{script}");
    assert!(script.contains("ACCOUNT LOCK;"), "{script}");
    assert!(!script.contains("NEVERLEAK"), "{script}");
    assert_eq!(files.status.code(), Some(1));
    assert!(error(&files).contains("files has no database"));
    assert_eq!(nowhere.status.code(), Some(1));
    assert!(error(&nowhere).contains("has no environment nowhere"));
}

#[test]
fn failures_exit_with_one_and_name_the_cause() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().to_str().unwrap();
    let fleet = folder.path().join("fleet.toml");
    std::fs::write(&fleet, "[[environment]]\nname = \"Bad Name\"\n").unwrap();
    let fleet = fleet.to_str().unwrap();
    let good = folder.path().join("good.toml");
    std::fs::write(&good, "[[environment]]\nname = \"files\"\n").unwrap();
    let good = good.to_str().unwrap();
    let event = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../api/tests/events/console.json"
    );
    for (arguments, expected) in [
        (vec!["token", "--data", data], "no server is running"),
        (vec!["doctor", "--data", data], "no fleet file"),
        (
            vec!["history", "rebuild", "--data", data],
            "there is no store",
        ),
        (
            vec!["history", "--environment", "x", "--data", data],
            "there is no store",
        ),
        (
            vec!["doctor", "--fleet", fleet],
            "fleet.toml:2: environment[0].name",
        ),
        (
            vec!["grants", "--environment", "x", "--fleet", good],
            "has no environment x",
        ),
        (
            vec!["grants", "--environment", "files", "--fleet", good],
            "files has no database",
        ),
        (
            vec!["serve", "--fleet", fleet, "--data", data],
            "fleet.toml:2: environment[0].name",
        ),
        (
            vec!["serve", "--demo", "--data", data, "--listen", "0.0.0.0:0"],
            "127.0.0.1 only",
        ),
        (
            vec!["invoke", "api-nothing", event, "--data", data],
            "the functions are api-bucket-size",
        ),
        (
            vec!["invoke", "plan", "nowhere.json", "--data", data],
            "could not read nowhere.json",
        ),
        (
            vec!["table-size", "mysql://u@127.0.0.1:9/d"],
            "(connection_refused)",
        ),
        (
            vec!["table-size", "postgres://u@127.0.0.1:9/d"],
            "(connection_refused)",
        ),
    ] {
        let output = mrt(&arguments);

        assert_eq!(
            output.status.code(),
            Some(1),
            "{arguments:?}: {}",
            error(&output)
        );
        assert!(
            error(&output).contains(expected),
            "{arguments:?}: {}",
            error(&output)
        );
    }
}

/// A fleet with a problem of each kind, and one target without a problem.
#[test]
fn the_doctor_prints_a_fix_for_each_problem_and_exits_with_three() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    std::fs::write(path("metadata.json"), "{\"Constants\": []}").unwrap();
    std::fs::write(path("bad.yaml"), "mxruntime: [NEVERLEAK").unwrap();
    let text = |name: &str| path(name).to_str().unwrap().to_owned();
    let database = "port = 9\nauth = \"env:MRT_NO_PASSWORD\"";
    let fleet = FleetBuilder::with("faulty")
        .bucket("acme-files", "")
        .storage("kind = \"ebs\"\nid = \"vol-0123abcd\"")
        .database(Engine::Postgres, "127.0.0.1", "acme", database)
        .constants(
            &text("metadata.json"),
            &[&text("bad.yaml"), &text("gone.yaml")],
        )
        .environment("empty")
        .text();
    std::fs::write(path("fleet.toml"), fleet).unwrap();
    let fleet = path("fleet.toml");

    let output = Command::new(MRT)
        .args(["doctor", "--fleet", fleet.to_str().unwrap(), "--json"])
        .arg("--data")
        .arg(folder.path())
        .env("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
        .env("AWS_REGION", "us-east-1")
        .env("AWS_ACCESS_KEY_ID", "test")
        .env("AWS_SECRET_ACCESS_KEY", "NEVERLEAK")
        .output()
        .unwrap();

    assert_eq!(output.status.code(), Some(3), "{}", error(&output));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(!text.contains("NEVERLEAK"), "{text}");
    let found: Value = serde_json::from_str(&text).unwrap();
    let fixes = |environment: usize| {
        let checks = found["environments"][environment]["checks"]
            .as_array()
            .unwrap();
        let line = |check: &Value| {
            let what = check["what"].as_str().unwrap().split('/').next().unwrap();
            format!("{what}: {}", check["fix"].as_str().unwrap_or("-"))
        };
        checks.iter().map(line).collect::<Vec<_>>()
    };
    assert_eq!(
        fixes(0),
        ["environment: add storage, a database or constants to the fleet file"]
    );
    assert_eq!(
        fixes(1),
        [
            "bucket s3:: check network, region and credentials",
            "storage ebs:: check network, region and credentials",
            "database acme (postgres): check the variable or the secret that the fleet file names",
            "constants: model: -",
            "constants: bad.yaml: fix the document",
            "constants: gone.yaml: check its name in the fleet file",
        ]
    );
}
