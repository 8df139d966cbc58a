//! What is known of a month: the counts of its days, and the numbers of its set. No I/O.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Timelike, Utc};

use super::active::{ActiveUsers, MAX_USERS};
use super::month::{Month, day_of};
use crate::identities::TypeCounts;
use crate::snapshot::{ConcurrentUsers, KeyedIdentities, Run, UserActivity, UserCounts};

/// What one run found, as a month takes it in.
#[derive(Debug, Clone)]
pub struct ActiveRun<'a> {
    /// Scheduled time of the run: its day and month.
    pub scheduled_at: DateTime<Utc>,
    /// When the users were read.
    pub taken_at: DateTime<Utc>,
    /// The users.
    pub activity: &'a UserActivity,
}

impl<'a> ActiveRun<'a> {
    /// Returns what `run` found.
    pub fn new(run: &Run, activity: &'a UserActivity) -> Self {
        Self {
            scheduled_at: run.scheduled_at,
            taken_at: run.taken_at,
            activity,
        }
    }
}

/// What is known of a month of one database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MonthRecord {
    /// The month.
    pub month: Month,
    /// The days with a run, by their number.
    pub days: BTreeMap<u8, DayRecord>,
    /// Which key the identities are HMACs under; `None` without identities.
    pub key_id: Option<u64>,
    /// Distinct users of the month by type, as far as their identities are known.
    pub users: TypeCounts,
    /// Users that were active for the first time in the month, by day.
    pub new_by_day: BTreeMap<u8, u64>,
    /// Whether another key was in use during the month: what is known under the other one cannot be joined.
    pub is_key_changed: bool,
    /// Whether there were more users than a set may have.
    pub is_too_large: bool,
}

/// What the runs of one day found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DayRecord {
    /// Scheduled time and time of reading of the newest run.
    pub newest: (DateTime<Utc>, DateTime<Utc>),
    /// What it counted.
    pub counts: UserCounts,
    /// The most of each that any run found at a time; `None` if the app stores no sessions.
    pub peak: Option<ConcurrentUsers>,
    /// Minutes of the day for which runs were scheduled.
    pub runs: BTreeSet<u16>,
    /// Whether the identities of any of its runs are known.
    pub is_identified: bool,
}

/// Why a month has no number of distinct users.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoNumber {
    /// Runs had no deployment key.
    NoKey,
    /// The deployment key changed during the month.
    KeyChanged,
    /// There were more than [`MAX_USERS`].
    TooManyUsers,
}

impl MonthRecord {
    /// Returns the record of a month without runs.
    pub fn empty(month: Month) -> Self {
        Self {
            month,
            days: BTreeMap::new(),
            key_id: None,
            users: TypeCounts::default(),
            new_by_day: BTreeMap::new(),
            is_key_changed: false,
            is_too_large: false,
        }
    }

    /// Returns the distinct users of the month so far, or why there is no number.
    ///
    /// # Errors
    ///
    /// See [`NoNumber`].
    pub fn distinct(&self) -> Result<TypeCounts, NoNumber> {
        match self {
            Self {
                is_too_large: true, ..
            } => Err(NoNumber::TooManyUsers),
            Self {
                is_key_changed: true,
                ..
            } => Err(NoNumber::KeyChanged),
            Self { key_id: None, .. } => Err(NoNumber::NoKey),
            _ => Ok(self.users),
        }
    }

    /// Returns the days up to `now`, or of the whole month, whose users are not known.
    ///
    /// The day of `now` itself counts only once it has a run: it is not over.
    pub fn missing_days(&self, now: DateTime<Utc>) -> Vec<u8> {
        let last = match now < self.month.end() {
            true => day_of(now).saturating_sub(1),
            false => self.month.day_count(),
        };
        let is_known = |day: &u8| self.days.get(day).is_some_and(|day| day.is_identified);
        (1..=last).filter(|day| !is_known(day)).collect()
    }

    /// Takes in a run of this month, its identities into `users`; returns whether `users` changed.
    pub(super) fn take_in(&mut self, run: &ActiveRun<'_>, users: &mut ActiveUsers) -> bool {
        let number = day_of(run.scheduled_at);
        let day = day_record(run);
        match self.days.get_mut(&number) {
            Some(known) => known.join(day),
            None => drop(self.days.insert(number, day)),
        }
        match &run.activity.identities {
            Some(identified) => self.add_identities(number, identified, users),
            None => false,
        }
    }

