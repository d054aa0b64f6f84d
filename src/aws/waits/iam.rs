//! Calls of IAM that meet a wait.

use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;

use super::Case;
use crate::aws::{Clients, iam};
use crate::engine::{Failure, Provider, Task};
use crate::policy::Policy;

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

pub(super) fn delete_role(clients: Clients, task: Task) -> LocalBoxFuture<'static, Result<(), Failure>> {
    let gone = iam::RoleOutputs { name: "demo-r".into(), arn: "arn:r".into(), unique_id: "AROA".into() };
    async move { Provider::<iam::Role>::delete(&iam::Iam::new(&clients), &gone, &task).await }.boxed_local()
}

#[rustfmt::skip]
pub(super) fn cases() -> Vec<Case> {
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
