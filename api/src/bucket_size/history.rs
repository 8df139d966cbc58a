//! `GET /bucket_size/history`: sizes of storage targets over time.

mod unaccounted;

use std::borrow::Cow;

use async_trait::async_trait;
use shared::fleet::{BucketTarget, DatabaseTarget, Fleet, Kind, StorageKind, TargetId};
use shared::history::{Measure, OwnSeries, Reading};
use shared::snapshot::{BucketSize, StorageMetrics};
use shared::store::StoreError;

use super::accounted::{self, NoDocuments};
use super::identity::BucketIdentity;
use super::selected;
use crate::history::{
    self, Grouped, Histories, HistoryPorts, Line, NoValuesReason, Range, Readings, Selection,
    SeriesName, Source, Unit, Wanted, Window,
};
use crate::http::answer::{Answer, Freshness};
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
             `cloudwatch`; for an environment with exactly one storage and a database also the file `document`s in the \
             app's database, and `unaccounted`: `current` minus `document` where a cell has both, which is negative if \
             the documents are more. Documents are counted once a day: for `unaccounted`, `step` is `1d` (`auto`) or \
             `1h`, `aggregate` is `last` and `group` is `total`.",
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
        Parameter::cursor(),
    ],
    problems: &[Code::NotFound, Code::TooLarge],
    schema: |generator| generator.subschema_for::<Histories<BucketIdentity>>(),
};

const PARTS: [&str; 7] = [
    "total",
    "current",
    "noncurrent",
    "multipart",
    "cloudwatch",
    "document",
    UNACCOUNTED,
];

/// The part that is computed from two others.
const UNACCOUNTED: &str = "unaccounted";

struct GetBucketHistory(HistoryPorts);

/// Returns the endpoint over its ports.
pub fn endpoint(ports: HistoryPorts) -> Endpoint {
    Endpoint::new(&ROUTE, GetBucketHistory(ports))
}

#[async_trait]
impl Handler for GetBucketHistory {
    async fn answer(&self, call: Call<'_>) -> Result<Answer, Problem> {
        let range = Range::of(&call)?;
        let fleet = self.0.fleet.current().await?;
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
        let reading = async {
            if series.part == UNACCOUNTED {
                return unaccounted::read(&self.0.history, &fleet, &page, &call).await;
            }
            let reader = &self.0.history;
            history::read_page(reader, &ids, &range, wanted, &series, call.now).await
        };
        let (found, freshness) =
            tokio::join!(reading, self.freshness(series.kind(), &page.targets));
        let mut found = found?;
        if series.kind() == Kind::FileDocuments {
            for (columns, (_, target)) in found.columns.iter_mut().zip(&page.targets) {
                let database = accounted::database(&fleet, &target.environment);
                columns.reason = database.err().map(NoValuesReason::from);
            }
        }
        history::histories::<BucketIdentity>(&call, &page, found, None, freshness?)
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
                targets::freshness_of::<StorageMetrics, _>(&self.0.snapshots, targets).await
            }
            Kind::Bucket | Kind::Database | Kind::FileDocuments | Kind::Users => {
                targets::freshness_of::<BucketSize, _>(&self.0.snapshots, targets).await
            }
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

impl From<NoDocuments> for NoValuesReason {
    fn from(reason: NoDocuments) -> Self {
        match reason {
            NoDocuments::NoDatabase => Self::NoDatabase,
            NoDocuments::SeveralStorages => Self::SeveralStorages,
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
