//! `mrt history`: the history of sizes in the store of `mrt serve`.

mod rebuild;

use std::path::PathBuf;
use std::process::ExitCode;

use chrono::NaiveDate;
use clap::Subcommand;
use collector::rebuild::RebuildRequest;

#[derive(Subcommand)]
pub(crate) enum HistoryCommand {
    /// Makes the history of targets anew from their snapshots, where it differs, is lost or is damaged
    #[command(after_help = "\
Only days that are over are rebuilt, and nothing is ever removed. The server may be running.
On AWS, invoke the function plan instead: see infra/README.md.

Examples:
  mrt history rebuild
  mrt history rebuild --environment acme-prod --from 2026-10-01 --to 2026-10-31
  mrt history rebuild --target acme-prod/db/acme --json")]
    Rebuild {
        /// Only this target, by its id
        #[arg(long, value_name = "ID", conflicts_with = "environment")]
        target: Option<String>,
        /// Only targets of this environment
        #[arg(long, value_name = "X")]
        environment: Option<String>,
        /// First UTC day [default: 92 days ago]
        #[arg(long, value_name = "DATE")]
        from: Option<NaiveDate>,
        /// Last UTC day, included [default: yesterday]
        #[arg(long, value_name = "DATE")]
        to: Option<NaiveDate>,
        /// Print the result as JSON
        #[arg(long)]
        json: bool,
        #[arg(long, value_name = "DIR", default_value = crate::DATA, help = crate::DATA_HELP)]
        data: PathBuf,
    },
}

/// Runs a subcommand.
pub(crate) async fn run(command: HistoryCommand) -> anyhow::Result<ExitCode> {
    match command {
        HistoryCommand::Rebuild {
            target,
            environment,
            from,
            to,
            json,
            data,
        } => {
            let request = RebuildRequest {
                target,
                environment,
                from,
                to,
                after: None,
            };
            rebuild::run(&request, json, &data).await
        }
    }
}
