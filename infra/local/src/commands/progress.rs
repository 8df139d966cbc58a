//! A progress line on the terminal while a measurement runs.

use std::io::IsTerminal;
use std::time::Duration;

use collector::Progress;
use indicatif::{
    HumanBytes, HumanCount, HumanDuration, ProgressBar, ProgressDrawTarget, ProgressStyle,
};

/// Time between updates of the line.
const UPDATE_INTERVAL: Duration = Duration::from_millis(100);

/// Awaits `measuring`. Shows the counts of `progress` meanwhile, if standard error is a terminal.
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
    let mut updates = tokio::time::interval(UPDATE_INTERVAL);
    loop {
        tokio::select! {
            result = measuring.as_mut() => {
                bar.finish_and_clear();
                return result;
            }
            _ = updates.tick() => {
                let elapsed_ms = u64::try_from(bar.elapsed().as_millis()).unwrap_or(u64::MAX).max(1);
                let rate = progress.items().saturating_mul(1000) / elapsed_ms;
                let (count, bytes) = (HumanCount(progress.items()), HumanBytes(progress.bytes()));
                let left = time_left(progress.left(), rate);
                bar.set_message(format!("{count} {items}, {bytes}, {} per second{left}", HumanCount(rate)));
                bar.tick();
            }
        }
    }
}

/// Returns the end of the line: how long `left` items take at `rate` items a second. Empty if unknown.
fn time_left(left: Option<u64>, rate: u64) -> String {
    match left.and_then(|left| left.checked_div(rate)) {
        Some(seconds) => format!(
            ", about {} left",
            HumanDuration(Duration::from_secs(seconds))
        ),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_left_is_shown_if_it_is_known() {
        assert_eq!(time_left(Some(1_200_000), 10_000), ", about 2 minutes left");
        assert_eq!(time_left(None, 10_000), "");
        assert_eq!(time_left(Some(5), 0), "");
    }
}
