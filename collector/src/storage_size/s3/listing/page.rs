//! Fetches one page of a listing: endpoint rules, credentials and signature from the AWS SDK, the rest is ours.
//!
//! The SDK's own client buffers a page and builds a value for each object, which takes most of the CPU time of a
//! listing. Here, a signed request is sent through the SDK's HTTP connector, and the response is scanned while it
//! arrives. Transient errors are retried, expired credentials are replaced, and a bucket in another region is followed
//! there; [`retry`] limits all three.

mod request;
mod retry;

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_smithy_http_client::Connector;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use chrono::{DateTime, Utc};
use http_body_util::BodyExt;
use s3_listing::{Listing, OpenRange, Order, Page, PageError, Scanner, Scope};
use shared::aws::{ATTEMPT_TIMEOUT, Aws};
use shared::clock::{Clock, SystemClock};
use shared::fleet::BucketTarget;
use tokio::sync::Mutex;
use tokio::time::timeout;

use self::request::Endpoint;
use self::retry::{AttemptError, Attempts};
use crate::aws::signed_request::{self, SendError};
use crate::error::MeasureError;
use crate::storage_size::s3::error as s3_error;

/// Minimum remaining lifetime of credentials; others are replaced before they are used.
const CREDENTIALS_RESERVE: Duration = Duration::from_secs(120);
/// Longest error response that is read.
const MAX_ERROR_BYTES: usize = 64 << 10;

/// Why a page could not be fetched.
#[derive(Debug)]
pub(crate) enum FetchError {
    /// The measurement fails.
    Failed(MeasureError),
    /// The provider does not list in the order of keys, or ignores the start position.
    Unordered,
}

/// Fetches the pages of one target.
#[derive(Debug)]
pub(crate) struct PageClient<'a> {
    aws: &'a Aws,
    target: &'a BucketTarget,
    listing: Listing,
    connector: Connector,
    endpoint: Mutex<Endpoint>,
    provider: Option<SharedCredentialsProvider>,
    credentials: Mutex<Option<Credentials>>,
    requests: AtomicU64,
    throttled: AtomicU64,
}

impl<'a> PageClient<'a> {
    /// Returns the client for `target`; `None` if only the SDK can sign its requests, as for directory buckets.
    ///
    /// # Errors
    ///
    /// `bucket_failed` if the bucket's name has no endpoint.
    pub(crate) async fn new(
        aws: &'a Aws,
        target: &'a BucketTarget,
        listing: Listing,
    ) -> Result<Option<Self>, MeasureError> {
        let scope = aws.scope_of(&target.bucket, &target.scope).await;
        let config = aws.config_for(&scope).await;
        let Some(endpoint) = Endpoint::resolve(aws, &target.bucket, &scope).await? else {
            return Ok(None);
        };
        Ok(Some(Self {
            aws,
            target,
            listing,
            connector: aws.connector(&config),
            endpoint: Mutex::new(endpoint),
            provider: config.credentials_provider(),
            credentials: Mutex::default(),
            requests: AtomicU64::new(0),
            throttled: AtomicU64::new(0),
        }))
    }

    /// Returns the number of requests, failed ones included.
    pub(crate) fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    /// Returns the number of throttled responses.
    pub(crate) fn throttled(&self) -> u64 {
        self.throttled.load(Ordering::Relaxed)
    }

    /// Fetches the next page of `range`, in a listing of this `order`.
    ///
    /// # Errors
    ///
    /// See [`FetchError`]; transient errors have been retried before.
    pub(crate) async fn page(
        &self,
        range: &OpenRange,
        order: Order<'_>,
    ) -> Result<Page, FetchError> {
        let mut attempts = Attempts::default();
        loop {
            let endpoint = self.endpoint.lock().await.clone();
            let credentials = self
                .credentials(attempts.rejected_key())
                .await
                .map_err(FetchError::Failed)?;
            let attempt = self.attempt(range, order, &endpoint, &credentials);
            let error = match timeout(ATTEMPT_TIMEOUT, attempt).await {
                Ok(Ok(page)) => return Ok(page),
                Ok(Err(AttemptError::Unordered)) => return Err(FetchError::Unordered),
                Ok(Err(error)) => error,
                Err(_) => AttemptError::Transient(s3_error::timeout()),
            };
            if matches!(error, AttemptError::Throttled(_)) {
                self.throttled.fetch_add(1, Ordering::Relaxed);
            }
            if let AttemptError::WrongRegion { region, .. } = &error {
                self.redirect(&endpoint, region)
                    .await
                    .map_err(FetchError::Failed)?;
            }
            let key = credentials.access_key_id().to_owned();
            let pause = attempts
                .pause_after(error, key)
                .map_err(FetchError::Failed)?;
            tokio::time::sleep(pause).await;
        }
    }

