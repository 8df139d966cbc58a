//! CloudWatch's daily metrics: read for the buckets of a fleet that are due, and stored where they are new.

mod history;

use futures::{StreamExt, stream};
use shared::fleet::{BucketTarget, TargetId};
use shared::snapshot::{Failure, Latest, Run, Snapshot, StorageMetrics};
use shared::store::{SnapshotWriter, StoreError};
use shared::telemetry::error_chain;
use tokio::time::{Instant, timeout_at};

use super::known::Storage;
use super::limits::{CLOUDWATCH_TIMEOUT, CONCURRENT_WRITES, WRITE_TIMEOUT};
use super::ports::PlanPorts;
use crate::error::MeasureError;
use crate::storage_size::s3::daily_metrics;
use crate::tick::Tick;
use history::StoredNews;

/// What came of one tick.
#[derive(Default)]
pub(super) struct MetricsReport {
    /// Buckets that CloudWatch was asked for.
    pub(super) requested_count: usize,
    /// Records that were changed.
    pub(super) stored_count: usize,
    /// Error of the first record that could not be stored.
    pub(super) store_error: Option<StoreError>,
}

/// A bucket whose metrics are read at this tick.
struct DueBucket<'a> {
    id: &'a TargetId,
    target: &'a BucketTarget,
    known: Option<&'a Latest<StorageMetrics>>,
}

/// Something that readers do not know yet.
#[derive(Debug, PartialEq, Eq)]
enum News {
    Metrics(Snapshot<StorageMetrics>),
    Failure(Failure),
}

