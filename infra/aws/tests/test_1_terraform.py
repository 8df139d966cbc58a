"""The Terraform module agrees with the template and with what a release contains. `python3 -B test_1_terraform.py` prints
its list of parameters.

No package registry has Terraform, so the module is parsed, by checkov's parser, and not run.
"""

import json
import re
import subprocess
import sys
import unittest

from template import REPOSITORY, TEMPLATE

sys.path.insert(0, str(REPOSITORY / "infra/aws"))

import deployment  # noqa: E402 (in the folder of the template, not of the tests)
import release  # noqa: E402

MODULE = REPOSITORY / "infra/terraform"
PARSE = "import hcl2, json, sys; print(json.dumps([hcl2.load(open(path)) for path in sys.argv[1:]], default=str))"


def declared():
    """The module's list of the template's parameters."""
    names = "".join(f'    "{name}",\n' for name in sorted(deployment.template(TEMPLATE)))
    return f"# The template's parameters; a test compares them.\nlocals {{\n  declared = [\n{names}  ]\n}}\n"


class Terraform(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        ran = subprocess.run([REPOSITORY / ".mrt/venv/checkov/bin/python", "-c", PARSE, *sorted(MODULE.glob("*.tf"))],
                             capture_output=True, text=True, check=False)
        assert ran.returncode == 0, ran.stderr
        cls.files = json.loads(ran.stdout)
        cls.text = "".join(path.read_text(encoding="utf-8") for path in sorted(MODULE.glob("*.tf")))

    def blocks(self, kind):
        return [block for file in self.files for block in file.get(kind, [])]

    def test_its_parameters_are_those_of_the_template(self):
        self.assertEqual((MODULE / "parameters.tf").read_text(encoding="utf-8"), declared())

    def test_what_it_refers_to_exists(self):
        variables = {name for block in self.blocks("variable") for name in block}
        self.assertEqual(set(re.findall(r"\bvar\.([a-z_]+)", self.text)), variables)
        locals_ = {name for block in self.blocks("locals") for name in block if not name.startswith("__")}
        self.assertEqual(set(re.findall(r"\blocal\.([a-z_]+)", self.text)), locals_)
        resources = {f"{kind}.{name}" for block in self.blocks("resource") for kind in block for name in block[kind]}
        self.assertEqual(resources, {"aws_s3_object.function", "aws_s3_object.template", "aws_cloudformation_stack.mrt"})
        for name in re.findall(r"(?<!data\.)\b(aws_[a-z0-9_]+\.[a-z]+)\b", self.text):
            self.assertIn(name, resources | {"aws_region.current", "aws_partition.current"})

    def test_it_deploys_a_release_as_its_template_expects(self):
        for name in re.findall(r"^  ([A-Z]\w+):$", release.ARTIFACTS, re.MULTILINE):
            self.assertIn(f"{name} = ", self.text)
        pattern = re.search(r"ArtifactPrefix:.*?AllowedPattern: '([^']+)'", release.ARTIFACTS, re.DOTALL)[1]
        prefix = re.search(r'prefix = "([^"]+)"', self.text)[1].replace("${var.stack}", "mrt")
        self.assertRegex(prefix, pattern)
        (stack,) = [block["aws_cloudformation_stack"]["mrt"] for block in self.blocks("resource") if "aws_cloudformation_stack" in block]
        self.assertIn("CAPABILITY_AUTO_EXPAND", json.dumps(stack["capabilities"]))


if __name__ == "__main__":
    print(declared(), end="")
