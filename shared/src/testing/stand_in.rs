//! A small HTTP server with scripted responses, in place of an AWS service: for what no emulator can do.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::aws::Aws;

/// A request that the server received.
#[derive(Debug, Clone)]
pub struct Request {
    /// Path with its query.
    pub path: String,
    /// Request line and headers.
    pub head: String,
    /// Body as text.
    pub body: String,
}

impl Request {
    /// Returns the value of a query parameter, as it was sent.
    pub fn query(&self, name: &str) -> Option<&str> {
        let (_, query) = self.path.split_once('?')?;
        query
            .split('&')
            .find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
    }
}

/// A response of the server.
#[derive(Debug, Clone, Default)]
pub struct Response {
    /// Status code.
    pub status: u16,
    /// Further headers.
    pub headers: Vec<(&'static str, String)>,
    /// Body as text.
    pub body: String,
    /// Bytes that `content-length` includes and that are never sent.
    pub missing_bytes: usize,
    /// Time before the response begins. Only for tests whose clock is paused.
    pub delay: Duration,
}

impl Response {
    /// Returns a response without further headers.
    pub fn new(status: u16, body: impl Into<String>) -> Self {
        Self {
            status,
            body: body.into(),
            ..Self::default()
        }
    }

    /// Returns an error in the form of S3, whose message must not leak.
    pub fn error(status: u16, code: &str) -> Self {
        Self::new(
            status,
            format!("<Error><Code>{code}</Code><Message>NEVERLEAK</Message></Error>"),
        )
    }
}

/// The server. It stops with the runtime of the test.
#[derive(Debug)]
pub struct StandIn {
    /// Clients of the server.
    pub aws: Arc<Aws>,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl StandIn {
    /// Starts a server. `respond` gets the number of the request, from 0, and the request.
    ///
    /// # Panics
    ///
    /// If no port is free.
    pub async fn start(
        respond: impl Fn(usize, &Request) -> Response + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let requests: Arc<Mutex<Vec<Request>>> = Arc::default();
        let log = Arc::clone(&requests);
        tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                serve(connection, &log, &respond).await;
            }
        });
        let aws = Arc::new(Aws::at(&endpoint, "test", "test"));
        Self { aws, requests }
    }

    /// Returns all requests so far, in order.
    ///
    /// # Panics
    ///
    /// If `respond` panicked.
    pub fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }
}

/// Responds to one request and closes the connection.
async fn serve(
    mut connection: TcpStream,
    log: &Mutex<Vec<Request>>,
    respond: &(impl Fn(usize, &Request) -> Response + Sync),
) {
    let Some(request) = read(&mut connection).await else {
        return;
    };
    let number = {
        let mut log = log.lock().unwrap();
        log.push(request.clone());
        log.len() - 1
    };
    let Response {
        status,
        headers,
        body,
        missing_bytes,
        delay,
    } = respond(number, &request);
    if !delay.is_zero() {
        tokio::time::sleep(delay).await;
    }
    let length = body.len() + missing_bytes;
    let mut head =
        format!("HTTP/1.1 {status} X\r\ncontent-length: {length}\r\nconnection: close\r\n");
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    // Some tests have a client that disconnects early.
    let _ = connection
        .write_all(format!("{head}\r\n{body}").as_bytes())
        .await;
    let _ = connection.shutdown().await;
}

async fn read(connection: &mut TcpStream) -> Option<Request> {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head
                .lines()
                .filter_map(|line| line.split_once(':'))
                .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
                .and_then(|(_, value)| value.trim().parse().ok());
            if body.len() >= length.unwrap_or(0) {
                let path = head.split(' ').nth(1)?.to_owned();
                let (head, body) = (head.to_owned(), body.to_owned());
                return Some(Request { path, head, body });
            }
        }
        if connection.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
}
