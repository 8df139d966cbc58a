//! The accounts that people may log in with on one machine. There are no passwords: whoever reaches the page may choose.

use std::collections::BTreeSet;

use shared::fleet::Fleet;

/// An account of the issuer's user pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Account {
    /// The claim `username`.
    pub(crate) name: String,
    /// What the login page says that it may read.
    pub(crate) description: String,
    /// Environments that its groups limit it to; `None` for all.
    pub(crate) environments: Option<BTreeSet<String>>,
    /// Scopes that its tokens never have.
    pub(crate) denied_scopes: &'static [&'static str],
}

/// Returns the accounts for `fleet`: all environments, those of the first customer only, and all without constants.
///
/// A customer is what environments have in their names before the last hyphen: `acme` of `acme-prod`.
pub(crate) fn accounts_of(fleet: &Fleet) -> Vec<Account> {
    let mut accounts = vec![Account {
        name: "all".to_owned(),
        description: "all environments, everything".to_owned(),
        environments: None,
        denied_scopes: &[],
    }];
    let first = fleet.environments().next();
    if let Some(customer) = first.map(|environment| customer_of(&environment.name)) {
        let own = fleet
            .environments()
            .filter(|environment| customer_of(&environment.name) == customer);
        let names: BTreeSet<String> = own.map(|environment| environment.name.clone()).collect();
        let listed: Vec<&str> = names.iter().map(String::as_str).collect();
        accounts.push(Account {
            name: format!("{customer}-only"),
            description: format!("{}, everything", listed.join(", ")),
            environments: Some(names),
            denied_scopes: &[],
        });
    }
    accounts.push(Account {
        name: "no-constants".to_owned(),
        description: "all environments, everything except constants".to_owned(),
        environments: None,
        denied_scopes: &["mrt/constants.read"],
    });
    accounts
}

fn customer_of(environment: &str) -> &str {
    environment
        .rsplit_once('-')
        .map_or(environment, |(customer, _)| customer)
}

#[cfg(test)]
mod tests {
    use shared::testing::fleet::FleetBuilder;

    use super::*;

    #[test]
    fn one_account_has_everything_one_a_customer_and_one_no_constants() {
        let fleet = FleetBuilder::with("acme-prod")
            .environment("acme-test")
            .environment("globex-prod")
            .parse()
            .unwrap();

        let accounts = accounts_of(&fleet);

        let names: Vec<_> = accounts
            .iter()
            .map(|account| account.name.as_str())
            .collect();
        assert_eq!(names, ["all", "acme-only", "no-constants"]);
        let acme = ["acme-prod", "acme-test"].map(str::to_owned);
        assert_eq!(accounts[1].environments, Some(BTreeSet::from(acme)));
        assert_eq!(accounts[1].description, "acme-prod, acme-test, everything");
        assert!(api::routes::scopes().contains(&accounts[2].denied_scopes[0]));
    }
}
