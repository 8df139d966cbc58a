//! Layers in AWS: a package in S3, running tasks, Secrets Manager and parameters, all in ministack, and how they
//! override each other.

use std::io::Write;
use std::sync::Arc;

use api::constants::{ConstantView, Constants, PendingReason};
use aws_sdk_ecs::types::{ContainerDefinition, KeyValuePair, Secret};
use shared::aws::Aws;
use shared::clock::{Clock, SystemClock};
use shared::fleet::LayerKind;
use shared::location::{AwsScope, Location};
use shared::testing;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::{MODEL, environment, nowhere, view};

const SERVICE: &str = "acme-prod";

/// The resources of one test in the emulator.
pub(crate) struct Deployment {
    pub(crate) aws: Arc<Aws>,
    name: String,
}

impl Deployment {
    /// Returns an empty deployment; `None` without an emulator.
    pub(crate) fn new(suffix: &str) -> Option<Self> {
        let url = testing::service(testing::MINISTACK)?;
        Some(Self {
            aws: Arc::new(Aws::for_tests(&url)),
            name: format!("mrt-{}-{suffix}", std::process::id()),
        })
    }

    /// Returns the fleet entry of an environment with all layers.
    pub(crate) fn entry(&self, environment: &str, package: &Location) -> String {
        let name = &self.name;
        format!(
            "[[environment]]\nname = \"{environment}\"\n[environment.constants]\nmodel = \"{package}\"\nlayers = [\n\
             {{ kind = \"ecs_task\", cluster = \"{name}\", service = \"{SERVICE}\", container = \"mendix\" }},\n\
             {{ kind = \"secret\", id = \"{name}\" }},\n\
             {{ kind = \"ssm_path\", path = \"/{name}\", decrypt = true }},\n]\n"
        )
    }

    fn ecs(&self) -> aws_sdk_ecs::Client {
        aws_sdk_ecs::Client::new(self.aws.config())
    }

    /// Uploads a package with the fixture's model among larger files, and returns its location.
    pub(crate) async fn package(&self) -> Location {
        self.package_of(MODEL).await
    }

    /// Uploads a package with this model among larger files, and returns its location.
    pub(crate) async fn package_of(&self, model: &str) -> Location {
        let mut archive = ZipWriter::new(std::io::Cursor::new(Vec::new()));
        let stored =
            SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
        let packed = SimpleFileOptions::default();
        for (name, content, options) in [
            ("web/index.html", vec![b'x'; 3_000_000], stored),
            ("model/metadata.json", model.as_bytes().to_vec(), packed),
            ("web/NEVERLEAK.js", vec![b'y'; 3_000_000], stored),
        ] {
            archive.start_file(name, options).unwrap();
            archive.write_all(&content).unwrap();
        }
        let bytes = archive.finish().unwrap().into_inner();
        let s3 = self.aws.s3(&AwsScope::default()).await;
        Box::pin(s3.create_bucket().bucket(&self.name).send())
            .await
            .unwrap();
        let put = s3.put_object().bucket(&self.name).key("app.mda");
        Box::pin(put.body(bytes.into()).send()).await.unwrap();
        Location::parse(&format!("s3://{}/app.mda", self.name)).unwrap()
    }

    async fn definition(&self, variables: &[(&str, &str)], secrets: &[(&str, &str)]) -> String {
        let mut container = ContainerDefinition::builder()
            .name("mendix")
            .image("mendix");
        for (name, value) in variables {
            container =
                container.environment(KeyValuePair::builder().name(*name).value(*value).build());
        }
        for (name, from) in secrets {
            let secret = Secret::builder()
                .name(*name)
                .value_from(*from)
                .build()
                .unwrap();
            container = container.secrets(secret);
        }
        let proxy = ContainerDefinition::builder()
            .name("proxy")
            .image("proxy")
            .environment(
                KeyValuePair::builder()
                    .name("MX_Sales_Greeting")
                    .value("NEVERLEAK")
                    .build(),
            );
        let registered = self
            .ecs()
            .register_task_definition()
            .family(&self.name)
            .container_definitions(container.build())
            .container_definitions(proxy.build())
            .send()
            .await
            .unwrap();
        registered
            .task_definition()
            .unwrap()
            .task_definition_arn()
            .unwrap()
            .to_owned()
    }

