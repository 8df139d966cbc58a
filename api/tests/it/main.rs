//! Handlers as the gateway calls them: events in, whole proxy responses out.

mod constants;
mod harness;
mod sizes;
mod users;
