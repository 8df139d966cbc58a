//! Names that prices have in the fleet file: S3's storage classes, and a service with its class for other storage.

use shared::fleet::StorageKind;

/// Price names of CloudWatch's storage types. Overhead of the archive classes is billed at two prices: an object's index
/// as STANDARD, the rest as the class itself.
const STORAGE_TYPES: [(&str, &str); 24] = [
    ("StandardStorage", "STANDARD"),
    ("IntelligentTieringFAStorage", "INTELLIGENT_TIERING"),
    ("IntelligentTieringIAStorage", "INTELLIGENT_TIERING_IA"),
    ("IntelligentTieringAIAStorage", "INTELLIGENT_TIERING_AIA"),
    ("IntelligentTieringAAStorage", "INTELLIGENT_TIERING_AA"),
    ("IntelligentTieringDAAStorage", "INTELLIGENT_TIERING_DAA"),
    ("IntAAObjectOverhead", "INTELLIGENT_TIERING_AA"),
    ("IntAAS3ObjectOverhead", "STANDARD"),
    ("IntDAAObjectOverhead", "INTELLIGENT_TIERING_DAA"),
    ("IntDAAS3ObjectOverhead", "STANDARD"),
    ("StandardIAStorage", "STANDARD_IA"),
    ("StandardIASizeOverhead", "STANDARD_IA"),
    ("OneZoneIAStorage", "ONEZONE_IA"),
    ("OneZoneIASizeOverhead", "ONEZONE_IA"),
    ("ReducedRedundancyStorage", "REDUCED_REDUNDANCY"),
    ("GlacierInstantRetrievalStorage", "GLACIER_IR"),
    ("GlacierIRSizeOverhead", "GLACIER_IR"),
    ("GlacierStorage", "GLACIER"),
    ("GlacierObjectOverhead", "GLACIER"),
    ("GlacierS3ObjectOverhead", "STANDARD"),
    ("GlacierStagingStorage", "STANDARD"),
    ("DeepArchiveStorage", "DEEP_ARCHIVE"),
    ("DeepArchiveObjectOverhead", "DEEP_ARCHIVE"),
    ("DeepArchiveS3ObjectOverhead", "STANDARD"),
];

/// Returns the price name of CloudWatch's `storage_type`; its own name where no price is known for it.
pub(super) fn of_storage_type(storage_type: &str) -> &str {
    let known = STORAGE_TYPES.iter().find(|(name, _)| *name == storage_type);
    known.map_or(storage_type, |(_, price)| price)
}

/// Returns the price name of a service's class. Rounding up to a class's minimum size costs as much as the class.
pub(super) fn of_class(prefix: &str, class: &str) -> String {
    let class = class.strip_suffix("SizeOverhead").unwrap_or(class);
    format!("{prefix}_{}", class.to_ascii_uppercase())
}

/// Returns the prefix of a service's price names, which is also the price name of the service as a whole.
pub(super) fn prefix(kind: StorageKind) -> &'static str {
    match kind {
        StorageKind::S3 => "S3",
        StorageKind::Efs => "EFS",
        StorageKind::Ebs => "EBS",
        StorageKind::Rds => "RDS",
        StorageKind::Aurora => "AURORA",
        StorageKind::DynamoDb => "DYNAMODB",
    }
}

#[cfg(test)]
mod tests {
    use shared::fleet::Prices;

    use super::*;

    #[test]
    fn every_price_of_a_storage_type_is_shipped() {
        for (storage_type, name) in STORAGE_TYPES {
            assert!(
                Prices::default().per_gib_month.contains_key(name),
                "{storage_type}"
            );
        }
    }

    #[test]
    fn classes_of_other_services_have_prices() {
        for name in [
            "EBS_GP2",
            "EBS_GP3",
            "EBS_IO1",
            "EBS_IO2",
            "EBS_ST1",
            "EBS_SC1",
            "EBS_STANDARD",
            "DYNAMODB_STANDARD",
            "DYNAMODB_STANDARD_INFREQUENT_ACCESS",
            "EFS_STANDARD",
            "EFS_IA",
            "EFS_ARCHIVE",
            "AURORA",
        ] {
            assert!(Prices::default().per_gib_month.contains_key(name), "{name}");
        }
    }
}
