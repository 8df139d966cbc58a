//! `/micro_flow_constants` with documents in files and in S3.

mod buildpack;
mod compare;
mod errors;
mod http;
pub(crate) mod layers;
mod masking;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use api::constants::{
    ConstantView, Constants, ConstantsError, Filter, LayerError, MAX_CONSTANTS, Sources,
    read_constants,
};
use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use shared::aws::Aws;
use shared::fleet::{ConstantLayer, ConstantLayers, Environment, LayerKind};
use shared::location::AwsScope;
use shared::location::Location;
use shared::testing;

use crate::harness::NOW;

const MODEL: &str = include_str!("../fixtures/metadata.json");
const LAYER: &str = include_str!("../fixtures/m2ee.yaml");

/// Clients of an AWS that does not answer.
pub(crate) fn nowhere() -> Arc<Aws> {
    Arc::new(Aws::for_tests("http://127.0.0.1:9"))
}

fn now() -> DateTime<Utc> {
    NOW.parse().unwrap()
}

fn environment(model: Location, layers: Vec<LayerKind>) -> Environment {
    let scope = AwsScope::default();
    let layer = |kind| ConstantLayer {
        kind,
        scope: scope.clone(),
    };
    let layers = layers.into_iter().map(layer).collect();
    Environment {
        gone: std::collections::BTreeMap::new(),
        name: "acme-prod".into(),
        storage: Vec::new(),
        database: None,
        constants: Some(ConstantLayers {
            model,
            layers,
            scope: scope.clone(),
            show: Vec::new(),
            hide: Vec::new(),
        }),
        administrator: "MxAdmin".into(),
        session_timeout: Duration::from_secs(600),
        is_production: false,
    }
}

/// Writes `documents` into `folder` and returns the constants, with the first as model and the rest as layers.
async fn constants_of(
    folder: &Path,
    documents: &[(&str, &[u8])],
) -> Result<Constants, ConstantsError> {
    let locations: Vec<_> = documents
        .iter()
        .map(|(name, content)| {
            std::fs::write(folder.join(name), content).unwrap();
            Location::File(folder.join(name))
        })
        .collect();
    read(&nowhere(), &locations).await
}

/// Returns the constants, with the first location as model and the rest as layers.
async fn read(aws: &Arc<Aws>, locations: &[Location]) -> Result<Constants, ConstantsError> {
    let (model, layers) = locations.split_first().unwrap();
    let documents = layers.iter().cloned().map(LayerKind::Document).collect();
    view(aws, &environment(model.clone(), documents)).await
}

/// Returns all constants of `environment`.
async fn view(aws: &Arc<Aws>, environment: &Environment) -> Result<Constants, ConstantsError> {
    let reading = read_constants(&Sources::new(aws.clone()), environment, now()).await?;
    Ok(reading.view(&Filter::default()))
}

/// Returns the JSON that the documentation of the answer shows.
fn documented() -> Value {
    let source = include_str!("../../src/constants/view.rs");
    let (_, example) = source.split_once("```json").unwrap();
    let (example, _) = example.split_once("```").unwrap();
    serde_json::from_str(&example.replace("///", "")).unwrap()
}

#[tokio::test]
async fn a_small_deployment_has_the_documented_answer() {
    let folder = tempfile::tempdir().unwrap();
    let model = json!({
        "ModelVersion": "1.4.0.317", "RuntimeVersion": "10.24.4.77222",
        "Constants": [
            {"Name": "Sales.ApiBaseUrl", "Type": "String", "DefaultValue": "https://erp.example.com"},
            {"Name": "Encryption.EncryptionKey", "Type": "String", "DefaultValue": "x"},
        ],
    })
    .to_string();
    let layer = "mxruntime:\n  MicroflowConstants:\n    Encryption.EncryptionKey: NEVERLEAK\n";

    let documents = [
        ("metadata.json", model.as_bytes()),
        ("m2ee.yaml", layer.as_bytes()),
    ];
    let constants = constants_of(folder.path(), &documents).await.unwrap();

    let mut expected = documented();
    expected["as_of"] = NOW.into();
    assert_eq!(serde_json::to_value(&constants).unwrap(), expected);
}

/// The fixture's answer, one line per constant.
fn summary(constants: &Constants) -> Vec<String> {
    let line = |constant: &ConstantView| {
        let status = serde_json::to_value(constant.status).unwrap();
        let shown = match (&constant.value, constant.mask_reason) {
            (Some(value), None) => format!("= {value}"),
            (None, Some(reason)) => format!("masked: {}", serde_json::to_value(reason).unwrap()),
            (None, None) => "no value".to_owned(),
            (Some(_), Some(_)) => panic!("{constant:?}"),
        };
        format!("{} {} {shown}", constant.name, status.as_str().unwrap())
    };
    constants.constants.iter().map(line).collect()
}

const FIXTURE_SUMMARY: [&str; 7] = [
    "Encryption.EncryptionKey overridden masked: \"secret_name\"",
    "Sales.ApiBaseUrl default = https://erp.example.com",
    "Sales.Greeting overridden = true",
    "Sales.OldFlag obsolete masked: \"unknown_constant\"",
    "Sales.Region missing no value",
    "Sales.TokenMinutes overridden = 24",
    "Sales.UploadTo default masked: \"secret_value\"",
];

