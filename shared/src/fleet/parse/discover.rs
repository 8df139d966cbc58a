//! The rules of `[discover]`, and those of the file that discovery writes.

use std::collections::BTreeMap;

use toml::de::DeTable;

use super::account::read_regions;
use super::fault::{Fault, Faults, FleetFaults};
use super::scope::Context;
use super::section::Section;
use super::{MAX_ENVIRONMENTS, read_environment};
use crate::fleet::{Discover, DiscoveryTags, Fleet};

/// Longest key of a tag.
const MAX_KEY: usize = 128;

pub(super) fn read_discover(faults: &mut Faults<'_>, section: &Section<'_>) -> Discover {
    section.check_keys(faults, &["regions", "tags"]);
    let regions = read_regions(faults, section);
    let tags = section.sub_table(faults, "tags");
    let tags = tags.map(|section| read_tags(faults, &section));
    Discover {
        regions,
        tags: tags.unwrap_or_default(),
    }
}

fn read_tags(faults: &mut Faults<'_>, section: &Section<'_>) -> DiscoveryTags {
    let usual = DiscoveryTags::default();
    let keys = ["environment", "prefix", "database", "user", "constants"];
    section.check_keys(faults, &keys);
    let mut read = |key: &str, usual: String| {
        let text = section.optional_text(faults, key);
        let text = section.checked(faults, key, text, |text| {
            if text.chars().count() <= MAX_KEY {
                Ok(())
            } else {
                Err("is not the key of a tag: at most 128 characters")
            }
        });
        text.unwrap_or(usual)
    };
    DiscoveryTags {
        environment: read("environment", usual.environment),
        prefix: read("prefix", usual.prefix),
        database: read("database", usual.database),
        user: read("user", usual.user),
        constants: read("constants", usual.constants),
    }
}

impl Fleet {
    /// Parses the file `text` that discovery wrote for `fleet`. Returns the environments without faults, and the faults
    /// of the others.
    ///
    /// # Errors
    ///
    /// It is no TOML, or has something else than environments.
    pub fn parse_discovered(
        name: &str,
        text: &str,
        fleet: &Self,
    ) -> Result<(Self, Vec<Fault>), FleetFaults> {
        let mut faults = Faults {
            text,
            list: Vec::new(),
        };
        let failed = |faults: Vec<Fault>| FleetFaults {
            file: name.to_owned(),
            faults,
        };
        let table = match DeTable::parse(text) {
            Ok(table) => table,
            Err(error) => {
                let start = error.span().map_or(0, |span| span.start);
                faults.add(start, "", format!("not TOML: {}", error.message()));
                return Err(failed(faults.list));
            }
        };
        let root = Section {
            table: table.get_ref(),
            path: String::new(),
            offset: 0,
        };
        root.check_keys(&mut faults, &["environment"]);
        let sections = root.sub_tables(&mut faults, "environment", MAX_ENVIRONMENTS);
        if !faults.list.is_empty() {
            return Err(failed(faults.list));
        }
        let mut environments = BTreeMap::new();
        for section in sections {
            let before = faults.list.len();
            let context = Context {
                environment: "",
                accounts: &fleet.accounts,
                is_discovered: true,
                max_error: None,
            };
            let environment = read_environment(&mut faults, &section, context);
            if let Some(environment) = environment.filter(|_| faults.list.len() == before) {
                environments.insert(environment.name.clone(), environment);
            }
        }
        let discovered = Self {
            environments,
            ..Self::default()
        };
        Ok((discovered, faults.list))
    }

