//! How what discovery found joins what is written, and what it does not find any more.

use std::collections::BTreeMap;

use chrono::NaiveDate;

use super::environment::{DEFAULT_ADMINISTRATOR, DEFAULT_SESSION_TIMEOUT, Environment, Fleet};
use super::target::{BucketTarget, DatabaseTarget, TargetId};

impl Fleet {
    /// Adds the environments of `discovered`. What this fleet has of the same storage, database or constants stays.
    pub(super) fn add_discovered(&mut self, discovered: Self) {
        for (name, found) in discovered.environments {
            let Some(written) = self.environments.get_mut(&name) else {
                self.environments.insert(name, found);
                continue;
            };
            let is_new = |id: &TargetId| !written.storage.iter().any(|own| own.id() == *id);
            let storage = found.storage.into_iter();
            let storage: Vec<_> = storage.filter(|target| is_new(&target.id())).collect();
            let database = found.database.filter(|_| written.database.is_none());
            let mut ids: Vec<_> = storage.iter().map(|target| target.id()).collect();
            ids.extend(database.as_ref().map(|target| target.id()));
            let gone = found.gone.into_iter().filter(|(id, _)| ids.contains(id));
            written.gone.extend(gone);
            written.storage.extend(storage);
            written.database = written.database.take().or(database);
            written.constants = written.constants.take().or(found.constants);
        }
    }

    /// Returns all storage targets that are measured: those of [`Fleet::buckets`] that are not gone.
    pub fn measured_buckets(&self) -> Vec<&BucketTarget> {
        let mut targets = self.buckets();
        targets.retain(|target| self.gone_since(&target.id()).is_none());
        targets
    }

    /// Returns all databases that are measured: those of [`Fleet::databases`] that are not gone.
    pub fn measured_databases(&self) -> Vec<&DatabaseTarget> {
        let mut targets = self.databases();
        targets.retain(|target| self.gone_since(&target.id()).is_none());
        targets
    }

    /// Returns since when discovery does not find the target any more; `None` if it is there, or written.
    pub fn gone_since(&self, id: &TargetId) -> Option<NaiveDate> {
        self.environment_of(id)?.gone.get(id).copied()
    }
}

impl Environment {
    /// Returns an environment without targets, with defaults.
    pub fn named(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            storage: Vec::new(),
            database: None,
            constants: None,
            administrator: DEFAULT_ADMINISTRATOR.to_owned(),
            session_timeout: DEFAULT_SESSION_TIMEOUT,
            is_production: false,
            gone: BTreeMap::new(),
        }
    }

    /// Returns whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.storage.is_empty() && self.database.is_none() && self.constants.is_none()
    }
}