#[tokio::test]
async fn documents_reveal_only_constants_and_no_secret() {
    let folder = tempfile::tempdir().unwrap();

    let documents = [
        ("metadata.json", MODEL.as_bytes()),
        ("m2ee.yaml", LAYER.as_bytes()),
    ];
    let constants = constants_of(folder.path(), &documents).await.unwrap();

    assert_eq!(summary(&constants), FIXTURE_SUMMARY);
    let counts = &constants.counts;
    let by_status = [
        counts.default,
        counts.overridden,
        counts.obsolete,
        counts.missing,
    ];
    assert_eq!(
        (counts.total, by_status, counts.masked),
        (7, [2, 3, 1, 1], 3)
    );
    let text = format!(
        "{constants:?} {}",
        serde_json::to_string(&constants).unwrap()
    );
    assert!(!text.contains("NEVERLEAK"), "{text}");
    assert!(
        !text.contains(&folder.path().display().to_string()),
        "{text}"
    );
}

#[tokio::test]
async fn a_later_layer_wins_and_a_secret_stays_masked_in_every_layer() {
    let folder = tempfile::tempdir().unwrap();
    let layer = |url: &str, key: &str| {
        format!(
            "mxruntime:\n  MicroflowConstants:\n    Sales.ApiBaseUrl: {url}\n    Encryption.EncryptionKey: {key}\n"
        )
    };
    let (first, second) = (
        layer("https://one.example.com", "''"),
        layer("https://two.example.com", "NEVERLEAK"),
    );

    let documents = [
        ("metadata.json", MODEL.as_bytes()),
        ("one.yaml", first.as_bytes()),
        ("two.yaml", second.as_bytes()),
    ];
    let both = constants_of(folder.path(), &documents).await.unwrap();
    let only_first = constants_of(folder.path(), &documents[..2]).await.unwrap();

    let url = &both.constants[1];
    assert_eq!(url.value.as_deref(), Some("https://two.example.com"));
    assert_eq!(url.source.layer, "two.yaml");
    let chain: Vec<_> = url.chain.iter().map(|link| link.layer.as_str()).collect();
    assert_eq!(chain, ["model_metadata", "one.yaml", "two.yaml"]);
    let empty = |constants: &Constants| {
        (
            constants.constants[0].masked,
            constants.constants[0].is_empty,
        )
    };
    assert_eq!(
        (empty(&only_first), empty(&both)),
        ((true, Some(true)), (true, Some(false)))
    );
}

#[tokio::test]
async fn windows_byte_order_marks_are_accepted() {
    let folder = tempfile::tempdir().unwrap();

    let (model, layer) = (format!("\u{feff}{MODEL}"), format!("\u{feff}{LAYER}"));
    let documents = [
        ("metadata.json", model.as_bytes()),
        ("m2ee.yaml", layer.as_bytes()),
    ];
    let constants = constants_of(folder.path(), &documents).await.unwrap();

    assert_eq!(summary(&constants), FIXTURE_SUMMARY);
}

#[tokio::test]
async fn a_list_that_is_too_long_is_cut_with_a_warning() {
    let folder = tempfile::tempdir().unwrap();
    let constants: Vec<_> = (0..=MAX_CONSTANTS)
        .map(|number| json!({"Name": format!("M.C{number:05}"), "Type": "String", "DefaultValue": ""}))
        .collect();
    let model = json!({"Constants": constants}).to_string();

    let answer = constants_of(folder.path(), &[("metadata.json", model.as_bytes())])
        .await
        .unwrap();

    assert_eq!(answer.constants.len(), MAX_CONSTANTS);
    assert_eq!(answer.counts.total, 5_001);
    assert_eq!(
        answer.warnings,
        ["this answer contains only the first 5000 of 5001 constants: filter by module or name"]
    );
}

#[tokio::test]
async fn documents_in_s3_work_like_files() {
    let Some(url) = testing::service(testing::MINISTACK) else {
        return;
    };
    let aws = Arc::new(Aws::for_tests(&url));
    let client = aws.s3(&AwsScope::default()).await;
    let bucket = format!("mrt-constants-{}", std::process::id());
    client.create_bucket().bucket(&bucket).send().await.unwrap();
    for (key, content) in [("prod/metadata.json", MODEL), ("prod/m2ee.yaml", LAYER)] {
        let request = client.put_object().bucket(&bucket).key(key);
        request
            .body(content.as_bytes().to_vec().into())
            .send()
            .await
            .unwrap();
    }
    let object = |key: &str| Location::parse(&format!("s3://{bucket}/prod/{key}")).unwrap();

    let constants = read(
        &aws,
        &[
            object("metadata.json"),
            object("gone.yaml"),
            object("m2ee.yaml"),
        ],
    )
    .await
    .unwrap();
    let missing = read(&aws, &[object("gone.json")]).await.unwrap_err();

    assert_eq!(summary(&constants), FIXTURE_SUMMARY);
    assert_eq!(constants.layers[0].status, "missing");
    assert_eq!(
        constants.constants[0].source.layer,
        format!("s3://{bucket}/prod/m2ee.yaml")
    );
    assert!(
        matches!(missing, ConstantsError::Model(LayerError::Missing)),
        "{missing:?}"
    );
}
