//! The stored form of snapshots, versioned.
//!
//! All past versions are read forever, only the newest is written. A released version never changes: golden files in
//! `tests/it/golden` hold each to that.
//!
//! A stored form lists its fields apart from the domain type, so that answers change without changing what is stored.
//! Serde copies between the two (`remote`): a field that a form lacks does not compile. Words of enumerations are
//! spelled once, in the domain.

mod bucket;
mod file_documents;
mod prefixes;
mod server_storage;
mod storage_metrics;
mod tables;
mod user_activity;

use std::io::{Read, Write};
use std::time::Duration;

use chrono::{DateTime, Utc};
use flate2::Compression;
use flate2::bufread::GzDecoder;
use flate2::write::GzEncoder;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::{Completeness, Failure, Good, Latest, Measurement, Pace, Run};
use crate::attributes::{self, Attributes, NEWER_RELEASE, UNDECODABLE, Value};
use crate::clock::rfc3339;
use crate::fleet::TargetId;
use crate::history::StoredTrend;

pub use bucket::StoredRefresh;
pub(crate) use user_activity::{StoredConcurrentUsers, StoredUserCounts};

/// Maximum size of a decompressed body: 1,000,000 tables of about 300 bytes, and a limit for damaged items.
const BODY_LIMIT_BYTES: u64 = 320 << 20;

/// A measurement that has a stored form.
pub trait Stored: Measurement {
    /// The version of its form that is written; each kind counts its own. All earlier versions are read.
    #[doc(hidden)]
    const VERSION: u64;
    /// Serde form of the summary.
    #[doc(hidden)]
    type StoredSummary: Serialize + DeserializeOwned;

    /// Returns the serde form of `summary`.
    #[doc(hidden)]
    fn store_summary(summary: &Self::Summary) -> Self::StoredSummary;
    /// Returns the summary from its serde form.
    #[doc(hidden)]
    fn read_summary(stored: Self::StoredSummary) -> Result<Self::Summary, String>;
    /// Returns what the summary lacks as JSON; `None` when it lacks nothing.
    #[doc(hidden)]
    fn store_body(&self) -> Result<Option<Vec<u8>>, String> {
        Ok(None)
    }
    /// Returns the measurement with this summary and body.
    #[doc(hidden)]
    fn read_body(summary: Self::Summary, body: Option<&[u8]>) -> Result<Self, String>;
}

