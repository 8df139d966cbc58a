"""The role for other accounts, reader-role.yaml, and its stack set: linters, rights, trust, and agreement with each other."""

import json
import unittest

from limits import Resolved, excesses, exists
from test_1_template import CHECKS, run
from template import REPOSITORY, TEMPLATE, expand, statements_of
from world import FUNCTIONS

ROLE, STACK_SET = (REPOSITORY / f"infra/aws/{name}.yaml" for name in ("reader-role", "reader-stackset"))
COLLECTOR = {"CollectorAccount": "123456789012", "CollectorStack": "mrt", "ExternalId": "one-of-sixteen-characters"}
LISTS = {
    "InventoryBuckets": "arn:aws:s3:::inventories",
    "DatabaseSecrets": "arn:aws:secretsmanager:eu-west-1:210987654321:secret:databases/*",
    "ConstantDocuments": "arn:aws:s3:::acme-config/*",
    "ConstantSecrets": "arn:aws:secretsmanager:eu-west-1:210987654321:secret:constants/*",
    "ConstantParameters": "arn:aws:ssm:eu-west-1:210987654321:parameter/acme",
    "ConstantTasks": "arn:aws:ecs:eu-west-1:210987654321:task/acme/*",
    "DataKeys": "arn:aws:kms:eu-west-1:210987654321:key/1",
}
EVERYTHING = {**COLLECTOR, **LISTS, "Storage": "true", "StorageTables": "true", "StorageVolumes": "true", "Databases": "true",
              "Constants": "true", "Discovery": "true"}
# What `mrt discover` asks each account: collector/src/discover/.
DISCOVERY = {"tag:GetResources", "rds:DescribeDBClusters", "rds:DescribeDBInstances"}
# What the functions do in their own account only.
AT_HOME = {"sts:AssumeRole", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage", "sqs:SendMessage",
           "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query", "logs:CreateLogStream", "logs:PutLogEvents", "sns:Publish"}


def listed(value):
    return value if isinstance(value, list) else [value]


def load(path):
    from samtranslator.yaml_helper import yaml_parse

    return json.loads(json.dumps(yaml_parse(path.read_text(encoding="utf-8"))))


