//! Starts the demo's PostgreSQL again when it ends by itself.

use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::Postgres;

/// Pause after an attempt to start that failed, such as for a full disk.
const RETRY_PAUSE: Duration = Duration::from_secs(5);

/// A cluster that runs until it is stopped.
pub(in crate::demo) struct Supervisor {
    stop: watch::Sender<bool>,
    task: JoinHandle<Postgres>,
}

impl Supervisor {
    /// Keeps `postgres` running, on its port.
    pub(in crate::demo) fn start(postgres: Postgres) -> Self {
        let (stop, stopped) = watch::channel(false);
        let task = tokio::spawn(supervise(postgres, stopped));
        Self { stop, task }
    }

    /// Stops the server: see [`Postgres::stop`].
    pub(in crate::demo) async fn stop(self) -> anyhow::Result<()> {
        self.stop.send_replace(true);
        self.task.await?.stop().await
    }
}

/// Returns the server once it is to stop. An attempt to start is finished first, so that no process is left behind.
async fn supervise(mut postgres: Postgres, mut stopped: watch::Receiver<bool>) -> Postgres {
    let mut is_failing = false;
    loop {
        if !postgres.is_running() {
            match postgres.restart().await {
                Ok(()) => {
                    is_failing = false;
                    tracing::info!("the demo's PostgreSQL runs again");
                }
                Err(error) => {
                    if !is_failing {
                        tracing::warn!(error = %format!("{error:#}"), "could not start the demo's PostgreSQL again; retrying");
                    }
                    is_failing = true;
                }
            }
        }
        // After a failure, without waiting for the end of what may run.
        let waiting = async {
            if is_failing {
                tokio::time::sleep(RETRY_PAUSE).await;
            } else {
                postgres.ended().await;
                tracing::warn!(
                    "the demo's PostgreSQL ended; starting it again: databases cannot be read meanwhile"
                );
            }
        };
        tokio::select! {
            _ = stopped.wait_for(|stop| *stop) => return postgres,
            () = waiting => {}
        }
    }
}
