//! What storage costs for a month and what measuring it cost, estimated with the fleet file's prices. Pure.
//!
//! First-tier list prices only: volume discounts, minimum storage times, requests of others and transfer are in
//! no number here. What has no price is named and in no sum.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;
use shared::fleet::{BucketTarget, Price, Prices, StorageKind};
use shared::snapshot::BucketSize;
use shared::snapshot::bucket_size::Definition;

/// An estimate of costs.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct CostView {
    /// Always true: list prices of one region and day, without discounts.
    pub estimate: bool,
    /// Currency of all amounts.
    pub currency: String,
    /// Day of the prices, `YYYY-MM-DD`.
    pub prices_as_of: String,
    /// Region of the prices.
    pub prices_region: String,
    /// What the bytes are from. `listing`: current, noncurrent and multipart, as far as they were measured.
    /// `cloudwatch`: its figure of the whole bucket. Of other storage what is billed: `used` or `provisioned`.
    pub basis: String,
    /// Sum of `by_storage_class` for a month; what is in `unpriced` is not in it.
    pub monthly_total: f64,
    /// Bytes and their price for a month, by the name that the price has in the fleet file.
    pub by_storage_class: BTreeMap<String, ClassCost>,
    /// Bytes by class or storage type that have no price.
    pub unpriced: BTreeMap<String, u64>,
    /// What measuring cost.
    pub scan: ScanCost,
}

/// Cost of one storage class for a month.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, JsonSchema)]
pub struct ClassCost {
    /// The bytes.
    pub total_bytes: u64,
    /// Their cost for a month.
    pub monthly: f64,
}

/// Cost of one measurement.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, JsonSchema)]
pub struct ScanCost {
    /// LIST requests of the listing; null when there was none or nobody counted.
    pub list_requests: Option<u64>,
    /// Metrics requested of CloudWatch for its figure; null when there is none.
    pub cloudwatch_metrics: Option<u64>,
    /// Cost of both together, once; null when neither is known.
    pub amount: Option<f64>,
}

/// Price names of CloudWatch's storage types. Overheads of the archive classes are billed at two prices: the
/// index of an object as STANDARD, the rest as the class itself.
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

impl CostView {
    /// Returns the estimate for a target.
    pub(super) fn of(target: &BucketTarget, size: &BucketSize, prices: &Prices) -> Self {
        let (basis, bytes) = bytes_by_name(target, size);
        let mut total = Price::default();
        let mut by_storage_class = BTreeMap::new();
        let mut unpriced = BTreeMap::new();
        for (name, total_bytes) in bytes {
            let Some(price) = prices.per_gib_month.get(&name) else {
                unpriced.insert(name, total_bytes);
                continue;
            };
            let monthly = price.of_bytes(total_bytes);
            total = total.plus(monthly);
            let cost = ClassCost {
                total_bytes,
                monthly: monthly.units(),
            };
            by_storage_class.insert(name, cost);
        }
        Self {
            estimate: true,
            currency: prices.currency.clone(),
            prices_as_of: prices.as_of.clone(),
            prices_region: prices.region.clone(),
            basis: basis.to_owned(),
            monthly_total: total.units(),
            by_storage_class,
            unpriced,
            scan: ScanCost::of(size, prices),
        }
    }
}

impl ScanCost {
    fn of(size: &BucketSize, prices: &Prices) -> Self {
        let list_requests = size.listing.map(|listing| listing.request_count);
        let cloudwatch_metrics = size.cloudwatch.as_ref().map(|figure| figure.metric_count);
        let listing = list_requests.map(|count| prices.list_per_1000.of_thousands(count));
        let metrics = cloudwatch_metrics.map(|count| prices.metrics_per_1000.of_thousands(count));
        let amount = match (listing, metrics) {
            (None, None) => None,
            (listing, metrics) => Some(
                listing
                    .unwrap_or_default()
                    .plus(metrics.unwrap_or_default()),
            ),
        };
        Self {
            list_requests,
            cloudwatch_metrics,
            amount: amount.map(Price::units),
        }
    }
}

