//! The rules of `[users]`: how often users are counted.

use std::time::Duration;

use super::fault::Faults;
use super::section::Section;
use crate::fleet::users::DEFAULT_USERS_EVERY;

/// Reads `[users]`. Missing keys have their defaults.
pub(super) fn read_users(faults: &mut Faults<'_>, section: &Section<'_>) -> Duration {
    section.check_keys(faults, &["every_hours"]);
    let hours = section.whole_number(faults, "every_hours", 1, 24);
    hours.map_or(DEFAULT_USERS_EVERY, |hours| {
        Duration::from_secs(hours * 3600)
    })
}

#[cfg(test)]
mod tests {
    use crate::testing::fleet::FleetBuilder;

    fn parse(section: &str) -> Result<u64, String> {
        let fleet = FleetBuilder::with("a").toml(section).parse()?;
        Ok(fleet.users_every().as_secs() / 3600)
    }

    #[test]
    fn users_are_counted_once_a_day_or_as_often_as_the_file_says() {
        assert_eq!(parse(""), Ok(24));
        assert_eq!(parse("[users]"), Ok(24));
        assert_eq!(parse("[users]\nevery_hours = 1"), Ok(1));
        for value in ["0", "25", "1.5", "\"often\""] {
            let fault = parse(&format!("[users]\nevery_hours = {value}")).unwrap_err();
            let expected = "fleet.toml:4: users.every_hours: must be a whole number from 1 to 24";
            assert!(fault.contains(expected), "{value}: {fault}");
        }
        let fault = parse("[users]\nevery = 5").unwrap_err();
        assert!(fault.contains("allowed keys: every_hours"), "{fault}");
    }
}