    /// Parses the file `text` that discovery wrote, and adds its environments to what is written. Returns the faults of
    /// those that are left out.
    ///
    /// # Errors
    ///
    /// See [`Fleet::parse_discovered`].
    pub fn with_discovered(
        mut self,
        name: &str,
        text: &str,
    ) -> Result<(Self, Vec<Fault>), FleetFaults> {
        let (discovered, faults) = Self::parse_discovered(name, text, &self)?;
        self.add_discovered(discovered);
        Ok((self, faults))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::fleet::FleetBuilder;

    const DISCOVERED: &str = r#"
[[environment]]
name = "acme-prod"
[[environment.storage]]
bucket = "files"
region = "us-east-1"
[[environment.storage]]
bucket = "archive"
account = "123456789012"
gone_since = "2026-11-01"
[environment.database]
engine = "postgres"
host = "found"
name = "acme"
user = "mrt_ro"

[[environment]]
name = "acme-test"
[[environment.storage]]
bucket = "test-files"
"#;

    fn written() -> FleetBuilder {
        FleetBuilder::with("acme-prod")
            .bucket("files", "region = \"eu-west-1\"")
            .toml("[discover]\n[[account]]\nid = \"123456789012\"")
    }

    #[test]
    fn what_is_written_wins_and_what_is_found_is_added() {
        let fleet = written().parse().unwrap();

        let (merged, faults) = fleet
            .with_discovered("discovered.toml", DISCOVERED)
            .unwrap();

        assert_eq!(faults, []);
        let prod = merged.environment("acme-prod").unwrap();
        let regions: Vec<_> = prod
            .storage
            .iter()
            .map(|target| (target.bucket.as_str(), target.scope.region.as_deref()))
            .collect();
        assert_eq!(regions, [("files", Some("eu-west-1")), ("archive", None)]);
        assert_eq!(prod.database.as_ref().unwrap().host, "found");
        let gone = prod
            .storage
            .iter()
            .map(|target| merged.gone_since(&target.id()));
        let gone: Vec<_> = gone.collect();
        assert_eq!(gone, [None, Some("2026-11-01".parse().unwrap())]);
        assert_eq!(merged.environments().count(), 2);
    }

    #[test]
    fn an_environment_with_a_fault_is_left_out_and_told() {
        let fleet = FleetBuilder::with("acme-prod").toml("[discover]");
        let fleet = fleet.parse().unwrap();

        let (merged, faults) = fleet
            .with_discovered("discovered.toml", DISCOVERED)
            .unwrap();

        assert_eq!(faults.len(), 1);
        assert!(faults[0].reason.contains("the file has no [[account]]"));
        let prod = merged.environment("acme-prod").unwrap();
        assert!(prod.database.is_none(), "nothing of it is taken");
        assert!(merged.environment("acme-test").is_some());
    }

    #[test]
    fn other_files_are_refused_whole_and_only_discovery_writes_gone() {
        let fleet = written().parse().unwrap();
        for text in [
            "[[environment]",
            "[refresh]\nlist_requests_per_day = 1",
            "environment = 1",
        ] {
            assert!(Fleet::parse_discovered("discovered.toml", text, &fleet).is_err());
        }
        let fault = FleetBuilder::with("a").bucket("files", "gone_since = \"2026-11-01\"");
        assert!(fault.parse().unwrap_err().contains("unknown key"));
    }

    #[test]
    fn tags_have_defaults_and_a_fleet_may_be_discovered_whole() {
        let discover = |text: &str| {
            let fleet = FleetBuilder::default().toml(text).parse();
            fleet.map(|fleet| fleet.discover().cloned().unwrap())
        };
        assert_eq!(discover("[discover]"), Ok(Discover::default()));
        let own = discover(
            "[discover]\nregions = [\"eu-west-1\"]\n[discover.tags]\nenvironment = \"app\"",
        );
        let own = own.unwrap();
        assert_eq!(
            (own.tags.environment.as_str(), own.tags.user.as_str()),
            ("app", "mrt:user")
        );
        assert_eq!(own.regions, ["eu-west-1"]);
        for (text, expected) in [
            (
                "[discover]\ntag = \"x\"",
                "discover.tag: unknown key; allowed keys: regions, tags",
            ),
            (
                "[discover.tags]\nname = \"x\"",
                "allowed keys: environment, prefix, database, user, constants",
            ),
            (
                "[discover]\nregions = [\"A\"]",
                "discover.regions[0]: is not a region",
            ),
        ] {
            let fault = discover(text).unwrap_err();
            assert!(fault.contains(expected), "{fault}");
        }
    }
}
