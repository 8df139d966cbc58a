//! What Secrets Manager says is told on in our words, and nothing that it could have held.

use std::sync::Arc;

use shared::aws::Aws;
use shared::secrets::Secrets;
use shared::telemetry::error_chain;

use crate::server::answering;

const ARN: &str = "arn:aws:secretsmanager:us-east-1:123456789012:secret:database-AbCdEf";

#[tokio::test]
async fn an_answer_that_is_not_understood_is_not_repeated() {
    let bodies = [
        r#"{"ARN":"x","SecretString":"NEVERLEAK","CreatedDate":"yesterday"}"#,
        r#"{"ARN":"x","SecretString":"NEVERLEAK"#,
        "NEVERLEAK",
    ];
    for body in bodies {
        assert_not_repeated(body, None).await;
    }
}

/// The service stands for the one that gives the role's credentials as well.
#[tokio::test]
async fn credentials_that_are_not_understood_are_not_repeated() {
    let role = "arn:aws:iam::123456789012:role/reader";
    let body = "<AssumeRoleResponse><AssumeRoleResult><Credentials><SecretAccessKey>NEVERLEAK</SecretAccessKey>\
                <Expiration>NEVERLEAK</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>";
    assert_not_repeated(body, Some(role)).await;
}

async fn assert_not_repeated(body: &str, role_arn: Option<&str>) {
    let endpoint = answering("content-type: text/plain", body).await;
    let secrets = Secrets::new(Arc::new(Aws::for_tests(&endpoint)));

    let error = secrets.read(ARN, role_arn).await.unwrap_err();

    let told = format!("{} {error:?}", error_chain(&error));
    assert!(told.contains("could not be read"), "{told}");
    assert!(!told.contains("NEVERLEAK"), "{told}");
}
