//! Result of a complete listing.

use s3_listing::totals::{Sums, Tally};
use shared::snapshot::{ClassSize, Objects};

/// What a listing found and took.
#[derive(Debug, Default)]
pub(in crate::storage_size::s3) struct Listed {
    pub(in crate::storage_size::s3) sums: Sums,
    /// Requests that were made, those that failed included.
    pub(in crate::storage_size::s3) requests: u64,
}

/// Returns the sum as the domain knows it; `None` when it does not fit into 64 bits.
pub(in crate::storage_size::s3) fn objects(tally: &Tally) -> Option<Objects> {
    let classes = tally.classes().map(|(name, totals)| {
        let size = ClassSize {
            total_bytes: totals.bytes,
            object_count: totals.objects,
        };
        (name.to_owned(), size)
    });
    Some(Objects {
        total_bytes: tally.total_bytes()?,
        object_count: tally.object_count(),
        by_storage_class: classes.collect(),
    })
}
