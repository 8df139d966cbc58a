//! Listings of any shape take about as long, and few more requests than necessary: in virtual time, in memory.
//!
//! The bounds are those of the README. `cargo run --release -p s3-listing --example simulate` prints the same for any
//! number of keys and any shape.
#![allow(
    clippy::unwrap_used,
    clippy::cast_precision_loss,
    clippy::print_stdout,
    reason = "a test"
)]

mod speed {
    pub(crate) mod simulator;
}

use std::hash::{BuildHasher, RandomState};

use speed::simulator::{self, Cost};
use synthetic_s3::keys_of_shape;

const KEYS: usize = 100_000;
/// Seeds of the random shapes that are always tested.
const SEEDS: std::ops::Range<u64> = 1..12;
/// Seeds that differ in each run.
const NEW_SEEDS: u64 = 3;

fn list(shape: &str) -> Cost {
    let keys = keys_of_shape(shape, KEYS);
    let cost = simulator::list(&keys);
    println!(
        "{shape}: {:.2} x the least requests, {cost:?}",
        cost.ratio()
    );
    assert_eq!(cost.keys, keys.len() as u64, "{shape}");
    // A request more than 1.3 times the minimum: what is in flight cannot be taken back.
    let most = cost.least_requests * 13 / 10 + 1;
    assert!(cost.requests <= most, "{shape}: {cost:?}");
    cost
}

#[test]
fn random_shapes_are_listed_concurrently_with_few_extra_requests() {
    let usual = list("uuid").milliseconds;
    let mut all = Vec::new();
    let one_by_one = 30 * KEYS as u64 / 1000;

    for seed in SEEDS {
        all.push(list(&format!("random-{seed}")).milliseconds);
    }

    assert!(all.iter().all(|time| *time < one_by_one / 2), "{all:?}");
    // Keys in folders of random depth and names in many scripts take longer.
    let slow = all.iter().filter(|time| **time > usual * 2).count();
    assert!(
        slow * 5 <= all.len(),
        "{slow} of {}: {all:?}, {usual} for uuid",
        all.len()
    );
}

#[test]
fn new_shapes_in_each_run_are_exact_with_few_extra_requests() {
    for _ in 0..NEW_SEEDS {
        // The seed is in the name of the shape, which is printed.
        let seed = RandomState::new().hash_one(0_u8) >> 32;
        list(&format!("random-{seed}"));
    }
}
