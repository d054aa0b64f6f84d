//! The users that would be deleted with a pool, counted from the list of users. The number in a pool's description is
//! an estimate and out of date.

use aws_sdk_cognitoidentityprovider::types::UserType;

use super::{Cognito, PAGE};
use crate::aws::error::OrFail;
use crate::engine::Failure;

/// The maximum number of pages that are counted. A count of 600 users is a sufficient warning.
pub(super) const PAGES: usize = 10;

/// Reasons not to delete a pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Occupancy {
    /// Whether AWS refuses to delete it.
    pub protected: bool,
    /// The number of users that were counted.
    pub users: usize,
    /// Whether there are more.
    pub more: bool,
}

impl Cognito {
    /// Reasons not to delete the pool with this id; `None` if there is no such pool.
    pub async fn occupancy(&self, pool_id: &str) -> Result<Option<Occupancy>, Failure> {
        let Some(pool) = self.pool(pool_id).await? else { return Ok(None) };
        let mut seen = Occupancy { protected: super::pool_settings::is_protected(&pool), users: 0, more: false };
        let mut next = None;
        for _ in 0..PAGES {
            let call = self.client.list_users().user_pool_id(pool_id).limit(PAGE).set_pagination_token(next);
            let page = call.send().await.or_fail(&format!("count the users of {pool_id}"))?;
            // The stack's service users do not count: they can be created again at any time.
            seen.users +=
                page.users.unwrap_or_default().iter().filter(|user| !is_program(user, &self.scope.stack)).count();
            next = page.pagination_token;
            if next.is_none() {
                break;
            }
        }
        seen.more = next.is_some();
        Ok(Some(seen))
    }
}

/// Whether this is the address of a service user of the stack.
fn is_program(user: &UserType, stack: &str) -> bool {
    let ours = |address: &str| address.ends_with(&format!("@{stack}.invalid"));
    let addresses = user.attributes().iter().filter(|attribute| attribute.name() == "email");
    user.username().is_some_and(ours) || addresses.filter_map(|attribute| attribute.value()).any(ours)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::testing::{asked, replay};

    const POOL: &str =
        r#"{"UserPool":{"Id":"p1","Name":"demo-A","DeletionProtection":"ACTIVE","EstimatedNumberOfUsers":0}}"#;
    const TWO: &str = r#"{"Users":[{"Username":"a"},{"Username":"b"}],"PaginationToken":"t"}"#;
    const ONE: &str = r#"{"Users":[{"Username":"c"}]}"#;

    async fn look(answers: Vec<(u16, &str)>) -> (Result<Option<Occupancy>, Failure>, usize) {
        let (clients, http) = replay(answers);
        let seen = Cognito::new(&clients).occupancy("p1").await;
        (seen, asked(&http).len())
    }

    #[tokio::test]
    async fn users_are_counted_page_by_page_instead_of_estimated() {
        let expected = Occupancy { protected: true, users: 3, more: false };
        assert_eq!(look(vec![(200, POOL), (200, TWO), (200, ONE)]).await, (Ok(Some(expected)), 3));
    }

    #[tokio::test]
    async fn counting_stops_at_a_limit() {
        let answers = std::iter::once((200, POOL)).chain(std::iter::repeat_n((200, TWO), 20));
        let expected = Occupancy { protected: true, users: 20, more: true };
        assert_eq!(look(answers.collect()).await, (Ok(Some(expected)), 11));
    }

    #[tokio::test]
    async fn a_missing_pool_has_no_users_and_an_unreadable_one_fails() {
        let gone = r#"{"__type":"ResourceNotFoundException","message":"no such pool"}"#;
        assert_eq!(look(vec![(400, gone)]).await, (Ok(None), 1));
        let denied = r#"{"__type":"AccessDeniedException","message":"not authorized"}"#;
        assert!(look(vec![(200, POOL), (400, denied)]).await.0.is_err());
    }
}
