//! Groups of a user pool that the stack file names. Runs manage the groups and their roles, but not their members.

use serde::{Deserialize, Serialize};

use super::groups::Group;
use super::{Cognito, POOLS, TARGET};
use crate::aws::cognito::COGNITO_IDP;
use crate::aws::error::{OrAbsent, OrFail, empty};
use crate::aws::kind::{Calls, CleanupGroup, Described, Kind, Listed, Rate, SettingsCheck};
use crate::aws::rights::{Permissions, Sid, StatementTemplate, Usage};
use crate::engine::{Comparison, Effect, Failure, Found, Provider, Resource, Task};
use crate::layer::Layer;

/// A group of a pool. Tokens of its members name it.
#[derive(Debug, Clone)]
pub struct UserGroup {
    pub pool_id: String,
    pub name: String,
    /// The role that an identity pool gives to the members.
    pub role: Option<GroupRole>,
}

/// The role of a group's members.
#[derive(Debug, Clone)]
pub struct GroupRole {
    pub arn: String,
    /// The rank of the group. Of several groups with a role, a user has the role of the group with the lowest number.
    pub precedence: i32,
}

/// A group has no id and no tags: its name is unique in its pool, and it is ours if the pool is ours. The outputs are
/// also the key.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UserGroupOutputs {
    pub pool_id: String,
    pub name: String,
}

/// A group, as read from AWS.
#[derive(Debug, Clone)]
pub struct UserGroupLive {
    pub(super) group: Group,
}

impl Resource for UserGroup {
    const KIND: &'static str = "cognito.group";
    const GOES_WITH_PARENT: bool = true;
    const NAME_IS_UNIQUE: bool = true;
    const ID_IS_GIVEN_ONCE: bool = true;
    const GUARDS: bool = false;
    type Key = UserGroupOutputs;
    type Outputs = UserGroupOutputs;
    type Live = UserGroupLive;

    fn key(&self) -> UserGroupOutputs {
        UserGroupOutputs { pool_id: self.pool_id.clone(), name: self.name.clone() }
    }

    fn identity(outputs: &UserGroupOutputs) -> String {
        format!("{}/{}", outputs.pool_id, outputs.name)
    }

    fn removal_command(outputs: &UserGroupOutputs) -> Option<String> {
        Some(format!("aws cognito-idp delete-group --user-pool-id {} --group-name {}", outputs.pool_id, outputs.name))
    }

    fn compare(&self, live: &UserGroupLive) -> Comparison {
        let Some(GroupRole { arn, precedence }) = &self.role else {
            return Comparison::default().nothing_else("RoleArn", &live.group.role);
        };
        let effect = match &live.group.role {
            // The members then get the role of the other users.
            None => Effect::Differs,
            Some(role) => Effect::weakens_unless(role == arn),
        };
        let role = live.group.role.as_deref().unwrap_or("none");
        let rank = live.group.precedence.map_or_else(|| "none".to_owned(), |rank| rank.to_string());
        // Whatever the rank, a user gets the role of one of the user's own groups.
        Comparison::default().judged("RoleArn", arn, role, effect).plain("Precedence", precedence.to_string(), rank)
    }
}

impl Described for UserGroup {
    const ABOUT: Kind = Kind {
        service: COGNITO_IDP,
        label: "group of users",
        listed: Listed::WithParent,
        cleanup: CleanupGroup::Cognito,
        gone_before: &[],
        permissions: &[
            StatementTemplate {
                sid: Sid::FindOwn,
                on: POOLS,
                rights: &[Permissions { needs: &[Usage::Read], actions: &["cognito-idp:GetGroup"] }],
            },
            StatementTemplate {
                sid: Sid::OwnByTag,
                on: POOLS,
                rights: &[
                    Permissions { needs: &[Usage::Create], actions: &["cognito-idp:CreateGroup"] },
                    // A role is set in place. It can be removed only by creating the group again, with its members.
                    Permissions {
                        needs: &[Usage::Update],
                        actions: &[
                            "cognito-idp:AdminAddUserToGroup",
                            "cognito-idp:CreateGroup",
                            "cognito-idp:DeleteGroup",
                            "cognito-idp:ListUsersInGroup",
                            "cognito-idp:UpdateGroup",
                        ],
                    },
                    // The members are counted before a group is deleted.
                    Permissions {
                        needs: &[Usage::Delete],
                        actions: &["cognito-idp:DeleteGroup", "cognito-idp:ListUsersInGroup"],
                    },
                ],
            },
            // Whether AWS demands this permission for a group's role is not documented (docs/aws.md, Identity pools).
            StatementTemplate {
                sid: Sid::PassRolesToGroups,
                on: &["{member-roles}"],
                rights: &[Permissions { needs: &[Usage::Create, Usage::Update], actions: &["iam:PassRole"] }],
            },
        ],
        rates: &[
            Rate::per_second(20, Calls::Operations(TARGET, &["GetGroup"])),
            Rate::per_second(30, Calls::Operations(TARGET, &["ListUsersInGroup"])),
        ],
        check: SettingsCheck {
            layer: Layer::Authentication,
            subject: "group {}",
            holds: "its role matches the stack file",
            read: "GetGroup",
        },
    };
}

