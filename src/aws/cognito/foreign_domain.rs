//! A domain of one of our pools that neither the stack file nor the state has: somebody gave it to the pool, or the record
//! is lost.

use super::refusals::HAS_DOMAIN;
use super::{Cognito, UserPoolOutputs};
use crate::engine::Failure;

impl Cognito {
    /// Explains the refusal to delete a pool that has a domain. Returns any other refusal unchanged.
    ///
    /// The pool is ours, but its domain is not that of the stack file: somebody may sign in through it, and once it is
    /// deleted anybody in the region may take its name. So it is not deleted together with the pool.
    pub(super) async fn explained(&self, pool: &UserPoolOutputs, refusal: Failure) -> Failure {
        if !HAS_DOMAIN.is(&refusal) {
            return refusal;
        }
        let live = self.pool(&pool.id).await.ok().flatten();
        let names = |live: &aws_sdk_cognitoidentityprovider::types::UserPoolType| {
            [live.custom_domain(), live.domain()].into_iter().flatten().map(str::to_owned).collect::<Vec<_>>()
        };
        let names = live.as_ref().map(names).filter(|names| !names.is_empty());
        let names = names.unwrap_or_else(|| vec!["NAME".to_owned()]);
        let (id, region) = (&pool.id, &self.scope.region);
        let commands: Vec<String> = names
            .iter()
            .map(|name| {
                format!(
                    "`aws cognito-idp delete-user-pool-domain --region {region} --user-pool-id {id} --domain {name}`"
                )
            })
            .collect();
        let hint = format!(
            "the pool has a domain that neither the stack file nor the state file names; remove it with {}, then run the same \
             command again",
            commands.join(" and ")
        );
        refusal.hint(hint)
    }
}

#[cfg(test)]
mod tests {
    use crate::aws::cognito::{Cognito, UserPool, UserPoolOutputs};
    use crate::aws::testing::{asked, replay};
    use crate::engine::{Cause, Provider, Task};

    #[tokio::test]
    async fn a_pool_with_a_domain_explains_how_to_remove_it() {
        let refusal = r#"{"__type":"InvalidParameterException","message":
            "User pool cannot be deleted. It has a domain configured that should be deleted first."}"#;
        let described = r#"{"UserPool":{"Id":"p1","Domain":"login","CustomDomain":"login.example.com"}}"#;
        let (clients, http) = replay(vec![(400, refusal), (200, described)]);
        let pool = UserPoolOutputs {
            id: "p1".into(),
            arn: "arn:p1".into(),
            name: "demo-users".into(),
            deletion_protection: false,
            attributes: Vec::new(),
        };
        let deleted = Provider::<UserPool>::delete(&Cognito::new(&clients), &pool, &Task::detached("pool.users")).await;
        let failure = deleted.expect_err("refused");
        assert_eq!(failure.cause, Cause::Refused);
        assert!(failure.to_string().contains("It has a domain configured"), "{failure}");
        let hint = failure.hint.expect("a hint");
        for words in ["--user-pool-id p1 --domain login`", "--domain login.example.com`", "run the same command again"]
        {
            assert!(hint.contains(words), "{hint}");
        }
        assert_eq!(asked(&http).len(), 2);
    }
}
