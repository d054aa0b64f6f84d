//! Service users, which are programs that sign in to a pool, and identity pools, which give a pool's users temporary
//! credentials. Their role has only the permissions that the stack file's entry names.

use std::collections::BTreeMap;

use serde_json::json;

use super::Input;
use super::identity::{self, Pools};
use super::messaging::{self, Secrets, secret_policy};
use super::source::Source;
use crate::aws::Encryption;
use crate::aws::apigateway::RestApi;
use crate::aws::cognito::{
    GroupRole, IdentityPool, IdentityPoolRoles, ServiceUser, UserGroup, UserPool, placeholders, provider,
};
use crate::aws::iam::{Role, RolePolicy};
use crate::aws::secretsmanager::Secret;
use crate::engine::{Graph, Handle};
use crate::policy::Policy;
use crate::spec::grants::{granted_to_callers, granted_to_members, pools_of};
use crate::spec::{GroupAllow, IdentityPool as Wanted, names, policies};

/// The ids of the resources that this file adds.
pub(crate) mod ids {
    use crate::aws::cognito::{IdentityPool, IdentityPoolRoles, ServiceUser};
    use crate::aws::iam::{Role, RolePolicy};
    use crate::topology::id::IdOf;

    pub(super) fn service_user(name: &str) -> IdOf<ServiceUser> {
        IdOf::new("user", name)
    }

    pub(crate) fn identity_pool(name: &str) -> IdOf<IdentityPool> {
        IdOf::new("identity-pool", name)
    }

    pub(super) fn identity_pool_roles(identity_pool: &str) -> IdOf<IdentityPoolRoles> {
        IdOf::new("identity-pool-roles", identity_pool)
    }

    /// The role of an identity pool's users.
    pub(crate) fn caller(identity_pool: &str) -> IdOf<Role> {
        IdOf::new("caller", identity_pool)
    }

    pub(crate) fn caller_policy(identity_pool: &str) -> IdOf<RolePolicy> {
        IdOf::new("caller-policy", identity_pool)
    }

    /// The role of the members of a group.
    pub(crate) fn member(identity_pool: &str, group: &str) -> IdOf<Role> {
        IdOf::new("member", &format!("{identity_pool}/{group}"))
    }

    pub(crate) fn member_policy(identity_pool: &str, group: &str) -> IdOf<RolePolicy> {
        IdOf::new("member-policy", &format!("{identity_pool}/{group}"))
    }
}

/// The name of the role's one inline policy.
const POLICY_NAME: &str = "securelambda";

/// An identity pool, and the resources that must exist before its credentials can be used.
#[derive(Debug, Clone, Copy)]
pub(super) struct PoolCaller {
    pub pool: Handle<IdentityPool>,
    pub policy: Handle<RolePolicy>,
    pub roles: Handle<IdentityPoolRoles>,
}

/// The service users, and the secrets with their usernames and passwords.
pub(super) fn service_users(
    graph: &mut Graph,
    Input { stack, scope, encrypted_by, .. }: Input<'_>,
    pools: &Pools,
) -> Secrets {
    let mut secrets = Secrets::new();
    for (name, wanted) in &stack.service_users {
        let Some(pool) = pools.pools.get(&wanted.pool).and_then(Source::own) else { continue };
        let id = messaging::ids::secret(name);
        let secret = Secret {
            id: id.to_string(),
            name: scope.physical(name),
            description: format!("Name and password of the service user {name} of the stack {}", scope.stack),
            plain: BTreeMap::new(),
            secret_fields: BTreeMap::new(),
            rotate: false,
            filled_by_another: true,
            rotated: false,
            policy: secret_policy(stack, scope, name),
            account: scope.account.clone(),
            kms_key: Encryption::default(),
        };
        let secret = id.add(graph, encrypted_by.clone(), move |kms_key| Secret { kms_key, ..secret.clone() });
        let username = names::service_username(name, &scope.stack);
        let attributes = stack.pools.get(&wanted.pool).map(|pool| placeholders(&pool.attributes, &username));
        let attributes = attributes.unwrap_or_default();
        ids::service_user(name).add_under(graph, pool, (pool, secret), move |(pool, secret)| ServiceUser {
            pool_id: pool.id,
            username: username.clone(),
            secret_arn: secret.arn,
            attributes: attributes.clone(),
        });
        secrets.insert(name.clone(), secret);
    }
    secrets
}

