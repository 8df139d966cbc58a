//! The development issuer: tokens in the form of a Cognito user pool, for the local gateway.
//!
//! Issues RS256 access tokens for client credentials; serves JWKS and discovery. The key is kept in the data folder, so
//! tokens survive a restart. For one machine only: anyone who can read the folder can create tokens.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow};
use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{KeyPair, RsaKeyPair};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde_json::{Map, Value, json};
use shared::clock::Clock;

use crate::secret_file::load_or_create_secret;

/// Name of the user pool, the last part of the issuer.
pub(crate) const POOL: &str = "local_mrt";
/// Lifetime of a token: Cognito's default.
const TOKEN_LIFETIME: Duration = Duration::from_secs(3600);
const CLIENT_ID: &str = "mrt-development";
const KEY_FILE: &str = "issuer.pem";
const SECRET_FILE: &str = "client_secret";

/// Id and secret of a client. Has no `Debug`, so that it gets into no log.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct ClientCredentials {
    pub(crate) id: String,
    pub(crate) secret: String,
}

/// Issues and verifies tokens.
pub(crate) struct Identity {
    issuer: String,
    key_id: String,
    signing_key: EncodingKey,
    verifying_key: DecodingKey,
    public_key: Value,
    client_secret: String,
    scopes: Vec<&'static str>,
    clock: Arc<dyn Clock>,
}

/// Error codes of RFC 6749 for token requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TokenError {
    /// A grant type other than client credentials.
    UnsupportedGrantType,
    /// Unknown client or wrong secret.
    InvalidClient,
    /// A scope that does not exist.
    InvalidScope,
    /// Any other error in the request.
    InvalidRequest,
}

impl TokenError {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::UnsupportedGrantType => "unsupported_grant_type",
            Self::InvalidClient => "invalid_client",
            Self::InvalidScope => "invalid_scope",
            Self::InvalidRequest => "invalid_request",
        }
    }
}

impl Identity {
    /// Loads the issuer's key from `data`, and creates it the first time. `url` is the gateway's.
    pub(crate) fn load(
        data: &Path,
        url: &str,
        scopes: Vec<&'static str>,
        clock: Arc<dyn Clock>,
    ) -> anyhow::Result<Self> {
        let pem = load_or_create_secret(&data.join(KEY_FILE), new_key)?;
        let client_secret = load_or_create_secret(&data.join(SECRET_FILE), || {
            Ok(uuid::Uuid::new_v4().simple().to_string())
        })?;
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
        let key_id = n.chars().take(16).collect::<String>();
        Ok(Self {
            issuer: format!("{url}/{POOL}"),
            public_key: json!({"kty": "RSA", "use": "sig", "alg": "RS256", "kid": key_id, "n": n, "e": e}),
            key_id,
            signing_key: EncodingKey::from_rsa_pem(pem.as_bytes())?,
            verifying_key: DecodingKey::from_rsa_raw_components(modulus, exponent),
            client_secret,
            scopes,
            clock,
        })
    }

    /// Returns the credentials of the machine client.
    pub(crate) fn client(&self) -> ClientCredentials {
        ClientCredentials {
            id: CLIENT_ID.to_owned(),
            secret: self.client_secret.clone(),
        }
    }

    /// Returns the key set that verifies the tokens.
    pub(crate) fn key_set(&self) -> Value {
        json!({"keys": [self.public_key]})
    }

    /// Returns the discovery document; `url` is the gateway's.
    pub(crate) fn discovery(&self, url: &str) -> Value {
        json!({
            "issuer": self.issuer,
            "jwks_uri": format!("{}/.well-known/jwks.json", self.issuer),
            "token_endpoint": format!("{url}/oauth2/token"),
            "grant_types_supported": ["client_credentials"],
            "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "scopes_supported": self.scopes,
        })
    }

