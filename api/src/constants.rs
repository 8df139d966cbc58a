//! `GET /micro_flow_constants`: the constants of an environment, with secrets masked.
//!
//! The runtime does not report its constants, so the answer is derived from what the runtime is started with: the
//! model's definitions and defaults, and the layers that override them.

mod compare;
mod filter;
mod kind;
mod layers;
mod mask;
mod model;
mod overlay;
mod pattern;
mod read;
mod view;

use std::sync::Arc;

use async_trait::async_trait;
use futures::future::join;
use shared::fleet::FleetSource;

use crate::http::answer::{Answer, Freshness};
use crate::http::endpoint::{Call, Endpoint, Handler, Route};
use crate::http::media_type::MediaType;
use crate::http::parameter::Parameter;
use crate::http::problem::{Code, Problem};
use crate::targets;
use shared::deployment_key::DeploymentKey;

pub use compare::MAX_DIFFERENCES;
pub use filter::Filter;
pub use layers::document::{LAYER_LIMIT_BYTES, MODEL_LIMIT_BYTES};
pub use layers::error::{LayerError, Position};
pub use layers::layer::{MAX_LAYER_CONSTANTS, PendingReason};
pub use layers::source::{LAYER_TIMEOUT, PARSE_TIMEOUT, Sources};
pub use mask::{MaskReason, Proof, SHOWN_LIMIT_BYTES};
pub use overlay::Status;
pub use read::{ConstantsError, MAX_CONSTANTS, Reading, read_constants};
pub use view::comparison::{Comparison, ComparisonCounts, Difference, DifferenceView, SideView};
pub use view::constant::{ConstantView, LinkView, ModelView};
pub use view::{ConstantCounts, Constants, LayerView};

/// Description of this endpoint.
pub const ROUTE: Route = Route {
    path: "/micro_flow_constants",
    function: "api-constants",
    scope: Some("mrt/constants.read"),
    summary: "Constants of an environment",
    description: "Every constant of the app's model with its value in this environment, read live from its layers: \
                  the model's defaults, documents, the running tasks' definition, Secrets Manager, parameters. \
                  Shows what sets each value, whether a restart will change it, and how another environment \
                  differs. Values of secrets are never shown.",
    media_types: &[MediaType::Json],
    parameters: &[
        Parameter::required_text("environment", "Name of the environment in the fleet file."),
        filter::MODULE,
        filter::STATUS,
        filter::NAME,
        Parameter::text(
            "compare",
            "Name of another environment; `comparison` lists the differences.",
        ),
    ],
    problems: &[
        Code::NotFound,
        Code::NotConfigured,
        Code::DocumentUnreadable,
    ],
    schema: |generator| generator.subschema_for::<Constants>(),
};

struct GetConstants {
    fleet: Arc<FleetSource>,
    sources: Sources,
    key: DeploymentKey,
}

/// Returns the endpoint.
pub fn endpoint(fleet: Arc<FleetSource>, sources: Sources, key: DeploymentKey) -> Endpoint {
    let handler = GetConstants {
        fleet,
        sources,
        key,
    };
    Endpoint::new(&ROUTE, handler)
}

#[async_trait]
impl Handler for GetConstants {
    async fn answer(&self, call: Call<'_>) -> Result<Answer, Problem> {
        let fleet = self.fleet.current().await?;
        let environment = targets::environment(&fleet, &call)?;
        let filter = Filter::of(call.parameters);
        let here = Box::pin(read_constants(&self.sources, environment, call.now));
        let constants = match call.parameters.text("compare") {
            None => here.await?.view(&filter),
            Some(name) => {
                let other = targets::environment_of(&fleet, &call, name)?;
                let there = read_constants(&self.sources, other, call.now);
                let (here, there) = Box::pin(join(here, there)).await;
                let here = here?;
                let there =
                    there.map_err(|error| Problem::from(error).with("environment", name))?;
                self.compared(&here, &there, &filter).await
            }
        };
        // Answers with the same constants are the same, whenever they were read.
        let mut identity = constants.clone();
        identity.as_of = chrono::DateTime::UNIX_EPOCH;
        if let Some(comparison) = &mut identity.comparison {
            comparison.as_of = chrono::DateTime::UNIX_EPOCH;
        }
        Answer::json(&constants, &identity, Freshness::Live)
    }
}

impl GetConstants {
    async fn compared(&self, here: &Reading, there: &Reading, filter: &Filter) -> Constants {
        let key = self.key.key().await;
        let (comparison, warnings) = compare::compare(here, there, key.as_ref().ok(), filter);
        let mut constants = here.view(filter);
        constants.comparison = Some(comparison);
        constants.warnings.extend(warnings);
        constants
    }
}

impl From<ConstantsError> for Problem {
    fn from(error: ConstantsError) -> Self {
        match error {
            ConstantsError::NotConfigured => Self::not_configured("constants"),
            ConstantsError::Model(LayerError::Unavailable(_)) => Self::unavailable(error),
            ConstantsError::Model(ref cause @ LayerError::NoMember(_)) => {
                let what = format!("the model's metadata.json {cause}");
                Self::document_unreadable(&what, cause.code()).caused_by(error)
            }
            ConstantsError::Model(ref cause) => {
                let cause = cause.code();
                Self::document_unreadable("the model's metadata.json", cause).caused_by(error)
            }
        }
    }
}
