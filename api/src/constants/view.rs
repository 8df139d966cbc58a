//! The JSON of `GET /micro_flow_constants`.

pub(super) mod comparison;
pub(super) mod constant;

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::Serialize;

use super::overlay::Status;
use comparison::Comparison;
use constant::{ConstantView, ModelView};

/// Constants of one environment.
///
/// ```json
/// {
///   "environment": "acme-prod",
///   "as_of": "2026-01-12T11:10:00Z",
///   "semantics": "configured",
///   "completeness": "complete",
///   "model": {"version": "1.4.0.317", "runtime": "10.24.4.77222"},
///   "layers": [{"source": "m2ee.yaml", "kind": "document", "status": "read", "constant_count": 1}],
///   "counts": {
///     "total": 2, "default": 1, "overridden": 1, "obsolete": 0, "missing": 0,
///     "masked": 1, "empty": 0, "pending_restart": 0
///   },
///   "constants": [
///     {
///       "name": "Encryption.EncryptionKey",
///       "name_exact": true,
///       "module": "Encryption",
///       "type": "String",
///       "status": "overridden",
///       "source": {"layer": "m2ee.yaml", "key": null, "is_null": false},
///       "chain": [{"layer": "model_metadata", "key": null, "is_null": false}, {"layer": "m2ee.yaml", "key": null, "is_null": false}],
///       "value": null,
///       "masked": true,
///       "mask_reason": "secret_name",
///       "proof": null,
///       "is_set": true,
///       "is_empty": false,
///       "fits_type": true,
///       "pending_restart": null,
///       "pending_reason": null
///     },
///     {
///       "name": "Sales.ApiBaseUrl",
///       "name_exact": true,
///       "module": "Sales",
///       "type": "String",
///       "status": "default",
///       "source": {"layer": "model_metadata", "key": null, "is_null": false},
///       "chain": [{"layer": "model_metadata", "key": null, "is_null": false}],
///       "value": "https://erp.example.com",
///       "masked": false,
///       "mask_reason": null,
///       "proof": "url",
///       "is_set": true,
///       "is_empty": false,
///       "fits_type": true,
///       "pending_restart": null,
///       "pending_reason": null
///     }
///   ],
///   "comparison": null,
///   "warnings": []
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Constants {
    /// Name of the environment in the fleet file.
    pub environment: String,
    /// Time at which the layers were read, RFC 3339 UTC.
    pub as_of: DateTime<Utc>,
    /// `deployed` if a layer reports what the running app was started with: its running tasks, or the Deploy API.
    /// Otherwise `configured`: what the app gets at its next start. The running app itself is never asked.
    pub semantics: String,
    /// `complete`, or `partial` if values could not be read: then any value may be wrong.
    pub completeness: String,
    /// The model that defines the constants.
    pub model: ModelView,
    /// The layers, each of which overrides those before it.
    pub layers: Vec<LayerView>,
    /// Number of constants that the filters select.
    pub counts: ConstantCounts,
    /// The constants that the filters select, ordered by name, at most 5,000.
    pub constants: Vec<ConstantView>,
    /// How the environment in `compare` differs; null without `compare`.
    pub comparison: Option<Comparison>,
    /// Reasons why the answer may be wrong, one sentence each; usually empty.
    pub warnings: Vec<String>,
}

/// A source of values.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct LayerView {
    /// URL of an object, name of a file, or kind and name of another source.
    pub source: String,
    /// `document`, `ecs_task`, `secrets_manager` or `ssm_path`.
    pub kind: String,
    /// `read`, or why not: `missing`, `denied`, `too_large`, `too_many`, `malformed`, `too_slow`,
    /// `container_unknown`, `unavailable`.
    pub status: String,
    /// Number of constants that it sets; null if it was not read.
    pub constant_count: Option<u64>,
}

/// Number of constants. `default`, `overridden`, `obsolete` and `missing` add up to `total`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ConstantCounts {
    /// All constants.
    pub total: u64,
    /// Constants with the model's default.
    pub default: u64,
    /// Constants that a layer sets.
    pub overridden: u64,
    /// Constants that a layer sets but the model does not define.
    pub obsolete: u64,
    /// Constants without a value.
    pub missing: u64,
    /// Constants whose value is not shown.
    pub masked: u64,
    /// Constants whose value is empty.
    pub empty: u64,
    /// Constants whose value changes at the next start.
    pub pending_restart: u64,
}

impl ConstantCounts {
    /// Counts `constants`.
    pub(super) fn of(constants: &[ConstantView]) -> Self {
        let mut counts = Self::default();
        for constant in constants {
            counts.total += 1;
            counts.masked += u64::from(constant.masked);
            counts.empty += u64::from(constant.is_empty == Some(true));
            counts.pending_restart += u64::from(constant.pending_restart == Some(true));
            *match constant.status {
                Status::Default => &mut counts.default,
                Status::Overridden => &mut counts.overridden,
                Status::Obsolete => &mut counts.obsolete,
                Status::Missing => &mut counts.missing,
            } += 1;
        }
        counts
    }
}
