"""Measures every function as Lambda runs it: `make bench`.

Size, start and warm answers of the release binaries, next to a Python function that does the same. Prints tables and
appends JSON lines to .mrt/bench/<date>.jsonl. A slow answer does not fail it; a wrong one does: every answer is
compared with what was stored. Started by run.sh, which provides the services. See scene.py for the data, cases.py for
the requests, runtime_api.py for running a function, tls.py for HTTPS, and report.py for printing.
"""

import argparse
import contextlib
import gzip
import io
import os
import shutil
import signal
import sys
import tempfile
import zipfile
from pathlib import Path

from cases import WrongAnswer, all_cases
from report import Record, add_budgets, add_ratios, machine, median, p90, print_report
from runtime_api import Function, FunctionFailed
from scene import REPOSITORY, Scene, SceneFailed
from tls import Authority, TlsFront

API = ["api-public", "api-bucket-size", "api-table-size", "api-users", "api-constants"]
COLLECTOR = ["plan", "collect-bucket-size", "collect-table-size"]
PEER = "peer_python.py"
# Answers that are not measured, before those that are: connections, caches and allocators settle.
SETTLING = 5


def main():
    parser = argparse.ArgumentParser(prog="make bench ARGS=...", description=__doc__.split("\n")[0])
    parser.add_argument("--starts", type=int, default=25, help="starts of each function (25)")
    parser.add_argument("--invocations", type=int, default=200, help="warm answers of each request (200)")
    settings = parser.parse_args()
    # Exits as usual, so that everything that is running is stopped.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    results = REPOSITORY / ".mrt" / "bench"
    results.mkdir(parents=True, exist_ok=True)
    record = Record(REPOSITORY)
    record.add("machine", **machine())
    try:
        with tempfile.TemporaryDirectory(prefix="run.", dir=results) as folder:
            measure(Path(folder), record, settings)
    except (FunctionFailed, SceneFailed, WrongAnswer) as error:
        sys.exit(f"error: {error}")
    add_ratios(record, PEER)
    add_budgets(record)
    print_report(record, settings)
    print(f"\nAlso in {record.append_to(results).relative_to(REPOSITORY)}")


def measure(folder, record, settings):
    binaries = copy_binaries(Path(os.environ["MRT_BENCH_BINARIES"]), folder)
    scene = Scene(folder, binaries)
    measure_sizes(binaries, record)
    progress("making the data and letting the collectors measure them")
    scene.set()
    bench = Bench(scene, binaries, record)
    progress(f"starting each function {settings.starts} times")
    bench.measure_starts(settings.starts)
    for case in all_cases(scene):
        progress(f"asking {case.function} for {case.request} {settings.invocations} times")
        bench.measure_warm(case, settings.invocations)
    progress(f"asking for the first answer over HTTPS {settings.starts} times, each with and without warm-up")
    bench.measure_warm_up(next(case for case in all_cases(scene) if case.has_peer), settings.starts)


def progress(text):
    print(f"bench: {text}", file=sys.stderr, flush=True)


def copy_binaries(source, folder):
    """Copies them, so that a concurrent build changes nothing."""
    target = folder / "bin"
    target.mkdir()
    for name in API + COLLECTOR:
        if not (source / name).is_file():
            sys.exit(f"error: there is no release binary {name}: run 'make bench', which builds it")
        shutil.copy2(source / name, target / name)
    return target


def measure_sizes(binaries, record):
    for name in API + COLLECTOR:
        path = binaries / name
        record.add("size", function=name, binary_bytes=path.stat().st_size, zip_bytes=zip_bytes(path))
    page = (REPOSITORY / "api" / "dashboard" / "dist" / "index.html").read_bytes()
    record.add("page", bytes=len(page), gzip_bytes=len(gzip.compress(page, mtime=0)))


