//! `mrt`: the collectors and handlers of MRT API on one machine.

mod backend;
mod commands;
mod demo;
mod gateway;
mod identity;
mod running_server;
mod scheduler;
mod secret_file;
mod serve;
mod sqlite;
mod variables;
mod welcome;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{CommandFactory, Parser, Subcommand};
use shared::config::ProcessVariables;
use shared::fleet::BucketTarget;
use shared::snapshot::bucket_size::Part;
use shared::telemetry::{self, Format};

/// Sizes, users and constants of a fleet of Mendix apps, on one machine
#[derive(Parser)]
#[command(
    name = "mrt",
    after_help = "\
Examples:
  mrt serve --demo                              everything at once, with real data that moves
  mrt serve --fleet fleet.toml --every 15m      your own fleet
  mrt bucket-size s3://acme-prod-files          how big is this bucket now
  mrt table-size postgres://mrt_ro@db/acme      how big are these tables now
  mrt doctor --fleet fleet.toml                 is everything that the fleet names well

Exit codes: 0 complete, 1 failed, 2 usage, 3 partial (something could not be measured; the answer says what)"
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Collects on a schedule and answers on 127.0.0.1:8080
    #[command(after_help = "\
Examples:
  mrt serve --demo
  mrt serve --demo --every 10s --listen 127.0.0.1:9000
  mrt serve --fleet fleet.toml --data /var/lib/mrt")]
    Serve {
        /// Serve a demo fleet: an S3 server over a folder and a private PostgreSQL, with data that moves
        #[arg(long, required_unless_present = "fleet", conflicts_with = "fleet")]
        demo: bool,
        /// Serve this fleet file: a path, or an S3 URL with bucket and key
        #[arg(long, value_name = "FILE")]
        fleet: Option<String>,
        /// Listen on this address of this machine [default: 127.0.0.1:8080, or the next free port]
        #[arg(long, value_name = "ADDR")]
        listen: Option<SocketAddr>,
        /// Time between two collections, from 1s to 1day [default: 1m in the demo, else 1h]
        #[arg(long, value_name = "DURATION", value_parser = parse_every)]
        every: Option<Duration>,
        /// Folder of everything that is kept
        #[arg(long, value_name = "DIR", default_value = ".mrt")]
        data: PathBuf,
    },
    /// Measures a bucket, a part of it, or other storage, now
    #[command(after_help = "\
Region, credentials, profile and endpoint are the usual AWS variables. Other storage is written as KIND://ID:
efs://fs-…, ebs://vol-…, rds://INSTANCE with --allocated-gib, aurora://CLUSTER, dynamodb://TABLE.

Examples:
  mrt bucket-size s3://acme-prod-files
  mrt bucket-size s3://shared-files/acme-prod/ --json
  mrt bucket-size s3://shared-files --suffix .customer1
  mrt bucket-size s3://acme-prod-files --measure current,noncurrent,delete_markers,multipart,cloudwatch
  mrt bucket-size dynamodb://Sessions
  AWS_PROFILE=prod AWS_REGION=eu-west-1 mrt bucket-size s3://acme-prod-files")]
    BucketSize {
        /// The bucket, with the prefix of the keys to count
        #[arg(value_name = "s3://BUCKET[/PREFIX]", value_parser = commands::bucket_size::parse)]
        target: BucketTarget,
        /// Count only keys that end in this
        #[arg(long, value_name = "S", default_value = "")]
        suffix: String,
        /// Parts of the bucket to measure beside its current objects [default: multipart]
        #[arg(long, value_name = "PART,PART", value_delimiter = ',', value_parser = commands::bucket_size::parse_part)]
        measure: Option<Vec<Part>>,
        /// GiB that are allocated to the RDS instance
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
        allocated_gib: Option<u64>,
        /// Print the snapshot as JSON
        #[arg(long)]
        json: bool,
    },
    /// Measures a database and its tables now
    #[command(after_help = "\
The password comes from the URL or from PGPASSWORD. Needs no right on any table.
Hosts other than this machine must speak TLS; MRT_DATABASE_CA_FILE names their authorities.

Examples:
  PGPASSWORD=… mrt table-size postgres://mrt_ro@127.0.0.1/acme
  mrt table-size postgres://mrt_ro:secret@127.0.0.1:5433/acme --json")]
    TableSize {
        /// The database
        #[arg(value_name = "postgres://USER@HOST/NAME", value_parser = commands::table_size::parse)]
        database: commands::table_size::Database,
        /// Print the snapshot as JSON, with all tables
        #[arg(long)]
        json: bool,
    },
    /// Prints the script that gives an environment's database role its least rights
    #[command(after_help = "\
Runs nothing: the owner of the database does. PostgreSQL, MySQL and MariaDB.

