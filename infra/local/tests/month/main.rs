//! Days of a fleet in virtual time, through the real plan, the collectors' code, the API's handlers and a store that
//! counts what DynamoDB would bill: what an environment costs, that costs are linear, and that memory is flat.
//!
//! `make bench-fleet` simulates 1,000 environments for 30 days.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on has failed, and prints what it counted"
)]

mod dollars;
mod reading;
mod simulation;
mod sizes;

use peak_alloc::PeakAlloc;
use shared::config::{ProcessVariables, Variables};

use dollars::{Bill, assumed};
use simulation::{Counters, HOURS_OF_A_DAY, Simulation, Size};

/// Counts what is allocated: the memory that one call of a function takes.
#[global_allocator]
static ALLOCATED: PeakAlloc = PeakAlloc;

const WEEK: u64 = 7 * HOURS_OF_A_DAY;
/// What all must cost at most in a month, and each environment beyond the fixed part.
const MOST_DOLLARS: f64 = 100.0;
const MOST_DOLLARS_EACH: f64 = 0.04;
/// How much faster than the fleet something may grow.
const LINEAR: f64 = 1.05;
/// Memory of the functions in the template.
const PLAN_BYTES: usize = 256 << 20;
/// Difference of memory that is chance: buffers that have grown, and what a run leaves in the store.
const CHANCE_BYTES: usize = 256 << 10;

fn from_environment(name: &str, default: u64) -> u64 {
    let text = ProcessVariables.get(name);
    text.map_or(default, |text| text.parse().unwrap())
}

fn number(count: impl TryInto<u32, Error: std::fmt::Debug>) -> f64 {
    f64::from(count.try_into().unwrap())
}

/// Asserts that `many` environments used no more each than `few`, and that no call took more memory for their number.
fn assert_linear(few: &Counters, many: &Counters) {
    for ((name, few_used), (_, many_used)) in few.each().into_iter().zip(many.each()) {
        assert!(
            many_used <= few_used * LINEAR,
            "{name} of each: {few_used} of {}, {many_used} of {}",
            few.environments,
            many.environments
        );
    }
    let (of_few, of_many) = (few.memory.collecting, many.memory.collecting);
    assert!(
        of_many <= of_few + of_few / 20 + CHANCE_BYTES,
        "{of_few} and {of_many} bytes"
    );
}

/// Asserts that the means of what `/metrics` shows are what was counted. Each run is announced in advance, so over a time
/// they differ by less than a run of each target, and by what each scrape rounds up.
fn assert_summed(counters: &Counters) {
    let days = number(counters.hours) / number(HOURS_OF_A_DAY);
    let shown = counters.shown;
    for (name, shown, counted, of_a_run) in [
        ("storage runs", shown.storage_runs, counters.bucket_runs, 1),
        ("database runs", shown.database_runs, counters.table_runs, 1),
        (
            "LIST requests",
            shown.list_requests,
            counters.list_requests,
            sizes::LIST_REQUESTS,
        ),
    ] {
        let counted = number(counted) / days;
        let most = number(counters.environments * of_a_run) / days + 1.0;
        assert!(
            (shown - counted).abs() <= most,
            "{name} a day: {shown:.1} shown, {counted:.1} counted"
        );
    }
}

/// A week after one for learning; a month is 730 hours.
#[tokio::test]
async fn an_environment_uses_what_its_costs_are_computed_from() {
    let environments = 4;
    let size = Size {
        environments,
        tables: 200,
        databases: environments,
        seed: 1,
    };
    let mut simulation = Simulation::of(size);
    Box::pin(simulation.run(WEEK)).await;

    let used = Box::pin(simulation.run(WEEK)).await;

    println!("{used:?}");
    let a_month = |count: f64| count * 730.0 / number(WEEK * environments);
    for (name, counted) in [
        ("bucket_runs", number(used.bucket_runs)),
        ("table_runs", number(used.table_runs)),
        ("document_runs", number(used.document_runs)),
        ("write_units", number(used.write_units)),
        ("read_units", number(used.read_units)),
        (
            "scrape_read_units",
            number(used.scrape_read_units) / number(used.scrapes) * number(WEEK) / 730.0,
        ),
    ] {
        let (counted, assumed) = (a_month(counted), assumed(name));
        println!("{name}: {counted:.2}, assumed {assumed}");
        let is_close = (counted / assumed - 1.0).abs() < 0.1;
        assert!(is_close, "{name}: {counted:.1}, assumed {assumed}");
    }
}

