"""Plants holes and asks the program about them."""

import dataclasses
import json

import botocore.exceptions


@dataclasses.dataclass
class Result:
    hole: str
    stack: str
    # "planted"; "not there": the stack does not have the protection; "emulator": the emulator cannot show the hole;
    # "broken": the hole could not be planted, because of an error in this benchmark or a change of the emulator
    outcome: str
    why: str = ""
    status: bool = False
    plan: bool = False
    verify: bool = False
    # Whether `status` reports the hole as weakening. None if `status` did not report the hole.
    weakening: bool = None
    must_weaken: bool = None
    # Whether `up` repaired the hole. None if the emulator cannot show the repair.
    repaired: bool = False
    shown: str = ""

    @property
    def missed(self):
        """The steps that missed the hole: `status`, `verify` or the repair."""
        wrong = [word for word, done in (("status", self.status), ("verify", self.verify), ("repair", self.repaired))
                 if done is False]
        return wrong if self.outcome == "planted" else []

    @property
    def misjudged(self):
        """Whether `status` reports the hole, and is wrong about whether it weakens security."""
        judged = self.outcome == "planted" and None not in (self.must_weaken, self.weakening)
        return judged and self.weakening != self.must_weaken


def frozen(value):
    """A setting as text. Values that are off, empty or absent count as equal, because services return any of these
    forms."""
    return json.dumps(without_empty(value), sort_keys=True, default=str)


def without_empty(value):
    if isinstance(value, dict):
        items = {key: without_empty(item) for key, item in value.items()}
        value = {key: item for key, item in items.items() if not is_empty(item)}
    if isinstance(value, (list, tuple)):
        value = [without_empty(item) for item in value]
    return None if is_empty(value) else value


def is_empty(value):
    return value is None or value is False or (isinstance(value, (str, list, dict)) and not value)


def names(identity):
    """The subjects of the checks of `verify` for a resource."""
    kind, _, name = identity.partition(".")
    return subjects(name)[kind]


def unknown_kinds(holes):
    """The problems of holes in kinds that `names` does not know."""
    kinds = {identity.partition(".")[0] for hole in holes for identity in hole.at}
    return [f"plant.py does not know the checks of {kind}" for kind in sorted(kinds - subjects("").keys())]


def subjects(name):
    return {
        "pool": {name, f"pool {name}"}, "client": {f"app client of {name}"}, "user": {f"service user {name}"},
        "domain": {"custom domain", f"domain of {name}"}, "api-mapping": {"custom domain"},
        "plan": {f"plan {name}"}, "plan-key": {f"API key {name}"}, "hooks": {name}, "group": {f"group {name}"}, "resource-server": {f"resource server {name}"},
        "identity-provider": {f"identity provider {name}"},
        "topic": {f"topic {name}"}, "subscription": {name}, "secret": {f"secret {name}"}, "function": {name},
        "logs": {f"log of {name}"}, "role": {f"role {name}"}, "policy": {f"role {name}"}, "permission": {name},
        "caller": {f"role of the users of {name}"}, "caller-policy": {f"role of the users of {name}"},
        "identity-pool": {f"identity pool {name}"}, "identity-pool-roles": {f"identity pool {name}"},
        "stage": {f"stage {name}"}, "authorizer": {f"authorizer {name}"},
        "lambda-authorizer": {f"authorizer {name}"}, "http-lambda-authorizer": {f"authorizer {name}"}, "model": {f"model {name}"},
        "firewall": {"web ACL", f"IP set {name}"}, "key": {"the stack's key"}, "queue": {f"queue {name}", name},
        "table": {f"table {name}"}, "mapping": {name}, "schedule": {name}, "schedules": {"schedule group"},
        "alarm": {"alarm"}, "alias": {name}, "provisioned": {name}, "api": of_api(name),
    }


def of_api(name):
    api, _, part = name.rpartition(".")
    named = f" {api}" if api else ""
    if part == "access-log":
        return {"access log" + named}
    return {kind + named for kind in ("API", "HTTP API", "body validator")}


def conflict(one, other):
    """Whether two holes could be confused with each other."""
    def all_names(hole):
        return set(hole.at).union(*map(names, hole.at))
    return bool(all_names(one) & all_names(other))


def batches(holes):
    """Puts each hole into the first batch of its stack in which it cannot be confused with another hole."""
    found = []
    for hole in holes:
        batch = next((batch for batch in found if batch[0].stack == hole.stack
                      and not any(conflict(hole, other) for other in batch)), None)
        if batch is None:
            found.append([hole])
        else:
            batch.append(hole)
    return found


