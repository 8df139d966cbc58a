//! `/users/history` as comma-separated values: one line for each day, or each month.

use super::distinct_view::DistinctMonths;
use super::view::{ConcurrentPeak, EnvironmentMonths, UserDay, UserHistory, UserMonth};
use crate::http::csv::{Cell, Csv};

const HEADER: [&str; 17] = [
    "environment",
    "production",
    "month",
    "day",
    "named_user_count",
    "internal",
    "external",
    "unclassified",
    "month_so_far",
    "license_estimate",
    "anonymous_rows",
    "concurrent_named_users",
    "named_user_sessions",
    "anonymous_sessions",
    "run_count",
    "completeness",
    "reason",
];

/// Returns a line for each day, or, without days, for each month.
pub(super) fn of(history: &UserHistory, with_days: bool) -> Vec<u8> {
    let mut csv = Csv::new(&HEADER);
    for item in &history.items {
        for month in &item.months {
            match &month.days {
                Some(days) if with_days => {
                    for day in days {
                        csv.row(day_cells(item, month, day));
                    }
                }
                _ => csv.row(month_cells(item, month)),
            }
        }
    }
    csv.into_body()
}

const DISTINCT: [&str; 11] = [
    "month",
    "is_running",
    "completeness",
    "group",
    "environment_count",
    "partial_count",
    "named_user_count",
    "internal",
    "external",
    "unclassified",
    "environment_sum",
];

/// Returns a line for each group of each month.
pub(super) fn of_distinct(distinct: &DistinctMonths) -> Vec<u8> {
    let mut csv = Csv::new(&DISTINCT);
    for month in &distinct.months {
        for group in &month.groups {
            csv.row([
                Cell::from(&month.month),
                month.is_running.into(),
                month.completeness.as_str().into(),
                (&group.group).into(),
                group.environment_count.into(),
                group.partial_count.into(),
                group.named_user_count.into(),
                group.internal.into(),
                group.external.into(),
                group.unclassified.into(),
                group.environment_sum.into(),
            ]);
        }
    }
    csv.into_body()
}

fn day_cells<'v>(
    item: &'v EnvironmentMonths,
    month: &'v UserMonth,
    day: &'v UserDay,
) -> Vec<Cell<'v>> {
    let mut cells = vec![
        (&item.environment).into(),
        item.production.into(),
        (&month.month).into(),
        Cell::Text(day.day.to_string().into()),
        day.named_user_count.into(),
        day.internal.into(),
        day.external.into(),
        day.unclassified.into(),
        day.month_so_far.into(),
        day.license_estimate.into(),
        day.anonymous_rows.into(),
    ];
    cells.extend(peak_cells(day.concurrent_peak));
    cells.extend(state_cells(month));
    cells
}

fn month_cells<'v>(item: &'v EnvironmentMonths, month: &'v UserMonth) -> Vec<Cell<'v>> {
    let mut cells = vec![
        (&item.environment).into(),
        item.production.into(),
        (&month.month).into(),
        Cell::Empty,
        month.named_user_count.into(),
        month.internal.into(),
        month.external.into(),
        month.unclassified.into(),
        month.named_user_count.into(),
        Cell::Empty,
        Cell::Empty,
    ];
    cells.extend(peak_cells(month.concurrent_peak));
    cells.extend(state_cells(month));
    cells
}

fn peak_cells(peak: Option<ConcurrentPeak>) -> [Cell<'static>; 4] {
    [
        peak.map(|peak| peak.named_users).into(),
        peak.map(|peak| peak.named_user_sessions).into(),
        peak.map(|peak| peak.anonymous_sessions).into(),
        peak.map(|peak| peak.run_count).into(),
    ]
}

fn state_cells(month: &UserMonth) -> [Cell<'_>; 2] {
    [
        month.completeness.as_str().into(),
        month.reason.as_ref().into(),
    ]
}
