//! Accounts of the emulator, one for each test.

use std::time::Duration;

use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::body::SdkBody;
use http_body_util::BodyExt;
use shared::aws::Aws;
use std::sync::atomic::{AtomicU32, Ordering};

/// Returns 12 digits that no other test on this machine has: an account of its own in the emulator.
pub(crate) fn unique_account() -> String {
    static ACCOUNTS: AtomicU32 = AtomicU32::new(1);
    let number = ACCOUNTS.fetch_add(1, Ordering::SeqCst);
    format!("2{:08}{number:03}", std::process::id() % 100_000_000)
}

/// Sends a form to a service of the emulator that has no client here, and returns the answer. The emulator checks no
/// signature and takes account, region and service from it.
pub(crate) async fn query(aws: &Aws, service: &str, form: &str) -> String {
    let config = aws.config();
    let credentials = config.credentials_provider().unwrap();
    let credentials =
        aws_credential_types::provider::ProvideCredentials::provide_credentials(&credentials);
    let key = credentials.await.unwrap().access_key_id().to_owned();
    let mut request = HttpRequest::new(SdkBody::from(form));
    request.set_method("POST").unwrap();
    request.set_uri(config.endpoint_url().unwrap()).unwrap();
    let authorization = format!(
        "AWS4-HMAC-SHA256 Credential={key}/20260112/us-east-1/{service}/aws4_request, SignedHeaders=host, Signature=0"
    );
    let headers = request.headers_mut();
    headers.insert("authorization", authorization);
    headers.insert("content-type", "application/x-www-form-urlencoded");
    let connector = aws.connector(config, Duration::from_secs(10));
    let mut response =
        aws_smithy_runtime_api::client::http::HttpConnector::call(&connector, request)
            .await
            .unwrap();
    let body = response.body_mut().collect().await.unwrap().to_bytes();
    let text = String::from_utf8(body.to_vec()).unwrap();
    assert!(response.status().is_success(), "{text}");
    text
}
