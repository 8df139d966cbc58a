//! The authorization endpoint: a request for a login, checked as Cognito checks it, and the code that the login returns.

use std::collections::BTreeMap;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use url::Url;

use super::account::Account;

/// Length of a code challenge: the SHA-256 of the verifier in base64url (RFC 7636 §4.2).
const CHALLENGE_LENGTH: usize = 43;

/// The client for pages: it has no secret, so each of its logins needs PKCE.
pub(crate) struct BrowserClient {
    /// URLs that a login or a log-out may return to, to the letter.
    pub(crate) redirect_uris: Vec<String>,
    /// Scopes that it may request.
    pub(crate) scopes: Vec<&'static str>,
}

impl BrowserClient {
    /// Its id.
    pub(crate) const ID: &str = "mrt-dashboard";
}

/// A login that may continue with the choice of an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LoginRequest {
    pub(super) redirect_uri: String,
    pub(super) scopes: Vec<&'static str>,
    state: Option<String>,
    code_challenge: String,
}

/// What a code stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Grant {
    pub(super) account: Account,
    pub(super) scopes: Vec<&'static str>,
    redirect_uri: String,
    code_challenge: String,
}

/// Why a login cannot start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum LoginError {
    /// Client or redirect URI are unknown: nothing may be sent to that URI.
    Refused(&'static str),
    /// Any other error goes to the client, by redirecting to this URL.
    Redirect(String),
}

impl LoginRequest {
    /// Checks the parameters of a request that `client` may have sent.
    pub(super) fn parse(
        parameters: &BTreeMap<String, String>,
        client: &BrowserClient,
    ) -> Result<Self, LoginError> {
        let parameter = |name: &str| parameters.get(name).map(String::as_str);
        if parameter("client_id") != Some(BrowserClient::ID) {
            return Err(LoginError::Refused("the client does not exist"));
        }
        let redirect_uri = parameter("redirect_uri").unwrap_or_default().to_owned();
        if !client.redirect_uris.contains(&redirect_uri) {
            return Err(LoginError::Refused(
                "redirect_mismatch: the redirect_uri is not registered for this client",
            ));
        }
        let state = parameter("state").map(str::to_owned);
        let error = |code: &str| {
            let pairs = [("error", code)];
            LoginError::Redirect(with_query(&redirect_uri, &pairs, state.as_deref()))
        };
        if parameter("response_type") != Some("code") {
            return Err(error("unsupported_response_type"));
        }
        let challenge = parameter("code_challenge").unwrap_or_default();
        let is_s256 = parameter("code_challenge_method") == Some("S256");
        if !is_s256 || challenge.len() != CHALLENGE_LENGTH {
            return Err(error("invalid_request"));
        }
        let scope = parameter("scope").unwrap_or_default();
        let requested: Option<Vec<&'static str>> = scope
            .split_whitespace()
            .map(|word| client.scopes.iter().copied().find(|known| *known == word))
            .collect();
        let requested = requested.ok_or_else(|| error("invalid_scope"))?;
        Ok(Self {
            // Without a scope, a token has all scopes of its client, as Cognito's has.
            scopes: if requested.is_empty() {
                client.scopes.clone()
            } else {
                requested
            },
            code_challenge: challenge.to_owned(),
            state,
            redirect_uri,
        })
    }

    /// Returns what a login of `account` grants.
    pub(super) fn grant(&self, account: Account) -> Grant {
        let is_allowed = |scope: &&'static str| !account.denied_scopes.contains(scope);
        Grant {
            scopes: self.scopes.iter().copied().filter(is_allowed).collect(),
            account,
            redirect_uri: self.redirect_uri.clone(),
            code_challenge: self.code_challenge.clone(),
        }
    }

    /// Returns the URL that gives `code` to the client.
    pub(super) fn answer(&self, code: &str) -> String {
        with_query(&self.redirect_uri, &[("code", code)], self.state.as_deref())
    }
}

impl Grant {
    /// Returns whether a token request belongs to the login: same URL, and the verifier behind the challenge.
    pub(super) fn is_proven(&self, redirect_uri: &str, verifier: &str) -> bool {
        let challenge = URL_SAFE_NO_PAD.encode(digest(&SHA256, verifier.as_bytes()));
        let is_verified =
            verify_slices_are_equal(challenge.as_bytes(), self.code_challenge.as_bytes());
        self.redirect_uri == redirect_uri && is_verified.is_ok()
    }
}

/// Returns `uri` with `pairs` and the `state`, if the client sent one, in its query.
fn with_query(uri: &str, pairs: &[(&str, &str)], state: Option<&str>) -> String {
    let Ok(mut url) = Url::parse(uri) else {
        return uri.to_owned();
    };
    let state = state.map(|state| ("state", state));
    url.query_pairs_mut()
        .extend_pairs(pairs.iter().copied().chain(state));
    url.into()
}
