//! The licence of the company: what its users are compared with.

use chrono::NaiveDate;

/// Limits of a licence. What the contract does not limit is `None`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Licence {
    /// Most named users.
    pub named: Option<u64>,
    /// Most users with a session at a time.
    pub concurrent: Option<u64>,
    /// Last day on which it is valid.
    pub expires: Option<NaiveDate>,
}
