//! `mrt`: runs the collectors and handlers of MRT API on one machine.

mod arguments;
mod backend;
mod commands;
mod connections;
mod demo;
mod gateway;
mod identity;
mod output;
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

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser, Subcommand};
use shared::config::ProcessVariables;
use shared::telemetry::{self, Format};

/// Default data folder.
const DATA: &str = ".mrt";
const DATA_HELP: &str = "Data folder of the running server";
const FLEET_HELP: &str = "Fleet file [default: the running server's, or the one in MRT_FLEET]";

/// Sizes, users and constants of a fleet of Mendix apps, on one machine
#[derive(Parser)]
#[command(
    name = "mrt",
    after_help = "\
Examples:
  mrt serve --demo                              try everything with a live demo fleet
  mrt serve --fleet fleet.toml --every 15m      serve your own fleet
  mrt bucket-size s3://acme-prod-files          measure a bucket now
  mrt table-size postgres://mrt_ro@db/acme      measure a database and its tables now (or mysql://…)
  mrt doctor --fleet fleet.toml                 check everything that the fleet file names

Exit codes: 0 complete, 1 failed, 2 wrong usage, 3 partial (the output lists what could not be measured), 130 interrupted"
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Collects on a schedule and serves the API on 127.0.0.1:8080
    #[command(after_help = "\
Examples:
  mrt serve --demo
  mrt serve --demo --every 10s --listen 127.0.0.1:9000
  mrt serve --fleet fleet.toml --data /var/lib/mrt")]
    Serve {
        /// Serve a demo fleet: an S3 server over a folder and a private PostgreSQL, with data that changes
        #[arg(long, required_unless_present = "fleet", conflicts_with = "fleet")]
        demo: bool,
        /// Serve this fleet file: a path, or an S3 URL with bucket and key
        #[arg(long, value_name = "FILE")]
        fleet: Option<String>,
        /// Loopback address to listen on [default: 127.0.0.1:8080, or the next free port]
        #[arg(long, value_name = "ADDR")]
        listen: Option<SocketAddr>,
        /// Time between collections, from 1s to 1day [default: 1m for the demo, otherwise 1h]
        #[arg(long, value_name = "DURATION", value_parser = parse_every)]
        every: Option<Duration>,
        /// Days of history that a new demo starts with, from 0 to 60
        #[arg(long, value_name = "N", conflicts_with = "fleet", default_value_t = demo::past::MAX_DAYS,
            value_parser = clap::value_parser!(u16).range(0..=i64::from(demo::past::MAX_DAYS)))]
        past_days: u16,
        /// Folder for all data
        #[arg(long, value_name = "DIR", default_value = DATA)]
        data: PathBuf,
    },
    /// Measures buckets, parts of buckets, or other storage now
    #[command(after_help = "\
Region, credentials, profile and endpoint come from the usual AWS variables and files, or from the options that the AWS
CLI has as well. Other storage is written as KIND://ID: efs://fs-…, ebs://vol-…, rds://INSTANCE with --allocated-gib,
aurora://CLUSTER, dynamodb://TABLE. Ctrl-C prints what was counted so far, and exits with 130.

Examples:
  mrt bucket-size s3://acme-prod-files
  mrt bucket-size s3://acme-prod-files s3://shared-files/acme-prod/ --units si
  mrt bucket-size s3:// --profile prod --csv
  mrt bucket-size s3://shared-files --suffix .customer1 --json
  mrt bucket-size s3://acme-prod-files --measure current,noncurrent,delete_markers,multipart,cloudwatch
  mrt bucket-size s3://noaa-ghcn-pds --no-sign-request --region us-east-1
  mrt bucket-size dynamodb://Sessions")]
    BucketSize(Box<commands::bucket_size::BucketSizeArguments>),
    /// Measures a database and its tables now
    #[command(after_help = "\
