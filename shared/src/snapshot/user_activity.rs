//! Active users of an app at one time: a measurement of its own, from which months are made. Domain types only.

use super::{Completeness, Measurement};
use crate::fleet::Kind;
use crate::identities::{Identities, TypeCounts};

/// What a run found of an app's users.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserActivity {
    /// Accounts that are active.
    pub counts: UserCounts,
    /// Users with a session; `None` if the app stores no sessions.
    pub concurrent: Option<ConcurrentUsers>,
    /// Who they are; `None` without a deployment key. A month takes them in; a snapshot that is read has none.
    pub identities: Option<KeyedIdentities>,
}

/// Numbers of active accounts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UserCounts {
    /// Distinct named users, as metering counts them.
    pub named: TypeCounts,
    /// Active accounts without the administrator, as a licence probably counts them.
    pub licensed: u64,
    /// Accounts of anonymous visitors.
    pub anonymous: u64,
}

/// Users with a session within the app's session time-out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConcurrentUsers {
    /// Distinct named users.
    pub named_users: u64,
    /// Sessions of named users.
    pub named_user_sessions: u64,
    /// Sessions of anonymous visitors.
    pub anonymous_sessions: u64,
}

/// Identities, and the key that their HMACs are made with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyedIdentities {
    /// Tells the key from others.
    pub key_id: u64,
    /// The identities.
    pub identities: Identities,
}

impl ConcurrentUsers {
    /// Returns the greater of each number.
    #[must_use]
    pub fn most(self, other: Self) -> Self {
        Self {
            named_users: self.named_users.max(other.named_users),
            named_user_sessions: self.named_user_sessions.max(other.named_user_sessions),
            anonymous_sessions: self.anonymous_sessions.max(other.anonymous_sessions),
        }
    }
}

impl Measurement for UserActivity {
    const KIND: Kind = Kind::Users;
    type Summary = (UserCounts, Option<ConcurrentUsers>);

    fn summary(&self) -> Self::Summary {
        (self.counts, self.concurrent)
    }

    fn completeness(&self) -> Completeness {
        Completeness::Complete
    }

    fn total_bytes(&self) -> u64 {
        0
    }
}