def put(stack, hole):
    """Plants one hole. Returns the result so far, and the setting before if the hole is planted."""
    if hole.emulator:
        return Result(hole.name, hole.stack, "emulator", hole.emulator), None
    if hole.where and not hole.where(stack):
        return Result(hole.name, hole.stack, "not there", "the stack does not have this protection"), None
    try:
        before = frozen(hole.read(stack))
        hole.plant(stack)
        after = frozen(hole.read(stack))
    except Exception as error:  # An error in the benchmark must not count as a miss.
        return Result(hole.name, hole.stack, "broken", f"{type(error).__name__}: {error}"), None
    if before == after:
        return Result(hole.name, hole.stack, "broken", "planting did not change the setting"), None
    return Result(hole.name, hole.stack, "planted", must_weaken=hole.weakens), before


def rows_of(hole, rows):
    known = set(hole.at)
    return [row for row in rows if row["id"] in known or row["id"].partition(".")[0] in known]


def run(stack, holes):
    """Runs a batch. A hole that was only partly seen or repaired is planted again alone, because the effects of other
    holes in the batch must not count for this hole."""
    if stack.dirty:
        stack.deploy()
    results = run_batch(stack, holes)
    if len(holes) > 1:
        for number, (hole, result) in enumerate(zip(holes, results)):
            dealt_with = {result.status, result.plan, result.verify, result.repaired} - {None}
            if result.outcome == "planted" and len(dealt_with) > 1:
                stack.deploy()
                [results[number]] = run_batch(stack, [hole])
    return results


def run_batch(stack, holes):
    """Plants a batch, asks `status`, `plan` and `verify`, lets `up` repair it, and checks the settings. Returns the
    results."""
    planted, results = [], []
    for hole in holes:
        result, before = put(stack, hole)
        results.append(result)
        if result.outcome == "planted":
            planted.append((hole, result, before))
        elif result.outcome == "broken":
            stack.dirty = True
    if not planted:
        return results
    # Unreadable resources are ignored, because they do not show the hole itself.
    drifted = [row for row in stack.status()["resources"] if row["state"] in ("drifted", "missing", "unwanted")]
    changes = [row for row in stack.run("plan", "--json").json()["changes"] if row["action"] != "keep"]
    checks = [line for line in stack.run("verify", "--json").lines() if line.get("type") == "check"]
    failed = [check for check in checks if check["verdict"] == "fail"]
    for hole, result, _ in planted:
        rows = rows_of(hole, drifted)
        result.status, result.plan = bool(rows), bool(rows_of(hole, changes))
        result.weakening = any(row["weakens"] for row in rows) if rows else None
        result.verify = any(is_about(hole, check) for check in failed)
        result.shown = "; ".join(f"{row['id']}: {text(row)}" for row in rows)[:600]
    ended = stack.up()
    for hole, result, before in planted:
        try:
            result.repaired = frozen(hole.read(stack)) == before
        except botocore.exceptions.ClientError as error:
            result.why = str(error)
        if not result.repaired and ended.code != 0:
            result.why = "`up` fails: " + last_error(ended)
        if hole.repair:
            result.repaired, result.why, stack.dirty = None, f"repair: {hole.repair}", True
    if ended.code != 0 or not all(result.repaired for _, result, _ in planted):
        stack.dirty = True
    return results


def is_about(hole, check):
    if check.get("resource"):
        return check["resource"] in hole.at
    subjects = set().union(*map(names, hole.at))
    # A hole in an alarm names only the kind, because the alarm's name depends on the stack.
    more = [f"{subject} " if subject == "alarm" else f"{subject} before " for subject in subjects]
    return check["subject"] in subjects or any(map(check["subject"].startswith, more))


def text(row):
    if not row["drift"]:
        return row["state"]
    return ", ".join(f"{one['field']} is {one['live']}, wanted {one['want']}" for one in row["drift"])


def last_error(ended):
    """The resources that `up` could not change, each with the reason."""
    summary = next((line for line in ended.lines() if line.get("type") == "summary"), {})
    failed = [f"{one.get('id')}: {one.get('message') or one.get('cause') or one}" if isinstance(one, dict) else str(one)
              for one in summary.get("failed", [])]
    return "; ".join(failed)[:600] or ended.stderr.strip()[-400:]
