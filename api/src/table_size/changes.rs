//! `GET /table_size/changes`: what explains the change of each database's size.

use async_trait::async_trait;
use shared::fleet::Kind;
use shared::history::changes::{Changes, Grouping};
use shared::snapshot::DatabaseSize;

use super::identity::DatabaseIdentity;
use super::selected;
use crate::history::{self, ChangesPage, Explained, HistoryPorts, Page, Range, TargetChanges};
use crate::http::answer::Answer;
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
        Parameter::cursor(),
    ],
    problems: &[Code::NotFound, Code::TooLarge],
    schema: |generator| generator.subschema_for::<ChangesPage<DatabaseIdentity>>(),
};

struct GetTableChanges(HistoryPorts);

/// Returns the endpoint over its ports.
pub fn endpoint(ports: HistoryPorts) -> Endpoint {
    Endpoint::new(&ROUTE, GetTableChanges(ports))
}

#[async_trait]
impl Handler for GetTableChanges {
    async fn answer(&self, call: Call<'_>) -> Result<Answer, Problem> {
        let range = Range::of(&call)?;
        let fleet = self.0.fleet.current().await?;
        let targets = targets::page(&call, selected(&fleet, &call)?)?;
        let freshness =
            targets::freshness_of::<DatabaseSize, _>(&self.0.snapshots, &targets.targets);
        let freshness = freshness.await?;
        let group = call.parameters.text("group");
        let grouping = match group {
            Some("module") => Grouping::Module,
            _ => Grouping::Table,
        };
        let top = usize::try_from(call.parameters.number("top")).unwrap_or(usize::MAX);
        let mut page: Page<TargetChanges<DatabaseIdentity>> = Page::default();
        // One at a time: two points of thousands of tables each.
        for (id, target) in &targets.targets {
            let ends = history::ends(&self.0.history, Kind::Database, id, &range, true).await?;
            let first = ends.available_from;
            let compare = |from: &_, to: &_| Changes::of_database(from, to, grouping, top);
            let explained = Explained::of(ends, compare);
            if !page.add(TargetChanges::of(*target, explained), first)? {
                break;
            }
        }
        history::changes(&call, &targets, &range, page, freshness)
    }
}
