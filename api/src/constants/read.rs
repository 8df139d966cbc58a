//! Reads the layers of one environment and merges them.

use chrono::{DateTime, Utc};
use futures::future::{join, join_all};
use shared::clock;
use shared::fleet::{Environment, LayerKind};

use super::filter::Filter;
use super::kind;
use super::layers::error::LayerError;
use super::layers::source::{Sources, label};
use super::mask::Lists;
use super::overlay::{Constant, Layer, Status, overlay};
use super::view::constant::{ConstantView, ModelView};
use super::view::{ConstantCounts, Constants, LayerView};

/// Maximum number of constants in one answer: with values of at most 1,024 bytes it stays below Lambda's 6 MB.
pub const MAX_CONSTANTS: usize = 5_000;
/// Maximum size of the constants in one answer, estimated, before compression.
const ANSWER_LIMIT_BYTES: usize = 4_000_000;
/// Maximum number of constants named in warnings, one sentence each.
const MAX_NAMED: usize = 20;

/// Why the constants of an environment could not be read.
///
/// The texts never contain content of a document.
#[derive(Debug, thiserror::Error)]
pub enum ConstantsError {
    /// The fleet file does not configure constants for the environment.
    #[error("the environment has no constants in the fleet file")]
    NotConfigured,
    /// The model, which defines the constants, could not be read.
    #[error("could not read the model's metadata")]
    Model(#[source] LayerError),
}

/// All constants of one environment with their unmasked values. Only [`Reading::view`] shows them.
pub struct Reading {
    environment: String,
    as_of: DateTime<Utc>,
    is_running: bool,
    is_complete: bool,
    model: ModelView,
    layers: Vec<LayerView>,
    pub(super) constants: Vec<Constant>,
    warnings: Vec<String>,
    show: Vec<String>,
    hide: Vec<String>,
}

/// Reads the constants of `environment` as of `now`.
///
/// All layers are read concurrently, each once. A layer that cannot be read makes the answer partial, with the cause
/// in its status; the others still count.
///
/// # Errors
///
/// See [`ConstantsError`]; takes at most [`LAYER_TIMEOUT`](super::LAYER_TIMEOUT).
pub async fn read_constants(
    sources: &Sources,
    environment: &Environment,
    now: DateTime<Utc>,
) -> Result<Reading, ConstantsError> {
    let constants = environment
        .constants
        .as_ref()
        .ok_or(ConstantsError::NotConfigured)?;
    let layers = join_all(constants.layers.iter().map(|layer| sources.layer(layer)));
    let (model, layers) = join(sources.model(constants), layers).await;
    let mut model = model.map_err(ConstantsError::Model)?;
    let has_tasks = constants
        .layers
        .iter()
        .any(|layer| matches!(layer.kind, LayerKind::EcsTask { .. }));
    // Documents may name the variables of the tasks, whose layers are interpreted below.
    for read in layers.iter().flatten() {
        model.variables.extend(read.variables());
    }

    let mut warnings = Vec::new();
    let mut views = Vec::new();
    let mut good = Vec::new();
    let mut is_complete = true;
    for (layer, read) in constants.layers.iter().zip(layers) {
        let (source, kind) = label(layer);
        let view = |status: &str, constant_count| LayerView {
            source: source.clone(),
            kind: kind.to_owned(),
            status: status.to_owned(),
            constant_count,
        };
        match read.map(|read| read.for_model(&model)) {
            Ok(values) => {
                is_complete &= !values.is_partial;
                if !has_tasks && !values.variables.is_empty() {
                    is_complete = false;
                    warnings.push(format!(
                        "{source} takes {} constants from variables of the app's machine, which are not read: add its \
                         tasks as a layer in the fleet file",
                        values.variables.len()
                    ));
                }
                let sentences = values.warnings.iter();
                warnings.extend(sentences.map(|sentence| format!("{source} {sentence}")));
                let count = u64::try_from(values.entries.len()).ok();
                views.push(view("read", count));
                good.push(Layer { source, values });
            }
            Err(error) => {
                is_complete = false;
                log(&source, &error);
                warnings.push(format!(
                    "{source} {error}: its values are missing from this answer"
                ));
                views.push(view(error.code(), None));
            }
        }
    }
    for layer in &good {
        let sources: Vec<&str> = views.iter().map(|view| view.source.as_str()).collect();
        if let Some(warning) = missing_includes(layer, &sources) {
            is_complete = false;
            warnings.push(warning);
        }
    }
    let constants_found = overlay(&model, &good);
    warnings.extend(misfits(&constants_found));
    Ok(Reading {
        environment: environment.name.clone(),
        as_of: clock::whole_second(now),
        is_running: good.iter().any(|layer| layer.values.is_running),
        is_complete,
        model: ModelView {
            version: model.version,
            runtime: model.runtime,
        },
        layers: views,
        constants: constants_found,
        warnings,
        show: constants.show.clone(),
        hide: constants.hide.clone(),
    })
}

/// Returns a sentence if `layer` includes files that are not among the layers with these sources.
fn missing_includes(layer: &Layer, sources: &[&str]) -> Option<String> {
    let is_read = |file: &&String| {
        let names = sources
            .iter()
            .map(|source| source.rsplit('/').next().unwrap_or(source));
        names.into_iter().any(|name| name == file.as_str())
    };
    let missing = layer
        .values
        .includes
        .iter()
        .filter(|file| !is_read(file))
        .count();
    let files = if missing == 1 {
        "file that is"
    } else {
        "files that are"
    };
    (missing > 0).then(|| {
        format!(
            "{} includes {missing} {files} not read: add each as a layer in the fleet file",
            layer.source
        )
    })
}

/// Logs why a layer could not be read; the answer only states that it could not.
fn log(source: &str, error: &LayerError) {
    if let LayerError::Unavailable(reason) = error {
        tracing::warn!(layer.source = source, error = %reason, "a layer of constants could not be read");
    }
}

/// Returns a sentence for each value that does not fit its constant's type, without the value.
fn misfits(constants: &[Constant]) -> Vec<String> {
    let misfits: Vec<&Constant> = constants
        .iter()
        .filter(|constant| constant.status != Status::Obsolete)
        .filter(|constant| kind::fits(constant.kind.as_deref(), &constant.setting) == Some(false))
        .collect();
    let sentence = |constant: &&Constant| {
        format!(
            "{} is set to a value that is not a valid {} by {}",
            constant.name,
            constant.kind.as_deref().unwrap_or("value"),
            constant.source().source
        )
    };
    let mut sentences: Vec<String> = misfits.iter().take(MAX_NAMED).map(sentence).collect();
    if misfits.len() > MAX_NAMED {
        let more = misfits.len() - MAX_NAMED;
        sentences.push(format!("{more} more values do not fit their types"));
    }
    sentences
}

impl Reading {
    /// Returns the name of the environment.
    pub fn environment(&self) -> &str {
        &self.environment
    }

