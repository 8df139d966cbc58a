//! Stored forms of a month, versioned: all past versions are read, the newest is written.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::month::Month;
use super::record::{DayRecord, MonthRecord};
use crate::attributes::{self, Attributes, NEWER_RELEASE};
use crate::identities::TypeCounts;
use crate::snapshot::{ConcurrentUsers, UserCounts, stored};
use crate::store::Item;

/// Version that is written.
const VERSION: u64 = 1;

/// Attributes of the record's item.
#[derive(Serialize, Deserialize)]
struct StoredHeader {
    user_month_version: u64,
    /// Number of items that hold the set.
    set_items: usize,
    /// Digest of the set's packed bytes, which each of its items names.
    set_digest: String,
}

/// Attributes of an item of the set.
#[derive(Serialize, Deserialize)]
struct StoredPart {
    user_month_version: u64,
    set_digest: String,
}

#[derive(Serialize, Deserialize)]
struct StoredMonth {
    days: BTreeMap<u8, StoredDay>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    key_id: Option<u64>,
    users: StoredTypes,
    new_by_day: BTreeMap<u8, u64>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    is_key_changed: bool,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    is_too_large: bool,
}

#[derive(Serialize, Deserialize)]
struct StoredTypes(#[serde(with = "TypeFields")] TypeCounts);

#[derive(Serialize, Deserialize)]
#[serde(remote = "TypeCounts")]
struct TypeFields {
    internal: u64,
    external: u64,
    unclassified: u64,
}

#[derive(Serialize, Deserialize)]
struct StoredDay {
    scheduled_at: DateTime<Utc>,
    taken_at: DateTime<Utc>,
    counts: stored::StoredUserCounts,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    peak: Option<stored::StoredConcurrentUsers>,
    runs: BTreeSet<u16>,
    is_identified: bool,
}

/// Where the set of a record is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct SetLocation {
    pub(super) items: usize,
    pub(super) digest: String,
}

pub(super) fn record_attributes(set: &SetLocation) -> Result<Attributes, String> {
    attributes::encode(&StoredHeader {
        user_month_version: VERSION,
        set_items: set.items,
        set_digest: set.digest.clone(),
    })
}

pub(super) fn part_attributes(digest: &str) -> Result<Attributes, String> {
    attributes::encode(&StoredPart {
        user_month_version: VERSION,
        set_digest: digest.to_owned(),
    })
}

/// Returns the digest of the set that `item` is a part of.
pub(super) fn read_part(item: &Item) -> Result<String, String> {
    let stored: StoredPart = attributes::decode(&item.attributes)?;
    check(stored.user_month_version)?;
    Ok(stored.set_digest)
}

pub(super) fn record_body(record: &MonthRecord) -> Result<Vec<u8>, String> {
    let day = |day: &DayRecord| StoredDay {
        scheduled_at: day.newest.0,
        taken_at: day.newest.1,
        counts: day.counts.into(),
        peak: day.peak.map(Into::into),
        runs: day.runs.clone(),
        is_identified: day.is_identified,
    };
    let stored = StoredMonth {
        days: record
            .days
            .iter()
            .map(|(number, each)| (*number, day(each)))
            .collect(),
        key_id: record.key_id,
        users: StoredTypes(record.users),
        new_by_day: record.new_by_day.clone(),
        is_key_changed: record.is_key_changed,
        is_too_large: record.is_too_large,
    };
    let json = serde_json::to_vec(&stored).map_err(|error| error.to_string())?;
    stored::pack(&json)
}

/// Returns the record in `item`, and where its set is.
pub(super) fn read_record(month: Month, item: &Item) -> Result<(MonthRecord, SetLocation), String> {
    let header: StoredHeader = attributes::decode(&item.attributes)?;
    check(header.user_month_version)?;
    let body = item.body.as_ref().ok_or("it has no body")?;
    let json = stored::unpack(body)?;
    let month_stored: StoredMonth =
        serde_json::from_slice(&json).map_err(|error| error.to_string())?;
    let day = |stored: StoredDay| DayRecord {
        newest: (stored.scheduled_at, stored.taken_at),
        counts: UserCounts::from(stored.counts),
        peak: stored.peak.map(ConcurrentUsers::from),
        runs: stored.runs,
        is_identified: stored.is_identified,
    };
    let days = month_stored.days.into_iter();
    let record = MonthRecord {
        month,
        days: days.map(|(number, each)| (number, day(each))).collect(),
        key_id: month_stored.key_id,
        users: month_stored.users.0,
        new_by_day: month_stored.new_by_day,
        is_key_changed: month_stored.is_key_changed,
        is_too_large: month_stored.is_too_large,
    };
    let set = SetLocation {
        items: header.set_items,
        digest: header.set_digest,
    };
    Ok((record, set))
}

fn check(version: u64) -> Result<(), String> {
    match version {
        VERSION => Ok(()),
        newer if newer > VERSION => Err(format!("{NEWER_RELEASE} (stored form {newer})")),
        other => Err(format!("its version {other} is unknown")),
    }
}
