"""Holes in the firewall."""

import json

from ..hole import Hole
from ..stack import ACCOUNT, REGION

ACL = ["firewall.web-acl", "firewall.association"]
SETS = ["firewall.addresses-v4"]


def acl_arn(s):
    return s.out["firewall"]["web_acl_arn"]


def key(arn):
    name, identity = arn.split("/")[-2:]
    return {"Name": name, "Scope": "REGIONAL", "Id": identity}


def acl(s):
    answer = s.waf.get_web_acl(**key(acl_arn(s)))
    return answer["WebACL"], answer["LockToken"]


def settings(s):
    web_acl, _ = acl(s)
    # As text, because an empty structure has a meaning here, as in {"Allow": {}}.
    return {member: json.dumps(web_acl[member], sort_keys=True, default=str) for member in web_acl if member in
            ("DefaultAction", "Rules", "VisibilityConfig", "CustomResponseBodies", "TokenDomains", "CaptchaConfig",
             "ChallengeConfig", "AssociationConfig", "DataProtectionConfig")}


def change(edit):
    """Sends the whole web ACL again, with one change."""
    def plant(s):
        web_acl, token = acl(s)
        known = s.waf.meta.service_model.operation_model("UpdateWebACL").input_shape.members
        # The emulator returns "" for a missing description. AWS refuses "".
        arguments = {member: value for member, value in web_acl.items() if member in known and value != ""}
        edit(s, arguments)
        s.waf.update_web_acl(**{**arguments, **key(acl_arn(s)), "LockToken": token})
    return plant


def metrics(name):
    return {"SampledRequestsEnabled": True, "CloudWatchMetricsEnabled": True, "MetricName": name}


def first(rule):
    def edit(s, arguments):
        for one in arguments["Rules"]:
            one["Priority"] += 1
        arguments["Rules"].insert(0, {"Name": "stranger", "Priority": 0, "VisibilityConfig": metrics("stranger"), **rule})
    return edit


HEADER = {"ByteMatchStatement": {
    "SearchString": b"stranger", "FieldToMatch": {"SingleHeader": {"Name": "x-stranger"}}, "PositionalConstraint": "EXACTLY",
    "TextTransformations": [{"Priority": 0, "Type": "NONE"}]}}


def with_rule(test):
    def where(s):
        return any(test(rule) for rule in acl(s)[0]["Rules"])
    return where


def each_rule(test, edit):
    def change_rules(s, arguments):
        for rule in filter(test, arguments["Rules"]):
            edit(rule)
    return change_rules


def no_rules(s, arguments):
    arguments["Rules"] = []


def open_default(s, arguments):
    arguments["DefaultAction"] = {"Allow": {}}


def unseen(s, arguments):
    arguments["VisibilityConfig"] = {**arguments["VisibilityConfig"], "SampledRequestsEnabled": False,
                                     "CloudWatchMetricsEnabled": False}


def managed(rule):
    return "ManagedRuleGroupStatement" in rule["Statement"]


def rated(rule):
    return "RateBasedStatement" in rule["Statement"]


def counted(rule):
    rule["OverrideAction"] = {"Count": {}}


def except_one(rule):
    rule["Statement"]["ManagedRuleGroupStatement"]["RuleActionOverrides"] = [
        {"Name": "SizeRestrictions_BODY", "ActionToUse": {"Allow": {}}}]


def only_some(rule):
    rule["Statement"]["ManagedRuleGroupStatement"]["ScopeDownStatement"] = HEADER


def many(rule):
    rule["Statement"]["RateBasedStatement"]["Limit"] = 2_000_000


def unmetered(rule):
    rule["VisibilityConfig"] = {**rule["VisibilityConfig"], "SampledRequestsEnabled": False, "CloudWatchMetricsEnabled": False}


def addresses(s):
    return sorted(s.waf.get_ip_set(**key(s.out["firewall"]["ip_set_arn"]))["IPSet"]["Addresses"])


def change_addresses(add=(), remove=False):
    def plant(s):
        arn = s.out["firewall"]["ip_set_arn"]
        answer = s.waf.get_ip_set(**key(arn))
        old = [] if remove else answer["IPSet"]["Addresses"]
        s.waf.update_ip_set(**key(arn), Addresses=[*old, *add], LockToken=answer["LockToken"])
    return plant


def stage_arn(s):
    return f"arn:aws:apigateway:{REGION}::/restapis/{s.api()}/stages/{s.out['api']['stage']}"


def attached(s):
    try:
        found = s.waf.get_web_acl_for_resource(ResourceArn=stage_arn(s)).get("WebACL")
    except s.waf.exceptions.WAFNonexistentItemException:
        return None
    return found and found["Name"]


def foreign_acl(s):
    made = s.waf.create_web_acl(Name="stranger", Scope="REGIONAL", DefaultAction={"Allow": {}}, Rules=[],
                                VisibilityConfig=metrics("stranger"))["Summary"]
    s.waf.associate_web_acl(WebACLArn=made["ARN"], ResourceArn=stage_arn(s))


