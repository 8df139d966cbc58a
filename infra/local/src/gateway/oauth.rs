//! The endpoints of a Cognito user pool's domain: `/oauth2/authorize`, `/login`, `/oauth2/token` and `/logout`.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{
    ACCESS_CONTROL_ALLOW_ORIGIN, AUTHORIZATION, HOST, HeaderMap, HeaderValue, LOCATION,
};
use hyper::{Method, Request, Response, StatusCode};
use serde_json::json;

use super::login_page;
use super::{Gateway, json_response};
use crate::identity::{ClientCredentials, LoginError};

/// Largest body of a form.
const FORM_LIMIT_BYTES: usize = 64 * 1024;
/// Host names of this machine. A page of another host that resolves to this machine must get no code and no token.
const OWN_HOSTS: [&str; 3] = ["127.0.0.1", "[::1]", "localhost"];

/// Returns the method of the endpoint at `path`; `None` if there is none.
pub(super) fn method_of(path: &str) -> Option<Method> {
    match path {
        "/oauth2/authorize" | "/logout" => Some(Method::GET),
        "/oauth2/token" | "/login" => Some(Method::POST),
        _ => None,
    }
}

impl Gateway {
    /// Answers a request of the endpoint at `path`, whose method is `method`.
    pub(super) async fn oauth(
        &self,
        path: &str,
        method: Method,
        request: Request<Incoming>,
    ) -> Response<Full<Bytes>> {
        if !is_on_this_machine(request.headers()) {
            return error(StatusCode::MISDIRECTED_REQUEST, "invalid_request");
        }
        if request.method() != method {
            return error(StatusCode::METHOD_NOT_ALLOWED, "invalid_request");
        }
        match path {
            "/oauth2/authorize" => self.authorize(&request),
            "/login" => self.log_in(request).await,
            "/logout" => self.log_out(&request),
            _ => self.token(request).await,
        }
    }

    /// Shows the accounts, or tells the client or the reader why not.
    fn authorize(&self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        let Some(parameters) = fields(query(request).as_bytes()) else {
            return login_page::refusal("a parameter is given twice");
        };
        match self.identity.start_login(&parameters) {
            Ok((login, redirect_uri)) => {
                login_page::accounts(&login, &redirect_uri, self.identity.accounts())
            }
            Err(LoginError::Redirect(url)) => redirect(&url),
            Err(LoginError::Refused(reason)) => login_page::refusal(reason),
        }
    }

    /// Takes the choice of an account back to the client.
    async fn log_in(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let form = form(request).await.unwrap_or_default();
        let field = |name: &str| form.get(name).map_or("", String::as_str);
        match self.identity.log_in(field("login"), field("account")) {
            Some(url) => redirect(&url),
            None => login_page::refusal("this login is over: start again from the page"),
        }
    }

    fn log_out(&self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        let parameters = fields(query(request).as_bytes()).unwrap_or_default();
        match self.identity.log_out(&parameters) {
            Some(url) => redirect(url),
            None => {
                login_page::refusal("client_id and logout_uri must be those of a registered client")
            }
        }
    }

    async fn token(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let basic = basic_credentials(request.headers());
        let answer = match form(request).await {
            Some(form) => self
                .identity
                .token(&form, basic)
                .map_err(|error| error.as_str()),
            None => Err("invalid_request"),
        };
        let mut response = match answer {
            Ok(token) => json_response(StatusCode::OK, &token),
            Err("invalid_client") => error(StatusCode::UNAUTHORIZED, "invalid_client"),
            Err(reason) => error(StatusCode::BAD_REQUEST, reason),
        };
        // As Cognito: a page of any origin may ask, because a code and its verifier prove which login it belongs to.
        response
            .headers_mut()
            .insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        response
    }
}

fn is_on_this_machine(headers: &HeaderMap) -> bool {
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    let host = host.unwrap_or_default();
    let is_port = |port: &str| port.bytes().all(|byte| byte.is_ascii_digit());
    OWN_HOSTS.iter().any(|own| {
        let port = host.strip_prefix(own);
        port.is_some_and(|port| port.is_empty() || port.strip_prefix(':').is_some_and(is_port))
    })
}

fn query(request: &Request<Incoming>) -> &str {
    request.uri().query().unwrap_or_default()
}

/// Returns the fields of a posted form; `None` if it is too large, cannot be read, or has a field twice.
async fn form(request: Request<Incoming>) -> Option<BTreeMap<String, String>> {
    let body = Limited::new(request.into_body(), FORM_LIMIT_BYTES);
    fields(&body.collect().await.ok()?.to_bytes())
}

/// Returns the fields of a query or a form; `None` if one is given twice (RFC 6749 §3.1).
fn fields(text: &[u8]) -> Option<BTreeMap<String, String>> {
    let mut fields = BTreeMap::new();
    for (name, value) in url::form_urlencoded::parse(text).into_owned() {
        if fields.insert(name, value).is_some() {
            return None;
        }
    }
    Some(fields)
}

fn basic_credentials(headers: &HeaderMap) -> Option<ClientCredentials> {
    let encoded = headers
        .get(AUTHORIZATION)?
        .to_str()
        .ok()?
        .strip_prefix("Basic ")?;
    let text = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    text.split_once(':').map(|(id, secret)| ClientCredentials {
        id: id.to_owned(),
        secret: secret.to_owned(),
    })
}

fn error(status: StatusCode, code: &str) -> Response<Full<Bytes>> {
    json_response(status, &json!({"error": code}))
}

/// Returns a redirect, which no cache may keep: its URL may contain a code.
fn redirect(url: &str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = StatusCode::FOUND;
    let headers = response.headers_mut();
    headers.insert("cache-control", HeaderValue::from_static("no-store"));
    headers.insert("referrer-policy", HeaderValue::from_static("no-referrer"));
    if let Ok(url) = HeaderValue::from_str(url) {
        headers.insert(LOCATION, url);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machines_own_names_are_answered() {
        let is_here = |host: &'static str| {
            let headers = [(HOST, HeaderValue::from_static(host))];
            is_on_this_machine(&HeaderMap::from_iter(headers))
        };

        for own in [
            "127.0.0.1:8080",
            "localhost",
            "localhost:9000",
            "[::1]:8080",
        ] {
            assert!(is_here(own), "{own}");
        }
        for other in [
            "evil.example",
            "evil.example:8080",
            "127.0.0.1.evil.example",
            "localhost.evil.example:8080",
            "localhost:8080.evil.example",
            "",
        ] {
            assert!(!is_here(other), "{other}");
        }
        assert!(!is_on_this_machine(&HeaderMap::new()));
    }

    #[test]
    fn a_field_that_is_given_twice_is_an_error() {
        assert_eq!(
            fields(b"a=1&b=%C3%BC").map(|fields| fields["b"].clone()),
            Some("ü".into())
        );
        assert_eq!(fields(b"a=1&a=2"), None);
    }
}
