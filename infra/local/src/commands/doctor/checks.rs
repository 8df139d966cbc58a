//! The checks of one environment.

use std::sync::Arc;

use api::constants::{Constants, ConstantsError, Filter, Sources, read_constants};
use api::users::{UserCounts, Users};
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use chrono::{DateTime, Utc};
use collector::Progress;
use serde::Serialize;
use shared::aws::{Aws, failure_of};
use shared::database::{DatabaseError, Databases, TlsFault};
use shared::fleet::{Auth, BucketTarget, DatabaseTarget, Environment, LayerKind, StorageKind};
use shared::users::UsersError;

use super::check::Check;
use super::{inventory, rights};

/// Fix for errors that may not happen again.
const TRY_AGAIN: &str = "try again";
/// Code and status of what may not be read.
const DENIED: &str = "denied";

/// The checks of one environment.
#[derive(Debug, Serialize)]
pub(super) struct EnvironmentChecks {
    /// Name of the environment.
    pub(super) environment: String,
    pub(super) checks: Vec<Check>,
}

/// Runs checks.
pub(super) struct Doctor {
    pub(super) users: Users,
    pub(super) databases: Databases,
    pub(super) sources: Sources,
    pub(super) aws: Arc<Aws>,
    pub(super) now: DateTime<Utc>,
}

impl Doctor {
    /// Checks everything that `environment` names.
    pub(super) async fn check(&self, environment: &Environment) -> Vec<Check> {
        let mut checks = Vec::new();
        for target in &environment.storage {
            if let Some(location) = &target.inventory {
                checks.push(inventory::check(&self.aws, target, location, self.now).await);
            }
            let is_listed = target.inventory.is_none() || target.chooses_source;
            match target.kind {
                StorageKind::S3 if is_listed => checks.push(self.bucket(target).await),
                StorageKind::S3 => {}
                _ => checks.push(self.resource(target).await),
            }
        }
        if let Some(target) = &environment.database {
            checks.push(self.database(environment, target).await);
        }
        if environment.constants.is_some() {
            checks.extend(self.constants(environment).await);
        }
        if checks.is_empty() {
            checks.push(Check::problem(
                "environment",
                "has nothing to check",
                "add storage, a database or constants to the fleet file",
            ));
        }
        checks
    }

    /// Asks for one key, version and incomplete upload, as far as they are measured, which needs the permissions that
    /// collectors need.
    async fn bucket(&self, target: &BucketTarget) -> Check {
        let what = format!("bucket s3://{}/{}", target.bucket, target.prefix);
        let client = self.aws.s3(&target.scope).await;
        let (bucket, prefix) = (&target.bucket, &target.prefix);
        let listing = client.list_objects_v2().bucket(bucket).prefix(prefix);
        let mut problem = problem_of(listing.max_keys(1).send().await);
        // What a provider does not have is told in the answers.
        if problem.is_none() && target.measure.needs_versions() {
            let versions = client.list_object_versions().bucket(bucket).prefix(prefix);
            problem = problem_of(versions.max_keys(1).send().await).filter(is_denied);
        }
        if problem.is_none() && target.measure.multipart {
            let uploads = client
                .list_multipart_uploads()
                .bucket(bucket)
                .prefix(prefix);
            problem = problem_of(uploads.max_uploads(1).send().await).filter(is_denied);
        }
        match problem {
            None => Check::ok(what, "can be listed"),
            Some(problem) => Check {
                statements: match is_denied(&problem) {
                    true => rights::of_bucket(target),
                    false => Vec::new(),
                },
                ..Check::problem(what, problem.0, problem.1)
            },
        }
    }

    /// Measures storage other than buckets, which takes a call or two.
    async fn resource(&self, target: &BucketTarget) -> Check {
        let what = format!("storage {}://{}", target.kind.as_str(), target.bucket);
        let progress = Progress::default();
        match collector::measure_bucket(Arc::clone(&self.aws), target, &progress).await {
            Ok(_) => Check::ok(what, "can be measured"),
            Err(error) => Check {
                statements: match error.code {
                    "access_denied" => vec![rights::of_resource(target)],
                    _ => Vec::new(),
                },
                ..Check::problem(
                    what,
                    format!("{} ({})", error.reason, error.code),
                    resource_fix(error.code),
                )
            },
        }
    }

