"""Storage in the emulator: metrics of buckets, servers and a file system, a table, a volume.

World creates all of it before the deployment. World itself creates the buckets and their files; put_inventory writes a
report about one of them.
"""

import hashlib
import json
import time
from functools import partial

from template import REPOSITORY

FILE_SYSTEM, FILE_BYTES, VOLUME_BYTES = "fs-0123456789abcdef0", 123_456, 654_321
FREE_BYTES = 15 * 2**30  # of the 20 GiB that the fleet file gives as the allocation of the database's instance


def make(client, zone):
    """Creates everything with the clients from `client(service)`; returns the id of the volume in `zone`."""
    put_billed_bytes(client("cloudwatch"))
    put_reports(client("cloudwatch"))
    make_table(client("dynamodb"))
    return client("ec2").create_volume(AvailabilityZone=zone, Size=30, VolumeType="gp3")["VolumeId"]


def put_inventory(s3, bucket):
    """A report of S3 Inventory of a bucket to which no role has a right; returns the key of one of its files."""
    kept = REPOSITORY / "collector/s3-inventory/tests/reports/duckdb"
    put = partial(s3.put_object, Bucket="inventories")
    manifest = json.loads((kept / "manifest.json").read_text(encoding="utf-8"))
    (file,) = manifest["files"]
    path, file["key"] = file["key"], f"{bucket}/daily/data/{file['key']}"
    put(Key=file["key"], Body=(kept / path).read_bytes())
    manifest["sourceBucket"] = bucket
    text = json.dumps(manifest).encode()
    folder = f"{bucket}/daily/{time.strftime('%Y-%m-%dT%H-%MZ', time.gmtime())}"
    put(Key=f"{folder}/manifest.json", Body=text)
    put(Key=f"{folder}/manifest.checksum", Body=hashlib.md5(text).hexdigest().encode())
    return file["key"]


def put_billed_bytes(cloudwatch):
    """Metrics of S3 for yesterday: two files, the part of an upload and 38 bytes of overhead; and the other bucket."""
    midnight = int(time.time()) // 86400 * 86400 - 86400
    cloudwatch.put_metric_data(Namespace="AWS/S3", MetricData=[
        metric(name, midnight, value, BucketName=bucket, StorageType=kind) for bucket, name, kind, value in (
            ("acme-prod-files", "BucketSizeBytes", "StandardStorage", 3400),
            ("acme-prod-files", "NumberOfObjects", "AllStorageTypes", 3),
            ("elsewhere-files", "BucketSizeBytes", "StandardStorage", 24))])


def put_reports(cloudwatch):
    """Current reports of an instance, an Aurora cluster and a file system, valid for at least half an hour."""
    now = int(time.time())
    cloudwatch.put_metric_data(Namespace="AWS/RDS", MetricData=[
        metric("FreeStorageSpace", now, FREE_BYTES, DBInstanceIdentifier="acme-db"),
        metric("VolumeBytesUsed", now, VOLUME_BYTES, DBClusterIdentifier="acme")])
    cloudwatch.put_metric_data(Namespace="AWS/EFS", MetricData=[
        metric("StorageBytes", now, FILE_BYTES, FileSystemId=FILE_SYSTEM, StorageClass=kind)
        for kind in ("Total", "Standard")])


def metric(name, at, value, **dimensions):
    return {"MetricName": name, "Timestamp": at, "Value": float(value),
            "Dimensions": [{"Name": key, "Value": text} for key, text in dimensions.items()]}


def make_table(dynamodb):
    dynamodb.create_table(
        TableName="acme-sessions", BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}])
    for name in ("one", "two"):
        dynamodb.put_item(TableName="acme-sessions", Item={"id": {"S": name}})
