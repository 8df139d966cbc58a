//! The item store on DynamoDB: the production adapter.
//!
//! Table: partition key `pk` and sort key `sk`, both strings; time to live on `expires_at` (epoch seconds).
//! An item has `pk`, `sk`, `version`, optionally `body` (binary) and `expires_at`, and its plain attributes
//! in the map `data`.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
pub use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::{AttributeValue, Put as PutRequest, TransactWriteItem};
use chrono::{DateTime, Utc};

use super::{Expect, Item, ItemStore, Key, Order, Page, Put, Query, StoreError, Value, Written};
use crate::clock::Clock;

type Record = HashMap<String, AttributeValue>;

/// Keeps items in one DynamoDB table.
///
/// Timeouts and retries are those of the client: see [`crate::aws`].
#[derive(Clone)]
pub struct DynamoDbStore {
    client: Client,
    table: String,
    clock: Arc<dyn Clock>,
}

impl DynamoDbStore {
    /// Returns a store in `table`.
    pub fn new(client: Client, table: impl Into<String>, clock: Arc<dyn Clock>) -> Self {
        Self {
            client,
            table: table.into(),
            clock,
        }
    }

    fn put_request(&self, put: Put) -> Result<PutRequest, StoreError> {
        put.item.check_size()?;
        let key = put.item.key.clone();
        let mut request = PutRequest::builder()
            .table_name(&self.table)
            .set_item(Some(encode(put.item)));
        // An expired item exists until DynamoDB deletes it, but counts as absent.
        let now = AttributeValue::N(self.clock.now().timestamp().to_string());
        match put.expect {
            Expect::Anything => {}
            Expect::Absent => {
                request = request
                    .condition_expression("attribute_not_exists(pk) OR expires_at <= :now")
                    .expression_attribute_values(":now", now);
            }
            Expect::Version(version) => {
                request = request
                    .condition_expression("#version = :version AND (attribute_not_exists(expires_at) OR expires_at > :now)")
                    .expression_attribute_names("#version", "version")
                    .expression_attribute_values(":version", AttributeValue::N(version.to_string()))
                    .expression_attribute_values(":now", now);
            }
        }
        request.build().map_err(|error| StoreError::Unreadable {
            key,
            reason: error.to_string(),
        })
    }
}

fn encode(item: Item) -> Record {
    let mut record = Record::from([
        ("pk".to_owned(), AttributeValue::S(item.key.partition)),
        ("sk".to_owned(), AttributeValue::S(item.key.sort)),
        (
            "version".to_owned(),
            AttributeValue::N(item.version.to_string()),
        ),
        ("data".to_owned(), attribute(Value::Map(item.attributes))),
    ]);
    if let Some(body) = item.body {
        record.insert("body".to_owned(), AttributeValue::B(Blob::new(body)));
    }
    if let Some(expires_at) = item.expires_at {
        record.insert(
            "expires_at".to_owned(),
            AttributeValue::N(expires_at.timestamp().to_string()),
        );
    }
    record
}

fn decode(mut record: Record) -> Item {
    let text = |name: &str| {
        let value = record.get(name).and_then(|value| value.as_s().ok());
        value.cloned().unwrap_or_default()
    };
    let key = Key {
        partition: text("pk"),
        sort: text("sk"),
    };
    let version = record.get("version").and_then(number);
    let expires_at = record
        .get("expires_at")
        .map(|at| number(at).and_then(epoch));
    let body = record.get("body").map(AttributeValue::as_b);
    let Some(Value::Map(attributes)) = record.get("data").and_then(plain) else {
        return Item::undecodable(key, version.unwrap_or(0), format!("{record:?}"));
    };
    if version.is_none() || expires_at == Some(None) || body.is_some_and(|body| body.is_err()) {
        return Item::undecodable(key, version.unwrap_or(0), format!("{record:?}"));
    }
    let body = match record.remove("body") {
        Some(AttributeValue::B(blob)) => Some(blob.into_inner()),
        _ => None,
    };
    Item {
        key,
        version: version.unwrap_or(0),
        attributes,
        body,
        expires_at: expires_at.flatten(),
    }
}

/// Returns the DynamoDB form of a plain value.
fn attribute(value: Value) -> AttributeValue {
    match value {
        Value::Bool(value) => AttributeValue::Bool(value),
        Value::Integer(number) => AttributeValue::N(number.to_string()),
        Value::Text(text) => AttributeValue::S(text),
        Value::List(values) => AttributeValue::L(values.into_iter().map(attribute).collect()),
        Value::Map(values) => {
            let values = values.into_iter();
            AttributeValue::M(
                values
                    .map(|(name, value)| (name, attribute(value)))
                    .collect(),
            )
        }
    }
}

