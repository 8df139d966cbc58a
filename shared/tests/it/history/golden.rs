//! Blocks and lists of every form that was ever written are read, and the newest is what is written.
//!
//! A golden file is the bytes of one item in hexadecimal. Files of past forms are never changed.
//! `MRT_TEST_WRITE_GOLDEN=history-v1` writes the files of that newest form anew.

use std::io::Read;
use std::path::{Path, PathBuf};

use chrono::{DateTime, TimeDelta, Utc};
use flate2::read::DeflateDecoder;
use shared::config::{ProcessVariables, Variables};
use shared::history::{
    Basis, Block, Frame, FrameBuilder, Measure, Moment, OwnSeries, Point, Reading, TableKey,
    TableList, TableMeasure, TableReadings, encode,
};
use shared::snapshot::Completeness;

/// Folder of the newest form.
const NEWEST: &str = "v1";

fn path(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/history/golden");
    folder.join(NEWEST).join(format!("{name}.hex"))
}

fn table(name: &str, table_id: Option<u64>) -> TableKey {
    TableKey {
        schema: "public".into(),
        table: name.into(),
        table_id,
        module: Some("Sales".into()),
        is_partition: name.ends_with("_p1"),
    }
}

fn readings(pages: u64, rows: Option<u64>) -> TableReadings {
    TableReadings {
        total_bytes: Reading::of(pages * 8192),
        toast_bytes: Reading::of(0),
        index_bytes: Reading::of(pages / 4 * 8192),
        heap_difference: Reading::of(0),
        rows: Reading::or_absent(rows),
    }
}

/// A day with everything that a block can hold: a table that goes, one that comes, one that cannot be sized for a
/// while, one without an id, a changed basis, a partial run, and storage classes.
fn points() -> Vec<Point> {
    let midnight: DateTime<Utc> = "2026-02-28T00:00:00Z".parse().unwrap();
    let unsized_table = TableReadings {
        total_bytes: Reading::UNSIZED,
        ..TableReadings::default()
    };
    let point = |hour: u64| {
        let scheduled_at = midnight + TimeDelta::hours(hour.cast_signed());
        let mut tables = vec![
            (
                table("sales$order", Some(16_385)),
                readings(100 + hour / 6, Some(5000)),
            ),
            (table("sales$order_p1", Some(16_390)), readings(50, None)),
        ];
        let locked = if hour == 3 {
            unsized_table
        } else {
            readings(7, Some(0))
        };
        tables.push((table("sales$invoice", Some(u64::MAX)), locked));
        match hour {
            0..10 => tables.push((table("sales$old", None), readings(1, Some(3)))),
            _ => tables.push((table("sales$new", Some(17_000)), readings(hour, Some(hour)))),
        }
        let engine = if hour < 20 { "postgres" } else { "mysql" };
        Point {
            moment: Moment {
                scheduled_at,
                taken_at: scheduled_at + TimeDelta::milliseconds(2345 - 100 * hour.cast_signed()),
                completeness: match hour {
                    3 => Completeness::Partial,
                    _ => Completeness::Complete,
                },
                basis: Basis::new(&[("engine", engine)]),
            },
            own: vec![
                (
                    OwnSeries::all(Measure::TotalBytes),
                    Reading::of(9_400_003 + hour),
                ),
                (
                    OwnSeries::of_class(Measure::CurrentBytes, "STANDARD"),
                    Reading::of(hour * 10),
                ),
                (OwnSeries::all(Measure::MultipartBytes), Reading::UNSIZED),
            ],
            tables,
        }
    };
    (0..24).map(point).collect()
}

fn frame(measures: &[TableMeasure]) -> Frame {
    let mut builder = FrameBuilder::new(measures);
    points().iter().for_each(|point| builder.push(point));
    builder.finish()
}

fn list() -> TableList {
    let last = points().pop().unwrap();
    TableList::new(last.tables)
}

/// Every item of the newest form, with the frame that it holds.
fn items() -> Vec<(&'static str, Frame, Option<TableList>)> {
    let (totals, parts) = (frame(TableMeasure::TOTALS), frame(TableMeasure::PARTS));
    let one = Frame::of_point(&points()[3], TableMeasure::TOTALS);
    vec![
        ("hours", totals.clone(), Some(list())),
        ("hours-parts", parts, Some(list())),
        ("days", totals.closed(), Some(list())),
        ("run", one.clone(), Some(list())),
        ("run-without-list", one, None),
    ]
}

fn unpacked(sealed: &[u8]) -> Vec<u8> {
    let mut content = vec![sealed[0]];
    DeflateDecoder::new(&sealed[5..])
        .read_to_end(&mut content)
        .unwrap();
    content
}

/// Returns the golden bytes of a name, after writing them where that is asked for.
fn golden(name: &str, now: &[u8]) -> Vec<u8> {
    if ProcessVariables.get("MRT_TEST_WRITE_GOLDEN").as_deref() == Some("history-v1") {
        let hex: String = now.iter().map(|byte| format!("{byte:02x}")).collect();
        let lines: Vec<_> = hex
            .as_bytes()
            .chunks(100)
            .map(|line| str::from_utf8(line).unwrap())
            .collect();
        std::fs::create_dir_all(path(name).parent().unwrap()).unwrap();
        std::fs::write(path(name), lines.join("\n") + "\n").unwrap();
    }
    let text: String = std::fs::read_to_string(path(name))
        .unwrap()
        .split_whitespace()
        .collect();
    let byte = |index: usize| u8::from_str_radix(&text[2 * index..2 * index + 2], 16).unwrap();
    (0..text.len() / 2).map(byte).collect()
}

#[test]
fn every_form_of_blocks_is_read_and_the_newest_is_written() {
    for (name, frame, list) in items() {
        let now = encode(&frame, list.as_ref()).unwrap();
        let golden = golden(name, &now);

        let read = Block::decode(&golden)
            .unwrap()
            .into_frame(list.as_ref())
            .unwrap();

        assert_eq!(read, frame, "{name}");
        assert_eq!(unpacked(&now), unpacked(&golden), "{name}");
    }
}

#[test]
fn every_form_of_lists_is_read_and_the_newest_is_written() {
    let list = list();
    let now = list.encode().unwrap();
    let golden = golden("list", &now);

    let read = TableList::decode(&golden, list.digest()).unwrap();

    assert_eq!(read, list);
    assert_eq!(list.digest().to_hex(), "59d1d3b1a83f72d29709e04ff5ae5a29");
    assert_eq!(unpacked(&now), unpacked(&golden));
}
