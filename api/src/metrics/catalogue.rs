//! All metrics: their names, labels and meaning. Each is a gauge.

/// A metric.
#[derive(Debug, PartialEq, Eq)]
pub struct Metric {
    /// Name, with the unit at its end.
    pub name: &'static str,
    /// Names of its labels.
    pub labels: &'static [&'static str],
    /// What it says.
    pub help: &'static str,
}

/// Labels of storage: a bucket or a part of it, or the id of other storage.
const STORAGE: &[&str] = &["environment", "kind", "bucket", "prefix", "suffix"];
const STORAGE_PART: &[&str] = &[
    "environment",
    "kind",
    "bucket",
    "prefix",
    "suffix",
    "part",
    "storage_class",
];
const STORAGE_TYPE: &[&str] = &[
    "environment",
    "kind",
    "bucket",
    "prefix",
    "suffix",
    "storage_type",
];
/// Labels of a database.
const DATABASE: &[&str] = &["environment", "database", "engine"];
const MODULE: &[&str] = &["environment", "database", "engine", "module"];
const TABLE: &[&str] = &["environment", "database", "engine", "schema", "table"];
const TABLE_PART: &[&str] = &[
    "environment",
    "database",
    "engine",
    "schema",
    "table",
    "part",
];
/// Labels of either.
const TARGET: &[&str] = &["those of the target"];
const FAILURE: &[&str] = &["those of the target", "code"];

pub(super) const BUCKET_SIZE: Metric = Metric {
    name: "mrt_bucket_size_bytes",
    labels: STORAGE,
    help: "Size of the storage: total_bytes in /bucket_size",
};
pub(super) const BUCKET_OBJECTS: Metric = Metric {
    name: "mrt_bucket_objects",
    labels: STORAGE,
    help: "Objects or items in it",
};
pub(super) const BUCKET_PART_SIZE: Metric = Metric {
    name: "mrt_bucket_part_size_bytes",
    labels: STORAGE_PART,
    help: "Measured parts of a bucket by storage class: current, noncurrent, multipart",
};
pub(super) const BUCKET_CLOUDWATCH_SIZE: Metric = Metric {
    name: "mrt_bucket_cloudwatch_size_bytes",
    labels: STORAGE_TYPE,
    help: "Whole bucket by CloudWatch and its StorageType: a second opinion, in no sum",
};
pub(super) const BUCKET_CLOUDWATCH_TIMESTAMP: Metric = Metric {
    name: "mrt_bucket_cloudwatch_timestamp_seconds",
    labels: STORAGE,
    help: "Start of the UTC day that CloudWatch's value belongs to",
};
pub(super) const BUCKET_LISTING_REQUESTS: Metric = Metric {
    name: "mrt_bucket_listing_requests",
    labels: STORAGE,
    help: "LIST requests of the last listing, which AWS bills",
};
pub(super) const LISTING_BUDGET: Metric = Metric {
    name: "mrt_listing_budget_requests_per_day",
    labels: &[],
    help: "LIST requests a day that the fleet file allows, absent unless all environments are shown",
};
pub(super) const COLLECTION_RUNS: Metric = Metric {
    name: "mrt_collection_runs_per_day",
    labels: &["runs"],
    help: "Runs a day that size the shown targets at their present intervals, rounded up: of bucket or database",
};
pub(super) const COLLECTION_LIST_REQUESTS: Metric = Metric {
    name: "mrt_collection_list_requests_per_day",
    labels: &[],
    help: "LIST requests a day that these runs take, which AWS bills, rounded up",
};
pub(super) const DATABASE_SIZE: Metric = Metric {
    name: "mrt_database_size_bytes",
    labels: DATABASE,
    help: "Size of the whole database: total_bytes in /table_size",
};
pub(super) const DATABASE_TABLES: Metric = Metric {
    name: "mrt_database_tables",
    labels: DATABASE,
    help: "Sized tables",
};
pub(super) const DATABASE_UNSIZED_TABLES: Metric = Metric {
    name: "mrt_database_unsized_tables",
    labels: DATABASE,
    help: "Tables that could not be sized",
};
pub(super) const MODULE_SIZE: Metric = Metric {
    name: "mrt_module_size_bytes",
    labels: MODULE,
    help: "Tables of a Mendix module, and with an empty module those of none; absent while the modules are unknown",
};
pub(super) const TABLE_SIZE: Metric = Metric {
    name: "mrt_table_size_bytes",
    labels: TABLE,
    help: "Size of a table, of one environment and above min_bytes only",
};
pub(super) const TABLE_PART_SIZE: Metric = Metric {
    name: "mrt_table_part_size_bytes",
    labels: TABLE_PART,
    help: "Parts of these tables: heap, toast, indexes",
};
pub(super) const DATABASE_STORAGE_ALLOCATED: Metric = Metric {
    name: "mrt_database_storage_allocated_bytes",
    labels: DATABASE,
    help: "Storage that the database's server has by the fleet file, absent when not stated there",
};
pub(super) const DATABASE_STORAGE_FREE: Metric = Metric {
    name: "mrt_database_storage_free_bytes",
    labels: DATABASE,
    help: "Free storage of the database's server by CloudWatch, absent when unknown",
};
pub(super) const DATABASE_STORAGE_USED: Metric = Metric {
    name: "mrt_database_storage_used_bytes",
    labels: DATABASE,
    help: "Used storage of the database's server or cluster, shared with all databases there",
};
pub(super) const DATABASE_FULL_TIMESTAMP: Metric = Metric {
    name: "mrt_database_full_timestamp_seconds",
    labels: DATABASE,
    help: "Start of the UTC day on which the server's storage is full at this growth, absent when unknown",
};
pub(super) const SNAPSHOT_AVAILABLE: Metric = Metric {
    name: "mrt_snapshot_available",
    labels: TARGET,
    help: "1 if the target was measured at least once and the result can be read, otherwise 0",
};
pub(super) const SNAPSHOT_TIMESTAMP: Metric = Metric {
    name: "mrt_snapshot_timestamp_seconds",
    labels: TARGET,
    help: "When the target's numbers were measured",
};
pub(super) const SNAPSHOT_INTERVAL: Metric = Metric {
    name: "mrt_snapshot_interval_seconds",
    labels: TARGET,
    help: "Time between two measurements of the target",
};
pub(super) const SNAPSHOT_COMPLETE: Metric = Metric {
    name: "mrt_snapshot_complete",
    labels: TARGET,
    help: "1 if everything was measured, 0 if a part is missing",
};
pub(super) const SNAPSHOT_STALE: Metric = Metric {
    name: "mrt_snapshot_stale",
    labels: TARGET,
    help: "1 if the next measurement was missed by a whole interval, otherwise 0",
};
pub(super) const COLLECTION_FAILED_TIMESTAMP: Metric = Metric {
    name: "mrt_collection_failed_timestamp_seconds",
    labels: FAILURE,
    help: "When measuring the target failed, absent unless the last attempt failed",
};
pub(super) const GROWTH: Metric = Metric {
    name: "mrt_growth_bytes_per_day",
    labels: TARGET,
    help: "Growth now, without one-off steps, absent when unknown",
};
pub(super) const GROWTH_LOW: Metric = Metric {
    name: "mrt_growth_low_bytes_per_day",
    labels: TARGET,
    help: "Least plausible growth",
};
pub(super) const GROWTH_HIGH: Metric = Metric {
    name: "mrt_growth_high_bytes_per_day",
    labels: TARGET,
    help: "Greatest plausible growth",
};
pub(super) const GROWTH_CHANGED: Metric = Metric {
    name: "mrt_growth_changed",
    labels: TARGET,
    help: "1 if the last week's growth differs from the weeks before, otherwise 0",
};

