//! One signed call to a service that answers with a page. The same time-outs and retries as those of an SDK's client.

use std::time::Duration;

use aws_credential_types::provider::ProvideCredentials;
use aws_smithy_http_client::Connector;
use shared::aws::{ATTEMPT_TIMEOUT, ATTEMPTS, Aws, SdkConfig};
use shared::clock::{Clock, SystemClock};
use shared::location::AwsScope;
use tokio::time::timeout;

use crate::aws::service_endpoint;
use crate::aws::service_error::Service;
use crate::aws::signed_request::{self, SendError, SigningRules, SigningScope, UnsignedRequest};
use crate::error::MeasureError;

/// Pause before the second attempt, twice as long before the third.
const PAUSE: Duration = Duration::from_secs(1);
/// Most bytes of a page: 100 resources with 50 tags of the longest keys and values have 2 MB.
const MAX_PAGE_BYTES: usize = 8 << 20;
/// Most pages of one list.
pub(super) const MAX_PAGES: usize = 1000;

/// Calls services in one account and region.
pub(super) struct Caller {
    config: SdkConfig,
    connector: Connector,
    region: String,
}

/// A call: its form in the service's protocol.
pub(super) struct Call<'a> {
    pub(super) service: Service,
    /// First label of the host, and name in signatures.
    pub(super) label: &'static str,
    pub(super) headers: &'a [(&'static str, &'static str)],
    pub(super) body: String,
}

impl Caller {
    pub(super) async fn new(aws: &Aws, scope: &AwsScope, region: &str) -> Self {
        let config = aws.config_for(scope).await;
        Self {
            connector: aws.connector(&config, ATTEMPT_TIMEOUT),
            config,
            region: region.to_owned(),
        }
    }

    /// Returns the body of the answer; retries transient errors. `code_of` reads the code of an error response.
    pub(super) async fn page(
        &self,
        call: &Call<'_>,
        code_of: fn(&[u8]) -> Option<String>,
    ) -> Result<Vec<u8>, MeasureError> {
        let mut attempts = 0;
        loop {
            attempts += 1;
            let attempt = timeout(ATTEMPT_TIMEOUT, self.attempt(call, code_of)).await;
            match attempt.unwrap_or_else(|_| Err(call.service.timeout())) {
                Err(error) if error.is_transient && attempts < ATTEMPTS => {
                    tokio::time::sleep(PAUSE * attempts).await;
                }
                result => return result,
            }
        }
    }

    async fn attempt(
        &self,
        call: &Call<'_>,
        code_of: fn(&[u8]) -> Option<String>,
    ) -> Result<Vec<u8>, MeasureError> {
        let service = call.service;
        let unbuilt = || service.unexpected("nothing: the request could not be built");
        let url = service_endpoint::of(&self.config, &self.region, call.label).await;
        let url = url.map_err(|error| unbuilt().caused_by(error))?;
        let provider = self.config.credentials_provider();
        let provider = provider.ok_or_else(|| service.no_credentials())?;
        let credentials = provider.provide_credentials().await;
        let credentials = credentials.map_err(|error| service.no_credentials().caused_by(error))?;
        let request = UnsignedRequest {
            method: "POST",
            url,
            headers: call.headers.to_vec(),
            body: call.body.clone(),
        };
        let scope = SigningScope {
            service: call.label,
            region: &self.region,
            rules: SigningRules::Standard,
        };
        let request = request.sign(scope, &credentials, SystemClock.now());
        let request = request.map_err(|error| unbuilt().caused_by(error))?;
        let answer = signed_request::send(&self.connector, request).await;
        let mut answer = answer.map_err(|error| match error {
            SendError::Timeout(error) => service.timeout().caused_by(error),
            SendError::Unreachable(error) => service.unreachable().caused_by(error),
        })?;
        let mut body = Vec::new();
        signed_request::read_body(&mut answer, MAX_PAGE_BYTES, &mut body)
            .await
            .map_err(|error| service.cut().caused_by(error))?;
        if body.len() > MAX_PAGE_BYTES {
            return Err(service.unexpected("a page that is too large"));
        }
        let status = answer.status().as_u16();
        if (200..300).contains(&status) {
            return Ok(body);
        }
        let code = code_of(&body).unwrap_or_default();
        Err(service.error_from_response(status, &code))
    }
}