    fn add_identities(
        &mut self,
        day: u8,
        identified: &KeyedIdentities,
        users: &mut ActiveUsers,
    ) -> bool {
        let mut is_changed = false;
        if self.key_id.is_some_and(|known| known != identified.key_id) {
            *users = ActiveUsers::default();
            (self.is_key_changed, is_changed) = (true, true);
        }
        self.key_id = Some(identified.key_id);
        if self.is_too_large {
            return is_changed;
        }
        let mut joined = users.clone();
        joined.add_all(&ActiveUsers::on(day, &identified.identities));
        if joined.len() > MAX_USERS {
            self.is_too_large = true;
            joined = ActiveUsers::default();
        }
        is_changed |= joined != *users;
        *users = joined;
        self.users = users.counts();
        self.new_by_day = users.new_by_day();
        is_changed
    }
}

fn day_record(run: &ActiveRun<'_>) -> DayRecord {
    let minute = run.scheduled_at.hour() * 60 + run.scheduled_at.minute();
    DayRecord {
        newest: (run.scheduled_at, run.taken_at),
        counts: run.activity.counts,
        peak: run.activity.concurrent,
        runs: BTreeSet::from([u16::try_from(minute).unwrap_or_default()]),
        is_identified: run.activity.identities.is_some(),
    }
}

impl DayRecord {
    fn join(&mut self, other: Self) {
        if other.newest > self.newest {
            (self.newest, self.counts) = (other.newest, other.counts);
        }
        self.peak = match (self.peak, other.peak) {
            (Some(one), Some(other)) => Some(one.most(other)),
            (one, other) => one.or(other),
        };
        self.runs.extend(other.runs);
        self.is_identified |= other.is_identified;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identities::{Identities, IdentityMac, UserType};
    use crate::testing::time::at;

    fn activity(users: std::ops::Range<u64>) -> UserActivity {
        let mut identities = Identities::default();
        for user in users {
            let mac = IdentityMac::from_bits(user).unwrap_or_else(|| unreachable!("it is small"));
            identities.add(mac, UserType::Unclassified);
        }
        UserActivity {
            counts: UserCounts {
                named: identities.counts(),
                licensed: 0,
                anonymous: 0,
            },
            concurrent: None,
            identities: Some(KeyedIdentities {
                key_id: 1,
                identities,
            }),
        }
    }

    /// Not even a later day with fewer makes a number of a part of the users.
    #[test]
    fn more_users_than_a_set_may_have_give_no_number() {
        let mut record = MonthRecord::empty(Month::of(at("2026-01-01T00:00:00Z")));
        let mut users = ActiveUsers::default();
        let most = MAX_USERS as u64;
        let days = [
            ("2026-01-01T00:00:00Z", 0..most, Ok(most)),
            (
                "2026-01-02T00:00:00Z",
                1..most + 1,
                Err(NoNumber::TooManyUsers),
            ),
            ("2026-01-03T00:00:00Z", 0..3, Err(NoNumber::TooManyUsers)),
        ];
        for (time, range, expected) in days {
            let activity = activity(range);
            let run = ActiveRun {
                scheduled_at: at(time),
                taken_at: at(time),
                activity: &activity,
            };

            record.take_in(&run, &mut users);

            assert_eq!(record.distinct().map(TypeCounts::total), expected, "{time}");
        }
        assert!(users.is_empty());
        assert_eq!(record.days[&3].counts.named.total(), 3);
    }

    #[test]
    fn a_month_without_runs_has_no_users_and_misses_every_day_that_is_over() {
        let record = MonthRecord::empty(Month::of(at("2026-02-01T00:00:00Z")));

        assert_eq!(record.distinct(), Err(NoNumber::NoKey));
        assert_eq!(record.missing_days(at("2026-02-01T10:00:00Z")), [0; 0]);
        assert_eq!(record.missing_days(at("2026-02-03T10:00:00Z")), [1, 2]);
        assert_eq!(record.missing_days(at("2026-03-03T10:00:00Z")).len(), 28);
    }
}