/// The identity pools, their roles, and the groups of users that have such a role.
pub(super) fn identity_pools(
    graph: &mut Graph,
    from: Input<'_>,
    pools: &Pools,
    apis: &BTreeMap<Option<String>, Handle<RestApi>>,
) -> BTreeMap<String, PoolCaller> {
    let Input { stack, scope, .. } = from;
    let mut callers = BTreeMap::new();
    for (name, wanted) in &stack.identity_pools {
        let (Some(users), Some(client)) = (pools.pools.get(&wanted.pool), pools.clients.get(&wanted.pool)) else {
            continue;
        };
        let id = ids::identity_pool(name);
        let (tag, physical, home) = (id.to_string(), scope.physical(name), scope.clone());
        let pool = id.add(graph, (users.clone(), client.clone()), move |(users, client)| IdentityPool {
            id: tag.clone(),
            name: physical.clone(),
            provider: provider(&home, &users.id),
            client_id: client.client_id,
        });
        let (role, policy) = caller_role(graph, from, (name, wanted), pool, Whose::AllUsers, (pools, apis));
        if let Some(users) = users.own() {
            members(graph, from, (name, wanted), (users, pool), (pools, apis));
        }
        let id = ids::identity_pool_roles(name);
        let (home, by_token, tags) = (scope.clone(), !wanted.groups.is_empty(), wanted.tags.clone());
        let needs = (pool, role, users.clone(), client.clone());
        let roles = id.add_under(graph, pool, needs, move |(pool, role, users, client)| IdentityPoolRoles {
            pool_id: pool.id,
            role_arn: role.arn,
            roles_from: by_token.then_some(client.client_id),
            provider: provider(&home, &users.id),
            tags: tags.clone(),
        });
        callers.insert(name.clone(), PoolCaller { pool, policy, roles });
    }
    callers
}

/// The groups whose members get a role of their own from this identity pool.
fn members(
    graph: &mut Graph,
    from: Input<'_>,
    (name, wanted): (&str, &Wanted),
    (users, pool): (Handle<UserPool>, Handle<IdentityPool>),
    (pools, apis): (&Pools, &BTreeMap<Option<String>, Handle<RestApi>>),
) {
    for (precedence, group) in (0..).zip(&wanted.groups) {
        let (role, _) = caller_role(graph, from, (name, wanted), pool, Whose::Members(group), (pools, apis));
        let (id, group) = (identity::ids::group(&wanted.pool, &group.group), group.group.clone());
        id.add_under(graph, users, (users, role), move |(pool, role)| UserGroup {
            pool_id: pool.id,
            name: group.clone(),
            role: Some(GroupRole { arn: role.arn, precedence }),
        });
    }
}

/// The users of an identity pool that a role is for.
#[derive(Clone, Copy)]
enum Whose<'a> {
    /// The users who are in no group with a role.
    AllUsers,
    Members(&'a GroupAllow),
}

/// A role of an identity pool's users, and its policy.
fn caller_role(
    graph: &mut Graph,
    Input { stack, scope, .. }: Input<'_>,
    (name, wanted): (&str, &Wanted),
    pool: Handle<IdentityPool>,
    whose: Whose<'_>,
    (pools, apis): (&Pools, &BTreeMap<Option<String>, Handle<RestApi>>),
) -> (Handle<Role>, Handle<RolePolicy>) {
    let (role, policy, role_name, users) = match whose {
        Whose::AllUsers => {
            (ids::caller(name), ids::caller_policy(name), names::caller_role(name), "the users".to_owned())
        }
        Whose::Members(GroupAllow { group, .. }) => (
            ids::member(name, group),
            ids::member_policy(name, group),
            names::member_role(name, group),
            format!("the members of {group}"),
        ),
    };
    let desired = Role {
        id: role.to_string(),
        name: scope.physical(&role_name),
        trust: Policy::default(),
        description: format!("Permissions of {users} of the identity pool {name} of the stack {}", scope.stack),
        boundary: stack.permissions_boundary.clone(),
        inline_policies: vec![POLICY_NAME.to_owned()],
    };
    let principal = scope.identity_pools_principal();
    let tagged = !wanted.tags.is_empty();
    let role =
        role.add(graph, pool, move |pool| Role { trust: trust(&principal, &pool.id, tagged), ..desired.clone() });
    let (granted, further) = match whose {
        Whose::AllUsers => (granted_to_callers(wanted, stack, scope), [].as_slice()),
        Whose::Members(group) => (granted_to_members(wanted, group, stack, scope), group.allow.as_slice()),
    };
    let named = pools_of(&wanted.allow).chain(pools_of(further));
    let named = named.filter_map(|pool| Some((pool.to_owned(), pools.pools.get(pool)?.clone())));
    let named: BTreeMap<String, Source<UserPool>> = named.collect();
    let found = stack.opened(&wanted.invokes).filter_map(|(invoke, api, route)| {
        Some((*apis.get(&invoke.api)?, (api.stage.clone(), route.method.clone(), route.path.clone())))
    });
    let (apis, routes): (Vec<Handle<RestApi>>, Vec<_>) = found.unzip();
    let scope = scope.clone();
    let policy = policy.add_under(graph, role, (role, apis, named), move |(role, apis, named)| {
        let arn = |(api, (stage, method, path)): (_, &(String, String, String))| {
            let api: crate::aws::apigateway::RestApiOutputs = api;
            scope.execute_api_arn(&api.id, stage, method, path)
        };
        let arns: Vec<String> = apis.into_iter().zip(&routes).map(arn).collect();
        let pool = |name: &str| named.get(name).map(|pool| pool.arn.clone());
        let granted = granted.iter().map(|grant| grant.clone().with_pools(&pool).statement());
        RolePolicy { role: role.name, name: POLICY_NAME.to_owned(), document: policies::callers(&arns, granted) }
    });
    (role, policy)
}

