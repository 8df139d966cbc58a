"""The peer: `GET /bucket_size` and `GET /table_size` as typically written in Python with boto3.

Reads the same items, returns the same JSON and compresses it like ours, but does less: no check of parameters, no
ETag, no log line, no metrics. It calls the Runtime API in a loop of its own, which is smaller and faster than AWS's
client for Python. Started by bench.py only.
"""

import base64
import gzip
import http.client
import json
import os
import tomllib
from datetime import datetime, timezone
from urllib.parse import quote

import boto3
from boto3.dynamodb.types import TypeDeserializer

TABLE = os.environ["MRT_SNAPSHOT_TABLE"]
DYNAMODB = boto3.client("dynamodb")
DECODE = TypeDeserializer().deserialize
with open(os.environ["MRT_FLEET"], "rb") as file:
    FLEET = {each["name"]: each for each in tomllib.load(file)["environment"]}
SCOPES = {"/bucket_size": "mrt/bucket_size.read", "/table_size": "mrt/table_size.read"}


def get(partition, sort):
    key = {"pk": {"S": partition}, "sk": {"S": sort}}
    item = DYNAMODB.get_item(TableName=TABLE, Key=key, ConsistentRead=True)["Item"]
    return {name: DECODE(value) for name, value in item.items()}


def query(partition, first, last):
    answer = DYNAMODB.query(
        TableName=TABLE,
        ConsistentRead=True,
        KeyConditionExpression="pk = :pk AND sk BETWEEN :from AND :to",
        ExpressionAttributeValues={":pk": {"S": partition}, ":from": {"S": first}, ":to": {"S": last}},
    )
    return [{name: DECODE(value) for name, value in item.items()} for item in answer["Items"]]


def run_view(good, failure):
    taken_at, scheduled_at, next_due_at = (
        datetime.fromisoformat(good[name]) for name in ("taken_at", "scheduled_at", "next_due_at")
    )
    now = datetime.now(timezone.utc)
    return {
        "completeness": good["completeness"],
        "scheduled_at": good["scheduled_at"],
        "taken_at": good["taken_at"],
        "age_seconds": int((now - taken_at).total_seconds()),
        "stale": now >= next_due_at + (next_due_at - scheduled_at),
        "last_failure": failure,
    }


def bucket_size(environment):
    names = [environment] if environment else sorted(FLEET)
    targets = {}
    for name in names:
        for storage in FLEET[name].get("storage", []):
            parts = [storage["bucket"], storage.get("prefix", ""), storage.get("suffix", "")]
            targets["/".join([name, "s3", *(quote(part, safe="") for part in parts)])] = (name, parts)
    if len(targets) == 1:
        found = [get("LATEST#bucket", next(iter(targets)))]
    else:
        found = query("LATEST#bucket", min(targets), max(targets))
    items = []
    for item in found:
        good = item["data"]["good"]
        name, (bucket, prefix, suffix) = targets[item["sk"]]
        size = good["summary"]
        items.append({
            "environment": name,
            "bucket": bucket,
            "prefix": prefix,
            "suffix": suffix,
            "total_bytes": size["total_bytes"],
            "object_count": size["object_count"],
            "by_storage_class": size["by_storage_class"],
            "method": size["method"],
            **run_view(good, item["data"].get("last_failure")),
        })
    return {"items": items, "pending": [], "next": None}


def table_view(table):
    reason = table.get("estimated_because")
    view = {name: table.get(name) for name in (
        "schema", "table", "entity", "module", "is_system", "heap_bytes", "toast_bytes", "index_bytes",
        "total_bytes", "row_estimate")}
    return {**view, "quality": "estimated" if reason else "exact", "quality_reason": reason}


def table_size(environment, most=100):
    target = f"{environment}/db/{quote(FLEET[environment]['database']['name'], safe='')}"
    latest = get("LATEST#database", target)["data"]
    good = latest["good"]
    snapshot = get(f"SNAP#{target}", good["scheduled_at"])
    body = json.loads(gzip.decompress(snapshot["body"].value))
    omitted = body["tables"][most:]
    item = {
        "environment": environment,
        "database": good["summary"]["database"],
        "engine": good["summary"]["engine"],
        "total_bytes": good["summary"]["total_bytes"],
        "table_count": good["summary"]["table_count"],
        **run_view(good, latest.get("last_failure")),
        "tables": [table_view(table) for table in body["tables"][:most]],
        "tables_omitted": {"table_count": len(omitted), "total_bytes": sum(each["total_bytes"] for each in omitted)},
        "unsized_tables": body["unsized_tables"],
    }
    return {"items": [item], "pending": [], "next": None}


def handle(event):
    claims = ((event["requestContext"].get("authorizer") or {}).get("claims")) or {}
    path = event["resource"]
    if SCOPES[path] not in claims.get("scope", "").split():
        return {"statusCode": 403, "headers": {}, "body": "{}", "isBase64Encoded": False}
    environment = (event["queryStringParameters"] or {}).get("environment")
    view = bucket_size(environment) if path == "/bucket_size" else table_size(environment)
    body = json.dumps(view, separators=(",", ":"), default=int).encode()
    headers = {"content-type": "application/json"}
    if len(body) < 1024 or "gzip" not in event["headers"].get("Accept-Encoding", ""):
        return {"statusCode": 200, "headers": headers, "body": body.decode(), "isBase64Encoded": False}
    headers["content-encoding"] = "gzip"
    packed = base64.b64encode(gzip.compress(body, 1)).decode()
    return {"statusCode": 200, "headers": headers, "body": packed, "isBase64Encoded": True}


def serve():
    api = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
    while True:
        api.request("GET", "/2018-06-01/runtime/invocation/next")
        given = api.getresponse()
        event = json.loads(given.read())
        answer = json.dumps(handle(event)).encode()
        request_id = given.headers["Lambda-Runtime-Aws-Request-Id"]
        api.request("POST", f"/2018-06-01/runtime/invocation/{request_id}/response", answer)
        api.getresponse().read()


if __name__ == "__main__":
    serve()
