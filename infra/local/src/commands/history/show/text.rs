//! What `mrt history` prints: text for people, or rows of CSV. Without colours, and no line of it is wider than 60
//! columns but the one with the target's id, in which everything that is not plain ASCII is percent-encoded.

use chrono::NaiveDate;
use indicatif::HumanBytes;
use shared::history::growth::{Confidence, Full, FullReason, Growth, GrowthReason, Trend};

use super::{Shown, ShownDay};
use crate::commands::format;

/// Most characters of a sparkline.
const WIDTH: usize = 60;
/// Printed instead of a number that does not exist.
const NONE: &str = "-";
/// Heights of a sparkline, least first.
const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// Returns rows of CSV (RFC 4180) in bytes, one for each target and day.
pub(super) fn csv(shown: &[Shown]) -> String {
    let number = |number: Option<i128>| number.map(|number| number.to_string()).unwrap_or_default();
    let mut text = "target,day,total_bytes,change_bytes\r\n".to_owned();
    for Shown { target, days, .. } in shown {
        for ShownDay { day, bytes, change } in days {
            // An id begins with a letter and has no comma and no quote.
            let (bytes, change) = (number(bytes.map(i128::from)), number(*change));
            text += &format!("{target},{day},{bytes},{change}\r\n");
        }
    }
    text
}

/// Returns the text for people.
pub(super) fn readable(shown: &[Shown]) -> String {
    let texts: Vec<_> = shown.iter().map(target).collect();
    texts.join("\n")
}

fn target(shown: &Shown) -> String {
    let mut rows = vec![["DAY", "TOTAL", "CHANGE"].map(str::to_owned).to_vec()];
    for ShownDay { day, bytes, change } in &shown.days {
        rows.push(vec![
            day.to_string(),
            bytes.map_or_else(|| NONE.to_owned(), |bytes| HumanBytes(bytes).to_string()),
            change.map_or_else(|| NONE.to_owned(), signed),
        ]);
    }
    let bytes: Vec<_> = shown.days.iter().map(|day| day.bytes).collect();
    let mut text = format!("{}\n\n{}\n", shown.target, format::table(&rows, 1));
    if let Some(line) = sparkline(&bytes) {
        text += &format!("{line}\n");
    }
    text += &growth(&shown.growth);
    if let Some(full) = &shown.full {
        text += &self::full(full);
    }
    text
}

/// Returns a line with a bar for each value, or for the last of several; a space where there is none. `None` without any
/// value.
fn sparkline(values: &[Option<u64>]) -> Option<String> {
    let chunk = values.len().div_ceil(WIDTH).max(1);
    let values = values
        .chunks(chunk)
        .map(|chunk| chunk.iter().rev().find_map(|value| *value));
    let values: Vec<_> = values.collect();
    let least = *values.iter().flatten().min()?;
    let span = values.iter().flatten().max()? - least;
    let bar = |value: &Option<u64>| {
        let Some(value) = value else { return ' ' };
        let height = u128::from(value - least) * 7 / u128::from(span.max(1));
        let bar = usize::try_from(height)
            .ok()
            .and_then(|height| BARS.get(height));
        bar.copied().unwrap_or(' ')
    };
    Some(values.iter().map(bar).collect())
}

/// Returns a change in rounded bytes with its sign.
fn signed(bytes: i128) -> String {
    let size = HumanBytes(u64::try_from(bytes.unsigned_abs()).unwrap_or(u64::MAX));
    match bytes {
        0 => "0 B".to_owned(),
        ..0 => format!("-{size}"),
        _ => format!("+{size}"),
    }
}

/// Returns lines about the growth, each with a final newline.
fn growth(growth: &Growth) -> String {
    let window = format!(
        "window: {} days, {} of them measured",
        growth.window_days, growth.points
    );
    let (Some(rate), Some(low), Some(high)) = (growth.bytes_per_day, growth.low, growth.high)
    else {
        return format!("growth: not known, {}\n{window}\n", reason(growth.reason));
    };
    let (day, week) = (signed(rate.into()), signed(i128::from(rate) * 7));
    let trend = match growth.trend {
        Some(Trend::Growing) => "growing",
        Some(Trend::Shrinking) => "shrinking",
        Some(Trend::Changed) => "changed in the last week",
        Some(Trend::Flat) | None => "flat",
    };
    let confidence = match growth.confidence {
        Some(Confidence::Steady) => "steady",
        Some(Confidence::Tentative) | None => "tentative",
    };
    let range = format!("{} to {} a day", signed(low.into()), signed(high.into()));
    let mut text = format!(
        "growth: {trend}, {confidence}\nrate:   {day} a day, {week} a week\nrange:  {range}\n{window}\n"
    );
    for step in &growth.steps {
        text += &format!("step:   {} on {}\n", signed(step.bytes.into()), step.at);
    }
    text
}

