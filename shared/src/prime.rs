//! Calls that a function makes while it starts, so that its first answer need not wait for them.
//!
//! The first call to an AWS service opens a connection, and its handshake is nearly all of the processor time that
//! the first answer takes. While a function starts Lambda gives it a whole processor; afterwards its memory's share,
//! which is 7 % at 128 MB. Not a check: what fails here fails again, and is told, when an answer needs it.

use std::future::Future;
use std::time::Duration;

use tokio::time::timeout;

use crate::telemetry::error_chain;

/// Awaits `call` for at most `limit`, whatever comes of it. A limit of zero makes no call.
///
/// `what` names the service in the log.
///
/// The call is boxed: first calls to AWS are large futures, and what awaits several of them would be larger still.
pub fn prime<T, E: std::error::Error>(
    what: &'static str,
    limit: Duration,
    call: impl Future<Output = Result<T, E>>,
) -> impl Future<Output = ()> {
    let call = (!limit.is_zero()).then(|| Box::pin(call));
    async move {
        let Some(call) = call else {
            return;
        };
        match timeout(limit, call).await {
            Ok(Ok(_)) => tracing::debug!(primed = what, "connected at start"),
            Ok(Err(error)) => {
                tracing::debug!(primed = what, error = %error_chain(&error), "not connected at start");
            }
            Err(_) => tracing::debug!(
                primed = what,
                "not connected at start within the time for it"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::io;
    use std::sync::atomic::{AtomicBool, Ordering};

    use tokio::time::Instant;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_start_waits_no_longer_than_its_limit() {
        let started = Instant::now();

        prime(
            "nothing",
            Duration::from_secs(2),
            std::future::pending::<Result<(), Infallible>>(),
        )
        .await;

        assert_eq!(started.elapsed(), Duration::from_secs(2));
    }

    #[tokio::test(start_paused = true)]
    async fn a_failure_costs_no_time_and_stops_nothing() {
        let started = Instant::now();

        let call = async { Err::<(), _>(io::Error::other("refused")) };
        prime("nothing", Duration::from_secs(2), call).await;

        assert_eq!(started.elapsed(), Duration::ZERO);
    }

    #[tokio::test]
    async fn a_limit_of_zero_makes_no_call() {
        let called = AtomicBool::new(false);
        let call = || async {
            called.store(true, Ordering::SeqCst);
            Ok::<_, Infallible>(())
        };

        prime("nothing", Duration::ZERO, call()).await;
        assert!(!called.load(Ordering::SeqCst));
        prime("nothing", Duration::from_secs(1), call()).await;
        assert!(called.load(Ordering::SeqCst));
    }
}
