//! Bytes in a storage that no file document has, over time: the difference of two histories. No clock.

use shared::fleet::{BucketTarget, Fleet, Kind, TargetId};
use shared::history::HistoryReader;
use shared::history::resample::{Aggregate, Step};

use super::{BucketSeries, accounted};
use crate::history::{
    Available, Columns, NoValuesReason, Range, ReadPage, SeriesName, SeriesView, Wanted, Window,
    all_available, read_window,
};
use crate::http::endpoint::Call;
use crate::http::problem::Problem;
use crate::targets::Page;

/// What is there.
const CURRENT: BucketSeries<'_> = BucketSeries {
    part: "current",
    is_by_class: false,
};
/// What the app knows of.
const DOCUMENTS: BucketSeries<'_> = BucketSeries {
    part: "document",
    is_by_class: false,
};

/// Returns the unaccounted bytes of the targets of a page, by the day unless hours are asked for.
///
/// A cell has a value where both sides were measured in it: of each the last measurement.
///
/// # Errors
///
/// 400 for choices that a difference of two measurements does not have, and those of
/// [`read_page`](crate::history::read_page).
pub(super) async fn read(
    reader: &HistoryReader,
    fleet: &Fleet,
    page: &Page<'_, BucketTarget>,
    call: &Call<'_>,
) -> Result<ReadPage, Problem> {
    let range = range_of(call)?;
    let storages: Vec<_> = page.targets.iter().map(|(id, _)| id.clone()).collect();
    let databases = page.targets.iter();
    let databases: Vec<TargetId> = databases
        .map(|(id, target)| DOCUMENTS.measured(fleet, id, target))
        .collect();
    let (stored, counted) = tokio::try_join!(
        all_available(reader, Kind::Bucket, &storages),
        all_available(reader, Kind::FileDocuments, &databases),
    )?;
    let both = stored.iter().zip(&counted);
    let both: Vec<_> = both.map(|(one, other)| one.with(*other)).collect();
    let window = Window::of(&range, false, Available::of_all(&both))?;
    let wanted = |kind| Wanted {
        kind,
        tables: None,
        with_parts: false,
    };
    let (current, documents) = tokio::try_join!(
        read_window(
            reader,
            &storages,
            window,
            wanted(Kind::Bucket),
            &CURRENT,
            call.now
        ),
        read_window(
            reader,
            &databases,
            window,
            wanted(Kind::FileDocuments),
            &DOCUMENTS,
            call.now
        ),
    )?;
    let columns = current.columns.into_iter().zip(documents.columns);
    let columns = columns
        .zip(&page.targets)
        .map(|((current, documents), (_, target))| {
            let reason = accounted::database(fleet, &target.environment).err();
            difference(current, documents, reason.map(NoValuesReason::from))
        });
    Ok(ReadPage {
        window,
        columns: columns.collect(),
    })
}

/// Returns the range that a call asks for, by the day where it leaves the choice.
fn range_of(call: &Call<'_>) -> Result<Range, Problem> {
    let range = Range::of(call)?;
    let refused = |name: &str, allowed: &str| {
        let detail = format!(
            "the parameter {name:?} is not allowed with \"part=unaccounted\", which compares two measurements; \
             allowed is {allowed}"
        );
        Problem::bad_parameter(name, &detail)
    };
    if range.step == Step::Raw {
        return Err(refused("step", "auto or 1h or 1d"));
    }
    if range.aggregate != Aggregate::Last {
        return Err(refused("aggregate", "last"));
    }
    if call.parameters.text("group") == Some("storage_class") {
        return Err(refused("group", "total"));
    }
    Ok(Range {
        step: match range.step {
            Step::Auto => Step::Day,
            step => step,
        },
        ..range
    })
}

/// Returns what `current` has more than `documents`, in cells that are the same.
fn difference(current: Columns, documents: Columns, known: Option<NoValuesReason>) -> Columns {
    let values = |columns: &Columns| {
        let first = columns.series.first();
        first
            .map(|series| series.values.clone())
            .unwrap_or_default()
    };
    let (stored, counted) = (values(&current), values(&documents));
    let has_any = |values: &[Option<i64>]| values.iter().any(Option::is_some);
    let reason = known.or_else(|| {
        if has_any(&stored) {
            (!has_any(&counted)).then_some(NoValuesReason::NotCounted)
        } else {
            Some(NoValuesReason::NotListed)
        }
    });
    let values = stored.iter().zip(&counted);
    let values = values.map(|(stored, counted)| stored.as_ref()?.checked_sub((*counted)?));
    let mut partial = [current.partial, documents.partial].concat();
    partial.sort_unstable();
    partial.dedup();
    let mut breaks = [current.breaks, documents.breaks].concat();
    breaks.sort_by_key(|each| each.at);
    let mut gaps = current.gaps;
    gaps.extend(documents.gaps);
    gaps.sort_by_key(|gap| (gap.from, gap.to));
    gaps.dedup();
    Columns {
        series: vec![SeriesView {
            name: SeriesName::of("unaccounted_bytes"),
            values: values.collect(),
            breaks: Vec::new(),
            growth: None,
        }],
        partial,
        breaks,
        gaps,
        growth: None,
        reason,
        ..current
    }
}
