//! Publishes a message to a topic of SNS. One signed request: SNS' SDK would add more to the function than all alerts.

use aws_credential_types::Credentials;
use aws_credential_types::provider::ProvideCredentials;
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use chrono::{DateTime, Utc};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use shared::location::AwsScope;

use super::{ATTEMPT_TIMEOUT, Failure, Notifier, call};
use crate::alerts::message::Message;
use crate::aws::service_endpoint;
use crate::aws::signed_request::{SigningRules, SigningScope, UnsignedRequest};

/// Version of SNS' interface: the only one since 2010.
const VERSION: &str = "2010-03-31";
const FORM: (&str, &str) = (
    "content-type",
    "application/x-www-form-urlencoded; charset=utf-8",
);

impl Notifier {
    /// Publishes `message` with the function's own credentials.
    ///
    /// A FIFO topic drops a message with the key of an earlier one for five minutes; others pass the key as an attribute.
    pub(super) async fn publish(
        &self,
        topic_arn: &str,
        region: &str,
        message: &Message,
    ) -> Result<(), Failure> {
        let config = self.aws.config_for(&AwsScope::of_region(region)).await;
        let endpoint = service_endpoint::of(&config, region, "sns").await;
        let endpoint = endpoint.map_err(|_| Failure::NotSigned)?;
        let provider = config.credentials_provider().ok_or(Failure::NotSigned)?;
        let credentials = provider.provide_credentials().await;
        let credentials = credentials.map_err(|_| Failure::NotSigned)?;
        let place = Place {
            url: endpoint,
            region,
            topic_arn,
        };
        let request = place.request(message, &credentials, self.clock.now())?;
        call(&self.aws.connector(&config, ATTEMPT_TIMEOUT), request).await
    }
}

/// A topic and where it is.
struct Place<'a> {
    url: String,
    region: &'a str,
    topic_arn: &'a str,
}

impl Place<'_> {
    fn request(
        &self,
        message: &Message,
        credentials: &Credentials,
        now: DateTime<Utc>,
    ) -> Result<HttpRequest, Failure> {
        let mut fields = vec![
            ("Action", "Publish"),
            ("Version", VERSION),
            ("TopicArn", self.topic_arn),
            ("Subject", &message.subject),
            ("Message", &message.text),
        ];
        let attributes = [
            ("alert", message.alert.as_str()),
            ("event", message.event),
            ("deduplication_key", &message.key),
        ];
        let names: Vec<_> = (1..=attributes.len())
            .map(|number| {
                let start = format!("MessageAttributes.entry.{number}");
                let value = format!("{start}.Value");
                (
                    format!("{start}.Name"),
                    format!("{value}.DataType"),
                    format!("{value}.StringValue"),
                )
            })
            .collect();
        for ((name, data_type, value), attribute) in names.iter().zip(attributes) {
            fields.push((name, attribute.0));
            fields.push((data_type, "String"));
            fields.push((value, attribute.1));
        }
        if self.topic_arn.ends_with(".fifo") {
            fields.push(("MessageGroupId", &message.alert));
            fields.push(("MessageDeduplicationId", &message.key));
        }
        let encoded = |text| utf8_percent_encode(text, NON_ALPHANUMERIC);
        let pairs = fields.into_iter();
        let pairs = pairs.map(|(name, value)| format!("{name}={}", encoded(value)));
        let request = UnsignedRequest {
            method: "POST",
            url: self.url.clone(),
            headers: vec![FORM],
            body: pairs.collect::<Vec<_>>().join("&"),
        };
        let scope = SigningScope {
            service: "sns",
            region: self.region,
            rules: SigningRules::Standard,
        };
        let signed = request.sign(scope, credentials, now);
        signed.map_err(|_| Failure::NotSigned)
    }
}