    /// Runs a task with `running`, while the next task of the service has `next`.
    pub(crate) async fn service(
        &self,
        running: &[(&str, &str)],
        next: &[(&str, &str)],
        secrets: &[(&str, &str)],
    ) {
        let (running, next) = (
            self.definition(running, secrets).await,
            self.definition(next, secrets).await,
        );
        let ecs = self.ecs();
        ecs.create_cluster()
            .cluster_name(&self.name)
            .send()
            .await
            .unwrap();
        let service = ecs
            .create_service()
            .cluster(&self.name)
            .service_name(SERVICE);
        service
            .task_definition(next)
            .desired_count(0)
            .send()
            .await
            .unwrap();
        let task = ecs.run_task().cluster(&self.name).task_definition(running);
        task.group(format!("service:{SERVICE}"))
            .count(1)
            .send()
            .await
            .unwrap();
    }

    /// Returns the layer of the service's tasks.
    pub(crate) fn tasks(&self, container: Option<&str>) -> LayerKind {
        LayerKind::EcsTask {
            cluster: self.name.clone(),
            service: SERVICE.to_owned(),
            container: container.map(str::to_owned),
        }
    }

    /// Creates or updates a secret and returns its layer.
    pub(crate) async fn secret(&self, text: &str) -> LayerKind {
        let client = aws_sdk_secretsmanager::Client::new(self.aws.config());
        let made = client.create_secret().name(&self.name).secret_string(text);
        if made.send().await.is_err() {
            let put = client.put_secret_value().secret_id(&self.name);
            put.secret_string(text).send().await.unwrap();
        }
        LayerKind::Secret {
            id: self.name.clone(),
        }
    }

    /// Creates or updates a secret in a later second, because the emulator stores whole seconds.
    async fn later_secret(&self, text: &str) -> LayerKind {
        let client = aws_sdk_secretsmanager::Client::new(self.aws.config());
        let now = SystemClock.now().timestamp();
        loop {
            let layer = self.secret(text).await;
            let description = client.describe_secret().secret_id(&self.name).send().await;
            if description.unwrap().last_changed_date().unwrap().secs() > now {
                return layer;
            }
        }
    }

    /// Creates parameters, those in `secure` as secure strings, and returns their layer.
    pub(crate) async fn parameters(
        &self,
        plain: &[(&str, &str)],
        secure: &[(&str, &str)],
        decrypt: bool,
    ) -> LayerKind {
        use aws_sdk_ssm::types::ParameterType::{SecureString, String};

        let client = aws_sdk_ssm::Client::new(self.aws.config());
        let plain = plain.iter().map(|pair| (pair, String));
        for ((name, value), kind) in plain.chain(secure.iter().map(|pair| (pair, SecureString))) {
            let put = client
                .put_parameter()
                .name(format!("/{}/{name}", self.name));
            put.value(*value).r#type(kind).send().await.unwrap();
        }
        LayerKind::SsmPath {
            path: format!("/{}", self.name),
            decrypt,
        }
    }
}

fn find<'c>(constants: &'c Constants, name: &str) -> &'c ConstantView {
    let mut all = constants.constants.iter();
    all.find(|constant| constant.name == name).unwrap()
}

/// Returns a constant's value, its source, and whether a restart is pending.
fn facts(constants: &Constants, name: &str) -> (Option<String>, String, Option<bool>) {
    let constant = find(constants, name);
    let layer = constant.source.layer.split(':').next().unwrap();
    let key = constant.source.key.as_deref().unwrap_or("-");
    (
        constant.value.clone(),
        format!("{layer} {key}"),
        constant.pending_restart,
    )
}

const RUNNING: [(&str, &str); 6] = [
    ("ADMIN_PASSWORD", "NEVERLEAK"),
    (
        "DATABASE_ENDPOINT",
        "postgres://user:NEVERLEAK@10.0.0.1:5432/mendix",
    ),
    (
        "CONSTANTS",
        r#"{"Sales.Region": "eu", "Sales.Greeting": "list"}"#,
    ),
    ("MX_Sales_Greeting", "variable"),
    ("MX_Sales_TokenMinutes", "30"),
    ("MX_Old_Flag", "NEVERLEAK"),
];

