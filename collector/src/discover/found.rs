//! Targets from tagged resources. No I/O.
//!
//! | tag | on | meaning |
//! |---|---|---|
//! | `mrt:environment` | all | names of its environments, separated by blanks |
//! | `mrt:prefix` | buckets | prefix of each, or one for all |
//! | `mrt:database` | servers | database of each, or one for all; default: the one that was created with the server |
//! | `mrt:user` | servers | user that logs in by IAM; default `mrt_ro` |
//! | `mrt:constants` | buckets | keys of the model and of layers; such a bucket is not measured |

use std::collections::BTreeMap;

use shared::fleet::{
    Auth, BucketTarget, ConstantLayer, ConstantLayers, DatabaseServer, DatabaseTarget,
    DiscoveryTags, Engine, Environment, Fleet, LayerKind, StorageKind,
};
use shared::location::{AwsScope, Location};

use super::rds::{Server, Servers};
use super::render;
use super::tagging::Resource;
use super::{Note, Place};

/// User of databases that have no tag for it.
const DEFAULT_USER: &str = "mrt_ro";

/// What one account and region has.
#[derive(Debug, Default)]
pub(super) struct Part {
    candidates: Vec<Candidate>,
    notes: Vec<Note>,
}

/// A target for an environment, of a resource.
#[derive(Debug)]
struct Candidate {
    arn: String,
    environment: String,
    target: Target,
}

#[derive(Debug)]
enum Target {
    Storage(BucketTarget),
    Database(DatabaseTarget),
    Constants(ConstantLayers),
}

/// Returns what `resources` and `servers` of a place mean. `scope` is the one that the place was asked with.
pub(super) fn part(
    place: &Place,
    scope: &AwsScope,
    tags: &DiscoveryTags,
    resources: &[Resource],
    servers: &Servers,
) -> Part {
    let mut part = Part::default();
    for resource in resources {
        let read = Reader {
            place,
            scope,
            tags,
            servers,
            resource,
        };
        if let Err(text) = read.into_part(&mut part) {
            let about = resource.arn.clone();
            part.notes.push(Note { about, text });
        }
    }
    part
}

struct Reader<'a> {
    place: &'a Place,
    scope: &'a AwsScope,
    tags: &'a DiscoveryTags,
    servers: &'a Servers,
    resource: &'a Resource,
}

impl<'a> Reader<'a> {
    fn into_part(self, part: &mut Part) -> Result<(), String> {
        let names = self.tag(&self.tags.environment).unwrap_or_default();
        let names: Vec<_> = names.split_whitespace().collect();
        let (service, resource) = self.resource.service_and_resource();
        match service {
            "s3" if self.tag(&self.tags.constants).is_some() => {
                let [name] = names.as_slice() else {
                    return Err("constants are of one environment".to_owned());
                };
                let target = Target::Constants(self.constants(name, resource)?);
                self.push(part, name, target);
            }
            "s3" => {
                let prefixes = self.each(&names, &self.tags.prefix)?;
                for (name, prefix) in names.iter().zip(prefixes) {
                    let target = BucketTarget {
                        prefix: prefix.unwrap_or_default().to_owned(),
                        scope: self.scope_for(name),
                        ..BucketTarget::whole(*name, resource)
                    };
                    self.push(part, name, Target::Storage(target));
                }
            }
            "elasticfilesystem" | "dynamodb" | "ec2" => {
                let kind = match service {
                    "elasticfilesystem" => StorageKind::Efs,
                    "dynamodb" => StorageKind::DynamoDb,
                    _ => StorageKind::Ebs,
                };
                let id = resource.split_once('/').map_or(resource, |(_, id)| id);
                for name in &names {
                    let target = BucketTarget {
                        scope: self.scope_for(name),
                        ..BucketTarget::resource(*name, kind, id)
                    };
                    self.push(part, name, Target::Storage(target));
                }
            }
            "rds" => self.databases(part, &names, resource)?,
            _ => return Err(format!("{service} has nothing that is measured")),
        }
        Ok(())
    }

