//! Each named user once over all environments of a caller: reads identities as HMACs and joins them.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use futures::future::join;
use futures::{StreamExt, stream};
use shared::clock;
use shared::database::DatabaseError;
use shared::deployment_key::Key;
use shared::fleet::{Environment, Fleet, Licence};
use shared::identities::{Identities, IdentityMac};
use shared::snapshot::Completeness;
use shared::telemetry::error_chain;
use shared::user_months::UserMonthReader;
use shared::users::UsersError;
use tokio::time::{Instant, timeout_at};

use super::distinct_view::{
    DistinctEnvironment, DistinctGroup, DistinctUsers, LicenceUse, UnreadEnvironment,
};
use super::history;
use super::licence::{LimitUse, NamedForecast};
use super::many::{READS_AT_ONCE, problem};
use super::reader::Users;
use crate::http::endpoint::Call;
use crate::http::problem::Code;

/// What an answer about distinct users needs.
pub(super) struct Distinct<'a> {
    pub(super) users: &'a Users,
    pub(super) fleet: &'a Fleet,
    pub(super) key: &'a Key,
    pub(super) call: &'a Call<'a>,
    /// What the months are read from; `None` in the answer of all environments, which is asked for more often.
    pub(super) months: Option<&'a UserMonthReader>,
    /// An environment that was not read by then is unread.
    pub(super) deadline: Instant,
}

/// An environment and what was read of it.
struct Reading<'a> {
    environment: &'a Environment,
    identities: Result<Arc<Identities>, UsersError>,
}

impl Distinct<'_> {
    /// Reads all environments with a database, a few at a time, and counts.
    pub(super) async fn view(&self) -> DistinctUsers {
        let may_read = |environment: &&Environment| self.call.caller.may_read(&environment.name);
        let visible: Vec<_> = self.fleet.environments().filter(may_read).collect();
        let sees_all = visible.len() == self.fleet.environments().count();
        let (with, without): (Vec<_>, Vec<_>) = visible
            .into_iter()
            .partition(|environment| environment.database.is_some());
        let readings: Vec<_> = with
            .into_iter()
            .map(|environment| self.reading(environment))
            .collect();
        // Unordered: one slow database must not delay the others.
        let readings = stream::iter(readings).buffer_unordered(READS_AT_ONCE);
        let readings = async move {
            let readings: Vec<Reading<'_>> = readings.collect().await;
            readings
        };
        let (mut readings, by_month) = join(readings, self.by_month()).await;
        readings.sort_by(|one, other| one.environment.name.cmp(&other.environment.name));

        let groups = groups(&readings);
        let licence = self.fleet.licence().filter(|_| sees_all);
        DistinctUsers {
            as_of: clock::whole_second(self.call.now),
            completeness: match readings.iter().all(|reading| reading.identities.is_ok()) {
                true => Completeness::Complete,
                false => Completeness::Partial,
            },
            licence: licence
                .and_then(|licence| licence_use(licence, &groups, by_month, self.call.now)),
            groups,
            environments: environments(&readings),
            unread: self.unread(readings),
            without_database: without
                .into_iter()
                .map(|environment| environment.name.clone())
                .collect(),
        }
    }

    /// Returns when the limit will be reached, or why that is not said.
    async fn by_month(&self) -> Result<NamedForecast, &'static str> {
        let Some(months) = self.months else {
            return Err("not_asked");
        };
        let reading = history::named_forecast(months, self.fleet, self.call);
        match timeout_at(self.deadline, reading).await {
            Ok(Ok(Some(forecast))) => Ok(forecast),
            Ok(Ok(None)) => Err("no_months"),
            Ok(Err(problem)) if problem.code() == Code::TooLarge => Err("too_large"),
            Ok(Err(problem)) => {
                tracing::warn!(
                    request.id = %self.call.request_id,
                    error = problem.source().map(|source| error_chain(source)),
                    "when the licence's limit is reached is not known, its months were not read"
                );
                Err("unavailable")
            }
            Err(_) => Err("timeout"),
        }
    }

    async fn reading<'e>(&self, environment: &'e Environment) -> Reading<'e> {
        let reading = self.users.identities(environment, self.key, self.call.now);
        let late = |_| Err(UsersError::from(DatabaseError::Timeout(None)));
        let identities = timeout_at(self.deadline, reading).await;
        Reading {
            environment,
            identities: identities.unwrap_or_else(late),
        }
    }

    fn unread(&self, readings: Vec<Reading<'_>>) -> Vec<UnreadEnvironment> {
        let unread = readings.into_iter().filter_map(|reading| {
            let error = reading.identities.err()?;
            Some(UnreadEnvironment {
                environment: reading.environment.name.clone(),
                production: reading.environment.is_production,
                problem: problem(reading.environment, error, self.call.request_id),
            })
        });
        unread.collect()
    }
}