#[tokio::test]
async fn running_tasks_show_their_values_and_pending_changes() {
    let Some(deployment) = Deployment::new("tasks") else {
        return;
    };
    let mut next = RUNNING;
    next[4].1 = "45";
    let secrets = [
        (
            "MX_Encryption_EncryptionKey",
            "arn:aws:secretsmanager:us-east-1:123456789012:secret:NEVERLEAK",
        ),
        (
            "M2EE_PASSWORD",
            "arn:aws:secretsmanager:us-east-1:123456789012:secret:NEVERLEAK",
        ),
    ];
    deployment.service(&RUNNING, &next, &secrets).await;
    let model = Box::pin(deployment.package()).await;
    let environment = environment(model, vec![deployment.tasks(Some("mendix"))]);

    let constants = view(&deployment.aws, &environment).await.unwrap();

    assert_eq!(constants.semantics, "deployed");
    assert_eq!(
        constants.completeness, "complete",
        "{:?}",
        constants.warnings
    );
    assert_eq!(constants.layers[0].kind, "ecs_task");
    assert_eq!(
        facts(&constants, "Sales.Greeting"),
        (
            Some("variable".into()),
            "ecs_task MX_Sales_Greeting".into(),
            Some(false)
        )
    );
    assert_eq!(find(&constants, "Sales.Greeting").chain.len(), 3);
    assert_eq!(
        facts(&constants, "Sales.Region"),
        (Some("eu".into()), "ecs_task CONSTANTS".into(), Some(false))
    );
    assert_eq!(
        facts(&constants, "Sales.TokenMinutes"),
        (
            Some("30".into()),
            "ecs_task MX_Sales_TokenMinutes".into(),
            Some(true)
        )
    );
    assert_eq!(
        find(&constants, "Sales.TokenMinutes").pending_reason,
        Some(PendingReason::TaskDefinitionChanged)
    );
    assert_eq!(
        facts(&constants, "Sales.ApiBaseUrl"),
        (
            Some("https://erp.example.com".into()),
            "model_metadata -".into(),
            Some(false)
        )
    );
    let key = find(&constants, "Encryption.EncryptionKey");
    assert_eq!((key.masked, key.is_set, key.is_empty), (true, true, None));
    // The secret may have changed since the task was started: it was not read.
    assert_eq!(key.pending_restart, None);
    let old = find(&constants, "MX_Old_Flag");
    assert_eq!(
        (old.name_exact, &old.module, old.masked),
        (false, &None, true)
    );
    assert_eq!(constants.counts.pending_restart, 1);
    assert!(
        !format!("{constants:?}").contains("NEVERLEAK"),
        "{constants:?}"
    );
}

#[tokio::test]
async fn a_service_with_several_containers_needs_the_name_of_the_apps() {
    let Some(deployment) = Deployment::new("containers") else {
        return;
    };
    deployment.service(&RUNNING, &RUNNING, &[]).await;
    let model = Box::pin(deployment.package()).await;
    for (layer, status) in [
        (deployment.tasks(None), "container_unknown"),
        (deployment.tasks(Some("gone")), "container_unknown"),
        (
            LayerKind::EcsTask {
                cluster: "nowhere".into(),
                service: SERVICE.into(),
                container: None,
            },
            "missing",
        ),
    ] {
        let environment = environment(model.clone(), vec![layer]);

        let constants = view(&deployment.aws, &environment).await.unwrap();

        assert_eq!(constants.layers[0].status, status);
        assert_eq!(constants.completeness, "partial");
        assert_eq!(constants.semantics, "configured");
        assert_eq!(constants.counts.total, 6, "the model's are still there");
    }
}

