//! A running `mrt serve --demo` in a folder of its own, and a small HTTP client.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{ConnectOptions, Connection};
use tokio::net::TcpStream;

/// Longest wait for an expected event. A first start creates and fills four databases.
const WAIT_TIMEOUT: Duration = Duration::from_secs(120);
/// Pause between two checks.
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// The origin that every server allows.
pub(crate) const ORIGIN: &str = "https://dashboard.example.com";

/// The compiled program.
pub(crate) const MRT: &str = env!("CARGO_BIN_EXE_mrt");

/// Returns whether the demo can run here. Otherwise reports that the test is skipped.
pub(crate) fn has_postgres() -> bool {
    let is_there = std::fs::read_dir("/usr/lib/postgresql")
        .is_ok_and(|mut versions| versions.next().is_some());
    if !is_there {
        shared::testing::skip("PostgreSQL's server programs are not installed");
    }
    is_there
}

/// Calls `check` until it returns something.
pub(crate) async fn eventually<T>(what: &str, mut check: impl AsyncFnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(found) = check().await {
            return found;
        }
        assert!(
            started.elapsed() < WAIT_TIMEOUT,
            "{what} did not happen within {WAIT_TIMEOUT:?}"
        );
        tokio::time::sleep(POLL_INTERVAL).await;
    }
}

/// Returns a folder that the database server's user can reach.
pub(crate) fn data_folder() -> tempfile::TempDir {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    folder
}

/// A running server. Dropping it kills it.
pub(crate) struct Server {
    child: Child,
    pub(crate) data: PathBuf,
    pub(crate) url: String,
    pub(crate) running: Value,
    output: Arc<Mutex<String>>,
}

/// A response.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) text: String,
}

impl Reply {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }
}

impl Server {
    /// Starts the demo without a past on a free port and waits for its first response.
    pub(crate) async fn start(data: &Path, every: &str) -> Self {
        Self::start_with_past(data, every, 0).await
    }

    /// Starts the demo with a past of so many days.
    pub(crate) async fn start_with_past(data: &Path, every: &str, past_days: u16) -> Self {
        let mut child = Command::new(MRT)
            .args([
                "serve",
                "--demo",
                "--listen",
                "127.0.0.1:0",
                "--every",
                every,
                "--past-days",
                &past_days.to_string(),
                "--data",
            ])
            .arg(data)
            .env("MRT_ALLOWED_ORIGINS", ORIGIN)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let output = Arc::new(Mutex::new(String::new()));
        keep_output(child.stdout.take().unwrap(), &output);
        keep_output(child.stderr.take().unwrap(), &output);
        let description = data.join("running.json");
        let pid = child.id();
        let seen = Arc::clone(&output);
        let running: Value = eventually("the start of the server", async || {
            if let Some(status) = child.try_wait().unwrap() {
                panic!("mrt serve ended with {status}:\n{}", seen.lock().unwrap());
            }
            let text = std::fs::read_to_string(&description).ok()?;
            let running: Value = serde_json::from_str(&text).ok()?;
            (running["pid"] == pid).then_some(running)
        })
        .await;
        let url = running["url"].as_str().unwrap().to_owned();
        let server = Self {
            child,
            data: data.to_owned(),
            url,
            running,
            output,
        };
        eventually("the first response", async || {
            server.try_get("/health", &[]).await
        })
        .await;
        server
    }

    /// Returns everything that the server has written.
    pub(crate) fn output(&self) -> String {
        self.output.lock().unwrap().clone()
    }

    /// Sends a GET request without a token.
    pub(crate) async fn get(&self, path: &str, headers: &[(&str, &str)]) -> Reply {
        self.try_get(path, headers)
            .await
            .unwrap_or_else(|| panic!("no response for {path}"))
    }

    async fn try_get(&self, path: &str, headers: &[(&str, &str)]) -> Option<Reply> {
        self.send("GET", path, headers, String::new()).await
    }

