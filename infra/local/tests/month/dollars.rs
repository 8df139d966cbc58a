//! The bill of what was counted, by the list prices in `infra/aws/costs.py`.

use std::collections::BTreeMap;
use std::io::Write;
use std::process::{Command, Stdio};

use serde::Deserialize;

use crate::simulation::Counters;

const COSTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../aws/costs.py");

/// Dollars a month.
#[derive(Debug, Deserialize)]
pub(crate) struct Bill {
    pub(crate) fixed: f64,
    pub(crate) services: BTreeMap<String, f64>,
    /// Of each environment, beyond the fixed part.
    pub(crate) each: f64,
    pub(crate) month: f64,
}

impl Bill {
    /// Returns what `counters` cost, as if a month went on like the simulated time.
    pub(crate) fn of(counters: &Counters) -> Self {
        let mut python = Command::new("python3")
            .args([COSTS, "counted"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let text = serde_json::to_vec(counters).unwrap();
        python.stdin.take().unwrap().write_all(&text).unwrap();
        let output = python.wait_with_output().unwrap();
        assert!(output.status.success());
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// Returns a line for people.
    pub(crate) fn text(&self) -> String {
        let services = self.services.iter();
        let services: Vec<_> = services
            .map(|(name, dollars)| format!("{name} {dollars:.2}"))
            .collect();
        format!(
            "${:.2} a month: fixed {:.2}, {}; ${:.4} each",
            self.month,
            self.fixed,
            services.join(", "),
            self.each
        )
    }
}

/// Returns a number of the environment that `infra/aws/costs.py` assumes.
pub(crate) fn assumed(name: &str) -> f64 {
    let text = std::fs::read_to_string(COSTS).unwrap();
    let line = text
        .lines()
        .find_map(|line| line.trim().strip_prefix(&format!("\"{name}\": ")));
    let number = line.unwrap().split([',', ' ']).next().unwrap();
    number.replace('_', "").parse().unwrap()
}
