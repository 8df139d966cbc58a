//! `GET /openapi.json`: the OpenAPI 3.1 document, generated from the routes and the types of their answers.

mod examples;
mod headers;
mod tags;

use std::collections::BTreeMap;

use async_trait::async_trait;
use schemars::generate::SchemaSettings;
use schemars::{Schema, SchemaGenerator};
use serde_json::{Map, Value, json};

use crate::http::answer::{Answer, Freshness};
use crate::http::endpoint::{Call, Endpoint, ExtraScope, Handler, Route};
use crate::http::media_type::MediaType;
use crate::http::parameter::{Parameter, ParameterKind};
use crate::http::problem::{Code, Problem, ProblemView};
use crate::http::request::TEXT_LIMIT_BYTES;
use examples::Examples;

/// Description of this endpoint.
pub const ROUTE: Route = Route {
    path: "/openapi.json",
    function: "api-public",
    scope: None,
    summary: "This document",
    description: "OpenAPI 3.1 of all endpoints.",
    media_types: &[MediaType::Json],
    parameters: &[],
    problems: &[],
    schema: |_| json_object(),
};

fn json_object() -> Schema {
    schemars::json_schema!({"type": "object"})
}

struct GetOpenApi {
    routes: &'static [Route],
    extra_scopes: &'static [ExtraScope],
}

/// Returns the endpoint that describes `routes`.
pub fn endpoint(routes: &'static [Route], extra_scopes: &'static [ExtraScope]) -> Endpoint {
    let handler = GetOpenApi {
        routes,
        extra_scopes,
    };
    Endpoint::new(&ROUTE, handler)
}

#[async_trait]
impl Handler for GetOpenApi {
    async fn answer(&self, _call: Call<'_>) -> Result<Answer, Problem> {
        let document = document(self.routes, self.extra_scopes);
        Answer::json(&document, &document, Freshness::Program)
    }
}

/// Returns the document of `routes`.
fn document(routes: &[Route], extra_scopes: &[ExtraScope]) -> Value {
    let settings = SchemaSettings::draft2020_12()
        .with(|settings| settings.definitions_path = "/components/schemas".into())
        .for_serialize();
    let mut generator = settings.into_generator();
    let problem = generator.subschema_for::<ProblemView>();
    let examples = Examples::new();
    let mut paths = Map::new();
    for route in routes {
        paths.insert(
            route.path.to_owned(),
            json!({"get": operation(route, &mut generator, &problem, &examples)}),
        );
    }
    let own = routes
        .iter()
        .filter_map(|route| Some((route.scope?.to_owned(), route.summary.into())));
    let extra = extra_scopes
        .iter()
        .map(|scope| (scope.name.to_owned(), scope.summary.into()));
    let scopes: Map<String, Value> = own.chain(extra).collect();
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "MRT API",
            "version": "1",
            "summary": "Sizes, users and constants of a fleet of Mendix apps",
            "description": "Bytes are exact integers, times are RFC 3339 UTC. A token may be limited to some \
                            environments; for it, the others do not exist.",
            "contact": {"name": "The operators of this deployment"},
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "tags": tags::all(),
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

/// Moves the JSON in a type's description, which tests compare with real answers, into its example.
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

fn operation(
    route: &Route,
    generator: &mut SchemaGenerator,
    problem: &Schema,
    examples: &Examples,
) -> Value {
    let mut responses = Map::new();
    let mut body = Map::new();
    for media_type in route.media_types {
        let mut content = match media_type {
            MediaType::Json => json!({"schema": (route.schema)(generator)}),
            _ => json!({"schema": {"type": "string"}}),
        };
        let media_type = media_type.essence();
        examples.add_to(&mut content, route.path, media_type);
        body.insert(media_type.to_owned(), content);
    }
    responses.insert(
        "200".to_owned(),
        json!({"description": route.summary, "headers": headers::of_answer(route), "content": body}),
    );
    responses.insert(
        "304".to_owned(),
        json!({
            "description": "The answer still has the ETag in `If-None-Match`, or has not changed since `If-Modified-Since`.",
            "headers": headers::of_unchanged(),
        }),
    );
    responses.insert("429".to_owned(), throttled(problem));
    for (status, codes) in problems(route) {
        let names: Vec<&str> = codes.iter().map(|code| code.as_str()).collect();
        let description = format!("Problem: {}.", names.join(", "));
        let content = json!({"application/problem+json": {"schema": problem, "examples": examples::problems(&codes)}});
        responses.insert(
            status.to_string(),
            json!({"description": description, "headers": headers::of_problem(status), "content": content}),
        );
    }
    let parameters: Vec<Value> = route.parameters.iter().map(parameter).collect();
    let mut operation = json!({
        "operationId": operation_id(route.path),
        "tags": [tags::of(route.path)],
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

/// Returns the answer of the gateway to too many requests.
fn throttled(problem: &Schema) -> Value {
    json!({
        "description": "Problem: throttled. The gateway's limit of requests is reached.",
        "headers": headers::of_problem(429),
        "content": {"application/problem+json": {"schema": problem, "examples": examples::throttled()}},
    })
}

fn operation_id(path: &str) -> String {
    match path.trim_matches('/') {
        "" => "dashboard".to_owned(),
        path => path.replace(['/', '.'], "_"),
    }
}

/// Returns the problem codes of a route, by status.
fn problems(route: &Route) -> BTreeMap<u16, Vec<Code>> {
    let mut codes = vec![Code::BadParameter, Code::MethodNotAllowed, Code::Internal];
    if route.scope.is_some() {
        codes.extend([Code::Unauthorized, Code::ScopeMissing, Code::Unavailable]);
    }
    codes.extend(route.problems);
    let mut by_status: BTreeMap<u16, Vec<Code>> = BTreeMap::new();
    for code in codes {
        by_status.entry(code.status()).or_default().push(code);
    }
    by_status
}

fn parameter(parameter: &Parameter) -> Value {
    let schema = match parameter.kind {
        ParameterKind::Text => {
            json!({"type": "string", "minLength": 1, "maxLength": TEXT_LIMIT_BYTES})
        }
        ParameterKind::OptionalNumber { max } => {
            json!({"type": "integer", "minimum": 1, "maximum": max})
        }
        ParameterKind::Cursor => {
            json!({"type": "string", "pattern": "^[A-Za-z0-9_-]+$", "maxLength": TEXT_LIMIT_BYTES})
        }
        ParameterKind::Choice(["true", "false"]) => json!({"type": "boolean"}),
        ParameterKind::Choice(words) => json!({"type": "string", "enum": words}),
        ParameterKind::Words(words) => {
            json!({"type": "array", "items": {"type": "string", "enum": words}})
        }
        ParameterKind::Number { min, max, default } => {
            json!({"type": "integer", "minimum": min, "maximum": max, "default": default})
        }
    };
    let mut document = json!({
        "name": parameter.name,
        "in": "query",
        "required": parameter.is_required,
        "description": parameter.description,
        "schema": schema,
    });
    if matches!(parameter.kind, ParameterKind::Words(_)) {
        document["style"] = "form".into();
        document["explode"] = false.into();
    }
    document
}
