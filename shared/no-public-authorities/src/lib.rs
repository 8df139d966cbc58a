//! The public authorities that programs of this workspace trust by default: none.
//!
//! Replaces the crate of the same name, whose list sqlx adds to the configured authorities. The AWS SDKs do not use it:
//! they read the operating system's list. Add no certificates here.

#![no_std]
#![forbid(unsafe_code)]

/// No authority at all.
pub const TLS_SERVER_ROOTS: &[pki_types::TrustAnchor<'static>] = &[];
