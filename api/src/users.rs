//! `GET /users`: how many users an environment has, counted live in its database. Never who they are.

mod counts;
mod error;
mod grants;
mod schema;
mod view;

use std::sync::Arc;

use async_trait::async_trait;
use shared::database::{DatabaseError, Databases};
use shared::fleet::FleetSource;

use crate::endpoint::{Call, Endpoint, Handler, Parameter, Route};
use crate::error::{Code, Problem};
use crate::response::{Answer, Freshness};
use crate::selection;

pub use counts::{COUNT_TIMEOUT, STATEMENT_TIMEOUT, count_users};
pub use error::UsersError;
pub use grants::grants_script;
pub use view::{
    ActiveByKind, HumansByUserType, LicenseEstimate, NamedUsers, Sessions, UserCounts, UserSource,
};

/// Facts of this endpoint.
pub const ROUTE: Route = Route {
    path: "/users",
    function: "api-users",
    scope: Some("mrt/users.read"),
    summary: "Number of users of an environment",
    description: "Accounts and sessions, counted now in the app's own database, all in one moment. Numbers only, \
                  no names. Named users and anonymous visitors are always counted apart, people and web services \
                  too, because Mendix itself has several meanings of a named user.",
    parameters: &[Parameter::required_text(
        "environment",
        "Name of the environment in the fleet file.",
    )],
    problems: &[
        Code::NotFound,
        Code::NotConfigured,
        Code::GrantsMissing,
        Code::NotAMendixDatabase,
        Code::Unreachable,
        Code::Timeout,
    ],
    schema: |generator| generator.subschema_for::<UserCounts>(),
};

struct GetUsers {
    fleet: Arc<FleetSource>,
    databases: Databases,
}

/// Returns the endpoint over its two ports.
pub fn endpoint(fleet: Arc<FleetSource>, databases: Databases) -> Endpoint {
    Endpoint::new(&ROUTE, GetUsers { fleet, databases })
}

#[async_trait]
impl Handler for GetUsers {
    async fn answer(&self, call: Call<'_>) -> Result<Answer, Problem> {
        let fleet = self.fleet.current().await?;
        let environment = selection::environment(&fleet, &call)?;
        let counts = count_users(&self.databases, environment, call.now).await?;
        // Two answers with the same counts are the same answer, whenever they were counted.
        let identity = UserCounts {
            as_of: chrono::DateTime::UNIX_EPOCH,
            ..counts.clone()
        };
        Answer::json(&counts, &identity, Freshness::Live)
    }
}

impl From<UsersError> for Problem {
    fn from(error: UsersError) -> Self {
        match error {
            UsersError::NoDatabase => Self::not_configured("database"),
            UsersError::GrantsMissing { statements } => Self::grants_missing(&statements),
            UsersError::NotAMendixDatabase => Self::not_a_mendix_database(),
            UsersError::Database(error) => match error {
                DatabaseError::Timeout(_) | DatabaseError::Locked(_) => Self::timeout(error),
                DatabaseError::UnsupportedEngine(_) => {
                    Self::not_configured("database of a supported engine")
                }
                DatabaseError::Failed(_) | DatabaseError::Denied(_) => Self::internal(error),
                DatabaseError::NameNotFound(_)
                | DatabaseError::Refused(_)
                | DatabaseError::Unreachable(_)
                | DatabaseError::Lost(_)
                | DatabaseError::Tls(..)
                | DatabaseError::LoginRefused(_)
                | DatabaseError::IamRefused(_)
                | DatabaseError::Missing(_)
                | DatabaseError::TooManyConnections(_)
                | DatabaseError::Credentials(_) => {
                    let fault = error.code();
                    Self::unreachable(error).with("fault", fault)
                }
            },
        }
    }
}
