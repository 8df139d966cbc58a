//! The rule for identifiers of RDS instances and Aurora clusters.

/// Returns whether `text` is a valid identifier of an instance or a cluster.
pub(super) fn is_identifier(text: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    text.len() <= 63
        && text.starts_with(|first: char| first.is_ascii_lowercase())
        && text.bytes().all(is_allowed)
}
