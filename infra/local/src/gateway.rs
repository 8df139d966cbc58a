//! The HTTP server that replaces API Gateway and Cognito's endpoints in local mode.
//!
//! Checks tokens and scopes, and passes requests to the production handlers as gateway events. Plain HTTP, loopback
//! only.

mod event;
mod login_page;
mod oauth;

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use api::http::endpoint::Route;
use api::http::problem::Problem;
use api::http::request::Request as ApiRequest;
use api::http::response::Response as ApiResponse;
use api::http::server::Server;
use api::routes::ROUTES;
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderMap, ORIGIN};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode, Version};
use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::connections::{Connection, Connections};
use crate::identity::{self, Identity, POOL, Refusal};

/// Longest time for one request: the integration time-out of API Gateway.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(29);
/// Longest wait for a request's head.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// How long open requests may continue after the stop.
const STOP_TIMEOUT: Duration = Duration::from_secs(3);
/// Number of ports to try after the requested one.
const PORTS_TRIED: u16 = 100;

/// Serves the API and the token endpoints.
pub(crate) struct Gateway {
    server: Server,
    identity: Identity,
    url: String,
    allowed_origins: Vec<String>,
}

/// Binds `requested`, or the next free port after it if `may_change_port`.
///
/// # Errors
///
/// When no port is free, or the address is not a loopback address.
pub(crate) async fn bind(
    requested: SocketAddr,
    may_change_port: bool,
) -> anyhow::Result<TcpListener> {
    anyhow::ensure!(
        requested.ip().is_loopback(),
        "{requested} is not a loopback address: local mode listens on 127.0.0.1 only"
    );
    let mut address = requested;
    loop {
        match TcpListener::bind(address).await {
            Ok(listener) => return Ok(listener),
            Err(error) => {
                let is_taken = error.kind() == std::io::ErrorKind::AddrInUse;
                let next = address
                    .port()
                    .checked_add(1)
                    .filter(|port| *port <= requested.port().saturating_add(PORTS_TRIED));
                match next.filter(|_| is_taken && may_change_port) {
                    Some(port) => address.set_port(port),
                    None => {
                        return Err(error)
                            .with_context(|| format!("could not listen on {address}"));
                    }
                }
            }
        }
    }
}

impl Gateway {
    /// Returns a gateway in front of `server`; `url` is its own URL.
    pub(crate) fn new(
        server: Server,
        identity: Identity,
        url: String,
        allowed_origins: Vec<String>,
    ) -> Self {
        Self {
            server,
            identity,
            url,
            allowed_origins,
        }
    }

    /// Answers requests until `stop` turns true, then lets open requests finish for a moment.
    pub(crate) async fn serve(
        self: Arc<Self>,
        listener: TcpListener,
        mut stop: watch::Receiver<bool>,
    ) {
        let mut connections = Connections::of(listener, "gateway");
        let mut serving = JoinSet::new();
        loop {
            let connection = tokio::select! {
                connection = connections.next() => connection,
                _ = stop.wait_for(|stop| *stop) => break,
            };
            serving.spawn(Arc::clone(&self).serve_connection(connection, stop.clone()));
            while serving.try_join_next().is_some() {}
        }
        drop(connections);
        let finished = async { while serving.join_next().await.is_some() {} };
        // Dropping the set closes the connections that are still open.
        let _ = tokio::time::timeout(STOP_TIMEOUT, finished).await;
    }

    async fn serve_connection(
        self: Arc<Self>,
        connection: Connection,
        mut stop: watch::Receiver<bool>,
    ) {
        let Connection {
            stream,
            slot: _slot,
        } = connection;
        let service = service_fn(|request| self.answer(request));
        let mut http = hyper::server::conn::http1::Builder::new();
        http.timer(TokioTimer::new())
            .header_read_timeout(HEAD_TIMEOUT);
        let connection = http.serve_connection(TokioIo::new(stream), service);
        let mut connection = std::pin::pin!(connection);
        // Errors of a connection concern its client only.
        tokio::select! {
            _ = connection.as_mut() => return,
            _ = stop.wait_for(|stop| *stop) => connection.as_mut().graceful_shutdown(),
        }
        let _ = connection.await;
    }

    async fn answer(
        &self,
        request: Request<Incoming>,
    ) -> Result<Response<Full<Bytes>>, Infallible> {
        let answering = async {
            if let Err(problem) = check_head(&request) {
                return problem_response(&event::request_id(), &problem);
            }
            let path = request.uri().path().to_owned();
            let documents = format!("/{POOL}/.well-known/");
            match path.as_str() {
                path if path == format!("{documents}jwks.json") => {
                    json_response(StatusCode::OK, &self.identity.key_set())
                }
                path if path == format!("{documents}openid-configuration") => {
                    json_response(StatusCode::OK, &self.identity.discovery(&self.url))
                }
                path => match oauth::method_of(path) {
                    Some(method) => self.oauth(path, method, request).await,
                    None => self.call(&request, path).await,
                },
            }
        };
        let answer = tokio::time::timeout(REQUEST_TIMEOUT, answering).await;
        Ok(answer.unwrap_or_else(|_| {
            let problem = Problem::unavailable("no answer within the gateway's time-out");
            problem_response(&event::request_id(), &problem)
        }))
    }

