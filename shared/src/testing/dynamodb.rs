//! The table of snapshots in an emulator of DynamoDB.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType,
};

use crate::aws::Aws;
use crate::store::dynamodb::Client;

/// Creates a table with the deployed table's key, and returns a client that reaches it.
///
/// # Panics
///
/// When the table cannot be created.
pub async fn client_with_table(endpoint: &str, table: &str) -> Client {
    let aws = Aws::for_tests(endpoint);
    let client = Client::new(aws.config());
    let key = |name: &str, kind| {
        let element = KeySchemaElement::builder().attribute_name(name);
        element.key_type(kind).build().unwrap()
    };
    let text = |name: &str| {
        let definition = AttributeDefinition::builder().attribute_name(name);
        let definition = definition.attribute_type(ScalarAttributeType::S);
        definition.build().unwrap()
    };
    client
        .create_table()
        .table_name(table)
        .billing_mode(BillingMode::PayPerRequest)
        .set_key_schema(Some(vec![
            key("pk", KeyType::Hash),
            key("sk", KeyType::Range),
        ]))
        .set_attribute_definitions(Some(vec![text("pk"), text("sk")]))
        .send()
        .await
        .unwrap();
    client
}

/// Deletes a table.
///
/// # Panics
///
/// When the table cannot be deleted.
pub async fn delete_table(client: &Client, table: &str) {
    let request = client.delete_table().table_name(table);
    request.send().await.unwrap();
}
