"""What is packed into a function's zip, and what is refused. Builds nothing: programs are a few bytes here."""

import os
import subprocess
import sys
import unittest
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory

AWS = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(AWS))

import zips  # noqa: E402


class Zips(unittest.TestCase):
    def setUp(self):
        folder = TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.built, self.out = Path(folder.name, "built"), Path(folder.name, "out")
        for name in zips.functions():
            (self.built / name).mkdir(parents=True)
            (self.built / name / "bootstrap").write_bytes(f"program {name}".encode())

    def pack(self, bundle="none"):
        command = [sys.executable, "-B", AWS / "zips.py", "pack", self.built, self.out]
        return subprocess.run(command, env=os.environ | {"RDS_CA_BUNDLE": bundle}, capture_output=True, text=True)

    def test_every_function_is_packed_and_the_same_program_is_the_same_zip(self):
        first = self.pack()
        before = {path.name: path.read_bytes() for path in self.out.glob("*.zip")}
        second = self.pack()

        self.assertEqual((first.returncode, second.returncode), (0, 0), first.stderr + second.stderr)
        self.assertEqual(sorted(before), sorted(f"{name}.zip" for name in zips.functions()))
        self.assertEqual(before, {path.name: path.read_bytes() for path in self.out.glob("*.zip")})
        with zipfile.ZipFile(self.out / "plan.zip") as archive:
            self.assertEqual(archive.namelist(), ["bootstrap"])
            self.assertEqual(archive.getinfo("bootstrap").external_attr >> 16, 0o755)

    def test_a_program_above_its_budget_is_named(self):
        (self.built / "plan" / "bootstrap").write_bytes(os.urandom(zips.BUDGET_BYTES))

        packed = self.pack()

        self.assertNotEqual(packed.returncode, 0)
        self.assertIn("above the budget of a zip: plan", packed.stderr)

    def test_a_function_that_was_not_built_is_named(self):
        (self.built / "api-users" / "bootstrap").unlink()

        packed = self.pack()

        self.assertNotEqual(packed.returncode, 0)
        self.assertIn("api-users", packed.stderr)

    def test_what_is_no_list_of_authorities_is_refused(self):
        bad = self.built / "bundle.pem"
        for text, words in [("", "no list of certificates"), ("-----BEGIN PRIVATE KEY-----\n", "private key")]:
            bad.write_text(text)

            packed = self.pack(str(bad))

            self.assertNotEqual(packed.returncode, 0)
            self.assertIn(words, packed.stderr)


if __name__ == "__main__":
    unittest.main()
