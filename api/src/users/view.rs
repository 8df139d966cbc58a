//! The JSON of `GET /users`. No field can hold a user's address or secret. A name fits only into the one field that
//! requires a scope of its own.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::distinct_view::DistinctUsers;

/// User accounts and sessions of one environment, counted from one state of its database.
///
/// ```json
/// {
///   "environment": "acme-prod",
///   "as_of": "2026-01-12T11:10:00Z",
///   "age_seconds": 0,
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
///   "metering": {
///     "named_user_count": 4,
///     "internal": 3,
///     "external": 1,
///     "unclassified": 2,
///     "case_duplicates": 0,
///     "rule": "active now, not anonymous, each name once, case-sensitive"
///   },
///   "runtime_metric": {
///     "named_user_count": 4,
///     "rule": "active, not anonymous: sessions.named_users of the runtime's metrics"
///   },
///   "by_role": [
///     {"role": "Administrator", "total": 2, "active": 2},
///     {"role": "User", "total": 3, "active": 2}
///   ],
///   "without_role": 1,
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
    /// Time at which the users were counted, RFC 3339 UTC.
    pub as_of: DateTime<Utc>,
    /// Seconds since `as_of`: counts are cached for a few seconds, so that frequent requests do not load the database.
    pub age_seconds: u64,
    /// Where the counts come from.
    pub source: UserSource,
    /// Named accounts that are not anonymous visitors, including web services and the administrator.
    pub named: NamedUsers,
    /// The number that the licence probably counts: the first of three official numbers of named users.
    pub license_estimate: LicenseEstimate,
    /// The number that user metering counts: the second.
    pub metering: Metering,
    /// The number in the runtime's own metric: the third.
    pub runtime_metric: RuntimeMetric,
    /// Accounts by role, ordered by role name, at most 200; an account counts in each of its roles.
    /// Null when the database has no roles.
    pub by_role: Option<Vec<RoleCount>>,
    /// Named accounts without a role; null when the database has no roles.
    pub without_role: Option<u64>,
    /// Recent sessions; null if the database has no session tables. All zero if the app keeps its sessions in memory
    /// (`PersistentSessions` is off).
    pub sessions: Option<Sessions>,
    /// Accounts that the app created for anonymous visitors, one per visitor that is not cleaned up yet.
    pub anonymous_rows: u64,
    /// What this version of the app does not store, or why a number is doubtful; one sentence each, usually empty.
    pub warnings: Vec<String>,
}

impl UserCounts {
    /// Returns the counts without the fields that change with time alone.
    pub(super) fn identity(&self) -> Self {
        Self {
            as_of: DateTime::UNIX_EPOCH,
            age_seconds: 0,
            ..self.clone()
        }
    }
}

/// Where users were read from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct UserSource {
    /// Always `database`: the app's own tables.
    pub kind: String,
    /// Engine of the database: `postgres` or `mysql`.
    pub engine: String,
    /// Version of the Mendix runtime that last used the database; null before Mendix 9.
    pub mendix_version: Option<String>,
    /// Version of the app's model that last used the database; null if it is not stored.
    pub model_version: Option<String>,
}

/// Number of accounts with a name, except anonymous visitors.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct NamedUsers {
    /// All of them.
    pub total: u64,
    /// Accounts that may log in.
    pub active: u64,
    /// Those that are switched off; `active` and `inactive` add up to `total`.
    pub inactive: u64,
    /// Accounts that are blocked, after failed logins or manually, active or not.
    pub blocked: u64,
    /// Active accounts by kind of user.
    pub active_by_kind: ActiveByKind,
    /// Active people by the user type that the app reports; null when it stores none (before Mendix 7.5).
    pub active_humans_by_user_type: Option<HumansByUserType>,
    /// Active accounts that never logged in.
    pub active_never_logged_in: u64,
}

/// Active accounts by kind of user.
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
    /// Internal, including people without a type.
    pub internal: u64,
    /// External users.
    pub external: u64,
}

/// Estimate of the number that a named-user licence is compared with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct LicenseEstimate {
    /// Number of accounts according to `rule`.
    pub named_user_count: u64,
    /// Which accounts count. The administrator's name comes from the fleet file.
    pub rule: String,
    /// Always true: the runtime does not store its own count.
    pub estimate: bool,
}

/// The number from user metering for accounts active now. A monthly report counts accounts active on any day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Metering {
    /// Active accounts that are not anonymous, each identity once and case-sensitive, as Mendix counts: the app's
    /// identifier of named users if it has one (`UserCommons`), else the name. The last login does not matter.
    pub named_user_count: u64,
    /// Those with an account that was not reported as external.
    pub internal: u64,
    /// All other identities.
    pub external: u64,
    /// Those of `internal` for which the app reports no type at all: Mendix counts them as internal until it does.
    /// Null when the app stores no types (before Mendix 7.5).
    pub unclassified: Option<u64>,
    /// By how many `named_user_count` would be lower if letter case did not matter: `Eve@` and `eve@` are one such
    /// duplicate. Often one person with two accounts.
    pub case_duplicates: u64,
    /// Which accounts count.
    pub rule: String,
}

