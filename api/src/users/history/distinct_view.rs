//! The JSON of `GET /users/history?view=distinct`. No field can hold an identity or an HMAC of one.

use chrono::{DateTime, NaiveDate, Utc};
use schemars::JsonSchema;
use serde::Serialize;
use shared::snapshot::Completeness;

use crate::users::licence::NamedForecast;

/// Each named user once over all environments that the caller may see, by calendar month.
///
/// ```json
/// {
///   "from": "2025-12-01T00:00:00Z",
///   "to": "2026-02-01T00:00:00Z",
///   "time_zone": "UTC",
///   "months": [
///     {
///       "month": "2026-01",
///       "is_running": true,
///       "completeness": "partial",
///       "groups": [
///         {
///           "group": "all",
///           "environment_count": 2,
///           "partial_count": 1,
///           "named_user_count": 6,
///           "internal": 3,
///           "external": 2,
///           "unclassified": 1,
///           "environment_sum": 9
///         }
///       ],
///       "partial": [{"environment": "acme-test", "reason": "missing_days"}]
///     }
///   ],
///   "licence": {
///     "group": "all",
///     "named": {
///       "limit": 10,
///       "used": 6,
///       "free": 4,
///       "used_percent": 60.0,
///       "is_at_least": true,
///       "month": "2026-01",
///       "per_month": null,
///       "reached_in": null,
///       "is_tentative": false,
///       "reason": "too_few_months"
///     },
///     "concurrent_limit": null,
///     "concurrent_peak_sum": 3,
///     "expires": "2027-06-30",
///     "days_left": 534
///   },
///   "without_database": []
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct DistinctMonths {
    /// Start of the first month, inclusive, RFC 3339 UTC.
    pub from: DateTime<Utc>,
    /// End of the last month, exclusive, RFC 3339 UTC.
    pub to: DateTime<Utc>,
    /// Time zone of months: always `UTC`.
    pub time_zone: String,
    /// Months from the first one with a run, oldest first.
    pub months: Vec<DistinctMonth>,
    /// What the licence in the fleet file allows, and when its limit will be reached; null without one, without a month,
    /// and for a caller who may not see all environments.
    pub licence: Option<MonthLicence>,
    /// Names of the environments without a database: they have no users.
    pub without_database: Vec<String>,
}

/// Distinct named users of one calendar month.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct DistinctMonth {
    /// The month: `2026-01`.
    pub month: String,
    /// Whether it is not over: the numbers are those so far.
    pub is_running: bool,
    /// `partial` if users of an environment are not known: the numbers can be too low.
    pub completeness: Completeness,
    /// The numbers by group of environments: `all`, then `production` and `other` if the fleet file marks any.
    pub groups: Vec<MonthGroup>,
    /// Environments of which not all users are known.
    pub partial: Vec<PartialMonth>,
}

/// Distinct named users of a group of environments in one month.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "DistinctMonthGroup")]
pub struct MonthGroup {
    /// `all`, `production` or `other`.
    pub group: String,
    /// Environments of the group.
    pub environment_count: u64,
    /// Those of which not all users are known.
    pub partial_count: u64,
    /// Distinct named users that were active on any day in any of them.
    pub named_user_count: u64,
    /// Those that were last reported as internal.
    pub internal: u64,
    /// Those that were last reported as external.
    pub external: u64,
    /// Those that were last not reported.
    pub unclassified: u64,
    /// Sum of the numbers of each environment, where a user of two environments counts twice.
    pub environment_sum: u64,
}

/// An environment of which not all users of a month are known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "PartialUserMonth")]
pub struct PartialMonth {
    /// Name in the fleet file.
    pub environment: String,
    /// Why: `missing_days`; `key_changed` also if the other environments' users are known under another key; or as in
    /// the months of one environment.
    pub reason: String,
}

/// The licence of the company, and when its limit will be reached.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct MonthLicence {
    /// Group of environments whose users are compared: `production` if the fleet file marks any, else `all`.
    pub group: String,
    /// Named users; null if the licence does not limit them.
    pub named: Option<NamedForecast>,
    /// Most users with a session at a time; null if the licence does not limit them.
    pub concurrent_limit: Option<u64>,
    /// Sum of the environments' peaks of named users with a session in the newest month. They need not have been at the
    /// same time, and between two runs there can have been more.
    pub concurrent_peak_sum: u64,
    /// Last day on which the licence is valid; null if the fleet file does not state it.
    pub expires: Option<NaiveDate>,
    /// Days until then, negative afterwards; null with it.
    pub days_left: Option<i64>,
}
