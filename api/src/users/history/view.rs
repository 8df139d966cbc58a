//! The JSON of `GET /users/history`. No field can hold an identity or an HMAC of one.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use schemars::JsonSchema;
use serde::Serialize;
use shared::fleet::{Environment, TargetId};
use shared::identities::TypeCounts;
use shared::snapshot::{Completeness, ConcurrentUsers, Failure, Latest, Measurement, UserActivity};
use shared::store::StoreError;
use shared::telemetry::error_chain;
use shared::user_months::{DayRecord, Month, MonthRecord, NoNumber};

/// Users of environments by calendar month, one page.
///
/// ```json
/// {
///   "from": "2025-12-01T00:00:00Z",
///   "to": "2026-02-01T00:00:00Z",
///   "time_zone": "UTC",
///   "items": [
///     {
///       "environment": "acme-prod",
///       "production": true,
///       "as_of": "2026-01-02T06:00:03Z",
///       "next_due_at": "2026-01-03T06:00:00Z",
///       "last_failure": null,
///       "months": [
///         {
///           "month": "2026-01",
///           "is_running": true,
///           "completeness": "complete",
///           "named_user_count": 5,
///           "internal": 3,
///           "external": 1,
///           "unclassified": 1,
///           "reason": null,
///           "missing_days": [],
///           "concurrent_peak": {
///             "named_users": 2,
///             "named_user_sessions": 3,
///             "anonymous_sessions": 1,
///             "run_count": 2
///           },
///           "days": [
///             {
///               "day": "2026-01-01",
///               "named_user_count": 4,
///               "internal": 2,
///               "external": 1,
///               "unclassified": 1,
///               "license_estimate": 3,
///               "anonymous_rows": 2,
///               "month_so_far": 4,
///               "concurrent_peak": {
///                 "named_users": 1,
///                 "named_user_sessions": 2,
///                 "anonymous_sessions": 1,
///                 "run_count": 1
///               }
///             },
///             {
///               "day": "2026-01-02",
///               "named_user_count": 4,
///               "internal": 3,
///               "external": 0,
///               "unclassified": 1,
///               "license_estimate": 3,
///               "anonymous_rows": 2,
///               "month_so_far": 5,
///               "concurrent_peak": {
///                 "named_users": 2,
///                 "named_user_sessions": 3,
///                 "anonymous_sessions": 0,
///                 "run_count": 1
///               }
///             }
///           ]
///         }
///       ]
///     }
///   ],
///   "next": null
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct UserHistory {
    /// Start of the first month, inclusive, RFC 3339 UTC.
    pub from: DateTime<Utc>,
    /// End of the last month, exclusive, RFC 3339 UTC: after now if it is the running one.
    pub to: DateTime<Utc>,
    /// Time zone of days and months: always `UTC`.
    pub time_zone: String,
    /// Environments with a database, ordered by name.
    pub items: Vec<EnvironmentMonths>,
    /// Cursor of the next page; null on the last one.
    pub next: Option<String>,
}

/// Months of one environment.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct EnvironmentMonths {
    /// Name in the fleet file.
    pub environment: String,
    /// Whether the fleet file marks it as production.
    pub production: bool,
    /// When its users were last collected, RFC 3339 UTC; null if they never were.
    pub as_of: Option<DateTime<Utc>>,
    /// When they are due again; null with `as_of`.
    pub next_due_at: Option<DateTime<Utc>>,
    /// Why the newest run gave no numbers; null when it did.
    pub last_failure: Option<Failure>,
    /// Months from the first one with a run to the last one that was asked for, oldest first. Empty without any run.
    pub months: Vec<UserMonth>,
}

/// Users of one calendar month.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct UserMonth {
    /// The month: `2026-01`.
    pub month: String,
    /// Whether it is not over: the number is that so far.
    pub is_running: bool,
    /// `partial` if the users of some days, or of all of them, are not known.
    pub completeness: Completeness,
    /// Distinct named users that were active on any day: `internal`, `external` and `unclassified` together. Null with
    /// `reason`.
    pub named_user_count: Option<u64>,
    /// Those that the app reported as internal on the last day that they were active on.
    pub internal: Option<u64>,
    /// Those that it reported as external.
    pub external: Option<u64>,
    /// Those that it did not report. Mendix counts them as internal until the app does.
    pub unclassified: Option<u64>,
    /// Why there is no number: `not_collected`, `no_key` (the deployment has none), `key_changed` (during the month),
    /// `too_many_users` (more than 500,000) or `record_unreadable`; null with one.
    pub reason: Option<String>,
    /// Days that are over and whose users are not known: who was active on one of them only is missing.
    pub missing_days: Vec<NaiveDate>,
    /// The greatest of its days; null if the app stores no sessions.
    pub concurrent_peak: Option<ConcurrentPeak>,
    /// Days with a run, oldest first; null with `step=month`.
    pub days: Option<Vec<UserDay>>,
}

/// Users of one day.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct UserDay {
    /// The day.
    pub day: NaiveDate,
    /// Distinct named users that were active at the day's last run, as `metering` of `/users` counts them.
    pub named_user_count: u64,
    /// Those that the app reports as internal.
    pub internal: u64,
    /// Those that it reports as external.
    pub external: u64,
    /// Those that it does not report.
    pub unclassified: u64,
    /// Active accounts without the administrator, as `license_estimate` of `/users`.
    pub license_estimate: u64,
    /// Accounts of anonymous visitors.
    pub anonymous_rows: u64,
    /// Distinct named users of the month up to this day; null where the month has no number.
    pub month_so_far: Option<u64>,
    /// The most sessions that a run of the day found; null if the app stores none.
    pub concurrent_peak: Option<ConcurrentPeak>,
}