    /// Sends later requests for the bucket to `region`, unless another one has already left `endpoint`'s region.
    async fn redirect(&self, endpoint: &Endpoint, region: &str) -> Result<(), MeasureError> {
        let mut current = self.endpoint.lock().await;
        if current.region() == endpoint.region() {
            let BucketTarget { bucket, scope, .. } = self.target;
            self.aws.learn_region(bucket, scope, region).await;
            let scope = self.aws.scope_of(bucket, scope).await;
            let endpoint = Endpoint::resolve(self.aws, bucket, &scope).await?;
            *current = endpoint.ok_or_else(s3_error::no_endpoint)?;
        }
        Ok(())
    }

    async fn attempt(
        &self,
        range: &OpenRange,
        order: Order<'_>,
        endpoint: &Endpoint,
        credentials: &Credentials,
    ) -> Result<Page, AttemptError> {
        let request = endpoint
            .request(
                self.target,
                self.listing,
                range,
                credentials,
                SystemClock.now(),
            )
            .map_err(AttemptError::Permanent)?;
        self.requests.fetch_add(1, Ordering::Relaxed);
        let response = signed_request::send(&self.connector, request).await;
        let mut response = response.map_err(|error| {
            AttemptError::Transient(match error {
                SendError::Timeout(error) => s3_error::timeout().caused_by(error),
                SendError::Unreachable(error) => s3_error::unreachable().caused_by(error),
            })
        })?;
        if !response.status().is_success() {
            return Err(error_response(response).await);
        }
        let scope = Scope {
            listing: self.listing,
            prefix: &self.target.prefix,
            suffix: &self.target.suffix,
        };
        let mut scanner = Scanner::new(scope, range, order);
        while let Some(frame) = response.body_mut().frame().await {
            let frame = frame.map_err(|error| {
                let cut = s3_error::truncated("the connection ended early");
                AttemptError::Transient(cut.caused_by(error))
            })?;
            if let Some(chunk) = frame.data_ref() {
                scanner.feed(chunk)?;
            }
        }
        Ok(scanner.finish()?)
    }

    /// Returns credentials that do not expire soon and do not have the `rejected` access key.
    async fn credentials(&self, rejected: Option<&str>) -> Result<Credentials, MeasureError> {
        let mut cached = self.credentials.lock().await;
        let soon = SystemClock.now() + CREDENTIALS_RESERVE;
        let is_usable = |credentials: &&Credentials| {
            let is_fresh = credentials
                .expiry()
                .is_none_or(|expiry| DateTime::<Utc>::from(expiry) > soon);
            is_fresh && rejected != Some(credentials.access_key_id())
        };
        if let Some(credentials) = cached.as_ref().filter(is_usable) {
            return Ok(credentials.clone());
        }
        let Some(provider) = &self.provider else {
            return Err(s3_error::no_credentials());
        };
        let fresh = provider.provide_credentials().await;
        let fresh = fresh.map_err(s3_error::error_from_credentials)?;
        *cached = Some(fresh.clone());
        Ok(fresh)
    }
}

/// Reads an error response and classifies it by its status, headers and error code.
async fn error_response(mut response: HttpResponse) -> AttemptError {
    let status = response.status().as_u16();
    let mut body = Vec::new();
    // A body that ends early may still have the code, and the status is enough.
    let _ = signed_request::read_body(&mut response, MAX_ERROR_BYTES, &mut body).await;
    let region = response.headers().get("x-amz-bucket-region");
    AttemptError::from_response(status, &body, region)
}

impl From<PageError> for AttemptError {
    fn from(error: PageError) -> Self {
        match error {
            PageError::Truncated(reason) => Self::Transient(s3_error::truncated(reason)),
            PageError::Malformed(what) => Self::Permanent(s3_error::unexpected(what)),
            PageError::Unordered => Self::Unordered,
        }
    }
}
