//! Handlers as the gateway calls them: events in, whole proxy responses out.

mod harness;
mod sizes;
