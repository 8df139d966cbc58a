//! The deployment's own key, for pseudonyms of users and for comparing masked constants.
//!
//! Both need a key because names and passwords can be guessed: a plain hash reveals them.

use std::sync::Arc;

use crate::config::{DEPLOYMENT_KEY, Reader};
use crate::identities::IdentityMac;
use crate::location::AwsScope;
use crate::secrets::Secrets;
use crate::telemetry::error_chain;
use aws_lc_rs::hmac::{self, HMAC_SHA256};

/// Minimum length of a key in bytes: shorter ones can be guessed.
pub const MIN_BYTES: usize = 16;

/// Access to the deployment's key.
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
    identities: hmac::Key,
}

impl DeploymentKey {
    /// Returns the absence of a key.
    pub fn none() -> Self {
        Self {
            source: Source::None,
        }
    }

    /// Returns the key `value`, for local mode and tests.
    pub fn from_value(value: &str) -> Self {
        Self {
            source: Source::Value(value.into()),
        }
    }

    /// Returns the key from the configuration, which contains the ARN of a secret or the key itself. Reads no secret
    /// yet.
    pub fn from_config(reader: &mut Reader<'_>, secrets: impl FnOnce() -> Secrets) -> Self {
        let source = match reader.optional(DEPLOYMENT_KEY) {
            None => Source::None,
            Some(arn) if arn.starts_with("arn:") => Source::Secret {
                arn: arn.into(),
                secrets: secrets(),
            },
            Some(value) => {
                if value.len() < MIN_BYTES {
                    reader.reject(DEPLOYMENT_KEY, "is shorter than 16 bytes");
                }
                Source::Value(value.into())
            }
        };
        Self { source }
    }

    /// Returns whether there should be a key; it may still be unreadable.
    pub fn is_configured(&self) -> bool {
        !matches!(self.source, Source::None)
    }

    /// Returns the key, or a public sentence about why there is none.
    ///
    /// Secrets are cached. Takes at most [`READ_TIMEOUT`](crate::secrets::READ_TIMEOUT).
    ///
    /// # Errors
    ///
    /// No key is configured, the secret cannot be read, or it is shorter than [`MIN_BYTES`].
    pub async fn key(&self) -> Result<Key, &'static str> {
        match &self.source {
            Source::None => Err("this deployment has no key"),
            Source::Value(value) => Key::of(value),
            Source::Secret { arn, secrets } => {
                match secrets.read(arn, &AwsScope::default()).await {
                    Ok(secret) => Key::of(secret.text()),
                    Err(error) => {
                        tracing::error!(error = %error_chain(&error), "the deployment's key could not be read");
                        Err("the deployment's key could not be read")
                    }
                }
            }
        }
    }
}

impl Key {
    fn of(value: &str) -> Result<Self, &'static str> {
        if value.len() < MIN_BYTES {
            return Err("the deployment's key is shorter than 16 bytes");
        }
        let pseudonyms = hmac::Key::new(HMAC_SHA256, value.as_bytes());
        // Separate keys, so that a pseudonym never equals a fingerprint, and what is stored never joins with what was
        // shown.
        let derived = |purpose: &[u8]| {
            let derived = hmac::sign(&pseudonyms, purpose);
            hmac::Key::new(HMAC_SHA256, derived.as_ref())
        };
        Ok(Self {
            fingerprints: derived(b"mrt: fingerprints of constants"),
            identities: derived(b"mrt: identities of named users"),
            pseudonyms,
        })
    }

    /// Returns the pseudonym of the named user with `identity`, which is the same in all environments and, like
    /// Mendix's metering, tells letter case apart: `u_` and the first 16 hexadecimal digits of the HMAC-SHA256.
    pub fn pseudonym(&self, identity: &str) -> String {
        let tag = hmac::sign(&self.pseudonyms, identity.as_bytes());
        let digits: String = tag.as_ref()[..8]
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        format!("u_{digits}")
    }

    /// Returns the HMAC by which the named user with `identity` is counted once in all environments.
    pub fn identity_mac(&self, identity: &str) -> IdentityMac {
        IdentityMac::of(first_bytes(&self.identities, identity.as_bytes()))
    }

    /// Returns a number that tells this key from another: identities of two keys cannot be compared.
    pub fn id(&self) -> u64 {
        // No identity contains a zero byte.
        first_bytes(&self.identities, b"\0id")
    }

    /// Returns the fingerprint of a value of the constant `name`: equal for equal values only.
    pub fn fingerprint(&self, name: &str, value: &str) -> [u8; 32] {
        let mut context = hmac::Context::with_key(&self.fingerprints);
        // A name contains no zero byte, so the separator is unambiguous.
        context.update(name.as_bytes());
        context.update(&[0]);
        context.update(value.as_bytes());
        let mut fingerprint = [0; 32];
        fingerprint.copy_from_slice(context.sign().as_ref());
        fingerprint
    }
}

fn first_bytes(key: &hmac::Key, message: &[u8]) -> u64 {
    let tag = hmac::sign(key, message);
    let first = tag.as_ref().iter().take(8);
    first.fold(0, |number, byte| number << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn key(value: &str) -> Key {
        DeploymentKey::from_value(value).key().await.unwrap()
    }

    /// `printf %s dana@example.org | openssl dgst -sha256 -hmac 0123456789abcdef`
    #[tokio::test]
    async fn a_pseudonym_is_the_documented_hmac_in_any_letter_case() {
        let key = key("0123456789abcdef").await;

        assert_eq!(key.pseudonym("dana@example.org"), "u_c6777f54a1a735bb");
        assert_ne!(
            key.pseudonym("Dana@Example.ORG"),
            key.pseudonym("dana@example.org")
        );
    }

    #[tokio::test]
    async fn fingerprints_depend_on_key_name_and_value() {
        let (one, other) = (key("0123456789abcdef").await, key("0123456789abcdeF").await);

        assert_eq!(one.fingerprint("A.B", "x"), one.fingerprint("A.B", "x"));
        assert_ne!(one.fingerprint("A.B", "x"), one.fingerprint("A.B", "y"));
        assert_ne!(one.fingerprint("A.B", "x"), one.fingerprint("A.C", "x"));
        assert_ne!(one.fingerprint("A.B", "x"), other.fingerprint("A.B", "x"));
        assert_ne!(one.pseudonym("x"), other.pseudonym("x"));
    }

    #[tokio::test]
    async fn a_missing_or_short_key_is_reported_without_its_value() {
        for deployment in [
            DeploymentKey::none(),
            DeploymentKey::from_value("NEVERLEAK"),
        ] {
            let reason = deployment.key().await.err().unwrap();
            assert!(!reason.contains("NEVERLEAK"), "{reason}");
        }
    }
}
