//! `mrt history`: the history of sizes in the store of `mrt serve`.

mod rebuild;
mod show;

use std::path::PathBuf;
use std::process::ExitCode;

use chrono::NaiveDate;
use clap::{Args, Subcommand};
use collector::rebuild::RebuildRequest;
use shared::fleet::BucketTarget;

use super::bucket_size;
use show::FirstDay;

/// What to show, unless there is a subcommand.
#[derive(Args)]
pub(crate) struct HistoryArguments {
    #[command(subcommand)]
    command: Option<HistoryCommand>,
    /// Storage, in all environments
    #[arg(value_name = "s3://BUCKET[/PREFIX]", value_parser = bucket_size::parse, required_unless_present = "environment")]
    target: Option<BucketTarget>,
    /// All targets of this environment, or only TARGET in it
    #[arg(long, value_name = "X")]
    environment: Option<String>,
    /// First UTC day: -35d, -4w or 2026-01-31
    #[arg(long, value_name = "DAY", default_value = "-35d", value_parser = show::parse_from, allow_hyphen_values = true)]
    from: FirstDay,
    /// Print rows of CSV, with exact bytes
    #[arg(long)]
    csv: bool,
    #[arg(long, value_name = "DIR", default_value = crate::DATA, help = crate::DATA_HELP)]
    data: PathBuf,
}

#[derive(Subcommand)]
enum HistoryCommand {
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

/// Runs a subcommand, or shows what was asked for.
pub(crate) async fn run(arguments: HistoryArguments) -> anyhow::Result<ExitCode> {
    match arguments.command {
        None => {
            let options = show::Options {
                target: arguments.target,
                environment: arguments.environment,
                from: arguments.from,
                is_csv: arguments.csv,
                data: arguments.data,
            };
            show::run(&options).await
        }
        Some(HistoryCommand::Rebuild {
            target,
            environment,
            from,
            to,
            json,
            data,
        }) => {
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
