//! Estimates the monthly cost of storage, and the cost of measuring it, with the fleet file's prices. No I/O.
//!
//! First-tier list prices only: no number includes volume discounts, minimum storage durations, other callers' requests
//! or data transfer. Bytes without a price are named and in no sum.

mod price_names;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;
use shared::fleet::{BucketTarget, Price, Prices};
use shared::snapshot::BucketSize;
use shared::snapshot::bucket_size::{Definition, ResourceSize};

/// Estimated costs.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct CostView {
    /// Always true: list prices of one region and day, without discounts.
    pub estimate: bool,
    /// Currency of all amounts.
    pub currency: String,
    /// Date the prices apply to, `YYYY-MM-DD`.
    pub prices_as_of: String,
    /// Region of the prices.
    pub prices_region: String,
    /// Which bytes are priced. `listing`: current, noncurrent and multipart, as far as they were measured, by a
    /// listing or a report. `cloudwatch`: its metrics for the whole bucket. For other storage the billed bytes: `used` or `provisioned`.
    pub basis: Basis,
    /// Sum of `by_storage_class` for a month, without the bytes in `unpriced`.
    pub monthly_total: f64,
    /// Bytes and their monthly price, by the price's name in the fleet file.
    pub by_storage_class: BTreeMap<String, ClassCost>,
    /// Bytes without a price, by class or storage type.
    pub unpriced: BTreeMap<String, u64>,
    /// Cost of the measurement.
    pub scan: ScanCost,
}

/// Bytes that a cost is estimated for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Basis {
    /// The listed parts of a bucket.
    Listing,
    /// CloudWatch's metrics for the whole bucket.
    CloudWatch,
    /// Bytes in use.
    Used,
    /// Bytes allocated, used or not.
    Provisioned,
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
    /// LIST requests of the listing; null when there was none or they were not counted.
    pub list_requests: Option<u64>,
    /// Metrics requested from CloudWatch; null without metrics.
    pub cloudwatch_metrics: Option<u64>,
    /// Cost of both together, once; null when neither is known.
    pub amount: Option<f64>,
}

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
            basis,
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
        let cloudwatch_metrics = size.cloudwatch.as_ref().map(|metrics| metrics.metric_count);
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

/// Returns the priced bytes by the name of their price; bytes that have no price name keep their own.
fn bytes_by_name(target: &BucketTarget, size: &BucketSize) -> (Basis, BTreeMap<String, u64>) {
    if size.current.is_some() {
        return (Basis::Listing, listed_bytes(size));
    }
    if let Some(metrics) = &size.cloudwatch {
        let bytes = metrics.by_storage_type.iter();
        let named = bytes.map(|(storage_type, bytes)| {
            (
                price_names::of_storage_type(storage_type).to_owned(),
                *bytes,
            )
        });
        return (Basis::CloudWatch, sums(named));
    }
    let resource = size.resource.as_ref();
    // Provisioned bytes are billed whether used or not.
    let (total, basis) = match resource.and_then(|resource| resource.provisioned_bytes) {
        Some(provisioned) => (provisioned, Basis::Provisioned),
        None => match size.total() {
            (total, Definition::Used) => (total, Basis::Used),
            (total, _) => (total, Basis::Provisioned),
        },
    };
    (basis, resource_bytes(target, resource, total))
}

fn listed_bytes(size: &BucketSize) -> BTreeMap<String, u64> {
    let parts = [&size.current, &size.noncurrent].into_iter().flatten();
    let objects = parts.flat_map(|part| &part.by_storage_class);
    let objects = objects.map(|(name, class)| (name.clone(), class.total_bytes));
    let uploads = size.multipart.iter();
    let uploads = uploads.flat_map(|uploads| &uploads.by_storage_class);
    let uploads = uploads.map(|(name, bytes)| (name.clone(), *bytes));
    sums(objects.chain(uploads))
}

/// Bytes in no class are priced as the service as a whole, where it has such a price.
fn resource_bytes(
    target: &BucketTarget,
    resource: Option<&ResourceSize>,
    total: u64,
) -> BTreeMap<String, u64> {
    let prefix = price_names::prefix(target.kind);
    let classes = resource.iter().flat_map(|one| &one.by_storage_class);
    let in_classes = classes.clone().map(|(_, bytes)| *bytes);
    let rest = total.saturating_sub(in_classes.fold(0, u64::saturating_add));
    let named = classes.map(|(class, bytes)| (price_names::of_class(prefix, class), *bytes));
    sums(named.chain((rest > 0).then(|| (prefix.to_owned(), rest))))
}

