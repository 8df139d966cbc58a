//! One look at each thing that an environment names.

use std::sync::Arc;

use api::constants::{Constants, ConstantsError, Filter, Sources, read_constants};
use api::users::{UserCounts, Users, UsersError};
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use chrono::{DateTime, Utc};
use collector::Progress;
use serde::Serialize;
use shared::aws::Aws;
use shared::database::DatabaseError;
use shared::fleet::{Auth, BucketTarget, DatabaseTarget, Environment, StorageKind};

/// What was found of one thing.
#[derive(Debug, Serialize)]
pub(super) struct Check {
    /// What was looked at.
    pub(super) what: String,
    /// What was found.
    pub(super) finding: String,
    /// What to do; `None` when it is well.
    pub(super) fix: Option<String>,
    /// Statements that do it, where there are some.
    pub(super) statements: Vec<String>,
    /// What is doubtful but works.
    pub(super) doubts: Vec<String>,
}

impl Check {
    fn well(what: impl Into<String>, finding: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            finding: finding.into(),
            fix: None,
            statements: Vec::new(),
            doubts: Vec::new(),
        }
    }

    fn ill(what: impl Into<String>, finding: impl Into<String>, fix: impl Into<String>) -> Self {
        Self {
            fix: Some(fix.into()),
            ..Self::well(what, finding)
        }
    }
}

/// What looking takes.
pub(super) struct Doctor {
    pub(super) users: Users,
    pub(super) sources: Sources,
    pub(super) aws: Arc<Aws>,
    pub(super) now: DateTime<Utc>,
}

impl Doctor {
    /// Looks at everything that `environment` names.
    pub(super) async fn look_at(&self, environment: &Environment) -> Vec<Check> {
        let mut checks = Vec::new();
        for target in &environment.storage {
            checks.push(match target.kind {
                StorageKind::S3 => self.bucket(target).await,
                _ => self.resource(target).await,
            });
        }
        if let Some(target) = &environment.database {
            checks.push(self.database(environment, target).await);
        }
        if environment.constants.is_some() {
            checks.extend(self.constants(environment).await);
        }
        if checks.is_empty() {
            checks.push(Check::ill(
                "environment",
                "names nothing to look at",
                "give it storage, a database or constants in the fleet file",
            ));
        }
        checks
    }

    /// Lists one key: what a collector needs of a bucket.
    async fn bucket(&self, target: &BucketTarget) -> Check {
        let what = format!("bucket s3://{}/{}", target.bucket, target.prefix);
        let client = self.aws.s3(&target.scope).await;
        let listing = client
            .list_objects_v2()
            .bucket(&target.bucket)
            .prefix(&target.prefix)
            .max_keys(1);
        match listing.send().await {
            Ok(_) => Check::well(what, "can be listed"),
            Err(error) => {
                let (finding, fix) = bucket_fault(&error);
                Check::ill(what, finding, fix)
            }
        }
    }

    /// Measures storage that is no bucket: a call or two.
    async fn resource(&self, target: &BucketTarget) -> Check {
        let what = format!("storage {}://{}", target.kind.as_str(), target.bucket);
        let progress = Progress::default();
        match collector::measure_bucket(Arc::clone(&self.aws), target, &progress).await {
            Ok(_) => Check::well(what, "can be measured"),
            Err(error) => {
                let finding = format!("{} ({})", error.reason, error.code);
                Check::ill(what, finding, resource_fix(error.code))
            }
        }
    }

    /// Counts users: connection, TLS, login, rights and schema are all in it.
    async fn database(&self, environment: &Environment, target: &DatabaseTarget) -> Check {
        let what = format!("database {} ({})", target.name, target.engine.as_str());
        match self.users.counts(environment, self.now).await {
            Ok(counts) => Check {
                doubts: counts.warnings.clone(),
                ..Check::well(what, schema(&counts))
            },
            Err(UsersError::GrantsMissing { statements }) => Check {
                statements,
                ..Check::ill(
                    what,
                    "the role lacks rights",
                    "run these statements as the owner, or the whole script of mrt grants",
                )
            },
            Err(UsersError::NotAMendixDatabase) => Check::ill(
                what,
                "there are no tables of the Mendix runtime",
                "check the database's name; was the app ever started on it?",
            ),
            Err(UsersError::Database(error)) => {
                let finding = format!("{error} ({})", error.code());
                Check::ill(what, finding, database_fix(&error, target))
            }
            Err(error) => Check::ill(what, error.to_string(), "look again"),
        }
    }

