//! Counts for all environments that a caller may read, page by page, each with its counts or its own problem.

use std::time::Duration;

use futures::{StreamExt, stream};
use shared::database::DatabaseError;
use shared::fleet::{Environment, Fleet};
use shared::telemetry::error_chain;
use tokio::time::{Instant, timeout_at};

use super::error::UsersError;
use super::reader::Users;
use super::view::{EnvironmentUsers, FleetUsers, UserCounts};
use crate::http::answer::{Answer, Freshness};
use crate::http::cursor;
use crate::http::endpoint::Call;
use crate::http::problem::Problem;

/// Maximum number of environments on one page.
const MAX_ENVIRONMENTS: u64 = 100;
/// Databases that are read concurrently.
pub const READS_AT_ONCE: usize = 16;
/// Time limit for all of them. An environment without counts by then answers with a time-out problem.
pub const ALL_ENVIRONMENTS_TIMEOUT: Duration = Duration::from_secs(15);

/// Answers for the environments of one page.
pub(super) async fn answer(
    users: &Users,
    fleet: &Fleet,
    call: &Call<'_>,
) -> Result<Answer, Problem> {
    let after = match call.parameters.text("cursor") {
        None => String::new(),
        Some(cursor) => cursor::decode(cursor).ok_or_else(cursor::problem)?,
    };
    let limit = call.parameters.number("limit").min(MAX_ENVIRONMENTS);
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    // The fleet keeps environments ordered by name.
    let mut environments: Vec<&Environment> = fleet
        .environments()
        .filter(|environment| call.caller.may_read(&environment.name))
        .filter(|environment| environment.name > after)
        .take(limit.saturating_add(1))
        .collect();
    let has_more = environments.len() > limit;
    environments.truncate(limit);
    let last = environments.last().filter(|_| has_more);
    let next = last.map(|environment| cursor::encode(&environment.name));

    let deadline = Instant::now() + ALL_ENVIRONMENTS_TIMEOUT;
    let readings: Vec<_> = environments
        .into_iter()
        .map(|environment| item(users, environment, call, deadline))
        .collect();
    // Unordered: one slow database must not delay the others.
    let items = stream::iter(readings).buffer_unordered(READS_AT_ONCE);
    let mut items: Vec<EnvironmentUsers> = items.collect().await;
    items.sort_by(|one, other| one.environment.cmp(&other.environment));
    let sweep = FleetUsers { items, next };
    let mut identity = sweep.clone();
    for item in &mut identity.items {
        item.counts = item.counts.as_ref().map(UserCounts::identity);
    }
    let next = sweep.next.as_deref();
    let next = next.map(|cursor| cursor::next_query(call, cursor));
    Ok(Answer::json(&sweep, &identity, Freshness::Live)?.with_next(next))
}

async fn item(
    users: &Users,
    environment: &Environment,
    call: &Call<'_>,
    deadline: Instant,
) -> EnvironmentUsers {
    let counting = timeout_at(deadline, users.counts(environment, call.now));
    let late = || Err(UsersError::from(DatabaseError::Timeout(None)));
    let (counts, problem) = match counting.await.unwrap_or_else(|_| late()) {
        Ok(counts) => (Some(counts), None),
        Err(error) => (None, Some(problem(environment, error, call.request_id))),
    };
    EnvironmentUsers {
        environment: environment.name.clone(),
        counts,
        problem,
    }
}

/// Returns the problem of one environment. The answer as a whole succeeds, so the cause is logged here.
fn problem(environment: &Environment, error: UsersError, request_id: &str) -> serde_json::Value {
    let problem = Problem::from(error);
    if problem.status() >= 500 {
        let cause = problem.source().map(|source| error_chain(source));
        tracing::warn!(
            request.id = %request_id,
            environment = %environment.name,
            problem.code = problem.code().as_str(),
            error = %cause.unwrap_or_default(),
            "users of an environment could not be counted"
        );
    }
    serde_json::to_value(problem.view(request_id)).unwrap_or_default()
}