/// Lets the signed-in users of this identity pool assume the role. Without the condition, users of any identity pool of
/// any account could. The names of the condition keys begin with the principal (docs/aws.md, What differs between
/// partitions). `aws:SourceAccount` cannot be used here: no AWS service calls, so the request has no such key.
///
/// Sessions with tags need a second action, without which nobody gets credentials.
fn trust(principal: &str, identity_pool: &str, tagged: bool) -> Policy {
    const ASSUME: &str = "sts:AssumeRoleWithWebIdentity";
    let action = if tagged { json!([ASSUME, "sts:TagSession"]) } else { json!(ASSUME) };
    let (audience, methods) = (format!("{principal}:aud"), format!("{principal}:amr"));
    Policy::new([json!({
        "Effect": "Allow",
        "Principal": { "Federated": principal },
        "Action": action,
        "Condition": {
            "StringEquals": { audience: identity_pool },
            "ForAnyValue:StringLike": { methods: "authenticated" },
        },
    })])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scope::Scope;
    use crate::spec::{blueprints, parse};
    use crate::topology::{SecretValues, desired};

    #[test]
    fn ids_of_a_named_api_contain_its_name_and_others_do_not() {
        let blueprint = blueprints::Blueprint::of("api-to-api").expect("there");
        let stack = parse(blueprint.text).expect("a sound file");
        let scope = Scope {
            partition: "aws".into(),
            account: "123456789012".into(),
            region: "eu-central-1".into(),
            stack: "demo".into(),
            ..Scope::default()
        };
        let graph = desired(&stack, &scope, None, &crate::bundle::Bundles::default(), &SecretValues::default(), None);
        let ids: Vec<String> = graph.ids().map(|(id, _)| id.to_string()).collect();
        for id in [
            "api.rest",
            "api.Age.rest",
            "api.paths",
            "api.Age.paths",
            "stage.development",
            "stage.Age.development",
            "firewall.association",
            "firewall.association.Age",
            "permission.GET /day Day",
            "permission.Age GET /age Age",
            "secret.DayUser",
            "user.DayUser",
            "identity-pool.CallersPool",
            "identity-pool-roles.CallersPool",
            "caller.CallersPool",
            "caller-policy.CallersPool",
        ] {
            assert!(ids.iter().any(|known| known == id), "{id} is not in {ids:?}");
        }
    }

    #[test]
    fn only_signed_in_users_of_the_identity_pool_can_assume_the_role() {
        let with_tags = trust("cognito-identity.amazonaws.com", "eu-central-1:a", true).to_string();
        assert!(with_tags.contains("sts:TagSession"), "{with_tags}");
        let trust = trust("cognito-identity.amazonaws.com", "eu-central-1:a", false).to_string();
        assert!(!trust.contains("sts:TagSession"), "{trust}");
        assert!(trust.contains(r#""Federated":"cognito-identity.amazonaws.com""#), "{trust}");
        assert!(trust.contains(r#""cognito-identity.amazonaws.com:aud":"eu-central-1:a""#), "{trust}");
        assert!(trust.contains(r#""cognito-identity.amazonaws.com:amr":"authenticated""#), "{trust}");
        assert_eq!(policies::callers(&["arn:a".into()], []).statements().count(), 1);
        // IAM takes no policy without statements.
        let nothing = policies::callers(&[], []);
        assert_eq!(nothing.statement("AllowNothing").expect("one statement")["Effect"], "Deny");
    }
}
