//! Converts gateway events to requests and responses to gateway answers, in REST API proxy format (payload 1.0).

use std::collections::BTreeMap;

use aws_lambda_events::apigw::{ApiGatewayProxyRequest, ApiGatewayProxyResponse};
use aws_lambda_events::encodings::Body;
use aws_lambda_events::http::header::{HeaderName, HeaderValue};
use serde_json::Value;

use crate::http::request::Request;
use crate::http::response::Response;

/// Returns the request of a gateway event.
pub fn decode(event: ApiGatewayProxyRequest) -> Request {
    // The single-value forms drop repeated names; events from the test console may have only those.
    let query = if event.multi_value_query_string_parameters.is_empty() {
        event.query_string_parameters
    } else {
        event.multi_value_query_string_parameters
    };
    let mut values: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, value) in query.iter() {
        values
            .entry(name.to_owned())
            .or_default()
            .push(value.to_owned());
    }
    let headers = if event.multi_value_headers.is_empty() {
        event.headers
    } else {
        event.multi_value_headers
    };
    let mut joined: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in &headers {
        let value = String::from_utf8_lossy(value.as_bytes());
        joined
            .entry(name.as_str().to_owned())
            .and_modify(|all| {
                all.push_str(", ");
                all.push_str(&value);
            })
            .or_insert_with(|| value.clone().into_owned());
    }
    Request {
        method: event.http_method.as_str().to_owned(),
        path: event
            .resource
            .filter(|resource| !resource.is_empty())
            .or(event.path)
            .unwrap_or_default(),
        query: values,
        headers: joined,
        claims: event
            .request_context
            .authorizer
            .fields
            .get("claims")
            .and_then(claims),
        id: event.request_context.request_id.unwrap_or_default(),
        stage_variables: event.stage_variables.into_iter().collect(),
    }
}

fn claims(value: &Value) -> Option<BTreeMap<String, String>> {
    let text = |value: &Value| {
        value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned)
    };
    Some(
        value
            .as_object()?
            .iter()
            .map(|(name, value)| (name.clone(), text(value)))
            .collect(),
    )
}

/// Returns `response` in the gateway's format.
pub fn encode(response: Response) -> ApiGatewayProxyResponse {
    let mut answer = ApiGatewayProxyResponse::default();
    answer.status_code = i64::from(response.status);
    answer.is_base64_encoded = response.is_binary();
    for (name, value) in response.headers {
        let name = HeaderName::from_bytes(name.as_bytes());
        // A value with bytes that are not allowed in a header is dropped, so that the rest of the answer is kept.
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_str(&value)) {
            answer.headers.insert(name, value);
        }
    }
    answer.body = Some(if answer.is_base64_encoded {
        Body::Binary(response.body)
    } else {
        Body::Text(String::from_utf8_lossy(&response.body).into_owned())
    });
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode_text(event: &str) -> Request {
        decode(serde_json::from_str(event).unwrap())
    }

    #[test]
    fn a_recorded_event_is_decoded_completely() {
        let request = decode_text(include_str!("../../tests/events/bucket_size.json"));

        assert_eq!(
            (request.method.as_str(), request.path.as_str()),
            ("GET", "/bucket_size")
        );
        assert_eq!(request.query["prefix"], ["a b/ü"]);
        assert_eq!(request.header("accept-encoding"), Some("gzip, deflate"));
        let claims = request.claims.unwrap();
        assert_eq!(claims["scope"], "mrt/bucket_size.read");
        assert_eq!(
            claims["exp"], "1768212600",
            "a number among the claims is text"
        );
        assert_eq!(request.id, "c6af9ac6-7b61-11e6-9a41-93e8deadbeef");
    }

    #[test]
    fn an_event_without_query_headers_and_authorizer_is_decoded_too() {
        let request = decode_text(include_str!("../../tests/events/console.json"));

        assert_eq!(request.path, "/health");
        assert!(request.query.is_empty() && request.claims.is_none());
    }

    #[test]
    fn a_repeated_parameter_keeps_all_its_values() {
        let request = decode_text(include_str!("../../tests/events/repeated_parameter.json"));

        assert_eq!(request.query["environment"], ["acme-prod", "acme-test"]);
    }

    #[test]
    fn compressed_bodies_are_encoded_as_base64() {
        let body = vec![0x1f, 0x8b, 0xff];
        let headers = BTreeMap::from([("Content-Encoding", "gzip".to_owned())]);

        let answer = serde_json::to_value(encode(Response {
            status: 200,
            headers,
            body,
        }))
        .unwrap();

        assert_eq!(
            (&answer["isBase64Encoded"], &answer["body"]),
            (&Value::Bool(true), &Value::from("H4v/"))
        );
        assert_eq!(answer["headers"]["content-encoding"], "gzip");
    }
}
