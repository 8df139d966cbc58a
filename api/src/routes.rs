//! All routes: what tests, documents, the template's agreement test and the local gateway read.

use std::sync::Arc;

use shared::aws::Aws;
use shared::database::Databases;
use shared::fleet::FleetSource;
use shared::store::SnapshotReader;

use crate::endpoint::{Endpoint, Route};
use crate::{bucket_size, constants, health, openapi, table_size, users};

/// Facts of every endpoint, no handlers: reaching this links no database driver and no AWS client.
pub const ROUTES: &[Route] = &[
    bucket_size::ROUTE,
    table_size::ROUTE,
    users::ROUTE,
    constants::ROUTE,
    openapi::ROUTE,
    health::ROUTE,
];

/// Ports of all endpoints together. For local mode only: a deployed function holds just its own.
pub struct Ports {
    /// The fleet.
    pub fleet: Arc<FleetSource>,
    /// Latest snapshots and history.
    pub snapshots: SnapshotReader,
    /// The apps' databases.
    pub databases: Databases,
    /// Documents with constants.
    pub aws: Arc<Aws>,
}

/// Returns every endpoint. For local mode only: a function that called this would link everything.
pub fn all(ports: &Ports) -> Vec<Endpoint> {
    vec![
        bucket_size::endpoint(Arc::clone(&ports.fleet), ports.snapshots.clone()),
        table_size::endpoint(Arc::clone(&ports.fleet), ports.snapshots.clone()),
        users::endpoint(Arc::clone(&ports.fleet), ports.databases.clone()),
        constants::endpoint(Arc::clone(&ports.fleet), Arc::clone(&ports.aws)),
        openapi::endpoint(),
        health::endpoint(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_route_with_data_needs_a_scope_of_this_api() {
        for route in ROUTES {
            let is_open = ["/health", "/openapi.json"].contains(&route.path);
            assert_eq!(route.scope.is_none(), is_open, "{}", route.path);
            assert!(
                route
                    .scope
                    .is_none_or(|scope| scope.starts_with("mrt/") && scope.ends_with(".read"))
            );
        }
    }
}
