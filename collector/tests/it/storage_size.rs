//! Bucket sizes, from an emulator, from a synthetic bucket of any shape, and from a stand-in
//! for what neither can be made to do.

mod content;
mod emulator;
mod parts;
mod resource;
mod stand_in;
mod synthetic;
mod versions;
