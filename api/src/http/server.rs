//! The path of every request: route, caller, parameters, handler, response. It is the same for all endpoints.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use aws_lambda_events::apigw::{ApiGatewayProxyRequest, ApiGatewayProxyResponse};
use shared::clock::Clock;
use shared::config::EnvironmentAccess;
use shared::telemetry::{Metric, Metrics, error_chain};

use crate::http::answer::Answer;
use crate::http::caller::{Caller, ClientLimits};
use crate::http::endpoint::{Call, Endpoint, Route};
use crate::http::media_type::MediaType;
use crate::http::problem::Problem;
use crate::http::proxy;
use crate::http::request::{Parameters, Request};
use crate::http::response::Response;

/// Time limit of one answer. API Gateway gives up after 29 s, without a reason for the caller.
pub const ANSWER_TIMEOUT: Duration = Duration::from_secs(27);

/// Of so many good answers of a function, one is logged; the metrics count all. A line costs as much as half a request.
const LOGGED_ONE_OF: u64 = 100;

/// Serves the endpoints of one program.
pub struct Server {
    routes: &'static [Route],
    endpoints: Vec<Endpoint>,
    allowed_origins: Vec<String>,
    access: EnvironmentAccess,
    limits: Option<Arc<dyn ClientLimits>>,
    clock: Arc<dyn Clock>,
    metrics: Metrics,
    /// Number of answers so far.
    answered: AtomicU64,
}

impl Server {
    /// Returns a server of `endpoints` that pages of `allowed_origins` may read.
    ///
    /// `routes` are those of the whole API: requests for the paths of other programs arrive here if their method is
    /// not allowed.
    pub fn new(
        routes: &'static [Route],
        endpoints: Vec<Endpoint>,
        allowed_origins: Vec<String>,
        clock: Arc<dyn Clock>,
        metrics: Metrics,
    ) -> Self {
        Self {
            routes,
            endpoints,
            allowed_origins,
            access: EnvironmentAccess::default(),
            limits: None,
            clock,
            metrics,
            answered: AtomicU64::new(0),
        }
    }

    /// Returns the server with what the configuration says about environments: see [`Caller::authorize`]. Without it,
    /// a token that names no environment may read none.
    #[must_use]
    pub fn with_access(mut self, access: EnvironmentAccess) -> Self {
        self.access = access;
        self
    }

    /// Returns the server with limits of clients that may change while it runs.
    #[must_use]
    pub fn with_limits(mut self, limits: Option<Arc<dyn ClientLimits>>) -> Self {
        self.limits = limits;
        self
    }

    /// Answers one gateway event within [`ANSWER_TIMEOUT`].
    ///
    /// Every problem of a request is a response, never an error.
    pub async fn handle(&self, event: ApiGatewayProxyRequest) -> ApiGatewayProxyResponse {
        let started_at = self.clock.now();
        let request = proxy::decode(event);
        let origin = request
            .header("origin")
            .filter(|origin| self.allows(origin));
        if request.method == "OPTIONS" {
            return proxy::encode(Response::preflight(&request, origin));
        }
        let answering = tokio::time::timeout(ANSWER_TIMEOUT, self.answer(&request));
        let answer = answering
            .await
            .unwrap_or_else(|late| Err(Problem::unavailable(late)));
        let mut response = match answer {
            Ok(answer) => Response::from_answer(&request, answer, self.clock.now()),
            Err(problem) => {
                log_problem(&request, &problem);
                Response::from_problem(&request, &problem)
            }
        };
        if let Some(origin) = origin {
            response.allow_origin(origin);
        }
        if request.method == "HEAD" {
            response = response.without_body();
        }
        self.log(&request, &response, started_at);
        proxy::encode(response)
    }

    async fn answer(&self, request: &Request) -> Result<Answer, Problem> {
        // Includes the paths of other programs: the gateway sends their other methods to `api-public`.
        let is_path = self.routes.iter().any(|route| route.path == request.path);
        if is_path && !matches!(request.method.as_str(), "GET" | "HEAD") {
            return Err(Problem::method_not_allowed());
        }
        let endpoint = self
            .endpoints
            .iter()
            .find(|endpoint| endpoint.route.path == request.path);
        let endpoint = endpoint.ok_or_else(|| Problem::not_found("such path"))?;
        let caller = match endpoint.route.scope {
            Some(scope) => {
                let (claims, limits) = (request.claims.as_ref(), self.limits.as_deref());
                Caller::authorize(claims, scope, &self.access, limits).await?
            }
            None => Caller::anonymous(),
        };
        let parameters = Parameters::check(&request.query, endpoint.route.parameters)?;
        let call = Call {
            caller: &caller,
            media_type: MediaType::negotiate(endpoint.route.media_types, request.header("accept")),
            parameters: &parameters,
            now: self.clock.now(),
            request_id: &request.id,
            stage_variables: &request.stage_variables,
        };
        endpoint.handler.answer(call).await
    }

