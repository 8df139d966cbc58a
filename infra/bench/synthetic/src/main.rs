//! Serves listings of one bucket until it is killed: `synthetic-s3 SHAPE KEYS DELAY_MS [PORT [SLOW_DOWN_PERCENT]]`.
//!
//! Prints the URL, the number of keys and the sum of their bytes on one line. `GET /_requests` returns and resets the
//! number of listing requests and the maximum of concurrent ones.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a tool for the benchmark"
)]

use std::time::Duration;

use synthetic_s3::{Bucket, Numbers, Response, Server};

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let argument = |index: usize| arguments.get(index).map_or("", String::as_str);
    let (Ok(count), Ok(delay)) = (argument(2).parse(), argument(3).parse()) else {
        println!("usage: synthetic-s3 SHAPE KEYS DELAY_MS [PORT [SLOW_DOWN_PERCENT]]");
        std::process::exit(2);
    };
    let bucket = Bucket::of_shape(argument(1), count);
    let (bytes, keys) = bucket.sum("", "");
    let port = argument(4).parse().unwrap_or(0);
    let slow_down_percent: u64 = argument(5).parse().unwrap_or(0);
    let server = Server::start(bucket, port, Duration::from_millis(delay), move |request| {
        let number = Numbers(request.number as u64).random() % 100;
        match number < slow_down_percent {
            true => Response::error(503, "SlowDown"),
            false => Response::Page,
        }
    });
    println!("{} {keys} {bytes}", server.url());
    loop {
        std::thread::park();
    }
}
