//! Every error that a caller can see. The only place that assigns status codes to errors.
//!
//! A [`Problem`] has a public text and, separately, a source for the log. The public text never contains SDK text,
//! SQL, host names or ARNs; for a 5xx it is a fixed sentence.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

/// Methods that every path answers.
pub(crate) const ALLOWED_METHODS: [&str; 3] = ["GET", "HEAD", "OPTIONS"];

/// Stable code of a problem that a client may act on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    /// A parameter is unknown, missing, repeated or has a value that is not allowed.
    BadParameter,
    /// There is no valid access token.
    Unauthorized,
    /// The token lacks the scope.
    ScopeMissing,
    /// The path, environment or target does not exist for this caller.
    NotFound,
    /// The path exists but does not support the method.
    MethodNotAllowed,
    /// The target exists but has not been collected yet.
    SnapshotPending,
    /// The environment's fleet entry lacks what this endpoint needs.
    NotConfigured,
    /// The database role lacks rights; the answer contains the statements to run.
    GrantsMissing,
    /// The database is reachable but no Mendix app has ever used it.
    NotAMendixDatabase,
    /// A required document is missing, not accessible or malformed.
    DocumentUnreadable,
    /// An answer, or a single item of it, exceeds the size limit.
    TooLarge,
    /// The app's database cannot be reached or rejects the login.
    Unreachable,
    /// The app's database did not answer in time.
    Timeout,
    /// A dependency of this service is unavailable.
    Unavailable,
    /// An error of this service.
    Internal,
}

/// How a problem is presented to callers.
struct Presentation {
    status: u16,
    code: &'static str,
    title: &'static str,
}

impl Code {
    /// All codes, for documents and tests.
    pub const ALL: [Self; 15] = [
        Self::BadParameter,
        Self::Unauthorized,
        Self::ScopeMissing,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::SnapshotPending,
        Self::NotConfigured,
        Self::GrantsMissing,
        Self::NotAMendixDatabase,
        Self::DocumentUnreadable,
        Self::TooLarge,
        Self::Unreachable,
        Self::Timeout,
        Self::Unavailable,
        Self::Internal,
    ];

    /// Returns how the problem is presented.
    fn presentation(self) -> Presentation {
        let (status, code, title) = match self {
            Self::BadParameter => (400, "bad_parameter", "Bad parameter"),
            Self::Unauthorized => (401, "unauthorized", "No valid access token"),
            Self::ScopeMissing => (403, "scope_missing", "Scope missing"),
            Self::NotFound => (404, "not_found", "Not found"),
            Self::MethodNotAllowed => (405, "method_not_allowed", "Method not allowed"),
            Self::SnapshotPending => (404, "snapshot_pending", "Not collected yet"),
            Self::NotConfigured => (404, "not_configured", "Not configured"),
            Self::GrantsMissing => (409, "grants_missing", "Database rights missing"),
            Self::NotAMendixDatabase => (409, "not_a_mendix_database", "Not a Mendix database"),
            Self::DocumentUnreadable => (409, "document_unreadable", "Document unreadable"),
            Self::TooLarge => (422, "too_large", "Answer too large"),
            Self::Unreachable => (503, "unreachable", "Database unreachable"),
            Self::Timeout => (504, "timeout", "Database timeout"),
            Self::Unavailable => (503, "unavailable", "Temporarily unavailable"),
            Self::Internal => (500, "internal", "Internal error"),
        };
        Presentation {
            status,
            code,
            title,
        }
    }

    /// Returns the HTTP status.
    pub fn status(self) -> u16 {
        self.presentation().status
    }

    /// Returns the code as text.
    pub fn as_str(self) -> &'static str {
        self.presentation().code
    }

    /// Returns the stable `type` of the problem.
    pub fn type_uri(self) -> String {
        format!("urn:mrt:problem:{}", self.as_str())
    }
}

