//! Names all buckets of an account.

use std::collections::BTreeSet;

use shared::aws::Aws;
use shared::location::AwsScope;

use super::error::{self as s3_error, unexpected};
use crate::error::MeasureError;

/// Buckets that one request asks for: the most that S3 allows.
const PAGE_BUCKETS: i32 = 10_000;
/// Most pages: an account has at most a million buckets.
const MAX_PAGES: usize = 1_000;

/// A bucket of the account.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct AccountBucket {
    /// Its name.
    pub name: String,
    /// Its region, if the provider says.
    pub region: Option<String>,
}

/// Returns the general purpose buckets of the account, in the order of their names.
///
/// Directory buckets are not among them: S3 lists those for each region on its own.
///
/// # Errors
///
/// See [`MeasureError`]: the list is complete or an error.
pub async fn account_buckets(aws: &Aws) -> Result<Vec<AccountBucket>, MeasureError> {
    if aws.config().region().is_none() && aws.s3_endpoint().is_none() {
        return Err(s3_error::no_region());
    }
    let client = aws.s3(&AwsScope::default()).await;
    let mut buckets = BTreeSet::new();
    let mut token: Option<String> = None;
    for _ in 0..MAX_PAGES {
        let request = client.list_buckets().max_buckets(PAGE_BUCKETS);
        let page = request.set_continuation_token(token.clone()).send().await;
        let page = page.map_err(|error| {
            let mut error = s3_error::error_from_sdk(error);
            if error.code == "access_denied" {
                error.reason =
                    "listing the account's buckets was denied; it needs s3:ListAllMyBuckets"
                        .to_owned();
            }
            error
        })?;
        for bucket in page.buckets() {
            let name = bucket
                .name()
                .ok_or_else(|| unexpected("a bucket without a name"))?;
            buckets.insert(AccountBucket {
                name: name.to_owned(),
                region: bucket.bucket_region().map(str::to_owned),
            });
        }
        let next = page.continuation_token().filter(|token| !token.is_empty());
        let next = next.map(str::to_owned);
        if next.is_none() {
            return Ok(buckets.into_iter().collect());
        }
        if next == token {
            return Err(unexpected(
                "a page of buckets that names itself as the next",
            ));
        }
        token = next;
    }
    Err(unexpected("no end: many pages of buckets"))
}
