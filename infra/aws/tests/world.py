"""The deployment that the tests share: their own emulator, data in it, and the template deployed by sam.

Created once, by the first test that needs it, and stopped with the tests. Nothing here asserts: see the test files.
run.sh installs the tools and expects PostgreSQL.
"""

import atexit
import hashlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from functools import cached_property
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import boto3
from botocore.config import Config

import storage
from person import Person
from reply import ask
from template import REGION, REPOSITORY, TEMPLATE, expand
from waiting import until

sys.path.insert(0, str(REPOSITORY / "infra/aws"))

import release  # noqa: E402 (in the folder of the template, not of the tests)
import zips  # noqa: E402

TOOLS = REPOSITORY / ".mrt/venv/deploy/bin"
STACK, ACCOUNT = "mrt", "123456789012"
DATABASE, PASSWORD = "mrt_deployed", "NEVERLEAK-database-password"
FUNCTIONS = {
    "Plan": "plan",
    "CollectBucketSize": "collect-bucket-size",
    "CollectTableSize": "collect-table-size",
    "ApiBucketSize": "api-bucket-size",
    "ApiTableSize": "api-table-size",
    "ApiUsers": "api-users",
    "ApiConstants": "api-constants",
    "ApiPublic": "api-public",
}
# Not in the VPC, and not in the deployment that the tests drive.
DISCOVER = {"Discover": "discover"}