    fn tag(&self, key: &str) -> Option<&'a str> {
        let value = self.resource.tags.get(key)?.trim();
        (!value.is_empty()).then_some(value)
    }

    /// Returns the value of a tag for each environment: the words in their order, or the whole value for all.
    fn each(&self, names: &[&str], key: &str) -> Result<Vec<Option<&'a str>>, String> {
        let Some(value) = self.tag(key) else {
            return Ok(vec![None; names.len()]);
        };
        let words: Vec<_> = value.split_whitespace().map(Some).collect();
        if names.len() == 1 || words.len() == 1 {
            return Ok(vec![Some(value); names.len()]);
        }
        if words.len() == names.len() {
            return Ok(words);
        }
        Err(format!(
            "the tag {key} has {} words for {} environments: one for each, or one for all",
            words.len(),
            names.len()
        ))
    }

    fn scope_for(&self, environment: &str) -> AwsScope {
        let has_role = self.scope.role_arn.is_some();
        AwsScope {
            region: Some(self.place.region.clone()),
            environment: has_role.then(|| environment.to_owned()),
            ..self.scope.clone()
        }
    }

    fn push(&self, part: &mut Part, environment: &str, target: Target) {
        part.candidates.push(Candidate {
            arn: self.resource.arn.clone(),
            environment: environment.to_owned(),
            target,
        });
    }

    fn constants(&self, name: &str, bucket: &str) -> Result<ConstantLayers, String> {
        let value = self.tag(&self.tags.constants).unwrap_or_default();
        let scope = self.scope_for(name);
        let document = |key: &str| Location::parse(&format!("s3://{bucket}/{key}"));
        let mut documents = value.split_whitespace().map(document);
        let model = documents
            .next()
            .unwrap_or_else(|| Err("has no key".to_owned()))?;
        let layers: Result<Vec<_>, _> = documents
            .map(|location| {
                Ok::<_, String>(ConstantLayer {
                    kind: LayerKind::Document(location?),
                    scope: scope.clone(),
                })
            })
            .collect();
        Ok(ConstantLayers {
            model,
            layers: layers?,
            scope,
            show: Vec::new(),
            hide: Vec::new(),
        })
    }

    fn databases(&self, part: &mut Part, names: &[&str], resource: &str) -> Result<(), String> {
        let arn = self.resource.arn.as_str();
        let is_cluster = resource.starts_with("cluster:");
        let servers = if is_cluster {
            &self.servers.clusters
        } else {
            &self.servers.instances
        };
        let server = servers.iter().find(|server| server.arn == arn);
        let server =
            server.ok_or("RDS does not list it: it was deleted, or is hidden from the role")?;
        if let Some(cluster) = &server.cluster {
            return Err(format!(
                "is an instance of the cluster {cluster}: tag the cluster in its place"
            ));
        }
        let engine = engine(&server.engine)
            .ok_or_else(|| format!("{} is an engine that is not measured", server.engine))?;
        if server.host.is_empty() {
            return Err("has no endpoint yet".to_owned());
        }
        if !server.has_iam_logins {
            let kind = if is_cluster { "cluster" } else { "instance" };
            part.notes.push(Note {
                about: arn.to_owned(),
                text: format!(
                    "does not accept logins by IAM: aws rds modify-db-{kind} --db-{kind}-identifier {} \
                     --enable-iam-database-authentication --apply-immediately",
                    server.id
                ),
            });
        }
        let users = self.each(names, &self.tags.user)?;
        let databases = self.each(names, &self.tags.database)?;
        for ((name, user), database) in names.iter().zip(users).zip(databases) {
            let database = database.or(server.database.as_deref()).ok_or_else(|| {
                format!("has no tag {} that names the database", self.tags.database)
            })?;
            let target = self.database(name, server, engine, is_cluster, (database, user));
            self.push(part, name, Target::Database(target));
        }
        Ok(())
    }

    fn database(
        &self,
        environment: &str,
        server: &Server,
        engine: Engine,
        is_cluster: bool,
        (name, user): (&str, Option<&str>),
    ) -> DatabaseTarget {
        let id = server.id.clone();
        DatabaseTarget {
            environment: environment.to_owned(),
            engine,
            host: server.host.clone(),
            port: server.port.unwrap_or(engine.default_port()),
            tls_server_name: None,
            max_error: None,
            name: name.to_owned(),
            user: user.unwrap_or(DEFAULT_USER).to_owned(),
            auth: Auth::Iam,
            scope: self.scope_for(environment),
            server: Some(if is_cluster {
                DatabaseServer::Cluster(id)
            } else {
                DatabaseServer::Instance(id)
            }),
            allocated_gib: server.allocated_gib.filter(|_| !is_cluster),
        }
    }
}

