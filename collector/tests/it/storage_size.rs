//! Bucket sizes from an emulator, from synthetic buckets of any shape, and from a stand-in for responses that neither
//! gives.

mod content;
mod emulator;
mod fuzz;
mod independent;
mod inventory;
mod parts;
mod providers;
mod resource;
mod stand_in;
mod synthetic;
mod versions;