    /// Answers a token request with the fields of `form` and the credentials of a Basic header.
    ///
    /// Without `scope` the token has all scopes, as Cognito's has. The JSON object in `aws_client_metadata` may
    /// contain `environments`: a deployment's pre-token function turns it into the claim that limits a token.
    pub(crate) fn token(
        &self,
        form: &BTreeMap<String, String>,
        basic: Option<ClientCredentials>,
    ) -> Result<Value, TokenError> {
        let field = |name: &str| form.get(name).map(String::as_str);
        if field("grant_type") != Some("client_credentials") {
            return Err(TokenError::UnsupportedGrantType);
        }
        let posted = field("client_id")
            .zip(field("client_secret"))
            .map(|(id, secret)| ClientCredentials {
                id: id.to_owned(),
                secret: secret.to_owned(),
            });
        let client = basic.or(posted).ok_or(TokenError::InvalidClient)?;
        if client != self.client() {
            return Err(TokenError::InvalidClient);
        }
        let scope = field("scope").filter(|scope| !scope.is_empty());
        let scopes: Vec<&str> = scope.map_or_else(
            || self.scopes.clone(),
            |scope| scope.split_whitespace().collect(),
        );
        if scopes.iter().any(|scope| !self.scopes.contains(scope)) {
            return Err(TokenError::InvalidScope);
        }
        let environments = match field("aws_client_metadata") {
            None => None,
            Some(text) => {
                let metadata: BTreeMap<String, String> =
                    serde_json::from_str(text).map_err(|_| TokenError::InvalidRequest)?;
                metadata.get("environments").cloned()
            }
        };
        let token = self
            .sign(&self.claims(&scopes.join(" "), environments))
            .map_err(|_| TokenError::InvalidRequest)?;
        Ok(
            json!({"access_token": token, "expires_in": TOKEN_LIFETIME.as_secs(), "token_type": "Bearer"}),
        )
    }

    fn claims(&self, scope: &str, environments: Option<String>) -> Map<String, Value> {
        let now = self.clock.now().timestamp();
        let lifetime = i64::try_from(TOKEN_LIFETIME.as_secs()).unwrap_or(3600);
        let mut claims = Map::from_iter([
            ("sub".to_owned(), json!(CLIENT_ID)),
            ("token_use".to_owned(), json!("access")),
            ("scope".to_owned(), json!(scope)),
            ("auth_time".to_owned(), json!(now)),
            ("iss".to_owned(), json!(self.issuer)),
            ("exp".to_owned(), json!(now + lifetime)),
            ("iat".to_owned(), json!(now)),
            ("version".to_owned(), json!(2)),
            ("jti".to_owned(), json!(uuid::Uuid::new_v4().to_string())),
            ("client_id".to_owned(), json!(CLIENT_ID)),
        ]);
        if let Some(environments) = environments {
            claims.insert(
                api::http::caller::ENVIRONMENTS_CLAIM.to_owned(),
                environments.into(),
            );
        }
        claims
    }

    fn sign(&self, claims: &Map<String, Value>) -> jsonwebtoken::errors::Result<String> {
        let header = Header {
            kid: Some(self.key_id.clone()),
            ..Header::new(Algorithm::RS256)
        };
        jsonwebtoken::encode(&header, claims, &self.signing_key)
    }

    /// Returns the claims of a valid access token as text, the form in which the gateway passes them on.
    ///
    /// `None` for text that is not a token, for an expired token, and for any other algorithm, key, issuer, client or
    /// use.
    pub(crate) fn verify(&self, token: &str) -> Option<BTreeMap<String, String>> {
        let header = jsonwebtoken::decode_header(token).ok()?;
        if header.kid.as_deref() != Some(self.key_id.as_str()) {
            return None;
        }
        let mut validation = Validation::new(Algorithm::RS256);
        validation.set_issuer(&[&self.issuer]);
        validation.set_required_spec_claims(&["exp", "iss"]);
        // Cognito's access tokens have no audience: the client is checked below. So is the expiry, because the
        // library has a clock of its own.
        validation.validate_aud = false;
        validation.validate_exp = false;
        let claims =
            jsonwebtoken::decode::<Map<String, Value>>(token, &self.verifying_key, &validation)
                .ok()?
                .claims;
        let is_alive = claims
            .get("exp")
            .and_then(Value::as_i64)
            .is_some_and(|exp| exp > self.clock.now().timestamp());
        let text = |name: &str| claims.get(name).and_then(Value::as_str);
        if !is_alive || text("token_use") != Some("access") || text("client_id") != Some(CLIENT_ID)
        {
            return None;
        }
        let as_text = |value: &Value| {
            value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned)
        };
        Some(
            claims
                .iter()
                .map(|(name, value)| (name.clone(), as_text(value)))
                .collect(),
        )
    }
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

#[cfg(test)]
mod tests {
    use shared::clock::FixedClock;

    use super::*;

    const URL: &str = "http://127.0.0.1:8080";

    struct World {
        folder: tempfile::TempDir,
        clock: Arc<FixedClock>,
        identity: Identity,
    }

    fn load(folder: &Path, url: &str, clock: Arc<FixedClock>) -> Identity {
        Identity::load(
            folder,
            url,
            vec!["mrt/users.read", "mrt/constants.read"],
            clock,
        )
        .unwrap()
    }

    fn world() -> World {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(FixedClock::at("2026-01-12T11:00:00Z"));
        let identity = load(folder.path(), URL, clock.clone());
        World {
            folder,
            clock,
            identity,
        }
    }

    fn form(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    }

