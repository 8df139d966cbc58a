//! The development issuer: tokens in the form of a Cognito user pool, for the local gateway.
//!
//! Issues RS256 access tokens to a machine (client credentials) and to people (authorization code with PKCE); serves
//! JWKS and discovery. The key is kept in the data folder, so tokens survive a restart. For one machine only: anyone who
//! can read the folder, or open the login page, can get tokens.

mod account;
mod claims;
mod key;
mod login;
mod one_time;
mod refusal;
#[cfg(test)]
mod tests;
mod token;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use shared::clock::Clock;

use crate::secret_file::load_or_create_secret;
use key::Key;
use login::{Grant, LoginRequest};
use one_time::OneTime;

pub(crate) use account::{Account, accounts_of};
pub(crate) use login::{BrowserClient, LoginError};
pub(crate) use refusal::{Refusal, key_id};

/// Name of the user pool, the last part of the issuer.
pub(crate) const POOL: &str = "local_mrt";
/// Lifetime of an access token: Cognito's default.
const TOKEN_LIFETIME: Duration = Duration::from_secs(3600);
/// Lifetime of a refresh token: that of the template's browser client.
const REFRESH_LIFETIME: Duration = Duration::from_secs(12 * 3600);
/// Lifetime of an authorization code, and of a login page: Cognito's.
const CODE_LIFETIME: Duration = Duration::from_secs(5 * 60);
const MACHINE_CLIENT_ID: &str = "mrt-development";
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
    key: Key,
    client_secret: String,
    scopes: Vec<&'static str>,
    browser_client: BrowserClient,
    accounts: Vec<Account>,
    logins: OneTime<LoginRequest>,
    codes: OneTime<Grant>,
    clock: Arc<dyn Clock>,
}

impl Identity {
    /// Loads the issuer's key from `data`, and creates it the first time. `url` is the gateway's.
    pub(crate) fn load(
        data: &Path,
        url: &str,
        scopes: Vec<&'static str>,
        browser_client: BrowserClient,
        accounts: Vec<Account>,
        clock: Arc<dyn Clock>,
    ) -> anyhow::Result<Self> {
        let client_secret = load_or_create_secret(&data.join(SECRET_FILE), || {
            Ok(uuid::Uuid::new_v4().simple().to_string())
        })?;
        Ok(Self {
            issuer: issuer(url),
            key: Key::load(data)?,
            client_secret,
            scopes,
            browser_client,
            accounts,
            logins: OneTime::new(CODE_LIFETIME, Arc::clone(&clock)),
            codes: OneTime::new(CODE_LIFETIME, Arc::clone(&clock)),
            clock,
        })
    }

    /// Returns the credentials of the machine client.
    pub(crate) fn client(&self) -> ClientCredentials {
        ClientCredentials {
            id: MACHINE_CLIENT_ID.to_owned(),
            secret: self.client_secret.clone(),
        }
    }

    /// Returns the key set that verifies the tokens.
    pub(crate) fn key_set(&self) -> Value {
        json!({"keys": [self.key.public()]})
    }

    /// Returns the discovery document; `url` is the gateway's.
    pub(crate) fn discovery(&self, url: &str) -> Value {
        json!({
            "issuer": self.issuer,
            "jwks_uri": format!("{}/.well-known/jwks.json", self.issuer),
            "authorization_endpoint": format!("{url}/oauth2/authorize"),
            "token_endpoint": format!("{url}/oauth2/token"),
            "end_session_endpoint": format!("{url}/logout"),
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "code_challenge_methods_supported": ["S256"],
            "grant_types_supported": ["authorization_code", "client_credentials", "refresh_token"],
            "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "none"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "scopes_supported": self.scopes,
        })
    }

    /// Returns the accounts that people may log in with.
    pub(crate) fn accounts(&self) -> &[Account] {
        &self.accounts
    }

    /// Starts the login that `parameters` request; returns the word with which [`Identity::log_in`] continues it, and
    /// the URL that it returns to.
    pub(crate) fn start_login(
        &self,
        parameters: &BTreeMap<String, String>,
    ) -> Result<(String, String), LoginError> {
        let request = LoginRequest::parse(parameters, &self.browser_client)?;
        let redirect_uri = request.redirect_uri.clone();
        Ok((self.logins.put(request), redirect_uri))
    }

    /// Logs in as the account with the name `account`; returns the URL that gives the client its code.
    ///
    /// `login` works once and for five minutes. `None` if it does not, or if there is no such account.
    pub(crate) fn log_in(&self, login: &str, account: &str) -> Option<String> {
        let request = self.logins.take(login)?;
        let account = self.account(account)?.clone();
        let code = self.codes.put(request.grant(account));
        Some(request.answer(&code))
    }

    /// Returns the URL to go to after a log-out; `None` if client or URL are not registered.
    ///
    /// There is no session to end: the login page asks every time, and tokens are the page's to forget.
    pub(crate) fn log_out<'a>(&self, parameters: &'a BTreeMap<String, String>) -> Option<&'a str> {
        let is_known = parameters.get("client_id")? == BrowserClient::ID;
        let uri = parameters.get("logout_uri")?;
        let is_registered = self.browser_client.redirect_uris.contains(uri);
        (is_known && is_registered).then_some(uri.as_str())
    }

    fn account(&self, name: &str) -> Option<&Account> {
        self.accounts.iter().find(|account| account.name == name)
    }
}

/// Returns the issuer of the gateway at `url`.
pub(crate) fn issuer(url: &str) -> String {
    format!("{url}/{POOL}")
}