The password comes from the URL, or from PGPASSWORD, the file in PGPASSFILE or ~/.pgpass (MYSQL_PWD for mysql://). In a
URL write # / ? @ % of a password as %23 %2F %3F %40 %25. The role needs no privileges on tables.
Other hosts must offer TLS with a valid certificate; MRT_DATABASE_CA_FILE or sslrootcert= names the authorities to trust.
A host that starts with / is the folder of a Unix socket. Understood after ?: host, port, user, password, dbname, sslmode,
sslrootcert; for mysql:// socket, ssl-mode, ssl-ca. The driver passes PGOPTIONS, PGSSLCERT and PGSSLKEY on. Not read: PGHOST,
PGPORT, PGUSER, PGDATABASE, PGSSLMODE, PGSERVICE, PGSERVICEFILE and MySQL's option files.

Examples:
  PGPASSWORD=… mrt table-size postgres://mrt_ro@127.0.0.1/acme
  MYSQL_PWD=… mrt table-size mysql://mrt_ro@db.example.com/acme
  mrt table-size postgres://mrt_ro:secret@127.0.0.1:5433/acme --json
  mrt table-size 'postgres:///acme?host=/run/postgresql&user=mrt_ro'
  mrt table-size postgres://mrt_ro@127.0.0.1:15432/acme --tls-server-name acme.abc.eu-west-1.rds.amazonaws.com")]
    TableSize {
        /// Database, and the user to log in as
        // Not parsed here: errors of the argument parser repeat the value, which may contain a password.
        #[arg(value_name = "postgres://USER@HOST/NAME or mysql://USER@HOST/NAME")]
        database: String,
        /// Name in the server's certificate, if it is not the host: through a tunnel
        #[arg(long, value_name = "NAME")]
        tls_server_name: Option<String>,
        /// Print the snapshot as JSON, with all tables
        #[arg(long)]
        json: bool,
    },
    /// Prints the script that grants an environment's database role the privileges it needs
    #[command(after_help = "\
Only prints: run the script as the owner of the database. For PostgreSQL, MySQL and MariaDB.

Examples:
  mrt grants --environment acme-prod --fleet fleet.toml
  mrt grants --environment acme-prod --fleet fleet.toml | psql acme")]
    Grants {
        /// Environment
        #[arg(long, value_name = "X")]
        environment: String,
        #[arg(long, value_name = "FILE", help = FLEET_HELP)]
        fleet: Option<String>,
        #[arg(long, value_name = "DIR", default_value = DATA, help = DATA_HELP)]
        data: PathBuf,
    },
    /// Prints the parameters that a fleet file needs in a deployment on AWS, as TOML for deploy.toml
    #[command(after_help = "\
Only prints, and calls nothing. A list that is too long for a parameter is shortened to patterns.

Examples:
  mrt aws-parameters --fleet fleet.toml --account 123456789012 --region eu-west-1")]
    AwsParameters {
        /// Fleet file: a path
        #[arg(long, value_name = "FILE")]
        fleet: String,
        /// Account of the stack
        #[arg(long, value_name = "ID")]
        account: String,
        /// Region of the stack
        #[arg(long, value_name = "REGION")]
        region: String,
    },
    /// Finds environments by the tags of the accounts' resources, and prints them as discovered.toml
    #[command(after_help = "\
Needs [discover] in the fleet file, and tag:GetResources, rds:DescribeDBInstances and rds:DescribeDBClusters in each
account. What is missing is told on standard error. With an account that did not answer, ends with 3. --check reads what
was found as the collectors do, from here and with these credentials, and tells each policy statement and grant that is
missing; with a problem, it ends with 3 too.

Examples:
  mrt discover --fleet fleet.toml
  mrt discover --fleet fleet.toml --check
  mrt discover --fleet fleet.toml | diff discovered.toml -
  mrt discover --fleet fleet.toml --write")]
    Discover {
        /// Fleet file: a path, or an object in S3
        #[arg(long, value_name = "FILE")]
        fleet: String,
        /// Replace discovered.toml beside the fleet file, in place of printing
        #[arg(long)]
        write: bool,
        /// Also try to read what was found, and print the rights and grants that are missing
        #[arg(long)]
        check: bool,
        /// Days for which a target that is gone stays in the file
        #[arg(long, value_name = "N", default_value_t = 35, value_parser = clap::value_parser!(u32).range(1..=3650))]
        retention_days: u32,
    },
    /// Checks everything that a fleet file names, and prints how to fix problems
    #[command(after_help = "\
Checks buckets and other storage, databases with their TLS, privileges and schema, and all layers of constants. Reads
the records in the store of mrt serve, if there is one. With --aws, the collecting functions of that deployment check
what they reach from inside its network: the fleet file, the store, every storage and database, the databases'
authorities, and the clock. Needs lambda:InvokeFunction on them.

Examples:
  mrt doctor --fleet fleet.toml
  mrt doctor --fleet fleet.toml --environment acme-prod --json
  mrt doctor --aws mrt --region eu-west-1")]
    Doctor {
        #[arg(long, value_name = "FILE", help = FLEET_HELP)]
        fleet: Option<String>,
        /// Stack of a deployment on AWS, whose functions check what they reach
        #[arg(long, value_name = "STACK", conflicts_with = "fleet")]
        aws: Option<String>,
        /// Region of the stack [default: that of the usual AWS variables and files]
        #[arg(long, value_name = "REGION", requires = "aws")]
        region: Option<String>,
        /// Check only this environment
        #[arg(long, value_name = "X")]
        environment: Option<String>,
        /// Print the results as JSON
        #[arg(long)]
        json: bool,
        #[arg(long, value_name = "DIR", default_value = DATA, help = DATA_HELP)]
        data: PathBuf,
    },
    /// Prints how sizes changed and how they grow, or makes their history anew
    #[command(
        args_conflicts_with_subcommands = true,
        subcommand_negates_reqs = true,
        after_help = "\
Reads the store of mrt serve, which may be running. Sizes are those at the last measurement of each UTC day; growth is
computed from the last 35 days that are over.

Examples:
  mrt history --environment acme-prod
  mrt history s3://acme-prod-files --from -7d
  mrt history s3://shared-files/acme-test/ --csv
  mrt history rebuild"
    )]
    History(Box<commands::history::HistoryArguments>),
    /// Tells the alerts of a fleet file that began or ended, or shows what would be told
    #[command(after_help = "\
