//! Finds where the page after a page starts.

use super::entries::Entries;
use super::text::{decoded, unescaped};
use super::{Listing, PageError};
use crate::ranges::{Cursor, Key, OpenRange};

/// Returns the position after a page of `range` that has `entries` and these `metadata`.
///
/// # Errors
///
/// The page names no position, or its own.
pub(super) fn next<'t>(
    entries: &Entries<'_>,
    range: &OpenRange,
    metadata: &impl Fn(&str) -> Option<&'t [u8]>,
) -> Result<Cursor, PageError> {
    let no_position = PageError::Malformed("more pages but no position to continue from");
    let text = |name| {
        let text = metadata(name).filter(|text| !text.is_empty())?;
        String::from_utf8(unescaped(text).into_owned()).ok()
    };
    let old = range.cursor.as_ref();
    let cursor = match entries.listing() {
        Listing::Objects => {
            let token = text("NextContinuationToken").ok_or(no_position)?;
            let last = entries.keys.samples.last().map(|sample| sample.key.clone());
            let before = range.position().cloned();
            Cursor {
                key: last.or(before).unwrap_or_else(|| Key::from(&b""[..])),
                token: Some(token),
                last: None,
            }
        }
        Listing::Versions => {
            let key = metadata("NextKeyMarker").ok_or(no_position)?;
            let key = decoded(key, entries.is_encoded);
            Cursor {
                key: key.as_ref().into(),
                token: text("NextVersionIdMarker"),
                last: entries.last_version(),
            }
        }
    };
    let is_same = match entries.listing() {
        Listing::Objects => old.is_some_and(|old| old.token == cursor.token),
        Listing::Versions => {
            old.is_some_and(|old| (&old.key, &old.token) == (&cursor.key, &cursor.token))
        }
    };
    if is_same {
        return Err(PageError::Malformed("a page that names itself as the next"));
    }
    Ok(cursor)
}

/// Returns the position after a page of objects that is the last one, as it says, but full: after its last key.
///
/// Some servers say so of every full page. Whether there are more keys is only known by asking for them, which providers
/// whose keys have another order do not answer.
pub(super) fn after_full_page(entries: &Entries<'_>, limit: u64) -> Option<Cursor> {
    let last = entries.keys.samples.last()?;
    let is_full = entries.listing() == Listing::Objects && entries.count() >= limit;
    (is_full && entries.is_ordered()).then(|| Cursor {
        key: last.key.clone(),
        token: None,
        last: None,
    })
}
