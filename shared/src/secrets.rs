//! Secrets Manager: one secret at a time, bounded, kept for a short while. Nothing in here logs or prints a value.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::error::SdkError;
use aws_sdk_secretsmanager::operation::get_secret_value::GetSecretValueError;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

use crate::arn;
use crate::aws::{Aws, failure_of};

/// Longest time for reading one secret, retries included.
pub const READ_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a value counts without looking again. Whoever finds it refused looks at once.
pub const KEPT_FOR: Duration = Duration::from_secs(300);
/// Most secrets that are kept; above it all are forgotten. A fleet has one for each database.
const KEPT_LIMIT: usize = 10_000;

/// The text of a secret. Its `Debug` shows nothing of it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Arc<str>);

impl Secret {
    /// Returns the text, which must go nowhere but to whom the secret is for.
    pub fn text(&self) -> &str {
        &self.0
    }

    #[cfg(test)]
    pub(crate) fn of_text(text: &str) -> Self {
        Self(text.into())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret(…)")
    }
}

/// Why a secret could not be read. The texts name no secret and repeat no answer.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// There is no such secret, or it is scheduled for deletion.
    #[error("the secret does not exist")]
    NotFound,
    /// Our rights reach neither the secret nor its key.
    #[error(
        "reading the secret was refused: check secretsmanager:GetSecretValue, and kms:Decrypt of its key"
    )]
    Denied,
    /// It holds bytes and no text.
    #[error("the secret holds no text")]
    NotText,
    /// The name is not the ARN of a secret.
    #[error("that is not the ARN of a secret")]
    BadArn,
    /// It could not be read in time, or AWS had trouble; trying again may help. The text is for logs.
    #[error("the secret could not be read: {0}")]
    Unavailable(String),
}

/// Region and role.
type Place = (String, Option<String>);

/// Reads secrets. Clones share what they read.
#[derive(Debug, Clone)]
pub struct Secrets {
    aws: Arc<Aws>,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    clients: BTreeMap<Place, Client>,
    kept: BTreeMap<(String, Option<String>), (Instant, Secret)>,
}

impl Secrets {
    /// Returns a reader.
    pub fn new(aws: Arc<Aws>) -> Self {
        Self {
            aws,
            state: Arc::default(),
        }
    }

    /// Returns the current version of the secret with that ARN; what was read within [`KEPT_FOR`] counts.
    ///
    /// The region is the ARN's; `role_arn` is assumed for it. Needs `secretsmanager:GetSecretValue` on the secret,
    /// and `kms:Decrypt` where it has a key of its own.
    ///
    /// # Errors
    ///
    /// See [`SecretError`]; takes at most [`READ_TIMEOUT`].
    pub async fn read(&self, arn: &str, role_arn: Option<&str>) -> Result<Secret, SecretError> {
        let key = (arn.to_owned(), role_arn.map(str::to_owned));
        if let Some((read_at, secret)) = self.state.lock().await.kept.get(&key)
            && read_at.elapsed() < KEPT_FOR
        {
            return Ok(secret.clone());
        }
        self.read_fresh(arn, role_arn).await
    }

    /// Returns the current version of the secret from AWS itself, for whom the known one was refused.
    ///
    /// # Errors
    ///
    /// See [`Secrets::read`].
    pub async fn read_fresh(
        &self,
        arn: &str,
        role_arn: Option<&str>,
    ) -> Result<Secret, SecretError> {
        let region = arn::secret_region(arn).ok_or(SecretError::BadArn)?;
        let client = self.client(region, role_arn).await;
        let reading = client.get_secret_value().secret_id(arn).send();
        let answer = timeout(READ_TIMEOUT, reading)
            .await
            .map_err(|_| SecretError::Unavailable("no answer in time".to_owned()))?
            .map_err(|error| told(&error))?;
        let text = answer.secret_string.ok_or(SecretError::NotText)?;
        let secret = Secret(text.into());
        let mut state = self.state.lock().await;
        if state.kept.len() >= KEPT_LIMIT {
            state.kept.clear();
        }
        let key = (arn.to_owned(), role_arn.map(str::to_owned));
        state.kept.insert(key, (Instant::now(), secret.clone()));
        Ok(secret)
    }

    async fn client(&self, region: &str, role_arn: Option<&str>) -> Client {
        let place = (region.to_owned(), role_arn.map(str::to_owned));
        let mut state = self.state.lock().await;
        if let Some(client) = state.clients.get(&place) {
            return client.clone();
        }
        let client = Client::new(&self.aws.config_for(Some(region), role_arn).await);
        state.clients.insert(place, client.clone());
        client
    }
}

fn told(error: &SdkError<GetSecretValueError>) -> SecretError {
    let Some(service) = error.as_service_error() else {
        return SecretError::Unavailable(failure_of(error));
    };
    match service.meta().code() {
        // Scheduled for deletion is an invalid request.
        Some("ResourceNotFoundException" | "InvalidRequestException") => SecretError::NotFound,
        Some("AccessDeniedException" | "DecryptionFailure" | "DecryptionFailureException") => {
            SecretError::Denied
        }
        _ => SecretError::Unavailable(failure_of(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_shows_nothing_of_itself() {
        assert_eq!(format!("{:?}", Secret::of_text("NEVERLEAK")), "Secret(…)");
    }
}
