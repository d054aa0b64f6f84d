//! The roles of groups of a user pool: members' tokens name the role, and identity pools may give it to them.
//!
//! `UpdateGroup` keeps the role if the request leaves it out, and accepts no empty role (docs/aws.md, What belongs to a
//! pool). So a group loses its role only if it is deleted and created again. Its members are copied to another group
//! first, because the deletion would lose them. An interrupted run leaves that copy, and the next run continues from
//! it.

use aws_sdk_cognitoidentityprovider::types::GroupType;

use super::refusals::{COGNITO_BUSY, NO_USER};
use super::{Cognito, GroupRole, members};
use crate::aws::error::{OrAbsent, OrFail};
use crate::aws::refusals::UNKNOWN_CALL;
use crate::aws::settle::settled;
use crate::choices::GROUP_COPY as COPY;
use crate::engine::{Cause, Failure, Task};

/// The maximum number of characters of a group's name.
const LONGEST: usize = 128;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Group {
    pub name: String,
    /// The ARN of the role that its members may get.
    pub role: Option<String>,
    description: Option<String>,
    pub precedence: Option<i32>,
}

impl From<GroupType> for Group {
    fn from(group: GroupType) -> Self {
        Self {
            name: group.group_name.unwrap_or_default(),
            role: group.role_arn.filter(|role| !role.is_empty()),
            description: group.description.filter(|text| !text.is_empty()),
            precedence: group.precedence,
        }
    }
}

impl Group {
    /// A group without anything but its name.
    pub(super) fn named(name: &str) -> Self {
        Self { name: name.to_owned(), role: None, description: None, precedence: None }
    }

    pub(super) fn with_role(self, arn: &str, precedence: i32) -> Self {
        Self { role: Some(arn.to_owned()), precedence: Some(precedence), ..self }
    }

    /// The name of the group that this one is a copy of.
    pub(super) fn copy_of(&self) -> Option<&str> {
        self.name.strip_prefix(COPY)
    }

    fn copy(&self) -> Result<Self, Failure> {
        let name = format!("{COPY}{}", self.name);
        if name.chars().count() > LONGEST {
            let message = format!("the group {} has a role, and its name is too long for a copy of it", self.name);
            return Err(Failure::refused(message).hint("delete the group, or create it again without a role"));
        }
        Ok(Self { name, role: None, ..self.clone() })
    }
}

impl Cognito {
    pub(super) async fn groups(&self, pool_id: &str) -> Result<Vec<Group>, Failure> {
        members::groups(&self.client, pool_id).await
    }

    /// Removes the role of every group that has a role, and restores the groups that an interrupted run left as copies.
    /// Members, description and precedence stay.
    pub(super) async fn take_roles(&self, pool_id: &str, groups: &[Group], task: &Task) -> Result<(), Failure> {
        for group in groups.iter().filter(|group| group.role.is_some()) {
            self.recreate(pool_id, group, &Group { role: None, ..group.clone() }, task).await?;
        }
        let with_role = |name: &str| groups.iter().any(|group| group.name == name && group.role.is_some());
        for copy in groups.iter().filter(|group| group.copy_of().is_some_and(|name| !with_role(name))) {
            self.restore(pool_id, copy, task).await?;
        }
        Ok(())
    }

    /// Deletes a group and creates it again as `wanted`, with the same members.
    async fn recreate(&self, pool_id: &str, group: &Group, wanted: &Group, task: &Task) -> Result<(), Failure> {
        let copy = group.copy()?;
        self.create_group(pool_id, &copy, task).await?;
        self.copy_members(pool_id, &group.name, &copy.name, task).await?;
        self.delete_group(pool_id, &group.name, task).await?;
        self.replace_copy(pool_id, &copy, wanted, task).await
    }

    /// Creates the group that `copy` is a copy of, with its members, and then deletes the copy.
    async fn restore(&self, pool_id: &str, copy: &Group, task: &Task) -> Result<(), Failure> {
        let Some(name) = copy.copy_of() else { return Ok(()) };
        self.replace_copy(pool_id, copy, &Group { name: name.to_owned(), ..copy.clone() }, task).await
    }

    async fn replace_copy(&self, pool_id: &str, copy: &Group, wanted: &Group, task: &Task) -> Result<(), Failure> {
        self.create_group(pool_id, wanted, task).await?;
        self.copy_members(pool_id, &copy.name, &wanted.name, task).await?;
        self.delete_group(pool_id, &copy.name, task).await
    }

    /// Sets the role of a group. The members and the description stay.
    pub(super) async fn set_role(
        &self,
        pool_id: &str,
        group: &Group,
        role: &GroupRole,
        task: &Task,
    ) -> Result<(), Failure> {
        let set = settled(task, &[&COGNITO_BUSY], || async {
            let call = self.client.update_group().user_pool_id(pool_id).group_name(&group.name);
            let call = call.set_description(group.description.clone());
            let call = call.role_arn(&role.arn).precedence(role.precedence);
            call.send().await.or_fail(&format!("set the role of the group {}", group.name))
        });
        match set.await {
            // Some emulators have no `UpdateGroup`.
            Err(failure) if self.emulator && UNKNOWN_CALL.is(&failure) => {
                let wanted = group.clone().with_role(&role.arn, role.precedence);
                self.recreate(pool_id, group, &wanted, task).await
            }
            set => set.map(drop),
        }
    }

