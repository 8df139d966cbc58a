"""What AWS knows about an account and its network, so that no one has to look it up: prefix lists, ranges, routes, quota.

A value that deploy.toml sets is never looked up. Nothing here changes anything.
"""

import boto3

from deployment import Failed

# Of each function's reservation; see ReservedConcurrentExecutions in template.yaml.
PLAN_CONCURRENCY, COLLECTORS, API_FUNCTIONS, UNRESERVED = 2, 2, 5, 100

# The parameter for each service's endpoint, by the end of the service's name.
ENDPOINTS = {"s3": "CreateS3Endpoint", "dynamodb": "CreateDynamoDbEndpoint", "sqs": "CreateSqsEndpoint",
             "secretsmanager": "CreateSecretsEndpoint", "monitoring": "CreateMonitoringEndpoint", "sts": "CreateStsEndpoint",
             "ssm": "CreateSsmEndpoint", "ecs": "CreateEcsEndpoint", "ec2": "CreateEc2Endpoint", "sns": "CreateSnsEndpoint"}


def find(wanted, declared, owned):
    """Parameters that the file leaves out. `owned`: logical ids of the stack's resources and their physical ids."""
    given = wanted.parameters
    client = lambda service: boto3.client(service, region_name=wanted.region)  # noqa: E731 (used below)
    found = {}
    ec2 = client("ec2")
    for name, service in (("S3PrefixListId", "s3"), ("DynamoDbPrefixListId", "dynamodb")):
        if name not in given:
            found[name] = prefix_list(ec2, f"com.amazonaws.{wanted.region}.{service}")
    if given.get("TargetRoleName") and "ResourceOrganization" not in given:
        found["ResourceOrganization"] = client("organizations").describe_organization()["Organization"]["Id"]
    if given.get("VpcId"):
        found |= existing_network(ec2, given, owned)
    if "ApiGatewayLogging" not in given:
        found["ApiGatewayLogging"] = logging_role(client("apigateway"), owned)
    check_concurrency(client("lambda"), given, declared)
    return {name: value for name, value in found.items() if value and name not in given}


def prefix_list(ec2, name):
    lists = ec2.describe_managed_prefix_lists(Filters=[{"Name": "prefix-list-name", "Values": [name]}])["PrefixLists"]
    return next((each["PrefixListId"] for each in lists if each["PrefixListName"] == name), "")


def existing_network(ec2, given, owned):
    vpc, subnets = given["VpcId"], given.get("SubnetIds", "").split(",")
    (about,) = ec2.describe_vpcs(VpcIds=[vpc])["Vpcs"]
    zones = {}
    for each in ec2.describe_subnets(SubnetIds=subnets)["Subnets"]:
        if each["VpcId"] != vpc:
            raise Failed(f"{each['SubnetId']} is in {each['VpcId']} and not in {vpc}")
        zones.setdefault(each["AvailabilityZone"], []).append(each["SubnetId"])
    for zone, same in zones.items():
        if len(same) > 1:
            raise Failed(f"{' and '.join(same)} are both in {zone}: an endpoint takes one subnet of each zone (SubnetIds)")
    if len(zones) < 2:
        raise Failed(f"SubnetIds are all in {', '.join(zones)}: name one in each of two zones")
    tables = route_tables(ec2, vpc, subnets)
    found = {"VpcCidr": about["CidrBlock"], "RouteTableIds": ",".join(tables)}
    return {**found, **existing_endpoints(ec2, vpc, tables, owned)}


def existing_endpoints(ec2, vpc, tables, owned):
    """Which endpoints not to create: a route table takes one for each gateway, and a VPC one with each private name."""
    found = {}
    pages = ec2.get_paginator("describe_vpc_endpoints").paginate(Filters=[{"Name": "vpc-id", "Values": [vpc]}])
    for each in (each for page in pages for each in page["VpcEndpoints"]):
        service = each["ServiceName"].rsplit(".", 1)[-1]
        if each["VpcEndpointId"] in owned.values() or service not in ENDPOINTS:
            continue
        is_gateway = each["VpcEndpointType"] == "Gateway"
        if is_gateway and set(each.get("RouteTableIds", [])) & set(tables) or each.get("PrivateDnsEnabled"):
            found[ENDPOINTS[service]] = "false"
    return found


def route_tables(ec2, vpc, subnets):
    """The route tables of `subnets`: their own, or the VPC's main one."""
    tables = ec2.describe_route_tables(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["RouteTables"]
    own = {link["SubnetId"]: table["RouteTableId"] for table in tables for link in table["Associations"] if "SubnetId" in link}
    main = next((table["RouteTableId"] for table in tables for link in table["Associations"] if link.get("Main")), None)
    return sorted({own.get(each, main) for each in subnets} - {None})


def logging_role(apigateway, owned):
    """`keep` if another stack, or nobody's, has given API Gateway its role for logs; there is one for the account."""
    if "ApiGatewayAccount" in owned:
        return "create"
    return "keep" if apigateway.get_account().get("cloudwatchRoleArn") else "create"


def check_concurrency(client, given, declared):
    """Refuses early what Lambda would refuse in the middle of a deployment."""
    if given.get("ReserveConcurrency") == "false":
        return
    number = lambda name: int(given.get(name, declared[name]["Default"]))  # noqa: E731
    needed = (PLAN_CONCURRENCY + COLLECTORS * number("CollectorConcurrency") + API_FUNCTIONS * number("ApiConcurrency")
              + UNRESERVED)
    quota = client.get_account_settings()["AccountLimit"]["ConcurrentExecutions"]
    if quota < needed:
        raise Failed(
            f"the account may run {quota} functions at once, and this deployment reserves {needed - UNRESERVED} of at least "
            f"{needed}: set ReserveConcurrency = false, or ask for more with "
            "aws service-quotas request-service-quota-increase --service-code lambda --quota-code L-B99A9384 "
            f"--desired-value {needed}")
