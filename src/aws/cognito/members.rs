//! The members of groups, for the commands. They are not resources of the stack, because runs do not manage them.

use aws_sdk_cognitoidentityprovider::Client;
use aws_sdk_cognitoidentityprovider::types::UserType;

use super::groups::Group;
use super::occupancy::PAGES;
use super::user_advice::explained;
use super::users::{User, user};
use super::{Cognito, PAGE, Users};
use crate::aws::error::{OrAbsent, OrFail};
use crate::engine::Failure;

/// A group of a pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupInfo {
    pub name: String,
    /// The ARN of the role that its members may get. A group that the stack file names has no role.
    pub role: Option<String>,
}

/// How many members a group has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Members {
    /// The number of members that were counted.
    pub users: usize,
    /// Whether there are more.
    pub more: bool,
}

/// All groups of a pool.
pub(super) async fn groups(client: &Client, pool_id: &str) -> Result<Vec<Group>, Failure> {
    let mut pages = client.list_groups().user_pool_id(pool_id).limit(PAGE).into_paginator().send();
    let mut all = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.or_fail(&format!("list the groups of {pool_id}"))?;
        all.extend(page.groups.unwrap_or_default().into_iter().map(Group::from));
    }
    Ok(all)
}

/// All members of a group.
pub(super) async fn members(client: &Client, pool_id: &str, group: &str) -> Result<Vec<UserType>, Failure> {
    let call = client.list_users_in_group().user_pool_id(pool_id).group_name(group).limit(PAGE);
    let mut pages = call.into_paginator().send();
    let mut members = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.or_fail(&format!("list the members of the group {group}"))?;
        members.extend(page.users.unwrap_or_default());
    }
    Ok(members)
}

/// How many members a group has, counted on at most [`PAGES`] pages; `None` if there is no such group.
async fn count(client: &Client, pool_id: &str, group: &str) -> Result<Option<Members>, Failure> {
    let mut seen = Members { users: 0, more: false };
    let mut next = None;
    for _ in 0..PAGES {
        let call = client.list_users_in_group().user_pool_id(pool_id).group_name(group).limit(PAGE);
        let page = call.set_next_token(next).send().await.or_fail(&format!("count the members of the group {group}"));
        let Some(page) = page.or_absent()? else { return Ok(None) };
        seen.users += page.users.unwrap_or_default().len();
        next = page.next_token;
        if next.is_none() {
            break;
        }
    }
    seen.more = next.is_some();
    Ok(Some(seen))
}

impl Cognito {
    /// How many members a group has; `None` if there is no such group or no such pool.
    pub async fn members_of(&self, pool_id: &str, group: &str) -> Result<Option<Members>, Failure> {
        count(&self.client, pool_id, group).await
    }
}

impl Users {
    /// All groups of a pool, by name.
    pub async fn groups(&self, pool_id: &str) -> Result<Vec<GroupInfo>, Failure> {
        let mut groups: Vec<GroupInfo> = groups(&self.client, pool_id)
            .await?
            .into_iter()
            .map(|group| GroupInfo { name: group.name, role: group.role })
            .collect();
        groups.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(groups)
    }

    /// How many members a group has; `None` if there is no such group.
    pub async fn count_members(&self, pool_id: &str, group: &str) -> Result<Option<Members>, Failure> {
        count(&self.client, pool_id, group).await
    }

    /// The members of a group.
    pub async fn members(&self, pool_id: &str, group: &str) -> Result<Vec<User>, Failure> {
        Ok(explained(members(&self.client, pool_id, group).await)?.into_iter().map(user).collect())
    }

    /// Adds a user to a group. It is no failure if the user is a member already.
    pub async fn join(&self, pool_id: &str, username: &str, group: &str) -> Result<(), Failure> {
        let call = self.client.admin_add_user_to_group().user_pool_id(pool_id).group_name(group).username(username);
        let joined = call.send().await.or_fail(&format!("add {username} to the group {group}"));
        explained(joined).map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::testing::{asked, replay};

    const TWO: &str = r#"{"Users":[{"Username":"a"},{"Username":"b"}],"NextToken":"t"}"#;
    const ONE: &str = r#"{"Users":[{"Username":"c"}]}"#;

    #[tokio::test]
    async fn members_are_counted_page_by_page_up_to_a_limit() {
        let (clients, http) = replay(vec![(200, TWO), (200, ONE)]);
        let counted = Cognito::new(&clients).members_of("p1", "staff").await;
        assert_eq!(counted, Ok(Some(Members { users: 3, more: false })));
        assert!(asked(&http)[1].1.contains(r#""NextToken":"t""#));
        let (clients, http) = replay(std::iter::repeat_n((200, TWO), 20).collect());
        let counted = Users::new(&clients).count_members("p1", "staff").await;
        assert_eq!((counted, asked(&http).len()), (Ok(Some(Members { users: 20, more: true })), 10));
        let gone = r#"{"__type":"ResourceNotFoundException","message":"Group not found."}"#;
        let (clients, _) = replay(vec![(400, gone)]);
        assert_eq!(Cognito::new(&clients).members_of("p1", "staff").await, Ok(None));
    }

    #[tokio::test]
    async fn groups_are_listed_by_name_with_their_roles() {
        let page = r#"{"Groups":[{"GroupName":"staff"},{"GroupName":"admins","RoleArn":"arn:r"}]}"#;
        let (clients, _) = replay(vec![(200, page)]);
        let groups = Users::new(&clients).groups("p1").await.expect("groups");
        let info = |name: &str, role: Option<&str>| GroupInfo { name: name.into(), role: role.map(str::to_owned) };
        assert_eq!(groups, [info("admins", Some("arn:r")), info("staff", None)]);
    }
}
