"""Deploying by a file: a second deployment keeps every answer, and nothing is lost without being said.

Runs deploy.py on a pseudo-terminal, as a person does, against the emulator.
"""

import http.server
import json
import os
import pty
import re
import subprocess
import sys
import threading
import tomllib
import unittest
from pathlib import Path

from template import REGION, REPOSITORY, TEMPLATE, expand
from world import ACCOUNT, DISCOVER, FUNCTIONS, emulator

AWS = REPOSITORY / "infra/aws"
sys.path.insert(0, str(AWS))

import deployment  # noqa: E402 (in the folder of the template, not of the tests)
import network  # noqa: E402
import release  # noqa: E402
import zips  # noqa: E402

STACK = "mrt-by-file"


def arn(service, rest):
    return f"arn:aws:{service}:{REGION}:{ACCOUNT}:{rest}"


class Deploy(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.world = emulator()
        cls.folder = cls.world.folder / "by-file"
        package = cls.folder / "x86_64"
        package.mkdir(parents=True)
        for function in (FUNCTIONS | DISCOVER).values():
            # Only the one that says which build answers is started.
            program = cls.program(function) if function == "api-public" else b"#!/bin/sh\nexit 1\n"
            (package / f"{function}.zip").write_bytes(zips.zipped({"bootstrap": program}))
        release.assemble(cls.folder / "release", [package])
        cls.client = cls.world.client("cloudformation")
        cls.world.client("s3").create_bucket(Bucket="by-file")
        cls.vpc, cls.subnets, cls.table = cls.network()

    @classmethod
    def program(cls, function):
        stripped = cls.folder / function
        subprocess.run(["strip", "-o", stripped, Path(os.environ["MRT_TEST_BINARIES"]) / function], check=True)
        return stripped.read_bytes()

    @classmethod
    def network(cls):
        """An existing VPC with two private subnets."""
        ec2 = cls.world.client("ec2")
        vpc = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
        subnets = [ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.9.{index}.0/24", AvailabilityZone=f"{REGION}{zone}")
                   ["Subnet"]["SubnetId"] for index, zone in enumerate("aab")]
        table = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
        for subnet in subnets:
            ec2.associate_route_table(RouteTableId=table, SubnetId=subnet)
        return vpc, subnets, table

    def write(self, name, text):
        path = self.folder / name
        path.write_text(text, encoding="utf-8")
        return path

    def answers(self):
        """Forty parameters, each other than by default."""
        return {
            "FleetBucket": "by-file", "FleetKey": "fleets/acme.toml", "StorageBuckets": ["arn:aws:s3:::acme-*", "arn:aws:s3:::b-*"],
            "StorageTables": [arn("dynamodb", "table/sessions")], "StorageMetrics": True, "StorageVolumes": True,
            "ConstantDocuments": ["arn:aws:s3:::acme-config/*"], "DatabaseLogins": [arn("rds-db", "dbuser:*/mrt_ro")],
            "DatabaseSecrets": [arn("secretsmanager", "secret:mrt/*")], "ConstantSecrets": [arn("secretsmanager", "secret:acme/*")],
            "ConstantParameters": [arn("ssm", "parameter/acme/constants")], "ConstantTasks": [arn("ecs", "cluster/acme")],
            "DataKeys": [arn("kms", "key/0123")], "TargetRoles": ["arn:aws:iam::210987654321:role/mrt-reader"],
            "ScheduleMinutes": 1440, "SnapshotRetentionDays": 40, "HistoryHoursDays": 100, "HistoryDays": "400",
            "CollectorConcurrency": 3, "ApiConcurrency": 4, "RequestsPerSecond": 9, "RequestBurst": 18,
            "AllowedOrigins": ["https://a.example", "https://b.example"], "VpcId": self.vpc,
            "SubnetIds": [self.subnets[0], self.subnets[2]], "RouteTableIds": [self.table], "VpcCidr": "10.9.0.0/16",
            "CreateEndpoints": False, "DatabaseCidrs": ["10.8.0.0/16", "10.7.0.0/16"], "S3PrefixListId": "pl-12345678",
            "DynamoDbPrefixListId": "pl-87654321", "AuthDomainPrefix": "acme-mrt", "MachineEnvironments": "acme-prod acme-test",
            "EnvironmentsDefault": "all", "ReaderEnvironment": "acme-prod", "DnsCidr": "10.6.0.2/32",
            "LogLevel": "debug", "LogRetentionDays": 30, "ApiGatewayLogging": "create", "AlarmEmail": "ops@example.com",
        }

    def file(self, name, parameters, stack=STACK):
        quoted = {True: "true", False: "false"}
        lines = [f"{key} = {quoted[value] if isinstance(value, bool) else repr(value).replace(chr(39), chr(34))}"
                 for key, value in parameters.items()]
        return self.write(name, "\n".join([f'stack = "{stack}"', f'region = "{REGION}"', 'profile = "network"', "[parameters]", *lines]))

    def run_on_terminal(self, *arguments, answer=None):
        """Runs deploy.py as on a terminal; returns its exit code, output and how often it asked."""
        environment = {**os.environ, "AWS_ENDPOINT_URL": self.world.url, "AWS_ACCESS_KEY_ID": "test",
                       "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": REGION,
                       "MRT": str(Path(os.environ["MRT_TEST_BINARIES"]) / "mrt")}
        master, slave = pty.openpty()
        ran = subprocess.Popen([sys.executable, "-B", AWS / "deploy.py", *arguments], stdin=slave, stdout=slave,
                               stderr=slave, env=environment, start_new_session=True)
        os.close(slave)
        output, asked = "", 0
        while True:
            try:
                piece = os.read(master, 65536).decode(errors="replace")
            except OSError:  # the other end is closed
                break
            if not piece:
                break
            output += piece
            if output.count("[y/N]") > asked:
                asked += 1
                os.write(master, f"{answer or ''}\n".encode())
        os.close(master)
        return ran.wait(), output, asked

    def deploy(self, path, answer="y"):
        return self.run_on_terminal("deploy", path, self.folder / "release", answer=answer)

    def deployed(self, stack=STACK):
        (found,) = self.client.describe_stacks(StackName=stack)["Stacks"]
        return {each["ParameterKey"]: each["ParameterValue"] for each in found["Parameters"]}

    def test_0_a_second_deployment_keeps_forty_answers_and_asks_once(self):
        answers = self.answers()
        self.assertEqual(len(answers), 40)
        path = self.file("deploy.toml", answers)
        before = path.read_bytes()
        code, output, asked = self.deploy(path)
        self.assertEqual((code, asked), (0, 1), output)
        self.assertRegex(output, r"/v1 answers: version \S+, [0-9a-f]{64}")
        first = self.deployed()
        for name, value in answers.items():
            self.assertEqual(first[name], deployment.text_of(value), name)
            self.assertNotEqual(first[name], deployment.text_of(deployment.template(TEMPLATE)[name].get("Default", "")), name)

        code, output, asked = self.deploy(path)
        self.assertEqual((code, asked), (0, 0), output)
        self.assertIn("No changes to deploy.", output)
        self.assertEqual(self.deployed(), first)

        changed = self.file("changed.toml", {**answers, "LogRetentionDays": 60})
        code, output, asked = self.deploy(changed)
        self.assertEqual((code, asked), (0, 1), output)
        self.assertIn("LogRetentionDays: 30 -> 60", output)
        second = self.deployed()
        self.assertNotEqual(second.pop("Revision"), first["Revision"])
        self.assertEqual(second, {name: value for name, value in {**first, "LogRetentionDays": "60"}.items() if name != "Revision"})
        self.assertEqual(path.read_bytes(), before, "a deployment does not write its file")

    def test_2_enter_changes_nothing(self):
        before = self.deployed()
        code, output, asked = self.deploy(self.file("enter.toml", {**self.answers(), "LogLevel": "error"}), answer="")
        self.assertEqual((code, asked), (1, 1), output)
        self.assertIn("nothing was changed", output)
        self.assertEqual(self.deployed(), before)

    def test_3_what_the_file_forgets_is_named_and_not_lost(self):
        before = self.deployed()
        answers = self.answers()
        for name in ("StorageBuckets", "MachineEnvironments"):
            del answers[name]
        code, output, asked = self.deploy(self.file("forgets.toml", answers))
        self.assertEqual((code, asked), (1, 0), output)
        self.assertIn('StorageBuckets = "arn:aws:s3:::acme-*,arn:aws:s3:::b-*"', output)
        self.assertIn('MachineEnvironments = "acme-prod acme-test"', output)
        self.assertEqual(self.deployed(), before)

    def test_4_a_running_stack_gives_its_file(self):
        path = self.folder / "adopted.toml"
        code, output, _ = self.run_on_terminal("adopt", path, STACK, REGION)
        self.assertEqual(code, 0, output)
        self.assertIsInstance(tomllib.loads(path.read_text(encoding="utf-8"))["parameters"]["SubnetIds"], list)
        code, output, asked = self.deploy(path)
        self.assertEqual((code, asked), (0, 0), output)
        self.assertIn("No changes to deploy.", output)
        code, output, _ = self.run_on_terminal("adopt", path, STACK, REGION)
        self.assertEqual(code, 1, output)
        self.assertIn("is not overwritten", output)

    def test_5_the_network_is_found_and_two_subnets_of_a_zone_are_refused(self):
        answers = {"FleetBucket": "by-file", "VpcId": self.vpc, "SubnetIds": [self.subnets[0], self.subnets[2]]}
        code, output, asked = self.deploy(self.file("found.toml", answers, "mrt-found"), answer="n")
        self.assertEqual((code, asked), (1, 1), output)
        self.assertIn("VpcCidr: none -> 10.9.0.0/16  (found)", output)
        self.assertIn(f"RouteTableIds: none -> {self.table}  (found)", output)

        ec2 = self.world.client("ec2")
        ec2.create_vpc_endpoint(VpcId=self.vpc, ServiceName=f"com.amazonaws.{REGION}.s3", RouteTableIds=[self.table])
        code, output, _ = self.deploy(self.file("endpoints.toml", answers, "mrt-found"), answer="n")
        self.assertEqual(code, 1, output)
        left_out = set(re.findall(r"(Create\w+): none -> false  \(found\)", output))
        self.assertEqual(left_out, {"CreateS3Endpoint"})

        answers["SubnetIds"] = self.subnets[:2]
        code, output, asked = self.deploy(self.file("zone.toml", answers, "mrt-found"))
        self.assertEqual((code, asked), (1, 0), output)
        self.assertIn(f"are both in {REGION}a", output)

    def test_5_existing_endpoints_are_those_of_others_on_our_routes_or_with_a_private_name(self):
        endpoints = [
            {"VpcEndpointId": "vpce-1", "ServiceName": "com.amazonaws.eu-west-1.sqs", "VpcEndpointType": "Interface", "PrivateDnsEnabled": True},
            {"VpcEndpointId": "vpce-2", "ServiceName": "com.amazonaws.eu-west-1.ecs", "VpcEndpointType": "Interface", "PrivateDnsEnabled": False},
            {"VpcEndpointId": "vpce-3", "ServiceName": "com.amazonaws.eu-west-1.sts", "VpcEndpointType": "Interface", "PrivateDnsEnabled": True},
            {"VpcEndpointId": "vpce-4", "ServiceName": "com.amazonaws.eu-west-1.dynamodb", "VpcEndpointType": "Gateway", "RouteTableIds": ["rtb-2"]},
            {"VpcEndpointId": "vpce-5", "ServiceName": "com.amazonaws.eu-west-1.s3", "VpcEndpointType": "Gateway", "RouteTableIds": ["rtb-1"]}]

        class Ec2:  # the emulator forgets private names
            def get_paginator(self, _name):
                return self

            def paginate(self, Filters):  # noqa: N803 (boto3's name)
                return [{"VpcEndpoints": endpoints}] if Filters[0]["Values"] == ["vpc-1"] else []

        found = network.existing_endpoints(Ec2(), "vpc-1", ["rtb-1"], {"StsEndpoint": "vpce-3"})
        self.assertEqual(found, {"CreateSqsEndpoint": "false", "CreateS3Endpoint": "false"})

    def test_6_clients_that_lose_their_limit_are_not_opened(self):
        import deploy

        limited = {"ClientEnvironments": "abc=acme-prod acme-test;def=*"}
        deploy.refuse_to_open(limited, {"EnvironmentsDefault": "none"})
        deploy.refuse_to_open({}, {"EnvironmentsDefault": "all"})
        with self.assertRaises(deploy.Failed) as refused:
            deploy.refuse_to_open(limited, {"EnvironmentsDefault": "all"})
        self.assertIn('[[client]]\n  id = "abc"\n  environments = ["acme-prod", "acme-test"]', str(refused.exception))

    def test_6_another_build_that_answers_is_a_failed_deployment(self):
        import smoke

        (expected, *_) = smoke.digests(self.folder / "release")
        answers = [b'{"status": "ok", "version": "1", "digest": "0"}', json.dumps({"status": "ok", "version": "2", "digest": expected}).encode()]

        class Health(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(200 if self.path == "/v1/health" else 404)
                self.end_headers()
                self.wfile.write(answers[0])

            def log_message(self, *_):
                pass

        server = http.server.HTTPServer(("127.0.0.1", 0), Health)
        self.addCleanup(server.server_close)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.shutdown)
        url = f"http://127.0.0.1:{server.server_port}/v1"
        with self.assertRaisesRegex(smoke.Failed, "another build answers: version 1, digest 0"):
            smoke.check(url, self.folder / "release", wait_seconds=0)
        answers.pop(0)
        self.assertEqual(smoke.check(url, self.folder / "release", wait_seconds=0)["version"], "2")
        with self.assertRaisesRegex(smoke.Failed, "answers 404"):
            smoke.check(f"{url}/nowhere", self.folder / "release", wait_seconds=0)

    def test_6_faults_of_a_file_are_all_named(self):
        path = self.write("faults.toml", '\n'.join([
            'stack = "1"', f'region = "{REGION}"', 'profile = "big"', 'colour = 1', "[parameters]",
            'fleetbucket = "x"', 'ScheduleMinutes = 7', 'ApiConcurrency = 1000', 'AlarmEmail = "nobody"',
            'StorageBuckets = ["arn:aws:s3:::A"]', 'ArtifactBucket = "b"', f'DatabaseSecrets = "{"x" * 5000}"']))
        code, output, _ = self.deploy(path)
        self.assertEqual(code, 1)
        for words in ("colour is not known", "stack: 1 to 44", "allowed are trial", "did you mean FleetBucket?",
                      "ScheduleMinutes is '7'", "allowed are 1 to 100", "AlarmEmail has 'nobody'", "* alone needs",
                      "ArtifactBucket is set by each deployment", "5000 bytes", "FleetBucket is required"):
            self.assertIn(words, re.sub(r"\s+", " ", output))

    def test_7_a_trial_needs_no_reservation(self):
        path = self.folder / "trial.toml"
        code, output, _ = self.run_on_terminal("new", path, "trial")
        self.assertEqual(code, 0, output)
        text = path.read_text(encoding="utf-8").replace('FleetBucket = ""', 'FleetBucket = "by-file"')
        text = text.replace('region = ""', f'region = "{REGION}"')
        trial = deployment.read(self.write("trial.toml", text), deployment.template(TEMPLATE))
        self.assertEqual((trial.parameters["ReserveConcurrency"], trial.parameters["DeploymentPreference"]), ("false", "AllAtOnce"))

    def test_7_rules_accept_empty_lists_and_an_organisation_and_refuse_all_buckets_without_a_limit(self):
        least = {"FleetBucket": "by-file"}
        for name, more, words in (
                ("least", {}, "nothing was changed"),
                ("organisation", {"StorageBuckets": ["arn:aws:s3:::*"], "TargetRoleName": "reader", "ResourceOrganization": "o-abcdefghij"}, "nothing was changed"),
                ("bare", {"StorageBuckets": ["arn:aws:s3:::*"]}, "all buckets need"),
                ("role", {"TargetRoleName": "reader", "ResourceOrganization": "o-abcdefghij", "TargetRoles": ["arn:aws:iam::210987654321:role/a"]}, "either TargetRoleName")):
            with self.subTest(name):
                path = self.file(f"{name}.toml", {**least, **more}, "mrt-rules")
                path.write_text(path.read_text(encoding="utf-8").replace('"network"', '"trial"'), encoding="utf-8")
                code, output, _ = self.deploy(path, answer="n")
                self.assertEqual(code, 1, output)
                self.assertIn(words, output)

    def test_8_a_release_is_a_template_with_its_zips_and_their_digests(self):
        folder = self.folder / "release"
        ran = subprocess.run(["sha256sum", "--check", "SHA256SUMS"], cwd=folder, capture_output=True, text=True, check=False)
        self.assertEqual(ran.returncode, 0, ran.stdout + ran.stderr)
        listed = (folder / "SHA256SUMS").read_text(encoding="utf-8")
        for path in sorted(folder.rglob("*.zip")):
            self.assertIn(path.relative_to(folder).as_posix(), listed)
        functions = expand(folder / "template.yaml", keep_code=True)["Resources"]
        for name, function in (FUNCTIONS | DISCOVER).items():
            code = functions[name]["Properties"]["Code"]
            self.assertEqual(code["S3Bucket"], {"Ref": "ArtifactBucket"}, name)
            self.assertIn(f"/{function}-", code["S3Key"]["Fn::Select"][1][0]["Fn::Sub"])

    def test_9_the_fleet_file_decides_the_lists(self):
        self.write("fleet.toml", """
[[environment]]
name = "acme-prod"
  [[environment.storage]]
  bucket = "acme-prod-files"
  [environment.database]
  engine = "postgres"
  host = "acme.abc.us-east-1.rds.amazonaws.com"
  name = "acme"
  user = "mrt_ro"
""")
        path = self.file("fleet-deploy.toml", {"FleetBucket": "by-file", "VpcId": self.vpc, "SubnetIds": [self.subnets[0], self.subnets[2]]}, "mrt-found")
        path.write_text(f'fleet = "fleet.toml"\n{path.read_text(encoding="utf-8")}', encoding="utf-8")
        code, output, _ = self.deploy(path, answer="n")
        self.assertEqual(code, 1, output)
        self.assertIn("StorageBuckets: none -> arn:aws:s3:::acme-prod-files  (found)", output)
        self.assertIn(f"DatabaseLogins: none -> arn:aws:rds-db:{REGION}:{ACCOUNT}:dbuser:*/mrt_ro  (found)", output)

    @classmethod
    def tearDownClass(cls):
        cls.client.delete_stack(StackName=STACK)


if __name__ == "__main__":
    unittest.main()
