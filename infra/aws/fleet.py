"""Parameters that the fleet file decides, derived by `mrt aws-parameters`."""

import os
import subprocess
import sys
import tomllib

import boto3

import deployment as files
from deployment import Failed


def derive(wanted, declared):
    """The parameters that the fleet file of the deployment needs; none if the deployment names no fleet file."""
    if not wanted.fleet:
        return {}
    mrt = os.environ.get("MRT", "mrt")
    account = boto3.client("sts", region_name=wanted.region).get_caller_identity()["Account"]
    try:
        ran = subprocess.run(
            [mrt, "aws-parameters", "--fleet", wanted.fleet, "--account", account, "--region", wanted.region],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)
    except OSError as error:
        raise Failed(f"fleet: {mrt} cannot be run ({error.strerror}): set MRT to the program mrt") from error
    if ran.returncode != 0:
        raise Failed(f"fleet: {ran.stderr.strip()}")
    sys.stderr.write(ran.stderr)
    derived = tomllib.loads(ran.stdout)
    if "TargetRoleName" in wanted.parameters:
        # One name for the role of every account stands for the list.
        derived.pop("TargetRoles", None)
    faults = [files.check(name, value, declared) for name, value in derived.items() if name not in wanted.parameters]
    faults = [f"  {each}" for each in faults if each]
    if faults:
        raise Failed("\n".join([f"{wanted.fleet} needs what the template does not take:", *faults]))
    return {name: files.text_of(value) for name, value in derived.items() if name not in wanted.parameters}
