"""Takes the public applications of this folder through `plan`, `up`, `call`, `verify`, a second `up` and `down`.

Everything runs on the program's own emulator (`--local`). Resources that an application expects to exist are created
there first, with botocore of the emulator's own Python environment, and removed afterwards. Each application is copied
into a folder of its own, with an empty HOME. It needs a built program (SECURELAMBDA, or target/debug/securelambda).
`python3 benches/applications [NAME ...]` prints one row for each application as it ends; with `--keep` the folders with
the commands' output stay.
"""

import sys

sys.dont_write_bytecode = True

import argparse
import glob
import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import time
import tomllib

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]


def program():
    target = os.environ.get("CARGO_TARGET_DIR") or ROOT / "target"
    found = pathlib.Path(os.environ.get("SECURELAMBDA") or pathlib.Path(target) / "debug" / "securelambda").resolve()
    if not found.exists():
        sys.exit(f"{found} does not exist: build it with `cargo test --no-run`, or set SECURELAMBDA")
    return found


REGION = "eu-central-1"

# A boundary that leaves roles what their policies allow.
EVERYTHING = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]})

# Resources of other tools, by the text that names them in stack files. Each entry has the calls that create the
# resource, each `[service, operation, arguments]`, the path of its name in the last answer, and the call that removes
# it, with {} in place of the name. AWS chooses ids and ARNs, so these replace the text in the stack file.
MADE_ELSEWHERE = {
    "eu-central-1_AbCdEfGhI": (
        [["cognito-idp", "create_user_pool", {"PoolName": "company", "UsernameAttributes": ["email"]}]],
        ["UserPool", "Id"],
        ["cognito-idp", "delete_user_pool", {"UserPoolId": "{}"}],
    ),
    "arn:aws:acm:eu-central-1:123456789012:certificate/0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9": (
        [["acm", "request_certificate", {"DomainName": "api.example.com", "ValidationMethod": "DNS"}]],
        ["CertificateArn"],
        ["acm", "delete_certificate", {"CertificateArn": "{}"}],
    ),
    'zone = "example.com"': (
        [["route53", "create_hosted_zone", {"Name": "example.com", "CallerReference": "applications"}]],
        ["HostedZone", "Id"],
        ["route53", "delete_hosted_zone", {"Id": "{}"}],
    ),
    "arn:aws:kinesis:eu-central-1:123456789012:stream/eventStream": (
        [
            ["kinesis", "create_stream", {"StreamName": "eventStream", "ShardCount": 1}],
            ["kinesis", "describe_stream_summary", {"StreamName": "eventStream"}],
        ],
        ["StreamDescriptionSummary", "StreamARN"],
        ["kinesis", "delete_stream", {"StreamARN": "{}"}],
    ),
    "arn:aws:iam::123456789012:policy/ApplicationRuntimeBoundary": (
        [["iam", "create_policy", {"PolicyName": "ApplicationRuntimeBoundary", "PolicyDocument": EVERYTHING}]],
        ["Policy", "Arn"],
        ["iam", "delete_policy", {"PolicyArn": "{}"}],
    ),
    "acme-clouddrive": (
        [["s3", "create_bucket", {"Bucket": "acme-clouddrive", "CreateBucketConfiguration": {"LocationConstraint": REGION}}]],
        ["Location"],
        ["s3", "delete_bucket", {"Bucket": "acme-clouddrive"}],
    ),
}
NAMED_AS_IT_IS = {'zone = "example.com"', "acme-clouddrive"}

CALL = """
import json, sys, botocore.session
region, endpoint, (service, operation, arguments) = json.loads(sys.argv[1])
session = botocore.session.get_session()
session.set_credentials("test", "test")
answer = getattr(session.create_client(service, region_name=region, endpoint_url=endpoint), operation)(**arguments)
answer.pop("ResponseMetadata", None)
print(json.dumps(answer, default=str))
"""


class Elsewhere:
    """The resources that an application expects to exist, on the emulator that the program starts."""

    def __init__(self, application):
        self.application, self.made = application, []

    def call(self, call):
        cache = self.application.cache
        python = glob.glob(str(cache / "*" / "venv" / "bin" / "python"))[0]
        _, out = self.application.run("emulator", "--quiet", "local", "start", local=False)
        endpoint = out.split()[0]
        ran = subprocess.run([python, "-I", "-c", CALL, json.dumps([REGION, endpoint, call])], text=True, check=True,
                             stdout=subprocess.PIPE, env={"PATH": os.environ["PATH"], "AWS_EC2_METADATA_DISABLED": "true"})
        return json.loads(ran.stdout)

    def __enter__(self):
        file = self.application.folder / "securelambda.toml"
        text = file.read_text()
        for name, (make, where, remove) in MADE_ELSEWHERE.items():
            if name in text:
                found = [self.call(call) for call in make][-1]
                for key in where:
                    found = found[key]
                self.made.append((found, remove))
                if name not in NAMED_AS_IT_IS:
                    text = text.replace(name, found)
        file.write_text(text)
        return self

    def __exit__(self, *_):
        for name, (service, operation, arguments) in self.made:
            if operation == "delete_bucket":
                # The application has written to it, and S3 deletes only empty buckets.
                for written in self.call(["s3", "list_objects_v2", arguments]).get("Contents", []):
                    self.call(["s3", "delete_object", {**arguments, "Key": written["Key"]}])
            self.call([service, operation, {key: value.format(name) for key, value in arguments.items()}])


