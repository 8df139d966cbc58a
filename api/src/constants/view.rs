//! The JSON of `GET /micro_flow_constants`. The only place where a constant's value may leave, after masking.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::Serialize;

use super::compare::Comparison;
use super::kind;
use super::layers::layer::PendingReason;
use super::layers::setting::Setting;
use super::mask::{Lists, MaskReason, mask_reason};
use super::overlay::{Constant, Link, Status};

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
///       "source": {"layer": "m2ee.yaml", "key": null},
///       "chain": [{"layer": "model_metadata", "key": null}, {"layer": "m2ee.yaml", "key": null}],
///       "value": null,
///       "masked": true,
///       "mask_reason": "secret_name",
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
///       "source": {"layer": "model_metadata", "key": null},
///       "chain": [{"layer": "model_metadata", "key": null}],
///       "value": "https://erp.example.com",
///       "masked": false,
///       "mask_reason": null,
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
    /// When the layers were read, RFC 3339 UTC.
    pub as_of: DateTime<Utc>,
    /// `deployed` when a layer says what the running app was started with: its running tasks, or the Deploy API.
    /// Else `configured`: what the app gets when it starts next. Nobody asked the running app itself.
    pub semantics: String,
    /// `complete`, or `partial` when values could not be read: then any value may be another.
    pub completeness: String,
    /// The model that defines the constants.
    pub model: ModelView,
    /// What sets values, a later one over an earlier one.
    pub layers: Vec<LayerView>,
    /// Numbers of the constants that the filters mean.
    pub counts: ConstantCounts,
    /// The constants that the filters mean, in the order of their names, at most 5,000.
    pub constants: Vec<ConstantView>,
    /// How the environment of `compare` differs; null when none was asked for.
    pub comparison: Option<Comparison>,
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

/// Something that sets values.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct LayerView {
    /// URL of an object, name of a file, or kind and name of what else it is.
    pub source: String,
    /// `document`, `ecs_task`, `secrets_manager` or `ssm_path`.
    pub kind: String,
    /// `read`, or why not: `missing`, `denied`, `too_large`, `too_many`, `malformed`, `too_slow`,
    /// `container_unknown`, `unavailable`.
    pub status: String,
    /// Number of constants that it sets; null when it was not read.
    pub constant_count: Option<u64>,
}

/// Numbers of constants. The four of a status make up `total`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ConstantCounts {
    /// All of them.
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
    /// Those whose value is the empty text.
    pub empty: u64,
    /// Those that the next start gives another value.
    pub pending_restart: u64,
}

/// A place that says something of a constant's value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "ConstantSource")]
pub struct LinkView {
    /// `model_metadata` or the `source` of a layer.
    pub layer: String,
    /// What the layer calls the constant: a variable, a key, a parameter; null where that is its name.
    pub key: Option<String>,
}

impl LinkView {
    pub(super) fn of(link: &Link) -> Self {
        Self {
            layer: link.source.clone(),
            key: link.key.clone(),
        }
    }
}

/// One constant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ConstantView {
    /// Whole name, `Module.Constant`; of a variable that stands for no constant of the model, the variable's.
    pub name: String,
    /// Whether `name` is the constant's own: a variable `MX_A_B_C` does not tell where its module ends.
    pub name_exact: bool,
    /// Module of the name; null when it has none.
    pub module: Option<String>,
    /// Type in the model, such as `String`, `Boolean`, `Integer`, `Decimal`, `DateTime`; null when it is not known.
    #[serde(rename = "type")]
    pub kind: Option<String>,
    /// How it comes by its value.
    pub status: Status,
    /// Where its value comes from.
    pub source: LinkView,
    /// All places that give it a value, lowest first; empty when none does.
    pub chain: Vec<LinkView>,
    /// Its value as text; null when it is masked or there is none.
    pub value: Option<String>,
    /// Whether the value is kept back.
    pub masked: bool,
    /// Why it is kept back; null when it is not.
    pub mask_reason: Option<MaskReason>,
    /// Whether it has a value, be it an empty one. False also when a layer takes the default's away.
    pub is_set: bool,
    /// Whether its value is the empty text, also of masked ones: an empty key is an accident. Null when the
    /// value was not read.
    pub is_empty: Option<bool>,
    /// Whether the value is one of `type`; null when that cannot be told.
    pub fits_type: Option<bool>,
    /// Whether the next start gives it another value; null when nothing tells what runs now.
    pub pending_restart: Option<bool>,
    /// Why so; null when it does not.
    pub pending_reason: Option<PendingReason>,
}

