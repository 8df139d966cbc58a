//! Reads the fleet file from a path or an S3 object, and again when its version changes.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::sync::Mutex;

use super::{DISCOVERED, Fleet, FleetFaults};
use crate::aws::Aws;
use crate::clock::{self, Clock};
use crate::document::{self, DocumentError};
use crate::location::Location;
use crate::telemetry::error_chain;

/// Shortest time between two checks of the file.
pub const CHECK_INTERVAL: Duration = Duration::from_secs(60);
/// Largest fleet file: 10,000 environments with about 1.5 kB each.
pub const FLEET_LIMIT_BYTES: u64 = 16 << 20;

/// Why there is no fleet.
#[derive(Debug, thiserror::Error)]
pub enum FleetError {
    /// The file could not be read.
    #[error("the fleet file could not be read")]
    Unreadable(#[from] DocumentError),
    /// The file, or that of discovery, has faults.
    #[error("the fleet file has errors:\n{0}")]
    Faulty(#[from] FleetFaults),
}

/// The fleet file without what is discovered.
#[derive(Clone)]
struct Written {
    fleet: Arc<Fleet>,
    tag: String,
}

/// Provides the current fleet.
pub struct FleetSource {
    aws: Arc<Aws>,
    location: Location,
    clock: Arc<dyn Clock>,
    check_interval: Duration,
    loaded: Mutex<Option<Loaded>>,
}

struct Loaded {
    fleet: Arc<Fleet>,
    written: Written,
    /// Version of what was discovered; `None` if there is no such file.
    discovered_tag: Option<String>,
    checked_at: DateTime<Utc>,
}

impl FleetSource {
    /// Returns a source that has not read anything yet.
    pub fn new(aws: Arc<Aws>, location: Location, clock: Arc<dyn Clock>) -> Self {
        Self {
            aws,
            location,
            clock,
            check_interval: CHECK_INTERVAL,
            loaded: Mutex::default(),
        }
    }

    /// Returns the fleet, at most [`CHECK_INTERVAL`] old.
    ///
    /// If the file cannot be read or has faults, returns the last good fleet and logs a warning: one bad edit must not
    /// stop all collections.
    ///
    /// # Errors
    ///
    /// If no good fleet was read before.
    pub async fn current(&self) -> Result<Arc<Fleet>, FleetError> {
        let mut loaded = self.loaded.lock().await;
        let now = self.clock.now();
        if let Some(loaded) = &*loaded
            && now < clock::after(loaded.checked_at, self.check_interval)
        {
            return Ok(Arc::clone(&loaded.fleet));
        }
        match (self.load(loaded.as_ref(), now).await, loaded.as_mut()) {
            (Ok(Some(new)), _) => {
                let fleet = Arc::clone(&new.fleet);
                *loaded = Some(new);
                Ok(fleet)
            }
            (Ok(None), Some(old)) => {
                old.checked_at = now;
                Ok(Arc::clone(&old.fleet))
            }
            (Err(error), Some(old)) => {
                old.checked_at = now;
                tracing::warn!(error = %error_chain(&error), "could not read the fleet file; using the last good one");
                Ok(Arc::clone(&old.fleet))
            }
            (Err(error), None) => Err(error),
            (Ok(None), None) => unreachable!("a document is only unchanged against a known tag"),
        }
    }

    /// Reads what is new; `None` if that is nothing.
    async fn load(
        &self,
        known: Option<&Loaded>,
        now: DateTime<Utc>,
    ) -> Result<Option<Loaded>, FleetError> {
        let tag = known.map(|known| known.written.tag.as_str());
        let document = document::read(&self.aws, &self.location, tag, FLEET_LIMIT_BYTES).await?;
        let is_new = document.is_some();
        let written = match (document, known) {
            (Some(document), _) => {
                let text = String::from_utf8_lossy(&document.bytes);
                Written {
                    fleet: Arc::new(Fleet::parse(&self.location.to_string(), &text)?),
                    tag: document.tag,
                }
            }
            (None, Some(known)) => known.written.clone(),
            (None, None) => return Ok(None),
        };
        let mut loaded = Loaded {
            fleet: Arc::clone(&written.fleet),
            written,
            discovered_tag: None,
            checked_at: now,
        };
        if loaded.written.fleet.discover().is_none() {
            return Ok(is_new.then_some(loaded));
        }
        let location = self.location.sibling(DISCOVERED);
        let earlier_tag = known.and_then(|known| known.discovered_tag.as_deref());
        let known_tag = earlier_tag.filter(|_| !is_new);
        let document = document::read(&self.aws, &location, known_tag, FLEET_LIMIT_BYTES).await;
        let document = match document {
            // Nothing was discovered yet.
            Err(DocumentError::NotFound(_)) if earlier_tag.is_none() => {
                return Ok(is_new.then_some(loaded));
            }
            document => document?,
        };
        let Some(document) = document else {
            return Ok(None);
        };
        let name = location.to_string();
        let text = String::from_utf8_lossy(&document.bytes);
        let written = Fleet::clone(&loaded.written.fleet);
        let (fleet, faults) = written.with_discovered(&name, &text)?;
        for fault in faults {
            tracing::warn!(
                line = fault.line,
                field = fault.field,
                reason = fault.reason,
                "an environment that was discovered is left out"
            );
        }
        loaded.fleet = Arc::new(fleet);
        loaded.discovered_tag = Some(document.tag);
        Ok(Some(loaded))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::FixedClock;

    #[tokio::test]
    async fn a_good_fleet_stays_in_force_when_the_file_turns_bad() {
        let path = std::env::temp_dir().join(format!("mrt-fleet-{}.toml", std::process::id()));
        std::fs::write(&path, "[[environment]]\nname = \"one\"").unwrap();
        let clock = Arc::new(FixedClock::at("2026-01-01T00:00:00Z"));
        let aws = Arc::new(Aws::for_tests("http://127.0.0.1:9"));
        let source = FleetSource::new(aws, Location::File(path.clone()), clock.clone());

        assert!(source.current().await.unwrap().environment("one").is_some());
        std::fs::write(&path, "[[environment]]\nname = \"second\"").unwrap();
        assert!(
            source.current().await.unwrap().environment("one").is_some(),
            "not checked again within a minute"
        );
        clock.advance(CHECK_INTERVAL);
        assert!(
            source
                .current()
                .await
                .unwrap()
                .environment("second")
                .is_some()
        );
        std::fs::write(&path, "[[environment]]\nname = \"BAD\"").unwrap();
        clock.advance(CHECK_INTERVAL);
        assert!(
            source
                .current()
                .await
                .unwrap()
                .environment("second")
                .is_some()
        );
        std::fs::remove_file(&path).unwrap();
        clock.advance(CHECK_INTERVAL);
        assert!(
            source
                .current()
                .await
                .unwrap()
                .environment("second")
                .is_some()
        );
    }

    #[tokio::test]
    async fn without_any_good_fleet_the_reason_is_an_error() {
        let aws = Arc::new(Aws::for_tests("http://127.0.0.1:9"));
        let clock = Arc::new(FixedClock::at("2026-01-01T00:00:00Z"));
        let source = FleetSource::new(aws, Location::File("/nowhere/fleet.toml".into()), clock);

        let error = source.current().await.unwrap_err();

        assert_eq!(
            error_chain(&error),
            "the fleet file could not be read: there is no document at /nowhere/fleet.toml"
        );
    }

    #[tokio::test]
    async fn what_was_discovered_joins_what_is_written_and_stays_if_it_cannot_be_read() {
        let folder = std::env::temp_dir().join(format!("mrt-discovered-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let (written, found) = (folder.join("fleet.toml"), folder.join(DISCOVERED));
        std::fs::write(&written, "[discover]\n[[environment]]\nname = \"one\"").unwrap();
        let clock = Arc::new(FixedClock::at("2026-01-01T00:00:00Z"));
        let aws = Arc::new(Aws::for_tests("http://127.0.0.1:9"));
        let source = FleetSource::new(aws, Location::File(written.clone()), clock.clone());
        let names = async || {
            clock.advance(CHECK_INTERVAL);
            let fleet = source.current().await.unwrap();
            let names = fleet.environments().map(|each| each.name.clone());
            names.collect::<Vec<_>>()
        };
        let environment = |name: &str| format!("[[environment]]\nname = \"{name}\"\n");

        assert_eq!(names().await, ["one"], "nothing was discovered yet");
        std::fs::write(&found, environment("two")).unwrap();
        assert_eq!(names().await, ["one", "two"]);
        assert_eq!(names().await, ["one", "two"], "unchanged");
        std::fs::write(&written, format!("[discover]\n{}", environment("three"))).unwrap();
        assert_eq!(names().await, ["three", "two"], "both are read again");
        std::fs::remove_file(&found).unwrap();
        assert_eq!(names().await, ["three", "two"], "the last good one stays");
        std::fs::write(&written, environment("four")).unwrap();
        assert_eq!(names().await, ["four"], "discovery was switched off");
        std::fs::remove_dir_all(folder).unwrap();
    }
}
