//! The history of sizes: its stored forms, and what it costs.

mod golden;
mod sizes;
