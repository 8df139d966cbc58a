//! Endpoints of services that are called without their SDK.

use aws_sdk_cloudwatch::config::endpoint::{DefaultResolver, Params, ResolveEndpoint};
use aws_smithy_runtime_api::box_error::BoxError;
use shared::aws::SdkConfig;

/// First label of CloudWatch's host names: the rest is the same for other services, in all partitions.
const CLOUDWATCH: &str = "://monitoring";

/// Returns the URL of a service in `region`, with a slash at its end: the configured one, or by the SDK's rules for
/// CloudWatch with `label` as the first label of the host.
pub(crate) async fn of(config: &SdkConfig, region: &str, label: &str) -> Result<String, BoxError> {
    let url = match config.endpoint_url() {
        Some(url) => url.to_owned(),
        None => {
            let params = Params::builder()
                .region(region)
                .use_fips(config.use_fips().unwrap_or(false))
                .use_dual_stack(config.use_dual_stack().unwrap_or(false))
                .build()?;
            let endpoint = DefaultResolver::new().resolve_endpoint(&params).await?;
            endpoint
                .url()
                .replacen(CLOUDWATCH, &format!("://{label}"), 1)
        }
    };
    Ok(format!("{}/", url.trim_end_matches('/')))
}
