"""Benchmarks bucket listings against s5cmd, rclone and the AWS CLI: `make bench-listing`.

All programs list the same synthetic bucket from a server on the loopback with a configurable time per page. `sdk` is our
own listing with the SDK's client in place of the page scanner. Prints a table and appends JSON lines to
.mrt/bench/<date>-listing.jsonl. Never fails because of a time. Fails if our size is wrong; a peer's wrong size is only
reported. Started by listing.sh, which installs the programs; the server is infra/bench/synthetic.
"""

import argparse
import json
import os
import random
import re
import subprocess
import sys
import urllib.request
from datetime import datetime, timezone
from pathlib import Path

import process
from report import commit, machine

REPOSITORY = Path(__file__).resolve().parents[2]
SHAPES = [
    "dates", "uuid", "sequential", "skewed", "skewed_end", "mendix", "tenants", "unicode", "slashes", "hours",
    "tiny_alphabet", "mixed_letters", "dominant", "words", "growing",
]
# Percentage of requests that are answered with SlowDown, in one of the cases.
SLOW_DOWN_PERCENT = 5
BUCKET = "files"
# A program that takes longer than this on one bucket is killed and reported as such.
TIMEOUT_SECONDS = 600
# Programs of ours: a wrong size fails the benchmark, and the fastest of several runs counts.
OURS = ("mrt", "sdk")