    impl World {
        fn token(&self, pairs: &[(&str, &str)]) -> Result<String, TokenError> {
            let mut form = form(pairs);
            form.insert("grant_type".into(), "client_credentials".into());
            let answer = self.identity.token(&form, Some(self.identity.client()))?;
            Ok(answer["access_token"].as_str().unwrap().to_owned())
        }

        fn signed(&self, change: impl Fn(&mut Map<String, Value>)) -> String {
            let mut claims = self.identity.claims("mrt/users.read", None);
            change(&mut claims);
            self.identity.sign(&claims).unwrap()
        }
    }

    #[test]
    fn a_token_has_the_requested_scopes_or_all() {
        let world = world();
        let scope = |pairs: &[(&str, &str)]| {
            world
                .identity
                .verify(&world.token(pairs).unwrap())
                .unwrap()
                .remove("scope")
                .unwrap()
        };

        assert_eq!(scope(&[("scope", "mrt/users.read")]), "mrt/users.read");
        assert_eq!(scope(&[]), "mrt/users.read mrt/constants.read");
        let limited = world
            .token(&[("aws_client_metadata", "{\"environments\":\"acme-prod\"}")])
            .unwrap();
        assert_eq!(
            world.identity.verify(&limited).unwrap()["mrt_environments"],
            "acme-prod"
        );
    }

    #[test]
    fn token_requests_are_refused_with_the_standards_codes() {
        let world = world();

        assert_eq!(
            world.token(&[("scope", "mrt/everything")]),
            Err(TokenError::InvalidScope)
        );
        assert_eq!(
            world.token(&[("aws_client_metadata", "no json")]),
            Err(TokenError::InvalidRequest)
        );
        let grant = form(&[("grant_type", "password")]);
        assert_eq!(
            world.identity.token(&grant, Some(world.identity.client())),
            Err(TokenError::UnsupportedGrantType)
        );
        let grant = form(&[("grant_type", "client_credentials")]);
        let stranger = ClientCredentials {
            secret: "wrong".to_owned(),
            ..world.identity.client()
        };
        assert_eq!(
            world.identity.token(&grant, Some(stranger)),
            Err(TokenError::InvalidClient)
        );
        assert_eq!(
            world.identity.token(&grant, None),
            Err(TokenError::InvalidClient)
        );
    }

    #[test]
    fn only_unchanged_access_tokens_of_this_issuer_are_valid() {
        let world = world();
        let good = world.signed(|_| {});
        assert!(world.identity.verify(&good).is_some());

        let parts: Vec<&str> = good.split('.').collect();
        let forged = URL_SAFE_NO_PAD.encode(r#"{"iss":"x","token_use":"access"}"#);
        let unsigned = URL_SAFE_NO_PAD.encode(format!(
            r#"{{"alg":"none","kid":"{}"}}"#,
            world.identity.key_id
        ));
        let stranger = tempfile::tempdir().unwrap();
        let other_key = load(stranger.path(), URL, world.clock.clone());
        let mut foreign = other_key.claims("mrt/users.read", None);
        foreign.insert("jti".into(), json!("x"));
        let other_issuer = load(
            world.folder.path(),
            "http://127.0.0.1:9",
            world.clock.clone(),
        );
        let bad = [
            String::new(),
            "Bearer".into(),
            format!("{}.{}", parts[0], parts[1]),
            format!("{}.{forged}.{}", parts[0], parts[2]),
            format!("{unsigned}.{}.", parts[1]),
            format!("{}.{}.{}", parts[0], parts[1], "AAAA"),
            other_key.sign(&foreign).unwrap(),
            other_issuer
                .sign(&other_issuer.claims("mrt/users.read", None))
                .unwrap(),
            world.signed(|claims| drop(claims.insert("token_use".into(), json!("id")))),
            world.signed(|claims| drop(claims.remove("token_use"))),
            world.signed(|claims| drop(claims.insert("client_id".into(), json!("stranger")))),
            world.signed(|claims| drop(claims.remove("exp"))),
            world.signed(|claims| drop(claims.insert("exp".into(), json!("never")))),
            world.signed(|claims| drop(claims.remove("iss"))),
        ];
        for (number, token) in bad.iter().enumerate() {
            assert_eq!(world.identity.verify(token), None, "token {number}");
        }
    }

    #[test]
    fn a_token_expires_after_an_hour_and_survives_a_restart() {
        let world = world();
        let token = world.signed(|_| {});

        world.clock.advance(TOKEN_LIFETIME - Duration::from_secs(1));
        let restarted = load(world.folder.path(), URL, world.clock.clone());
        assert!(restarted.verify(&token).is_some());
        world.clock.advance(Duration::from_secs(1));
        assert_eq!(restarted.verify(&token), None);
    }
}
