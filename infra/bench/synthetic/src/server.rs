//! The server: one thread per connection, on a loopback port.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::bucket::Bucket;
use crate::document::{self, Start};
use crate::request::Request;

/// Response to a listing request.
#[derive(Debug, Clone)]
pub enum Response {
    /// As S3 answers.
    Page,
    /// An error response.
    Error {
        /// HTTP status.
        status: u16,
        /// S3's error code.
        code: &'static str,
        /// More headers, each with its line end.
        headers: &'static str,
    },
    /// A page of which only this share of the bytes is sent before the connection ends.
    Truncated(f64),
    /// A page in which one text is replaced.
    Replaced {
        /// Text to replace.
        from: &'static str,
        /// Text in its place.
        to: &'static str,
    },
    /// A page after this pause.
    Delayed(Duration),
    /// A page from the start of the bucket, as from a provider that ignores the key to start after.
    FromStart,
}

impl Response {
    /// Returns an error response without more headers.
    pub fn error(status: u16, code: &'static str) -> Self {
        Self::Error {
            status,
            code,
            headers: "",
        }
    }
}

type Behavior = dyn Fn(&Request) -> Response + Send + Sync;

struct Shared {
    bucket: Bucket,
    behavior: Box<Behavior>,
    delay: Duration,
    requests: AtomicUsize,
    concurrent: AtomicUsize,
    max_concurrent: AtomicUsize,
    is_stopped: AtomicBool,
}

/// A running server; stops when it is dropped.
pub struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
}

impl Server {
    /// Starts a server for `bucket` on `port`, 0 for any. Each page takes at least `delay`.
    pub fn start(
        bucket: Bucket,
        port: u16,
        delay: Duration,
        behavior: impl Fn(&Request) -> Response + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            bucket,
            behavior: Box::new(behavior),
            delay,
            requests: AtomicUsize::new(0),
            concurrent: AtomicUsize::new(0),
            max_concurrent: AtomicUsize::new(0),
            is_stopped: AtomicBool::new(false),
        });
        let accepting = Arc::clone(&shared);
        thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                if accepting.is_stopped.load(Ordering::SeqCst) {
                    return;
                }
                let serving = Arc::clone(&accepting);
                // An error means that the client disconnected, which it may.
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

    /// Returns the number of listing requests.
    pub fn requests(&self) -> usize {
        self.shared.requests.load(Ordering::SeqCst)
    }

    /// Returns the maximum number of concurrent listing requests.
    pub fn max_concurrent(&self) -> usize {
        self.shared.max_concurrent.load(Ordering::SeqCst)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.is_stopped.store(true, Ordering::SeqCst);
        // Wakes the accepting thread, if it still exists.
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
                    self.max_concurrent.swap(0, Ordering::SeqCst)
                );
                Message::page(text).send(&mut connection)?;
            } else if !is_listing {
                let body = match method.as_str() {
                    "HEAD" => "",
                    _ => "<LocationConstraint/>",
                };
                Message::page(body.to_owned()).send(&mut connection)?;
            } else if !self.list(&mut connection, path, head)? {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Answers a listing request; returns whether the connection stays open.
    fn list(
        &self,
        connection: &mut TcpStream,
        path: String,
        head: String,
    ) -> std::io::Result<bool> {
        let started = Instant::now();
        let number = self.requests.fetch_add(1, Ordering::SeqCst);
        let concurrent = self.concurrent.fetch_add(1, Ordering::SeqCst) + 1;
        self.max_concurrent.fetch_max(concurrent, Ordering::SeqCst);
        let request = Request { path, head, number };
        let page = || document::listing(&self.bucket, &request, Start::Requested);
        let message = match (self.behavior)(&request) {
            Response::Page => Message::page(page()),
            Response::FromStart => {
                let page = document::listing(&self.bucket, &request, Start::OfBucket);
                Message::page(page)
            }
            Response::Replaced { from, to } => Message::page(page().replace(from, to)),
            Response::Truncated(share) => Message {
                share,
                ..Message::page(page())
            },
            Response::Delayed(time) => {
                thread::sleep(time);
                Message::page(page())
            }
            Response::Error {
                status,
                code,
                headers,
            } => Message {
                status,
                headers,
                ..Message::page(format!(
                    "<Error><Code>{code}</Code><Message>NEVERLEAK</Message></Error>"
                ))
            },
        };
        thread::sleep(self.delay.saturating_sub(started.elapsed()));
        self.concurrent.fetch_sub(1, Ordering::SeqCst);
        message.send(connection)?;
        Ok(message.share >= 1.0)
    }
}

/// An HTTP response.
struct Message {
    status: u16,
    /// More headers, each with its line end.
    headers: &'static str,
    body: String,
    /// Share of the body that is sent.
    share: f64,
}

impl Message {
    fn page(body: String) -> Self {
        Self {
            status: 200,
            headers: "",
            body,
            share: 1.0,
        }
    }

    fn send(&self, connection: &mut TcpStream) -> std::io::Result<()> {
        let Self {
            status, headers, ..
        } = self;
        let body = self.body.as_bytes();
        let length = body.len();
        let head = format!(
            "HTTP/1.1 {status} X\r\ncontent-type: application/xml\r\ncontent-length: {length}\r\n{headers}\r\n"
        );
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "a share of a page"
        )]
        let sent = (length as f64 * self.share) as usize;
        connection.write_all(&[head.as_bytes(), &body[..sent]].concat())
    }
}

fn read_head(connection: &mut TcpStream, buffer: &mut Vec<u8>) -> std::io::Result<Option<String>> {
    loop {
        if let Some(end) = buffer.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&buffer[..end]).into_owned();
            buffer.drain(..end + 4);
            return Ok(Some(head));
        }
        let mut chunk = [0; 8192];
        let read = connection.read(&mut chunk)?;
        if read == 0 {
            return Ok(None);
        }
        buffer.extend_from_slice(&chunk[..read]);
    }
}