/// An error for the caller.
#[derive(Debug)]
pub struct Problem {
    code: Code,
    detail: String,
    members: Map<String, Value>,
    retry_after_seconds: Option<u64>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// An error as `application/problem+json` (RFC 9457).
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Problem")]
pub struct ProblemView {
    /// Stable identifier of the kind of problem: `urn:mrt:problem:` and the code.
    #[serde(rename = "type")]
    pub type_uri: String,
    /// Short name of the kind of problem.
    pub title: String,
    /// HTTP status.
    pub status: u16,
    /// Human-readable explanation of what is wrong with this request.
    pub detail: String,
    /// The id that the gateway gave this request; include it when you ask for help.
    pub request_id: String,
    /// Further members that depend on the kind of problem, such as `allowed`, `scope`, `statements`.
    #[serde(flatten)]
    pub members: Map<String, Value>,
}

type Source = Box<dyn std::error::Error + Send + Sync>;

impl Problem {
    fn new(code: Code, detail: impl Into<String>) -> Self {
        Self {
            code,
            detail: detail.into(),
            members: Map::new(),
            retry_after_seconds: None,
            source: None,
        }
    }

    /// Returns the problem with a further member.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.members.insert(name.to_owned(), value.into());
        self
    }

    /// Returns the problem with its cause, for the log.
    #[must_use]
    pub fn caused_by(mut self, source: impl Into<Source>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Returns the problem with the number of seconds after which the caller may retry.
    #[must_use]
    pub fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after_seconds = Some(seconds);
        self
    }

    /// A parameter is not allowed; `detail` names it, what is wrong with it and what is allowed.
    pub fn bad_parameter(name: &str, detail: impl Into<String>) -> Self {
        Self::new(Code::BadParameter, detail).with("parameter", name)
    }

    /// There is no valid access token.
    pub fn unauthorized() -> Self {
        Self::new(
            Code::Unauthorized,
            "this request needs a valid access token: Authorization: Bearer <token>",
        )
    }

    /// The token lacks `scope`.
    pub fn scope_missing(scope: &str) -> Self {
        Self::new(
            Code::ScopeMissing,
            format!("the access token lacks the scope {scope}"),
        )
        .with("scope", scope)
    }

    /// `what` does not exist for this caller.
    pub fn not_found(what: impl std::fmt::Display) -> Self {
        Self::new(Code::NotFound, format!("there is no {what}"))
    }

    /// The path exists but does not support the method.
    pub fn method_not_allowed() -> Self {
        Self::new(
            Code::MethodNotAllowed,
            "this path answers GET and HEAD only",
        )
        .with("allowed", ALLOWED_METHODS.to_vec())
    }

    /// The targets exist but no run for them has succeeded yet.
    pub fn snapshot_pending(retry_after_seconds: u64, targets: Value) -> Self {
        Self::new(
            Code::SnapshotPending,
            "the requested data has not been collected yet",
        )
        .with("targets", targets)
        .retry_after(retry_after_seconds)
    }

    /// The environment's fleet entry lacks `what`.
    pub fn not_configured(what: &str) -> Self {
        Self::new(
            Code::NotConfigured,
            format!("the fleet file names no {what} for this environment"),
        )
    }

    /// The answer needs the deployment's key, which is missing because of `why`.
    pub fn key_missing(why: &str) -> Self {
        let detail = format!("{why}: MRT_DEPLOYMENT_KEY names it, and distinct users need it");
        Self::new(Code::NotConfigured, detail)
    }

    /// The database role lacks rights that `statements` give.
    pub fn grants_missing(statements: &[String]) -> Self {
        let detail =
            "the database role lacks rights: run the statements as the owner of the tables";
        Self::new(Code::GrantsMissing, detail).with("statements", statements.to_vec())
    }

    /// The database has no Mendix catalogue.
    pub fn not_a_mendix_database() -> Self {
        Self::new(
            Code::NotAMendixDatabase,
            "the database has no tables of the Mendix runtime",
        )
    }