#[tokio::test]
async fn secrets_and_parameters_override_tasks_and_stay_hidden() {
    let Some(deployment) = Deployment::new("secrets") else {
        return;
    };
    deployment.service(&RUNNING, &RUNNING, &[]).await;
    let model = Box::pin(deployment.package()).await;
    let secret = deployment
        .later_secret(
            r#"{"mx-admin-password": "NEVERLEAK", "mx-const-Encryption.EncryptionKey": "NEVERLEAK",
                "mx-const-Sales.UploadTo": "", "mx-const-Sales.Gone": "NEVERLEAK"}"#,
        )
        .await;
    let many: Vec<(String, String)> = (0..25)
        .map(|number| (format!("Extra.Constant{number:02}"), "x".to_owned()))
        .collect();
    let mut plain: Vec<(&str, &str)> = many
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    plain.push(("Sales.ApiBaseUrl", "https://parameter.example.com"));
    let parameters = deployment
        .parameters(&plain, &[("Sales.Region", "NEVERLEAK")], false)
        .await;
    let layers = vec![deployment.tasks(Some("mendix")), secret, parameters];
    let environment = environment(model, layers);

    let constants = view(&deployment.aws, &environment).await.unwrap();

    assert_eq!(
        constants.completeness, "complete",
        "{:?}",
        constants.warnings
    );
    let counts: Vec<_> = constants
        .layers
        .iter()
        .map(|layer| layer.constant_count)
        .collect();
    assert_eq!(counts, [Some(4), Some(3), Some(27)]);
    let key = find(&constants, "Encryption.EncryptionKey");
    assert_eq!(
        key.source.key.as_deref(),
        Some("mx-const-Encryption.EncryptionKey")
    );
    assert_eq!((key.masked, key.is_empty), (true, Some(false)));
    // Written after the task was started.
    assert_eq!(key.pending_reason, Some(PendingReason::SecretChanged));
    let empty = find(&constants, "Sales.UploadTo");
    assert_eq!((empty.masked, empty.is_empty), (true, Some(true)));
    let region = find(&constants, "Sales.Region");
    assert_eq!((region.masked, region.is_empty), (true, None));
    assert_eq!(region.chain.len(), 2, "the task's and the parameter's");
    let url = find(&constants, "Sales.ApiBaseUrl");
    assert_eq!(url.value.as_deref(), Some("https://parameter.example.com"));
    assert_eq!(url.pending_reason, Some(PendingReason::ParameterChanged));
    assert!(
        !format!("{constants:?}").contains("NEVERLEAK"),
        "{constants:?}"
    );
}

#[tokio::test]
async fn a_missing_or_malformed_secret_is_reported_and_the_others_still_count() {
    let Some(deployment) = Deployment::new("bad-secret") else {
        return;
    };
    let model = Box::pin(deployment.package()).await;
    let gone = LayerKind::Secret {
        id: "mrt-nowhere".into(),
    };
    let bad = deployment.secret("NEVERLEAK is no JSON").await;
    let parameters = deployment
        .parameters(&[("Sales.Region", "eu")], &[], false)
        .await;
    let environment = environment(model, vec![gone, bad, parameters]);

    let constants = view(&deployment.aws, &environment).await.unwrap();

    let statuses: Vec<_> = constants
        .layers
        .iter()
        .map(|layer| layer.status.as_str())
        .collect();
    assert_eq!(statuses, ["missing", "malformed", "read"]);
    assert_eq!(
        find(&constants, "Sales.Region").value.as_deref(),
        Some("eu")
    );
    assert!(
        !format!("{constants:?}").contains("NEVERLEAK"),
        "{constants:?}"
    );
}

#[tokio::test]
async fn an_aws_that_does_not_answer_affects_its_layers_only() {
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("metadata.json");
    std::fs::write(&model, MODEL).unwrap();
    let layers = vec![
        LayerKind::Secret {
            id: "acme/prod".into(),
        },
        LayerKind::SsmPath {
            path: "/acme/prod".into(),
            decrypt: false,
        },
        LayerKind::EcsTask {
            cluster: "acme".into(),
            service: SERVICE.into(),
            container: None,
        },
    ];
    let environment = environment(Location::File(model), layers);

    let constants = view(&nowhere(), &environment).await.unwrap();

    assert!(
        constants
            .layers
            .iter()
            .all(|layer| layer.status == "unavailable")
    );
    assert_eq!(constants.counts.total, 6);
}
