//! A progress line on the terminal while a measurement runs.

mod time_left;

use std::io::IsTerminal;
use std::time::Duration;

use collector::Progress;
use indicatif::{HumanBytes, HumanCount, ProgressBar, ProgressDrawTarget, ProgressStyle};

use self::time_left::TimeLeft;

/// Time between updates of the line.
const UPDATE_INTERVAL: Duration = Duration::from_millis(100);

/// Time without any count from which on the line says why.
const LONG_FIRST_ANSWER: Duration = Duration::from_secs(3);

/// Awaits `measuring`. Shows the counts of all of `parts` meanwhile, if standard error is a terminal.
pub(super) async fn watch<T>(
    parts: &[Progress],
    items: &str,
    measuring: impl Future<Output = T>,
) -> T {
    let target = if std::io::stderr().is_terminal() {
        ProgressDrawTarget::stderr()
    } else {
        ProgressDrawTarget::hidden()
    };
    let bar = Line(ProgressBar::with_draw_target(None, target));
    // The message is cut to the width of the terminal, so it never wraps.
    if let Ok(style) = ProgressStyle::with_template("{spinner} {wide_msg}") {
        bar.0.set_style(style);
    }
    let mut measuring = std::pin::pin!(measuring);
    let mut updates = tokio::time::interval(UPDATE_INTERVAL);
    let mut time_left = TimeLeft::default();
    loop {
        tokio::select! {
            result = measuring.as_mut() => return result,
            _ = updates.tick() => {
                let elapsed = bar.0.elapsed();
                let count = parts.iter().map(Progress::items).sum();
                let bytes = parts.iter().map(Progress::bytes).sum();
                time_left.record(elapsed, count, left(parts));
                let message = message(items, count, bytes, &time_left, elapsed);
                bar.0.set_message(message);
                bar.0.tick();
            }
        }
    }
}

/// The line on the terminal. It goes away with this value, also if the measurement is stopped.
struct Line(ProgressBar);

impl Drop for Line {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

/// Returns how many items are left; `None` if that is unknown of any part.
fn left(parts: &[Progress]) -> Option<u64> {
    parts.iter().map(Progress::left).sum()
}

/// Returns the line: what matters most comes first, because a narrow terminal cuts the end.
fn message(items: &str, count: u64, bytes: u64, time_left: &TimeLeft, elapsed: Duration) -> String {
    let mut parts = vec![
        format!("{} {items}", HumanCount(count)),
        HumanBytes(bytes).to_string(),
    ];
    if count == 0 && elapsed >= LONG_FIRST_ANSWER {
        // S3 looks through delete markers for the first object, which may take most of a minute.
        parts.insert(0, "waiting for the first answer".to_owned());
    }
    parts.extend(time_left.text());
    parts.push(format!("{} per second", HumanCount(time_left.rate())));
    parts.push(format!("{} s", elapsed.as_secs()));
    parts.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_of_one_part_is_not_what_is_left_of_all() {
        let parts = [Progress::default(), Progress::default()];
        parts[0].expect(Some(5));

        assert_eq!(left(&parts), None);
        parts[1].expect(Some(7));
        assert_eq!(left(&parts), Some(12));
    }

    #[test]
    fn a_first_answer_that_takes_long_is_told() {
        let at = |count, seconds| {
            let elapsed = Duration::from_secs(seconds);
            message("objects", count, 0, &TimeLeft::default(), elapsed)
        };

        assert!(at(0, 12).starts_with("waiting for the first answer, 0 objects"));
        assert!(!at(0, 2).contains("waiting"));
        assert!(!at(1, 12).contains("waiting"));
    }

    #[test]
    fn the_counts_come_first() {
        let text = message(
            "objects",
            1_234,
            2_048,
            &TimeLeft::default(),
            Duration::from_secs(3),
        );

        assert_eq!(text, "1,234 objects, 2.00 KiB, 0 per second, 3 s");
    }
}
