//! The answer of an endpoint: a body of one media type, its identity and how long it may be cached.

use chrono::{DateTime, Utc};
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::http::media_type::MediaType;
use crate::http::problem::Problem;

/// Most bytes of the items of one answer before compression: Lambda rejects responses above 6 MB.
pub(crate) const ANSWER_LIMIT_BYTES: usize = 4_000_000;

/// A successful answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub(super) media_type: MediaType,
    pub(super) body: Vec<u8>,
    pub(super) etag: String,
    pub(super) freshness: Freshness,
    pub(super) next: Option<String>,
    pub(super) headers: Vec<(&'static str, String)>,
}

/// How long an answer may be cached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Freshness {
    /// From snapshots: fresh until the next scheduled collection.
    Snapshot {
        /// Time of the oldest measurement in the answer.
        oldest_taken_at: DateTime<Utc>,
        /// Time of the newest measurement in the answer.
        newest_taken_at: DateTime<Utc>,
        /// Time at which the first of its targets is due again.
        next_due_at: DateTime<Utc>,
    },
    /// Read live: must be revalidated every time.
    Live,
    /// Changes with the deployed program only.
    Program,
}

impl Answer {
    /// Returns an answer with the UTF-8 text `body` of `media_type`.
    ///
    /// The ETag is made from `media_type` and `identity`, which leaves out whatever changes with time alone, such
    /// as an age.
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
        // Weak, because an age in the body may differ.
        Ok(Self {
            media_type,
            body,
            etag: etag(&identity),
            freshness,
            next: None,
            headers: Vec::new(),
        })
    }

    /// Returns an answer that is the same only if its whole `body` is: it has nothing that changes with time alone.
    pub fn of_body(media_type: MediaType, body: Vec<u8>, freshness: Freshness) -> Self {
        Self {
            media_type,
            etag: etag(&body),
            body,
            freshness,
            next: None,
            headers: Vec::new(),
        }
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

    /// Returns the answer with a link to the next page, given as a query string.
    #[must_use]
    pub fn with_next(mut self, query: Option<String>) -> Self {
        self.next = query;
        self
    }

    /// Returns the answer with a further header.
    #[must_use]
    pub fn with_header(mut self, name: &'static str, value: String) -> Self {
        self.headers.push((name, value));
        self
    }
}

fn etag(identity: &[u8]) -> String {
    let digest = Sha256::digest(identity);
    let digest = digest.iter().take(16);
    let digest: String = digest.map(|byte| format!("{byte:02x}")).collect();
    format!("W/\"{digest}\"")
}
