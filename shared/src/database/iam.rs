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
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::fleet::DatabaseTarget;

/// Life of a token: fixed by RDS.
const TOKEN_LIFE: Duration = Duration::from_secs(900);

/// All but the unreserved characters of RFC 3986.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

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

    let address = format!("https://{}:{}/", target.host, target.port);
    let login = [("Action", "connect"), ("DBUser", &*target.user)];
    let url = with_query(&address, login);
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
    // The signature comes last, as in the tokens of AWS' own tools.
    let mut signature: Vec<_> = instructions.params().iter().collect();
    signature.sort_by_key(|(name, _)| *name == "X-Amz-Signature");
    let all = login
        .into_iter()
        .chain(signature.iter().map(|(name, value)| (*name, &**value)));
    let token = with_query(&address, all);
    Ok(token.trim_start_matches("https://").to_owned())
}

/// Returns `address` with a query, everything encoded that RFC 3986 does not leave alone: what is signed must be
/// what is sent, byte for byte.
fn with_query<'p>(
    address: &str,
    parameters: impl IntoIterator<Item = (&'p str, &'p str)>,
) -> String {
    let encode = |text: &'p str| utf8_percent_encode(text, ENCODED);
    let parts: Vec<_> = parameters
        .into_iter()
        .map(|(name, value)| format!("{}={}", encode(name), encode(value)))
        .collect();
    format!("{address}?{}", parts.join("&"))
}

#[cfg(test)]
mod tests {
    use aws_config::{BehaviorVersion, Region};
    use aws_credential_types::Credentials;
    use aws_credential_types::provider::SharedCredentialsProvider;

    use super::*;
    use crate::clock::{Clock, FixedClock};
    use crate::testing::{self, fleet::database_target};

    const NOW: &str = "2026-01-02T03:04:05Z";
    const SECRET: &str = "NEVERLEAK/secret+key";

    /// Host, port, user, region and session token.
    type Case = (
        &'static str,
        u16,
        &'static str,
        &'static str,
        Option<&'static str>,
    );

    const CASES: [Case; 6] = [
        (
            "acme.abc.eu-west-1.rds.amazonaws.com",
            5432,
            "mrt_ro",
            "eu-west-1",
            None,
        ),
        (
            "acme.abc.eu-west-1.rds.amazonaws.com",
            3306,
            "mrt_ro",
            "eu-west-1",
            Some("IQoJb3JpZ2luX2VjE/+=NEVERLEAK"),
        ),
        (
            "acme.cluster-ro-abc.us-gov-west-1.rds.amazonaws.com",
            5433,
            "mrt ro+x&y=z",
            "us-gov-west-1",
            None,
        ),
        (
            "10.0.0.1",
            5432,
            "\u{fc}n\u{ef}/\u{8868}~-._*'()",
            "eu-west-1",
            Some("a b"),
        ),
        (
            "acme.abc.cn-north-1.rds.amazonaws.com.cn",
            65535,
            "a%20b",
            "cn-north-1",
            Some("%2F"),
        ),
        (
            "proxy.abc.eu-west-1.rds.amazonaws.com",
            5432,
            "\"quoted\"$user",
            "eu-west-1",
            None,
        ),
    ];

    async fn token_of((host, port, user, region, session_token): Case) -> String {
        let target = DatabaseTarget {
            host: host.into(),
            port,
            user: user.into(),
            ..database_target()
        };
        let session_token = session_token.map(str::to_owned);
        let credentials = Credentials::new("AKIDEXAMPLE", SECRET, session_token, None, "test");
        let config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(region))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .build();
        token(&config, &target, FixedClock::at(NOW).now())
            .await
            .unwrap()
    }

    #[tokio::test]
    async fn a_token_is_a_signed_request_for_this_login_and_lives_15_minutes() {
        let token = token_of(CASES[0]).await;

        assert!(
            token.starts_with(
                "acme.abc.eu-west-1.rds.amazonaws.com:5432/?Action=connect&DBUser=mrt_ro&"
            ),
            "{token}"
        );
        assert!(
            token.contains(
                "X-Amz-Credential=AKIDEXAMPLE%2F20260102%2Feu-west-1%2Frds-db%2Faws4_request"
            ),
            "{token}"
        );
        assert!(
            token.contains("X-Amz-Date=20260102T030405Z&X-Amz-Expires=900"),
            "{token}"
        );
        assert!(!token.contains("NEVERLEAK"), "{token}");
    }

    /// AWS' own Python library makes the same token from the same login, byte for byte.
    #[tokio::test]
    async fn a_token_is_the_one_that_botocore_makes() {
        let cases: Vec<_> = CASES
            .iter()
            .map(|(host, port, user, region, session_token)| {
                serde_json::json!({
                    "host": host, "port": port, "user": user, "region": region, "now": NOW.trim_end_matches('Z'),
                    "access_key": "AKIDEXAMPLE", "secret_key": SECRET, "session_token": session_token,
                })
            })
            .collect();
        let script = include_str!("../../tests/it/iam_botocore.py");
        let Some(theirs) = testing::botocore(script, &cases) else {
            return;
        };

        assert_eq!(theirs.lines().count(), CASES.len());
        for (case, theirs) in CASES.into_iter().zip(theirs.lines()) {
            assert_eq!(token_of(case).await, theirs);
        }
    }
}