/// Returns what the bytes are from, and the bytes by the name of their price; what has no price name keeps its own.
fn bytes_by_name(
    target: &BucketTarget,
    size: &BucketSize,
) -> (&'static str, BTreeMap<String, u64>) {
    let mut bytes: BTreeMap<String, u64> = BTreeMap::new();
    let mut add = |name: &str, more: u64| {
        let sum = bytes.entry(name.to_owned()).or_default();
        *sum = sum.saturating_add(more);
    };
    let basis = if size.current.is_some() {
        let parts = [&size.current, &size.noncurrent];
        for (name, class) in parts
            .into_iter()
            .flatten()
            .flat_map(|part| &part.by_storage_class)
        {
            add(name, class.total_bytes);
        }
        let uploads = size.multipart.iter();
        for (name, more) in uploads.flat_map(|uploads| &uploads.by_storage_class) {
            add(name, *more);
        }
        "listing"
    } else if let Some(figure) = &size.cloudwatch {
        for (storage_type, more) in &figure.by_storage_type {
            let known = STORAGE_TYPES.iter().find(|(name, _)| name == storage_type);
            add(
                known.map_or(storage_type.as_str(), |(_, price)| price),
                *more,
            );
        }
        "cloudwatch"
    } else {
        let resource = size.resource.as_ref();
        let prefix = price_prefix(target.kind);
        let (total, definition) = match resource.and_then(|resource| resource.provisioned_bytes) {
            // Billed whether used or not.
            Some(provisioned) => (provisioned, Definition::Provisioned),
            None => size.total(),
        };
        let mut rest = total;
        for (class, more) in resource.iter().flat_map(|one| &one.by_storage_class) {
            add(&price_name(prefix, class), *more);
            rest = rest.saturating_sub(*more);
        }
        // What is in no class has the price of the service as a whole, where there is one.
        if rest > 0 {
            add(prefix, rest);
        }
        definition.as_str()
    };
    (basis, bytes)
}

/// Returns the name of the price of a service's class. What rounding up to a class's least size adds costs as much as
/// the class.
fn price_name(prefix: &str, class: &str) -> String {
    let class = class.strip_suffix("SizeOverhead").unwrap_or(class);
    format!("{prefix}_{}", class.to_ascii_uppercase())
}

