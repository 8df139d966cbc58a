"""Starts the AWS emulator with every call authorised and every decision recorded.

Run by the emulator's own Python (.mrt/venv/ministack). It changes these parts of ministack before the start:

* CloudWatch calls of the Rust SDK use a protocol that ministack maps to no action and therefore allows. They are
  mapped here, without a resource, because ministack would look for one in a body that it cannot read.
* IAM has no actions for batches of SQS: sending ten messages at once is sqs:SendMessage.
* A concurrency from a template's parameter is text; ministack compares it with a number.
* An OpenAPI document may contain `x-amazon-apigateway-any-method`, which ministack ignores.
* A template's condition may join, split and select from lists; ministack does not evaluate that.
* SAM expands a template with the values of its parameters, which name a function's versions; ministack passes none.
* An alarm may be on a formula; ministack takes its first metric.
* A composite alarm, which ministack does not have, exists by its name only.
* CodeDeploy, which ministack does not have, exists by its names only: an alias moves to its new version at once.
* A rule of a security group may be a resource of its own, which ministack does not have.
* ECS calls on tasks and services are authorised by their kind of resource, listing tasks by the condition key of the
  cluster, and parameters by their path, as in IAM's reference; ministack uses the cluster and `*`.
* Every request counts as encrypted: here the emulator has no TLS, which policies of queues require.
* Each decision about a role is appended to the file in MRT_DECISIONS as one JSON line. The test of the roles reads it:
  what the functions were allowed is what they need.
* EventBridge Scheduler replaces `<aws.scheduler.scheduled-time>` and similar words in a target's input; ministack
  does not.

What cannot be mapped is still allowed, and logged with the word "allowing": the suite fails on that word.
"""

import json
import os
import re
import threading
import time

from ministack.core import iam_actions, iam_evaluator
from ministack.services import apigateway_v1, eventbridge, lambda_svc
from ministack.services.cloudformation import changesets, engine, handlers, provisioners, stacks
from samtranslator.translator import transform as sam

DECISIONS = os.environ["MRT_DECISIONS"]
CBOR_OPERATION = re.compile(r"^/service/[^/]+/operation/([A-Za-z]+)$")

ECS_KINDS = {"DescribeServices": "service", "DescribeTasks": "task"}

original_resource = iam_actions.extract_resource_arn
original_extract = iam_actions.extract_iam_action
original_enforce = iam_evaluator.enforce
original_origin = iam_evaluator.pin_request_origin
original_invoke = eventbridge._invoke_target
original_concurrency = lambda_svc._sqs_esm_concurrency
original_conditions = engine._evaluate_conditions
original_path = apigateway_v1._import_path_item
original_transforms = engine._apply_transforms
original_sam = sam.transform
given = threading.local()  # parameters of the template that this thread expands
lock = threading.Lock()


def extract_iam_action(service, method, path, headers, body, query_params):
    operation = CBOR_OPERATION.match(path)
    if service == "monitoring" and operation:
        return f"cloudwatch:{operation[1]}"
    action = original_extract(service, method, path, headers, body, query_params)
    return action.removesuffix("Batch") if service == "sqs" and action else action


def extract_resource_arn(service, method, path, headers, body, query_params, region, account, *more):
    if service == "monitoring" and CBOR_OPERATION.match(path):
        return "*"  # ministack would parse the body as JSON; metrics have no resource
    target = headers.get("x-amz-target", "").rsplit(".", 1)[-1]
    if service == "ssm" and target == "GetParametersByPath":
        name = json.loads(body).get("Path", "").strip("/")
        return f"arn:aws:ssm:{region}:{account}:parameter/{name}"
    arn = original_resource(service, method, path, headers, body, query_params, region, account, *more)
    if service == "ecs" and target == "ListTasks":
        return NoResource(**{"ecs:cluster": arn})
    if service == "ecs" and target in ECS_KINDS and ":cluster/" in arn:
        return arn.replace(":cluster/", f":{ECS_KINDS[target]}/") + "/any"
    return arn


class NoResource(str):
    """`*`, with the condition keys of a call without a resource."""

    def __new__(cls, **keys):
        made = super().__new__(cls, "*")
        made.keys = keys
        return made


def enforce(access_key_id, iam_action, service, region, resource_arn="*", service_context=None):
    service_context = {**(service_context or {}), **getattr(resource_arn, "keys", {})}
    denied = original_enforce(access_key_id, iam_action, service, region, resource_arn, service_context)
    principal = iam_evaluator.resolve_principal(access_key_id or "", iam_actions_account())
    arn = getattr(principal, "arn", None) or getattr(principal, "principal_arn", None) or ""
    if ":assumed-role/" in arn:
        line = {"role": arn.split("/")[1], "session": arn.split("/")[-1], "action": iam_action,
                "resource": resource_arn, "allowed": denied is None}
        with lock, open(DECISIONS, "a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
    return denied


def pin_request_origin(source_ip, _secure_transport):
    original_origin(source_ip, True)


def iam_actions_account():
    from ministack.core.responses import get_account_id

    return get_account_id()


def invoke_target(target, event, rule, view=None):
    if event.get("Source") == "aws.scheduler" and target.get("Input"):
        due = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(event["Time"]))
        filled = target["Input"].replace("<aws.scheduler.scheduled-time>", due)
        target = {**target, "Input": filled.replace("<aws.scheduler.execution-id>", event["EventId"])}
    return original_invoke(target, event, rule, view)