    /// Counts users, and adds what is unusual about the server.
    async fn database(&self, environment: &Environment, target: &DatabaseTarget) -> Check {
        let mut check = self.counted(environment, target).await;
        // Without a connection, the check has its reason already.
        let notes = self.databases.surroundings(target).await;
        check.warnings.extend(notes.unwrap_or_default());
        check
    }

    /// Counts users, which needs connection, TLS, login, privileges and schema.
    async fn counted(&self, environment: &Environment, target: &DatabaseTarget) -> Check {
        let what = format!("database {} ({})", target.name, target.engine.as_str());
        match self.users.counts(environment, self.now).await {
            Ok(counts) => Check {
                warnings: counts.warnings.clone(),
                ..Check::ok(what, schema(&counts))
            },
            Err(UsersError::GrantsMissing { statements }) => Check {
                statements,
                ..Check::problem(
                    what,
                    "the role lacks privileges",
                    "run these statements, or the whole script of mrt grants, as the owner",
                )
            },
            Err(UsersError::NotAMendixDatabase) => Check::problem(
                what,
                "it has no tables of the Mendix runtime",
                "check the name of the database, and that the app was started on it once",
            ),
            Err(UsersError::Database(error)) => Check {
                statements: match *error {
                    DatabaseError::IamRefused(_) => rights::of_login(target),
                    _ => Vec::new(),
                },
                ..Check::problem(
                    what,
                    format!("{error} ({})", error.code()),
                    database_fix(&error, target),
                )
            },
            Err(error) => Check::problem(what, error.to_string(), TRY_AGAIN),
        }
    }

    /// Reads the model and the layers, as the endpoint does.
    async fn constants(&self, environment: &Environment) -> Vec<Check> {
        match read_constants(&self.sources, environment, self.now).await {
            Ok(reading) => layers(environment, &reading.view(&Filter::default())),
            Err(ConstantsError::Model(fault)) => {
                let model = environment.constants.as_ref();
                let model = model.filter(|_| fault.code() == DENIED);
                let statement =
                    model.and_then(|model| rights::of_document(&model.model, &model.scope));
                vec![Check {
                    statements: statement.into_iter().collect(),
                    ..Check::problem(
                        "constants: model",
                        format!("{fault} ({})", fault.code()),
                        constants_fix(fault.code()),
                    )
                }]
            }
            Err(error) => vec![Check::problem("constants", error.to_string(), TRY_AGAIN)],
        }
    }
}

fn schema(counts: &UserCounts) -> String {
    let version = counts.source.mendix_version.as_deref();
    let version = version.unwrap_or("before 9");
    format!("Mendix {version}, {} named users", counts.named.total)
}

fn layers(environment: &Environment, constants: &Constants) -> Vec<Check> {
    let mut model = Check::ok(
        "constants: model",
        format!(
            "{} constants in the model and the layers",
            constants.counts.total
        ),
    );
    model.warnings.clone_from(&constants.warnings);
    let layer = |layer: &api::constants::LayerView| {
        let what = format!("constants: {}", layer.source);
        match layer.constant_count {
            Some(count) => Check::ok(what, format!("sets {count}")),
            None => Check {
                statements: match layer.status.as_str() {
                    DENIED => document_right(environment, &layer.source)
                        .into_iter()
                        .collect(),
                    _ => Vec::new(),
                },
                ..Check::problem(what, layer.status.clone(), constants_fix(&layer.status))
            },
        }
    };
    let layers = constants.layers.iter().map(layer);
    std::iter::once(model).chain(layers).collect()
}

/// Returns the statement that reading the layer with this source needs; `None` unless it is a document in S3.
fn document_right(environment: &Environment, source: &str) -> Option<String> {
    let layers = environment.constants.iter().flat_map(|all| &all.layers);
    layers
        .filter_map(|layer| match &layer.kind {
            LayerKind::Document(location) if location.to_string() == source => {
                rights::of_document(location, &layer.scope)
            }
            _ => None,
        })
        .next()
}

