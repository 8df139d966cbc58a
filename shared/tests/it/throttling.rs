//! Throttling by DynamoDB, from a stand-in that throttles its first calls.

use std::sync::Arc;

use aws_sdk_dynamodb::Client;
use shared::aws::ATTEMPTS;
use shared::clock::FixedClock;
use shared::store::{DynamoDbStore, ItemStore, Key, StoreError, contract};
use shared::testing::stand_in::{Response, StandIn};

/// Starts a stand-in that throttles the first `throttled` calls and then returns no item.
async fn throttling(throttled: usize) -> StandIn {
    StandIn::start(move |number, _| {
        if number >= throttled {
            return Response::new(200, "{}");
        }
        let code = "com.amazonaws.dynamodb.v20120810#ThrottlingException";
        Response::new(
            400,
            format!("{{\"__type\":\"{code}\",\"message\":\"slow down\"}}"),
        )
    })
    .await
}

async fn get(dynamodb: &StandIn) -> Result<(), StoreError> {
    let client = Client::new(dynamodb.aws.config());
    let store = DynamoDbStore::new(client, "snapshots", Arc::new(FixedClock::at(contract::NOW)));
    let found = store
        .get(&Key {
            partition: "p".into(),
            sort: "s".into(),
        })
        .await?;
    assert_eq!(found, None);
    Ok(())
}

#[tokio::test]
async fn a_throttled_call_is_retried() {
    let dynamodb = throttling(1).await;

    get(&dynamodb).await.unwrap();

    assert_eq!(dynamodb.requests().len(), 2);
}

#[tokio::test]
async fn lasting_throttling_is_unavailable_and_never_none() {
    let dynamodb = throttling(usize::MAX).await;

    let error = get(&dynamodb).await.unwrap_err();

    assert!(matches!(error, StoreError::Unavailable(_)), "{error}");
    assert_eq!(
        dynamodb.requests().len(),
        usize::try_from(ATTEMPTS).unwrap()
    );
}
