//! Where the items of months are. The table of keys is in `store.rs`.

use super::month::Month;
use crate::fleet::TargetId;
use crate::store::Key;

/// Returns the key of a month's record.
pub(super) fn record(target: &TargetId, month: Month) -> Key {
    Key {
        partition: format!("USER_MONTH#{target}"),
        sort: month.to_string(),
    }
}

/// Returns the key of a part of a month's set, from 0.
pub(super) fn part(target: &TargetId, month: Month, number: usize) -> Key {
    Key {
        partition: format!("USER_MONTH_SET#{target}"),
        sort: format!("{month}#{number:02}"),
    }
}
