//! Reads metrics from CloudWatch: many queries in few calls, the points of each with their times.
//!
//! Independent of what a metric means. A query without points has an empty result: absence is never a zero.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::primitives::DateTime as SdkTime;
use aws_sdk_cloudwatch::types::{
    Dimension, Metric, MetricDataQuery, MetricDataResult, MetricStat, ScanBy, StatusCode,
};
use chrono::{DateTime, Utc};

use crate::aws::service_error::Service;
use crate::error::MeasureError;

const CLOUDWATCH: Service = Service {
    name: "CloudWatch",
    needs: "cloudwatch:GetMetricData",
    thing: "metrics",
};
/// Most queries in one call: a limit of `GetMetricData`.
pub const QUERIES_PER_CALL: usize = 500;
/// Most pages of one call. A year of days for 500 queries takes two pages; this many pages never end.
const MAX_PAGES: usize = 100;
/// Largest whole number that a metric's value represents exactly.
const EXACT_LIMIT: f64 = 9_007_199_254_740_992.0;

/// Which points of which metric to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetricQuery {
    /// Such as `AWS/S3`.
    pub namespace: &'static str,
    /// Such as `BucketSizeBytes`.
    pub metric: &'static str,
    /// Name and value of every dimension of the metric; a query with fewer finds another metric or none.
    pub dimensions: Vec<(&'static str, String)>,
    /// How the values of one period become one: `Average`, `Maximum`, `Sum` and so on.
    pub statistic: &'static str,
    /// Period of one point, in whole minutes.
    pub period: Duration,
    /// Age of the oldest point that is wanted.
    pub look_back: Duration,
}

/// Value of a metric in one period.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// Start of the period.
    pub at: DateTime<Utc>,
    /// The value in the metric's own unit.
    pub value: f64,
}

impl Point {
    /// Returns the value as a whole number; `None` when it is negative or too large to be exact.
    ///
    /// Rounds to the nearest: an average over one report is whole except for the last bits.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the range is checked"
    )]
    pub fn whole(&self) -> Option<u64> {
        let rounded = self.value.round();
        (0.0..=EXACT_LIMIT)
            .contains(&rounded)
            .then_some(rounded as u64)
    }
}

/// Reads the newest point of each of `queries` as of `now`, in their order; `None` where there is no point.
///
/// Costs what [`points`] costs.
///
/// # Errors
///
/// See [`points`].
pub async fn newest(
    client: &Client,
    queries: &[MetricQuery],
    now: DateTime<Utc>,
) -> Result<Vec<Option<Point>>, MeasureError> {
    let found = points(client, queries, now).await?;
    Ok(found
        .into_iter()
        .map(|points| points.first().copied())
        .collect())
}

/// Reads all points of each of `queries` as of `now`, in their order, the newest point first.
///
/// A query without points has an empty list. Costs one call for each [`QUERIES_PER_CALL`] queries of the same
/// look-back, and AWS bills each query as one metric requested.
///
/// # Errors
///
/// `access_denied`, `credentials_missing`, `credentials_refused`, `throttled`, `unreachable`, `connection_cut`,
/// `timeout`, `unavailable`, or `unexpected_answer` for an incomplete response: no query is ever left out of a result.
pub async fn points(
    client: &Client,
    queries: &[MetricQuery],
    now: DateTime<Utc>,
) -> Result<Vec<Vec<Point>>, MeasureError> {
    let mut by_look_back: BTreeMap<Duration, Vec<usize>> = BTreeMap::new();
    for (index, query) in queries.iter().enumerate() {
        by_look_back.entry(query.look_back).or_default().push(index);
    }
    let mut found = vec![Vec::new(); queries.len()];
    for (look_back, indices) in by_look_back {
        for batch in indices.chunks(QUERIES_PER_CALL) {
            let requested: Vec<_> = batch
                .iter()
                .filter_map(|index| queries.get(*index))
                .collect();
            let results = call(client, &requested, now, look_back).await?;
            for (index, points) in batch.iter().zip(results) {
                if let Some(slot) = found.get_mut(*index) {
                    *slot = points;
                }
            }
        }
    }
    Ok(found)
}

