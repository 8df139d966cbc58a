//! The public authorities that programs of this workspace trust by themselves: none.
//!
//! Stands in for the crate of the same name, whose list sqlx adds to whatever authority it is given. The AWS SDKs do
//! not use it: they read the operating system's list. Not a place for certificates of any kind.

#![no_std]
#![forbid(unsafe_code)]

/// No authority at all.
pub const TLS_SERVER_ROOTS: &[pki_types::TrustAnchor<'static>] = &[];
