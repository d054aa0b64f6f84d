"""Holes in API keys, usage plans and limits of single routes."""

from ..hole import Hole
from .rest import patch, resource, without_ids

STACK, STAGE = "partners", "live"
PLAN, TRIAL = ["plan.partner"], ["plan.trial", "plan-key.guest"]
UPDATE_PLAN = "apigateway UpdateUsagePlan "
API = ["api.routes", "api.release", "api.deployment", "api.rest", "stage.live"]


def plan_id(s, name="partner"):
    found = s.rest.get_usage_plans(limit=500)["items"]
    return next(one["id"] for one in found if one["name"] == f"{STACK}-{name}")


def plan(s, name="partner"):
    found = without_ids(s.rest.get_usage_plan(usagePlanId=plan_id(s, name)))
    # AWS always shows the offset; the emulator shows it only once it was set.
    if found.get("quota"):
        found["quota"].setdefault("offset", 0)
    return found


def keys(s, name="partner"):
    return sorted(one["name"] for one in s.rest.get_usage_plan_keys(usagePlanId=plan_id(s, name), limit=500)["items"])


def key_id(s, name):
    return s.out["api_keys"][name]["id"]


def change_plan(operations, name="partner"):
    return lambda s: s.rest.update_usage_plan(usagePlanId=plan_id(s, name), patchOperations=operations)


def foreign_key(s):
    made = s.rest.create_api_key(name="stranger", enabled=True)
    s.rest.create_usage_plan_key(usagePlanId=plan_id(s), keyId=made["id"], keyType="API_KEY")


def foreign_plan(s):
    made = s.rest.create_usage_plan(name="stranger", apiStages=[{"apiId": s.api(), "stage": STAGE}])
    s.rest.create_usage_plan_key(usagePlanId=made["id"], keyId=key_id(s, "guest"), keyType="API_KEY")


def plans_of(s, name):
    return sorted(one["name"] for one in s.rest.get_usage_plans(keyId=key_id(s, name), limit=500)["items"])


def without_a_key(s):
    key = {"restApiId": s.api(), "resourceId": resource(s, "/quotes/{article}"), "httpMethod": "GET"}
    s.rest.update_method(patchOperations=patch("/apiKeyRequired", "false"), **key)
    s.rest.create_deployment(restApiId=s.api(), stageName=STAGE)


def asks(s):
    return s.rest.get_method(restApiId=s.api(), resourceId=resource(s, "/quotes/{article}"), httpMethod="GET")["apiKeyRequired"]


def limits(s):
    return s.rest.get_stage(restApiId=s.api(), stageName=STAGE).get("methodSettings")


def change_stage(operations):
    return lambda s: s.rest.update_stage(restApiId=s.api(), stageName=STAGE, patchOperations=operations)


HOLES = [
    Hole("a stranger's API key is in a plan", STACK, ["apigateway CreateUsagePlanKey keyId|keyType"], PLAN, foreign_key, keys),
    Hole("a key is in a stranger's plan without limits", STACK,
         ["apigateway CreateUsagePlan apiStages[].apiId|apiStages[].stage"], TRIAL, foreign_plan, lambda s: plans_of(s, "guest"),
         repair="`up` changes no plan of others: it stops with the command that takes the key from it"),
    Hole("a plan allows ten thousand requests a second", STACK, [UPDATE_PLAN + "<throttle.rateLimit>"], PLAN,
         change_plan(patch("/throttle/rateLimit", "10000")), plan),
    Hole("a plan allows a burst of five thousand", STACK, [UPDATE_PLAN + "<throttle.burstLimit>"], PLAN,
         change_plan(patch("/throttle/burstLimit", "5000")), plan),
    Hole("a plan has no limits", STACK, [UPDATE_PLAN + "<throttle.rateLimit>|<throttle.burstLimit>"], ["plan.trial"],
         change_plan([{"op": "remove", "path": "/throttle"}], "trial"), lambda s: plan(s, "trial")),
    Hole("a plan's quota is ten times as large", STACK, [UPDATE_PLAN + "<quota.limit>"], PLAN,
         change_plan(patch("/quota/limit", "1000000")), plan),
    Hole("a plan's quota is counted anew every day", STACK, [UPDATE_PLAN + "<quota.period>"], PLAN,
         change_plan(patch("/quota/period", "DAY")), plan),
    Hole("a plan's keys open another stage", STACK, [UPDATE_PLAN + "<apiStages[].apiId>|<apiStages[].stage>"], PLAN,
         change_plan(patch("/apiStages", "other:live", "add")), plan, emulator="it loses the plan's other stages"),
    Hole("a plan's keys call one method without limits", STACK,
         [UPDATE_PLAN + "<apiStages[].throttle{}.rateLimit>|<apiStages[].throttle{}.burstLimit>"], PLAN,
         change_plan(patch("/apiStages/abc:live/throttle/~1statements~1GET/rateLimit", "10000")), plan,
         emulator="it loses the plan's other stages"),
    Hole("a route asks for no API key", STACK, ["apigateway UpdateMethod <apiKeyRequired>"], API, without_a_key, asks),
    Hole("a route's own limit is lifted", STACK,
         ["apigateway UpdateStage <methodSettings{}.throttlingRateLimit>|<methodSettings{}.throttlingBurstLimit>"], API,
         change_stage([*patch("/~1statements/GET/throttling/rateLimit", "10000"),
                       *patch("/~1statements/GET/throttling/burstLimit", "5000")]), limits),
    Hole("a route has no limit of its own any more", STACK,
         ["apigateway UpdateStage <methodSettings{}.throttlingRateLimit>"], API,
         change_stage([{"op": "remove", "path": "/~1statements/GET"}]), limits),
]
