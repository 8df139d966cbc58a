//! The parameters that a fleet needs: what its targets are, where they are, and with which role they are read.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::bail;
use shared::fleet::{
    Alert, Auth, BucketTarget, ConstantLayer, DatabaseTarget, Destination, Environment, Fleet,
    LayerKind, StorageKind, WebhookUrl, partition,
};
use shared::location::{AwsScope, Location};

use super::patterns::fitting;

/// Account and region of the stack: of all targets that name no others.
pub(super) struct Home<'a> {
    pub(super) account: &'a str,
    pub(super) region: &'a str,
}

/// Parameters of the stack, by name.
#[derive(Debug, Default)]
pub(super) struct Derived {
    pub(super) lists: BTreeMap<&'static str, BTreeSet<String>>,
    pub(super) texts: BTreeMap<&'static str, String>,
    /// What the parameters do not cover, or cover in addition.
    pub(super) warnings: BTreeSet<String>,
}

/// Returns the parameters that `fleet` needs.
///
/// # Errors
///
/// A list that does not fit into a parameter, not even as patterns.
pub(super) fn derive(fleet: &Fleet, home: &Home<'_>) -> anyhow::Result<Derived> {
    let mut derived = Derived::default();
    for environment in fleet.environments() {
        derived.add(environment, home);
    }
    if fleet.discover().is_some() {
        derived.text("Discovery", "true");
    }
    for account in fleet.accounts() {
        let role = account.role_arn(Some(home.region));
        derived.list("TargetRoles", role);
    }
    for alert in fleet.alerts() {
        derived.add_destinations(alert);
    }
    derived.fit()?;
    Ok(derived)
}

impl Home<'_> {
    /// Returns `arn:aws:SERVICE:REGION:ACCOUNT:REST` for what is read in `scope`.
    fn arn(&self, service: &str, scope: &AwsScope, rest: &str) -> String {
        let region = scope.region.as_deref().unwrap_or(self.region);
        let role = scope.role_arn.as_deref();
        let account = role.and_then(|role| role.split(':').nth(4));
        let account = account.unwrap_or(self.account);
        let partition = partition(self.region);
        format!("arn:{partition}:{service}:{region}:{account}:{rest}")
    }
}

impl Derived {
    fn add(&mut self, environment: &Environment, home: &Home<'_>) {
        for target in &environment.storage {
            self.add_storage(target, home);
        }
        if let Some(database) = &environment.database {
            self.add_database(database, home);
        }
        if let Some(constants) = &environment.constants {
            self.add_document(&constants.model, &constants.scope, home);
            for layer in &constants.layers {
                self.add_layer(layer, home);
            }
        }
    }

    fn add_destinations(&mut self, alert: &Alert) {
        for destination in &alert.destinations {
            match destination {
                Destination::Sns { topic_arn, .. } => self.list("AlertTopics", topic_arn.clone()),
                Destination::Webhook { url, .. } => match url {
                    WebhookUrl::Secret(arn) => self.list("AlertSecrets", arn.clone()),
                    WebhookUrl::Variable(name) => self.warn(format!(
                        "alert {}: env:{name} is for one machine: use a secret",
                        alert.name
                    )),
                },
            }
        }
    }

    fn add_storage(&mut self, target: &BucketTarget, home: &Home<'_>) {
        self.add_role(&target.scope);
        let has_role = target.scope.role_arn.is_some();
        match target.kind {
            StorageKind::S3 if has_role => {}
            StorageKind::S3 if target.bucket.starts_with("arn:") => {
                self.warn(format!(
                    "{} is an access point, which no parameter covers: read it with a role_arn",
                    target.bucket
                ));
            }
            StorageKind::S3 => {
                let bucket = |name: &str| format!("arn:{}:s3:::{name}", partition(home.region));
                if let Some(inventory) = &target.inventory {
                    self.list("InventoryBuckets", bucket(&inventory.bucket));
                }
                // Incomplete uploads are in no report.
                if target.inventory.is_none() || target.chooses_source || target.measure.multipart {
                    self.list("StorageBuckets", bucket(&target.bucket));
                }
            }
            // The endpoint allows only what is listed, also with a role.
            StorageKind::DynamoDb => {
                let table = format!("table/{}", target.bucket);
                self.list("StorageTables", home.arn("dynamodb", &target.scope, &table));
            }
            StorageKind::Ebs => self.text("StorageVolumes", "true"),
            StorageKind::Efs | StorageKind::Rds | StorageKind::Aurora => {
                self.text("StorageMetrics", "true");
            }
        }
    }

