//! RDS IAM login: a token signed with our AWS credentials stands in for the password.
//!
//! The token is a pre-signed request that is never sent. RDS accepts it for 15 minutes as the password of a
//! new connection; an open connection outlives it. Signed with `aws-sigv4` instead of the whole RDS SDK.

use std::time::Duration;

use aws_config::SdkConfig;
use aws_credential_types::provider::ProvideCredentials;
use aws_sigv4::http_request::{
    SignableBody, SignableRequest, SignatureLocation, SigningSettings, sign,
};
use aws_sigv4::sign::v4;
use chrono::{DateTime, Utc};
use url::Url;

use crate::fleet::DatabaseTarget;

/// Life of a token: fixed by RDS.
const TOKEN_LIFE: Duration = Duration::from_secs(900);

/// Returns a fresh token for the login of `target`.
pub(super) async fn token(
    config: &SdkConfig,
    target: &DatabaseTarget,
    now: DateTime<Utc>,
) -> Result<String, String> {
    let provider = config
        .credentials_provider()
        .ok_or("there are no AWS credentials")?;
    let credentials = provider
        .provide_credentials()
        .await
        .map_err(|error| error.to_string())?;
    let region = config.region().ok_or("no AWS region is set")?.to_string();
    let identity = credentials.into();

    let mut settings = SigningSettings::default();
    settings.expires_in = Some(TOKEN_LIFE);
    settings.signature_location = SignatureLocation::QueryParams;
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region(&region)
        .name("rds-db")
        .time(now.into())
        .settings(settings)
        .build()
        .map_err(|error| error.to_string())?;

    let mut url = Url::parse(&format!("https://{}:{}/", target.host, target.port))
        .map_err(|error| error.to_string())?;
    url.query_pairs_mut()
        .append_pair("Action", "connect")
        .append_pair("DBUser", &target.user);
    let request = SignableRequest::new(
        "GET",
        url.as_str(),
        std::iter::empty(),
        SignableBody::Bytes(&[]),
    );
    let request = request.map_err(|error| error.to_string())?;
    let (instructions, _) = sign(request, &params.into())
        .map_err(|error| error.to_string())?
        .into_parts();
    for (name, value) in instructions.params() {
        url.query_pairs_mut().append_pair(name, value);
    }
    Ok(url.as_str().trim_start_matches("https://").to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::Aws;
    use crate::clock::{Clock, FixedClock};
    use crate::fleet::{Auth, Engine};

    #[tokio::test]
    async fn a_token_is_a_signed_request_for_this_login_and_lives_15_minutes() {
        let target = DatabaseTarget {
            environment: "acme-prod".into(),
            engine: Engine::Postgres,
            host: "acme.abc.eu-west-1.rds.amazonaws.com".into(),
            port: 5432,
            name: "acme".into(),
            user: "mrt_ro".into(),
            auth: Auth::Iam,
            region: Some("eu-west-1".into()),
            role_arn: None,
        };
        let config = Aws::for_tests("http://127.0.0.1:9")
            .config_for(Some("eu-west-1"), None)
            .await;

        let token = token(
            &config,
            &target,
            FixedClock::at("2026-01-02T03:04:05Z").now(),
        )
        .await
        .unwrap();

        assert!(
            token.starts_with(
                "acme.abc.eu-west-1.rds.amazonaws.com:5432/?Action=connect&DBUser=mrt_ro&"
            ),
            "{token}"
        );
        assert!(
            token.contains("X-Amz-Credential=test%2F20260102%2Feu-west-1%2Frds-db%2Faws4_request"),
            "{token}"
        );
        assert!(
            token.contains("X-Amz-Date=20260102T030405Z&X-Amz-Expires=900"),
            "{token}"
        );
    }
}
