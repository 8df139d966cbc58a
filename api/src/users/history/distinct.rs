//! `view=distinct` of the history: each named user once over all environments, month by month.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use futures::{StreamExt, TryStreamExt, stream};
use shared::fleet::{Environment, Fleet, Licence, TargetId};
use shared::snapshot::Completeness;
use shared::store::StoreError;
use shared::user_months::{ActiveUsers, Month, MonthRecord, UserMonthReader};

use super::distinct_view::{DistinctMonth, DistinctMonths, MonthGroup, MonthLicence, PartialMonth};
use super::forecast::{Forecast, forecast};
use super::view::{report_unreadable, word};
use super::{DEFAULT_MONTHS, READS_AT_ONCE};
use crate::http::endpoint::Call;
use crate::http::problem::Problem;
use crate::users::licence::{LimitUse, NamedForecast};

/// Most users of all environments in one month, each environment's own added up: they are joined in memory.
const MAX_USERS: u64 = 1_000_000;
/// Most sets that one answer reads.
const MAX_SETS: usize = 12_000;

/// An environment and what is kept of its months.
struct Kept<'f> {
    environment: &'f Environment,
    target: TargetId,
    months: BTreeMap<Month, MonthRecord>,
    /// Months whose record cannot be read.
    unreadable: Vec<Month>,
}

/// One environment's part of a month.
struct Share<'k, 'f> {
    kept: &'k Kept<'f>,
    users: Option<ActiveUsers>,
    /// Why its users are not all known.
    reason: Option<&'static str>,
}

/// Counts the months from `first` to `last` over all environments that the caller may see.
pub(super) async fn view(
    reader: &UserMonthReader,
    fleet: &Fleet,
    call: &Call<'_>,
    (first, last): (Month, Month),
) -> Result<DistinctMonths, Problem> {
    let may_read = |environment: &&Environment| call.caller.may_read(&environment.name);
    let visible: Vec<_> = fleet.environments().filter(may_read).collect();
    let sees_all = visible.len() == fleet.environments().count();
    let without_database = visible.iter().filter(|each| each.database.is_none());
    let without_database = without_database.map(|each| each.name.clone()).collect();
    let kept = visible.into_iter().filter_map(|environment| {
        let target = environment.database.as_ref()?.id();
        Some(kept(reader, environment, target, first, last))
    });
    let kept: Vec<Kept<'_>> = stream::iter(kept.collect::<Vec<_>>())
        .buffered(READS_AT_ONCE)
        .try_collect()
        .await?;
    let set_count: usize = kept.iter().map(|kept| kept.months.len()).sum();
    if set_count > MAX_SETS {
        return Err(Problem::too_large("ask for fewer months with \"from\""));
    }
    let begin = kept
        .iter()
        .filter_map(|kept| kept.months.keys().next())
        .min();
    let all = std::iter::successors(begin.copied(), |month| Some(month.plus(1)));
    let running = Month::of(call.now);
    let mut months = Vec::new();
    let mut peaks = BTreeMap::new();
    for month in all.take_while(|month| *month <= last && *month <= running) {
        let shares = shares(reader, &kept, month, call.now).await?;
        if kept.iter().any(|kept| kept.months.contains_key(&month)) {
            peaks.insert(month, peak_sums(&shares, month));
        }
        months.push(month_view(&shares, month, call.now));
    }
    let licence = fleet.licence().filter(|_| sees_all);
    Ok(DistinctMonths {
        from: first.start(),
        to: last.end(),
        time_zone: "UTC".to_owned(),
        licence: licence.and_then(|licence| month_licence(licence, &months, &peaks, call.now)),
        months,
        without_database,
    })
}

