//! The token endpoint: tokens for client credentials, for authorization codes and for refresh tokens.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::login::BrowserClient;
use super::{ClientCredentials, Identity, MACHINE_CLIENT_ID, TOKEN_LIFETIME};

/// Error codes of RFC 6749 for token requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TokenError {
    /// A grant type that does not exist here.
    UnsupportedGrantType,
    /// Unknown client or wrong secret.
    InvalidClient,
    /// The client may not use this grant type.
    UnauthorizedClient,
    /// A code or refresh token that is unknown, used, expired or of another login.
    InvalidGrant,
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
            Self::UnauthorizedClient => "unauthorized_client",
            Self::InvalidGrant => "invalid_grant",
            Self::InvalidScope => "invalid_scope",
            Self::InvalidRequest => "invalid_request",
        }
    }
}

/// Fields of a token request, and the credentials of its Basic header.
struct TokenRequest<'a> {
    form: &'a BTreeMap<String, String>,
    basic: Option<ClientCredentials>,
}

impl TokenRequest<'_> {
    fn field(&self, name: &str) -> Option<&str> {
        self.form.get(name).map(String::as_str)
    }

    /// Returns the client's credentials, from the header or the form; `None` without a secret.
    fn credentials(&self) -> Option<ClientCredentials> {
        let posted = self.field("client_id").zip(self.field("client_secret"));
        let posted = posted.map(|(id, secret)| ClientCredentials {
            id: id.to_owned(),
            secret: secret.to_owned(),
        });
        self.basic.clone().or(posted)
    }

    /// Checks that the request is the browser client's, which has no secret.
    fn check_browser_client(&self) -> Result<(), TokenError> {
        match (self.credentials(), self.field("client_id")) {
            (None, Some(BrowserClient::ID)) => Ok(()),
            (Some(client), _) if client.id == MACHINE_CLIENT_ID => {
                Err(TokenError::UnauthorizedClient)
            }
            _ => Err(TokenError::InvalidClient),
        }
    }
}

impl Identity {
    /// Answers a token request with the fields of `form` and the credentials of a Basic header.
    pub(crate) fn token(
        &self,
        form: &BTreeMap<String, String>,
        basic: Option<ClientCredentials>,
    ) -> Result<Value, TokenError> {
        let request = TokenRequest { form, basic };
        match request.field("grant_type") {
            Some("client_credentials") => self.by_client_credentials(&request),
            Some("authorization_code") => self.by_code(&request),
            Some("refresh_token") => self.by_refresh_token(&request),
            _ => Err(TokenError::UnsupportedGrantType),
        }
    }

    /// Without `scope` the token has all scopes, as Cognito's has. The JSON object in `aws_client_metadata` may
    /// contain `environments`, which limits the token.
    fn by_client_credentials(&self, request: &TokenRequest<'_>) -> Result<Value, TokenError> {
        if request.credentials().is_none() && request.field("client_id") == Some(BrowserClient::ID)
        {
            return Err(TokenError::UnauthorizedClient);
        }
        if request.credentials() != Some(self.client()) {
            return Err(TokenError::InvalidClient);
        }
        let scope = request.field("scope").filter(|scope| !scope.is_empty());
        let scopes: Vec<&str> = scope.map_or_else(
            || self.scopes.clone(),
            |scope| scope.split_whitespace().collect(),
        );
        if scopes.iter().any(|scope| !self.scopes.contains(scope)) {
            return Err(TokenError::InvalidScope);
        }
        let environments = match request.field("aws_client_metadata") {
            None => None,
            Some(text) => {
                let metadata: BTreeMap<String, String> =
                    serde_json::from_str(text).map_err(|_| TokenError::InvalidRequest)?;
                metadata.get("environments").cloned()
            }
        };
        self.answer(&self.machine_claims(&scopes.join(" "), environments), None)
    }

    /// A code works once, whether its request is right or not.
    fn by_code(&self, request: &TokenRequest<'_>) -> Result<Value, TokenError> {
        request.check_browser_client()?;
        let field = |name: &str| request.field(name).unwrap_or_default();
        let grant = self.codes.take(field("code"));
        let grant = grant
            .filter(|grant| grant.is_proven(field("redirect_uri"), field("code_verifier")))
            .ok_or(TokenError::InvalidGrant)?;
        let scope = grant.scopes.join(" ");
        let access = self.person_claims(&grant.account, &scope, self.now());
        let refresh = self.refresh_claims(&grant.account, &scope);
        self.answer(&access, Some(&refresh))
    }

    /// The refresh token stays valid and is not replaced, as with Cognito's default.
    fn by_refresh_token(&self, request: &TokenRequest<'_>) -> Result<Value, TokenError> {
        request.check_browser_client()?;
        let token = request.field("refresh_token").unwrap_or_default();
        let claims = self
            .key
            .verify(token, &self.issuer, self.now())
            .map_err(|_| TokenError::InvalidGrant)?;
        let text = |name: &str| claims.get(name).and_then(Value::as_str).unwrap_or_default();
        if text("token_use") != "refresh" || text("client_id") != BrowserClient::ID {
            return Err(TokenError::InvalidGrant);
        }
        let account = self.account(text("sub")).ok_or(TokenError::InvalidGrant)?;
        let logged_in_at = claims
            .get("iat")
            .and_then(Value::as_i64)
            .unwrap_or_default();
        self.answer(
            &self.person_claims(account, text("scope"), logged_in_at),
            None,
        )
    }

    fn answer(
        &self,
        access: &Map<String, Value>,
        refresh: Option<&Map<String, Value>>,
    ) -> Result<Value, TokenError> {
        let sign = |claims| {
            self.key
                .sign(claims)
                .map_err(|_| TokenError::InvalidRequest)
        };
        let mut answer = json!({
            "access_token": sign(access)?,
            "expires_in": TOKEN_LIFETIME.as_secs(),
            "token_type": "Bearer",
        });
        if let Some(refresh) = refresh {
            answer["refresh_token"] = sign(refresh)?.into();
        }
        Ok(answer)
    }
}