    /// Reads model and layers: what the endpoint does.
    async fn constants(&self, environment: &Environment) -> Vec<Check> {
        match read_constants(&self.sources, environment, self.now).await {
            Ok(reading) => layers(&reading.view(&Filter::default())),
            Err(ConstantsError::Model(fault)) => vec![Check::ill(
                "constants: model",
                format!("{fault} ({})", fault.code()),
                constants_fix(fault.code()),
            )],
            Err(error) => vec![Check::ill("constants", error.to_string(), "look again")],
        }
    }
}

fn schema(counts: &UserCounts) -> String {
    let version = counts.source.mendix_version.as_deref();
    let version = version.unwrap_or("of before version 9");
    format!("Mendix {version}, {} named users", counts.named.total)
}

fn layers(constants: &Constants) -> Vec<Check> {
    let mut model = Check::well(
        "constants: model",
        format!("{} constants of model and layers", constants.counts.total),
    );
    model.doubts.clone_from(&constants.warnings);
    let layer = |layer: &api::constants::LayerView| {
        let what = format!("constants: {}", layer.source);
        match layer.constant_count {
            Some(count) => Check::well(what, format!("sets {count}")),
            None => Check::ill(what, layer.status.clone(), constants_fix(&layer.status)),
        }
    };
    let layers = constants.layers.iter().map(layer);
    std::iter::once(model).chain(layers).collect()
}

fn bucket_fault<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>) -> (String, &'static str) {
    let code = match error {
        SdkError::ServiceError(refusal) => refusal.err().code().unwrap_or("refused"),
        SdkError::TimeoutError(_) => "no answer in time",
        _ => "no connection or no credentials",
    };
    let fix = match code {
        "NoSuchBucket" => "check the bucket's name",
        "AccessDenied" | "Forbidden" => "allow s3:ListBucket on it, and sts:AssumeRole of its role",
        "PermanentRedirect" | "AuthorizationHeaderMalformed" => {
            "name the bucket's region in the fleet file"
        }
        _ => "check network, region and credentials",
    };
    (code.to_owned(), fix)
}

fn resource_fix(code: &str) -> &'static str {
    match code {
        "no_metrics" | "resource_missing" => {
            "check its kind, its id and its region in the fleet file"
        }
        "allocated_outdated" => "give its allocated_gib in the fleet file",
        "access_denied" => {
            "allow cloudwatch:GetMetricData, dynamodb:DescribeTable on the table or ec2:DescribeVolumes, and \
             sts:AssumeRole of its role"
        }
        _ => "check network, region and credentials",
    }
}

fn database_fix(error: &DatabaseError, target: &DatabaseTarget) -> String {
    let fix = match error {
        DatabaseError::NameNotFound(_) => "check the host's name",
        DatabaseError::Refused(_) | DatabaseError::Unreachable(_) => {
            "check host and port, and that the network lets us through"
        }
        DatabaseError::Timeout(_) | DatabaseError::Lost(_) => {
            "check security groups and the load of the database, and look again"
        }
        DatabaseError::Locked(_) => "a schema change is going on: look again",
        DatabaseError::Tls(..) => {
            "give the authorities of its certificate with MRT_DATABASE_CA_FILE, as the RDS bundle does"
        }
        DatabaseError::LoginRefused(_) => match target.auth {
            Auth::Secret(_) => "check user and password of the secret",
            _ => "check the user and its password",
        },
        DatabaseError::IamRefused(_) => {
            "allow rds-db:connect, and let the database's user log in by IAM: mrt grants"
        }
        DatabaseError::Missing(_) => "check the database's name",
        DatabaseError::TooManyConnections(_) => "the database has no free connection: look again",
        DatabaseError::Credentials(_) => {
            "check the variable or the secret that the fleet file names"
        }
        DatabaseError::Denied(_)
        | DatabaseError::UnsupportedEngine(_)
        | DatabaseError::Failed(_) => "look at the database's own log",
    };
    fix.to_owned()
}

fn constants_fix(code: &str) -> &'static str {
    match code {
        "missing" => "check its name in the fleet file",
        "denied" => {
            "allow reading it: s3:GetObject; ecs:ListTasks, DescribeTasks, DescribeServices, DescribeTaskDefinition; \
             secretsmanager:GetSecretValue; ssm:GetParametersByPath; kms:Decrypt of its key"
        }
        "container_unknown" => "name the app's container in the fleet file",
        "unavailable" => "check network, region and credentials",
        "no_metadata" => "check that it is an app's package",
        _ => "mend the document",
    }
}
