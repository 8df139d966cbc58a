//! `mrt doctor --aws`: what the functions of a deployment reach from inside its network.

use std::collections::BTreeMap;
use std::process::ExitCode;

use chrono::{DateTime, Utc};
use collector::aws::invoke::invoke;
use collector::probe::{ProbeCheck, ProbeEvent, ProbeReport, ProbeRequest};
use shared::aws::{Aws, AwsOptions};
use shared::clock::{Clock, SystemClock};

use super::check::Check;
use super::checks::EnvironmentChecks;
use super::{exit_code, print};

/// The functions that measure, which have networks and roles of their own. Names follow the stack's.
const FUNCTIONS: [&str; 2] = ["collect-bucket-size", "collect-table-size"];
/// Difference of two clocks that is told.
const CLOCK_LEEWAY: chrono::Duration = chrono::Duration::seconds(60);

/// Checks the deployment `stack` from inside, or only `environment` of it, and prints the results.
///
/// Exit codes: 0 no problems, 1 no function could be asked, 3 problems.
pub(crate) async fn run(
    stack: &str,
    region: Option<String>,
    environment: Option<&str>,
    json: bool,
) -> anyhow::Result<ExitCode> {
    let options = AwsOptions {
        region,
        ..AwsOptions::default()
    };
    let aws = Aws::load_with(options).await?;
    let request = ProbeRequest {
        environment: environment.map(str::to_owned),
    };
    let event = serde_json::to_value(ProbeEvent { probe: request })?;
    let asking = FUNCTIONS.map(|function| {
        let (aws, event) = (&aws, &event);
        async move {
            let asked_at = SystemClock.now();
            let name = format!("{stack}-{function}");
            let answer = Box::pin(invoke(aws, &name, event)).await?;
            let report: ProbeReport = serde_json::from_value(answer)?;
            anyhow::Ok((function, asked_at, report))
        }
    });
    let mut environments = BTreeMap::new();
    let mut deployment = Vec::new();
    for asked in futures::future::join_all(asking).await {
        let (function, asked_at, report) = asked?;
        deployment.push(clock(function, asked_at, &report, SystemClock.now()));
        if report.untried_count > 0 {
            deployment.push(Check::problem(
                format!("{function}: targets"),
                format!("{} were not tried, there was no time", report.untried_count),
                "check single environments: --environment",
            ));
        }
        for found in report.checks {
            match &found.environment {
                Some(name) => {
                    let checks: &mut Vec<Check> = environments.entry(name.clone()).or_default();
                    checks.push(check(found.what.clone(), &found));
                }
                None => deployment.push(check(format!("{function}: {}", found.what), &found)),
            }
        }
    }
    let results: Vec<EnvironmentChecks> = environments
        .into_iter()
        .map(|(environment, checks)| EnvironmentChecks {
            environment,
            checks,
        })
        .collect();
    print(&results, ("deployment", &deployment), json)?;
    Ok(exit_code(&results, &deployment))
}

fn check(what: String, found: &ProbeCheck) -> Check {
    match &found.code {
        None => Check::ok(what, &found.finding),
        Some(code) => Check::problem(what, code, &found.finding),
    }
}

/// Compares the function's clock with this one. The function's time lies between the question and the answer.
fn clock(
    function: &str,
    asked_at: DateTime<Utc>,
    report: &ProbeReport,
    answered_at: DateTime<Utc>,
) -> Check {
    let what = format!("{function}: clock");
    let (early, late) = (asked_at - report.now, report.now - answered_at);
    let off = early.max(late);
    if off <= CLOCK_LEEWAY {
        return Check::ok(what, "agrees with this machine's");
    }
    Check::problem(
        what,
        format!("is {} s off this machine's", off.num_seconds()),
        "correct this machine's clock: AWS keeps that of its functions",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_is_wrong_only_outside_the_time_of_the_call() {
        let at = |minute: u32| format!("2026-01-12T10:{minute:02}:00Z").parse().unwrap();
        let found = |now| {
            let report = ProbeReport {
                now,
                checks: Vec::new(),
                untried_count: 0,
            };
            clock("plan", at(10), &report, at(20)).fix.is_some()
        };

        let minutes = [8, 9, 10, 15, 20, 21, 22];
        let wrong = minutes.map(|minute| found(at(minute)));
        assert_eq!(wrong, [true, false, false, false, false, false, true]);
    }
}
