//! Checks of the roles that identity pools give to the members of groups.

use futures_util::FutureExt;

use super::check_spec::{CheckResult, CheckSpec};
use super::context::{CheckFuture, VerifyContext};
use super::signed::keys;
use super::{Check, Layer, rights, settings};
use crate::aws::cognito::Identities;
use crate::aws::sts;
use crate::spec::grants::granted_to_members;
use crate::spec::{GroupAllow, IdentityPool};
use crate::topology::ids;

pub(super) fn units<'a>(context: &'a VerifyContext<'a>) -> Vec<CheckFuture<'a>> {
    let pools = context.subject.stack.identity_pools.iter();
    let groups = pools.flat_map(|(name, pool)| pool.groups.iter().map(move |group| (name.as_str(), pool, group)));
    groups.flat_map(|of| [gets_role(context, of).boxed(), granted(context, of).boxed()]).collect()
}

/// Checks that a member of the group gets the group's role, and no other one.
async fn gets_role(
    context: &VerifyContext<'_>,
    (name, pool, GroupAllow { group, .. }): (&str, &IdentityPool, &GroupAllow),
) -> Vec<Check> {
    let claim = format!("a member of {group} gets the role of the group");
    let claim = CheckSpec::new(Layer::Authorization, format!("identity pool {name}"), claim)
        .sent(format!(
            "GetId and GetCredentialsForIdentity with an ID token of a member of {group} in {}, then GetCallerIdentity \
             with the credentials",
            pool.pool
        ))
        .expects("the role of the group");
    let known = context.subject.outputs.identity_pools.get(name);
    let Some((known, role)) = known.and_then(|known| Some((known, known.groups.get(group)?))) else {
        let id = ids::member(name, group);
        return vec![claim.known(CheckResult::because_failed(&settings::name(context.subject.seen, id.as_str())))];
    };
    if !context.at_aws() {
        let why = "this endpoint gives all users the same credentials, unlike AWS";
        return vec![claim.known(CheckResult::not_tried(why))];
    }
    let check = claim.by(async {
        let token = context.tokens_of_member(&pool.pool, group).map(|tokens| &tokens.id);
        let identities = Identities::new(context.subject.clients);
        let keys = match keys(context, &identities, &known.id, (pool, token)).await {
            Ok(keys) => keys,
            Err(result) => return result,
        };
        match sts::caller_with(&context.subject.clients.sdk, &keys).await {
            Ok(caller) => CheckResult::pass_if(is_session_of(&caller.arn, &role.role_arn), caller.arn),
            Err(failure) => context.failed(&failure),
        }
    });
    vec![check.await]
}

/// Whether the ARN of a session, as in `arn:aws:sts::123456789012:assumed-role/NAME/SESSION`, is one of this role.
fn is_session_of(session: &str, role: &str) -> bool {
    let name = session.split_once(":assumed-role/").and_then(|(_, rest)| rest.split('/').next());
    name.is_some() && name == role.rsplit('/').next()
}

/// Checks the permissions of the role of the group's members, except those for routes.
async fn granted(context: &VerifyContext<'_>, (name, pool, group): (&str, &IdentityPool, &GroupAllow)) -> Vec<Check> {
    let known = context.subject.outputs.identity_pools.get(name);
    let Some(role) = known.and_then(|known| known.groups.get(&group.group)) else { return Vec::new() };
    let grants = granted_to_members(pool, group, context.subject.stack, &context.subject.clients.scope);
    let subject = format!("role of the members of {} of {name}", group.group);
    let ids = (ids::member(name, &group.group).into(), ids::member_policy(name, &group.group).into());
    let role = rights::Role { subject, arn: &role.role_arn, ids, grants };
    // Some endpoints simulate nothing.
    rights::checks(context, role, context.at_aws()).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_session_of_the_groups_own_role_passes() {
        const ROLE: &str = "arn:aws:iam::123456789012:role/securelambda/demo/demo-Callers.staff";
        for (session, passes) in [
            ("arn:aws:sts::123456789012:assumed-role/demo-Callers.staff/CognitoIdentityCredentials", true),
            ("arn:aws:sts::123456789012:assumed-role/demo-Callers-caller/CognitoIdentityCredentials", false),
            ("arn:aws:iam::123456789012:user/demo-Callers.staff", false),
        ] {
            assert_eq!(is_session_of(session, ROLE), passes, "{session}");
        }
    }
}
