"""The template as CloudFormation expands it, and the parts of it that several tests look at."""

import json
import logging
import os
import unittest
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[3]
TEMPLATE = REPOSITORY / "infra/aws/template.yaml"
REGION = "us-east-1"


class ExpandedTemplate(unittest.TestCase):
    """A test of the expanded template. Has no test of its own."""

    @classmethod
    def setUpClass(cls):
        cls.template = expand(TEMPLATE)
        cls.resources = cls.template["Resources"]

    def of(self, kind):
        return {name: each["Properties"] for name, each in self.resources.items() if each["Type"] == kind}


def expand(path, keep_code=False, parameters=None):
    """The template as CloudFormation receives it, with SAM's types expanded; `keep_code` if its code is in S3 already."""
    from samtranslator.translator.transform import transform
    from samtranslator.yaml_helper import yaml_parse

    class NoManagedPolicies:
        def load(self):
            return {}

    for noisy in ("samtranslator", "samcli"):
        logging.getLogger(noisy).setLevel(logging.CRITICAL)
    os.environ.setdefault("AWS_DEFAULT_REGION", REGION)
    template = yaml_parse(Path(path).read_text(encoding="utf-8"))
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function" and not keep_code:
            resource["Properties"]["CodeUri"] = "s3://bucket/key"
    return json.loads(json.dumps(transform(template, parameters or {}, NoManagedPolicies()), default=str))


def chosen(rules):
    """All rules, including those behind conditions."""
    for rule in rules:
        yield from chosen(rule["Fn::If"][1:]) if "Fn::If" in rule else [rule] if "FromPort" in rule else []


def flat(statements):
    """All statements, including those behind conditions."""
    for statement in statements:
        if "Fn::If" in statement:
            yield from (each for each in statement["Fn::If"][1:] if "Action" in each)
        else:
            yield statement


def flat_list(actions):
    return [actions] if isinstance(actions, str) else actions


def statements_of(resources, role):
    """All statements of a function's role: its own, and those of the lists' policies. All functions share FunctionPolicy."""
    properties = resources[role]["Properties"]
    yield from flat(properties["Policies"][0]["PolicyDocument"]["Statement"])
    for each in properties["ManagedPolicyArns"]:
        name = (each["Fn::If"][1] if "Fn::If" in each else each).get("Ref")
        if name != "FunctionPolicy":
            yield from flat(resources[name]["Properties"]["PolicyDocument"]["Statement"])
