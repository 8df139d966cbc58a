//! What an endpoint answers: a body of one media type, its identity and how long it may be kept.

use chrono::{DateTime, Utc};
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::http::media_type::MediaType;
use crate::http::problem::Problem;

/// A good answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub(super) media_type: MediaType,
    pub(super) body: Vec<u8>,
    pub(super) etag: String,
    pub(super) freshness: Freshness,
    pub(super) next: Option<String>,
}

/// How long an answer may be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Freshness {
    /// Comes from snapshots: good until the next scheduled collection.
    Snapshot {
        /// When the oldest number in it was measured.
        oldest_taken_at: DateTime<Utc>,
        /// When the newest number in it was measured.
        newest_taken_at: DateTime<Utc>,
        /// When the first of its targets is due again.
        next_due_at: DateTime<Utc>,
    },
    /// Was read live: must be asked for again every time.
    Live,
    /// Belongs to the deployed program.
    Program,
}

impl Answer {
    /// Returns an answer with `body`, which is text of `media_type`.
    ///
    /// `identity` is what two answers of one media type must share to count as the same for `If-None-Match`.
    /// It leaves out what changes with time alone, such as an age.
    ///
    /// # Errors
    ///
    /// An internal problem when `identity` has no JSON form.
    pub fn new(
        media_type: MediaType,
        body: Vec<u8>,
        identity: &impl Serialize,
        freshness: Freshness,
    ) -> Result<Self, Problem> {
        let identity = (media_type.essence(), identity);
        let identity = serde_json::to_vec(&identity).map_err(Problem::internal)?;
        let digest: String = Sha256::digest(&identity)
            .iter()
            .take(16)
            .map(|byte| format!("{byte:02x}"))
            .collect();
        // Weak: the same for our purposes, though an age in the body differs.
        Ok(Self {
            media_type,
            body,
            etag: format!("W/\"{digest}\""),
            freshness,
            next: None,
        })
    }

    /// Returns an answer with `view` as JSON; see [`Answer::new`] for `identity`.
    ///
    /// # Errors
    ///
    /// An internal problem when `view` or `identity` has no JSON form.
    pub fn json(
        view: &impl Serialize,
        identity: &impl Serialize,
        freshness: Freshness,
    ) -> Result<Self, Problem> {
        let body = serde_json::to_vec(view).map_err(Problem::internal)?;
        Self::new(MediaType::Json, body, identity, freshness)
    }

    /// Returns the answer with a reference to the next page, a query string.
    #[must_use]
    pub fn with_next(mut self, query: Option<String>) -> Self {
        self.next = query;
        self
    }
}
