//! A DynamoDB that throttles: a stand-in on loopback that refuses as many calls as it is told to.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use aws_sdk_dynamodb::Client;
use shared::aws::{ATTEMPTS, Aws};
use shared::clock::FixedClock;
use shared::store::{DynamoDbStore, ItemStore, Key, StoreError, contract};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};

use crate::server::read_request;

/// Answers `GetItem` with no item, after refusing the first `refusals` calls; counts all calls.
async fn throttling(refusals: usize) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(answer(stream, Arc::clone(&counted), refusals));
        }
    });
    (endpoint, calls)
}

async fn answer(mut stream: TcpStream, calls: Arc<AtomicUsize>, refusals: usize) {
    while read_request(&mut stream).await.is_some() {
        let is_refused = calls.fetch_add(1, Ordering::SeqCst) < refusals;
        let (status, body) = if is_refused {
            let code = "com.amazonaws.dynamodb.v20120810#ThrottlingException";
            (
                "400 Bad Request",
                format!("{{\"__type\":\"{code}\",\"message\":\"slow down\"}}"),
            )
        } else {
            ("200 OK", "{}".to_owned())
        };
        let head = format!("HTTP/1.1 {status}\r\ncontent-type: application/x-amz-json-1.0\r\n");
        let response = format!("{head}content-length: {}\r\n\r\n{body}", body.len());
        if stream.write_all(response.as_bytes()).await.is_err() {
            return;
        }
    }
}

async fn get(endpoint: &str) -> Result<(), StoreError> {
    let client = Client::new(Aws::for_tests(endpoint).config());
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
async fn a_moment_of_throttling_is_sat_out() {
    let (endpoint, calls) = throttling(1).await;

    get(&endpoint).await.unwrap();

    assert_eq!(calls.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn lasting_throttling_is_unavailable_and_never_none() {
    let (endpoint, calls) = throttling(usize::MAX).await;

    let error = get(&endpoint).await.unwrap_err();

    assert!(matches!(error, StoreError::Unavailable(_)), "{error}");
    assert_eq!(
        calls.load(Ordering::SeqCst),
        usize::try_from(ATTEMPTS).unwrap()
    );
}
