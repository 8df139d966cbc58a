"""What a review of the template by AWS's documents found, and where each finding has its test.

  F1   a second deployment forgets answers     test_5_deploy: forty answers, what the file forgets, a running stack
  F2   roles exceed IAM's limits               test_1_limits: 10, 100 and 1,000 environments, and lists of full length
  F3   an existing VPC                         test_1_template: endpoints, databases; test_5_deploy: zones; here: its range
  F4   alarms that tell once, or always        test_1_alarms
  F5   the account's role for logs             here; test_1_template: what is retained
  F6   forty accounts by hand                  test_1_reader
  F7   certificate and DNS of other accounts   test_1_template: certificate and record
  F8   the domain's TLS policy                 test_1_template: both names
  F9   table and key of an earlier stack       test_1_template: adopted; test_4_life: the drill of a restore
  F10  all requests at once, and old authorizers  test_1_aliases; test_4_life: an alias; test_1_seed: a changed user pool
  F11  logs that nobody owns                   test_1_template: execution logs
  F12  paths without a token cost money        test_1_template: low limits; here: web ACL and budget
  F13  a function at its limit                 only AWS shows it: infra/README.md, "Tests"
  F14  names of login pages, trust             here
"""

import re
import unittest
from pathlib import Path

from limits import Resolved, exists
from template import ExpandedTemplate


class Review(ExpandedTemplate):
    def made(self, **parameters):
        resolved = Resolved(self.template, parameters)
        return {name for name, each in self.resources.items() if exists(resolved, each)}

    def test_f3_an_existing_vpc_needs_its_own_range(self):
        rule = self.template["Rules"]["ExistingVpc"]
        needed = [each["Assert"] for each in rule["Assertions"]]
        self.assertIn({"Fn::Not": [{"Fn::Equals": [{"Ref": "VpcCidr"}, ""]}]}, needed)
        self.assertEqual(self.template["Parameters"]["VpcCidr"]["Default"], "")

    def test_f5_the_accounts_role_for_logs_is_made_only_when_asked_and_never_removed(self):
        parts = {"ApiGatewayRole", "ApiGatewayAccount"}
        self.assertFalse(parts & self.made())
        self.assertLessEqual(parts, self.made(ApiGatewayLogging="create"))
        for name in parts:
            self.assertEqual((self.resources[name]["DeletionPolicy"], self.resources[name]["UpdateReplacePolicy"]), ("Retain", "Retain"))

    def test_f12_a_web_acl_covers_the_stage_and_a_budget_warns_before_it_is_spent(self):
        parts = {"WebAclAssociation", "Budget"}
        self.assertFalse(parts & self.made())
        given = {"WebAclArn": "arn:acl", "BudgetDollars": "100", "AlarmEmail": "ops@example.com"}
        self.assertLessEqual(parts, self.made(**given))
        association = Resolved(self.template, given).value(self.resources["WebAclAssociation"]["Properties"])
        self.assertEqual(association["WebACLArn"], "arn:acl")
        self.assertRegex(association["ResourceArn"], r"^arn:aws:apigateway:[a-z0-9-]+::/restapis/.+/stages/.+$")
        budget = self.resources["Budget"]["Properties"]
        self.assertEqual(budget["Budget"]["CostFilters"], {"TagKeyValue": ["user:application$mrt-api"]})
        notices = {(each["Notification"]["NotificationType"], each["Notification"]["Threshold"]) for each in budget["NotificationsWithSubscribers"]}
        self.assertEqual(notices, {("ACTUAL", 80), ("FORECASTED", 100)})
        needed = [each["Assert"] for each in self.template["Rules"]["CostBudget"]["Assertions"]]
        self.assertEqual(needed, [{"Fn::Not": [{"Fn::Equals": [{"Ref": "AlarmEmail"}, ""]}]}])

    def test_f14_login_pages_have_names_that_cognito_takes(self):
        pattern = self.template["Parameters"]["AuthDomainPrefix"]["AllowedPattern"]
        for name in ("", "mrt-acme", "a", "acme2"):
            self.assertRegex(name, pattern)
        for name in ("aws", "my-aws-login", "amazonas", "acme-cognito", "-acme", "acme--mrt", "Acme"):
            self.assertNotRegex(name, pattern)

    def test_f14_roles_are_assumed_for_this_account_only(self):
        for name, role in self.of("AWS::IAM::Role").items():
            (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
            account = {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}
            # API Gateway's serves all APIs of the account, and its service sends no source account.
            self.assertEqual(trust.get("Condition"), None if name == "ApiGatewayRole" else account, name)

    def test_every_finding_is_listed_with_tests_that_exist(self):
        listed = dict(re.findall(r"^  (F\d+)\s+.+?\s{2,}(.+)$", __doc__, re.MULTILINE))
        self.assertEqual(list(listed), [f"F{number}" for number in range(1, 15)])
        for name in set(re.findall(r"test_\d_[a-z]+", __doc__)):
            self.assertTrue(Path(__file__).with_name(f"{name}.py").is_file(), name)


if __name__ == "__main__":
    unittest.main()
