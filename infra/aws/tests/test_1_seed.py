"""What was asked for from the start, row by row: each test is named after its row.

Other tests go further; these say in one place that every row holds, in the template as CloudFormation expands it.
"""

import unittest

from template import TEMPLATE, expand
from world import DISCOVER, FUNCTIONS

# Routes of the first request, with their functions and scopes.
ROUTES = {
    "/bucket_size": ("ApiBucketSize", "mrt/bucket_size.read"),
    "/table_size": ("ApiTableSize", "mrt/table_size.read"),
    "/users": ("ApiUsers", "mrt/users.read"),
    "/micro_flow_constants": ("ApiConstants", "mrt/constants.read"),
}


class Seed(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.template = expand(TEMPLATE)
        cls.resources = cls.template["Resources"]

    def of(self, kind):
        return {name: each["Properties"] for name, each in self.resources.items() if each["Type"] == kind}

    def operation(self, path, method="get"):
        return self.resources["Api"]["Properties"]["Body"]["paths"][path][method]

    def test_vpc(self):
        (vpc,) = self.of("AWS::EC2::VPC").values()
        self.assertEqual((vpc["EnableDnsSupport"], vpc["EnableDnsHostnames"]), (True, True))

    def test_private_subnets_in_two_zones(self):
        subnets = self.of("AWS::EC2::Subnet")
        zones = [each["AvailabilityZone"]["Fn::Select"][0] for each in subnets.values()]
        self.assertEqual(sorted(zones), [0, 1])
        for name, each in subnets.items():
            self.assertIs(each["MapPublicIpOnLaunch"], False, name)
        kinds = {each["Type"] for each in self.resources.values()}
        self.assertFalse(kinds & {"AWS::EC2::InternetGateway", "AWS::EC2::NatGateway", "AWS::EC2::Route"})

    def test_all_functions_are_inside(self):
        functions = self.of("AWS::Lambda::Function")
        self.assertEqual(set(functions), set(FUNCTIONS | DISCOVER))
        for name, each in functions.items():
            if name in DISCOVER:
                continue
            own, existing = each["VpcConfig"]["SubnetIds"]["Fn::If"][1:]
            self.assertEqual((own, existing), ([{"Ref": "SubnetA"}, {"Ref": "SubnetB"}], {"Ref": "SubnetIds"}), name)

    def test_a_function_for_each_kind_of_request_behind_four_get_routes(self):
        for path, (function, _) in ROUTES.items():
            uri = self.operation(path)["x-amazon-apigateway-integration"]["uri"]["Fn::Sub"]
            self.assertIn(f"${{{function}Aliaslive}}", uri, path)
        self.assertEqual(len({function for function, _ in ROUTES.values()}), 4)

    def test_cors(self):
        for path in ROUTES:
            # Answered by the function, which knows more than one origin; the gateway's own answer knows one, or all.
            operation = self.operation(path, "x-amazon-apigateway-any-method")
            self.assertIn("${ApiPublicAliaslive}", operation["x-amazon-apigateway-integration"]["uri"]["Fn::Sub"])
            self.assertEqual(operation["security"], [{"NONE": []}])
        for name, each in self.of("AWS::Lambda::Function").items():
            if name.startswith("Api"):
                self.assertIn("MRT_ALLOWED_ORIGINS", each["Environment"]["Variables"], name)

    def test_cognito_authorizer_scopes_and_resource_server(self):
        schemes = self.resources["Api"]["Properties"]["Body"]["components"]["securitySchemes"]
        authorizer = schemes["Cognito"]["x-amazon-apigateway-authorizer"]
        self.assertEqual(authorizer["type"], "cognito_user_pools")
        (server,) = self.of("AWS::Cognito::UserPoolResourceServer").values()
        offered = {f"{server['Identifier']}/{scope['ScopeName']}" for scope in server["Scopes"]}
        for path, (_, scope) in ROUTES.items():
            self.assertIn({"Cognito": [scope]}, self.operation(path)["security"], path)
            self.assertIn(scope, offered)

    def test_a_changed_user_pool_is_deployed_to_the_stage(self):
        def deployment(**parameters):
            resources = expand(TEMPLATE, parameters=parameters)["Resources"]
            (found,) = [name for name, each in resources.items() if each["Type"] == "AWS::ApiGateway::Deployment"]
            (stage,) = [each["Properties"] for each in resources.values() if each["Type"] == "AWS::ApiGateway::Stage"]
            self.assertEqual(stage["DeploymentId"], {"Ref": found})
            return found

        own, one, other = deployment(), deployment(UserPoolId="eu-west-1_AbCdEfGhI"), deployment(UserPoolId="eu-west-1_ZyXwVuTsR")
        self.assertEqual(len({own, one, other}), 3)
        self.assertEqual(deployment(LogLevel="debug"), own, "nothing else of the API has changed")

    def test_least_privilege(self):
        roles = {name: each["Role"]["Fn::GetAtt"][0] for name, each in self.of("AWS::Lambda::Function").items()}
        self.assertEqual(len(set(roles.values())), len(roles), "a role for each function")
        for name in set(roles.values()):
            for policy in self.resources[name]["Properties"]["Policies"]:
                for statement in policy["PolicyDocument"]["Statement"]:
                    for each in (statement["Fn::If"][1:] if "Fn::If" in statement else [statement]):
                        actions = each.get("Action", [])
                        actions = [actions] if isinstance(actions, str) else actions
                        self.assertFalse([action for action in actions if "*" in action], f"{name}: {actions}")

    def test_acm_certificate_for_maas_api(self):
        (certificate,) = self.of("AWS::CertificateManager::Certificate").values()
        self.assertEqual(certificate["DomainName"], {"Fn::Sub": "maas-api.${DnsDomain}"})
        self.assertEqual(certificate["ValidationMethod"], "DNS")
        (domain,) = self.of("AWS::ApiGateway::DomainName").values()
        self.assertEqual(domain["DomainName"], {"Fn::Sub": "maas-api.${DnsDomain}"})

    def test_cname_to_the_regional_domain_name(self):
        (record,) = self.of("AWS::Route53::RecordSet").values()
        self.assertEqual((record["Type"], record["Name"]), ("CNAME", {"Fn::Sub": "maas-api.${DnsDomain}"}))
        self.assertEqual(record["ResourceRecords"], [{"Fn::GetAtt": ["DomainName", "RegionalDomainName"]}])

    def test_cloudwatch(self):
        groups = self.of("AWS::Logs::LogGroup")
        for name, each in self.of("AWS::Lambda::Function").items():
            group = each["LoggingConfig"]["LogGroup"]["Ref"]
            self.assertIn("RetentionInDays", groups[group], name)
        self.assertTrue(self.of("AWS::CloudWatch::Alarm") and self.of("AWS::CloudWatch::Dashboard"))
        (stage,) = self.of("AWS::ApiGateway::Stage").values()
        self.assertIn("AccessLogSetting", stage)


if __name__ == "__main__":
    unittest.main()
