//! Answers of every step equal those computed from the snapshots themselves.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use shared::clock::FixedClock;
use shared::history::model::Random;
use shared::snapshot::{DatabaseSize, UnsizedTable};
use shared::store::memory::MemoryStore;

use super::*;

/// After the leap day that all runs are around.
const NOW: &str = "2028-03-04T12:34:56Z";
const FIRST: &str = "2028-02-24T20:00:00Z";
const NAMES: [&str; 6] = ["a", "b", "c", "d", "e", "f"];

type Runs = Vec<(DateTime<Utc>, DatabaseSize)>;

/// Returns runs of tables that grow, come, go and cannot be sized for a while, at odd times and at edges of days, with
/// days without any.
fn random_runs(random: &mut Random) -> Runs {
    let mut time = at(FIRST);
    let mut sizes: BTreeMap<&str, u64> = NAMES.iter().map(|name| (*name, 500)).collect();
    let mut runs = Vec::new();
    loop {
        time += match random.below(12) {
            0 => TimeDelta::hours(50),
            1 => TimeDelta::days(1) - TimeDelta::seconds(i64::from(time.timestamp() % 86_400 == 0)),
            2 => TimeDelta::seconds(86_400 - time.timestamp() % 86_400),
            _ => TimeDelta::minutes(20 + random.below(400).cast_signed()),
        };
        if time >= at(NOW) {
            return runs;
        }
        for name in NAMES {
            match random.below(10) {
                0 => drop(sizes.remove(name)),
                1..5 => drop(sizes.insert(name, random.below(10_000))),
                _ => {}
            }
        }
        let locked = random.happens(15).then_some("b");
        let tables = sizes.iter().filter(|(name, _)| Some(**name) != locked);
        let tables = tables.map(|(name, bytes)| {
            let module = if *name < "d" { "Sales" } else { "Audit" };
            in_module(module, name, *bytes)
        });
        let unsized_tables = locked.map(|name| UnsizedTable {
            schema: "public".into(),
            table: name.into(),
            reason: "locked".into(),
        });
        let size = DatabaseSize {
            unsized_tables: unsized_tables.into_iter().collect(),
            ..database_size("acme", tables.collect())
        };
        runs.push((time, size));
    }
}

async fn collected(runs: &Runs) -> World {
    let clock = Arc::new(FixedClock::at(NOW));
    let items = Arc::new(MemoryStore::new(clock.clone()));
    let world = World::with_store(FLEET, clock, items);
    for (time, size) in runs {
        world
            .collect(database_ids()[0].clone(), *time, size.clone())
            .await;
    }
    world
}

/// A value at one run: absent, not sized, or a number.
#[derive(Clone, Copy, PartialEq)]
enum Seen {
    Absent,
    Unsized,
    Bytes(u64),
}

fn seen(size: &DatabaseSize, name: &str) -> Seen {
    let is_unsized = size.unsized_tables.iter().any(|table| table.table == name);
    let found = size.tables.iter().find(|table| table.table == name);
    match (found, is_unsized) {
        (Some(table), _) => Seen::Bytes(table.total_bytes),
        (None, true) => Seen::Unsized,
        (None, false) => Seen::Absent,
    }
}

/// Returns the sum of tables at a run: nothing of those that are absent, unknown with one that is not sized.
fn sum(size: &DatabaseSize, names: &[&str]) -> Seen {
    let all: Vec<_> = names.iter().map(|name| seen(size, name)).collect();
    if all.contains(&Seen::Unsized) {
        return Seen::Unsized;
    }
    let known: Vec<_> = all
        .iter()
        .filter_map(|seen| match seen {
            Seen::Bytes(bytes) => Some(*bytes),
            Seen::Absent | Seen::Unsized => None,
        })
        .collect();
    if known.is_empty() {
        Seen::Absent
    } else {
        Seen::Bytes(known.iter().sum())
    }
}

fn aggregate(word: &str, seen: &[Seen]) -> Value {
    let sizes = seen.iter().filter_map(|seen| match seen {
        Seen::Bytes(bytes) => Some(*bytes),
        Seen::Absent | Seen::Unsized => None,
    });
    let sizes: Vec<_> = sizes.collect();
    let value = match word {
        "min" => sizes.iter().min().copied(),
        "max" => sizes.iter().max().copied(),
        "mean" => {
            let (total, count) = (sizes.iter().sum::<u64>(), sizes.len() as u64);
            (count > 0).then(|| (total + count / 2) / count)
        }
        _ => match seen.last() {
            Some(Seen::Bytes(bytes)) => Some(*bytes),
            _ => None,
        },
    };
    value.into()
}

