//! Finds the targets of a fleet by the tags of its accounts' resources.
//!
//! ```text
//! accounts, regions ──> tagging API, RDS ──> environments ──> with what was found before ──> discovered.toml
//! ```
//!
//! Each account and region is asked as a whole: where one of its calls fails, what was found there before stays as it
//! was. A target that is not there any more stays as gone until its snapshots have expired.

mod call;
mod found;
mod rds;
mod render;
mod tagging;
#[cfg(test)]
mod tests;
mod update;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use chrono::{Days, NaiveDate};
use futures::{StreamExt, stream};
use shared::aws::Aws;
use shared::fleet::{BucketTarget, Discover, Environment, Fleet, TargetId};
use shared::location::AwsScope;

use self::call::Caller;
use self::found::Found;
use crate::error::MeasureError;

pub use update::{DailyReport, Update, UpdateError, daily, find};

/// Accounts and regions that are asked at a time; the tagging API allows each account 15 calls a second.
const CONCURRENT_SCOPES: usize = 8;

/// What was found before, and until when what is gone is kept.
#[derive(Debug, Clone, Copy)]
pub struct Before<'a> {
    /// The fleet of the earlier file; empty if there is none.
    pub fleet: &'a Fleet,
    /// Today, from which on a missing target counts as gone.
    pub today: NaiveDate,
    /// Days for which it is kept then.
    pub retention_days: u32,
}

/// What was found.
#[derive(Debug)]
pub struct Discovery {
    /// Text of `discovered.toml`.
    pub file: String,
    /// What could not be found out, or is not as it should be, in the order of accounts and regions.
    pub notes: Vec<Note>,
    /// Accounts and regions that answered.
    pub asked_count: usize,
    /// Accounts and regions that did not.
    pub failed_count: usize,
    /// Environments in the file.
    pub environment_count: usize,
    /// Targets in the file that are gone.
    pub gone_count: usize,
}

/// Something that a person should look at.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Note {
    /// What it is about: account and region, resource, or environment.
    pub about: String,
    /// What is wrong, and what to do.
    pub text: String,
}

impl fmt::Display for Note {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.about, self.text)
    }
}

/// An account in one region.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    /// `None` for the program's own account.
    account: Option<String>,
    region: String,
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let account = self.account.as_deref().unwrap_or("own account");
        write!(formatter, "{account} {}", self.region)
    }
}

/// Asks every account and region of `fleet`, as its `[discover]` says, and compares with what was found `before`.
pub async fn discover(
    aws: &Aws,
    fleet: &Fleet,
    discover: &Discover,
    before: Before<'_>,
) -> Discovery {
    let own_region = aws.config().region().map(ToString::to_string);
    let (places, mut notes) = places(fleet, discover, own_region.as_deref());
    let asked = places.into_iter().map(|(place, scope)| async move {
        let answer = ask(aws, &place, scope, discover).await;
        (place, answer)
    });
    let mut answers: Vec<_> = stream::iter(asked)
        .buffer_unordered(CONCURRENT_SCOPES)
        .collect()
        .await;
    answers.sort_by(|(one, _), (other, _)| one.cmp(other));

    let (mut found, mut answered) = (Found::default(), BTreeSet::new());
    let mut failed_count = notes.len();
    for (place, answer) in answers {
        match answer {
            Ok(part) => {
                found.add(part);
                answered.insert(place);
            }
            Err(error) => {
                failed_count += 1;
                notes.push(Note {
                    about: place.to_string(),
                    text: format!("{}; what was found there before stays", error.reason),
                });
            }
        }
    }
    let mut environments = found.environments(fleet, &mut notes);
    let gone_count = keep_missing(&mut environments, before, &answered, &mut notes);
    Discovery {
        file: render::file(environments.values()),
        notes,
        asked_count: answered.len(),
        failed_count,
        environment_count: environments.len(),
        gone_count,
    }
}

/// Returns all accounts and regions to ask, with their scopes.
fn places(
    fleet: &Fleet,
    discover: &Discover,
    own_region: Option<&str>,
) -> (BTreeMap<Place, AwsScope>, Vec<Note>) {
    let (mut places, mut notes) = (BTreeMap::new(), Vec::new());
    for region in &discover.regions {
        let place = Place {
            account: None,
            region: region.clone(),
        };
        places.insert(place, AwsScope::of_region(region));
    }
    for account in fleet.accounts() {
        let regions: Vec<_> = match (account.regions.as_slice(), own_region) {
            ([], Some(own)) => vec![own.to_owned()],
            (regions, _) => regions.to_vec(),
        };
        if regions.is_empty() {
            notes.push(Note {
                about: account.id.clone(),
                text: "the account has no regions, and this program's own is not known".to_owned(),
            });
        }
        for region in regions {
            let scope = AwsScope {
                role_arn: Some(account.role_arn(Some(&region))),
                external_id: account.external_id.clone(),
                region: Some(region.clone()),
                environment: None,
            };
            let place = Place {
                account: Some(account.id.clone()),
                region,
            };
            places.insert(place, scope);
        }
    }
    (places, notes)
}

