//! The rules of `[refresh]`: the budget for listing all buckets.

use super::fault::Faults;
use super::section::Section;
use crate::fleet::RefreshBudget;

/// Largest budget: more requests a day than AWS answers for one account.
const MAX_LIST_REQUESTS: u64 = 1_000_000_000_000;

/// Reads `[refresh]`. Missing keys have their defaults.
pub(super) fn read_refresh(faults: &mut Faults<'_>, section: &Section<'_>) -> RefreshBudget {
    section.check_keys(faults, &["list_requests_per_day"]);
    let requests = section.whole_number(faults, "list_requests_per_day", 1, MAX_LIST_REQUESTS);
    let default = RefreshBudget::default();
    RefreshBudget {
        list_requests_per_day: requests.unwrap_or(default.list_requests_per_day),
    }
}

#[cfg(test)]
mod tests {
    use crate::fleet::{Fleet, RefreshBudget};
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
            fault.contains("refresh.every: unknown key; allowed keys: list_requests_per_day"),
            "{fault}"
        );
        assert!(parse("refresh = 5").unwrap_err().contains("refresh"));
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
