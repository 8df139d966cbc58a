//! A relay before a real server, which looks at what clients send: a stand-in for proxies that change or refuse it.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

/// Largest piece that is passed on at once; messages of our clients are smaller.
const PIECE_BYTES: usize = 1 << 16;

/// Starts a relay to `port` on 127.0.0.1 and returns its own port. It lives as long as the process.
///
/// `inspect` may change each piece that a client sends. If it returns an answer, the client gets that and is
/// disconnected.
pub fn relay(
    port: u16,
    inspect: impl Fn(&mut Vec<u8>) -> Option<Vec<u8>> + Send + Sync + 'static,
) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let own_port = listener.local_addr().unwrap().port();
    let inspect = Arc::new(inspect);
    thread::spawn(move || {
        for client in listener.incoming() {
            let (client, inspect) = (client.unwrap(), Arc::clone(&inspect));
            let server = TcpStream::connect(("127.0.0.1", port)).unwrap();
            let (mut from_server, mut to_client) =
                (server.try_clone().unwrap(), client.try_clone().unwrap());
            thread::spawn(move || {
                let _ = std::io::copy(&mut from_server, &mut to_client);
                let _ = to_client.shutdown(Shutdown::Both);
            });
            thread::spawn(move || pass_on(client, server, &*inspect));
        }
    });
    own_port
}

fn pass_on(
    mut client: TcpStream,
    mut server: TcpStream,
    inspect: &(impl Fn(&mut Vec<u8>) -> Option<Vec<u8>> + ?Sized),
) {
    let mut buffer = vec![0; PIECE_BYTES];
    while let Ok(length @ 1..) = client.read(&mut buffer) {
        let mut piece = buffer.get(..length).unwrap_or_default().to_vec();
        if let Some(answer) = inspect(&mut piece) {
            let _ = client.write_all(&answer);
            break;
        }
        if server.write_all(&piece).is_err() {
            break;
        }
    }
    let _ = server.shutdown(Shutdown::Both);
    let _ = client.shutdown(Shutdown::Both);
}

/// Replaces `from` in `piece` by `to`, which has the same length.
///
/// # Panics
///
/// If the lengths differ.
pub fn replace(piece: &mut [u8], from: &str, to: &str) {
    assert_eq!(from.len(), to.len(), "messages have lengths");
    let found = piece
        .windows(from.len())
        .position(|window| window == from.as_bytes());
    if let Some(part) = found.and_then(|start| piece.get_mut(start..start + from.len())) {
        part.copy_from_slice(to.as_bytes());
    }
}
