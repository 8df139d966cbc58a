//! Which environments callers may read: by their client, and without any other word about them.

use std::collections::{BTreeMap, BTreeSet};

use super::{CLIENT_ENVIRONMENTS, ENVIRONMENTS_DEFAULT, Reader};

/// Word for all environments in lists of names.
pub const EVERY_ENVIRONMENT: &str = "*";
/// What stands for all environments in names of groups, which cannot have a `*`. No environment has this name.
pub const RESERVED_NAME: &str = "all";

/// Environments of the fleet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Environments {
    /// All of them, also those that will be added.
    All,
    /// Those with these names; none if it is empty.
    Only(BTreeSet<String>),
}

impl Environments {
    /// Returns no environments.
    pub fn none() -> Self {
        Self::Only(BTreeSet::new())
    }

    /// Returns the environments with these names; all if one of them is [`EVERY_ENVIRONMENT`].
    pub fn named(names: BTreeSet<String>) -> Self {
        if names.contains(EVERY_ENVIRONMENT) {
            Self::All
        } else {
            Self::Only(names)
        }
    }

    /// Returns the environments that are in both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::All, both) | (both, Self::All) => both,
            (Self::Only(one), Self::Only(other)) => {
                Self::Only(one.intersection(&other).cloned().collect())
            }
        }
    }

    /// Returns whether `name` is one of them.
    pub fn contains(&self, name: &str) -> bool {
        match self {
            Self::All => true,
            Self::Only(names) => names.contains(name),
        }
    }
}

/// What the configuration says about the environments that callers may read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnvironmentAccess {
    /// Environments that clients are limited to, by their ids.
    pub clients: BTreeMap<String, Environments>,
    /// Environments of a caller about whom neither its client nor its token says anything.
    pub default: Environments,
}

/// No environment for anybody whose token does not name one.
impl Default for EnvironmentAccess {
    fn default() -> Self {
        Self {
            clients: BTreeMap::new(),
            default: Environments::none(),
        }
    }
}

impl Reader<'_> {
    /// Returns who may read which environments, from [`CLIENT_ENVIRONMENTS`] and [`ENVIRONMENTS_DEFAULT`].
    pub fn environment_access(&mut self) -> EnvironmentAccess {
        let default = match self.optional(ENVIRONMENTS_DEFAULT).as_deref() {
            None | Some("none") => Environments::none(),
            Some("all") => Environments::All,
            Some(other) => {
                self.faults.push(format!(
                    "{ENVIRONMENTS_DEFAULT} is {other:?}; allowed: none, all"
                ));
                Environments::none()
            }
        };
        EnvironmentAccess {
            clients: self.client_environments(),
            default,
        }
    }

    fn client_environments(&mut self) -> BTreeMap<String, Environments> {
        let text = self.optional(CLIENT_ENVIRONMENTS).unwrap_or_default();
        let mut clients = BTreeMap::new();
        let entries = text.split(';').map(str::trim);
        for entry in entries.filter(|entry| !entry.is_empty()) {
            let names = |names: &str| names.split_whitespace().map(str::to_owned).collect();
            let fault = match entry
                .split_once('=')
                .map(|(client, list)| (client.trim(), list))
            {
                None | Some(("", _)) => "is not CLIENT_ID=NAME NAME",
                Some((client, list)) => {
                    let environments = Environments::named(names(list));
                    match clients.insert(client.to_owned(), environments) {
                        None => continue,
                        Some(_) => "repeats its client",
                    }
                }
            };
            self.faults.push(format!(
                "{CLIENT_ENVIRONMENTS}: the entry {entry:?} {fault}"
            ));
        }
        clients
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    }

    fn only(names: &[&str]) -> Environments {
        Environments::Only(names.iter().map(|name| (*name).to_owned()).collect())
    }

    #[test]
    fn nobody_reads_anything_by_default() {
        let (unset, none) = (variables(&[]), variables(&[(ENVIRONMENTS_DEFAULT, "none")]));
        let all = variables(&[(ENVIRONMENTS_DEFAULT, "all")]);
        let bad = variables(&[(ENVIRONMENTS_DEFAULT, "ALL")]);
        let access = |variables| Reader::new(variables).environment_access().default;

        assert_eq!((access(&unset), access(&none)), (only(&[]), only(&[])));
        assert_eq!(access(&all), Environments::All);
        let mut reader = Reader::new(&bad);
        assert_eq!(reader.environment_access().default, only(&[]));
        assert_eq!(
            reader.finish(()).unwrap_err().faults,
            ["MRT_ENVIRONMENTS_DEFAULT is \"ALL\"; allowed: none, all"]
        );
    }

    #[test]
    fn limits_of_clients_are_read_completely_or_not_at_all() {
        let good = variables(&[(
            CLIENT_ENVIRONMENTS,
            "ci=acme-prod acme-test; none= ;page=*;",
        )]);
        let bad = variables(&[(CLIENT_ENVIRONMENTS, "acme-prod;=x;ci=a;ci=b")]);

        let access = Reader::new(&good).environment_access();
        let mut reader = Reader::new(&bad);
        reader.environment_access();

        let expected = [
            ("ci", only(&["acme-prod", "acme-test"])),
            ("none", only(&[])),
            ("page", Environments::All),
        ];
        let expected = expected.map(|(client, environments)| (client.to_owned(), environments));
        assert_eq!(access.clients, BTreeMap::from(expected));
        assert_eq!(
            reader.finish(()).unwrap_err().faults,
            [
                "MRT_CLIENT_ENVIRONMENTS: the entry \"acme-prod\" is not CLIENT_ID=NAME NAME",
                "MRT_CLIENT_ENVIRONMENTS: the entry \"=x\" is not CLIENT_ID=NAME NAME",
                "MRT_CLIENT_ENVIRONMENTS: the entry \"ci=b\" repeats its client",
            ]
        );
    }

    #[test]
    fn what_two_lists_allow_is_what_both_have() {
        assert_eq!(only(&["a", "b"]).and(only(&["b", "c"])), only(&["b"]));
        assert_eq!(only(&["a"]).and(Environments::All), only(&["a"]));
        assert_eq!(Environments::All.and(only(&["a"])), only(&["a"]));
        assert_eq!(Environments::All.and(Environments::All), Environments::All);
    }
}
