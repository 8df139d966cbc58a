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
use crate::history::csv::{lines, put_columns};
use crate::history::{self, Columns, Range, ReadPage, Wanted};
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
    path: "/table_size/history",
    function: "api-table-size",
    scope: Some("mrt/table_size.read"),
    summary: "Sizes of each environment's database and its tables over time",
    description: "Series of each database in columns, one value for each cell of time; null where nothing was \
                  measured. A measurement belongs to the cell of its scheduled time. `from` and `to` are those of the \
                  cells: moved outwards to hours or days of UTC, and `from` not before `available_from`. Sums leave \
                  partitions out: their bytes are their table's. A sum is null where one of its tables is known to \
                  exist without a known size. Ordered by environment.",
    media_types: &[MediaType::Json, MediaType::Csv],
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

/// Columns of the answer in CSV.
const CSV_HEADER: [&str; 9] = [
    "environment",
    "database",
    "name",
    "module",
    "schema",
    "table",
    "unit",
    "time",
    "value",
];

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

        let step_seconds = window.grid.step_seconds;
        let targets = page.targets.iter().zip(columns);
        let mut items: Vec<_> = targets
            .map(|((_, target), columns)| DatabaseHistory::of(target, columns))
            .collect();
        let csv = (call.media_type == MediaType::Csv)
            .then(|| {
                lines(&CSV_HEADER, &items, |csv, item| {
                    item.put_csv(csv, step_seconds)
                })
            })
            .transpose()?;
        items.truncate(csv.as_ref().map_or(usize::MAX, |lines| lines.count));
        let is_cut = items.len() < page.targets.len();
        let last = items.len().checked_sub(1);
        let last = last.and_then(|last| page.targets.get(last));
        let last = last.filter(|_| page.has_more || is_cut);
        let is_whole = cursor::is_first_page(&call) && last.is_none();
        items.retain(|item| !series.is_narrow() || !item.columns.series.is_empty());
        if is_whole && items.is_empty() && series.is_narrow() {
            return Err(Problem::not_found("such table in this range"));
        }
        let view = DatabaseHistories {
            from: window.grid.from,
            to: window.grid.to,
            step_seconds,
            available_from: window.available_from,
            items,
            next: last.map(|(id, _)| cursor::encode(id.as_str())),
        };
        let csv = csv.map(|lines| lines.body);
        history::answer(&call, &view, csv, view.next.as_deref(), freshness?)
    }
}

impl DatabaseHistory {
    fn put_csv(&self, csv: &mut Csv, step_seconds: Option<i64>) {
        let identity: [Cell<'_>; 2] = [(&self.environment).into(), (&self.database).into()];
        put_columns(csv, &identity, &self.columns, step_seconds, |name| {
            vec![
                name.module.as_ref().into(),
                name.schema.as_ref().into(),
                name.table.as_ref().into(),
            ]
        });
    }

    fn of(target: &DatabaseTarget, columns: Columns) -> Self {
        Self {
            environment: target.environment.clone(),
            database: target.name.clone(),
            columns,
        }
    }
}
