//! HTTP responses: the headers and the body that follow from an answer, a problem or a preflight request.

use std::collections::BTreeMap;
use std::io::Write;

use chrono::{DateTime, Utc};
use flate2::Compression;
use flate2::write::GzEncoder;
use shared::clock;

use crate::http::answer::{Answer, Freshness};
use crate::http::problem::{ALLOWED_METHODS, Problem};
use crate::http::request::Request;

/// Smallest body that is compressed: below it, gzip saves less than its header and the time cost.
const GZIP_FROM_BYTES: usize = 1024;
/// Most bytes of a body: Lambda rejects responses above 6 MB, in which a compressed body is a third longer, as Base64, and
/// text has its quotes escaped.
const BODY_LIMIT_BYTES: usize = 4_400_000;
/// Keeps a browser that was here once from plain HTTP for a year. Not for subdomains, which are not ours.
const HSTS: &str = "max-age=31536000";

/// An HTTP response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// Status.
    pub status: u16,
    /// Headers by name.
    pub headers: BTreeMap<&'static str, String>,
    /// Body, compressed if `Content-Encoding` says so.
    pub body: Vec<u8>,
}

impl Response {
    /// Returns the response to `request` with `answer`.
    pub fn from_answer(request: &Request, answer: Answer, now: DateTime<Utc>) -> Self {
        let mut headers = common_headers(request);
        headers.insert("ETag", answer.etag.clone());
        headers.extend(freshness_headers(answer.freshness, now));
        if let Some(query) = &answer.next {
            headers.insert("Link", format!("<?{query}>; rel=\"next\""));
        }
        headers.extend(answer.headers);
        if is_unchanged(request, &answer.etag, headers.get("Last-Modified")) {
            return Self {
                status: 304,
                headers,
                body: Vec::new(),
            };
        }
        headers.insert("Content-Type", answer.media_type.content_type().to_owned());
        let response = Self {
            status: 200,
            headers,
            body: answer.body,
        }
        .compressed(request);
        if response.body.len() > BODY_LIMIT_BYTES {
            let advice = "accept gzip, or select less";
            return Self::from_problem(request, &Problem::too_large(advice));
        }
        response
    }

    /// Returns the response to `request` with `problem`.
    pub fn from_problem(request: &Request, problem: &Problem) -> Self {
        let mut headers = common_headers(request);
        headers.insert("Content-Type", "application/problem+json".to_owned());
        headers.insert("Cache-Control", "no-store".to_owned());
        if problem.status() == 401 {
            headers.insert("WWW-Authenticate", "Bearer".to_owned());
        }
        if problem.status() == 405 {
            headers.insert("Allow", ALLOWED_METHODS.join(", "));
        }
        if let Some(seconds) = problem.retry_after_seconds() {
            headers.insert("Retry-After", seconds.to_string());
        }
        let body = serde_json::to_vec(&problem.view(&request.id)).unwrap_or_default();
        Self {
            status: problem.status(),
            headers,
            body,
        }
    }

    /// Returns the response to a preflight request. Without an allowed `origin` it allows nothing.
    pub(crate) fn preflight(request: &Request, origin: Option<&str>) -> Self {
        let mut headers = common_headers(request);
        if let Some(origin) = origin {
            headers.extend([
                ("Access-Control-Allow-Origin", origin.to_owned()),
                ("Access-Control-Allow-Methods", ALLOWED_METHODS.join(", ")),
                (
                    "Access-Control-Allow-Headers",
                    "Authorization, If-None-Match".to_owned(),
                ),
                ("Access-Control-Max-Age", "600".to_owned()),
            ]);
        }
        Self {
            status: 204,
            headers,
            body: Vec::new(),
        }
    }

    /// Allows pages of `origin` to read this response.
    pub(crate) fn allow_origin(&mut self, origin: &str) {
        self.headers
            .insert("Access-Control-Allow-Origin", origin.to_owned());
        self.headers.insert(
            "Access-Control-Expose-Headers",
            "Age, ETag, Last-Modified, Link, Retry-After, X-Request-Id".to_owned(),
        );
    }

    /// Returns the response to a HEAD request: the same headers without the body.
    #[must_use]
    pub(crate) fn without_body(mut self) -> Self {
        self.body = Vec::new();
        self
    }

    fn compressed(mut self, request: &Request) -> Self {
        let accepts = request.header("accept-encoding").is_some_and(accepts_gzip);
        if !accepts || self.body.len() < GZIP_FROM_BYTES {
            return self;
        }
        let is_page = self
            .headers
            .get("Content-Type")
            .is_some_and(|media_type| media_type.starts_with("text/html"));
        // The page is large and kept by browsers, so it is worth the time; data change with each collection.
        let level = if is_page {
            Compression::best()
        } else {
            Compression::fast()
        };
        let mut encoder = GzEncoder::new(Vec::new(), level);
        if let Ok(compressed) = encoder
            .write_all(&self.body)
            .and_then(|()| encoder.finish())
        {
            self.headers.insert("Content-Encoding", "gzip".to_owned());
            self.body = compressed;
        }
        self
    }

