//! The variables with which the running tasks of an ECS service were started.
//!
//! A task definition also contains passwords. All variables are kept as text that is never printed until the model
//! names those of constants; no other becomes a value.

use std::collections::BTreeMap;

use aws_sdk_ecs::Client;
use aws_sdk_ecs::types::{ContainerDefinition, DesiredStatus, KeyValuePair, Task, TaskDefinition};
use chrono::{DateTime, Utc};
use futures::future::{join, try_join_all};

use super::error::LayerError;
use super::variables::{ServiceVariables, Value, Variables};

/// Maximum number of tasks that are read: the limit of one call.
pub(in crate::constants) const MAX_TASKS: i32 = 100;
/// Maximum number of task definitions that are read. A service has one, during a deployment two.
const MAX_DEFINITIONS: usize = 5;

/// A service, and the app's container in it.
pub(in crate::constants) struct Service<'a> {
    pub(in crate::constants) cluster: &'a str,
    pub(in crate::constants) name: &'a str,
    pub(in crate::constants) container: Option<&'a str>,
}

/// The variables of a service.
#[derive(Debug, Default)]
pub(in crate::constants) struct Found {
    pub(in crate::constants) variables: ServiceVariables,
    /// Start time of the oldest running task.
    pub(in crate::constants) started_at: Option<DateTime<Utc>>,
    /// What could not be read, as sentences whose subject is the layer.
    pub(in crate::constants) warnings: Vec<&'static str>,
}

/// Reads the variables of the service's container in all running tasks and in the next one.
///
/// Costs three calls and one per task definition, of which there are at most five.
pub(in crate::constants) async fn read(
    client: &Client,
    service: &Service<'_>,
) -> Result<Found, LayerError> {
    let (next, tasks) = join(next_definition(client, service), tasks(client, service)).await;
    let (next, (mut tasks, is_cut)) = (next?, tasks?);
    // Newest first: the variables of the newest task will remain in use the longest.
    tasks.sort_by_key(|task| std::cmp::Reverse(task.started_at().map(|at| at.as_nanos())));
    let mut arns: Vec<&str> = Vec::new();
    for arn in tasks.iter().filter_map(Task::task_definition_arn) {
        if !arns.contains(&arn) {
            arns.push(arn);
        }
    }
    let mut warnings = Vec::new();
    if is_cut || arns.len() > MAX_DEFINITIONS {
        warnings.push("has more tasks or task definitions than were read");
    }
    arns.truncate(MAX_DEFINITIONS);
    let wanted = arns.iter().copied().chain([next.as_str()]);
    let definitions = try_join_all(wanted.clone().map(|arn| definition(client, arn))).await?;
    let definitions: BTreeMap<&str, TaskDefinition> = wanted.zip(definitions).collect();

    let mut running: Vec<Variables> = Vec::new();
    for task in &tasks {
        let definition = task
            .task_definition_arn()
            .and_then(|arn| definitions.get(arn));
        let Some(definition) = definition else {
            continue;
        };
        let mut variables = variables_of(definition, service, &mut warnings)?;
        apply_overrides(task, service, &mut variables);
        if !running.contains(&variables) {
            running.push(variables);
        }
    }
    let next = match definitions.get(next.as_str()) {
        Some(definition) => variables_of(definition, service, &mut warnings)?,
        None => Variables::new(),
    };
    warnings.sort_unstable();
    warnings.dedup();
    let started = tasks.iter().filter_map(|task| task.started_at());
    let started_at = started.map(|at| at.as_nanos()).min();
    Ok(Found {
        variables: ServiceVariables { running, next },
        started_at: started_at
            .and_then(|nanos| i64::try_from(nanos).ok())
            .map(DateTime::from_timestamp_nanos),
        warnings,
    })
}

/// Returns the ARN of the task definition with which the service starts tasks.
async fn next_definition(client: &Client, service: &Service<'_>) -> Result<String, LayerError> {
    let described = client
        .describe_services()
        .cluster(service.cluster)
        .services(service.name)
        .send()
        .await
        .map_err(|error| LayerError::from_aws(&error))?;
    let mut active = described
        .services()
        .iter()
        .filter(|service| service.status() != Some("INACTIVE"));
    let arn = active.next().and_then(|service| service.task_definition());
    arn.map(str::to_owned).ok_or(LayerError::Missing)
}

/// Returns the service's running tasks, and whether there are more.
async fn tasks(client: &Client, service: &Service<'_>) -> Result<(Vec<Task>, bool), LayerError> {
    let listed = client
        .list_tasks()
        .cluster(service.cluster)
        .service_name(service.name)
        .desired_status(DesiredStatus::Running)
        .max_results(MAX_TASKS)
        .send()
        .await
        .map_err(|error| LayerError::from_aws(&error))?;
    let is_cut = listed.next_token().is_some();
    let arns = listed.task_arns.unwrap_or_default();
    if arns.is_empty() {
        return Ok((Vec::new(), is_cut));
    }
    let described = client
        .describe_tasks()
        .cluster(service.cluster)
        .set_tasks(Some(arns))
        .send()
        .await
        .map_err(|error| LayerError::from_aws(&error))?;
    let mut tasks = described.tasks.unwrap_or_default();
    tasks.retain(|task| task.last_status() == Some("RUNNING"));
    Ok((tasks, is_cut))
}

async fn definition(client: &Client, arn: &str) -> Result<TaskDefinition, LayerError> {
    let described = client
        .describe_task_definition()
        .task_definition(arn)
        .send()
        .await
        .map_err(|error| LayerError::from_aws(&error))?;
    described.task_definition.ok_or(LayerError::Missing)
}

fn variables_of(
    definition: &TaskDefinition,
    service: &Service<'_>,
    warnings: &mut Vec<&'static str>,
) -> Result<Variables, LayerError> {
    let container = container(definition, service)?;
    if !container.environment_files().is_empty() {
        warnings.push("also has environment files, which are not read");
    }
    let mut variables = Variables::new();
    add(&mut variables, container.environment());
    for secret in container.secrets() {
        let reference = Value::Secret(secret.value_from().to_owned());
        variables.insert(secret.name().to_owned(), reference);
    }
    Ok(variables)
}

fn container<'d>(
    definition: &'d TaskDefinition,
    service: &Service<'_>,
) -> Result<&'d ContainerDefinition, LayerError> {
    let containers = definition.container_definitions();
    let found = match (service.container, containers) {
        (Some(name), _) => containers
            .iter()
            .find(|container| container.name() == Some(name)),
        (None, [only]) => Some(only),
        (None, _) => None,
    };
    found.ok_or(LayerError::ContainerUnknown)
}

/// Applies the overrides of a task to its definition's variables.
fn apply_overrides(task: &Task, service: &Service<'_>, variables: &mut Variables) {
    let overrides = task
        .overrides()
        .map(|overrides| overrides.container_overrides())
        .unwrap_or_default();
    for container in overrides {
        if service.container.is_none() || container.name() == service.container {
            add(variables, container.environment());
        }
    }
}

fn add(variables: &mut Variables, pairs: &[KeyValuePair]) {
    for pair in pairs {
        if let Some(name) = pair.name() {
            let value = Value::Plain(pair.value().unwrap_or_default().into());
            variables.insert(name.to_owned(), value);
        }
    }
}