    /// The document `what` cannot be read; `cause` is one word for the reason.
    pub fn document_unreadable(what: &str, cause: &str) -> Self {
        let detail = format!("{what} cannot be read: {cause}");
        Self::new(Code::DocumentUnreadable, detail).with("cause", cause)
    }

    /// An answer, or a single item of it, exceeds the size limit.
    pub fn too_large(advice: &str) -> Self {
        Self::new(
            Code::TooLarge,
            format!("the answer exceeds the size limit: {advice}"),
        )
    }

    /// The app's database cannot be reached or rejects the login.
    pub fn unreachable(source: impl Into<Source>) -> Self {
        let problem = Self::new(
            Code::Unreachable,
            "the environment's database cannot be reached or rejects the login",
        );
        problem.retry_after(30).caused_by(source)
    }

    /// The app's database did not answer in time.
    pub fn timeout(source: impl Into<Source>) -> Self {
        Self::new(
            Code::Timeout,
            "the environment's database did not answer in time",
        )
        .retry_after(30)
        .caused_by(source)
    }

    /// A dependency of this service is unavailable.
    pub fn unavailable(source: impl Into<Source>) -> Self {
        Self::new(Code::Unavailable, "the data is not available at the moment")
            .retry_after(10)
            .caused_by(source)
    }

    /// An error of this service.
    pub fn internal(source: impl Into<Source>) -> Self {
        Self::new(
            Code::Internal,
            "the request failed because of an internal error",
        )
        .caused_by(source)
    }

    /// Returns the HTTP status.
    pub fn status(&self) -> u16 {
        self.code.status()
    }

    /// Returns the code.
    pub fn code(&self) -> Code {
        self.code
    }

    /// Returns the public text.
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// Returns the cause, for the log.
    pub fn source(&self) -> Option<&(dyn std::error::Error + Send + Sync)> {
        self.source.as_deref()
    }

    /// Returns the number of seconds after which the caller may retry.
    pub fn retry_after_seconds(&self) -> Option<u64> {
        self.retry_after_seconds
    }

    /// Returns the body for the caller.
    pub fn view(&self, request_id: &str) -> ProblemView {
        let Presentation { status, title, .. } = self.code.presentation();
        ProblemView {
            type_uri: self.code.type_uri(),
            title: title.to_owned(),
            status,
            detail: self.detail.clone(),
            request_id: request_id.to_owned(),
            members: self.members.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret() -> Source {
        "connect to db.internal:5432 as arn:aws:iam::1:role/x failed: NEVERLEAK".into()
    }

    #[test]
    fn every_5xx_has_a_fixed_text_and_keeps_its_source_for_the_log() {
        for problem in [
            Problem::unreachable(secret()),
            Problem::timeout(secret()),
            Problem::unavailable(secret()),
            Problem::internal(secret()),
        ] {
            let view = serde_json::to_string(&problem.view("id-1")).unwrap();

            assert!(problem.status() >= 500);
            assert!(
                !view.contains("NEVERLEAK") && !view.contains("arn:") && !view.contains("5432"),
                "{view}"
            );
            assert!(problem.source().unwrap().to_string().contains("NEVERLEAK"));
        }
    }

    #[test]
    fn codes_are_unique_and_statuses_are_errors() {
        let codes: std::collections::BTreeSet<_> =
            Code::ALL.iter().map(|code| code.as_str()).collect();

        assert_eq!(codes.len(), Code::ALL.len());
        assert!(
            Code::ALL
                .iter()
                .all(|code| (400..600).contains(&code.status()))
        );
    }

    #[test]
    fn the_view_is_problem_json_with_the_members_of_its_kind() {
        let problem = Problem::scope_missing("mrt/users.read");

        assert_eq!(
            serde_json::to_value(problem.view("id-1")).unwrap(),
            serde_json::json!({
                "type": "urn:mrt:problem:scope_missing",
                "title": "Scope missing",
                "status": 403,
                "detail": "the access token lacks the scope mrt/users.read",
                "request_id": "id-1",
                "scope": "mrt/users.read",
            })
        );
    }
}
