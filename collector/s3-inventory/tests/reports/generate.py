#!/usr/bin/env python3
"""Writes the reports that the tests read: the same rows by several writers, and what they add up to.

    pip install pyarrow duckdb fastparquet && python3 collector/s3-inventory/tests/reports/generate.py

The rows are those of S3 Inventory with all versions. The reports are kept in the repository, because the tests need no
other program then; a new writer or setting is one more line in `main`.
"""
import csv
import gzip
import hashlib
import io
import json
import random
from pathlib import Path
from urllib.parse import quote

import duckdb
import fastparquet
import pandas
import pyarrow
import pyarrow.parquet

HERE = Path(__file__).parent
BUCKET = "acme-prod-files"
STARTED_AT_MS = "1796000000000"
CLASSES = ["STANDARD", "STANDARD_IA", "GLACIER", "INTELLIGENT_TIERING"]
SCHEMA = [
    ("bucket", "required binary bucket (UTF8)"),
    ("key", "required binary key (UTF8)"),
    ("version_id", "optional binary version_id (UTF8)"),
    ("is_latest", "optional boolean is_latest"),
    ("is_delete_marker", "optional boolean is_delete_marker"),
    ("size", "optional int64 size"),
    ("storage_class", "optional binary storage_class (UTF8)"),
]
CSV_FIELDS = ["Bucket", "Key", "VersionId", "IsLatest", "IsDeleteMarker", "Size", "StorageClass"]


def rows(generator, count):
    """Returns `count` rows: tenants of different sizes, keys with odd characters, versions and delete markers."""
    made = []
    for number in range(count):
        tenant = generator.choice(["a/", "a/b/", "tenant é/", "tenant,\"2\"/deep/er/", ""])
        marker = generator.random() < 0.1
        made.append({
            "bucket": BUCKET,
            "key": f"{tenant}file {number:04}.{generator.choice(['pdf', 'png'])}",
            "version_id": f"v{number}",
            "is_latest": generator.random() < 0.7,
            "is_delete_marker": marker,
            "size": None if marker else int(generator.lognormvariate(10, 3)),
            "storage_class": None if marker else generator.choice(CLASSES),
        })
    return made


def sums(made):
    """Adds up the rows in the simplest way there is."""
    total = {"delete_markers": 0, "classes": {}, "prefixes": {}}
    for row in made:
        if row["is_delete_marker"]:
            total["delete_markers"] += 1
            continue
        kind = "current" if row["is_latest"] else "noncurrent"
        prefix = row["key"].split("/")[0] + "/" if "/" in row["key"] else ""
        for group, name in (("classes", row["storage_class"]), ("prefixes", prefix)):
            entry = total[group].setdefault(name, {"current": [0, 0], "noncurrent": [0, 0]})
            entry[kind][0] += row["size"]
            entry[kind][1] += 1
    return total


def write_csv(made, path):
    buffer = io.StringIO()
    writer = csv.writer(buffer, quoting=csv.QUOTE_ALL, lineterminator="\n")
    for row in made:
        flags = ["true" if row[name] else "false" for name in ("is_latest", "is_delete_marker")]
        size = "" if row["size"] is None else row["size"]
        writer.writerow([row["bucket"], quote(row["key"], safe=""), row["version_id"], *flags, size,
                         row["storage_class"] or ""])
    path.write_bytes(gzip.compress(buffer.getvalue().encode(), mtime=0))


def write_manifest(folder, file_format, schema, paths):
    manifest = {
        "sourceBucket": BUCKET,
        "destinationBucket": "arn:aws:s3:::inventories",
        "version": "2016-11-30",
        "creationTimestamp": STARTED_AT_MS,
        "fileFormat": file_format,
        "fileSchema": schema,
        "files": [
            {"key": path.name, "size": path.stat().st_size, "MD5checksum": hashlib.md5(path.read_bytes()).hexdigest()}
            for path in paths
        ],
    }
    text = json.dumps(manifest, indent=1).encode()
    (folder / "manifest.json").write_bytes(text)
    (folder / "manifest.checksum").write_text(hashlib.md5(text).hexdigest())


def main():
    generator = random.Random(2026)
    made = rows(generator, 240)
    (HERE / "expected.json").write_text(json.dumps(sums(made), indent=1, sort_keys=True, ensure_ascii=False) + "\n")

    table = pyarrow.table({
        name: pyarrow.array([row[name] for row in made],
                            {"size": pyarrow.int64(), "is_latest": pyarrow.bool_(),
                             "is_delete_marker": pyarrow.bool_()}.get(name, pyarrow.string()))
        for name, _ in SCHEMA
    })
    database = duckdb.connect()
    database.register("inventory", table)
    arrow = pyarrow.parquet.write_table
    common = {"row_group_size": 100, "data_page_size": 200, "write_batch_size": 16}
    files = {
        "arrow-snappy": lambda path: arrow(table, path, compression="snappy", **common),
        "arrow-gzip-checksums": lambda path: arrow(table, path, compression="gzip", write_page_checksum=True, **common),
        "arrow-plain": lambda path: arrow(table, path, compression="none", use_dictionary=False, **common),
        "arrow-version2-pages": lambda path: arrow(table, path, data_page_version="2.0", **common),
        "duckdb": lambda path: database.sql(f"copy inventory to '{path}' (format parquet, compression snappy)"),
        "fastparquet": lambda path: fastparquet.write(
            str(path), pandas.DataFrame(made).astype({"size": "Int64"}), compression="SNAPPY",
            object_encoding="utf8", row_group_offsets=[0, 90]),
    }
    schema = "message s3.inventory { " + " ".join(f"{text};" for _, text in SCHEMA) + " }"
    for name, write in files.items():
        folder = HERE / name
        folder.mkdir(exist_ok=True)
        path = folder / "data.parquet"
        write(path)
        write_manifest(folder, "Parquet", schema, [path])

    folder = HERE / "csv"
    folder.mkdir(exist_ok=True)
    paths = [folder / "one.csv.gz", folder / "two.csv.gz"]
    write_csv(made[:150], paths[0])
    write_csv(made[150:], paths[1])
    write_manifest(folder, "CSV", ", ".join(CSV_FIELDS), paths)


if __name__ == "__main__":
    main()
