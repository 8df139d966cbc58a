//! The issuer's RSA key: signs claims and verifies signatures. RS256 only.

use std::path::Path;

use anyhow::{Context, anyhow};
use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{KeyPair, RsaKeyPair};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde_json::{Map, Value, json};

use super::refusal::Refusal;
use crate::secret_file::load_or_create_secret;

/// File of the key in the data folder.
const KEY_FILE: &str = "issuer.pem";
/// How far ahead the clock of a token's issuer may be.
const CLOCK_LEEWAY_SECONDS: i64 = 60;

/// A key pair with its id.
pub(super) struct Key {
    id: String,
    signing: EncodingKey,
    verifying: DecodingKey,
    public: Value,
}

impl Key {
    /// Loads the key from the folder `data`, and creates it the first time.
    pub(super) fn load(data: &Path) -> anyhow::Result<Self> {
        let pem = load_or_create_secret(&data.join(KEY_FILE), new_key)?;
        let der =
            decode_pem(&pem).context("the issuer's key is damaged: delete it to get a new one")?;
        let pair = RsaKeyPair::from_pkcs8(&der)
            .map_err(|error| anyhow!("the issuer's key is damaged: {error}"))?;
        let modulus = pair
            .public_key()
            .modulus()
            .big_endian_without_leading_zero();
        let exponent = pair
            .public_key()
            .exponent()
            .big_endian_without_leading_zero();
        let (n, e) = (
            URL_SAFE_NO_PAD.encode(modulus),
            URL_SAFE_NO_PAD.encode(exponent),
        );
        let id = n.chars().take(16).collect::<String>();
        Ok(Self {
            public: json!({"kty": "RSA", "use": "sig", "alg": "RS256", "kid": id, "n": n, "e": e}),
            id,
            signing: EncodingKey::from_rsa_pem(pem.as_bytes())?,
            verifying: DecodingKey::from_rsa_raw_components(modulus, exponent),
        })
    }

    /// Returns the id, which each token's header names.
    #[cfg(test)]
    pub(super) fn id(&self) -> &str {
        &self.id
    }

    /// Returns the public key in JWK form.
    pub(super) fn public(&self) -> &Value {
        &self.public
    }

    /// Returns a token with `claims`.
    pub(super) fn sign(&self, claims: &Map<String, Value>) -> jsonwebtoken::errors::Result<String> {
        let header = Header {
            kid: Some(self.id.clone()),
            ..Header::new(Algorithm::RS256)
        };
        jsonwebtoken::encode(&header, claims, &self.signing)
    }

    /// Returns the claims of a token of `issuer` that is valid at `now`, in seconds since 1970, or why it is refused.
    pub(super) fn verify(
        &self,
        token: &str,
        issuer: &str,
        now: i64,
    ) -> Result<Map<String, Value>, Refusal> {
        let header = jsonwebtoken::decode_header(token).map_err(|_| Refusal::Malformed)?;
        if header.kid.as_deref() != Some(self.id.as_str()) {
            return Err(Refusal::UnknownKey);
        }
        if header.crit.is_some() {
            return Err(Refusal::CriticalHeader);
        }
        let mut validation = Validation::new(Algorithm::RS256);
        // All claims are checked below: the library has a clock of its own, and takes a list for an issuer.
        validation.required_spec_claims.clear();
        validation.validate_aud = false;
        validation.validate_exp = false;
        let decoded =
            jsonwebtoken::decode::<Map<String, Value>>(token, &self.verifying, &validation);
        let claims = decoded.map_err(|_| Refusal::Signature)?.claims;
        check_claims(&claims, issuer, now)?;
        Ok(claims)
    }
}

/// Checks issuer and times. Cognito's access tokens have no audience: callers check the client.
fn check_claims(claims: &Map<String, Value>, issuer: &str, now: i64) -> Result<(), Refusal> {
    if claims.get("iss").and_then(Value::as_str) != Some(issuer) {
        return Err(Refusal::Issuer);
    }
    let expires_at = claims.get("exp").and_then(Value::as_i64);
    if expires_at.is_none_or(|time| time <= now) {
        return Err(Refusal::Expired);
    }
    for (name, refusal) in [
        ("nbf", Refusal::NotYetValid),
        ("iat", Refusal::IssuedInFuture),
    ] {
        let is_reached = |time: i64| time <= now.saturating_add(CLOCK_LEEWAY_SECONDS);
        let time = claims.get(name).map(Value::as_i64);
        if time.is_some_and(|time| !time.is_some_and(is_reached)) {
            return Err(refusal);
        }
    }
    Ok(())
}

fn new_key() -> anyhow::Result<String> {
    let pair = RsaKeyPair::generate(KeySize::Rsa2048)
        .map_err(|error| anyhow!("could not create an RSA key: {error}"))?;
    let der: aws_lc_rs::encoding::Pkcs8V1Der<'_> = pair
        .as_der()
        .map_err(|error| anyhow!("could not encode the RSA key: {error}"))?;
    let text = STANDARD.encode(der.as_ref());
    let mut pem = "-----BEGIN PRIVATE KEY-----\n".to_owned();
    for line in text.as_bytes().chunks(64) {
        pem.push_str(&String::from_utf8_lossy(line));
        pem.push('\n');
    }
    pem.push_str("-----END PRIVATE KEY-----\n");
    Ok(pem)
}

fn decode_pem(pem: &str) -> anyhow::Result<Vec<u8>> {
    let lines = pem.lines().filter(|line| !line.starts_with("-----"));
    Ok(STANDARD.decode(lines.collect::<String>())?)
}
