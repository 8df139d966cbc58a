//! The lists and examples of `docs/COLLECTING.md`, compared with the program.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use collector::{plan, run};
use shared::fleet::{Prices, RefreshBudget};

const COLLECTING: &str = include_str!("../../../docs/COLLECTING.md");

/// Text right before a failure code in the program.
const BEFORE_CODES: [&str; 4] = ["permanent(", "transient(", "not_applicable(", "unknown("];

/// Returns the texts of all source files below `folder`, without their unit tests.
fn sources(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs")
            && !path.ends_with("tests.rs")
        {
            let text = std::fs::read_to_string(path).unwrap();
            found.push(text.split("mod tests").next().unwrap().to_owned());
        }
    }
    found
}

fn codes_in(text: &str, before: &str) -> BTreeSet<String> {
    text.split(before)
        .skip(1)
        .filter_map(|rest| rest.trim_start().strip_prefix('"')?.split('"').next())
        .map(str::to_owned)
        .collect()
}

#[test]
fn every_failure_code_is_documented() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let programs = sources(&folder);

    let codes: BTreeSet<_> = programs
        .iter()
        .flat_map(|text| BEFORE_CODES.map(|before| codes_in(text, before)))
        .flatten()
        .collect();

    assert!(codes.len() >= 15, "found only {codes:?}");
    for code in codes {
        assert!(COLLECTING.contains(&format!("| `{code}` |")), "{code}");
    }
}

/// Returns the whole number in a table's cell.
fn number(cell: &str) -> u64 {
    let digits: String = cell.chars().filter(char::is_ascii_digit).collect();
    digits.parse().unwrap()
}

#[test]
fn the_example_of_shares_is_what_the_program_decides() {
    let section = COLLECTING.split("### Within the budget").nth(1);
    let section = section.and_then(|rest| rest.split("\n## ").next()).unwrap();
    let rows: Vec<Vec<u64>> = section
        .lines()
        .filter(|line| line.starts_with("| "))
        .skip(1)
        .map(|line| line.trim_matches('|').split('|').map(number).collect())
        .collect();
    let demands: Vec<_> = rows
        .iter()
        .flat_map(|row| std::iter::repeat_n(row[2], usize::try_from(row[0]).unwrap()))
        .map(|request_count| plan::budget::Demand {
            request_count,
            ticks: 1,
        })
        .collect();
    let budget = RefreshBudget::default().list_requests_per_day;

    let shares = plan::budget::share(&demands, Duration::from_secs(3600), budget);

    assert_eq!(rows.len(), 4);
    let mut first = 0;
    for row in &rows {
        let [count, objects, requests, hourly, hours, daily] = row.as_slice() else {
            panic!("{row:?}");
        };
        assert_eq!(*requests, objects / 1000);
        assert_eq!(*hourly, count * requests * 24);
        assert_eq!(*hours, shares.ticks[first]);
        assert_eq!(*daily, hourly / hours);
        first += usize::try_from(*count).unwrap();
    }
    assert_eq!(shares.requests_per_day, budget);
    let hourly: u64 = rows.iter().map(|row| row[3]).sum();
    let price = Prices::default().list_per_1000;
    assert_eq!(hourly, 27_120_000);
    assert!((price.of_thousands(hourly).units() - 135.6).abs() < 1e-9);
    assert!((price.of_thousands(budget).units() - 5.0).abs() < 1e-9);
    let metrics = Prices::default().metrics_per_1000;
    assert!((metrics.of_thousands(27 * 4).units() - 0.00108).abs() < 1e-9);
    for text in ["27,120,000 and $135.60", "108 billed metrics", "$0.00108"] {
        assert!(COLLECTING.contains(text), "{text}");
    }
}

#[test]
fn time_limits_are_those_of_the_program() {
    for (row, limit) in [
        ("| measuring one target |", run::MEASURE_TIMEOUT),
        ("| planning one tick |", plan::PLAN_TIMEOUT),
        ("| a part of a listing |", run::PAUSE_RESERVE),
        ("| the history of one run |", run::HISTORY_TIMEOUT),
    ] {
        let seconds = limit.as_secs();
        assert!(COLLECTING.contains(&format!("{row} {seconds} s")), "{row}");
    }
    for (text, limit) in [
        ("s for reading snapshots", plan::READ_TIMEOUT),
        ("s for CloudWatch", plan::CLOUDWATCH_TIMEOUT),
        ("s for queueing", plan::QUEUE_RESERVE),
        ("s for their history", plan::HISTORY_TIMEOUT),
        (
            "s of an invocation, which are reserved for writing",
            run::WRITE_RESERVE,
        ),
    ] {
        let seconds = limit.as_secs();
        assert!(COLLECTING.contains(&format!("{seconds} {text}")), "{text}");
    }
}