    /// Returns whether the body is compressed and therefore not text.
    pub fn is_binary(&self) -> bool {
        self.headers.contains_key("Content-Encoding")
    }
}

fn common_headers(request: &Request) -> BTreeMap<&'static str, String> {
    let mut headers = BTreeMap::from([
        (
            "Vary",
            "Accept, Accept-Encoding, Authorization, Origin".to_owned(),
        ),
        ("X-Content-Type-Options", "nosniff".to_owned()),
        ("X-Request-Id", request.id.clone()),
    ]);
    // Browsers ignore it in plain HTTP, so it is not even sent there.
    if request.header("x-forwarded-proto") == Some("https") {
        headers.insert("Strict-Transport-Security", HSTS.to_owned());
    }
    headers
}

/// Returns `Cache-Control`, `Age` and `Last-Modified`.
///
/// `Age` counts from the measurement (RFC 9111 §4.2.3), and so does `max-age`: the answer is fresh until the next
/// collection is due.
fn freshness_headers(freshness: Freshness, now: DateTime<Utc>) -> Vec<(&'static str, String)> {
    match freshness {
        Freshness::Snapshot {
            oldest_taken_at,
            newest_taken_at,
            next_due_at,
        } => {
            let age = clock::seconds_between(oldest_taken_at, now);
            let max_age = age + clock::seconds_between(now, next_due_at);
            vec![
                ("Cache-Control", format!("private, max-age={max_age}")),
                ("Age", age.to_string()),
                (
                    "Last-Modified",
                    newest_taken_at
                        .format("%a, %d %b %Y %H:%M:%S GMT")
                        .to_string(),
                ),
            ]
        }
        Freshness::Live => vec![("Cache-Control", "private, no-cache".to_owned())],
        Freshness::Program => vec![("Cache-Control", "public, max-age=300".to_owned())],
    }
}

/// Returns whether an `If-None-Match` list contains `etag`, by weak comparison (RFC 9110 §13.1.2).
fn is_match(list: &str, etag: &str) -> bool {
    let opaque = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    list.trim() == "*"
        || list
            .split(',')
            .any(|candidate| opaque(candidate) == opaque(etag))
}

/// Returns whether the caller has the answer already. A list of `ETag`s counts, or else a date (RFC 9110 §13.2.2).
fn is_unchanged(request: &Request, etag: &str, last_modified: Option<&String>) -> bool {
    if let Some(list) = request.header("if-none-match") {
        return is_match(list, etag);
    }
    let time = |text: &str| DateTime::parse_from_rfc2822(text).ok();
    let known = request.header("if-modified-since").and_then(time);
    let changed = last_modified.and_then(|text| time(text));
    known
        .zip(changed)
        .is_some_and(|(known, changed)| changed <= known)
}