fn engine(name: &str) -> Option<Engine> {
    match name {
        "postgres" | "aurora-postgresql" => Some(Engine::Postgres),
        "mysql" | "mariadb" | "aurora-mysql" => Some(Engine::Mysql),
        _ => None,
    }
}

/// What all accounts and regions have.
#[derive(Debug, Default)]
pub(super) struct Found(Vec<Part>);

impl Found {
    pub(super) fn add(&mut self, part: Part) {
        self.0.push(part);
    }

    /// Returns the environments. One that has two databases, or a value that the fleet file does not allow, is left out
    /// with a note.
    pub(super) fn environments(
        self,
        fleet: &Fleet,
        notes: &mut Vec<Note>,
    ) -> BTreeMap<String, Environment> {
        let mut environments: BTreeMap<String, Environment> = BTreeMap::new();
        let (mut databases, mut constants) = (Single::new("databases"), Single::new("constants"));
        for part in self.0 {
            notes.extend(part.notes);
            for Candidate {
                arn,
                environment: name,
                target,
            } in part.candidates
            {
                let environment = environments
                    .entry(name.clone())
                    .or_insert_with(|| Environment::named(&name));
                match target {
                    Target::Storage(target) => environment.storage.push(target),
                    Target::Database(target) => databases.put(&name, arn, target),
                    Target::Constants(target) => constants.put(&name, arn, target),
                }
            }
        }
        for (name, environment) in &mut environments {
            environment.database = databases.take(name, notes);
            environment.constants = constants.take(name, notes);
            environment.storage.sort_by_cached_key(BucketTarget::id);
            environment.storage.dedup_by_key(|target| target.id());
        }
        environments.retain(|name, environment| {
            let text = render::file([&*environment]);
            let faults = match Fleet::parse_discovered("discovered.toml", &text, fleet) {
                Ok((_, faults)) => faults,
                Err(error) => error.faults,
            };
            for fault in &faults {
                let what = fault.field.rsplit('.').next().unwrap_or_default();
                notes.push(Note {
                    about: name.clone(),
                    text: format!("is left out: {what}: {}", fault.reason),
                });
            }
            faults.is_empty() && !environment.is_empty()
        });
        environments
    }
}

/// Targets of which an environment has one.
struct Single<T> {
    what: &'static str,
    by_environment: BTreeMap<String, Vec<(String, T)>>,
}

impl<T> Single<T> {
    fn new(what: &'static str) -> Self {
        Self {
            what,
            by_environment: BTreeMap::new(),
        }
    }

    fn put(&mut self, environment: &str, arn: String, target: T) {
        let name = environment.to_owned();
        self.by_environment
            .entry(name)
            .or_default()
            .push((arn, target));
    }

    /// Returns the only one of an environment; with several, none and a note.
    fn take(&mut self, environment: &str, notes: &mut Vec<Note>) -> Option<T> {
        let mut all = self.by_environment.remove(environment)?;
        if all.len() == 1 {
            return all.pop().map(|(_, target)| target);
        }
        let arns: Vec<_> = all.into_iter().map(|(arn, _)| arn).collect();
        notes.push(Note {
            about: environment.to_owned(),
            text: format!(
                "has several {}, of which none is taken: {}; write the right one into the fleet file",
                self.what,
                arns.join(", ")
            ),
        });
        None
    }
}
