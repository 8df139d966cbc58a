//! `GET /table_size/history`: sizes of databases and their tables over time.

mod groups;

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::Serialize;
use shared::fleet::{DatabaseTarget, FleetSource, Kind};
use shared::history::{HistoryReader, TableKey};
use shared::snapshot::DatabaseSize;
use shared::store::SnapshotReader;

use self::groups::TableSeries;
use super::selected;
use crate::history::{self, Columns, Range, ReadPage, Wanted};
use crate::http::answer::Answer;
use crate::http::cursor;
use crate::http::endpoint::{Call, Endpoint, Handler, Route};
use crate::http::media_type::MediaType;
use crate::http::parameter::Parameter;
use crate::http::problem::{Code, Problem};
use crate::targets;

/// Facts of this endpoint.
pub const ROUTE: Route = Route {
    path: "/table_size/history",
    function: "api-table-size",
    scope: Some("mrt/table_size.read"),
    summary: "Sizes of each environment's database and its tables over time",
    description: "Series of each database in columns, one value for each cell of time; null where nothing was \
                  measured. A measurement belongs to the cell of its scheduled time. `from` and `to` are those of the \
                  cells: moved outwards to hours or days of UTC, and `from` not before `available_from`. Sums leave \
                  partitions out: their bytes are their table's. A sum is null where one of its tables is known to \
                  exist without a known size. Ordered by environment.",
    media_types: &[MediaType::Json],
    parameters: &[
        Parameter::text("environment", "Only this environment."),
        Parameter::text("schema", "Only tables in this schema."),
        Parameter::text("table", "Only tables with this name."),
        Parameter::text("module", "Only tables of this Mendix module."),
        Parameter::choice(
            "group",
            "`total` (default): one series, of the whole database or of the selected tables. `module`, `table`: one \
             for each of the `top` largest, and `other`.",
            &["total", "module", "table"],
        ),
        Parameter::choice(
            "measure",
            "What of the tables: `total` (default), `heap`, `toast`, `index` or `rows`.",
            &["total", "heap", "toast", "index", "rows"],
        ),
        Parameter::number(
            "top",
            "Number of modules or tables with a series of their own: the largest ones at the last measurement.",
            1000,
            10,
        ),
        history::FROM,
        history::TO,
        history::STEP,
        history::AGGREGATE,
        Parameter::number(
            "limit",
            "Maximum number of databases on one page; a page also ends at 200,000 values.",
            100,
            20,
        ),
        Parameter::text("cursor", "The `next` of the previous page."),
    ],
    problems: &[Code::NotFound, Code::TooLarge],
    schema: |generator| generator.subschema_for::<DatabaseHistories>(),
};

/// Sizes of databases over time, one page.
#[derive(Debug, Serialize, JsonSchema)]
pub struct DatabaseHistories {
    /// Start of the first cell, inclusive, RFC 3339 UTC.
    pub from: DateTime<Utc>,
    /// End of the last cell, exclusive, RFC 3339 UTC.
    pub to: DateTime<Utc>,
    /// Length of a cell in seconds; null with `step=raw`.
    pub step_seconds: Option<i64>,
    /// When the history of the first of these databases begins, for this step and aggregate; null without any.
    pub available_from: Option<DateTime<Utc>>,
    /// Databases by environment. With `schema`, `table` or `module`, only those with such tables in this range.
    pub items: Vec<DatabaseHistory>,
    /// Cursor of the next page; null on the last one.
    pub next: Option<String>,
}

/// Size of one database, or of tables in it, over time.
#[derive(Debug, Serialize, JsonSchema)]
pub struct DatabaseHistory {
    /// Environment that the database belongs to.
    pub environment: String,
    /// Database name on its server.
    pub database: String,
    /// The series.
    #[serde(flatten)]
    pub columns: Columns,
}

struct GetTableHistory {
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
    let handler = GetTableHistory {
        fleet,
        snapshots,
        history,
    };
    Endpoint::new(&ROUTE, handler)
}

#[async_trait]
impl Handler for GetTableHistory {
    async fn answer(&self, call: Call<'_>) -> Result<Answer, Problem> {
        let range = Range::of(&call)?;
        let fleet = self.fleet.current().await?;
        let page = targets::page(&call, selected(&fleet, &call)?)?;
        let series = TableSeries::of(&call);
        let ids: Vec<_> = page.targets.iter().map(|(id, _)| id.clone()).collect();
        let is_wanted = |key: &TableKey| series.may_want(key);
        let wanted = Wanted {
            kind: Kind::Database,
            tables: series.needs_tables().then_some(&is_wanted),
            with_parts: series.needs_parts(),
        };
        let reading = history::read_page(&self.history, &ids, &range, wanted, &series, call.now);
        let freshness = targets::freshness_of::<DatabaseSize, _>(&self.snapshots, &page.targets);
        let (found, freshness) = tokio::join!(reading, freshness);
        let ReadPage { window, columns } = found?;

        let is_cut = columns.len() < page.targets.len();
        let last = columns
            .len()
            .checked_sub(1)
            .and_then(|last| page.targets.get(last));
        let last = last.filter(|_| page.has_more || is_cut);
        let is_whole = cursor::is_first_page(&call) && last.is_none();
        let items = page.targets.iter().zip(columns);
        let items = items.filter(|(_, columns)| !series.is_narrow() || !columns.series.is_empty());
        let view = DatabaseHistories {
            from: window.grid.from,
            to: window.grid.to,
            step_seconds: window.grid.step_seconds,
            available_from: window.available_from,
            items: items
                .map(|((_, target), columns)| DatabaseHistory::of(target, columns))
                .collect(),
            next: last.map(|(id, _)| cursor::encode(id.as_str())),
        };
        if is_whole && view.items.is_empty() && series.is_narrow() {
            return Err(Problem::not_found("such table in this range"));
        }
        history::answer(&call, &view, view.next.as_deref(), freshness?)
    }
}

impl DatabaseHistory {
    fn of(target: &DatabaseTarget, columns: Columns) -> Self {
        Self {
            environment: target.environment.clone(),
            database: target.name.clone(),
            columns,
        }
    }
}
