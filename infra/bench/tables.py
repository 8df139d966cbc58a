"""Measures the sizing of tables next to the queries of other programs: `make bench-tables`.

On a PostgreSQL with 10,000 tables (two indexes and TOAST each), it alternates between our collector, the cheapest
statement that gives the same numbers, the bare query of one total per table, and the queries of postgres_exporter, pgwatch
and PgHero (table_queries.py); then it repeats them while one table is locked, and while a session only waits to lock it.
On a MariaDB with as many InnoDB tables, it compares our collector with the query of mysqld_exporter on
information_schema.TABLES. With --large, it also runs our collector and the cheapest statement on 100,000 tables.

Prints tables and appends JSON lines to .mrt/bench/<date>-tables.jsonl. A slow run does not fail it; a wrong count or sum
of ours does. What another query leaves out is shown. Started by tables.sh.
"""

import argparse
import json
import os
import statistics
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone
from pathlib import Path

import table_queries
from report import commit, machine, table
from table_servers import MariaDb, Postgres

REPOSITORY = Path(__file__).resolve().parents[2]
# A query that waits this long for a lock counts as waiting for ever.
LOCK_WAIT_SECONDS = 15
ROWS = 10


def check(what, found, expected):
    if found != expected:
        raise SystemExit(f"error: {what}: reported {found}, expected {expected}")


def tables_in(name, rows):
    """How many of the app's tables a query reports: some rows are of indexes, catalogues or the database, without names."""
    if name == "PgHero":
        return sum("|table|" in row for row in rows)
    return sum(not row.startswith(("|", "pg_catalog|", "information_schema|")) for row in rows)


def median(runs, field):
    return statistics.median(run[field] for run in runs)


