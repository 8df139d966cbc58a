//! Counts for all environments that a caller may read, page by page, each with its counts or its own problem.

use futures::{StreamExt, stream};
use shared::database::DatabaseError;
use shared::deployment_key::Key;
use shared::fleet::{Environment, Fleet};
use shared::users::UsersError;
use tokio::time::{Instant, timeout_at};

use super::csv;
use super::distinct::Distinct;
use super::many::{ALL_ENVIRONMENTS_TIMEOUT, READS_AT_ONCE, problem};
use super::reader::Users;
use super::view::{EnvironmentUsers, FleetUsers, UserCounts};
use crate::http::answer::{Answer, Freshness};
use crate::http::cursor;
use crate::http::endpoint::Call;
use crate::http::media_type::MediaType;
use crate::http::problem::Problem;

/// Maximum number of environments on one page.
const MAX_ENVIRONMENTS: u64 = 100;
/// Answers for the environments of one page.
pub(super) async fn answer(
    users: &Users,
    fleet: &Fleet,
    key: Result<&Key, &'static str>,
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
    let is_all = after.is_empty() && next.is_none() && call.media_type != MediaType::Csv;
    let key = key.ok().filter(|_| is_all);
    let distinct = key.map(|key| Distinct {
        users,
        fleet,
        key,
        call,
        months: None,
        deadline,
    });
    let readings: Vec<_> = environments
        .into_iter()
        .map(|environment| item(users, environment, call, deadline))
        .collect();
    // Unordered: one slow database must not delay the others.
    let items = stream::iter(readings).buffer_unordered(READS_AT_ONCE);
    let mut items: Vec<EnvironmentUsers> = items.collect().await;
    items.sort_by(|one, other| one.environment.cmp(&other.environment));
    // After the counts, whose connections it uses.
    let distinct = match distinct {
        Some(distinct) => Some(distinct.view().await),
        None => None,
    };
    let sweep = FleetUsers {
        items,
        distinct,
        next,
    };
    let mut identity = sweep.clone();
    for item in &mut identity.items {
        item.counts = item.counts.as_ref().map(UserCounts::identity);
    }
    identity.distinct = identity.distinct.map(|distinct| distinct.identity());
    let next = sweep.next.as_deref();
    let next = next.map(|cursor| cursor::next_query(call, cursor));
    let body = match call.media_type {
        MediaType::Csv => csv::of_fleet(&sweep),
        _ => serde_json::to_vec(&sweep).map_err(Problem::internal)?,
    };
    let answer = Answer::new(call.media_type, body, &identity, Freshness::Live)?;
    Ok(answer.with_next(next))
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
        // Nothing to count is no problem of whoever asks for all.
        Err(UsersError::NoDatabase) => (None, None),
        Err(error) => (None, Some(problem(environment, error, call.request_id))),
    };
    EnvironmentUsers {
        environment: environment.name.clone(),
        has_database: environment.database.is_some(),
        counts,
        problem,
    }
}
