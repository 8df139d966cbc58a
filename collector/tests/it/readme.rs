//! The README's lists against the code.

use std::collections::BTreeSet;
use std::time::Duration;

use collector::plan::budget;
use shared::fleet::{Prices, RefreshBudget};

const README: &str = include_str!("../../README.md");

/// Files whose text holds codes, with what stands right before each.
const WITH_CODES: [(&str, &str); 12] = [
    (include_str!("../../src/storage_size.rs"), "permanent("),
    (include_str!("../../src/table_size.rs"), "permanent("),
    (include_str!("../../src/error.rs"), "transient("),
    (
        include_str!("../../src/storage_size/s3/error.rs"),
        "permanent(",
    ),
    (
        include_str!("../../src/storage_size/s3/error.rs"),
        "transient(",
    ),
    (
        include_str!("../../src/storage_size/s3/daily_metrics.rs"),
        "permanent(",
    ),
    (include_str!("../../src/aws/service_error.rs"), "permanent("),
    (include_str!("../../src/aws/service_error.rs"), "transient("),
    (include_str!("../../src/storage_size/efs.rs"), "permanent("),
    (include_str!("../../src/storage_size/rds.rs"), "permanent("),
    (include_str!("../../src/aws/rds_storage.rs"), "permanent("),
    (include_str!("../../src/table_size/storage.rs"), "unknown("),
];

fn codes_in(text: &str, before: &str) -> BTreeSet<String> {
    let program = text.split("mod tests").next().unwrap_or_default();
    program
        .split(before)
        .skip(1)
        .filter_map(|rest| rest.trim_start().strip_prefix('"')?.split('"').next())
        .map(str::to_owned)
        .collect()
}

#[test]
fn every_failure_code_is_in_the_readme() {
    let codes: BTreeSet<_> = WITH_CODES
        .into_iter()
        .flat_map(|(text, before)| codes_in(text, before))
        .collect();

    assert!(codes.len() >= 12, "found only {codes:?}");
    for code in codes {
        assert!(README.contains(&format!("| `{code}` |")), "{code}");
    }
}

#[test]
fn every_file_that_the_readme_names_exists() {
    let named = README.split('`').skip(1).step_by(2);
    let files = named.filter(|name| name.starts_with("src/") && !name.contains('*'));

    let mut count = 0;
    for file in files {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
        assert!(path.exists(), "{file}");
        count += 1;
    }
    assert!(count >= 10, "found only {count}");
}

/// Returns the whole number of a table's cell.
fn number(cell: &str) -> u64 {
    let digits: String = cell.chars().filter(char::is_ascii_digit).collect();
    digits.parse().unwrap()
}

#[test]
fn the_example_of_shares_is_what_the_program_decides() {
    let section = README.split("## How often a bucket is listed").nth(1);
    let section = section.and_then(|rest| rest.split("\n## ").next()).unwrap();
    let rows: Vec<Vec<u64>> = section
        .lines()
        .filter(|line| line.starts_with("| "))
        .skip(1)
        .map(|line| line.trim_matches('|').split('|').map(number).collect())
        .collect();
    let costs: Vec<u64> = rows
        .iter()
        .flat_map(|row| std::iter::repeat_n(row[2], usize::try_from(row[0]).unwrap()))
        .collect();
    let budget = RefreshBudget::default().list_requests_per_day;

    let shares = budget::share(&costs, Duration::from_secs(3600), budget);

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
        assert!(section.contains(text), "{text}");
    }
}
