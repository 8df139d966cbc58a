"""The data of the benchmark: real documents, a real database, and snapshots written by the collectors.

Nothing writes to the snapshot table directly: the release binaries of the collectors measure the buckets and the
database that are created here, and answers are compared with what they stored.
"""

import base64
import gzip
import json
import os
import subprocess
import urllib.request
from datetime import datetime, timezone
from pathlib import Path
from urllib.parse import quote, urlsplit

from runtime_api import Function

REPOSITORY = Path(__file__).resolve().parents[2]
BUCKET, CONFIG_BUCKET, TABLE, DATABASE = "mrt-bench-files", "mrt-bench-config", "mrt-bench-snapshots", "mrt_bench"
ENVIRONMENTS = [f"bench-{number:02}" for number in range(1, 21)]
CONSTANTS = 100
OPEN_SECONDS = 30


class SceneFailed(Exception):
    """The data could not be created, or a collector did not measure them."""


class Scene:
    """Services with data, and the expected numbers."""

    def __init__(self, folder, binaries):
        self.folder, self.binaries = Path(folder), Path(binaries)
        self.emulator = os.environ["MRT_TEST_MINISTACK_URL"]
        self.postgres = urlsplit(os.environ["MRT_TEST_POSTGRES_URL"])
        self.fleet = self.folder / "fleet.toml"
        # Bytes and object count of each environment's part of the bucket.
        self.objects = {}

    def variables(self):
        """The whole environment of a function: nothing of this process's environment reaches it."""
        return {
            "LANG": "C.UTF-8",
            "PATH": os.environ["PATH"],
            "AWS_REGION": "us-east-1",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_ENDPOINT_URL": self.emulator,
            "MRT_FLEET": str(self.fleet),
            "MRT_SNAPSHOT_TABLE": TABLE,
            "MRT_BUCKET_SIZE_QUEUE_URL": f"{self.emulator}/123456789012/buckets",
            "MRT_TABLE_SIZE_QUEUE_URL": f"{self.emulator}/123456789012/databases",
            "BENCH_DATABASE_PASSWORD": self.postgres.password,
            # Every answer counts again: a cached answer would measure nothing.
            "MRT_USERS_CACHE_SECONDS": "0",
            "MRT_DEPLOYMENT_KEY": "a key for benchmarks alone",
        }

    def set(self):
        """Creates everything and lets the collectors measure it."""
        self._write_fleet()
        self._fill_buckets()
        self._fill_database()
        self._create_table()
        buckets = [f"{name}/s3/{BUCKET}/{quote(f'{name}/', safe='')}/" for name in ENVIRONMENTS]
        self._collect("collect-bucket-size", buckets)
        self._collect("collect-table-size", [f"{ENVIRONMENTS[0]}/db/{DATABASE}"])

    def _write_fleet(self):
        lines = []
        for name in ENVIRONMENTS:
            lines += ["[[environment]]", f'name = "{name}"', "[[environment.storage]]", f'bucket = "{BUCKET}"',
                      f'prefix = "{name}/"']
            if name == ENVIRONMENTS[0]:
                lines += ["[environment.database]", 'engine = "postgres"', f'host = "{self.postgres.hostname}"',
                          f"port = {self.postgres.port}", f'name = "{DATABASE}"',
                          f'user = "{self.postgres.username}"', 'auth = "env:BENCH_DATABASE_PASSWORD"']
            if name in ENVIRONMENTS[:2]:
                lines += ["[environment.constants]", f'model = "s3://{CONFIG_BUCKET}/metadata.json"',
                          f'layers = ["s3://{CONFIG_BUCKET}/m2ee.yaml"]']
        self.fleet.write_text("\n".join(lines) + "\n", encoding="utf-8")

    def _fill_buckets(self):
        for bucket in (BUCKET, CONFIG_BUCKET):
            self._s3("PUT", f"/{bucket}")
        for index, name in enumerate(ENVIRONMENTS):
            sizes = [1000 * (index + 1) + number for number in range(1 + index % 4)]
            for number, size in enumerate(sizes):
                self._s3("PUT", f"/{BUCKET}/{name}/{number}", b"x" * size)
            self.objects[name] = (sum(sizes), len(sizes))
        constants = [
            {"Name": f"Bench.Constant{number}", "Type": "String", "DefaultValue": f"default {number}"}
            for number in range(CONSTANTS)
        ]
        model = {"RuntimeVersion": "10.24.4.77222", "ModelVersion": "1.4.0.317", "Constants": constants}
        layer = ["mxruntime:", "  MicroflowConstants:"]
        layer += [f"    Bench.Constant{number}: set {number}" for number in range(0, CONSTANTS, 2)]
        self._s3("PUT", f"/{CONFIG_BUCKET}/metadata.json", json.dumps(model).encode())
        self._s3("PUT", f"/{CONFIG_BUCKET}/m2ee.yaml", "\n".join(layer).encode())

    def _fill_database(self):
        self._psql("postgres", "--command", f"CREATE DATABASE {DATABASE}")
        for path in ("api/tests/fixtures/mendix.sql", "infra/bench/scene.sql"):
            self._psql(DATABASE, "--file", str(REPOSITORY / path))

    def ask_database(self, statement):
        """The single number that `statement` returns, read directly from the database."""
        return int(self._psql(DATABASE, "--command", statement))

    def _psql(self, database, *arguments):
        command = [os.environ["MRT_BENCH_PSQL"], "--no-psqlrc", "--quiet", "--tuples-only", "--no-align",
                   "--set=ON_ERROR_STOP=1", f"--host={self.postgres.hostname}", f"--port={self.postgres.port}",
                   f"--username={self.postgres.username}", f"--dbname={database}", *arguments]
        ran = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False,
                             env={"PGPASSWORD": self.postgres.password, "PATH": os.environ["PATH"]})
        if ran.returncode != 0:
            raise SceneFailed(f"psql {' '.join(arguments)}: {ran.stderr}")
        return ran.stdout

    def _create_table(self):
        self._dynamodb("CreateTable", {
            "TableName": TABLE,
            "BillingMode": "PAY_PER_REQUEST",
            "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
            "AttributeDefinitions": [{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk")],
        })

    def _collect(self, binary, targets):
        """Hands a collector one message per target, ten in an event as SQS does."""
        scheduled_at = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:00:00Z")
        bodies = [json.dumps({"target": target, "scheduled_at": scheduled_at}) for target in targets]
        command = [str(self.binaries / binary)]
        with Function(command, self.variables(), self.folder / f"{binary}.log") as function:
            for first in range(0, len(bodies), 10):
                records = [
                    {"messageId": f"{binary}-{first + number}", "body": body, "eventSource": "aws:sqs"}
                    for number, body in enumerate(bodies[first : first + 10])
                ]
                answer = function.invoke({"Records": records}).body
                if answer.get("batchItemFailures") != []:
                    raise SceneFailed(f"{binary} reported failed messages: {answer}\n{function.log_end()}")

    def stored_tables(self):
        """The latest snapshot of the database as stored: its summary and its tables."""
        target = f"{ENVIRONMENTS[0]}/db/{DATABASE}"
        latest = self._item("LATEST#database", target)["data"]["M"]["good"]["M"]
        snapshot = self._item(f"SNAP#{target}", latest["scheduled_at"]["S"])
        body = json.loads(gzip.decompress(base64.b64decode(snapshot["body"]["B"])))
        summary = {name: int(value["N"]) for name, value in latest["summary"]["M"].items() if "N" in value}
        return summary, body["tables"]

    def _item(self, partition, sort):
        key = {"pk": {"S": partition}, "sk": {"S": sort}}
        return self._dynamodb("GetItem", {"TableName": TABLE, "Key": key})["Item"]

    def _dynamodb(self, action, body):
        headers = {"X-Amz-Target": f"DynamoDB_20120810.{action}", "Content-Type": "application/x-amz-json-1.0"}
        return json.loads(self._ask("POST", "/", "dynamodb", json.dumps(body).encode(), headers))

    def _s3(self, method, path, body=b""):
        return self._ask(method, path, "s3", body, {})

    def _ask(self, method, path, service, body, headers):
        # The emulator reads account and service from the signature, and does not verify it.
        day = datetime.now(timezone.utc).strftime("%Y%m%d")
        scope = f"test/{day}/us-east-1/{service}/aws4_request"
        headers["Authorization"] = f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0"
        request = urllib.request.Request(self.emulator + path, data=body, method=method, headers=headers)
        with urllib.request.urlopen(request, timeout=OPEN_SECONDS) as answer:
            return answer.read()
