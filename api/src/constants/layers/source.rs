//! Reads one layer from its location in the fleet file. The only I/O of this endpoint.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::DateTime;
use shared::aws::Aws;
use shared::fleet::{ConstantLayer, ConstantLayers, LayerKind};
use shared::location::AwsScope;
use shared::location::Location;
use tokio::sync::Mutex;

use super::document::{self, LAYER_LIMIT_BYTES, MODEL_LIMIT_BYTES};
use super::error::LayerError;
use super::layer::LayerValues;
use super::{ecs, forms, hocon, parameters, secret, variables};
use crate::constants::model::Model;
use crate::constants::model::package;

/// Time limit for one layer or the model, with all calls and retries. All are read concurrently.
pub const LAYER_TIMEOUT: Duration = Duration::from_secs(12);
/// Time limit for parsing one document. The largest one allowed takes a tenth of a second.
pub const PARSE_TIMEOUT: Duration = Duration::from_secs(2);

/// The AWS clients that layers are read with.
pub struct Sources {
    aws: Arc<Aws>,
    clients: Mutex<BTreeMap<AwsScope, Arc<Clients>>>,
}

/// Clients of one region and role.
struct Clients {
    ecs: aws_sdk_ecs::Client,
    secrets: aws_sdk_secretsmanager::Client,
    parameters: aws_sdk_ssm::Client,
}

/// The content of a layer: values, or variables that need the model's names.
pub(in crate::constants) enum Read {
    Values(LayerValues),
    Service(Box<ecs::Found>),
}

impl Read {
    /// Returns the variables that a document names, by constant.
    pub(in crate::constants) fn variables(&self) -> BTreeMap<String, Vec<String>> {
        match self {
            Self::Values(values) => values.variables.clone(),
            Self::Service(_) => BTreeMap::new(),
        }
    }

    /// Returns the values of the layer for the constants of `model`.
    pub(in crate::constants) fn for_model(self, model: &Model) -> LayerValues {
        match self {
            Self::Values(values) => values,
            Self::Service(found) => {
                let mut values = variables::values(&found.variables, model);
                values.started_at = found.started_at;
                values.is_partial |= !found.warnings.is_empty();
                let warnings = found.warnings.iter().map(|warning| (*warning).to_owned());
                values.warnings.extend(warnings);
                values
            }
        }
    }
}

impl Sources {
    /// Returns sources that use `aws`; reads nothing yet.
    pub fn new(aws: Arc<Aws>) -> Self {
        Self {
            aws,
            clients: Mutex::default(),
        }
    }

    /// Reads the model; takes at most [`LAYER_TIMEOUT`].
    pub(in crate::constants) async fn model(
        &self,
        constants: &ConstantLayers,
    ) -> Result<Model, LayerError> {
        let reading = async {
            let (scope, location) = (&constants.scope, &constants.model);
            if package::is_package(location) {
                let package = package::load(&self.aws, scope, location).await?;
                return parse_with_timeout(move || package.model()).await;
            }
            let text = document::load(&self.aws, scope, location, MODEL_LIMIT_BYTES).await?;
            parse_with_timeout(move || Model::parse(&text)).await
        };
        with_timeout(reading).await
    }

    /// Reads a layer; takes at most [`LAYER_TIMEOUT`].
    pub(in crate::constants) async fn layer(
        &self,
        layer: &ConstantLayer,
    ) -> Result<Read, LayerError> {
        with_timeout(self.read(layer)).await
    }

    async fn read(&self, layer: &ConstantLayer) -> Result<Read, LayerError> {
        let scope = &layer.scope;
        match &layer.kind {
            LayerKind::Document(location) => self.document(scope, location).await,
            LayerKind::EcsTask {
                cluster,
                service,
                container,
            } => {
                let service = ecs::Service {
                    cluster,
                    name: service,
                    container: container.as_deref(),
                };
                let found = ecs::read(&self.clients(scope).await.ecs, &service).await?;
                Ok(Read::Service(Box::new(found)))
            }
            LayerKind::Secret { id } => self.secret(scope, id).await,
            LayerKind::SsmPath { path, decrypt } => {
                let clients = self.clients(scope).await;
                let values = parameters::read(&clients.parameters, path, *decrypt).await?;
                Ok(Read::Values(values))
            }
        }
    }

    async fn document(&self, scope: &AwsScope, location: &Location) -> Result<Read, LayerError> {
        let text = document::load(&self.aws, scope, location, LAYER_LIMIT_BYTES).await?;
        let parse = match document::is_hocon(location) {
            true => hocon::parse,
            false => forms::parse,
        };
        let values = parse_with_timeout(move || parse(&text)).await?;
        Ok(Read::Values(values))
    }