class World:
    """Everything that is running."""

    def __init__(self):
        self.folder = Path(tempfile.mkdtemp(prefix="aws.", dir=REPOSITORY / ".mrt/test"))
        self.decisions_file = self.folder / "decisions.jsonl"
        self.decisions_file.touch()
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.postgres = urlsplit(os.environ["MRT_TEST_POSTGRES_URL"])
        self._start_emulator()

    # ---- the emulator

    def _start_emulator(self):
        # Its functions inherit this environment, so it contains nothing else.
        environment = {
            "PATH": os.environ["PATH"], "LANG": "C.UTF-8", "HOME": str(self.folder), "TMPDIR": str(self.folder),
            "STATE_DIR": str(self.folder / "state"), "S3_DATA_DIR": str(self.folder / "s3"),
            "MRT_DECISIONS": str(self.decisions_file), "BIND_HOST": "127.0.0.1", "GATEWAY_PORT": str(self.port),
            "AWS_ENDPOINT_URL": self.url, "MINISTACK_REGION": REGION, "MINISTACK_ACCOUNT_ID": ACCOUNT, "AUTH": "true",
            "LOG_LEVEL": "DEBUG", "LAMBDA_EXECUTOR": "local", "IOT_MTLS_ENABLED": "0", "SFTP_ENABLED": "0",
            "PYTHONUNBUFFERED": "1",
        }
        self.log_path = self.folder / "emulator.log"
        with open(self.log_path, "wb") as log:
            self.emulator = subprocess.Popen(
                # If this program is killed, the kernel signals the emulator.
                ["setpriv", "--pdeathsig", "TERM", REPOSITORY / ".mrt/venv/ministack/bin/python", "-B",
                 Path(__file__).with_name("emulator.py")],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment, cwd=self.folder,
                start_new_session=True)
        atexit.register(self.end)
        signal.signal(signal.SIGTERM, lambda *_: os._exit(self.end() or 143))

        def is_up():
            assert self.emulator.poll() is None, self.log[-3000:]
            try:
                return self.ask("GET", f"{self.url}/_ministack/health").status == 200
            except OSError:
                return False

        until("the emulator", is_up)

    def end(self):
        if self.emulator.poll() is None:
            os.killpg(self.emulator.pid, signal.SIGTERM)
            try:
                self.emulator.wait(15)
            except subprocess.TimeoutExpired:
                os.killpg(self.emulator.pid, signal.SIGKILL)
                self.emulator.wait()
        logs = REPOSITORY / ".mrt/test/logs"
        logs.mkdir(parents=True, exist_ok=True)
        for path in (self.log_path, self.decisions_file):
            if path.exists():
                path.replace(logs / f"aws-{path.name}")
        subprocess.run(["rm", "-rf", self.folder], check=False)

    @property
    def log(self):
        return self.log_path.read_text(encoding="utf-8", errors="replace")

    def decisions(self):
        """The calls of the functions to AWS so far: a list of role, action, resource, allowed."""
        return [json.loads(line) for line in self.decisions_file.read_text(encoding="utf-8").splitlines()]

    # ---- clients

    def client(self, service, credentials=None):
        """A client with the account's root credentials, or with `credentials` from a function's environment."""
        credentials = credentials or {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
        return boto3.client(
            service, endpoint_url=self.url, region_name=REGION,
            aws_access_key_id=credentials["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=credentials["AWS_SECRET_ACCESS_KEY"],
            aws_session_token=credentials.get("AWS_SESSION_TOKEN"),
            config=Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1}))

    def run(self, *command, **variables):
        """Runs a program with the account's credentials."""
        environment = {
            **os.environ, "AWS_ENDPOINT_URL": self.url, "AWS_DEFAULT_REGION": REGION, "AWS_REGION": REGION,
            "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", **variables,
        }
        ran = subprocess.run(command, env=environment, cwd=REPOSITORY, capture_output=True, text=True, check=False)
        assert ran.returncode == 0, f"{' '.join(map(str, command))}\n{ran.stdout[-4000:]}\n{ran.stderr[-4000:]}"
        return ran

    def sam(self, *arguments):
        """Runs sam and returns its output."""
        ran = self.run(
            TOOLS / "sam", *arguments, SAM_CLI_TELEMETRY="0", CARGO_TARGET_DIR=str(self.folder / "target"),
            PATH=f"{Path(__file__).with_name('prebuilt')}:{os.environ['PATH']}",
            MRT_PREBUILT=os.environ["MRT_TEST_BINARIES"])
        return ran.stdout + ran.stderr

    def aws(self, *arguments):
        """Runs the AWS CLI and returns its JSON output."""
        return json.loads(self.run(REPOSITORY / ".mrt/venv/s3peers/bin/aws", *arguments, "--output", "json").stdout)

    def psql(self, database, *arguments):
        command = [os.environ["MRT_TEST_PSQL"], "--no-psqlrc", "--quiet", "--tuples-only", "--no-align",
                   "--set=ON_ERROR_STOP=1", f"--host={self.postgres.hostname}", f"--port={self.postgres.port}",
                   f"--username={self.postgres.username}", f"--dbname={database}", *arguments]
        ran = subprocess.run(command, capture_output=True, text=True, check=False,
                             env={"PGPASSWORD": self.postgres.password, "PATH": os.environ["PATH"]})
        assert ran.returncode == 0, ran.stderr
        return ran.stdout.strip()

    # ---- data

    def make_data(self):
        """Buckets, a database, a secret, and the role of "another account"."""
        s3 = self.client("s3")
        for name in ("deploy", "mrt-fleet", "acme-prod-files", "acme-test-files", "elsewhere-files", "forbidden-files",
                     "acme-config", "other-config", "inventories"):
            s3.create_bucket(Bucket=name)
        self.put_files("acme-prod-files", {"a": 1000, "b/c": 2345})
        self.upload = s3.create_multipart_upload(Bucket="acme-prod-files", Key="upload")["UploadId"]
        s3.upload_part(Bucket="acme-prod-files", Key="upload", UploadId=self.upload, PartNumber=1, Body=b"x" * 17)
        self.put_files("acme-test-files", {"one": 7})
        self.put_files("elsewhere-files", {"x": 11, "y": 13})
        self.put_files("forbidden-files", {"z": 5})
        self.report = storage.put_inventory(self.client("s3"), "reported-files")
        defaults = {"ApiUrl": "https://example.com", "ApiPassword": "", "Limit": "1", "Region": "us", "Mode": "default"}
        constants = [{"Name": f"Sales.{name}", "Type": "String", "DefaultValue": value}
                     for name, value in defaults.items()]
        model = {"RuntimeVersion": "10.24.4.77222", "ModelVersion": "1.4.0.317", "Constants": constants}
        layer = "mxruntime:\n  MicroflowConstants:\n    Sales.ApiPassword: NEVERLEAK-constant\n"
        s3.put_object(Bucket="acme-config", Key="metadata.json", Body=json.dumps(model))
        s3.put_object(Bucket="acme-config", Key="m2ee.yaml", Body=layer)
        s3.put_object(Bucket="other-config", Key="metadata.json", Body=json.dumps(model))
        self.psql("postgres", "--command", f"DROP DATABASE IF EXISTS {DATABASE}")
        self.psql("postgres", "--command", "DROP ROLE IF EXISTS mrt_deployed")
        self.psql("postgres", "--command", f"CREATE DATABASE {DATABASE}")
        self.psql(DATABASE, "--file", str(REPOSITORY / "api/tests/fixtures/mendix.sql"))
        self.psql(DATABASE, "--command", f"CREATE ROLE mrt_deployed LOGIN PASSWORD '{PASSWORD}'")
        # Minimal database rights are tested with the endpoint; this suite tests AWS roles.
        self.psql(DATABASE, "--command", "GRANT SELECT ON ALL TABLES IN SCHEMA public TO mrt_deployed")
        secrets = self.client("secretsmanager")
        text = json.dumps({"username": "mrt_deployed", "password": PASSWORD})
        self.secret_arn = secrets.create_secret(Name="acme-database", SecretString=text)["ARN"]
        self.other_secret_arn = secrets.create_secret(Name="other", SecretString="NEVERLEAK")["ARN"]
        self.constant_secret_arn = secrets.create_secret(
            Name="acme/prod", SecretString=json.dumps({"mx-const-Sales.Limit": "12"}))["ARN"]
        self.data_key_arn = self.client("kms").create_key()["KeyMetadata"]["Arn"]
        self.client("ssm").put_parameter(Name="/acme-prod/constants/Sales.Region", Value="eu", Type="String")
        sns, arn = self.client("sns"), f"arn:aws:sqs:{REGION}:{ACCOUNT}:alerts"
        self.topic_arn = sns.create_topic(Name="alerts")["TopicArn"]
        self.other_topic_arn = sns.create_topic(Name="other")["TopicArn"]
        policy = {"Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage",
            "Resource": arn, "Condition": {"ArnEquals": {"aws:SourceArn": self.topic_arn}}}]}
        self.alert_queue = self.client("sqs").create_queue(
            QueueName="alerts", Attributes={"Policy": json.dumps(policy)})["QueueUrl"]
        sns.subscribe(TopicArn=self.topic_arn, Protocol="sqs", Endpoint=arn)
        self.run_task()
        self.volume = storage.make(self.client, f"{REGION}a")
        iam = self.client("iam")
        trust = {"Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, "Action": "sts:AssumeRole"}]}
        self.target_role_arn = iam.create_role(
            RoleName="mrt-target", AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
        self.other_role_arn = iam.create_role(
            RoleName="other", AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
        listing = {"Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Action": ["s3:ListBucket", "s3:ListBucketVersions", "s3:ListBucketMultipartUploads",
                                          "s3:ListMultipartUploadParts"],
            "Resource": ["arn:aws:s3:::elsewhere-files", "arn:aws:s3:::elsewhere-files/*"]},
            {"Effect": "Allow", "Action": "cloudwatch:GetMetricData", "Resource": "*"}]}
        iam.put_role_policy(RoleName="mrt-target", PolicyName="list", PolicyDocument=json.dumps(listing))
        self.write_fleet()

    def run_task(self):
        """Creates a service with one task, whose container sets a constant."""
        ecs = self.client("ecs")
        ecs.create_cluster(clusterName="acme")
        ecs.register_task_definition(family="acme-prod", containerDefinitions=[{
            "name": "mendix", "image": "mendix", "memory": 128,
            "environment": [{"name": "MX_Sales_Mode", "value": "task"}]}])
        ecs.create_service(cluster="acme", serviceName="acme-prod", taskDefinition="acme-prod", desiredCount=1)

    def put_files(self, bucket, sizes):
        for key, size in sizes.items():
            self.client("s3").put_object(Bucket=bucket, Key=key, Body=b"x" * size)

    def write_fleet(self):
        """acme-prod has everything, acme-test a bucket in "another account"; two others each fail for one reason."""
        host, port = self.postgres.hostname, self.postgres.port
        fleet = f"""
[[alert]]
name = "large"
environments = ["acme-prod"]
total_above = "1KiB"
sns = "{self.topic_arn}"

[[environment]]
name = "acme-prod"
  [[environment.storage]]
  bucket = "acme-prod-files"
  measure = ["current", "noncurrent", "delete_markers", "multipart", "cloudwatch"]
  [[environment.storage]]
  kind = "efs"
  id = "{storage.FILE_SYSTEM}"
  [[environment.storage]]
  kind = "rds"
  id = "acme-db"
  allocated_gib = 20
  [[environment.storage]]
  kind = "aurora"
  id = "acme"
  [[environment.storage]]
  kind = "dynamodb"
  id = "acme-sessions"
  [[environment.storage]]
  kind = "ebs"
  id = "{self.volume}"
  [environment.database]
  engine = "postgres"
  host = "{host}"
  port = {port}
  name = "{DATABASE}"
  user = "mrt_deployed"
  auth = "{self.secret_arn}"
  instance = "acme-db"
  allocated_gib = 20
  [environment.constants]
  model = "s3://acme-config/metadata.json"
  layers = [
    "s3://acme-config/m2ee.yaml",
    {{ kind = "ecs_task", cluster = "acme", service = "acme-prod", container = "mendix" }},
    {{ kind = "secret", id = "acme/prod" }},
    {{ kind = "ssm_path", path = "/acme-prod/constants" }},
  ]

[[environment]]
name = "acme-test"
  [[environment.storage]]
  bucket = "acme-test-files"
  [[environment.storage]]
  bucket = "elsewhere-files"
  measure = ["current", "multipart", "cloudwatch"]
  role_arn = "{self.target_role_arn}"
  [[environment.storage]]
  bucket = "reported-files"
  measure = ["current"]
  inventory = "s3://inventories/reported-files/daily"
  [environment.constants]
  model = "s3://acme-config/metadata.json"
  layers = [{{ kind = "secret", id = "acme/prod", role_arn = "{self.target_role_arn}" }}]

[[environment]]
name = "no-rights"
  [[environment.storage]]
  bucket = "forbidden-files"

[[environment]]
name = "no-login"
  [environment.database]
  engine = "postgres"
  host = "{host}"
  port = {port}
  name = "{DATABASE}"
  user = "mrt_deployed"
  auth = "{self.secret_arn}"
  role_arn = "{self.target_role_arn}"
"""
        self.client("s3").put_object(Bucket="mrt-fleet", Key="fleet.toml", Body=fleet)

    # ---- the deployment

    def parameters(self, **changes):
        values = {
            "FleetBucket": "mrt-fleet", "Architecture": "x86_64", "ScheduleMinutes": "1",
            "StorageBuckets": "arn:aws:s3:::acme-*", "StorageVolumes": "true", "StorageMetrics": "true",
            "StorageTables": f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/acme-sessions",
            "InventoryBuckets": "arn:aws:s3:::inventories", "AlertTopics": self.topic_arn,
            "ConstantDocuments": "arn:aws:s3:::acme-config/*", "DatabaseSecrets": self.secret_arn,
            "DatabaseLogins": f"arn:aws:rds-db:{REGION}:{ACCOUNT}:dbuser:db-ACME/mrt_deployed",
            "ConstantSecrets": self.constant_secret_arn, "DataKeys": self.data_key_arn,
            "ConstantParameters": f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter/acme-prod/constants",
            "ConstantTasks": ",".join(f"arn:aws:ecs:{REGION}:{ACCOUNT}:{kind}"
                                      for kind in ("task/acme/*", "service/acme/*", "cluster/acme")),
            "TargetRoles": self.target_role_arn, "AllowedOrigins": "https://a.example,https://b.example",
            "MachineEnvironments": "*", "ReaderEnvironment": "acme-test", "AlarmEmail": "ops@example.com", **changes,
        }
        return [f"{name}={value}" for name, value in values.items()]

    @cached_property
    def zone(self):
        made = self.client("route53").create_hosted_zone(Name="example.com", CallerReference="tests")
        return made["HostedZone"]["Id"].rsplit("/", 1)[1]

    @cached_property
    def built(self):
        """Output folder of `sam build`."""
        folder = self.folder / "build"
        self.sam("build", "--template", TEMPLATE, "--build-dir", folder, "--parameter-overrides", "Architecture=x86_64")
        return folder

    @cached_property
    def release(self):
        """Folder of the release with what `sam build` built, whose zips are uploaded."""
        folder, package = self.folder / "release", self.folder / "package/x86_64"
        package.mkdir(parents=True)
        for name, function in (FUNCTIONS | DISCOVER).items():
            content = (self.built / name / "bootstrap").read_bytes()
            (package / f"{function}.zip").write_bytes(zips.zipped({"bootstrap": content}))
        release.assemble(folder, [package])
        for path in folder.rglob("*.zip"):
            self.client("s3").put_object(Bucket="deploy", Key=path.relative_to(folder).as_posix(), Body=path.read_bytes())
        return folder

    def deploy(self, **changes):
        """Builds and deploys; returns the output of sam."""
        output = self.deploy_as(STACK, self.parameters(**changes))
        self.__dict__.pop("outputs", None)
        return output

    def deploy_as(self, stack, parameters):
        revision = hashlib.sha256(json.dumps(parameters).encode()).hexdigest()[:16]
        parameters = [*parameters, "ArtifactBucket=deploy", f"Revision={revision}"]
        return self.sam(
            "deploy", "--template", self.release / "template.yaml", "--stack-name", stack, "--s3-bucket", "deploy",
            "--capabilities", "CAPABILITY_IAM", "--no-confirm-changeset", "--no-fail-on-empty-changeset",
            "--no-progressbar", "--parameter-overrides", *parameters)

    def put_gateway_responses(self):
        """Puts the gateway responses, which the emulator's import of an API leaves out."""
        api = self.client("apigateway")
        responses = self.expanded["Resources"]["Api"]["Properties"]["Body"]["x-amazon-apigateway-gateway-responses"]
        for kind, response in responses.items():
            extra = {"statusCode": str(response["statusCode"])} if "statusCode" in response else {}
            api.put_gateway_response(
                restApiId=self.outputs["ApiId"], responseType=kind,
                responseParameters=response.get("responseParameters", {}),
                responseTemplates=response.get("responseTemplates", {}), **extra)
        api.create_deployment(restApiId=self.outputs["ApiId"], stageName="v1")

    @cached_property
    def expanded(self):
        return expand(self.release / "template.yaml", keep_code=True)

    @cached_property
    def outputs(self):
        stack = self.client("cloudformation").describe_stacks(StackName=STACK)["Stacks"][0]
        return {each["OutputKey"]: each["OutputValue"] for each in stack["Outputs"]}

    def resource(self, logical_id):
        """The physical name of a resource."""
        found = self.client("cloudformation").describe_stack_resource(StackName=STACK, LogicalResourceId=logical_id)
        return found["StackResourceDetail"]["PhysicalResourceId"]

    # ---- the API

    def ask(self, method, url, headers=None, data=None):
        return ask(method, url, headers, data)

    def call(self, path, token=None, method="GET", **headers):
        """Calls the deployed API."""
        if token:
            headers["Authorization"] = f"Bearer {token}"
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.ask(method, f"{self.url}/_aws/execute-api/{self.outputs['ApiId']}/v1{path}", headers)

    def token(self, scope=None, client=None):
        """A token for the machine client, requested like any client does."""
        client = client or self.machine
        form = {"grant_type": "client_credentials", "client_id": client[0], "client_secret": client[1]}
        if scope:
            form["scope"] = scope
        reply = self.ask("POST", f"{self.url}/oauth2/token", {"Content-Type": "application/x-www-form-urlencoded"},
                         urlencode(form).encode())
        assert reply.status == 200, reply.body
        return reply.json["access_token"]

    @property
    def page_url(self):
        """Where a login returns to. Its host name is real only on AWS."""
        return f"{self.outputs['ApiUrl']}/"

    def person(self, password, group):
        """A user of the pool, who is a member of `group`."""
        cognito, pool = self.client("cognito-idp"), self.outputs["UserPool"]
        name = cognito.admin_create_user(
            UserPoolId=pool, Username="reader@example.com", TemporaryPassword=f"{password}-1",
            MessageAction="SUPPRESS")["User"]["Username"]
        cognito.admin_set_user_password(UserPoolId=pool, Username=name, Password=password, Permanent=True)
        cognito.admin_add_user_to_group(UserPoolId=pool, Username=name, GroupName=group)
        return Person(self.url, name, password)

    @cached_property
    def machine(self):
        found = self.client("cognito-idp").describe_user_pool_client(
            UserPoolId=self.outputs["UserPool"], ClientId=self.outputs["MachineClientId"])["UserPoolClient"]
        return found["ClientId"], found["ClientSecret"]

    # ---- the functions' own credentials

    def credentials(self, function):
        """The credentials of a running function, read from the environment of its process."""
        for process in Path("/proc").iterdir():
            if not process.name.isdigit():
                continue
            try:
                lines = (process / "environ").read_bytes().split(b"\0")
            except OSError:
                continue
            pairs = dict(line.decode(errors="replace").split("=", 1) for line in lines if b"=" in line)
            if (pairs.get("AWS_LAMBDA_FUNCTION_NAME") == f"{STACK}-{function}"
                    and pairs.get("AWS_ENDPOINT_URL") == self.url and "AWS_SESSION_TOKEN" in pairs):
                return pairs
        raise AssertionError(f"{function} has no running process")


_world = None
_is_deployed = False


def emulator():
    """The emulator, shared by all tests of this run, perhaps with nothing in it."""
    global _world
    if _world is None:
        _world = World()
    return _world


def world():
    """The deployed world, shared by all tests of this run."""
    global _is_deployed
    made = emulator()
    if not _is_deployed:
        made.make_data()
        made.deploy()
        made.put_gateway_responses()
        _is_deployed = True
    return made
