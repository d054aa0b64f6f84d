"""The findings of Prowler: on the built-in stack, on its hardened variant, and of the same holes.

Prowler is installed into an environment of its own. Its checks are general recommendations and do not use a stack file.
So it reports no change that follows every recommendation. A hole counts as found if a check fails on the stack with the
holes that did not fail on the sound stack; a failing check on one resource counts for one hole, at most.
"""

import csv
import os
import shutil
import subprocess
import sys
import time

from . import plant, stacks, tables
from .emulator import REGION

VERSION = "5.46.0"
SERVICES = ["apigateway", "apigatewayv2", "awslambda", "cloudwatch", "cognito", "iam", "kms", "secretsmanager", "sns", "sqs",
            "wafv2"]

# For each check, the owner of a failure and the fix. A pattern that ends in * matches all checks with this beginning.
# The first match is used.
TUTORIAL, ACCOUNT, EMULATOR, KEY, OWNER = "the tutorial", "the account", "the emulator", "a key", "the owner"
WHOSE = [
    ("apigateway_restapi_public_with_authorizer", KEY, "`pool` or `auth` of the route"),
    ("apigateway_restapi_public", TUTORIAL, "its API is public; `firewall.mode = \"allow\"` limits the callers"),
    ("apigateway_restapi_authorizers_enabled", TUTORIAL, "`auth` of a route: signed or open ones have no authorizer"),
    ("apigateway_restapi_client_certificate_enabled", EMULATOR,
     "the emulator does not support client certificates, and a Lambda function would not receive one"),
    ("apigateway_restapi_waf_acl_attached", EMULATOR, "its GetStage leaves out the web ACL that is attached"),
    ("apigateway_restapi_logging_enabled", KEY, "`api.logs`"),
    ("apigateway_restapi_tracing_enabled", KEY, "`api.tracing`"),
    ("apigateway_restapi_cache_encrypted", EMULATOR, "it answers as if there were a cache"),
    ("apigatewayv2_api_authorizers_enabled", TUTORIAL, "`auth` of a route: open ones have no authorizer"),
    ("awslambda_function_env_vars_not_encrypted_with_cmk", KEY, "`stack.kms_key`"),
    ("awslambda_function_no_dead_letter_queue", KEY, "`on_failure` of the function"),
    ("awslambda_function_inside_vpc", OWNER, "`vpc` of the function; only the owner knows the network"),
    ("awslambda_function_invoke_api_operations_cloudtrail_logging_enabled", ACCOUNT, "a trail of the account"),
    ("awslambda_function_using_supported_runtimes", KEY, "`runtime` of the function"),
    ("cloudwatch_log_group_kms_encryption_enabled", KEY, "`stack.kms_key`"),
    ("cloudwatch_log_group_retention_policy_specific_days_enabled", KEY, "`log_retention_days` of the function"),
    ("cloudwatch_alarm_actions_*", EMULATOR, "the call that Prowler uses does not return the actions of alarms"),
    ("cloudwatch_*", ACCOUNT, "alarms about the whole account"),
    ("cognito_identity_pool_guest_access_disabled", KEY, "there is none: a stack has no guests"),
    ("cognito_user_pool_deletion_protection_enabled", KEY, "`deletion_protection` of the pool"),
    ("cognito_user_pool_mfa_enabled", KEY, "`mfa` of the pool"),
    ("cognito_user_pool_password_policy_*", KEY, "`password` of the pool"),
    ("cognito_user_pool_self_registration_disabled", KEY, "`self_sign_up` of the pool"),
    ("cognito_user_pool_temporary_password_expiration", KEY, "there is none: the program sets seven days"),
    ("cognito_user_pool_waf_acl_attached", KEY, "`firewall` of the pool"),
    ("cognito_user_pool_advanced_security_enabled", KEY, "`threat_protection` of the pool"),
    ("cognito_user_pool_blocks_*", EMULATOR, "it does not know SetRiskConfiguration; on AWS `threat_protection` of the pool"),
    ("iam_role_cross_service_confused_deputy_prevention", ACCOUNT,
     "the account's role for API Gateway's logs, whose trust AWS documents without a condition"),
    ("iam_role_service_trust_restricts_source_to_account", KEY, "there is none: every trust policy names the account"),
    ("iam_role_*", KEY, "there is none: roles get what the stack file says"),
    ("iam_inline_*", KEY, "`allow` of the function"),
    ("iam_*", ACCOUNT, "users, root and password policy of the account"),
    ("kms_cmk_are_used", EMULATOR, "it does not record the use of a key"),
    ("kms_*", KEY, "`stack.kms_key`"),
    ("secretsmanager_secret_unused", ACCOUNT, "nobody has read the secret yet"),
    ("secretsmanager_automatic_rotation_enabled", OWNER, "`settings.rotation` of the secret; only the owner has the function"),
    ("secretsmanager_secret_rotated_periodically", OWNER, "`settings.rotation` of the secret; only the owner has the function"),
    ("secretsmanager_has_restrictive_resource_policy", OWNER,
     "`settings.administrators` of the secret; only the owner knows who administers it"),
    ("sns_topics_kms_encryption_at_rest_enabled", KEY, "`stack.kms_key`"),
    ("sqs_*", KEY, "`stack.kms_key`"),
    ("wafv2_webacl_logging_enabled", EMULATOR, "it does not know PutLoggingConfiguration; on AWS `firewall.log`"),
    ("wafv2_webacl_rule_logging_enabled", EMULATOR, "its answer leaves out the metrics of rules"),
    ("wafv2_webacl_managed_rule_groups_enabled", KEY, "`firewall.managed_rules`"),
]


