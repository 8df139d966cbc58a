//! Lambda function `collect-bucket-size`: measures the buckets that messages name.
use collector::lambda;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Error> {
    lambda::serve_bucket_size().await
}
