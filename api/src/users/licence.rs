//! The JSON of a licence's limits.

use schemars::JsonSchema;
use serde::Serialize;

/// A limit and what is used of it.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct LimitUse {
    /// The limit.
    pub limit: u64,
    /// What is used of it.
    pub used: u64,
    /// What is left, negative if more is used than allowed.
    pub free: i64,
    /// `used` in percent of `limit`, to two decimal places.
    pub used_percent: f64,
    /// Whether more may be used, because users of an environment are not known.
    pub is_at_least: bool,
}

impl LimitUse {
    /// Returns the use of `limit`.
    pub(super) fn of(limit: u64, used: u64, is_at_least: bool) -> Self {
        let signed = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        let basis_points = u128::from(used) * 10_000 / u128::from(limit.max(1));
        let basis_points = u32::try_from(basis_points).unwrap_or(u32::MAX);
        Self {
            limit,
            used,
            free: signed(limit) - signed(used),
            used_percent: f64::from(basis_points) / 100.0,
            is_at_least,
        }
    }
}

/// A limit of named users: what is used of it, and when it will be reached.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct NamedForecast {
    /// The use in `month`.
    #[serde(flatten)]
    pub usage: LimitUse,
    /// The newest month with a run.
    pub month: String,
    /// Growth a month: the median of the slopes between any two of the last twelve months that are over; with fewer than
    /// three of them also of the running month, if it has more already. Null if it is not known.
    pub per_month: Option<f64>,
    /// Month in which the limit is reached if the growth goes on; null with `reason`.
    pub reached_in: Option<String>,
    /// Whether fewer than three months in a row are over and complete, so that one odd month decides.
    pub is_tentative: bool,
    /// Why there is none: `reached`, `not_growing`, `not_within_ten_years`, or `too_few_months` (fewer than two in a row
    /// that are complete, of which the running one counts only as far as it has grown); null with one.
    pub reason: Option<String>,
}
