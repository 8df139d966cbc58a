//! The environments that the fleet file limits clients to.

use std::sync::Arc;

use async_trait::async_trait;
use shared::config::Environments;
use shared::fleet::FleetSource;

use crate::http::caller::ClientLimits;
use crate::http::problem::Problem;

/// The clients of the current fleet file.
pub struct FleetClients(pub Arc<FleetSource>);

#[async_trait]
impl ClientLimits for FleetClients {
    async fn limit_of(&self, client_id: &str) -> Result<Option<Environments>, Problem> {
        let fleet = self.0.current().await.map_err(Problem::unavailable)?;
        Ok(fleet.client(client_id).cloned())
    }
}
