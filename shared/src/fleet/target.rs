//! What is measured: parts of buckets, other storage and databases, and their identities.

use std::fmt;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::by_prefix::ByPrefix;
use super::refresh::MaxError;
use super::server::{self, DatabaseServer};
use super::storage_kind::StorageKind;
use crate::location::AwsScope;

/// Characters that are not encoded in a part of a target id. `/` separates the parts.
const ID_PART: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_');

/// A bucket, the part of it under a prefix or with a suffix, or other storage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BucketTarget {
    /// Environment that the files belong to.
    pub environment: String,
    /// Kind of storage. Prefix, suffix, requester pays and measured parts are for buckets only.
    pub kind: StorageKind,
    /// Bucket name; for storage of another kind its id.
    pub bucket: String,
    /// Prefix of its keys; empty for all keys.
    pub prefix: String,
    /// Suffix of its keys; empty for all keys.
    pub suffix: String,
    /// Region and role that it is measured with.
    pub scope: AwsScope,
    /// Whether requests agree to pay, which a bucket may require.
    pub requester_pays: bool,
    /// Parts that are measured.
    pub measure: Measured,
    /// Storage allocated to an RDS instance, in GiB; `None` for other kinds.
    pub allocated_gib: Option<u64>,
    /// Where the reports of S3 Inventory are that the bucket is measured by; `None` if it is listed.
    pub inventory: Option<InventoryLocation>,
    /// Whether the collector chooses between these reports and a listing at each run.
    pub chooses_source: bool,
    /// Which prefixes its size is added up by, too.
    pub by_prefix: Option<ByPrefix>,
    /// How far its total may be off; `None` for what the fleet's `[refresh]` says.
    pub max_error: Option<MaxError>,
}

/// A folder with reports of S3 Inventory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InventoryLocation {
    /// Destination bucket.
    pub bucket: String,
    /// Prefix of the configuration's reports, without a slash at its end: `PREFIX/SOURCE-BUCKET/CONFIGURATION`.
    pub prefix: String,
}

impl InventoryLocation {
    /// Parses `s3://BUCKET/PREFIX`.
    ///
    /// # Errors
    ///
    /// What is wrong with `text`.
    pub fn parse(text: &str) -> Result<Self, String> {
        let rest = text.strip_prefix("s3://").unwrap_or_default();
        match rest.trim_end_matches('/').split_once('/') {
            Some((bucket, prefix)) if !bucket.is_empty() => Ok(Self {
                bucket: bucket.to_owned(),
                prefix: prefix.to_owned(),
            }),
            _ => Err(
                "must be s3://DESTINATION/PREFIX/SOURCE-BUCKET/CONFIGURATION, the folder that has a folder for each report"
                    .to_owned(),
            ),
        }
    }
}

impl fmt::Display for InventoryLocation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "s3://{}/{}", self.bucket, self.prefix)
    }
}

/// Parts of a bucket that are measured in addition to its current objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Measured {
    /// Versions that are no longer current.
    pub noncurrent: bool,
    /// Delete markers.
    pub delete_markers: bool,
    /// Incomplete multipart uploads.
    pub multipart: bool,
    /// CloudWatch's daily storage metrics of the whole bucket.
    pub cloudwatch: bool,
}

impl Default for Measured {
    /// Incomplete uploads take few requests and often cost money unnoticed. Versions double the listing, and
    /// CloudWatch bills its metrics.
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
    /// Returns a selection of current objects only.
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
    /// Engine, which determines protocol and catalogue.
    pub engine: Engine,
    /// Host name or address.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// Name in the server's certificate, if it is not the host: behind a tunnel. Makes a connection to this machine use
    /// TLS.
    pub tls_server_name: Option<String>,
    /// Database name on the server.
    pub name: String,
    /// Login name of a read-only role.
    pub user: String,
    /// How the login is authenticated.
    pub auth: Auth,
    /// Region and role that it is measured with.
    pub scope: AwsScope,
    /// Server in the fleet file; `None` if it names none. See [`DatabaseTarget::rds_server`].
    pub server: Option<DatabaseServer>,
    /// Storage allocated to its instance, in GiB; `None` if the fleet file does not have it.
    pub allocated_gib: Option<u64>,
    /// How far its total may be off; `None` for what the fleet's `[refresh]` says.
    pub max_error: Option<MaxError>,
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

    /// Returns the port that its servers listen on by default.
    pub fn default_port(self) -> u16 {
        match self {
            Self::Postgres => 5432,
            Self::Mysql => 3306,
        }
    }
}

/// How a database login is authenticated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Auth {
    /// A token signed with the function's own AWS credentials, created for each connection.
    Iam,
    /// The secret with this ARN in Secrets Manager: RDS's own form, or the password alone.
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
    /// File documents in the app of a [`DatabaseTarget`].
    FileDocuments,
    /// Active users in the app of a [`DatabaseTarget`].
    Users,
}

impl Kind {
    /// Returns its name in keys and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Bucket => "bucket",
            Self::Database => "database",
            Self::StorageMetrics => "storage_metrics",
            Self::FileDocuments => "file_documents",
            Self::Users => "users",
        }
    }
}

/// Identity of a target: its environment, and its storage or database name.
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

    /// Returns the id in a message or stored item.
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
            inventory: None,
            chooses_source: false,
            by_prefix: None,
            max_error: None,
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

    /// Returns whether it is a whole bucket, for which CloudWatch has metrics.
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

    /// Returns the server's own name: the one in its certificate if the fleet file has it, or else the host.
    pub fn server_name(&self) -> &str {
        self.tls_server_name.as_deref().unwrap_or(&self.host)
    }

    /// Returns the server in the fleet file, or else the one in the host name; `None` if neither names one.
    pub fn rds_server(&self) -> Option<DatabaseServer> {
        self.server
            .clone()
            .or_else(|| server::from_host(self.server_name()))
    }

    /// Returns the region of its server: the target's own, or else the one in an RDS host name; `None` if there is
    /// neither.
    pub fn rds_region(&self) -> Option<String> {
        self.scope
            .region
            .clone()
            .or_else(|| server::region_from_host(self.server_name()))
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
    fn the_fleet_file_takes_precedence_over_the_host_name() {
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
