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
        let endpoint = answering("content-type: application/x-amz-json-1.1", body).await;
        let secrets = Secrets::new(Arc::new(Aws::for_tests(&endpoint)));

        let error = secrets.read(ARN, None).await.unwrap_err();

        let told = format!("{} {error:?}", error_chain(&error));
        assert!(told.contains("could not be read"), "{told}");
        assert!(!told.contains("NEVERLEAK"), "{told}");
    }
}
