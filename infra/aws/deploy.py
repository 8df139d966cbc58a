#!/usr/bin/env python3
"""Deploys a release as deploy.toml says: shows what will change, asks once, and asks the API whether it answers.

  deploy.py new FILE PROFILE                writes a deployment's file: trial, network or organization
  deploy.py adopt FILE STACK REGION         writes it from a stack that runs, so that nothing is answered anew
  deploy.py deploy FILE RELEASE [--yes]     deploys RELEASE, a folder that release.py assembled

Asks on a terminal only; elsewhere, --yes is required. AWS's own variables choose account and credentials.
"""

import hashlib
import json
import sys
import time
from pathlib import Path

import boto3
from botocore.exceptions import BotoCoreError, ClientError

import deployment as files
import fleet
import network
import smoke
from deployment import Failed

TEMPLATE = Path(__file__).with_name("template.yaml")
# CloudFormation waits for network interfaces of functions and for a certificate, each up to half an hour.
CHANGE_SET_SECONDS, STACK_SECONDS, POLL_SECONDS = 300, 5400, 5
NO_CHANGES = ("didn't contain changes", "No updates are to be performed")


def main(arguments):
    match arguments:
        case ["new", path, profile]:
            new(Path(path), profile)
        case ["adopt", path, stack, region]:
            adopt(Path(path), stack, region)
        case ["deploy", path, release, *rest] if rest in ([], ["--yes"]):
            deploy(Path(path), Path(release), bool(rest))
        case _:
            sys.exit(__doc__)


# ---- the file

def new(path, profile):
    if profile not in files.PROFILES:
        raise Failed(f"the profile is '{profile}'; allowed are {', '.join(files.PROFILES)}")
    declared = files.template(TEMPLATE)
    required = "\n".join(f"{name} = \"\"  # {declared[name]['Description']}" for name in files.PROFILES[profile]["required"])
    write(path, f"""\
# One deployment of MRT API. Review it, keep it in git, and deploy with `make deploy DEPLOY={path}`.
# Each parameter of infra/aws/template.yaml may be set; what is left out has its default at every deployment.
stack = "mrt"
region = ""  # such as eu-west-1
profile = "{profile}"
fleet = "fleet.toml"  # what it names decides StorageBuckets, DatabaseLogins and so on

[parameters]
{required}
AlarmEmail = ""  # {declared['AlarmEmail']['Description']}
""")


def adopt(path, stack, region):
    deployed = describe(boto3.client("cloudformation", region_name=region), stack)
    if deployed is None:
        raise Failed(f"there is no stack {stack} in {region}")
    declared = files.template(TEMPLATE)
    lines = []
    for name, value in sorted(parameters_of(deployed).items()):
        if name in declared and name not in files.ARTIFACTS and value != files.text_of(declared[name].get("Default", "")):
            lines.append(f"{name} = {toml(value, declared[name])}\n")
    profile = "network" if parameters_of(deployed).get("VpcId") else "trial"
    # A trial's own defaults are decisions here: the stack was deployed without them.
    for name, value in files.PROFILES[profile]["defaults"].items():
        if not any(line.startswith(f"{name} =") for line in lines) and name in declared:
            lines.append(f"{name} = {toml(files.text_of(declared[name]['Default']), declared[name])}\n")
    write(path, f"""\
# One deployment of MRT API, as it runs. Review it, keep it in git, and deploy with `make deploy DEPLOY={path}`.
stack = "{stack}"
region = "{region}"
profile = "{profile}"

[parameters]
{''.join(lines)}""")


def toml(value, about):
    quoted = [f"\"{each}\"" for each in value.split(",")]
    if any(character in value for character in "\"\\\n"):
        raise Failed(f"'{value}' cannot be written as TOML")
    return f"[{', '.join(quoted)}]" if about["Type"] == "CommaDelimitedList" else f"\"{value}\""


