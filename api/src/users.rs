//! `GET /users` counts the users of environments, and `GET /users/list` lists their accounts, live from the apps' databases.
//!
//! Names are shown only to tokens with a scope of their own.

mod all_environments;
mod csv;
mod distinct;
mod distinct_view;
pub mod history;
mod licence;
mod many;
mod pool;
mod reader;
mod view;

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use futures::future::join;
use shared::clock;
use shared::database::DatabaseError;
use shared::fleet::{Environment, FleetSource};
use shared::user_months::UserMonthReader;
use shared::users::{KINDS, ListQuery, Listed, Page, USER_TYPES, UsersError};

use crate::http::answer::{Answer, Freshness};
use crate::http::cursor;
use crate::http::endpoint::{Call, Endpoint, Handler, Route};
use crate::http::media_type::MediaType;
use crate::http::parameter::Parameter;
use crate::http::problem::{Code, Problem};
use crate::targets;
use distinct::Distinct;
use shared::deployment_key::{DeploymentKey, Key};
use tokio::time::Instant;

pub use distinct_view::{
    DistinctEnvironment, DistinctGroup, DistinctUsers, LicenceUse, UnreadEnvironment,
};
pub use licence::{LimitUse, NamedForecast};
pub use many::{ALL_ENVIRONMENTS_TIMEOUT, READS_AT_ONCE};
pub use pool::{MAX_IDLE, MAX_WAITING, PING_TIMEOUT};
pub use reader::{READ_TIMEOUT, Users};
pub use view::{
    ActiveByKind, EnvironmentUsers, FleetUsers, HumansByUserType, LicenseEstimate, Metering,
    NamedUsers, RoleCount, RuntimeMetric, Sessions, UserCounts, UserList, UserSource, UserView,
};

/// Scope that a token needs, in addition to the route's, to see names.
pub const NAMES_SCOPE: &str = "mrt/users.pii";

/// Description of this endpoint.
pub const ROUTE: Route = Route {
    path: "/users",
    function: "api-users",
    scope: Some("mrt/users.read"),
    summary: "Users of environments",
    description: "Accounts and sessions, counted now in the app's own database from one state of it: the three official \
                  numbers of named users side by side, and what they consist of. Without `environment`, all \
                  environments, each with its counts or its own problem. With `view=list`, which is deprecated, what \
                  `/users/list` answers. With `view=distinct`, each named user once over all environments. Never an \
                  e-mail address or a person's full name.",
    media_types: &[MediaType::Json, MediaType::Csv],
    parameters: &[
        Parameter::text("environment", "Only this environment. Required for a list."),
        Parameter::choice(
            "view",
            "Counts (the default), or each named user of all environments once. `list` is deprecated: it answers as \
             `/users/list`, with its parameters.",
            &["counts", "list", "distinct"],
        ),
        Parameter::choice(
            "active",
            "List: only accounts that may log in (`true`) or may not (`false`).",
            &["true", "false"],
        ),
        Parameter::choice(
            "kind",
            "List: only accounts of this kind. Without it, people and web services.",
            KINDS,
        ),
        Parameter::choice(
            "user_type",
            "List: only accounts of this type, as the app reports it; `unclassified` if it reports none.",
            USER_TYPES,
        ),
        Parameter::text("role", "List: only accounts with this role."),
        Parameter::optional_number(
            "inactive_days",
            "List: only accounts without a login for this many days. An account that never logged in counts from its creation.",
            36_500,
        ),
        Parameter::choice(
            "names",
            "List: `clear` shows names and needs scope `mrt/users.pii`; each such answer is logged.",
            &["pseudonym", "clear"],
        ),
        Parameter::number(
            "limit",
            "Most accounts on one page, or environments (at most 100 of them).",
            1_000,
            100,
        ),
        Parameter::cursor(),
    ],
    problems: &[
        Code::NotFound,
        Code::NotConfigured,
        Code::GrantsMissing,
        Code::NotAMendixDatabase,
        Code::Unreachable,
        Code::Timeout,
    ],
    schema: |generator| {
        let views = [
            generator.subschema_for::<UserCounts>(),
            generator.subschema_for::<FleetUsers>(),
            generator.subschema_for::<UserList>(),
            generator.subschema_for::<DistinctUsers>(),
        ];
        schemars::json_schema!({"oneOf": views})
    },
};

