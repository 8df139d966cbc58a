//! The JSON of `GET /users?view=distinct`. No field can hold an identity or an HMAC of one.

use chrono::{DateTime, NaiveDate, Utc};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use shared::snapshot::Completeness;

use super::licence::{LimitUse, NamedForecast};

/// Each named user once, over all environments that the caller may see.
///
/// ```json
/// {
///   "as_of": "2026-01-12T11:10:00Z",
///   "completeness": "complete",
///   "groups": [
///     {
///       "group": "all",
///       "environment_count": 2,
///       "unread_count": 0,
///       "named_user_count": 4,
///       "internal": 1,
///       "external": 1,
///       "unclassified": 2,
///       "environment_sum": 8
///     },
///     {
///       "group": "production",
///       "environment_count": 1,
///       "unread_count": 0,
///       "named_user_count": 4,
///       "internal": 1,
///       "external": 1,
///       "unclassified": 2,
///       "environment_sum": 4
///     },
///     {
///       "group": "other",
///       "environment_count": 1,
///       "unread_count": 0,
///       "named_user_count": 4,
///       "internal": 1,
///       "external": 1,
///       "unclassified": 2,
///       "environment_sum": 4
///     }
///   ],
///   "environments": [
///     {"environment": "acme-prod", "production": true, "named_user_count": 4, "only_here": 0},
///     {"environment": "acme-test", "production": false, "named_user_count": 4, "only_here": 0}
///   ],
///   "unread": [],
///   "without_database": [],
///   "licence": {
///     "group": "production",
///     "named": {"limit": 5000, "used": 4, "free": 4996, "used_percent": 0.08, "is_at_least": false},
///     "by_month": null,
///     "by_month_reason": "no_months",
///     "concurrent_limit": null,
///     "expires": "2027-06-30",
///     "days_left": 534
///   }
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct DistinctUsers {
    /// Time at which the users were read, RFC 3339 UTC.
    pub as_of: DateTime<Utc>,
    /// `partial` if an environment with a database could not be read: the numbers are then too low by the users that
    /// are only there.
    pub completeness: Completeness,
    /// The numbers by group of environments: `all`, then `production` and `other` if the fleet file marks any of them
    /// with `production = true`.
    pub groups: Vec<DistinctGroup>,
    /// The environments that were read, ordered by name.
    pub environments: Vec<DistinctEnvironment>,
    /// The environments that could not be read, ordered by name, each with its problem.
    pub unread: Vec<UnreadEnvironment>,
    /// Names of the environments without a database: they have no users.
    pub without_database: Vec<String>,
    /// What the licence in the fleet file allows and what is used of it; null without one, and for a caller who may not
    /// see all environments.
    pub licence: Option<LicenceUse>,
}

impl DistinctUsers {
    /// Returns the answer without what changes with time alone.
    pub(super) fn identity(&self) -> Self {
        Self {
            as_of: DateTime::UNIX_EPOCH,
            ..self.clone()
        }
    }
}

/// Distinct named users of a group of environments.
///
/// Active accounts that are no anonymous visitors, each identity once and case-sensitive. An identity is the app's identifier of named users if it has one, else the name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct DistinctGroup {
    /// `all`, `production` or `other`.
    pub group: String,
    /// Environments of the group that were read.
    pub environment_count: u64,
    /// Environments of the group that could not be read and are missing in the numbers.
    pub unread_count: u64,
    /// Distinct named users: `internal`, `external` and `unclassified` together.
    pub named_user_count: u64,
    /// Those that an app reports as internal.
    pub internal: u64,
    /// Those that apps report as external only.
    pub external: u64,
    /// Those that some app does not report, and none as internal. Mendix counts them as internal until the app does.
    pub unclassified: u64,
    /// Sum of the numbers of each environment, where a user of two environments counts twice.
    pub environment_sum: u64,
}

/// Distinct named users of one environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct DistinctEnvironment {
    /// Name in the fleet file.
    pub environment: String,
    /// Whether the fleet file marks it as production.
    pub production: bool,
    /// Its distinct named users, as `metering` counts them.
    pub named_user_count: u64,
    /// Those of them that no other environment of this answer has.
    pub only_here: u64,
}

/// An environment that could not be read.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct UnreadEnvironment {
    /// Name in the fleet file.
    pub environment: String,
    /// Whether the fleet file marks it as production.
    pub production: bool,
    /// The problem that a request for this environment alone would be answered with.
    #[schemars(with = "crate::http::problem::ProblemView")]
    pub problem: Value,
}

/// The licence of the company and what is used of it.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct LicenceUse {
    /// Group of environments whose users are compared: `production` if the fleet file marks any, else `all`.
    pub group: String,
    /// Named users; null if the licence does not limit them.
    pub named: Option<LimitUse>,
    /// The limit of named users, what the newest month has used of it, and when it will be reached, as
    /// `/users/history?view=distinct` says it; null with `by_month_reason`.
    pub by_month: Option<NamedForecast>,
    /// Why there is none: `not_limited`, `no_months` (no users were collected yet), `not_asked` (only `view=distinct` reads
    /// months), `too_large` (`/users/history?view=distinct` takes fewer months), `timeout` or `unavailable` (the store did
    /// not answer); null with one.
    pub by_month_reason: Option<String>,
    /// Most users with a session at a time; null if the licence does not limit them. `/users/history` compares it with
    /// the peaks of days.
    pub concurrent_limit: Option<u64>,
    /// Last day on which the licence is valid; null if the fleet file does not state it.
    pub expires: Option<NaiveDate>,
    /// Days until then, negative afterwards; null with it.
    pub days_left: Option<i64>,
}
