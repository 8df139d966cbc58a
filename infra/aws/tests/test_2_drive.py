"""The deployed system as its clients use it: tokens, routes, schedule, queues, throttling, snapshots."""

import base64
import gzip
import hashlib
import json
import os
import re
import subprocess
import time
import unittest
from pathlib import Path

from storage import FILE_BYTES, FILE_SYSTEM, FREE_BYTES, VOLUME_BYTES
from template import REGION
from waiting import until
from world import DATABASE, STACK, world

SCOPES = {
    "/bucket_size": "mrt/bucket_size.read",
    "/bucket_size/history": "mrt/bucket_size.read",
    "/bucket_size/changes": "mrt/bucket_size.read",
    "/table_size": "mrt/table_size.read",
    "/table_size/history": "mrt/table_size.read",
    "/table_size/changes": "mrt/table_size.read",
    "/users?environment=acme-prod": "mrt/users.read",
    "/users/history": "mrt/users.read",
    "/micro_flow_constants?environment=acme-prod": "mrt/constants.read",
    "/metrics": "mrt/metrics.read",
}


def encoded(part):
    return base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()


def decoded(part):
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


class Drive(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.world = world()

    def problem(self, reply, status, code):
        self.assertEqual(reply.status, status, reply.body)
        self.assertEqual(reply.headers["Content-Type"], "application/problem+json")
        self.assertEqual(reply.json["type"], f"urn:mrt:problem:{code}")
        self.assertEqual(reply.json["status"], status)
        self.assertTrue(reply.json["request_id"])
        return reply.json

    def items(self, path, token):
        reply = self.world.call(path, token)
        self.assertIn(reply.status, (200, 404), reply.body)
        return {(each["environment"], each.get("bucket") or each["database"]): each
                for each in reply.json.get("items", [])}

    def test_01_routes_without_token_answer_and_unknown_ones_are_problems(self):
        health = self.world.call("/health").json
        self.assertEqual((health["status"], len(health["version"]) > 0), ("ok", True))
        # That of the program in the deployed zip.
        program = (self.world.built / "ApiPublic/bootstrap").read_bytes()
        self.assertEqual(health["digest"], hashlib.sha256(program).hexdigest())
        document = self.world.call("/openapi.json")
        self.assertIn("/bucket_size", document.json["paths"])
        self.problem(self.world.call("/nothing"), 404, "not_found")
        # Also with a token, which the gateway would take for an AWS signature and repeat.
        token = self.world.token()
        self.problem(self.world.call("/nothing/at/all", token), 404, "not_found")
        self.problem(self.world.call("/bucket_size", token, method="POST"), 405, "method_not_allowed")
        self.problem(self.world.call("/health", method="DELETE"), 405, "method_not_allowed")

    def test_02_bad_tokens_are_rejected_with_problem_documents(self):
        token = self.world.token()
        header, payload, signature = token.split(".")
        claims = decoded(payload)
        tampered = {**claims, "scope": "mrt/bucket_size.read mrt/users.pii"}
        forged = {**decoded(header), "alg": "none"}
        expired = {**claims, "exp": claims["iat"] - 10}
        flipped = signature[:-5] + ("A" if signature[-5] != "A" else "B") + signature[-4:]
        cases = {
            "none": None,
            "not a token": "nonsense",
            "wrong signature": f"{header}.{payload}.{flipped}",
            "other claims": f"{header}.{encoded(tampered)}.{signature}",
            "no algorithm": f"{encoded(forged)}.{payload}.",
            "expired": f"{header}.{encoded(expired)}.{signature}",
        }
        for path, scope in SCOPES.items():
            for name, bad in cases.items():
                with self.subTest(path=path, token=name):
                    self.problem(self.world.call(path, bad), 401, "unauthorized")
            others = " ".join(sorted({*SCOPES.values()} - {scope}))
            with self.subTest(path=path, token="without the scope"):
                self.problem(self.world.call(path, self.world.token(others)), 401, "unauthorized")

    def test_03_a_scope_that_the_client_lacks_is_not_granted(self):
        with self.assertRaisesRegex(AssertionError, "invalid_(scope|grant)"):
            self.world.token("mrt/users.pii")

    def test_04_only_pages_of_allowed_origins_may_call(self):
        for path in SCOPES:
            good = self.world.call(path, method="OPTIONS", Origin="https://b.example")
            bad = self.world.call(path, method="OPTIONS", Origin="https://evil.example")
            self.assertEqual((good.status, bad.status), (204, 204))
            self.assertEqual(good.headers["Access-Control-Allow-Origin"], "https://b.example")
            self.assertIn("Authorization", good.headers["Access-Control-Allow-Headers"])
            self.assertIsNone(bad.headers["Access-Control-Allow-Origin"])
        rejected = self.world.call("/bucket_size", Origin="https://b.example")
        self.assertEqual(rejected.headers["Access-Control-Allow-Origin"], "https://b.example")

    def test_05_the_schedule_fires_and_the_snapshots_are_correct(self):
        token = self.world.token()
        found = until("the first collection", lambda: self.complete(token))

        buckets = {key: (each["total_bytes"], each["object_count"]) for key, each in found.items() if each["kind"] == "s3"}
        self.assertEqual(buckets, {
            ("acme-prod", "acme-prod-files"): (3345, 2), ("acme-test", "acme-test-files"): (7, 1),
            ("acme-test", "elsewhere-files"): (24, 2), ("acme-test", "reported-files"): (331277155, 143)})
        self.assertEqual(found["acme-test", "reported-files"]["method"], "inventory")
        parts = found["acme-prod", "acme-prod-files"]
        self.assertEqual((parts["multipart"]["total_bytes"], parts["noncurrent"]["total_bytes"], parts["delete_markers"],
                          parts["completeness"]), (17, 0, {"object_count": 0}, "complete"))
        self.assertEqual((parts["cloudwatch"]["total_bytes"], parts["reconciliation"]["difference_bytes"]), (3400, 38))
        others = {each["kind"]: (each["bucket"], each["total_bytes"], each["definition"], each["method"],
                                 each["object_count"]) for each in found.values() if each["kind"] != "s3"}
        rows = self.world.client("dynamodb").describe_table(TableName="acme-sessions")["Table"]["TableSizeBytes"]
        self.assertEqual(others, {
            "efs": (FILE_SYSTEM, FILE_BYTES, "used", "cloudwatch", None),
            "rds": ("acme-db", 20 * 2**30 - FREE_BYTES, "used", "cloudwatch", None),
            "aurora": ("acme", VOLUME_BYTES, "used", "cloudwatch", None),
            "dynamodb": ("acme-sessions", rows, "used", "service", 2),
            "ebs": (self.world.volume, 30 * 2**30, "provisioned", "service", None)})
        volume = found["acme-prod", self.world.volume]["resource"]
        self.assertEqual((volume["used_bytes"], volume["by_storage_class"]), (None, {"gp3": 30 * 2**30}))
        elsewhere = found["acme-test", "elsewhere-files"]
        self.assertEqual((elsewhere["cloudwatch"]["total_bytes"], elsewhere["unmeasured"]), (24, []))
        self.assertEqual((parts["refresh"]["interval_seconds"], parts["refresh"]["reason"]), (60, "every_tick"))
        metrics = self.world.call("/metrics", token)
        self.assertEqual(metrics.headers["Content-Type"], "application/openmetrics-text; version=1.0.0; charset=utf-8")
        sizes = re.findall(rb"^mrt_bucket_size_bytes\{.*\} ([0-9]+)$", metrics.body, re.M)
        self.assertEqual(sum(map(int, sizes)), sum(each["total_bytes"] for each in found.values()))
        (table,) = self.items("/table_size?environment=acme-prod", token).values()
        truth = self.world.psql(DATABASE, "--command", "SELECT pg_total_relation_size('\"system$user\"')")
        sizes = {each["table"]: each["total_bytes"] for each in table["tables"]}
        self.assertEqual(sizes["system$user"], int(truth))
        self.assertEqual(table["completeness"], "complete")
        storage = table["storage"]
        self.assertRegex(storage.pop("as_of"), "^20[0-9-]+T[0-9:]+Z$")
        self.assertEqual(storage, {"kind": "instance", "allocated_bytes": 20 * 2**30,
                                   "allocated_source": "fleet_file", "free_bytes": FREE_BYTES,
                                   "used_bytes": 20 * 2**30 - FREE_BYTES, "reason": None})

    def complete(self, token):
        found = self.items("/bucket_size", token)
        tables = self.items("/table_size?environment=acme-prod", token)
        with_metrics = [each for each in found.values() if each["cloudwatch"]]
        return found if (len(found), len(tables), len(with_metrics)) == (9, 1, 2) else None

    def test_05_an_alert_of_the_fleet_file_reaches_its_topic(self):
        receive = self.world.client("sqs").receive_message
        (message,) = until("the alert", lambda: receive(QueueUrl=self.world.alert_queue).get("Messages"))

        text = json.loads(message["Body"])["Message"]
        self.assertIn("large", text)
        self.assertIn("acme-prod", text)

    def test_06_what_could_not_be_measured_is_named(self):
        token = self.world.token()

        def pending():
            buckets = self.world.call("/bucket_size", token).json["pending"]
            tables = self.world.call("/table_size", token).json["pending"]
            codes = {each["environment"]: (each.get("last_failure") or {}).get("code") for each in buckets + tables}
            return codes if None not in codes.values() else None

        codes = until("both failures", pending)
        self.assertEqual(codes["no-rights"], "access_denied")
        self.assertEqual(codes["no-login"], "credentials_missing")

    def test_07_users_and_constants_are_live_and_secrets_stay(self):
        users = self.world.call("/users?environment=acme-prod", self.world.token("mrt/users.read"))
        self.assertEqual(users.status, 200, users.body)
        named = self.world.psql(DATABASE, "--command", 'SELECT count(*) FROM "system$user" '
                                "WHERE name IS NOT NULL AND isanonymous IS NOT TRUE")
        self.assertEqual(users.json["named"]["total"], int(named))

        def month():
            reply = self.world.call("/users/history?environment=acme-prod", self.world.token("mrt/users.read"))
            months = [each for item in reply.json.get("items", []) for each in item["months"]]
            return (reply, months[-1]) if months else None

        history, running = until("the month's users", month)
        self.assertEqual((history.status, running["is_running"], running["reason"]), (200, True, None), history.body)
        self.assertLessEqual(running["named_user_count"], users.json["named"]["total"])
        constants = self.world.call("/micro_flow_constants?environment=acme-prod",
                                    self.world.token("mrt/constants.read"))
        self.assertEqual(constants.status, 200, constants.body)
        values = {each["name"]: (each["value"], each["masked"]) for each in constants.json["constants"]}
        self.assertEqual(values["Sales.ApiUrl"], ("https://example.com", False))
        # From the running task, a parameter, and a secret, whose values are never shown.
        self.assertEqual((values["Sales.Mode"][0], values["Sales.Region"][0]), ("task", "eu"), constants.body)
        self.assertEqual(values["Sales.Limit"], (None, True))
        self.assertIs(values["Sales.ApiPassword"][1], True)
        for reply in (users, history, constants):
            self.assertNotIn(b"NEVERLEAK", reply.body)
        listed = self.world.call("/users?environment=acme-prod&view=list", self.world.token("mrt/users.read"))
        self.assertEqual(listed.status, 200, listed.body)
        self.assertNotIn(b"NEVERLEAK", listed.body)
        compared = self.world.call("/micro_flow_constants?environment=acme-prod&compare=acme-test",
                                   self.world.token("mrt/constants.read"))
        self.assertEqual(compared.status, 200, compared.body)
        self.assertNotIn(b"NEVERLEAK", compared.body)
        rejected = self.world.call("/users?environment=no-login", self.world.token("mrt/users.read"))
        self.assertGreaterEqual(rejected.status, 400, rejected.body)
        self.assertNotIn(b"NEVERLEAK", rejected.body)

    def test_08_answers_change_with_the_next_collection(self):
        token = self.world.token()
        self.world.put_files("acme-prod-files", {"new": 5_000_000})

        def grown():
            item = self.items("/bucket_size?environment=acme-prod", token)[("acme-prod", "acme-prod-files")]
            return item if item["total_bytes"] == 5_003_345 else None

        self.assertEqual(until("the grown bucket", grown)["object_count"], 3)

        def history():
            path = "/bucket_size/history?environment=acme-prod&bucket=acme-prod-files&step=raw&from=-1h"
            reply = self.world.call(path, token)
            self.assertEqual(reply.status, 200, reply.body)
            values = reply.json["items"][0]["series"][0]["values"]
            return values if values[-1:] == [5_003_345] else None

        self.assertIn(3345, until("the history of the grown bucket", history))
        path = "/bucket_size/changes?environment=acme-prod&bucket=acme-prod-files&from=-1h"
        changes = self.world.call(path, token).json["items"][0]["changes"]
        self.assertEqual(sum(part["change_bytes"] for part in changes["parts"]), 5_000_000)
        self.assertEqual((changes["change_bytes"], changes["other_bytes"]), (5_000_000, 0))
        path = "/table_size/history?environment=acme-prod&group=table&table=system%24user&from=-1h"
        tables = self.world.call(path, token)
        self.assertEqual(tables.status, 200, tables.body)
        self.assertEqual([each["name"] for each in tables.json["items"][0]["series"]], ["system$user"])

    def test_09_a_poisoned_message_ends_in_the_dead_letter_queue_and_the_others_succeed(self):
        sqs = self.world.client("sqs")
        queue, dead = self.world.resource("BucketSizeQueue"), self.world.resource("BucketSizeDeadLetters")
        # Deployed, it is 16 minutes: Lambda's longest run and a minute. Here a message may be delivered again at once.
        sqs.set_queue_attributes(QueueUrl=queue, Attributes={"VisibilityTimeout": "5"})
        due = "2026-01-01T00:00:00Z"
        good = {"target": "acme-prod/s3/acme-prod-files//", "scheduled_at": due}
        sqs.send_message_batch(QueueUrl=queue, Entries=[
            {"Id": "poison", "MessageBody": "not a message: NEVERLEAK-body"},
            {"Id": "good", "MessageBody": json.dumps(good)}])

        def depth():
            found = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["ApproximateNumberOfMessages"])
            return int(found["Attributes"]["ApproximateNumberOfMessages"])

        until("the dead letter", depth)
        self.assertEqual(depth(), 1)
        body = sqs.receive_message(QueueUrl=dead)["Messages"][0]["Body"]
        self.assertEqual(body, "not a message: NEVERLEAK-body")
        until("the good message's snapshot", lambda: self.item("SNAP#acme-prod/s3/acme-prod-files//", due))
        sqs.set_queue_attributes(QueueUrl=queue, Attributes={"VisibilityTimeout": "960"})

    def item(self, partition, sort):
        key = {"pk": {"S": partition}, "sk": {"S": sort}}
        return self.world.client("dynamodb").get_item(
            TableName=self.world.outputs["SnapshotTable"], Key=key, ConsistentRead=True).get("Item")

    def query(self, partition):
        """All items of a partition, read by the AWS CLI."""
        return self.world.aws(
            "dynamodb", "query", "--table-name", self.world.outputs["SnapshotTable"], "--key-condition-expression",
            "pk = :pk", "--expression-attribute-values", json.dumps({":pk": {"S": partition}}))["Items"]

    def test_10_the_table_has_the_documented_layout(self):
        latest = self.query("LATEST#bucket")
        targets = {each["sk"]["S"] for each in latest}
        self.assertIn("acme-prod/s3/acme-prod-files//", targets)
        content = {each["sk"]["S"]: json.loads(gzip.decompress(base64.b64decode(each["body"]["B"]))) for each in latest}
        good = content["acme-prod/s3/acme-prod-files//"]["good"]
        snapshots = {each["sk"]["S"]: each for each in self.query("SNAP#acme-prod/s3/acme-prod-files//")}
        self.assertEqual(sorted(snapshots), list(snapshots), "in the order of their time")
        life = int(snapshots[good["scheduled_at"]]["expires_at"]["N"]) - time.time()
        self.assertTrue(34 * 86400 < life <= 35 * 86400 + 60, life)
        databases = self.query(f"SNAP#acme-prod/db/{DATABASE}")
        body = gzip.decompress(base64.b64decode(databases[0]["body"]["B"]))
        self.assertIn(b"system$user", body)
        # The history of a day that is not over is one item for each run.
        for owner in ("acme-prod/s3/acme-prod-files//", f"acme-prod/db/{DATABASE}",
                      "storage_metrics#acme-prod/s3/acme-prod-files//"):
            self.assertTrue(self.query(f"POINT#{owner}"), owner)
        self.assertEqual([target for target, each in content.items() if "trend" not in each], [])
        everything = self.world.aws("dynamodb", "scan", "--table-name", self.world.outputs["SnapshotTable"])
        self.assertGreater(everything["Count"], len(snapshots) + len(databases))
        self.assertNotIn("NEVERLEAK", json.dumps(everything))

    def test_10_history_is_made_anew_on_request(self):
        invoke = self.world.client("lambda").invoke
        answer = invoke(FunctionName="mrt-plan", Payload=json.dumps({"rebuild": {"environment": "acme-prod"}}))
        report = json.loads(answer["Payload"].read())
        self.assertIsNone(report["next"])
        found = {(each["kind"], each["target"]): each for each in report["targets"]}
        self.assertIn(("database", f"acme-prod/db/{DATABASE}"), found)
        self.assertIn(("storage_metrics", "acme-prod/s3/acme-prod-files//"), found)
        # What was measured today is not closed yet, and there was nothing before.
        self.assertEqual({(each["days"], each["error"]) for each in found.values()} - {(0, None), (1, None)}, set())
        wrong = invoke(FunctionName="mrt-plan", Payload=json.dumps({"rebuild": {"enviroment": "acme-prod"}}))
        failure = json.loads(wrong["Payload"].read())
        self.assertEqual(failure["errorType"], "EventInvalid")
        self.assertIn("unknown field `enviroment`", failure["errorMessage"])

    def test_10_the_functions_say_what_they_reach(self):
        def doctor(*arguments):
            environment = {**os.environ, "AWS_ENDPOINT_URL": self.world.url, "AWS_ACCESS_KEY_ID": "test",
                           "AWS_SECRET_ACCESS_KEY": "test"}
            command = [Path(os.environ["MRT_TEST_BINARIES"]) / "mrt", "doctor", "--aws", STACK, "--region", REGION, "--json", *arguments]
            ran = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
            self.assertIn(ran.returncode, (0, 3), ran.stderr)
            found = json.loads(ran.stdout)
            checks = {(each["environment"], check["what"]): (check["finding"], check["fix"])
                      for each in found["environments"] for check in each["checks"]}
            return ran.returncode, checks, {check["what"]: check for check in found["deployment"]}

        code, checks, deployment = doctor("--environment", "acme-prod")
        # The package of this deployment has no authorities: its database is on this machine.
        problems = {what for what, check in deployment.items() if check["fix"]}
        self.assertEqual((code, problems), (3, {"collect-table-size: authorities of databases"}), (checks, deployment))
        self.assertEqual({environment for environment, _ in checks}, {"acme-prod"})
        self.assertIn(("acme-prod", "acme-prod/s3/acme-prod-files//"), checks)
        self.assertEqual([fix for _, fix in checks.values() if fix], [])
        for what in ("collect-bucket-size: endpoint of SQS", "collect-bucket-size: clock", "collect-table-size: fleet file",
                     "collect-table-size: table of snapshots"):
            self.assertIn(what, deployment)

        code, checks, _ = doctor()
        self.assertEqual(code, 3)
        problems = {environment: finding for (environment, _), (finding, fix) in checks.items() if fix}
        self.assertEqual(problems["no-rights"], "access_denied")
        self.assertIn("no-login", problems)
        self.assertNotIn("acme-prod", problems)

        _, checks, _ = doctor("--environment", "nobody")
        self.assertEqual(checks, {})

    def test_11_a_person_logs_in_from_the_dashboard(self):
        page, settings = self.world.call("/"), self.world.call("/dashboard.json").json
        self.assertEqual((page.status, page.headers["Content-Type"]), (200, "text/html; charset=utf-8"))
        login = "https://mrt-123456789012.auth.us-east-1.amazoncognito.com"
        self.assertIn(f"connect-src 'self' {login};", page.headers["Content-Security-Policy"])
        compressed = self.world.call("/", Accept="text/html", Accept_Encoding="gzip")
        self.assertEqual(compressed.headers["Content-Encoding"], "gzip")
        self.assertEqual(gzip.decompress(compressed.body), page.body)
        self.assertEqual(self.world.call("/", method="HEAD").status, 200)
        self.assertEqual(self.world.call("/", If_None_Match=page.headers["ETag"]).status, 304)
        self.assertEqual(settings["client_id"], self.world.outputs["BrowserClientId"])
        self.assertEqual(settings["authorization_endpoint"], f"{login}/oauth2/authorize")
        self.assertTrue(settings["issuer"].endswith("/" + self.world.outputs["UserPool"]))

        person, redirect = self.world.person("NEVERLEAK-Password-1", "mrt-environment-acme-test"), self.world.page_url
        token = person.log_in(settings, redirect)
        found = until("a collection", lambda: self.items("/bucket_size", token["access_token"]))
        self.assertEqual({environment for environment, _ in found}, {"acme-test"})
        self.problem(self.world.call("/users?environment=acme-prod", token["access_token"]), 404, "not_found")
        self.problem(self.world.call("/bucket_size", token["refresh_token"]), 401, "unauthorized")
        renewed = person.renew(settings, token["refresh_token"])
        self.assertEqual(renewed.status, 200, renewed.body)
        self.assertEqual(person.exchange(settings, redirect, "used-or-guessed").status, 400)
        self.assertEqual(person.authorize(settings, "https://evil.example/").status, 400)
        plain = person.authorize(settings, redirect, code_challenge_method="plain")
        self.assertEqual(plain.status, 302)
        self.assertIn("error=invalid_request", plain.headers["Location"])
        gone = person.log_out(settings, redirect)
        self.assertEqual((gone.status, gone.headers["Location"]), (302, redirect))

    def test_12_a_limited_client_finds_only_its_environments(self):
        # Last of the reads, because the update limits the client for all later tests.
        self.world.deploy(MachineEnvironments="acme-test")
        self.world.put_gateway_responses()
        token = self.world.token()

        def limited():
            names = {environment for environment, _ in self.items("/bucket_size", token)}
            return names == {"acme-test"}

        until("the limit", limited)
        self.problem(self.world.call("/users?environment=acme-prod", token), 404, "not_found")

    def test_13_no_function_was_denied_unexpectedly_and_none_logged_a_secret(self):
        denied = {(each["session"], each["action"], each["resource"]) for each in self.world.decisions()
                   if not each["allowed"]}
        # ENVIRONMENT@FUNCTION is the session of a target's role, which has few rights here.
        unexpected = {each for each in denied if "forbidden-files" not in each[2] and "@" not in each[0]}
        self.assertEqual(unexpected, set())
        self.assertTrue(denied)
        logs = self.world.client("logs")
        lines = 0
        for group in logs.describe_log_groups(logGroupNamePrefix="/aws/lambda/mrt-")["logGroups"]:
            for page in logs.get_paginator("filter_log_events").paginate(logGroupName=group["logGroupName"]):
                for event in page["events"]:
                    lines += 1
                    self.assertNotIn("NEVERLEAK", event["message"], group["logGroupName"])
        self.assertGreater(lines, 10)

    def test_14_too_many_requests_are_429(self):
        self.world.deploy(RequestsPerSecond="1", RequestBurst="2")
        self.world.put_gateway_responses()
        replies = [self.world.call("/health") for _ in range(12)]
        throttled = [reply for reply in replies if reply.status == 429]
        self.assertTrue(throttled, [reply.status for reply in replies])
        self.problem(throttled[0], 429, "throttled")
        self.assertEqual(throttled[0].headers["Retry-After"], "1")
        # Nothing calls the API any more; the first deployment in test_4_life restores the limits.

    def test_15_the_emulator_allowed_nothing_without_a_decision(self):
        undecided = [line for line in self.world.log.splitlines() if "allowing" in line and "AUTH" in line]
        self.assertEqual(undecided, [])
