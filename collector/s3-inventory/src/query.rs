//! What is asked of a report.

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

/// Which prefixes sizes are added up by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Grouping {
    /// The first so many parts of a key that end in `/`. A key with fewer counts for the parts that it has.
    Depth(u32),
    /// The longest of these prefixes that the key starts with. A key that starts with none is in `other`.
    List(Vec<String>),
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
