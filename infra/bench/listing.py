"""Measures listings of a bucket beside s5cmd, rclone and the AWS CLI: `make bench-listing`.

Each lists the same synthetic bucket, of any shape, from a server on the loopback that takes a settable time for a
page. Prints a table and appends JSON lines to .mrt/bench/<date>-listing.jsonl. No time can make it fail; a wrong
number of ours does, and a wrong number of a peer is shown. Started by listing.sh, which brings the programs; the
server is infra/bench/synthetic.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import urllib.request
from datetime import datetime, timezone
from pathlib import Path

import process
from report import commit, machine

REPOSITORY = Path(__file__).resolve().parents[2]
SHAPES = ["dates", "uuid", "sequential", "skewed", "skewed_end", "mendix", "tenants", "unicode", "slashes", "hours"]
BUCKET = "files"
# A peer that takes longer than this on one bucket is ended and shown as such.
PATIENCE_SECONDS = 600


class Server:
    """The synthetic bucket."""

    def __init__(self, shape, count, delay_ms):
        command = [os.environ["MRT_BENCH_SERVER"], shape, str(count), str(delay_ms)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.url, keys, size = self.process.stdout.readline().split()
        self.keys, self.bytes = int(keys), int(size)

    def requests(self):
        """Listings since the last call, and the most at a time."""
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
    """Runs a program to its end; its last output, wall and processor time and peak memory."""
    environment = {
        "PATH": os.environ["PATH"], "HOME": os.environ["MRT_BENCH_HOME"], "AWS_ACCESS_KEY_ID": "bench",
        "AWS_SECRET_ACCESS_KEY": "bench", "AWS_REGION": "us-east-1", "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    return process.run(command, environment, PATIENCE_SECONDS, last_bytes=4096)


def measure(programs, shape, count, delay_ms, times):
    with Server(shape, count, delay_ms) as server:
        least = max(1, -(-server.keys // 1000))
        for name, program in programs.items():
            best = None
            for _ in range(times if name == "mrt" else 1):
                server.requests()
                found, counted = program(server.url)
                found["requests"], found["at_once"] = server.requests()
                is_right = counted == [server.keys, server.bytes]
                if name == "mrt" and not is_right:
                    sys.exit(f"error: {shape}: {counted} was counted, {[server.keys, server.bytes]} is there\n{found['output']}")
                if best is None or found["wall_s"] < best["wall_s"]:
                    best = found | {"exact": is_right}
            del best["output"]
            yield {"program": name, "shape": shape, "keys": server.keys, "delay_ms": delay_ms, "least_requests": least} | best


def main():
    parser = argparse.ArgumentParser(prog="make bench-listing ARGS=...", description=__doc__.split("\n")[0])
    parser.add_argument("--keys", type=int, default=1_000_000, help="keys of the large buckets (1,000,000)")
    parser.add_argument("--times", type=int, default=3, help="runs of ours, of which the fastest is shown (3)")
    parser.add_argument("--without-peers", action="store_true", help="ours only")
    settings = parser.parse_args()
    peers = {} if settings.without_peers else {"s5cmd": s5cmd, "rclone": rclone, "awscli": awscli}
    cases = [("sequential", settings.keys, 0, peers), ("uuid", settings.keys, 0, {})]
    cases += [(shape, settings.keys, 30, {}) for shape in SHAPES]
    cases += [("folders", 10_000, 30, peers), ("uuid", 10_000, 30, {}), ("uuid", 1, 30, {})]
    lines, about = [], {"time": datetime.now(timezone.utc).isoformat(), "commit": commit(REPOSITORY)} | machine()
    print(f"{'bucket':<14}{'keys':>9} {'ms/page':>7}  {'program':<8}{'wall s':>8}{'CPU s':>8}{'MB':>7}{'requests':>10}{'x least':>8}  result")
    for shape, count, delay_ms, beside in cases:
        for line in measure({"mrt": ours} | beside, shape, count, delay_ms, settings.times):
            lines.append(about | line)
            share = line["requests"] / line["least_requests"]
            result = "exact" if line["exact"] else f"WRONG, exit code {line['status']}"
            print(f"{line['shape']:<14}{line['keys']:>9} {line['delay_ms']:>7}  {line['program']:<8}{line['wall_s']:>8.2f}"
                  f"{line['cpu_s']:>8.2f}{line['peak_rss_mb']:>7.0f}{line['requests']:>10}{share:>8.2f}  {result}", flush=True)
    results = REPOSITORY / ".mrt" / "bench"
    results.mkdir(parents=True, exist_ok=True)
    path = results / f"{about['time'][:10]}-listing.jsonl"
    with path.open("a", encoding="utf-8") as file:
        file.writelines(json.dumps(line) + "\n" for line in lines)
    print(f"\n{about['processors']} processors, load {about['load_before']} at the begin. Also in {path.relative_to(REPOSITORY)}")


if __name__ == "__main__":
    main()
