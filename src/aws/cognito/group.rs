//! Groups of a user pool that the stack file names. Runs manage the groups, which have no role, but not their members.

use serde::{Deserialize, Serialize};

use super::groups::Group;
use super::{Cognito, POOLS, TARGET};
use crate::aws::cognito::COGNITO_IDP;
use crate::aws::error::{OrAbsent, OrFail, empty};
use crate::aws::kind::{Calls, CleanupGroup, Described, Kind, Listed, Rate, SettingsCheck};
use crate::aws::rights::{Permissions, Sid, StatementTemplate, Usage};
use crate::engine::{Comparison, Failure, Found, Provider, Resource, Task};
use crate::layer::Layer;

/// A group of a pool. Tokens of its members name it.
#[derive(Debug, Clone)]
pub struct UserGroup {
    pub pool_id: String,
    pub name: String,
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
        Comparison::default().nothing_else("RoleArn", &live.group.role)
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
                    // A group's role can be removed only by creating the group again, with its members.
                    Permissions {
                        needs: &[Usage::Update],
                        actions: &[
                            "cognito-idp:AdminAddUserToGroup",
                            "cognito-idp:CreateGroup",
                            "cognito-idp:DeleteGroup",
                            "cognito-idp:ListUsersInGroup",
                        ],
                    },
                    // The members are counted before a group is deleted.
                    Permissions {
                        needs: &[Usage::Delete],
                        actions: &["cognito-idp:DeleteGroup", "cognito-idp:ListUsersInGroup"],
                    },
                ],
            },
        ],
        rates: &[
            Rate::per_second(20, Calls::Operations(TARGET, &["GetGroup"])),
            Rate::per_second(30, Calls::Operations(TARGET, &["ListUsersInGroup"])),
        ],
        check: SettingsCheck {
            layer: Layer::Authentication,
            subject: "group {}",
            holds: "the group has no role",
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
        // A group that exists already is in our pool, so it is ours. The next run removes its role.
        self.create_group(&want.pool_id, &Group::named(&want.name), task).await?;
        Ok(want.key())
    }

    async fn update(
        &self,
        want: &UserGroup,
        found: &Found<UserGroup>,
        task: &Task,
    ) -> Result<UserGroupOutputs, Failure> {
        self.take_roles(&want.pool_id, std::slice::from_ref(&found.live.group), task).await?;
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
        UserGroup { pool_id: "p1".into(), name: "staff".into() }
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
