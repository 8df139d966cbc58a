//! The constants that a request selects.

use super::overlay::{Constant, Status};
use super::pattern;
use crate::http::parameter::{Parameter, ParameterKind};
use crate::http::request::Parameters;

/// Parameter for one module.
pub(super) const MODULE: Parameter = Parameter::text("module", "Only constants of this module.");
/// Parameter for names.
pub(super) const NAME: Parameter = Parameter::text(
    "name",
    "Only constants with this full name; * matches any characters, as in `Sales.*Url`.",
);
/// Parameter for one status.
pub(super) const STATUS: Parameter = Parameter {
    name: "status",
    description: "Only constants of this status.",
    kind: ParameterKind::Choice(&["default", "overridden", "obsolete", "missing"]),
    is_required: false,
};

/// The filters of a request; the default selects everything.
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

    /// Returns whether `constant` passes all filters.
    pub(super) fn allows(&self, constant: &Constant) -> bool {
        self.allows_name(constant) && self.status.is_none_or(|status| status == constant.status)
    }

    /// Returns whether `constant` passes all filters except the status.
    pub(super) fn allows_name(&self, constant: &Constant) -> bool {
        let is_module = |module: &String| constant.module() == Some(module.as_str());
        let is_name = |pattern: &String| pattern::is_match(pattern, &constant.name);
        self.module.as_ref().is_none_or(is_module) && self.name.as_ref().is_none_or(is_name)
    }
}