/// Ten, a hundred and a thousand environments, with all that a tick reads of all of them.
#[tokio::test]
async fn what_a_fleet_uses_grows_with_its_environments_and_no_faster() {
    let mut ticks = Vec::new();
    for environments in [10, 100, 1_000] {
        let mut simulation = Simulation::of(Size {
            environments,
            tables: 5,
            databases: 10,
            seed: 1,
        });
        Box::pin(simulation.run(1)).await;
        let used = Box::pin(simulation.run(1)).await;

        let runs = used.bucket_runs + used.table_runs;
        assert_eq!(runs, 2 * environments, "a fleet that is new");
        ticks.push(used);
    }
    for used in &ticks[1..] {
        assert_linear(&ticks[0], used);
        assert!(used.memory.planning < PLAN_BYTES / 2, "{used:?}");
    }
}

#[tokio::test]
async fn days_of_a_fleet_are_summed_as_they_are_counted_and_cost_what_is_promised() {
    let mut all = Vec::new();
    for environments in [10, 40] {
        let mut simulation = Simulation::of(Size {
            environments,
            tables: 20,
            databases: 10,
            seed: 1,
        });
        // A new target is measured often, until its pace is known.
        Box::pin(simulation.run(WEEK)).await;
        let used = Box::pin(simulation.run(3 * HOURS_OF_A_DAY)).await;
        assert_summed(&used);
        all.push(used);
    }

    assert_linear(&all[0], &all[1]);
    let bill = Bill::of(&all[1]);
    println!("{:?}\n{bill:?}", all[1]);
    assert!(bill.each <= MOST_DOLLARS_EACH, "{bill:?}");
    assert!(bill.fixed + 1_000.0 * bill.each <= MOST_DOLLARS, "{bill:?}");
}

/// `make bench-fleet`: a month after the week in which a new fleet's paces are learnt.
#[tokio::test]
#[ignore = "takes about a quarter of an hour"]
async fn a_month_of_a_thousand_environments() {
    let environments = from_environment("MRT_BENCH_ENVIRONMENTS", 1_000);
    let days = from_environment("MRT_BENCH_DAYS", 30);
    let tables = from_environment("MRT_BENCH_TABLES", 20);
    let seed = from_environment("MRT_BENCH_SEED", 1);
    println!("{days} days, {tables} tables in each database, MRT_BENCH_SEED={seed}");
    let mut all = Vec::new();
    for environments in [10, environments] {
        let mut simulation = Simulation::of(Size {
            environments,
            tables,
            databases: 50,
            seed,
        });
        let learning = Box::pin(simulation.run(WEEK)).await;
        println!(
            "{environments} environments, as if all weeks were the first: {}",
            Bill::of(&learning).text()
        );
        let (mut month, mut peaks) = (Counters::default(), Vec::new());
        for _ in 0..days {
            let day = Box::pin(simulation.run(HOURS_OF_A_DAY)).await;
            peaks.push(day.memory.planning.max(day.memory.collecting));
            month.add(&day);
        }
        let bill = Bill::of(&month);
        println!(
            "{}\n{}",
            serde_json::to_string(&month).unwrap(),
            bill.text()
        );
        assert_summed(&month);
        let (early, late) = peaks.split_at(peaks.len() / 2);
        let (early, late) = (early.iter().max().unwrap(), late.iter().max().unwrap());
        println!(
            "memory of the largest call: {early} bytes in the first half, {late} in the second"
        );
        assert!(*late <= early + early / 20 + CHANCE_BYTES);
        assert!(month.memory.planning < PLAN_BYTES / 2);
        all.push((month, bill));
    }
    let [(few, _), (many, bill)] = &all[..] else {
        unreachable!()
    };
    assert_linear(few, many);
    assert!(bill.each <= MOST_DOLLARS_EACH, "{bill:?}");
    assert!(bill.month <= MOST_DOLLARS, "{bill:?}");
}
