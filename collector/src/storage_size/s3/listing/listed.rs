//! Result of a listing.

use s3_listing::{ListingTotals, Totals};
use shared::snapshot::{ClassSize, Objects};

/// A complete listing.
#[derive(Debug, Default)]
pub(in crate::storage_size::s3) struct Listed {
    pub(in crate::storage_size::s3) totals: ListingTotals,
    /// Number of requests, failed ones included.
    pub(in crate::storage_size::s3) requests: u64,
}

/// Result of one part of a listing.
#[derive(Debug)]
pub(in crate::storage_size::s3) enum ListedPart {
    /// The listing is complete.
    Complete(Box<Listed>),
    /// It ran out of time; the next part continues from this checkpoint.
    Paused(Vec<u8>),
}

/// Converts totals into their domain type; `None` if they exceed 64 bits.
pub(in crate::storage_size::s3) fn objects(totals: &Totals) -> Option<Objects> {
    let classes = totals.classes().map(|(name, class)| {
        let size = ClassSize {
            total_bytes: class.bytes,
            object_count: class.objects,
        };
        (name.to_owned(), size)
    });
    Some(Objects {
        total_bytes: totals.total_bytes()?,
        object_count: totals.object_count(),
        by_storage_class: classes.collect(),
    })
}
