//! Compares checksums.

/// Returns whether `digest` is `hexadecimal`.
pub(crate) fn is_digest(digest: &[u8], hexadecimal: &str) -> bool {
    let digits: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    digits.eq_ignore_ascii_case(hexadecimal)
}
