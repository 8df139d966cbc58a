//! Converts HTTP requests to gateway event JSON and responses back, through the production decoders.

use std::collections::BTreeMap;

use anyhow::Context;
use api::dashboard::CLIENT_ID_VARIABLE;
use api::http::endpoint::Route;
use api::http::server::Server;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::{Request, Response};
use serde_json::{Value, json};

use crate::identity::BrowserClient;

/// Returns a new request id.
pub(super) fn request_id() -> String {
    uuid::Uuid::new_v4().to_string()
}

/// Returns the proxy event that API Gateway would send for an authorised request.
pub(super) fn from_request<B>(
    request: &Request<B>,
    route: &Route,
    claims: Option<&BTreeMap<String, String>>,
    id: &str,
) -> Value {
    let mut headers: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (name, value) in request.headers() {
        headers
            .entry(name.as_str())
            .or_default()
            .push(String::from_utf8_lossy(value.as_bytes()).into_owned());
    }
    let mut query: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, value) in
        url::form_urlencoded::parse(request.uri().query().unwrap_or_default().as_bytes())
    {
        query
            .entry(name.into_owned())
            .or_default()
            .push(value.into_owned());
    }
    let mut context = json!({
        "resourcePath": route.path,
        "path": format!("/local{}", route.path),
        "httpMethod": request.method().as_str(),
        "stage": "local",
        "protocol": "HTTP/1.1",
        "requestId": id,
        "identity": {"sourceIp": "127.0.0.1"},
    });
    if let Some(claims) = claims {
        context["authorizer"] = json!({"claims": claims});
    }
    json!({
        "resource": route.path,
        "path": route.path,
        "httpMethod": request.method().as_str(),
        "headers": last_values(&headers),
        "multiValueHeaders": headers,
        "queryStringParameters": or_null(&last_values(&query)),
        "multiValueQueryStringParameters": or_null(&query),
        "pathParameters": null,
        "stageVariables": {CLIENT_ID_VARIABLE: BrowserClient::ID},
        "requestContext": context,
        "body": null,
        "isBase64Encoded": false,
    })
}

fn last_values<K: Ord + Clone>(values: &BTreeMap<K, Vec<String>>) -> BTreeMap<K, String> {
    values
        .iter()
        .filter_map(|(name, values)| Some((name.clone(), values.last()?.clone())))
        .collect()
}

/// Returns null for an empty map, as API Gateway does.
fn or_null<K: Ord + serde::Serialize, V: serde::Serialize>(map: &BTreeMap<K, V>) -> Value {
    if map.is_empty() {
        Value::Null
    } else {
        json!(map)
    }
}

/// Passes an event to `server` and returns its answer as an HTTP response.
pub(super) async fn call(server: &Server, event: Value) -> anyhow::Result<Response<Full<Bytes>>> {
    let event = serde_json::from_value(event).context("the event")?;
    let answer = serde_json::to_value(server.handle(event).await).context("the answer")?;
    let status = answer["statusCode"]
        .as_u64()
        .and_then(|status| u16::try_from(status).ok())
        .context("no status")?;
    let body = answer["body"].as_str().unwrap_or_default();
    let body = if answer["isBase64Encoded"] == true {
        STANDARD.decode(body)?
    } else {
        body.as_bytes().to_vec()
    };
    let mut response = Response::builder().status(status);
    for (name, value) in answer["headers"].as_object().into_iter().flatten() {
        response = response.header(name, value.as_str().unwrap_or_default());
    }
    Ok(response.body(Full::from(body))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_what_the_production_decoder_reads() {
        let request =
            Request::get("/bucket_size?prefix=a%20b%2F%C3%BC&environment=x&environment=y")
                .header("Accept-Encoding", "gzip")
                .body(())
                .unwrap();
        let claims = BTreeMap::from([("scope".to_owned(), "mrt/bucket_size.read".to_owned())]);

        let event = from_request(&request, &api::bucket_size::ROUTE, Some(&claims), "id-1");
        let decoded = api::http::proxy::decode(serde_json::from_value(event).unwrap());

        assert_eq!(
            (decoded.path.as_str(), decoded.id.as_str()),
            ("/bucket_size", "id-1")
        );
        assert_eq!(decoded.query["prefix"], ["a b/ü"]);
        assert_eq!(decoded.query["environment"], ["x", "y"]);
        assert_eq!(decoded.header("accept-encoding"), Some("gzip"));
        assert_eq!(decoded.claims, Some(claims));
        assert_eq!(decoded.stage_variables["login_client_id"], "mrt-dashboard");
    }

    #[test]
    fn a_bare_request_is_decoded_too() {
        let request = Request::get("/health").body(()).unwrap();

        let event = from_request(&request, &api::health::ROUTE, None, "id-2");
        let decoded = api::http::proxy::decode(serde_json::from_value(event).unwrap());

        assert!(decoded.query.is_empty() && decoded.claims.is_none());
    }
}
