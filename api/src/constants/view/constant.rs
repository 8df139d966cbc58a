//! One constant and its model as JSON. The only place that reveals a constant's value, after masking.

use schemars::JsonSchema;
use serde::Serialize;

use crate::constants::kind;
use crate::constants::layers::layer::PendingReason;
use crate::constants::layers::setting::Setting;
use crate::constants::mask::{Candidate, Lists, MaskReason, Proof, judge};
use crate::constants::overlay::{Constant, Link, Status};

/// Versions of the model that defines the constants.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ModelView {
    /// Version of the model; null if unknown.
    pub version: Option<String>,
    /// Version of the Mendix runtime that the model is built for; null if unknown.
    pub runtime: Option<String>,
}

/// A source that sets a constant's value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "ConstantSource")]
pub struct LinkView {
    /// `model_metadata` or the `source` of a layer.
    pub layer: String,
    /// Name of the constant in the layer: a variable, a key, a parameter; null if it is the constant's own name.
    pub key: Option<String>,
    /// Whether it only has a null, with which the value of the source before it stays.
    pub is_null: bool,
}

impl LinkView {
    pub(in crate::constants) fn of(link: &Link) -> Self {
        Self {
            layer: link.source.clone(),
            key: link.key.clone(),
            is_null: link.is_null,
        }
    }
}

/// One constant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ConstantView {
    /// Full name, `Module.Constant`; for a variable that matches no constant of the model, the variable's name.
    pub name: String,
    /// Whether `name` is the constant's own: in a variable `MX_A_B_C` the end of the module is ambiguous.
    pub name_exact: bool,
    /// Module in the name; null if there is none.
    pub module: Option<String>,
    /// Type in the model, such as `String`, `Boolean`, `Integer`, `Decimal`, `DateTime`; null if unknown.
    #[serde(rename = "type")]
    pub kind: Option<String>,
    /// Origin of the value.
    pub status: Status,
    /// Source of the value.
    pub source: LinkView,
    /// All sources that set the value, lowest first; empty if there are none.
    pub chain: Vec<LinkView>,
    /// Value as text; null if it is masked or there is none.
    pub value: Option<String>,
    /// Whether the value is masked.
    pub masked: bool,
    /// Why the value is masked; null if it is not.
    pub mask_reason: Option<MaskReason>,
    /// Why the value is harmless and therefore shown; null if it is masked or there is none.
    pub proof: Option<Proof>,
    /// Whether there is a value, possibly an empty one. Also false if a layer removes the default.
    pub is_set: bool,
    /// Whether the value is empty, also if it is masked: an empty key is an accident. Null if the value was not
    /// read.
    pub is_empty: Option<bool>,
    /// Whether the value fits `type`; null if unknown.
    pub fits_type: Option<bool>,
    /// Whether the value changes at the next start; null if the running value is unknown.
    pub pending_restart: Option<bool>,
    /// Why the value changes; null if it does not.
    pub pending_reason: Option<PendingReason>,
}

impl ConstantView {
    /// Returns the view of `constant`, with its value masked if a rule requires it.
    pub(in crate::constants) fn of(constant: &Constant, lists: Lists<'_>) -> Self {
        let verdict = verdict(constant, lists);
        let mask_reason = verdict.err();
        let text = match &constant.setting {
            Setting::Text(text) => Some(text.reveal()),
            Setting::Null | Setting::Opaque | Setting::Unread => None,
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
            proof: verdict.ok().flatten(),
            is_set: constant.setting != Setting::Null,
            is_empty: match constant.setting {
                Setting::Unread => None,
                _ => Some(text.is_some_and(str::is_empty)),
            },
            fits_type: kind::fits(constant.kind.as_deref(), &constant.setting),
            pending_restart: constant.is_pending,
            pending_reason: constant.pending_reason,
        }
    }

    /// Returns the approximate size of its JSON in bytes.
    pub(in crate::constants) fn estimated_bytes(&self) -> usize {
        const FIELDS: usize = 370;
        let link =
            |link: &LinkView| link.layer.len() + link.key.as_ref().map_or(4, String::len) + 42;
        let chain: usize = self.chain.iter().chain([&self.source]).map(link).sum();
        // A character may take two bytes more if it is escaped.
        let value = self.value.as_ref().map_or(0, String::len);
        FIELDS + self.name.len() * 2 + value * 2 + chain
    }
}

/// Returns why the value of `constant` may be shown, `None` if there is none, or else why it is masked.
fn verdict(constant: &Constant, lists: Lists<'_>) -> Result<Option<Proof>, MaskReason> {
    match &constant.setting {
        Setting::Null => Ok(None),
        _ if constant.status == Status::Obsolete => Err(MaskReason::UnknownConstant),
        Setting::Unread => Err(MaskReason::SecretSource),
        _ if constant.is_secret => Err(MaskReason::SecretSource),
        Setting::Opaque => Err(MaskReason::NotText),
        Setting::Text(text) => {
            let candidate = Candidate {
                name: &constant.name,
                kind: constant.kind.as_deref(),
                value: text.reveal(),
                is_default: constant.is_default,
            };
            judge(candidate, lists).map(Some)
        }
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
                is_null: false,
            }],
            setting,
            is_default: false,
            is_secret: false,
            is_pending: None,
            pending_reason: None,
        }
    }

    fn view(constant: &Constant) -> ConstantView {
        ConstantView::of(constant, Lists::default())
    }

    #[test]
    fn a_secret_is_masked_in_every_status() {
        for status in [Status::Default, Status::Overridden, Status::Obsolete] {
            let view = view(&constant(status, Setting::text("NEVERLEAK")));

            assert!(view.masked && view.is_set, "{view:?}");
            assert_eq!(view.is_empty, Some(false));
            assert!(!format!("{view:?}").contains("NEVERLEAK"));
        }
    }

    /// No name, type, value or pattern in the fleet file ever shows a value from a secret store.
    #[test]
    fn a_value_from_a_secret_store_is_never_shown() {
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
        let unread = constant(Status::Overridden, Setting::Unread);
        let view = ConstantView::of(&unread, lists);
        assert_eq!(
            (view.masked, view.is_set, view.is_empty),
            (true, true, None)
        );
    }

    #[test]
    fn an_empty_secret_is_reported_without_showing_anything() {
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
