//! Invokes a function of a deployment, without the SDK of Lambda: `mrt doctor --aws`.

use std::time::Duration;

use aws_credential_types::provider::ProvideCredentials;
use serde_json::Value;
use shared::aws::Aws;
use shared::clock::{Clock, SystemClock};
use shared::telemetry::error_chain;
use thiserror::Error;
use tokio::time::timeout;

use super::service_endpoint;
use super::signed_request::{
    SendError, SigningRules, SigningScope, UnsignedRequest, read_body, send,
};

/// What everything calls: it names the version that was deployed last, or that somebody went back to.
const ALIAS: &str = "live";
/// Longest response of a function.
const MAX_RESPONSE_BYTES: usize = 6 << 20;
/// Longest invocation, and a moment for its answer.
const LIMIT: Duration = Duration::from_secs(930);

/// Why an invocation has no result.
#[derive(Debug, Error)]
pub enum InvokeError {
    /// The settings of AWS name no region.
    #[error("there is no AWS region: set AWS_REGION, or --region")]
    NoRegion,
    /// There are no credentials.
    #[error(
        "there are no AWS credentials: set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
    )]
    NoCredentials,
    /// There was no answer.
    #[error("Lambda did not answer: {0}")]
    NoAnswer(String),
    /// Lambda refused the request.
    #[error("Lambda refused to invoke {function}: {status} {code}")]
    Refused {
        /// The function.
        function: String,
        /// Status of the answer.
        status: u16,
        /// Lambda's own word, such as `AccessDeniedException`.
        code: String,
    },
    /// The function itself failed.
    #[error("{function} failed: {error}")]
    Failed {
        /// The function.
        function: String,
        /// Its kind of error.
        error: String,
    },
}

/// Invokes the deployed version of the function of that name with `event`, and returns its answer.
///
/// # Errors
///
/// See [`InvokeError`].
pub async fn invoke(aws: &Aws, function: &str, event: &Value) -> Result<Value, InvokeError> {
    let config = aws.config();
    let region = config.region().ok_or(InvokeError::NoRegion)?.to_string();
    let no_answer = |error: String| InvokeError::NoAnswer(error);
    let endpoint = service_endpoint::of(config, &region, "lambda").await;
    let endpoint = endpoint.map_err(|error| no_answer(error.to_string()))?;
    let provider = config.credentials_provider();
    let provider = provider.ok_or(InvokeError::NoCredentials)?;
    let credentials = provider.provide_credentials().await;
    let credentials = credentials.map_err(|_| InvokeError::NoCredentials)?;
    let request = UnsignedRequest {
        method: "POST",
        url: format!("{endpoint}2015-03-31/functions/{function}/invocations?Qualifier={ALIAS}"),
        headers: vec![("content-type", "application/json")],
        body: event.to_string(),
    };
    let scope = SigningScope {
        service: "lambda",
        region: &region,
        rules: SigningRules::Standard,
    };
    let signed = request.sign(scope, &credentials, SystemClock.now());
    let signed = signed.map_err(|error| no_answer(error_chain(&error)))?;
    let connector = aws.connector(config, LIMIT);
    let asking = async {
        let mut answer = send(&connector, signed)
            .await
            .map_err(|error| match error {
                SendError::Timeout(error) | SendError::Unreachable(error) => {
                    no_answer(error_chain(&error))
                }
            })?;
        let header = |name| answer.headers().get(name).map(str::to_owned);
        let (code, failure) = (header("x-amzn-errortype"), header("x-amz-function-error"));
        let status = answer.status().as_u16();
        let mut bytes = Vec::new();
        let read = read_body(&mut answer, MAX_RESPONSE_BYTES, &mut bytes).await;
        read.map_err(|error| no_answer(error.to_string()))?;
        Ok((status, code, failure, bytes))
    };
    let late = |_| Err(no_answer("no response in time".to_owned()));
    let (status, code, failure, bytes) = timeout(LIMIT, asking).await.unwrap_or_else(late)?;
    let function = function.to_owned();
    if !(200..300).contains(&status) {
        let code = code.unwrap_or_default();
        let code = code.split(':').next().unwrap_or_default().to_owned();
        return Err(InvokeError::Refused {
            function,
            status,
            code,
        });
    }
    let answer: Value =
        serde_json::from_slice(&bytes).map_err(|error| no_answer(error.to_string()))?;
    if failure.is_some() {
        let error = answer["errorType"].as_str().unwrap_or("unknown").to_owned();
        return Err(InvokeError::Failed { function, error });
    }
    Ok(answer)
}
