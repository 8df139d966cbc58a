//! How numbers came about, which decides whether they can be compared.

use std::sync::Arc;

/// How numbers came about: `key=value` words, such as `method=listing definition=current_objects`.
///
/// Numbers of different bases are not comparable: a change breaks every series of the target.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Basis(Arc<str>);

impl Basis {
    /// Returns the basis with these keys and values, which hold no space and no `=`.
    pub fn new(words: &[(&str, &str)]) -> Self {
        let words: Vec<_> = words
            .iter()
            .map(|(key, value)| format!("{key}={value}"))
            .collect();
        Self(words.join(" ").into())
    }

    /// Returns the basis that a block holds.
    pub(super) fn from_text(text: &str) -> Self {
        Self(text.into())
    }

    /// Returns it as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the keys whose values differ in `later`, in order; empty when the two are the same.
    pub fn changed_keys<'a>(&'a self, later: &'a Self) -> Vec<&'a str> {
        let words = |basis: &'a Self| basis.0.split(' ').filter_map(|word| word.split_once('='));
        let differs = |one: &'a Self, other: &'a Self| {
            words(one)
                .filter(move |word| !words(other).any(|each| each == *word))
                .map(|(key, _)| key)
        };
        let mut keys: Vec<_> = differs(self, later).chain(differs(later, self)).collect();
        keys.sort_unstable();
        keys.dedup();
        keys
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_basis_names_what_changed() {
        let listing = Basis::new(&[("method", "listing"), ("measure", "current")]);
        let versions = Basis::new(&[("method", "listing"), ("measure", "current,noncurrent")]);
        let engine = Basis::new(&[("engine", "mysql")]);

        assert_eq!(listing.changed_keys(&listing), [""; 0]);
        assert_eq!(listing.changed_keys(&versions), ["measure"]);
        assert_eq!(
            listing.changed_keys(&engine),
            ["engine", "measure", "method"]
        );
    }
}
