//! AWS clients with explicit time-outs and retries. The only use of `aws_config`.

mod failure;
mod http;
mod lambda;
mod role;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

pub use aws_config::SdkConfig;
use aws_config::default_provider::credentials::DefaultCredentialsChain;
use aws_config::environment::region::EnvironmentVariableRegionProvider;
use aws_config::imds;
use aws_config::meta::region::RegionProviderChain;
use aws_config::profile::ProfileFileRegionProvider;
use aws_config::provider_config::ProviderConfig;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_http_client::Connector;
use aws_smithy_http_client::tls::TrustStore;
use aws_smithy_runtime_api::client::http::HttpConnectorSettings;
use aws_types::os_shim_internal::{Env, Fs};
use aws_types::service_config::ServiceConfigKey;
use thiserror::Error;
use tokio::sync::Mutex;

pub use self::failure::failure_of;
use self::http::Http;
use crate::config::{ProcessVariables, Variables};
use crate::location::AwsScope;
use crate::telemetry::error_chain;

/// Longest wait for a connection. An endpoint in the same region accepts one within milliseconds.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// Longest wait for one attempt, including the body. A page of 1,000 keys takes well under a second.
pub const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(10);
/// Longest wait for the metadata of an instance, which answers within a millisecond if it exists.
const METADATA_TIMEOUT: Duration = Duration::from_millis(300);
/// Attempts for one call, including the first.
pub const ATTEMPTS: u32 = 3;
/// Longest wait for one call: three attempts and the pauses between them.
pub const CALL_TIMEOUT: Duration = Duration::from_secs(33);

/// Most configurations and clients that are cached; at this limit the cache is emptied. A role has one for each
/// environment that it is assumed for.
const CACHE_LIMIT: usize = 256;

/// Variable that Lambda sets to the function's name.
const FUNCTION_NAME: &str = "AWS_LAMBDA_FUNCTION_NAME";
/// Name of other programs in the sessions of roles.
const PROGRAM: &str = "mrt";

/// Variable for the profile.
const PROFILE: &str = "AWS_PROFILE";

/// Region that requests to another provider's endpoint are signed for if none is configured, as by AWS's own tools.
const OTHER_PROVIDERS_REGION: &str = "us-east-1";