    fn add_database(&mut self, database: &DatabaseTarget, home: &Home<'_>) {
        self.add_role(&database.scope);
        let has_role = database.scope.role_arn.is_some();
        if database.port != database.engine.default_port() {
            self.list("DatabasePorts", database.port.to_string());
        }
        match &database.auth {
            Auth::Iam | Auth::Secret(_) if has_role => {}
            Auth::Iam => {
                let scope = AwsScope {
                    region: database.rds_region(),
                    ..AwsScope::default()
                };
                let user = format!("dbuser:*/{}", database.user);
                self.list("DatabaseLogins", home.arn("rds-db", &scope, &user));
            }
            Auth::Secret(arn) => self.list("DatabaseSecrets", arn.clone()),
            Auth::Variable(name) => self.warn(format!(
                "{}: env:{name} is for one machine: on AWS, use IAM or a secret",
                database.environment
            )),
        }
    }

    fn add_document(&mut self, location: &Location, scope: &AwsScope, home: &Home<'_>) {
        self.add_role(scope);
        match location {
            Location::S3 { .. } if scope.role_arn.is_some() => {}
            Location::S3 { bucket, key } => {
                let partition = partition(home.region);
                self.list(
                    "ConstantDocuments",
                    format!("arn:{partition}:s3:::{bucket}/{key}"),
                );
            }
            Location::File(path) => self.warn(format!(
                "{} is a file of one machine: on AWS, use s3://bucket/key",
                path.display()
            )),
        }
    }

    fn add_layer(&mut self, layer: &ConstantLayer, home: &Home<'_>) {
        self.add_role(&layer.scope);
        match &layer.kind {
            LayerKind::Document(location) => self.add_document(location, &layer.scope, home),
            LayerKind::Secret { .. } if layer.scope.role_arn.is_some() => {}
            LayerKind::Secret { id } if id.starts_with("arn:") => {
                self.list("ConstantSecrets", id.clone());
            }
            // Secrets Manager appends a hyphen and six characters to a name.
            LayerKind::Secret { id } => {
                let name = format!("secret:{id}-*");
                self.list(
                    "ConstantSecrets",
                    home.arn("secretsmanager", &layer.scope, &name),
                );
            }
            LayerKind::SsmPath { path, .. } => {
                let parameter = format!("parameter{path}");
                self.list(
                    "ConstantParameters",
                    home.arn("ssm", &layer.scope, &parameter),
                );
            }
            LayerKind::EcsTask { cluster, .. } => {
                let name = cluster.rsplit('/').next().unwrap_or(cluster);
                for rest in [
                    format!("task/{name}/*"),
                    format!("service/{name}/*"),
                    format!("cluster/{name}"),
                ] {
                    self.list("ConstantTasks", home.arn("ecs", &layer.scope, &rest));
                }
            }
        }
    }

    fn add_role(&mut self, scope: &AwsScope) {
        if let Some(role) = &scope.role_arn {
            self.list("TargetRoles", role.clone());
        }
    }

    fn list(&mut self, name: &'static str, value: String) {
        self.lists.entry(name).or_default().insert(value);
    }

    fn text(&mut self, name: &'static str, value: &str) {
        self.texts.insert(name, value.to_owned());
    }

