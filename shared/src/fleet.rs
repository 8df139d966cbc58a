//! The fleet: environments and their targets, as described by the fleet file.
//!
//! A [`Fleet`] is valid by construction. `fleet/parse.rs` has the rules, and [`FleetSource`] reads the file.

mod account;
mod alert;
mod by_prefix;
mod constants;
mod discover;
mod discovered;
mod environment;
mod identifier;
mod licence;
mod parse;
mod prices;
mod refresh;
mod server;
mod source;
mod storage_kind;
mod target;
mod users;

pub use account::{Account, DEFAULT_ROLE, partition};
pub use alert::{Alert, Condition, Destination, TotalOver, WebhookForm, WebhookUrl};
pub use by_prefix::ByPrefix;
pub use constants::{
    ConstantLayer, ConstantLayers, LayerKind, MAX_CONSTANT_LAYERS, MAX_CONSTANT_PATTERNS,
};
pub use discover::{DISCOVERED, Discover, DiscoveryTags};
pub use environment::{DEFAULT_ADMINISTRATOR, DEFAULT_SESSION_TIMEOUT, Environment, Fleet};
pub use licence::Licence;
pub use parse::{
    Fault, FleetFaults, MAX_ACCOUNTS, MAX_ALERTS, MAX_ENVIRONMENTS, MAX_STORAGE_PER_ENVIRONMENT,
};
pub use prices::{Price, Prices};
pub use refresh::{MaxError, RefreshBudget};
pub use server::DatabaseServer;
pub use source::{CHECK_INTERVAL, FLEET_LIMIT_BYTES, FleetError, FleetSource};
pub use storage_kind::StorageKind;
pub use target::{
    Auth, BucketTarget, DatabaseTarget, Engine, InventoryLocation, Kind, Measured, TargetId,
};
pub use users::DEFAULT_USERS_EVERY;
