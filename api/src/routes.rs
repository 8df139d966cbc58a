//! All routes, for the documents, the local gateway and the tests that compare them with the template.

use std::sync::Arc;
use std::time::Duration;

use shared::aws::Aws;
use shared::database::Databases;
use shared::fleet::FleetSource;
use shared::history::HistoryReader;
use shared::store::SnapshotReader;
use shared::user_months::UserMonthReader;

use crate::dashboard::Login;
use crate::history::HistoryPorts;
use crate::http::endpoint::{Endpoint, ExtraScope, Route};
use crate::{bucket_size, constants, dashboard, health, metrics, openapi, table_size, users};
use shared::deployment_key::DeploymentKey;

/// Descriptions of all endpoints, without handlers, so that a function that uses them links no database driver
/// and no AWS client.
pub const ROUTES: &[Route] = &[
    bucket_size::ROUTE,
    bucket_size::history::ROUTE,
    bucket_size::changes::ROUTE,
    table_size::ROUTE,
    table_size::history::ROUTE,
    table_size::changes::ROUTE,
    users::ROUTE,
    users::LIST_ROUTE,
    users::history::ROUTE,
    constants::ROUTE,
    metrics::ROUTE,
    dashboard::PAGE_ROUTE,
    dashboard::SETTINGS_ROUTE,
    openapi::ROUTE,
    health::ROUTE,
];

/// Scopes beyond those of the routes themselves.
pub const EXTRA_SCOPES: &[ExtraScope] = &[ExtraScope {
    name: users::NAMES_SCOPE,
    path: users::LIST_ROUTE.path,
    summary: "Names of users in the clear",
}];

/// Returns all scopes of this API.
pub fn scopes() -> Vec<&'static str> {
    let own = ROUTES.iter().filter_map(|route| route.scope);
    let extra = EXTRA_SCOPES.iter().map(|scope| scope.name);
    own.chain(extra).collect()
}

/// Returns the scopes that the dashboard requests: those of all routes with data, but metrics, which are for machines.
pub fn dashboard_scopes() -> Vec<&'static str> {
    let routes = ROUTES
        .iter()
        .filter(|route| route.path != metrics::ROUTE.path);
    let mut scopes: Vec<&str> = routes.filter_map(|route| route.scope).collect();
    scopes.dedup();
    scopes
}

/// Ports of all endpoints together, for local mode only: a deployed function has just its own.
pub struct Ports {
    /// The fleet.
    pub fleet: Arc<FleetSource>,
    /// Latest snapshots.
    pub snapshots: SnapshotReader,
    /// Sizes over time.
    pub history: HistoryReader,
    /// Users by month.
    pub user_months: UserMonthReader,
    /// The apps' databases.
    pub databases: Databases,
    /// How long user counts are cached.
    pub users_cache: Duration,
    /// The AWS clients that constants are read with.
    pub aws: Arc<Aws>,
    /// The deployment's key.
    pub deployment_key: DeploymentKey,
    /// Where the dashboard logs its readers in; `None` for a dashboard without login.
    pub login: Option<Login>,
}

/// Returns all endpoints, for local mode only: a function that called this would link everything.
pub fn all(ports: &Ports) -> Vec<Endpoint> {
    let history = HistoryPorts {
        fleet: Arc::clone(&ports.fleet),
        snapshots: ports.snapshots.clone(),
        history: ports.history.clone(),
    };
    let mut endpoints = vec![
        bucket_size::endpoint(Arc::clone(&ports.fleet), ports.snapshots.clone()),
        bucket_size::history::endpoint(history.clone()),
        bucket_size::changes::endpoint(history.clone()),
        table_size::endpoint(Arc::clone(&ports.fleet), ports.snapshots.clone()),
        table_size::history::endpoint(history.clone()),
        table_size::changes::endpoint(history.clone()),
        constants::endpoint(
            Arc::clone(&ports.fleet),
            constants::Sources::new(Arc::clone(&ports.aws)),
            ports.deployment_key.clone(),
        ),
        users::history::endpoint(
            Arc::clone(&ports.fleet),
            ports.snapshots.clone(),
            ports.user_months.clone(),
        ),
        metrics::endpoint(history),
        dashboard::page(ports.login.as_ref()),
        dashboard::settings(ports.login.clone(), dashboard_scopes()),
        openapi::endpoint(ROUTES, EXTRA_SCOPES),
        health::endpoint(None),
    ];
    endpoints.extend(users::endpoints(
        Arc::clone(&ports.fleet),
        users::Users::new(ports.databases.clone(), ports.users_cache),
        ports.deployment_key.clone(),
        ports.user_months.clone(),
    ));
    endpoints
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_route_with_data_needs_a_scope_of_this_api() {
        for route in ROUTES {
            let is_open =
                ["/", "/dashboard.json", "/health", "/openapi.json"].contains(&route.path);
            assert_eq!(route.scope.is_none(), is_open, "{}", route.path);
            assert!(
                route
                    .scope
                    .is_none_or(|scope| scope.starts_with("mrt/") && scope.ends_with(".read"))
            );
        }
    }
}
