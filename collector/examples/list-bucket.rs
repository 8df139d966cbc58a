//! Measures one bucket at an endpoint, as the Lambda function does: `list-bucket ENDPOINT BUCKET [PREFIX]`.
//!
//! For the benchmark of listings, which counts its processor time and memory. People use `mrt bucket-size`.

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
        environment: "bench".to_owned(),
        bucket: argument(2),
        prefix: argument(3),
        suffix: String::new(),
        region: None,
        role_arn: None,
        requester_pays: false,
        measure: Measured {
            noncurrent: false,
            multipart: false,
        },
    };
    let aws = Arc::new(Aws::at(&argument(1), "bench", "bench"));
    let size = measure_bucket(aws, &target, &Progress::default()).await?;
    println!("{} {}", size.object_count, size.total_bytes);
    Ok(())
}