/// Reads at most [`QUERIES_PER_CALL`] queries, all pages.
async fn call(
    client: &Client,
    queries: &[&MetricQuery],
    now: DateTime<Utc>,
    look_back: Duration,
) -> Result<Vec<Vec<Point>>, MeasureError> {
    let start = now - chrono::Duration::from_std(look_back).unwrap_or(chrono::Duration::MAX);
    let mut results = QueryResults::new(queries.len());
    let mut token: Option<String> = None;
    for _ in 0..MAX_PAGES {
        let data_queries = queries.iter().enumerate();
        let page = client
            .get_metric_data()
            .start_time(SdkTime::from_secs(start.timestamp()))
            .end_time(SdkTime::from_secs(now.timestamp()))
            .scan_by(ScanBy::TimestampDescending)
            .set_metric_data_queries(Some(
                data_queries
                    .map(|(number, query)| data_query(number, query))
                    .collect(),
            ))
            .set_next_token(token.clone())
            .send()
            .await
            .map_err(|error| CLOUDWATCH.error_from_sdk(error))?;
        for result in page.metric_data_results() {
            results.add(result)?;
        }
        match page.next_token.filter(|next| !next.is_empty()) {
            None => return results.finish(),
            next if next == token => {
                return Err(unexpected("a page that names itself as the next"));
            }
            next => token = next,
        }
    }
    Err(unexpected("pages without an end"))
}

/// Result of each query of a call so far.
struct QueryResults(Vec<QueryResult>);

#[derive(Default)]
struct QueryResult {
    points: Vec<Point>,
    is_named: bool,
    is_partial: bool,
}

impl QueryResults {
    fn new(count: usize) -> Self {
        Self(
            std::iter::repeat_with(QueryResult::default)
                .take(count)
                .collect(),
        )
    }

    fn add(&mut self, received: &MetricDataResult) -> Result<(), MeasureError> {
        let number = received
            .id()
            .and_then(|id| id.strip_prefix('q')?.parse().ok());
        let result = number
            .and_then(|number: usize| self.0.get_mut(number))
            .ok_or_else(|| unexpected("a result that was not requested"))?;
        result.is_named = true;
        match received.status_code() {
            Some(StatusCode::Complete) | None => result.is_partial = false,
            Some(StatusCode::PartialData) => result.is_partial = true,
            Some(StatusCode::Forbidden) => return Err(CLOUDWATCH.denied()),
            Some(_) => return Err(CLOUDWATCH.unavailable()),
        }
        if received.timestamps().len() != received.values().len() {
            return Err(unexpected("different numbers of values and times"));
        }
        for (time, value) in received.timestamps().iter().zip(received.values()) {
            let at = DateTime::from_timestamp(time.secs(), 0)
                .ok_or_else(|| unexpected("an impossible time"))?;
            if !value.is_finite() {
                return Err(unexpected("a value that is not a number"));
            }
            result.points.push(Point { at, value: *value });
        }
        Ok(())
    }

    fn finish(self) -> Result<Vec<Vec<Point>>, MeasureError> {
        let mut found = Vec::with_capacity(self.0.len());
        for mut result in self.0 {
            if !result.is_named {
                return Err(unexpected("no result for one of the queries"));
            }
            if result.is_partial {
                return Err(unexpected("a partial result and no page with the rest"));
            }
            // Not every provider follows the requested order.
            result
                .points
                .sort_by_key(|point| std::cmp::Reverse(point.at));
            found.push(result.points);
        }
        Ok(found)
    }
}

