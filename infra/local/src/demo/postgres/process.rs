//! Processes: a long-running one, and short ones with a time-out.

use std::io;
use std::path::Path;
use std::process::{Command, ExitStatus, Output, Stdio};
use std::time::Duration;

use anyhow::{Context, ensure};
use tokio::sync::{oneshot, watch};

/// Longest wait for `ps`, which takes milliseconds.
const PS_TIMEOUT: Duration = Duration::from_secs(5);

/// A long-running process.
///
/// A dedicated thread starts it and waits for it: Linux ties a process to the thread that started it, not to the whole
/// program, and a thread of the executor may end at any time.
#[derive(Debug)]
pub(super) struct Process {
    id: u32,
    exit: watch::Receiver<Option<ExitStatus>>,
}

impl Process {
    /// Starts `command`.
    pub(super) async fn spawn(mut command: Command) -> anyhow::Result<Self> {
        let program = command.get_program().to_string_lossy().into_owned();
        let (started, starting) = oneshot::channel::<io::Result<u32>>();
        let (exited, exit) = watch::channel(None);
        let wait = move || match command.spawn() {
            Ok(mut child) => {
                // The receiver is gone if the start was abandoned. The thread still waits for the process.
                let _ = started.send(Ok(child.id()));
                // Waiting fails only if the process was already waited for.
                exited.send_replace(Some(child.wait().unwrap_or_default()));
            }
            Err(error) => {
                let _ = started.send(Err(error));
            }
        };
        std::thread::Builder::new()
            .name("demo-postgres".to_owned())
            .spawn(wait)
            .context("could not start a thread")?;
        let id = starting
            .await
            .context("the thread that starts it ended")?
            .with_context(|| format!("could not start {program}"))?;
        Ok(Self { id, exit })
    }

    /// Returns its process id.
    pub(super) fn id(&self) -> u32 {
        self.id
    }

    /// Returns its exit status; `None` while it runs.
    pub(super) fn exit_status(&self) -> Option<ExitStatus> {
        *self.exit.borrow()
    }

    /// Waits for its end.
    pub(super) async fn ended(&mut self) {
        // The sender is gone only after it has told the end.
        let _ = self.exit.wait_for(Option::is_some).await;
    }

    /// Waits for its end, and returns whether it ended in time.
    pub(super) async fn wait(&mut self, timeout: Duration) -> bool {
        let ended = self.exit.wait_for(Option::is_some);
        tokio::time::timeout(timeout, ended).await.is_ok()
    }
}

/// Runs `command` and waits for its end. Kills it after `timeout`.
///
/// # Errors
///
/// If it fails, with its error output.
pub(super) async fn run(command: Command, timeout: Duration) -> anyhow::Result<()> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = output(command, timeout)
        .await
        .with_context(|| format!("could not run {program}"))?;
    ensure!(
        output.status.success(),
        "{program} failed ({}): {}",
        output.status,
        String::from_utf8_lossy(&output.stderr).trim()
    );
    Ok(())
}

async fn output(command: Command, timeout: Duration) -> io::Result<Output> {
    let mut command = tokio::process::Command::from(command);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    tokio::time::timeout(timeout, command.output())
        .await
        .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

/// Returns the process id in the first line of `postmaster.pid`; `None` if there is no such file.
pub(super) fn pid_in(file: &Path) -> anyhow::Result<Option<u32>> {
    match std::fs::read_to_string(file) {
        // A file truncated by a crash contains no id. 0 is never the id of a server.
        Ok(text) => Ok(Some(first_number(&text).unwrap_or(0))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("could not read {}", file.display())),
    }
}

fn first_number(text: &str) -> Option<u32> {
    text.lines().next()?.trim().parse().ok()
}

/// Returns whether process `pid` runs and has `path` among its arguments.
pub(super) async fn command_line_names(pid: u32, path: &Path) -> bool {
    let Some(path) = path.to_str() else {
        return false;
    };
    if Path::new("/proc/self/cmdline").exists() {
        let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        return line
            .split(|byte| *byte == 0)
            .any(|part| part == path.as_bytes());
    }
    let mut ps = Command::new("ps");
    ps.args(["-o", "command=", "-p"]).arg(pid.to_string());
    let line = output(ps, PS_TIMEOUT).await.map(|output| output.stdout);
    String::from_utf8_lossy(&line.unwrap_or_default()).contains(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_truncated_lock_file_names_no_process() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("postmaster.pid");

        assert_eq!(pid_in(&file).unwrap(), None);
        std::fs::write(&file, "").unwrap();
        assert_eq!(pid_in(&file).unwrap(), Some(0));
        std::fs::write(&file, "4711\n/data/cluster\n").unwrap();
        assert_eq!(pid_in(&file).unwrap(), Some(4711));
    }

    #[tokio::test]
    async fn a_command_that_fails_or_hangs_is_an_error_with_its_cause() {
        let mut fails = Command::new("sh");
        fails.args(["-c", "echo no space left >&2; exit 3"]);
        let mut hangs = Command::new("sleep");
        hangs.arg("60");

        let failed = run(fails, Duration::from_secs(5)).await.unwrap_err();
        let hung = run(hangs, Duration::from_millis(20)).await.unwrap_err();

        assert!(failed.to_string().contains("no space left"), "{failed}");
        assert!(format!("{hung:#}").contains("timed out"), "{hung:#}");
    }

    #[tokio::test]
    async fn the_end_of_a_process_is_noticed() {
        let mut process = Process::spawn(Command::new("true")).await.unwrap();

        assert!(process.wait(Duration::from_secs(5)).await);
        assert!(process.exit_status().unwrap().success());
        assert!(!command_line_names(process.id(), Path::new("true")).await);
        assert!(Process::spawn(Command::new("/nowhere")).await.is_err());
    }
}
