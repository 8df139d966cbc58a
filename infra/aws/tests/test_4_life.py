"""The life cycle of a stack: deployed again without changes, updated in place, deleted except for what is retained.

Runs last, because it deletes the deployment.
"""

import re
import unittest

from world import STACK, world


def without_hash(name):
    """A version's name without what SAM adds for each new one."""
    return re.sub("Version[0-9a-f]{10}$", "Version", name)


class Life(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.world = world()

    def resources(self):
        pages = self.world.client("cloudformation").get_paginator("list_stack_resources").paginate(StackName=STACK)
        found = [each for page in pages for each in page["StackResourceSummaries"]]
        return {each["LogicalResourceId"]: each["PhysicalResourceId"] for each in found
                if each["ResourceStatus"] != "DELETE_COMPLETE"}

    def test_1_a_second_deployment_changes_nothing(self):
        self.world.deploy()
        self.assertIn("No changes to deploy", self.world.deploy())

    def test_2_an_update_changes_in_place_and_adds_the_domain(self):
        before = self.resources()
        self.world.deploy(DnsDomain="example.com", HostedZoneId=self.world.zone, LogLevel="debug",
                          SnapshotRetentionDays="7", HistoryDays="400")
        after = self.resources()

        added = {name for name in set(after) - set(before) if without_hash(name) == name}
        self.assertEqual(added, {"Certificate", "DomainName", "BasePathMapping", "DnsRecord"})
        # Not the API: the domain changes its definition, which AWS updates in place and the emulator replaces.
        for unchanged in ("SnapshotTable", "UserPool", "MachineClient", "CollectBucketSize", "BucketSizeQueue"):
            self.assertEqual(after[unchanged], before[unchanged], unchanged)
        configuration = self.world.client("lambda").get_function_configuration(
            FunctionName="mrt-collect-bucket-size", Qualifier="live")
        variables = configuration["Environment"]["Variables"]
        self.assertEqual((variables["MRT_LOG_LEVEL"], variables["MRT_SNAPSHOT_RETENTION_DAYS"]), ("debug", "7"))
        self.assertEqual((variables["MRT_HISTORY_HOURS_DAYS"], variables["MRT_HISTORY_DAYS"]), ("92", "400"))
        records = self.world.client("route53").list_resource_record_sets(HostedZoneId=self.world.zone)
        (record,) = [each for each in records["ResourceRecordSets"] if each["Name"] == "maas-api.example.com."]
        domain = self.world.client("apigateway").get_domain_name(domainName="maas-api.example.com")
        self.assertEqual((record["Type"], record["ResourceRecords"]),
                         ("CNAME", [{"Value": domain["regionalDomainName"]}]))
        self.assertEqual(domain["securityPolicy"], "SecurityPolicy_TLS13_1_2_PFS_PQ_2025_09")
        reply = self.world.ask("GET", f"{self.world.url}/bucket_size", {"Host": "maas-api.example.com"})
        self.assertEqual(reply.status, 401, reply.body)

    def test_2_the_last_version_can_be_gone_back_to_by_its_alias(self):
        functions = self.world.client("lambda")

        def live():
            return functions.get_alias(FunctionName="mrt-api-public", Name="live")["FunctionVersion"]

        now = live()
        versions = [each["Version"] for each in functions.list_versions_by_function(FunctionName="mrt-api-public")["Versions"]]
        before = str(int(now) - 1)
        self.assertIn(before, versions, "old versions stay")
        functions.update_alias(FunctionName="mrt-api-public", Name="live", FunctionVersion=before)
        self.addCleanup(functions.update_alias, FunctionName="mrt-api-public", Name="live", FunctionVersion=now)
        old, new = (functions.get_function_configuration(FunctionName="mrt-api-public", Qualifier=qualifier)["Description"]
                    for qualifier in ("live", "$LATEST"))
        self.assertNotEqual(old, new, "each deployment has a revision")
        reply = self.world.ask("GET", f"{self.world.url}/health", {"Host": "maas-api.example.com"})
        self.assertEqual(reply.status, 200, reply.body)

    def test_2_restored_snapshots_are_taken_over(self):
        """The drill of infra/README.md, "Restore": nothing that was measured is lost, and the old table stays."""
        domain = {"DnsDomain": "example.com", "HostedZoneId": self.world.zone}
        dynamodb, old = self.world.client("dynamodb"), self.world.outputs["SnapshotTable"]
        key = self.world.client("kms").describe_key(KeyId=self.world.outputs["Key"])["KeyMetadata"]["Arn"]
        before = self.runs()
        self.assertTrue(before)
        type(self).first = self.resources()

        dynamodb.restore_table_to_point_in_time(SourceTableName=old, TargetTableName="mrt-restored", UseLatestRestorableTime=True)
        dynamodb.get_waiter("table_exists").wait(TableName="mrt-restored")
        dynamodb.update_time_to_live(TableName="mrt-restored", TimeToLiveSpecification={"Enabled": True, "AttributeName": "expires_at"})
        dynamodb.update_continuous_backups(TableName="mrt-restored", PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True})
        dynamodb.update_table(TableName="mrt-restored", DeletionProtectionEnabled=True)
        self.world.deploy(**domain, SnapshotTableName="mrt-restored", KeyArn=key)

        self.assertEqual(self.world.outputs["SnapshotTable"], "mrt-restored")
        after = self.runs()
        self.assertEqual({time: after.get(time) for time in before}, before)
        self.assertIn(old, dynamodb.list_tables()["TableNames"])
        self.world.client("kms").describe_key(KeyId=key)
        self.world.deploy(**domain)

    def runs(self):
        """Bytes of a bucket by the time of each run, as the API answers them."""
        headers = {"Host": "maas-api.example.com", "Authorization": f"Bearer {self.world.token()}"}
        path = "/bucket_size/history?environment=acme-prod&step=raw"
        reply = self.world.ask("GET", f"{self.world.url}{path}", headers)
        self.assertEqual(reply.status, 200, reply.body)
        (item,) = [each for each in reply.json["items"] if each["bucket"] == "acme-prod-files"]
        (series,) = [each for each in item["series"] if each["name"] == "total_bytes"]
        return dict(zip(item["times"], series["values"]))

    def test_3_deleting_leaves_only_what_is_retained(self):
        # Also what the stack had before it took over the restored table.
        resources = {**self.first, **self.resources()}
        self.world.sam("delete", "--stack-name", STACK, "--no-prompts", "--region", "us-east-1")

        dynamodb = self.world.client("dynamodb")
        self.assertIn(resources["SnapshotTable"], dynamodb.list_tables()["TableNames"])
        self.world.client("kms").describe_key(KeyId=resources["Key"])
        self.world.client("cognito-idp").describe_user_pool(UserPoolId=resources["UserPool"])
        left = {
            "functions": self.world.client("lambda").list_functions()["Functions"],
            "queues": [url for url in self.world.client("sqs").list_queues().get("QueueUrls", [])
                       if url != self.world.alert_queue],  # the tests' own
            "roles": [role for role in self.world.client("iam").list_roles()["Roles"]
                      if role["RoleName"].startswith(f"{STACK}-") and role["RoleName"] != "mrt-target"],
            "groups": self.world.client("logs").describe_log_groups(logGroupNamePrefix="/aws/lambda/mrt-")["logGroups"],
            "schedules": self.world.client("scheduler").list_schedules()["Schedules"],
            "endpoints": self.world.client("ec2").describe_vpc_endpoints()["VpcEndpoints"],
            "apis": self.world.client("apigateway").get_rest_apis()["items"],
            "alarms": self.world.client("cloudwatch").describe_alarms()["MetricAlarms"],
        }
        self.assertEqual({name: each for name, each in left.items() if each}, {})

    def test_4_required_parameters_alone_deploy_the_minimum(self):
        self.world.deploy_as("mrt-least", ["FleetBucket=mrt-fleet", "Architecture=x86_64"])
        pages = self.world.client("cloudformation").get_paginator("list_stack_resources").paginate(StackName="mrt-least")
        made = {without_hash(each["LogicalResourceId"]) for page in pages for each in page["StackResourceSummaries"]}
        unconditional = {without_hash(name) for name, each in self.world.expanded["Resources"].items() if "Condition" not in each}
        conditional = {"Vpc", "SubnetA", "SubnetB", "RouteTable", "SubnetARoutes", "SubnetBRoutes", "S3Endpoint",
                       "DynamoDbEndpoint", "SqsEndpoint", "SecretsEndpoint", "EndpointSecurityGroup", "UserPool",
                       "AuthDomain", "AllEnvironmentsGroup", "SnapshotTable", "Key", "AwsToEndpoints", "ReleaseRole"}
        self.assertEqual(made, unconditional | conditional)
        self.world.sam("delete", "--stack-name", "mrt-least", "--no-prompts", "--region", "us-east-1")
