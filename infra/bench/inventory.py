"""Measures how fast reports of S3 Inventory are added up: `make bench-inventory`.

Writes a synthetic report in Parquet and in CSV, with random keys, sizes and storage classes, and adds it up with our
program, DuckDB and pyarrow, one after another, each with one thread. All must find the same bytes and objects. Each run
has another random seed, which it prints; --seed repeats one.

Prints a table and the goals, and appends JSON lines to .mrt/bench/<date>-inventory.jsonl. A missed goal does not fail it;
a wrong number does. Started by inventory.sh.
"""

import argparse
import gzip
import hashlib
import json
import multiprocessing
import os
import secrets
import shutil
import sys
import tempfile
from datetime import datetime, timezone
from pathlib import Path

import numpy
import pyarrow
import pyarrow.csv
import pyarrow.parquet

import process
from report import commit, machine, table

REPOSITORY = Path(__file__).resolve().parents[2]
CLASSES = ["STANDARD", "STANDARD_IA", "GLACIER"]
ROWS_PER_FILE = 5_000_000
SCHEMA = ("message s3.inventory { required binary bucket (UTF8); required binary key (UTF8); optional int64 size; "
          "optional binary storage_class (UTF8); }")
PATIENCE_S = 1800
GOAL_ROWS_PER_CPU_S = 50_000_000
GOAL_MEMORY_MB = 128

DUCKDB = """
import duckdb, sys
found = duckdb.sql("set threads = 1; select storage_class, sum(size), count(*) from read_parquet('" + sys.argv[1]
                   + "/*.parquet') group by 1").fetchall()
for name, size, count in found: print(name, size, count, sep="\\t")
"""
DUCKDB_CSV = """
import duckdb, sys
found = duckdb.sql("set threads = 1; select column3, sum(column2), count(*) from read_csv('" + sys.argv[1]
                   + "/*.csv.gz', header=false, auto_detect=false, columns={'column0': 'varchar', 'column1': 'varchar', "
                   "'column2': 'bigint', 'column3': 'varchar'}) group by 1").fetchall()
for name, size, count in found: print(name, size, count, sep="\\t")
"""
PYARROW = """
import glob, sys
import pyarrow, pyarrow.parquet, pyarrow.compute
pyarrow.set_cpu_count(1)
sums = {}
for path in glob.glob(sys.argv[1] + "/*.parquet"):
    for batch in pyarrow.parquet.ParquetFile(path).iter_batches(columns=["size", "storage_class"], use_threads=False):
        grouped = pyarrow.Table.from_batches([batch]).group_by("storage_class", use_threads=False)
        for row in grouped.aggregate([("size", "sum"), ("size", "count")]).to_pylist():
            before = sums.get(row["storage_class"], (0, 0))
            sums[row["storage_class"]] = (before[0] + row["size_sum"], before[1] + row["size_count"])
for name, (size, count) in sums.items(): print(name, size, count, sep="\\t")
"""


def rows(generator, count, tenants):
    """Columns of `count` rows: keys of 44 characters below a tenant's prefix, log-normal sizes, three classes."""
    tenant = generator.integers(0, tenants, count)
    digits = generator.integers(0, 16, (count, 36), dtype=numpy.uint8)
    letters = numpy.frombuffer(b"0123456789abcdef", dtype=numpy.uint8)[digits]
    prefixes = numpy.array([f"t{number:06}/" for number in range(tenants)], dtype="S8")[tenant]
    keys = numpy.concatenate([prefixes.view(numpy.uint8).reshape(count, 8), letters], axis=1)
    offsets = numpy.arange(0, (count + 1) * 44, 44, dtype=numpy.int32)
    key = pyarrow.StringArray.from_buffers(count, pyarrow.py_buffer(offsets), pyarrow.py_buffer(keys.tobytes()))
    size = pyarrow.array(generator.lognormal(10, 3, count).astype(numpy.int64))
    names = pyarrow.array(CLASSES)
    chosen = pyarrow.array(generator.choice(3, count, p=[0.7, 0.2, 0.1]).astype(numpy.int8))
    bucket = pyarrow.DictionaryArray.from_arrays(pyarrow.array(numpy.zeros(count, dtype=numpy.int8)), ["acme-prod-files"])
    return pyarrow.table({
        "bucket": bucket.cast(pyarrow.string()), "key": key, "size": size,
        "storage_class": pyarrow.DictionaryArray.from_arrays(chosen, names).cast(pyarrow.string()),
    })


def write_parquet(columns, path):
    # As S3's writer does: Snappy, dictionaries, pages of 20,000 rows at most.
    pyarrow.parquet.write_table(columns, path, compression="snappy", use_dictionary=["bucket", "storage_class"],
                                data_page_size=1 << 20, row_group_size=1 << 20)


def write_csv(columns, path):
    with gzip.open(path, "wb", compresslevel=6) as file:
        options = pyarrow.csv.WriteOptions(include_header=False, quoting_style="all_valid")
        pyarrow.csv.write_csv(columns, file, options)


