//! Posts a message to a webhook, whose URL is a secret.

use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::body::SdkBody;
use shared::fleet::{WebhookForm, WebhookUrl};
use shared::location::AwsScope;

use super::{ATTEMPT_TIMEOUT, Failure, Notifier, call};
use crate::alerts::message::Message;

/// Header with the key of a message, which all its deliveries share.
const KEY_HEADER: &str = "idempotency-key";

impl Notifier {
    /// Posts `message` to the webhook.
    pub(super) async fn post(
        &self,
        url: &WebhookUrl,
        form: WebhookForm,
        message: &Message,
    ) -> Result<(), Failure> {
        let text = self.url(url).await?;
        let url = checked(text.trim()).ok_or(Failure::UrlInvalid)?;
        let request = request(url, message.body(form), &message.key);
        let request = request.ok_or(Failure::UrlInvalid)?;
        call(&self.aws.public_connector(ATTEMPT_TIMEOUT), request).await
    }

    async fn url(&self, url: &WebhookUrl) -> Result<String, Failure> {
        match url {
            WebhookUrl::Variable(name) => {
                let value = self.variables.get(name);
                value
                    .filter(|value| !value.is_empty())
                    .ok_or(Failure::UrlUnknown)
            }
            WebhookUrl::Secret(arn) => match self.secrets.read(arn, &AwsScope::default()).await {
                Ok(secret) => Ok(secret.text().to_owned()),
                Err(error) => {
                    tracing::warn!(
                        secret.arn = arn,
                        error = %error,
                        "the URL of a webhook could not be read"
                    );
                    Err(Failure::UrlUnknown)
                }
            },
        }
    }
}

/// Returns `url` if it may be called: over TLS, or plainly on this machine.
fn checked(url: &str) -> Option<&str> {
    let plain = ["http://127.0.0.1:", "http://localhost:", "http://[::1]:"];
    let is_plain = plain.iter().any(|start| url.starts_with(start));
    (url.starts_with("https://") || is_plain).then_some(url)
}

fn request(url: &str, body: String, key: &str) -> Option<HttpRequest> {
    let length = body.len().to_string();
    let mut request = HttpRequest::new(SdkBody::from(body));
    request.set_method("POST").ok()?;
    request.set_uri(url).ok()?;
    let headers = request.headers_mut();
    for (name, value) in [
        ("content-type", "application/json"),
        ("content-length", &length),
        ("user-agent", "mrt-api"),
        (KEY_HEADER, key),
    ] {
        headers.try_insert(name.to_owned(), value.to_owned()).ok()?;
    }
    Some(request)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_goes_over_tls_or_stays_on_this_machine() {
        for good in [
            "https://hooks.example.com/services/x",
            "http://127.0.0.1:8080/hook",
        ] {
            assert_eq!(checked(good), Some(good));
        }
        for bad in [
            "http://hooks.example.com",
            "http://127.0.0.1.example.com/",
            "http://localhost@example.com",
            "file:///etc/passwd",
            "",
        ] {
            assert_eq!(checked(bad), None, "{bad}");
        }
    }
}
