//! Measures one bucket at an endpoint like the Lambda function: `list-bucket ENDPOINT BUCKET [PREFIX]`.
//!
//! For the listing benchmark, which measures its CPU time and memory. Users run `mrt bucket-size`.

#![allow(clippy::print_stdout, reason = "a tool for the benchmark")]

use std::sync::Arc;

use collector::{Progress, measure_bucket};
use shared::aws::Aws;
use shared::fleet::{BucketTarget, Measured};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    let argument = |index: usize| arguments.get(index).cloned().unwrap_or_default();
    let target = BucketTarget {
        prefix: argument(3),
        measure: Measured::current(),
        ..BucketTarget::whole("bench", argument(2))
    };
    let aws = Arc::new(Aws::at(&argument(1), "bench", "bench"));
    let size = measure_bucket(aws, &target, &Progress::default()).await?;
    println!(
        "{} {}",
        size.object_count().unwrap_or(0),
        size.total_bytes()
    );
    Ok(())
}
