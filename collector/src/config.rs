//! Configuration of this crate's functions. Names and meanings of the variables are in `shared::config`.

use std::path::PathBuf;
use std::time::Duration;

use shared::config::{
    BUCKET_SIZE_QUEUE_URL, ConfigError, DATABASE_CA_FILE, FLEET, Reader, SNAPSHOT_TABLE,
    TABLE_SIZE_QUEUE_URL, Variables,
};
use shared::history::HistoryRetention;
use shared::location::Location;

/// What `plan` needs to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanConfig {
    /// Where the fleet file is.
    pub fleet: Location,
    /// Queue of bucket targets.
    pub bucket_size_queue_url: String,
    /// Queue of database targets.
    pub table_size_queue_url: String,
    /// Table of the snapshots.
    pub snapshot_table: String,
    /// How long a snapshot of metrics is kept.
    pub retention: Duration,
    /// How long the history of metrics is kept.
    pub history_retention: HistoryRetention,
    /// Time between two ticks of the schedule.
    pub every: Duration,
    /// Longest time that the start waits for connections.
    pub warm_up: Duration,
}

impl PlanConfig {
    /// Reads it from `variables`.
    ///
    /// # Errors
    ///
    /// All problems at once.
    pub fn read(variables: &dyn Variables) -> Result<Self, ConfigError> {
        let mut reader = Reader::new(variables);
        let config = Self {
            fleet: reader.location(FLEET),
            bucket_size_queue_url: reader.required(BUCKET_SIZE_QUEUE_URL),
            table_size_queue_url: reader.required(TABLE_SIZE_QUEUE_URL),
            snapshot_table: reader.required(SNAPSHOT_TABLE),
            retention: reader.retention(),
            history_retention: reader.history_retention(),
            every: reader.schedule(),
            warm_up: reader.warm_up(),
        };
        reader.finish(config)
    }
}

/// What the function `discover` needs to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiscoverConfig {
    /// Where the fleet file is, beside which it writes.
    pub fleet: Location,
    /// How long what is gone stays in the file: as long as its snapshots.
    pub retention_days: u32,
}

impl DiscoverConfig {
    /// Reads it from `variables`.
    ///
    /// # Errors
    ///
    /// All problems at once.
    pub fn read(variables: &dyn Variables) -> Result<Self, ConfigError> {
        let mut reader = Reader::new(variables);
        let days = reader.retention().as_secs() / 86_400;
        let config = Self {
            fleet: reader.location(FLEET),
            retention_days: u32::try_from(days).unwrap_or(u32::MAX),
        };
        reader.finish(config)
    }
}

/// What a collector needs to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CollectorConfig {
    /// Where the fleet file is.
    pub fleet: Location,
    /// Table of the snapshots.
    pub snapshot_table: String,
    /// How long a snapshot is kept.
    pub retention: Duration,
    /// How long the history of sizes is kept.
    pub history_retention: HistoryRetention,
    /// Time between two runs of the schedule.
    pub every: Duration,
    /// Certificate authorities of databases; no other is trusted.
    pub database_ca_file: Option<PathBuf>,
    /// Queue of storage targets, for the rest of a listing that one invocation is too short for.
    pub bucket_size_queue_url: Option<String>,
    /// Longest time that the start waits for connections.
    pub warm_up: Duration,
}

impl CollectorConfig {
    /// Reads it from `variables`.
    ///
    /// # Errors
    ///
    /// All problems at once.
    pub fn read(variables: &dyn Variables) -> Result<Self, ConfigError> {
        let mut reader = Reader::new(variables);
        let config = Self {
            fleet: reader.location(FLEET),
            snapshot_table: reader.required(SNAPSHOT_TABLE),
            retention: reader.retention(),
            history_retention: reader.history_retention(),
            every: reader.schedule(),
            database_ca_file: reader.optional(DATABASE_CA_FILE).map(PathBuf::from),
            bucket_size_queue_url: reader.optional(BUCKET_SIZE_QUEUE_URL),
            warm_up: reader.warm_up(),
        };
        reader.finish(config)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn every_missing_variable_is_named() {
        let nothing = BTreeMap::new();

        let plan = PlanConfig::read(&nothing).unwrap_err();
        let collector = CollectorConfig::read(&nothing).unwrap_err();

        assert_eq!(
            plan.faults,
            [
                "MRT_FLEET is not set",
                "MRT_BUCKET_SIZE_QUEUE_URL is not set",
                "MRT_TABLE_SIZE_QUEUE_URL is not set",
                "MRT_SNAPSHOT_TABLE is not set"
            ]
        );
        assert_eq!(
            collector.faults,
            ["MRT_FLEET is not set", "MRT_SNAPSHOT_TABLE is not set"]
        );
    }

    #[test]
    fn a_collector_needs_two_variables_and_has_defaults_for_the_rest() {
        let variables = BTreeMap::from([
            (FLEET.to_owned(), "s3://config/fleet.toml".to_owned()),
            (SNAPSHOT_TABLE.to_owned(), "snapshots".to_owned()),
        ]);

        let config = CollectorConfig::read(&variables).unwrap();

        assert_eq!(config.snapshot_table, "snapshots");
        assert_eq!(config.every, Duration::from_secs(3600));
        assert_eq!(config.database_ca_file, None);
    }
}
