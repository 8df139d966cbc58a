//! `GET /` and `GET /dashboard.json`: the page for people, and the settings of its login. No data and no secrets.
//!
//! The page is one document with its script and style inside, built from `api/dashboard/` and part of the program.

mod content_policy;
mod login;

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Serialize;

use crate::http::answer::{Answer, Freshness};
use crate::http::endpoint::{Call, Endpoint, Handler, Route};
use crate::http::media_type::MediaType;
use crate::http::parameter::Parameter;
use crate::http::problem::{Code, Problem};

pub use login::{CLIENT_ID_VARIABLE, Login};

/// The page.
const DOCUMENT: &str = include_str!("../dashboard/dist/index.html");
/// Where a login returns to, relative to the page: the page itself. Relative, because the page may be at `/` or below
/// the stage of an API without a domain.
const REDIRECT_PATH: &str = "./";

/// Description of the page.
pub const PAGE_ROUTE: Route = Route {
    path: "/",
    function: "api-public",
    scope: None,
    summary: "The dashboard",
    description: "One HTML document for a browser, without data: it logs its reader in and calls the other routes.",
    media_types: &[MediaType::Html],
    // A login returns to the page with these, which only its script reads.
    parameters: &[
        Parameter::text("code", "A login's code."),
        Parameter::text("state", "The word of the login that returns."),
        Parameter::text("iss", "The issuer of the code."),
        Parameter::text("error", "Why a login failed."),
        Parameter::text("error_description", "The same for people."),
        Parameter::text("error_uri", "A document about it."),
    ],
    problems: &[],
    schema: |generator| generator.subschema_for::<String>(),
};

/// Description of the page's settings.
pub const SETTINGS_ROUTE: Route = Route {
    path: "/dashboard.json",
    function: "api-public",
    scope: None,
    summary: "Settings of the dashboard",
    description: "Where the dashboard logs its readers in, in the words of OpenID Connect Discovery. Without secrets. \
                  404 if the deployment has no login.",
    media_types: &[MediaType::Json],
    parameters: &[],
    problems: &[Code::NotFound],
    schema: |generator| generator.subschema_for::<DashboardSettings>(),
};

/// Where the dashboard logs its readers in.
#[derive(Debug, Serialize, JsonSchema)]
pub struct DashboardSettings {
    /// Issuer of the access tokens.
    pub issuer: String,
    /// URL that a login starts at: authorization code with PKCE (S256).
    pub authorization_endpoint: String,
    /// URL for tokens, by code and by refresh token.
    pub token_endpoint: String,
    /// URL that ends the login. As Cognito's, it takes `client_id` and `logout_uri`.
    pub end_session_endpoint: String,
    /// Id of the page's client, which has no secret.
    pub client_id: String,
    /// Scopes to request.
    pub scopes: Vec<String>,
    /// Where a login and a log-out return to, relative to the page's URL. The URL that results is registered with the
    /// client, to the letter.
    pub redirect_path: String,
}

struct GetPage {
    document: &'static str,
    content_policy: String,
}

struct GetSettings {
    login: Option<Login>,
    scopes: Vec<&'static str>,
}

/// Returns the endpoint of the page, which may connect to this API and to `login`.
pub fn page(login: Option<&Login>) -> Endpoint {
    let handler = GetPage {
        document: DOCUMENT,
        content_policy: content_policy::of(DOCUMENT, login.map(Login::url)),
    };
    Endpoint::new(&PAGE_ROUTE, handler)
}

/// Returns the endpoint of the settings of a page that logs in at `login` and requests `scopes`.
pub fn settings(login: Option<Login>, scopes: Vec<&'static str>) -> Endpoint {
    Endpoint::new(&SETTINGS_ROUTE, GetSettings { login, scopes })
}

#[async_trait]
impl Handler for GetPage {
    async fn answer(&self, _call: Call<'_>) -> Result<Answer, Problem> {
        let body = self.document.as_bytes().to_vec();
        Ok(Answer::of_body(MediaType::Html, body, Freshness::Program)
            .with_header("Content-Security-Policy", self.content_policy.clone())
            .with_header("Referrer-Policy", "no-referrer".to_owned()))
    }
}

#[async_trait]
impl Handler for GetSettings {
    async fn answer(&self, call: Call<'_>) -> Result<Answer, Problem> {
        let client_id = call.stage_variables.get(CLIENT_ID_VARIABLE);
        let (Some(login), Some(client_id)) = (&self.login, client_id) else {
            return Err(Problem::not_found(
                "login: this deployment is configured without one",
            ));
        };
        let settings = DashboardSettings {
            issuer: login.issuer().to_owned(),
            authorization_endpoint: format!("{}/oauth2/authorize", login.url()),
            token_endpoint: format!("{}/oauth2/token", login.url()),
            end_session_endpoint: format!("{}/logout", login.url()),
            client_id: client_id.clone(),
            scopes: self
                .scopes
                .iter()
                .map(|scope| (*scope).to_owned())
                .collect(),
            redirect_path: REDIRECT_PATH.to_owned(),
        };
        Answer::json(&settings, &settings, Freshness::Program)
    }
}
