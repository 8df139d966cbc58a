//! Who the users of an app are: counts, pages of accounts and identities, read from its own database.
//!
//! Columns are looked up in each transaction, because Mendix's tables differ between versions; what a version does not
//! have is `None` with a warning. Nothing here is shown: names leave through the API's own views only.

mod connection;
mod counts;
mod error;
mod grants;
mod identities;
mod list;
mod question;
mod schema;
mod statement;

pub use connection::{Connection, STATEMENT_TIMEOUT};
pub use counts::{
    Accounts, DatabaseCounts, MAX_ROLES, RoleCounts, SessionCounts, read as read_counts,
};
pub use error::UsersError;
pub use grants::grants_script;
pub use identities::{read as read_identities, read_activity};
pub use list::{KINDS, ListQuery, Listed, Page, USER_TYPES, read as read_page};
pub use question::Question;
