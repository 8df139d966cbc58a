//! `GET /bucket_size/history`: sizes of storage targets over time.

use std::borrow::Cow;
use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::Serialize;
use shared::fleet::{
    BucketTarget, DatabaseTarget, Fleet, FleetSource, Kind, StorageKind, TargetId,
};
use shared::history::{HistoryReader, Measure, OwnSeries, Reading};
use shared::snapshot::{BucketSize, StorageMetrics};
use shared::store::{SnapshotReader, StoreError};

use super::{accounted, selected};
use crate::history::csv::{lines, put_columns};
use crate::history::{
    self, Columns, Grouped, Line, Range, ReadPage, Readings, Selection, SeriesName, Source, Unit,
    Wanted, Window,
};
use crate::http::answer::{Answer, Freshness};
use crate::http::csv::{Cell, Csv};
use crate::http::cursor;
use crate::http::endpoint::{Call, Endpoint, Handler, Route};
use crate::http::media_type::MediaType;
use crate::http::parameter::Parameter;
use crate::http::problem::{Code, Problem};
use crate::targets;

/// Facts of this endpoint.
pub const ROUTE: Route = Route {
    path: "/bucket_size/history",
    function: "api-bucket-size",
    scope: Some("mrt/bucket_size.read"),
    summary: "Size of each environment's file storage over time",
    description: "Series of each storage target in columns, one value for each cell of time; null where nothing was \
                  measured. A measurement belongs to the cell of its scheduled time. `from` and `to` are those of the \
                  cells: moved outwards to hours or days of UTC, and `from` not before `available_from`. Ordered as \
                  `/bucket_size`.",
    media_types: &[MediaType::Json, MediaType::Csv],
    parameters: &[
        Parameter::text("environment", "Only this environment."),
        Parameter::choice("kind", "Only storage of this kind.", &StorageKind::NAMES),
        Parameter::text(
            "bucket",
            "Only targets in this bucket, or other storage with this id.",
        ),
        Parameter::text("prefix", "Only targets with exactly this prefix."),
        Parameter::text("suffix", "Only targets with exactly this suffix."),
        Parameter::choice(
            "part",
            "Which bytes: the `total` of `/bucket_size` (default), one of its parts, the whole bucket by \
             `cloudwatch`, or the file `document`s in the app's database, for an environment with exactly one storage.",
            &PARTS,
        ),
        Parameter::choice(
            "group",
            "`total` (default): one series. `storage_class`: one for each class, and `other` for what has none.",
            &["total", "storage_class"],
        ),
        history::FROM,
        history::TO,
        history::STEP,
        history::AGGREGATE,
        Parameter::number(
            "limit",
            "Maximum number of targets on one page; a page also ends at 200,000 values.",
            100,
            20,
        ),
        Parameter::text("cursor", "The `next` of the previous page."),
    ],
    problems: &[Code::NotFound, Code::TooLarge],
    schema: |generator| generator.subschema_for::<BucketHistories>(),
};

const PARTS: [&str; 6] = [
    "total",
    "current",
    "noncurrent",
    "multipart",
    "cloudwatch",
    "document",
];

/// Columns of the answer in CSV.
const CSV_HEADER: [&str; 10] = [
    "environment",
    "kind",
    "bucket",
    "prefix",
    "suffix",
    "name",
    "storage_class",
    "unit",
    "time",
    "value",
];

/// Sizes of storage targets over time, one page.
#[derive(Debug, Serialize, JsonSchema)]
pub struct BucketHistories {
    /// Start of the first cell, inclusive, RFC 3339 UTC.
    pub from: DateTime<Utc>,
    /// End of the last cell, exclusive, RFC 3339 UTC.
    pub to: DateTime<Utc>,
    /// Length of a cell in seconds; null with `step=raw`.
    pub step_seconds: Option<i64>,
    /// When the history of the first of these targets begins, for this step and aggregate; null without any.
    pub available_from: Option<DateTime<Utc>>,
    /// Targets by environment, kind, bucket, prefix and suffix.
    pub items: Vec<BucketHistory>,
    /// Cursor of the next page; null on the last one.
    pub next: Option<String>,
}

