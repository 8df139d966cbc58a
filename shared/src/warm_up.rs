//! Opens connections while a function starts, so that its first response does not wait for them.
//!
//! The handshake of the first call to an AWS service takes nearly all of the processor time of the first response.
//! Lambda gives a function a whole processor while it starts, and afterwards the share of its memory: 7 % at 128 MB.
//! A warm-up is not a health check: a call that fails here fails again, and is reported, when a response needs it.

use std::future::Future;
use std::time::Duration;

use tokio::time::timeout;

use crate::telemetry::error_chain;

/// Awaits `call` for at most `limit` and discards its result. A limit of zero makes no call.
///
/// `service` is the name in the log. The call is boxed because first calls to AWS are large futures, and joining
/// several of them would make a larger one.
pub fn warm_up<T, E: std::error::Error>(
    service: &'static str,
    limit: Duration,
    call: impl Future<Output = Result<T, E>>,
) -> impl Future<Output = ()> {
    let call = (!limit.is_zero()).then(|| Box::pin(call));
    async move {
        let Some(call) = call else {
            return;
        };
        match timeout(limit, call).await {
            Ok(Ok(_)) => tracing::debug!(service, "warmed up"),
            Ok(Err(error)) => {
                tracing::debug!(service, error = %error_chain(&error), "warm-up failed");
            }
            Err(_) => tracing::debug!(service, "warm-up timed out"),
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

        warm_up(
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
        warm_up("nothing", Duration::from_secs(2), call).await;

        assert_eq!(started.elapsed(), Duration::ZERO);
    }

    #[tokio::test]
    async fn a_limit_of_zero_makes_no_call() {
        let called = AtomicBool::new(false);
        let call = || async {
            called.store(true, Ordering::SeqCst);
            Ok::<_, Infallible>(())
        };

        warm_up("nothing", Duration::ZERO, call()).await;
        assert!(!called.load(Ordering::SeqCst));
        warm_up("nothing", Duration::from_secs(1), call()).await;
        assert!(called.load(Ordering::SeqCst));
    }
}
