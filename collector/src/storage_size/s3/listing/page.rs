//! Fetches one page of a listing: endpoint rules, credentials and signature from the AWS SDK, the rest is ours.
//!
//! The SDK's own client buffers a page and builds a value for each object, which takes most of the CPU time of a
//! listing. Here, a signed request is sent through the SDK's HTTP connector, and the response is scanned while it
//! arrives. Transient errors are retried, expired credentials are replaced, and a bucket in another region is followed
//! there; [`retry`] limits all three.

mod body;
mod request;
mod retry;

use std::collections::BTreeSet;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_smithy_http_client::Connector;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use chrono::{DateTime, Utc};
use prefix_sums::PrefixSums;
use s3_listing::{Listing, OpenRange, Order, Page, Scanner, Scope};
use shared::aws::Aws;
use shared::clock::{Clock, SystemClock};
use shared::fleet::BucketTarget;
use tokio::sync::Mutex;

use self::request::Endpoint;
use self::retry::{AttemptError, Attempts};
use crate::aws::signed_request::{self, SendError};
use crate::error::MeasureError;
use crate::storage_size::s3::error::{self as s3_error, credentials};
use crate::storage_size::s3::prefixes;

/// Minimum remaining lifetime of credentials; others are replaced before they are used.
const CREDENTIALS_RESERVE: Duration = Duration::from_secs(120);
/// Longest wait for a page to begin. S3 looks for a thousand objects, and needs long where many were deleted.
const FIRST_BYTE_TIMEOUT: Duration = Duration::from_secs(60);
/// Longest error response that is read.
const MAX_ERROR_BYTES: usize = 16 << 10;

