//! Lambda function `collect-table-size`: measures the databases that messages name.
use collector::lambda;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Error> {
    lambda::serve_table_size().await
}
