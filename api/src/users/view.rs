//! The JSON of `GET /users`: numbers only. Nothing here can hold a name, an address or a secret of a user.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::Serialize;

/// User accounts and sessions of one environment, counted in one moment of its database.
///
/// ```json
/// {
///   "environment": "acme-prod",
///   "as_of": "2026-01-12T11:10:00Z",
///   "source": {
///     "kind": "database",
///     "engine": "postgres",
///     "mendix_version": "10.24.4.77222",
///     "model_version": "1.4.0.317"
///   },
///   "named": {
///     "total": 5,
///     "active": 4,
///     "inactive": 1,
///     "blocked": 1,
///     "active_by_kind": {"human": 3, "web_service": 1},
///     "active_humans_by_user_type": {"internal": 2, "external": 1},
///     "active_never_logged_in": 0
///   },
///   "license_estimate": {
///     "named_user_count": 3,
///     "rule": "active, not anonymous, without administrator 'MxAdmin'",
///     "estimate": true
///   },
///   "sessions": {
///     "window_seconds": 600,
///     "named_user_sessions": 2,
///     "distinct_named_users": 1,
///     "anonymous_sessions": 1
///   },
///   "anonymous_rows": 2,
///   "warnings": []
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct UserCounts {
    /// Name of the environment in the fleet file.
    pub environment: String,
    /// When the users were counted, RFC 3339 UTC.
    pub as_of: DateTime<Utc>,
    /// What was asked.
    pub source: UserSource,
    /// Accounts with a name that are not anonymous visitors, web services and the administrator included.
    pub named: NamedUsers,
    /// What the licence probably counts.
    pub license_estimate: LicenseEstimate,
    /// Recent sessions; null when the database has no session tables. All zero when the app keeps its
    /// sessions in memory (`PersistentSessions` off).
    pub sessions: Option<Sessions>,
    /// Accounts that the app made for anonymous visitors, one for each visitor not yet cleaned up.
    pub anonymous_rows: u64,
    /// What this version of the app cannot say or what makes a number doubtful, a sentence each; empty as a rule.
    pub warnings: Vec<String>,
}

/// Where counts come from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct UserSource {
    /// Always `database`: the app's own tables.
    pub kind: String,
    /// Engine of the database: `postgres`.
    pub engine: String,
    /// Version of the Mendix runtime that used the database last; null before Mendix 9.
    pub mendix_version: Option<String>,
    /// Version of the app's model that used the database last; null when it is not stored.
    pub model_version: Option<String>,
}

/// Numbers of accounts with a name that are not anonymous visitors.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct NamedUsers {
    /// All of them.
    pub total: u64,
    /// Those that may log in.
    pub active: u64,
    /// Those that were switched off; `active` and `inactive` make up `total`.
    pub inactive: u64,
    /// Those that are blocked after failed logins or by hand, active or not.
    pub blocked: u64,
    /// The active ones by who uses them.
    pub active_by_kind: ActiveByKind,
    /// The active people by the type that the app reports; null when it stores no types (before Mendix 7.5).
    pub active_humans_by_user_type: Option<HumansByUserType>,
    /// Active ones that never logged in.
    pub active_never_logged_in: u64,
}

/// Active accounts by who uses them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ActiveByKind {
    /// People.
    pub human: u64,
    /// Other systems, through published web services.
    pub web_service: u64,
}

/// Active people by user type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct HumansByUserType {
    /// Internal, which is also whoever has no type.
    pub internal: u64,
    /// External.
    pub external: u64,
}

/// An estimate of the number that a licence of named users is compared with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct LicenseEstimate {
    /// Number of accounts by `rule`.
    pub named_user_count: u64,
    /// Which accounts were counted. The administrator's name is the one that the fleet file gives.
    pub rule: String,
    /// Always true: the runtime's own count is not stored anywhere.
    pub estimate: bool,
}

/// Sessions that were active within the window.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Sessions {
    /// Length of the window before `as_of`, in seconds: the app's session time-out as the fleet file gives it.
    pub window_seconds: u64,
    /// Sessions of named users.
    pub named_user_sessions: u64,
    /// Named users that have at least one of them.
    pub distinct_named_users: u64,
    /// Sessions of anonymous visitors.
    pub anonymous_sessions: u64,
}