    /// Returns whether all layers were read completely.
    pub fn is_complete(&self) -> bool {
        self.is_complete
    }

    /// Returns the name patterns of the fleet file.
    pub(super) fn lists(&self) -> Lists<'_> {
        Lists {
            show: &self.show,
            hide: &self.hide,
        }
    }

    /// Returns what may be shown of the constants that `filter` selects.
    pub fn view(&self, filter: &Filter) -> Constants {
        let allowed = self.constants.iter().filter(|each| filter.allows(each));
        let mut constants: Vec<_> = allowed
            .map(|constant| ConstantView::of(constant, self.lists()))
            .collect();
        let counts = ConstantCounts::of(&constants);
        let mut warnings = self.warnings.clone();
        let mut bytes = 0;
        let fitting = constants.iter().take(MAX_CONSTANTS).take_while(|each| {
            bytes += each.estimated_bytes();
            bytes <= ANSWER_LIMIT_BYTES
        });
        let shown = fitting.count();
        if shown < constants.len() {
            warnings.push(format!(
                "this answer contains only the first {shown} of {} constants: filter by module or name",
                constants.len()
            ));
            constants.truncate(shown);
        }
        Constants {
            environment: self.environment.clone(),
            as_of: self.as_of,
            semantics: self.semantics().to_owned(),
            completeness: self.completeness().to_owned(),
            model: self.model.clone(),
            layers: self.layers.clone(),
            counts,
            constants,
            comparison: None,
            warnings,
        }
    }

    /// Returns `deployed` or `configured`.
    pub(super) fn semantics(&self) -> &'static str {
        match self.is_running {
            true => "deployed",
            false => "configured",
        }
    }

    /// Returns `complete` or `partial`.
    pub(super) fn completeness(&self) -> &'static str {
        match self.is_complete {
            true => "complete",
            false => "partial",
        }
    }

    /// Returns when the layers were read.
    pub(super) fn as_of(&self) -> DateTime<Utc> {
        self.as_of
    }

    /// Returns the versions of the model.
    pub(super) fn model(&self) -> &ModelView {
        &self.model
    }
}
