//! Prints what listings cost in virtual time: `simulate KEYS SHAPE...`, where `random-1..50` are fifty random shapes.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::cast_precision_loss,
    reason = "a tool"
)]

use std::error::Error;

use synthetic_s3::{SHAPES, keys_of_shape};

#[path = "../tests/speed/simulator.rs"]
mod simulator;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let count = arguments
        .next()
        .ok_or("usage: simulate KEYS SHAPE...")?
        .parse()?;
    let mut shapes = Vec::new();
    for argument in arguments {
        match argument
            .strip_prefix("random-")
            .and_then(|seeds| seeds.split_once(".."))
        {
            Some((from, to)) => {
                let seeds = from.parse::<u64>()?..to.parse()?;
                shapes.extend(seeds.map(|seed| format!("random-{seed}")));
            }
            None if argument == "all" => shapes.extend(SHAPES.map(String::from)),
            None => shapes.push(argument),
        }
    }
    let (mut slow, mut costly, mut max) = (0, 0, 0);
    println!(
        "{:<24}{:>9}{:>9}{:>10}{:>8}{:>7}{:>7}{:>9}",
        "shape", "keys", "ms", "requests", "x least", "empty", "again", "plan ms"
    );
    for shape in &shapes {
        let keys = keys_of_shape(shape, count);
        let cost = simulator::list(&keys);
        assert_eq!(cost.keys, keys.len() as u64);
        slow += u32::from(cost.milliseconds > 1_500);
        costly += u32::from(cost.ratio() > 1.3);
        max = max.max(cost.milliseconds);
        println!(
            "{shape:<24}{:>9}{:>9}{:>10}{:>8.2}{:>7}{:>7}{:>9}",
            cost.keys,
            cost.milliseconds,
            cost.requests,
            cost.ratio(),
            cost.empty,
            cost.repeated,
            cost.planning.as_millis()
        );
    }
    println!(
        "{} shapes: {slow} over 1,500 ms, {costly} over 1.3 x, maximum {max} ms",
        shapes.len()
    );
    Ok(())
}