/// Returns whether an `Accept-Encoding` list allows gzip. What it says of gzip counts, or else what it says of all
/// codings (RFC 9110 §12.5.3).
fn accepts_gzip(list: &str) -> bool {
    let weight_of = |wanted: &[&str]| {
        list.split(',').find_map(|coding| {
            let mut parts = coding.split(';').map(str::trim);
            let name = parts.next().unwrap_or_default().to_ascii_lowercase();
            let weight = parts.find_map(|part| {
                let (name, value) = part.split_once('=')?;
                let is_weight = name.trim().eq_ignore_ascii_case("q");
                is_weight.then(|| value.trim().parse().unwrap_or(0.0))
            });
            wanted
                .contains(&name.as_str())
                .then(|| weight.unwrap_or(1.0))
        })
    };
    let weight: Option<f32> = weight_of(&["gzip", "x-gzip"]).or_else(|| weight_of(&["*"]));
    weight.is_some_and(|weight| weight > 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn an_answer_is_fresh_until_the_next_collection() {
        let freshness = Freshness::Snapshot {
            oldest_taken_at: time("2026-01-01T10:00:05Z"),
            newest_taken_at: time("2026-01-01T10:00:09Z"),
            next_due_at: time("2026-01-01T11:00:00Z"),
        };

        let headers: BTreeMap<_, _> = freshness_headers(freshness, time("2026-01-01T10:30:05Z"))
            .into_iter()
            .collect();
        assert_eq!(headers["Age"], "1800");
        assert_eq!(headers["Cache-Control"], "private, max-age=3595");
        assert_eq!(headers["Last-Modified"], "Thu, 01 Jan 2026 10:00:09 GMT");

        let late: BTreeMap<_, _> = freshness_headers(freshness, time("2026-01-01T12:00:05Z"))
            .into_iter()
            .collect();
        assert_eq!(
            late["Cache-Control"], "private, max-age=7200",
            "no longer fresh: Age is as large"
        );
    }

    #[test]
    fn only_a_request_over_tls_gets_strict_transport_security() {
        let hsts = |scheme: &str| {
            let request = Request {
                headers: BTreeMap::from([("x-forwarded-proto".into(), scheme.to_owned())]),
                ..Request::default()
            };
            let answer = Answer::json(&1, &1, Freshness::Live).unwrap();
            let response = Response::from_answer(&request, answer, time("2026-01-01T00:00:00Z"));
            response.headers.get("Strict-Transport-Security").cloned()
        };

        assert_eq!(hsts("https").as_deref(), Some("max-age=31536000"));
        assert_eq!(hsts("http"), None);
    }

    #[test]
    fn a_date_of_the_last_change_or_a_later_one_is_answered_with_304() {
        let taken_at = time("2026-01-01T10:00:00Z");
        let status = |headers: &[(&str, &str)], freshness| {
            let headers = headers
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
            let request = Request {
                headers: headers.collect(),
                ..Request::default()
            };
            let answer = Answer::json(&1, &1, freshness).unwrap();
            Response::from_answer(&request, answer, taken_at).status
        };
        let snapshot = Freshness::Snapshot {
            oldest_taken_at: taken_at,
            newest_taken_at: taken_at,
            next_due_at: taken_at,
        };
        let since = |date| [("if-modified-since", date)];

        let same = since("Thu, 01 Jan 2026 10:00:00 GMT");
        assert_eq!(status(&same, snapshot), 304);
        let later = since("Fri, 02 Jan 2026 00:00:00 GMT");
        assert_eq!(status(&later, snapshot), 304);
        let earlier = since("Thu, 01 Jan 2026 09:59:59 GMT");
        assert_eq!(status(&earlier, snapshot), 200);
        assert_eq!(status(&since("yesterday"), snapshot), 200);
        assert_eq!(status(&same, Freshness::Live), 200, "it has no date");
        let tag = [same[0], ("if-none-match", "\"another\"")];
        assert_eq!(status(&tag, snapshot), 200, "the ETag counts");
    }

    #[test]
    fn if_none_match_lists_are_compared_weakly() {
        for list in ["W/\"a\"", "\"a\"", "\"x\", W/\"a\"", "*"] {
            assert!(is_match(list, "W/\"a\""), "{list}");
        }
        assert!(!is_match("\"b\"", "W/\"a\""));
    }

    #[test]
    fn gzip_is_used_only_if_it_is_accepted_and_worth_it() {
        for (list, expected) in [
            ("gzip", true),
            ("br, gzip;q=0.5", true),
            ("*", true),
            ("gzip;q=0", false),
            ("gzip; q=0.000", false),
            ("GZIP;Q=0", false),
            ("gzip;q=0, *", false),
            ("*, gzip;q=0", false),
            ("*;q=0", false),
            ("*;q=0, gzip", true),
            ("gzip;q=none", false),
            ("identity;q=0, x-gzip", true),
            ("br", false),
            ("", false),
        ] {
            assert_eq!(accepts_gzip(list), expected, "{list}");
        }
        let request = Request {
            headers: BTreeMap::from([("accept-encoding".into(), "gzip".into())]),
            ..Request::default()
        };
        let answer =
            |length: usize| Answer::json(&"x".repeat(length), &1, Freshness::Live).unwrap();

        assert!(
            !Response::from_answer(&request, answer(100), time("2026-01-01T00:00:00Z")).is_binary()
        );
        let compressed =
            Response::from_answer(&request, answer(10_000), time("2026-01-01T00:00:00Z"));
        assert!(compressed.is_binary() && compressed.body.len() < 1000);
    }

    #[test]
    fn a_body_that_lambda_would_reject_is_a_problem_that_names_the_way_out() {
        let accepting = Request {
            headers: BTreeMap::from([("accept-encoding".into(), "gzip".into())]),
            ..Request::default()
        };
        let answer = Answer::json(&"x".repeat(5_000_000), &1, Freshness::Live).unwrap();
        let now = time("2026-01-01T00:00:00Z");

        let whole = Response::from_answer(&Request::default(), answer.clone(), now);
        let compressed = Response::from_answer(&accepting, answer, now);

        let text = String::from_utf8(whole.body).unwrap();
        assert_eq!(whole.status, 422);
        assert!(text.contains("accept gzip"), "{text}");
        assert_eq!(compressed.status, 200);
    }
}
