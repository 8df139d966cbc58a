//! The compiled `mrt`, started and asked as a person would.

mod agreement;
mod commands;
mod end_to_end;
mod harness;
mod readme;
