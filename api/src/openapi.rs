//! `GET /openapi.json`: the OpenAPI 3.1 document, made from the routes' facts and the handlers' own types.

use async_trait::async_trait;
use schemars::generate::SchemaSettings;
use schemars::{Schema, SchemaGenerator};
use serde_json::{Map, Value, json};

use crate::http::endpoint::{Call, Endpoint, Handler, Parameter, ParameterKind, Route};
use crate::http::problem::{Code, Problem, ProblemView};
use crate::http::request::TEXT_LIMIT_BYTES;
use crate::http::response::{Answer, Freshness};
use crate::routes::{EXTRA_SCOPES, ROUTES};

/// Facts of this endpoint.
pub const ROUTE: Route = Route {
    path: "/openapi.json",
    function: "api-public",
    scope: None,
    summary: "This document",
    description: "OpenAPI 3.1 of all endpoints.",
    parameters: &[],
    problems: &[],
    schema: |_| json_object(),
};

fn json_object() -> Schema {
    schemars::json_schema!({"type": "object"})
}

struct GetOpenApi;

/// Returns the endpoint.
pub fn endpoint() -> Endpoint {
    Endpoint::new(&ROUTE, GetOpenApi)
}

#[async_trait]
impl Handler for GetOpenApi {
    async fn answer(&self, _call: Call<'_>) -> Result<Answer, Problem> {
        let document = document();
        Answer::json(&document, &document, Freshness::Program)
    }
}

/// Returns the document of all routes.
pub fn document() -> Value {
    let settings = SchemaSettings::draft2020_12()
        .with(|settings| settings.definitions_path = "/components/schemas".into())
        .for_serialize();
    let mut generator = settings.into_generator();
    let problem = generator.subschema_for::<ProblemView>();
    let mut paths = Map::new();
    for route in ROUTES {
        paths.insert(
            route.path.to_owned(),
            json!({"get": operation(route, &mut generator, &problem)}),
        );
    }
    let own = ROUTES
        .iter()
        .filter_map(|route| Some((route.scope?.to_owned(), route.summary.into())));
    let extra = EXTRA_SCOPES
        .iter()
        .map(|(scope, _, summary)| ((*scope).to_owned(), (*summary).into()));
    let scopes: Map<String, Value> = own.chain(extra).collect();
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "MRT API",
            "version": "1",
            "summary": "Sizes, users and constants of a fleet of Mendix apps",
            "description": "Bytes are exact integers, times are RFC 3339 UTC. A token may be limited to some \
                            environments; all others do not exist for it.",
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {
            "schemas": with_examples(generator.take_definitions(true)),
            "securitySchemes": {
                "cognito": {
                    "type": "oauth2",
                    "description": "An access token of the user pool.",
                    "flows": {"clientCredentials": {"tokenUrl": "/oauth2/token", "scopes": scopes}},
                },
            },
        },
    })
}

/// Turns the JSON that a type's description shows, which tests hold against real answers, into its example.
fn with_examples(mut schemas: Map<String, Value>) -> Map<String, Value> {
    for schema in schemas.values_mut() {
        let description = schema["description"].as_str().unwrap_or_default();
        let Some((before, rest)) = description.split_once("```json") else {
            continue;
        };
        let (example, after) = rest.split_once("```").unwrap_or((rest, ""));
        let text = format!("{}{}", before.trim_end(), after.trim_end());
        if let Ok(example) = serde_json::from_str::<Value>(example) {
            schema["examples"] = json!([example]);
            schema["description"] = text.into();
        }
    }
    schemas
}

