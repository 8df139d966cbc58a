//! What is asked of a report.

use prefix_sums::Grouping;

/// Which rows count, and how they are added up.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Query {
    /// Only keys that start with it count.
    pub prefix: String,
    /// Only keys that end with it count.
    pub suffix: String,
    /// Whether to add up by prefix too.
    pub by_prefix: Option<Grouping>,
}

impl Query {
    /// Returns whether the keys must be read.
    pub(crate) fn needs_keys(&self) -> bool {
        !self.prefix.is_empty() || !self.suffix.is_empty() || self.by_prefix.is_some()
    }

    pub(crate) fn selects(&self, key: &[u8]) -> bool {
        // Comparing no bytes is slow on some processors: their vector instructions still look at the empty string's address.
        let starts = self.prefix.is_empty() || key.starts_with(self.prefix.as_bytes());
        starts && (self.suffix.is_empty() || key.ends_with(self.suffix.as_bytes()))
    }
}
