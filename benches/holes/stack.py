"""A stack on the emulator: runs the program, and calls AWS's API with botocore, in the default account.

Each stack has a folder and a state of its own. Only one exists at a time: the emulator is emptied in between, because
calls without a signature (signing in, calling a route) always reach the default account.
"""

import functools
import json
import pathlib
import subprocess
import time

import botocore.session
from botocore.config import Config

from .emulator import REGION

ACCOUNT = "000000000000"
# An account that is not the stack's.
STRANGER = "999999999999"
STACKS = pathlib.Path(__file__).parent / "stacks"


class Ran:
    """One run of the program."""

    def __init__(self, command, ended, seconds):
        self.command, self.code, self.seconds = command, ended.returncode, seconds
        self.stdout, self.stderr = ended.stdout, ended.stderr

    def json(self):
        try:
            return json.loads(self.stdout)
        except ValueError:
            raise SystemExit(f"{' '.join(self.command)} ends with {self.code}:\n{self.stdout[-2000:]}\n{self.stderr[-2000:]}")

    def lines(self):
        return [json.loads(line) for line in self.stdout.splitlines() if line.startswith("{")]


class Stack:
    """One deployed stack. `name` is a blueprint's name, `hardened`, or the name of a file in stacks/."""

    def __init__(self, emulator, name, folder, arguments):
        self.emulator, self.name, self.folder, self.arguments = emulator, name, folder, arguments
        self.seconds = {}
        # Whether something is left that `up` does not repair.
        self.dirty = True

    def run(self, *arguments):
        environment = {**self.emulator.environment(), "AWS_ENDPOINT_URL": self.emulator.endpoint,
                       "SECURELAMBDA_TIME_SCALE": "0.02"}
        command = [*arguments, *self.arguments]
        begun = time.monotonic()
        ended = subprocess.run([self.emulator.program, *command], cwd=self.folder, env=environment,
                               stdin=subprocess.DEVNULL, capture_output=True, text=True)
        ran = Ran(command, ended, time.monotonic() - begun)
        self.seconds.setdefault(arguments[0], []).append(ran.seconds)
        return ran

    def up(self):
        ran = self.run("up", "--yes", "--json")
        if ran.code == 0:
            summary = [line for line in ran.lines() if line.get("type") == "summary"][-1]
            self.out = summary["outputs"]
        return ran

    def deploy(self):
        """Empties the emulator and builds the stack again."""
        self.emulator.reset()
        for file in (self.folder / "state").glob("*"):
            file.unlink()
        self.prepare()
        ran = self.up()
        if ran.code != 0:
            raise SystemExit(f"{self.name}: `up` fails on an empty account:\n{ran.stdout}\n{ran.stderr}")
        self.dirty = False

    def prepare(self):
        """Creates the prerequisites of `up`: the policy that bounds the roles of a stack, a certificate and a hosted
        zone, or somebody else's user pool."""
        if self.name == "domains":
            made = self.client("acm").request_certificate(DomainName="*.example.com", ValidationMethod="DNS")
            self.client("route53").create_hosted_zone(Name="example.com", CallerReference="holes")
            self.fill_in("{certificate}", made["CertificateArn"])
        if self.name == "existing":
            self.fill_in("{pool}", self.idp.create_user_pool(PoolName="company")["UserPool"]["Id"])
        if self.name != "guarded":
            return
        everything = policy({"Effect": "Allow", "Action": "*", "Resource": "*"})
        self.iam.create_policy(PolicyName="bounds", PolicyDocument=everything)

    def fill_in(self, place, value):
        """Writes the stack file with a value that AWS chose."""
        (self.folder / "securelambda.toml").write_text((STACKS / f"{self.name}.toml").read_text().replace(place, value))

    def status(self):
        ran = self.run("status", "--json")
        return ran.json()

    # AWS's API.

    @functools.cache
    def client(self, service):
        return botocore.session.get_session().create_client(
            service, region_name=REGION, endpoint_url=self.emulator.endpoint, aws_access_key_id="test",
            aws_secret_access_key="test", config=Config(retries={"max_attempts": 0}, parameter_validation=True))

    sns = property(lambda self: self.client("sns"))
    secrets = property(lambda self: self.client("secretsmanager"))
    iam = property(lambda self: self.client("iam"))
    lambda_ = property(lambda self: self.client("lambda"))
    logs = property(lambda self: self.client("logs"))
    idp = property(lambda self: self.client("cognito-idp"))
    identity = property(lambda self: self.client("cognito-identity"))
    rest = property(lambda self: self.client("apigateway"))
    http = property(lambda self: self.client("apigatewayv2"))
    waf = property(lambda self: self.client("wafv2"))
    sqs = property(lambda self: self.client("sqs"))
    kms = property(lambda self: self.client("kms"))
    dynamodb = property(lambda self: self.client("dynamodb"))
    scheduler = property(lambda self: self.client("scheduler"))
    alarms = property(lambda self: self.client("cloudwatch"))

    # Names and ids, from the program's outputs.

    def topic(self, name):
        return self.out["topics"][name]["arn"]

    def secret(self, name):
        return self.out["secrets"][name]["arn"]

    def function(self, name):
        return self.out["functions"][name]["name"]

    def function_arn(self, name):
        return self.out["functions"][name]["arn"]

    def role(self, name):
        return self.out["functions"][name]["role_arn"].split("/")[-1]

    def log(self, name):
        return self.out["functions"][name]["log_group"]

    def pool(self, name):
        return self.out["pools"][name]["id"]

    def app_client(self, name):
        return self.out["pools"][name]["client_id"]

    def api(self, name=None):
        return (self.out["apis"][name] if name else self.out["api"])["id"]

    def identity_pool(self, name):
        return self.out["identity_pools"][name]["id"]

    # Foreign resources to which a hole leads. They are created when they are first needed.

    def foreign_function(self):
        """A function in the same account that belongs to no stack."""
        name = "stranger"
        try:
            return self.lambda_.get_function(FunctionName=name)["Configuration"]["FunctionArn"]
        except self.lambda_.exceptions.ResourceNotFoundException:
            return self.lambda_.create_function(
                FunctionName=name, Runtime="nodejs24.x", Handler="index.handler", Code={"ZipFile": archive()},
                Role=self.foreign_role())["FunctionArn"]

    def foreign_role(self, name="stranger"):
        trust = policy({"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{STRANGER}:root"}, "Action": "sts:AssumeRole"})
        try:
            return self.iam.get_role(RoleName=name)["Role"]["Arn"]
        except self.iam.exceptions.NoSuchEntityException:
            return self.iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust)["Role"]["Arn"]

    def foreign_queue(self, name="stranger"):
        self.sqs.create_queue(QueueName=name)
        return f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"

    def foreign_topic(self):
        return self.sns.create_topic(Name="stranger")["TopicArn"]

    def foreign_pool(self):
        """A user pool that belongs to no stack, with a client: its ARN, its id and the client's id."""
        pool = self.idp.create_user_pool(PoolName="stranger")["UserPool"]
        client = self.idp.create_user_pool_client(UserPoolId=pool["Id"], ClientName="stranger")["UserPoolClient"]
        return pool["Arn"], pool["Id"], client["ClientId"]

    def foreign_key(self):
        """A key of another account, which can disable the key at any time."""
        return f"arn:aws:kms:{REGION}:{STRANGER}:key/1234abcd-12ab-34cd-56ef-1234567890ab"


def policy(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def archive():
    """A zip with other code in it."""
    import io
    import zipfile
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr(zipfile.ZipInfo("index.mjs", (2020, 1, 1, 0, 0, 0)), "export const handler = async () => ({});\n")
    return buffer.getvalue()