    /// Returns whether the line of a request is logged at the default level.
    fn is_shown(&self, status: u16) -> bool {
        if self.metrics == Metrics::Off {
            return false;
        }
        let number = self.answered.fetch_add(1, Ordering::Relaxed);
        status >= 400 || number.is_multiple_of(LOGGED_ONE_OF)
    }

    fn allows(&self, origin: &str) -> bool {
        self.allowed_origins.iter().any(|allowed| allowed == origin)
    }

    /// Logs one line per request: on one machine at `debug`; of a function, where lines cost more than the requests, every
    /// failure and a sample of the rest. The query is left out because it may contain names.
    fn log(
        &self,
        request: &Request,
        response: &Response,
        started_at: chrono::DateTime<chrono::Utc>,
    ) {
        let now = self.clock.now();
        let duration_ms = u64::try_from((now - started_at).num_milliseconds()).unwrap_or(0);
        let client_id = request
            .claims
            .as_ref()
            .and_then(|claims| claims.get("client_id"));
        let client_id = client_id.map_or("", String::as_str);
        let (path, status, size_bytes) = (&request.path, response.status, response.body.len());
        if self.is_shown(status) {
            tracing::info!(
                request.id = %request.id, request.path = %path, client.id = client_id, status, duration_ms, size_bytes,
                "answered {path} with {status}"
            );
        } else {
            tracing::debug!(
                request.id = %request.id, request.path = %path, client.id = client_id, status, duration_ms, size_bytes,
                "answered {path} with {status}"
            );
        }
        let failed = u64::from(response.status >= 500);
        let metrics = [
            Metric::count("Requests", 1),
            Metric::count("ServerErrors", failed),
            Metric::milliseconds("Duration", duration_ms),
        ];
        self.metrics.emit(now, "request", &metrics);
    }
}

fn log_problem(request: &Request, problem: &Problem) {
    let code = problem.code().as_str();
    let cause = problem
        .source()
        .map(|source| error_chain(source))
        .unwrap_or_default();
    if problem.status() >= 500 {
        tracing::error!(request.id = %request.id, request.path = %request.path, problem.code = code, error = %cause, "the request failed");
    } else {
        tracing::debug!(request.id = %request.id, request.path = %request.path, problem.code = code, "the request was rejected");
    }
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;
    use serde_json::json;
    use shared::clock::FixedClock;

    use super::*;
    use crate::http::endpoint::Handler;

    static ROUTES: [Route; 1] = [Route {
        path: "/never",
        function: "api-never",
        scope: None,
        summary: "",
        description: "",
        media_types: &[MediaType::Json],
        parameters: &[],
        problems: &[],
        schema: |_| schemars::json_schema!({}),
    }];

    struct Never;

    #[async_trait]
    impl Handler for Never {
        async fn answer(&self, _call: Call<'_>) -> Result<Answer, Problem> {
            std::future::pending().await
        }
    }

    #[test]
    fn a_function_logs_every_failure_and_a_sample_of_the_rest_and_one_machine_neither() {
        let shown = |metrics: Metrics| {
            let clock = Arc::new(FixedClock::at("2026-01-12T11:00:00Z"));
            let server = Server::new(&ROUTES, Vec::new(), Vec::new(), clock, metrics);
            let good = (0..250).filter(|_| server.is_shown(200)).count();
            let failed = (0..250).filter(|_| server.is_shown(404)).count();
            (good, failed)
        };

        assert_eq!(shown(Metrics::Embedded("api".to_owned())), (3, 250));
        assert_eq!(shown(Metrics::Off), (0, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn an_endpoint_that_never_answers_is_unavailable_before_the_gateway_gives_up() {
        let endpoint = Endpoint::new(&ROUTES[0], Never);
        let clock = Arc::new(FixedClock::at("2026-01-12T11:00:00Z"));
        let server = Server::new(&ROUTES, vec![endpoint], Vec::new(), clock, Metrics::Off);
        let event = json!({"resource": "/never", "httpMethod": "GET", "requestContext": {"httpMethod": "GET"}});

        let started = tokio::time::Instant::now();
        let answer = server.handle(serde_json::from_value(event).unwrap()).await;

        assert_eq!(answer.status_code, 503);
        assert!(started.elapsed() < Duration::from_secs(29));
    }
}