/// Returns all environments, and, if any is marked as production, those that are and those that are not.
fn groups(readings: &[Reading<'_>]) -> Vec<DistinctGroup> {
    let is_production = |reading: &&Reading<'_>| reading.environment.is_production;
    let mut groups = vec![group("all", readings.iter())];
    if readings.iter().any(|reading| is_production(&reading)) {
        let others = readings.iter().filter(|reading| !is_production(reading));
        groups.push(group("production", readings.iter().filter(is_production)));
        groups.push(group("other", others));
    }
    groups
}

fn group<'r>(name: &str, readings: impl Iterator<Item = &'r Reading<'r>>) -> DistinctGroup {
    let mut identities = Identities::default();
    let (mut environment_count, mut unread_count, mut environment_sum) = (0, 0, 0);
    for reading in readings {
        match &reading.identities {
            Ok(of_one) => {
                environment_count += 1;
                environment_sum += of_one.counts().total();
                identities.add_all(of_one);
            }
            Err(_) => unread_count += 1,
        }
    }
    let counts = identities.counts();
    DistinctGroup {
        group: name.to_owned(),
        environment_count,
        unread_count,
        named_user_count: counts.total(),
        internal: counts.internal,
        external: counts.external,
        unclassified: counts.unclassified,
        environment_sum,
    }
}

fn environments(readings: &[Reading<'_>]) -> Vec<DistinctEnvironment> {
    let read = readings.iter().filter_map(|reading| {
        let identities = reading.identities.as_ref().ok()?;
        Some((reading.environment, identities))
    });
    let mut places: BTreeMap<IdentityMac, u64> = BTreeMap::new();
    for (_, identities) in read.clone() {
        for (mac, _) in identities.iter() {
            *places.entry(mac).or_default() += 1;
        }
    }
    let view = |(environment, identities): (&Environment, &Arc<Identities>)| {
        let alone = identities
            .iter()
            .filter(|(mac, _)| places.get(mac) == Some(&1));
        DistinctEnvironment {
            environment: environment.name.clone(),
            production: environment.is_production,
            named_user_count: identities.counts().total(),
            only_here: u64::try_from(alone.count()).unwrap_or(u64::MAX),
        }
    };
    read.map(view).collect()
}

/// Compares the licence with production, or with all environments if none is marked.
fn licence_use(
    licence: Licence,
    groups: &[DistinctGroup],
    by_month: Result<NamedForecast, &'static str>,
    now: DateTime<Utc>,
) -> Option<LicenceUse> {
    let production = groups.iter().find(|group| group.group == "production");
    let group = production.or(groups.first())?;
    let named = licence
        .named
        .map(|limit| LimitUse::of(limit, group.named_user_count, group.unread_count > 0));
    let by_month = match named {
        Some(_) => by_month,
        None => Err("not_limited"),
    };
    Some(LicenceUse {
        group: group.group.clone(),
        named,
        by_month_reason: by_month.as_ref().err().map(|&why| why.to_owned()),
        by_month: by_month.ok(),
        concurrent_limit: licence.concurrent,
        expires: licence.expires,
        days_left: licence
            .expires
            .map(|day| (day - now.date_naive()).num_days()),
    })
}