class Application:
    """One application in a folder of its own."""

    def __init__(self, source, scratch, cache):
        self.name = source.name
        self.folder = scratch / source.name
        shutil.copytree(source, self.folder)
        self.home = scratch / "home"
        self.home.mkdir(exist_ok=True)
        self.cache = cache
        self.file = tomllib.loads((self.folder / "securelambda.toml").read_text())
        self.said = {}

    def run(self, name, *arguments, local=True):
        """Runs a command, keeps its output, and returns its exit code and standard output."""
        environment = {
            "HOME": str(self.home), "PATH": os.environ["PATH"], "SECURELAMBDA_CACHE_DIR": str(self.cache),
            "SECURELAMBDA_TIME_SCALE": "0.1", "NO_COLOR": "1",
        }
        # The values of secrets that the operator of the application would supply.
        values = (value for secret in self.file.get("secrets", {}).values() for value in secret.values())
        environment.update({value["env"]: "a value for the bench" for value in values if "env" in value})
        environment.update({key: value for key, value in os.environ.items() if key.lower().endswith("_proxy")})
        flags = ["--local", "--region", REGION] if local else []
        ran = subprocess.run([program(), *arguments, *flags], cwd=self.folder, env=environment, text=True,
                             stdin=subprocess.DEVNULL, capture_output=True, timeout=900)
        self.said[name] = ran.stdout + ran.stderr
        (self.folder / f"{name}.log").write_text(f"{arguments}: {ran.returncode}\n{ran.stdout}\n{ran.stderr}")
        return ran.returncode, ran.stdout

    def open_route(self):
        """A GET route without authorization. Its path parameters have the value 1."""
        apis = [self.file.get("api", {}), *self.file.get("apis", {}).values()]
        for route in (route for api in apis for route in api.get("routes", [])):
            method, _, path = route["route"].partition(" ")
            if method == "GET" and route.get("auth") == "none" and "function" in route and not route.get("key"):
                return method, re.sub(r"\{[^}]*\}", "1", path)
        return None

    def row(self):
        """The result: the exit codes, the status of one route, and the counts of `verify` and of the second `up`."""
        row = {"plan": self.run("plan", "plan")[0], "up": self.run("up", "up", "--yes")[0]}
        if row["up"] == 0:
            route = self.open_route()
            if route:
                code, out = self.run("call", "call", " ".join(route), "--json")
                row["call"] = json.loads(out)["status"] if out.strip() else f"exit {code}"
            code, out = self.run("verify", "verify", "--json")
            checks = [json.loads(line) for line in out.splitlines() if line.startswith("{")]
            counts = next((line["counts"] for line in checks if "counts" in line), {})
            row["verify"] = f"{code}: {counts.get('pass', 0)} pass, {counts.get('fail', 0)} fail"
            code, out = self.run("again", "up", "--yes", "--json")
            summary = [json.loads(line) for line in out.splitlines() if line.startswith("{")]
            counts = next((line["counts"] for line in summary if "counts" in line), {})
            row["again"] = "writes nothing" if code == 0 and not any(
                counts.get(what) for what in ("created", "updated", "removed", "replaced")) else f"{code}: {counts}"
        stack_file = self.folder / "securelambda.toml"
        protected = "deletion_protection = true"
        if protected in stack_file.read_text() and row["up"] == 0:
            stack_file.write_text(stack_file.read_text().replace(protected, "deletion_protection = false"))
            self.run("unprotected", "up", "--yes")
        tables = [f"--remove-table={name}" for name, table in self.file.get("tables", {}).items() if "existing" not in table]
        row["down"] = self.run("down", "down", "--yes", "--purge", *tables)[0]
        return row


def main():
    parser = argparse.ArgumentParser(prog="benches/applications", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="only these applications")
    parser.add_argument("--keep", action="store_true", help="keep the folders, which have the output of each command")
    given = parser.parse_args()
    cache = pathlib.Path(os.environ.get("SECURELAMBDA_CACHE_DIR") or ROOT / "target" / "tmp" / "cache").resolve()
    scratch = pathlib.Path(tempfile.mkdtemp(prefix="applications-"))
    sources = sorted(path.parent for path in HERE.glob("*/securelambda.toml"))
    failed = 0
    print("| Application | plan | up | call | verify | up again | down | seconds |\n|---|---|---|---|---|---|---|---|", flush=True)
    for source in sources:
        if given.names and source.name not in given.names:
            continue
        begun = time.monotonic()
        application = Application(source, scratch, cache)
        with Elsewhere(application):
            row = application.row()
        cells = [str(row.get(name, "–")) for name in ("plan", "up", "call", "verify", "again", "down")]
        print(f"| {source.name} | {' | '.join(cells)} | {time.monotonic() - begun:.0f} |", flush=True)
        failed += row["up"] != 0 or not row["verify"].startswith("0") or row["again"] != "writes nothing" or row["down"] != 0
    if given.keep:
        print(f"The output of the commands is in {scratch}.", file=sys.stderr)
    else:
        shutil.rmtree(scratch)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
