//! Errors of Secrets Manager never repeat a response, which may contain a secret.

use std::sync::Arc;

use shared::location::AwsScope;
use shared::secrets::Secrets;
use shared::telemetry::error_chain;
use shared::testing::stand_in::{Response, StandIn};

const ARN: &str = "arn:aws:secretsmanager:us-east-1:123456789012:secret:database-AbCdEf";

#[tokio::test]
async fn a_malformed_response_is_not_repeated() {
    let bodies = [
        r#"{"ARN":"x","SecretString":"NEVERLEAK","CreatedDate":"yesterday"}"#,
        r#"{"ARN":"x","SecretString":"NEVERLEAK"#,
        "NEVERLEAK",
    ];
    for body in bodies {
        assert_not_repeated(body, None).await;
    }
}

/// The stand-in also replaces the service that provides the role's credentials.
#[tokio::test]
async fn malformed_credentials_are_not_repeated() {
    let role = "arn:aws:iam::123456789012:role/reader";
    let body = "<AssumeRoleResponse><AssumeRoleResult><Credentials><SecretAccessKey>NEVERLEAK</SecretAccessKey>\
                <Expiration>NEVERLEAK</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>";
    assert_not_repeated(body, Some(role)).await;
}

async fn assert_not_repeated(body: &'static str, role_arn: Option<&str>) {
    let stand_in = StandIn::start(move |_, _| Response::new(200, body)).await;
    let secrets = Secrets::new(Arc::clone(&stand_in.aws));

    let scope = AwsScope {
        role_arn: role_arn.map(str::to_owned),
        ..AwsScope::default()
    };
    let error = secrets.read(ARN, &scope).await.unwrap_err();

    let text = format!("{} {error:?}", error_chain(&error));
    assert!(text.contains("could not be read"), "{text}");
    assert!(!text.contains("NEVERLEAK"), "{text}");
}