/// Asks one account and region for its tagged resources and, if there are any of RDS, for their servers.
async fn ask(
    aws: &Aws,
    place: &Place,
    scope: AwsScope,
    discover: &Discover,
) -> Result<found::Part, MeasureError> {
    let caller = Caller::new(aws, &scope, &place.region).await;
    let resources = tagging::resources(&caller, &discover.tags.environment).await?;
    let has = |kind: &str| resources.iter().any(|each| each.is_of_rds(kind));
    let mut servers = rds::Servers::default();
    if has("db:") {
        servers.instances = rds::instances(&caller).await?;
    }
    if has("db:") || has("cluster:") {
        servers.clusters = rds::clusters(&caller).await?;
    }
    Ok(found::part(
        place,
        &scope,
        &discover.tags,
        &resources,
        &servers,
    ))
}

/// Adds what was found before and is missing in `environments`: unchanged where its account and region did not answer,
/// as gone otherwise. Returns how many targets are gone.
fn keep_missing(
    environments: &mut BTreeMap<String, Environment>,
    before: Before<'_>,
    answered: &BTreeSet<Place>,
    notes: &mut Vec<Note>,
) -> usize {
    let mut keeper = Keeper {
        before,
        answered,
        notes,
        gone_count: 0,
    };
    for earlier in before.fleet.environments() {
        let now = environments.remove(&earlier.name);
        let mut now = now.unwrap_or_else(|| Environment::named(&earlier.name));
        for target in &earlier.storage {
            let is_found = now.storage.iter().any(|other| other.id() == target.id());
            if !is_found && keeper.keep(earlier, &mut now, target.id(), &target.scope) {
                now.storage.push(target.clone());
            }
        }
        now.storage.sort_by_cached_key(BucketTarget::id);
        if let (None, Some(target)) = (&now.database, &earlier.database)
            && keeper.keep(earlier, &mut now, target.id(), &target.scope)
        {
            now.database = Some(target.clone());
        }
        // Constants have no snapshots: they stay only where nothing was asked.
        if let (None, Some(constants)) = (&now.constants, &earlier.constants)
            && !keeper.has_answered(&constants.scope)
        {
            now.constants = Some(constants.clone());
        }
        if !now.is_empty() {
            environments.insert(now.name.clone(), now);
        }
    }
    keeper.gone_count
}

struct Keeper<'a> {
    before: Before<'a>,
    answered: &'a BTreeSet<Place>,
    notes: &'a mut Vec<Note>,
    gone_count: usize,
}

impl Keeper<'_> {
    fn has_answered(&self, scope: &AwsScope) -> bool {
        let place = Place {
            account: scope.account().map(str::to_owned),
            region: scope.region.clone().unwrap_or_default(),
        };
        self.answered.contains(&place)
    }

    /// Returns whether a missing target of `earlier` is kept, and records in `now` since when it is gone. One whose
    /// account and region did not answer stays what it was.
    fn keep(
        &mut self,
        earlier: &Environment,
        now: &mut Environment,
        id: TargetId,
        scope: &AwsScope,
    ) -> bool {
        let Before {
            today,
            retention_days,
            ..
        } = self.before;
        let gone_since = match earlier.gone.get(&id).copied() {
            Some(since) => since,
            None if !self.has_answered(scope) => return true,
            None => {
                self.note(
                    &id,
                    "is not there any more: it stays in the file as gone".to_owned(),
                );
                today
            }
        };
        let until = gone_since.checked_add_days(Days::new(retention_days.into()));
        if until.is_some_and(|until| until < today) {
            self.note(
                &id,
                format!("is gone since {gone_since}: it leaves the file"),
            );
            return false;
        }
        self.gone_count += 1;
        now.gone.insert(id, gone_since);
        true
    }

    fn note(&mut self, id: &TargetId, text: String) {
        let about = id.to_string();
        self.notes.push(Note { about, text });
    }
}
