//! Reads one layer from where the fleet file says it is. The only I/O of this endpoint.

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
use super::fault::LayerFault;
use super::layer::LayerValues;
use super::{ecs, forms, parameters, secret, variables};
use crate::constants::model::Model;
use crate::constants::model::package;

/// Longest time for one layer or the model, all its calls and retries included. All are read at the same time.
pub const LAYER_TIMEOUT: Duration = Duration::from_secs(12);
/// Longest time for understanding one document. The largest that is read takes a tenth of a second.
pub const PARSE_TIMEOUT: Duration = Duration::from_secs(2);

/// Everything that layers are read from.
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

/// What was read of a layer: complete, or waiting for the model's names.
pub(in crate::constants) enum Read {
    Values(LayerValues),
    Service(Box<ecs::Found>),
}

impl Read {
    /// Returns what the layer sets of the constants of `model`.
    pub(in crate::constants) fn of_model(self, model: &Model) -> LayerValues {
        match self {
            Self::Values(values) => values,
            Self::Service(found) => {
                let mut values = variables::values(&found.variables, model);
                values.started_at = found.started_at;
                values.is_partial |= !found.doubts.is_empty();
                let doubts = found.doubts.iter().map(|doubt| (*doubt).to_owned());
                values.warnings.extend(doubts);
                values
            }
        }
    }
}

impl Sources {
    /// Returns sources that are reached with `aws`; reads nothing yet.
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
    ) -> Result<Model, LayerFault> {
        let reading = async {
            let text = if package::is_package(&constants.model) {
                package::load(&self.aws, &constants.scope, &constants.model).await?
            } else {
                let (scope, location) = (&constants.scope, &constants.model);
                document::load(&self.aws, scope, location, MODEL_LIMIT_BYTES).await?
            };
            understand(move || Model::parse(&text).map_err(LayerFault::Malformed)).await
        };
        in_time(reading).await
    }

    /// Reads a layer; takes at most [`LAYER_TIMEOUT`].
    pub(in crate::constants) async fn layer(
        &self,
        layer: &ConstantLayer,
    ) -> Result<Read, LayerFault> {
        in_time(self.read(layer)).await
    }

    async fn read(&self, layer: &ConstantLayer) -> Result<Read, LayerFault> {
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

    async fn document(&self, scope: &AwsScope, location: &Location) -> Result<Read, LayerFault> {
        let text = document::load(&self.aws, scope, location, LAYER_LIMIT_BYTES).await?;
        let values = understand(move || forms::parse(&text)).await?;
        Ok(Read::Values(values.unwrap_or_else(|| LayerValues {
            warnings: vec![
                "sets no constants: it has no part that does in an m2ee.yaml, a MendixApp or the Deploy API's answer"
                    .to_owned(),
            ],
            ..LayerValues::default()
        })))
    }

    async fn secret(&self, scope: &AwsScope, id: &str) -> Result<Read, LayerFault> {
        let clients = self.clients(scope).await;
        let secret = clients.secrets.get_secret_value().secret_id(id).send();
        let secret = secret.await.map_err(|error| LayerFault::of_call(&error))?;
        let changed_at = secret
            .created_date()
            .and_then(|at| DateTime::from_timestamp(at.secs(), at.subsec_nanos()));
        // A secret of bytes holds no constants, as one of other text.
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

async fn in_time<T>(reading: impl Future<Output = Result<T, LayerFault>>) -> Result<T, LayerFault> {
    // On the heap: what the AWS clients keep on the way is large.
    tokio::time::timeout(LAYER_TIMEOUT, Box::pin(reading))
        .await
        .unwrap_or_else(|_| Err(LayerFault::Unavailable("no answer in time".to_owned())))
}

/// Understands a document beside everything else, for a limited time.
///
/// What takes longer goes on for as long as the parser's own limits let it, and its result is dropped.
async fn understand<T: Send + 'static>(
    parse: impl FnOnce() -> Result<T, LayerFault> + Send + 'static,
) -> Result<T, LayerFault> {
    match tokio::time::timeout(PARSE_TIMEOUT, tokio::task::spawn_blocking(parse)).await {
        Ok(Ok(result)) => result,
        // It panicked, which no document should bring about.
        Ok(Err(_)) => Err(LayerFault::Malformed(super::fault::Position::UNKNOWN)),
        Err(_) => Err(LayerFault::TooSlow),
    }
}

/// Returns the name of a layer for callers, and the word for its kind.
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
    async fn what_takes_too_long_is_given_up() {
        let never = in_time(std::future::pending::<Result<(), LayerFault>>()).await;

        assert_eq!(never.unwrap_err().code(), "unavailable");
    }

    #[test]
    fn the_time_outs_add_up_below_the_gateways() {
        // The fleet file may have to be read first.
        let fleet = shared::document::READ_TIMEOUT;

        assert!(fleet + LAYER_TIMEOUT < crate::http::server::ANSWER_TIMEOUT);
        assert!(PARSE_TIMEOUT < LAYER_TIMEOUT);
    }
}
