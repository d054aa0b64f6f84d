//! What an operator must be allowed for everything that the files beside this folder call: one table a service. IAM has
//! names of its own for the permissions, and they are not always those of the calls.
//!
//! Odd about them: API Gateway knows methods instead of operations, and ARNs without an account; tags set in a create
//! take a permission of their own; some calls are allowed on everything or not at all. And the names of the stack
//! `orders-prod` begin like those of `orders`, so that no right may hang on a name alone (docs/aws.md, Permissions).
//!
//! A right that demands our tag is refused, rather than answered with "not found", once the thing is gone. So what reads
//! or removes is bound by [`Condition::NotAnothers`], which lets through what carries no tag.

mod account;
mod apigateway;
mod apigatewayv2;
mod cognito;
mod iam;
mod lambda;
mod logs;
mod secretsmanager;
mod sns;
mod wafv2;

/// Some rights on the same things, under the same condition.
#[derive(Debug)]
pub struct StatementTemplate {
    /// The id of the statement it goes into. Those of one id have one condition: a statement a service would take far more
    /// room, and no right reaches another service's things.
    pub sid: &'static str,
    /// ARNs, in which `{arn:sns}` stands for `arn:<partition>:sns:<region>:<account>` and `{partition}`, `{region}`,
    /// `{account}` and `{stack}` for themselves. `${*}` is IAM's: an asterisk that matches nothing but an asterisk.
    pub on: &'static [&'static str],
    /// All must hold.
    pub when: &'static [Condition],
    /// What is allowed, and for what it is needed.
    pub rights: &'static [Permissions],
}

/// Some permissions, and who needs them.
#[derive(Debug)]
pub struct Permissions {
    /// For any of these.
    pub needs: &'static [Usage],
    /// As IAM calls them.
    pub actions: &'static [&'static str],
}

/// What something is needed for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Usage {
    /// To look for a resource of this kind, and at it.
    Read(&'static str),
    /// To make one.
    Create(&'static str),
    /// To put one right.
    Update(&'static str),
    /// To remove one.
    Delete(&'static str),
    /// To look for what no record names, kind by kind.
    Survivors,
    /// To add a user to a pool, and set a password.
    AddUser,
    /// To list a pool's users.
    ListUsers,
    /// To remove a user.
    RemoveUser,
    /// To read what functions logged.
    ReadLogs,
    /// To read what the firewall saw.
    ReadTraffic,
    /// To ask what a role may do.
    Simulate,
    /// To call a function past the gateway, where this kind of gateway is.
    Invoke(&'static str),
    /// To ask how full the account is, and what the caller may do.
    Doctor,
}

/// A condition on a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition {
    /// What is made is given our tag in that very call.
    TagGiven,
    /// What is touched carries our tag.
    TagCarried,
    /// What is touched carries no other stack's tag. It may carry none: because it is not there, because things of its
    /// kind carry none, or because it has lost it.
    NotAnothers,
    /// If the call gives a tag of a stack, it is ours.
    NoOthersTagGiven,
    /// The key has one of these values; `{identity-pools}` stands for what IAM calls identity pools in the region.
    Is(&'static str, &'static [&'static str]),
    /// The key, an ARN, fits this pattern.
    IsLike(&'static str, &'static str),
    /// The role is bounded by the permissions boundary, where one is demanded.
    Bounded,
}

/// Every grant, service by service.
pub fn grants() -> impl Iterator<Item = &'static StatementTemplate> {
    [
        account::GRANTS,
        sns::GRANTS,
        secretsmanager::GRANTS,
        logs::GRANTS,
        iam::GRANTS,
        lambda::GRANTS,
        wafv2::GRANTS,
        cognito::GRANTS,
        apigateway::GRANTS,
        apigatewayv2::GRANTS,
    ]
    .into_iter()
    .flatten()
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;

    fn needed() -> Vec<Usage> {
        grants().flat_map(|grant| grant.rights).flat_map(|right| right.needs).copied().collect()
    }

    /// Whoever adds a kind has to say here what its provider must be allowed.
    #[test]
    fn every_kind_says_what_it_takes() {
        let (clients, _) = crate::aws::testing::replay(vec![]);
        let (needed, registry) = (needed(), crate::aws::registry(&clients));
        for kind in registry.kinds() {
            for (verb, need) in
                [("read", Usage::Read(kind)), ("create", Usage::Create(kind)), ("delete", Usage::Delete(kind))]
            {
                assert!(needed.contains(&need), "no table in aws/rights says what it takes to {verb} a {kind}");
            }
        }
    }

    #[test]
    fn there_is_no_right_for_a_kind_that_is_not_there() {
        let (clients, _) = crate::aws::testing::replay(vec![]);
        let registry = crate::aws::registry(&clients);
        let kinds: Vec<&str> = registry.kinds().collect();
        for need in needed() {
            if let Usage::Read(kind) | Usage::Create(kind) | Usage::Update(kind) | Usage::Delete(kind) = need {
                assert!(kinds.contains(&kind), "{kind}");
            }
        }
    }

    #[test]
    fn grants_of_one_statement_have_one_condition() {
        let mut seen: BTreeMap<&str, &StatementTemplate> = BTreeMap::new();
        for grant in grants() {
            assert!(grant.sid.chars().all(|c| c.is_ascii_alphanumeric()), "{}", grant.sid);
            let first = seen.entry(grant.sid).or_insert(grant);
            assert_eq!(first.when, grant.when, "{}", grant.sid);
        }
    }

    /// The statement that holds a right has the resources of others too. They must be such as the right does not reach:
    /// another service's, another kind's, or covered by what another grant allows under the same condition.
    #[test]
    fn no_right_reaches_more_for_being_put_together() {
        let verbs = |grant: &StatementTemplate| -> BTreeSet<&str> {
            grant.rights.iter().flat_map(|right| right.actions).filter(|action| is_verb(action)).copied().collect()
        };
        for (grant, other) in grants().flat_map(|grant| grants().map(move |other| (grant, other))) {
            if grant.sid != other.sid {
                continue;
            }
            assert!(grant.on == other.on || !other.on.contains(&"*"), "{} would be allowed on everything", grant.sid);
            // What has IAM's own asterisk in it names nothing that there is.
            let at_gateway = |pattern: &&&str| pattern.contains(":apigateway:") && !pattern.contains("${*}");
            for (verb, pattern) in
                verbs(grant).into_iter().flat_map(|v| other.on.iter().filter(at_gateway).map(move |p| (v, p)))
            {
                let covers = |own: &&str| {
                    *own == *pattern || own.ends_with('*') && pattern.starts_with(own.trim_end_matches('*'))
                };
                let mut same = grants().filter(|one| one.sid == grant.sid && verbs(one).contains(verb));
                assert!(same.any(|one| one.on.iter().any(covers)), "{verb} of {} reaches {pattern} too", grant.sid);
            }
        }
    }

    /// API Gateway's rights are the same for whatever is there.
    fn is_verb(action: &str) -> bool {
        action.strip_prefix("apigateway:").is_some_and(|verb| verb.chars().all(|c| c.is_ascii_uppercase()))
    }

    #[test]
    fn nothing_is_allowed_by_a_wildcard_for_actions() {
        for action in grants().flat_map(|grant| grant.rights).flat_map(|right| right.actions) {
            let (service, name) = action.split_once(':').expect("a service and a name");
            assert!(!name.contains('*') && !service.contains('*'), "{action}");
        }
    }
}
