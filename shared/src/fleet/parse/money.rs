//! The rules of `[prices]`: prices of storage and of the requests that measure it.

use toml::de::DeValue;

use super::fault::Faults;
use super::section::{Section, Text};
use crate::fleet::{Price, Prices};

/// Reads `[prices]`. Missing prices have their defaults, except that `per_gib_month` replaces all of them.
pub(super) fn read_prices(faults: &mut Faults<'_>, section: &Section<'_>) -> Prices {
    section.check_keys(
        faults,
        &[
            "as_of",
            "region",
            "currency",
            "per_gib_month",
            "list_per_1000",
            "metrics_per_1000",
        ],
    );
    let defaults = Prices::default();
    let as_of = section.required_text(faults, "as_of");
    let as_of = section.checked(faults, "as_of", as_of, day);
    let region = section.required_text(faults, "region");
    let currency = section.required_text(faults, "currency");
    let mut prices = Prices {
        as_of: as_of.unwrap_or_default(),
        region: region.map(Text::to_owned).unwrap_or_default(),
        currency: currency.map(Text::to_owned).unwrap_or_default(),
        ..defaults
    };
    if let Some(price) = price(faults, section, "list_per_1000") {
        prices.list_per_1000 = price;
    }
    if let Some(price) = price(faults, section, "metrics_per_1000") {
        prices.metrics_per_1000 = price;
    }
    match section.sub_table(faults, "per_gib_month") {
        Some(classes) => {
            let names = classes.table.keys().map(|key| key.get_ref().to_string());
            let priced = names.filter_map(|name| {
                let price = price(faults, &classes, &name)?;
                Some((name, price))
            });
            prices.per_gib_month = priced.collect();
        }
        None if section.get("per_gib_month").is_none() => faults.add(
            section.offset,
            &section.field("per_gib_month"),
            "is missing: it is required with the region and the day of the prices",
        ),
        None => {}
    }
    prices
}

fn price(faults: &mut Faults<'_>, section: &Section<'_>, key: &str) -> Option<Price> {
    let value = section.get(key)?;
    let price = match value.get_ref() {
        DeValue::Float(float) => Price::parse(float.as_str()),
        DeValue::Integer(integer) if integer.radix() == 10 => Price::parse(integer.as_str()),
        _ => None,
    };
    if price.is_none() {
        faults.add(
            value.span().start,
            &section.field(key),
            "must be a price such as 0.023, with at most 9 decimal places",
        );
    }
    price
}

pub(super) fn day(text: &str) -> Result<(), &'static str> {
    text.parse::<chrono::NaiveDate>()
        .map(drop)
        .map_err(|_| "is not a day, such as 2026-01-31")
}

#[cfg(test)]
mod tests {
    use crate::fleet::{Fleet, Price, Prices};
    use crate::testing::fleet::FleetBuilder;

    fn parse(section: &str) -> Result<Fleet, String> {
        FleetBuilder::with("a").toml(section).parse()
    }

    #[test]
    fn without_a_section_the_default_prices_apply() {
        let fleet = parse("").unwrap();

        assert_eq!(fleet.prices(), &Prices::default());
    }

    #[test]
    fn prices_of_the_file_replace_the_defaults_and_a_missing_class_has_none() {
        let section = "[prices]\nas_of = \"2026-01-31\"\n\
             region = \"eu-west-1\"\ncurrency = \"EUR\"\nlist_per_1000 = 0.0055\n\
             [prices.per_gib_month]\nSTANDARD = 0.024\nGLACIER = 1\n";

        let fleet = parse(section).unwrap();

        let prices = fleet.prices();
        assert_eq!(
            (prices.currency.as_str(), prices.per_gib_month.len()),
            ("EUR", 2)
        );
        assert_eq!(
            prices.per_gib_month["STANDARD"],
            Price::from_nanos(24_000_000)
        );
        assert_eq!(prices.list_per_1000, Price::from_nanos(5_500_000));
        assert_eq!(prices.metrics_per_1000, Prices::default().metrics_per_1000);
    }

    #[test]
    fn every_fault_of_the_prices_is_named() {
        let section = "[prices]\nas_of = \"today\"\n\
             currency = \"EUR\"\nlist_per_1000 = -1.0\n[prices.per_gib_month]\nSTANDARD = \"0.024\"\n";

        let shown = parse(section).unwrap_err();

        for expected in [
            "prices.as_of: \"today\" is not a day",
            "prices.region: is missing",
            "prices.list_per_1000: must be a price",
            "prices.per_gib_month.STANDARD: must be a price",
        ] {
            assert!(shown.contains(expected), "{expected}\n--- in ---\n{shown}");
        }
    }
}
