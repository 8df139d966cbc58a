//! Reads who the active users of an app are, from which the months that a company is billed for are made.
//!
//! The accounts' table is read a few times, in one transaction: 100,000 accounts take less than a second. Names become
//! HMACs as they are read, and none is kept.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use shared::clock::Clock;
use shared::database::{DatabaseError, Databases};
use shared::deployment_key::{DeploymentKey, Key};
use shared::fleet::{DatabaseTarget, Environment};
use shared::identities::{Identities, TypeCounts};
use shared::snapshot::{ConcurrentUsers, KeyedIdentities, Snapshot, UserActivity, UserCounts};
use shared::store::StoreError;
use shared::user_months::ActiveRun;
use shared::users::{Connection, DatabaseCounts, Question, UsersError, read_activity};
use tokio::time::timeout;

use crate::error::MeasureError;
use crate::queue::JobKind;
use crate::run::{Progress, Source};
use crate::writers::Writers;

/// Time limit for one environment: connecting and a dozen statements of at most 5 s each.
pub const USERS_TIMEOUT: Duration = Duration::from_secs(90);
/// Time limit for closing a connection.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// Reads the active users of environments.
#[derive(Clone)]
pub struct UserActivitySource {
    databases: Databases,
    key: DeploymentKey,
    clock: Arc<dyn Clock>,
}

impl UserActivitySource {
    /// Returns a source that connects through `databases` and makes HMACs with `key`.
    pub fn new(databases: Databases, key: DeploymentKey, clock: Arc<dyn Clock>) -> Self {
        Self {
            databases,
            key,
            clock,
        }
    }

    /// Returns the key; `None` in a deployment without one.
    ///
    /// A key that cannot be read is an error: without it the day would be missing from the month.
    async fn key(&self) -> Result<Option<Key>, MeasureError> {
        if !self.key.is_configured() {
            return Ok(None);
        }
        let key = self.key.key().await;
        key.map(Some)
            .map_err(|why| MeasureError::transient("key_missing", why))
    }

    async fn read(
        &self,
        environment: &Environment,
        target: &DatabaseTarget,
        key: Option<&Key>,
    ) -> Result<(DatabaseCounts, Option<Identities>), UsersError> {
        let question = Question::of(environment);
        let mut connection = Connection::open(&self.databases, target).await?;
        let now = self.clock.now();
        let read = read_activity(&mut connection, target, &question, key, now).await;
        // The numbers are complete: a connection that fails to close cleanly changes nothing.
        let _ = timeout(CLOSE_TIMEOUT, connection.close()).await;
        read
    }
}

#[async_trait]
impl Source for UserActivitySource {
    type Target = Environment;
    type Measurement = UserActivity;
    const JOBS: JobKind = JobKind::Database;

    /// Costs one connection and about a dozen statements, of which three read all of `system$user`.
    async fn measure(
        &self,
        environment: &Environment,
        progress: &Progress,
    ) -> Result<UserActivity, MeasureError> {
        let target = environment.database.as_ref();
        let target = target.ok_or(UsersError::NoDatabase)?;
        let key = self.key().await?;
        let reading = async {
            match self.read(environment, target, key.as_ref()).await {
                // A replica cancelled it, perhaps together with its connection: once more, from the start.
                Err(UsersError::Database(error))
                    if matches!(*error, DatabaseError::Conflict(_)) =>
                {
                    self.read(environment, target, key.as_ref()).await
                }
                read => read,
            }
        };
        let late = |_| Err(UsersError::from(DatabaseError::Timeout(None)));
        let (counts, identities) = timeout(USERS_TIMEOUT, reading).await.unwrap_or_else(late)?;
        let activity = activity(&counts, key.map(|key| key.id()).zip(identities));
        progress.add(activity.counts.named.total(), 0);
        Ok(activity)
    }

    async fn keep_beside(
        &self,
        snapshot: &Snapshot<UserActivity>,
        writers: &Writers,
    ) -> Result<(), StoreError> {
        let run = ActiveRun::new(&snapshot.run, &snapshot.measurement);
        writers.user_months.take_in(&snapshot.target, &run).await
    }
}

fn activity(counts: &DatabaseCounts, identities: Option<(u64, Identities)>) -> UserActivity {
    let accounts = &counts.accounts;
    let sessions = counts.sessions.as_ref();
    UserActivity {
        counts: UserCounts {
            named: TypeCounts {
                internal: accounts.metered_reported_internal,
                external: accounts.metered.saturating_sub(accounts.metered_internal),
                unclassified: accounts
                    .metered_internal
                    .saturating_sub(accounts.metered_reported_internal),
            },
            licensed: accounts.licensed,
            anonymous: accounts.anonymous,
        },
        concurrent: sessions.map(|sessions| ConcurrentUsers {
            named_users: sessions.distinct_named_users,
            named_user_sessions: sessions.named_user_sessions,
            anonymous_sessions: sessions.anonymous_sessions,
        }),
        identities: identities.map(|(key_id, identities)| KeyedIdentities { key_id, identities }),
    }
}
