//! Bucket sizes, from an emulator and from a stand-in for what an emulator cannot be made to do.

mod emulator;
mod stand_in;
