//! Every layer and column contains secrets, and requests of every kind reveal none of them: not in a response, an error
//! or a log line at any level. The two endpoints have no store, so nothing is stored either.

use std::sync::Arc;

use api::constants::Sources;
use shared::aws::Aws;
use shared::deployment_key::DeploymentKey;

use crate::constants::layers::Deployment;
use crate::families::{Random, families, marked};
use crate::harness::{World, get};
use crate::logs::Logs;
use crate::users::database::{ENGINES, SEED, TestDatabase, users};

/// Returns the fleet entry of an environment with secrets of every family in every layer, under names that say nothing.
async fn constants_entry(deployment: &Deployment) -> String {
    let secret = "NEVERLEAK";
    let mut random = Random::new(14);
    let mut planted = |layer: &str| -> Vec<(String, String)> {
        let all = families().enumerate();
        all.map(|(number, family)| {
            (
                format!("{layer}_Setting{number}"),
                marked(family, &mut random, secret),
            )
        })
        .collect()
    };
    let defaults = planted("Model");
    let listed = planted("Listed");
    let mut variables = planted("MX_Variable");
    let listed: serde_json::Map<String, serde_json::Value> = listed
        .into_iter()
        .map(|(name, value)| (name.replacen('_', ".", 1), value.into()))
        .chain([("Sales.Region".to_owned(), "https://u:NEVERLEAK@h".into())])
        .collect();
    let listed = serde_json::Value::from(listed).to_string();
    for (name, value) in [
        ("ADMIN_PASSWORD", secret),
        ("CONSTANTS", &listed),
        ("MX_Encryption_EncryptionKey", secret),
        ("MX_Unknown", secret),
    ] {
        variables.push((name.to_owned(), value.to_owned()));
    }
    let variables: Vec<(&str, &str)> = variables
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    deployment
        .service(&variables, &[("CONSTANTS", secret)], &[])
        .await;
    let package = Box::pin(deployment.package_of(&model(&defaults))).await;
    deployment
        .secret(r#"{"mx-admin-password": "NEVERLEAK", "mx-const-Sales.UploadTo": "NEVERLEAK"}"#)
        .await;
    let parameters = planted("Parameter");
    let parameters: Vec<(String, &str)> = parameters
        .iter()
        .map(|(name, value)| (name.replacen('_', ".", 1), value.as_str()))
        .collect();
    let mut plain: Vec<(&str, &str)> = parameters
        .iter()
        .map(|(name, value)| (name.as_str(), *value))
        .collect();
    plain.push(("Sales.HashSalt", secret));
    deployment
        .parameters(&plain, &[("Sales.Greeting", secret)], true)
        .await;
    deployment.entry("leaky", &package)
}

/// Returns the fixture's model with more constants: those with these defaults, and those that the layers set.
fn model(defaults: &[(String, String)]) -> String {
    let mut model: serde_json::Value =
        serde_json::from_str(include_str!("../fixtures/metadata.json")).unwrap();
    let constants = model["Constants"].as_array_mut().unwrap();
    for (number, (name, default)) in defaults.iter().enumerate() {
        let name = name.replacen('_', ".", 1);
        constants
            .push(serde_json::json!({"Name": name, "Type": "String", "DefaultValue": default}));
        for module in ["Listed", "Variable", "Parameter"] {
            let name = format!("{module}.Setting{number}");
            constants.push(serde_json::json!({"Name": name, "Type": "String", "DefaultValue": ""}));
        }
    }
    model.to_string()
}

#[tokio::test]
async fn no_secret_in_any_layer_or_column_is_revealed() {
    let Some(deployment) = Deployment::new("leaks") else {
        return;
    };
    let mut fleet = Box::pin(constants_entry(&deployment)).await;
    let mut databases = Vec::new();
    for engine in ENGINES {
        let Some(database) = TestDatabase::on(engine, "leaks", SEED).await else {
            return;
        };
        fleet.push_str(&database.fleet(&format!("people-{}", engine.as_str())));
        databases.push(database);
    }
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in [
        ("bad.json", "{\"Constants\": [NEVERLEAK"),
        ("good.json", include_str!("../fixtures/metadata.json")),
        ("bad.yaml", "mxruntime: {MicroflowConstants: [NEVERLEAK"),
    ] {
        std::fs::write(folder.path().join(name), text).unwrap();
        fleet.push_str(&format!(
            "[[environment]]\nname = \"{}\"\n[environment.constants]\nmodel = {:?}\nlayers = [{:?}]\n",
            name.replace('.', "-"),
            folder.path().join(name.replace(".yaml", ".json").replace("bad.json", name)),
            folder.path().join("bad.yaml")
        ));
    }
    let world = World::new(&fleet);
    let logs = Logs::start();
    let key = DeploymentKey::from_value("NEVERLEAK-NEVERLEAK");
    let constants = |aws: Arc<Aws>| {
        let fleet = Arc::clone(&world.fleet);
        api::constants::endpoint(fleet, Sources::new(aws), key.clone())
    };
    let months = shared::user_months::UserMonthReader::new(world.items.clone());
    let fleet = Arc::clone(&world.fleet);
    let mut endpoints = api::users::endpoints(fleet, users(), key.clone(), months);
    endpoints.push(constants(Arc::clone(&deployment.aws)));
    let server = world.server(endpoints);
    let dead = world.server(vec![constants(super::constants::nowhere())]);
    let scopes = "mrt/users.read mrt/users.pii mrt/constants.read";

    let mut answered = 0;
    for path in [
        "/micro_flow_constants?environment=leaky",
        "/micro_flow_constants?environment=leaky&status=obsolete",
        "/micro_flow_constants?environment=leaky&name=*NEVER*",
        "/micro_flow_constants?environment=leaky&compare=good-json",
        "/micro_flow_constants?environment=good-json&compare=leaky",
        "/micro_flow_constants?environment=bad-json",
        "/micro_flow_constants?environment=bad-yaml",
        "/users",
        "/users?environment=people-postgres",
        "/users?environment=people-mysql",
        "/users?environment=people-postgres&view=list",
        "/users?environment=people-mysql&view=list&kind=human",
        "/users?environment=people-postgres&view=list&kind=human&names=clear",
        "/users?environment=people-mysql&view=list&role=NOBODY",
    ] {
        // The harness checks each response for the word.
        let reply = server.ask(get(path).scopes(scopes)).await;
        assert!(reply.status < 500, "{path}: {}", reply.text);
        answered += 1;
    }
    let unavailable = dead
        .ask(get("/micro_flow_constants?environment=leaky").scopes(scopes))
        .await;
    unavailable.problem(503, "unavailable");
    for database in &databases {
        database
            .run(&database.own(r#"DROP TABLE "system$user""#))
            .await;
        let path = format!(
            "/users?environment=people-{}",
            database.target.engine.as_str()
        );
        let reply = server.ask(get(&path).scopes(scopes)).await;
        assert!(reply.status >= 400, "{}", reply.text);
    }

    let logged = logs.text();
    assert_eq!(answered, 14);
    assert!(
        logged.contains("answered /users"),
        "the log was captured: {logged}"
    );
    for secret in ["NEVERLEAK", "dana", "svc_warehouse", "erik@"] {
        assert!(!logged.contains(secret), "{secret}: {logged}");
    }
    for database in databases {
        database.remove().await;
    }
}