    async fn secret(&self, scope: &AwsScope, id: &str) -> Result<Read, LayerError> {
        let clients = self.clients(scope).await;
        let secret = clients.secrets.get_secret_value().secret_id(id).send();
        let secret = secret.await.map_err(|error| LayerError::from_aws(&error))?;
        let changed_at = secret
            .created_date()
            .and_then(|at| DateTime::from_timestamp(at.secs(), at.subsec_nanos()));
        // A binary secret contains no constants.
        let text = secret.secret_string().unwrap_or_default();
        Ok(Read::Values(secret::parse(text, changed_at)?))
    }

    async fn clients(&self, scope: &AwsScope) -> Arc<Clients> {
        let mut known = self.clients.lock().await;
        if let Some(clients) = known.get(scope) {
            return Arc::clone(clients);
        }
        let config = self.aws.config_for(scope).await;
        let clients = Arc::new(Clients {
            ecs: aws_sdk_ecs::Client::new(&config),
            secrets: aws_sdk_secretsmanager::Client::new(&config),
            parameters: aws_sdk_ssm::Client::new(&config),
        });
        known.insert(scope.clone(), Arc::clone(&clients));
        clients
    }
}

async fn with_timeout<T>(
    reading: impl Future<Output = Result<T, LayerError>>,
) -> Result<T, LayerError> {
    // Boxed, because the futures of the AWS clients are large.
    tokio::time::timeout(LAYER_TIMEOUT, Box::pin(reading))
        .await
        .unwrap_or_else(|_| Err(LayerError::Unavailable("no answer in time".to_owned())))
}

/// Parses a document on another thread within [`PARSE_TIMEOUT`].
///
/// A parser that takes longer continues until it reaches its own limits, and its result is dropped.
async fn parse_with_timeout<T: Send + 'static>(
    parse: impl FnOnce() -> Result<T, LayerError> + Send + 'static,
) -> Result<T, LayerError> {
    match tokio::time::timeout(PARSE_TIMEOUT, tokio::task::spawn_blocking(parse)).await {
        Ok(Ok(result)) => result,
        // The parser panicked, which no document should cause.
        Ok(Err(_)) => Err(LayerError::Malformed(super::error::Position::UNKNOWN)),
        Err(_) => Err(LayerError::TooSlow),
    }
}

/// Returns the public name of a layer, and the name of its kind.
pub(in crate::constants) fn label(layer: &ConstantLayer) -> (String, &'static str) {
    let last = |text: &str, separator: char| {
        let last = text.rsplit(separator).next().unwrap_or(text);
        last.to_owned()
    };
    match &layer.kind {
        LayerKind::Document(location) => (document::label(location), "document"),
        LayerKind::EcsTask {
            cluster, service, ..
        } => {
            let (cluster, service) = (last(cluster, '/'), last(service, '/'));
            (format!("ecs_task:{cluster}/{service}"), "ecs_task")
        }
        LayerKind::Secret { id } => {
            let name = match id.split_once(":secret:") {
                Some((_, name)) => name,
                None => id,
            };
            (format!("secrets_manager:{name}"), "secrets_manager")
        }
        LayerKind::SsmPath { path, .. } => (format!("ssm_path:{path}"), "ssm_path"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_never_show_an_account() {
        let label = |kind| {
            let scope = AwsScope::default();
            label(&ConstantLayer { kind, scope }).0
        };
        let secret = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:acme/prod-AbCdEf";
        let cluster = "arn:aws:ecs:eu-west-1:123456789012:cluster/acme";

        assert_eq!(
            label(LayerKind::Secret { id: secret.into() }),
            "secrets_manager:acme/prod-AbCdEf"
        );
        assert_eq!(
            label(LayerKind::EcsTask {
                cluster: cluster.into(),
                service: "acme-prod".into(),
                container: None,
            }),
            "ecs_task:acme/acme-prod"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn reading_is_abandoned_after_the_timeout() {
        let never = with_timeout(std::future::pending::<Result<(), LayerError>>()).await;

        assert_eq!(never.unwrap_err().code(), "unavailable");
    }

    #[test]
    fn the_timeouts_add_up_to_less_than_the_gateways() {
        // The fleet file may have to be read first.
        let fleet = shared::document::READ_TIMEOUT;

        assert!(fleet + LAYER_TIMEOUT < crate::http::server::ANSWER_TIMEOUT);
        assert!(PARSE_TIMEOUT < LAYER_TIMEOUT);
    }
}