/// The greatest numbers that any run found. Between two runs there can have been more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ConcurrentPeak {
    /// Named users with a session.
    pub named_users: u64,
    /// Sessions of named users.
    pub named_user_sessions: u64,
    /// Sessions of anonymous visitors.
    pub anonymous_sessions: u64,
    /// Runs that were made.
    pub run_count: u64,
}

/// What is known of one environment.
pub(super) struct Known<'a> {
    pub(super) environment: Option<&'a Environment>,
    pub(super) target: &'a TargetId,
    pub(super) latest: Option<&'a Latest<<UserActivity as Measurement>::Summary>>,
    pub(super) months: Vec<(Month, Result<MonthRecord, StoreError>)>,
    pub(super) last: Month,
    pub(super) now: DateTime<Utc>,
    pub(super) with_days: bool,
}

impl Known<'_> {
    pub(super) fn view(self, environment: &str) -> EnvironmentMonths {
        let good = self.latest.and_then(|latest| latest.good.as_ref());
        EnvironmentMonths {
            environment: environment.to_owned(),
            production: self.environment.is_some_and(|each| each.is_production),
            as_of: good.map(|good| good.run.taken_at),
            next_due_at: good.map(|good| good.run.next_due_at),
            last_failure: self.latest.and_then(|latest| latest.last_failure.clone()),
            months: self.months(),
        }
    }

    fn months(self) -> Vec<UserMonth> {
        let running = Month::of(self.now);
        let first = self.months.first().map(|(month, _)| *month);
        let mut records: BTreeMap<_, _> = self.months.into_iter().collect();
        let all = std::iter::successors(first, |month| Some(month.plus(1)));
        let all = all.take_while(|month| *month <= self.last && *month <= running);
        let view = |month: Month| {
            let record = records.remove(&month);
            let (record, unreadable) = match record {
                Some(Ok(record)) => (record, None),
                Some(Err(error)) => {
                    report_unreadable(self.target, month, &error);
                    (MonthRecord::empty(month), Some("record_unreadable"))
                }
                None => (MonthRecord::empty(month), Some("not_collected")),
            };
            month_view(&record, unreadable, self.now, self.with_days)
        };
        all.map(view).collect()
    }
}

/// Logs that a month cannot be read.
pub(super) fn report_unreadable(target: &TargetId, month: Month, error: &StoreError) {
    tracing::error!(
        target.id = target.as_str(),
        month = %month,
        error = error_chain(error),
        "the record of a month of users is unreadable"
    );
}

fn month_view(
    record: &MonthRecord,
    reason: Option<&'static str>,
    now: DateTime<Utc>,
    with_days: bool,
) -> UserMonth {
    let month = record.month;
    let users = record.distinct().map_err(word);
    let reason = reason.or(users.err());
    let users = users.ok().filter(|_| reason.is_none());
    let missing = record.missing_days(now).into_iter();
    let missing_days: Vec<_> = missing.filter_map(|day| month.day(day)).collect();
    let count = |of: fn(TypeCounts) -> u64| users.map(of);
    UserMonth {
        month: month.to_string(),
        is_running: now < month.end(),
        completeness: match users.is_some() && missing_days.is_empty() {
            true => Completeness::Complete,
            false => Completeness::Partial,
        },
        named_user_count: count(TypeCounts::total),
        internal: count(|users| users.internal),
        external: count(|users| users.external),
        unclassified: count(|users| users.unclassified),
        reason: reason.map(str::to_owned),
        missing_days,
        concurrent_peak: peak(record.days.values()),
        days: with_days.then(|| days(record, users.is_some())),
    }
}

/// Returns the word for why a month has no number.
pub(super) fn word(reason: NoNumber) -> &'static str {
    match reason {
        NoNumber::NoKey => "no_key",
        NoNumber::KeyChanged => "key_changed",
        NoNumber::TooManyUsers => "too_many_users",
    }
}

fn days(record: &MonthRecord, has_number: bool) -> Vec<UserDay> {
    let view = |(number, day): (&u8, &DayRecord)| {
        let new = record.new_by_day.range(..=number).map(|(_, count)| count);
        let named = day.counts.named;
        Some(UserDay {
            day: record.month.day(*number)?,
            named_user_count: named.total(),
            internal: named.internal,
            external: named.external,
            unclassified: named.unclassified,
            license_estimate: day.counts.licensed,
            anonymous_rows: day.counts.anonymous,
            month_so_far: has_number.then(|| new.sum()),
            concurrent_peak: peak([day]),
        })
    };
    record.days.iter().filter_map(view).collect()
}

fn peak<'d>(days: impl IntoIterator<Item = &'d DayRecord>) -> Option<ConcurrentPeak> {
    let with_sessions = days
        .into_iter()
        .filter_map(|day| Some((day.peak?, day.runs.len())));
    let (peak, runs) = with_sessions
        .reduce(|(one, runs), (other, more)| (ConcurrentUsers::most(one, other), runs + more))?;
    Some(ConcurrentPeak {
        named_users: peak.named_users,
        named_user_sessions: peak.named_user_sessions,
        anonymous_sessions: peak.anonymous_sessions,
        run_count: u64::try_from(runs).unwrap_or(u64::MAX),
    })
}
