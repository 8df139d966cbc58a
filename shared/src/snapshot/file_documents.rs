//! Files that an app's database knows: a measurement of its own, which readers compare with the app's storage. Domain
//! types only.

use super::{Completeness, Measurement};
use crate::fleet::Kind;

/// Count and size of the file documents of a Mendix app that have contents, by the app's own table of them.
///
/// The app's file storage holds their contents, one object each. The sizes are what the app wrote down when it stored a
/// file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileDocuments {
    /// File documents with contents.
    pub document_count: u64,
    /// Sum of their sizes in bytes, those without a size left out.
    pub document_bytes: u64,
    /// Those of them that have no size, or a negative one: files from before Mendix 7.4. Not in `document_bytes`.
    pub unsized_count: u64,
}

impl Measurement for FileDocuments {
    const KIND: Kind = Kind::FileDocuments;
    type Summary = Self;

    fn summary(&self) -> Self {
        *self
    }

    fn completeness(&self) -> Completeness {
        match self.unsized_count {
            0 => Completeness::Complete,
            _ => Completeness::Partial,
        }
    }

    fn total_bytes(&self) -> u64 {
        self.document_bytes
    }
}
