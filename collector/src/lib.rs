#![doc = include_str!("../README.md")]

pub mod alerts;
pub mod aws;
pub mod collect;
pub mod config;
pub mod discover;
pub mod error;
pub mod invocation;
pub mod lambda;
pub mod plan;
pub mod probe;
pub mod queue;
pub mod rebuild;
pub mod run;
pub mod storage_size;
pub mod table_size;
pub mod tick;
pub mod user_activity;
pub mod writers;

pub use collect::{BatchHandler, Collector, CollectorPorts, DatabaseCollector};
pub use error::MeasureError;
pub use invocation::CollectError;
pub use plan::{PlanPorts, PlanReport, plan};
pub use queue::{Job, JobKind, JobQueue, MessageError, QueueError, SqsQueue, Subject};
pub use run::{Outcome, Part, Progress, Report, Source};
pub use storage_size::{
    AccountBucket, BucketSource, account_buckets, measure_bucket, measure_bucket_within,
    newest_inventory,
};
pub use table_size::{FileDocumentSource, TableSource, measure_database};
pub use tick::Tick;
pub use user_activity::UserActivitySource;
pub use writers::Writers;
