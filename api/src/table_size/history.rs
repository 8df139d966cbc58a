//! `GET /table_size/history`: sizes of databases and their tables over time.

mod groups;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use shared::fleet::Kind;
use shared::history::growth::Full;
use shared::history::{TableKey, Trend};
use shared::snapshot::{DatabaseSize, DatabaseSummary, Latest};

use self::groups::TableSeries;
use super::identity::DatabaseIdentity;
use super::selected;
use crate::history::{self, Histories, HistoryPorts, Range, Wanted};
use crate::http::answer::Answer;
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
        Parameter::cursor(),
    ],
    problems: &[Code::NotFound, Code::TooLarge],
    schema: |generator| generator.subschema_for::<Histories<DatabaseIdentity>>(),
};

struct GetTableHistory(HistoryPorts);

/// Returns the endpoint over its ports.
pub fn endpoint(ports: HistoryPorts) -> Endpoint {
    Endpoint::new(&ROUTE, GetTableHistory(ports))
}

#[async_trait]
impl Handler for GetTableHistory {
    async fn answer(&self, call: Call<'_>) -> Result<Answer, Problem> {
        let range = Range::of(&call)?;
        let fleet = self.0.fleet.current().await?;
        let page = targets::page(&call, selected(&fleet, &call)?)?;
        let series = TableSeries::of(&call);
        let ids: Vec<_> = page.targets.iter().map(|(id, _)| id.clone()).collect();
        let is_wanted = |key: &TableKey| series.may_want(key);
        let wanted = Wanted {
            kind: Kind::Database,
            tables: series.needs_tables().then_some(&is_wanted),
            with_parts: series.needs_parts(),
        };
        let reading = history::read_page(&self.0.history, &ids, &range, wanted, &series, call.now);
        let latest = targets::records_of::<DatabaseSize, _>(&self.0.snapshots, &page.targets);
        let (found, latest) = tokio::join!(reading, latest);
        let (mut found, latest) = (found?, latest?);
        for (columns, (id, _)) in found.columns.iter_mut().zip(&page.targets) {
            let latest = latest.get(id).and_then(|latest| latest.as_ref().ok());
            columns.full = Some(latest.and_then(|latest| full(latest, call.now)));
        }
        let nothing = series.is_narrow().then_some("such table in this range");
        let freshness = targets::freshness_of_records(&page.targets, &latest);
        history::histories::<DatabaseIdentity>(&call, &page, found, nothing, freshness)
    }
}

/// Returns when the storage of a database's server is full, by its latest measurement.
fn full(latest: &Latest<DatabaseSummary>, now: DateTime<Utc>) -> Option<Full> {
    let good = latest.good.as_ref()?;
    let growth = Trend::growth(latest.trend.as_ref(), now);
    Some(Full::of(&growth, &good.summary.storage))
}
