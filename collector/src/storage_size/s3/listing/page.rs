//! One page of a listing over HTTP: endpoint rules, credentials and signature are the AWS SDK's, the rest is not.
//!
//! The SDK's own client reads a page whole, builds a value for each object and spends most of a scan's time with
//! that. Here a signed request goes out over the SDK's HTTP connector, and what comes back is scanned as it arrives.
//! What may pass by itself is tried again, expired credentials are fetched again, and a bucket in another region is
//! followed there; see [`retry`] for how often.

mod request;
mod retry;

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_smithy_http_client::Connector;
use aws_smithy_runtime_api::client::http::HttpConnector;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use chrono::{DateTime, Utc};
use http_body_util::BodyExt;
use shared::aws::{ATTEMPT_TIMEOUT, Aws};
use shared::clock::{Clock, SystemClock};
use shared::fleet::BucketTarget;
use tokio::sync::Mutex;
use tokio::time::timeout;

use self::request::Place;
use self::retry::{Attempts, Trouble};
use crate::aws::connector::connector;
use crate::error::MeasureError;
use crate::storage_size::s3::error as failure;
use s3_listing::ranges::OpenRange;
use s3_listing::scan::{Fault, Listing, Page, Scanner};

/// Credentials that live shorter than this are fetched again before they are used.
const CREDENTIALS_RESERVE: Duration = Duration::from_secs(120);
/// Longest error answer that is read.
const MAX_ERROR_BYTES: usize = 64 << 10;

/// Why a page did not come.
#[derive(Debug)]
pub(crate) enum PageError {
    /// The measurement fails with it.
    Failed(MeasureError),
    /// The provider does not list in the order of keys, or ignores where to start.
    Unordered,
}

/// Fetches pages of one target.
#[derive(Debug)]
pub(crate) struct Pages<'a> {
    target: &'a BucketTarget,
    listing: Listing,
    is_ordered: bool,
    connector: Connector,
    place: Mutex<Place>,
    provider: Option<SharedCredentialsProvider>,
    credentials: Mutex<Option<Credentials>>,
    requests: AtomicU64,
    throttled: AtomicU64,
}

impl<'a> Pages<'a> {
    /// Returns the pages of `target`; `None` where only the SDK's client can ask for them, as in directory buckets.
    ///
    /// # Errors
    ///
    /// `bucket_failed` when the bucket's name has no endpoint.
    pub(crate) async fn new(
        aws: &Aws,
        target: &'a BucketTarget,
        listing: Listing,
    ) -> Result<Option<Self>, MeasureError> {
        let config = aws
            .config_for(target.region.as_deref(), target.role_arn.as_deref())
            .await;
        let Some(place) = Place::of(aws, &config, target, None).await? else {
            return Ok(None);
        };
        Ok(Some(Self {
            target,
            listing,
            is_ordered: true,
            connector: connector(aws, &config),
            place: Mutex::new(place),
            provider: config.credentials_provider(),
            credentials: Mutex::default(),
            requests: AtomicU64::new(0),
            throttled: AtomicU64::new(0),
        }))
    }

    /// Returns the same pages for a provider whose order means nothing.
    pub(crate) fn without_order(self) -> Self {
        Self {
            is_ordered: false,
            ..self
        }
    }

    /// Returns how many requests were made, failed ones included.
    pub(crate) fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    /// Returns how many answers asked for fewer requests.
    pub(crate) fn throttled(&self) -> u64 {
        self.throttled.load(Ordering::Relaxed)
    }

