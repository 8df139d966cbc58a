//! `mrt bucket-size` on a terminal, which `script` of util-linux makes: its progress, its tables, and Ctrl-C.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use serde_json::Value;

use crate::harness::MRT;

/// What a terminal sends for Ctrl-C.
const CTRL_C: &[u8] = b"\x03";

/// A bucket of a full page and one more object, whose last page waits until it is released.
struct SlowBucket {
    url: String,
    release: Sender<()>,
}

impl SlowBucket {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (release, released) = channel();
        // Ends with the program that asks.
        thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                if serve(connection, &released).is_none() {
                    return;
                }
            }
        });
        Self { url, release }
    }
}

/// Answers one request; `None` if the last page will never be released.
fn serve(mut connection: TcpStream, released: &Receiver<()>) -> Option<()> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        connection.read_exact(&mut byte).ok()?;
        head.push(byte[0]);
    }
    let is_last = String::from_utf8_lossy(&head).contains("continuation-token=two");
    if is_last {
        released.recv().ok()?;
    }
    let keys = if is_last { 1_000..1_001 } else { 0..1_000 };
    let contents: String = keys
        .map(|key| format!("<Contents><Key>{key:04}</Key><Size>1024</Size></Contents>"))
        .collect();
    let next = if is_last {
        "<IsTruncated>false</IsTruncated>"
    } else {
        "<IsTruncated>true</IsTruncated><NextContinuationToken>two</NextContinuationToken>"
    };
    let page = format!("<ListBucketResult>{next}{contents}</ListBucketResult>");
    let length = page.len();
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n");
    connection.write_all((head + &page).as_bytes()).ok()
}

/// The command on a terminal of its own.
struct Terminal {
    running: Child,
    shown: String,
}

impl Terminal {
    /// Measures `bucket` on a terminal with this many columns.
    fn measure(bucket: &SlowBucket, columns: usize, options: &str) -> Self {
        let url = &bucket.url;
        let line = format!(
            "stty cols {columns} rows 24; exec {MRT} bucket-size s3://files --measure current --no-sign-request \
             --endpoint-url {url} {options}"
        );
        let running = Command::new("script")
            .args(["--quiet", "--return", "--flush", "--command", &line])
            .arg("/dev/null")
            .env("SHELL", "/bin/sh")
            .env("TERM", "xterm")
            .env("AWS_REGION", "eu-west-1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn();
        Self {
            running: running.unwrap(),
            shown: String::new(),
        }
    }

    /// Reads until `text` is shown.
    fn wait_for(&mut self, text: &str) {
        let output = self.running.stdout.as_mut().unwrap();
        let mut bytes = [0; 1024];
        while !self.shown.contains(text) {
            let read = output.read(&mut bytes).unwrap();
            assert!(read > 0, "the command ended without {text}: {}", self.shown);
            self.shown += &String::from_utf8_lossy(&bytes[..read]);
        }
    }

    fn press(&mut self, key: &[u8]) {
        self.running.stdin.as_mut().unwrap().write_all(key).unwrap();
    }

    /// Reads to the end; returns the exit code and the lines that were ever shown, without control sequences.
    fn end(mut self) -> (Option<i32>, Vec<String>) {
        let mut rest = Vec::new();
        let output = self.running.stdout.as_mut().unwrap();
        output.read_to_end(&mut rest).unwrap();
        self.shown += &String::from_utf8_lossy(&rest);
        let shown = console::strip_ansi_codes(&self.shown);
        let lines = shown.split(['\r', '\n']).filter(|line| !line.is_empty());
        let lines = lines.map(str::to_owned).collect();
        (self.running.wait().unwrap().code(), lines)
    }
}

#[test]
fn ctrl_c_prints_what_was_counted_as_partial() {
    let bucket = SlowBucket::start();
    let mut terminal = Terminal::measure(&bucket, 100, "");
    terminal.wait_for("1,000 objects, 1000.00 KiB");

    terminal.press(CTRL_C);

    let (code, lines) = terminal.end();
    assert_eq!(code, Some(130), "{lines:?}");
    let last: Vec<&str> = lines.iter().rev().take(2).map(String::as_str).collect();
    assert_eq!(
        last,
        [
            "counted so far: 1,000 objects, 1000.00 KiB (1,024,000 bytes)",
            "s3://files/: partial, stopped before the end"
        ]
    );
}

#[test]
fn ctrl_c_prints_partial_json() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("size.json");
    let bucket = SlowBucket::start();
    let options = format!("--json > {}", file.display());
    let mut terminal = Terminal::measure(&bucket, 100, &options);
    terminal.wait_for("1,000 objects");

    terminal.press(CTRL_C);

    assert_eq!(terminal.end().0, Some(130));
    let size: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    assert_eq!(size["completeness"], "partial");
    assert_eq!(size["unmeasured"][0]["code"], "interrupted");
}

#[test]
fn progress_and_table_fit_a_narrow_terminal() {
    for (columns, expected) in [
        (100, "1001.00 KiB (1,025,024 bytes)"),
        (40, "1001.00 KiB"),
        (24, "1001.00 KiB"),
    ] {
        let bucket = SlowBucket::start();
        let mut terminal = Terminal::measure(&bucket, columns, "");
        terminal.wait_for("1,000 objects");

        bucket.release.send(()).unwrap();

        let (code, lines) = terminal.end();
        assert_eq!(code, Some(0), "{lines:?}");
        let widest = lines.iter().map(|line| line.chars().count()).max();
        assert!(widest <= Some(columns), "{columns}: {lines:#?}");
        let is_shown = lines.iter().any(|line| line.contains(expected));
        assert!(is_shown, "{columns}: {lines:#?}");
    }
}
