//! What is measured: parts of buckets, other storage and databases, and their identities.

use std::fmt;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::server::{self, DatabaseServer};
use super::storage_kind::StorageKind;
use crate::location::AwsScope;

/// What may stand unencoded in a part of a target id; `/` separates the parts.
const ID_PART: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_');

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
    /// Region and role that it is measured with.
    pub scope: AwsScope,
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
    /// Region and role that it is measured with.
    pub scope: AwsScope,
    /// The server as the fleet file names it; `None` where it does not. See [`DatabaseTarget::rds_server`].
    pub server: Option<DatabaseServer>,
    /// Storage that is allocated to its instance, in GiB; `None` where the fleet file does not tell.
    pub allocated_gib: Option<u64>,
}

/// A database engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
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
            scope: AwsScope::default(),
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

    /// Returns the server that the fleet file names, or else the one that the host name does; `None` where neither
    /// tells it.
    pub fn rds_server(&self) -> Option<DatabaseServer> {
        self.server.clone().or_else(|| server::of_host(&self.host))
    }

    /// Returns the region of its server: the target's own, or else the one in a host name of RDS; `None` where neither
    /// tells it.
    pub fn rds_region(&self) -> Option<String> {
        self.scope
            .region
            .clone()
            .or_else(|| server::region_of_host(&self.host))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::fleet::database_target;

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

    #[test]
    fn what_the_fleet_file_names_comes_first() {
        let target = DatabaseTarget {
            host: "acme.abc.eu-west-1.rds.amazonaws.com".into(),
            scope: AwsScope::of_region("eu-central-1"),
            server: Some(DatabaseServer::Cluster("other".into())),
            ..database_target()
        };

        assert_eq!(target.rds_server(), target.server);
        assert_eq!(target.rds_region().as_deref(), Some("eu-central-1"));
    }
}
