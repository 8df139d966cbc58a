#![doc = include_str!("../README.md")]

pub mod bucket_size;
pub mod cloudwatch;
pub mod collect;
pub mod config;
pub mod error;
pub mod lambda;
pub mod message;
pub mod plan;
pub mod queue;
pub mod refresh;
mod refusal;
pub mod report;
pub mod run;
mod server_storage;
pub mod source;
pub mod table_size;

pub use bucket_size::{BucketSource, measure_bucket};
pub use collect::{Collector, CollectorPorts};
pub use error::{CollectError, MeasureError};
pub use message::{Asked, CollectMessage, MessageError, Order, Work};
pub use plan::{PlanPorts, PlanReport, plan};
pub use queue::{QueueError, SqsQueue, TargetQueue};
pub use report::{Outcome, Report};
pub use source::{Part, Progress, Source};
pub use table_size::{TableSource, measure_database};
