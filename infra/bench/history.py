"""Measures what history takes: `make bench-history`.

Synthetic databases of 500 and 5,000 tables are kept by the collectors' own writers, in a store in memory that counts what
DynamoDB would bill: five weeks by the hour, and a year by the day. Then the API's reader answers from it, and every
number is compared with what was measured. Each run has another random seed, which it prints; --seed repeats one.

Prints tables and the goals, and appends JSON lines to .mrt/bench/<date>-history.jsonl. A missed goal does not fail it;
a wrong number does. Started by history.sh.
"""

import argparse
import json
import os
import secrets
import subprocess
import sys
from datetime import datetime, timezone
from pathlib import Path

from report import commit, machine, table

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPOSITORY / "infra/aws"))

from costs import PRICES  # noqa: E402 (the deployment's price list)

# The days of an average month.
MONTH_DAYS = 365.25 / 12
ENVIRONMENTS = 1000
# What measuring 500 tables takes: of 10,000 the server works 1.14 s, and the collector 0.04 s, see docs/BENCHMARKS.md.
MEASURING_MS = (1140 + 40) * 500 / 10_000


def month(writing):
    """What history adds a month for each environment of 500 tables: its share of the latest, its own items, storage."""
    grown = writing["write_units_of_snapshots_per_day"] - writing["write_units_without_history_per_day"]
    write = grown + writing["write_units_of_history_per_day"]
    stored, day = writing["stored"], 1 / 35
    hours = (stored["hours"] + stored["hours_parts"]) * day * 92
    days = (stored["days"] + stored["days_parts"] + stored["names"]) * day * 365
    return {
        "write": MONTH_DAYS * write * PRICES["dynamodb_write_unit"],
        "read": MONTH_DAYS * writing["read_units_of_history_per_day"] * PRICES["dynamodb_read_unit"],
        "storage after a year": (hours + days) / 1e9 * PRICES["dynamodb_gb_month"],
    }


def goals(lines):
    found = {(line["part"], line["of_tables"]): line for line in lines}
    writing = found["writing", 500]
    dollars = {name: cost * ENVIRONMENTS for name, cost in month(writing).items()}
    run_ms = writing["cpu_ms_of_snapshot"] + MEASURING_MS
    answers = max(line["cpu_ms"] for line in lines if line["part"] in ("hours", "days"))
    rows = [
        ["35 days by the hour, 5,000 tables", f"{found['hours', 5000]['pages']:.2f} pages", "≤ 1 page",
         found["hours", 5000]["pages"] <= 1],
        ["a year by the day, 5,000 tables", f"{found['days', 5000]['pages']:.2f} pages", "≤ 1 page",
         found["days", 5000]["pages"] <= 1],
        ["35 closed days by the hour, 500 tables, four series",
         f"{found['closed_hours_with_parts', 500]['pages']:.2f} pages", "≤ 0.2 page",
         found["closed_hours_with_parts", 500]["pages"] <= 0.2],
        ["the longest answer of totals", f"{answers:.0f} ms", "≤ 50 ms", answers <= 50],
        ["1,000 environments of 500 tables", f"${sum(dollars.values()):.2f} a month", "≤ $2.20",
         sum(dollars.values()) <= 2.2],
        ["time that history adds to a run of 500 tables",
         f"{100 * writing['cpu_ms_of_history'] / run_ms:.0f} %", "≤ 10 %", writing["cpu_ms_of_history"] <= 0.1 * run_ms],
        ["the overview of 1,000 environments", f"{found['overview', 500]['pages']:.2f} pages", "≤ 2 pages",
         found["overview", 500]["pages"] <= 2],
    ]
    cost = ", ".join(f"{name} ${dollars:.2f}" for name, dollars in dollars.items())
    table("goals", f"of the cost: {cost}", ["goal", "measured", "allowed", ""],
          [row[:3] + ["ok" if row[3] else "MISSED"] for row in rows])
    return [{"part": "goal", "goal": row[0], "measured": row[1], "is_met": row[3]} for row in rows]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, help="repeat the input of another run [default: a new one]")
    seed = parser.parse_args().seed
    seed = secrets.randbelow(2**32) if seed is None else seed
    print(f"seed {seed}")
    ran = subprocess.run([os.environ["MRT_BENCH_HISTORY"], str(seed)], capture_output=True, text=True, check=False)
    if ran.returncode != 0:
        raise SystemExit(f"error: {ran.stderr.strip()}")
    lines = [json.loads(line) for line in ran.stdout.splitlines()]

    rows = [[f"{line['of_tables']:,}", line["part"].replace("_", " "), f"{line['points']:,}", f"{line['query_bytes']:,}",
             f"{line['pages']:.2f}", f"{line['json_deflate_bytes']:,}" if "json_deflate_bytes" in line else "",
             f"{line['read_units']:,}", f"{line['cpu_ms']:.1f} ms"] for line in lines if "points" in line]
    table("answers", "tables, points and totals are checked",
          ["tables", "answer", "points", "bytes", "pages", "JSON + deflate", "read units", "CPU"], rows)
    rows = [[f"{line['of_tables']:,}", f"{line['write_units_without_history_per_day']:.0f}",
             f"{line['write_units_of_snapshots_per_day']:.0f}", f"{line['write_units_of_history_per_day']:.0f}",
             f"{line['read_units_of_history_per_day']:.0f}", f"{line['cpu_ms_of_snapshot']:.2f} ms",
             f"{line['cpu_ms_of_history']:.2f} ms", f"{line['longest_cpu_ms_of_history']:.0f} ms"]
            for line in lines if line["part"] == "writing"]
    table("writing by the hour", "write and read units of DynamoDB a day; processor time of a run",
          ["tables", "snapshots alone", "with history", "history", "history reads", "CPU of a snapshot", "of its history",
           "of a day's first run"], rows)
    lines += goals(lines)

    common = {"time": datetime.now(timezone.utc).isoformat(), "commit": commit(REPOSITORY), "seed": seed} | machine()
    folder = REPOSITORY / ".mrt/bench"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{common['time'][:10]}-history.jsonl"
    with path.open("a", encoding="utf-8") as file:
        for line in lines:
            file.write(json.dumps(common | line) + "\n")
    print(f"\nappended to {path.relative_to(REPOSITORY)}")


if __name__ == "__main__":
    main()
