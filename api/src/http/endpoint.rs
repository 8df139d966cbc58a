//! An endpoint: a public description of its route, and a handler with its own ports.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use schemars::{Schema, SchemaGenerator};

use crate::http::answer::Answer;
use crate::http::caller::Caller;
use crate::http::media_type::MediaType;
use crate::http::parameter::Parameter;
use crate::http::problem::{Code, Problem};
use crate::http::request::Parameters;

/// Description of one endpoint, for the gateway, the template, the documents and the tests.
#[derive(Debug)]
pub struct Route {
    /// Path below the API's root. The method is always GET.
    pub path: &'static str,
    /// Name of the binary and of the Lambda function that answers.
    pub function: &'static str,
    /// Scope that the token must have; `None` if the endpoint needs no token.
    pub scope: Option<&'static str>,
    /// One line for the documents.
    pub summary: &'static str,
    /// What the numbers mean, for the documents.
    pub description: &'static str,
    /// Media types of a 200 answer. The first one is the default.
    pub media_types: &'static [MediaType],
    /// All allowed parameters.
    pub parameters: &'static [Parameter],
    /// Codes of the problems that this endpoint may answer with, in addition to those of every endpoint.
    pub problems: &'static [Code],
    /// Schema of a 200 answer in JSON.
    pub schema: fn(&mut SchemaGenerator) -> Schema,
}

/// A scope that lets a route answer with more. The token needs the route's own scope too.
#[derive(Debug)]
pub struct ExtraScope {
    /// The scope.
    pub name: &'static str,
    /// Path of the route.
    pub path: &'static str,
    /// One line for the documents.
    pub summary: &'static str,
}

/// One authorised request, with everything that a handler needs.
#[derive(Debug)]
pub struct Call<'a> {
    /// The caller, which has the route's scope.
    pub caller: &'a Caller,
    /// The media type of the route that the request prefers.
    pub media_type: MediaType,
    /// The query, validated against the route's parameters.
    pub parameters: &'a Parameters,
    /// The current time.
    pub now: DateTime<Utc>,
    /// The id that the gateway gave this request.
    pub request_id: &'a str,
    /// Variables of the gateway's stage.
    pub stage_variables: &'a BTreeMap<String, String>,
}

/// Answers authorised requests of one route.
#[async_trait]
pub trait Handler: Send + Sync {
    /// Returns the answer.
    ///
    /// # Errors
    ///
    /// A [`Problem`] for the caller; never an error of the runtime.
    async fn answer(&self, call: Call<'_>) -> Result<Answer, Problem>;
}

/// A route with its handler.
#[derive(Clone)]
pub struct Endpoint {
    /// The description.
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
