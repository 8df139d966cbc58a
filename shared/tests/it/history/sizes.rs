//! How large blocks are for a database like real ones. The numbers are in bytes; a page of a query is 1 MiB.

use chrono::{DateTime, TimeDelta, Utc};
use shared::history::model::Model;
use shared::history::{Frame, FrameBuilder, TableList, TableMeasure, encode};

const PAGE: usize = 1 << 20;

/// Bytes of each day's blocks, of the list of names, and of one run's items.
struct Sizes {
    totals: Vec<usize>,
    parts: Vec<usize>,
    list: usize,
    point: usize,
    point_parts: usize,
}

fn measured(tables: u64, days: u64) -> Sizes {
    let monday: DateTime<Utc> = "2026-01-12T00:00:00Z".parse().unwrap();
    let mut model = Model::new(tables, 12);
    let mut sizes = Sizes {
        totals: vec![],
        parts: vec![],
        list: 0,
        point: 0,
        point_parts: 0,
    };
    let mut list = None;
    for day in 0..days {
        let mut totals = FrameBuilder::new(TableMeasure::TOTALS);
        let mut parts = FrameBuilder::new(TableMeasure::PARTS);
        let mut points = vec![];
        for hour in 0..24 {
            let hours = i64::try_from(day * 24 + hour).unwrap();
            let point = model.hour(monday + TimeDelta::hours(hours));
            totals.push(&point);
            parts.push(&point);
            points.push(point);
        }
        let (totals, parts) = (totals.finish(), parts.finish());
        let list = list.get_or_insert_with(|| TableList::of_day(&totals, &parts));
        let bytes = |frame: &Frame| encode(frame, Some(list)).unwrap().len();
        sizes.totals.push(bytes(&totals));
        sizes.parts.push(bytes(&parts));
        sizes.list = list.encode().unwrap().len();
        let one = |measures| bytes(&Frame::of_point(&points[12], measures));
        sizes.point = one(TableMeasure::TOTALS);
        sizes.point_parts = one(TableMeasure::PARTS);
    }
    sizes
}

/// The goals: five weeks by the hour of 5,000 tables are one page, of 500 tables with all parts a fifth of one.
#[test]
fn five_weeks_by_the_hour_are_one_page() {
    for (tables, days, limit, limit_with_parts) in [
        (500, 35, PAGE / 10, PAGE / 5),
        (5000, 5, 3 * PAGE / 4, 7 * PAGE / 4),
    ] {
        let Sizes {
            totals,
            parts,
            list,
            point,
            point_parts,
        } = measured(tables, days);
        let mean = |bytes: &[usize]| bytes.iter().sum::<usize>() / bytes.len();
        let (totals, parts) = (mean(&totals), mean(&parts));
        println!(
            "{tables} tables: day {totals} + {parts}, list {list}, run {point} + {point_parts}"
        );

        let (weeks, weeks_with_parts) = (35 * totals, 35 * (totals + parts));
        assert!(weeks <= limit, "{weeks}");
        assert!(weeks_with_parts <= limit_with_parts, "{weeks_with_parts}");
        // Until a day is closed, its runs are items of their own.
        let answer = 34 * totals + 24 * point + list;
        assert!(answer <= PAGE, "{answer}");
    }
}
