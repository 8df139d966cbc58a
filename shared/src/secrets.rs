//! Reads secrets from Secrets Manager, bounded in time and cached for minutes. Never logs or prints a value.

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
use crate::location::AwsScope;

/// Longest time for reading one secret, including retries.
pub const READ_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a cached value is used. A caller whose login is refused reads it again at once.
pub const CACHE_LIFE: Duration = Duration::from_secs(300);
/// Most secrets in the cache; at this limit it is emptied. A fleet has one for each database.
const CACHE_LIMIT: usize = 10_000;
/// Most clients in the cache; at this limit it is emptied. A role has one for each environment that it is assumed for.
const CLIENT_LIMIT: usize = 256;

/// The text of a secret. Its `Debug` shows nothing of it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Arc<str>);

impl Secret {
    /// Returns the text. Pass it only to the service that the secret is for.
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

/// Why a secret could not be read. The texts name no secret and repeat no response.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// There is no such secret, or it is scheduled for deletion.
    #[error("the secret does not exist")]
    NotFound,
    /// The permissions do not allow reading the secret or using its key.
    #[error(
        "access to the secret was denied: check secretsmanager:GetSecretValue, and kms:Decrypt on its key"
    )]
    Denied,
    /// It contains binary data.
    #[error("the secret contains no text")]
    NotText,
    /// The name is not the ARN of a secret.
    #[error("the name is not the ARN of a secret")]
    BadArn,
    /// It could not be read in time, or AWS failed; trying again may help. The text is for logs.
    #[error("the secret could not be read: {0}")]
    Unavailable(String),
}

/// Reads secrets. Clones share what they read.
#[derive(Debug, Clone)]
pub struct Secrets {
    aws: Arc<Aws>,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    clients: BTreeMap<AwsScope, Client>,
    cache: BTreeMap<CacheKey, CachedSecret>,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct CacheKey {
    arn: String,
    scope: AwsScope,
}

#[derive(Debug)]
struct CachedSecret {
    read_at: Instant,
    secret: Secret,
}

impl CacheKey {
    fn new(arn: &str, scope: &AwsScope) -> Self {
        Self {
            arn: arn.to_owned(),
            scope: scope.clone(),
        }
    }
}

impl Secrets {
    /// Returns a reader.
    pub fn new(aws: Arc<Aws>) -> Self {
        Self {
            aws,
            state: Arc::default(),
        }
    }

    /// Returns the secret with that ARN, as read within the last [`CACHE_LIFE`].
    ///
    /// Uses the region in the ARN and the role of `scope`. Needs `secretsmanager:GetSecretValue` on the secret,
    /// and `kms:Decrypt` if it has its own key.
    ///
    /// # Errors
    ///
    /// See [`SecretError`]; takes at most [`READ_TIMEOUT`].
    pub async fn read(&self, arn: &str, scope: &AwsScope) -> Result<Secret, SecretError> {
        let key = CacheKey::new(arn, scope);
        if let Some(cached) = self.state.lock().await.cache.get(&key)
            && cached.read_at.elapsed() < CACHE_LIFE
        {
            return Ok(cached.secret.clone());
        }
        self.read_fresh(arn, scope).await
    }

    /// Reads the current version of the secret, past the cache: for callers whose login was refused.
    ///
    /// # Errors
    ///
    /// See [`Secrets::read`].
    pub async fn read_fresh(&self, arn: &str, scope: &AwsScope) -> Result<Secret, SecretError> {
        let region = arn::secret_region(arn).ok_or(SecretError::BadArn)?;
        let client = self.client(region, scope).await;
        let reading = client.get_secret_value().secret_id(arn).send();
        let response = timeout(READ_TIMEOUT, reading)
            .await
            .map_err(|_| SecretError::Unavailable("no response in time".to_owned()))?
            .map_err(|error| error_from_sdk(&error))?;
        let text = response.secret_string.ok_or(SecretError::NotText)?;
        let secret = Secret(text.into());
        let mut state = self.state.lock().await;
        if state.cache.len() >= CACHE_LIMIT {
            state.cache.clear();
        }
        let cached = CachedSecret {
            read_at: Instant::now(),
            secret: secret.clone(),
        };
        state.cache.insert(CacheKey::new(arn, scope), cached);
        Ok(secret)
    }

    async fn client(&self, region: &str, scope: &AwsScope) -> Client {
        let scope = AwsScope {
            region: Some(region.to_owned()),
            ..scope.clone()
        };
        let mut state = self.state.lock().await;
        if let Some(client) = state.clients.get(&scope) {
            return client.clone();
        }
        let client = Client::new(&self.aws.config_for(&scope).await);
        if state.clients.len() >= CLIENT_LIMIT {
            state.clients.clear();
        }
        state.clients.insert(scope, client.clone());
        client
    }
}

fn error_from_sdk(error: &SdkError<GetSecretValueError>) -> SecretError {
    let Some(service) = error.as_service_error() else {
        return SecretError::Unavailable(failure_of(error));
    };
    match service.meta().code() {
        // Secrets Manager answers InvalidRequestException for a secret that is scheduled for deletion.
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
