//! The fleet: environments and their targets, as the fleet file names them.
//!
//! A [`Fleet`] is valid by construction; `fleet/parse.rs` holds the rules, [`FleetSource`] reads the file.

mod constants;
mod parse;
mod prices;
mod refresh;
mod server;
mod source;
mod storage_kind;

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

pub use constants::{
    ConstantLayer, ConstantLayers, LayerKind, MAX_CONSTANT_LAYERS, MAX_CONSTANT_PATTERNS, Place,
};
pub use parse::{Fault, FleetFaults, MAX_ENVIRONMENTS, MAX_STORAGE_PER_ENVIRONMENT};
pub use prices::{Price, Prices};
pub use refresh::RefreshBudget;
pub use server::DatabaseServer;
pub use source::{CHECK_EVERY, FLEET_LIMIT_BYTES, FleetError, FleetSource};
pub use storage_kind::StorageKind;

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
    prices: Prices,
    refresh: RefreshBudget,
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

/// A bucket, the part of it under a prefix or with a suffix, or other storage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BucketTarget {
    /// Environment that the files belong to.
    pub environment: String,
    /// What kind of storage it is. Prefix, suffix, requester pays and what is measured are those of buckets alone.
    pub kind: StorageKind,
    /// Bucket name; for storage of another kind its id.
    pub bucket: String,
    /// What all its keys begin with; empty for all.
    pub prefix: String,
    /// What all its keys end with; empty for all.
    pub suffix: String,
    /// Region that it is in; the collector's own when `None`.
    pub region: Option<String>,
    /// Role to assume for it; the collector's own when `None`.
    pub role_arn: Option<String>,
    /// Whether we agree to pay for the requests: a bucket may ask that of those who read it.
    pub requester_pays: bool,
    /// Which parts of it are measured.
    pub measure: Measured,
    /// Storage that is allocated to an RDS instance, in GiB; `None` for every other kind.
    pub allocated_gib: Option<u64>,
}

/// Which parts of a bucket are measured beside its current objects, which always are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Measured {
    /// Versions that are no longer current.
    pub noncurrent: bool,
    /// Delete markers.
    pub delete_markers: bool,
    /// Incomplete multipart uploads.
    pub multipart: bool,
    /// CloudWatch's figure of the whole bucket.
    pub cloudwatch: bool,
}

impl Default for Measured {
    /// Incomplete uploads are few requests and often forgotten money; versions double the listing, and CloudWatch
    /// bills its metrics.
    fn default() -> Self {
        Self {
            noncurrent: false,
            delete_markers: false,
            multipart: true,
            cloudwatch: false,
        }
    }
}

impl Measured {
    /// Returns what measures current objects only.
    pub const fn current() -> Self {
        Self {
            noncurrent: false,
            delete_markers: false,
            multipart: false,
            cloudwatch: false,
        }
    }

    /// Returns whether versions have to be listed instead of objects.
    pub fn needs_versions(self) -> bool {
        self.noncurrent || self.delete_markers
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
    /// The server as the fleet file names it; `None` where it does not. See [`DatabaseTarget::rds_server`].
    pub server: Option<DatabaseServer>,
    /// Storage that is allocated to its instance, in GiB; `None` where the fleet file does not tell.
    pub allocated_gib: Option<u64>,
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

/// Kinds of measurements that are kept in snapshots.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Bytes and objects of a [`BucketTarget`], whatever its [`StorageKind`].
    Bucket,
    /// Tables of a [`DatabaseTarget`].
    Database,
    /// CloudWatch's daily storage metrics of a [`BucketTarget`].
    StorageMetrics,
}

impl Kind {
    /// Returns the word for it in keys and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Bucket => "bucket",
            Self::Database => "database",
            Self::StorageMetrics => "storage_metrics",
        }
    }
}

/// Identity of a target for as long as its environment, bucket part or database name stay the same.
///
/// `acme-prod/s3/<bucket>/<prefix>/<suffix>`, the same with another kind of storage and its id, or
/// `acme-prod/db/<name>`, each part percent-encoded, so that
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
    /// Returns a whole bucket in the collector's own region and account, measured as by default.
    pub fn whole(environment: impl Into<String>, bucket: impl Into<String>) -> Self {
        Self {
            environment: environment.into(),
            kind: StorageKind::S3,
            bucket: bucket.into(),
            prefix: String::new(),
            suffix: String::new(),
            requester_pays: false,
            measure: Measured::default(),
            region: None,
            role_arn: None,
            allocated_gib: None,
        }
    }

    /// Returns storage of another kind than S3, by its id, in the collector's own region and account.
    pub fn resource(
        environment: impl Into<String>,
        kind: StorageKind,
        id: impl Into<String>,
    ) -> Self {
        Self {
            kind,
            measure: Measured::current(),
            ..Self::whole(environment, id)
        }
    }

    /// Returns whether it is a bucket with all its keys: only of those does CloudWatch know anything.
    pub fn is_whole_bucket(&self) -> bool {
        self.kind == StorageKind::S3 && self.prefix.is_empty() && self.suffix.is_empty()
    }

    /// Returns whether CloudWatch's daily storage metrics are wanted and available.
    pub fn wants_storage_metrics(&self) -> bool {
        self.measure.cloudwatch && self.is_whole_bucket()
    }

    /// Returns its identity.
    pub fn id(&self) -> TargetId {
        let (bucket, prefix, suffix) = (
            encoded(&self.bucket),
            encoded(&self.prefix),
            encoded(&self.suffix),
        );
        let (environment, kind) = (&self.environment, self.kind.as_str());
        TargetId(format!("{environment}/{kind}/{bucket}/{prefix}/{suffix}"))
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

    /// Returns what storage and requests cost.
    pub fn prices(&self) -> &Prices {
        &self.prices
    }

    /// Returns what listing all buckets may take.
    pub fn refresh(&self) -> RefreshBudget {
        self.refresh
    }

    /// Returns the environment of that name.
    pub fn environment(&self, name: &str) -> Option<&Environment> {
        self.environments.get(name)
    }

    /// Returns all storage targets, buckets and others, in the order of their ids.
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

    /// Returns the storage target of that id.
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

    /// Returns a database on this machine of which nothing more is known.
    pub(super) fn database() -> DatabaseTarget {
        DatabaseTarget {
            environment: "acme-prod".into(),
            engine: Engine::Postgres,
            host: "127.0.0.1".into(),
            port: 5432,
            name: "acme".into(),
            user: "mrt_ro".into(),
            auth: Auth::Iam,
            region: None,
            role_arn: None,
            server: None,
            allocated_gib: None,
        }
    }

    fn bucket(prefix: &str, suffix: &str) -> BucketTarget {
        BucketTarget {
            prefix: prefix.into(),
            suffix: suffix.into(),
            ..BucketTarget::whole("acme-prod", "files")
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