/// Description of the list.
pub const LIST_ROUTE: Route = Route {
    path: "/users/list",
    function: "api-users",
    scope: Some("mrt/users.read"),
    summary: "Accounts of an environment",
    description: "Accounts one by one, read now from the app's own database, under pseudonyms. Never an e-mail address or \
                  a person's full name.",
    media_types: &[MediaType::Json, MediaType::Csv],
    parameters: &[
        Parameter::required_text("environment", "The environment."),
        Parameter::choice(
            "active",
            "Only accounts that may log in (`true`) or may not (`false`).",
            &["true", "false"],
        ),
        Parameter::choice(
            "kind",
            "Only accounts of this kind. Without it, people and web services.",
            KINDS,
        ),
        Parameter::choice(
            "user_type",
            "Only accounts of this type, as the app reports it; `unclassified` if it reports none.",
            USER_TYPES,
        ),
        Parameter::text("role", "Only accounts with this role."),
        Parameter::optional_number(
            "inactive_days",
            "Only accounts without a login for this many days. An account that never logged in counts from its creation.",
            36_500,
        ),
        Parameter::choice(
            "names",
            "`clear` shows names and needs scope `mrt/users.pii`; each such answer is logged.",
            &["pseudonym", "clear"],
        ),
        Parameter::number("limit", "Most accounts on one page.", 1_000, 100),
        Parameter::cursor(),
    ],
    problems: ROUTE.problems,
    schema: |generator| generator.subschema_for::<UserList>(),
};

/// Parameters that apply to lists only.
const LIST_ONLY: [&str; 6] = [
    "active",
    "kind",
    "user_type",
    "role",
    "inactive_days",
    "names",
];

struct GetUsers {
    fleet: Arc<FleetSource>,
    users: Users,
    key: DeploymentKey,
    months: UserMonthReader,
}

struct GetUserList(Arc<GetUsers>);

/// Returns the endpoints of counts and of lists.
pub fn endpoints(
    fleet: Arc<FleetSource>,
    users: Users,
    key: DeploymentKey,
    months: UserMonthReader,
) -> Vec<Endpoint> {
    let users = Arc::new(GetUsers {
        fleet,
        users,
        key,
        months,
    });
    vec![
        Endpoint {
            route: &ROUTE,
            handler: users.clone(),
        },
        Endpoint::new(&LIST_ROUTE, GetUserList(users)),
    ]
}

#[async_trait]
impl Handler for GetUserList {
    async fn answer(&self, call: Call<'_>) -> Result<Answer, Problem> {
        Box::pin(self.0.list(&call)).await
    }
}

#[async_trait]
impl Handler for GetUsers {
    async fn answer(&self, call: Call<'_>) -> Result<Answer, Problem> {
        if call.parameters.text("view") == Some("list") {
            return Box::pin(self.list(&call)).await;
        }
        if let Some(name) = LIST_ONLY.iter().find(|name| call.parameters.is_given(name)) {
            let detail = format!("the parameter {name:?} applies to view=list only");
            return Err(Problem::bad_parameter(name, detail));
        }
        if call.parameters.text("view") == Some("distinct") {
            return Box::pin(self.distinct(&call)).await;
        }
        let (fleet, key) = Box::pin(join(self.fleet.current(), self.key.key())).await;
        let fleet = fleet?;
        if call.parameters.text("environment").is_none() {
            let key = key.as_ref().map_err(|why| *why);
            return Box::pin(all_environments::answer(&self.users, &fleet, key, &call)).await;
        }
        let environment = targets::environment(&fleet, &call)?;
        let counts = self.users.counts(environment, call.now).await?;
        let body = match call.media_type {
            MediaType::Csv => csv::of_counts(&counts),
            _ => serde_json::to_vec(&counts).map_err(Problem::internal)?,
        };
        // Answers with the same counts are the same answer, whenever they were counted.
        Answer::new(call.media_type, body, &counts.identity(), Freshness::Live)
    }
}

impl GetUsers {
    async fn distinct(&self, call: &Call<'_>) -> Result<Answer, Problem> {
        if call.parameters.text("environment").is_some() {
            let detail = "view=distinct covers all environments: leave the parameter out";
            return Err(Problem::bad_parameter("environment", detail));
        }
        let (fleet, key) = Box::pin(join(self.fleet.current(), self.key.key())).await;
        let fleet = fleet?;
        let key = key.map_err(Problem::key_missing)?;
        let distinct = Distinct {
            users: &self.users,
            fleet: &fleet,
            key: &key,
            call,
            months: Some(&self.months),
            deadline: Instant::now() + ALL_ENVIRONMENTS_TIMEOUT,
        };
        let view = distinct.view().await;
        let body = match call.media_type {
            MediaType::Csv => csv::of_distinct(&view),
            _ => serde_json::to_vec(&view).map_err(Problem::internal)?,
        };
        Answer::new(call.media_type, body, &view.identity(), Freshness::Live)
    }

    async fn list(&self, call: &Call<'_>) -> Result<Answer, Problem> {
        if call.parameters.text("environment").is_none() {
            let detail = "the parameter \"environment\" is missing: a list covers one environment";
            return Err(Problem::bad_parameter("environment", detail));
        }
        let is_clear = call.parameters.text("names") == Some("clear");
        if is_clear && !call.caller.has_scope(NAMES_SCOPE) {
            return Err(Problem::scope_missing(NAMES_SCOPE));
        }
        // The key is read concurrently; it is usually cached.
        let (fleet, key) = Box::pin(join(self.fleet.current(), self.key.key())).await;
        let fleet = fleet?;
        let environment = targets::environment(&fleet, call)?;
        let query = list_query(call, is_clear || key.is_ok())?;
        let page = self.users.page(environment, &query, call.now).await?;
        if is_clear {
            audit(call, environment, page.users.len());
        }
        let list = list_view(
            environment,
            page,
            key.as_ref().map_err(|why| *why),
            is_clear,
            call.now,
        );
        let next = list.next.as_deref();
        let next = next.map(|cursor| cursor::next_query(call, cursor));
        let mut identity = list.clone();
        identity.as_of = DateTime::UNIX_EPOCH;
        let body = match call.media_type {
            MediaType::Csv => csv::of_list(&list),
            _ => serde_json::to_vec(&list).map_err(Problem::internal)?,
        };
        let answer = Answer::new(call.media_type, body, &identity, Freshness::Live)?;
        Ok(answer.with_next(next))
    }
}

