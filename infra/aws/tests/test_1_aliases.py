"""Versions, aliases and the canary: everything calls an alias, which moves whenever the code or a parameter changes."""

import re
import tempfile
import unittest
from pathlib import Path

from limits import Resolved, exists
from template import TEMPLATE, ExpandedTemplate, expand
from world import DISCOVER, FUNCTIONS, release, zips

ALL = FUNCTIONS | DISCOVER
OF_THE_API = {name for name in FUNCTIONS if name.startswith("Api")}


def alias(name):
    return f"{name}Aliaslive"


class Aliases(ExpandedTemplate):
    def test_everything_calls_the_alias(self):
        for path, methods in self.resources["Api"]["Properties"]["Body"]["paths"].items():
            for method, operation in methods.items():
                uri = operation["x-amazon-apigateway-integration"]["uri"]["Fn::Sub"]
                self.assertRegex(uri, r"/functions/\$\{Api\w+Aliaslive\}/invocations$", f"{method} {path}")
        permitted = {each["FunctionName"]["Ref"] for each in self.of("AWS::Lambda::Permission").values()}
        self.assertEqual(permitted, {alias(name) for name in OF_THE_API})
        polled = {each["FunctionName"]["Ref"] for each in self.of("AWS::Lambda::EventSourceMapping").values()}
        self.assertEqual(polled, {alias("CollectBucketSize"), alias("CollectTableSize")})
        called = {each["Target"]["Arn"]["Ref"] for each in self.of("AWS::Scheduler::Schedule").values()}
        self.assertEqual(called, {alias("Plan"), alias("Discover")})
        for each in self.of("AWS::Lambda::EventInvokeConfig").values():
            self.assertEqual(each["Qualifier"], "live")
        resolved = Resolved(self.template, {"Discovery": "true"})
        role = resolved.value(self.resources["ScheduleRole"]["Properties"]["Policies"][0]["PolicyDocument"])
        self.assertEqual(role["Statement"][0]["Resource"], [Resolved.arn(alias("Plan")), Resolved.arn(alias("Discover"))])

    def test_writers_change_only_after_all_readers_were_kept(self):
        for name in ALL.keys() - OF_THE_API:
            self.assertEqual(set(self.resources[name]["DependsOn"]), {alias(each) for each in OF_THE_API}, name)

    def test_the_api_is_tried_on_a_share_of_the_requests_and_returns_by_its_alarms(self):
        groups = self.of("AWS::CodeDeploy::DeploymentGroup")
        self.assertEqual(set(groups), {f"{name}DeploymentGroup" for name in OF_THE_API})
        for name, group in groups.items():
            alarms = [each["Name"]["Ref"] for each in group["AlarmConfiguration"]["Alarms"]]
            self.assertEqual((alarms, group["AlarmConfiguration"]["Enabled"]), (["ApiErrorsAlarm", "ServerErrorsAlarm"], True), name)
            self.assertIs(group["AutoRollbackConfiguration"]["Enabled"], True, name)
            self.assertIn("DEPLOYMENT_STOP_ON_ALARM", group["AutoRollbackConfiguration"]["Events"], name)
            self.assertEqual(group["ServiceRoleArn"]["Fn::If"][:2], ["WithCanary", {"Fn::GetAtt": ["ReleaseRole", "Arn"]}], name)
            policy = self.resources[alias(name.removesuffix("DeploymentGroup"))]["UpdatePolicy"]["CodeDeployLambdaAliasUpdate"]
            self.assertEqual(policy["DeploymentGroupName"], {"Ref": name})
        counted = [each for each in self.resources["ApiErrorsAlarm"]["Properties"]["Metrics"] if "MetricStat" in each]
        functions = {each["MetricStat"]["Metric"]["Dimensions"][0]["Value"]["Ref"] for each in counted}
        self.assertEqual(functions, OF_THE_API)

    def test_each_preference_is_one_that_codedeploy_has_and_none_needs_no_codedeploy(self):
        allowed = self.template["Parameters"]["DeploymentPreference"]["AllowedValues"]
        self.assertEqual(set(allowed), set(self.template["Mappings"]["Shifts"]))
        for preference in allowed:
            template = expand(TEMPLATE, parameters={"DeploymentPreference": preference})
            groups = [each["Properties"] for each in template["Resources"].values() if each["Type"].endswith("::DeploymentGroup")]
            self.assertEqual(len(groups), 0 if preference == "AllAtOnce" else len(OF_THE_API), preference)
            for group in groups:
                self.assertEqual(group["DeploymentConfigName"],
                                 {"Fn::Sub": ["CodeDeployDefault.Lambda${ConfigName}", {"ConfigName": preference}]})
            resolved = Resolved(template, {"DeploymentPreference": preference})
            self.assertEqual(exists(resolved, template["Resources"]["ReleaseRole"]), preference != "AllAtOnce")
            self.assertEqual(any("UpdatePolicy" in each for each in template["Resources"].values()), preference != "AllAtOnce")
            kinds = {each["Type"] for each in template["Resources"].values()}
            self.assertEqual("AWS::CodeDeploy::Application" in kinds, preference != "AllAtOnce")

    def test_codedeploy_shifts_the_functions_of_the_api_and_nothing_else(self):
        (shift, alarms) = self.resources["ReleaseRole"]["Properties"]["Policies"][0]["PolicyDocument"]["Statement"]
        resolved = Resolved(self.template, {})
        (pattern,) = resolved.value(shift["Resource"])
        for name, function in ALL.items():
            arn = resolved.value({"Fn::Sub": "arn:${AWS::Partition}:lambda:${AWS::Region}:${AWS::AccountId}:function:${AWS::StackName}-" + function})
            self.assertEqual(arn.startswith(pattern.removesuffix("*")), name in OF_THE_API, name)
        self.assertEqual(set(shift["Action"]), {"lambda:GetAlias", "lambda:GetProvisionedConcurrencyConfig", "lambda:UpdateAlias"})
        self.assertEqual(alarms["Action"], "cloudwatch:DescribeAlarms")