/// Returns the measurement that is all `summary`.
fn without_body<M>(summary: M, body: Option<&[u8]>) -> Result<M, String> {
    match body {
        None => Ok(summary),
        Some(_) => Err("it has a body where none belongs".to_owned()),
    }
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

#[derive(Serialize, Deserialize)]
struct StoredRun {
    scheduled_at: DateTime<Utc>,
    taken_at: DateTime<Utc>,
    duration_ms: u64,
    next_due_at: DateTime<Utc>,
    completeness: Completeness,
}

#[derive(Serialize, Deserialize)]
struct StoredSnapshot<S> {
    stored_version: u64,
    target: String,
    #[serde(flatten)]
    run: StoredRun,
    summary: S,
    /// Number of items that hold the body; absent when this item holds it or there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    body_parts: Option<u64>,
    /// Digest of the body, which names its parts.
    #[serde(skip_serializing_if = "Option::is_none")]
    body_digest: Option<String>,
}

/// The attributes of a latest. Its content is packed in the body, which keeps most of them below the kilobyte that
/// DynamoDB bills at least for a write; before, the content was among the attributes.
#[derive(Serialize, Deserialize)]
struct LatestAttributes {
    stored_version: u64,
    target: String,
}

#[derive(Serialize, Deserialize)]
#[serde(bound(deserialize = "S: DeserializeOwned, T: Deserialize<'de>, P: Deserialize<'de>"))]
struct LatestContent<S, T, P> {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    good: Option<StoredGood<S>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    last_failure: Option<StoredFailure>,
    /// One that cannot be read is made anew from the history.
    #[serde(default = "Option::default", skip_serializing_if = "Option::is_none")]
    trend: Option<T>,
    /// The same: one that cannot be read is learnt anew.
    #[serde(default = "Option::default", skip_serializing_if = "Option::is_none")]
    pace: Option<P>,
}

/// A [`StoredRun`] with its summary. Not flattened, because that would build each of a thousand twice.
#[derive(Serialize, Deserialize)]
struct StoredGood<S> {
    scheduled_at: DateTime<Utc>,
    taken_at: DateTime<Utc>,
    duration_ms: u64,
    next_due_at: DateTime<Utc>,
    completeness: Completeness,
    summary: S,
}

impl<S> StoredGood<S> {
    fn of(run: &Run, completeness: Completeness, summary: S) -> Self {
        let StoredRun {
            scheduled_at,
            taken_at,
            duration_ms,
            next_due_at,
            completeness,
        } = store_run(run, completeness);
        Self {
            scheduled_at,
            taken_at,
            duration_ms,
            next_due_at,
            completeness,
            summary,
        }
    }

    fn run(&self) -> StoredRun {
        StoredRun {
            scheduled_at: self.scheduled_at,
            taken_at: self.taken_at,
            duration_ms: self.duration_ms,
            next_due_at: self.next_due_at,
            completeness: self.completeness,
        }
    }
}

#[derive(Serialize, Deserialize)]
struct StoredFailure {
    scheduled_at: DateTime<Utc>,
    failed_at: DateTime<Utc>,
    /// Absent for the first failure since the last good run, and in records of earlier releases.
    #[serde(skip_serializing_if = "Option::is_none")]
    failing_since: Option<DateTime<Utc>>,
    code: String,
    reason: String,
}

impl StoredFailure {
    fn of(failure: Failure) -> Self {
        Self {
            scheduled_at: failure.scheduled_at,
            failed_at: failure.failed_at,
            failing_since: (failure.failing_since != failure.failed_at)
                .then_some(failure.failing_since),
            code: failure.code,
            reason: failure.reason,
        }
    }

    fn read(self) -> Failure {
        Failure {
            scheduled_at: self.scheduled_at,
            failed_at: self.failed_at,
            failing_since: self.failing_since.unwrap_or(self.failed_at),
            code: self.code,
            reason: self.reason,
        }
    }
}

/// A snapshot without its body.
pub(crate) struct Header<S> {
    pub(crate) run: Run,
    pub(crate) completeness: Completeness,
    pub(crate) summary: S,
    pub(crate) parts: Option<Parts>,
}

/// Location of a body that did not fit into the snapshot's own item.
#[derive(Clone)]
pub(crate) struct Parts {
    pub(crate) count: u64,
    pub(crate) digest: String,
}

pub(crate) fn header_attributes<M: Stored>(
    target: &TargetId,
    header: &Header<M::Summary>,
) -> Result<Attributes, String> {
    let parts = header.parts.as_ref();
    attributes::encode(&StoredSnapshot {
        stored_version: M::VERSION,
        target: target.to_string(),
        run: store_run(&header.run, header.completeness),
        summary: M::store_summary(&header.summary),
        body_parts: parts.map(|parts| parts.count),
        body_digest: parts.map(|parts| parts.digest.clone()),
    })
}

pub(crate) fn read_header<M: Stored>(
    attributes: &Attributes,
) -> Result<Header<M::Summary>, String> {
    let stored: StoredSnapshot<M::StoredSummary> = from_attributes(attributes, M::VERSION)?;
    let (run, completeness) = read_run(&stored.run);
    let parts = match (stored.body_parts, stored.body_digest) {
        (Some(count), Some(digest)) => Some(Parts { count, digest }),
        (None, None) => None,
        _ => return Err("body_parts and body_digest go together".to_owned()),
    };
    Ok(Header {
        run,
        completeness,
        summary: M::read_summary(stored.summary)?,
        parts,
    })
}

/// Returns the attributes and the body of a latest.
pub(crate) fn store_latest<M: Stored>(
    latest: &Latest<M::Summary>,
) -> Result<(Attributes, Vec<u8>), String> {
    let attributes = attributes::encode(&LatestAttributes {
        stored_version: M::VERSION,
        target: latest.target.to_string(),
    })?;
    let content = serde_json::to_vec(&LatestContent {
        good: latest.good.as_ref().map(|good| {
            let summary = M::store_summary(&good.summary);
            StoredGood::of(&good.run, good.completeness, summary)
        }),
        last_failure: latest.last_failure.clone().map(StoredFailure::of),
        trend: latest.trend.as_ref().map(StoredTrend::of),
        pace: latest.pace.as_ref(),
    });
    let content = content.map_err(|error| error.to_string())?;
    Ok((attributes, pack(&content)?))
}

pub(crate) fn read_latest<M: Stored>(
    attributes: &Attributes,
    body: Option<&[u8]>,
    version: u64,
) -> Result<Latest<M::Summary>, String> {
    let LatestAttributes { target, .. } = from_attributes(attributes, M::VERSION)?;
    let content: LatestContent<M::StoredSummary, StoredTrend, Pace> = match body {
        Some(body) => {
            let json = unpack(body)?;
            match serde_json::from_slice(&json) {
                Ok(content) => content,
                Err(_) => {
                    tolerant(serde_json::from_slice(&json).map_err(|error| error.to_string()))?
                }
            }
        }
        None => tolerant(attributes::decode(attributes))?,
    };
    let good = content.good.map(|good| {
        let (run, completeness) = read_run(&good.run());
        M::read_summary(good.summary).map(|summary| Good {
            run,
            completeness,
            summary,
        })
    });
    Ok(Latest {
        target: TargetId::from_text(&target),
        version,
        good: good.transpose()?,
        last_failure: content.last_failure.map(StoredFailure::read),
        trend: content.trend.and_then(|trend| trend.read().ok()),
        pace: content.pace,
    })
}

/// Returns a content without a trend and a pace that cannot be read: both are made anew.
fn tolerant<S>(
    content: Result<LatestContent<S, Json, Json>, String>,
) -> Result<LatestContent<S, StoredTrend, Pace>, String> {
    let content = content?;
    Ok(LatestContent {
        good: content.good,
        last_failure: content.last_failure,
        trend: content
            .trend
            .and_then(|trend| StoredTrend::deserialize(trend).ok()),
        pace: content.pace.and_then(|pace| Pace::deserialize(pace).ok()),
    })
}

/// Compresses a body. The same body always gives the same bytes.
pub(crate) fn pack(body: &[u8]) -> Result<Vec<u8>, String> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder
        .write_all(body)
        .and_then(|()| encoder.finish())
        .map_err(|error| error.to_string())
}

