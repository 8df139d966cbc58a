//! Parses the fleet file. Finds all faults in one pass, with their lines and fields.

mod account;
mod alert;
mod client;
mod constants;
mod database;
mod discover;
mod fault;
mod licence;
mod money;
mod refresh;
mod scope;
mod section;
mod storage;
#[cfg(test)]
mod tests;
mod users;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use toml::de::DeTable;

use super::environment::{DEFAULT_ADMINISTRATOR, DEFAULT_SESSION_TIMEOUT, Environment, Fleet};
use super::storage_kind::StorageKind;
use super::target::TargetId;
use super::users::DEFAULT_USERS_EVERY;
use crate::config::RESERVED_NAME;
use account::read_accounts;
use alert::read_alerts;
use client::read_clients;
use constants::read_constants;
use database::read_database;
use discover::read_discover;
use fault::Faults;
use licence::read_licence;
use money::read_prices;
use refresh::{MAX_ERROR, read_max_error, read_refresh};
use scope::{Context, read_gone};
use section::{Section, Text};
use storage::read_storage;
use users::read_users;

pub use account::MAX_ACCOUNTS;
pub use alert::MAX_ALERTS;
pub use fault::{Fault, FleetFaults};

/// Most environments in one file: one planning run can queue them well within its time-out.
pub const MAX_ENVIRONMENTS: usize = 10_000;
/// Most storage entries of one environment.
pub const MAX_STORAGE_PER_ENVIRONMENT: usize = 100;

impl Fleet {
    /// Parses the fleet file `text`. `name` is its name in messages.
    ///
    /// # Errors
    ///
    /// All faults of the file, with their lines and fields.
    pub fn parse(name: &str, text: &str) -> Result<Self, FleetFaults> {
        let mut faults = Faults {
            text,
            list: Vec::new(),
        };
        let fleet = match DeTable::parse(text) {
            Ok(table) => read_fleet(&mut faults, table.get_ref()),
            Err(error) => {
                let start = error.span().map_or(0, |span| span.start);
                faults.add(start, "", format!("not TOML: {}", error.message()));
                Fleet::default()
            }
        };
        if faults.list.is_empty() {
            return Ok(fleet);
        }
        faults.list.sort_by_key(|fault| fault.line);
        Err(FleetFaults {
            file: name.to_owned(),
            faults: faults.list,
        })
    }
}

fn read_fleet(faults: &mut Faults<'_>, table: &DeTable<'_>) -> Fleet {
    let root = Section {
        table,
        path: String::new(),
        offset: 0,
    };
    root.check_keys(
        faults,
        &[
            "environment",
            "prices",
            "refresh",
            "users",
            "licence",
            "alert",
            "account",
            "discover",
            "client",
        ],
    );
    let prices = root.sub_table(faults, "prices");
    let prices = prices.map(|section| read_prices(faults, &section));
    let licence = root.sub_table(faults, "licence");
    let licence = licence.map(|section| read_licence(faults, &section));
    let refresh = root.sub_table(faults, "refresh");
    let refresh = refresh.map(|section| read_refresh(faults, &section));
    let discover = root.sub_table(faults, "discover");
    let discover = discover.map(|section| read_discover(faults, &section));
    let users = root.sub_table(faults, "users");
    let users_every = users.map(|section| read_users(faults, &section));
    if root.get("environment").is_none() && root.get("discover").is_none() {
        faults.add(
            0,
            "environment",
            "is missing: a fleet has at least one [[environment]], or [discover]",
        );
    }
    let accounts = read_accounts(faults, &root);
    let context = Context {
        environment: "",
        accounts: &accounts,
        is_discovered: false,
        max_error: None,
    };
    let mut environments = BTreeMap::new();
    for section in root.sub_tables(faults, "environment", MAX_ENVIRONMENTS) {
        let Some(environment) = read_environment(faults, &section, context) else {
            continue;
        };
        let name = environment.name.clone();
        if environments.insert(name.clone(), environment).is_some() {
            faults.add(
                section.offset,
                &section.field("name"),
                format!("{name:?} is used twice"),
            );
        }
    }
    // What is discovered is not known here.
    let known = discover.is_none().then_some(&environments);
    let alerts = read_alerts(faults, &root, known);
    let clients = read_clients(faults, &root, known);
    Fleet {
        environments,
        accounts,
        discover,
        licence,
        alerts,
        clients,
        prices: prices.unwrap_or_default(),
        refresh: refresh.unwrap_or_default(),
        users_every: users_every.unwrap_or(DEFAULT_USERS_EVERY),
    }
}

fn read_environment(
    faults: &mut Faults<'_>,
    section: &Section<'_>,
    context: Context<'_>,
) -> Option<Environment> {
    section.check_keys(
        faults,
        &[
            "name",
            "administrator",
            "session_timeout_seconds",
            MAX_ERROR,
            "production",
            "storage",
            "database",
            "constants",
        ],
    );
    let name = section.required_text(faults, "name");
    let name = section.checked(faults, "name", name, environment_name);
    let environment = name.clone().unwrap_or_default();
    let context = Context {
        environment: &environment,
        max_error: read_max_error(faults, section),
        ..context
    };
    let mut gone = BTreeMap::new();

    let mut ids = BTreeSet::new();
    let mut storage = Vec::new();
    for entry in section.sub_tables(faults, "storage", MAX_STORAGE_PER_ENVIRONMENT) {
        let Some(target) = read_storage(faults, &entry, context) else {
            continue;
        };
        if target.id().as_str().len() > TargetId::MAX_BYTES {
            faults.add(
                entry.offset,
                &entry.path,
                "bucket, prefix and suffix together are too long",
            );
        }
        if !ids.insert(target.id()) {
            let what = match target.kind {
                StorageKind::S3 => "bucket, prefix and suffix",
                _ => "kind and id",
            };
            let reason = format!("repeats the {what} of another entry");
            faults.add(entry.offset, &entry.path, reason);
        }
        if let Some(since) = read_gone(faults, &entry, context) {
            gone.insert(target.id(), since);
        }
        storage.push(target);
    }
    let database = section.sub_table(faults, "database");
    let database = database.and_then(|entry| {
        let target = read_database(faults, &entry, context)?;
        if let Some(since) = read_gone(faults, &entry, context) {
            gone.insert(target.id(), since);
        }
        Some(target)
    });
    let constants = section.sub_table(faults, "constants");
    let constants = constants.and_then(|entry| read_constants(faults, &entry, context));
    let administrator = section
        .optional_text(faults, "administrator")
        .map(Text::to_owned);
    let production = section.boolean(faults, "production");
    let session_timeout = section.whole_number(faults, "session_timeout_seconds", 1, 86_400);

    Some(Environment {
        name: name?,
        storage,
        database,
        constants,
        administrator: administrator.unwrap_or_else(|| DEFAULT_ADMINISTRATOR.to_owned()),
        is_production: production.unwrap_or(false),
        gone,
        session_timeout: session_timeout.map_or(DEFAULT_SESSION_TIMEOUT, Duration::from_secs),
    })
}

fn environment_name(text: &str) -> Result<(), &'static str> {
    let characters = text
        .bytes()
        .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    if text == RESERVED_NAME {
        return Err("is the name of the group for all environments: choose another name");
    }
    if characters && text.len() <= 63 && !text.starts_with('-') {
        return Ok(());
    }
    Err(
        "is not an environment name: 1 to 63 lower-case letters, digits and hyphens; the first is not a hyphen",
    )
}
