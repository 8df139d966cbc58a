//! Accepting connections of a server on this machine: a bounded number of them, and a pause when none can be accepted.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

/// Most open connections of one server. The usual limit of a process is 1,024 file descriptors; further connections
/// wait in the queue of the operating system.
const MAX_CONNECTIONS: usize = 512;
/// Pause after a failure to accept, such as no free file descriptor: at once, the next attempt would fail too.
const PAUSE: Duration = Duration::from_millis(100);
/// Least time between two log lines about failures.
const LOG_INTERVAL: Duration = Duration::from_secs(60);

/// Accepts the connections of one server.
pub(crate) struct Connections {
    listener: TcpListener,
    failures: Failures,
    free: Arc<Semaphore>,
}

/// An open connection. Dropping `slot` makes room for another one.
pub(crate) struct Connection {
    pub(crate) stream: TcpStream,
    pub(crate) slot: OwnedSemaphorePermit,
}

impl Connections {
    /// Returns those of `listener`; `server` is its name in the log.
    pub(crate) fn of(listener: TcpListener, server: &'static str) -> Self {
        Self {
            listener,
            failures: Failures::of(server),
            free: Arc::new(Semaphore::new(MAX_CONNECTIONS)),
        }
    }

    /// Returns the next connection, once there is room for it. Nothing is lost if the future is dropped.
    pub(crate) async fn next(&mut self) -> Connection {
        let free = Arc::clone(&self.free);
        let Ok(slot) = free.acquire_owned().await else {
            unreachable!("the semaphore is never closed");
        };
        loop {
            match self.listener.accept().await {
                Ok((stream, _)) => return Connection { stream, slot },
                Err(error) => self.failures.pause(&error).await,
            }
        }
    }
}

/// Failures to accept, of which one line is logged a minute.
struct Failures {
    server: &'static str,
    logged_at: Option<Instant>,
}

impl Failures {
    fn of(server: &'static str) -> Self {
        let logged_at = None;
        Self { server, logged_at }
    }

    /// Reports a failure, and waits before the next attempt.
    async fn pause(&mut self, error: &io::Error) {
        self.report(error);
        tokio::time::sleep(PAUSE).await;
    }

    fn report(&mut self, error: &io::Error) {
        let now = Instant::now();
        if self.logged_at.is_some_and(|at| now < at + LOG_INTERVAL) {
            return;
        }
        self.logged_at = Some(now);
        tracing::warn!(server = self.server, %error, "could not accept connections; new ones wait");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_failure_to_accept_is_followed_by_a_pause_and_one_log_line_a_minute() {
        let mut failures = Failures::of("test");
        let error = io::Error::from_raw_os_error(24);
        let started = Instant::now();

        for _ in 0..600 {
            failures.pause(&error).await;
        }

        assert_eq!(started.elapsed(), 600 * PAUSE);
        assert_eq!(
            failures.logged_at,
            Some(started),
            "only the first is logged"
        );
        failures.pause(&error).await;
        assert_eq!(failures.logged_at, Some(started + LOG_INTERVAL));
    }

    #[tokio::test]
    async fn a_connection_waits_while_all_slots_are_taken() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut connections = Connections::of(listener, "test");
        connections.free = Arc::new(Semaphore::new(1));
        let _clients = [
            TcpStream::connect(address).await.unwrap(),
            TcpStream::connect(address).await.unwrap(),
        ];

        let first = connections.next().await;
        let second = futures::FutureExt::now_or_never(connections.next());
        assert!(second.is_none(), "there is one slot");
        drop(first);

        connections.next().await;
    }
}
