//! Where something is read: a document's location, and the region and role to read it with. Values only, no I/O.

use std::fmt;
use std::path::PathBuf;

/// Where a document is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Location {
    /// An object in S3.
    S3 {
        /// Bucket name.
        bucket: String,
        /// Whole key of the object.
        key: String,
    },
    /// A file on this machine.
    File(PathBuf),
}

impl Location {
    /// Parses `s3://bucket/key` or a path.
    ///
    /// # Errors
    ///
    /// What is wrong with `text`.
    pub fn parse(text: &str) -> Result<Self, String> {
        if let Some(rest) = text.strip_prefix("s3://") {
            return match rest.split_once('/') {
                Some((bucket, key)) if !bucket.is_empty() && !key.is_empty() => Ok(Self::S3 {
                    bucket: bucket.to_owned(),
                    key: key.to_owned(),
                }),
                _ => Err("must be s3://bucket/key".to_owned()),
            };
        }
        if text.is_empty() || text.contains("://") {
            return Err("must be s3://bucket/key or a path".to_owned());
        }
        Ok(Self::File(PathBuf::from(text)))
    }

    /// Returns the document of that name beside this one.
    #[must_use]
    pub fn sibling(&self, name: &str) -> Self {
        match self {
            Self::S3 { bucket, key } => {
                let folder = key.rfind('/').map_or("", |slash| &key[..=slash]);
                Self::S3 {
                    bucket: bucket.clone(),
                    key: format!("{folder}{name}"),
                }
            }
            Self::File(path) => Self::File(path.with_file_name(name)),
        }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::S3 { bucket, key } => write!(formatter, "s3://{bucket}/{key}"),
            Self::File(path) => write!(formatter, "{}", path.display()),
        }
    }
}

/// Region and role of calls to AWS; the program's own where they are `None`.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct AwsScope {
    /// Region, such as `eu-west-1`.
    pub region: Option<String>,
    /// ARN of the role to assume.
    pub role_arn: Option<String>,
    /// External id that the role asks for.
    pub external_id: Option<String>,
    /// Environment that the role's session names; `None` for calls that concern several.
    pub environment: Option<String>,
}

impl AwsScope {
    /// Returns a region with the program's own role.
    pub fn of_region(region: impl Into<String>) -> Self {
        Self {
            region: Some(region.into()),
            ..Self::default()
        }
    }

    /// Returns the account of the role.
    pub fn account(&self) -> Option<&str> {
        self.role_arn.as_deref()?.split(':').nth(4)
    }

    /// Returns the same region and role for calls that concern several environments.
    #[must_use]
    pub fn for_several(self) -> Self {
        Self {
            environment: None,
            ..self
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sibling_is_in_the_same_folder() {
        for (text, expected) in [
            ("s3://acme/a/fleet.toml", "s3://acme/a/discovered.toml"),
            ("s3://acme/fleet.toml", "s3://acme/discovered.toml"),
            ("/etc/mrt/fleet.toml", "/etc/mrt/discovered.toml"),
            ("fleet.toml", "discovered.toml"),
        ] {
            let sibling = Location::parse(text).unwrap().sibling("discovered.toml");
            assert_eq!(sibling.to_string(), expected);
        }
    }

    #[test]
    fn locations_are_objects_or_paths() {
        assert_eq!(
            Location::parse("s3://acme/a/b.json"),
            Ok(Location::S3 {
                bucket: "acme".into(),
                key: "a/b.json".into()
            })
        );
        assert_eq!(
            Location::parse("fleet.toml"),
            Ok(Location::File("fleet.toml".into()))
        );
        for bad in [
            "",
            "s3://",
            "s3://bucket",
            "s3://bucket/",
            "s3:///key",
            "https://example.com/x",
        ] {
            assert!(Location::parse(bad).is_err(), "{bad}");
        }
    }
}