def whose(check):
    for pattern, owner, why in WHOSE:
        if check == pattern or (pattern.endswith("*") and check.startswith(pattern[:-1])):
            return owner, why
    return "unknown", ""


def installed(work):
    folder = work / f"prowler-{VERSION}"
    command = folder / "bin" / "prowler"
    if not command.exists():
        print(f"installing prowler {VERSION}", file=sys.stderr)
        base = shutil.which("python3", path=os.environ["PATH"]) or sys.executable
        subprocess.run([base, "-m", "venv", "--clear", folder], check=True)
        python = folder / "bin" / "python"
        subprocess.run([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "uv"], check=True)
        # pip needs half an hour to resolve Prowler's dependencies.
        subprocess.run([python, "-m", "uv", "pip", "install", "--quiet", "--python", python, f"prowler=={VERSION}"], check=True)
    return command


def scan(command, stack, work, name):
    """The failures of one scan, {(check, resource): text}, the checks that crashed, and the seconds."""
    out = work / "prowler-reports"
    environment = {**stack.emulator.environment(), "AWS_ENDPOINT_URL": stack.emulator.endpoint, "AWS_DEFAULT_REGION": REGION}
    begun = time.monotonic()
    ran = subprocess.run(
        [command, "aws", "--service", *SERVICES, "--region", REGION, "-M", "csv", "--output-directory", out,
         "--output-filename", name, "--no-banner", "--no-color", "--log-level", "ERROR"],
        cwd=work, env=environment, capture_output=True, text=True)
    seconds = time.monotonic() - begun
    file = out / f"{name}.csv"
    if not file.exists():
        raise SystemExit(f"Prowler wrote no report:\n{ran.stdout[-2000:]}\n{ran.stderr[-2000:]}")
    with file.open() as lines:
        rows = list(csv.DictReader(lines, delimiter=";"))
    file.unlink()
    failures = {(row["CHECK_ID"], row["RESOURCE_UID"]): row["STATUS_EXTENDED"] for row in rows if row["STATUS"] == "FAIL"}
    said = ran.stdout + ran.stderr
    crashed = sorted({word.rstrip(",") for line in said.splitlines() if "Something went wrong in" in line
                      for word in line.split() if "_" in word})
    return {"failures": failures, "crashed": crashed, "seconds": seconds, "checks": len({row["CHECK_ID"] for row in rows})}


def run(emulator, work, holes):
    command = installed(work)
    report = {"stacks": [], "holes": []}
    for name in stacks.PLANTED:
        stack = stacks.stack(emulator, name, work)
        stack.deploy()
        sound = scan(command, stack, work, name)
        print(f"prowler {name}: {len(sound['failures'])} failures, {sound['seconds']:.0f} s", file=sys.stderr, flush=True)
        if name in ("tutorial", "hardened"):
            report["stacks"].append({
                "stack": name, "checks": sound["checks"], "crashed": sound["crashed"], "seconds": sound["seconds"],
                "failures": [(check, resource, text) for (check, resource), text in sorted(sound["failures"].items())]})
        # Plant from the last hole to the first: if two holes exclude each other, the first hole stays, which is the
        # widest.
        planted = [hole for hole in reversed([hole for hole in holes if hole.stack == name])
                   if plant.put(stack, hole)[0].outcome == "planted"]
        holed = scan(command, stack, work, name + "-holes")
        new = sorted(key for key in holed["failures"] if key not in sound["failures"] and about_stack(stack, key[1]))
        print(f"prowler {name}: {len(planted)} holes, {len(new)} new failures", file=sys.stderr, flush=True)
        report["holes"].append({"stack": name, "planted": len(planted), "new": new, "crashed": holed["crashed"],
                                "seconds": holed["seconds"]})
    return report


def about_stack(stack, resource):
    """Whether a failure is about the stack, and not about the foreign resources to which holes lead."""
    if ":userpool/" in resource:
        return resource in [pool["arn"] for pool in stack.out["pools"].values()]
    return "stranger" not in resource


def table(report):
    parts = []
    for one in report["stacks"]:
        counted = {}
        for check, _, _ in one["failures"]:
            counted[check] = counted.get(check, 0) + 1
        rows = [(check, number, *whose(check)) for check, number in sorted(counted.items(), key=lambda item: whose(item[0]))]
        parts.append(f"Prowler {VERSION}, sound stack {one['stack']}: {one['checks']} checks, {len(counted)} fail, "
                     f"{one['seconds']:.0f} s. Crashed: {', '.join(one['crashed']) or 'none'}.")
        parts.append(tables.table(["Failed check", "Resources", "Responsible", "Fix"], rows))
    rows = [(one["stack"], one["planted"], tables.share(min(len(one["new"]), one["planted"]), one["planted"]),
             ", ".join(sorted({check for check, _ in one["new"]})), f"{one['seconds']:.0f}") for one in report["holes"]]
    planted, found = (sum(one["planted"] for one in report["holes"]), sum(min(len(one["new"]), one["planted"])
                                                                          for one in report["holes"]))
    rows.append(("all", planted, tables.share(found, planted), "", ""))
    parts.append(tables.table(["Stack with all its holes", "Holes", "Found by Prowler, at most", "By these checks", "s"], rows))
    return "\n\n".join(parts)