fn operation(route: &Route, generator: &mut SchemaGenerator, problem: &Schema) -> Value {
    let mut responses = Map::new();
    let headers: Map<String, Value> = ["ETag", "Cache-Control", "X-Request-Id"]
        .into_iter()
        .map(|name| (name.to_owned(), json!({"schema": {"type": "string"}})))
        .collect();
    let body = json!({"application/json": {"schema": (route.schema)(generator)}});
    responses.insert(
        "200".to_owned(),
        json!({"description": route.summary, "headers": headers, "content": body}),
    );
    responses.insert(
        "304".to_owned(),
        json!({"description": "The answer with the ETag of `If-None-Match` is still good."}),
    );
    for (status, codes) in problems(route) {
        let description = format!("Problem: {}.", codes.join(", "));
        let content = json!({"application/problem+json": {"schema": problem}});
        responses.insert(
            status.to_string(),
            json!({"description": description, "content": content}),
        );
    }
    let parameters: Vec<Value> = route.parameters.iter().map(parameter).collect();
    let mut operation = json!({
        "operationId": route.path.trim_matches('/').replace(['/', '.'], "_"),
        "summary": route.summary,
        "description": route.description,
        "parameters": parameters,
        "responses": responses,
    });
    operation["security"] = match route.scope {
        Some(scope) => json!([{"cognito": [scope]}]),
        None => json!([]),
    };
    operation
}

/// Returns the codes that a route may answer, by status.
fn problems(route: &Route) -> std::collections::BTreeMap<u16, Vec<&'static str>> {
    let mut codes = vec![Code::BadParameter, Code::Internal];
    if route.scope.is_some() {
        codes.extend([Code::Unauthorized, Code::ScopeMissing, Code::Unavailable]);
    }
    codes.extend(route.problems);
    let mut by_status: std::collections::BTreeMap<u16, Vec<&'static str>> =
        std::collections::BTreeMap::new();
    for code in codes {
        by_status
            .entry(code.status())
            .or_default()
            .push(code.as_str());
    }
    by_status
}

fn parameter(parameter: &Parameter) -> Value {
    let schema = match parameter.kind {
        ParameterKind::Text => {
            json!({"type": "string", "minLength": 1, "maxLength": TEXT_LIMIT_BYTES})
        }
        ParameterKind::OptionalNumber { most } => {
            json!({"type": "integer", "minimum": 1, "maximum": most})
        }
        ParameterKind::Choice(words) => json!({"type": "string", "enum": words}),
        ParameterKind::Number {
            least,
            most,
            default,
        } => {
            json!({"type": "integer", "minimum": least, "maximum": most, "default": default})
        }
    };
    json!({
        "name": parameter.name,
        "in": "query",
        "required": parameter.is_required,
        "description": parameter.description,
        "schema": schema,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reference_of_the_document_leads_somewhere() {
        let document = document();
        let text = document.to_string();

        let mut references = 0;
        for part in text.split("\"$ref\":\"#").skip(1) {
            let pointer = part.split('"').next().unwrap();
            assert!(document.pointer(pointer).is_some(), "{pointer}");
            references += 1;
        }
        assert!(references > 10, "{references}");
    }

    #[test]
    fn every_route_is_there_with_its_scope_and_described_fields() {
        let document = document();

        for route in ROUTES {
            let operation = &document["paths"][route.path]["get"];
            assert_eq!(operation["summary"], route.summary, "{}", route.path);
            assert_eq!(
                operation["security"].as_array().unwrap().is_empty(),
                route.scope.is_none()
            );
        }
        let item = &document["components"]["schemas"]["BucketItem"];
        let properties = item["properties"].as_object().unwrap();
        assert_eq!(
            properties["total_bytes"]["description"],
            "The size, in bytes: what it adds up is in `definition`."
        );
        assert!(properties.contains_key("last_failure"));
    }

    /// The examples themselves are what real answers to the fixtures are: see `tests/it`.
    #[test]
    fn what_descriptions_show_is_an_example_of_the_schema() {
        let document = document();
        let schemas = &document["components"]["schemas"];

        for (name, field) in [
            ("UserCounts", "metering"),
            ("UserList", "users"),
            ("Constants", "constants"),
        ] {
            let schema = &schemas[name];
            assert!(!schema["examples"][0][field].is_null(), "{name}: {schema}");
            let description = schema["description"].as_str().unwrap();
            assert!(!description.contains("```"), "{description}");
        }
    }
}