    /// Fetches the next page of `range`.
    ///
    /// # Errors
    ///
    /// See [`PageError`]; what may pass by itself was tried again before.
    pub(crate) async fn page(&self, range: &OpenRange) -> Result<Page, PageError> {
        let mut attempts = Attempts::default();
        loop {
            let place = self.place.lock().await.clone();
            let credentials = self
                .credentials(attempts.refused_key())
                .await
                .map_err(PageError::Failed)?;
            let trouble =
                match timeout(ATTEMPT_TIMEOUT, self.attempt(range, &place, &credentials)).await {
                    Ok(Ok(page)) => return Ok(page),
                    Ok(Err(Trouble::Unordered)) => return Err(PageError::Unordered),
                    Ok(Err(trouble)) => trouble,
                    Err(_) => Trouble::Broken(failure::timeout()),
                };
            if matches!(trouble, Trouble::Throttled(_)) {
                self.throttled.fetch_add(1, Ordering::Relaxed);
            }
            if let Trouble::Elsewhere { region, .. } = &trouble {
                let mut current = self.place.lock().await;
                if current.region() == place.region() {
                    *current = place.moved_to(region).await.map_err(PageError::Failed)?;
                }
            }
            let key = credentials.access_key_id().to_owned();
            let pause = attempts
                .pause_after(trouble, key)
                .map_err(PageError::Failed)?;
            tokio::time::sleep(pause).await;
        }
    }

    async fn attempt(
        &self,
        range: &OpenRange,
        place: &Place,
        credentials: &Credentials,
    ) -> Result<Page, Trouble> {
        let request = place
            .request(
                self.target,
                self.listing,
                range,
                credentials,
                SystemClock.now(),
            )
            .map_err(Trouble::Final)?;
        self.requests.fetch_add(1, Ordering::Relaxed);
        let answer = self.connector.call(request).await;
        let mut answer = answer.map_err(|error| {
            let failure = if error.is_timeout() {
                failure::timeout()
            } else {
                failure::unreachable()
            };
            Trouble::Broken(failure.caused_by(error))
        })?;
        if !answer.status().is_success() {
            return Err(refused(answer).await);
        }
        let mut scanner = Scanner::new(self.listing, &self.target.suffix, range, self.is_ordered);
        while let Some(frame) = answer.body_mut().frame().await {
            let frame = frame.map_err(|error| {
                Trouble::Broken(failure::cut("the connection ended early").caused_by(error))
            })?;
            if let Some(piece) = frame.data_ref() {
                scanner.feed(piece).map_err(of_fault)?;
            }
        }
        scanner.finish().map_err(of_fault)
    }

    /// Returns credentials that are not about to expire and not those that were `refused`.
    async fn credentials(&self, refused: Option<&str>) -> Result<Credentials, MeasureError> {
        let mut cached = self.credentials.lock().await;
        let soon = SystemClock.now() + CREDENTIALS_RESERVE;
        let is_good = |credentials: &&Credentials| {
            let lives = credentials
                .expiry()
                .is_none_or(|expiry| DateTime::<Utc>::from(expiry) > soon);
            lives && refused != Some(credentials.access_key_id())
        };
        if let Some(credentials) = cached.as_ref().filter(is_good) {
            return Ok(credentials.clone());
        }
        let Some(provider) = &self.provider else {
            return Err(failure::no_credentials());
        };
        let fresh = provider.provide_credentials().await;
        let fresh = fresh.map_err(failure::of_credentials)?;
        *cached = Some(fresh.clone());
        Ok(fresh)
    }
}

/// Returns what an error answer means, by its status, its headers and the code in its body.
async fn refused(mut answer: HttpResponse) -> Trouble {
    let status = answer.status().as_u16();
    let mut text = Vec::new();
    while let Some(Ok(frame)) = answer.body_mut().frame().await {
        if let Some(piece) = frame.data_ref() {
            text.extend_from_slice(piece);
        }
        if text.len() > MAX_ERROR_BYTES {
            break;
        }
    }
    let region = answer.headers().get("x-amz-bucket-region");
    Trouble::of_answer(status, &text, region)
}

fn of_fault(fault: Fault) -> Trouble {
    match fault {
        Fault::Cut(reason) => Trouble::Broken(failure::cut(reason)),
        Fault::Odd(reason) => Trouble::Final(failure::unexpected(reason)),
        Fault::Unordered => Trouble::Unordered,
    }
}
