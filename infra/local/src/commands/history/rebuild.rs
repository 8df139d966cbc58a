//! `mrt history rebuild`: makes history anew, and prints what was rebuilt and what is missing.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use collector::rebuild::{RebuildPorts, RebuildReport, RebuildRequest, rebuild};
use shared::clock::{Clock, SystemClock};
use shared::config::{ProcessVariables, Reader};
use shared::history::HistoryWriter;
use shared::store::SnapshotReader;
use shared::telemetry::error_chain;
use tokio::time::Instant;

use crate::backend;
use crate::commands::format;
use crate::output;

/// Longest time of a rebuild. A step of a week takes seconds.
const LIMIT: Duration = Duration::from_secs(86_400);

/// Rebuilds what `request` selects in the store of `data`, and prints the result.
///
/// Exit codes: 0 all was rebuilt, 1 nothing was, 3 something could not be.
pub(super) async fn run(
    request: &RebuildRequest,
    json: bool,
    data: &Path,
) -> anyhow::Result<ExitCode> {
    let mut reader = Reader::new(&ProcessVariables);
    let retention = reader.history_retention();
    reader.finish(())?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let store = Arc::new(backend::existing_store(data, &clock).await?);
    let ports = RebuildPorts {
        snapshots: &SnapshotReader::new(store.clone()),
        history: &HistoryWriter::new(store, retention),
        today: clock.now().date_naive(),
    };
    let rebuilding = rebuild(ports, request, Instant::now() + LIMIT, |days, targets| {
        let (from, to) = (days.start(), days.end());
        output::print_error(&format!("mrt: {from} to {to}, {targets} targets"));
    });
    let report = rebuilding.await;
    let report = report.map_err(|error| anyhow::anyhow!(error_chain(&error)));
    let report = report.context("could not rebuild the history")?;
    if json {
        output::print_json(&report)?;
    } else {
        output::print(&text(&report))?;
    }
    Ok(ExitCode::from(if report.is_whole() { 0 } else { 3 }))
}

/// Returns a table of targets, then what is missing of each.
fn text(report: &RebuildReport) -> String {
    let (from, to) = (report.from, report.to);
    let mut rows = vec![
        ["TARGET", "KIND", "DAYS", "RUNS"]
            .map(str::to_owned)
            .to_vec(),
    ];
    let mut missing = String::new();
    for target in &report.targets {
        rows.push(vec![
            target.target.clone(),
            target.kind.to_owned(),
            target.days.to_string(),
            target.runs.to_string(),
        ]);
        let mut line = |what: String| {
            missing += &format!("{} ({}): {what}\n", target.target, target.kind);
        };
        for [first, last] in &target.gaps {
            line(match first == last {
                true => format!("no run is known on {first}"),
                false => format!("no run is known from {first} to {last}"),
            });
        }
        for unwritten in &target.unwritten {
            let (block, reason) = (&unwritten.block, &unwritten.reason);
            line(format!("the block {block} stays unreadable: {reason}"));
        }
        if let Some(error) = &target.error {
            line(format!("not all days were rebuilt: {error}"));
        }
    }
    let table = format::table(&rows, 2);
    let separator = if missing.is_empty() { "" } else { "\n" };
    format!("History from {from} to {to}, rebuilt from snapshots\n\n{table}{separator}{missing}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use collector::rebuild::{RebuiltTarget, UnwrittenBlock};

    #[test]
    fn the_text_names_every_gap_and_what_stays_unreadable() {
        let day = |text: &str| text.parse().unwrap();
        let report = RebuildReport {
            from: day("2028-02-01"),
            to: day("2028-02-29"),
            targets: vec![RebuiltTarget {
                kind: "database",
                target: "acme-prod/db/acme".into(),
                days: 26,
                runs: 624,
                gaps: vec![
                    [day("2028-02-01"), day("2028-02-02")],
                    [day("2028-02-09"), day("2028-02-09")],
                ],
                unwritten: vec![UnwrittenBlock {
                    block: "DAYS#acme-prod/db/acme / 2028-02".into(),
                    reason: "a newer program wrote it".into(),
                }],
                error: None,
            }],
            next: None,
        };

        assert_eq!(
            text(&report),
            "\
History from 2028-02-01 to 2028-02-29, rebuilt from snapshots

TARGET             KIND      DAYS  RUNS
acme-prod/db/acme  database    26   624

acme-prod/db/acme (database): no run is known from 2028-02-01 to 2028-02-02
acme-prod/db/acme (database): no run is known on 2028-02-09
acme-prod/db/acme (database): the block DAYS#acme-prod/db/acme / 2028-02 stays unreadable: a newer program wrote it
"
        );
        assert!(!report.is_whole());
    }
}
