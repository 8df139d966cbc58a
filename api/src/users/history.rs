//! `GET /users/history`: who was active in each calendar month, from what the collector keeps.

mod csv;
mod distinct;
mod distinct_view;
mod forecast;
mod view;

use std::sync::Arc;

use async_trait::async_trait;
use chrono::TimeDelta;
use futures::{StreamExt, TryStreamExt, stream};
use shared::fleet::{DatabaseTarget, Environment, Fleet, FleetSource, TargetId};
use shared::snapshot::UserActivity;
use shared::store::SnapshotReader;
use shared::user_months::{Month, UserMonthReader};

use self::view::Known;
use crate::history::{self, Page};
use crate::http::answer::Answer;
use crate::http::cursor;
use crate::http::endpoint::{Call, Endpoint, Handler, Route};
use crate::http::media_type::MediaType;
use crate::http::parameter::Parameter;
use crate::http::problem::{Code, Problem};
use crate::targets;

pub(super) use distinct::named_forecast;
pub use distinct_view::{DistinctMonth, DistinctMonths, MonthGroup, MonthLicence, PartialMonth};
pub use view::{ConcurrentPeak, EnvironmentMonths, UserDay, UserHistory, UserMonth};

/// Months of an answer without `from`, the one of `to` included.
const DEFAULT_MONTHS: u32 = 12;
/// Environments that are read concurrently.
const READS_AT_ONCE: usize = 16;

/// Description of this endpoint.
pub const ROUTE: Route = Route {
    path: "/users/history",
    function: "api-users",
    scope: Some("mrt/users.read"),
    summary: "Users of each environment by calendar month",
    description: "The number that a company is billed for: whoever was active on any day of a calendar month of UTC, \
                  each named user once. The running month as it grows from day to day, and the months before. Collected \
                  once a day, or as often as the fleet file says; sessions are the day's peak of these runs, and can \
                  have been more between them. A month is `partial` and names the days of which the users are not known: \
                  an account that was active on such a day only is missing. With `view=distinct`, each named user once over \
                  all environments, and when the limit of the licence in the fleet file will be reached.",
    media_types: &[MediaType::Json, MediaType::Csv],
    parameters: &[
        Parameter::text("environment", "Only this environment."),
        Parameter::choice(
            "view",
            "`environments` (default), or `distinct`: each named user of all environments once, in one answer.",
            &["environments", "distinct"],
        ),
        Parameter::choice(
            "step",
            "`day` (default): each month with its days. `month`: without them.",
            &["day", "month"],
        ),
        Parameter::text(
            "from",
            "A time in the first month: RFC 3339, or before now such as `-1w`. The year up to `to` by default.",
        ),
        Parameter::text(
            "to",
            "End, exclusive, likewise: the month before it is the last. Now by default. At most 3,653 days after `from`.",
        ),
        Parameter::number("limit", "Most environments on one page.", 100, 20),
        Parameter::cursor(),
    ],
    problems: &[Code::NotFound, Code::TooLarge],
    schema: |generator| {
        let views = [
            generator.subschema_for::<UserHistory>(),
            generator.subschema_for::<DistinctMonths>(),
        ];
        schemars::json_schema!({"oneOf": views})
    },
};

struct GetUserHistory {
    fleet: Arc<FleetSource>,
    snapshots: SnapshotReader,
    months: UserMonthReader,
}

/// Returns the endpoint over its ports.
pub fn endpoint(
    fleet: Arc<FleetSource>,
    snapshots: SnapshotReader,
    months: UserMonthReader,
) -> Endpoint {
    let handler = GetUserHistory {
        fleet,
        snapshots,
        months,
    };
    Endpoint::new(&ROUTE, handler)
}

