//! A progress line on the terminal while a measurement runs, and sizes for people.

use std::io::IsTerminal;
use std::time::Duration;

use collector::Progress;
use indicatif::{
    HumanBytes, HumanCount, HumanDuration, ProgressBar, ProgressDrawTarget, ProgressStyle,
};

/// Time between two looks at the counts: ten a second look fluent.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Runs `measuring` and shows what `progress` has so far, when a person watches.
pub(super) async fn watch<T>(
    progress: &Progress,
    items: &str,
    measuring: impl Future<Output = T>,
) -> T {
    let target = if std::io::stderr().is_terminal() {
        ProgressDrawTarget::stderr()
    } else {
        ProgressDrawTarget::hidden()
    };
    let bar = ProgressBar::with_draw_target(None, target);
    if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}  {elapsed}") {
        bar.set_style(style);
    }
    let mut measuring = std::pin::pin!(measuring);
    let mut looks = tokio::time::interval(LOOK_EVERY);
    loop {
        tokio::select! {
            result = measuring.as_mut() => {
                bar.finish_and_clear();
                return result;
            }
            _ = looks.tick() => {
                let elapsed_ms = u64::try_from(bar.elapsed().as_millis()).unwrap_or(u64::MAX).max(1);
                let rate = progress.items().saturating_mul(1000) / elapsed_ms;
                let (count, bytes) = (HumanCount(progress.items()), HumanBytes(progress.bytes()));
                let left = time_left(progress.left(), rate);
                bar.set_message(format!("{count} {items}, {bytes}, {} a second{left}", HumanCount(rate)));
                bar.tick();
            }
        }
    }
}

/// Returns how long the items that are left take at so many a second, as the end of the line; empty when unknown.
fn time_left(left: Option<u64>, rate: u64) -> String {
    match left.and_then(|left| left.checked_div(rate)) {
        Some(seconds) => format!(
            ", about {} left",
            HumanDuration(Duration::from_secs(seconds))
        ),
        None => String::new(),
    }
}

/// Returns a size for people with the exact bytes behind it.
pub(super) fn size(bytes: u64) -> String {
    format!("{} ({} bytes)", HumanBytes(bytes), HumanCount(bytes))
}

/// Returns a count with thousands apart.
pub(super) fn count(number: u64) -> String {
    HumanCount(number).to_string()
}

/// Returns rows with their columns aligned: the first `texts` columns to the left, the others to the right.
pub(super) fn table(rows: &[Vec<String>], texts: usize) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns)
        .map(|column| {
            rows.iter()
                .filter_map(|row| row.get(column))
                .map(|cell| cell.chars().count())
                .max()
                .unwrap_or(0)
        })
        .collect();
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
            let separator = if column == 0 { "" } else { "  " };
            let cell = if column < texts {
                format!("{separator}{cell:<width$}")
            } else {
                format!("{separator}{cell:>width$}")
            };
            line.push_str(&cell);
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_left_is_shown_when_it_is_known() {
        assert_eq!(time_left(Some(1_200_000), 10_000), ", about 2 minutes left");
        assert_eq!(time_left(None, 10_000), "");
        assert_eq!(time_left(Some(5), 0), "");
    }

    #[test]
    fn columns_are_aligned_by_characters() {
        let rows = [
            vec!["naïve".to_owned(), "1".to_owned()],
            vec!["x".to_owned(), "1,000".to_owned()],
        ];

        assert_eq!(table(&rows, 1), "naïve      1\nx      1,000\n");
    }
}