/// Logs who was shown how many names of which environment, at any log level. Contains no names.
fn audit(call: &Call<'_>, environment: &Environment, count: usize) {
    tracing::info!(
        target: "audit",
        {
            // As strings, which are quoted: no value can look like another field of the line.
            request.id = call.request_id,
            client.id = call.caller.client_id(),
            subject.id = call.caller.subject(),
            environment = environment.name.as_str(),
            user_count = count,
        },
        "clear names of users were read"
    );
}

fn list_query(call: &Call<'_>, with_names: bool) -> Result<ListQuery, Problem> {
    let parameters = call.parameters;
    let text = |name: &str| parameters.text(name).map(str::to_owned);
    let after = match parameters.text("cursor") {
        None => i64::MIN,
        Some(cursor) => {
            let id = cursor::decode(cursor).and_then(|text| text.parse().ok());
            id.ok_or_else(cursor::problem)?
        }
    };
    Ok(ListQuery {
        active: parameters.text("active").map(|word| word == "true"),
        kind: text("kind"),
        user_type: text("user_type"),
        role: text("role"),
        inactive_days: parameters.optional_number("inactive_days"),
        after,
        limit: usize::try_from(parameters.number("limit")).unwrap_or(usize::MAX),
        with_names,
    })
}

fn list_view(
    environment: &Environment,
    page: Page,
    key: Result<&Key, &'static str>,
    is_clear: bool,
    now: DateTime<Utc>,
) -> UserList {
    let mut warnings = page.warnings;
    if let Err(why) = key {
        warnings.push(format!("{why}: user is null"));
    }
    let last = page.users.last().filter(|_| page.has_more);
    let next = last.map(|user| cursor::encode(&user.id.to_string()));
    let view = |user: Listed| user_view(user, key.ok(), is_clear);
    let engine = environment.database.as_ref();
    let source = engine
        .map(|target| reader::source(target, page.mendix_version, page.model_version))
        .unwrap_or_else(|| unreachable!("a page comes from a database"));
    UserList {
        environment: environment.name.clone(),
        as_of: clock::whole_second(now),
        source,
        users: page.users.into_iter().map(view).collect(),
        next,
        warnings,
    }
}

/// Builds one user's view: the only place where a name may leave.
fn user_view(user: Listed, key: Option<&Key>, is_clear: bool) -> UserView {
    let identity = user.identifier.as_deref().or(user.name.as_deref());
    let pseudonym = key.zip(identity);
    UserView {
        id: user.id.to_string(),
        user: pseudonym.map(|(key, identity)| key.pseudonym(identity)),
        name: user.name.filter(|_| is_clear),
        kind: user.kind,
        entity: user.entity,
        active: user.is_active,
        blocked: user.is_blocked,
        blocked_since: user.blocked_since,
        user_type: user.user_type,
        roles: user.roles,
        last_login: user.last_login,
        created: user.created,
    }
}

impl From<UsersError> for Problem {
    fn from(error: UsersError) -> Self {
        match error {
            UsersError::NoDatabase => Self::not_configured("database"),
            UsersError::GrantsMissing { statements } => Self::grants_missing(&statements),
            UsersError::NotAMendixDatabase => Self::not_a_mendix_database(),
            UsersError::Busy => Self::unavailable(error),
            UsersError::Database(error) => match &*error {
                DatabaseError::Timeout(_) | DatabaseError::Locked(_) => Self::timeout(error),
                DatabaseError::UnsupportedEngine(_) => {
                    Self::not_configured("database of a supported engine")
                }
                DatabaseError::Failed(_) | DatabaseError::Denied(_) => Self::internal(error),
                DatabaseError::Conflict(_) => Self::unavailable(error),
                DatabaseError::NameNotFound(_)
                | DatabaseError::Refused(_)
                | DatabaseError::Unreachable(_)
                | DatabaseError::Lost(_)
                | DatabaseError::Tls(..)
                | DatabaseError::LoginRefused(_)
                | DatabaseError::LoginUnsupported(_)
                | DatabaseError::Pooler(_)
                | DatabaseError::Unguarded
                | DatabaseError::IamRefused(_)
                | DatabaseError::Missing(_)
                | DatabaseError::TooManyConnections(_)
                | DatabaseError::Credentials(_) => {
                    let cause = error.code();
                    Self::unreachable(error).with("cause", cause)
                }
            },
        }
    }
}