class Versions(unittest.TestCase):
    """Of a release: SAM names a version by where the code is, and Lambda publishes one only if something changed."""

    def versions(self, programs, **parameters):
        """The logical ids of the versions, by function, and the expanded resources."""
        with tempfile.TemporaryDirectory() as folder:
            packages = []
            for architecture in ("arm64", "x86_64"):
                package = Path(folder) / architecture
                package.mkdir()
                packages.append(package)
                for function in ALL.values():
                    content = f"{architecture}{function}{programs.get(function, '')}".encode()
                    (package / f"{function}.zip").write_bytes(zips.zipped({"bootstrap": content}))
            release.assemble(Path(folder) / "release", packages)
            template = expand(Path(folder) / "release/template.yaml", keep_code=True, parameters={"ArtifactPrefix": "mrt/", **parameters})
        found = {re.sub("Version[0-9a-f]{10}$", "", name): name for name, each in template["Resources"].items()
                 if each["Type"] == "AWS::Lambda::Version"}
        self.assertEqual(set(found), set(ALL))
        return found, template

    def changed(self, before, after):
        return {name for name in ALL if before[0][name] != after[0][name]}

    def test_a_version_is_published_when_the_program_or_the_revision_changes(self):
        first = self.versions({}, Revision="1")
        self.assertEqual(self.changed(first, self.versions({}, Revision="1")), set())
        self.assertEqual(self.changed(first, self.versions({"api-users": "new"}, Revision="1")), {"ApiUsers"})
        self.assertEqual(self.changed(first, self.versions({}, Revision="2")), set(ALL))
        self.assertEqual(self.changed(first, self.versions({}, Revision="1", Architecture="x86_64")), set(),
                         "the architecture is a parameter like any other: its deployment has another revision")

    def test_a_new_revision_changes_each_function_so_that_lambda_publishes(self):
        template = self.versions({}, Revision="1")[1]
        for name in ALL:
            def description(revision, name=name):
                return Resolved(template, {"Revision": revision}).value(template["Resources"][name]["Properties"]["Description"])

            self.assertNotEqual(description("1"), description("2"), name)
            self.assertLessEqual(len(description("r" * 64)), 256, name)

    def test_the_code_is_the_zip_of_the_architecture(self):
        template = self.versions({})[1]
        for architecture in ("arm64", "x86_64"):
            for name, function in ALL.items():
                code = Resolved(template, {"Architecture": architecture, "ArtifactPrefix": "mrt/"}).value(
                    template["Resources"][name]["Properties"]["Code"])
                self.assertRegex(code["S3Key"], rf"^mrt/functions/{architecture}/{function}-x[0-9a-f]{{16}}\.zip$")


if __name__ == "__main__":
    unittest.main()