/// Creates clients for the regions and roles of targets, and caches them.
#[derive(Debug)]
pub struct Aws {
    base: SdkConfig,
    /// Custom endpoint of S3, with a slash at its end. It is one host for all buckets, so the bucket name is in the path.
    s3_endpoint: Option<String>,
    /// Profile that was asked for; `None` for the default one.
    profile: Option<String>,
    /// Whether requests are sent without a signature.
    is_unsigned: bool,
    /// Name of this program in the sessions of roles.
    program: String,
    http: Http,
    /// Whether the custom endpoint wants the bucket name in the host.
    uses_virtual_hosts: AtomicBool,
    /// Regions of buckets that are in another one than their scope says, by the bucket's name and that scope.
    regions: Mutex<BTreeMap<(String, AwsScope), String>>,
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
        let http = lambda::http(variables);
        let mut aws = Self::new(lambda::config(variables, &http), http);
        if let Some(name) = variables.get(FUNCTION_NAME) {
            aws.program = name;
        }
        aws
    }

    /// Loads region, credentials, profile and endpoint as AWS tools do.
    ///
    /// Not for Lambda functions, whose zips would contain all the loaders.
    ///
    /// # Errors
    ///
    /// `AWS_CA_BUNDLE` is not a file with certificates, the profile does not exist, or the endpoint is not a URL.
    pub async fn load() -> Result<Self, LoadError> {
        Self::load_with(AwsOptions::default()).await
    }

    /// Loads like [`Aws::load`]; `options` take precedence.
    ///
    /// # Errors
    ///
    /// See [`Aws::load`].
    pub async fn load_with(options: AwsOptions) -> Result<Self, LoadError> {
        let profile = options
            .profile
            .or_else(|| ProcessVariables.get(PROFILE))
            .filter(|name| !name.is_empty());
        if let Some(profile) = &profile {
            check_profile(profile).await?;
        }
        let authorities = http::authorities(&ProcessVariables, TrustStore::default());
        let http = Http::through_proxy(authorities.map_err(LoadError)?);
        let metadata = metadata_client();
        let region = match options.region {
            Some(region) => Some(Region::new(region)),
            None => {
                region_provider(profile.as_deref(), metadata.clone())
                    .region()
                    .await
            }
        };
        let loader = aws_config::defaults(BehaviorVersion::latest())
            .http_client(http.client())
            .timeout_config(timeouts())
            .retry_config(retries())
            .region(region.clone());
        let loader = if options.is_unsigned {
            loader.no_credentials()
        } else {
            let settings = ProviderConfig::default().with_http_client(http.client());
            let mut chain = DefaultCredentialsChain::builder()
                .configure(settings)
                .imds_client(metadata)
                .region(region);
            if let Some(profile) = &profile {
                chain = chain.profile_name(profile);
            }
            loader.credentials_provider(chain.build().await)
        };
        let loader = match &profile {
            Some(profile) => loader.profile_name(profile),
            None => loader,
        };
        let mut loaded = Self::new(loader.load().await, http);
        loaded.profile = profile;
        loaded.is_unsigned = options.is_unsigned;
        if let Some(url) = options.s3_endpoint {
            loaded.s3_endpoint = with_last_slash(&url);
        }
        match &loaded.s3_endpoint {
            Some(url) if !is_url(url) => Err(LoadError(format!(
                "the endpoint of S3 must start with http:// or https://: {url:?}"
            ))),
            _ => Ok(loaded),
        }
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
        let http = Http::direct();
        base.set_http_client(Some(http.client()));
        Self::new(base.build(), http)
    }

    /// Returns clients without credentials, for programs that need none.
    pub fn without_credentials() -> Self {
        let base = SdkConfig::builder().behavior_version(BehaviorVersion::latest());
        Self::new(base.build(), Http::direct())
    }

    fn new(base: SdkConfig, http: Http) -> Self {
        Self {
            s3_endpoint: s3_endpoint(&base),
            base,
            profile: None,
            is_unsigned: false,
            program: PROGRAM.to_owned(),
            http,
            uses_virtual_hosts: AtomicBool::new(false),
            regions: Mutex::default(),
            s3: Mutex::default(),
            configs: Mutex::default(),
        }
    }

    /// Returns the configuration for other clients of the same account and region.
    pub fn config(&self) -> &SdkConfig {
        &self.base
    }

    /// Returns a connector for requests without the SDK, with the proxy and the certificate authorities of the SDK's
    /// clients, that waits `first_byte` for a response to begin.
    pub fn connector(&self, config: &SdkConfig, first_byte: Duration) -> Connector {
        self.http
            .connector(Some(waiting(first_byte)), config.sleep_impl())
    }

    /// Returns a connector for servers outside AWS, with the proxy of the SDK's clients and the system's certificate
    /// authorities, that waits `first_byte` for a response to begin. It follows no redirect.
    pub fn public_connector(&self, first_byte: Duration) -> Connector {
        let sleep = self.base.sleep_impl();
        self.http
            .public()
            .connector(Some(waiting(first_byte)), sleep)
    }

    /// Returns the name of the profile that the settings come from; `None` for the default one.
    pub fn profile(&self) -> Option<&str> {
        self.profile.as_deref()
    }

    /// Returns whether requests are sent without a signature, as for public buckets.
    pub fn is_unsigned(&self) -> bool {
        self.is_unsigned
    }

    /// Returns the custom endpoint of S3, if there is one.
    pub fn s3_endpoint(&self) -> Option<&str> {
        self.s3_endpoint.as_deref()
    }

    /// Returns the S3 client for `scope`.
    pub async fn s3(&self, scope: &AwsScope) -> aws_sdk_s3::Client {
        let mut clients = self.s3.lock().await;
        if let Some(client) = clients.get(scope) {
            return client.clone();
        }
        let client = aws_sdk_s3::Client::from_conf(self.s3_config(scope).await.build());
        if clients.len() >= CACHE_LIMIT {
            clients.clear();
        }
        clients.insert(scope.clone(), client.clone());
        client
    }

    /// Returns the configuration of the S3 client for `scope`: the one source of endpoint, address style and region.
    pub async fn s3_config(&self, scope: &AwsScope) -> aws_sdk_s3::config::Builder {
        let config = self.config_for(scope).await;
        let mut s3 = aws_sdk_s3::config::Builder::from(&config);
        if self.is_unsigned {
            s3 = s3.allow_no_auth();
        }
        if let Some(endpoint) = &self.s3_endpoint {
            let is_path_style = !self.uses_virtual_hosts.load(Ordering::Relaxed);
            s3 = s3.endpoint_url(endpoint).force_path_style(is_path_style);
            if config.region().is_none() {
                s3 = s3.region(Region::from_static(OTHER_PROVIDERS_REGION));
            }
        }
        s3
    }

    /// Returns the scope in which a bucket is read: that of its target, in the region that was learned.
    pub async fn scope_of(&self, bucket: &str, scope: &AwsScope) -> AwsScope {
        let regions = self.regions.lock().await;
        let learned = regions.get(&(bucket.to_owned(), scope.clone())).cloned();
        AwsScope {
            region: learned.or(scope.region.clone()),
            ..scope.clone()
        }
    }

    /// Remembers that a bucket is in another region than its scope says. All later requests for it go there.
    pub async fn learn_region(&self, bucket: &str, scope: &AwsScope, region: &str) {
        let mut regions = self.regions.lock().await;
        regions.insert((bucket.to_owned(), scope.clone()), region.to_owned());
    }

    /// Remembers that the custom endpoint wants the bucket name in the host; returns whether that is new.
    pub async fn learn_virtual_hosts(&self) -> bool {
        let is_new =
            self.s3_endpoint.is_some() && !self.uses_virtual_hosts.swap(true, Ordering::Relaxed);
        if is_new {
            self.s3.lock().await.clear();
        }
        is_new
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
        if configs.len() >= CACHE_LIMIT {
            configs.clear();
        }
        configs.insert(scope.clone(), config.clone());
        config
    }

    fn create_config(&self, scope: &AwsScope) -> SdkConfig {
        let mut builder = self.base.to_builder();
        if let Some(region) = &scope.region {
            builder.set_region(Region::new(region.clone()));
        }
        if let Some(role_arn) = &scope.role_arn {
            let role = role::AssumedRole::new(&self.base, role_arn, scope, &self.program);
            builder.set_credentials_provider(Some(SharedCredentialsProvider::new(role)));
        }
        builder.build()
    }
}

