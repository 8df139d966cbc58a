"""Checks of the template without deploying it: linters, and properties that no emulator enforces.

Runs on the template as CloudFormation expands it.
"""

import json
import os
import re
import subprocess
import tempfile
import unittest
from pathlib import Path

from limits import Resolved, exists
from template import REPOSITORY, TEMPLATE, ExpandedTemplate, chosen, expand, flat, flat_list, statements_of
from world import DISCOVER, FUNCTIONS, TOOLS

CHECKS = REPOSITORY / ".mrt/venv/checkov/bin"


def run(*command):
    environment = {**os.environ, "AWS_DEFAULT_REGION": "us-east-1", "SAM_CLI_TELEMETRY": "0"}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment, cwd=REPOSITORY)


class Linters(unittest.TestCase):
    def test_cfn_lint_finds_nothing(self):
        ran = run(CHECKS / "cfn-lint", TEMPLATE)
        self.assertEqual((ran.returncode, ran.stdout), (0, ""), ran.stderr)

    def test_sam_validates(self):
        ran = run(TOOLS / "sam", "validate", "--lint", "--template", TEMPLATE)
        self.assertEqual(ran.returncode, 0, ran.stdout + ran.stderr)

    def test_checkov_finds_nothing_without_a_stated_reason(self):
        expanded = expand(TEMPLATE)
        # The stage that SAM creates for the API has no metadata of its own.
        for resource in expanded["Resources"].values():
            if resource["Type"] == "AWS::ApiGateway::Stage":
                resource["Metadata"] = expanded["Resources"]["Api"].get("Metadata", {}) | self.api_metadata()
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "expanded.json"
            path.write_text(json.dumps(expanded, indent=1), encoding="utf-8")
            ran = run(CHECKS / "checkov", "--file", path, "--framework", "cloudformation", "--skip-download",
                      "--compact", "--quiet", "--output", "json")
        report = json.loads(ran.stdout)
        failed = [f"{each['check_id']} {each['resource']}" for each in report["results"]["failed_checks"]]
        self.assertEqual(failed, [])
        self.assertGreater(report["summary"]["passed"], 150)
        for name, resource in expanded["Resources"].items():
            for each in resource.get("Metadata", {}).get("checkov", {}).get("skip", []):
                self.assertGreater(len(each["comment"]), 20, f"{name}: {each['id']}")

    @staticmethod
    def api_metadata():
        from samtranslator.yaml_helper import yaml_parse

        return yaml_parse(TEMPLATE.read_text(encoding="utf-8"))["Resources"]["Api"]["Metadata"]


