//! AWS clients with explicit time-outs and retries. The only use of `aws_config`.

mod lambda;
mod role;

use std::collections::BTreeMap;
use std::time::Duration;

pub use aws_config::SdkConfig;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_http_client::tls::TlsContext;
use tokio::sync::Mutex;

use crate::config::{ProcessVariables, Variables};
use crate::location::AwsScope;
use crate::telemetry::error_chain;

/// Longest wait for a connection. An endpoint in the same region accepts one within milliseconds.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// Longest wait for one attempt, including the body. A page of 1,000 keys takes well under a second.
pub const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(10);
/// Attempts for one call, including the first.
pub const ATTEMPTS: u32 = 3;
/// Longest wait for one call: three attempts and the pauses between them.
pub const CALL_TIMEOUT: Duration = Duration::from_secs(33);

/// Creates clients for the regions and roles of targets, and caches them.
#[derive(Debug)]
pub struct Aws {
    base: SdkConfig,
    /// Custom endpoint of S3. It is one host for all buckets, so the bucket name is in the path.
    s3_endpoint: Option<String>,
    tls: TlsContext,
    s3: Mutex<BTreeMap<AwsScope, aws_sdk_s3::Client>>,
    /// Clients with the same scope share its configuration, so a role is assumed once for all of them.
    configs: Mutex<BTreeMap<AwsScope, SdkConfig>>,
}

impl Aws {
    /// Returns clients for a Lambda function.
    ///
    /// Region, credentials and endpoints come from the variables that Lambda sets. Only Amazon's own authorities are
    /// trusted, unless `SSL_CERT_FILE` names others.
    pub fn in_lambda(variables: &dyn Variables) -> Self {
        let tls = lambda::tls_context(variables);
        let base = lambda::config(variables, &tls);
        let s3_endpoint = s3_endpoint(variables, &base);
        Self {
            tls,
            ..Self::new(base, s3_endpoint)
        }
    }

    /// Loads region, credentials, profile and endpoint as AWS tools do.
    ///
    /// Not for Lambda functions, whose zips would contain all the loaders.
    pub async fn load() -> Self {
        let base = aws_config::defaults(BehaviorVersion::latest())
            .timeout_config(timeouts())
            .retry_config(retries())
            .load()
            .await;
        let s3_endpoint = s3_endpoint(&ProcessVariables, &base);
        Self::new(base, s3_endpoint)
    }

    /// Returns clients for a stand-in at `endpoint` with this key pair. Does not read the environment.
    pub fn at(endpoint: &str, access_key: &str, secret_key: &str) -> Self {
        let credentials = Credentials::new(access_key, secret_key, None, None, "stand-in");
        let mut base = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .endpoint_url(endpoint)
            .region(Region::new("us-east-1"))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .timeout_config(timeouts())
            .retry_config(retries());
        // The provider of role credentials panics without a time source.
        base.set_time_source(Some(Default::default()));
        Self::new(base.build(), Some(endpoint.to_owned()))
    }

    /// Returns clients without credentials, for programs that need none.
    pub fn without_credentials() -> Self {
        let base = SdkConfig::builder().behavior_version(BehaviorVersion::latest());
        Self::new(base.build(), None)
    }

    fn new(base: SdkConfig, s3_endpoint: Option<String>) -> Self {
        Self {
            base,
            s3_endpoint,
            tls: TlsContext::default(),
            s3: Mutex::default(),
            configs: Mutex::default(),
        }
    }

    /// Returns the configuration for other clients of the same account and region.
    pub fn config(&self) -> &SdkConfig {
        &self.base
    }

    /// Returns the TLS settings for AWS's endpoints, for clients other than the SDK's.
    pub fn tls_context(&self) -> TlsContext {
        self.tls.clone()
    }

    /// Returns the custom endpoint of S3, if there is one.
    pub fn s3_endpoint(&self) -> Option<&str> {
        self.s3_endpoint.as_deref()
    }

    /// Returns whether the bucket name is in the path of URLs instead of the host.
    pub fn is_path_style(&self) -> bool {
        self.s3_endpoint.is_some()
    }

    /// Returns the S3 client for `scope`.
    pub async fn s3(&self, scope: &AwsScope) -> aws_sdk_s3::Client {
        let mut clients = self.s3.lock().await;
        if let Some(client) = clients.get(scope) {
            return client.clone();
        }
        let config = self.config_for(scope).await;
        let s3 = aws_sdk_s3::config::Builder::from(&config)
            .force_path_style(self.is_path_style())
            .build();
        let client = aws_sdk_s3::Client::from_conf(s3);
        clients.insert(scope.clone(), client.clone());
        client
    }

    /// Creates a CloudWatch client for `scope`.
    ///
    /// Each call creates a new one, which takes some milliseconds: callers that use it often keep it.
    pub async fn cloudwatch(&self, scope: &AwsScope) -> aws_sdk_cloudwatch::Client {
        aws_sdk_cloudwatch::Client::new(&self.config_for(scope).await)
    }

    /// Returns the configuration for `scope`, which refreshes the role's credentials as they expire.
    pub async fn config_for(&self, scope: &AwsScope) -> SdkConfig {
        let mut configs = self.configs.lock().await;
        if let Some(config) = configs.get(scope) {
            return config.clone();
        }
        let config = self.create_config(scope);
        configs.insert(scope.clone(), config.clone());
        config
    }

    fn create_config(&self, scope: &AwsScope) -> SdkConfig {
        let mut builder = self.base.to_builder();
        if let Some(region) = &scope.region {
            builder.set_region(Region::new(region.clone()));
        }
        if let Some(role_arn) = &scope.role_arn {
            let role = role::AssumedRole::new(&self.base, role_arn);
            builder.set_credentials_provider(Some(SharedCredentialsProvider::new(role)));
        }
        builder.build()
    }
}

/// Returns why a call failed: its error code, or its kind and cause if there was no response.
///
/// Repeats no other part of a response: messages name accounts and roles, and a malformed one may contain a secret.
pub fn failure_of<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>) -> String {
    match error {
        SdkError::ServiceError(error) => error.err().code().unwrap_or("no code").to_owned(),
        SdkError::TimeoutError(_) => "no response in time".to_owned(),
        SdkError::DispatchFailure(failure) => {
            let cause = failure.as_connector_error();
            let cause = cause.map_or_else(String::new, |cause| format!(": {}", error_chain(cause)));
            format!("no connection or no credentials{cause}")
        }
        SdkError::ResponseError(_) => "malformed response".to_owned(),
        _ => "the request could not be built".to_owned(),
    }
}

fn s3_endpoint(variables: &dyn Variables, base: &SdkConfig) -> Option<String> {
    let own = variables.get("AWS_ENDPOINT_URL_S3");
    own.filter(|url| !url.is_empty())
        .or(base.endpoint_url().map(str::to_owned))
}

fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .operation_attempt_timeout(ATTEMPT_TIMEOUT)
        .operation_timeout(CALL_TIMEOUT)
        .build()
}

fn retries() -> RetryConfig {
    RetryConfig::standard().with_max_attempts(ATTEMPTS)
}

#[cfg(any(test, feature = "testing"))]
impl Aws {
    /// Returns clients for the emulator at `endpoint`.
    pub fn for_tests(endpoint: &str) -> Self {
        Self::at(endpoint, "test", "test")
    }
}