fn waiting(first_byte: Duration) -> HttpConnectorSettings {
    HttpConnectorSettings::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .read_timeout(first_byte)
        .build()
}

/// Settings that take precedence over variables and profiles, as the options of the AWS CLI do.
#[derive(Debug, Clone, Default)]
pub struct AwsOptions {
    /// Profile, in place of that in `AWS_PROFILE`.
    pub profile: Option<String>,
    /// Region, in place of that in `AWS_REGION` or the profile.
    pub region: Option<String>,
    /// URL of S3.
    pub s3_endpoint: Option<String>,
    /// Whether requests are sent without a signature, and no credentials are looked for.
    pub is_unsigned: bool,
}

/// AWS's settings cannot be used. The text names the variable and the fault.
#[derive(Debug, Error)]
#[error("{0}")]
pub struct LoadError(String);

/// Returns the custom endpoint of S3: the one for S3, or else the one for all services.
fn s3_endpoint(base: &SdkConfig) -> Option<String> {
    let key = ServiceConfigKey::builder()
        .service_id("S3")
        .env("AWS_ENDPOINT_URL")
        .profile("endpoint_url")
        .build();
    let own = base.service_config().zip(key.ok());
    let own = own.and_then(|(settings, key)| settings.load_config(key));
    let url = own.or(base.endpoint_url().map(str::to_owned))?;
    with_last_slash(&url)
}

/// Returns `url` with a slash at its end, without which the SDK's rules drop the last part of a path; `None` if it is
/// empty.
fn with_last_slash(url: &str) -> Option<String> {
    let url = url.trim();
    (!url.is_empty()).then(|| format!("{}/", url.trim_end_matches('/')))
}

/// Checks that the files of AWS's tools have a profile of this name.
async fn check_profile(name: &str) -> Result<(), LoadError> {
    let (files, environment, usual_places) = (Fs::real(), Env::real(), Default::default());
    let selected = Some(name.to_owned().into());
    let profiles = aws_config::profile::load(&files, &environment, &usual_places, selected);
    let profiles = profiles.await.map_err(|error| {
        LoadError(format!(
            "the files of AWS's profiles cannot be read: {}",
            error_chain(&error)
        ))
    })?;
    if profiles.get_profile(name).is_some() {
        return Ok(());
    }
    let mut names: Vec<_> = profiles.profiles().collect();
    names.sort_unstable();
    let known = if names.is_empty() {
        "they have none".to_owned()
    } else {
        format!("they have {}", names.join(", "))
    };
    Err(LoadError(format!(
        "there is no profile {name:?} in AWS's configuration files: {known}"
    )))
}

/// Returns the client of an instance's metadata, which exist in AWS only: elsewhere nothing waits for them.
fn metadata_client() -> imds::Client {
    imds::Client::builder()
        .max_attempts(1)
        .connect_timeout(METADATA_TIMEOUT)
        .read_timeout(METADATA_TIMEOUT)
        .build()
}

/// Returns where [`Aws::load`] looks for a region: variables, the profile, and shortly the metadata of an instance.
fn region_provider(profile: Option<&str>, metadata: imds::Client) -> RegionProviderChain {
    let instance = imds::region::ImdsRegionProvider::builder().imds_client(metadata);
    let mut of_profile = ProfileFileRegionProvider::builder();
    if let Some(profile) = profile {
        of_profile = of_profile.profile_name(profile);
    }
    RegionProviderChain::first_try(EnvironmentVariableRegionProvider::new())
        .or_else(of_profile.build())
        .or_else(instance.build())
}

fn is_url(text: &str) -> bool {
    let url = text
        .strip_prefix("http://")
        .or(text.strip_prefix("https://"));
    url.is_some_and(|rest| rest.len() > "/".len())
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
