"""Runs one function as a process and serves the Runtime API that it asks for events.

Not a Lambda emulator: no limits of memory or processor, no restart, one event at a time. It implements the part of
https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html that functions call.
"""

import json
import os
import queue
import signal
import threading
import time
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

VERSION = "/2018-06-01/runtime"
START_SECONDS = 30  # for a function to ask for its first event; Python with its SDK needs half a second
INVOCATION_SECONDS = 120  # for one answer; collectors take seconds, all else milliseconds


class FunctionFailed(Exception):
    """A function ended, reported a failure, or did not answer in time."""


@dataclass
class Answer:
    """A function's answer to one event."""

    body: dict
    wall_ms: float


class Handler(BaseHTTPRequestHandler):
    """One request of the function."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # otherwise a delayed acknowledgement of the kernel is measured too
    wbufsize = -1  # head and body in one segment, for the same reason

    def parse_request(self):
        self.arrived_at = time.perf_counter()
        return super().parse_request()

    def do_GET(self):  # noqa: N802 (the name that http.server requires)
        api = self.server.api
        if self.path != f"{VERSION}/invocation/next":
            self.reply(404, b"{}")
            return
        api.asked.put(self.arrived_at)
        event = api.events.get()
        if event is None:
            self.close_connection = True
            return
        api.handed_at = time.perf_counter()
        deadline_ms = int(time.time() * 1000) + INVOCATION_SECONDS * 1000
        self.reply(200, event, {
            "Lambda-Runtime-Aws-Request-Id": f"00000000-0000-4000-8000-{api.handed:012d}",
            "Lambda-Runtime-Deadline-Ms": str(deadline_ms),
            "Lambda-Runtime-Invoked-Function-Arn": "arn:aws:lambda:us-east-1:123456789012:function:bench",
        })

    def do_POST(self):  # noqa: N802
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.api.answers.put((self.arrived_at, self.path.rsplit("/", 1)[1], body))
        self.reply(202, b"{}")

    def reply(self, status, body, headers=None):
        self.send_response_only(status)
        for name, value in {"Content-Type": "application/json", **(headers or {})}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def log_message(self, *arguments):
        pass


class Function:
    """A running function, from its first request for an event to its end. A context manager."""

    def __init__(self, command, variables, log_path):
        self.asked, self.events, self.answers = queue.Queue(), queue.Queue(), queue.Queue()
        self.handed, self.handed_at = 0, 0.0
        self.command, self.log_path = command, log_path
        self.pid = None
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.api = self
        self.variables = {
            **variables,
            "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{self.server.server_port}",
            "AWS_LAMBDA_FUNCTION_NAME": os.path.basename(command[-1]),
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
        }
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)
        self.thread.start()
        try:
            self.start_ms = self._start()
        except BaseException:
            self.stop()
            raise

    def _start(self):
        log = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        actions = [
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, self.log_path, log, 0o644),
            (os.POSIX_SPAWN_DUP2, 1, 2),
        ]
        started_at = time.perf_counter()
        self.pid = os.posix_spawn(self.command[0], self.command, self.variables, file_actions=actions)
        return (self._wait(self.asked, START_SECONDS, "its first request") - started_at) * 1000

    def invoke(self, event):
        """Hands out `event`, a dictionary, and returns the answer once the function asks for the next one."""
        self.handed += 1
        self.events.put(json.dumps(event).encode())
        arrived_at, kind, body = self._wait(self.answers, INVOCATION_SECONDS, "its answer")
        wall_ms = (arrived_at - self.handed_at) * 1000
        if kind != "response":
            raise FunctionFailed(f"{self.name}: {body[:2000].decode(errors='replace')}")
        self._wait(self.asked, INVOCATION_SECONDS, "its next request")
        return Answer(json.loads(body), wall_ms)

    def _wait(self, source, seconds, what):
        """Takes from `source`; fails at once if the process ends or reports a failed start."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                return source.get(timeout=0.25)
            except queue.Empty:
                pass
            if source is self.asked and not self.answers.empty():
                raise FunctionFailed(f"{self.name} did not start: {self.answers.get()[2][:2000]!r}")
            if not self.is_running():
                raise FunctionFailed(f"{self.name} ended before {what}:\n{self.log_end()}")
            if time.monotonic() > deadline:
                raise FunctionFailed(f"{self.name}: waited {seconds} s for {what}:\n{self.log_end()}")

    @property
    def name(self):
        return os.path.basename(self.command[-1])

    def is_running(self):
        """Whether the process has not ended; leaves it for `stop` to collect."""
        return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None

    def log_end(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as log:
            return log.read()[-2000:]

    def cpu_ms(self):
        """Processor time of all its threads so far, including ended ones.

        Read from the process's own clock (clock_getcpuclockid(3): the complement of the id, shifted, with the bits
        that select the scheduler's count). It counts nanoseconds; /proc/<pid>/stat has steps of 10 ms, which is
        more than twenty answers cost.
        """
        return time.clock_gettime_ns(~self.pid << 3 | 2) / 1e6

    def peak_rss_bytes(self):
        """Peak resident memory.

        Not the `maxrss` of wait4, which starts with this program's own memory at the time of the fork.
        """
        with open(f"/proc/{self.pid}/status", encoding="ascii") as status:
            line = next(line for line in status if line.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024

    def stop(self):
        """Kills the process and returns the processor time that it used."""
        cpu_ms = 0.0
        if self.pid is not None:
            os.kill(self.pid, signal.SIGKILL)
            _, _, used = os.wait4(self.pid, 0)
            self.pid = None
            cpu_ms = (used.ru_utime + used.ru_stime) * 1000
        self.events.put(None)
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()
        return cpu_ms

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        if self.pid is not None:
            self.stop()
