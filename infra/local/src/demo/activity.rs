//! What happens in the demo while it runs: files and rows come, change and go every few seconds.
//!
//! Growth is bounded, so that a demo left on stays as small as after its first hours. A failure is logged once
//! and tried again; it never ends the demo.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use shared::clock::{Clock, SystemClock};
use shared::telemetry::error_chain;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::raw_sql;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval};

use super::buckets::{IMAGE_BYTES, INVOICE_BYTES};
use super::environments::{DemoEnvironment, ENVIRONMENTS};
use super::postgres::{self, Postgres};
use super::random::Random;
use super::seed;

/// Time between two moves; `activity/tick.sql` counts on it.
const EVERY: Duration = Duration::from_secs(3);
/// Longest wait for a move under way when the demo stops; one takes some milliseconds.
const STOP_TIMEOUT: Duration = Duration::from_secs(3);
/// Files in one growing folder before the older half is cleaned up: half an hour's or more.
const MOST_FILES: usize = 400;

const START: &str = include_str!("activity/start.sql");
const TICK: &str = include_str!("activity/tick.sql");

/// A folder that files come to.
#[derive(Debug)]
struct Growing {
    /// Path below the bucket folders.
    folder: &'static str,
    ending: &'static str,
    bytes: (u64, u64),
    /// Most new files in one move, plus one.
    rate: u64,
}

const GROWING: &[Growing] = &[
    growing("acme-prod-files/invoices/new", ".pdf", INVOICE_BYTES, 3),
    growing("acme-prod-files/images/new", ".jpg", IMAGE_BYTES, 2),
    growing(
        "shared-files/globex-prod/invoices/new",
        ".pdf",
        INVOICE_BYTES,
        2,
    ),
    growing(
        "shared-files/acme-test/invoices/new",
        ".pdf",
        INVOICE_BYTES,
        2,
    ),
];

const fn growing(
    folder: &'static str,
    ending: &'static str,
    bytes: (u64, u64),
    rate: u64,
) -> Growing {
    Growing {
        folder,
        ending,
        bytes,
        rate,
    }
}

/// The running movement.
#[derive(Debug)]
pub(super) struct Activity {
    stop: watch::Sender<bool>,
    moving: JoinHandle<()>,
}

impl Activity {
    /// Starts to move the files below `buckets` and the rows in `postgres`.
    pub(super) fn start(buckets: &Path, postgres: &Postgres) -> Self {
        let (stop, stopped) = watch::channel(false);
        let mut parts: Vec<Part> = ENVIRONMENTS
            .iter()
            .map(|environment| Part::rows(environment, postgres))
            .collect();
        parts.push(Part::files(buckets));
        Self {
            stop,
            moving: tokio::spawn(keep_moving(parts, stopped)),
        }
    }

    /// Ends it, letting a move under way finish.
    pub(super) async fn stop(mut self) {
        self.stop.send_replace(true);
        if tokio::time::timeout(STOP_TIMEOUT, &mut self.moving)
            .await
            .is_err()
        {
            self.moving.abort();
        }
    }
}

async fn keep_moving(mut parts: Vec<Part>, mut stopped: watch::Receiver<bool>) {
    let mut ticks = interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = stopped.changed() => break,
            _ = ticks.tick() => {}
        }
        for part in &mut parts {
            part.step().await;
        }
    }
}

/// One thing that moves, and whether it failed the last time.
struct Part {
    name: &'static str,
    kind: Kind,
    is_failing: bool,
}

enum Kind {
    Rows {
        environment: &'static DemoEnvironment,
        options: Box<PgConnectOptions>,
        connection: Option<PgConnection>,
    },
    Files {
        root: PathBuf,
        random: Random,
    },
}

impl Part {
    fn rows(environment: &'static DemoEnvironment, postgres: &Postgres) -> Self {
        Self {
            name: environment.database,
            kind: Kind::Rows {
                environment,
                options: Box::new(postgres.options(environment.database)),
                connection: None,
            },
            is_failing: false,
        }
    }

