//! Fakes with behaviour: a source that acts by the bucket's name, fleet files, a queue.

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use collector::{
    CollectorPorts, Job, JobKind, JobQueue, MeasureError, Progress, QueueError, Source, Writers,
};
use shared::aws::Aws;
use shared::clock::FixedClock;
use shared::fleet::{BucketTarget, FleetSource};
use shared::history::HistoryRetention;
use shared::location::Location;
use shared::snapshot::{BucketSize, Method};
use shared::store::memory::MemoryStore;
use shared::store::{ItemStore, SnapshotReader};
use shared::telemetry::Metrics;

pub(crate) const HOUR: Duration = Duration::from_secs(3600);

/// An address without a listener.
pub(crate) const NOWHERE: &str = "http://127.0.0.1:9";

pub(crate) fn bucket(name: &str) -> BucketTarget {
    BucketTarget::whole("acme-prod", name)
}

/// Measures by name: `gone…` is missing, `slow…` is throttled, `endless…` never ends, and every other bucket has one
/// object more at each measurement.
#[derive(Default)]
pub(crate) struct NamedFate {
    pub(crate) calls: Arc<AtomicUsize>,
    pub(crate) at_once: Arc<Peak>,
}

/// Maximum of concurrent calls.
#[derive(Default)]
pub(crate) struct Peak {
    now: AtomicUsize,
    most: AtomicUsize,
}

impl Peak {
    pub(crate) fn most(&self) -> usize {
        self.most.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl Source for NamedFate {
    type Target = BucketTarget;
    type Measurement = BucketSize;
    const JOBS: JobKind = JobKind::Bucket;

    async fn measure(
        &self,
        target: &BucketTarget,
        progress: &Progress,
    ) -> Result<BucketSize, MeasureError> {
        let call = self.calls.fetch_add(1, Ordering::SeqCst) + 1;
        let now = self.at_once.now.fetch_add(1, Ordering::SeqCst) + 1;
        self.at_once.most.fetch_max(now, Ordering::SeqCst);
        tokio::task::yield_now().await;
        self.at_once.now.fetch_sub(1, Ordering::SeqCst);
        match target.bucket.as_str() {
            name if name.starts_with("gone") => Err(MeasureError::permanent(
                "bucket_missing",
                "the bucket does not exist",
            )),
            name if name.starts_with("slow") => {
                Err(MeasureError::transient("throttled", "fewer requests"))
            }
            name if name.starts_with("endless") => std::future::pending().await,
            _ => {
                let mut size = BucketSize::empty(Method::Listing);
                for _ in 0..call {
                    size.add("STANDARD", 10);
                    progress.add(1, 10);
                }
                Ok(size)
            }
        }
    }
}

/// A fleet file that is deleted with the value.
pub(crate) struct FleetFile(PathBuf);

impl FleetFile {
    pub(crate) fn with(text: &str) -> Self {
        static FILES: AtomicUsize = AtomicUsize::new(0);
        let number = FILES.fetch_add(1, Ordering::SeqCst);
        let name = format!("mrt-collector-{}-{number}.toml", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::write(&path, text).unwrap();
        Self(path)
    }

    pub(crate) fn with_buckets(names: &[&str]) -> Self {
        let storage = names
            .iter()
            .map(|name| format!("  [[environment.storage]]\n  bucket = \"{name}\"\n"));
        let storage: String = storage.collect();
        Self::with(&format!("[[environment]]\nname = \"acme-prod\"\n{storage}"))
    }

    pub(crate) fn source(&self, clock: &Arc<FixedClock>) -> Arc<FleetSource> {
        let location = Location::File(self.0.clone());
        let aws = Arc::new(Aws::for_tests(NOWHERE));
        Arc::new(FleetSource::new(aws, location, clock.clone()))
    }
}

impl Drop for FleetFile {
    fn drop(&mut self) {
        // A leftover is only a small file in the folder for temporary files.
        let _ = std::fs::remove_file(&self.0);
    }
}

/// A store in memory with its writers, its reader and its clock.
pub(crate) struct World {
    pub(crate) clock: Arc<FixedClock>,
    pub(crate) store: Arc<MemoryStore>,
    pub(crate) writers: Writers,
    pub(crate) reader: SnapshotReader,
}

impl World {
    pub(crate) fn at(now: &str) -> Self {
        let clock = Arc::new(FixedClock::at(now));
        let store = Arc::new(MemoryStore::new(clock.clone()));
        Self {
            writers: writers(store.clone()),
            reader: SnapshotReader::new(store.clone()),
            clock,
            store,
        }
    }

    pub(crate) fn ports(&self, fleet: &FleetFile) -> CollectorPorts {
        CollectorPorts {
            fleet: fleet.source(&self.clock),
            writers: self.writers.clone(),
            clock: self.clock.clone(),
            every: HOUR,
            metrics: Metrics::Off,
            queue: None,
        }
    }
}

pub(crate) fn writers(store: Arc<dyn ItemStore>) -> Writers {
    Writers::new(store, HOUR * 24 * 35, HistoryRetention::default())
}

/// Keeps jobs, and rejects those of one kind if configured.
#[derive(Default)]
pub(crate) struct MemoryQueue {
    pub(crate) messages: Mutex<Vec<(JobKind, Job)>>,
    pub(crate) rejected: Option<JobKind>,
}

impl MemoryQueue {
    pub(crate) fn bodies(&self, kind: JobKind) -> Vec<String> {
        let messages = self.messages.lock().unwrap();
        messages
            .iter()
            .filter(|(of, _)| *of == kind)
            .map(|(_, message)| message.to_json().unwrap())
            .collect()
    }

    /// Removes and returns the jobs for buckets.
    pub(crate) fn take_buckets(&self) -> Vec<Job> {
        let messages = std::mem::take(&mut *self.messages.lock().unwrap());
        messages
            .into_iter()
            .filter(|(kind, _)| *kind == JobKind::Bucket)
            .map(|(_, message)| message)
            .collect()
    }
}

#[async_trait]
impl JobQueue for MemoryQueue {
    async fn send(&self, kind: JobKind, messages: Vec<Job>) -> Result<(), QueueError> {
        if self.rejected == Some(kind) {
            return Err(QueueError {
                kind,
                refused: messages.len(),
                of: messages.len(),
                source: "the queue is closed".into(),
            });
        }
        let mut kept = self.messages.lock().unwrap();
        kept.extend(messages.into_iter().map(|message| (kind, message)));
        Ok(())
    }
}
