"""The roles are minimal: what each may do, what it may not, and no right that its binary never used.

Calls use the credentials of the running functions. The emulator's record of decisions shows what the binaries used in
test_2_drive.
"""

import time
import unittest
from fnmatch import fnmatchcase

from botocore.exceptions import ClientError

from template import REGION
from world import ACCOUNT, FUNCTIONS, world

# Rights used by AWS on the function's behalf, or not visible in the emulator: action or (function, action), with why.
NOT_BY_THE_BINARY = {
    "logs:CreateLogStream": "Lambda writes what the function prints",
    "logs:PutLogEvents": "Lambda writes what the function prints",
    "sqs:DeleteMessage": "Lambda polls the queue for the function",
    "sqs:GetQueueAttributes": "Lambda polls the queue for the function",
    "sqs:ReceiveMessage": "Lambda polls the queue for the function",
    "kms:Decrypt": "Secrets Manager and Parameter Store call KMS on the function's behalf, see test_3",
    ("collect-bucket-size", "sqs:SendMessage"): "the rest of a listing that takes longer than an invocation: "
                                                "collector/tests/it has one",
    "rds-db:connect": "the token is signed locally, and RDS asks IAM when it receives it, see test_3",
}
DENIED = {"AccessDenied", "AccessDeniedException", "AccessDeniedFault", "AuthorizationError", "UnauthorizedOperation",
          "403", "Forbidden"}


def listed(value):
    return value if isinstance(value, list) else [value]