    /// Calls the handler of a request that its token allows.
    async fn call(&self, request: &Request<Incoming>, path: &str) -> Response<Full<Bytes>> {
        let (id, headers) = (event::request_id(), request.headers());
        let origin = headers.get(ORIGIN).and_then(|origin| origin.to_str().ok());
        let allowed_origin =
            origin.filter(|origin| self.allowed_origins.iter().any(|allowed| allowed == origin));
        let Some(route) = ROUTES.iter().find(|route| route.path == path) else {
            return self.with_origin(
                problem_response(&id, &Problem::not_found("such path")),
                allowed_origin,
            );
        };
        // Preflight requests have no token.
        let claims = if request.method() == Method::OPTIONS {
            None
        } else {
            match self.claims(route, headers) {
                Ok(claims) => claims,
                Err(problem) => {
                    return self.with_origin(problem_response(&id, &problem), allowed_origin);
                }
            }
        };
        let event = event::from_request(request, route, claims.as_ref(), &id);
        match event::call(&self.server, event).await {
            Ok(response) => response,
            Err(error) => {
                tracing::error!(error = %error, "production code could not decode the gateway event or encode the response");
                problem_response(&id, &Problem::internal(error.to_string()))
            }
        }
    }

    /// Returns the claims of a valid token.
    ///
    /// Like API Gateway's Cognito authorizer, answers 401 to a token without the route's scope.
    fn claims(
        &self,
        route: &Route,
        headers: &HeaderMap,
    ) -> Result<Option<BTreeMap<String, String>>, Problem> {
        let Some(scope) = route.scope else {
            return Ok(None);
        };
        let Some(token) = bearer_token(headers) else {
            return Err(Problem::unauthorized());
        };
        let claims = self.identity.verify(token).and_then(|claims| {
            let scopes = claims.get("scope").map_or("", String::as_str);
            if scopes.split_whitespace().any(|word| word == scope) {
                Ok(claims)
            } else {
                Err(Refusal::ScopeMissing)
            }
        });
        claims.map(Some).map_err(|refusal| {
            tracing::info!(
                reason = refusal.reason(),
                key.id = identity::key_id(token),
                request.path = route.path,
                "refused a token"
            );
            Problem::unauthorized()
        })
    }

    fn with_origin(
        &self,
        mut response: Response<Full<Bytes>>,
        origin: Option<&str>,
    ) -> Response<Full<Bytes>> {
        if let Some(Ok(origin)) = origin.map(hyper::header::HeaderValue::from_str) {
            response
                .headers_mut()
                .insert("access-control-allow-origin", origin);
        }
        response
    }
}

/// Checks what must be in the head of a request once, or at most once: two parties may read another one of two.
///
/// # Errors
///
/// 400 for two `Authorization` headers, and for anything but one `Host` on HTTP/1.1 (RFC 9112 §3.2).
fn check_head<B>(request: &Request<B>) -> Result<(), Problem> {
    let count = |name| request.headers().get_all(name).iter().count();
    let hosts = count(HOST);
    if hosts > 1 || (hosts == 0 && request.version() == Version::HTTP_11) {
        let detail = format!("the request has {hosts} Host headers, must have one");
        return Err(Problem::bad_parameter("Host", detail));
    }
    let authorizations = count(AUTHORIZATION);
    if authorizations > 1 {
        let detail =
            format!("the request has {authorizations} Authorization headers, may have one");
        return Err(Problem::bad_parameter("Authorization", detail));
    }
    Ok(())
}

/// Returns the token in the `Authorization` header, with the scheme `Bearer` in any case or without a scheme, as API
/// Gateway reads it; `None` without one.
fn bearer_token(headers: &HeaderMap) -> Option<&str> {
    let header = headers.get(AUTHORIZATION)?.to_str().ok()?.trim();
    let token = match header.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token.trim(),
        _ => header,
    };
    (!token.is_empty()).then_some(token)
}

fn json_response(status: StatusCode, body: &Value) -> Response<Full<Bytes>> {
    let response = Response::builder()
        .status(status)
        .header(CONTENT_TYPE, "application/json")
        .header("cache-control", "no-store");
    response
        .body(Full::from(body.to_string()))
        .unwrap_or_default()
}

/// Returns a problem of the gateway itself, in the form of the handlers' problems.
fn problem_response(id: &str, problem: &Problem) -> Response<Full<Bytes>> {
    let request = ApiRequest {
        id: id.to_owned(),
        ..ApiRequest::default()
    };
    let answer = ApiResponse::from_problem(&request, problem);
    let mut response = Response::builder().status(answer.status);
    for (name, value) in &answer.headers {
        response = response.header(*name, value);
    }
    response.body(Full::from(answer.body)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(version: Version, headers: &[(&str, &str)]) -> Request<()> {
        let mut request = Request::get("/users").version(version);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap()
    }

    #[test]
    fn a_request_has_one_host_and_at_most_one_authorization() {
        let (host, token) = (("Host", "127.0.0.1"), ("Authorization", "Bearer a"));
        let new = |headers: &[_]| check_head(&request(Version::HTTP_11, headers)).is_ok();
        let old = |headers: &[_]| check_head(&request(Version::HTTP_10, headers)).is_ok();

        assert!(new(&[host]) && new(&[host, token]) && old(&[]) && old(&[host]));
        assert!(!new(&[]) && !new(&[host, host]) && !old(&[host, host]));
        assert!(!new(&[host, token, token]));
    }

    #[test]
    fn the_scheme_of_a_token_is_in_any_case() {
        let token = |value: &str| {
            let request = request(Version::HTTP_11, &[("Authorization", value)]);
            bearer_token(request.headers()).map(str::to_owned)
        };

        for header in ["Bearer a.b.c", "bearer a.b.c", "BEARER  a.b.c", "a.b.c"] {
            assert_eq!(token(header).as_deref(), Some("a.b.c"), "{header}");
        }
        assert_eq!(token(""), None);
        assert_eq!(token("Basic YTpi").as_deref(), Some("Basic YTpi"));
    }
}