/// A finding, which is the code of an error of S3, and what to do about it.
type BucketProblem = (String, &'static str);

fn is_denied((code, _): &BucketProblem) -> bool {
    matches!(code.as_str(), "AccessDenied" | "Forbidden")
}

fn problem_of<T, E: ProvideErrorMetadata, R>(
    asked: Result<T, SdkError<E, R>>,
) -> Option<BucketProblem> {
    let error = asked.err()?;
    let code = match &error {
        SdkError::ServiceError(error) => error.err().code().unwrap_or("unknown error").to_owned(),
        other => failure_of(other),
    };
    let fix = match code.as_str() {
        "NoSuchBucket" => "check the name of the bucket",
        "AccessDenied" | "Forbidden" => "allow listing the bucket, and sts:AssumeRole on its role",
        "PermanentRedirect" | "AuthorizationHeaderMalformed" => {
            "set the region of the bucket in the fleet file"
        }
        _ => "check network, region and credentials",
    };
    Some((code, fix))
}

fn resource_fix(code: &str) -> &'static str {
    match code {
        "no_metrics" | "resource_missing" => "check its kind, id and region in the fleet file",
        "allocated_outdated" => "update its allocated_gib in the fleet file",
        "access_denied" => {
            "allow cloudwatch:GetMetricData, dynamodb:DescribeTable on the table or ec2:DescribeVolumes, and \
             sts:AssumeRole on its role"
        }
        _ => "check network, region and credentials",
    }
}

fn database_fix(error: &DatabaseError, target: &DatabaseTarget) -> String {
    let fix = match error {
        DatabaseError::NameNotFound(_) => "check the host name",
        DatabaseError::Refused(_) | DatabaseError::Unreachable(_) => {
            "check host and port, and that the network allows the connection"
        }
        DatabaseError::Timeout(_) | DatabaseError::Lost(_) => {
            "check security groups and the load of the database, then try again"
        }
        DatabaseError::Locked(_) => "a schema change is running: try again later",
        DatabaseError::Tls(TlsFault::Required, _) => {
            "set tls_server_name in the fleet file to the name in the server's certificate"
        }
        DatabaseError::Tls(..) => {
            "set MRT_DATABASE_CA_FILE to the authorities of its certificate, such as the RDS bundle"
        }
        DatabaseError::LoginRefused(_) => match target.auth {
            Auth::Secret(_) => "check the user and password in the secret",
            _ => {
                "check the user and the password; through a tunnel, an account that requires TLS needs tls_server_name"
            }
        },
        DatabaseError::LoginUnsupported(_) => {
            "give the account a password of a supported kind, such as scram-sha-256 or mysql_native_password"
        }
        DatabaseError::Pooler(_) | DatabaseError::Unguarded => {
            "name the database itself in the fleet file, not its pooler or proxy"
        }
        DatabaseError::Conflict(_) => {
            "a replica's recovery cancels statements: try again, or name the primary"
        }
        DatabaseError::IamRefused(_) => {
            "allow rds-db:connect, and let the database user log in by IAM (see mrt grants)"
        }
        DatabaseError::Missing(_) => "check the name of the database",
        DatabaseError::TooManyConnections(_) => {
            "the database has no free connection: try again later"
        }
        DatabaseError::Credentials(_) => {
            "check the variable or the secret that the fleet file names"
        }
        DatabaseError::Denied(_) => "grant the right that the message names",
        DatabaseError::UnsupportedEngine(_) | DatabaseError::Failed(_) => {
            "see the message, and the log of the database"
        }
    };
    fix.to_owned()
}

fn constants_fix(code: &str) -> &'static str {
    match code {
        "missing" => "check its name in the fleet file",
        DENIED => {
            "allow reading it: s3:GetObject; ecs:ListTasks, DescribeTasks, DescribeServices, DescribeTaskDefinition; \
             secretsmanager:GetSecretValue; ssm:GetParametersByPath; kms:Decrypt on its key"
        }
        "container_unknown" => "set the app's container in the fleet file",
        "unavailable" => "check network, region and credentials",
        "no_metadata" => "check that it is the package of an app",
        _ => "fix the document",
    }
}