UPDATE = "wafv2 UpdateWebACL "
RULES = [UPDATE + "Rules[]"]
HOLES = [
    Hole("the firewall is taken off the stage", "tutorial", ["wafv2 DisassociateWebACL ResourceArn"], ACL,
         lambda s: s.waf.disassociate_web_acl(ResourceArn=stage_arn(s)), attached),
    Hole("the stage has a stranger's firewall", "tutorial", ["wafv2 AssociateWebACL WebACLArn|ResourceArn"], ACL,
         foreign_acl, attached),
    Hole("a rule before all others lets a header pass", "guarded", RULES, ACL,
         change(first({"Statement": HEADER, "Action": {"Allow": {}}})), settings),
    Hole("a rule before all others lets a header pass, where the firewall counts", "tutorial", RULES, ACL,
         change(first({"Statement": HEADER, "Action": {"Allow": {}}})), settings),
    Hole("the firewall's rules are gone", "tutorial", RULES, ACL, change(no_rules), settings),
    Hole("the firewall lets everything pass that no rule blocks", "guarded", [UPDATE + "DefaultAction.Allow.CustomRequestHandling"],
         ACL, change(open_default), settings),
    Hole("the firewall keeps no metrics and no samples", "tutorial",
         [UPDATE + "VisibilityConfig.SampledRequestsEnabled|VisibilityConfig.CloudWatchMetricsEnabled"], ACL, change(unseen),
         settings, weakens=None),
    Hole("a managed group counts instead of blocking", "guarded", RULES, ACL, change(each_rule(managed, counted)), settings,
         where=with_rule(managed)),
    Hole("a managed group lets pass what one of its rules finds", "guarded", RULES, ACL,
         change(each_rule(managed, except_one)), settings, where=with_rule(managed)),
    Hole("a managed group looks at few requests only", "guarded", RULES, ACL, change(each_rule(managed, only_some)), settings,
         where=with_rule(managed)),
    Hole("the rate of an address is two million", "guarded", RULES, ACL, change(each_rule(rated, many)), settings,
         where=with_rule(rated)),
    Hole("a rule keeps no metrics and no samples", "guarded", RULES, ACL,
         change(each_rule(lambda rule: True, unmetered)), settings, weakens=None),
    Hole("half of all addresses pass", "guarded", ["wafv2 UpdateIPSet Addresses[]"], SETS,
         change_addresses(["0.0.0.0/1"]), addresses),
    Hole("a further address is counted", "tutorial", ["wafv2 UpdateIPSet Addresses[]"], SETS,
         change_addresses(["198.51.100.0/24"]), addresses, weakens=None),
    Hole("WAF inspects less of each body", "guarded",
         [UPDATE + "AssociationConfig.RequestBody{}.DefaultSizeInspectionLimit"], ACL,
         change(lambda s, arguments: arguments.update(AssociationConfig={
             "RequestBody": {"API_GATEWAY": {"DefaultSizeInspectionLimit": "KB_64"}}})), settings, weakens=None,
         emulator="it drops the setting"),
    Hole("a solved CAPTCHA or challenge stays valid for three days", "guarded",
         [UPDATE + "CaptchaConfig.ImmunityTimeProperty.ImmunityTime|ChallengeConfig.ImmunityTimeProperty.ImmunityTime"], ACL,
         change(lambda s, arguments: arguments.update(
             CaptchaConfig={"ImmunityTimeProperty": {"ImmunityTime": 259200}})), settings, weakens=None,
         emulator="it drops the setting"),
    Hole("WAF accepts tokens of somebody else's domain", "guarded", [UPDATE + "TokenDomains[]"], ACL,
         change(lambda s, arguments: arguments.update(TokenDomains=["stranger.example.org"])), settings, weakens=None,
         emulator="it drops the setting"),
    Hole("the firewall's log goes to another destination", "hardened",
         ["wafv2 PutLoggingConfiguration LoggingConfiguration.LogDestinationConfigs[]|LoggingConfiguration.RedactedFields[]|"
          "LoggingConfiguration.LoggingFilter.DefaultBehavior|LoggingConfiguration.LoggingFilter.Filters[].Behavior"], ACL,
         lambda s: s.waf.put_logging_configuration(LoggingConfiguration={
             "ResourceArn": acl_arn(s),
             "LogDestinationConfigs": [f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:aws-waf-logs-stranger"]}),
         lambda s: s.waf.get_logging_configuration(ResourceArn=acl_arn(s)), emulator="it does not know PutLoggingConfiguration"),
    Hole("the firewall's log is off", "hardened", ["wafv2 DeleteLoggingConfiguration ResourceArn"], ACL,
         lambda s: s.waf.delete_logging_configuration(ResourceArn=acl_arn(s)),
         lambda s: s.waf.get_logging_configuration(ResourceArn=acl_arn(s)), emulator="it does not know PutLoggingConfiguration"),
]