/// Returns what the names of prices of a service begin with.
fn price_prefix(kind: StorageKind) -> &'static str {
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
    use chrono::DateTime;
    use shared::snapshot::bucket_size::{ListingRun, Method, ResourceSize, Uploads};

    use super::super::reconciliation::tests::{figure, listed};
    use super::*;

    const GIB: u64 = 1 << 30;

    fn cost(size: &BucketSize) -> CostView {
        let target = BucketTarget::whole("a", "files");
        CostView::of(&target, size, &Prices::default())
    }

    #[test]
    fn all_measured_parts_are_priced_by_class_and_an_unknown_class_is_named_and_in_no_sum() {
        let mut size = listed(GIB);
        size.add("SNOW", 7);
        size.multipart = Some(Uploads {
            total_bytes: 2 * GIB,
            by_storage_class: BTreeMap::from([("STANDARD".to_owned(), 2 * GIB)]),
            ..Uploads::default()
        });

        let cost = cost(&size);

        assert_eq!(cost.by_storage_class["STANDARD"].total_bytes, 3 * GIB);
        assert!((cost.monthly_total - 0.069).abs() < 1e-9, "{cost:?}");
        assert_eq!(cost.unpriced, BTreeMap::from([("SNOW".to_owned(), 7)]));
        assert_eq!((cost.estimate, cost.basis.as_str()), (true, "listing"));
    }

    #[test]
    fn a_figure_of_cloudwatch_is_priced_by_storage_type() {
        let mut of_glacier = figure(GIB);
        of_glacier.by_storage_type = BTreeMap::from([
            ("GlacierStorage".to_owned(), GIB),
            ("GlacierS3ObjectOverhead".to_owned(), GIB),
            ("NewStorage".to_owned(), 3),
        ]);

        let cost = cost(&BucketSize::of_cloudwatch(of_glacier));

        assert_eq!(cost.basis, "cloudwatch");
        assert!((cost.monthly_total - 0.0266).abs() < 1e-9, "{cost:?}");
        assert_eq!(
            cost.unpriced,
            BTreeMap::from([("NewStorage".to_owned(), 3)])
        );
    }

    #[test]
    fn every_price_that_a_storage_type_names_is_shipped() {
        for (storage_type, name) in STORAGE_TYPES {
            assert!(
                Prices::default().per_gib_month.contains_key(name),
                "{storage_type}"
            );
        }
    }

    #[test]
    fn a_scan_costs_its_requests_and_is_null_when_nobody_counted_them() {
        let mut size = listed(1);
        assert_eq!(cost(&size).scan.amount, None);

        size.listing = Some(ListingRun {
            scheduled_at: DateTime::UNIX_EPOCH,
            taken_at: DateTime::UNIX_EPOCH,
            finished_at: DateTime::UNIX_EPOCH,
            request_count: 100_000,
        });
        size.cloudwatch = Some(figure(1));

        let scan = cost(&size).scan;
        assert_eq!(
            (scan.list_requests, scan.cloudwatch_metrics),
            (Some(100_000), Some(26))
        );
        assert!((scan.amount.unwrap() - 0.50026).abs() < 1e-9, "{scan:?}");
    }

    /// Returns the cost of storage with bytes in use, bytes provisioned, and bytes by class.
    fn cost_of(
        kind: StorageKind,
        (used_bytes, provisioned_bytes): (Option<u64>, Option<u64>),
        classes: &[(&str, u64)],
    ) -> CostView {
        let classes = classes.iter();
        let resource = ResourceSize {
            used_bytes,
            provisioned_bytes,
            item_count: None,
            by_storage_class: classes
                .map(|(class, bytes)| ((*class).to_owned(), *bytes))
                .collect(),
            as_of: None,
        };
        let target = BucketTarget::resource("a", kind, "id");
        let size = BucketSize::of_resource(Method::CloudWatch, resource);
        CostView::of(&target, &size, &Prices::default())
    }

    #[test]
    fn other_storage_is_priced_under_its_services_name() {
        let classes = [
            ("Standard", GIB),
            ("IA", 2 * GIB),
            ("IASizeOverhead", GIB),
            ("ArchiveSizeOverhead", GIB),
        ];
        let cost = cost_of(StorageKind::Efs, (Some(5 * GIB), None), &classes);

        assert_eq!(cost.basis, "used");
        assert!((cost.monthly_total - 0.356).abs() < 1e-9, "{cost:?}");
        assert_eq!(cost.by_storage_class["EFS_IA"].total_bytes, 3 * GIB);
        assert!(cost.unpriced.is_empty());
    }

    #[test]
    fn what_is_provisioned_is_billed_and_not_what_is_used_of_it() {
        let volume = cost_of(
            StorageKind::Ebs,
            (None, Some(100 * GIB)),
            &[("gp3", 100 * GIB)],
        );
        let instance = cost_of(StorageKind::Rds, (Some(GIB), Some(20 * GIB)), &[]);
        let cluster = cost_of(StorageKind::Aurora, (Some(GIB), None), &[]);

        assert_eq!(volume.basis, "provisioned");
        assert!((volume.monthly_total - 8.0).abs() < 1e-9, "{volume:?}");
        assert_eq!(instance.basis, "provisioned");
        assert_eq!(
            instance.unpriced,
            BTreeMap::from([("RDS".to_owned(), 20 * GIB)])
        );
        assert_eq!(cluster.basis, "used");
        assert!((cluster.monthly_total - 0.1).abs() < 1e-9, "{cluster:?}");
    }

    #[test]
    fn what_the_classes_do_not_add_up_to_is_named_and_in_no_sum() {
        let cost = cost_of(
            StorageKind::Efs,
            (Some(3 * GIB), None),
            &[("Standard", GIB)],
        );

        assert!((cost.monthly_total - 0.3).abs() < 1e-9, "{cost:?}");
        assert_eq!(cost.unpriced, BTreeMap::from([("EFS".to_owned(), 2 * GIB)]));
    }

    #[test]
    fn volume_types_and_table_classes_have_prices() {
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