def sqs_esm_concurrency(esm, *arguments, **more):
    scaling = esm.get("ScalingConfig") or {}
    if "MaximumConcurrency" in scaling:
        esm = {**esm, "ScalingConfig": {"MaximumConcurrency": int(scaling["MaximumConcurrency"])}}
    return int(original_concurrency(esm, *arguments, **more))


def import_path_item(api_id, path, path_item, *more):
    path_item = {"any" if name == "x-amazon-apigateway-any-method" else name: each for name, each in path_item.items()}
    return original_path(api_id, path, path_item, *more)


def evaluate_conditions(template, params):
    return original_conditions({**template, "Conditions": joined(template.get("Conditions", {}), params)}, params)


def apply_transforms(template, provided_params=None, previous_params=None):
    given.parameters = engine._transform_parameters(template, provided_params, previous_params)
    return original_transforms(template, provided_params, previous_params)


def expand_sam(template, _parameters, policies):
    return original_sam(template, given.parameters, policies)


def joined(value, params):
    """`value`, with each join, split and selection of parameters replaced by its result."""
    if isinstance(value, list):
        return [joined(each, params) for each in value]
    if not isinstance(value, dict):
        return value
    if "Fn::Join" in value:
        separator, items = value["Fn::Join"]
        if isinstance(items, dict):
            items = [each.strip() for each in params[items["Ref"]]["Value"].split(",")]
        return separator.join(joined(items, params))
    if "Fn::Split" in value:
        separator, text = value["Fn::Split"]
        return joined(text, params).split(separator)
    if "Fn::Select" in value:
        index, items = value["Fn::Select"]
        return joined(items, params)[int(index)]
    return {key: joined(each, params) for key, each in value.items()}


def create_egress(_logical_id, props, _stack_name):
    """AWS::EC2::SecurityGroupEgress: adds the rule to its group."""
    group = provisioners._ec2._security_groups[props["GroupId"]]
    group["IpPermissionsEgress"] += provisioners._ec2_sg_permissions([props])
    return f"sgr-{props['GroupId'][3:]}", {}


def plain_alarm(props):
    """An alarm on a formula as one on the formula's first metric."""
    if "Metrics" not in props:
        return props
    stat = next(each["MetricStat"] for each in props["Metrics"] if "MetricStat" in each)
    rest = {name: value for name, value in props.items() if name != "Metrics"}
    return {**rest, **stat["Metric"], "Statistic": stat["Stat"], "Period": stat["Period"]}


def create_alarm(logical_id, props, *more):
    return original_alarm["create"](logical_id, plain_alarm(props), *more)


def update_alarm(physical_id, old_props, new_props, *more, **named):
    return original_alarm["update"](physical_id, plain_alarm(old_props), plain_alarm(new_props), *more, **named)


def create_composite(logical_id, _props, stack_name):
    """AWS::CloudWatch::CompositeAlarm: its name and ARN, and no state."""
    name = f"{stack_name}-{logical_id}"
    region, account = provisioners.get_region(), provisioners.get_account_id()
    return name, {"Arn": f"arn:aws:cloudwatch:{region}:{account}:alarm:{name}"}


def create_by_name(logical_id, _props, stack_name):
    """A resource that has a name and does nothing."""
    return f"{stack_name}-{logical_id}", {}


def delete_egress(_physical_id, props):
    group = provisioners._ec2._security_groups.get(props.get("GroupId"))
    if group:
        rules = provisioners._ec2_sg_permissions([props])
        group["IpPermissionsEgress"] = [each for each in group["IpPermissionsEgress"] if each not in rules]


iam_actions.extract_iam_action = extract_iam_action
iam_actions.extract_resource_arn = extract_resource_arn
iam_evaluator.enforce = enforce
iam_evaluator.pin_request_origin = pin_request_origin
eventbridge._invoke_target = invoke_target
lambda_svc._sqs_esm_concurrency = sqs_esm_concurrency
apigateway_v1._OPENAPI_HTTP_METHODS.add("any")
apigateway_v1._import_path_item = import_path_item
original_alarm = provisioners._RESOURCE_HANDLERS["AWS::CloudWatch::Alarm"]
provisioners._RESOURCE_HANDLERS["AWS::CloudWatch::Alarm"] = {**original_alarm, "create": create_alarm, "update": update_alarm}
provisioners._RESOURCE_HANDLERS["AWS::CloudWatch::CompositeAlarm"] = {"create": create_composite, "delete": lambda *_: None}
provisioners._RESOURCE_HANDLERS["AWS::EC2::SecurityGroupEgress"] = {"create": create_egress, "delete": delete_egress}
sam.transform = expand_sam
for module in (changesets, engine, handlers):
    module._apply_transforms = apply_transforms
for kind in ("Application", "DeploymentGroup"):
    provisioners._RESOURCE_HANDLERS[f"AWS::CodeDeploy::{kind}"] = {"create": create_by_name, "delete": lambda *_: None}
for module in (changesets, engine, handlers, stacks):
    if hasattr(module, "_evaluate_conditions"):
        module._evaluate_conditions = evaluate_conditions

if __name__ == "__main__":
    from ministack.app import main

    main()
