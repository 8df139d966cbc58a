//! Lambda function `plan`: queues one message per target on each tick of the schedule.
use collector::lambda;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Error> {
    lambda::serve_plan().await
}
