//! The JSON of `GET /micro_flow_constants`. The only place where a constant's value may leave, after masking.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::Serialize;

use super::mask::{MaskReason, mask_reason};
use super::overlay::{Constant, Status};
use super::setting::Setting;

/// Constants of one environment as they are configured.
///
/// ```json
/// {
///   "environment": "acme-prod",
///   "as_of": "2026-01-12T11:10:00Z",
///   "semantics": "configured",
///   "completeness": "complete",
///   "model": {"version": "1.4.0.317", "runtime": "10.24.4.77222"},
///   "layers": [{"source": "m2ee.yaml", "status": "read", "constant_count": 1}],
///   "counts": {"total": 2, "default": 1, "overridden": 1, "obsolete": 0, "missing": 0, "masked": 1},
///   "constants": [
///     {
///       "name": "Encryption.EncryptionKey",
///       "module": "Encryption",
///       "type": "String",
///       "status": "overridden",
///       "source": "m2ee.yaml",
///       "chain": ["model_metadata", "m2ee.yaml"],
///       "value": null,
///       "masked": true,
///       "mask_reason": "secret_name",
///       "is_set": true,
///       "is_empty": false
///     },
///     {
///       "name": "Sales.ApiBaseUrl",
///       "module": "Sales",
///       "type": "String",
///       "status": "default",
///       "source": "model_metadata",
///       "chain": ["model_metadata"],
///       "value": "https://erp.example.com",
///       "masked": false,
///       "mask_reason": null,
///       "is_set": true,
///       "is_empty": false
///     }
///   ],
///   "warnings": []
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Constants {
    /// Name of the environment in the fleet file.
    pub environment: String,
    /// When the documents were read, RFC 3339 UTC.
    pub as_of: DateTime<Utc>,
    /// Always `configured`: what the app gets when it starts next. A running app keeps what it was started with.
    pub semantics: String,
    /// `complete`, or `partial` when a layer could not be read: then any value may be another.
    pub completeness: String,
    /// The model that defines the constants.
    pub model: ModelView,
    /// Documents that set values, a later one over an earlier one.
    pub layers: Vec<LayerView>,
    /// Numbers of constants.
    pub counts: ConstantCounts,
    /// Constants in the order of their names, at most 5,000.
    pub constants: Vec<ConstantView>,
    /// What makes the answer doubtful, a sentence each; empty as a rule.
    pub warnings: Vec<String>,
}

/// Versions of the model that defines the constants.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ModelView {
    /// Version of the model; null when it has none.
    pub version: Option<String>,
    /// Version of the Mendix runtime that the model is made for; null when it says none.
    pub runtime: Option<String>,
}

/// A document that sets values.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct LayerView {
    /// URL of the object or name of the file.
    pub source: String,
    /// `read`, or why not: `missing`, `denied`, `too_large`, `malformed`, `unavailable`.
    pub status: String,
    /// Number of constants that it sets; null when it was not read.
    pub constant_count: Option<u64>,
}

/// Numbers of constants. The four of a status make up `total`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ConstantCounts {
    /// All that the model defines or a layer sets.
    pub total: u64,
    /// Those with the model's default.
    pub default: u64,
    /// Those that a layer sets.
    pub overridden: u64,
    /// Those that a layer sets but the model does not define.
    pub obsolete: u64,
    /// Those without any value.
    pub missing: u64,
    /// Those whose value is not shown, whatever their status.
    pub masked: u64,
}

/// One constant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ConstantView {
    /// Whole name, `Module.Constant`.
    pub name: String,
    /// Module of the name; null when it has none.
    pub module: Option<String>,
    /// Type in the model, such as `String`, `Boolean`, `Integer`, `Decimal`, `DateTime`; null when it is not known.
    #[serde(rename = "type")]
    pub kind: Option<String>,
    /// How it comes by its value.
    pub status: Status,
    /// Where its value comes from: `model_metadata` or the `source` of a layer.
    pub source: String,
    /// All places that give it a value, lowest first; empty when none does.
    pub chain: Vec<String>,
    /// Its value as text; null when it is masked or there is none.
    pub value: Option<String>,
    /// Whether the value is kept back.
    pub masked: bool,
    /// Why it is kept back; null when it is not.
    pub mask_reason: Option<MaskReason>,
    /// Whether it has a value, be it an empty one. False also when a layer takes the default's away.
    pub is_set: bool,
    /// Whether its value is the empty text. Also told of masked values: an empty key is an accident.
    pub is_empty: bool,
}

impl ConstantView {
    /// Returns the view of `constant` with its value masked where a rule says so.
    pub(super) fn of(constant: &Constant) -> Self {
        let mask_reason = reason(constant);
        let text = match &constant.setting {
            Setting::Text(text) => Some(text.reveal()),
            Setting::Null | Setting::Opaque => None,
        };
        let module = constant.name.split_once('.').map(|(module, _)| module);
        Self {
            name: constant.name.clone(),
            module: module.map(str::to_owned),
            kind: constant.kind.clone(),
            status: constant.status,
            source: constant.source().to_owned(),
            chain: constant.chain.clone(),
            value: text.filter(|_| mask_reason.is_none()).map(str::to_owned),
            masked: mask_reason.is_some(),
            mask_reason,
            is_set: constant.setting != Setting::Null,
            is_empty: text.is_some_and(str::is_empty),
        }
    }
}

fn reason(constant: &Constant) -> Option<MaskReason> {
    match &constant.setting {
        Setting::Null => None,
        _ if constant.status == Status::Obsolete => Some(MaskReason::UnknownConstant),
        Setting::Opaque => Some(MaskReason::NotText),
        Setting::Text(text) => mask_reason(&constant.name, constant.kind.as_deref(), text.reveal()),
    }
}

impl ConstantCounts {
    /// Returns the numbers of `constants`.
    pub(super) fn of(constants: &[ConstantView]) -> Self {
        let mut counts = Self::default();
        for constant in constants {
            counts.total += 1;
            counts.masked += u64::from(constant.masked);
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

#[cfg(test)]
mod tests {
    use super::*;

    fn constant(status: Status, setting: Setting) -> Constant {
        Constant {
            name: "App.Password".to_owned(),
            kind: Some("String".to_owned()),
            status,
            chain: vec!["m2ee.yaml".to_owned()],
            setting,
        }
    }

    #[test]
    fn a_secret_is_masked_whichever_source_it_comes_from() {
        for status in [Status::Default, Status::Overridden, Status::Obsolete] {
            let view = ConstantView::of(&constant(status, Setting::text("NEVERLEAK")));

            assert!(view.masked && view.is_set && !view.is_empty, "{view:?}");
            assert!(!format!("{view:?}").contains("NEVERLEAK"));
        }
    }

    #[test]
    fn an_empty_secret_is_told_without_showing_anything() {
        let empty = ConstantView::of(&constant(Status::Default, Setting::text("")));
        let none = ConstantView::of(&constant(Status::Missing, Setting::Null));

        assert_eq!(
            (empty.masked, empty.is_set, empty.is_empty),
            (true, true, true)
        );
        assert_eq!(
            (none.masked, none.is_set, none.is_empty),
            (false, false, false)
        );
    }
}
