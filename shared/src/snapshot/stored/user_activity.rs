//! Stored form of the users of an app: all of it is summary. Identities are in no snapshot.

use serde::{Deserialize, Serialize};

use super::{Stored, without_body};
use crate::identities::TypeCounts;
use crate::snapshot::{ConcurrentUsers, Measurement, UserActivity, UserCounts};

/// Stored form of the summary of [`UserActivity`].
#[derive(Serialize, Deserialize)]
pub struct StoredUserActivity {
    counts: StoredUserCounts,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    concurrent: Option<StoredConcurrentUsers>,
}

/// Stored form of [`UserCounts`].
#[derive(Serialize, Deserialize)]
pub(crate) struct StoredUserCounts {
    internal: u64,
    external: u64,
    unclassified: u64,
    licensed: u64,
    anonymous: u64,
}

/// Stored form of [`ConcurrentUsers`].
#[derive(Serialize, Deserialize)]
pub(crate) struct StoredConcurrentUsers(#[serde(with = "ConcurrentFields")] ConcurrentUsers);

#[derive(Serialize, Deserialize)]
#[serde(remote = "ConcurrentUsers")]
struct ConcurrentFields {
    named_users: u64,
    named_user_sessions: u64,
    anonymous_sessions: u64,
}

impl From<UserCounts> for StoredUserCounts {
    fn from(counts: UserCounts) -> Self {
        let UserCounts {
            named,
            licensed,
            anonymous,
        } = counts;
        Self {
            internal: named.internal,
            external: named.external,
            unclassified: named.unclassified,
            licensed,
            anonymous,
        }
    }
}

impl From<StoredUserCounts> for UserCounts {
    fn from(stored: StoredUserCounts) -> Self {
        Self {
            named: TypeCounts {
                internal: stored.internal,
                external: stored.external,
                unclassified: stored.unclassified,
            },
            licensed: stored.licensed,
            anonymous: stored.anonymous,
        }
    }
}

impl From<ConcurrentUsers> for StoredConcurrentUsers {
    fn from(concurrent: ConcurrentUsers) -> Self {
        Self(concurrent)
    }
}

impl From<StoredConcurrentUsers> for ConcurrentUsers {
    fn from(stored: StoredConcurrentUsers) -> Self {
        stored.0
    }
}

impl Stored for UserActivity {
    const VERSION: u64 = 2;
    type StoredSummary = StoredUserActivity;

    fn store_summary((counts, concurrent): &<Self as Measurement>::Summary) -> StoredUserActivity {
        StoredUserActivity {
            counts: (*counts).into(),
            concurrent: concurrent.map(Into::into),
        }
    }

    fn read_summary(stored: StoredUserActivity) -> Result<<Self as Measurement>::Summary, String> {
        Ok((stored.counts.into(), stored.concurrent.map(Into::into)))
    }

    fn read_body(
        summary: <Self as Measurement>::Summary,
        body: Option<&[u8]>,
    ) -> Result<Self, String> {
        let (counts, concurrent) = without_body(summary, body)?;
        Ok(Self {
            counts,
            concurrent,
            identities: None,
        })
    }
}
