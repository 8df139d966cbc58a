//! The kinds of storage that have a size, and the rules for their ids. No I/O.

use super::identifier::is_identifier;

/// Kinds of storage that have a size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StorageKind {
    /// A bucket of S3, or a part of one.
    S3,
    /// A file system of EFS.
    Efs,
    /// A volume of EBS.
    Ebs,
    /// The storage of an RDS instance that is not Aurora.
    Rds,
    /// The volume of an Aurora cluster.
    Aurora,
    /// A table of DynamoDB.
    DynamoDb,
}

impl StorageKind {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::S3,
        Self::Efs,
        Self::Ebs,
        Self::Rds,
        Self::Aurora,
        Self::DynamoDb,
    ];
    /// Their names, in the same order.
    pub const NAMES: [&'static str; 6] = ["s3", "efs", "ebs", "rds", "aurora", "dynamodb"];

    /// Returns its name in the fleet file, in ids and in responses.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::S3 => "s3",
            Self::Efs => "efs",
            Self::Ebs => "ebs",
            Self::Rds => "rds",
            Self::Aurora => "aurora",
            Self::DynamoDb => "dynamodb",
        }
    }

    /// Returns the kind with that name; `None` for any other.
    pub fn from_name(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }

    /// Checks that `id` follows the documented rule of this kind's service.
    ///
    /// # Errors
    ///
    /// The rule, worded to follow the quoted id.
    pub fn check_id(self, id: &str) -> Result<(), &'static str> {
        let (is_good, rule) = match self {
            Self::S3 => (is_bucket(id), BUCKET_RULE),
            Self::Efs => (
                is_hexadecimal(id, "fs-", |length| (8..=40).contains(&length)),
                "is not the id of a file system: fs- and 8 to 40 of 0-9 and a-f",
            ),
            Self::Ebs => (
                is_hexadecimal(id, "vol-", |length| [8, 17].contains(&length)),
                "is not the id of a volume: vol- and 8 or 17 of 0-9 and a-f",
            ),
            Self::Rds => (
                is_identifier(id),
                "is not the identifier of an RDS instance: 1 to 63 lower-case letters, digits and hyphens; the first is a letter",
            ),
            Self::Aurora => (
                is_identifier(id),
                "is not the identifier of an Aurora cluster: 1 to 63 lower-case letters, digits and hyphens; the first is a letter",
            ),
            Self::DynamoDb => (
                (3..=255).contains(&id.len()) && is_made_of(id, b"._-"),
                "is not the name of a table: 3 to 255 letters, digits, dots, hyphens and underscores",
            ),
        };
        if is_good { Ok(()) } else { Err(rule) }
    }
}

/// Longest ARN that AWS documents.
const ARN_LIMIT_BYTES: usize = 2048;
const BUCKET_RULE: &str = "is not a bucket name: 3 to 255 letters, digits, dots, hyphens and underscores, or an access point's ARN, \
    such as arn:aws:s3:eu-west-1:123456789012:accesspoint/files";

/// Names before 2018 in us-east-1 may have upper case, underscores and up to 255 characters.
fn is_bucket(id: &str) -> bool {
    ((3..=255).contains(&id.len()) && is_made_of(id, b".-_")) || is_access_point(id)
}

/// Returns whether `id` is an ARN of an access point, in any partition, of S3 or of its variants such as Outposts.
fn is_access_point(id: &str) -> bool {
    let parts: Vec<&str> = id.splitn(6, ':').collect();
    let ["arn", partition, service, _region, account, resource] = parts.as_slice() else {
        return false;
    };
    id.len() <= ARN_LIMIT_BYTES
        && partition.starts_with("aws")
        && service.starts_with("s3")
        && account.len() == 12
        && is_made_of(account, b"")
        && resource.contains("accesspoint")
        && is_made_of(resource, b".-_/:")
}

/// Returns whether `id` has only ASCII letters, ASCII digits and `others`.
fn is_made_of(id: &str, others: &[u8]) -> bool {
    id.bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || others.contains(&byte))
}

/// Returns whether `id` is `prefix` and a lower-case hexadecimal number of a valid length.
fn is_hexadecimal(id: &str, prefix: &str, is_length: impl Fn(usize) -> bool) -> bool {
    let digits = id.strip_prefix(prefix);
    digits.is_some_and(|digits| {
        let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        is_length(digits.len()) && digits.bytes().all(is_digit)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_its_name() {
        for (kind, word) in StorageKind::ALL.into_iter().zip(StorageKind::NAMES) {
            assert_eq!(
                (kind.as_str(), StorageKind::from_name(word)),
                (word, Some(kind))
            );
        }
        assert_eq!(StorageKind::from_name("S3"), None);
    }

    #[test]
    fn ids_are_checked_by_the_rule_of_their_service() {
        let long = "a".repeat(255);
        let longer = "a".repeat(256);
        let cases: [(StorageKind, &[&str], &[&str]); 6] = [
            (
                StorageKind::S3,
                &[
                    "files",
                    "Old_Files",
                    "arn:aws:s3:eu-west-1:123456789012:accesspoint/point",
                ],
                &["x", "a b"],
            ),
            (
                StorageKind::Efs,
                &["fs-0123abcd", "fs-0123456789abcdef0"],
                &[
                    "fs-012345",
                    "fs-0123ABCD",
                    "vol-0123abcd",
                    "fs-0123abcg",
                    "",
                ],
            ),
            (
                StorageKind::Ebs,
                &["vol-0123abcd", "vol-0123456789abcdef0"],
                &["vol-0123456789", "fs-0123abcd", "vol-0123ABCD", "vol-"],
            ),
            (
                StorageKind::Rds,
                &["acme-db"],
                &["Acme", "1acme", "acme_db", ""],
            ),
            (StorageKind::Aurora, &["acme"], &["acme.cluster-x", "-acme"]),
            (
                StorageKind::DynamoDb,
                &["Acme_Table-1.x", &long],
                &["ab", "a/b", "tablé", &longer],
            ),
        ];

        for (kind, good, bad) in cases {
            for id in good {
                assert_eq!(kind.check_id(id), Ok(()), "{kind:?} {id}");
            }
            for id in bad {
                assert!(kind.check_id(id).is_err(), "{kind:?} {id}");
            }
        }
    }
}
