"""No fleet makes a policy that IAM refuses: every role's policies, resolved at 10, 100 and 1,000 environments."""

import os
import subprocess
import sys
import tempfile
import tomllib
import unittest
from pathlib import Path

from limits import excesses
from template import REPOSITORY, TEMPLATE, expand

sys.path.insert(0, str(REPOSITORY / "infra/aws"))

import deployment  # noqa: E402 (in the folder of the template, not of the tests)

LISTS = ("StorageBuckets", "InventoryBuckets", "StorageTables", "ConstantDocuments", "DatabaseLogins", "DatabaseSecrets",
         "ConstantSecrets", "ConstantParameters", "ConstantTasks", "DataKeys", "TargetRoles", "AlertTopics", "AlertSecrets")
ACCOUNT, REGION = "123456789012", "ap-southeast-2"


def environment(index):
    """One that has everything: own buckets, a database, and constants of every kind."""
    return f"""
[[environment]]
name = "customer-{index:04}-production"
  [[environment.storage]]
  bucket = "customer-{index:04}-production-file-storage"
  [[environment.storage]]
  kind = "dynamodb"
  id = "sessions-{index % 20}"
  [environment.database]
  engine = "postgres"
  host = "customer-{index:04}.abcdefghijkl.{REGION}.rds.amazonaws.com"
  name = "mendix"
  user = "mrt_ro"
  auth = "arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:databases/customer-{index:04}-AbCdEf"
  [environment.constants]
  model = "s3://customer-configuration/{index:04}/metadata.json"
  layers = [
    {{ kind = "ecs_task", cluster = "cluster-{index % 10}", service = "customer-{index:04}" }},
    {{ kind = "secret", id = "constants/customer-{index:04}" }},
    {{ kind = "ssm_path", path = "/constants/customer-{index:04}" }},
  ]
"""


def parameters(count):
    """What `mrt aws-parameters` derives for a fleet of `count` environments."""
    with tempfile.TemporaryDirectory() as folder:
        fleet = Path(folder) / "fleet.toml"
        fleet.write_text("".join(map(environment, range(count))), encoding="utf-8")
        ran = subprocess.run(
            [Path(os.environ["MRT_TEST_BINARIES"]) / "mrt", "aws-parameters", "--fleet", fleet, "--account", ACCOUNT,
             "--region", REGION], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    return {name: deployment.text_of(value) for name, value in tomllib.loads(ran.stdout).items()}


class Limits(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.template = expand(TEMPLATE)
        cls.declared = deployment.template(TEMPLATE)

    def test_every_size_of_fleet_fits_into_parameters_and_policies(self):
        for count in (10, 100, 1000):
            with self.subTest(environments=count):
                derived = parameters(count)
                faults = [deployment.check(name, value.split(","), self.declared)
                          if self.declared[name]["Type"] == "CommaDelimitedList" else
                          deployment.check(name, value, self.declared) for name, value in derived.items()]
                self.assertEqual([each for each in faults if each], [])
                self.assertEqual(list(excesses(self.template, derived)), [])

    def test_lists_as_long_as_parameters_allow_fit_into_policies(self):
        arns = {"StorageBuckets": "arn:aws:s3:::{:024}", "InventoryBuckets": "arn:aws:s3:::{:024}", "DataKeys": "arn:aws:kms:ap-southeast-2:123456789012:key/{:036}"}
        full = {}
        for name in LISTS:
            arn = arns.get(name, "arn:aws:service:ap-southeast-2:123456789012:{:024}")
            items = []
            while len(",".join([*items, arn.format(0)]).encode()) <= 4096:
                items.append(arn.format(len(items)))
            full[name] = ",".join(items)
        self.assertEqual(list(excesses(self.template, full)), [])

    def test_an_organisation_needs_no_list(self):
        organisation = {"StorageBuckets": "arn:aws:s3:::*", "ResourceOrganization": "o-abcdefghij", "TargetRoleName": "mrt-reader"}
        faults = [deployment.check(name, value, self.declared) for name, value in organisation.items()]
        self.assertEqual([each for each in faults if each], [])
        self.assertEqual(list(excesses(self.template, organisation)), [])


if __name__ == "__main__":
    unittest.main()