/// The count in the runtime's metric `sessions.named_users`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct RuntimeMetric {
    /// Active accounts that are not anonymous, the administrator included.
    pub named_user_count: u64,
    /// Which accounts count.
    pub rule: String,
}

/// Accounts with one role that are not anonymous.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct RoleCount {
    /// Name of the role.
    pub role: String,
    /// All of them.
    pub total: u64,
    /// Accounts that may log in.
    pub active: u64,
}

/// Sessions that were active within the time window.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Sessions {
    /// Length of the window before `as_of`, in seconds: the app's session time-out from the fleet file.
    pub window_seconds: u64,
    /// Sessions of named users.
    pub named_user_sessions: u64,
    /// Named users with at least one of these sessions.
    pub distinct_named_users: u64,
    /// Sessions of anonymous visitors.
    pub anonymous_sessions: u64,
}

/// Users of one environment, one page of `view=list`.
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
///   "users": [
///     {
///       "id": "844424930131970",
///       "user": "u_c6777f54a1a735bb",
///       "name": null,
///       "kind": "human",
///       "entity": "Administration.Account",
///       "active": true,
///       "blocked": false,
///       "blocked_since": null,
///       "user_type": "internal",
///       "roles": ["Administrator", "User"],
///       "last_login": "2026-01-12T09:00:00.123Z",
///       "created": "2024-02-01T00:00:00Z"
///     }
///   ],
///   "next": "MTg0NDQyNDkzMDEzMTk3MA",
///   "warnings": []
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct UserList {
    /// Name of the environment in the fleet file.
    pub environment: String,
    /// Time at which the page was read, RFC 3339 UTC.
    pub as_of: DateTime<Utc>,
    /// Where the users come from.
    pub source: UserSource,
    /// Users ordered by id.
    pub users: Vec<UserView>,
    /// Cursor of the next page; null on the last one.
    pub next: Option<String>,
    /// What this version of the app does not store; one sentence each, usually empty.
    pub warnings: Vec<String>,
}

/// One user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "User")]
pub struct UserView {
    /// Id in the app, as text because it may exceed 2^53.
    pub id: String,
    /// Pseudonym of the identity that metering counts, the identifier of named users or else the name: equal for equal
    /// identities in all environments of this deployment. Null without a deployment key.
    pub user: Option<String>,
    /// The name itself with `names=clear`, which needs scope `mrt/users.pii`; otherwise null.
    pub name: Option<String>,
    /// `human`, `web_service` or `anonymous`.
    pub kind: String,
    /// Mendix entity of the account, such as `Administration.Account`; null if it is not stored.
    pub entity: Option<String>,
    /// Whether it may log in.
    pub active: bool,
    /// Whether it is blocked.
    pub blocked: bool,
    /// Start of the block, RFC 3339 UTC; null when it is not blocked or the time is not stored.
    pub blocked_since: Option<DateTime<Utc>>,
    /// `internal` or `external` as the app reports it, or `unclassified` if it reports none; null for anonymous
    /// visitors and if the app stores no types.
    pub user_type: Option<String>,
    /// Names of its roles, in order; null when the database has no roles.
    pub roles: Option<Vec<String>>,
    /// Last login, RFC 3339 UTC; null if it never logged in. Apps may be configured not to store logins of web services.
    pub last_login: Option<DateTime<Utc>>,
    /// Time of creation, RFC 3339 UTC; null if it is not stored.
    pub created: Option<DateTime<Utc>>,
}

/// Counts of several environments, one page: the answer without `environment`.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct FleetUsers {
    /// Environments ordered by name.
    pub items: Vec<EnvironmentUsers>,
    /// Each named user of all these environments once, as in `view=distinct`; null if they do not fit on one page, and
    /// without a deployment key.
    pub distinct: Option<DistinctUsers>,
    /// Cursor of the next page; null on the last one.
    pub next: Option<String>,
}

/// One environment: its counts or its own problem.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct EnvironmentUsers {
    /// Name of the environment in the fleet file.
    pub environment: String,
    /// Whether the fleet file names a database for it. Without one there is nothing to count and no problem.
    pub has_database: bool,
    /// Its counts; null if there is a problem or no database.
    pub counts: Option<UserCounts>,
    /// The problem that a request for this environment alone would be answered with; null if there are counts or there
    /// is no database.
    #[schemars(with = "Option<crate::http::problem::ProblemView>")]
    pub problem: Option<Value>,
}
