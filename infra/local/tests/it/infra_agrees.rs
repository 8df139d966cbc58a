//! The SAM template agrees with the code: binaries, paths, scopes, parameters, variables and roles.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use api::dashboard::CLIENT_ID_VARIABLE;
use api::routes::{ROUTES, dashboard_scopes};
use serde_json::Value;

use crate::agreement::binaries;

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// Returns the template, without CloudFormation's tags.
fn template() -> Value {
    let text = std::fs::read_to_string(root().join("infra/aws/template.yaml")).unwrap();
    serde_saphyr::from_str(&text).unwrap()
}

/// Returns logical name and resource of each function, by the name of its binary.
fn functions(template: &Value) -> BTreeMap<String, (String, Value)> {
    let resources = template["Resources"].as_object().unwrap();
    let functions = resources
        .iter()
        .filter(|(_, resource)| resource["Type"] == "AWS::Serverless::Function");
    functions
        .map(|(name, resource)| {
            let binary = resource["Metadata"]["BuildProperties"]["Binary"]
                .as_str()
                .unwrap();
            (binary.to_owned(), (name.clone(), resource.clone()))
        })
        .collect()
}

/// Returns `api-users` as `ApiUsers`.
fn camel_case(name: &str) -> String {
    name.split('-')
        .map(|word| word[..1].to_uppercase() + &word[1..])
        .collect()
}

#[test]
fn every_binary_is_a_function_with_its_name_folder_role_and_logs() {
    let template = template();
    let functions = functions(&template);

    let mut expected = binaries("api");
    expected.extend(binaries("collector"));
    assert_eq!(functions.keys().cloned().collect::<BTreeSet<_>>(), expected);
    for (binary, (name, resource)) in &functions {
        let properties = &resource["Properties"];
        let folder = if binaries("api").contains(binary) {
            "../../api/"
        } else {
            "../../collector/"
        };
        assert_eq!(name, &camel_case(binary));
        assert_eq!(resource["Metadata"]["BuildMethod"], "rust-cargolambda");
        assert_eq!(properties["CodeUri"], folder, "{binary}");
        assert_eq!(properties["Role"], format!("{name}Role.Arn"), "{binary}");
        assert_eq!(
            properties["LoggingConfig"]["LogGroup"],
            format!("{name}Logs")
        );
        assert_eq!(
            properties["FunctionName"],
            format!("${{AWS::StackName}}-{binary}")
        );
        assert!(template["Resources"][format!("{name}Role")].is_object());
        assert!(template["Resources"][format!("{name}Logs")].is_object());
    }
}

#[test]
fn every_route_is_a_path_of_its_function_with_its_scope_and_the_rest_is_public() {
    let template = template();
    let functions = functions(&template);
    let mut found = BTreeMap::new();
    for (binary, (_, resource)) in &functions {
        for event in resource["Properties"]["Events"]
            .as_object()
            .into_iter()
            .flatten()
            .map(|(_, event)| event)
            .filter(|event| event["Type"] == "Api")
        {
            let event = &event["Properties"];
            let key = (
                event["Path"].as_str().unwrap().to_owned(),
                event["Method"].as_str().unwrap().to_owned(),
            );
            assert!(found.insert(key, (binary.clone(), event.clone())).is_none());
        }
    }

    // GET and ANY of each path, HEAD of those with a scope, and all other paths. ANY of an open path leads to its own
    // function, so it needs no HEAD.
    let with_scope = ROUTES.iter().filter(|route| route.scope.is_some());
    assert_eq!(found.len(), 2 * ROUTES.len() + with_scope.count() + 1);
    assert_eq!(
        found[&("/{proxy+}".to_owned(), "ANY".to_owned())].0,
        "api-public"
    );
    for route in ROUTES {
        let (binary, event) = &found[&(route.path.to_owned(), "GET".to_owned())];
        assert_eq!(binary, route.function);
        let auth = &event["Auth"];
        match route.scope {
            Some(scope) => {
                assert_eq!(auth["Authorizer"], "Cognito", "{}", route.path);
                assert_eq!(auth["AuthorizationScopes"], serde_json::json!([scope]));
            }
            None => assert_eq!(auth["Authorizer"], "NONE", "{}", route.path),
        }
        let required: BTreeSet<String> = event["RequestParameters"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|parameter| parameter.as_object()?.keys().next().cloned())
            .collect();
        let expected = route
            .parameters
            .iter()
            .filter(|parameter| parameter.is_required)
            .map(|parameter| format!("method.request.querystring.{}", parameter.name))
            .collect();
        assert_eq!(required, expected, "{}", route.path);
        if route.scope.is_some() {
            let (head_binary, mut head) =
                found[&(route.path.to_owned(), "HEAD".to_owned())].clone();
            head["Method"] = "GET".into();
            assert_eq!((&head_binary, &head), (binary, event), "{}", route.path);
        }
        let (binary, event) = &found[&(route.path.to_owned(), "ANY".to_owned())];
        assert_eq!(
            (binary.as_str(), &event["Auth"]["Authorizer"]),
            ("api-public", &"NONE".into())
        );
    }

    let scopes: BTreeSet<String> = template["Resources"]["Scopes"]["Properties"]["Scopes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|scope| format!("mrt/{}", scope["ScopeName"].as_str().unwrap()))
        .collect();
    for scope in ROUTES.iter().filter_map(|route| route.scope) {
        assert!(scopes.contains(scope), "{scope}");
    }
    let browser = &template["Resources"]["BrowserClient"]["Properties"]["AllowedOAuthScopes"];
    for scope in dashboard_scopes() {
        let allowed = browser.as_array().unwrap();
        assert!(allowed.contains(&scope.into()), "{scope}");
    }
    // The dashboard's settings read this one.
    let stage = &template["Resources"]["Api"]["Properties"]["Variables"];
    assert_eq!(stage[CLIENT_ID_VARIABLE], "BrowserClient");
}

#[test]
fn functions_have_only_variables_that_the_code_reads_and_the_fleet_where_needed() {
    let config = std::fs::read_to_string(root().join("shared/src/config.rs")).unwrap();
    let known: BTreeSet<&str> = config
        .split('"')
        .filter(|text| text.starts_with("MRT_") && !text.contains(' '))
        .collect();
    for (binary, (_, resource)) in functions(&template()) {
        let variables = resource["Properties"]["Environment"]["Variables"]
            .as_object()
            .unwrap()
            .clone();
        for name in variables.keys().filter(|name| name.starts_with("MRT_")) {
            assert!(known.contains(name.as_str()), "{binary}: {name}");
        }
        let is_public = binary == "api-public";
        assert_eq!(variables.contains_key("MRT_FLEET"), !is_public, "{binary}");
        assert_eq!(
            variables.contains_key("MRT_ALLOWED_ORIGINS"),
            binary.starts_with("api-"),
            "{binary}"
        );
        assert_eq!(
            variables.contains_key("MRT_CLIENT_ENVIRONMENTS"),
            binary.starts_with("api-") && !is_public,
            "{binary}"
        );
    }
}

#[test]
fn the_time_out_of_plan_covers_its_own_time_outs() {
    let template = template();
    let (_, plan) = &functions(&template)["plan"];

    assert_eq!(
        plan["Properties"]["Timeout"],
        collector::plan::PLAN_TIMEOUT.as_secs()
    );
}
