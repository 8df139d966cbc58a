//! Lambda function `plan`: queues a message for each target that is due or has news, on each tick of the schedule.
use collector::lambda;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Error> {
    lambda::serve_plan().await
}
