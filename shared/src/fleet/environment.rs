//! Environments, and the fleet of them.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::NaiveDate;

use super::account::Account;
use super::alert::Alert;
use super::constants::ConstantLayers;
use super::discover::Discover;
use super::licence::Licence;
use super::prices::Prices;
use super::refresh::RefreshBudget;
use super::target::{BucketTarget, DatabaseTarget, TargetId};
use super::users::DEFAULT_USERS_EVERY;
use crate::config::Environments;

/// Default name of the administrator account, which does not count as a user.
pub const DEFAULT_ADMINISTRATOR: &str = "MxAdmin";
/// Mendix's default `SessionTimeout` of 600,000 ms.
pub const DEFAULT_SESSION_TIMEOUT: Duration = Duration::from_secs(600);

/// All environments, in the order of their names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fleet {
    pub(super) environments: BTreeMap<String, Environment>,
    pub(super) licence: Option<Licence>,
    pub(super) accounts: BTreeMap<String, Account>,
    pub(super) discover: Option<Discover>,
    pub(super) alerts: Vec<Alert>,
    pub(super) clients: BTreeMap<String, Environments>,
    pub(super) prices: Prices,
    pub(super) refresh: RefreshBudget,
    pub(super) users_every: Duration,
}

impl Default for Fleet {
    /// No environments.
    fn default() -> Self {
        Self {
            environments: BTreeMap::new(),
            licence: None,
            accounts: BTreeMap::new(),
            alerts: Vec::new(),
            clients: BTreeMap::new(),
            prices: Prices::default(),
            refresh: RefreshBudget::default(),
            discover: None,
            users_every: DEFAULT_USERS_EVERY,
        }
    }
}

/// One app in one stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Environment {
    /// Unique name: lower-case letters, digits and hyphens, at most 63.
    pub name: String,
    /// Its storage: buckets, parts of buckets and other storage. May be empty.
    pub storage: Vec<BucketTarget>,
    /// Its database, if it has one.
    pub database: Option<DatabaseTarget>,
    /// Where its constants are defined and set, if that is configured.
    pub constants: Option<ConstantLayers>,
    /// Name of the administrator account, which user counts exclude.
    pub administrator: String,
    /// Time after its last action during which a session counts as active.
    pub session_timeout: Duration,
    /// Whether it is one of those that a company's licence is mostly about.
    pub is_production: bool,
    /// Targets that discovery does not find any more, and since when. They keep their numbers and are not measured.
    pub gone: BTreeMap<TargetId, NaiveDate>,
}

impl Fleet {
    /// Returns all environments in the order of their names.
    pub fn environments(&self) -> impl Iterator<Item = &Environment> {
        self.environments.values()
    }

    /// Returns the accounts that the file describes, in the order of their ids.
    pub fn accounts(&self) -> impl Iterator<Item = &Account> {
        self.accounts.values()
    }

    /// Returns what is discovered; `None` if everything is written.
    pub fn discover(&self) -> Option<&Discover> {
        self.discover.as_ref()
    }

    /// Returns the licence that the file states.
    pub fn licence(&self) -> Option<Licence> {
        self.licence
    }

    /// Returns the alerts in the order of the file.
    pub fn alerts(&self) -> &[Alert] {
        &self.alerts
    }

    /// Returns the environments that the client of this id is limited to; `None` if the file does not name it.
    pub fn client(&self, id: &str) -> Option<&Environments> {
        self.clients.get(id)
    }

    /// Returns the prices of storage and requests.
    pub fn prices(&self) -> &Prices {
        &self.prices
    }

    /// Returns the budget for listing all buckets.
    pub fn refresh(&self) -> RefreshBudget {
        self.refresh
    }

    /// Returns the time between two counts of a database's users.
    pub fn users_every(&self) -> Duration {
        self.users_every
    }

    /// Returns the environment of that name.
    pub fn environment(&self, name: &str) -> Option<&Environment> {
        self.environments.get(name)
    }

    /// Returns all storage targets, buckets and others, in the order of their ids.
    pub fn buckets(&self) -> Vec<&BucketTarget> {
        let mut targets: Vec<_> = self
            .environments()
            .flat_map(|environment| &environment.storage)
            .collect();
        targets.sort_by_cached_key(|target| target.id());
        targets
    }

    /// Returns all database targets in the order of their ids.
    pub fn databases(&self) -> Vec<&DatabaseTarget> {
        let mut targets: Vec<_> = self
            .environments()
            .filter_map(|environment| environment.database.as_ref())
            .collect();
        targets.sort_by_cached_key(|target| target.id());
        targets
    }

    /// Returns the storage target of that id.
    pub fn bucket(&self, id: &TargetId) -> Option<&BucketTarget> {
        let storage = &self.environment_of(id)?.storage;
        storage.iter().find(|target| target.id() == *id)
    }

    /// Returns the database target of that id.
    pub fn database(&self, id: &TargetId) -> Option<&DatabaseTarget> {
        let database = self.environment_of(id)?.database.as_ref();
        database.filter(|target| target.id() == *id)
    }

    /// Returns the environment whose database has that id.
    pub fn environment_of_database(&self, id: &TargetId) -> Option<&Environment> {
        let environment = self.environment_of(id)?;
        let database = environment.database.as_ref();
        (database?.id() == *id).then_some(environment)
    }

    /// Returns the environment of a target id.
    pub(super) fn environment_of(&self, id: &TargetId) -> Option<&Environment> {
        self.environment(id.as_str().split('/').next()?)
    }
}