    fn warn(&mut self, text: String) {
        self.warnings.insert(text);
    }

    /// Shortens lists that do not fit into a parameter.
    fn fit(&mut self) -> anyhow::Result<()> {
        for (name, items) in &mut self.lists {
            // A role's pattern would allow every role that starts alike.
            let fixed = match *name {
                "TargetRoles" | "StorageTables" | "AlertTopics" => usize::MAX,
                _ => items.iter().next().map_or(0, |item| fixed(item)),
            };
            let Some(fitting) = fitting(items, fixed) else {
                bail!(
                    "{name}: {} items do not fit into a parameter of 4,096 bytes, and have no common starts: {}",
                    items.len(),
                    advice(name)
                );
            };
            if fitting.len() < items.len() {
                self.warnings.insert(format!(
                    "{name} has patterns in place of {} items: what else matches them may be read too",
                    items.len()
                ));
            }
            *items = fitting;
        }
        Ok(())
    }
}

/// Returns the length of the start of an ARN that is never cut: up to its sixth part.
fn fixed(arn: &str) -> usize {
    arn.match_indices(':').nth(4).map_or(0, |(at, _)| at + 1)
}

fn advice(name: &str) -> &'static str {
    match name {
        "TargetRoles" => {
            "give the role one name in all accounts, and set TargetRoleName and ResourceOrganization"
        }
        "StorageBuckets" => "set StorageBuckets to * with ResourceOrganization or ResourceAccounts",
        _ => "name them so that they start alike, and set the parameter to patterns",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOME: Home<'_> = Home {
        account: "123456789012",
        region: "eu-west-1",
    };

    fn derived(text: &str) -> Derived {
        derive(&Fleet::parse("fleet.toml", text).unwrap(), &HOME).unwrap()
    }

    #[test]
    fn every_kind_of_target_has_its_parameter() {
        let found = derived(
            r#"
[[environment]]
name = "acme-prod"
  [[environment.storage]]
  bucket = "acme-files"
  [[environment.storage]]
  bucket = "acme-archive"
  measure = ["current"]
  inventory = "s3://inventories/acme-archive/daily"
  [[environment.storage]]
  kind = "ebs"
  id = "vol-0123456789abcdef0"
  [[environment.storage]]
  kind = "dynamodb"
  id = "sessions"
  role_arn = "arn:aws:iam::210987654321:role/mrt-reader"
  [[environment.storage]]
  kind = "efs"
  id = "fs-0123456789abcdef0"
  [environment.database]
  engine = "postgres"
  host = "acme.abc.eu-central-1.rds.amazonaws.com"
  port = 5433
  name = "acme"
  user = "mrt_ro"
  [environment.constants]
  model = "s3://acme-config/metadata.json"
  layers = [
    { kind = "ecs_task", cluster = "acme", service = "acme-prod" },
    { kind = "secret", id = "acme/prod" },
    { kind = "ssm_path", path = "/acme-prod/constants" },
  ]
"#,
        );

        let lists = [
            (
                "ConstantDocuments",
                "arn:aws:s3:::acme-config/metadata.json",
            ),
            (
                "ConstantParameters",
                "arn:aws:ssm:eu-west-1:123456789012:parameter/acme-prod/constants",
            ),
            (
                "ConstantSecrets",
                "arn:aws:secretsmanager:eu-west-1:123456789012:secret:acme/prod-*",
            ),
            (
                "DatabaseLogins",
                "arn:aws:rds-db:eu-central-1:123456789012:dbuser:*/mrt_ro",
            ),
            ("DatabasePorts", "5433"),
            ("InventoryBuckets", "arn:aws:s3:::inventories"),
            ("StorageBuckets", "arn:aws:s3:::acme-files"),
            (
                "StorageTables",
                "arn:aws:dynamodb:eu-west-1:210987654321:table/sessions",
            ),
            ("TargetRoles", "arn:aws:iam::210987654321:role/mrt-reader"),
        ];
        for (name, value) in lists {
            assert_eq!(found.lists[name], BTreeSet::from([value.to_owned()]));
        }
        assert_eq!(found.lists["ConstantTasks"].len(), 3);
        assert_eq!(found.lists.len(), lists.len() + 1);
        assert_eq!(
            found.texts,
            BTreeMap::from([
                ("StorageMetrics", "true".to_owned()),
                ("StorageVolumes", "true".to_owned())
            ])
        );
        assert!(found.warnings.is_empty(), "{:?}", found.warnings);
    }

    #[test]
    fn the_role_of_each_account_is_a_target_role() {
        let found = derived(
            r#"
[discover]
[[account]]
id = "210987654321"
external_id = "sixteen-characters"
regions = ["eu-central-1"]
[[account]]
id = "310987654321"
[[environment]]
name = "acme-prod"
  [[environment.storage]]
  bucket = "acme-files"
  account = "210987654321"
  [[environment.storage]]
  kind = "dynamodb"
  id = "sessions"
  account = "210987654321"
"#,
        );

        let roles = ["210987654321", "310987654321"];
        let roles = roles.map(|account| format!("arn:aws:iam::{account}:role/mrt-reader"));
        assert_eq!(found.lists["TargetRoles"], BTreeSet::from(roles));
        assert_eq!(
            found.lists["StorageTables"],
            BTreeSet::from(
                ["arn:aws:dynamodb:eu-central-1:210987654321:table/sessions".to_owned()]
            )
        );
        assert_eq!(found.lists.len(), 2, "the role lists the bucket");
        assert_eq!(found.texts["Discovery"], "true");
    }

    #[test]
    fn a_thousand_environments_fit() {
        let environments = (0..1000).map(|index| {
            format!(
                "[[environment]]\nname = \"app{index}-prod\"\n[[environment.storage]]\nbucket = \"acme-app{index}-files\"\n\
                 [environment.database]\nengine = \"postgres\"\nhost = \"app{index}.abc.eu-west-1.rds.amazonaws.com\"\n\
                 name = \"app{index}\"\nuser = \"mrt_ro\"\n"
            )
        });

        let found = derived(&environments.collect::<String>());

        assert_eq!(
            found.lists["StorageBuckets"],
            BTreeSet::from(["arn:aws:s3:::acme-*".to_owned()])
        );
        assert_eq!(found.lists["DatabaseLogins"].len(), 1);
        assert_eq!(found.warnings.len(), 1, "the patterns are told");
    }

    #[test]
    fn what_works_on_one_machine_only_is_told() {
        let found = derived(
            "[[environment]]\nname = \"a\"\n[environment.database]\nengine = \"mysql\"\nhost = \"h\"\nname = \"n\"\n\
             user = \"u\"\nauth = \"env:PASSWORD\"\n[environment.constants]\nmodel = \"/model.json\"\n",
        );

        assert_eq!(found.warnings.len(), 2, "{:?}", found.warnings);
        assert!(found.lists.is_empty());
    }

    #[test]
    fn who_is_told_alerts_has_parameters_too() {
        let topic = "arn:aws:sns:eu-west-1:123456789012:mrt";
        let secret = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:hook-AbCdEf";
        let found = derived(&format!(
            r#"
[[environment]]
name = "acme-prod"
[[alert]]
name = "stale"
stale_for = "2h"
sns = "{topic}"
webhook = "{secret}"
[[alert]]
name = "failing"
failing_for = "2h"
webhook = "env:HOOK"
"#
        ));

        let only = |text: &str| BTreeSet::from([text.to_owned()]);
        let expected = [("AlertSecrets", only(secret)), ("AlertTopics", only(topic))];
        assert_eq!(found.lists, BTreeMap::from(expected));
        assert!(found.warnings.iter().any(|text| text.contains("env:HOOK")));
    }
}
