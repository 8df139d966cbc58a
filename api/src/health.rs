//! `GET /health`: reports that the API answers. It reads nothing, so it costs nothing and needs no token.

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Serialize;

use crate::http::answer::{Answer, Freshness};
use crate::http::endpoint::{Call, Endpoint, Handler, Route};
use crate::http::media_type::MediaType;
use crate::http::problem::Problem;

/// Description of this endpoint.
pub const ROUTE: Route = Route {
    path: "/health",
    function: "api-public",
    scope: None,
    summary: "Whether the API answers",
    description: "Answers as long as the gateway and the function run. Does not check stores or databases.",
    media_types: &[MediaType::Json],
    parameters: &[],
    problems: &[],
    schema: |generator| generator.subschema_for::<Health>(),
};

/// Health of the API.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Health {
    /// Always `ok`.
    pub status: String,
}

struct GetHealth;

/// Returns the endpoint.
pub fn endpoint() -> Endpoint {
    Endpoint::new(&ROUTE, GetHealth)
}

#[async_trait]
impl Handler for GetHealth {
    async fn answer(&self, _call: Call<'_>) -> Result<Answer, Problem> {
        let health = Health {
            status: "ok".to_owned(),
        };
        Answer::json(&health, &health, Freshness::Live)
    }
}