/// Returns what the fleet's licence allows of named users and when its limit will be reached, by the last twelve months.
/// `None` without such a limit, without a month, and for a caller who may not see all environments.
pub(in crate::users) async fn named_forecast(
    reader: &UserMonthReader,
    fleet: &Fleet,
    call: &Call<'_>,
) -> Result<Option<NamedForecast>, Problem> {
    let sees_all = fleet
        .environments()
        .all(|environment| call.caller.may_read(&environment.name));
    if !sees_all || fleet.licence().and_then(|licence| licence.named).is_none() {
        return Ok(None);
    }
    let running = Month::of(call.now);
    let months = view(
        reader,
        fleet,
        call,
        (running.minus(DEFAULT_MONTHS - 1), running),
    )
    .await?;
    Ok(months.licence.and_then(|licence| licence.named))
}

async fn kept<'f>(
    reader: &UserMonthReader,
    environment: &'f Environment,
    target: TargetId,
    first: Month,
    last: Month,
) -> Result<Kept<'f>, StoreError> {
    let mut kept = Kept {
        environment,
        months: BTreeMap::new(),
        unreadable: Vec::new(),
        target,
    };
    for (month, record) in reader.months(&kept.target, first, last).await? {
        match record {
            Ok(record) => drop(kept.months.insert(month, record)),
            Err(error) => {
                report_unreadable(&kept.target, month, &error);
                kept.unreadable.push(month);
            }
        }
    }
    Ok(kept)
}

/// Reads what each environment has of a month.
async fn shares<'k, 'f>(
    reader: &UserMonthReader,
    kept: &'k [Kept<'f>],
    month: Month,
    now: DateTime<Utc>,
) -> Result<Vec<Share<'k, 'f>>, Problem> {
    let records = kept.iter().filter_map(|kept| kept.months.get(&month));
    let count: u64 = records.clone().map(|record| record.users.total()).sum();
    if count > MAX_USERS {
        return Err(Problem::too_large(
            "the environments have more than 1,000,000 users together: ask for single environments",
        ));
    }
    // Of several keys, the one that was used last: others cannot be joined with it.
    let newest = records.filter(|record| record.key_id.is_some());
    let newest = newest.max_by_key(|record| record.days.values().map(|day| day.newest).max());
    let key_id = newest.and_then(|record| record.key_id);
    let reads = kept.iter().map(|kept| async move {
        let reason = reason(kept, month, key_id, now);
        let is_known = kept
            .months
            .get(&month)
            .is_some_and(|record| record.key_id == key_id && record.distinct().is_ok());
        let users = match is_known {
            true => reader.active_users(&kept.target, month).await,
            false => Ok(None),
        };
        match users {
            Ok(found) => Ok(Share {
                kept,
                users: found.map(|(_, users)| users),
                reason,
            }),
            Err(error @ StoreError::Unreadable { .. }) => {
                report_unreadable(&kept.target, month, &error);
                Ok(Share {
                    kept,
                    users: None,
                    reason: Some("record_unreadable"),
                })
            }
            Err(error) => Err(error),
        }
    });
    let shares = stream::iter(reads.collect::<Vec<_>>()).buffered(READS_AT_ONCE);
    Ok(shares.try_collect().await?)
}

/// Returns why not all users of an environment are known.
fn reason(
    kept: &Kept<'_>,
    month: Month,
    key_id: Option<u64>,
    now: DateTime<Utc>,
) -> Option<&'static str> {
    if kept.unreadable.contains(&month) {
        return Some("record_unreadable");
    }
    let Some(record) = kept.months.get(&month) else {
        return Some("not_collected");
    };
    match record.distinct() {
        Err(why) => Some(word(why)),
        Ok(_) if record.key_id != key_id => Some("key_changed"),
        Ok(_) if !record.missing_days(now).is_empty() => Some("missing_days"),
        Ok(_) => None,
    }
}

