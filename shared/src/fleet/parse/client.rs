//! The rules of `[[client]]`: which environments a client of the user pool may read.

use std::collections::{BTreeMap, BTreeSet};

use toml::de::DeValue;

use super::MAX_ENVIRONMENTS;
use super::fault::Faults;
use super::section::Section;
use crate::config::{EVERY_ENVIRONMENT, Environments};
use crate::fleet::Environment;

/// Most clients of one file: more than a user pool has.
const MAX_CLIENTS: usize = 10_000;
/// Longest id of a client, in characters.
const MAX_ID_LENGTH: usize = 128;
/// What a list of environments may be.
const ALLOWED: &str = "a list of environments of this file, or [\"*\"] for all";

/// Reads all `[[client]]`, by their ids. Without `environments`, any name may be that of a discovered one.
pub(super) fn read_clients(
    faults: &mut Faults<'_>,
    root: &Section<'_>,
    environments: Option<&BTreeMap<String, Environment>>,
) -> BTreeMap<String, Environments> {
    let mut clients = BTreeMap::new();
    for section in root.sub_tables(faults, "client", MAX_CLIENTS) {
        section.check_keys(faults, &["id", "environments"]);
        let id = section.required_text(faults, "id");
        let id = section.checked(faults, "id", id, client_id);
        let names = read_names(faults, &section, environments);
        let Some(id) = id else { continue };
        if clients.insert(id.clone(), names).is_some() {
            let reason = format!("{id:?} is used twice");
            faults.add(section.offset, &section.field("id"), reason);
        }
    }
    clients
}

/// Reads the list of environments. An empty one is for a client that may read nothing.
fn read_names(
    faults: &mut Faults<'_>,
    section: &Section<'_>,
    environments: Option<&BTreeMap<String, Environment>>,
) -> Environments {
    if section.get("environments").is_none() {
        let field = section.field("environments");
        faults.add(
            section.offset,
            &field,
            format!("is missing: give {ALLOWED}"),
        );
    }
    let mut names = BTreeSet::new();
    let most = environments.map_or(MAX_ENVIRONMENTS, |known| known.len().max(1));
    let is_known = |name: &str| environments.is_none_or(|known| known.contains_key(name));
    for (field, entry) in section.entries(faults, "environments", ALLOWED, most) {
        let offset = entry.span().start;
        match entry.get_ref() {
            DeValue::String(name) if name == EVERY_ENVIRONMENT || is_known(name) => {
                names.insert(name.clone().into_owned());
            }
            // A misspelt name would otherwise take an environment from a client without a word.
            DeValue::String(name) => {
                faults.add(
                    offset,
                    &field,
                    format!("{name:?} is no environment of this file"),
                );
            }
            other => faults.add(
                offset,
                &field,
                format!("is {}, must be a string", other.type_str()),
            ),
        }
    }
    Environments::named(names)
}

fn client_id(text: &str) -> Result<(), &'static str> {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_+-".contains(&byte);
    if text.len() <= MAX_ID_LENGTH && text.bytes().all(is_allowed) {
        return Ok(());
    }
    Err("is not the id of a client: at most 128 letters, digits, _, + and -")
}

#[cfg(test)]
mod tests {
    use crate::config::Environments;
    use crate::fleet::Fleet;
    use crate::testing::fleet::FleetBuilder;

    fn parse(clients: &str) -> Result<Fleet, String> {
        let fleet = FleetBuilder::with("acme-prod").environment("acme-test");
        fleet.toml(clients).parse()
    }

    #[test]
    fn a_client_may_read_what_its_entry_lists() {
        let fleet = parse(
            "[[client]]\nid = \"ci\"\nenvironments = [\"acme-test\"]\n\
             [[client]]\nid = \"grafana\"\nenvironments = [\"*\"]\n\
             [[client]]\nid = \"old\"\nenvironments = []\n",
        );

        let fleet = fleet.unwrap();
        let may_read = |client: &str, name: &str| fleet.client(client).unwrap().contains(name);
        assert!(may_read("ci", "acme-test") && !may_read("ci", "acme-prod"));
        assert_eq!(fleet.client("grafana"), Some(&Environments::All));
        assert_eq!(fleet.client("old"), Some(&Environments::none()));
        assert_eq!(fleet.client("unknown"), None);
    }

    #[test]
    fn every_fault_of_a_client_is_named() {
        for (client, expected) in [
            ("id = \"ci\"", "client[0].environments: is missing"),
            ("environments = []", "client[0].id: is missing"),
            (
                "id = \"c i\"\nenvironments = []",
                "client[0].id: \"c i\" is not the id of a client",
            ),
            (
                "id = \"ci\"\nenvironments = [\"acme-tset\"]",
                "client[0].environments[0]: \"acme-tset\" is no environment of this file",
            ),
            (
                "id = \"ci\"\nenvironments = \"*\"",
                "client[0].environments: must be a list of environments",
            ),
            (
                "id = \"ci\"\nenvironments = [1]",
                "client[0].environments[0]: is integer, must be a string",
            ),
            (
                "id = \"ci\"\nenvironments = []\n[[client]]\nid = \"ci\"\nenvironments = []",
                "client[1].id: \"ci\" is used twice",
            ),
            ("id = \"ci\"\nname = \"x\"", "client[0].name: unknown key"),
        ] {
            let shown = parse(&format!("[[client]]\n{client}\n")).unwrap_err();
            assert!(shown.contains(expected), "{expected}\n--- in ---\n{shown}");
        }
    }
}