/// Buckets of which this process has logged that their pages are read as any XML: each run would say so again.
static UNFAMILIAR: std::sync::Mutex<BTreeSet<String>> = std::sync::Mutex::new(BTreeSet::new());

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
    /// What is added up by prefix, still empty.
    by_prefix: Option<PrefixSums>,
    connector: Connector,
    endpoint: Mutex<Endpoint>,
    provider: Option<SharedCredentialsProvider>,
    credentials: Mutex<Option<Credentials>>,
    /// Whether pages are written as S3 writes them. Others are read whole, as any XML.
    is_familiar: AtomicBool,
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
            by_prefix: prefixes::empty(target),
            connector: aws.connector(&config, FIRST_BYTE_TIMEOUT),
            is_familiar: AtomicBool::new(true),
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
            let attempt = self.attempt(range, order, &endpoint, credentials.as_ref());
            let mut error = match attempt.await {
                Ok(page) => return Ok(page),
                Err(AttemptError::Unordered) => return Err(FetchError::Unordered),
                Err(error) => error,
            };
            if matches!(error, AttemptError::Throttled(_)) {
                self.throttled.fetch_add(1, Ordering::Relaxed);
            }
            let corrected = self.correct(&endpoint, &error).await;
            corrected.map_err(FetchError::Failed)?;
            if let (AttemptError::Expired(expired), Some(credentials)) = (&mut error, &credentials)
            {
                let role_arn = self.target.scope.role_arn.as_deref();
                expired.reason = credentials::expired(credentials, role_arn, self.aws.profile());
            }
            let key = credentials.as_ref().map(Credentials::access_key_id);
            let key = key.unwrap_or_default().to_owned();
            let pause = attempts
                .pause_after(error, key)
                .map_err(FetchError::Failed)?;
            tokio::time::sleep(pause).await;
        }
    }

    /// Changes what later requests need, by what `error` says.
    async fn correct(&self, endpoint: &Endpoint, error: &AttemptError) -> Result<(), MeasureError> {
        match error {
            AttemptError::WrongRegion { region, .. } => self.redirect(endpoint, region).await,
            AttemptError::Redirected { url, .. } => {
                let redirected = endpoint.redirected(url);
                *self.endpoint.lock().await =
                    redirected.ok_or_else(|| s3_error::redirected(url))?;
                Ok(())
            }
            AttemptError::NeedsVirtualHost(_) if self.aws.learn_virtual_hosts().await => {
                self.resolve_again().await
            }
            AttemptError::Unfamiliar(what) => {
                let bucket = &self.target.bucket;
                if self.is_familiar.swap(false, Ordering::Relaxed) && is_first_of(bucket) {
                    tracing::info!(
                        bucket.name = bucket,
                        "pages are read as any XML, which is slower: the listing has {what}"
                    );
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    async fn resolve_again(&self) -> Result<(), MeasureError> {
        let BucketTarget { bucket, scope, .. } = self.target;
        let scope = self.aws.scope_of(bucket, scope).await;
        let endpoint = Endpoint::resolve(self.aws, bucket, &scope).await?;
        *self.endpoint.lock().await = endpoint.ok_or_else(s3_error::no_endpoint)?;
        Ok(())
    }

    /// Sends later requests for the bucket to `region`, unless another one has already left `endpoint`'s region.
    async fn redirect(&self, endpoint: &Endpoint, region: &str) -> Result<(), MeasureError> {
        let is_current = self.endpoint.lock().await.region() == endpoint.region();
        if is_current {
            let BucketTarget { bucket, scope, .. } = self.target;
            self.aws.learn_region(bucket, scope, region).await;
            self.resolve_again().await?;
        }
        Ok(())
    }

    async fn attempt(
        &self,
        range: &OpenRange,
        order: Order<'_>,
        endpoint: &Endpoint,
        credentials: Option<&Credentials>,
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
                SendError::Unreachable(error) => {
                    s3_error::unreachable(&error, endpoint.host()).caused_by(error)
                }
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
        let mut scanner = Scanner::new(scope, range, order).by_prefix(self.by_prefix.as_ref());
        let is_packed = body::is_packed(&response)?;
        if is_packed || !self.is_familiar.load(Ordering::Relaxed) {
            let page = body::whole(&mut response, is_packed).await?;
            let page = if self.is_familiar.load(Ordering::Relaxed) {
                page
            } else {
                let normalized = s3_listing::normalized(&page, self.listing);
                normalized.map_err(|error| body::error(error, &page))?
            };
            let scanned = scanner.feed(&page).and_then(|()| scanner.finish());
            return scanned.map_err(|error| body::error(error, &page));
        }
        let mut start = Vec::new();
        while let Some(chunk) = body::next(&mut response).await? {
            if start.len() < MAX_ERROR_BYTES {
                let room = MAX_ERROR_BYTES - start.len();
                start.extend(chunk.as_ref().iter().take(room));
            }
            scanner
                .feed(chunk.as_ref())
                .map_err(|error| body::error(error, &start))?;
        }
        scanner.finish().map_err(|error| body::error(error, &start))
    }

    /// Returns credentials that do not expire soon and do not have the `rejected` access key; `None` if requests are not
    /// signed.
    async fn credentials(
        &self,
        rejected: Option<&str>,
    ) -> Result<Option<Credentials>, MeasureError> {
        if self.aws.is_unsigned() {
            return Ok(None);
        }
        let mut cached = self.credentials.lock().await;
        let soon = SystemClock.now() + CREDENTIALS_RESERVE;
        let is_usable = |credentials: &&Credentials| {
            let is_fresh = credentials
                .expiry()
                .is_none_or(|expiry| DateTime::<Utc>::from(expiry) > soon);
            is_fresh && rejected != Some(credentials.access_key_id())
        };
        if let Some(credentials) = cached.as_ref().filter(is_usable) {
            return Ok(Some(credentials.clone()));
        }
        let Some(provider) = &self.provider else {
            return Err(credentials::missing());
        };
        let fresh = provider.provide_credentials().await;
        let fresh =
            fresh.map_err(|error| credentials::error_from_provider(error, self.aws.profile()))?;
        *cached = Some(fresh.clone());
        Ok(Some(fresh))
    }
}

/// Reads an error response and classifies it by its status, headers and error code.
async fn error_response(mut response: HttpResponse) -> AttemptError {
    let status = response.status().as_u16();
    let mut body = Vec::new();
    // A body that ends early may still have the code, and the status is enough.
    let _ = signed_request::read_body(&mut response, MAX_ERROR_BYTES, &mut body).await;
    let region = response.headers().get("x-amz-bucket-region");
    let location = response.headers().get("location");
    AttemptError::from_response(status, &body, region, location)
}

/// Notes that the pages of a bucket are read as any XML; returns whether that is new.
fn is_first_of(bucket: &str) -> bool {
    let mut buckets = UNFAMILIAR.lock().unwrap_or_else(PoisonError::into_inner);
    buckets.insert(bucket.to_owned())
}
