//! Measures one database like the Lambda function: `measure-database ENGINE HOST PORT NAME USER`, with the password in
//! `MRT_BENCH_PASSWORD`. Prints the number of sized tables, of estimates among them and of tables without a size, and
//! the bytes of the tables.
//!
//! For the table benchmark, which measures its CPU time and memory. Users run `mrt table-size`.

#![allow(clippy::print_stdout, reason = "a tool for the benchmark")]

use std::sync::Arc;

use collector::{Progress, measure_database};
use shared::aws::Aws;
use shared::clock::SystemClock;
use shared::config::ProcessVariables;
use shared::database::Databases;
use shared::fleet::{Auth, DatabaseTarget, Engine};
use shared::location::AwsScope;
use shared::snapshot::Quality;

/// Variable with the password.
const PASSWORD: &str = "MRT_BENCH_PASSWORD";

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, engine, host, port, name, user] = arguments.as_slice() else {
        return Err("usage: measure-database ENGINE HOST PORT NAME USER".into());
    };
    let target = DatabaseTarget {
        environment: "bench".to_owned(),
        engine: match engine.as_str() {
            "postgres" => Engine::Postgres,
            "mysql" => Engine::Mysql,
            _ => return Err("the engine is postgres or mysql".into()),
        },
        host: host.clone(),
        port: port.parse()?,
        name: name.clone(),
        user: user.clone(),
        auth: Auth::Variable(PASSWORD.to_owned()),
        scope: AwsScope::default(),
        server: None,
        allocated_gib: None,
        tls_server_name: None,
        max_error: None,
    };
    let databases = Databases::new(
        Arc::new(Aws::without_credentials()),
        Arc::new(ProcessVariables),
        Arc::new(SystemClock),
        None,
    );
    let size = measure_database(databases, &target, &Progress::default()).await?;
    let estimated = size
        .counted_tables()
        .filter(|table| table.quality != Quality::Exact);
    println!(
        "{} {} {} {}",
        size.counted_tables().count(),
        estimated.count(),
        size.unsized_tables.len(),
        size.table_bytes(),
    );
    Ok(())
}
