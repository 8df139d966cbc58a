"""Compares infra/README.md with the template and the price list. `python3 -B test_1_readme.py` prints its tables."""

import re
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import costs  # noqa: E402 (in the folder of the template, not of the tests)
from template import REPOSITORY, TEMPLATE, expand, statements_of  # noqa: E402
from world import DISCOVER, FUNCTIONS  # noqa: E402

README = (REPOSITORY / "infra/README.md").read_text(encoding="utf-8")
# Descriptions of the statements' resources.
WORDS = {
    "Fleet": "the fleet file, and `discovered.toml` beside it with `Discovery`", "Queue": "the two queues of targets", "FailedTicks": "the queue of dead ticks",
    "Messages": "its queue", "Snapshots": "the table of snapshots", "Buckets": "`StorageBuckets`",
    "OtherAccounts": "`TargetRoles`", "Databases": "`DatabaseLogins`", "Secrets": "`DatabaseSecrets`",
    "DeploymentKey": "the deployment's key", "ConstantSecrets": "`ConstantSecrets`", "Parameters": "`ConstantParameters`",
    "Tasks": "`ConstantTasks`", "TaskDefinitions": "all: ECS offers no resource for it", "DataKeys": "`DataKeys`",
    "Inventories": "`InventoryBuckets`", "Reports": "all keys of `InventoryBuckets`",
    "Documents": "`ConstantDocuments`", "Uploads": "all keys of `StorageBuckets`",
    "WriteDiscovered": "`discovered.toml` beside the fleet file", "FailedDays": "the queue of dead ticks",
    "Tagged": "all: tags are asked for, and servers described, for a whole account", "Traces": "all, with `Tracing`: X-Ray offers no resource for it",
    "SnapshotKey": "the key of the snapshots, through DynamoDB only",
    "ListTasks": "all tasks of the clusters in `ConstantTasks`", "Tables": "`StorageTables`", "Volumes": "all: EC2 offers no resource for it",
    "AlertTopics": "`AlertTopics`", "AlertSecrets": "`AlertSecrets`",
    "Metrics": "all: CloudWatch offers no resource for it", "Logs": "its log group",
}


def permissions(template):
    """One row per function and statement; the text above the table covers what all functions share."""
    lines = ["| function | may | on |", "|---|---|---|"]
    for name, function in (FUNCTIONS | DISCOVER).items():
        for statement in statements_of(template["Resources"], f"{name}Role"):
            if statement["Sid"] == "Logs":
                continue
            actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
            words = WORDS.get(statement["Sid"], statement["Sid"])
            lines.append(f"| `{function}` | {', '.join(f'`{action}`' for action in actions)} | {words} |")
    return "\n".join(lines)


class Readme(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.template = expand(TEMPLATE)

    def test_permissions_match_the_template(self):
        self.assertIn(permissions(self.template), README)

    def test_costs_match_the_formula(self):
        self.assertIn(costs.table(), README)
        self.assertIn(costs.steps(), README)
        self.assertLessEqual(costs.month(1000), 100)
        self.assertLessEqual(sum(costs.each().values()), 0.04)
        self.assertEqual(costs.ZONES, int(self.template["Parameters"]["EndpointZones"]["Default"]))
        kinds = [each["Type"] for each in self.template["Resources"].values()]
        alarms = [each["Properties"] for each in self.template["Resources"].values() if each["Type"] == "AWS::CloudWatch::Alarm"]
        metrics = sum(1 if "MetricName" in each else sum("MetricStat" in metric for metric in each["Metrics"]) for each in alarms)
        self.assertEqual((costs.ALARM_METRICS, costs.COMPOSITE_ALARMS, 1),
                         (metrics, *(kinds.count(f"AWS::CloudWatch::{kind}") for kind in ("CompositeAlarm", "Dashboard"))))
        self.assertAlmostEqual(costs.month(100) - costs.month(10), 90 * sum(costs.each().values()), places=6)
        self.assertAlmostEqual(costs.services(1000, hourly=True)["S3"], 152.08, places=2)

    def test_every_alarm_has_a_row_and_every_row_an_alarm(self):
        alarms = {name for name, each in self.template["Resources"].items() if each["Type"] in ("AWS::CloudWatch::Alarm", "AWS::CloudWatch::CompositeAlarm")}
        self.assertEqual(set(re.findall(r"\b[A-Za-z]+Alarm\b", README)), alarms)

    def test_the_quota_is_the_reserved_concurrency_and_what_lambda_keeps_unreserved(self):
        functions = [each["Properties"] for each in self.template["Resources"].values()
                     if each["Type"] == "AWS::Lambda::Function"]
        defaults = {name: each.get("Default") for name, each in self.template["Parameters"].items()}
        reserved = [each["ReservedConcurrentExecutions"]["Fn::If"][1] for each in functions if "ReservedConcurrentExecutions" in each]
        wanted = 100 + sum(each if isinstance(each, int) else defaults[each["Ref"]] for each in reserved)
        self.assertIn(f"must be {wanted} or more", README)

    def test_every_named_parameter_exists(self):
        named = set(re.findall(r"`([A-Z][A-Za-z0-9]+)=", README))
        self.assertLessEqual(named, set(self.template["Parameters"]))
        self.assertGreater(len(named), 8)


if __name__ == "__main__":
    print(permissions(expand(TEMPLATE)), costs.table(), costs.steps(), sep="\n\n")