/// All metrics, in the order of the answer.
pub const METRICS: &[Metric] = &[
    BUCKET_SIZE,
    BUCKET_OBJECTS,
    BUCKET_PART_SIZE,
    BUCKET_CLOUDWATCH_SIZE,
    BUCKET_CLOUDWATCH_TIMESTAMP,
    BUCKET_LISTING_REQUESTS,
    LISTING_BUDGET,
    COLLECTION_RUNS,
    COLLECTION_LIST_REQUESTS,
    DATABASE_SIZE,
    DATABASE_TABLES,
    DATABASE_UNSIZED_TABLES,
    MODULE_SIZE,
    TABLE_SIZE,
    TABLE_PART_SIZE,
    DATABASE_STORAGE_ALLOCATED,
    DATABASE_STORAGE_FREE,
    DATABASE_STORAGE_USED,
    DATABASE_FULL_TIMESTAMP,
    SNAPSHOT_AVAILABLE,
    SNAPSHOT_TIMESTAMP,
    SNAPSHOT_INTERVAL,
    SNAPSHOT_COMPLETE,
    SNAPSHOT_STALE,
    COLLECTION_FAILED_TIMESTAMP,
    GROWTH,
    GROWTH_LOW,
    GROWTH_HIGH,
    GROWTH_CHANGED,
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_are_unique_and_help_is_one_line_without_an_end() {
        let names: BTreeSet<_> = METRICS.iter().map(|metric| metric.name).collect();

        assert_eq!(names.len(), METRICS.len());
        for metric in METRICS {
            assert!(metric.name.starts_with("mrt_"), "{}", metric.name);
            assert!(!metric.help.contains('\n') && !metric.help.ends_with('.'));
        }
    }
}
