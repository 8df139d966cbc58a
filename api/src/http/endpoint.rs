//! What an endpoint is: facts that everybody may read, and a handler over its own ports.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use schemars::{Schema, SchemaGenerator};

use crate::http::answer::Answer;
use crate::http::caller::Caller;
use crate::http::media_type::MediaType;
use crate::http::parameter::Parameter;
use crate::http::problem::Problem;
use crate::http::request::Parameters;

/// Facts of one endpoint: what the gateway, the template, the documents and the tests need to know.
#[derive(Debug)]
pub struct Route {
    /// Path below the API's root. The method is always GET.
    pub path: &'static str,
    /// Name of the binary and of the Lambda function that answers.
    pub function: &'static str,
    /// Scope that the token must have; `None` for endpoints that need no token.
    pub scope: Option<&'static str>,
    /// One line for the documents.
    pub summary: &'static str,
    /// What the numbers mean, for the documents.
    pub description: &'static str,
    /// Media types of a 200 answer. The first one is the default.
    pub media_types: &'static [MediaType],
    /// Every parameter that is allowed.
    pub parameters: &'static [Parameter],
    /// Codes of the problems that this endpoint may answer beside those that every endpoint may.
    pub problems: &'static [crate::http::problem::Code],
    /// Schema of the body of a 200 answer that is JSON.
    pub schema: fn(&mut SchemaGenerator) -> Schema,
}

/// A scope that changes what a route answers. The token needs the route's own scope too.
#[derive(Debug)]
pub struct ExtraScope {
    /// The scope.
    pub name: &'static str,
    /// Path of the route.
    pub path: &'static str,
    /// What it allows, one line for the documents.
    pub summary: &'static str,
}

/// One authorised request, with everything that a handler may know of it.
#[derive(Debug)]
pub struct Call<'a> {
    /// Who calls; holds the route's scope, where it has one.
    pub caller: &'a Caller,
    /// The media type of the route that the request prefers.
    pub media_type: MediaType,
    /// The query, checked against the route's parameters.
    pub parameters: &'a Parameters,
    /// Now.
    pub now: DateTime<Utc>,
    /// The gateway's id of this request.
    pub request_id: &'a str,
}

/// Answers authorised requests of one route.
#[async_trait]
pub trait Handler: Send + Sync {
    /// Returns the answer.
    ///
    /// # Errors
    ///
    /// A [`Problem`] in words for the caller; never an error of the runtime.
    async fn answer(&self, call: Call<'_>) -> Result<Answer, Problem>;
}

/// A route with its handler.
#[derive(Clone)]
pub struct Endpoint {
    /// The facts.
    pub route: &'static Route,
    /// The handler.
    pub handler: Arc<dyn Handler>,
}

impl Endpoint {
    /// Returns the endpoint of `route` and `handler`.
    pub fn new(route: &'static Route, handler: impl Handler + 'static) -> Self {
        Self {
            route,
            handler: Arc::new(handler),
        }
    }
}
