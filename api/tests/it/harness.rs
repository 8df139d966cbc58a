//! A server over a memory store and a fixed clock, and what every response must have.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use api::client_limits::FleetClients;
use api::history::HistoryPorts;
use api::http::endpoint::Endpoint;
use api::http::server::Server;
use api::routes::ROUTES;
use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use shared::aws::Aws;
use shared::clock::FixedClock;
use shared::config::{EnvironmentAccess, Environments};
use shared::fleet::{FleetSource, TargetId};
use shared::history::{Historic, HistoryReader, HistoryRetention, HistoryWriter};
use shared::location::Location;
use shared::snapshot::{Failure, Run, Snapshot, Stored};
use shared::store::memory::MemoryStore;
use shared::store::{ItemStore, SnapshotReader, SnapshotWriter};
use shared::telemetry::Metrics;

/// The time at which every test starts.
pub(crate) const NOW: &str = "2026-01-12T11:00:00Z";
/// The origin that the server allows.
pub(crate) const ORIGIN: &str = "https://dashboard.example.com";
/// The schedule of all test runs.
pub(crate) const EVERY: Duration = Duration::from_secs(3600);

/// The ports of the endpoints in one test.
pub(crate) struct World {
    pub(crate) clock: Arc<FixedClock>,
    pub(crate) items: Arc<dyn ItemStore>,
    pub(crate) fleet: Arc<FleetSource>,
    folder: tempfile::TempDir,
}

impl World {
    pub(crate) fn new(fleet: &str) -> Self {
        let clock = Arc::new(FixedClock::at(NOW));
        let items = Arc::new(MemoryStore::new(clock.clone()));
        Self::with_store(fleet, clock, items)
    }

    pub(crate) fn with_store(
        fleet: &str,
        clock: Arc<FixedClock>,
        items: Arc<dyn ItemStore>,
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("fleet.toml");
        std::fs::write(&path, fleet).unwrap();
        let aws = Arc::new(Aws::for_tests("http://127.0.0.1:9"));
        let fleet = Arc::new(FleetSource::new(aws, Location::File(path), clock.clone()));
        Self {
            clock,
            items,
            fleet,
            folder,
        }
    }

    pub(crate) fn reader(&self) -> SnapshotReader {
        SnapshotReader::new(Arc::clone(&self.items))
    }

    pub(crate) fn history(&self) -> HistoryReader {
        HistoryReader::new(Arc::clone(&self.items))
    }

    pub(crate) fn ports(&self) -> HistoryPorts {
        HistoryPorts {
            fleet: Arc::clone(&self.fleet),
            snapshots: self.reader(),
            history: self.history(),
        }
    }

    pub(crate) fn writer(&self) -> SnapshotWriter {
        SnapshotWriter::new(Arc::clone(&self.items), Duration::from_secs(35 * 86_400))
    }

    /// Keeps a run of `target` that was scheduled and taken at `time`.
    pub(crate) async fn keep<M: Stored>(&self, target: TargetId, time: &str, measurement: M) {
        let run = Run::at(parse(time), EVERY);
        self.writer()
            .keep(&Snapshot {
                target,
                run,
                measurement,
            })
            .await
            .unwrap();
    }

    /// Keeps a run of `target` with its history, as a collector does.
    pub(crate) async fn collect<M: Stored + Historic>(
        &self,
        target: TargetId,
        time: DateTime<Utc>,
        measurement: M,
    ) {
        let run = Run::at(time, EVERY);
        let snapshot = Snapshot {
            target,
            run,
            measurement,
        };
        self.writer().keep(&snapshot).await.unwrap();
        let history = HistoryWriter::new(Arc::clone(&self.items), HistoryRetention::default());
        history.record(&snapshot).await.unwrap();
    }

    /// Records a failed run of `target`.
    pub(crate) async fn fail<M: Stored>(&self, target: &TargetId, time: &str, code: &str) {
        let (scheduled_at, reason) = (parse(time), "the bucket could not be listed".to_owned());
        let failure = Failure {
            scheduled_at,
            failed_at: scheduled_at,
            failing_since: scheduled_at,
            code: code.to_owned(),
            reason,
        };
        self.writer()
            .record_failure::<M>(target, failure)
            .await
            .unwrap();
    }

    pub(crate) fn server(&self, endpoints: Vec<Endpoint>) -> TestServer {
        let server = Server::new(
            ROUTES,
            endpoints,
            vec![ORIGIN.to_owned()],
            self.clock.clone(),
            Metrics::Off,
        )
        .with_access(EnvironmentAccess {
            clients: BTreeMap::new(),
            default: Environments::All,
        })
        .with_limits(Some(Arc::new(FleetClients(Arc::clone(&self.fleet)))));
        // The world owns the folder and outlives the server.
        assert!(self.folder.path().exists());
        TestServer { server }
    }
}

