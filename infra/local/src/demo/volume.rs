//! The demo's stand-in for CloudWatch: free storage of the database server, by the size of its files.
//!
//! Every request is taken for the one that collectors send: the newest `FreeStorageSpace` of one instance.

use std::path::{Path, PathBuf};

use anyhow::Context;
use chrono::{DateTime, DurationRound, TimeDelta, Utc};
use hyper::body::Bytes;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::{HeaderMap, Response, StatusCode};
use s3s::Body;

/// Allocated storage of the server, as the fleet file has it.
pub(super) const ALLOCATED_GIB: u64 = 1;
/// Name of the server in the fleet file.
pub(super) const INSTANCE: &str = "demo-server";
/// What a new demo may add before the storage is full: some months of the growth in its past.
const ROOM_BYTES: u64 = 32 << 20;
/// File with the size of all databases at which the storage is full.
const LIMIT_FILE: &str = "volume.limit";
/// Header of CloudWatch's protocol, on requests and answers.
const PROTOCOL: (&str, &str) = ("smithy-protocol", "rpc-v2-cbor");

/// The storage of the demo's database server.
#[derive(Debug, Clone)]
pub(super) struct Volume {
    databases: PathBuf,
    limit_bytes: u64,
}

impl Volume {
    /// Opens the storage of the cluster in `cluster`; `demo` keeps its limit, which the first start sets.
    pub(super) fn open(demo: &Path, cluster: &Path) -> anyhow::Result<Self> {
        let databases = cluster.join("base");
        let file = demo.join(LIMIT_FILE);
        let known = std::fs::read_to_string(&file).ok();
        let limit_bytes = match known.and_then(|text| text.trim().parse().ok()) {
            Some(limit) => limit,
            None => {
                let used = size_of(&databases);
                let used = used.with_context(|| format!("cannot size {}", databases.display()))?;
                let limit = used + ROOM_BYTES;
                std::fs::write(&file, format!("{limit}\n"))
                    .with_context(|| format!("could not write {}", file.display()))?;
                limit
            }
        };
        Ok(Self {
            databases,
            limit_bytes,
        })
    }

    /// Returns whether a request is for CloudWatch.
    pub(super) fn is_asked(headers: &HeaderMap) -> bool {
        let protocol = headers.get(PROTOCOL.0);
        protocol.is_some_and(|protocol| protocol == PROTOCOL.1)
    }

    /// Answers with the free bytes at `now`.
    pub(super) fn answer(&self, now: DateTime<Utc>) -> Response<Body> {
        let mut response = match size_of(&self.databases) {
            Ok(used) => {
                let free = self.limit_bytes.saturating_sub(used);
                Response::new(Body::from(Bytes::from(metric_data(free, now))))
            }
            Err(error) => {
                tracing::warn!(%error, "the demo's storage could not be sized");
                let mut response = Response::new(Body::empty());
                *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
                response
            }
        };
        let headers = response.headers_mut();
        headers.insert(PROTOCOL.0, HeaderValue::from_static(PROTOCOL.1));
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/cbor"));
        response
    }
}

/// Returns the bytes of all files below `folder`. One that is gone meanwhile has none.
fn size_of(folder: &Path) -> std::io::Result<u64> {
    let mut total = 0;
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let Ok(metadata) = entry.metadata() else {
            continue;
        };
        total += if metadata.is_dir() {
            size_of(&entry.path()).unwrap_or(0)
        } else {
            metadata.len()
        };
    }
    Ok(total)
}

/// Returns the answer to `GetMetricData` in CBOR (RFC 8949): one point of the first query, at the running minute.
fn metric_data(bytes: u64, now: DateTime<Utc>) -> Vec<u8> {
    let minute = now.duration_trunc(TimeDelta::minutes(1)).unwrap_or(now);
    let mut out = vec![map(1)];
    text(&mut out, "MetricDataResults");
    out.extend([array(1), map(4)]);
    text(&mut out, "Id");
    text(&mut out, "q0");
    text(&mut out, "StatusCode");
    text(&mut out, "Complete");
    text(&mut out, "Timestamps");
    // Tag 1: seconds since 1970.
    out.extend([array(1), 0xc1]);
    #[allow(clippy::cast_precision_loss, reason = "exact below 2^53")]
    number(&mut out, minute.timestamp() as f64);
    text(&mut out, "Values");
    out.push(array(1));
    #[allow(clippy::cast_precision_loss, reason = "exact below 2^53")]
    number(&mut out, bytes as f64);
    out
}

/// Returns the head of a map of a few entries.
const fn map(entries: u8) -> u8 {
    0xa0 | entries
}

/// Returns the head of a list of a few items.
const fn array(items: u8) -> u8 {
    0x80 | items
}

/// Appends a text of at most 23 bytes.
fn text(out: &mut Vec<u8>, text: &str) {
    out.push(0x60 | u8::try_from(text.len()).unwrap_or(u8::MAX));
    out.extend_from_slice(text.as_bytes());
}

/// Appends a double.
fn number(out: &mut Vec<u8>, number: f64) {
    out.push(0xfb);
    out.extend_from_slice(&number.to_be_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_demo_has_room_that_its_files_use_up() {
        let demo = tempfile::tempdir().unwrap();
        let database = demo.path().join("cluster/base/16384");
        std::fs::create_dir_all(&database).unwrap();
        std::fs::write(database.join("2601"), vec![0; 8192]).unwrap();
        let open = || Volume::open(demo.path(), &demo.path().join("cluster")).unwrap();
        let free = |volume: &Volume| volume.limit_bytes - size_of(&volume.databases).unwrap();
        let first = open();
        assert_eq!(free(&first), ROOM_BYTES);

        std::fs::write(database.join("2602"), vec![0; 16_384]).unwrap();

        assert_eq!(free(&open()), ROOM_BYTES - 16_384);
    }
}
