//! The deployment's own key: for pseudonyms of users and for comparing constants that nobody may see.
//!
//! A key is needed for both because names and passwords can be guessed: a plain hash of one is as good as itself.

use std::sync::Arc;

use aws_lc_rs::hmac::{self, HMAC_SHA256};
use shared::config::{DEPLOYMENT_KEY, Reader};
use shared::secrets::Secrets;
use shared::telemetry::error_chain;

/// Least length of a key in bytes: shorter ones can be tried out.
pub const LEAST_BYTES: usize = 16;

/// Where the key comes from.
#[derive(Clone)]
pub struct DeploymentKey {
    source: Source,
}

#[derive(Clone)]
enum Source {
    None,
    Value(Arc<str>),
    Secret { arn: Arc<str>, secrets: Secrets },
}

/// The key itself.
pub struct Key {
    pseudonyms: hmac::Key,
    fingerprints: hmac::Key,
}

impl DeploymentKey {
    /// Returns no key.
    pub fn none() -> Self {
        Self {
            source: Source::None,
        }
    }

    /// Returns the key `value`, for one machine and for tests.
    pub fn of_value(value: &str) -> Self {
        Self {
            source: Source::Value(value.into()),
        }
    }

    /// Returns the key that the configuration names: the ARN of a secret, or the key itself. Reads no secret yet.
    pub fn from_config(reader: &Reader<'_>, secrets: impl FnOnce() -> Secrets) -> Self {
        let source = match reader.optional(DEPLOYMENT_KEY) {
            None => Source::None,
            Some(arn) if arn.starts_with("arn:") => Source::Secret {
                arn: arn.into(),
                secrets: secrets(),
            },
            Some(value) => Source::Value(value.into()),
        };
        Self { source }
    }

    /// Returns the key, or a sentence for callers that says why there is none.
    ///
    /// A secret is read once in a while; takes at most [`READ_TIMEOUT`](shared::secrets::READ_TIMEOUT).
    ///
    /// # Errors
    ///
    /// None is configured, the secret cannot be read, or it is shorter than [`LEAST_BYTES`].
    pub async fn key(&self) -> Result<Key, &'static str> {
        match &self.source {
            Source::None => Err("this deployment has no key"),
            Source::Value(value) => Key::of(value),
            Source::Secret { arn, secrets } => match secrets.read(arn, None).await {
                Ok(secret) => Key::of(secret.text()),
                Err(error) => {
                    tracing::error!(error = %error_chain(&error), "the deployment's key could not be read");
                    Err("the deployment's key could not be read")
                }
            },
        }
    }
}

impl Key {
    fn of(value: &str) -> Result<Self, &'static str> {
        if value.len() < LEAST_BYTES {
            return Err("the deployment's key is shorter than 16 bytes");
        }
        let pseudonyms = hmac::Key::new(HMAC_SHA256, value.as_bytes());
        // A key of its own, so that no name can ever stand for a value.
        let derived = hmac::sign(&pseudonyms, b"mrt: fingerprints of constants");
        let fingerprints = hmac::Key::new(HMAC_SHA256, derived.as_ref());
        Ok(Self {
            pseudonyms,
            fingerprints,
        })
    }

    /// Returns the pseudonym of the user `name`, the same in all environments and in any case of letters:
    /// `u_` and the first 16 hexadecimal digits of HMAC-SHA256 of the name in small letters.
    pub fn pseudonym(&self, name: &str) -> String {
        let tag = hmac::sign(&self.pseudonyms, name.to_lowercase().as_bytes());
        let digits: String = tag.as_ref()[..8]
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        format!("u_{digits}")
    }

    /// Returns what two equal values of the constant `name` share, and two different ones do not.
    pub fn fingerprint(&self, name: &str, value: &str) -> [u8; 32] {
        let mut context = hmac::Context::with_key(&self.fingerprints);
        // A name holds no zero byte that could end it early.
        context.update(name.as_bytes());
        context.update(&[0]);
        context.update(value.as_bytes());
        let mut fingerprint = [0; 32];
        fingerprint.copy_from_slice(context.sign().as_ref());
        fingerprint
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn key(value: &str) -> Key {
        DeploymentKey::of_value(value).key().await.unwrap()
    }

    /// `printf %s dana@example.org | openssl dgst -sha256 -hmac 0123456789abcdef`
    #[tokio::test]
    async fn a_pseudonym_is_the_documented_hmac_whatever_the_case() {
        let key = key("0123456789abcdef").await;

        assert_eq!(key.pseudonym("dana@example.org"), "u_c6777f54a1a735bb");
        assert_eq!(
            key.pseudonym("Dana@Example.ORG"),
            key.pseudonym("dana@example.org")
        );
    }

    #[tokio::test]
    async fn keys_names_and_values_all_make_a_difference() {
        let (one, other) = (key("0123456789abcdef").await, key("0123456789abcdeF").await);

        assert_eq!(one.fingerprint("A.B", "x"), one.fingerprint("A.B", "x"));
        assert_ne!(one.fingerprint("A.B", "x"), one.fingerprint("A.B", "y"));
        assert_ne!(one.fingerprint("A.B", "x"), one.fingerprint("A.C", "x"));
        assert_ne!(one.fingerprint("A.B", "x"), other.fingerprint("A.B", "x"));
        assert_ne!(one.pseudonym("x"), other.pseudonym("x"));
    }

    #[tokio::test]
    async fn no_key_and_a_short_one_say_so() {
        for deployment in [DeploymentKey::none(), DeploymentKey::of_value("NEVERLEAK")] {
            let reason = deployment.key().await.err().unwrap();
            assert!(!reason.contains("NEVERLEAK"), "{reason}");
        }
    }
}
