//! The DynamoDB adapter against two emulators, which deviate from DynamoDB in different ways.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use shared::aws::Aws;
use shared::clock::{Clock, FixedClock};
use shared::store::{
    DynamoDbStore, Item, ItemStore, Key, Order, Page, Put, Query, StoreError, Written, contract,
};
use shared::testing;
use shared::testing::dynamodb::{client_with_table, delete_table};
use tokio::sync::Mutex;

/// Passes one call at a time to the inner store.
///
/// moto does not isolate the check of a transaction's conditions from its writes, so two concurrent writers can replace
/// the same version. Ministack and DynamoDB do not need this.
struct OneAtATime {
    inner: DynamoDbStore,
    call: Arc<Mutex<()>>,
}

#[async_trait]
impl ItemStore for OneAtATime {
    async fn get(&self, key: &Key) -> Result<Option<Item>, StoreError> {
        let _guard = self.call.lock().await;
        self.inner.get(key).await
    }

    async fn put(&self, put: Put) -> Result<Written, StoreError> {
        let _guard = self.call.lock().await;
        self.inner.put(put).await
    }

    async fn put_all(&self, puts: Vec<Put>) -> Result<Written, StoreError> {
        let _guard = self.call.lock().await;
        self.inner.put_all(puts).await
    }

    async fn query(&self, query: &Query) -> Result<Page, StoreError> {
        let _guard = self.call.lock().await;
        self.inner.query(query).await
    }
}

async fn examine(variable: &str, wrap: impl Fn(DynamoDbStore) -> Arc<dyn ItemStore>) {
    let Some(endpoint) = testing::service(variable) else {
        return;
    };
    let table = format!("mrt-exam-{}", std::process::id());
    let client = client_with_table(&endpoint, &table).await;
    contract::exam(|clock| wrap(DynamoDbStore::new(client.clone(), &table, clock))).await;
    delete_table(&client, &table).await;
}

#[tokio::test]
async fn dynamodb_in_ministack_passes_the_exam() {
    examine(testing::MINISTACK, |store| Arc::new(store)).await;
}

#[tokio::test]
async fn dynamodb_in_moto_passes_the_exam() {
    let call = Arc::new(Mutex::new(()));
    examine(testing::MOTO, |inner| {
        Arc::new(OneAtATime {
            inner,
            call: Arc::clone(&call),
        })
    })
    .await;
}

#[tokio::test]
async fn an_item_that_cannot_be_decoded_harms_no_other_item_of_its_page() {
    let Some(endpoint) = testing::service(testing::MOTO) else {
        return;
    };
    let table = format!("mrt-undecodable-{}", std::process::id());
    let client = client_with_table(&endpoint, &table).await;
    let text = |text: &str| AttributeValue::S(text.to_owned());
    let number = |number: &str| AttributeValue::N(number.to_owned());
    let data = || AttributeValue::M(HashMap::from([("size".to_owned(), number("5"))]));
    let records = [
        ("1", [("version", number("1")), ("data", text("no map"))]),
        ("2", [("version", text("x")), ("data", data())]),
        ("3", [("version", number("-1")), ("data", data())]),
        ("4", [("version", number("7")), ("data", data())]),
    ];
    for (sort, attributes) in records {
        let mut put = client.put_item().table_name(&table);
        put = put.item("pk", text("p")).item("sk", text(sort));
        for (name, value) in attributes {
            put = put.item(name, value);
        }
        put.send().await.unwrap();
    }
    let clock: Arc<dyn Clock> = Arc::new(FixedClock::at(contract::NOW));
    let store = DynamoDbStore::new(client, &table, clock);

    let query = Query {
        partition: "p".to_owned(),
        from: "!".to_owned(),
        to: "~".to_owned(),
        order: Order::Ascending,
        after: None,
        limit: 10,
    };
    let items = store.query(&query).await.unwrap().items;

    let is_decoded = |item: &Item| item.attributes.contains_key("size");
    let decoded: Vec<bool> = items.iter().map(is_decoded).collect();
    assert_eq!(decoded, [false, false, false, true]);
    assert_eq!(items[3].version, 7);
}

#[tokio::test]
async fn a_table_that_cannot_be_reached_is_unavailable() {
    let client = Client::new(Aws::for_tests("http://127.0.0.1:9").config());
    let clock: Arc<dyn Clock> = Arc::new(FixedClock::at(contract::NOW));
    let store = DynamoDbStore::new(client, "nowhere", clock);

    let error = store
        .get(&Key {
            partition: "p".into(),
            sort: "s".into(),
        })
        .await
        .unwrap_err();

    assert!(matches!(error, StoreError::Unavailable(_)), "{error}");
}
