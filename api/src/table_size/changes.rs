//! `GET /table_size/changes`: what explains the change of each database's size.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::Serialize;
use shared::fleet::{DatabaseTarget, FleetSource, Kind};
use shared::history::HistoryReader;
use shared::history::changes::{Changes, Grouping};
use shared::snapshot::DatabaseSize;
use shared::store::SnapshotReader;

use super::selected;
use crate::history::csv::{CHANGES, lines, put_changes};
use crate::history::{self, Explained, Page, Range};
use crate::http::answer::Answer;
use crate::http::csv::{Cell, Csv};
use crate::http::cursor;
use crate::http::endpoint::{Call, Endpoint, Handler, Route};
use crate::http::media_type::MediaType;
use crate::http::parameter::Parameter;
use crate::http::problem::{Code, Problem};
use crate::targets;

/// Facts of this endpoint.
pub const ROUTE: Route = Route {
    path: "/table_size/changes",
    function: "api-table-size",
    scope: Some("mrt/table_size.read"),
    summary: "What explains the change of each environment's database",
    description: "The first and the last measurement of a range, compared by table or by Mendix module. The changes of \
                  all `parts` and `other_bytes` add up to `change_bytes`, the change of the whole database: what no \
                  table has is the parts `system` and `unattributed`. Ordered by environment.",
    media_types: &[MediaType::Json, MediaType::Csv],
    parameters: &[
        Parameter::text("environment", "Only this environment."),
        Parameter::choice(
            "group",
            "`table` (default) or `module`: what the parts are.",
            &["table", "module"],
        ),
        Parameter::number(
            "top",
            "Number of tables or modules to show, those that changed most first; the rest is `other_bytes`.",
            1000,
            10,
        ),
        history::FROM,
        history::TO,
        Parameter::number(
            "limit",
            "Maximum number of databases on one page; a page also ends at 4 MB.",
            100,
            20,
        ),
        Parameter::text("cursor", "The `next` of the previous page."),
    ],
    problems: &[Code::NotFound, Code::TooLarge],
    schema: |generator| generator.subschema_for::<DatabaseChangesPage>(),
};

/// Columns that identify a target in CSV.
const IDENTITY: [&str; 2] = ["environment", "database"];

/// Changes of databases, one page.
#[derive(Debug, Serialize, JsonSchema)]
pub struct DatabaseChangesPage {
    /// Start of the range, inclusive, RFC 3339 UTC.
    pub from: DateTime<Utc>,
    /// End of the range, exclusive, RFC 3339 UTC.
    pub to: DateTime<Utc>,
    /// When the history of the first of these databases begins; null without any.
    pub available_from: Option<DateTime<Utc>>,
    /// Databases by environment.
    pub items: Vec<DatabaseChanges>,
    /// Cursor of the next page; null on the last one.
    pub next: Option<String>,
}

/// What explains the change of one database.
#[derive(Debug, Serialize, JsonSchema)]
pub struct DatabaseChanges {
    /// Environment that the database belongs to.
    pub environment: String,
    /// Database name on its server.
    pub database: String,
    /// The changes.
    #[serde(flatten)]
    pub explained: Explained,
}

struct GetTableChanges {
    fleet: Arc<FleetSource>,
    snapshots: SnapshotReader,
    history: HistoryReader,
}

/// Returns the endpoint over its ports.
pub fn endpoint(
    fleet: Arc<FleetSource>,
    snapshots: SnapshotReader,
    history: HistoryReader,
) -> Endpoint {
    let handler = GetTableChanges {
        fleet,
        snapshots,
        history,
    };
    Endpoint::new(&ROUTE, handler)
}

#[async_trait]
impl Handler for GetTableChanges {
    async fn answer(&self, call: Call<'_>) -> Result<Answer, Problem> {
        let range = Range::of(&call)?;
        let fleet = self.fleet.current().await?;
        let targets = targets::page(&call, selected(&fleet, &call)?)?;
        let freshness = targets::freshness_of::<DatabaseSize, _>(&self.snapshots, &targets.targets);
        let freshness = freshness.await?;
        let group = call.parameters.text("group");
        let grouping = match group {
            Some("module") => Grouping::Module,
            _ => Grouping::Table,
        };
        let top = usize::try_from(call.parameters.number("top")).unwrap_or(usize::MAX);
        let mut page = Page::default();
        // One at a time: two points of thousands of tables each.
        for (id, target) in &targets.targets {
            let ends = history::ends(&self.history, Kind::Database, id, &range, true).await?;
            let first = ends.available_from;
            let compare = |from: &_, to: &_| Changes::of_database(from, to, grouping, top);
            let explained = Explained::of(ends, compare);
            if !page.add(DatabaseChanges::of(target, explained), first)? {
                break;
            }
        }
        let last = page
            .last_of(&targets)
            .map(|(id, _)| cursor::encode(id.as_str()));
        let view = DatabaseChangesPage {
            from: range.from,
            to: range.to,
            available_from: page.available_from,
            items: page.items,
            next: last,
        };
        let header: Vec<_> = IDENTITY.into_iter().chain(CHANGES).collect();
        let csv = (call.media_type == MediaType::Csv)
            .then(|| lines(&header, &view.items, |csv, item| item.put_csv(csv)))
            .transpose()?;
        let csv = csv.map(|lines| lines.body);
        history::answer(&call, &view, csv, view.next.as_deref(), freshness)
    }
}

impl DatabaseChanges {
    fn put_csv(&self, csv: &mut Csv) {
        let identity: [Cell<'_>; 2] = [(&self.environment).into(), (&self.database).into()];
        put_changes(csv, &identity, &self.explained);
    }

    fn of(target: &DatabaseTarget, explained: Explained) -> Self {
        Self {
            environment: target.environment.clone(),
            database: target.name.clone(),
            explained,
        }
    }
}