def zip_bytes(path):
    """Size of the deployed package: the binary as `bootstrap`, packed as hard as zip can."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        archive.write(path, "bootstrap")
    return len(packed.getvalue())


class Bench:
    """Runs functions in a scene and records what they took."""

    def __init__(self, scene, binaries, record):
        self.scene, self.binaries, self.record = scene, binaries, record

    def run(self, name):
        """Starts a function of ours or the peer."""
        command = [str(self.binaries / name)]
        if name == PEER:
            command = [os.environ["MRT_BENCH_PEER_PYTHON"], str(Path(__file__).with_name(PEER))]
        return Function(command, self.scene.variables(), self.scene.folder / f"{name}.log")

    def measure_starts(self, count):
        """Alternates, so that a disturbance affects all; the first round only loads the files into memory."""
        found = {name: [] for name in [*API, *COLLECTOR, PEER]}
        for round_number in range(count + 1):
            for name, measured in found.items():
                with self.run(name) as function:
                    peak_rss_bytes = function.peak_rss_bytes()
                    cpu_ms = function.stop()
                    if round_number:
                        measured.append((function.start_ms, cpu_ms, peak_rss_bytes))
        for name, measured in found.items():
            walls, cpus, peaks = zip(*measured)
            self.record.add(
                "start", function=name, count=count,
                wall_ms_min=min(walls), wall_ms_median=median(walls), wall_ms_p90=p90(walls),
                cpu_ms_median=median(cpus), cpu_ms_p90=p90(cpus), peak_rss_bytes=max(peaks))

    def measure_warm(self, case, count):
        """Alternates between ours and the peer, so that both use the same emulator under the same load."""
        with self.run(case.function) as function:
            case.ask(function)  # excludes what the services do only the first time
        names = [case.function, *([PEER] if case.has_peer else [])]
        with contextlib.ExitStack() as stack:
            warm = [WarmFunction(name, stack.enter_context(self.run(name)), case) for name in names]
            for _ in range(count):
                for each in warm:
                    each.once()
            for each in warm:
                self.record.add("warm", request=case.request, count=count, **each.facts())

    def measure_warm_up(self, case, count):
        """The first answer over HTTPS after a start that opened its connection, and after one that did not."""
        authority = Authority(self.scene.folder)
        with TlsFront(authority, self.scene.emulator) as front:
            variables = {**self.scene.variables(), "AWS_ENDPOINT_URL": front.url, "SSL_CERT_FILE": str(authority.ca)}
            found = {"0": [], "2": []}
            for round_number in range(count + 1):
                for seconds, measured in found.items():
                    command = [str(self.binaries / case.function)]
                    log = self.scene.folder / f"{case.function}.tls.log"
                    with Function(command, {**variables, "MRT_WARMUP_SECONDS": seconds}, log) as function:
                        start_cpu_ms, before = function.cpu_ms(), front.handshakes
                        answer = case.ask(function)
                        first_cpu_ms = function.cpu_ms() - start_cpu_ms
                    # Otherwise something other than the warm-up would be measured.
                    if (front.handshakes > before) != (seconds == "0"):
                        raise SceneFailed(f"{seconds} s of warm-up, {front.handshakes - before} handshakes afterwards")
                    if round_number:
                        measured.append((function.start_ms, start_cpu_ms, answer.wall_ms, first_cpu_ms))
        for seconds, measured in found.items():
            walls, cpus, first_walls, first_cpus = zip(*measured)
            self.record.add(
                "warm_up", function=case.function, request=case.request, count=count, warm_up_seconds=int(seconds),
                start_wall_ms=median(walls), start_cpu_ms=median(cpus),
                first_wall_ms=median(first_walls), first_cpu_ms=median(first_cpus))


class WarmFunction:
    """A function that gave its first answers, and the cost of the next ones."""

    def __init__(self, name, function, case):
        self.name, self.function, self.case = name, function, case
        started_ms = function.cpu_ms()
        first = case.ask(function)
        self.first_cpu_ms, self.first_wall_ms = function.cpu_ms() - started_ms, first.wall_ms
        self.answer_bytes = len(first.body["body"])
        for _ in range(SETTLING):
            case.ask(function)
        self.settled_ms, self.walls = function.cpu_ms(), []

    def once(self):
        self.walls.append(self.case.ask(self.function).wall_ms)

    def facts(self):
        return {
            "function": self.name,
            "cpu_ms": (self.function.cpu_ms() - self.settled_ms) / len(self.walls),
            "wall_ms_median": median(self.walls),
            "wall_ms_p90": p90(self.walls),
            "first_cpu_ms": self.first_cpu_ms,
            "first_wall_ms": self.first_wall_ms,
            "peak_rss_bytes": self.function.peak_rss_bytes(),
            "answer_bytes": self.answer_bytes,
        }


if __name__ == "__main__":
    main()