    /// Creates a group, if there is none of this name.
    pub(super) async fn create_group(&self, pool_id: &str, group: &Group, task: &Task) -> Result<(), Failure> {
        let made = settled(task, &[&COGNITO_BUSY], || async {
            let call = self.client.create_group().user_pool_id(pool_id).group_name(&group.name);
            let call = call.set_description(group.description.clone()).set_precedence(group.precedence);
            let call = call.set_role_arn(group.role.clone());
            call.send().await.or_fail(&format!("create the group {}", group.name))
        });
        match made.await {
            Err(failure) if failure.cause == Cause::Exists => Ok(()),
            made => made.map(drop),
        }
    }

    /// Deletes a group. It is no failure if the group does not exist.
    pub(super) async fn delete_group(&self, pool_id: &str, name: &str, task: &Task) -> Result<(), Failure> {
        let deleted = settled(task, &[&COGNITO_BUSY], || async {
            let call = self.client.delete_group().user_pool_id(pool_id).group_name(name);
            call.send().await.or_fail(&format!("delete the group {name}"))
        });
        deleted.await.or_absent().map(drop)
    }

    async fn copy_members(&self, pool_id: &str, from: &str, to: &str, task: &Task) -> Result<(), Failure> {
        let members = members::members(&self.client, pool_id, from).await?;
        for name in members.into_iter().filter_map(|member| member.username) {
            let added = settled(task, &[&COGNITO_BUSY], || async {
                let call = self.client.admin_add_user_to_group().user_pool_id(pool_id).group_name(to).username(&name);
                call.send().await.or_fail(&format!("add a member to the group {to}"))
            });
            match added.await {
                // A user who was deleted meanwhile needs no group. If the group `to` is missing, we fail, so that
                // `from` is not deleted.
                Err(failure) if !NO_USER.is(&failure) => return Err(failure),
                _ => {}
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::testing::{asked, replay};

    fn group(name: &str, role: Option<&str>) -> Group {
        Group {
            name: name.into(),
            role: role.map(str::to_owned),
            description: Some("The staff".into()),
            precedence: Some(3),
        }
    }

    const MEMBERS: &str = r#"{"Users":[{"Username":"ann"},{"Username":"bob"}]}"#;

    #[tokio::test]
    async fn a_group_loses_its_role_and_keeps_its_members() {
        let answers = ["{}", MEMBERS, "{}", "{}", "{}", "{}", MEMBERS, "{}", "{}", "{}"].map(|body| (200, body));
        let (clients, http) = replay(answers.to_vec());
        let groups = [group("staff", Some("arn:aws:iam::1:role/x")), group("guests", None)];
        Cognito::new(&clients).take_roles("p1", &groups, &Task::detached("x")).await.expect("repaired");
        let asked = asked(&http);
        let calls: Vec<&str> = asked.iter().map(|(call, _)| call.as_str()).collect();
        let add = "AdminAddUserToGroup";
        let expected = [
            "CreateGroup",
            "ListUsersInGroup",
            add,
            add,
            "DeleteGroup",
            "CreateGroup",
            "ListUsersInGroup",
            add,
            add,
            "DeleteGroup",
        ];
        assert_eq!(calls, expected);
        assert!(asked[4].1.contains(r#""GroupName":"staff""#), "{}", asked[4].1);
        let made: serde_json::Value = serde_json::from_str(&asked[5].1).expect("JSON");
        let expected = serde_json::json!({
            "UserPoolId": "p1", "GroupName": "staff", "Description": "The staff", "Precedence": 3
        });
        assert_eq!(made, expected, "without a role");
        assert!(asked[9].1.contains("securelambda-copy-of-staff"));
    }

    /// Somebody deleted the copy meanwhile. Without it, deleting the group would lose its members.
    #[tokio::test]
    async fn a_group_whose_copy_is_gone_is_not_deleted() {
        let no_user = (400, r#"{"__type":"UserNotFoundException","message":"User does not exist."}"#);
        let no_group = (400, r#"{"__type":"ResourceNotFoundException","message":"Group not found."}"#);
        let (clients, http) = replay(vec![(200, "{}"), (200, MEMBERS), no_user, no_group]);
        let groups = [group("staff", Some("arn:aws:iam::1:role/x"))];
        assert!(Cognito::new(&clients).take_roles("p1", &groups, &Task::detached("x")).await.is_err());
        assert!(!asked(&http).iter().any(|(call, _)| call.starts_with("Delete")));
    }

    #[tokio::test]
    async fn a_run_continues_from_the_copy_that_an_interrupted_one_left() {
        let exists = r#"{"__type":"GroupExistsException","message":"A group already exists with the name"}"#;
        let (clients, http) =
            replay(vec![(400, exists), (200, r#"{"Users":[{"Username":"ann"}]}"#), (200, "{}"), (200, "{}")]);
        let groups = [group("securelambda-copy-of-staff", None), group("staff", None)];
        Cognito::new(&clients).take_roles("p1", &groups, &Task::detached("x")).await.expect("repaired");
        let calls: Vec<String> = asked(&http).into_iter().map(|(call, _)| call).collect();
        assert_eq!(calls, ["CreateGroup", "ListUsersInGroup", "AdminAddUserToGroup", "DeleteGroup"]);
    }

    #[tokio::test]
    async fn a_group_whose_name_leaves_no_room_for_a_copy_is_left_alone() {
        let (clients, http) = replay(vec![]);
        let long = [group(&"g".repeat(120), Some("arn:aws:iam::1:role/x"))];
        assert!(Cognito::new(&clients).take_roles("p1", &long, &Task::detached("x")).await.is_err());
        assert_eq!(asked(&http).len(), 0);
    }
}
