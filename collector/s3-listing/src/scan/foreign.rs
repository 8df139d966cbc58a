//! Recognises answers that are not listings.

use std::fmt;

/// What an answer is instead of a listing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Foreign {
    /// Nothing.
    Empty,
    /// A page of HTML, as proxies and consoles answer.
    Html,
    /// S3's error document; [`ErrorResponse`](crate::ErrorResponse) reads it.
    Error,
    /// A page of current objects in place of versions: the provider ignores that versions were asked for.
    Objects,
}

impl Foreign {
    /// Returns what `body` is; `None` if it may be a listing.
    pub fn of(body: &[u8]) -> Option<Self> {
        let mut text = body.trim_ascii();
        if text.is_empty() {
            return Some(Self::Empty);
        }
        if text.starts_with(b"<?") {
            let end = memchr::memmem::find(text, b"?>")? + 2;
            text = text.get(end..)?.trim_ascii_start();
        }
        let starts_with = |word: &[u8]| {
            let start = text.get(..word.len());
            start.is_some_and(|start| start.eq_ignore_ascii_case(word))
        };
        if starts_with(b"<!doctype html") || starts_with(b"<html") {
            Some(Self::Html)
        } else if text.starts_with(b"<Error>") || text.starts_with(b"<Error ") {
            Some(Self::Error)
        } else {
            None
        }
    }
}

impl fmt::Display for Foreign {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Empty => "empty",
            Self::Html => "a page of HTML, as of a proxy",
            Self::Error => "an error",
            Self::Objects => "a page of objects without versions",
        })
    }
}