/// Size of one storage target over time.
#[derive(Debug, Serialize, JsonSchema)]
pub struct BucketHistory {
    /// Environment that the storage belongs to.
    pub environment: String,
    /// Kind of storage: `s3`, `efs`, `ebs`, `rds`, `aurora` or `dynamodb`.
    pub kind: String,
    /// Bucket name; for other storage its id.
    pub bucket: String,
    /// Prefix of all counted keys; empty for all keys.
    pub prefix: String,
    /// Suffix of all counted keys; empty for all keys.
    pub suffix: String,
    /// The series.
    #[serde(flatten)]
    pub columns: Columns,
}

struct GetBucketHistory {
    fleet: Arc<FleetSource>,
    snapshots: SnapshotReader,
    history: HistoryReader,
}

/// Returns the endpoint over its ports.
pub fn endpoint(
    fleet: Arc<FleetSource>,
    snapshots: SnapshotReader,
    history: HistoryReader,
) -> Endpoint {
    let handler = GetBucketHistory {
        fleet,
        snapshots,
        history,
    };
    Endpoint::new(&ROUTE, handler)
}

#[async_trait]
impl Handler for GetBucketHistory {
    async fn answer(&self, call: Call<'_>) -> Result<Answer, Problem> {
        let range = Range::of(&call)?;
        let fleet = self.fleet.current().await?;
        let page = targets::page(&call, selected(&fleet, &call)?)?;
        let series = BucketSeries::of(&call);
        let ids = page.targets.iter();
        let ids: Vec<_> = ids
            .map(|(id, target)| series.measured(&fleet, id, target))
            .collect();
        let wanted = Wanted {
            kind: series.kind(),
            tables: None,
            with_parts: false,
        };
        let reading = history::read_page(&self.history, &ids, &range, wanted, &series, call.now);
        let (found, freshness) =
            tokio::join!(reading, self.freshness(series.kind(), &page.targets));
        let ReadPage { window, columns } = found?;

        let step_seconds = window.grid.step_seconds;
        let targets = page.targets.iter().zip(columns);
        let mut items: Vec<_> = targets
            .map(|((_, target), columns)| BucketHistory::of(target, columns))
            .collect();
        let csv = (call.media_type == MediaType::Csv)
            .then(|| {
                lines(&CSV_HEADER, &items, |csv, item| {
                    item.put_csv(csv, step_seconds)
                })
            })
            .transpose()?;
        items.truncate(csv.as_ref().map_or(usize::MAX, |lines| lines.count));
        let is_cut = items.len() < page.targets.len();
        let last = items.len().checked_sub(1);
        let last = last.and_then(|last| page.targets.get(last));
        let last = last.filter(|_| page.has_more || is_cut);
        let view = BucketHistories {
            from: window.grid.from,
            to: window.grid.to,
            step_seconds,
            available_from: window.available_from,
            items,
            next: last.map(|(id, _)| cursor::encode(id.as_str())),
        };
        let csv = csv.map(|lines| lines.body);
        history::answer(&call, &view, csv, view.next.as_deref(), freshness?)
    }
}

impl GetBucketHistory {
    /// Returns how long the answer may be cached: until the next measurement.
    async fn freshness(
        &self,
        kind: Kind,
        targets: &[(TargetId, &BucketTarget)],
    ) -> Result<Freshness, StoreError> {
        match kind {
            Kind::StorageMetrics => {
                targets::freshness_of::<StorageMetrics, _>(&self.snapshots, targets).await
            }
            Kind::Bucket | Kind::Database | Kind::FileDocuments => {
                targets::freshness_of::<BucketSize, _>(&self.snapshots, targets).await
            }
        }
    }
}

impl BucketHistory {
    fn put_csv(&self, csv: &mut Csv, step_seconds: Option<i64>) {
        let identity: [Cell<'_>; 5] = [
            (&self.environment).into(),
            (&self.kind).into(),
            (&self.bucket).into(),
            (&self.prefix).into(),
            (&self.suffix).into(),
        ];
        put_columns(csv, &identity, &self.columns, step_seconds, |name| {
            vec![name.storage_class.as_ref().into()]
        });
    }

    fn of(target: &BucketTarget, columns: Columns) -> Self {
        Self {
            environment: target.environment.clone(),
            kind: target.kind.as_str().to_owned(),
            bucket: target.bucket.clone(),
            prefix: target.prefix.clone(),
            suffix: target.suffix.clone(),
            columns,
        }
    }
}

/// The series that a request asks for.
struct BucketSeries<'a> {
    part: &'a str,
    is_by_class: bool,
}