class Server:
    """The synthetic bucket."""

    def __init__(self, shape, count, delay_ms, slow_down_percent):
        command = [os.environ["MRT_BENCH_SERVER"], shape, str(count), str(delay_ms), "0", str(slow_down_percent)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.url, keys, size = self.process.stdout.readline().split()
        self.keys, self.bytes = int(keys), int(size)

    def requests(self):
        """Listing requests since the last call, and the maximum of concurrent ones."""
        with urllib.request.urlopen(f"{self.url}/_requests", timeout=10) as answer:
            return [int(word) for word in answer.read().split()]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()


def ours(url):
    found = run([os.environ["MRT_BENCH_LISTER"], url, BUCKET])
    return found, [int(word) for word in found["output"].split()]


def sdk(url):
    found = run([os.environ["MRT_BENCH_SDK_LISTER"], url, BUCKET])
    return found, [int(word) for word in found["output"].split()]


def s5cmd(url):
    found = run([os.environ["MRT_BENCH_S5CMD"], "--endpoint-url", url, "du", f"s3://{BUCKET}/*"])
    match = re.search(r"(\d+) bytes in (\d+) objects", found["output"])
    return found, [int(match[2]), int(match[1])] if match else None


def rclone(url):
    remote = f":s3,provider=Other,list_version=2,env_auth=true,endpoint='{url}':{BUCKET}"
    found = run([os.environ["MRT_BENCH_RCLONE"], "size", remote, "--json", "--fast-list"])
    match = re.search(r'"count":(\d+),"bytes":(\d+)', found["output"])
    return found, [int(match[1]), int(match[2])] if match else None


def awscli(url):
    command = [os.environ["MRT_BENCH_AWS"], "--endpoint-url", url, "s3", "ls", "--recursive", "--summarize", f"s3://{BUCKET}"]
    found = run(command)
    match = re.search(r"Total Objects: (\d+)\s+Total Size: (\d+)", found["output"])
    return found, [int(match[1]), int(match[2])] if match else None


def run(command):
    """Runs a program to its end; returns its last output, wall time, CPU time and peak memory."""
    environment = {
        "PATH": os.environ["PATH"], "HOME": os.environ["MRT_BENCH_HOME"], "AWS_ACCESS_KEY_ID": "bench",
        "AWS_SECRET_ACCESS_KEY": "bench", "AWS_REGION": "us-east-1", "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    return process.run(command, environment, TIMEOUT_SECONDS, last_bytes=4096)


def measure(programs, shape, count, delay_ms, times, slow_down_percent=0):
    with Server(shape, count, delay_ms, slow_down_percent) as server:
        least_requests = max(1, -(-server.keys // 1000))
        for name, program in programs.items():
            best = None
            for _ in range(times if name in OURS else 1):
                server.requests()
                found, counted = program(server.url)
                found["requests"], found["at_once"] = server.requests()
                is_right = counted == [server.keys, server.bytes]
                if name in OURS and not is_right:
                    expected = [server.keys, server.bytes]
                    sys.exit(f"error: {name}: {shape}: counted {counted}, expected {expected}\n{found['output']}")
                if best is None or found["wall_s"] < best["wall_s"]:
                    best = found | {"exact": is_right}
            del best["output"]
            name_of_shape = f"{shape}, {slow_down_percent} % SlowDown" if slow_down_percent else shape
            about = {"program": name, "shape": name_of_shape, "keys": server.keys, "delay_ms": delay_ms}
            yield about | {"least_requests": least_requests} | best


def main():
    parser = argparse.ArgumentParser(prog="make bench-listing ARGS=...", description=__doc__.split("\n")[0])
    parser.add_argument("--keys", type=int, default=1_000_000, help="keys of the large buckets (1,000,000)")
    parser.add_argument("--times", type=int, default=3, help="runs of our programs, of which the fastest counts (3)")
    parser.add_argument("--without-peers", action="store_true", help="only our programs")
    parser.add_argument("--random", type=int, default=10, help="shapes that a seed decides, others in each run (10)")
    settings = parser.parse_args()
    seed = int(os.environ.get("MRT_BENCH_SEED") or random.randrange(1 << 32))
    print(f"random shapes of seed {seed}: MRT_BENCH_SEED={seed} repeats them\n", flush=True)
    peers = {} if settings.without_peers else {"s5cmd": s5cmd, "rclone": rclone, "awscli": awscli}
    cases = [("sequential", settings.keys, 0, {"sdk": sdk} | peers), ("uuid", settings.keys, 0, {"sdk": sdk})]
    cases += [(shape, settings.keys, 30, {}) for shape in SHAPES]
    cases += [(f"random-{seed + index}", settings.keys, 30, {}) for index in range(settings.random)]
    cases += [("folders", 10_000, 30, peers), ("uuid", 10_000, 30, {}), ("uuid", 1, 30, {})]
    lines, about = [], {"time": datetime.now(timezone.utc).isoformat(), "commit": commit(REPOSITORY)} | machine()
    print(f"{'bucket':<20}{'keys':>9} {'ms/page':>7}  {'program':<8}{'wall s':>8}{'CPU s':>8}{'MB':>7}{'requests':>10}{'x least':>8}  result")
    runs = [measure({"mrt": ours} | others, *about_bucket, settings.times) for *about_bucket, others in cases]
    runs.append(measure({"mrt": ours}, "uuid", settings.keys, 30, settings.times, SLOW_DOWN_PERCENT))
    for run_of_bucket in runs:
        for line in run_of_bucket:
            lines.append(about | line)
            share = line["requests"] / line["least_requests"]
            result = "exact" if line["exact"] else f"WRONG, exit code {line['status']}"
            print(f"{line['shape']:<20}{line['keys']:>9} {line['delay_ms']:>7}  {line['program']:<8}{line['wall_s']:>8.2f}"
                  f"{line['cpu_s']:>8.2f}{line['peak_rss_mb']:>7.0f}{line['requests']:>10}{share:>8.2f}  {result}", flush=True)
    results = REPOSITORY / ".mrt" / "bench"
    results.mkdir(parents=True, exist_ok=True)
    path = results / f"{about['time'][:10]}-listing.jsonl"
    with path.open("a", encoding="utf-8") as file:
        file.writelines(json.dumps(line) + "\n" for line in lines)
    print(f"\n{about['processors']} processors, load {about['load_before']} at the start. Also in {path.relative_to(REPOSITORY)}")


if __name__ == "__main__":
    main()