def write_report(folder, file_format, seed, count):
    """Writes a report of `count` rows; returns the sums by class and the bytes of its files."""
    generator = numpy.random.default_rng(seed)
    folder.mkdir()
    sums, files = {}, []
    for start in range(0, count, ROWS_PER_FILE):
        columns = rows(generator, min(ROWS_PER_FILE, count - start), tenants=1000)
        for row in columns.group_by("storage_class").aggregate([("size", "sum"), ("size", "count")]).to_pylist():
            before = sums.get(row["storage_class"], (0, 0))
            sums[row["storage_class"]] = (before[0] + row["size_sum"], before[1] + row["size_count"])
        path = folder / f"{start}.{'parquet' if file_format == 'Parquet' else 'csv.gz'}"
        (write_parquet if file_format == "Parquet" else write_csv)(columns, path)
        with open(path, "rb") as file:
            digest = hashlib.file_digest(file, "md5").hexdigest()
        files.append({"key": path.name, "size": path.stat().st_size, "MD5checksum": digest})
    manifest = json.dumps({
        "sourceBucket": "acme-prod-files", "destinationBucket": "arn:aws:s3:::inventories", "version": "2016-11-30",
        "creationTimestamp": "1796000000000", "fileFormat": file_format,
        "fileSchema": SCHEMA if file_format == "Parquet" else "Bucket, Key, Size, StorageClass", "files": files,
    }).encode()
    (folder / "manifest.json").write_bytes(manifest)
    (folder / "manifest.checksum").write_text(hashlib.md5(manifest).hexdigest(), encoding="ascii")
    return sums, sum(file["size"] for file in files)


def apart(function, *arguments):
    """Calls a function in a process of its own: the kernel counts the memory of this one as that of its children."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(function, arguments)


def measure(name, command, expected, what, count):
    """Runs one program; its first lines must be the expected sums."""
    environment = {"PATH": os.environ["PATH"], "OMP_NUM_THREADS": "1"}
    ran = process.run(command, environment, PATIENCE_S)
    found = {}
    for line in ran["output"].splitlines():
        parts = line.split("\t")
        if parts[0] in CLASSES:
            found[parts[0]] = (int(parts[1]), int(parts[2]))
    if ran["status"] or found != expected:
        sys.exit(f"{name} on {what}: {found}, expected {expected}; status {ran['status']}\n{ran['output'][-2000:]}")
    del ran["output"]
    return {"program": name, "what": what, "rows": count, **ran, "rows_per_cpu_s": count / ran["cpu_s"]}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=100_000_000, help="rows of the report in Parquet (100000000)")
    parser.add_argument("--csv-rows", type=int, default=5_000_000, help="rows of the report in CSV (5000000)")
    parser.add_argument("--seed", type=int, default=secrets.randbits(32), help="seed of keys and sizes (random)")
    parser.add_argument("--folder", type=Path, help="where the reports are written (a temporary folder)")
    options = parser.parse_args()
    print(f"seed {options.seed}")
    root = Path(tempfile.mkdtemp(prefix="mrt-bench-inventory-", dir=options.folder))
    ours, python = os.environ["MRT_BENCH_SUMMER"], sys.executable
    try:
        lines = []
        parquet, csv = root / "parquet", root / "csv"
        sums, size = apart(write_report, parquet, "Parquet", options.seed, options.rows)
        print(f"Parquet: {options.rows:,} rows, {size / 1e9:.2f} GB")
        lines += [
            measure("mrt", [ours, str(parquet)], sums, "Parquet, size and class", options.rows),
            measure("DuckDB", [python, "-c", DUCKDB, str(parquet)], sums, "Parquet, size and class", options.rows),
            measure("pyarrow", [python, "-c", PYARROW, str(parquet)], sums, "Parquet, size and class", options.rows),
            measure("mrt", [ours, str(parquet), "--depth", "1"], sums, "Parquet, by prefix too", options.rows),
        ]
        shutil.rmtree(parquet)
        sums, size = apart(write_report, csv, "CSV", options.seed, options.csv_rows)
        print(f"CSV: {options.csv_rows:,} rows, {size / 1e9:.2f} GB")
        lines += [
            measure("mrt", [ours, str(csv)], sums, "CSV", options.csv_rows),
            measure("DuckDB", [python, "-c", DUCKDB_CSV, str(csv)], sums, "CSV", options.csv_rows),
        ]
    finally:
        shutil.rmtree(root)
    table("Reports of S3 Inventory", "one thread each", ["report and program", "M rows/CPU-s", "CPU s", "wall s", "peak MB"], [
        [f"{line['what']}: {line['program']}", f"{line['rows_per_cpu_s'] / 1e6:.1f}", f"{line['cpu_s']:.2f}",
         f"{line['wall_s']:.2f}", f"{line['peak_rss_mb']:.0f}"] for line in lines])
    print()
    first = lines[0]
    for goal, is_met in (
        (f"{GOAL_ROWS_PER_CPU_S:,} rows a CPU-second", first["rows_per_cpu_s"] >= GOAL_ROWS_PER_CPU_S),
        (f"under {GOAL_MEMORY_MB} MB", max(line["peak_rss_mb"] for line in lines if line["program"] == "mrt")
         < GOAL_MEMORY_MB),
    ):
        print(f"{'met   ' if is_met else 'MISSED'} {goal}")
    about = {"time": datetime.now(timezone.utc).isoformat(), "commit": commit(REPOSITORY), "seed": options.seed} | machine()
    path = REPOSITORY / ".mrt/bench" / f"{about['time'][:10]}-inventory.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "a", encoding="utf-8") as file:
        for line in lines:
            file.write(json.dumps(about | line) + "\n")
    print(f"\nappended to {path.relative_to(REPOSITORY)}")


if __name__ == "__main__":
    main()
