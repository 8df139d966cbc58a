//! Which constants a request means.

use super::overlay::{Constant, Status};
use super::pattern;

use crate::http::parameter::{Parameter, ParameterKind};
use crate::http::request::Parameters;

/// The parameters of filters.
pub(super) const MODULE: Parameter = Parameter::text("module", "Only constants of this module.");
/// See [`MODULE`].
pub(super) const NAME: Parameter = Parameter::text(
    "name",
    "Only the constant of this whole name; * stands for any part, as in `Sales.*Url`.",
);
/// See [`MODULE`].
pub(super) const STATUS: Parameter = Parameter {
    name: "status",
    description: "Only constants of this status.",
    kind: ParameterKind::Choice(&["default", "overridden", "obsolete", "missing"]),
    is_required: false,
};

/// What the filters of a request allow; everything where it has none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    module: Option<String>,
    name: Option<String>,
    status: Option<Status>,
}

impl Filter {
    /// Returns the filters of a request.
    pub(super) fn of(parameters: &Parameters) -> Self {
        let text = |name: &str| parameters.text(name).map(str::to_owned);
        let status = parameters.text(STATUS.name).and_then(|word| {
            let mut all = Status::ALL.into_iter();
            all.find_map(|(known, status)| (known == word).then_some(status))
        });
        Self {
            module: text(MODULE.name),
            name: text(NAME.name),
            status,
        }
    }

    /// Returns whether the request means `constant`.
    pub(super) fn allows(&self, constant: &Constant) -> bool {
        self.allows_name(constant) && self.status.is_none_or(|status| status == constant.status)
    }

    /// Returns whether the request means `constant`, whatever its status.
    pub(super) fn allows_name(&self, constant: &Constant) -> bool {
        let is_module = |module: &String| constant.module() == Some(module.as_str());
        let is_name = |pattern: &String| pattern::is_match(pattern, &constant.name);
        self.module.as_ref().is_none_or(is_module) && self.name.as_ref().is_none_or(is_name)
    }
}
