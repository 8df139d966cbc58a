"""The roles are minimal: what each may, what it must not, and nothing granted that no binary ever used.

Calls are made with the credentials that the running functions hold. What the binaries used in test_2_drive is in the
emulator's record of its decisions.
"""

import unittest

from botocore.exceptions import ClientError

from test_1_template import flat
from world import ACCOUNT, FUNCTIONS, REGION, until, world

# Granted, and used by AWS in the function's name or not to be seen in the emulator: (function, action), each with why.
NOT_BY_THE_BINARY = {
    "logs:CreateLogStream": "Lambda writes what the function prints",
    "logs:PutLogEvents": "Lambda writes what the function prints",
    "sqs:DeleteMessage": "Lambda polls the queue for the function",
    "sqs:GetQueueAttributes": "Lambda polls the queue for the function",
    "sqs:ReceiveMessage": "Lambda polls the queue for the function",
    "kms:Decrypt": "Secrets Manager and Parameter Store call KMS in the function's name",
    ("collect-bucket-size", "sqs:SendMessage"): "the rest of a listing that takes longer than an invocation: "
                                                "collector/tests/it has one",
    "rds-db:connect": "a token signed on the spot: RDS asks IAM when it gets it, see test_database_logins",
}
DENIED = {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "AccessDeniedFault", "403", "Forbidden"}


class Roles(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.world = world()
        # Before this test's own calls.
        cls.used = {(each["session"], each["action"]) for each in cls.world.decisions() if each["allowed"]}
        cls.alive = {}

    def held(self, function):
        """Credentials of a function; called once so that it runs."""
        if function not in self.alive:
            self.world.client("lambda").invoke(FunctionName=f"mrt-{function}", Payload=b"{}")
            self.alive[function] = self.world.credentials(function)
        return self.alive[function]

    def calls(self):
        """Every call of the table: name -> (service, a function of its client)."""
        table, queue = self.world.outputs["SnapshotTable"], self.world.resource
        key = {"pk": {"S": "x"}, "sk": {"S": "x"}}
        query = {"KeyConditionExpression": "pk = :pk", "ExpressionAttributeValues": {":pk": {"S": "x"}}}
        s3, ddb, sqs = "s3", "dynamodb", "sqs"
        return {
            "read the fleet": (s3, lambda c: c.get_object(Bucket="mrt-fleet", Key="fleet.toml")),
            "write the fleet": (s3, lambda c: c.put_object(Bucket="mrt-fleet", Key="fleet.toml", Body=b"")),
            "read another key beside it": (s3, lambda c: c.get_object(Bucket="mrt-fleet", Key="other")),
            "list a bucket": (s3, lambda c: c.list_objects_v2(Bucket="acme-prod-files")),
            "list another bucket": (s3, lambda c: c.list_objects_v2(Bucket="forbidden-files")),
            "read a file": (s3, lambda c: c.get_object(Bucket="acme-prod-files", Key="a")),
            "delete a file": (s3, lambda c: c.delete_object(Bucket="acme-prod-files", Key="nothing")),
            "read a model": (s3, lambda c: c.get_object(Bucket="acme-config", Key="metadata.json")),
            "read another model": (s3, lambda c: c.get_object(Bucket="other-config", Key="metadata.json")),
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
            "read the secret": ("secretsmanager", lambda c: c.get_secret_value(SecretId=self.world.secret_arn)),
            "read another secret": ("secretsmanager", lambda c: c.get_secret_value(SecretId=self.world.other_secret_arn)),
            "write the secret": ("secretsmanager", lambda c: c.put_secret_value(
                SecretId=self.world.secret_arn, SecretString="x")),
            "assume the target's role": ("sts", lambda c: c.assume_role(
                RoleArn=self.world.target_role_arn, RoleSessionName="tests")),
            "assume another role": ("sts", lambda c: c.assume_role(
                RoleArn=self.world.other_role_arn, RoleSessionName="tests")),
            "read parameters": ("ssm", lambda c: c.get_parameter(Name="x")),
            "call a function": ("lambda", lambda c: c.invoke(FunctionName="mrt-plan")),
            "make an interface": ("ec2", lambda c: c.describe_vpcs()),
            "read users of the pool": ("cognito-idp", lambda c: c.list_users(UserPoolId=self.world.outputs["UserPool"])),
        }

    ALLOWED = {
        "plan": {"read the fleet", "queue a bucket", "queue a database", "read a snapshot", "query snapshots",
                 "assume the target's role"},
        "collect-bucket-size": {"read the fleet", "read a snapshot", "write a snapshot", "list a bucket", "queue a bucket",
                                "assume the target's role", "describe a measured table", "describe a volume"},
        "collect-table-size": {"read the fleet", "read a snapshot", "write a snapshot", "read the secret",
                               "assume the target's role"},
        "api-bucket-size": {"read the fleet", "read a snapshot", "query snapshots"},
        "api-table-size": {"read the fleet", "read a snapshot", "query snapshots"},
        "api-users": {"read the fleet", "read the secret", "assume the target's role"},
        "api-constants": {"read the fleet", "read a model", "assume the target's role"},
        "api-public": set(),
    }

    def test_1_no_action_is_granted_that_no_binary_used(self):
        self.assertIn(("mrt-plan", "sqs:SendMessage"), self.used, "the record of test_2_drive is needed here")
        unused = set()
        for name, function in FUNCTIONS.items():
            policies = self.world.expanded["Resources"][f"{name}Role"]["Properties"]["Policies"]
            for statement in flat(policies[0]["PolicyDocument"]["Statement"]):
                actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
                if statement["Sid"] == "FailedTicks":
                    continue  # by Lambda, when `plan` failed for the third time
                unused |= {(function, action) for action in actions
                           if not {action, (function, action)} & set(NOT_BY_THE_BINARY) and (f"mrt-{function}", action) not in self.used}
        self.assertEqual(unused, set())

    def test_2_each_role_may_what_its_table_says_and_nothing_beside(self):
        calls = self.calls()
        self.world.client("dynamodb").create_table(
            TableName="other", BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk")],
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}])
        for function, allowed in self.ALLOWED.items():
            for name, (service, call) in calls.items():
                with self.subTest(function=function, call=name):
                    self.assertEqual(self.may(call, service, function), name in allowed)

    def may(self, call, service, function):
        try:
            call(self.world.client(service, self.held(function)))
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code in DENIED:
                return False
            raise
        return True

    def test_3_database_logins_are_one_user_of_one_database(self):
        iam = self.world.client("iam")
        ours = f"arn:aws:rds-db:{REGION}:{ACCOUNT}:dbuser:db-ACME/mrt_deployed"
        others = [f"arn:aws:rds-db:{REGION}:{ACCOUNT}:dbuser:db-ACME/postgres",
                  f"arn:aws:rds-db:{REGION}:{ACCOUNT}:dbuser:db-OTHER/mrt_deployed"]
        for name, function in FUNCTIONS.items():
            role = iam.get_role(RoleName=self.world.resource(f"{name}Role"))["Role"]["Arn"]
            found = {}
            for resource in [ours, *others]:
                result = iam.simulate_principal_policy(
                    PolicySourceArn=role, ActionNames=["rds-db:connect"], ResourceArns=[resource])
                found[resource] = result["EvaluationResults"][0]["EvalDecision"]
            may = function in ("collect-table-size", "api-users")
            self.assertEqual(found[ours] == "allowed", may, function)
            for other in others:
                self.assertNotEqual(found[other], "allowed", function)
