//! One page of databases: as many as fit into an answer.

use chrono::{DateTime, NaiveDate, Utc};
use shared::fleet::{DatabaseTarget, TargetId};
use shared::history::Trend;
use shared::snapshot::{DatabaseSize, DatabaseSummary, Failure, Good, Latest, Run, Snapshot};

use super::{DatabaseItem, PendingDatabase, TableFilter};
use crate::http::answer::ANSWER_LIMIT_BYTES;
use crate::http::problem::Problem;
use crate::targets;

/// A database of the fleet and its latest state.
pub(super) struct Found<'f> {
    pub(super) id: TargetId,
    pub(super) target: &'f DatabaseTarget,
    /// Since when discovery does not find it any more.
    pub(super) gone_since: Option<NaiveDate>,
    pub(super) latest: Option<Latest<DatabaseSummary>>,
}

impl Found<'_> {
    pub(super) fn good(&self) -> Option<&Good<DatabaseSummary>> {
        self.latest.as_ref().and_then(|latest| latest.good.as_ref())
    }

    fn trend(&self) -> Option<&Trend> {
        self.latest.as_ref()?.trend.as_ref()
    }

    fn failure(&self) -> Option<Failure> {
        let latest = self.latest.as_ref();
        latest.and_then(|latest| latest.last_failure.clone())
    }

    fn version(&self) -> u64 {
        self.latest.as_ref().map_or(0, |latest| latest.version)
    }
}

/// Databases of one page.
#[derive(Default)]
pub(super) struct Page<'f> {
    /// Databases with a snapshot that the filter selects.
    pub(super) items: Vec<DatabaseItem>,
    /// Databases without a snapshot.
    pub(super) pending: Vec<PendingDatabase>,
    /// Id and version of each database, whether it is stale, and whether a clock is wrong: what the answer's ETag depends
    /// on.
    pub(super) identity: Vec<(String, u64, (bool, bool))>,
    /// Runs that the answer's freshness depends on.
    pub(super) runs: Vec<Run>,
    /// The last database of the page.
    pub(super) last: Option<&'f TargetId>,
    /// Whether the page ends early because the next database does not fit.
    pub(super) is_cut: bool,
}

impl<'f> Page<'f> {
    /// Returns the page of `found`, whose snapshots are in the same order.
    ///
    /// # Errors
    ///
    /// [`Code::TooLarge`](crate::http::problem::Code::TooLarge) when the first database alone does not fit.
    pub(super) fn of(
        found: &'f [Found<'_>],
        snapshots: Vec<Option<Snapshot<DatabaseSize>>>,
        filter: TableFilter<'_>,
        now: DateTime<Utc>,
    ) -> Result<Self, Problem> {
        let mut page = Self::default();
        let mut size_bytes = 0;
        for (found, snapshot) in found.iter().zip(snapshots) {
            // A change of either makes another answer.
            let condition = if let (Some(good), Some(snapshot)) = (found.good(), snapshot) {
                let environment = &found.target.environment;
                let tables = &snapshot.measurement.tables;
                let has_tables = tables.iter().any(|table| filter.includes(table));
                let mut item =
                    DatabaseItem::of(environment, snapshot, found.failure(), filter, now);
                item.gone_since = found.gone_since;
                if filter.has_trend {
                    item = item.with_trend(found.trend(), now);
                }
                size_bytes += serde_json::to_vec(&item).map_err(Problem::internal)?.len();
                if size_bytes > ANSWER_LIMIT_BYTES {
                    page.is_cut = true;
                    break;
                }
                page.runs.push(good.run);
                targets::report_clock(&found.id, item.clock_skew);
                let condition = (item.stale, item.clock_skew);
                let is_selected =
                    !filter.is_narrow() || has_tables || !item.unsized_tables.is_empty();
                page.items.extend(is_selected.then_some(item));
                condition
            } else {
                page.pending.push(PendingDatabase {
                    environment: found.target.environment.clone(),
                    database: found.target.name.clone(),
                    last_failure: found.failure(),
                });
                (false, false)
            };
            let id = targets::identity_of(&found.id, found.gone_since);
            page.identity.push((id, found.version(), condition));
            page.last = Some(&found.id);
        }
        if page.is_cut && page.last.is_none() {
            return Err(Problem::too_large(
                "request fewer tables with the parameter \"tables\"",
            ));
        }
        Ok(page)
    }
}
