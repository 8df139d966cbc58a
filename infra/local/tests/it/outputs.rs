//! Standard output and standard error that are closed or full.

use std::process::{Command, Stdio};

use serde_json::Value;
use shared::fleet::Engine;
use shared::testing::fleet::FleetBuilder;

use crate::harness::{MRT, eventually, send};

/// Returns the writing end of a pipe that nobody reads.
fn closed_pipe() -> Stdio {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    writer.into()
}

fn fleet_file(folder: &tempfile::TempDir) -> String {
    let path = folder.path().join("fleet.toml");
    let fleet = FleetBuilder::with("acme-prod").database(
        Engine::Postgres,
        "db.example.com",
        "acme",
        "auth = \"iam\"",
    );
    std::fs::write(&path, fleet.text()).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn a_closed_pipe_ends_a_command_quietly() {
    let folder = tempfile::tempdir().unwrap();
    let fleet = fleet_file(&folder);

    let output = Command::new(MRT)
        .args(["grants", "--environment", "acme-prod", "--fleet", &fleet])
        .stdout(closed_pipe())
        .stderr(Stdio::piped())
        .output()
        .unwrap();

    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!((output.status.code(), &*error), (Some(0), ""));
}

#[test]
fn an_output_that_cannot_be_written_is_a_named_failure() {
    let folder = tempfile::tempdir().unwrap();
    let fleet = fleet_file(&folder);
    let full = std::fs::File::options()
        .write(true)
        .open("/dev/full")
        .unwrap();

    let output = Command::new(MRT)
        .args(["grants", "--environment", "acme-prod", "--fleet", &fleet])
        .stdout(full)
        .stderr(Stdio::piped())
        .output()
        .unwrap();

    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{error}");
    assert!(
        error.contains("could not write to standard output"),
        "{error}"
    );
}

#[test]
fn an_error_that_nobody_reads_still_has_its_exit_code() {
    let output = Command::new(MRT)
        .args(["doctor", "--fleet", "nowhere.toml"])
        .stdout(closed_pipe())
        .stderr(closed_pipe())
        .status()
        .unwrap();

    assert_eq!(output.code(), Some(1));
}

#[tokio::test]
async fn a_server_goes_on_without_its_terminal() {
    let folder = tempfile::tempdir().unwrap();
    let fleet = fleet_file(&folder);
    let data = folder.path().join("data");
    let mut server = Command::new(MRT)
        .args(["serve", "--listen", "127.0.0.1:0", "--every", "1s"])
        .args(["--fleet", &fleet, "--data", data.to_str().unwrap()])
        .stdout(closed_pipe())
        .stderr(closed_pipe())
        .spawn()
        .unwrap();

    // The first collection logs a failure, because the database has no certificate authorities.
    eventually("a recorded failure", async || {
        assert_eq!(server.try_wait().unwrap(), None, "the server has ended");
        let token = Command::new(MRT)
            .args(["token", "--data", data.to_str().unwrap()])
            .output()
            .unwrap();
        let token = String::from_utf8(token.stdout).unwrap();
        let running = std::fs::read_to_string(data.join("running.json")).ok()?;
        let running: Value = serde_json::from_str(&running).ok()?;
        let url = running["url"].as_str()?;
        let authorization = format!("Bearer {}", token.trim());
        let headers = [("authorization", authorization.as_str())];
        let reply = send(url, "GET", "/table_size", &headers, String::new()).await?;
        reply.text.contains("tls_not_configured").then_some(())
    })
    .await;

    let stopped = Command::new("kill").arg(server.id().to_string()).status();
    assert!(stopped.unwrap().success());
    let status = eventually("the end of the server", async || server.try_wait().unwrap()).await;
    assert!(status.success(), "{status}");
}
