//! Which prefixes the size of a bucket is added up by. No I/O.

/// Deepest level of folders.
const MAX_DEPTH: u32 = 10;
/// Most prefixes of a list: each key is compared with them.
const MAX_LISTED: usize = 100;
/// Longest key of S3 in bytes.
const MAX_KEY_BYTES: usize = 1_024;

/// Which prefixes sizes are added up by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ByPrefix {
    /// Folders below the target's prefix, to this depth.
    Folders(u32),
    /// These prefixes; the longest one that a key begins with counts.
    List(Vec<String>),
}

impl ByPrefix {
    /// Returns folders to `depth`.
    ///
    /// # Errors
    ///
    /// The rule that the depth breaks.
    pub fn folders(depth: u32) -> Result<Self, String> {
        if (1..=MAX_DEPTH).contains(&depth) {
            Ok(Self::Folders(depth))
        } else {
            Err(Self::rule())
        }
    }

    /// Returns `prefixes`, of a target whose keys begin with `below`.
    ///
    /// # Errors
    ///
    /// The rule that they break.
    pub fn list(prefixes: Vec<String>, below: &str) -> Result<Self, String> {
        if !(1..=MAX_LISTED).contains(&prefixes.len()) {
            return Err(Self::rule());
        }
        for prefix in &prefixes {
            if prefix.is_empty() || prefix.len() > MAX_KEY_BYTES {
                return Err(format!("a prefix must have 1 to {MAX_KEY_BYTES} bytes"));
            }
            if !prefix.starts_with(below) {
                return Err(format!(
                    "{prefix:?} does not begin with {below:?}, the prefix of all keys that are counted"
                ));
            }
        }
        Ok(Self::List(prefixes))
    }

    /// Returns what is allowed.
    pub fn rule() -> String {
        format!(
            "must be a depth of folders from 1 to {MAX_DEPTH}, or a list of 1 to {MAX_LISTED} prefixes"
        )
    }
}
