//! Requests signed with AWS Signature Version 4, for calls that no SDK client makes.

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings,
    UriPathNormalizationMode, sign,
};
use aws_sigv4::sign::v4;
use aws_smithy_http_client::Connector;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::http::HttpConnector;
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use chrono::{DateTime, Utc};
use http_body_util::BodyExt;
use thiserror::Error;

/// What a request is signed for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SigningScope<'a> {
    pub(crate) service: &'a str,
    pub(crate) region: &'a str,
    pub(crate) rules: SigningRules,
}

/// Rules of the signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SigningRules {
    /// Those of most services.
    Standard,
    /// Those of S3: the path is signed unchanged, and the body's checksum is a header.
    S3,
}

/// A request before it is signed.
#[derive(Debug)]
pub(crate) struct UnsignedRequest {
    pub(crate) method: &'static str,
    pub(crate) url: String,
    /// Additional headers, which are signed as well.
    pub(crate) headers: Vec<(&'static str, &'static str)>,
    pub(crate) body: String,
}

/// A request could not be built.
#[derive(Debug, Error)]
#[error("the request could not be signed")]
pub(crate) struct SigningError(#[source] BoxError);

impl UnsignedRequest {
    /// Signs the request with `credentials` at the time `now`.
    pub(crate) fn sign(
        self,
        scope: SigningScope<'_>,
        credentials: &Credentials,
        now: DateTime<Utc>,
    ) -> Result<HttpRequest, SigningError> {
        self.try_sign(scope, credentials, now).map_err(SigningError)
    }

    /// Returns the request without a signature.
    pub(crate) fn unsigned(self) -> Result<HttpRequest, SigningError> {
        let headers = self.headers.clone();
        self.build(headers.into_iter()).map_err(SigningError)
    }

    fn build<'h>(
        self,
        headers: impl Iterator<Item = (&'h str, &'h str)>,
    ) -> Result<HttpRequest, BoxError> {
        let mut request = HttpRequest::new(SdkBody::from(self.body));
        request.set_method(self.method)?;
        request.set_uri(self.url)?;
        for (name, value) in headers {
            let headers = request.headers_mut();
            headers.try_insert(name.to_owned(), value.to_owned())?;
        }
        Ok(request)
    }

    fn try_sign(
        self,
        scope: SigningScope<'_>,
        credentials: &Credentials,
        now: DateTime<Utc>,
    ) -> Result<HttpRequest, BoxError> {
        let identity = credentials.clone().into();
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(scope.region)
            .name(scope.service)
            .time(now.into())
            .settings(scope.rules.settings())
            .build()?;
        let body = SignableBody::Bytes(self.body.as_bytes());
        let headers = self.headers.clone();
        let signable = SignableRequest::new(self.method, &self.url, headers.iter().copied(), body)?;
        let (instructions, _) = sign(signable, &params.into())?.into_parts();

        self.build(instructions.headers().chain(headers))
    }
}

impl SigningRules {
    fn settings(self) -> SigningSettings {
        let mut settings = SigningSettings::default();
        if self == Self::S3 {
            settings.percent_encoding_mode = PercentEncodingMode::Single;
            settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
            settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
        }
        settings
    }
}

/// Why a request had no response.
#[derive(Debug)]
pub(crate) enum SendError {
    Timeout(ConnectorError),
    Unreachable(ConnectorError),
}

/// Sends a signed request.
pub(crate) async fn send(
    connector: &Connector,
    request: HttpRequest,
) -> Result<HttpResponse, SendError> {
    let response = connector.call(request).await;
    response.map_err(|error| {
        if error.is_timeout() {
            SendError::Timeout(error)
        } else {
            SendError::Unreachable(error)
        }
    })
}

/// Appends the response's body to `bytes` until it ends or `bytes` has more than `max_bytes`.
///
/// # Errors
///
/// The connection ended early; `bytes` has what arrived before.
pub(crate) async fn read_body(
    response: &mut HttpResponse,
    max_bytes: usize,
    bytes: &mut Vec<u8>,
) -> Result<(), BoxError> {
    while let Some(frame) = response.body_mut().frame().await {
        if let Some(chunk) = frame?.data_ref() {
            bytes.extend_from_slice(chunk);
        }
        if bytes.len() > max_bytes {
            break;
        }
    }
    Ok(())
}
