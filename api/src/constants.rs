//! `GET /micro_flow_constants`: which constants an environment is configured with, secrets masked.
//!
//! The runtime has no way to ask it for its constants, so the answer is put together from the documents that
//! it is started with: the model's definitions and defaults, and the values laid over them.

mod document;
mod m2ee;
mod mask;
mod model;
mod overlay;
mod read;
mod setting;
mod view;
mod yaml11;

use std::sync::Arc;

use async_trait::async_trait;
use shared::aws::Aws;
use shared::fleet::FleetSource;

use crate::endpoint::{Call, Endpoint, Handler, Parameter, Route};
use crate::error::{Code, Problem};
use crate::response::{Answer, Freshness};
use crate::selection;

pub use document::{DocumentFault, LAYER_LIMIT_BYTES, MODEL_LIMIT_BYTES, Position};
pub use mask::{MaskReason, SHOWN_LIMIT_BYTES};
pub use overlay::Status;
pub use read::{ConstantsError, MAX_CONSTANTS, read_constants};
pub use view::{ConstantCounts, ConstantView, Constants, LayerView, ModelView};

/// Facts of this endpoint.
pub const ROUTE: Route = Route {
    path: "/micro_flow_constants",
    function: "api-constants",
    scope: Some("mrt/constants.read"),
    summary: "Constants that an environment is configured with",
    description: "Every constant of the app's model with the value that the deployment's documents give it, read \
                  now. Says what the app gets when it starts next: a running app keeps what it was started with. \
                  Values of secrets are never shown.",
    parameters: &[Parameter::required_text(
        "environment",
        "Name of the environment in the fleet file.",
    )],
    problems: &[Code::NotFound, Code::NotConfigured, Code::DocumentUnusable],
    schema: |generator| generator.subschema_for::<Constants>(),
};

struct GetConstants {
    fleet: Arc<FleetSource>,
    aws: Arc<Aws>,
}

/// Returns the endpoint over its two ports.
pub fn endpoint(fleet: Arc<FleetSource>, aws: Arc<Aws>) -> Endpoint {
    Endpoint::new(&ROUTE, GetConstants { fleet, aws })
}

#[async_trait]
impl Handler for GetConstants {
    async fn answer(&self, call: Call<'_>) -> Result<Answer, Problem> {
        let fleet = self.fleet.current().await?;
        let environment = selection::environment(&fleet, &call)?;
        let constants = read_constants(&self.aws, environment, call.now).await?;
        // Two answers with the same constants are the same answer, whenever they were read.
        let identity = Constants {
            as_of: chrono::DateTime::UNIX_EPOCH,
            ..constants.clone()
        };
        Answer::json(&constants, &identity, Freshness::Live)
    }
}

impl From<ConstantsError> for Problem {
    fn from(error: ConstantsError) -> Self {
        match error {
            ConstantsError::NotConfigured => Self::not_configured("documents of constants"),
            ConstantsError::Model(DocumentFault::Unavailable(_)) => Self::unavailable(error),
            ConstantsError::Model(ref fault) => {
                let fault = fault.code();
                Self::document_unusable("the model's metadata.json", fault).caused_by(error)
            }
        }
    }
}
