//! Delivers messages: to topics of SNS and to webhooks. Follows no redirect, and repeats nothing of an answer.

mod sns;
mod webhook;

use std::sync::Arc;
use std::time::Duration;

use aws_smithy_http_client::Connector;
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use shared::aws::Aws;
use shared::clock::Clock;
use shared::config::Variables;
use shared::fleet::Destination;
use shared::secrets::Secrets;
use tokio::time::{sleep, timeout};

use super::message::Message;
use crate::aws::signed_request::{self, SendError};

/// Longest time of one attempt, with the reading of a secret. Slack and Teams answer within a second.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(5);
/// Attempts at one tick; the next tick tries again.
const ATTEMPTS: u32 = 2;
/// Pause before the second attempt.
const PAUSE: Duration = Duration::from_secs(1);
/// Longest time for one message to one destination.
pub const SEND_TIMEOUT: Duration = Duration::from_secs(11);

/// Tells people and programs.
pub struct Notifier {
    aws: Arc<Aws>,
    secrets: Secrets,
    variables: Arc<dyn Variables>,
    clock: Arc<dyn Clock>,
}

/// Why a message was not delivered. Holds nothing of a URL or an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Failure {
    /// The secret with the URL could not be read, or the variable is not set.
    UrlUnknown,
    /// What the secret holds is no URL that may be called.
    UrlInvalid,
    /// There was no connection.
    Unreachable,
    /// There was no answer in time.
    Timeout,
    /// The receiver answered with this status; 3xx too, because no redirect is followed.
    Status(u16),
    /// There are no credentials for AWS, or the request could not be built.
    NotSigned,
}

impl Failure {
    /// Returns the word for logs.
    pub(super) fn code(self) -> String {
        match self {
            Self::UrlUnknown => "url_unknown".to_owned(),
            Self::UrlInvalid => "url_invalid".to_owned(),
            Self::Unreachable => "unreachable".to_owned(),
            Self::Timeout => "timeout".to_owned(),
            Self::Status(status) => format!("http_{status}"),
            Self::NotSigned => "not_signed".to_owned(),
        }
    }

    /// Returns whether the same message may be taken a second later.
    fn is_transient(self) -> bool {
        match self {
            Self::Unreachable | Self::Timeout => true,
            Self::Status(status) => status == 429 || status >= 500,
            Self::UrlUnknown | Self::UrlInvalid | Self::NotSigned => false,
        }
    }
}

impl Notifier {
    /// Returns a notifier. Variables have the URLs of webhooks on one machine.
    pub fn new(aws: Arc<Aws>, variables: Arc<dyn Variables>, clock: Arc<dyn Clock>) -> Self {
        Self {
            secrets: Secrets::new(Arc::clone(&aws)),
            aws,
            variables,
            clock,
        }
    }

    /// Delivers a message within [`SEND_TIMEOUT`]; tries a second time after what may pass.
    ///
    /// # Errors
    ///
    /// [`Failure`]: it was not delivered, or its answer was lost and it may have been.
    pub(super) async fn send(
        &self,
        destination: &Destination,
        message: &Message,
    ) -> Result<(), Failure> {
        let mut attempts = 0;
        loop {
            attempts += 1;
            let attempt = async {
                match destination {
                    Destination::Sns { topic_arn, region } => {
                        self.publish(topic_arn, region, message).await
                    }
                    Destination::Webhook { url, form } => self.post(url, *form, message).await,
                }
            };
            let result = timeout(ATTEMPT_TIMEOUT, attempt).await;
            match result.unwrap_or(Err(Failure::Timeout)) {
                Err(failure) if failure.is_transient() && attempts < ATTEMPTS => sleep(PAUSE).await,
                result => return result,
            }
        }
    }
}

/// Sends a request; anything but a 2xx is a failure. The body of the answer is not read.
async fn call(connector: &Connector, request: HttpRequest) -> Result<(), Failure> {
    let answer = signed_request::send(connector, request).await;
    let answer = answer.map_err(|error| match error {
        SendError::Timeout(_) => Failure::Timeout,
        SendError::Unreachable(_) => Failure::Unreachable,
    })?;
    match answer.status().as_u16() {
        200..300 => Ok(()),
        status => Err(Failure::Status(status)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_and_pauses_take_no_longer_than_a_message_may() {
        assert_eq!(
            ATTEMPT_TIMEOUT * ATTEMPTS + PAUSE * (ATTEMPTS - 1),
            SEND_TIMEOUT
        );
    }
}
