//! The claims of tokens, in the form of Cognito's, and what makes an access token valid.

use std::collections::BTreeMap;
use std::time::Duration;

use api::http::caller::{ALL, ENVIRONMENT_GROUP_PREFIX, ENVIRONMENTS_CLAIM};
use serde_json::{Map, Value, json};
use shared::config::EVERY_ENVIRONMENT;

use super::account::Account;
use super::login::BrowserClient;
use super::refusal::Refusal;
use super::{Identity, MACHINE_CLIENT_ID, REFRESH_LIFETIME, TOKEN_LIFETIME};

impl Identity {
    /// Returns the claims of an access token for the machine client, limited to `environments`; all without them.
    ///
    /// A deployment's pre-token function adds the claim that limits it.
    pub(super) fn machine_claims(
        &self,
        scope: &str,
        environments: Option<String>,
    ) -> Map<String, Value> {
        let mut claims = self.claims(
            "access",
            MACHINE_CLIENT_ID,
            MACHINE_CLIENT_ID,
            TOKEN_LIFETIME,
        );
        claims.insert("scope".to_owned(), json!(scope));
        claims.insert("auth_time".to_owned(), claims["iat"].clone());
        let environments = environments.unwrap_or_else(|| EVERY_ENVIRONMENT.to_owned());
        claims.insert(ENVIRONMENTS_CLAIM.to_owned(), environments.into());
        claims
    }

    /// Returns the claims of an access token for a person who logged in as `account` at `auth_time`, in seconds since
    /// 1970.
    pub(super) fn person_claims(
        &self,
        account: &Account,
        scope: &str,
        auth_time: i64,
    ) -> Map<String, Value> {
        let mut claims = self.claims("access", &account.name, BrowserClient::ID, TOKEN_LIFETIME);
        claims.insert("scope".to_owned(), json!(scope));
        claims.insert("auth_time".to_owned(), json!(auth_time));
        claims.insert("username".to_owned(), json!(account.name));
        let names: Vec<&str> = match &account.environments {
            Some(environments) => environments.iter().map(String::as_str).collect(),
            None => vec![ALL],
        };
        let groups = names.iter();
        let groups = groups.map(|name| format!("{ENVIRONMENT_GROUP_PREFIX}{name}"));
        claims.insert("cognito:groups".to_owned(), groups.collect());
        claims
    }

    /// Returns the claims of the refresh token of the same login.
    pub(super) fn refresh_claims(&self, account: &Account, scope: &str) -> Map<String, Value> {
        let mut claims = self.claims(
            "refresh",
            &account.name,
            BrowserClient::ID,
            REFRESH_LIFETIME,
        );
        claims.insert("scope".to_owned(), json!(scope));
        claims
    }

    fn claims(
        &self,
        token_use: &str,
        subject: &str,
        client_id: &str,
        lifetime: Duration,
    ) -> Map<String, Value> {
        let now = self.now();
        let lifetime = i64::try_from(lifetime.as_secs()).unwrap_or(i64::MAX);
        Map::from_iter([
            ("sub".to_owned(), json!(subject)),
            ("token_use".to_owned(), json!(token_use)),
            ("iss".to_owned(), json!(self.issuer)),
            ("exp".to_owned(), json!(now.saturating_add(lifetime))),
            ("iat".to_owned(), json!(now)),
            ("version".to_owned(), json!(2)),
            ("jti".to_owned(), json!(uuid::Uuid::new_v4().to_string())),
            ("client_id".to_owned(), json!(client_id)),
        ])
    }

    /// Returns the claims of a valid access token as text, the form in which the gateway passes them on, or why it is
    /// refused.
    pub(crate) fn verify(&self, token: &str) -> Result<BTreeMap<String, String>, Refusal> {
        let claims = self.key.verify(token, &self.issuer, self.now())?;
        let text = |name: &str| claims.get(name).and_then(Value::as_str);
        if text("token_use") != Some("access") {
            return Err(Refusal::NotAnAccessToken);
        }
        let clients = [MACHINE_CLIENT_ID, BrowserClient::ID];
        if !text("client_id").is_some_and(|client| clients.contains(&client)) {
            return Err(Refusal::UnknownClient);
        }
        let as_text = |value: &Value| {
            value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned)
        };
        Ok(claims
            .iter()
            .map(|(name, value)| (name.clone(), as_text(value)))
            .collect())
    }

    /// Returns the current time in seconds since 1970.
    pub(super) fn now(&self) -> i64 {
        self.clock.now().timestamp()
    }
}
