//! `infra/prometheus/` with Debian's Prometheus: rules, their tests, and a real scrape of the demo with OAuth 2.0.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use url::form_urlencoded::byte_serialize;

use crate::dashboards;
use crate::harness::{Server, data_folder, eventually, has_postgres, send};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .canonicalize()
        .unwrap()
}

/// Returns a program that `infra/test/install.sh prometheus` installs; `None` reports that the test is skipped.
fn program(name: &str) -> Option<PathBuf> {
    let path = root().join(".mrt/tools/prometheus/usr/bin").join(name);
    if path.exists() {
        return Some(path);
    }
    shared::testing::skip("Prometheus is not installed: infra/test/install.sh prometheus");
    None
}

fn run(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(
        output.status.success(),
        "{command:?}: {}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

/// A running Prometheus. Dropping it kills it.
struct Prometheus {
    child: Child,
    url: String,
}

impl Prometheus {
    /// Starts one with the configuration for this machine, changed to scrape `server` every second.
    fn start(program: &Path, server: &Server, folder: &Path) -> Self {
        let given = std::fs::read_to_string(root().join("infra/prometheus/local.yml")).unwrap();
        let authority = server.url.strip_prefix("http://").unwrap();
        let secret = server.data.join("client_secret").display().to_string();
        let mut config = given.clone();
        for (from, to) in [
            ("127.0.0.1:8080", authority),
            ("../../.mrt/client_secret", &secret),
            (
                "scrape_interval: 15s",
                "scrape_interval: 1s\n  evaluation_interval: 1s",
            ),
        ] {
            assert!(config.contains(from), "{from}");
            config = config.replace(from, to);
        }
        std::fs::write(folder.join("local.yml"), config).unwrap();
        let rules = |name: &str| {
            std::fs::read_to_string(root().join("infra/prometheus").join(name)).unwrap()
        };
        std::fs::write(folder.join("recording.yml"), rules("recording.yml")).unwrap();
        // How long a target must be stale is tested by promtool, in its own time.
        let alerts = rules("alerts.yml");
        assert!(alerts.contains("for: 5m\n"), "{alerts}");
        let alerts = alerts.replace("for: 5m\n", "for: 1s\n");
        std::fs::write(folder.join("alerts.yml"), alerts).unwrap();
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = free.local_addr().unwrap();
        drop(free);
        let child = Command::new(program)
            .arg(format!(
                "--config.file={}",
                folder.join("local.yml").display()
            ))
            .arg(format!(
                "--storage.tsdb.path={}",
                folder.join("data").display()
            ))
            .arg(format!("--web.listen-address={address}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let url = format!("http://{address}");
        Self { child, url }
    }

    async fn api(&self, path: &str) -> Option<Value> {
        let path = format!("/api/v1/{path}");
        let reply = send(&self.url, "GET", &path, &[], String::new()).await?;
        // It listens before it is ready.
        if reply.status == 503 {
            return None;
        }
        assert_eq!(reply.status, 200, "{path}: {}", reply.text);
        Some(reply.json()["data"].clone())
    }

    /// Returns the samples of an expression; none before the server listens.
    async fn query(&self, expression: &str) -> Vec<Value> {
        let encoded: String = byte_serialize(expression.as_bytes()).collect();
        let data = self.api(&format!("query?query={encoded}")).await;
        let data = data.unwrap_or_default();
        data["result"].as_array().cloned().unwrap_or_default()
    }

    /// Waits until an expression answers with one sample of `value`.
    async fn expect(&self, expression: &str, value: &str) {
        eventually(expression, async || {
            let samples = self.query(expression).await;
            (samples.len() == 1 && samples[0]["value"][1] == value).then_some(())
        })
        .await;
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn the_rules_pass_their_tests_and_the_configurations_are_valid() {
    let Some(promtool) = program("promtool") else {
        return;
    };
    let folder = root().join("infra/prometheus");

    for file in ["recording.yml", "alerts.yml"] {
        run(Command::new(&promtool)
            .args(["test", "rules"])
            .arg(folder.join("tests").join(file)));
    }
    // Their secrets' files exist only where they are used.
    for file in ["prometheus.yml", "local.yml"] {
        let config = folder.join(file);
        run(Command::new(&promtool)
            .args(["check", "config", "--syntax-only"])
            .arg(config));
    }
}

#[tokio::test]
async fn prometheus_scrapes_the_demo_and_every_rule_answers() {
    let (Some(program_path), Some(promtool)) = (program("prometheus"), program("promtool")) else {
        return;
    };
    if !has_postgres() {
        return;
    }
    let (data, folder) = (data_folder(), tempfile::tempdir().unwrap());
    let server = Server::start_with_past(data.path(), "1s", 14).await;
    let token = server.token(&["--scope", "mrt/metrics.read"]);
    server
        .item(
            "/bucket_size?environment=acme-prod",
            &server.token(&[]),
            |_| true,
        )
        .await;

    let text = server.ask("/metrics", &token).await;
    assert_eq!(text.status, 200, "{}", text.text);
    let file = folder.path().join("metrics");
    std::fs::write(&file, &text.text).unwrap();
    run(Command::new(promtool)
        .args(["check", "metrics"])
        .stdin(std::fs::File::open(file).unwrap()));

    let prometheus = Prometheus::start(&program_path, &server, folder.path());
    prometheus.expect("up{job=\"mrt\"}", "1").await;
    prometheus.expect("count(mrt_bucket_size_bytes)", "5").await;
    prometheus
        .expect("count(mrt_database_size_bytes)", "4")
        .await;
    prometheus.expect("min(mrt_snapshot_available)", "1").await;
    for name in [
        "environment:mrt_bucket_size_bytes:sum",
        "pg_database_size_bytes",
    ] {
        prometheus.expect(&format!("count({name})"), "4").await;
    }
    prometheus
        .expect("count(s3_objects_size_sum_bytes)", "5")
        .await;
    // The tables of a second job add up, and are all that is kept of it.
    for name in [
        "mrt_table_size_bytes",
        "pg_stat_user_tables_table_size_bytes",
        "pg_stat_user_tables_index_size_bytes",
    ] {
        prometheus
            .expect(&format!("max(count({name}) > bool 0)"), "1")
            .await;
    }
    let names = "count(count by (__name__) ({job=\"mrt-tables\",__name__=~\"mrt_.*\"}))";
    prometheus.expect(names, "2").await;

    // A bucket that is gone fails and becomes stale: one alert waits for its time, the other one fires.
    // The demo may write a file into it meanwhile.
    let bucket = data.path().join("demo/buckets/acme-prod-files");
    while bucket.exists() {
        let _ = std::fs::remove_dir_all(&bucket);
    }
    prometheus
        .expect(
            "count(ALERTS{alertname=\"MrtFailing\",bucket=\"acme-prod-files\"})",
            "1",
        )
        .await;
    let stale = "ALERTS{alertname=\"MrtStale\",alertstate=\"firing\",bucket=\"acme-prod-files\"}";
    prometheus.expect(&format!("count({stale})"), "1").await;
    for expression in dashboards::expressions() {
        if dashboards::needs_cloudwatch(&expression) {
            // Not wrong, but the demo has CloudWatch's numbers of one server only.
            prometheus.query(&expression).await;
            continue;
        }
        eventually(&expression, async || {
            let samples = prometheus.query(&expression).await;
            (!samples.is_empty()).then_some(())
        })
        .await;
    }
    dashboards::assert_urls_answer(&server, &server.token(&[])).await;

    let groups = prometheus.api("rules").await.unwrap()["groups"].clone();
    let rules = groups
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|group| group["rules"].as_array().unwrap());
    let states: Vec<_> = rules
        .map(|rule| (&rule["name"], &rule["health"], &rule["lastError"]))
        .collect();
    assert_eq!(states.len(), 17, "{states:?}");
    assert!(
        states.iter().all(|(_, health, _)| *health == "ok"),
        "{states:?}"
    );

    let config = prometheus.api("status/config").await.unwrap().to_string();
    let secret = server.running["client_secret"].as_str().unwrap();
    assert!(!config.contains(secret) && !server.output().contains(secret));
}
