//! A tiny HTTP server that answers as a test tells it: for what no emulator can be made to do.

use std::sync::{Arc, Mutex};

use shared::aws::Aws;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What was asked.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    /// Path with its query.
    pub(crate) path: String,
    pub(crate) body: String,
}

impl Asked {
    /// Returns the value of a query parameter, as it was sent.
    pub(crate) fn query(&self, name: &str) -> Option<&str> {
        let (_, query) = self.path.split_once('?')?;
        query
            .split('&')
            .find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
    }
}

/// What is answered.
#[derive(Debug, Clone, Default)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: String,
    /// Bytes that are promised and never sent.
    pub(crate) missing_bytes: usize,
}

impl Answer {
    pub(crate) fn new(status: u16, body: impl Into<String>) -> Self {
        Self {
            status,
            body: body.into(),
            ..Self::default()
        }
    }

    pub(crate) fn error(status: u16, code: &str) -> Self {
        Self::new(
            status,
            format!("<Error><Code>{code}</Code><Message>NEVERLEAK</Message></Error>"),
        )
    }
}

/// The server; stops with the test's runtime.
pub(crate) struct StandIn {
    pub(crate) aws: Arc<Aws>,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl StandIn {
    /// Starts a server that gives `answer` to what is asked for the n-th time, from 0.
    pub(crate) async fn start(
        answer: impl Fn(usize, &Asked) -> Answer + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let asked: Arc<Mutex<Vec<Asked>>> = Arc::default();
        let log = Arc::clone(&asked);
        tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                serve(connection, &log, &answer).await;
            }
        });
        let aws = Arc::new(Aws::at(&endpoint, "test", "test"));
        Self { aws, asked }
    }

    /// Returns everything that was asked, in order.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

/// Answers one request and closes the connection.
async fn serve(
    mut connection: TcpStream,
    log: &Mutex<Vec<Asked>>,
    answer: &(impl Fn(usize, &Asked) -> Answer + Sync),
) {
    let Some(asked) = read(&mut connection).await else {
        return;
    };
    let number = {
        let mut log = log.lock().unwrap();
        log.push(asked.clone());
        log.len() - 1
    };
    let Answer {
        status,
        headers,
        body,
        missing_bytes,
    } = answer(number, &asked);
    let length = body.len() + missing_bytes;
    let mut head =
        format!("HTTP/1.1 {status} X\r\ncontent-length: {length}\r\nconnection: close\r\n");
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    // A client that left early is what some tests are about.
    let _ = connection
        .write_all(format!("{head}\r\n{body}").as_bytes())
        .await;
    let _ = connection.shutdown().await;
}

async fn read(connection: &mut TcpStream) -> Option<Asked> {
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
                let body = body.to_owned();
                return Some(Asked { path, body });
            }
        }
        if connection.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
}