/// Returns the runs of each cell of an answer.
fn cells<'r>(body: &Value, runs: &'r Runs) -> Vec<Vec<&'r DatabaseSize>> {
    let time = |name: &str| at(body[name].as_str().unwrap());
    let (from, to) = (time("from"), time("to"));
    let within = runs.iter().filter(|(time, _)| (from..to).contains(time));
    let Some(seconds) = body["step_seconds"].as_i64() else {
        return within.map(|(_, size)| vec![size]).collect();
    };
    let count = (to - from).num_seconds() / seconds;
    let mut cells = vec![Vec::new(); usize::try_from(count).unwrap()];
    for (time, size) in within {
        let cell = (*time - from).num_seconds() / seconds;
        cells[usize::try_from(cell).unwrap()].push(size);
    }
    cells
}

fn assert_values(
    case: &str,
    body: &Value,
    runs: &Runs,
    word: &str,
    name: &str,
    of: impl Fn(&DatabaseSize) -> Seen,
) {
    let expected: Vec<_> = cells(body, runs)
        .iter()
        .map(|sizes| {
            let seen: Vec<_> = sizes.iter().map(|size| of(size)).collect();
            aggregate(word, &seen)
        })
        .collect();
    let item = &body["items"][0];
    assert_eq!(
        series(item, name)["values"],
        json!(expected),
        "{case}: {name}"
    );
}

/// Returns the tables that have a size in a run that an answer is made of: of days, their last ones are enough.
fn sized(body: &Value, runs: &Runs, word: &str) -> BTreeSet<&'static str> {
    let is_of_days = body["step_seconds"] == 86_400 && word == "last";
    let read = cells(body, runs).into_iter().flat_map(|sizes| {
        let skipped = if is_of_days {
            sizes.len().saturating_sub(1)
        } else {
            0
        };
        sizes.into_iter().skip(skipped)
    });
    let read: Vec<_> = read.collect();
    let is_sized = |name: &&str| {
        let mut all = read.iter().map(|size| seen(size, name));
        all.any(|seen| matches!(seen, Seen::Bytes(_)))
    };
    NAMES.into_iter().filter(is_sized).collect()
}

#[tokio::test]
async fn every_step_and_aggregate_is_what_the_snapshots_say() {
    for seed in 0..12 {
        let mut random = Random::new(seed);
        let runs = random_runs(&mut random);
        let world = collected(&runs).await;
        let server = server(&world);
        for _ in 0..12 {
            let step = ["raw", "1h", "1d", "auto"][usize::try_from(random.below(4)).unwrap()];
            let word = ["last", "min", "max", "mean"][usize::try_from(random.below(4)).unwrap()];
            let from =
                at("2028-02-23T00:00:00Z") + TimeDelta::minutes(random.below(10_000).cast_signed());
            let to =
                (from + TimeDelta::minutes(1 + random.below(9_000).cast_signed())).min(at(NOW));
            let zulu = |time: DateTime<Utc>| time.format("%Y-%m-%dT%H:%M:%SZ").to_string();
            let query = format!(
                "environment=acme-prod&step={step}&aggregate={word}&from={}&to={}",
                zulu(from),
                zulu(to)
            );
            let case = format!("seed {seed}: {query}");
            let get = async |group: &str| {
                ask(
                    &server,
                    &format!("/table_size/history?{query}&group={group}&top=50"),
                )
                .await
            };

            let total = get("total").await;
            let (modules, tables) = (get("module").await, get("table").await);

            let first = runs.first().unwrap().0;
            let answered = at(total["from"].as_str().unwrap());
            assert!(
                answered <= from.max(first) || first >= to,
                "{case}: {answered}"
            );
            assert!(at(total["to"].as_str().unwrap()) >= to, "{case}");
            assert_values(&case, &total, &runs, word, "total_bytes", |size| {
                Seen::Bytes(size.total_bytes)
            });
            let there = sized(&tables, &runs, word);
            for (module, names) in [("Sales", ["a", "b", "c"]), ("Audit", ["d", "e", "f"])] {
                let names: Vec<_> = names
                    .into_iter()
                    .filter(|name| there.contains(name))
                    .collect();
                if !names.is_empty() {
                    assert_values(&case, &modules, &runs, word, module, |size| {
                        sum(size, &names)
                    });
                }
            }
            for name in there {
                assert_values(&case, &tables, &runs, word, name, |size| seen(size, name));
            }
        }
    }
}
