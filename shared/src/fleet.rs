//! The fleet: environments and their targets, as the fleet file names them.
//!
//! A [`Fleet`] is valid by construction; `fleet/parse.rs` holds the rules, [`FleetSource`] reads the file.

mod constants;
mod parse;
mod source;

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

pub use constants::{
    ConstantLayer, ConstantLayers, LayerKind, MAX_CONSTANT_LAYERS, MAX_CONSTANT_PATTERNS, Place,
};
pub use parse::{Fault, FleetFaults, MAX_ENVIRONMENTS, MAX_STORAGE_PER_ENVIRONMENT};
pub use source::{CHECK_EVERY, FLEET_LIMIT_BYTES, FleetError, FleetSource};

/// What may stand unencoded in a part of a target id; `/` separates the parts.
const ID_PART: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_');

/// Name of the administrator whom Mendix does not count as a user, unless the fleet file says otherwise.
pub const DEFAULT_ADMINISTRATOR: &str = "MxAdmin";
/// Mendix's default `SessionTimeout` of 600,000 ms.
pub const DEFAULT_SESSION_TIMEOUT: Duration = Duration::from_secs(600);

/// All environments, in the order of their names.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Fleet {
    environments: BTreeMap<String, Environment>,
}

/// One app in one stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Environment {
    /// Unique name: lower-case letters, digits and hyphens, at most 63.
    pub name: String,
    /// Parts of buckets that hold its files; may be empty.
    pub storage: Vec<BucketTarget>,
    /// Its database, where it has one.
    pub database: Option<DatabaseTarget>,
    /// Where its constants are defined and set, where that is known.
    pub constants: Option<ConstantLayers>,
    /// Name of the administrator account, which no user count includes.
    pub administrator: String,
    /// How long a session counts after its last action.
    pub session_timeout: Duration,
}

/// A bucket, or the part of it under a prefix or with a suffix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BucketTarget {
    /// Environment that the files belong to.
    pub environment: String,
    /// Bucket name.
    pub bucket: String,
    /// What all its keys begin with; empty for all.
    pub prefix: String,
    /// What all its keys end with; empty for all.
    pub suffix: String,
    /// Region of the bucket; the collector's own when `None`.
    pub region: Option<String>,
    /// Role to assume for it; the collector's own when `None`.
    pub role_arn: Option<String>,
    /// Whether we agree to pay for the requests: a bucket may ask that of those who read it.
    pub requester_pays: bool,
    /// What is measured of it.
    pub measure: Measured,
}

/// Parts of a bucket's content that are measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Measured {
    /// Noncurrent versions and delete markers beside the current objects, which are always measured.
    pub noncurrent: bool,
    /// Parts of uploads that were neither completed nor aborted.
    pub multipart: bool,
}

impl Default for Measured {
    /// Current objects and incomplete uploads.
    fn default() -> Self {
        Self {
            noncurrent: false,
            multipart: true,
        }
    }
}

/// A database of one environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatabaseTarget {
    /// Environment that the database belongs to.
    pub environment: String,
    /// Which protocol and catalogue it has.
    pub engine: Engine,
    /// Host name or address.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// Database name on the server.
    pub name: String,
    /// Login name of a role that can only read.
    pub user: String,
    /// How it logs in.
    pub auth: Auth,
    /// Region of the instance; the function's own when `None`.
    pub region: Option<String>,
    /// Role to assume for it; the function's own when `None`.
    pub role_arn: Option<String>,
}

/// A database engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// PostgreSQL, also on RDS and Aurora.
    Postgres,
    /// MySQL and MariaDB, also on RDS and Aurora.
    Mysql,
}

impl Engine {
    /// Returns the name that the fleet file and the answers use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Postgres => "postgres",
            Self::Mysql => "mysql",
        }
    }
}

/// How a database login proves itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Auth {
    /// A token signed with the function's own AWS credentials, made new for each connection.
    Iam,
    /// The secret with this ARN in Secrets Manager: RDS' own form, or the password alone.
    Secret(String),
    /// The password in this variable; for one machine only.
    Variable(String),
}

/// Kinds of targets that are measured into snapshots.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Bytes and objects of a [`BucketTarget`].
    Bucket,
    /// Tables of a [`DatabaseTarget`].
    Database,
}