Reads the store of mrt serve, which evaluates alerts at every interval itself.

Examples:
  mrt alerts --dry-run
  mrt alerts --dry-run --fleet fleet.toml --data /var/lib/mrt")]
    Alerts {
        /// Print what would be told, and send nothing
        #[arg(long)]
        dry_run: bool,
        #[arg(long, value_name = "FILE", help = FLEET_HELP)]
        fleet: Option<String>,
        #[arg(long, value_name = "DIR", default_value = DATA, help = DATA_HELP)]
        data: PathBuf,
    },
    /// Prints a development token of the running server
    #[command(after_help = "\
Examples:
  export TOKEN=$(mrt token)
  mrt token --scope \"mrt/bucket_size.read mrt/table_size.read\"
  mrt token --environments \"acme-prod acme-test\"")]
    Token {
        /// Scopes, separated by spaces [default: all]
        #[arg(long)]
        scope: Option<String>,
        /// Environments that the token is limited to, separated by spaces [default: all]
        #[arg(long)]
        environments: Option<String>,
        #[arg(long, value_name = "DIR", default_value = DATA, help = DATA_HELP)]
        data: PathBuf,
    },
    /// Invokes one function with a recorded event and prints its response
    #[command(after_help = "\
Examples:
  mrt invoke api-bucket-size api/tests/events/bucket_size.json
  mrt invoke plan collector/tests/events/scheduled-tick.json --fleet fleet.toml")]
    Invoke {
        /// Name of a Lambda function
        function: String,
        /// File with the event
        #[arg(value_name = "EVENT.json")]
        event: PathBuf,
        #[arg(long, value_name = "FILE", help = FLEET_HELP)]
        fleet: Option<String>,
        #[arg(long, value_name = "DIR", default_value = DATA, help = DATA_HELP)]
        data: PathBuf,
    },
}

fn parse_every(text: &str) -> Result<Duration, String> {
    let every = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    let allowed = Duration::from_secs(1)..=Duration::from_secs(86_400);
    if allowed.contains(&every) {
        Ok(every)
    } else {
        Err("must be from 1s to 1day".to_owned())
    }
}

/// Ends the program with the exit code for wrong usage.
fn exit_with_usage(kind: ErrorKind, reason: &str) -> ! {
    Arguments::command().error(kind, reason).exit()
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::try_parse().unwrap_or_else(|error| arguments::exit(&error));
    telemetry::start(Format::Terminal, &ProcessVariables);
    match Box::pin(run(arguments.command)).await {
        Ok(code) => code,
        Err(error) => {
            output::print_error(&format!("mrt: {error:#}"));
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
            past_days,
            data,
        } => {
            serve::run(serve::Options {
                fleet,
                listen,
                every,
                past_days,
                data,
            })
            .await?;
            Ok(ExitCode::SUCCESS)
        }
        Command::BucketSize(arguments) => {
            if let Err(reason) = arguments.check() {
                exit_with_usage(ErrorKind::ArgumentConflict, &reason);
            }
            commands::bucket_size::run(&arguments).await
        }
        Command::TableSize {
            database,
            tls_server_name,
            json,
        } => {
            let database = commands::table_size::parse(&database, tls_server_name)
                .unwrap_or_else(|reason| exit_with_usage(ErrorKind::ValueValidation, &reason));
            commands::table_size::run(database, json).await
        }
        Command::Grants {
            environment,
            fleet,
            data,
        } => commands::grants::run(&environment, fleet, &data).await,
        Command::AwsParameters {
            fleet,
            account,
            region,
        } => commands::aws_parameters::run(&fleet, &account, &region),
        Command::Discover {
            fleet,
            write,
            check,
            retention_days,
        } => commands::discover::run(&fleet, (write, check), retention_days).await,
        Command::Doctor {
            aws: Some(stack),
            region,
            environment,
            json,
            ..
        } => commands::doctor::deployment::run(&stack, region, environment.as_deref(), json).await,
        Command::Doctor {
            fleet,
            environment,
            json,
            data,
            ..
        } => commands::doctor::run(fleet, environment.as_deref(), json, &data).await,
        Command::History(arguments) => commands::history::run(*arguments).await,
        Command::Alerts {
            dry_run,
            fleet,
            data,
        } => commands::alerts::run(dry_run, fleet, &data).await,
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
