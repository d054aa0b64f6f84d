"""Holes in roles: the functions' roles and the role of an identity pool's users."""

import json

from ..hole import Hole
from ..stack import ACCOUNT, STRANGER, policy

EVERYTHING = policy({"Effect": "Allow", "Action": "*", "Resource": "*"})
ADMINISTRATOR = "arn:aws:iam::aws:policy/AdministratorAccess"


def role_of(s, name):
    return f"api-to-api-{name}-caller" if name == "CallersPool" else s.role(name)


def at(name):
    kinds = ("caller", "caller-policy") if name == "CallersPool" else ("role", "policy")
    return [f"{kind}.{name}" for kind in kinds]


def described(name, *members):
    def read(s):
        role = s.iam.get_role(RoleName=role_of(s, name))["Role"]
        return [role.get(member) for member in members]
    return read


def trust(name):
    return lambda s: s.iam.get_role(RoleName=role_of(s, name))["Role"]["AssumeRolePolicyDocument"]


def change_trust(name, change):
    """Replaces the trust policy by a changed copy."""
    def plant(s):
        document = json.loads(json.dumps(trust(name)(s)))
        change(document["Statement"])
        s.iam.update_assume_role_policy(RoleName=role_of(s, name), PolicyDocument=json.dumps(document))
    return plant


def also_trusts(principal, action="sts:AssumeRole"):
    return lambda statements: statements.append({"Effect": "Allow", "Principal": principal, "Action": action})


def without_condition(key):
    def change(statements):
        for statement in statements:
            for operator, values in list(statement.get("Condition", {}).items()):
                values.pop(key, None)
                if not values:
                    del statement["Condition"][operator]
            if not statement.get("Condition", True):
                del statement["Condition"]
    return change


def has_condition(name, key):
    return lambda s: key in json.dumps(trust(name)(s))


def inline(name):
    def read(s):
        names = s.iam.list_role_policies(RoleName=role_of(s, name))["PolicyNames"]
        return {one: s.iam.get_role_policy(RoleName=role_of(s, name), PolicyName=one)["PolicyDocument"]
                for one in sorted(names)}
    return read


def attached(name):
    def read(s):
        found = s.iam.list_attached_role_policies(RoleName=role_of(s, name))["AttachedPolicies"]
        return sorted(one["PolicyArn"] for one in found)
    return read


def own_policy_widened(name, statement):
    def plant(s):
        [(own, document)] = inline(name)(s).items()
        document["Statement"].append(statement)
        s.iam.put_role_policy(RoleName=role_of(s, name), PolicyName=own, PolicyDocument=json.dumps(document))
    return plant


