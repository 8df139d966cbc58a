//! Names of lists of tables.

use sha2::{Digest, Sha256};

/// Bytes of a digest.
pub(super) const DIGEST_BYTES: usize = 16;

/// Name of a list: the same content always has the same.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ListDigest(pub(super) [u8; DIGEST_BYTES]);

impl ListDigest {
    /// Returns the name of a list with this content.
    pub(super) fn of(content: &[u8]) -> Self {
        let mut digest = Self::default();
        for (byte, hashed) in digest.0.iter_mut().zip(Sha256::digest(content)) {
            *byte = hashed;
        }
        digest
    }

    /// Returns it in hexadecimal, as keys have it.
    pub fn to_hex(self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Returns the digest of its hexadecimal form; `None` when it is none.
    pub fn from_hex(text: &str) -> Option<Self> {
        let mut digest = [0; DIGEST_BYTES];
        if text.len() != 2 * DIGEST_BYTES || !text.is_ascii() {
            return None;
        }
        for (index, byte) in digest.iter_mut().enumerate() {
            *byte = u8::from_str_radix(text.get(2 * index..2 * index + 2)?, 16).ok()?;
        }
        Some(Self(digest))
    }
}