    fn files(root: &Path) -> Self {
        // Another seed at each start, or a second run would repeat the first.
        let seed = SystemClock.now().timestamp_millis().unsigned_abs();
        Self {
            name: "files",
            kind: Kind::Files {
                root: root.to_owned(),
                random: Random::seeded(seed),
            },
            is_failing: false,
        }
    }

    async fn step(&mut self) {
        let moved = match &mut self.kind {
            Kind::Rows {
                environment,
                options,
                connection,
            } => move_rows(environment, options, connection)
                .await
                .map_err(|error| error_chain(&error)),
            Kind::Files { root, random } => {
                let now = SystemClock.now().timestamp_millis();
                move_files(root, random, now).map_err(|error| error_chain(&error))
            }
        };
        if let Err(error) = &moved
            && !self.is_failing
        {
            tracing::warn!(part = self.name, %error, "the demo's data cannot move, it is tried again");
        }
        self.is_failing = moved.is_err();
    }
}

async fn move_rows(
    environment: &DemoEnvironment,
    options: &PgConnectOptions,
    kept: &mut Option<PgConnection>,
) -> Result<(), sqlx::Error> {
    // Taken out, so that a connection that failed is not used again.
    let mut connection = match kept.take() {
        Some(connection) => connection,
        None => {
            let mut new = postgres::connect(options).await?;
            seed::prepare_session(&mut new, environment).await?;
            raw_sql(START).execute(&mut new).await?;
            new
        }
    };
    raw_sql(TICK).execute(&mut connection).await?;
    *kept = Some(connection);
    Ok(())
}

/// Adds and removes some files; `now_ms` makes names that sort by age.
fn move_files(root: &Path, random: &mut Random, now_ms: i64) -> io::Result<()> {
    for growing in GROWING {
        let folder = root.join(growing.folder);
        std::fs::create_dir_all(&folder)?;
        for number in 0..random.between(0, growing.rate) {
            let (least, most) = growing.bytes;
            let length = random.between(least, most);
            let name = format!(
                "{now_ms:013}-{number}-{:016x}{}",
                random.next(),
                growing.ending
            );
            // Outside of any bucket until it has its length, so that it appears whole.
            let new = root.join(".new");
            File::create(&new)?.set_len(length)?;
            std::fs::rename(&new, folder.join(name))?;
        }
        clean_up(&folder, random)?;
    }
    Ok(())
}

/// Removes a file now and then, and the older half of too many.
fn clean_up(folder: &Path, random: &mut Random) -> io::Result<()> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        names.push(entry?.file_name());
    }
    names.sort();
    if names.len() > MOST_FILES {
        names.truncate(MOST_FILES / 2);
    } else if random.between(0, 8) == 0 && !names.is_empty() {
        let count = u64::try_from(names.len()).unwrap_or(u64::MAX);
        let chosen = usize::try_from(random.between(0, count)).unwrap_or(0);
        names.drain(..chosen);
        names.truncate(1);
    } else {
        names.clear();
    }
    names
        .iter()
        .try_for_each(|name| std::fs::remove_file(folder.join(name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_come_and_go_and_never_get_too_many() {
        let root = tempfile::tempdir().unwrap();
        let mut random = Random::seeded(1);
        let folder = root.path().join(GROWING[0].folder);
        let mut most = 0;

        for moment in 0..600 {
            move_files(root.path(), &mut random, moment).unwrap();
            most = most.max(std::fs::read_dir(&folder).unwrap().count());
        }

        assert!((MOST_FILES / 2..=MOST_FILES + 2).contains(&most), "{most}");
        let left = std::fs::read_dir(&folder).unwrap().count();
        assert!(left < most, "the older half went: {left} of {most}");
        assert!(!root.path().join(".new").exists());
    }
}
