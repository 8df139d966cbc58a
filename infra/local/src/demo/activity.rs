//! Changes the demo's data while it runs: adds, changes and removes files and rows every few seconds.
//!
//! Growth is bounded, so a demo that keeps running stays as small as after its first hours. A failure is logged once and
//! retried; it never ends the demo.

use std::fs::File;
use std::io;
use std::ops::Range;
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

/// Time between steps; `activity/tick.sql` depends on it.
const STEP_INTERVAL: Duration = Duration::from_secs(3);
/// Longest wait for the running step when the demo stops. A step takes some milliseconds.
const STOP_TIMEOUT: Duration = Duration::from_secs(3);
/// Files in a growing folder at which the older half is removed: at least those of half an hour.
const MAX_FILES: usize = 400;

const START: &str = include_str!("activity/start.sql");
const TICK: &str = include_str!("activity/tick.sql");

/// A folder that files are added to.
#[derive(Debug)]
struct Growing {
    /// Path below the bucket folders.
    folder: &'static str,
    ending: &'static str,
    bytes: Range<u64>,
    /// Most new files in one step, plus one.
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
    bytes: Range<u64>,
    rate: u64,
) -> Growing {
    Growing {
        folder,
        ending,
        bytes,
        rate,
    }
}

/// The running task.
#[derive(Debug)]
pub(super) struct Activity {
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Activity {
    /// Starts to change the files in `buckets` and the rows in `postgres`.
    pub(super) fn start(buckets: &Path, postgres: &Postgres) -> Self {
        let (stop, stopped) = watch::channel(false);
        let mut parts: Vec<Part> = ENVIRONMENTS
            .iter()
            .map(|environment| Part::rows(environment, postgres))
            .collect();
        parts.push(Part::files(buckets));
        Self {
            stop,
            task: tokio::spawn(keep_changing(parts, stopped)),
        }
    }

    /// Stops it, after the running step.
    pub(super) async fn stop(mut self) {
        self.stop.send_replace(true);
        if tokio::time::timeout(STOP_TIMEOUT, &mut self.task)
            .await
            .is_err()
        {
            self.task.abort();
        }
    }
}

async fn keep_changing(mut parts: Vec<Part>, mut stopped: watch::Receiver<bool>) {
    let mut ticks = interval(STEP_INTERVAL);
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

/// Data that changes, and whether its last step failed.
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
        // With the same seed, a second run would repeat the first.
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
        let changed = match &mut self.kind {
            Kind::Rows {
                environment,
                options,
                connection,
            } => change_rows(environment, options, connection)
                .await
                .map_err(|error| error_chain(&error)),
            Kind::Files { root, random } => {
                let now = SystemClock.now().timestamp_millis();
                change_files(root, random, now).map_err(|error| error_chain(&error))
            }
        };
        if let Err(error) = &changed
            && !self.is_failing
        {
            tracing::warn!(part = self.name, %error, "could not change the demo's data; retrying");
        }
        self.is_failing = changed.is_err();
    }
}

async fn change_rows(
    environment: &DemoEnvironment,
    options: &PgConnectOptions,
    kept: &mut Option<PgConnection>,
) -> Result<(), sqlx::Error> {
    // Taken out so that a failed connection is not reused.
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

/// Adds and removes some files. `now_ms` makes the names sort by age.
fn change_files(root: &Path, random: &mut Random, now_ms: i64) -> io::Result<()> {
    for growing in GROWING {
        let bucket = growing.folder.split('/').next().unwrap_or_default();
        // A bucket that was deleted stays so.
        if !root.join(bucket).is_dir() {
            continue;
        }
        let folder = root.join(growing.folder);
        std::fs::create_dir_all(&folder)?;
        for number in 0..random.in_range(&(0..growing.rate)) {
            let length = random.in_range(&growing.bytes);
            let name = format!(
                "{now_ms:013}-{number}-{:016x}{}",
                random.next(),
                growing.ending
            );
            // Outside any bucket until it has its length, so that it appears complete.
            let new = root.join(".new");
            File::create(&new)?.set_len(length)?;
            std::fs::rename(&new, folder.join(name))?;
        }
        clean_up(&folder, random)?;
    }
    Ok(())
}

/// Removes one file in one of eight steps, and the older half of the files above [`MAX_FILES`].
fn clean_up(folder: &Path, random: &mut Random) -> io::Result<()> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        names.push(entry?.file_name());
    }
    names.sort();
    if names.len() > MAX_FILES {
        names.truncate(MAX_FILES / 2);
    } else if random.in_range(&(0..8)) == 0 && !names.is_empty() {
        let count = u64::try_from(names.len()).unwrap_or(u64::MAX);
        let chosen = usize::try_from(random.in_range(&(0..count))).unwrap_or(0);
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
    fn the_number_of_files_changes_and_stays_bounded() {
        let root = tempfile::tempdir().unwrap();
        let mut random = Random::seeded(1);
        let folder = root.path().join(GROWING[0].folder);
        std::fs::create_dir_all(&folder).unwrap();
        let mut most = 0;

        for moment in 0..600 {
            change_files(root.path(), &mut random, moment).unwrap();
            most = most.max(std::fs::read_dir(&folder).unwrap().count());
        }

        assert!((MAX_FILES / 2..=MAX_FILES + 2).contains(&most), "{most}");
        let left = std::fs::read_dir(&folder).unwrap().count();
        assert!(left < most, "the older half was removed: {left} of {most}");
        assert!(!root.path().join(".new").exists());
        assert!(
            !root.path().join("shared-files").exists(),
            "a bucket came back"
        );
    }
}