fn month_view(shares: &[Share<'_, '_>], month: Month, now: DateTime<Utc>) -> DistinctMonth {
    let is_production = |share: &&Share<'_, '_>| share.kept.environment.is_production;
    let mut groups = vec![group("all", shares.iter())];
    if shares.iter().any(|share| is_production(&share)) {
        let others = shares.iter().filter(|share| !is_production(share));
        groups.push(group("production", shares.iter().filter(is_production)));
        groups.push(group("other", others));
    }
    let partial = shares.iter().filter_map(|share| {
        Some(PartialMonth {
            environment: share.kept.environment.name.clone(),
            reason: share.reason?.to_owned(),
        })
    });
    let partial: Vec<_> = partial.collect();
    DistinctMonth {
        month: month.to_string(),
        is_running: now < month.end(),
        completeness: match partial.is_empty() {
            true => Completeness::Complete,
            false => Completeness::Partial,
        },
        groups,
        partial,
    }
}

fn group<'s>(name: &str, shares: impl Iterator<Item = &'s Share<'s, 's>>) -> MonthGroup {
    let mut users = ActiveUsers::default();
    let (mut environment_count, mut partial_count, mut environment_sum) = (0, 0, 0);
    for share in shares {
        environment_count += 1;
        partial_count += u64::from(share.reason.is_some());
        if let Some(of_one) = &share.users {
            environment_sum += u64::try_from(of_one.len()).unwrap_or(u64::MAX);
            users.add_all(of_one);
        }
    }
    let counts = users.counts();
    MonthGroup {
        group: name.to_owned(),
        environment_count,
        partial_count,
        named_user_count: counts.total(),
        internal: counts.internal,
        external: counts.external,
        unclassified: counts.unclassified,
        environment_sum,
    }
}

/// Returns the sum of the environments' peaks of named users with a session: in production, and in all.
fn peak_sums(shares: &[Share<'_, '_>], month: Month) -> (u64, u64) {
    let mut sums = (0, 0);
    for share in shares {
        let record = share.kept.months.get(&month);
        let days = record.into_iter().flat_map(|record| record.days.values());
        let peak = days.filter_map(|day| Some(day.peak?.named_users)).max();
        let peak = peak.unwrap_or_default();
        sums.1 += peak;
        if share.kept.environment.is_production {
            sums.0 += peak;
        }
    }
    sums
}

/// Compares the licence with production, or with all environments if none is marked, in the newest month with a run.
///
/// `peaks` has the months with a run.
fn month_licence(
    licence: Licence,
    months: &[DistinctMonth],
    peaks: &BTreeMap<Month, (u64, u64)>,
    now: DateTime<Utc>,
) -> Option<MonthLicence> {
    // A month that has just begun has no run yet.
    let has_runs = |month: &&DistinctMonth| {
        Month::parse(&month.month).is_some_and(|month| peaks.contains_key(&month))
    };
    let newest = months.iter().rev().find(has_runs)?;
    let name = match newest
        .groups
        .iter()
        .any(|group| group.group == "production")
    {
        true => "production",
        false => "all",
    };
    let of_group = |month: &DistinctMonth| {
        let group = month.groups.iter().find(|group| group.group == name)?;
        Some((
            Month::parse(&month.month)?,
            group.named_user_count,
            group.partial_count > 0,
        ))
    };
    let (_, used, is_at_least) = of_group(newest)?;
    let over = months.iter().filter(|month| !month.is_running);
    let over: Vec<_> = over.filter_map(of_group).collect();
    let named = licence.named.map(|limit| {
        let forecast = forecast(limit, used, &over, Month::of(now));
        NamedForecast {
            usage: LimitUse::of(limit, used, is_at_least),
            month: newest.month.clone(),
            per_month: forecast.per_month(),
            reached_in: match &forecast {
                Forecast::In { month, .. } => Some(month.to_string()),
                _ => None,
            },
            is_tentative: forecast.is_tentative(),
            reason: forecast.reason().map(str::to_owned),
        }
    });
    let peak = peaks.values().next_back().copied().unwrap_or_default();
    Some(MonthLicence {
        group: name.to_owned(),
        named,
        concurrent_limit: licence.concurrent,
        concurrent_peak_sum: match name {
            "production" => peak.0,
            _ => peak.1,
        },
        expires: licence.expires,
        days_left: licence
            .expires
            .map(|day| (day - now.date_naive()).num_days()),
    })
}
