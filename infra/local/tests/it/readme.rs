//! Examples of the README, run.
