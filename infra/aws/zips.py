#!/usr/bin/env python3
"""Packs compiled functions into the zips of a deployment, and checks each against its size budget.

  zips.py pack BUILT OUT        packs BUILT/<function>/bootstrap, cargo-lambda's output, into OUT/<function>/ and
                                OUT/<function>.zip, reproducibly
  zips.py authorities           checks RDS_CA_BUNDLE, which a deployment must have

Packs every program in `*/src/bin`. Prints each size, and exits with 1 if one exceeds its budget. RDS_CA_BUNDLE names the
file with the authorities of the databases' certificates, which only functions that log in to databases get; `none` is
for fleets without databases. Builds nothing: package.sh does.
"""

import os
import shutil
import ssl
import sys
import time
import zipfile
from io import BytesIO
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
# Bytes of one zip. A cold start begins with fetching and unpacking it.
BUDGET_BYTES = 4_000_000
# Functions above it, each with its reason.
BUDGETS_BYTES: dict[str, int] = {}
# These log in to databases, and find the bundle by MRT_DATABASE_CA_FILE, which template.yaml sets.
DATABASE_FUNCTIONS = ("api-users", "collect-table-size")
BUNDLE_NAME = "rds-ca.pem"
# A bundle that expires sooner is not worth deploying.
BUNDLE_DAYS = 90
BUNDLE_HELP = """\
  It is Amazon's list of RDS authorities, which are on no public list:
    curl -O https://truststore.pki.rds.amazonaws.com/global/global-bundle.pem
    RDS_CA_BUNDLE=global-bundle.pem make package"""


class Failed(Exception):
    """The result must not be deployed."""


def functions():
    """Names of all functions: one per program in */src/bin."""
    names = sorted(path.stem for crate in ("api", "collector") for path in (REPOSITORY / crate / "src/bin").glob("*.rs"))
    if not names:
        raise Failed("there are no functions in */src/bin")
    return names


def read_bundle(is_required):
    """The bundle's bytes; None for a fleet without databases."""
    name = os.environ.get("RDS_CA_BUNDLE", "")
    if name == "none":
        return None
    if not name:
        words = f"RDS_CA_BUNDLE is not set: {' and '.join(DATABASE_FUNCTIONS)} will reject every database.\n{BUNDLE_HELP}"
        if is_required:
            raise Failed(f"{words}\n  RDS_CA_BUNDLE=none is for fleets without databases.")
        print(f"warning: {words}", file=sys.stderr)
        return None
    try:
        text = Path(name).read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise Failed(f"RDS_CA_BUNDLE is {name}, which cannot be read: {error}") from error
    check_bundle(name, text)
    return text.encode()


def check_bundle(name, text):
    if "PRIVATE KEY" in text:
        raise Failed(f"{name} contains a private key: that is not a list of authorities")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.load_verify_locations(cadata=text)
    except (ssl.SSLError, ValueError) as error:
        raise Failed(f"{name} is not a PEM list of certificates: {error}") from error
    ends = sorted(ssl.cert_time_to_seconds(each["notAfter"]) for each in context.get_ca_certs())
    if not ends:
        raise Failed(f"{name} contains no certificate of an authority")
    days = (ends[-1] - time.time()) / 86_400
    if days < BUNDLE_DAYS:
        raise Failed(f"{name}: the last of its {len(ends)} authorities expires in {days:.0f} days\n{BUNDLE_HELP}")
    print(f"{name}: {len(ends)} authorities, until {time.strftime('%Y-%m-%d', time.gmtime(ends[0]))} and later")


def zipped(files):
    """The zip of `files`, names to bytes. Times and owners are fixed: the same files give the same zip."""
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, content in sorted(files.items()):
            entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            entry.create_system = 3  # Unix, like the permissions below
            entry.external_attr = (0o755 if name == "bootstrap" else 0o644) << 16
            archive.writestr(entry, content, zipfile.ZIP_DEFLATED, 9)
    return packed.getvalue()


def check_sizes(sizes):
    """Prints `sizes`, bytes by function, and raises if one exceeds its budget."""
    over = []
    for name, size in sorted(sizes.items()):
        budget = BUDGETS_BYTES.get(name, BUDGET_BYTES)
        print(f"  {name:<24} {size / 1e6:5.2f} MB of {budget / 1e6:.2f}{'' if size <= budget else '  OVER'}")
        if size > budget:
            over.append(name)
    if over:
        raise Failed(f"above the budget of a zip: {', '.join(over)}")


def contents(name, bootstrap, bundle):
    files = {"bootstrap": bootstrap.read_bytes()}
    if bundle is not None and name in DATABASE_FUNCTIONS:
        files[BUNDLE_NAME] = bundle
    return files


def pack(built, out):
    names, bundle = functions(), read_bundle(is_required=False)
    missing = [name for name in names if not (built / name / "bootstrap").is_file()]
    if missing:
        raise Failed(f"not in {built}: {', '.join(missing)}")
    shutil.rmtree(out, ignore_errors=True)
    sizes = {}
    for name in names:
        files = contents(name, built / name / "bootstrap", bundle)
        (out / name).mkdir(parents=True)
        for file, content in files.items():
            (out / name / file).write_bytes(content)
        (out / name / "bootstrap").chmod(0o755)
        packed = zipped(files)
        (out / f"{name}.zip").write_bytes(packed)
        sizes[name] = len(packed)
    check_sizes(sizes)


def main(arguments):
    match arguments:
        case ["pack", built, out]:
            pack(Path(built), Path(out))
        case ["authorities"]:
            read_bundle(is_required=True)
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except Failed as error:
        sys.exit(f"error: {error}")
