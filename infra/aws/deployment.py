"""A deployment's file, deploy.toml: what it may contain, and the parameters that it gives a stack.

Nothing here calls AWS. Every parameter of the template is passed at each deployment, so that the file alone decides: a
parameter that the file leaves out has its default, and never what an earlier deployment had.
"""

import re
import tomllib
from dataclasses import dataclass, field
from pathlib import Path

from samtranslator.yaml_helper import yaml_parse

# Set by deploy.py for each deployment, so the file must not set them.
ARTIFACTS = {"ArtifactBucket", "ArtifactPrefix", "Revision"}
KEYS = {"stack", "region", "profile", "fleet", "artifacts", "parameters"}
STACK = re.compile(r"^[a-zA-Z][a-zA-Z0-9-]{0,43}$")
REGION = re.compile(r"^[a-z]{2}(-[a-z]+)+-[0-9]$")
# What a profile sets unless the file does, and what its file must decide.
PROFILES = {
    # One account, a new VPC, no quota to ask for: nothing is reserved, and each collector runs twice at a time. Nobody
    # depends on it yet, so it changes at once.
    "trial": {
        "defaults": {"ReserveConcurrency": "false", "CollectorConcurrency": "2", "DeploymentPreference": "AllAtOnce"},
        "required": ["FleetBucket"],
    },
    # The databases' own VPC.
    "network": {"defaults": {}, "required": ["FleetBucket", "VpcId", "SubnetIds"]},
    # Targets in all accounts of an organisation, which are read by a role of one name in each.
    "organization": {
        "defaults": {},
        "required": ["FleetBucket", "VpcId", "SubnetIds", "TargetRoleName"],
    },
}


class Failed(Exception):
    """What the file says cannot be deployed."""


@dataclass
class Deployment:
    stack: str
    region: str
    profile: str
    # Path of the fleet file, below the folder of the deployment's file; empty if no parameter is derived from it.
    fleet: str
    artifacts: str
    parameters: dict = field(default_factory=dict)


def template(path):
    """The template's parameters, by name."""
    return yaml_parse(Path(path).read_text(encoding="utf-8"))["Parameters"]


def text_of(value):
    """A value of the file as CloudFormation takes it: lists with commas, booleans in lower case."""
    if isinstance(value, list):
        return ",".join(text_of(each) for each in value)
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def read(path, declared):
    """The deployment in `path`; raises with all faults at once."""
    try:
        content = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise Failed(f"{path} cannot be read: {error.strerror}. `make deploy-file PROFILE=trial` writes one") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Failed(f"{path} is not TOML: {error}") from error
    faults = [f"{key} is not known; allowed are {', '.join(sorted(KEYS))}" for key in sorted(set(content) - KEYS)]
    deployment = Deployment(
        stack=content.get("stack", ""), region=content.get("region", ""), profile=content.get("profile", ""),
        fleet=content.get("fleet", ""), artifacts=content.get("artifacts", ""), parameters={})
    for key in ("fleet", "artifacts"):
        if not isinstance(content.get(key, ""), str):
            faults.append(f"{key} must be text")
    if not STACK.match(str(deployment.stack)):
        faults.append("stack: 1 to 44 letters, digits and hyphens, with a letter first")
    if not REGION.match(str(deployment.region)):
        faults.append("region: a region of AWS, such as eu-west-1")
    if deployment.profile not in PROFILES:
        faults.append(f"profile is '{deployment.profile}'; allowed are {', '.join(PROFILES)}")
    given = content.get("parameters", {})
    if not isinstance(given, dict):
        faults.append("parameters must be a table: [parameters]")
        given = {}
    for name, value in given.items():
        fault = check(name, value, declared)
        if fault:
            faults.append(fault)
    profile = PROFILES.get(deployment.profile, {"defaults": {}, "required": []})
    deployment.parameters = {**profile["defaults"], **{name: text_of(value) for name, value in given.items()}}
    for name in dict.fromkeys([*profile["required"], *(each for each, about in declared.items() if "Default" not in about)]):
        if not deployment.parameters.get(name) and name not in ARTIFACTS:
            faults.append(f"{name} is required by the profile {deployment.profile}: {declared[name].get('Description', '')}")
    if faults:
        raise Failed("\n".join([f"{path} has errors:", *(f"  {each}" for each in faults)]))
    if deployment.fleet:
        deployment.fleet = str(Path(path).parent / deployment.fleet)
    deployment.artifacts = deployment.artifacts or deployment.parameters["FleetBucket"]
    return deployment


def check(name, value, declared):
    """What is wrong with a parameter, or None."""
    about = declared.get(name)
    if about is None:
        near = [each for each in declared if each.lower() == name.lower()]
        return f"{name} is not a parameter of the template" + (f"; did you mean {near[0]}?" if near else "")
    if name in ARTIFACTS:
        return f"{name} is set by each deployment" + ("" if name == "Revision" else "; use artifacts")
    is_list = about["Type"] == "CommaDelimitedList"
    if isinstance(value, list) and not is_list:
        return f"{name} takes one value, not a list"
    if not isinstance(value, (str, int, list)) or (isinstance(value, list) and not all(isinstance(each, str) for each in value)):
        return f"{name} must be text, a number, a boolean{' or a list of texts' if is_list else ''}"
    text = text_of(value)
    if len(text.encode()) > 4096:
        return f"{name} has {len(text.encode())} bytes; CloudFormation takes 4,096: name what it lists by patterns"
    words = about.get("ConstraintDescription") or about.get("Description", "")
    allowed = [text_of(each) for each in about.get("AllowedValues", [])]
    if allowed and text not in allowed:
        return f"{name} is '{text}'; allowed are {', '.join(allowed)}"
    if about["Type"] == "Number":
        if not re.fullmatch(r"[0-9]+", text):
            return f"{name} is '{text}', which is not a number"
        low, high = about.get("MinValue", 0), about.get("MaxValue", 10**9)
        if not int(low) <= int(text) <= int(high):
            return f"{name} is {text}; allowed are {low} to {high}"
    pattern = about.get("AllowedPattern")
    for each in text.split(",") if is_list else [text]:
        if pattern and not re.search(pattern, each):
            return f"{name} has '{each}', which does not match {pattern}: {words}"
    return None


def complete(deployment, declared, found):
    """Every parameter of the template: what the file says, else what was found, else the default."""
    defaults = {name: text_of(about["Default"]) for name, about in declared.items() if "Default" in about}
    return {**defaults, **{name: value for name, value in found.items() if name in declared}, **deployment.parameters}


def forgotten(deployed, deployment, declared, found):
    """Parameters that the running stack has other than by default, and that neither the file nor the network decides."""
    decided = {*deployment.parameters, *found, *ARTIFACTS}
    return {name: value for name, value in deployed.items()
            if name in declared and name not in decided and value != text_of(declared[name].get("Default", ""))}
