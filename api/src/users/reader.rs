//! Counts and lists of users, each from one moment of one database, within a time-out.

use std::time::Duration;

use chrono::{DateTime, Utc};
use shared::clock;
use shared::database::{DatabaseError, Databases};
use shared::fleet::{DatabaseTarget, Environment};

use super::counts::{self, Tally};
use super::error::UsersError;
use super::list::{self, ListQuery, Page};
use super::pool::Pool;
use super::question::Question;
use super::view::{
    ActiveByKind, HumansByUserType, LicenseEstimate, Metering, NamedUsers, RoleCount,
    RuntimeMetric, Sessions, UserCounts, UserSource,
};

/// Longest time for one environment.
///
/// Waiting for others, connecting, which takes at most 5 s, and some statements, which take milliseconds unless the
/// database is in trouble. API Gateway gives up after 29 s.
pub const READ_TIMEOUT: Duration = Duration::from_secs(15);

/// Reads users of environments.
pub struct Users {
    pool: Pool,
    keep_for: Duration,
}

impl Users {
    /// Returns a reader that keeps counts for `keep_for`; connects to nothing yet.
    pub fn new(databases: Databases, keep_for: Duration) -> Self {
        Self {
            pool: Pool::new(databases),
            keep_for,
        }
    }

    /// Counts the users of `environment` in its database as of `now`, or returns what was counted a moment ago.
    ///
    /// Sessions count when they were active within the environment's session time-out before `now`. What the
    /// app's version of Mendix does not store is `None` in the answer, with a warning.
    ///
    /// # Errors
    ///
    /// See [`UsersError`]; takes at most [`READ_TIMEOUT`].
    pub async fn counts(
        &self,
        environment: &Environment,
        now: DateTime<Utc>,
    ) -> Result<UserCounts, UsersError> {
        let target = environment.database.as_ref();
        let target = target.ok_or(UsersError::NoDatabase)?;
        let (at, tally) = in_time(self.tally(target, environment, now)).await?;
        Ok(counts(environment, target, at, now, tally))
    }

    async fn tally(
        &self,
        target: &DatabaseTarget,
        environment: &Environment,
        now: DateTime<Utc>,
    ) -> Result<(DateTime<Utc>, Tally), UsersError> {
        let question = Question {
            administrator: environment.administrator.clone(),
            session_timeout: environment.session_timeout,
        };
        let mut turn = self.pool.turn(target).await?;
        if let Some(counted) = turn.counted(&question, now, self.keep_for) {
            return Ok(counted);
        }
        let mut lease = turn.connection().await?;
        let tally = counts::read(&mut lease.connection, target, &question, now).await?;
        turn.give_back(lease).await;
        turn.keep(question, now, tally.clone());
        Ok((now, tally))
    }

    /// Lists the users of `environment` that `query` means. Nothing of it is kept.
    ///
    /// # Errors
    ///
    /// See [`UsersError`]; takes at most [`READ_TIMEOUT`].
    pub(super) async fn page(
        &self,
        environment: &Environment,
        query: &ListQuery,
        now: DateTime<Utc>,
    ) -> Result<Page, UsersError> {
        let target = environment.database.as_ref();
        let target = target.ok_or(UsersError::NoDatabase)?;
        in_time(async {
            let mut turn = self.pool.turn(target).await?;
            let mut lease = turn.connection().await?;
            let page = list::read(&mut lease.connection, target, query, now).await?;
            turn.give_back(lease).await;
            Ok(page)
        })
        .await
    }
}

async fn in_time<T>(reading: impl Future<Output = Result<T, UsersError>>) -> Result<T, UsersError> {
    // On the heap: connecting is a large future.
    tokio::time::timeout(READ_TIMEOUT, Box::pin(reading))
        .await
        .unwrap_or(Err(UsersError::Database(DatabaseError::Timeout(None))))
}

/// Returns where users of `target` come from.
pub(super) fn source(
    target: &DatabaseTarget,
    mendix_version: Option<String>,
    model_version: Option<String>,
) -> UserSource {
    UserSource {
        kind: "database".to_owned(),
        engine: target.engine.as_str().to_owned(),
        mendix_version,
        model_version,
    }
}

fn counts(
    environment: &Environment,
    target: &DatabaseTarget,
    at: DateTime<Utc>,
    now: DateTime<Utc>,
    tally: Tally,
) -> UserCounts {
    let accounts = tally.accounts;
    let administrator = &environment.administrator;
    let sessions = tally.sessions.map(|sessions| Sessions {
        window_seconds: environment.session_timeout.as_secs(),
        named_user_sessions: sessions.named_user_sessions,
        distinct_named_users: sessions.distinct_named_users,
        anonymous_sessions: sessions.anonymous_sessions,
    });
    let without_role = tally.roles.is_some().then_some(accounts.without_role);
    let by_role = tally.roles.map(|roles| {
        let roles = roles.into_iter().map(|role| RoleCount {
            role: role.role,
            total: role.total,
            active: role.active,
        });
        roles.collect()
    });
    UserCounts {
        environment: environment.name.clone(),
        as_of: clock::whole_second(at),
        age_seconds: clock::seconds_between(at, now),
        source: source(target, tally.mendix_version, tally.model_version),
        named: NamedUsers {
            total: accounts.total,
            active: accounts.active,
            inactive: accounts.inactive,
            blocked: accounts.blocked,
            active_by_kind: ActiveByKind {
                human: accounts.active_humans,
                web_service: accounts.active_web_services,
            },
            active_humans_by_user_type: tally.external_humans.map(|external| HumansByUserType {
                internal: accounts.active_humans.saturating_sub(external),
                external,
            }),
            active_never_logged_in: accounts.active_never_logged_in,
        },
        license_estimate: LicenseEstimate {
            named_user_count: accounts.licensed,
            rule: format!("active, not anonymous, without administrator '{administrator}'"),
            estimate: true,
        },
        metering: Metering {
            named_user_count: accounts.metered,
            internal: accounts.metered_internal,
            external: accounts.metered.saturating_sub(accounts.metered_internal),
            rule: "active now, not anonymous, each name once".to_owned(),
        },
        runtime_metric: RuntimeMetric {
            named_user_count: accounts.active,
            rule: "active, not anonymous: sessions.named_users of the runtime's metrics".to_owned(),
        },
        by_role,
        without_role,
        sessions,
        anonymous_rows: accounts.anonymous,
        warnings: tally.warnings,
    }
}

#[cfg(test)]
mod tests {
    use shared::database::CONNECT_TIMEOUT;

    use super::super::{PING_TIMEOUT, STATEMENT_TIMEOUT, SWEEP_TIMEOUT};
    use super::*;

    #[test]
    fn the_time_outs_add_up_below_the_gateways() {
        let gateway = crate::http::server::ANSWER_TIMEOUT;
        // The fleet file may have to be read first, and the deployment's key last.
        let fleet = shared::document::READ_TIMEOUT;

        assert!(PING_TIMEOUT + CONNECT_TIMEOUT + STATEMENT_TIMEOUT < READ_TIMEOUT);
        assert!(fleet + READ_TIMEOUT < gateway);
        assert!(fleet + SWEEP_TIMEOUT < gateway);
    }
}