def write(path, text):
    try:
        with open(path, "x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError as error:
        raise Failed(f"{path} exists, and is not overwritten") from error
    print(f"wrote {path}")


# ---- the deployment

def deploy(path, release, is_agreed):
    if not (release / "template.yaml").is_file():
        raise Failed(f"{release} is no release: it has no template.yaml")
    declared = files.template(release / "template.yaml")
    wanted = files.read(path, declared)
    if not is_agreed and not sys.stdin.isatty():
        raise Failed("this asks before it changes anything: run it on a terminal, or with --yes")
    cloudformation = boto3.client("cloudformation", region_name=wanted.region)
    deployed = describe(cloudformation, wanted.stack)
    found = fleet.derive(wanted, declared)
    found |= network.find(wanted, declared, resources_of(cloudformation, wanted.stack) if deployed else {})
    before = parameters_of(deployed) if deployed else {}
    lost = files.forgotten(before, wanted, declared, found)
    if lost:
        raise Failed("\n".join([
            f"{wanted.stack} has values that {path} does not mention, and that this deployment would lose:",
            *(f"  {name} = \"{value}\"" for name, value in sorted(lost.items())),
            "Write them there; or, where the default is meant, the default."]))
    values = files.complete(wanted, declared, found)
    refuse_to_open(before, values)
    values |= {"ArtifactBucket": wanted.artifacts, "ArtifactPrefix": f"mrt-api/{wanted.stack}/"}
    values["Revision"] = revision(release, values)
    show_parameters(before, values, found)
    url = upload(release, wanted, values["ArtifactPrefix"])
    change_set = propose(cloudformation, wanted.stack, url, values, is_new=deployed is None)
    if change_set is None:
        print("No changes to deploy.")
        return
    show_changes(cloudformation, change_set)
    if not is_agreed and input(f"Deploy these changes to {wanted.stack} in {wanted.region}? [y/N] ").strip().lower() not in ("y", "yes"):
        cloudformation.delete_change_set(ChangeSetName=change_set)
        raise Failed("not deployed: nothing was changed")
    cloudformation.execute_change_set(ChangeSetName=change_set)
    outputs = {each["OutputKey"]: each["OutputValue"] for each in finish(cloudformation, wanted.stack).get("Outputs", [])}
    for name, value in outputs.items():
        print(f"  {name:<22} {value}")
    try_out(cloudformation, outputs, release)


def try_out(cloudformation, outputs, release):
    """Asks the API which build it is; raises if it is not this one."""
    url, stand_in = outputs["ApiUrl"], cloudformation.meta.endpoint_url
    if not stand_in.startswith("https://"):
        # An emulator of AWS has the API below its own name.
        url = f"{stand_in}/_aws/execute-api/{outputs['ApiId']}/v1"
    try:
        health = smoke.check(url, release, outputs.get("RegionalDomainName"))
    except smoke.Failed as error:
        raise Failed(f"deployed, but {error}\nThe stack is as it was proposed: see the log of api-public, or deploy the last commit again.") from error
    print(f"{url} answers: version {health['version']}, {health['digest']}")


def revision(release, values):
    """What tells this deployment from another: the same template with the same parameters has the same one."""
    content = json.dumps({**values, "Revision": ""}, sort_keys=True).encode()
    return hashlib.sha256((release / "template.yaml").read_bytes() + content).hexdigest()[:16]


def refuse_to_open(before, values):
    """Raises if clients that an earlier template limited would have no limit: they are in the fleet file now."""
    limits = before.get("ClientEnvironments", "")
    if limits and values["EnvironmentsDefault"] == "all":
        entries = "".join(
            f"\n  [[client]]\n  id = \"{client}\"\n  environments = [{', '.join(f'{chr(34)}{name}{chr(34)}' for name in names.split())}]"
            for client, _, names in (limit.partition("=") for limit in limits.split(";")))
        raise Failed("ClientEnvironments limits clients that this deployment would open to every environment, because "
                     f"EnvironmentsDefault is all. Set it to none, deploy, and add to the fleet file:{entries}")


def describe(cloudformation, stack):
    """The stack, or None if there is none; one that only has a proposal counts as none."""
    try:
        (found,) = cloudformation.describe_stacks(StackName=stack)["Stacks"]
    except ClientError as error:
        if "does not exist" in str(error):
            return None
        raise
    if found["StackStatus"] == "REVIEW_IN_PROGRESS":
        return None
    if found["StackStatus"] == "ROLLBACK_COMPLETE":
        raise Failed(f"the first deployment of {stack} failed: delete the stack and what it retained, see infra/README.md")
    return found


def resources_of(cloudformation, stack):
    """Physical ids by logical ids."""
    pages = cloudformation.get_paginator("list_stack_resources").paginate(StackName=stack)
    return {each["LogicalResourceId"]: each.get("PhysicalResourceId", "") for page in pages
            for each in page["StackResourceSummaries"] if each["ResourceStatus"] != "DELETE_COMPLETE"}


def parameters_of(stack):
    return {each["ParameterKey"]: each["ParameterValue"] for each in stack.get("Parameters", [])}


def show_parameters(before, values, found):
    print("Parameters that differ from the last deployment:" if before else "Parameters other than by default:")
    for name in sorted(values):
        if before.get(name, "") != values[name] and name not in files.ARTIFACTS:
            source = "  (found)" if name in found else ""
            print(f"  {name}: {before.get(name, '') or 'none'} -> {values[name] or 'none'}{source}")


def upload(release, wanted, prefix):
    """Uploads what the bucket does not have yet; returns the template's URL."""
    s3 = boto3.client("s3", region_name=wanted.region)
    files_of_release = sorted((release / "functions").rglob("*.zip"))
    for path in [*files_of_release, release / "template.yaml"]:
        key = prefix + path.relative_to(release).as_posix()
        if path.suffix == ".zip" and exists(s3, wanted.artifacts, key):
            continue
        s3.put_object(Bucket=wanted.artifacts, Key=key, Body=path.read_bytes())
    # Signed, so that CloudFormation reads it with this caller's rights, in every partition.
    return s3.generate_presigned_url(
        "get_object", Params={"Bucket": wanted.artifacts, "Key": f"{prefix}template.yaml"}).split("?")[0]


def exists(s3, bucket, key):
    try:
        s3.head_object(Bucket=bucket, Key=key)
    except ClientError as error:
        # Without s3:ListBucket, a key that does not exist is 403.
        if error.response["ResponseMetadata"]["HTTPStatusCode"] in (403, 404):
            return False
        raise
    return True


def propose(cloudformation, stack, url, values, is_new):
    """Creates a change set and waits for it; None if nothing changes."""
    made = cloudformation.create_change_set(
        StackName=stack, ChangeSetName=f"mrt-{time.strftime('%Y%m%d-%H%M%S')}", TemplateURL=url,
        ChangeSetType="CREATE" if is_new else "UPDATE", Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
        Parameters=[{"ParameterKey": name, "ParameterValue": value} for name, value in sorted(values.items())],
        Tags=[{"Key": "application", "Value": "mrt-api"}])["Id"]
    deadline = time.monotonic() + CHANGE_SET_SECONDS
    while time.monotonic() < deadline:
        about = cloudformation.describe_change_set(ChangeSetName=made)
        if about["Status"] == "CREATE_COMPLETE":
            return made
        if about["Status"] == "FAILED":
            reason = about.get("StatusReason", "")
            cloudformation.delete_change_set(ChangeSetName=made)
            if any(words in reason for words in NO_CHANGES):
                return None
            raise Failed(f"CloudFormation rejects the change: {reason}")
        time.sleep(1)
    raise Failed(f"the change set was not ready within {CHANGE_SET_SECONDS} s: {made}")


def show_changes(cloudformation, change_set):
    print("Changes:")
    pages = cloudformation.get_paginator("describe_change_set").paginate(ChangeSetName=change_set)
    for page in pages:
        for each in page["Changes"]:
            change = each["ResourceChange"]
            replaced = {"True": " REPLACED", "Conditional": " perhaps replaced"}.get(change.get("Replacement"), "")
            print(f"  {change['Action']:<7} {change['LogicalResourceId']} ({change['ResourceType']}){replaced}")


def finish(cloudformation, stack):
    """Waits until the stack is deployed, and returns it; raises with the first resource that failed."""
    deadline = time.monotonic() + STACK_SECONDS
    while time.monotonic() < deadline:
        (found,) = cloudformation.describe_stacks(StackName=stack)["Stacks"]
        status = found["StackStatus"]
        if status in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
            print(f"{stack}: {status}")
            return found
        if not status.endswith("_IN_PROGRESS"):
            raise Failed(f"{stack} is {status}:\n{first_failure(cloudformation, stack)}")
        time.sleep(POLL_SECONDS)
    raise Failed(f"{stack} was not deployed within {STACK_SECONDS} s; CloudFormation goes on")


def first_failure(cloudformation, stack):
    events = cloudformation.describe_stack_events(StackName=stack)["StackEvents"]
    failed = [each for each in events if each["ResourceStatus"].endswith("_FAILED")
              and "cancelled" not in each.get("ResourceStatusReason", "")]
    return "\n".join(f"  {each['LogicalResourceId']}: {each.get('ResourceStatusReason', '')}" for each in reversed(failed[-3:]))


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except Failed as error:
        sys.exit(f"error: {error}")
    except (ClientError, BotoCoreError) as error:
        sys.exit(f"error: AWS: {error}")
