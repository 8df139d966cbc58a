//! Tables of DynamoDB: bytes of the table and its indexes, and the number of items, as the service counts them.
//!
//! DynamoDB counts about every six hours and does not report when: newer writes are not included, and a younger table
//! has 0 bytes.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::TableDescription;
use shared::aws::Aws;
use shared::fleet::BucketTarget;
use shared::snapshot::bucket_size::ResourceSize;

use crate::aws::service_error::Service;
use crate::error::MeasureError;

const DYNAMODB: Service = Service {
    name: "DynamoDB",
    needs: "dynamodb:DescribeTable on it",
    thing: "the table",
};
/// Class of a table whose description names none.
const DEFAULT_CLASS: &str = "STANDARD";

/// Reads the description of a table.
pub(super) async fn measure(
    aws: &Aws,
    target: &BucketTarget,
) -> Result<ResourceSize, MeasureError> {
    let client = Client::new(&aws.config_for(&target.scope).await);
    let request = client.describe_table().table_name(&target.bucket);
    let response = request.send().await;
    let response = response.map_err(|error| DYNAMODB.error_from_sdk(error))?;
    let table = response.table();
    let table = table.ok_or_else(|| DYNAMODB.unexpected("no description of the table"))?;
    size_of(table)
}

/// Adds up the bytes of a table and all its indexes, which are billed alike.
fn size_of(table: &TableDescription) -> Result<ResourceSize, MeasureError> {
    let whole = |number: Option<i64>, what| {
        let number = number.and_then(|number| u64::try_from(number).ok());
        number.ok_or_else(|| DYNAMODB.unexpected(what))
    };
    let mut used_bytes = whole(table.table_size_bytes(), "a table without a valid size")?;
    let local = table.local_secondary_indexes().iter();
    let global = table.global_secondary_indexes().iter();
    let vector = table.vector_indexes().iter();
    let indexes = local
        .map(|index| index.index_size_bytes())
        .chain(global.map(|index| index.index_size_bytes()))
        .chain(vector.map(|index| index.index_size_bytes()));
    for bytes in indexes {
        let bytes = whole(bytes, "an index without a valid size")?;
        used_bytes = used_bytes
            .checked_add(bytes)
            .ok_or_else(|| DYNAMODB.unexpected("more bytes than 64 bits hold"))?;
    }
    let class = table.table_class_summary();
    let class = class.and_then(|summary| summary.table_class());
    let class = class.map_or(DEFAULT_CLASS, |class| class.as_str());
    Ok(ResourceSize {
        used_bytes: Some(used_bytes),
        provisioned_bytes: None,
        item_count: Some(whole(
            table.item_count(),
            "a table without a valid number of items",
        )?),
        by_storage_class: BTreeMap::from([(class.to_owned(), used_bytes)]),
        as_of: None,
    })
}

#[cfg(test)]
mod tests {
    use aws_sdk_dynamodb::types::{
        GlobalSecondaryIndexDescription, LocalSecondaryIndexDescription, TableClass,
        TableClassSummary,
    };

    use super::*;

    fn table(bytes: Option<i64>, index_bytes: Option<i64>) -> TableDescription {
        let global = GlobalSecondaryIndexDescription::builder().set_index_size_bytes(index_bytes);
        let local = LocalSecondaryIndexDescription::builder().index_size_bytes(7);
        TableDescription::builder()
            .set_table_size_bytes(bytes)
            .item_count(3)
            .global_secondary_indexes(global.build())
            .local_secondary_indexes(local.build())
            .build()
    }

    #[test]
    fn a_table_is_its_items_and_all_its_indexes() {
        let size = size_of(&table(Some(100), Some(20))).unwrap();

        assert_eq!((size.used_bytes, size.item_count), (Some(127), Some(3)));
        assert_eq!(
            size.by_storage_class,
            BTreeMap::from([("STANDARD".to_owned(), 127)])
        );
        assert_eq!((size.provisioned_bytes, size.as_of), (None, None));
    }

    #[test]
    fn the_class_is_the_tables_own() {
        let mut table = table(Some(100), Some(20));
        let summary =
            TableClassSummary::builder().table_class(TableClass::StandardInfrequentAccess);
        table.table_class_summary = Some(summary.build());

        let size = size_of(&table).unwrap();

        assert_eq!(
            size.by_storage_class,
            BTreeMap::from([("STANDARD_INFREQUENT_ACCESS".to_owned(), 127)])
        );
    }

    #[test]
    fn what_is_not_told_is_no_zero() {
        for (bytes, index_bytes) in [
            (None, Some(20)),
            (Some(-1), Some(20)),
            (Some(100), None),
            (Some(100), Some(-1)),
        ] {
            let error = size_of(&table(bytes, index_bytes)).unwrap_err();
            assert_eq!(
                (error.code, error.is_transient),
                ("unexpected_answer", false)
            );
        }
    }
}