fn sums(named: impl Iterator<Item = (String, u64)>) -> BTreeMap<String, u64> {
    let mut sums: BTreeMap<String, u64> = BTreeMap::new();
    for (name, bytes) in named {
        let sum = sums.entry(name).or_default();
        *sum = sum.saturating_add(bytes);
    }
    sums
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use shared::fleet::StorageKind;
    use shared::snapshot::bucket_size::{ListingRun, Method, ResourceSize, Uploads};

    use super::super::reconciliation::tests::{listed, metrics};
    use super::*;

    const GIB: u64 = 1 << 30;

    fn cost(size: &BucketSize) -> CostView {
        let target = BucketTarget::whole("a", "files");
        CostView::of(&target, size, &Prices::default())
    }

    #[test]
    fn measured_parts_are_priced_by_class_and_an_unknown_class_is_named_and_in_no_sum() {
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
        assert_eq!((cost.estimate, cost.basis), (true, Basis::Listing));
    }

    #[test]
    fn metrics_are_priced_by_storage_type() {
        let mut of_glacier = metrics(GIB);
        of_glacier.by_storage_type = BTreeMap::from([
            ("GlacierStorage".to_owned(), GIB),
            ("GlacierS3ObjectOverhead".to_owned(), GIB),
            ("NewStorage".to_owned(), 3),
        ]);

        let cost = cost(&BucketSize::of_cloudwatch(of_glacier));

        assert_eq!(cost.basis, Basis::CloudWatch);
        assert!((cost.monthly_total - 0.0266).abs() < 1e-9, "{cost:?}");
        assert_eq!(
            cost.unpriced,
            BTreeMap::from([("NewStorage".to_owned(), 3)])
        );
    }

    #[test]
    fn a_scan_costs_its_requests_and_is_null_when_they_were_not_counted() {
        let mut size = listed(1);
        assert_eq!(cost(&size).scan.amount, None);

        size.listing = Some(ListingRun {
            scheduled_at: DateTime::UNIX_EPOCH,
            taken_at: DateTime::UNIX_EPOCH,
            finished_at: DateTime::UNIX_EPOCH,
            request_count: 100_000,
        });
        size.cloudwatch = Some(metrics(1));

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
        used_bytes: Option<u64>,
        provisioned_bytes: Option<u64>,
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
    fn other_storage_is_priced_by_the_name_of_its_service() {
        let classes = [
            ("Standard", GIB),
            ("IA", 2 * GIB),
            ("IASizeOverhead", GIB),
            ("ArchiveSizeOverhead", GIB),
        ];
        let cost = cost_of(StorageKind::Efs, Some(5 * GIB), None, &classes);

        assert_eq!(cost.basis, Basis::Used);
        assert!((cost.monthly_total - 0.356).abs() < 1e-9, "{cost:?}");
        assert_eq!(cost.by_storage_class["EFS_IA"].total_bytes, 3 * GIB);
        assert!(cost.unpriced.is_empty());
    }

    #[test]
    fn provisioned_bytes_are_billed_instead_of_used_ones() {
        let volume = cost_of(
            StorageKind::Ebs,
            None,
            Some(100 * GIB),
            &[("gp3", 100 * GIB)],
        );
        let instance = cost_of(StorageKind::Rds, Some(GIB), Some(20 * GIB), &[]);
        let cluster = cost_of(StorageKind::Aurora, Some(GIB), None, &[]);

        assert_eq!(volume.basis, Basis::Provisioned);
        assert!((volume.monthly_total - 8.0).abs() < 1e-9, "{volume:?}");
        assert_eq!(instance.basis, Basis::Provisioned);
        assert_eq!(
            instance.unpriced,
            BTreeMap::from([("RDS".to_owned(), 20 * GIB)])
        );
        assert_eq!(cluster.basis, Basis::Used);
        assert!((cluster.monthly_total - 0.1).abs() < 1e-9, "{cluster:?}");
    }

    #[test]
    fn bytes_in_no_class_are_named_and_in_no_sum() {
        let cost = cost_of(StorageKind::Efs, Some(3 * GIB), None, &[("Standard", GIB)]);

        assert!((cost.monthly_total - 0.3).abs() < 1e-9, "{cost:?}");
        assert_eq!(cost.unpriced, BTreeMap::from([("EFS".to_owned(), 2 * GIB)]));
    }
}