class Expanded(ExpandedTemplate):
    """Properties that the emulator ignores or does not enforce."""

    def test_snapshots_expire_and_survive(self):
        table = self.resources["SnapshotTable"]
        self.assertEqual((table["DeletionPolicy"], table["UpdateReplacePolicy"]), ("Retain", "Retain"))
        properties = table["Properties"]
        self.assertEqual(properties["TimeToLiveSpecification"], {"AttributeName": "expires_at", "Enabled": True})
        self.assertEqual(properties["PointInTimeRecoverySpecification"], {"PointInTimeRecoveryEnabled": True})
        self.assertEqual(properties["SSESpecification"]["SSEType"], "KMS")
        self.assertIs(properties["SSESpecification"]["SSEEnabled"], True)
        self.assertIs(properties["DeletionProtectionEnabled"], True)
        self.assertEqual(properties["BillingMode"], "PAY_PER_REQUEST")

    def test_only_what_cannot_be_recreated_or_serves_the_account_is_retained(self):
        retained = {name for name, each in self.resources.items() if each.get("DeletionPolicy") == "Retain" and each["Type"] != "AWS::Lambda::Version"}
        self.assertEqual(retained, {"SnapshotTable", "Key", "UserPool", "ApiGatewayRole", "ApiGatewayAccount"})

    def test_every_function_is_in_the_vpc_and_reaches_only_what_it_needs(self):
        groups = {"ClosedSecurityGroup": {"ApiPublic"}, "DatabaseSecurityGroup": {"CollectTableSize", "ApiUsers"},
                  "WebhookSecurityGroup": {"Plan"}}
        functions = self.of("AWS::Lambda::Function")
        self.assertNotIn("VpcConfig", functions.pop("Discover"))
        self.assertEqual(set(functions), set(FUNCTIONS))
        for name, properties in functions.items():
            listed = [each.get("Fn::If", [None, each])[1] for each in properties["VpcConfig"]["SecurityGroupIds"]]
            found = {each["Fn::GetAtt"][0] for each in listed}
            expected = {group for group, members in groups.items() if name in members} or set()
            expected |= set() if name == "ApiPublic" else {"AwsSecurityGroup"}
            self.assertEqual(found, expected, name)
            self.assertEqual(properties["VpcConfig"]["SubnetIds"]["Fn::If"][1], [{"Ref": "SubnetA"}, {"Ref": "SubnetB"}])

    def test_interface_endpoints_are_in_as_many_zones_as_asked(self):
        endpoints = [each for each in self.of("AWS::EC2::VPCEndpoint").values() if each["VpcEndpointType"] == "Interface"]
        self.assertEqual(len(endpoints), 8)
        own, existing = [Resolved.arn("SubnetA"), Resolved.arn("SubnetB")], ["subnet-1", "subnet-2"]
        for zones in (1, 2):
            for vpc, subnets in (("", own), ("vpc-1", existing)):
                given = {"EndpointZones": zones, "VpcId": vpc, "SubnetIds": ",".join(existing)}
                resolved = Resolved(self.template, given)
                for each in endpoints:
                    self.assertEqual(resolved.value(each["SubnetIds"]), subnets[:zones])

    def test_discovery_reads_tags_and_writes_one_file(self):
        resolved = Resolved(self.template, {"Discovery": "true", "FleetBucket": "fleets", "FleetKey": "mrt/fleet.toml",
                                            "TargetRoleName": "mrt-reader", "ResourceOrganization": "o-one"})
        may = {}
        for statement in statements_of(self.resources, "DiscoverRole"):
            value = resolved.value(statement)
            may |= {action: value["Resource"] for action in flat_list(value["Action"])}
        written, logs = "arn:aws:s3:::fleets/*discovered.toml", resolved.value({"Fn::GetAtt": ["DiscoverLogs", "Arn"]})
        letters = resolved.value({"Fn::GetAtt": ["ScheduleDeadLetters", "Arn"]})
        self.assertEqual(may, {
            "s3:GetObject": ["arn:aws:s3:::fleets/mrt/fleet.toml", written], "s3:PutObject": written,
            "rds:DescribeDBClusters": "*", "rds:DescribeDBInstances": "*", "tag:GetResources": "*",
            "sts:AssumeRole": "arn:aws:iam::*:role/mrt-reader", "sqs:SendMessage": letters,
            "logs:CreateLogStream": logs, "logs:PutLogEvents": logs,
            "xray:PutTelemetryRecords": "*", "xray:PutTraceSegments": "*"})
        with_discovery = [name for name, each in self.resources.items() if each.get("Condition") == "WithDiscovery"]
        self.assertLessEqual({"Discover", "DiscoverRole", "DiscoverLogs", "DiscoverSchedule"}, set(with_discovery))
        for value, count in (("true", 2), ("false", 1)):
            role = Resolved(self.template, {"Discovery": value}).value(self.resources["ScheduleRole"]["Properties"])
            self.assertEqual(len(role["Policies"][0]["PolicyDocument"]["Statement"][0]["Resource"]), count)

    def test_nothing_is_traced_unless_asked(self):
        for value, mode in (("false", "PassThrough"), ("true", "Active")):
            resolved = Resolved(self.template, {"Tracing": value})
            function = self.resources["Plan"]["Properties"]["TracingConfig"]
            self.assertEqual(resolved.value(function), {"Mode": mode})
            (stage,) = self.of("AWS::ApiGateway::Stage").values()
            self.assertIs(resolved.value(stage["TracingEnabled"]), value == "true")
            policy = resolved.value(self.resources["FunctionPolicy"]["Properties"]["PolicyDocument"])
            self.assertEqual(any(each.get("Sid") == "Traces" for each in policy["Statement"]), value == "true")

    def test_security_groups_open_only_the_needed_ports(self):
        ports = {}
        for name, properties in self.of("AWS::EC2::SecurityGroup").items():
            for direction in ("SecurityGroupIngress", "SecurityGroupEgress"):
                for rule in chosen(properties.get(direction, [])):
                    self.assertEqual(rule["FromPort"], rule["ToPort"], name)
                    port = rule["FromPort"] if isinstance(rule["FromPort"], int) else "further"
                    ports.setdefault((name, direction[13:]), set()).add(port)
        self.assertEqual(ports, {
            ("ClosedSecurityGroup", "Egress"): {1}, ("AwsSecurityGroup", "Egress"): {443, 53},
            ("DatabaseSecurityGroup", "Egress"): {5432, 3306, "further"}, ("EndpointSecurityGroup", "Ingress"): {443},
            ("EndpointSecurityGroup", "Egress"): {1}, ("WebhookSecurityGroup", "Egress"): {443}})
        for name, properties in self.of("AWS::EC2::SecurityGroup").items():
            self.assertTrue(properties["SecurityGroupEgress"], f"{name}: a group without rules allows all outgoing traffic")

    def network(self, **parameters):
        """What the network is with these parameters: existing resources, and each group's rules."""
        resolved = Resolved(self.template, {"VpcId": "vpc-1", "VpcCidr": "10.0.0.0/16", **parameters})
        made = {name for name, each in self.resources.items() if exists(resolved, each)}
        rules = {name: resolved.value(each["SecurityGroupEgress"]) for name, each in self.of("AWS::EC2::SecurityGroup").items()}
        return made, rules

    def test_each_endpoint_can_be_left_to_an_existing_vpc(self):
        used = {"StorageBuckets": "arn:aws:s3:::acme-*", "TargetRoles": "arn:aws:iam::123456789012:role/a", "StorageVolumes": "true",
                "ConstantParameters": "arn:aws:ssm:r:123456789012:parameter/a", "ConstantTasks": "arn:aws:ecs:r:123456789012:cluster/a",
                "AlertTopics": "arn:aws:sns:r:123456789012:a"}
        every = set(self.of("AWS::EC2::VPCEndpoint"))
        made, rules = self.network(**used)
        self.assertLessEqual(every | {"AwsToEndpoints"}, made)
        self.assertNotIn("10.0.0.0/16", json.dumps(rules["AwsSecurityGroup"]), "new endpoints are reached by their group alone")
        for name in every:
            made, rules = self.network(**used, **{f"Create{name}": "false"})
            self.assertEqual(every - made, {name})
            is_gateway = name in ("S3Endpoint", "DynamoDbEndpoint")
            self.assertEqual("10.0.0.0/16" in json.dumps(rules["AwsSecurityGroup"]), not is_gateway, name)
        made, rules = self.network(**used, CreateEndpoints="false", ExistingEndpointsGroup="sg-1")
        self.assertFalse((every | {"EndpointSecurityGroup", "AwsToEndpoints"}) & made)
        self.assertEqual([each.get("DestinationSecurityGroupId") for each in rules["AwsSecurityGroup"]][0], "sg-1")

    def test_databases_are_reached_in_several_ranges_at_any_port_or_by_their_group(self):
        def reached(**parameters):
            rules = self.network(**parameters)[1]["DatabaseSecurityGroup"]
            return {(each.get("CidrIp") or each["DestinationSecurityGroupId"], int(each["FromPort"])) for each in rules}

        self.assertEqual(reached(), {("10.0.0.0/16", 5432), ("10.0.0.0/16", 3306)})
        ranges = ["10.1.0.0/16", "10.2.0.0/16", "10.3.0.0/16", "10.4.0.0/16"]
        found = reached(DatabaseCidrs=",".join(ranges), DatabasePorts="5433,6432,3307")
        self.assertEqual(found, {(each, port) for each in ranges for port in (5432, 3306, 5433, 6432, 3307)})
        self.assertEqual(reached(DatabaseCidrs="10.1.0.0/16,10.2.0.0/16", DatabasePorts="6432"),
                         {(each, port) for each in ranges[:2] for port in (5432, 3306, 6432)})
        self.assertEqual(reached(DatabaseGroup="sg-9"), {("sg-9", 5432), ("sg-9", 3306)})

    def test_there_is_no_route_to_the_internet_and_endpoints_are_private_and_narrow(self):
        kinds = {each["Type"] for each in self.resources.values()}
        for kind in ("InternetGateway", "NatGateway", "EgressOnlyInternetGateway", "Route", "EIP"):
            self.assertNotIn(f"AWS::EC2::{kind}", kinds)
        for name, properties in self.of("AWS::EC2::VPCEndpoint").items():
            statements = properties["PolicyDocument"]["Statement"]
            self.assertTrue(statements, name)
            for statement in flat(statements):
                actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
                self.assertFalse([action for action in actions if "*" in action], name)
            if properties["VpcEndpointType"] == "Interface":
                self.assertIs(properties["PrivateDnsEnabled"], True, name)
                self.assertEqual(properties["SecurityGroupIds"], [{"Fn::GetAtt": ["EndpointSecurityGroup", "GroupId"]}])

    def test_each_function_has_its_own_role_that_only_lambda_may_assume(self):
        roles = {name: each["Role"]["Fn::GetAtt"][0] for name, each in self.of("AWS::Lambda::Function").items()}
        self.assertEqual(roles, {name: f"{name}Role" for name in FUNCTIONS | DISCOVER})
        trusts = {name: each["AssumeRolePolicyDocument"]["Statement"] for name, each in self.of("AWS::IAM::Role").items()}
        services = {name: trust[0]["Principal"]["Service"] for name, trust in trusts.items()}
        expected = {f"{name}Role": "lambda.amazonaws.com" for name in FUNCTIONS | DISCOVER}
        expected |= {"ScheduleRole": "scheduler.amazonaws.com", "ApiGatewayRole": "apigateway.amazonaws.com",
                     "FlowLogsRole": "vpc-flow-logs.amazonaws.com", "ReleaseRole": "codedeploy.amazonaws.com"}
        self.assertEqual(services, expected)
        for name, trust in trusts.items():
            self.assertEqual((len(trust), trust[0]["Action"], set(trust[0]["Principal"])),
                             (1, "sts:AssumeRole", {"Service"}), name)

    def test_api_gateway_may_call_each_function_only_for_its_own_paths(self):
        for name, properties in self.of("AWS::Lambda::Permission").items():
            self.assertEqual(properties["Action"], "lambda:InvokeFunction", name)
            self.assertEqual(properties["Principal"], "apigateway.amazonaws.com", name)
            arn = json.dumps(properties["SourceArn"])
            self.assertIn("${__ApiId__}/${__Stage__}/", arn, name)
            if properties["FunctionName"] == {"Ref": "ApiPublicAliaslive"}:
                self.assertRegex(arn, r"/(GET/(openapi.json|dashboard.json|health)?|\*/[a-z_.*/]*)\"", name)
            else:
                self.assertRegex(arn, r"/(GET|HEAD)/[a-z_./]+\"", name)
        from samtranslator.yaml_helper import yaml_parse

        functions = yaml_parse(TEMPLATE.read_text(encoding="utf-8"))["Resources"].values()
        events = [event for each in functions for event in each["Properties"].get("Events", {}).values()]
        routes = [event for event in events if event["Type"] == "Api"]
        self.assertGreaterEqual(len(routes), 39)
        self.assertEqual(len(self.of("AWS::Lambda::Permission")), len(routes))

    def test_the_gateway_checks_parameters_and_repeats_no_header(self):
        body = self.resources["Api"]["Properties"]["Body"]
        validators = body["x-amazon-apigateway-request-validators"]
        chosen = body["paths"]["/micro_flow_constants"]["get"]["x-amazon-apigateway-request-validator"]
        self.assertEqual(validators[chosen], {"validateRequestBody": False, "validateRequestParameters": True})
        response = body["x-amazon-apigateway-gateway-responses"]["DEFAULT_4XX"]
        self.assertNotIn("$context.error", json.dumps(response))

    def test_wildcard_resources_are_only_those_with_a_reason(self):
        wild = set()
        for name, each in self.resources.items():
            documents = [policy["PolicyDocument"] for policy in each["Properties"].get("Policies", [])
                         if isinstance(policy, dict) and "PolicyDocument" in policy]
            documents += [each["Properties"][key] for key in ("PolicyDocument", "KeyPolicy") if key in each["Properties"]]
            for document in documents:
                for statement in flat(document["Statement"]):
                    if statement.get("Resource") == "*":
                        wild.add((name, statement["Sid"]))
                    actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
                    self.assertNotIn("*", actions, name)
        self.assertEqual(
            {(name, sid) for name, sid in wild if name != "Key"},
            {("FunctionPolicy", "NetworkInterfaces"), ("FunctionPolicy", "NetworkInterfacesNotByCode"),
             ("FunctionPolicy", "Traces"), ("DiscoverRole", "Traces"), ("DiscoverRole", "Tagged"), ("S3Endpoint", "ReadByThisAccountAndItsTargetRoles"),
             ("SecretsEndpoint", "ReadSecrets"), ("EcsEndpoint", "ReadTasks"), ("QueuesOverTls", "OverTls"), *WITHOUT_RESOURCES})

    def test_roles_that_use_the_snapshots_may_decrypt_them_only_through_dynamodb(self):
        adopted = {"Fn::Sub": "arn:${AWS::Partition}:dynamodb:${AWS::Region}:${AWS::AccountId}:table/${SnapshotTableName}"}
        table, key = {"Fn::If": ["NewSnapshotTable", {"Fn::GetAtt": ["SnapshotTable", "Arn"]}, adopted]}, KEY
        for name, role in self.of("AWS::IAM::Role").items():
            statements = [each for policy in role.get("Policies", []) for each in flat(policy["PolicyDocument"]["Statement"])]
            (*decrypting,) = (each for each in statements if each["Resource"] == key)
            self.assertEqual(len(decrypting), int(table in [each["Resource"] for each in statements]), name)
            for each in decrypting:
                through = {"kms:ViaService": {"Fn::Sub": "dynamodb.${AWS::Region}.amazonaws.com"}}
                self.assertEqual((each["Action"], each["Condition"]), ("kms:Decrypt", {"StringEquals": through}), name)

    def test_the_stage_is_created_after_the_role_for_logs_and_that_after_the_api(self):
        # API Gateway rejects a stage with logs without the role, and account settings without any API.
        self.assertIn("ApiGatewayAccount", self.needed_by("Apiv1Stage"))
        self.assertIn("Api", self.needed_by("ApiGatewayAccount"))

    def needed_by(self, name):
        """Names of all resources that CloudFormation creates before this one."""
        found, todo = set(), [name]
        while todo:
            resource = self.resources[todo.pop()]
            depends = resource.get("DependsOn", [])
            names = set(depends if isinstance(depends, list) else [depends])
            names |= set(re.findall(r'"(?:Ref|Fn::GetAtt)": \[?"([A-Za-z0-9]+)"', json.dumps(resource)))
            todo += (names & set(self.resources)) - found
            found |= names & set(self.resources)
        return found

    def test_a_tag_limits_what_has_tags(self):
        tagged = set()
        for name, each in self.of("AWS::IAM::ManagedPolicy").items():
            for statement in each["PolicyDocument"]["Statement"]:
                if "aws:ResourceTag/mrt-api" in json.dumps(statement.get("Condition", {})):
                    tagged.add(name)
        self.assertEqual(tagged, {"StorageBucketsPolicy", "StorageUploadsPolicy", "InventoryBucketsPolicy", "InventoryReportsPolicy",
                                  "StorageTablesPolicy", "DatabaseSecretsPolicy", "ConstantSecretsPolicy"})
        for value, expected in (("production", {"StringEquals": {"aws:ResourceTag/mrt-api": "production"}}), ("", None)):
            resolved = Resolved(self.template, {"ResourceTag": value, "StorageBuckets": "arn:aws:s3:::acme-*"})
            (statement,) = self.resources["StorageBucketsPolicy"]["Properties"]["PolicyDocument"]["Statement"]
            self.assertEqual(resolved.value(statement).get("Condition"), expected)

    def test_functions_encrypt_trace_and_limit(self):
        for name, properties in self.of("AWS::Lambda::Function").items():
            self.assertEqual(properties["KmsKeyArn"], KEY, name)
            self.assertEqual(properties["TracingConfig"], {"Mode": {"Fn::If": ["WithTracing", "Active", "PassThrough"]}}, name)
            if name not in DISCOVER:
                self.assertEqual(properties["ReservedConcurrentExecutions"]["Fn::If"][0], "ReservesConcurrency", name)
                self.assertEqual(properties["ReservedConcurrentExecutions"]["Fn::If"][2], {"Ref": "AWS::NoValue"}, name)
            self.assertEqual(properties["Runtime"], "provided.al2023", name)
            self.assertEqual(properties["LoggingConfig"]["LogGroup"], {"Ref": f"{name}Logs"})
        for name, properties in self.of("AWS::Logs::LogGroup").items():
            self.assertEqual(properties["RetentionInDays"], {"Ref": "LogRetentionDays"}, name)
            self.assertEqual(properties["KmsKeyId"], KEY, name)

    def test_every_answer_from_the_gateway_itself_is_a_problem_document(self):
        body = self.resources["Api"]["Properties"]["Body"]
        responses = body["x-amazon-apigateway-gateway-responses"]
        for kind in ("UNAUTHORIZED", "ACCESS_DENIED", "MISSING_AUTHENTICATION_TOKEN", "THROTTLED", "DEFAULT_4XX",
                     "DEFAULT_5XX", "BAD_REQUEST_PARAMETERS", "INTEGRATION_FAILURE", "INTEGRATION_TIMEOUT"):
            response = responses[kind]
            headers = response["responseParameters"]
            self.assertEqual(headers["gatewayresponse.header.Content-Type"], "'application/problem+json'", kind)
            self.assertIn("gatewayresponse.header.Access-Control-Allow-Origin", headers, kind)
            text = response["responseTemplates"]["application/json"]
            problem = json.loads(text.replace("$context.error.messageString", '"words"'))
            self.assertLessEqual({"type", "title", "detail", "request_id"}, set(problem), kind)
            if "status" in problem:
                self.assertEqual(problem["status"], int(response["statusCode"]), kind)
                self.assertRegex(problem["type"], "^urn:mrt:problem:[a-z_]+$", kind)

    def test_both_names_require_tls_1_2_and_the_domain_is_a_cname_for_the_regional_name(self):
        # `SecurityPolicy_TLS13_1_2_*` starts at TLS 1.2; without a policy, a regional API starts at TLS 1.0.
        self.assertRegex(self.resources["Api"]["Properties"]["SecurityPolicy"], "^SecurityPolicy_TLS13_1_2_")
        self.assertEqual(self.resources["Api"]["Properties"]["EndpointAccessMode"], "STRICT")
        for name in ("Api", "DomainName"):
            properties = self.resources[name]["Properties"]
            self.assertEqual((properties["SecurityPolicy"], properties["EndpointAccessMode"]),
                             ("SecurityPolicy_TLS13_1_2_PFS_PQ_2025_09", "STRICT"), name)
        record = self.resources["DnsRecord"]["Properties"]
        self.assertEqual(record["Type"], "CNAME")
        self.assertEqual(record["ResourceRecords"], [{"Fn::GetAtt": ["DomainName", "RegionalDomainName"]}])
        self.assertEqual(self.resources["Certificate"]["Properties"]["ValidationMethod"], "DNS")
        body = self.resources["Api"]["Properties"]["Body"]
        (server,) = body["servers"]
        self.assertEqual(server["x-amazon-apigateway-endpoint-configuration"],
                         {"disableExecuteApiEndpoint": {"Fn::If": ["WithDomain", True, False]}})

    def test_certificate_and_record_can_be_those_of_another_account(self):
        def made(**given):
            return self.network(DnsDomain="example.com", **given)[0] & {"Certificate", "DnsRecord", "DomainName"}

        self.assertEqual(made(HostedZoneId="Z1"), {"Certificate", "DnsRecord", "DomainName"})
        self.assertEqual(made(CertificateArn="arn"), {"DomainName"})
        self.assertEqual(made(CertificateArn="arn", HostedZoneId="Z1"), {"DnsRecord", "DomainName"})

    def test_a_table_and_a_key_can_be_adopted(self):
        parameters = {"SnapshotTableName": "restored", "KeyArn": "arn:key"}
        made, _ = self.network(**parameters)
        self.assertFalse({"SnapshotTable", "Key"} & made)
        resolved = Resolved(self.template, parameters)
        for name in ("Plan", "CollectBucketSize", "ApiTableSize"):
            properties = resolved.value(self.resources[name]["Properties"])
            self.assertEqual(properties["Environment"]["Variables"]["MRT_SNAPSHOT_TABLE"], "restored", name)
            self.assertEqual(properties["KmsKeyArn"], "arn:key", name)
        # Nothing refers to resources that do not exist then.
        for name in made:
            text = json.dumps(resolved.value(self.resources[name]["Properties"]))
            self.assertNotIn(Resolved.arn("SnapshotTable.Arn"), text, name)
            self.assertNotIn(Resolved.arn("Key.Arn"), text, name)
            self.assertNotIn(f'"{Resolved.arn("SnapshotTable")}"', text, name)

    def test_what_needs_no_token_has_low_limits_of_its_own(self):
        from samtranslator.yaml_helper import yaml_parse

        settings = self.resources["Apiv1Stage"]["Properties"]["MethodSettings"]
        limits = {(each["ResourcePath"], each["HttpMethod"]): each["ThrottlingRateLimit"] for each in settings}
        public = yaml_parse(TEMPLATE.read_text(encoding="utf-8"))["Resources"]["ApiPublic"]["Properties"]["Events"]
        for event in (each["Properties"] for each in public.values()):
            path = event["Path"] if event["Path"] == "/" else "/~1" + event["Path"][1:].replace("/", "~1")
            self.assertEqual(limits.pop((path, event["Method"])), {"Ref": "PublicRequestsPerSecond"}, event)
        self.assertEqual(limits, {("/*", "*"): {"Ref": "RequestsPerSecond"}})

    def test_execution_logs_exist_before_the_stage_that_would_make_its_own(self):
        self.assertIn("ExecutionLogs", self.needed_by("Apiv1Stage"))
        name = self.resources["ExecutionLogs"]["Properties"]["LogGroupName"]
        self.assertEqual(name, {"Fn::Sub": "API-Gateway-Execution-Logs_${Api}/v1"})

    def test_only_administrators_create_users_and_the_page_has_no_secret(self):
        pool = self.resources["UserPool"]["Properties"]
        self.assertEqual(pool["AdminCreateUserConfig"], {"AllowAdminCreateUserOnly": True})
        self.assertEqual((pool["MfaConfiguration"], pool["EnabledMfas"]), ("OPTIONAL", ["SOFTWARE_TOKEN_MFA"]))
        browser, machine = (self.resources[name]["Properties"] for name in ("BrowserClient", "MachineClient"))
        self.assertEqual((browser["GenerateSecret"], browser["AllowedOAuthFlows"]), (False, ["code"]))
        self.assertEqual((machine["GenerateSecret"], machine["AllowedOAuthFlows"]), (True, ["client_credentials"]))
        for client in (browser, machine):
            self.assertNotIn("mrt/users.pii", client["AllowedOAuthScopes"])


# The stack's key, or one that it adopts.
KEY = {"Fn::If": ["NewKey", {"Fn::GetAtt": ["Key", "Arn"]}, {"Ref": "KeyArn"}]}
# Statements with actions for which AWS offers no resource: (role, Sid).
WITHOUT_RESOURCES = {("ConstantClustersPolicy", "ListTasks"), ("ConstantClustersPolicy", "TaskDefinitions"), ("CollectBucketSizeRole", "Metrics"),
                     ("CollectBucketSizeRole", "Volumes"), ("CollectTableSizeRole", "Metrics"),
                     ("Ec2Endpoint", "ReadVolumes"), ("MonitoringEndpoint", "ReadMetrics"), ("PlanRole", "Metrics"),
                     ("ReleaseRole", "Alarms")}