Examples:
  mrt grants --environment acme-prod --fleet fleet.toml
  mrt grants --environment acme-prod --fleet fleet.toml | psql acme")]
    Grants {
        /// Name of the environment
        #[arg(long, value_name = "X")]
        environment: String,
        /// The fleet file [default: that of the running server, or what the variable for it names]
        #[arg(long, value_name = "FILE")]
        fleet: Option<String>,
        /// Data folder of the running server
        #[arg(long, value_name = "DIR", default_value = ".mrt")]
        data: PathBuf,
    },
    /// Looks at everything that a fleet file names, now, and says what to fix
    #[command(after_help = "\
Buckets and other storage, databases with their TLS, rights and schema, and every layer of constants.

Examples:
  mrt doctor --fleet fleet.toml
  mrt doctor --fleet fleet.toml --environment acme-prod --json")]
    Doctor {
        /// The fleet file [default: that of the running server, or what the variable for it names]
        #[arg(long, value_name = "FILE")]
        fleet: Option<String>,
        /// Only this environment
        #[arg(long, value_name = "X")]
        environment: Option<String>,
        /// Print what is found as JSON
        #[arg(long)]
        json: bool,
        /// Data folder of the running server
        #[arg(long, value_name = "DIR", default_value = ".mrt")]
        data: PathBuf,
    },
    /// Prints a development token of the running server
    #[command(after_help = "\
Examples:
  export TOKEN=$(mrt token)
  mrt token --scope \"mrt/bucket_size.read mrt/table_size.read\"
  mrt token --environments \"acme-prod acme-test\"")]
    Token {
        /// Scopes, separated by blanks [default: all]
        #[arg(long)]
        scope: Option<String>,
        /// Environments that the token is limited to, separated by blanks [default: all]
        #[arg(long)]
        environments: Option<String>,
        /// Data folder of the running server
        #[arg(long, value_name = "DIR", default_value = ".mrt")]
        data: PathBuf,
    },
    /// Calls one function with a recorded event and prints its response
    #[command(after_help = "\
Examples:
  mrt invoke api-bucket-size api/tests/events/bucket_size.json
  mrt invoke plan collector/tests/events/scheduled-tick.json --fleet fleet.toml")]
    Invoke {
        /// Name of a Lambda function
        function: String,
        /// The event
        #[arg(value_name = "EVENT.json")]
        event: PathBuf,
        /// The fleet file [default: that of the running server, or what the variable for it names]
        #[arg(long, value_name = "FILE")]
        fleet: Option<String>,
        /// Data folder
        #[arg(long, value_name = "DIR", default_value = ".mrt")]
        data: PathBuf,
    },
}

fn parse_every(text: &str) -> Result<Duration, String> {
    let every = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    let allowed = Duration::from_secs(1)..=Duration::from_secs(86_400);
    if allowed.contains(&every) {
        Ok(every)
    } else {
        Err("allowed is 1s to 1day".to_owned())
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    telemetry::start(Format::Terminal, &ProcessVariables);
    match Box::pin(run(arguments.command)).await {
        Ok(code) => code,
        Err(error) => {
            report(&error);
            ExitCode::FAILURE
        }
    }
}

async fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Serve {
            demo: _,
            fleet,
            listen,
            every,
            data,
        } => {
            serve::run(serve::Options {
                fleet,
                listen,
                every,
                data,
            })
            .await?;
            Ok(ExitCode::SUCCESS)
        }
        Command::BucketSize {
            target,
            suffix,
            measure,
            allocated_gib,
            json,
        } => {
            let options = commands::bucket_size::Options {
                suffix,
                measure,
                allocated_gib,
            };
            let target = commands::bucket_size::target(target, &options).unwrap_or_else(|fault| {
                let kind = clap::error::ErrorKind::ArgumentConflict;
                Arguments::command().error(kind, fault).exit()
            });
            commands::bucket_size::run(&target, json).await
        }
        Command::TableSize { database, json } => commands::table_size::run(database, json).await,
        Command::Grants {
            environment,
            fleet,
            data,
        } => commands::grants::run(&environment, fleet, &data).await,
        Command::Doctor {
            fleet,
            environment,
            json,
            data,
        } => commands::doctor::run(fleet, environment.as_deref(), json, &data).await,
        Command::Token {
            scope,
            environments,
            data,
        } => commands::token::run(&data, scope.as_deref(), environments.as_deref()).await,
        Command::Invoke {
            function,
            event,
            fleet,
            data,
        } => commands::invoke::run(&function, &event, fleet, &data).await,
    }
}

#[expect(clippy::print_stderr, reason = "the last word to a person")]
fn report(error: &anyhow::Error) {
    eprintln!("mrt: {error:#}");
}
