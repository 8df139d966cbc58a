//! The rules of `[refresh]`, and of `max_error_percent`, which environments and targets have too.

use super::fault::Faults;
use toml::de::DeValue;

use super::section::Section;
use crate::fleet::{MaxError, RefreshBudget};

/// Largest budget: more requests a day than AWS answers for one account.
const MAX_LIST_REQUESTS: u64 = 1_000_000_000_000;

/// Key of how far totals may be off.
pub(super) const MAX_ERROR: &str = "max_error_percent";

/// Reads `[refresh]`. Missing keys have their defaults.
pub(super) fn read_refresh(faults: &mut Faults<'_>, section: &Section<'_>) -> RefreshBudget {
    section.check_keys(faults, &["list_requests_per_day", MAX_ERROR]);
    let requests = section.whole_number(faults, "list_requests_per_day", 1, MAX_LIST_REQUESTS);
    let default = RefreshBudget::default();
    RefreshBudget {
        list_requests_per_day: requests.unwrap_or(default.list_requests_per_day),
        max_error: read_max_error(faults, section).unwrap_or(default.max_error),
    }
}

/// Reads how far totals may be off; `None` where the section does not say.
pub(super) fn read_max_error(faults: &mut Faults<'_>, section: &Section<'_>) -> Option<MaxError> {
    let value = section.get(MAX_ERROR)?;
    let parsed = match value.get_ref() {
        DeValue::Float(float) => MaxError::parse_percent(float.as_str()),
        DeValue::Integer(integer) if integer.radix() == 10 => {
            MaxError::parse_percent(integer.as_str())
        }
        _ => None,
    };
    if parsed.is_none() {
        faults.add(
            value.span().start,
            &section.field(MAX_ERROR),
            "must be a percentage from 0 to 100, such as 0.5, with at most 4 decimal places; 0 measures at every tick",
        );
    }
    parsed
}

#[cfg(test)]
mod tests {
    use crate::fleet::{Fleet, MaxError, RefreshBudget};
    use crate::testing::fleet::FleetBuilder;

    fn parse(section: &str) -> Result<u64, String> {
        let fleet = FleetBuilder::with("a").toml(section).parse()?;
        Ok(fleet.refresh().list_requests_per_day)
    }

    #[test]
    fn the_budget_is_the_files_or_a_million_requests_a_day() {
        assert_eq!(parse(""), Ok(1_000_000));
        assert_eq!(parse("[refresh]"), Ok(1_000_000));
        assert_eq!(
            parse("[refresh]\nlist_requests_per_day = 20_000_000"),
            Ok(20_000_000)
        );
    }

    #[test]
    fn a_faulty_budget_is_named_with_its_line_and_what_is_allowed() {
        for value in ["0", "-1", "1.5", "\"many\"", "1_000_000_000_001"] {
            let fault = parse(&format!("[refresh]\nlist_requests_per_day = {value}")).unwrap_err();
            let expected = "fleet.toml:4: refresh.list_requests_per_day: must be a whole number from 1 to \
                            1000000000000";
            assert!(fault.contains(expected), "{value}: {fault}");
        }
        let fault = parse("[refresh]\nevery = 5").unwrap_err();
        assert!(
            fault.contains(
                "refresh.every: unknown key; allowed keys: list_requests_per_day, max_error_percent"
            ),
            "{fault}"
        );
        assert!(parse("refresh = 5").unwrap_err().contains("refresh"));
    }

    #[test]
    fn a_total_may_be_off_by_what_its_target_its_environment_or_the_fleet_says() {
        let text = "[refresh]\nmax_error_percent = 2.5\n[[environment]]\nname = \"a\"\nmax_error_percent = 0\n\
                    [[environment.storage]]\nbucket = \"one\"\n\
                    [[environment.storage]]\nbucket = \"two\"\nmax_error_percent = 0.05\n\
                    [environment.database]\nengine = \"postgres\"\nhost = \"h\"\nname = \"n\"\nuser = \"u\"\n\
                    [[environment]]\nname = \"b\"\n[[environment.storage]]\nbucket = \"three\"\n";
        let fleet = Fleet::parse("fleet.toml", text).unwrap();

        assert_eq!(fleet.refresh().max_error.millionths(), 25_000);
        let limits = fleet.buckets().into_iter().map(|target| target.max_error);
        let limits: Vec<_> = limits.map(|own| own.map(MaxError::millionths)).collect();
        assert_eq!(limits, [Some(0), Some(500), None]);
        let database = fleet.databases()[0].max_error;
        assert_eq!(database.map(MaxError::millionths), Some(0));
        assert_eq!(RefreshBudget::default().max_error, MaxError::DEFAULT);
    }

    #[test]
    fn a_faulty_percentage_is_named() {
        for value in [
            "-1", "101", "100.0001", "0.00001", "1e1", "\"1\"", "nan", "0x1", "true",
        ] {
            let fault = parse(&format!("[refresh]\nmax_error_percent = {value}")).unwrap_err();
            let expected = "refresh.max_error_percent: must be a percentage from 0 to 100";
            assert!(fault.contains(expected), "{value}: {fault}");
        }
        assert!(parse("[refresh]\nmax_error_percent = 100").is_ok());
    }

    /// The documentation of [`RefreshBudget`] counts in dollars.
    #[test]
    fn the_default_costs_what_its_documentation_says() {
        let requests = RefreshBudget::default().list_requests_per_day;
        let price = Fleet::default().prices().list_per_1000;

        let day = price.of_thousands(requests).units();
        assert!((day - 5.0).abs() < 1e-9);
        let month = day * 365.25 / 12.0;
        assert_eq!(format!("{month:.0}"), "152");
        assert_eq!(format!("{:.0}", 1000.0 / 0.005 / (365.25 / 12.0)), "6571");
    }
}
