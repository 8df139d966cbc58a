//! The history of sizes: its stored forms, what it costs, and that it says what the snapshots say.

mod golden;
mod reading;
mod releases;
mod repair;
mod sizes;
mod world;
mod writers;
