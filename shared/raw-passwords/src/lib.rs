//! Prepares passwords for SCRAM as libpq and the server do: one that SASLprep
//! ([RFC 4013](https://www.rfc-editor.org/rfc/rfc4013)) refuses, with a tab, a newline or an emoji, is used as it is.

#![forbid(unsafe_code)]

mod tables;

use std::borrow::Cow;
use std::convert::Infallible;

use tables::contains;
use unicode_normalization::UnicodeNormalization;

/// Returns the prepared `text`, or `text` itself where preparation refuses it or leaves nothing.
///
/// # Errors
///
/// None; the interface is that of the crate which this one replaces.
pub fn saslprep(text: &str) -> Result<Cow<'_, str>, Infallible> {
    if text.is_ascii() {
        return Ok(Cow::Borrowed(text));
    }
    let mapped = mapped(text);
    Ok(if is_refused(&mapped) {
        Cow::Borrowed(text)
    } else {
        Cow::Owned(mapped.nfkc().collect())
    })
}

/// Replaces unusual spaces by that of ASCII, and leaves out what does not show.
fn mapped(text: &str) -> String {
    // One character is in both tables, and counts as a space.
    text.chars()
        .map(|character| {
            if contains(&tables::SPACES, character) {
                ' '
            } else {
                character
            }
        })
        .filter(|character| !contains(&tables::NOTHING, *character))
        .collect()
}

/// Returns whether preparation refuses the `mapped` text. PostgreSQL checks it before normalisation, unlike the RFC.
fn is_refused(mapped: &str) -> bool {
    let has = |table: &[(u32, u32)]| mapped.chars().any(|character| contains(table, character));
    let is_right_to_left =
        |character: Option<char>| character.is_some_and(|it| contains(&tables::RIGHT_TO_LEFT, it));
    // Text with any character from right to left must begin and end with one, and have no letters from left to right.
    let is_mixed = has(&tables::RIGHT_TO_LEFT)
        && (has(&tables::LEFT_TO_RIGHT)
            || !is_right_to_left(mapped.chars().next())
            || !is_right_to_left(mapped.chars().next_back()));
    mapped.is_empty() || has(&tables::PROHIBITED) || has(&tables::UNASSIGNED) || is_mixed
}
