"""Output of benchmarks: tables for people, JSON lines for programs."""

import json
import statistics
import subprocess
from datetime import datetime, timezone

# Limits of functions: megabytes of 10^6 bytes, milliseconds of the median start. Functions whose names start with
# `api-` have the first budget, all others the second.
BUDGETS = [
    {"binary_mb": 9.0, "zip_mb": 4.0, "start_ms": 10.0},
    {"binary_mb": 10.0, "zip_mb": 4.0, "start_ms": 10.0},
]
# Of the dashboard, script and style included.
PAGE_BUDGET_KB = 60.0


def median(values):
    return statistics.median(values)


def p90(values):
    """The measured value that nine of ten do not exceed; not interpolated."""
    ordered = sorted(values)
    return ordered[-(-len(ordered) * 9 // 10) - 1]


def megabytes(count):
    return f"{count / 1e6:.2f}"


def machine():
    """The machine, for comparing two runs."""
    model = "unknown"
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        for line in file:
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    with open("/proc/stat", encoding="ascii") as file:
        processors = sum(1 for line in file if line.startswith("cpu")) - 1
    with open("/proc/loadavg", encoding="ascii") as file:
        load = float(file.read().split()[0])
    return {"processor": model, "processors": processors, "load_before": load}


def commit(repository):
    """The commit, with a plus if files differ from it; "unknown" outside a repository."""
    def git(*arguments):
        command = ["git", "-C", str(repository), *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)

    head = git("rev-parse", "--short=12", "HEAD")
    if head.returncode != 0:
        return "unknown"
    changed = git("status", "--porcelain", "--untracked-files=no").stdout.strip()
    return head.stdout.strip() + ("+" if changed else "")


class Record:
    """One run: collects facts, one JSON object per line, each with the run's time and commit."""

    def __init__(self, repository):
        self.started_at = datetime.now(timezone.utc)
        self.common = {"at": self.started_at.strftime("%Y-%m-%dT%H:%M:%SZ"), "commit": commit(repository)}
        self.facts = []

    def add(self, kind, **fact):
        fact = {name: round(value, 3) if isinstance(value, float) else value for name, value in fact.items()}
        self.facts.append({"kind": kind, **fact})

    def of(self, kind):
        return [fact for fact in self.facts if fact["kind"] == kind]

    def append_to(self, folder):
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{self.started_at:%Y-%m-%d}.jsonl"
        with open(path, "a", encoding="utf-8") as file:
            for fact in self.facts:
                file.write(json.dumps({**self.common, **fact}) + "\n")
        return path


def add_ratios(record, peer):
    """Adds the ratios of our functions to the one named `peer`, if both were measured."""
    def add(what, ours, theirs, fields):
        for words, field in fields.items():
            unit = 1e6 if field.endswith("_bytes") else 1
            record.add("ratio", what=f"{what}: {words}", ours=ours[field] / unit, peer=theirs[field] / unit)

    warm = {(fact["function"] == peer, fact["request"]): fact for fact in record.of("warm")}
    start = {fact["function"]: fact for fact in record.of("start")}
    with_peer = [fact for fact in record.of("warm") if (True, fact["request"]) in warm and fact["function"] != peer]
    for name in dict.fromkeys(fact["function"] for fact in with_peer):
        add(f"{name} starts", start[name], start[peer],
            {"CPU ms": "cpu_ms_median", "wall ms": "wall_ms_median", "peak MB": "peak_rss_bytes"})
    for fact in with_peer:
        add(fact["request"], fact, warm[True, fact["request"]],
            {"CPU ms": "cpu_ms", "first CPU ms": "first_cpu_ms", "wall ms": "wall_ms_median"})


def add_budgets(record):
    sizes = {fact["function"]: fact for fact in record.of("size")}
    starts = {fact["function"]: fact for fact in record.of("start")}
    for name, size in sizes.items():
        values = {"binary_mb": size["binary_bytes"] / 1e6, "zip_mb": size["zip_bytes"] / 1e6,
                  "start_ms": starts[name]["wall_ms_median"]}
        for of, budget in BUDGETS[0 if name.startswith("api-") else 1].items():
            record.add("budget", function=name, of=of, value=values[of], budget=budget, within=values[of] <= budget)


def table(title, note, header, rows):
    """Prints rows of text; aligns the first column left and numbers right."""
    widths = [max(len(row[column]) for row in [header, *rows]) for column in range(len(header))]
    print(f"\n{title}" + (f"  ({note})" if note else ""))
    for row in [header, ["-" * width for width in widths], *rows]:
        cells = [row[0].ljust(widths[0])] + [cell.rjust(width) for cell, width in zip(row[1:], widths[1:])]
        print("  " + "  ".join(cells).rstrip())


def ratio(ours, theirs):
    """How many times ours theirs is."""
    return f"1 : {theirs / ours:.1f}" if ours else "-"


def print_report(record, settings):
    (host,) = record.of("machine")
    print(f"\nMRT benchmark of {record.common['at']}, commit {record.common['commit']}")
    print(f"  {host['processors']} x {host['processor']}, load {host['load_before']} before the start")
    if host["load_before"] > host["processors"] / 2:
        print("  The machine was busy: if it still is, wall times include waiting for other programs; CPU times hardly do.")
    _print_sizes(record)
    _print_page(record)
    _print_starts(record, settings)
    _print_warm(record, settings)
    _print_warm_up(record)
    _print_peers(record)
    _print_budgets(record)


def _print_sizes(record):
    rows = [[fact["function"], megabytes(fact["binary_bytes"]), megabytes(fact["zip_bytes"])]
            for fact in record.of("size")]
    table("Size", "MB of 10^6 bytes", ["function", "binary", "zip"], rows)


def _print_page(record):
    rows = []
    for fact in record.of("page"):
        kilobytes = fact["gzip_bytes"] / 1e3
        mark = "" if kilobytes <= PAGE_BUDGET_KB else "  OVER"
        rows.append(["dashboard", f"{fact['bytes'] / 1e3:.1f}", f"{kilobytes:.1f} of {PAGE_BUDGET_KB:.0f}{mark}"])
    table("Page", "one document with script and style", ["page", "KB", "gzip KB"], rows)


def _print_starts(record, settings):
    rows = [[fact["function"], f"{fact['cpu_ms_median']:.1f}", f"{fact['wall_ms_median']:.1f}",
             f"{fact['wall_ms_min']:.1f}", f"{fact['wall_ms_p90']:.1f}", megabytes(fact["peak_rss_bytes"])]
            for fact in record.of("start")]
    table("Start", f"from process start to the first request for an event, {settings.starts} each, files in memory",
          ["function", "CPU ms", "wall ms", "least", "p90", "peak MB"], rows)


def _print_warm(record, settings):
    rows = [[f"{fact['function']}  {fact['request']}", f"{fact['cpu_ms']:.2f}", f"{fact['wall_ms_median']:.1f}",
             f"{fact['wall_ms_p90']:.1f}", f"{fact['first_cpu_ms']:.1f}", f"{fact['first_wall_ms']:.1f}",
             megabytes(fact["peak_rss_bytes"]), str(fact["answer_bytes"])]
            for fact in record.of("warm")]
    table("Warm", f"{settings.invocations} sequential; wall time includes the emulator and the database, CPU time does not",
          ["function and request", "CPU ms", "wall ms", "p90", "1st CPU", "1st wall", "peak MB", "bytes"], rows)


def _print_warm_up(record):
    rows = []
    for fact in record.of("warm_up"):
        name = f"{fact['function']}  " + ("warmed up" if fact["warm_up_seconds"] else "not warmed up")
        cpu_ms = fact["first_cpu_ms"]
        rows.append([name, f"{fact['start_cpu_ms']:.1f}", f"{fact['start_wall_ms']:.1f}", f"{cpu_ms:.1f}",
                     f"{fact['first_wall_ms']:.1f}", *(f"{cpu_ms * 1769 / memory:.0f}" for memory in (128, 256))])
    if rows:
        table("Warm-up", "HTTPS by a proxy in this program; at 128 and 256 MB: the CPU time at that share of a processor",
              ["function", "start CPU", "wall", "1st CPU", "1st wall", "at 128 MB", "at 256 MB"], rows)


def _print_peers(record):
    rows = []
    for fact in record.of("ratio"):
        rows.append([fact["what"], f"{fact['ours']:.2f}", f"{fact['peer']:.2f}", ratio(fact["ours"], fact["peer"])])
    if rows:
        table("Compared with Python and boto3", "the same items to the same JSON in the same run",
              ["what", "ours", "peer", "ours : peer"], rows)


def _print_budgets(record):
    functions = {}
    for fact in record.of("budget"):
        mark = "" if fact["within"] else "  OVER"
        functions.setdefault(fact["function"], []).append(f"{fact['value']:.2f} of {fact['budget']:.0f}{mark}")
    rows = [[name, *cells] for name, cells in functions.items()]
    table("Budgets", "reported, not enforced", ["function", "binary MB", "zip MB", "start ms"], rows)
