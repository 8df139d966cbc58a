//! Reads the documents of one environment and makes the answer of them.

use chrono::{DateTime, Utc};
use futures::future::{join, join_all};
use shared::aws::Aws;
use shared::clock;
use shared::document::Location;
use shared::fleet::Environment;

use super::document::{self, DocumentFault, LAYER_LIMIT_BYTES, MODEL_LIMIT_BYTES};
use super::m2ee::{self, Settings};
use super::model::Model;
use super::overlay::{Layer, overlay};
use super::view::{ConstantCounts, ConstantView, Constants, LayerView, ModelView};

/// Most constants of one answer: with values of at most 1,024 bytes it stays below Lambda's 6 MB.
pub const MAX_CONSTANTS: usize = 5_000;

/// Why the constants of an environment cannot be told.
///
/// The texts never hold anything of a document.
#[derive(Debug, thiserror::Error)]
pub enum ConstantsError {
    /// The fleet file does not say where they are.
    #[error("the environment has no documents of constants")]
    NotConfigured,
    /// Without the model nobody knows which constants there are.
    #[error("the model's metadata cannot be used")]
    Model(#[source] DocumentFault),
}

/// Returns the constants of `environment` as its documents configure them as of `now`.
///
/// All documents are read at the same time, each once. A layer that cannot be read makes the answer partial,
/// with its fault named; the others still count.
///
/// # Errors
///
/// See [`ConstantsError`]; takes at most as long as one bounded document read, 10 s.
pub async fn read_constants(
    aws: &Aws,
    environment: &Environment,
    now: DateTime<Utc>,
) -> Result<Constants, ConstantsError> {
    let documents = environment
        .constants
        .as_ref()
        .ok_or(ConstantsError::NotConfigured)?;
    let layers = documents
        .layers
        .iter()
        .map(|location| read_layer(aws, location));
    let (model, layers) = join(read_model(aws, &documents.model), join_all(layers)).await;
    let model = model.map_err(ConstantsError::Model)?;

    let mut warnings = Vec::new();
    let mut views = Vec::new();
    let mut good = Vec::new();
    for (location, layer) in documents.layers.iter().zip(layers) {
        let source = document::label(location);
        match layer {
            Ok(settings) => {
                if settings.is_none() {
                    warnings.push(format!(
                        "{source} sets no constants: it has no mxruntime.MicroflowConstants"
                    ));
                }
                let settings = settings.unwrap_or_default();
                views.push(layer_view(&source, "read", Some(settings.len())));
                good.push(Layer { source, settings });
            }
            Err(fault) => {
                warnings.push(format!(
                    "{source} {fault}: the values that it sets are not in this answer"
                ));
                views.push(layer_view(&source, fault.code(), None));
            }
        }
    }
    let is_complete = good.len() == views.len();
    let mut constants: Vec<_> = overlay(&model, &good)
        .iter()
        .map(ConstantView::of)
        .collect();
    let counts = ConstantCounts::of(&constants);
    if constants.len() > MAX_CONSTANTS {
        warnings.push(format!(
            "only the first {MAX_CONSTANTS} of {} constants are in this answer",
            constants.len()
        ));
        constants.truncate(MAX_CONSTANTS);
    }
    Ok(Constants {
        environment: environment.name.clone(),
        as_of: clock::whole_second(now),
        semantics: "configured".to_owned(),
        completeness: if is_complete { "complete" } else { "partial" }.to_owned(),
        model: ModelView {
            version: model.version,
            runtime: model.runtime,
        },
        layers: views,
        counts,
        constants,
        warnings,
    })
}

async fn read_model(aws: &Aws, location: &Location) -> Result<Model, DocumentFault> {
    let text = document::load(aws, location, MODEL_LIMIT_BYTES).await?;
    Model::parse(&text).map_err(DocumentFault::Malformed)
}

async fn read_layer(aws: &Aws, location: &Location) -> Result<Option<Settings>, DocumentFault> {
    let text = document::load(aws, location, LAYER_LIMIT_BYTES).await?;
    m2ee::parse(&text).map_err(DocumentFault::Malformed)
}

fn layer_view(source: &str, status: &str, constant_count: Option<usize>) -> LayerView {
    LayerView {
        source: source.to_owned(),
        status: status.to_owned(),
        constant_count: constant_count.and_then(|count| u64::try_from(count).ok()),
    }
}
