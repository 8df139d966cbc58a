//! Where an environment's constants are defined and set. Locations only: the API reads them.

use crate::location::{AwsScope, Location};

/// Where constants are defined and where they are set, lowest layer first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConstantLayers {
    /// The model's `metadata.json`, or the package that holds it (`.mda`): names, types and defaults.
    pub model: Location,
    /// Region and role that the model is read with.
    pub scope: AwsScope,
    /// Layers that set values. Later layers override earlier ones.
    pub layers: Vec<ConstantLayer>,
    /// Patterns of names whose values are shown although nothing proves them harmless.
    pub show: Vec<String>,
    /// Patterns of names whose values are never shown.
    pub hide: Vec<String>,
}

/// A layer that sets values of constants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConstantLayer {
    /// Kind of the layer.
    pub kind: LayerKind,
    /// Region and role that it is read with.
    pub scope: AwsScope,
}

/// Kinds of layers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LayerKind {
    /// A document: `m2ee.yaml`, a `MendixApp` resource, or the Deploy API's settings.
    Document(Location),
    /// The environment variables of a service's running tasks.
    EcsTask {
        /// Name or ARN of the cluster.
        cluster: String,
        /// Name of the service.
        service: String,
        /// Name of the app's container; `None` when a task has one container only.
        container: Option<String>,
    },
    /// Keys `mx-const-<Module.Constant>` of a JSON secret in Secrets Manager.
    Secret {
        /// Name or ARN of the secret.
        id: String,
    },
    /// Parameters `<path>/<Module.Constant>` of the parameter store.
    SsmPath {
        /// Path that starts with a slash and does not end with one.
        path: String,
        /// Whether secure strings are decrypted: to detect empty and different values, never to show them.
        decrypt: bool,
    },
}

/// Most layers of one environment.
pub const MAX_CONSTANT_LAYERS: usize = 20;
/// Most patterns of one list.
pub const MAX_CONSTANT_PATTERNS: usize = 200;
