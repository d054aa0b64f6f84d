//! The refusals of IAM: those that the program tells apart, and those that end by themselves.

use crate::aws::refusals::refusals;
use crate::aws::settle::{Wait, wait, waits};
use crate::engine::Refusal;

refusals! {
    /// IAM has no such role or policy.
    NO_ENTITY: Absent = Refusal::new(&["iam"], &["NoSuchEntity"]);
    /// A role of that name exists.
    ROLE_EXISTS: Exists = Refusal::new(&["iam CreateRole"], &["EntityAlreadyExists"]);
    /// A managed policy of that name exists.
    POLICY_EXISTS: Exists = Refusal::new(&["iam CreatePolicy"], &["EntityAlreadyExists"]);
    /// The account has a provider for that URL.
    PROVIDER_EXISTS: Exists = Refusal::new(&["iam CreateOpenIDConnectProvider"], &["EntityAlreadyExists"]);
}

waits! {
    /// IAM still sees policies or instance profiles that were removed from the role.
    ROLE_IN_USE = wait("roles", "the role still counts as in use", &["iam DeleteRole"], &["DeleteConflict"]);

    /// After CreateRole and CreatePolicy, other calls may not see the role or the policy yet.
    ROLE_VISIBLE = wait(
        "roles",
        "the role or its policy is not visible everywhere yet",
        &["iam AttachRolePolicy", "iam PutRolePolicy"],
        &["NoSuchEntity"],
    )
    .pace(500, 2000, 60);

    /// Conflicts inside IAM.
    IAM_BUSY = wait("roles", "IAM is still making an earlier change", &["iam"], &["ConcurrentModification", "ServiceFailure"]);
}

#[cfg(test)]
pub(in crate::aws) mod tests {
    use futures_util::FutureExt;
    use futures_util::future::LocalBoxFuture;

    use crate::aws::waits::{Answer, Case, WaitTests};
    use crate::aws::{Clients, iam};
    use crate::engine::{Failure, Provider, Task};
    use crate::policy::Policy;

    /// The tests of the waits of this service.
    pub(in crate::aws) const WAITS: WaitTests = WaitTests::new(cases).answering(answers);

    fn role() -> iam::Role {
        iam::Role {
            id: "role.r".into(),
            name: "demo-r".into(),
            trust: Policy::new([]),
            description: "what".into(),
            boundary: None,
            inline_policies: Vec::new(),
        }
    }

    pub(in crate::aws) fn delete_role(clients: Clients, task: Task) -> LocalBoxFuture<'static, Result<(), Failure>> {
        let gone = iam::RoleOutputs { name: "demo-r".into(), arn: "arn:r".into(), unique_id: "AROA".into() };
        async move { Provider::<iam::Role>::delete(&iam::Iam::new(&clients), &gone, &task).await }.boxed_local()
    }

    #[rustfmt::skip]
    fn cases() -> Vec<Case> {
        vec![
            Case {
                wait: "ROLE_IN_USE",
                at: "DeleteRole",
                refusal: (409, "DeleteConflict", "Cannot delete entity, must delete policies first."),
                verb: delete_role,
            },
            Case {
                wait: "ROLE_VISIBLE",
                at: "PutRolePolicy",
                refusal: (404, "NoSuchEntity", "The role with name demo-r cannot be found."),
                verb: |clients, task| {
                    let want =
                        iam::RolePolicy { role: "demo-r".into(), name: "p".into(), document: Policy::new([]) };
                    async move { iam::Iam::new(&clients).create(&want, &task).await.map(drop) }.boxed_local()
                },
            },
            Case {
                wait: "IAM_BUSY",
                at: "CreateRole",
                refusal: (409, "ConcurrentModification",
                    "The request was rejected because multiple requests to change this object were submitted \
                     simultaneously. Wait a few minutes and submit your request again."),
                verb: |clients, task| {
                    async move { iam::Iam::new(&clients).create(&role(), &task).await.map(drop) }.boxed_local()
                },
            },
        ]
    }

    /// The service's answer if it does not refuse the call; `None` if that answer is empty.
    fn answers(call: &str, _: &str) -> Option<Answer> {
        let answer = match call {
            "CreateRole" => {
                "<CreateRoleResponse><CreateRoleResult><Role><Path>/</Path><RoleName>demo-r</RoleName>\
                <RoleId>AROA</RoleId><Arn>arn:r</Arn><CreateDate>2026-11-21T00:00:00Z</CreateDate></Role>\
                </CreateRoleResult></CreateRoleResponse>"
            }
            "ListRolePolicies" => {
                "<ListRolePoliciesResponse><ListRolePoliciesResult><PolicyNames/></ListRolePoliciesResult>\
                </ListRolePoliciesResponse>"
            }
            "ListAttachedRolePolicies" => {
                "<ListAttachedRolePoliciesResponse><ListAttachedRolePoliciesResult><AttachedPolicies/>\
                </ListAttachedRolePoliciesResult></ListAttachedRolePoliciesResponse>"
            }
            _ => return None,
        };
        Some((200, answer.to_owned()))
    }
}