impl Provider<UserGroup> for Cognito {
    async fn read(
        &self,
        key: &UserGroupOutputs,
        _: Option<&UserGroupOutputs>,
        _: &Task,
    ) -> Result<Option<Found<UserGroup>>, Failure> {
        let call = self.client.get_group().user_pool_id(&key.pool_id).group_name(&key.name);
        let Some(answer) = call.send().await.or_fail(&format!("read the group {}", key.name)).or_absent()? else {
            return Ok(None);
        };
        let group = answer.group.ok_or_else(|| empty(&format!("the group {}", key.name)))?.into();
        Ok(Some(Found { outputs: key.clone(), live: UserGroupLive { group } }))
    }

    async fn create(&self, want: &UserGroup, task: &Task) -> Result<UserGroupOutputs, Failure> {
        // A group that exists already is in our pool, so it is ours. The next run corrects its role.
        let group = Group::named(&want.name);
        let group = match &want.role {
            Some(role) => group.with_role(&role.arn, role.precedence),
            None => group,
        };
        self.create_group(&want.pool_id, &group, task).await?;
        Ok(want.key())
    }

    async fn update(
        &self,
        want: &UserGroup,
        found: &Found<UserGroup>,
        task: &Task,
    ) -> Result<UserGroupOutputs, Failure> {
        match &want.role {
            Some(role) => self.set_role(&want.pool_id, &found.live.group, role, task).await?,
            None => self.take_roles(&want.pool_id, std::slice::from_ref(&found.live.group), task).await?,
        }
        Ok(want.key())
    }