impl ConstantView {
    /// Returns the view of `constant` with its value masked where a rule says so.
    pub(super) fn of(constant: &Constant, lists: Lists<'_>) -> Self {
        let mask_reason = reason(constant, lists);
        let text = match &constant.setting {
            Setting::Text(text) => Some(text.reveal()),
            Setting::Null | Setting::Opaque | Setting::Unseen => None,
        };
        Self {
            name: constant.name.clone(),
            name_exact: constant.is_name_exact,
            module: constant.module().map(str::to_owned),
            kind: constant.kind.clone(),
            status: constant.status,
            source: LinkView::of(&constant.source()),
            chain: constant.chain.iter().map(LinkView::of).collect(),
            value: text.filter(|_| mask_reason.is_none()).map(str::to_owned),
            masked: mask_reason.is_some(),
            mask_reason,
            is_set: constant.setting != Setting::Null,
            is_empty: match constant.setting {
                Setting::Unseen => None,
                _ => Some(text.is_some_and(str::is_empty)),
            },
            fits_type: kind::fits(constant.kind.as_deref(), &constant.setting),
            pending_restart: constant.is_pending,
            pending_reason: constant.pending_reason,
        }
    }

    /// Returns about how many bytes of JSON it takes.
    pub(super) fn estimated_bytes(&self) -> usize {
        const FIELDS: usize = 350;
        let link =
            |link: &LinkView| link.layer.len() + link.key.as_ref().map_or(4, String::len) + 24;
        let chain: usize = self.chain.iter().chain([&self.source]).map(link).sum();
        // A character may take two bytes more when it is escaped.
        let value = self.value.as_ref().map_or(0, String::len);
        FIELDS + self.name.len() * 2 + value * 2 + chain
    }
}

fn reason(constant: &Constant, lists: Lists<'_>) -> Option<MaskReason> {
    match &constant.setting {
        Setting::Null => None,
        _ if constant.status == Status::Obsolete => Some(MaskReason::UnknownConstant),
        Setting::Unseen => Some(MaskReason::SecretSource),
        _ if constant.is_secret => Some(MaskReason::SecretSource),
        Setting::Opaque => Some(MaskReason::NotText),
        Setting::Text(text) => {
            let kind = constant.kind.as_deref();
            mask_reason(&constant.name, kind, text.reveal(), lists)
        }
    }
}

impl ConstantCounts {
    /// Returns the numbers of `constants`.
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

#[cfg(test)]
mod tests {
    use super::*;

    fn constant(status: Status, setting: Setting) -> Constant {
        Constant {
            name: "App.Password".to_owned(),
            is_name_exact: true,
            kind: Some("String".to_owned()),
            status,
            chain: vec![Link {
                source: "m2ee.yaml".to_owned(),
                key: None,
            }],
            setting,
            is_secret: false,
            is_pending: None,
            pending_reason: None,
        }
    }

    fn view(constant: &Constant) -> ConstantView {
        ConstantView::of(constant, Lists::default())
    }

    #[test]
    fn a_secret_is_masked_whichever_source_it_comes_from() {
        for status in [Status::Default, Status::Overridden, Status::Obsolete] {
            let view = view(&constant(status, Setting::text("NEVERLEAK")));

            assert!(view.masked && view.is_set, "{view:?}");
            assert_eq!(view.is_empty, Some(false));
            assert!(!format!("{view:?}").contains("NEVERLEAK"));
        }
    }

    /// No name, type, value or list of the fleet file ever shows what comes from a place for secrets.
    #[test]
    fn what_comes_from_a_place_for_secrets_is_never_shown() {
        let everything = ["*".to_owned()];
        let lists = Lists {
            show: &everything,
            hide: &[],
        };
        for kind in ["String", "Boolean", "Integer", "Decimal"] {
            for text in ["true", "1", "plain", ""] {
                for status in [Status::Overridden, Status::Obsolete] {
                    let secret = Constant {
                        name: "Sales.Url".to_owned(),
                        kind: Some(kind.to_owned()),
                        is_secret: true,
                        ..constant(status, Setting::text(text))
                    };
                    let view = ConstantView::of(&secret, lists);

                    assert_eq!((view.value, view.masked), (None, true), "{kind} {text}");
                }
            }
        }
        let unseen = constant(Status::Overridden, Setting::Unseen);
        let view = ConstantView::of(&unseen, lists);
        assert_eq!(
            (view.masked, view.is_set, view.is_empty),
            (true, true, None)
        );
    }

    #[test]
    fn an_empty_secret_is_told_without_showing_anything() {
        let empty = view(&constant(Status::Default, Setting::text("")));
        let none = view(&constant(Status::Missing, Setting::Null));

        assert_eq!(
            (empty.masked, empty.is_set, empty.is_empty),
            (true, true, Some(true))
        );
        assert_eq!(
            (none.masked, none.is_set, none.is_empty),
            (false, false, Some(false))
        );
    }
}
