"""What a role weighs in IAM: the template's policies with a deployment's parameters in place."""

import json

# IAM's quotas: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html. White space does not count.
INLINE_BYTES, MANAGED_BYTES, ATTACHED, TRUST_BYTES = 10_240, 6_144, 10, 2_048
NOTHING = object()
ACCOUNT = {"AWS::Partition": "aws", "AWS::Region": "ap-southeast-2", "AWS::AccountId": "123456789012",
           "AWS::StackName": "m" * 44, "AWS::URLSuffix": "amazonaws.com"}


class Resolved:
    """Evaluates what policies use of CloudFormation. A resource's ARN is replaced by one of the longest plausible."""

    def __init__(self, template, parameters):
        self.template, self.parameters = template, dict(ACCOUNT)
        for name, about in template["Parameters"].items():
            value = str(parameters.get(name, about.get("Default", "x")))
            self.parameters[name] = value.split(",") if about["Type"] == "CommaDelimitedList" else value

    def value(self, each):
        if isinstance(each, list):
            return [found for found in map(self.value, each) if found is not NOTHING]
        if not isinstance(each, dict):
            return each
        if len(each) == 1:
            ((function, argument),) = each.items()
            handler = {"Ref": self.ref, "Fn::If": self.choose, "Fn::Sub": self.substitute, "Fn::Join": self.join,
                       "Fn::Split": self.split, "Fn::Select": self.select, "Fn::GetAtt": self.attribute}.get(function)
            if handler:
                return handler(argument)
        resolved = {name: self.value(inner) for name, inner in each.items()}
        return {name: inner for name, inner in resolved.items() if inner is not NOTHING}

    def ref(self, name):
        return NOTHING if name == "AWS::NoValue" else self.parameters.get(name, self.arn(name))

    @staticmethod
    def arn(name):
        return f"arn:aws:service:ap-southeast-2:123456789012:type/{'m' * 44}-{name}-ABCDEFGHIJKL"

    def attribute(self, path):
        return self.arn(".".join(path))

    def choose(self, argument):
        condition, yes, no = argument
        return self.value(yes if self.holds(self.template["Conditions"][condition]) else no)

    def holds(self, condition):
        ((function, argument),) = condition.items()
        match function:
            case "Fn::Not":
                return not self.holds(argument[0])
            case "Fn::Or":
                return any(map(self.holds, argument))
            case "Fn::And":
                return all(map(self.holds, argument))
            case "Condition":
                return self.holds(self.template["Conditions"][argument])
            case "Fn::Equals":
                left, right = map(self.value, argument)
                return str(left) == str(right)  # CloudFormation compares texts
        raise AssertionError(f"{function} is not evaluated here")

    def substitute(self, argument):
        text, more = (argument, {}) if isinstance(argument, str) else argument
        for name, inner in {**self.parameters, **{name: self.value(inner) for name, inner in more.items()}}.items():
            text = text.replace(f"${{{name}}}", inner if isinstance(inner, str) else ",".join(inner))
        return text

    def join(self, argument):
        separator, items = argument
        return separator.join(self.value(items))

    def split(self, argument):
        separator, text = argument
        return self.value(text).split(separator)

    def select(self, argument):
        index, items = argument
        return self.value(items)[int(index)]


def size(document):
    return len(json.dumps(document, separators=(",", ":")))


def excesses(template, parameters):
    """Everything that IAM would refuse, in words."""
    resolved, resources = Resolved(template, parameters), template["Resources"]
    for name, each in resources.items():
        properties = each["Properties"]
        if each["Type"] == "AWS::IAM::ManagedPolicy" and exists(resolved, each):
            weight = size(resolved.value(properties["PolicyDocument"]))
            if weight > MANAGED_BYTES:
                yield f"{name} has {weight} characters"
        if each["Type"] == "AWS::IAM::Role":
            policies = resolved.value({"Policies": properties.get("Policies", [])}).get("Policies", [])
            inline = sum(size(policy["PolicyDocument"]) for policy in policies)
            if inline > INLINE_BYTES:
                yield f"{name} has {inline} characters of inline policies"
            attached = resolved.value(properties.get("ManagedPolicyArns", []))
            if len(attached) > ATTACHED:
                yield f"{name} has {len(attached)} managed policies"
            if size(resolved.value(properties["AssumeRolePolicyDocument"])) > TRUST_BYTES:
                yield f"{name} has a long trust policy"


def exists(resolved, resource):
    return "Condition" not in resource or resolved.holds({"Condition": resource["Condition"]})