class Roles(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.world = world()
        # Recorded before this test's own calls.
        cls.used = cls.world.decisions()
        cls.alive = {}

    def credentials_of(self, function):
        """The credentials of a function, which is invoked once so that it is running."""
        if function not in self.alive:
            self.world.client("lambda").invoke(FunctionName=f"mrt-{function}", Payload=b"{}")
            self.alive[function] = self.world.credentials(function)
        return self.alive[function]

    def calls(self):
        """All calls: name -> (service, a function of its client)."""
        table, queue = self.world.outputs["SnapshotTable"], self.world.resource
        key = {"pk": {"S": "x"}, "sk": {"S": "x"}}
        query = {"KeyConditionExpression": "pk = :pk", "ExpressionAttributeValues": {":pk": {"S": "x"}}}
        s3, ddb, sqs, secrets, ecs = "s3", "dynamodb", "sqs", "secretsmanager", "ecs"
        upload, midnight = self.world.upload, int(time.time()) // 86400 * 86400
        metric = {"Namespace": "AWS/S3", "MetricName": "BucketSizeBytes", "Dimensions": []}
        metrics = [{"Id": "a", "MetricStat": {"Metric": metric, "Period": 86400, "Stat": "Average"}}]
        (task,) = self.world.client(ecs).list_tasks(cluster="acme")["taskArns"]
        return {
            "read the fleet": (s3, lambda c: c.get_object(Bucket="mrt-fleet", Key="fleet.toml")),
            "write the fleet": (s3, lambda c: c.put_object(Bucket="mrt-fleet", Key="fleet.toml", Body=b"")),
            "read another key in the same bucket": (s3, lambda c: c.get_object(Bucket="mrt-fleet", Key="other")),
            "list a bucket": (s3, lambda c: c.list_objects_v2(Bucket="acme-prod-files")),
            "list another bucket": (s3, lambda c: c.list_objects_v2(Bucket="forbidden-files")),
            "list versions": (s3, lambda c: c.list_object_versions(Bucket="acme-prod-files")),
            "list another bucket's versions": (s3, lambda c: c.list_object_versions(Bucket="forbidden-files")),
            "list uploads": (s3, lambda c: c.list_multipart_uploads(Bucket="acme-prod-files")),
            "list another bucket's uploads": (s3, lambda c: c.list_multipart_uploads(Bucket="forbidden-files")),
            "list parts": (s3, lambda c: c.list_parts(Bucket="acme-prod-files", Key="upload", UploadId=upload)),
            "abort an upload": (s3, lambda c: c.abort_multipart_upload(
                Bucket="acme-prod-files", Key="upload", UploadId=upload)),
            "read a file": (s3, lambda c: c.get_object(Bucket="acme-prod-files", Key="a")),
            "delete a file": (s3, lambda c: c.delete_object(Bucket="acme-prod-files", Key="nothing")),
            "read a model": (s3, lambda c: c.get_object(Bucket="acme-config", Key="metadata.json")),
            "read another model": (s3, lambda c: c.get_object(Bucket="other-config", Key="metadata.json")),
            "find a report": (s3, lambda c: c.list_objects_v2(Bucket="inventories", Prefix="reported-files/")),
            "read a report": (s3, lambda c: c.get_object(Bucket="inventories", Key=self.world.report)),
            "list all buckets": (s3, lambda c: c.list_buckets()),
            "read a snapshot": (ddb, lambda c: c.get_item(TableName=table, Key=key)),
            "query snapshots": (ddb, lambda c: c.query(TableName=table, **query)),
            "write a snapshot": (ddb, lambda c: c.put_item(TableName=table, Item=key)),
            "delete a snapshot": (ddb, lambda c: c.delete_item(TableName=table, Key=key)),
            "update a snapshot": (ddb, lambda c: c.update_item(TableName=table, Key=key)),
            "scan snapshots": (ddb, lambda c: c.scan(TableName=table)),
            "delete the table": (ddb, lambda c: c.delete_table(TableName=table)),
            "read another table": (ddb, lambda c: c.get_item(TableName="other", Key=key)),
            "write another table": (ddb, lambda c: c.put_item(TableName="other", Item=key)),
            "describe a measured table": (ddb, lambda c: c.describe_table(TableName="acme-sessions")),
            "describe another table": (ddb, lambda c: c.describe_table(TableName="other")),
            "read a measured table": (ddb, lambda c: c.get_item(TableName="acme-sessions", Key={"id": {"S": "one"}})),
            "describe a volume": ("ec2", lambda c: c.describe_volumes(VolumeIds=[self.world.volume])),
            "queue a bucket": (sqs, lambda c: c.send_message(QueueUrl=queue("BucketSizeQueue"), MessageBody="{}")),
            "queue a database": (sqs, lambda c: c.send_message(QueueUrl=queue("TableSizeQueue"), MessageBody="{}")),
            "queue elsewhere": (sqs, lambda c: c.send_message(QueueUrl=queue("TableSizeDeadLetters"), MessageBody="{}")),
            "empty a queue": (sqs, lambda c: c.purge_queue(QueueUrl=queue("TableSizeQueue"))),
            "read the secret": (secrets, lambda c: c.get_secret_value(SecretId=self.world.secret_arn)),
            "read the constants' secret": (secrets, lambda c: c.get_secret_value(
                SecretId=self.world.constant_secret_arn)),
            "read the deployment's key": (secrets, lambda c: c.get_secret_value(SecretId=self.credentials_of("api-users")["MRT_DEPLOYMENT_KEY"])),
            "read another secret": (secrets, lambda c: c.get_secret_value(SecretId=self.world.other_secret_arn)),
            "write the secret": (secrets, lambda c: c.put_secret_value(
                SecretId=self.world.secret_arn, SecretString="x")),
            "list secrets": (secrets, lambda c: c.list_secrets()),
            "assume the target's role": ("sts", lambda c: c.assume_role(
                RoleArn=self.world.target_role_arn, RoleSessionName="tests")),
            "assume another role": ("sts", lambda c: c.assume_role(
                RoleArn=self.world.other_role_arn, RoleSessionName="tests")),
            "read parameters": ("ssm", lambda c: c.get_parameters_by_path(Path="/acme-prod/constants")),
            "read other parameters": ("ssm", lambda c: c.get_parameters_by_path(Path="/acme-test/constants")),
            "read one parameter": ("ssm", lambda c: c.get_parameter(Name="/acme-prod/constants/Sales.Region")),
            "list tasks": (ecs, lambda c: c.list_tasks(cluster="acme")),
            "list another cluster's tasks": (ecs, lambda c: c.list_tasks(cluster="other")),
            "describe a task": (ecs, lambda c: c.describe_tasks(cluster="acme", tasks=[task])),
            "describe a service": (ecs, lambda c: c.describe_services(cluster="acme", services=["acme-prod"])),
            "describe another cluster's service": (ecs, lambda c: c.describe_services(
                cluster="other", services=["acme-prod"])),
            "describe a task's definition": (ecs, lambda c: c.describe_task_definition(taskDefinition="acme-prod")),
            "run a command in a task": (ecs, lambda c: c.execute_command(
                cluster="acme", task=task, interactive=True, command="env")),
            "read metrics": ("cloudwatch", lambda c: c.get_metric_data(
                MetricDataQueries=metrics, StartTime=midnight - 86400, EndTime=midnight)),
            "write metrics": ("cloudwatch", lambda c: c.put_metric_data(
                Namespace="MRT", MetricData=[{"MetricName": "Runs", "Value": 1}])),
            "tell a topic": ("sns", lambda c: c.publish(TopicArn=self.world.topic_arn, Message="x")),
            "tell another topic": ("sns", lambda c: c.publish(TopicArn=self.world.other_topic_arn, Message="x")),
            "call a function": ("lambda", lambda c: c.invoke(FunctionName="mrt-plan")),
            "make an interface": ("ec2", lambda c: c.describe_vpcs()),
            "read users of the pool": ("cognito-idp", lambda c: c.list_users(UserPoolId=self.world.outputs["UserPool"])),
        }

    ALLOWED = {
        "plan": {"read the fleet", "queue a bucket", "queue a database", "read a snapshot", "write a snapshot",
                 "query snapshots", "read metrics", "tell a topic", "assume the target's role"},
        "collect-bucket-size": {"read the fleet", "read a snapshot", "write a snapshot", "query snapshots", "list a bucket",
                                "list versions", "list uploads", "list parts", "find a report", "read a report",
                                "queue a bucket", "read metrics",
                                "describe a measured table", "describe a volume", "assume the target's role"},
        "collect-table-size": {"read the fleet", "read a snapshot", "write a snapshot", "query snapshots", "read the secret",
                               "read the deployment's key", "read metrics", "assume the target's role"},
        "api-bucket-size": {"read the fleet", "read a snapshot", "query snapshots"},
        "api-table-size": {"read the fleet", "read a snapshot", "query snapshots"},
        "api-users": {"read the fleet", "read a snapshot", "query snapshots", "read the secret", "read the deployment's key",
                      "assume the target's role"},
        "api-constants": {"read the fleet", "read a model", "read the constants' secret", "read the deployment's key",
                          "read parameters", "list tasks", "describe a task", "describe a service",
                          "describe a task's definition", "assume the target's role"},
        "api-public": set(),
    }

    def granted(self):
        """The rights that a binary must use itself: session, action, and the statement's resources."""
        iam = self.world.client("iam")
        for name, function in FUNCTIONS.items():
            role = self.world.resource(f"{name}Role")
            for statement in self.statements(iam, role, function):
                if statement["Sid"] != "FailedTicks":  # used by Lambda, when `plan` failed for the third time
                    yield from ((f"mrt-{function}", action, listed(statement["Resource"]))
                                for action in listed(statement["Action"])
                                if not {action, (function, action)} & set(NOT_BY_THE_BINARY))

    @staticmethod
    def statements(iam, role, function):
        """The role's own statements and those of the lists' policies; all functions share FunctionPolicy."""
        yield from iam.get_role_policy(RoleName=role, PolicyName=function)["PolicyDocument"]["Statement"]
        for attached in iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"]:
            if "FunctionPolicy" not in attached["PolicyName"]:
                policy = iam.get_policy(PolicyArn=attached["PolicyArn"])["Policy"]
                version = iam.get_policy_version(PolicyArn=policy["Arn"], VersionId=policy["DefaultVersionId"])
                yield from version["PolicyVersion"]["Document"]["Statement"]

    def missing(self, decisions):
        """The rights that were never used in `decisions`, statement by statement."""
        asked = [(each["session"], each["action"], each["resource"]) for each in decisions if each["allowed"]]
        return [(session, action, resources) for session, action, resources in self.granted()
                if not any((session, action) == each[:2] and any(fnmatchcase(each[2], pattern) for pattern in resources)
                           for each in asked)]

    def test_1_every_granted_action_was_used_by_its_binary(self):
        self.assertTrue(self.used, "this needs the record of test_2_drive")
        self.assertEqual(self.missing(self.used), [])

    def test_2_each_role_may_do_exactly_what_its_list_allows(self):
        calls = self.calls()
        self.world.client("dynamodb").create_table(
            TableName="other", BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk")],
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}])
        before = len(self.world.decisions())
        for function, allowed in self.ALLOWED.items():
            for name, (service, call) in calls.items():
                with self.subTest(function=function, call=name):
                    self.assertEqual(self.may(call, service, function), name in allowed)
        self.assertEqual(self.missing(self.world.decisions()[before:]), [], "granted, but not in the list of calls")

    def may(self, call, service, function):
        try:
            call(self.world.client(service, self.credentials_of(function)))
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code in DENIED:
                return False
            raise
        return True

    def test_3_database_logins_and_keys_are_limited_to_those_named(self):
        login = f"arn:aws:rds-db:{REGION}:{ACCOUNT}:dbuser:"
        cases = {
            "rds-db:connect": (f"{login}db-ACME/mrt_deployed", [f"{login}db-ACME/postgres", f"{login}db-OTHER/mrt_deployed"],
                               {"collect-table-size", "api-users"}),
            "kms:Decrypt": (self.world.data_key_arn, [self.world.data_key_arn[:-4] + "0000"],
                            {"collect-bucket-size", "collect-table-size", "api-users", "api-constants"}),
        }
        for action, (ours, others, functions) in cases.items():
            for name, function in FUNCTIONS.items():
                with self.subTest(action=action, function=function):
                    self.assertEqual(self.is_allowed(name, action, ours), function in functions)
                    self.assertEqual([other for other in others if self.is_allowed(name, action, other)], [])

    def is_allowed(self, name, action, resource):
        """IAM's decision for the role of a function, by its name in the template."""
        iam = self.world.client("iam")
        role = iam.get_role(RoleName=self.world.resource(f"{name}Role"))["Role"]["Arn"]
        result = iam.simulate_principal_policy(
            PolicySourceArn=role, ActionNames=[action], ResourceArns=[resource])
        return result["EvaluationResults"][0]["EvalDecision"] == "allowed"