fn data_query(number: usize, query: &MetricQuery) -> MetricDataQuery {
    let dimensions = query
        .dimensions
        .iter()
        .map(|(name, value)| Dimension::builder().name(*name).value(value).build());
    let metric = Metric::builder()
        .namespace(query.namespace)
        .metric_name(query.metric)
        .set_dimensions(Some(dimensions.collect()));
    let period = i32::try_from(query.period.as_secs()).unwrap_or(i32::MAX);
    let stat = MetricStat::builder()
        .metric(metric.build())
        .period(period)
        .stat(query.statistic);
    MetricDataQuery::builder()
        .id(format!("q{number}"))
        .metric_stat(stat.build())
        .return_data(true)
        .build()
}

fn unexpected(what: &str) -> MeasureError {
    CLOUDWATCH.unexpected(what)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn result(id: &str, status: StatusCode, points: &[(i64, f64)]) -> MetricDataResult {
        MetricDataResult::builder()
            .id(id)
            .status_code(status)
            .set_timestamps(Some(
                points
                    .iter()
                    .map(|(at, _)| SdkTime::from_secs(*at))
                    .collect(),
            ))
            .set_values(Some(points.iter().map(|(_, value)| *value).collect()))
            .build()
    }

    #[test]
    fn parts_of_one_result_on_several_pages_are_joined_newest_first() {
        let mut results = QueryResults::new(2);
        for part in [
            result("q1", StatusCode::PartialData, &[(60, 1.0)]),
            result("q0", StatusCode::Complete, &[]),
            result("q1", StatusCode::Complete, &[(120, 2.0)]),
        ] {
            results.add(&part).unwrap();
        }

        let found = results.finish().unwrap();

        assert!(found[0].is_empty());
        let values: Vec<_> = found[1].iter().map(|point| point.whole()).collect();
        assert_eq!(values, [Some(2), Some(1)]);
    }

    #[test]
    fn an_incomplete_response_is_an_error_and_not_an_absence() {
        let mut partial = QueryResults::new(1);
        partial
            .add(&result("q0", StatusCode::PartialData, &[(60, 1.0)]))
            .unwrap();
        let mut malformed = QueryResults::new(1);

        assert_eq!(partial.finish().unwrap_err().code, "unexpected_answer");
        assert_eq!(
            QueryResults::new(1).finish().unwrap_err().code,
            "unexpected_answer"
        );
        for id in ["q1", "x", ""] {
            let error = malformed
                .add(&result(id, StatusCode::Complete, &[]))
                .unwrap_err();
            assert_eq!(error.code, "unexpected_answer", "{id}");
        }
        let uneven = MetricDataResult::builder().id("q0").values(1.0).build();
        assert_eq!(
            malformed.add(&uneven).unwrap_err().code,
            "unexpected_answer"
        );
        for value in [f64::NAN, f64::INFINITY] {
            let error = malformed.add(&result("q0", StatusCode::Complete, &[(60, value)]));
            assert_eq!(error.unwrap_err().code, "unexpected_answer");
        }
    }

    #[test]
    fn a_forbidden_or_failed_result_is_an_error() {
        let mut results = QueryResults::new(1);

        let forbidden = results.add(&result("q0", StatusCode::Forbidden, &[]));
        let failed = results.add(&result("q0", StatusCode::InternalError, &[]));

        assert_eq!(forbidden.unwrap_err().code, "access_denied");
        let failed = failed.unwrap_err();
        assert_eq!((failed.code, failed.is_transient), ("unavailable", true));
    }

    #[test]
    fn only_whole_numbers_from_zero_are_sizes() {
        let whole = |value| {
            Point {
                at: DateTime::UNIX_EPOCH,
                value,
            }
            .whole()
        };

        assert_eq!(whole(1_839_094_234.000_000_1), Some(1_839_094_234));
        assert_eq!(whole(0.0), Some(0));
        assert_eq!(whole(-1.0), None);
        assert_eq!(whole(1e300), None);
        assert_eq!(whole(f64::NAN), None);
    }
}
