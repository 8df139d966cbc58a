//! A stand-in for an AWS service on loopback that says one thing to whatever it is asked.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Starts a service that answers every request with `body` and the lines of `headers`; returns where it is.
pub(crate) async fn answering(headers: &str, body: &str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let length = body.len();
    let response =
        format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n{headers}\r\n\r\n{body}");
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(answer(stream, response.clone()));
        }
    });
    endpoint
}

async fn answer(mut stream: TcpStream, response: String) {
    while read_request(&mut stream).await.is_some() {
        if stream.write_all(response.as_bytes()).await.is_err() {
            return;
        }
    }
}

/// Reads one request whole; `None` when the client has gone.
pub(crate) async fn read_request(stream: &mut TcpStream) -> Option<()> {
    let mut request = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&request).to_ascii_lowercase();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length:"));
            let length: usize = length.map_or(0, |length| length.trim().parse().unwrap());
            if body.len() >= length {
                return Some(());
            }
        }
        let mut buffer = [0; 4096];
        match stream.read(&mut buffer).await.ok()? {
            0 => return None,
            count => request.extend_from_slice(&buffer[..count]),
        }
    }
}
