//! Prices of storage and requests, for estimates. Exact decimal arithmetic; no sizes, no I/O.

use std::collections::BTreeMap;

/// Bytes of the unit that storage is priced in.
const GIB: u128 = 1 << 30;

/// An amount of money in billionths of the currency's unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Price(u64);

impl Price {
    /// Decimal places that are kept.
    pub const DIGITS: usize = 9;

    /// Returns a price in billionths of the unit.
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// Parses a decimal number such as `0.023`; `None` for anything else and for more than nine decimal places.
    pub fn parse(text: &str) -> Option<Self> {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
        let is_digits =
            |digits: &str| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        if !is_digits(whole) || !is_digits(fraction) || fraction.len() > Self::DIGITS {
            return None;
        }
        let nanos: u64 = format!("{fraction:0<9}").parse().ok()?;
        let whole: u64 = whole.parse().ok()?;
        whole
            .checked_mul(1_000_000_000)?
            .checked_add(nanos)
            .map(Self)
    }

    /// Returns the amount in the currency's units, rounded to a float.
    #[expect(
        clippy::cast_precision_loss,
        reason = "an estimate, shown to a millionth of the unit"
    )]
    pub fn units(self) -> f64 {
        (self.0 / 1000) as f64 / 1e6
    }

    /// Returns the sum, at most 64 bits of billionths.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// Returns the price of `bytes` if this is the price of a GiB.
    #[must_use]
    pub fn of_bytes(self, bytes: u64) -> Self {
        Self(share(self.0, bytes, GIB))
    }

    /// Returns the price of `count` if this is the price of 1,000.
    #[must_use]
    pub fn of_thousands(self, count: u64) -> Self {
        Self(share(self.0, count, 1000))
    }
}

fn share(price: u64, count: u64, unit: u128) -> u64 {
    u64::try_from(u128::from(price) * u128::from(count) / unit).unwrap_or(u64::MAX)
}

/// A list of prices of one region at one time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prices {
    /// Date the prices apply to, `YYYY-MM-DD`.
    pub as_of: String,
    /// Region the prices apply to.
    pub region: String,
    /// Currency, such as `USD`.
    pub currency: String,
    /// Price of a GiB for a month by storage class. Other classes have no price.
    pub per_gib_month: BTreeMap<String, Price>,
    /// Price of 1,000 LIST requests.
    pub list_per_1000: Price,
    /// Price of 1,000 metrics requested from CloudWatch.
    pub metrics_per_1000: Price,
}

/// Date of the default prices.
const DEFAULT_AS_OF: &str = "2025-06-30";

/// First-tier list prices of us-east-1 in USD for a GiB and a month, in billionths.
///
/// An estimate: the list prices on [`DEFAULT_AS_OF`], entered by hand and not read from AWS's price list. The fleet
/// file can replace all of them, for other regions, dates or discounts.
///
/// Classes of S3 have their names in listings. Tiers of Intelligent-Tiering, which only CloudWatch distinguishes, end in
/// the tier. Classes of other services start with the service: `EFS_IA`, `EBS_GP3`. RDS has no default because its price
/// depends on engine, storage type and number of zones; a fleet file can add a price for `RDS`.
const DEFAULT_PER_GIB_MONTH: [(&str, u64); 25] = [
    ("STANDARD", 23_000_000),
    ("REDUCED_REDUNDANCY", 24_000_000),
    ("STANDARD_IA", 12_500_000),
    ("ONEZONE_IA", 10_000_000),
    ("INTELLIGENT_TIERING", 23_000_000),
    ("INTELLIGENT_TIERING_IA", 12_500_000),
    ("INTELLIGENT_TIERING_AIA", 4_000_000),
    ("INTELLIGENT_TIERING_AA", 3_600_000),
    ("INTELLIGENT_TIERING_DAA", 990_000),
    ("GLACIER_IR", 4_000_000),
    ("GLACIER", 3_600_000),
    ("DEEP_ARCHIVE", 990_000),
    ("EFS_STANDARD", 300_000_000),
    ("EFS_IA", 16_000_000),
    ("EFS_ARCHIVE", 8_000_000),
    ("EBS_GP2", 100_000_000),
    ("EBS_GP3", 80_000_000),
    ("EBS_IO1", 125_000_000),
    ("EBS_IO2", 125_000_000),
    ("EBS_ST1", 45_000_000),
    ("EBS_SC1", 15_000_000),
    ("EBS_STANDARD", 50_000_000),
    ("AURORA", 100_000_000),
    ("DYNAMODB_STANDARD", 250_000_000),
    ("DYNAMODB_STANDARD_INFREQUENT_ACCESS", 100_000_000),
];

impl Prices {
    /// Returns a text that changes with any of the prices.
    pub fn fingerprint(&self) -> String {
        format!("{self:?}")
    }
}

impl Default for Prices {
    fn default() -> Self {
        let classes = DEFAULT_PER_GIB_MONTH.iter();
        Self {
            as_of: DEFAULT_AS_OF.to_owned(),
            region: "us-east-1".to_owned(),
            currency: "USD".to_owned(),
            per_gib_month: classes
                .map(|(class, nanos)| ((*class).to_owned(), Price::from_nanos(*nanos)))
                .collect(),
            list_per_1000: Price::from_nanos(5_000_000),
            metrics_per_1000: Price::from_nanos(10_000_000),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_decimal_numbers_are_parsed_and_exactly() {
        for (text, nanos) in [
            ("0.023", 23_000_000),
            ("0.00099", 990_000),
            ("1", 1_000_000_000),
            ("12.5", 12_500_000_000),
            ("0.000000001", 1),
        ] {
            assert_eq!(Price::parse(text), Some(Price::from_nanos(nanos)), "{text}");
        }
        for text in ["", "-1", "1e3", ".5", "1.", "nan", "0.0000000001", "1_0"] {
            assert_eq!(Price::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_gib_costs_its_price_and_large_sums_saturate() {
        let price = Price::from_nanos(23_000_000);

        assert_eq!(price.of_bytes(1 << 30), price);
        assert_eq!(price.of_bytes(512 << 20), Price::from_nanos(11_500_000));
        assert_eq!(price.of_bytes(0), Price::default());
        assert_eq!(
            Price::from_nanos(u64::MAX).of_bytes(u64::MAX),
            Price::from_nanos(u64::MAX)
        );
        let half = Price::from_nanos(5_000_000).of_thousands(100_000);
        assert_eq!(half, Price::from_nanos(500_000_000));
        assert!((half.units() - 0.5).abs() < 1e-9);
    }
}