    pub(crate) async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: String,
    ) -> Option<Reply> {
        send(&self.url, method, path, headers, body).await
    }

    /// Returns a token from `mrt token`.
    pub(crate) fn token(&self, arguments: &[&str]) -> String {
        let output = Command::new(MRT)
            .arg("token")
            .args(arguments)
            .arg("--data")
            .arg(&self.data)
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// Sends a GET request with `token`.
    pub(crate) async fn ask(&self, path: &str, token: &str) -> Reply {
        self.get(path, &[("authorization", &format!("Bearer {token}"))])
            .await
    }

    /// Repeats a request until `is_expected` accepts the first item of the response, and returns that item.
    pub(crate) async fn item(
        &self,
        path: &str,
        token: &str,
        is_expected: impl Fn(&Value) -> bool,
    ) -> Value {
        let expected = async || {
            let reply = self.ask(path, token).await;
            let item = (reply.status == 200).then(|| reply.json()["items"][0].clone())?;
            is_expected(&item).then_some(item)
        };
        eventually(path, expected).await
    }

    /// Connects to a database of the demo as its superuser.
    pub(crate) async fn superuser(&self, environment: &str) -> PgConnection {
        let fleet = std::fs::read_to_string(self.data.join("demo/fleet.toml")).unwrap();
        let fleet = shared::fleet::Fleet::parse("fleet.toml", &fleet).unwrap();
        let target = fleet
            .environment(environment)
            .unwrap()
            .database
            .clone()
            .unwrap();
        let password = std::fs::read_to_string(self.data.join("demo/postgres.password")).unwrap();
        let options = PgConnectOptions::new_without_pgpass()
            .host(&target.host)
            .port(target.port)
            .database(&target.name)
            .username("postgres")
            .password(password.trim());
        options.connect().await.unwrap()
    }

    /// Sends `signal` and waits for the end.
    pub(crate) async fn stop(mut self, signal: &str) -> std::process::ExitStatus {
        let sent = Command::new("kill")
            .args([&format!("-{signal}"), &self.child.id().to_string()])
            .status();
        assert!(sent.unwrap().success());
        eventually("the end of the server", async || {
            self.child.try_wait().unwrap()
        })
        .await
    }

    /// Returns the variables with which AWS tools use the demo's S3 server.
    pub(crate) fn aws(&self) -> BTreeMap<String, String> {
        let text = |name: &str| self.running["aws"][name].as_str().unwrap().to_owned();
        BTreeMap::from([
            ("AWS_ENDPOINT_URL".to_owned(), text("endpoint")),
            ("AWS_REGION".to_owned(), "us-east-1".to_owned()),
            ("AWS_ACCESS_KEY_ID".to_owned(), text("access_key")),
            ("AWS_SECRET_ACCESS_KEY".to_owned(), text("secret_key")),
        ])
    }

    /// Runs `mrt` with the demo's S3 server.
    pub(crate) fn mrt(&self, arguments: &[&str]) -> Output {
        Command::new(MRT)
            .args(arguments)
            .envs(self.aws())
            .output()
            .unwrap()
    }
}

/// Sends a request to the server at `url`; `None` if it does not answer.
pub(crate) async fn send(
    url: &str,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: String,
) -> Option<Reply> {
    let authority = url.strip_prefix("http://").unwrap();
    let stream = TcpStream::connect(authority).await.ok()?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .ok()?;
    tokio::spawn(connection);
    let mut request = Request::builder().method(method).uri(path);
    if headers.iter().all(|(name, _)| *name != "host") {
        request = request.header("host", authority);
    }
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = sender
        .send_request(request.body(Full::<Bytes>::from(body)).unwrap())
        .await
        .ok()?;
    let status = response.status().as_u16();
    let headers = response.headers().iter();
    let headers = headers
        .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
        .collect();
    let body = response.into_body().collect().await.ok()?.to_bytes();
    Some(Reply {
        status,
        headers,
        text: String::from_utf8_lossy(&body).into_owned(),
    })
}

impl Drop for Server {
    fn drop(&mut self) {
        // After a failed assertion. The demo's processes end with this one.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn keep_output(stream: impl Read + Send + 'static, output: &Arc<Mutex<String>>) {
    let output = Arc::clone(output);
    std::thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            let mut output = output.lock().unwrap();
            output.push_str(&line);
            output.push('\n');
        }
    });
}

/// Closes a connection.
pub(crate) async fn close(connection: PgConnection) {
    connection.close().await.unwrap();
}
