//! What an endpoint is: facts that everybody may read, and a handler over its own ports.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use schemars::{Schema, SchemaGenerator};

use crate::http::caller::Caller;
use crate::http::problem::Problem;
use crate::http::request::Parameters;
use crate::http::response::Answer;

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
    /// Every parameter that is allowed.
    pub parameters: &'static [Parameter],
    /// Codes of the problems that this endpoint may answer beside those that every endpoint may.
    pub problems: &'static [crate::http::problem::Code],
    /// Schema of the body of a 200 answer.
    pub schema: fn(&mut SchemaGenerator) -> Schema,
}

/// One query parameter.
#[derive(Debug)]
pub struct Parameter {
    /// Name in the query.
    pub name: &'static str,
    /// What it selects.
    pub description: &'static str,
    /// Which values are allowed.
    pub kind: ParameterKind,
    /// Whether a request without it is refused.
    pub is_required: bool,
}

/// Values that a parameter may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParameterKind {
    /// Text of 1 to 1,024 bytes.
    Text,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// A whole number from 1 that may be left out.
    OptionalNumber {
        /// Greatest value.
        most: u64,
    },
    /// A whole number.
    Number {
        /// Least value.
        least: u64,
        /// Greatest value.
        most: u64,
        /// Value when the parameter is absent.
        default: u64,
    },
}

impl Parameter {
    /// Returns an optional text parameter.
    pub const fn text(name: &'static str, description: &'static str) -> Self {
        Self {
            name,
            description,
            kind: ParameterKind::Text,
            is_required: false,
        }
    }

    /// Returns a text parameter that every request must have.
    pub const fn required_text(name: &'static str, description: &'static str) -> Self {
        Self {
            name,
            description,
            kind: ParameterKind::Text,
            is_required: true,
        }
    }

    /// Returns an optional parameter that is one of `words`; it has no default.
    pub const fn choice(
        name: &'static str,
        description: &'static str,
        words: &'static [&'static str],
    ) -> Self {
        Self {
            name,
            description,
            kind: ParameterKind::Choice(words),
            is_required: false,
        }
    }

    /// Returns a whole number from 1 to `most` that means nothing when it is left out.
    pub const fn optional_number(name: &'static str, description: &'static str, most: u64) -> Self {
        Self {
            name,
            description,
            kind: ParameterKind::OptionalNumber { most },
            is_required: false,
        }
    }

    /// Returns a whole number from 1 to `most`.
    pub const fn number(
        name: &'static str,
        description: &'static str,
        most: u64,
        default: u64,
    ) -> Self {
        Self {
            name,
            description,
            kind: ParameterKind::Number {
                least: 1,
                most,
                default,
            },
            is_required: false,
        }
    }
}

/// One authorised request, with everything that a handler may know of it.
#[derive(Debug)]
pub struct Call<'a> {
    /// Who calls; holds the route's scope, where it has one.
    pub caller: &'a Caller,
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