/// Reads the metrics of those buckets of `storage` that may have new ones, and stores what is new.
///
/// Ends within [`CLOUDWATCH_TIMEOUT`] and [`WRITE_TIMEOUT`]; what was not stored until then is an error. Takes what was
/// stored into the history, which has a time-out of its own and whose failure is none here.
pub(super) async fn update(
    ports: &PlanPorts<'_>,
    tick: Tick,
    storage: &[Storage<'_>],
) -> MetricsReport {
    let due: Vec<_> = storage
        .iter()
        .filter(|storage| storage.target.wants_storage_metrics())
        .map(|storage| DueBucket {
            id: &storage.id,
            target: storage.target,
            known: storage.metrics.as_ref(),
        })
        .filter(|bucket| daily_metrics::are_due(bucket.known, tick))
        .collect();
    if due.is_empty() {
        return MetricsReport::default();
    }
    let (started, taken_at) = (Instant::now(), ports.clock.now());
    let targets: Vec<_> = due.iter().map(|bucket| bucket.target).collect();
    let until = started + CLOUDWATCH_TIMEOUT;
    let answers = daily_metrics::read(ports.aws, &targets, tick.at, until).await;
    let run = Run {
        scheduled_at: tick.at,
        taken_at,
        duration: started.elapsed(),
        next_due_at: StorageMetrics::next_read_at(tick.at),
    };
    let news: Vec<_> = due
        .iter()
        .zip(answers)
        .filter_map(|(bucket, answer)| Some((bucket, news(bucket, run, answer)?)))
        .collect();
    let (mut report, stored) = store(&ports.writers.snapshots, news).await;
    report.requested_count = due.len();
    history::write(ports, stored).await;
    report
}

/// Returns what is new in the answer of `run`.
///
/// Values of an older day than the known ones are not: CloudWatch may wait for a storage type whose values arrive late.
fn news(
    bucket: &DueBucket<'_>,
    run: Run,
    answer: Result<StorageMetrics, MeasureError>,
) -> Option<News> {
    let known = bucket.known.and_then(StorageMetrics::current);
    let known_failure = bucket.known.and_then(|known| known.last_failure.as_ref());
    let found = match answer {
        Ok(found) => found,
        Err(error) => {
            let is_new = known_failure.is_none_or(|failure| failure.code != error.code);
            return is_new.then(|| {
                News::Failure(Failure {
                    scheduled_at: run.scheduled_at,
                    failed_at: run.taken_at + run.duration,
                    failing_since: run.taken_at + run.duration,
                    code: error.code.to_owned(),
                    reason: error.reason,
                })
            });
        }
    };
    let newest = known.map(|known| &known.summary).filter(|known| {
        let is_same = **known
            == StorageMetrics {
                asked_at: known.asked_at,
                ..found.clone()
            };
        is_same || known.as_of > found.as_of
    });
    let is_new = newest.is_none() || known_failure.is_some();
    is_new.then(|| {
        News::Metrics(Snapshot {
            target: bucket.id.clone(),
            run,
            measurement: newest.cloned().unwrap_or(found),
        })
    })
}

/// Stores news of buckets; returns what came of it, and the news that are stored now.
async fn store<'a>(
    writer: &SnapshotWriter,
    news: Vec<(&DueBucket<'a>, News)>,
) -> (MetricsReport, Vec<StoredNews<'a>>) {
    let mut report = MetricsReport::default();
    let mut stored = Vec::with_capacity(news.len());
    let until = Instant::now() + WRITE_TIMEOUT;
    let writes: Vec<_> = news
        .into_iter()
        .map(|(bucket, news)| async move {
            let id = bucket.id;
            let writing = async {
                match &news {
                    News::Metrics(snapshot) => writer.keep(snapshot).await.map(drop),
                    News::Failure(failure) => {
                        let failure = failure.clone();
                        writer.record_failure::<StorageMetrics>(id, failure).await
                    }
                }
            };
            let written = timeout_at(until, writing)
                .await
                .unwrap_or_else(|late| Err(StoreError::Unavailable(late.into())));
            let trend = bucket.known.and_then(|known| known.trend.as_ref());
            let news = StoredNews {
                id,
                news,
                known_through: trend.map(|trend| trend.folded_through),
            };
            (news, written)
        })
        .collect();
    let mut written = stream::iter(writes).buffer_unordered(CONCURRENT_WRITES);
    while let Some((news, written)) = written.next().await {
        match written {
            Ok(()) => {
                report.stored_count += 1;
                stored.push(news);
            }
            Err(error) => {
                tracing::error!(
                    target.id = news.id.as_str(),
                    error = error_chain(&error),
                    "the metrics of a bucket were not stored"
                );
                report.store_error.get_or_insert(error);
            }
        }
    }
    (report, stored)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::time::Duration;

    use chrono::{DateTime, TimeDelta, Utc};
    use shared::snapshot::storage_metrics::NO_METRICS;
    use shared::snapshot::{Completeness, Good};

    use super::*;

    fn day(day: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::days(day)
    }

    fn metrics(as_of: i64, total_bytes: u64, asked_at: i64) -> StorageMetrics {
        StorageMetrics {
            as_of: day(as_of),
            total_bytes,
            overhead_bytes: 0,
            by_storage_type: BTreeMap::new(),
            object_count: None,
            asked_at: day(asked_at),
            metric_count: 27,
        }
    }

    fn run(scheduled: i64) -> Run {
        Run::at(day(scheduled), Duration::from_secs(21_600))
    }

    /// Returns what is known of a bucket after day 5, with this failure since.
    fn known(failure_code: Option<&str>) -> Latest<StorageMetrics> {
        Latest {
            target: TargetId::from_text("acme-prod/s3/files//"),
            version: 1,
            good: Some(Good {
                run: run(5),
                completeness: Completeness::Complete,
                summary: metrics(3, 70, 5),
            }),
            last_failure: failure_code.map(|code| Failure {
                scheduled_at: day(6),
                failed_at: day(6),
                failing_since: day(6),
                code: code.to_owned(),
                reason: String::new(),
            }),
            trend: None,
            pace: None,
        }
    }

    /// Returns the news of an answer at day 7: the day and bytes of new metrics, or the code of a new failure.
    fn news_of(
        known: Option<&Latest<StorageMetrics>>,
        answer: Result<StorageMetrics, MeasureError>,
    ) -> Option<Result<(DateTime<Utc>, u64), String>> {
        let target = BucketTarget::whole("acme-prod", "files");
        let bucket = DueBucket {
            id: &target.id(),
            target: &target,
            known,
        };
        match news(&bucket, run(7), answer)? {
            News::Metrics(snapshot) => {
                assert_eq!(snapshot.run, run(7));
                let StorageMetrics {
                    as_of, total_bytes, ..
                } = snapshot.measurement;
                Some(Ok((as_of, total_bytes)))
            }
            News::Failure(failure) => {
                assert_eq!(failure.scheduled_at, day(7));
                Some(Err(failure.code))
            }
        }
    }

    #[test]
    fn the_same_values_read_again_are_no_news_and_clear_a_failure() {
        let same = || Ok(metrics(3, 70, 7));

        assert_eq!(news_of(Some(&known(None)), same()), None);
        for failure in ["throttled", NO_METRICS] {
            let news = news_of(Some(&known(Some(failure))), same());
            assert_eq!(news, Some(Ok((day(3), 70))), "{failure}");
        }
        assert_eq!(news_of(None, same()), Some(Ok((day(3), 70))));
    }

    #[test]
    fn an_older_day_replaces_nothing_and_other_values_of_the_same_day_do() {
        let older = || Ok(metrics(2, 60, 7));

        assert_eq!(news_of(Some(&known(None)), older()), None);
        let cleared = news_of(Some(&known(Some("throttled"))), older());
        assert_eq!(cleared, Some(Ok((day(3), 70))));
        let corrected = news_of(Some(&known(None)), Ok(metrics(3, 71, 7)));
        assert_eq!(corrected, Some(Ok((day(3), 71))));
        let newer = news_of(Some(&known(None)), Ok(metrics(4, 1, 7)));
        assert_eq!(newer, Some(Ok((day(4), 1))));
    }

    #[test]
    fn the_same_values_keep_the_time_of_their_first_read() {
        let target = BucketTarget::whole("acme-prod", "files");
        let known = known(Some("throttled"));
        let bucket = DueBucket {
            id: &target.id(),
            target: &target,
            known: Some(&known),
        };

        let Some(News::Metrics(snapshot)) = news(&bucket, run(7), Ok(metrics(3, 70, 7))) else {
            panic!("a success after a failure is news");
        };

        assert_eq!(snapshot.measurement, metrics(3, 70, 5));
        assert_eq!(snapshot.run, run(7));
    }

    #[test]
    fn a_failure_is_stored_once() {
        let throttled = || Err(MeasureError::transient("throttled", "fewer requests"));

        let first = news_of(Some(&known(None)), throttled());
        assert_eq!(first, Some(Err("throttled".to_owned())));
        let again = news_of(Some(&known(Some("throttled"))), throttled());
        assert_eq!(again, None);
        let other = news_of(Some(&known(Some("timeout"))), throttled());
        assert_eq!(other, Some(Err("throttled".to_owned())));
    }
}
