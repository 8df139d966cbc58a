//! Volumes of EBS: provisioned bytes, from EC2's `DescribeVolumes`. Only the operating system knows the used bytes.
//!
//! CloudWatch has no metric for a volume's size, and EC2's SDK is the largest of all, so the one request is built and
//! signed here, as those of listings are.

mod request;
mod response;

use std::collections::BTreeMap;
use std::time::Duration;

use aws_credential_types::provider::ProvideCredentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_smithy_http_client::Connector;

use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use s3_listing::ErrorResponse;
use shared::aws::{ATTEMPT_TIMEOUT, ATTEMPTS, Aws, SdkConfig};
use shared::clock::{Clock, SystemClock};
use shared::fleet::BucketTarget;
use shared::snapshot::bucket_size::ResourceSize;
use tokio::time::timeout;

use self::request::Endpoint;
use crate::aws::rds_storage::GIB;
use crate::aws::service_error::Service;
use crate::aws::signed_request::{self, SendError};
use crate::error::MeasureError;

const EC2: Service = Service {
    name: "EC2",
    needs: "ec2:DescribeVolumes",
    thing: "the volume",
};
/// Pause before the second attempt, twice as long before the third. With [`ATTEMPTS`] of at most [`ATTEMPT_TIMEOUT`]
/// that is `shared::aws::CALL_TIMEOUT`, which the SDK's own calls have.
const PAUSE: Duration = Duration::from_secs(1);
/// Most bytes of a response: a volume with 50 tags of the longest names and values has 30 KB.
const MAX_RESPONSE_BYTES: usize = 256 << 10;

/// Reads a volume's description from EC2; retries transient errors.
pub(super) async fn measure(
    aws: &Aws,
    target: &BucketTarget,
) -> Result<ResourceSize, MeasureError> {
    let config = aws.config_for(&target.scope).await;
    let endpoint = Endpoint::of(&config).await?;
    let connector = aws.connector(&config, ATTEMPT_TIMEOUT);
    let mut attempts = 0;
    loop {
        attempts += 1;
        let attempt = attempt(&connector, &config, &endpoint, &target.bucket);
        let result = timeout(ATTEMPT_TIMEOUT, attempt).await;
        match result.unwrap_or_else(|_| Err(EC2.timeout())) {
            Err(error) if error.is_transient && attempts < ATTEMPTS => {
                tokio::time::sleep(PAUSE * attempts).await;
            }
            result => return result,
        }
    }
}

async fn attempt(
    connector: &Connector,
    config: &SdkConfig,
    endpoint: &Endpoint,
    id: &str,
) -> Result<ResourceSize, MeasureError> {
    let provider = config.credentials_provider();
    let provider = provider.ok_or_else(|| EC2.no_credentials())?;
    let credentials = provider.provide_credentials().await.map_err(|error| {
        let mapped = match &error {
            CredentialsError::ProviderTimedOut(_) => EC2.timeout(),
            _ => EC2.no_credentials(),
        };
        mapped.caused_by(error)
    })?;
    let request = endpoint.request(id, &credentials, SystemClock.now())?;
    let (status, text) = send_and_read(connector, request).await?;
    if !(200..300).contains(&status) {
        let code = ErrorResponse::parse(&text).code.unwrap_or_default();
        return Err(EC2.error_from_response(status, code));
    }
    let volume = response::volume(&text, id).map_err(|what| EC2.unexpected(what))?;
    let volume = volume.ok_or_else(|| EC2.missing())?;
    let provisioned_bytes = volume.gib.checked_mul(GIB);
    let provisioned_bytes =
        provisioned_bytes.ok_or_else(|| EC2.unexpected("an impossible size"))?;
    Ok(ResourceSize {
        used_bytes: None,
        provisioned_bytes: Some(provisioned_bytes),
        item_count: None,
        by_storage_class: BTreeMap::from([(volume.kind, provisioned_bytes)]),
        as_of: None,
    })
}

/// Sends a request and reads the answer whole.
async fn send_and_read(
    connector: &Connector,
    request: HttpRequest,
) -> Result<(u16, Vec<u8>), MeasureError> {
    let answer = signed_request::send(connector, request).await;
    let mut answer = answer.map_err(|error| match error {
        SendError::Timeout(error) => EC2.timeout().caused_by(error),
        SendError::Unreachable(error) => EC2.unreachable().caused_by(error),
    })?;
    let mut text = Vec::new();
    signed_request::read_body(&mut answer, MAX_RESPONSE_BYTES, &mut text)
        .await
        .map_err(|error| EC2.cut().caused_by(error))?;
    if text.len() > MAX_RESPONSE_BYTES {
        return Err(EC2.unexpected("more than the description of a volume"));
    }
    Ok((answer.status().as_u16(), text))
}

#[cfg(test)]
mod tests {
    use shared::aws::CALL_TIMEOUT;

    use super::*;

    #[test]
    fn attempts_and_pauses_take_no_longer_than_a_call_of_the_sdk() {
        let pauses: u32 = (1..ATTEMPTS).sum();

        assert_eq!(ATTEMPT_TIMEOUT * ATTEMPTS + PAUSE * pauses, CALL_TIMEOUT);
    }
}