TRUST = ["iam UpdateAssumeRolePolicy PolicyDocument"]
INLINE = ["iam PutRolePolicy PolicyName|PolicyDocument"]
HOLES = [
    Hole("anyone may assume a function's role", "tutorial", TRUST, at("InternalLambda"),
         change_trust("InternalLambda", also_trusts({"AWS": "*"})), trust("InternalLambda")),
    Hole("another account may assume a function's role", "tutorial", TRUST, at("ExternalLambda1"),
         change_trust("ExternalLambda1", also_trusts({"AWS": f"arn:aws:iam::{STRANGER}:root"})), trust("ExternalLambda1")),
    Hole("another service may assume a function's role", "tutorial", TRUST, at("ExternalLambda2"),
         change_trust("ExternalLambda2", also_trusts({"Service": "ec2.amazonaws.com"})), trust("ExternalLambda2")),
    Hole("a foreign identity provider may assume a function's role", "tutorial", TRUST, at("InternalLambda"),
         change_trust("InternalLambda", also_trusts(
             {"Federated": f"arn:aws:iam::{ACCOUNT}:oidc-provider/stranger.example.org"}, "sts:AssumeRoleWithWebIdentity")),
         trust("InternalLambda")),
    Hole("a role's trust no longer names the account", "tutorial", TRUST, at("ExternalLambda1"),
         change_trust("ExternalLambda1", without_condition("aws:SourceAccount")), trust("ExternalLambda1"),
         where=has_condition("ExternalLambda1", "aws:SourceAccount")),
    Hole("an administrator's policy on a function's role", "tutorial", ["iam AttachRolePolicy PolicyArn"],
         at("ExternalLambda2"),
         lambda s: s.iam.attach_role_policy(RoleName=s.role("ExternalLambda2"), PolicyArn=ADMINISTRATOR),
         attached("ExternalLambda2")),
    Hole("a further policy in a function's role", "tutorial", INLINE, at("InternalLambda"),
         lambda s: s.iam.put_role_policy(RoleName=s.role("InternalLambda"), PolicyName="more", PolicyDocument=EVERYTHING),
         inline("InternalLambda")),
    Hole("a function's own policy allows any topic", "tutorial", INLINE, at("ExternalLambda1"),
         own_policy_widened("ExternalLambda1", {"Effect": "Allow", "Action": "sns:*", "Resource": "*"}),
         inline("ExternalLambda1")),
    Hole("a function's own policy allows everything but one service", "tutorial", INLINE, at("ExternalLambda2"),
         own_policy_widened("ExternalLambda2", {"Effect": "Allow", "NotAction": "organizations:*", "Resource": "*"}),
         inline("ExternalLambda2")),
    Hole("sessions of a function's role last twelve hours", "tutorial", ["iam UpdateRole MaxSessionDuration"],
         at("InternalLambda"), lambda s: s.iam.update_role(RoleName=s.role("InternalLambda"), MaxSessionDuration=43200),
         described("InternalLambda", "MaxSessionDuration")),
    Hole("a role has lost its permissions boundary", "guarded", ["iam DeleteRolePermissionsBoundary RoleName"],
         at("Notes"), lambda s: s.iam.delete_role_permissions_boundary(RoleName=s.role("Notes")),
         described("Notes", "PermissionsBoundary")),
    Hole("a role has a wider permissions boundary", "guarded", ["iam PutRolePermissionsBoundary PermissionsBoundary"],
         at("Notes"),
         lambda s: s.iam.put_role_permissions_boundary(RoleName=s.role("Notes"), PermissionsBoundary=ADMINISTRATOR),
         described("Notes", "PermissionsBoundary")),
    Hole("users of any identity pool may assume the callers' role", "api-to-api", TRUST, at("CallersPool"),
         change_trust("CallersPool", without_condition("cognito-identity.amazonaws.com:aud")), trust("CallersPool"),
         where=has_condition("CallersPool", "cognito-identity.amazonaws.com:aud")),
    Hole("guests may assume the callers' role", "api-to-api", TRUST, at("CallersPool"),
         change_trust("CallersPool", without_condition("cognito-identity.amazonaws.com:amr")), trust("CallersPool"),
         where=has_condition("CallersPool", "cognito-identity.amazonaws.com:amr")),
    Hole("another account may assume the callers' role", "api-to-api", TRUST, at("CallersPool"),
         change_trust("CallersPool", also_trusts({"AWS": f"arn:aws:iam::{STRANGER}:root"})), trust("CallersPool")),
    Hole("the callers' own policy allows every API", "api-to-api", INLINE, at("CallersPool"),
         own_policy_widened("CallersPool", {"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": "*"}),
         inline("CallersPool")),
    Hole("a further policy in the callers' role", "api-to-api", INLINE, at("CallersPool"),
         lambda s: s.iam.put_role_policy(RoleName=role_of(s, "CallersPool"), PolicyName="more", PolicyDocument=EVERYTHING),
         inline("CallersPool")),
    Hole("an administrator's policy on the callers' role", "api-to-api", ["iam AttachRolePolicy PolicyArn"],
         at("CallersPool"),
         lambda s: s.iam.attach_role_policy(RoleName=role_of(s, "CallersPool"), PolicyArn=ADMINISTRATOR),
         attached("CallersPool")),
    Hole("sessions of the callers' role last twelve hours", "api-to-api", ["iam UpdateRole MaxSessionDuration"],
         at("CallersPool"),
         lambda s: s.iam.update_role(RoleName=role_of(s, "CallersPool"), MaxSessionDuration=43200),
         described("CallersPool", "MaxSessionDuration")),
]
