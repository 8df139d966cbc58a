//! The layers that set constants: where each is read from and how its text is parsed.

pub(super) mod document;
mod ecs;
pub(super) mod error;
mod forms;
pub(super) mod hocon;
pub(super) mod layer;
mod node;
mod parameters;
mod secret;
pub(super) mod setting;
pub(super) mod source;
mod variables;
mod yaml11;