fn reason(reason: Option<GrowthReason>) -> &'static str {
    match reason {
        Some(GrowthReason::NoPoints) | None => "no day is over yet",
        Some(GrowthReason::UnderAWeek) => "the days cover less than a week",
        Some(GrowthReason::TooFewPoints) => "fewer than four days were measured",
        Some(GrowthReason::Ended) => "it does not exist any more",
        Some(GrowthReason::OutOfRange) => "a number is too large",
    }
}

/// Returns a line about when the storage is full, with a final newline.
fn full(full: &Full) -> String {
    let day = |day: Option<NaiveDate>| {
        day.map_or_else(|| "beyond ten years".to_owned(), |day| day.to_string())
    };
    let text = match (full.at, full.reason) {
        (Some(at), _) => format!(
            "{at}, from {} to {}",
            day(full.at_earliest),
            day(full.at_latest)
        ),
        (None, Some(FullReason::Flat)) => "never at this rate, it does not grow".to_owned(),
        (None, Some(FullReason::Shrinking)) => "never at this rate, it shrinks".to_owned(),
        (None, Some(FullReason::BeyondTenYears)) => day(None),
        (None, Some(FullReason::NoLimit)) => "never, its storage grows by itself".to_owned(),
        (None, Some(FullReason::LimitUnknown)) => "not known, nor are the free bytes".to_owned(),
        (None, _) => "not known, the growth is not".to_owned(),
    };
    format!("full:   {text}\n")
}

#[cfg(test)]
mod tests {
    use shared::fleet::TargetId;
    use shared::history::growth::{Closing, ClosingSeries};

    use super::*;

    fn shown() -> Shown {
        let first: NaiveDate = "2026-02-20".parse().unwrap();
        let bytes = |number: u64| (number != 3).then_some(1_000_000_000 + number * 10_000_000);
        let days = first.iter_days().zip(0..10_u64);
        let days: Vec<_> = days
            .map(|(day, number)| ShownDay {
                day,
                bytes: bytes(number),
                change: (number != 0 && number != 3).then_some(if number == 4 {
                    20_000_000
                } else {
                    10_000_000
                }),
            })
            .collect();
        let closings: Vec<_> = days
            .iter()
            .filter_map(|day| {
                Some(Closing {
                    day: day.day,
                    bytes: day.bytes?,
                })
            })
            .collect();
        let growth = Growth::of(&ClosingSeries {
            closings: &closings,
            ..ClosingSeries::default()
        });
        Shown {
            target: TargetId::from_text("acme-prod/s3/files/%1B%5B31m/"),
            days,
            growth,
            full: None,
        }
    }

    #[test]
    fn a_target_is_a_table_a_sparkline_and_its_growth() {
        let text = readable(&[shown()]);

        let expected = "\
acme-prod/s3/files/%1B%5B31m/

DAY               TOTAL      CHANGE
2026-02-20   953.67 MiB           -
2026-02-21   963.21 MiB   +9.54 MiB
2026-02-22   972.75 MiB   +9.54 MiB
2026-02-23            -           -
2026-02-24   991.82 MiB  +19.07 MiB
";
        assert!(text.starts_with(expected), "{text}");
        assert!(text.contains("\n▁▁▂ ▄▄▅▆▇█\n"), "{text}");
        assert!(text.contains("growth: growing, tentative\n"), "{text}");
        assert!(
            text.contains("rate:   +9.54 MiB a day, +66.76 MiB a week\n"),
            "{text}"
        );
        assert!(
            text.contains("window: 9 days, 9 of them measured\n"),
            "{text}"
        );
        assert!(
            text.lines().all(|line| line.chars().count() <= WIDTH),
            "{text}"
        );
    }

    #[test]
    fn rows_of_csv_have_exact_bytes_and_empty_cells() {
        let text = csv(&[shown()]);

        let lines: Vec<_> = text.split("\r\n").collect();
        assert_eq!(lines[0], "target,day,total_bytes,change_bytes");
        assert_eq!(
            lines[1],
            "acme-prod/s3/files/%1B%5B31m/,2026-02-20,1000000000,"
        );
        assert_eq!(lines[4], "acme-prod/s3/files/%1B%5B31m/,2026-02-23,,");
        assert_eq!(
            lines[5],
            "acme-prod/s3/files/%1B%5B31m/,2026-02-24,1040000000,20000000"
        );
    }

    #[test]
    fn a_long_series_fits_into_one_line() {
        let values: Vec<_> = (0..500).map(Some).collect();

        let line = sparkline(&values).unwrap();

        assert!((30..=WIDTH).contains(&line.chars().count()), "{line}");
        assert!(line.starts_with('▁') && line.ends_with('█'), "{line}");
        assert_eq!(sparkline(&[None, None]), None);
        assert_eq!(sparkline(&[Some(7), None, Some(7)]).unwrap(), "▁ ▁");
    }
}