/// Returns the plain value of a DynamoDB form; `None` for a form that [`attribute`] never returns.
fn plain(value: &AttributeValue) -> Option<Value> {
    Some(match value {
        AttributeValue::Bool(value) => Value::Bool(*value),
        AttributeValue::N(_) => Value::Integer(number(value)?),
        AttributeValue::S(text) => Value::Text(text.clone()),
        AttributeValue::L(values) => Value::List(values.iter().map(plain).collect::<Option<_>>()?),
        AttributeValue::M(values) => {
            let values = values.iter();
            let named = values.map(|(name, value)| Some((name.clone(), plain(value)?)));
            Value::Map(named.collect::<Option<_>>()?)
        }
        _ => return None,
    })
}

fn number(value: &AttributeValue) -> Option<u64> {
    value.as_n().ok()?.parse().ok()
}

fn epoch(seconds: u64) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp(i64::try_from(seconds).ok()?, 0)
}

fn key_record(key: &Key) -> Record {
    Record::from([
        ("pk".to_owned(), AttributeValue::S(key.partition.clone())),
        ("sk".to_owned(), AttributeValue::S(key.sort.clone())),
    ])
}

/// Sorts a failed call into the port's few kinds.
fn failed<E>(error: SdkError<E>) -> StoreError
where
    E: std::error::Error + ProvideErrorMetadata + Send + Sync + 'static,
{
    let denied = [
        "AccessDeniedException",
        "UnrecognizedClientException",
        "ExpiredTokenException",
        "InvalidSignatureException",
    ];
    let is_denied = error.code().is_some_and(|code| denied.contains(&code));
    if is_denied {
        StoreError::Denied(Box::new(error))
    } else {
        StoreError::Unavailable(Box::new(error))
    }
}

/// Returns whether a transaction was cancelled only because conditions did not hold or others were faster.
fn is_conflict(error: &SdkError<TransactWriteItemsError>) -> bool {
    let Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) =
        error.as_service_error()
    else {
        return false;
    };
    let mut codes = cancelled
        .cancellation_reasons()
        .iter()
        .filter_map(|reason| reason.code())
        .filter(|code| *code != "None");
    let is_lost_race =
        |code: &str| code == "ConditionalCheckFailed" || code == "TransactionConflict";
    codes.clone().next().is_some() && codes.all(is_lost_race)
}

#[async_trait]
impl ItemStore for DynamoDbStore {
    async fn get(&self, key: &Key) -> Result<Option<Item>, StoreError> {
        let request = self
            .client
            .get_item()
            .table_name(&self.table)
            .set_key(Some(key_record(key)))
            .consistent_read(true);
        let record = request.send().await.map_err(failed)?.item;
        let now = self.clock.now();
        Ok(record.map(decode).filter(|item| !item.is_expired(now)))
    }

    async fn put(&self, put: Put) -> Result<Written, StoreError> {
        let put = self.put_request(put)?;
        let request = self
            .client
            .put_item()
            .table_name(put.table_name)
            .set_item(Some(put.item))
            .set_condition_expression(put.condition_expression)
            .set_expression_attribute_names(put.expression_attribute_names)
            .set_expression_attribute_values(put.expression_attribute_values);
        match request.send().await {
            Ok(_) => Ok(Written::Done),
            Err(error) if error.code() == Some("ConditionalCheckFailedException") => {
                Ok(Written::Conflict)
            }
            Err(error) if error.code() == Some("TransactionConflictException") => {
                Ok(Written::Conflict)
            }
            Err(error) => Err(failed(error)),
        }
    }

    async fn put_all(&self, puts: Vec<Put>) -> Result<Written, StoreError> {
        let mut writes = Vec::with_capacity(puts.len());
        for put in puts {
            writes.push(
                TransactWriteItem::builder()
                    .put(self.put_request(put)?)
                    .build(),
            );
        }
        match self
            .client
            .transact_write_items()
            .set_transact_items(Some(writes))
            .send()
            .await
        {
            Ok(_) => Ok(Written::Done),
            Err(error) if is_conflict(&error) => Ok(Written::Conflict),
            Err(error) => Err(failed(error)),
        }
    }

    async fn query(&self, query: &Query) -> Result<Page, StoreError> {
        let start = query.after.clone().map(|sort| {
            key_record(&Key {
                partition: query.partition.clone(),
                sort,
            })
        });
        let request = self
            .client
            .query()
            .table_name(&self.table)
            .consistent_read(true)
            .key_condition_expression("pk = :pk AND sk BETWEEN :from AND :to")
            .expression_attribute_values(":pk", AttributeValue::S(query.partition.clone()))
            .expression_attribute_values(":from", AttributeValue::S(query.from.clone()))
            .expression_attribute_values(":to", AttributeValue::S(query.to.clone()))
            .scan_index_forward(query.order == Order::Ascending)
            .limit(i32::try_from(query.limit).unwrap_or(i32::MAX))
            .set_exclusive_start_key(start);
        let answer = request.send().await.map_err(failed)?;
        let now = self.clock.now();
        let mut items = Vec::new();
        for record in answer.items.unwrap_or_default() {
            let item = decode(record);
            if !item.is_expired(now) {
                items.push(item);
            }
        }
        let next = answer
            .last_evaluated_key
            .and_then(|mut key| key.remove("sk"))
            .and_then(|sort| sort.as_s().ok().cloned());
        Ok(Page { items, next })
    }
}
