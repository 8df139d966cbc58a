//! The rules of `[licence]`: limits of users, and the last day.

use super::fault::Faults;
use super::money::day;
use super::section::Section;
use crate::fleet::Licence;

/// Largest limit: more users than there are people.
const MAX_USERS: u64 = 10_000_000_000;
const KEYS: [&str; 3] = ["named", "concurrent", "expires"];

/// Reads `[licence]`. What is not given is not limited; a licence that says nothing is a fault.
pub(super) fn read_licence(faults: &mut Faults<'_>, section: &Section<'_>) -> Licence {
    section.check_keys(faults, &KEYS);
    if KEYS.iter().all(|key| section.get(key).is_none()) {
        let reason = format!("is empty: give at least one of {}", KEYS.join(", "));
        faults.add(section.offset, &section.path, reason);
    }
    let expires = section.optional_text(faults, "expires");
    let expires = section.checked(faults, "expires", expires, day);
    Licence {
        named: section.whole_number(faults, "named", 1, MAX_USERS),
        concurrent: section.whole_number(faults, "concurrent", 1, MAX_USERS),
        expires: expires.and_then(|text| text.parse().ok()),
    }
}

#[cfg(test)]
mod tests {
    use crate::fleet::{Fleet, Licence};
    use crate::testing::fleet::FleetBuilder;

    fn parse(section: &str) -> Result<Option<Licence>, String> {
        let fleet: Fleet = FleetBuilder::with("a").toml(section).parse()?;
        Ok(fleet.licence())
    }

    #[test]
    fn what_a_licence_does_not_limit_is_none() {
        assert_eq!(parse(""), Ok(None));
        let all = "[licence]\nnamed = 5_000\nconcurrent = 300\nexpires = \"2027-06-30\"\n";
        assert_eq!(
            parse(all),
            Ok(Some(Licence {
                named: Some(5000),
                concurrent: Some(300),
                expires: Some("2027-06-30".parse().unwrap()),
            }))
        );
        let licence = parse("[licence]\nnamed = 1").unwrap().unwrap();
        assert_eq!((licence.concurrent, licence.expires), (None, None));
    }

    #[test]
    fn every_fault_of_a_licence_is_named() {
        for (section, expected) in [
            ("[licence]", "licence: is empty: give at least one of named"),
            (
                "[licence]\nnamed = 0",
                "licence.named: must be a whole number from 1",
            ),
            (
                "[licence]\nexpires = \"soon\"",
                "licence.expires: \"soon\" is not a day",
            ),
            ("[licence]\nusers = 1", "licence.users: unknown key"),
        ] {
            let shown = parse(section).unwrap_err();
            assert!(shown.contains(expected), "{expected}\n--- in ---\n{shown}");
        }
    }
}
