//! Configuration of AWS clients in a Lambda function, from the variables that Lambda sets.
//!
//! The SDK's own loader also reads profiles, instance metadata and web identities. None of them exists in a function,
//! and each adds to the zip and to the time of a start. Other machines use [`Aws::load`](super::Aws::load).

use aws_config::environment::EnvironmentVariableCredentialsProvider;
use aws_config::identity::IdentityCache;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_http_client::tls::TrustStore;
use aws_types::service_config::{LoadServiceConfig, ServiceConfigKey};

use super::http::{self, Http};
use crate::config::{ProcessVariables, Variables};

/// The authorities that sign the certificates of AWS's endpoints, as <https://www.amazontrust.com/repository/>
/// lists them: Amazon Root CA 1 to 4, and Starfield Services G2, which signed them across.
///
/// Reading the 140 authorities of the system takes 2 of the 6 ms of a start; these take almost nothing.
const AMAZON_ROOTS: &str = include_str!("amazon_roots.pem");

/// Usual variables for other authorities, such as those of an inspecting proxy.
const OTHER_ROOTS: [&str; 2] = ["SSL_CERT_FILE", "SSL_CERT_DIR"];

/// Prefixes of regions outside AWS's public cloud, where the system's authorities are trusted.
const OTHER_PARTITIONS: [&str; 5] = ["cn-", "us-gov-", "us-iso", "eu-iso", "eusc-"];

/// Returns the configuration in `variables`. All services share one HTTP client, and so one pool of connections.
///
/// Region, keys and token are Lambda's own variables. `AWS_ENDPOINT_URL` and its forms for single services,
/// `AWS_USE_FIPS_ENDPOINT` and `AWS_USE_DUALSTACK_ENDPOINT` work as in every SDK.
pub(super) fn config(variables: &dyn Variables, http: &Http) -> SdkConfig {
    let get = |name| non_empty(variables, name);
    let is_true = |name| get(name).map(|value| value.eq_ignore_ascii_case("true"));
    let keys = EnvironmentVariableCredentialsProvider::new();
    let mut config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .credentials_provider(SharedCredentialsProvider::new(keys))
        .identity_cache(IdentityCache::lazy().build())
        .http_client(http.client())
        .timeout_config(super::timeouts())
        .retry_config(super::retries())
        .service_config(ServiceSettings);
    config.set_region(region(variables).map(Region::new));
    config.set_endpoint_url(get("AWS_ENDPOINT_URL"));
    config.set_use_fips(is_true("AWS_USE_FIPS_ENDPOINT"));
    config.set_use_dual_stack(is_true("AWS_USE_DUALSTACK_ENDPOINT"));
    // The provider of role credentials panics without a time source.
    config.set_time_source(Some(Default::default()));
    config.build()
}

/// Returns proxy and certificate authorities for AWS's endpoints.
///
/// If `AWS_CA_BUNDLE` cannot be used, nothing is trusted: every request fails, and the log says why.
pub(super) fn http(variables: &dyn Variables) -> Http {
    let usual = if trusts_amazon_alone(variables) {
        TrustStore::empty().with_pem_certificate(AMAZON_ROOTS)
    } else {
        TrustStore::default()
    };
    let authorities = http::authorities(variables, usual).unwrap_or_else(|error| {
        tracing::error!(error, "the certificate authorities could not be read");
        TrustStore::empty()
    });
    Http::through_proxy(authorities)
}

fn trusts_amazon_alone(variables: &dyn Variables) -> bool {
    let is_elsewhere = |region: String| {
        OTHER_PARTITIONS
            .iter()
            .any(|start| region.starts_with(start))
    };
    let is_named = |name: &&str| non_empty(variables, name).is_some();
    !OTHER_ROOTS.iter().any(is_named) && !region(variables).is_some_and(is_elsewhere)
}

fn region(variables: &dyn Variables) -> Option<String> {
    non_empty(variables, "AWS_REGION").or_else(|| non_empty(variables, "AWS_DEFAULT_REGION"))
}

fn non_empty(variables: &dyn Variables, name: &str) -> Option<String> {
    variables.get(name).filter(|value| !value.is_empty())
}

/// Reads settings of a single service, such as `AWS_ENDPOINT_URL_S3`, or else those for all services.
#[derive(Debug)]
struct ServiceSettings;

impl LoadServiceConfig for ServiceSettings {
    fn load_config(&self, key: ServiceConfigKey<'_>) -> Option<String> {
        let service = key.service_id().to_uppercase().replace([' ', '-'], "_");
        let names = [format!("{}_{service}", key.env()), key.env().to_owned()];
        let mut values = names.iter().filter_map(|name| ProcessVariables.get(name));
        values.find(|value| !value.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use base64::Engine;
    use base64::prelude::BASE64_STANDARD;
    use sha2::{Digest, Sha256};

    use super::*;

    fn variables(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        pairs.iter().map(owned).collect()
    }

    #[test]
    fn each_authority_has_the_fingerprint_in_its_comment() {
        let mut checked = 0;
        for part in AMAZON_ROOTS.split("# SHA-256 ").skip(1) {
            let (fingerprint, certificate) = part.split_once('\n').unwrap();
            let (_, body) = certificate.split_once("CERTIFICATE-----").unwrap();
            let (body, _) = body.split_once("-----END").unwrap();
            let bytes = BASE64_STANDARD.decode(body.replace('\n', "")).unwrap();
            assert_eq!(format!("{:x}", Sha256::digest(bytes)), fingerprint);
            checked += 1;
        }
        assert_eq!(checked, 5);
        assert_eq!(AMAZON_ROOTS.matches("BEGIN CERTIFICATE").count(), checked);
    }

    #[test]
    fn a_function_uses_the_variables_that_lambda_sets() {
        let variables = variables(&[
            ("AWS_REGION", "eu-west-1"),
            ("AWS_DEFAULT_REGION", "eu-west-2"),
            ("AWS_ENDPOINT_URL", "http://127.0.0.1:9"),
            ("AWS_USE_FIPS_ENDPOINT", "TRUE"),
        ]);

        let config = config(&variables, &http(&variables));

        assert_eq!(config.region().unwrap().as_ref(), "eu-west-1");
        assert_eq!(config.endpoint_url(), Some("http://127.0.0.1:9"));
        assert_eq!(config.use_fips(), Some(true));
        assert_eq!(config.use_dual_stack(), None);
        assert!(config.http_client().is_some() && config.time_source().is_some());
        assert_eq!(config.timeout_config(), Some(&crate::aws::timeouts()));
    }

    #[test]
    fn only_amazon_is_trusted_without_other_authorities_or_partitions() {
        let only_amazon = |pairs: &[(&str, &str)]| trusts_amazon_alone(&variables(pairs));

        assert!(only_amazon(&[]));
        assert!(only_amazon(&[
            ("AWS_REGION", "eu-west-1"),
            ("SSL_CERT_FILE", "")
        ]));
        assert!(!only_amazon(&[
            ("AWS_REGION", "eu-west-1"),
            ("SSL_CERT_FILE", "/var/task/proxy.pem")
        ]));
        for region in [
            "cn-north-1",
            "us-gov-west-1",
            "us-iso-east-1",
            "eusc-de-east-1",
        ] {
            assert!(!only_amazon(&[("AWS_REGION", region)]), "{region}");
        }
    }
}
