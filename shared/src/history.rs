//! Sizes over time: compact blocks that are derived from snapshots, and what is computed from them.
//!
//! Everything here can be computed again from snapshots.
