//! Answers in several media types: selection by `Accept`, and what every media type supports.

use api::http::answer::{Answer, Freshness};
use api::http::endpoint::{Call, Endpoint, Handler, Route};
use api::http::media_type::MediaType;
use api::http::problem::Problem;
use async_trait::async_trait;

use crate::harness::{TestServer, World, get};

static ROUTE: Route = Route {
    path: "/report",
    function: "api-report",
    scope: None,
    summary: "",
    description: "",
    media_types: &[
        MediaType::Json,
        MediaType::Csv,
        MediaType::OpenMetrics,
        MediaType::Html,
    ],
    parameters: &[],
    problems: &[],
    schema: |_| schemars::json_schema!({}),
};

/// Answers with text that is long enough to be compressed.
struct Report;

#[async_trait]
impl Handler for Report {
    async fn answer(&self, call: Call<'_>) -> Result<Answer, Problem> {
        let body = match call.media_type {
            MediaType::Json => return Answer::json(&"report", &"report", Freshness::Live),
            MediaType::Csv => "name\r\n".repeat(1_000),
            MediaType::OpenMetrics | MediaType::PlainText => "# EOF\n".repeat(1_000),
            MediaType::Html => "<p>ü</p>\n".repeat(1_000),
        };
        Answer::new(
            call.media_type,
            body.into_bytes(),
            &"report",
            Freshness::Live,
        )
    }
}

fn server() -> TestServer {
    World::new("").server(vec![Endpoint::new(&ROUTE, Report)])
}

#[tokio::test]
async fn a_request_gets_the_media_type_that_it_accepts_and_json_by_default() {
    let server = server();
    for (accept, content_type, start) in [
        ("", "application/json", "\"report\""),
        ("image/png", "application/json", "\"report\""),
        (
            "text/csv",
            "text/csv; charset=utf-8; header=present",
            "name",
        ),
        ("text/html", "text/html; charset=utf-8", "<p>ü</p>"),
        (
            "application/openmetrics-text",
            "application/openmetrics-text; version=1.0.0; charset=utf-8",
            "# EOF",
        ),
    ] {
        let reply = server.ask(get("/report").header("accept", accept)).await;

        assert_eq!(reply.header("content-type"), content_type);
        assert!(reply.text.starts_with(start), "{accept}");
        assert!(reply.header("vary").contains("Accept,"), "{reply:?}");
    }
}

#[tokio::test]
async fn gzip_etag_and_head_work_for_every_media_type() {
    let server = server();
    let mut etags = Vec::new();
    for accept in ["text/csv", "text/html", "application/openmetrics-text"] {
        let ask = || get("/report").header("accept", accept);

        let plain = server.ask(ask()).await;
        let compressed = server.ask(ask().header("accept-encoding", "gzip")).await;
        let etag = plain.header("etag").to_owned();
        let same = server.ask(ask().header("if-none-match", &etag)).await;
        let head = server.ask(ask().method("HEAD")).await;

        assert_eq!(compressed.header("content-encoding"), "gzip");
        assert_eq!(compressed.text, plain.text);
        assert_eq!(same.status, 304);
        assert_eq!((&head.headers, head.text.as_str()), (&plain.headers, ""));
        etags.push(etag);
    }
    let etags: std::collections::BTreeSet<_> = etags.into_iter().collect();
    assert_eq!(etags.len(), 3, "each media type has an ETag of its own");
}
