#!/usr/bin/env python3
"""Assembles a release: what CloudFormation deploys without a compiler.

  release.py OUT PACKAGE...     PACKAGE is target/package/<architecture>, as package.sh fills it

OUT receives `template.yaml`, `functions/<architecture>/<function>-<digest>.zip` and `SHA256SUMS`. The template takes the
zips from `ArtifactBucket` and `ArtifactPrefix`; a zip's name has its digest, so an unchanged function is not updated.
"""

import hashlib
import re
import shutil
import sys
from pathlib import Path

TEMPLATE = Path(__file__).with_name("template.yaml")
# In the order of `template.yaml`: a function's binary, then where its code is.
FUNCTION = re.compile(
    r"    Metadata:\n      BuildMethod: rust-cargolambda\n      BuildProperties: \{Binary: (?P<binary>[a-z-]+)\}\n"
    r"(?P<between>.*?)      CodeUri: [^\n]+\n", re.DOTALL)
ARCHITECTURE = re.compile(r"(  Architecture:\n(?:    [^\n]+\n)*?    Default: )[a-z0-9_]+(\n    AllowedValues: )\[[^\n]+\]")
ARTIFACTS = """\
  ArtifactBucket:
    Type: String
    Description: Bucket in this region that holds the zips of this release
    AllowedPattern: '^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$'
    ConstraintDescription: a bucket name
  ArtifactPrefix:
    Type: String
    Description: What precedes functions/ in the keys of the zips, with its slash; empty for nothing
    Default: ''
    AllowedPattern: '^([A-Za-z0-9!_.()/-]{1,400}/)?$'
"""


class Failed(Exception):
    """The release is not complete."""


def digest(content):
    return hashlib.sha256(content).hexdigest()


def zips(package):
    """Contents of the zips of one architecture, by function."""
    found = {path.stem: path.read_bytes() for path in sorted(package.glob("*.zip"))}
    if not found:
        raise Failed(f"{package} has no zips: run make package")
    return found


def packaged(text, names):
    """The template with zips in place of sources. `names`: architecture -> function -> file name."""
    (first, *others) = names.values()
    for other in others:
        if set(other) != set(first):
            raise Failed("the architectures have different functions")
    seen = set()

    def replace(match):
        binary = match["binary"]
        seen.add(binary)
        between = match["between"]
        metadata = f"    Metadata:\n{between[:between.index('    Properties:')]}" if between.lstrip().startswith("checkov") else ""
        properties = between[between.index("    Properties:"):]
        # A version is published when SAM sees another place of the code, with parameters in place but not mappings: the
        # place names every architecture's zip and Revision, of which Select takes one.
        at = [f"!Sub '${{ArtifactPrefix}}functions/{architecture}/{of[binary]}'" for architecture, of in sorted(names.items())]
        place = f"!If [Arm64, {at[0]}, {at[-1]}]" if len(at) > 1 else at[0]
        key = f"!Select [0, [{place}, !Ref Revision]]"
        return f"{metadata}{properties}      CodeUri: {{Bucket: !Ref ArtifactBucket, Key: {key}}}\n"

    text = FUNCTION.sub(replace, text)
    if seen != set(first):
        raise Failed(f"the template has {', '.join(sorted(seen))}, and the zips are {', '.join(sorted(first))}")
    text = text.replace("Parameters:\n", f"Parameters:\n{ARTIFACTS}", 1)
    allowed = sorted(names)
    text, count = ARCHITECTURE.subn(rf"\g<1>{allowed[0]}\g<2>[{', '.join(allowed)}]", text)
    if count != 1:
        raise Failed("the template has no parameter Architecture")
    if len(names) == 1:
        return text
    return text.replace("Conditions:\n", "Conditions:\n  Arm64: !Equals [!Ref Architecture, arm64]\n", 1)


def assemble(out, packages):
    shutil.rmtree(out, ignore_errors=True)
    names = {}
    sums = []
    for package in packages:
        architecture = package.name
        folder = out / "functions" / architecture
        folder.mkdir(parents=True)
        names[architecture] = {}
        for function, content in zips(package).items():
            # Sixteen hexadecimal digits tell builds apart; SHA256SUMS has the whole digest. The `x` keeps YAML from
            # reading a digest of digits as a number.
            name = f"{function}-x{digest(content)[:16]}.zip"
            (folder / name).write_bytes(content)
            names[architecture][function] = name
            sums.append(f"{digest(content)}  functions/{architecture}/{name}\n")
    template = packaged(TEMPLATE.read_text(encoding="utf-8"), names)
    (out / "template.yaml").write_text(template, encoding="utf-8")
    sums.append(f"{digest(template.encode())}  template.yaml\n")
    (out / "SHA256SUMS").write_text("".join(sums), encoding="utf-8")


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    try:
        assemble(Path(sys.argv[1]), [Path(each) for each in sys.argv[2:]])
    except Failed as error:
        sys.exit(f"error: {error}")