impl<'a> BucketSeries<'a> {
    fn of(call: &'a Call<'_>) -> Self {
        Self {
            part: call.parameters.text("part").unwrap_or("total"),
            is_by_class: call.parameters.text("group") == Some("storage_class"),
        }
    }

    fn kind(&self) -> Kind {
        match self.part {
            "cloudwatch" => Kind::StorageMetrics,
            "document" => Kind::FileDocuments,
            _ => Kind::Bucket,
        }
    }

    /// Returns what is measured for a storage: itself, or the database with its documents. A storage without one has no
    /// history of documents under its own id either.
    fn measured(&self, fleet: &Fleet, id: &TargetId, target: &BucketTarget) -> TargetId {
        let database = match self.kind() {
            Kind::FileDocuments => accounted::database(fleet, &target.environment).ok(),
            _ => None,
        };
        database.map_or_else(|| id.clone(), DatabaseTarget::id)
    }

    fn measure(&self) -> Measure {
        match self.part {
            "current" => Measure::CurrentBytes,
            "noncurrent" => Measure::NoncurrentBytes,
            "multipart" => Measure::MultipartBytes,
            _ => Measure::TotalBytes,
        }
    }

    /// Returns what has the classes of the bytes: of a total those that it adds up.
    fn measure_of_classes(&self, source: &Source) -> Measure {
        let has_classes = |measure: &Measure| {
            let mut series = source.shown.own.keys();
            series.any(|series| series.measure == *measure && series.class.is_some())
        };
        let measures = match self.part {
            "total" => vec![Measure::CurrentBytes, Measure::UsedBytes],
            _ => Vec::new(),
        };
        let found = measures.into_iter().find(has_classes);
        found.unwrap_or_else(|| self.measure())
    }
}

impl Selection for BucketSeries<'_> {
    fn has_day_extremes(&self) -> bool {
        self.measure() == Measure::TotalBytes && !self.is_by_class
    }

    fn group<'h>(&self, window: &Window, source: &'h Source) -> Grouped<'h> {
        let total = window.own(source, &OwnSeries::all(self.measure()));
        let lines = if self.is_by_class {
            by_class(window, source, &total, self.measure_of_classes(source))
        } else {
            let name = SeriesName::of(&format!("{}_bytes", self.part));
            vec![Line::endless(name, total.clone())]
        };
        Grouped {
            unit: Unit::Bytes,
            lines,
            total,
            never_sized: Vec::new(),
        }
    }
}

/// Returns a series for each class, largest first at the last measurement, and one for what the total has besides.
fn by_class<'h>(
    window: &Window,
    source: &'h Source,
    total: &Readings<'h>,
    measure: Measure,
) -> Vec<Line<'h>> {
    let series = source.shown.own.keys();
    let classes = series.filter(|series| series.measure == measure && series.class.is_some());
    let mut lines: Vec<_> = classes
        .map(|series| {
            let class = series.class.clone().unwrap_or_default();
            let name = SeriesName {
                storage_class: series.class.clone(),
                ..SeriesName::of(&class)
            };
            Line::endless(name, window.own(source, series))
        })
        .collect();
    let rest = |total: &[Reading], of: for<'l> fn(&'l Line<'h>) -> &'l [Reading]| {
        let at = |(position, total): (usize, &Reading)| {
            let classes = lines
                .iter()
                .filter_map(|line| of(line).get(position)?.value());
            let known: u128 = classes.map(u128::from).sum();
            let rest = total
                .value()
                .map(|total| u128::from(total).checked_sub(known));
            match rest {
                None => *total,
                Some(rest) => Reading::or_unsized(rest.and_then(|rest| rest.try_into().ok())),
            }
        };
        total.iter().enumerate().map(at).collect::<Vec<_>>()
    };
    let other = Readings {
        shown: Cow::Owned(rest(&total.shown, |line| &line.readings.shown)),
        days: Cow::Owned(rest(&total.days, |line| &line.readings.days)),
    };
    let last_size = |line: &Line<'_>| line.readings.shown.last().and_then(|last| last.value());
    lines.sort_by(|one, two| {
        let by_size = last_size(two).cmp(&last_size(one));
        by_size.then_with(|| one.name.name.cmp(&two.name.name))
    });
    let has_size = |reading: &Reading| reading.value() > Some(0);
    if lines.is_empty() || other.shown.iter().any(has_size) {
        lines.push(Line::endless(SeriesName::of("other"), other));
    }
    lines
}