#[async_trait]
impl Handler for GetUserHistory {
    async fn answer(&self, call: Call<'_>) -> Result<Answer, Problem> {
        let (first, last) = range(&call)?;
        let fleet = self.fleet.current().await?;
        if call.parameters.text("view") == Some("distinct") {
            return Box::pin(self.distinct(&call, &fleet, (first, last))).await;
        }
        let page = targets::page(&call, selected(&fleet, &call)?)?;
        let latest =
            targets::latest_of::<UserActivity, _>(&self.snapshots, &page.targets, call.now);
        let reads = page
            .targets
            .iter()
            .map(|(id, _)| self.months.months(id, first, last));
        let months = stream::iter(reads.collect::<Vec<_>>())
            .buffered(READS_AT_ONCE)
            .try_collect::<Vec<_>>();
        let (latest, months) = tokio::try_join!(latest, months)?;
        let runs = latest
            .iter()
            .flatten()
            .filter_map(|latest| latest.good.as_ref());
        let freshness = targets::freshness(runs.map(|good| good.run));

        let with_days = call.parameters.text("step") != Some("month");
        let mut found = Page::default();
        for (((id, target), latest), months) in page.targets.iter().zip(&latest).zip(months) {
            let known = Known {
                environment: fleet.environment(&target.environment),
                target: id,
                latest: latest.as_ref(),
                months,
                last,
                now: call.now,
                with_days,
            };
            if !found.add(known.view(&target.environment), None)? {
                break;
            }
        }
        let count = found.items.len();
        let has_more = page.has_more || count < page.targets.len();
        let last_id = count.checked_sub(1).and_then(|at| page.targets.get(at));
        let next = last_id.filter(|_| has_more);
        let history = UserHistory {
            from: first.start(),
            to: last.end(),
            time_zone: "UTC".to_owned(),
            items: found.items,
            next: next.map(|(id, _)| cursor::encode(id.as_str())),
        };
        let next = history.next.as_deref();
        let next = next.map(|cursor| cursor::next_query(&call, cursor));
        let body = match call.media_type {
            MediaType::Csv => csv::of(&history, with_days),
            _ => serde_json::to_vec(&history).map_err(Problem::internal)?,
        };
        Ok(Answer::of_body(call.media_type, body, freshness).with_next(next))
    }
}

/// Parameters that do not apply to `view=distinct`.
const NOT_DISTINCT: [&str; 3] = ["environment", "step", "cursor"];

impl GetUserHistory {
    async fn distinct(
        &self,
        call: &Call<'_>,
        fleet: &Fleet,
        months: (Month, Month),
    ) -> Result<Answer, Problem> {
        if let Some(name) = NOT_DISTINCT
            .iter()
            .find(|name| call.parameters.is_given(name))
        {
            let detail = "view=distinct covers all environments by month: leave the parameter out";
            return Err(Problem::bad_parameter(name, detail));
        }
        let targets = selected(fleet, call)?;
        let latest = targets::latest_of::<UserActivity, _>(&self.snapshots, &targets, call.now);
        let view = distinct::view(&self.months, fleet, call, months);
        let (latest, view) = tokio::join!(latest, view);
        let (latest, view) = (latest?, view?);
        let runs = latest
            .iter()
            .flatten()
            .filter_map(|latest| latest.good.as_ref());
        let freshness = targets::freshness(runs.map(|good| good.run));
        let body = match call.media_type {
            MediaType::Csv => csv::of_distinct(&view),
            _ => serde_json::to_vec(&view).map_err(Problem::internal)?,
        };
        Ok(Answer::of_body(call.media_type, body, freshness))
    }
}

/// Returns the first and the last month that the call's parameters ask for.
fn range(call: &Call<'_>) -> Result<(Month, Month), Problem> {
    let (from, to) = history::between(call, |to| {
        let last = Month::of(to - TimeDelta::nanoseconds(1));
        last.minus(DEFAULT_MONTHS - 1).start()
    })?;
    let last = Month::of(to - TimeDelta::nanoseconds(1));
    Ok((Month::of(from), last))
}

/// Returns the databases that the parameters select and the caller may read.
fn selected<'f>(
    fleet: &'f Fleet,
    call: &Call<'_>,
) -> Result<Vec<(TargetId, &'f DatabaseTarget)>, Problem> {
    if call.parameters.text("environment").is_some() {
        let environment: &Environment = targets::environment(fleet, call)?;
        let database = environment.database.as_ref();
        let database = database.ok_or_else(|| Problem::not_configured("database"))?;
        return Ok(vec![(database.id(), database)]);
    }
    let databases = fleet.databases().into_iter();
    let visible = databases.filter(|target| call.caller.may_read(&target.environment));
    Ok(visible.map(|target| (target.id(), target)).collect())
}