fn parse(time: &str) -> DateTime<Utc> {
    time.parse().unwrap()
}

/// A server, whose responses are all checked for common properties.
pub(crate) struct TestServer {
    server: Server,
}

/// A response, decoded from the proxy format.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u64,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) text: String,
}

impl Reply {
    /// Returns the body of a JSON response.
    pub(crate) fn json(&self) -> Value {
        let is_json = self.header("content-type").ends_with("json");
        assert!(is_json, "{self:?}");
        serde_json::from_str(&self.text).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    /// Asserts that this is the problem `code` and returns its detail.
    pub(crate) fn problem(&self, status: u64, code: &str) -> String {
        let body = self.json();
        assert_eq!(self.status, status, "{}", self.text);
        assert_eq!(
            body["type"],
            format!("urn:mrt:problem:{code}"),
            "{}",
            self.text
        );
        body["detail"].as_str().unwrap().to_owned()
    }
}

/// A request builder.
pub(crate) struct Ask {
    event: Value,
}

pub(crate) fn get(path: &str) -> Ask {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let mut values: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let value = percent_encoding::percent_decode_str(value)
            .decode_utf8()
            .unwrap()
            .into_owned();
        values.entry(name.to_owned()).or_default().push(value);
    }
    let event = json!({
        "resource": path, "path": path, "httpMethod": "GET",
        "headers": {}, "multiValueHeaders": {},
        "queryStringParameters": null, "multiValueQueryStringParameters": values,
        "requestContext": {"httpMethod": "GET", "requestId": "test-request", "stage": "v1"},
        "body": null, "isBase64Encoded": false,
    });
    Ask { event }
}

impl Ask {
    /// Adds the claims of a verified token with these scopes.
    pub(crate) fn scopes(mut self, scopes: &str) -> Self {
        self.event["requestContext"]["authorizer"]["claims"] =
            json!({"token_use": "access", "client_id": "test-client", "scope": scopes});
        self
    }

    /// Limits the token to these environments.
    pub(crate) fn environments(mut self, names: &str) -> Self {
        self.event["requestContext"]["authorizer"]["claims"]["mrt_environments"] = names.into();
        self
    }

    /// Adds a variable of the gateway's stage.
    pub(crate) fn stage_variable(mut self, name: &str, value: &str) -> Self {
        self.event["stageVariables"][name] = value.into();
        self
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.event["multiValueHeaders"][name] = json!([value]);
        self
    }

    pub(crate) fn method(mut self, method: &str) -> Self {
        self.event["httpMethod"] = method.into();
        self
    }
}

impl TestServer {
    pub(crate) async fn ask(&self, ask: Ask) -> Reply {
        let event = serde_json::from_value(ask.event).unwrap();
        let answer = serde_json::to_value(self.server.handle(event).await).unwrap();
        let headers: BTreeMap<String, String> =
            serde_json::from_value(answer["headers"].clone()).unwrap();
        let body = answer["body"].as_str().unwrap_or_default();
        let text = if answer["isBase64Encoded"] == true {
            unpack(body)
        } else {
            body.to_owned()
        };
        let reply = Reply {
            status: answer["statusCode"].as_u64().unwrap(),
            headers,
            text,
        };
        check_every_reply(&reply);
        reply
    }
}

fn unpack(body: &str) -> String {
    use std::io::Read;
    let packed = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, body).unwrap();
    let mut text = String::new();
    flate2::read::GzDecoder::new(packed.as_slice())
        .read_to_string(&mut text)
        .unwrap();
    text
}

/// Checks the properties that every response has.
fn check_every_reply(reply: &Reply) {
    assert_eq!(reply.header("x-request-id"), "test-request");
    assert_eq!(reply.header("x-content-type-options"), "nosniff");
    assert!(!reply.header("cache-control").is_empty(), "{reply:?}");
    assert!(reply.header("vary").contains("Authorization"), "{reply:?}");
    assert!(!reply.text.contains("NEVERLEAK"), "{}", reply.text);
    match reply.status {
        200 => {
            assert!(!reply.header("content-type").is_empty(), "{reply:?}");
            assert!(reply.header("etag").starts_with("W/\""), "{reply:?}");
        }
        304 => assert!(reply.text.is_empty()),
        status => {
            assert_eq!(reply.header("content-type"), "application/problem+json");
            let body = reply.json();
            assert_eq!(body["status"], status);
            assert_eq!(body["request_id"], "test-request");
        }
    }
}