    async fn delete(&self, gone: &UserGroupOutputs, task: &Task) -> Result<(), Failure> {
        self.delete_group(&gone.pool_id, &gone.name, task).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::testing::{asked, replay};
    use crate::engine::Drift;

    fn want() -> UserGroup {
        UserGroup { pool_id: "p1".into(), name: "staff".into(), role: None }
    }

    fn with_role() -> UserGroup {
        UserGroup { role: Some(GroupRole { arn: "arn:aws:iam::123456789012:role/s".into(), precedence: 1 }), ..want() }
    }

    async fn read(answer: (u16, &'static str)) -> Result<Option<Found<UserGroup>>, Failure> {
        let (clients, _) = replay(vec![answer]);
        Provider::<UserGroup>::read(&Cognito::new(&clients), &want().key(), None, &Task::detached("x")).await
    }

    #[tokio::test]
    async fn a_group_is_found_by_its_name_in_its_pool() {
        let found = read((200, r#"{"Group":{"GroupName":"staff","Description":"The staff","Precedence":3}}"#)).await;
        let found = found.expect("an answer").expect("a group");
        assert_eq!(found.outputs, want().key());
        assert_eq!(want().drift(&found.live), [], "a description gives nobody anything");
        let gone = read((400, r#"{"__type":"ResourceNotFoundException","message":"Group not found."}"#)).await;
        assert!(gone.expect("an answer").is_none());
        assert!(read((400, r#"{"__type":"AccessDeniedException","message":"no"}"#)).await.is_err());
    }

    #[tokio::test]
    async fn a_role_weakens_the_group_and_is_taken_away() {
        let role = "arn:aws:iam::123456789012:role/x";
        let found =
            read((200, r#"{"Group":{"GroupName":"staff","RoleArn":"arn:aws:iam::123456789012:role/x"}}"#)).await;
        let found = found.expect("an answer").expect("a group");
        assert_eq!(want().drift(&found.live), [Drift::weakening("RoleArn", "none", role)]);
        let (none, ok) = ((200, r#"{"Users":[]}"#), (200, "{}"));
        let (clients, http) = replay(vec![ok, none, ok, ok, none, ok]);
        Cognito::new(&clients).update(&want(), &found, &Task::detached("x")).await.expect("updated");
        let calls: Vec<String> = asked(&http).into_iter().map(|(call, _)| call).collect();
        let once = ["CreateGroup", "ListUsersInGroup", "DeleteGroup"];
        assert_eq!(calls, [once, once].concat());
    }

    #[tokio::test]
    async fn another_role_weakens_and_no_role_or_another_rank_differs() {
        for (group, expected) in [
            (r#""RoleArn":"arn:aws:iam::123456789012:role/s","Precedence":1"#, vec![]),
            (
                r#""RoleArn":"arn:aws:iam::123456789012:role/x","Precedence":1"#,
                vec![Drift::weakening(
                    "RoleArn",
                    "arn:aws:iam::123456789012:role/s",
                    "arn:aws:iam::123456789012:role/x",
                )],
            ),
            (r#""Precedence":1"#, vec![Drift::new("RoleArn", "arn:aws:iam::123456789012:role/s", "none")]),
            (
                r#""RoleArn":"arn:aws:iam::123456789012:role/s","Precedence":0"#,
                vec![Drift::new("Precedence", "1", "0")],
            ),
        ] {
            let answer = format!(r#"{{"Group":{{"GroupName":"staff",{group}}}}}"#);
            let (clients, _) = replay(vec![(200, &answer)]);
            let key = want().key();
            let found = Provider::<UserGroup>::read(&Cognito::new(&clients), &key, None, &Task::detached("x")).await;
            assert_eq!(with_role().drift(&found.expect("an answer").expect("a group").live), expected, "{group}");
        }
    }

    #[tokio::test]
    async fn a_role_is_set_in_place_and_the_description_stays() {
        let found = read((200, r#"{"Group":{"GroupName":"staff","Description":"The staff"}}"#)).await;
        let found = found.expect("an answer").expect("a group");
        let (clients, http) = replay(vec![(200, "{}"), (200, "{}")]);
        let (cognito, task) = (Cognito::new(&clients), Task::detached("x"));
        Provider::<UserGroup>::create(&cognito, &with_role(), &task).await.expect("created");
        cognito.update(&with_role(), &found, &task).await.expect("updated");
        let asked = asked(&http);
        let sent = |at: usize| serde_json::from_str::<serde_json::Value>(&asked[at].1).expect("JSON");
        let role = serde_json::json!({
            "GroupName": "staff", "UserPoolId": "p1", "RoleArn": "arn:aws:iam::123456789012:role/s", "Precedence": 1,
        });
        assert_eq!((asked[0].0.as_str(), sent(0)), ("CreateGroup", role.clone()));
        let mut kept = role;
        kept["Description"] = "The staff".into();
        assert_eq!((asked[1].0.as_str(), sent(1)), ("UpdateGroup", kept));
    }

    #[tokio::test]
    async fn a_group_of_that_name_in_our_pool_is_ours() {
        let exists = r#"{"__type":"GroupExistsException","message":"A group already exists with the name"}"#;
        let (clients, http) = replay(vec![(400, exists)]);
        let made = Cognito::new(&clients).create(&want(), &Task::detached("x")).await.expect("created");
        assert_eq!(made, want().key());
        assert_eq!(asked(&http)[0].1, r#"{"GroupName":"staff","UserPoolId":"p1"}"#);
    }

    #[tokio::test]
    async fn deleting_a_group_that_is_gone_succeeds() {
        let gone = r#"{"__type":"ResourceNotFoundException","message":"Group not found."}"#;
        let (clients, _) = replay(vec![(400, gone)]);
        let deleted = Provider::<UserGroup>::delete(&Cognito::new(&clients), &want().key(), &Task::detached("x")).await;
        assert_eq!(deleted, Ok(()));
    }
}
