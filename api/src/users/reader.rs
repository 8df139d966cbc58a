//! Reads counts and lists of users, each from one state of one database and within a time limit.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use shared::clock;
use shared::database::{DatabaseError, Databases};
use shared::deployment_key::Key;
use shared::fleet::{DatabaseTarget, Environment};
use shared::identities::Identities;
use shared::users::{
    DatabaseCounts, ListQuery, Page, Question, UsersError, read_counts as count, read_identities,
    read_page,
};

use super::pool::{Pool, TimedCounts};
use super::view::{
    ActiveByKind, HumansByUserType, LicenseEstimate, Metering, NamedUsers, RoleCount,
    RuntimeMetric, Sessions, UserCounts, UserSource,
};

/// Time limit for one environment.
///
/// Covers the wait for others, connecting (at most 5 s), and a few statements, which take milliseconds unless the
/// database is in trouble. API Gateway gives up after 29 s.
pub const READ_TIMEOUT: Duration = Duration::from_secs(15);

/// Reads users of environments.
pub struct Users {
    pool: Pool,
    keep_for: Duration,
}

impl Users {
    /// Returns a reader that caches counts for `keep_for`. It does not connect yet.
    pub fn new(databases: Databases, keep_for: Duration) -> Self {
        Self {
            pool: Pool::new(databases),
            keep_for,
        }
    }

    /// Counts the users of `environment` in its database as of `now`, or returns cached counts.
    ///
    /// Callers that ask the same question while it is being answered share that answer, also an error: they cost the
    /// database nothing. A session counts if it was active within the environment's session time-out before `now`. Values that the
    /// app's Mendix version does not store are `None`, with a warning.
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
        let question = Question::of(environment);
        let reading = || {
            read_counts(
                self.pool.clone(),
                target.clone(),
                question.clone(),
                now,
                self.keep_for,
            )
        };
        let (at, counts) = self.pool.shared(target, &question, reading).await?;
        Ok(view_of(environment, target, at, now, counts))
    }

    /// Reads the identities of the named users of `environment` as HMACs under `key`, or returns cached ones.
    ///
    /// # Errors
    ///
    /// See [`UsersError`]; takes at most [`READ_TIMEOUT`].
    pub(super) async fn identities(
        &self,
        environment: &Environment,
        key: &Key,
        now: DateTime<Utc>,
    ) -> Result<Arc<Identities>, UsersError> {
        let target = environment.database.as_ref();
        let target = target.ok_or(UsersError::NoDatabase)?;
        let question = Question::of(environment);
        in_time(async {
            let mut lease = self.pool.lease(target).await?;
            if let Some(identities) = lease.identified(key.id(), now, self.keep_for) {
                return Ok(identities);
            }
            let mut open = lease.connection().await?;
            let read = read_identities(&mut open.connection, target, &question, key).await?;
            let identities = Arc::new(read);
            lease.give_back(open).await;
            lease.keep_identities(key.id(), now, &identities);
            Ok(identities)
        })
        .await
    }

    /// Lists the users of `environment` that match `query`. Nothing is cached.
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
            let mut lease = self.pool.lease(target).await?;
            let mut open = lease.connection().await?;
            let page = read_page(&mut open.connection, target, query, now).await?;
            lease.give_back(open).await;
            Ok(page)
        })
        .await
    }
}

/// Counts, or returns cached counts; with their time.
async fn read_counts(
    pool: Pool,
    target: DatabaseTarget,
    question: Question,
    now: DateTime<Utc>,
    keep_for: Duration,
) -> Result<TimedCounts, UsersError> {
    in_time(async {
        let mut lease = pool.lease(&target).await?;
        if let Some(counted) = lease.counted(&question, now, keep_for) {
            return Ok(counted);
        }
        let mut open = lease.connection().await?;
        let counts = count(&mut open.connection, &target, &question, now).await?;
        lease.give_back(open).await;
        lease.keep(question, now, counts.clone());
        Ok((now, counts))
    })
    .await
}

async fn in_time<T>(reading: impl Future<Output = Result<T, UsersError>>) -> Result<T, UsersError> {
    // Boxed, because connecting is a large future.
    tokio::time::timeout(READ_TIMEOUT, Box::pin(reading))
        .await
        .unwrap_or(Err(UsersError::from(DatabaseError::Timeout(None))))
}

/// Describes the database that the users of `target` were read from.
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

fn view_of(
    environment: &Environment,
    target: &DatabaseTarget,
    at: DateTime<Utc>,
    now: DateTime<Utc>,
    counts: DatabaseCounts,
) -> UserCounts {
    let accounts = counts.accounts;
    let administrator = &environment.administrator;
    let sessions = counts.sessions.map(|sessions| Sessions {
        window_seconds: environment.session_timeout.as_secs(),
        named_user_sessions: sessions.named_user_sessions,
        distinct_named_users: sessions.distinct_named_users,
        anonymous_sessions: sessions.anonymous_sessions,
    });
    let without_role = counts.roles.is_some().then_some(accounts.without_role);
    let by_role = counts.roles.map(|roles| {
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
        source: source(target, counts.mendix_version, counts.model_version),
        named: NamedUsers {
            total: accounts.total,
            active: accounts.active,
            inactive: accounts.inactive,
            blocked: accounts.blocked,
            active_by_kind: ActiveByKind {
                human: accounts.active_humans,
                web_service: accounts.active_web_services,
            },
            active_humans_by_user_type: counts.external_humans.map(|external| HumansByUserType {
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
            unclassified: counts.external_humans.map(|_| {
                let reported = accounts.metered_reported_internal;
                accounts.metered_internal.saturating_sub(reported)
            }),
            case_duplicates: accounts.metered.saturating_sub(accounts.metered_folded),
            rule: "active now, not anonymous, each name once, case-sensitive".to_owned(),
        },
        runtime_metric: RuntimeMetric {
            named_user_count: accounts.active,
            rule: "active, not anonymous: sessions.named_users of the runtime's metrics".to_owned(),
        },
        by_role,
        without_role,
        sessions,
        anonymous_rows: accounts.anonymous,
        warnings: counts.warnings,
    }
}

#[cfg(test)]
mod tests {
    use shared::database::CONNECT_TIMEOUT;

    use shared::users::STATEMENT_TIMEOUT;

    use super::super::{ALL_ENVIRONMENTS_TIMEOUT, PING_TIMEOUT};
    use super::*;

    #[test]
    fn the_time_outs_add_up_below_the_gateways() {
        let gateway = crate::http::server::ANSWER_TIMEOUT;
        // The fleet file may have to be read first.
        let fleet = shared::document::READ_TIMEOUT;

        assert!(PING_TIMEOUT + CONNECT_TIMEOUT + STATEMENT_TIMEOUT < READ_TIMEOUT);
        assert!(fleet + READ_TIMEOUT < gateway);
        assert!(fleet + ALL_ENVIRONMENTS_TIMEOUT < gateway);
    }
}
