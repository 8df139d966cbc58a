//! What answers about many environments share: their limits, and the problem of one of them.

use std::time::Duration;

use shared::fleet::Environment;
use shared::telemetry::error_chain;
use shared::users::UsersError;

use crate::http::problem::Problem;

/// Databases that are read concurrently.
pub const READS_AT_ONCE: usize = 16;
/// Time limit for all of them. An environment without counts by then answers with a time-out problem.
pub const ALL_ENVIRONMENTS_TIMEOUT: Duration = Duration::from_secs(15);

/// Returns the problem of one environment. The answer as a whole succeeds, so the cause is logged here.
pub(super) fn problem(
    environment: &Environment,
    error: UsersError,
    request_id: &str,
) -> serde_json::Value {
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
