//! HTTP of all AWS clients: proxy and certificate authorities, the same for the SDK's clients and for our own requests.

use std::path::Path;

use aws_smithy_async::rt::sleep::{SharedAsyncSleep, default_async_sleep};
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use aws_smithy_http_client::{Builder, Connector};
use aws_smithy_runtime_api::client::http::{HttpConnectorSettings, SharedHttpClient};

use crate::config::Variables;
use crate::file;

/// Variable of all AWS tools for a file with the authorities to trust.
pub(super) const CA_BUNDLE: &str = "AWS_CA_BUNDLE";

/// Proxy and certificate authorities.
#[derive(Debug, Clone)]
pub(super) struct Http {
    tls: TlsContext,
    proxy: ProxyConfig,
}

impl Http {
    /// Returns settings that trust the system's authorities and use no proxy.
    pub(super) fn direct() -> Self {
        Self {
            tls: TlsContext::default(),
            proxy: ProxyConfig::disabled(),
        }
    }

    /// Returns settings that trust `authorities`, and use the proxy in `HTTPS_PROXY`, `HTTP_PROXY` or `ALL_PROXY` for
    /// hosts that are not in `NO_PROXY`.
    pub(super) fn through_proxy(authorities: TrustStore) -> Self {
        // Cannot fail: certificates are parsed when they are first used.
        let tls = TlsContext::builder().with_trust_store(authorities);
        Self {
            tls: tls.build().unwrap_or_default(),
            proxy: ProxyConfig::from_env(),
        }
    }

    /// Returns these settings with trust in the system's authorities, for servers outside AWS.
    pub(super) fn public(&self) -> Self {
        Self {
            tls: TlsContext::default(),
            proxy: self.proxy.clone(),
        }
    }

    /// Returns a client for the SDK.
    pub(super) fn client(&self) -> SharedHttpClient {
        let http = self.clone();
        Builder::new().build_with_connector_fn(move |settings, components| {
            let sleep = components.and_then(|components| components.sleep_impl());
            http.connector(settings.cloned(), sleep)
        })
    }

    /// Returns a connector for requests without the SDK.
    pub(super) fn connector(
        &self,
        settings: Option<HttpConnectorSettings>,
        sleep: Option<SharedAsyncSleep>,
    ) -> Connector {
        let mut connector = Connector::builder()
            .proxy_config(self.proxy.clone())
            .tls_provider(Provider::Rustls(CryptoMode::AwsLc))
            .tls_context(self.tls.clone());
        connector.set_connector_settings(settings);
        connector.set_sleep_impl(sleep.or_else(default_async_sleep));
        connector.build()
    }
}

/// Returns the authorities in the file that `AWS_CA_BUNDLE` names, or `otherwise`.
///
/// # Errors
///
/// The file cannot be read, or has no certificate.
pub(super) fn authorities(
    variables: &dyn Variables,
    otherwise: TrustStore,
) -> Result<TrustStore, String> {
    let Some(path) = variables.get(CA_BUNDLE).filter(|path| !path.is_empty()) else {
        return Ok(otherwise);
    };
    let text = file::read_text(Path::new(&path), file::CERTIFICATES_LIMIT_BYTES);
    let text = text.map_err(|error| format!("{CA_BUNDLE}: {path}: {error}"))?;
    if !is_bundle(&text) {
        return Err(format!("{CA_BUNDLE}: {path} has no certificate in PEM"));
    }
    Ok(TrustStore::empty().with_pem_certificate(text))
}

/// Returns whether `text` has certificates, and nothing that the TLS library would not accept.
fn is_bundle(text: &str) -> bool {
    use rustls::pki_types::CertificateDer;
    use rustls::pki_types::pem::PemObject;
    let mut certificates = CertificateDer::pem_slice_iter(text.as_bytes()).peekable();
    let mut roots = rustls::RootCertStore::empty();
    certificates.peek().is_some()
        && certificates.all(|certificate| certificate.is_ok_and(|one| roots.add(one).is_ok()))
}