impl Kind {
    /// Returns the word for it in keys and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Bucket => "bucket",
            Self::Database => "database",
        }
    }
}

/// Identity of a target for as long as its environment, bucket part or database name stay the same.
///
/// `acme-prod/s3/<bucket>/<prefix>/<suffix>` or `acme-prod/db/<name>`, each part percent-encoded, so that
/// two targets never share an id and all ids of an environment lie together. A database that moves to
/// another host keeps its history.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TargetId(String);

impl TargetId {
    /// Longest id in bytes: DynamoDB's limit for a sort key.
    pub const MAX_BYTES: usize = 1024;

    /// Returns the id that a message or stored item carries.
    pub fn from_text(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// Returns the id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TargetId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

fn encoded(part: &str) -> impl fmt::Display + '_ {
    utf8_percent_encode(part, ID_PART)
}

impl BucketTarget {
    /// Returns its identity.
    pub fn id(&self) -> TargetId {
        let (bucket, prefix, suffix) = (
            encoded(&self.bucket),
            encoded(&self.prefix),
            encoded(&self.suffix),
        );
        TargetId(format!(
            "{}/s3/{bucket}/{prefix}/{suffix}",
            self.environment
        ))
    }
}

impl DatabaseTarget {
    /// Returns its identity.
    pub fn id(&self) -> TargetId {
        TargetId(format!("{}/db/{}", self.environment, encoded(&self.name)))
    }
}

impl Fleet {
    /// Parses a fleet file; `name` stands for it in messages.
    ///
    /// # Errors
    ///
    /// Every fault of the file, each with its line and field.
    pub fn parse(name: &str, text: &str) -> Result<Self, FleetFaults> {
        parse::parse(name, text)
    }

    /// Returns all environments in the order of their names.
    pub fn environments(&self) -> impl Iterator<Item = &Environment> {
        self.environments.values()
    }

    /// Returns the environment of that name.
    pub fn environment(&self, name: &str) -> Option<&Environment> {
        self.environments.get(name)
    }

    /// Returns all bucket targets in the order of their ids.
    pub fn buckets(&self) -> Vec<&BucketTarget> {
        let mut targets: Vec<_> = self
            .environments()
            .flat_map(|environment| &environment.storage)
            .collect();
        targets.sort_by_cached_key(|target| target.id());
        targets
    }

    /// Returns all database targets in the order of their ids.
    pub fn databases(&self) -> Vec<&DatabaseTarget> {
        let mut targets: Vec<_> = self
            .environments()
            .filter_map(|environment| environment.database.as_ref())
            .collect();
        targets.sort_by_cached_key(|target| target.id());
        targets
    }

    /// Returns the bucket target of that id.
    pub fn bucket(&self, id: &TargetId) -> Option<&BucketTarget> {
        let storage = &self.environment_of(id)?.storage;
        storage.iter().find(|target| target.id() == *id)
    }

    /// Returns the database target of that id.
    pub fn database(&self, id: &TargetId) -> Option<&DatabaseTarget> {
        let database = self.environment_of(id)?.database.as_ref();
        database.filter(|target| target.id() == *id)
    }

    /// Returns the environment that an id begins with.
    fn environment_of(&self, id: &TargetId) -> Option<&Environment> {
        self.environment(id.as_str().split('/').next()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bucket(prefix: &str, suffix: &str) -> BucketTarget {
        BucketTarget {
            environment: "acme-prod".into(),
            bucket: "files".into(),
            prefix: prefix.into(),
            suffix: suffix.into(),
            region: None,
            role_arn: None,
            requester_pays: false,
            measure: Measured::default(),
        }
    }

    #[test]
    fn ids_of_different_parts_differ_even_when_their_text_joins_alike() {
        let ids = [
            bucket("a/", ""),
            bucket("a", "/"),
            bucket("", "a/"),
            bucket("a%2F", ""),
        ]
        .map(|target| target.id());

        for (index, id) in ids.iter().enumerate() {
            assert!(!ids[index + 1..].contains(id), "{id}");
        }
        assert_eq!(ids[0].as_str(), "acme-prod/s3/files/a%2F/");
    }
}
