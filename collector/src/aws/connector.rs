//! The AWS SDK's HTTP connector, for requests that this crate signs itself. No I/O.

use aws_smithy_async::rt::sleep::default_async_sleep;
use aws_smithy_http_client::{Connector, tls};
use aws_smithy_runtime_api::client::http::HttpConnectorSettings;
use shared::aws::{ATTEMPT_TIMEOUT, Aws, CONNECT_TIMEOUT, SdkConfig};

/// Returns a connector with the timeouts and certificate authorities of `aws`'s clients.
pub(crate) fn connector(aws: &Aws, config: &SdkConfig) -> Connector {
    let settings = HttpConnectorSettings::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .read_timeout(ATTEMPT_TIMEOUT);
    let provider = tls::Provider::Rustls(tls::rustls_provider::CryptoMode::AwsLc);
    let mut connector = Connector::builder()
        .tls_provider(provider)
        .tls_context(aws.tls_context());
    connector.set_connector_settings(Some(settings.build()));
    connector.set_sleep_impl(config.sleep_impl().or_else(default_async_sleep));
    connector.build()
}