/// Decompresses a body; gzip's checksum detects damage.
pub(crate) fn unpack(packed: &[u8]) -> Result<Vec<u8>, String> {
    let mut body = Vec::with_capacity(4 * packed.len());
    let read = GzDecoder::new(packed)
        .take(BODY_LIMIT_BYTES + 1)
        .read_to_end(&mut body);
    read.map_err(|error| format!("the body is damaged: {error}"))?;
    if u64::try_from(body.len()).unwrap_or(u64::MAX) > BODY_LIMIT_BYTES {
        return Err(format!("the body is larger than {BODY_LIMIT_BYTES} bytes"));
    }
    Ok(body)
}

fn store_run(run: &Run, completeness: Completeness) -> StoredRun {
    StoredRun {
        scheduled_at: run.scheduled_at,
        taken_at: run.taken_at,
        duration_ms: u64::try_from(run.duration.as_millis()).unwrap_or(u64::MAX),
        next_due_at: run.next_due_at,
        completeness,
    }
}

fn read_run(stored: &StoredRun) -> (Run, Completeness) {
    let run = Run {
        scheduled_at: stored.scheduled_at,
        taken_at: stored.taken_at,
        duration: Duration::from_millis(stored.duration_ms),
        next_due_at: stored.next_due_at,
    };
    (run, stored.completeness)
}

fn from_attributes<T: DeserializeOwned>(attributes: &Attributes, newest: u64) -> Result<T, String> {
    match attributes.get("stored_version") {
        Some(Value::Integer(version)) if (1..=newest).contains(version) => {}
        Some(Value::Integer(newer)) if *newer > newest => {
            return Err(format!("{NEWER_RELEASE} (stored form {newer})"));
        }
        _ if attributes.contains_key(UNDECODABLE) => {
            return Err("its attributes cannot be decoded".to_owned());
        }
        _ => return Err("it has no valid stored_version".to_owned()),
    }
    attributes::decode(attributes)
}

/// Returns `time` as the sort key of a snapshot.
pub(crate) fn sort_key(time: DateTime<Utc>) -> String {
    rfc3339(time)
}
