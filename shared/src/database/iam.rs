//! IAM login to RDS, with a token in place of the password.
//!
//! The token is a pre-signed request that is never sent. RDS accepts it for 15 minutes as the password of a new
//! connection; open connections outlive it. It is signed with `aws-sigv4`, without the RDS SDK.

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

/// Lifetime of a token, which RDS fixes.
const TOKEN_LIFETIME: Duration = Duration::from_secs(900);

/// All but the unreserved characters of RFC 3986.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// Creates a token for the login of `target`.
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
    settings.expires_in = Some(TOKEN_LIFETIME);
    settings.signature_location = SignatureLocation::QueryParams;
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region(&region)
        .name("rds-db")
        .time(now.into())
        .settings(settings)
        .build()
        .map_err(|error| error.to_string())?;

    // Behind a tunnel the token is for the server, whose port is the engine's own.
    let port = match target.tls_server_name {
        None => target.port,
        Some(_) => target.engine.default_port(),
    };
    let host = target.server_name();
    let address = format!("https://{host}:{port}/");
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
    // The signature comes last, as in the tokens of AWS's own tools.
    let mut signature: Vec<_> = instructions.params().iter().collect();
    signature.sort_by_key(|(name, _)| *name == "X-Amz-Signature");
    let all = login
        .into_iter()
        .chain(signature.iter().map(|(name, value)| (*name, &**value)));
    let token = with_query(&address, all);
    Ok(token.trim_start_matches("https://").to_owned())
}

/// Returns `address` with a query that encodes all but unreserved characters: the signed bytes must be the sent bytes.
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

    #[derive(Clone, Copy)]
    struct Case {
        host: &'static str,
        port: u16,
        user: &'static str,
        region: &'static str,
        session_token: Option<&'static str>,
    }

    const CASES: [Case; 6] = [
        Case {
            host: "acme.abc.eu-west-1.rds.amazonaws.com",
            port: 5432,
            user: "mrt_ro",
            region: "eu-west-1",
            session_token: None,
        },
        Case {
            host: "acme.abc.eu-west-1.rds.amazonaws.com",
            port: 3306,
            user: "mrt_ro",
            region: "eu-west-1",
            session_token: Some("IQoJb3JpZ2luX2VjE/+=NEVERLEAK"),
        },
        Case {
            host: "acme.cluster-ro-abc.us-gov-west-1.rds.amazonaws.com",
            port: 5433,
            user: "mrt ro+x&y=z",
            region: "us-gov-west-1",
            session_token: None,
        },
        Case {
            host: "10.0.0.1",
            port: 5432,
            user: "\u{fc}n\u{ef}/\u{8868}~-._*'()",
            region: "eu-west-1",
            session_token: Some("a b"),
        },
        Case {
            host: "acme.abc.cn-north-1.rds.amazonaws.com.cn",
            port: 65535,
            user: "a%20b",
            region: "cn-north-1",
            session_token: Some("%2F"),
        },
        Case {
            host: "proxy.abc.eu-west-1.rds.amazonaws.com",
            port: 5432,
            user: "\"quoted\"$user",
            region: "eu-west-1",
            session_token: None,
        },
    ];

    async fn token_of(case: Case) -> String {
        let target = DatabaseTarget {
            host: case.host.into(),
            port: case.port,
            user: case.user.into(),
            ..database_target()
        };
        let session_token = case.session_token.map(str::to_owned);
        let credentials = Credentials::new("AKIDEXAMPLE", SECRET, session_token, None, "test");
        let config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(case.region))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .build();
        token(&config, &target, FixedClock::at(NOW).now())
            .await
            .unwrap()
    }

    #[tokio::test]
    async fn a_token_is_a_signed_request_for_the_login_and_valid_for_15_minutes() {
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

    /// AWS's own Python library creates the same token for the same login, byte for byte.
    #[tokio::test]
    async fn a_token_equals_the_one_of_botocore() {
        let cases: Vec<_> = CASES
            .iter()
            .map(|case| {
                serde_json::json!({
                    "host": case.host, "port": case.port, "user": case.user, "region": case.region, "now": NOW.trim_end_matches('Z'),
                    "access_key": "AKIDEXAMPLE", "secret_key": SECRET, "session_token": case.session_token,
                })
            })
            .collect();
        let script = include_str!("../../tests/it/iam_botocore.py");
        let Some(expected) = testing::botocore(script, &cases) else {
            return;
        };

        assert_eq!(expected.lines().count(), CASES.len());
        for (case, token) in CASES.into_iter().zip(expected.lines()) {
            assert_eq!(token_of(case).await, token);
        }
    }
}
