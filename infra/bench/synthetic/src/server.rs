//! The server: a thread for each connection, on a port of the loopback.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::bucket::Bucket;
use crate::document;

/// One request.
#[derive(Debug, Clone)]
pub struct Asked {
    /// Path with its query, encoded.
    pub path: String,
    /// Whole head of the request.
    pub head: String,
    /// How many listings were asked for before it.
    pub number: usize,
}

impl Asked {
    /// Returns a parameter of the query, decoded.
    pub fn query(&self, name: &str) -> Option<String> {
        let (_, query) = self.path.split_once('?')?;
        let value = query.split('&').find_map(|pair| {
            let (found, value) = pair.split_once('=').unwrap_or((pair, ""));
            (found == name).then_some(value)
        })?;
        Some(decoded(value))
    }

    /// Returns whether it asks for keys behind a given one, as only a listing in ranges does.
    pub fn is_for_a_range(&self) -> bool {
        let is_first_of_range =
            self.query("key-marker").is_some() && self.query("version-id-marker").is_none();
        self.query("start-after").is_some() || is_first_of_range
    }
}

fn decoded(text: &str) -> String {
    let (mut bytes, mut rest) = (Vec::new(), text.as_bytes());
    while let Some((first, next)) = rest.split_first() {
        let hex = next.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
        match (first, hex.and_then(|hex| u8::from_str_radix(hex, 16).ok())) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = &next[2..];
            }
            (b'+', _) => {
                bytes.push(b' ');
                rest = next;
            }
            _ => {
                bytes.push(*first);
                rest = next;
            }
        }
    }
    String::from_utf8(bytes).unwrap()
}

/// How a listing is answered.
#[derive(Debug, Clone)]
pub enum Answer {
    /// As S3 does.
    Good,
    /// An error answer with status, code and more headers.
    Refused(u16, &'static str, &'static str),
    /// A good answer of which only a share of the bytes comes before the connection ends.
    Cut(f64),
    /// A good answer in which one text stands for another.
    Changed(&'static str, &'static str),
    /// Nothing, for so long.
    Silence(Duration),
    /// As a provider does that ignores the key to start behind.
    FromTheStart,
}

type Behaviour = dyn Fn(&Asked) -> Answer + Send + Sync;

struct Shared {
    bucket: Bucket,
    behaviour: Box<Behaviour>,
    delay: Duration,
    requests: AtomicUsize,
    under_way: AtomicUsize,
    most_under_way: AtomicUsize,
    is_stopped: AtomicBool,
}

/// A running server; stops when it is dropped.
pub struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
}

impl Server {
    /// Starts a server for `bucket` on `port`, 0 for any; each page takes `delay` longer than it needs.
    pub fn start(
        bucket: Bucket,
        port: u16,
        delay: Duration,
        behaviour: impl Fn(&Asked) -> Answer + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            bucket,
            behaviour: Box::new(behaviour),
            delay,
            requests: AtomicUsize::new(0),
            under_way: AtomicUsize::new(0),
            most_under_way: AtomicUsize::new(0),
            is_stopped: AtomicBool::new(false),
        });
        let accepting = Arc::clone(&shared);
        thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                if accepting.is_stopped.load(Ordering::SeqCst) {
                    return;
                }
                let serving = Arc::clone(&accepting);
                // An error is a client that left, which is its right.
                thread::spawn(move || drop(serving.serve(connection)));
            }
        });
        Self { address, shared }
    }

    /// Returns its URL.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Returns the bucket that it lists.
    pub fn bucket(&self) -> &Bucket {
        &self.shared.bucket
    }

    /// Returns how many listings were asked for.
    pub fn requests(&self) -> usize {
        self.shared.requests.load(Ordering::SeqCst)
    }

    /// Returns the most listings that were under way at a time.
    pub fn most_under_way(&self) -> usize {
        self.shared.most_under_way.load(Ordering::SeqCst)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.is_stopped.store(true, Ordering::SeqCst);
        // Wakes the thread that accepts; when it is gone already, all is well.
        drop(TcpStream::connect(self.address));
    }
}

impl Shared {
    fn serve(&self, mut connection: TcpStream) -> std::io::Result<()> {
        connection.set_nodelay(true)?;
        let mut buffer = Vec::new();
        while let Some(head) = read_head(&mut connection, &mut buffer)? {
            let method = head.split(' ').next().unwrap_or_default().to_owned();
            let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
            let is_listing = method == "GET" && path.contains('?') && !path.contains("location");
            if path == "/_requests" {
                let text = format!(
                    "{} {}",
                    self.requests.swap(0, Ordering::SeqCst),
                    self.most_under_way.swap(0, Ordering::SeqCst)
                );
                respond(&mut connection, 200, "", text.as_bytes(), 1.0)?;
            } else if !is_listing {
                let body: &[u8] = if method == "HEAD" {
                    b""
                } else {
                    b"<LocationConstraint/>"
                };
                respond(&mut connection, 200, "", body, 1.0)?;
            } else if !self.list(&mut connection, path, head)? {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Answers a listing; returns whether the connection goes on.
    fn list(
        &self,
        connection: &mut TcpStream,
        path: String,
        head: String,
    ) -> std::io::Result<bool> {
        let started = Instant::now();
        let number = self.requests.fetch_add(1, Ordering::SeqCst);
        let under_way = self.under_way.fetch_add(1, Ordering::SeqCst) + 1;
        self.most_under_way.fetch_max(under_way, Ordering::SeqCst);
        let asked = Asked { path, head, number };
        let answer = (self.behaviour)(&asked);
        let page = |may_start| document::listing(&self.bucket, &asked, may_start);
        let (status, headers, body, share) = match &answer {
            Answer::Good => (200, "", page(true), 1.0),
            Answer::FromTheStart => (200, "", page(false), 1.0),
            Answer::Changed(from, to) => (200, "", page(true).replace(from, to), 1.0),
            Answer::Cut(share) => (200, "", page(true), *share),
            Answer::Silence(time) => {
                thread::sleep(*time);
                (200, "", page(true), 1.0)
            }
            Answer::Refused(status, code, headers) => {
                let body =
                    format!("<Error><Code>{code}</Code><Message>NEVERLEAK</Message></Error>");
                (*status, *headers, body, 1.0)
            }
        };
        thread::sleep(self.delay.saturating_sub(started.elapsed()));
        self.under_way.fetch_sub(1, Ordering::SeqCst);
        respond(connection, status, headers, body.as_bytes(), share)?;
        Ok(share >= 1.0)
    }
}

fn read_head(connection: &mut TcpStream, buffer: &mut Vec<u8>) -> std::io::Result<Option<String>> {
    loop {
        if let Some(end) = buffer.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&buffer[..end]).into_owned();
            buffer.drain(..end + 4);
            return Ok(Some(head));
        }
        let mut piece = [0; 8192];
        let read = connection.read(&mut piece)?;
        if read == 0 {
            return Ok(None);
        }
        buffer.extend_from_slice(&piece[..read]);
    }
}

fn respond(
    connection: &mut TcpStream,
    status: u16,
    headers: &str,
    body: &[u8],
    share: f64,
) -> std::io::Result<()> {
    let head = format!(
        "HTTP/1.1 {status} X\r\ncontent-type: application/xml\r\ncontent-length: {}\r\n{headers}\r\n",
        body.len()
    );
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a share of a page"
    )]
    let sent = (body.len() as f64 * share) as usize;
    connection.write_all(&[head.as_bytes(), &body[..sent]].concat())
}
