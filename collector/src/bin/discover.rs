//! Lambda function `discover`: once a day, finds environments by tags in all accounts and regions, and writes them beside
//! the fleet file.
use collector::lambda;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Error> {
    lambda::serve_discover().await
}