class Bench:
    def __init__(self, settings):
        self.settings = settings
        self.common = {"time": datetime.now(timezone.utc).isoformat(), "commit": commit(REPOSITORY)} | machine()
        self.lines = []

    def keep(self, part, program, **fact):
        self.lines.append(self.common | {"part": part, "program": program} | fact)

    def summary(self, part, runs, of, base):
        """Prints the medians of every program, relative to those of `base`."""
        rows = []
        for name, found in runs.items():
            facts = {field: median(found, field) for field in ("wall_s", "server_cpu_s", "cpu_s", "peak_rss_mb", "tables")}
            facts["least_server_cpu_s"] = min(run["server_cpu_s"] for run in found)
            ratio = facts["server_cpu_s"] / max(0.01, median(runs[base], "server_cpu_s"))
            self.keep(part, name, rounds=len(found), ratio=ratio, **facts)
            is_ours = name == "mrt"
            rows.append([name, f"{facts['tables']:.0f} of {of}", f"{facts['wall_s']:.2f}", f"{facts['server_cpu_s']:.2f}",
                         f"{facts['least_server_cpu_s']:.2f}", f"{ratio:.2f}", f"{facts['cpu_s']:.2f}" if is_ours else "-",
                         f"{facts['peak_rss_mb']:.0f}" if is_ours else "-"])
        header = ["", "tables", "wall s", "server CPU s", "min", f"x {base}", "client CPU s", "client MB"]
        table(part, f"medians of {len(runs['mrt'])} alternating rounds, and the minimum", header, rows)

    def postgres(self, server):
        count = self.settings.tables
        server.make(1, count, ROWS)
        server.settle()
        server.ask(table_queries.BARE)  # the first query after creating the tables is slower
        runs = {name: [] for name in ["mrt", *table_queries.POSTGRES]}
        for _ in range(self.settings.rounds):
            for name, statement in table_queries.POSTGRES.items():
                found = server.ask(statement)
                check(f"{name}: exit code", found["status"], 0)
                if name == "bare query":
                    expected = sum(int(row.rsplit("|", 1)[1]) for row in found["rows"])
                    check("the bare query", len(found["rows"]), count)
                runs[name].append(found | {"tables": tables_in(name, found["rows"])})
            found = server.ours()
            check("tables, estimates, tables without size", [found["tables"], found["estimated"], found["unsized"]], [count, 0, 0])
            check("bytes of all tables", found["bytes"], expected)
            runs["mrt"].append(found)
        self.summary(f"PostgreSQL {server.version}, {count} tables", runs, count, "same numbers")
        for words, lock in {"is locked": server.locked, "is waited for": server.waited_for}.items():
            with lock(f"t{count // 2}"):
                self.locked(server, words, median(runs["mrt"], "wall_s"))

    def locked(self, server, words, wall_without):
        count = self.settings.tables
        found = [server.ours() for _ in range(self.settings.rounds)]
        for run in found:
            check(f"one table {words}: tables, estimates, tables without size",
                  [run["tables"], run["estimated"], run["unsized"]], [count, 1, 0])
        more = median(found, "wall_s") - wall_without
        rows = [["mrt", "answers", f"{count - 1} exact, 1 estimated", f"{median(found, 'wall_s'):.2f} s, {more:+.2f} s"]]
        self.keep(f"PostgreSQL, one table {words}", "mrt", exact=count - 1, estimated=1, wall_s=median(found, "wall_s"), more_s=more)
        # Concurrently, because most of them only wait.
        options = {"PGOPTIONS": f"-c lock_timeout={LOCK_WAIT_SECONDS}s"}
        with ThreadPoolExecutor() as pool:
            asked = {name: pool.submit(server.ask, statement, **options) for name, statement in table_queries.POSTGRES.items()}
        for name, answer in asked.items():
            run = answer.result()
            waits = run["status"] != 0 and "lock timeout" in run["output"]
            if not waits:
                check(f"{name}: exit code", run["status"], 0)
            reported = tables_in(name, run["rows"])
            self.keep(f"PostgreSQL, one table {words}", name, waits=waits, tables=reported)
            rows.append([name, "waits" if waits else "answers", f"{reported} of {count}", "-"])
        table(f"PostgreSQL, one of {count} tables {words}", f"waits: longer than {LOCK_WAIT_SECONDS} s for the lock",
              ["", "", "tables", "wall, compared with no lock"], rows)

    def large(self, server):
        count = self.settings.large
        server.make(self.settings.tables + 1, count, 0)
        server.execute("CHECKPOINT")
        same = server.ask(table_queries.CHEAPEST)
        check("same numbers: exit code", same["status"], 0)
        same["tables"] = tables_in("same numbers", same["rows"])
        found = server.ours()
        check("tables, estimates, tables without size", [found["tables"], found["estimated"], found["unsized"]], [count, 0, 0])
        self.summary(f"PostgreSQL {server.version}, {count} tables", {"mrt": [found], "same numbers": [same]}, count, "same numbers")

    def mariadb(self, server):
        count = self.settings.tables
        server.make(1, count)
        runs = {"mrt": [], "information_schema": []}
        for _ in range(self.settings.rounds):
            server.forget()
            found = server.ask(table_queries.MYSQLD_EXPORTER)
            check(f"information_schema.TABLES: {found['output'][-300:]!r}: exit code", found["status"], 0)
            check("information_schema.TABLES", len(found["rows"]), count)
            runs["information_schema"].append(found | {"tables": len(found["rows"])})
            server.forget()
            found = server.ours()
            check("tables, estimates, tables without size", [found["tables"], found["estimated"], found["unsized"]], [count, 0, 0])
            check("bytes of all tables", found["bytes"], server.bytes_of_files())
            runs["mrt"].append(found)
        self.summary(f"MariaDB {server.version}, {count} InnoDB tables", runs, count, "information_schema")

    def write(self):
        results = REPOSITORY / ".mrt" / "bench"
        results.mkdir(parents=True, exist_ok=True)
        path = results / f"{self.common['time'][:10]}-tables.jsonl"
        with path.open("a", encoding="utf-8") as file:
            file.writelines(json.dumps(line) + "\n" for line in self.lines)
        print(f"\n{self.common['processors']} processors, load {self.common['load_before']} at the start. "
              f"Also in {path.relative_to(REPOSITORY)}")


def main():
    parser = argparse.ArgumentParser(prog="make bench-tables ARGS=...", description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--tables", type=int, default=10_000, help="tables on each server (10,000)")
    parser.add_argument("--rounds", type=int, default=5, help="runs of each program (5)")
    parser.add_argument("--large", type=int, nargs="?", const=100_000, help="also measure ours and the cheapest statement on this many tables (100,000)")
    parser.add_argument("--only", choices=["postgres", "mariadb"], help="one of the two servers")
    settings = parser.parse_args()
    bench = Bench(settings)
    if settings.only != "mariadb":
        server = Postgres(os.environ["MRT_TEST_POSTGRES_URL"])
        bench.postgres(server)
        if settings.large:
            bench.large(server)
    if settings.only != "postgres":
        bench.mariadb(MariaDb(os.environ["MRT_TEST_MYSQL_URL"]))
    bench.write()


if __name__ == "__main__":
    main()