class Reader(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.template, cls.stack_set = load(ROLE), load(STACK_SET)

    def statements(self, **parameters):
        """All statements of the role with these parameters."""
        resolved = Resolved(self.template, {**COLLECTOR, **parameters})
        for each in self.template["Resources"].values():
            if exists(resolved, each):
                properties = resolved.value(each["Properties"])
                documents = [policy["PolicyDocument"] for policy in properties.get("Policies", [])]
                documents += [properties["PolicyDocument"]] if "PolicyDocument" in properties else []
                yield from (statement for document in documents for statement in document["Statement"])

    def actions(self, **parameters):
        return {action for each in self.statements(**parameters) for action in listed(each["Action"])}

    def test_linters_find_nothing_without_a_stated_reason(self):
        for path in (ROLE, STACK_SET):
            ran = run(CHECKS / "cfn-lint", path)
            self.assertEqual((ran.returncode, ran.stdout), (0, ""), ran.stderr)
        ran = run(CHECKS / "checkov", "--file", ROLE, "--framework", "cloudformation", "--skip-download", "--compact",
                  "--quiet", "--output", "json")
        report = json.loads(ran.stdout)
        failed = [f"{each['check_id']} {each['resource']}" for each in report["results"]["failed_checks"]]
        self.assertEqual(failed, [])
        self.assertGreater(report["summary"]["passed"], 40)

    def test_each_right_is_one_that_a_function_uses_and_none_is_missing(self):
        # test_3_roles shows that a function uses each of its rights.
        resources = expand(TEMPLATE)["Resources"]
        used = {action for name in FUNCTIONS for each in statements_of(resources, f"{name}Role")
                for action in listed(each["Action"])}
        self.assertEqual(self.actions(**EVERYTHING), (used - AT_HOME) | DISCOVERY)

    def test_only_what_is_asked_for_is_allowed(self):
        off = {"Storage": "false", "Databases": "false", "Constants": "false", "Discovery": "false"}
        listing = {"s3:ListBucket", "s3:ListBucketVersions", "s3:ListBucketMultipartUploads", "s3:ListMultipartUploadParts"}
        metrics = {"cloudwatch:GetMetricData"}
        self.assertEqual(self.actions(**off), set())
        self.assertEqual(self.actions(**{**off, "Storage": "true"}), listing | metrics)
        self.assertEqual(self.actions(**{**off, "Databases": "true"}), {"rds-db:connect"} | metrics)
        self.assertEqual(self.actions(**{**off, "Discovery": "true"}), DISCOVERY)
        self.assertEqual(self.actions(**{**off, **LISTS, "DataKeys": ""}), set(), "a list alone allows nothing")
        constants = self.actions(**{**off, **LISTS, "Constants": "true", "DataKeys": ""})
        self.assertEqual(constants, {
            "s3:GetObject", "secretsmanager:GetSecretValue", "ssm:GetParametersByPath", "ecs:DescribeServices",
            "ecs:DescribeTasks", "ecs:ListTasks", "ecs:DescribeTaskDefinition"})

    def test_rights_are_for_this_account_and_read_only(self):
        for each in self.statements(**EVERYTHING):
            for action in listed(each["Action"]):
                self.assertRegex(action.split(":")[1], "^(Describe|Get|List|connect$|Decrypt$)")
            if each["Sid"] in ("Buckets", "Uploads"):
                self.assertIn("aws:ResourceAccount", each["Condition"]["StringEquals"])
            if each["Resource"] == "*":
                self.assertIn(each["Sid"], ("Metrics", "Volumes", "ListTasks", "TaskDefinitions", "Discovery"))
        (login,) = (each["Resource"] for each in self.statements(**EVERYTHING) if each["Sid"] == "Databases")
        self.assertTrue(login.endswith(":dbuser:*/mrt_ro"), login)

    def test_only_the_stacks_roles_are_trusted_and_only_with_the_external_id(self):
        def trust(**parameters):
            resolved = Resolved(self.template, {**COLLECTOR, **parameters})
            (statement,) = resolved.value(self.template["Resources"]["Reader"]["Properties"])["AssumeRolePolicyDocument"]["Statement"]
            return statement

        alone = {"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::123456789012:role/mrt-*"},
                 "StringEquals": {"sts:ExternalId": "one-of-sixteen-characters"}}
        self.assertEqual(trust()["Condition"], alone)
        self.assertEqual(trust()["Principal"], {"AWS": "arn:aws:iam::123456789012:root"})
        organization = trust(OrganizationId="o-abcdefghij")["Condition"]["StringEquals"]
        self.assertEqual(organization["aws:PrincipalOrgID"], "o-abcdefghij")
        # The names that CloudFormation gives the functions' roles begin with the stack's.
        self.assertFalse([name for name in FUNCTIONS
                          if "RoleName" in expand(TEMPLATE)["Resources"][f"{name}Role"]["Properties"]])

    def test_iam_accepts_the_longest_lists(self):
        full = {name: ",".join([value.ljust(200, "x")] * 20) for name, value in LISTS.items()}
        full["StorageBuckets"] = ",".join(["arn:aws:s3:::".ljust(76, "x")] * 53)
        self.assertEqual(list(excesses(self.template, {**EVERYTHING, **full})), [])

    def test_the_stack_set_passes_every_parameter_with_the_same_default(self):
        own, role = self.stack_set["Parameters"], self.template["Parameters"]
        properties = self.stack_set["Resources"]["Readers"]["Properties"]
        passed = {each["ParameterKey"]: each["ParameterValue"] for each in properties["Parameters"]}
        self.assertEqual(passed, {name: {"Ref": name} for name in role})
        for name in set(role) - {"OrganizationId"}:
            self.assertEqual(own[name].get("Default"), role[name].get("Default"), name)
        self.assertNotIn("Default", own["OrganizationId"])
        self.assertEqual(properties["TemplateURL"], ROLE.name)
        self.assertEqual((properties["PermissionModel"], properties["AutoDeployment"]["Enabled"]), ("SERVICE_MANAGED", True))

    def test_lists_have_the_rules_of_the_main_template(self):
        main = load(TEMPLATE)["Parameters"]
        for name in LISTS:
            self.assertEqual(self.template["Parameters"][name], main[name], name)


if __name__ == "__main__":
    unittest.main()
