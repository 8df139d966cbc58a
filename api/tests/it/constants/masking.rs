//! Which share of secrets and of harmless constants is shown: goals that hold, and the bench that prints them.

use std::collections::BTreeMap;

use api::constants::Constants;
use serde_json::{Value, json};
use shared::config::{ProcessVariables, Variables};

use super::constants_of;
use crate::families::{Random, families};

const HARMLESS: &str = include_str!("../../fixtures/harmless_constants.txt");
/// Names that say nothing of their values.
const NEUTRAL_NAMES: [&str; 14] = [
    "Sales.Setting",
    "App.Value",
    "Integration.Option",
    "Sales.Reference",
    "Config.Param",
    "App.Text",
    "Orders.Endpoint",
    "Sales.Region",
    "Sales.Greeting",
    "App.Constant",
    "Erp.Url",
    "Erp.Parameter",
    "Sales.Description",
    "Erp.Host",
];
/// Number of secrets of each family in the test of the goals.
const SECRETS: usize = 400;
/// Number of constants in one model: an answer contains at most 5,000.
const BATCH: usize = 1_000;
/// Variables of `make bench-masking`: the number of secrets of each family, the seed, and a file with other constants.
const BENCH_SECRETS: &str = "MRT_BENCH_SECRETS";
const BENCH_SEED: &str = "MRT_BENCH_SEED";
const BENCH_CONSTANTS: &str = "MRT_BENCH_CONSTANTS";

/// Returns the answer for a model with these constants: name, type and default.
async fn answer(constants: Vec<(String, &str, String)>) -> Constants {
    let constants: Vec<Value> = constants
        .into_iter()
        .map(|(name, kind, value)| json!({"Name": name, "Type": kind, "DefaultValue": value}))
        .collect();
    let model = json!({"Constants": constants}).to_string();
    let folder = tempfile::tempdir().unwrap();
    constants_of(folder.path(), &[("metadata.json", model.as_bytes())])
        .await
        .unwrap()
}

/// Returns `count` secrets of a family that are shown, and the reasons why the others are not.
async fn shown_secrets(
    make: fn(&mut Random) -> String,
    count: usize,
    random: &mut Random,
) -> (Vec<String>, BTreeMap<String, usize>) {
    let mut shown = Vec::new();
    let mut reasons = BTreeMap::new();
    for batch in 0..count.div_ceil(BATCH) {
        let size = BATCH.min(count - batch * BATCH);
        let constants = (0..size).map(|number| {
            let name = NEUTRAL_NAMES[random.below(NEUTRAL_NAMES.len())];
            (format!("{name}{number}"), "String", make(random))
        });
        for constant in answer(constants.collect()).await.constants {
            match (constant.value, constant.mask_reason) {
                (Some(value), _) => shown.push(format!(
                    "{} = {value} ({:?})",
                    constant.name,
                    constant.proof.unwrap()
                )),
                (None, reason) => {
                    *reasons.entry(format!("{:?}", reason.unwrap())).or_default() += 1
                }
            }
        }
    }
    (shown, reasons)
}

/// Returns the harmless constants, and those that are hidden with their reasons.
async fn hidden_constants(constants: &str) -> (usize, Vec<String>) {
    let lines = constants.lines().filter(|line| !line.starts_with('#'));
    let constants: Vec<(String, &str, String)> = lines
        .map(|line| {
            let mut parts = line.splitn(3, '|');
            let mut part = || parts.next().unwrap();
            (part().to_owned(), part(), part().to_owned())
        })
        .collect();
    let values: BTreeMap<String, String> = constants
        .iter()
        .map(|(name, _, value)| (name.clone(), value.clone()))
        .collect();
    let count = values.len();
    assert_eq!(count, constants.len(), "each name once");
    let hidden = answer(constants)
        .await
        .constants
        .into_iter()
        .filter(|constant| constant.masked);
    let line = |name: &str, reason| format!("{name} = {} ({reason:?})", values[name]);
    (
        count,
        hidden
            .map(|constant| line(&constant.name, constant.mask_reason.unwrap()))
            .collect(),
    )
}

#[tokio::test]
async fn hardly_any_secret_of_any_family_is_shown() {
    let mut random = Random::new(1);
    for (name, make) in families() {
        let (shown, _) = shown_secrets(make, SECRETS, &mut random).await;

        assert!(shown.len() <= 1, "{name}: {shown:?}");
    }
}

#[tokio::test]
async fn at_most_one_of_twenty_harmless_constants_is_hidden() {
    let (count, hidden) = hidden_constants(HARMLESS).await;

    assert!(count >= 300, "{count} constants");
    assert!(
        hidden.len() * 20 <= count,
        "{} of {count}: {hidden:#?}",
        hidden.len()
    );
}

/// Prints what `make bench-masking` shows.
#[tokio::test]
#[ignore = "a bench: prints shares for another seed in each run"]
async fn masking_bench() {
    let number = |name: &str, default: u64| {
        ProcessVariables
            .get(name)
            .map_or(default, |text| text.parse().unwrap())
    };
    let count = usize::try_from(number(BENCH_SECRETS, 5_000)).unwrap();
    let seed = number(BENCH_SEED, 1);
    let mut random = Random::new(seed);
    println!("{count} secrets of each family under neutral names, seed {seed}\n");
    println!("| family | shown | per 1,000 | hidden because |\n|---|---|---|---|");
    let mut examples = Vec::new();
    for (name, make) in families() {
        let (shown, reasons) = shown_secrets(make, count, &mut random).await;
        let reasons: Vec<String> = reasons
            .iter()
            .map(|(reason, count)| format!("{reason} {count}"))
            .collect();
        let share = 1000.0 * f64::from(u32::try_from(shown.len()).unwrap())
            / f64::from(u32::try_from(count).unwrap());
        println!(
            "| {name} | {} | {share:.2} | {} |",
            shown.len(),
            reasons.join(", ")
        );
        examples.extend(
            shown
                .into_iter()
                .take(3)
                .map(|shown| format!("{name}: {shown}")),
        );
    }
    let constants = ProcessVariables
        .get(BENCH_CONSTANTS)
        .map(|path| std::fs::read_to_string(path).unwrap());
    let (total, hidden) = hidden_constants(constants.as_deref().unwrap_or(HARMLESS)).await;
    let share = 100.0 * f64::from(u32::try_from(hidden.len()).unwrap())
        / f64::from(u32::try_from(total).unwrap());
    println!(
        "\nharmless constants: {} of {total} hidden, {share:.1} %",
        hidden.len()
    );
    for line in hidden.iter().chain(&examples) {
        println!("  {line}");
    }
}
