"""What the kernel counts for programs and servers: wall time, processor time, peak memory."""

import os
import subprocess
import tempfile
import time

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
# How long a process may take to end after its client.
GONE_SECONDS = 30


def run(command, environment, patience_s, last_bytes=None):
    """Runs a program to its end, or kills it; returns its (last) output, wall and processor time, and peak memory."""
    with tempfile.TemporaryFile() as output:
        started = time.monotonic()
        process = subprocess.Popen(command, stdout=output, stderr=output, env=environment, stdin=subprocess.DEVNULL)
        while True:
            pid, status, usage = os.wait4(process.pid, os.WNOHANG)
            if pid or time.monotonic() - started > patience_s:
                break
            time.sleep(0.002)
        wall = time.monotonic() - started
        if not pid:
            process.kill()
            _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        length = output.seek(0, 2)
        output.seek(0 if last_bytes is None else max(0, length - last_bytes))
        text = output.read().decode(errors="replace")
    return {
        "wall_s": wall, "cpu_s": usage.ru_utime + usage.ru_stime, "peak_rss_mb": usage.ru_maxrss / 1e3,
        "output": text, "status": process.returncode,
    }


def _stat(pid):
    """The numbers after the name in /proc/PID/stat."""
    with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
        return file.read().rsplit(")", 1)[1].split()


def cpu_seconds(pid):
    """Processor time of a process, including all its threads."""
    return sum(int(ticks) for ticks in _stat(pid)[11:13]) / TICKS_PER_SECOND


def cpu_seconds_of_ended_children(pid):
    return sum(int(ticks) for ticks in _stat(pid)[13:15]) / TICKS_PER_SECOND


def children(pid):
    found = set()
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            if int(_stat(name)[1]) == pid:
                found.add(int(name))
        except (OSError, IndexError):
            pass  # it has ended
    return found


def until_only(pid, expected):
    """Waits until a process has no children other than the expected ones."""
    until(lambda: children(pid) <= expected, f"a process of {pid} did not end")


def until(is_so, otherwise):
    deadline = time.monotonic() + GONE_SECONDS
    while not is_so():
        if time.monotonic() > deadline:
            raise SystemExit(f"error: {otherwise}")
        time.sleep(0.01)


def listening_on(program, port):
    """The id of the process with that name that was started with that port."""
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/cmdline", "rb") as file:
                words = file.read().decode(errors="replace").split("\0")
        except OSError:
            continue
        if os.path.basename(words[0]) == program and f"--port={port}" in words:
            return int(name)
    raise SystemExit(f"error: no {program} with port {port}")
