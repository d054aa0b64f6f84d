//! Calls of Cognito that meet a wait.

use futures_util::FutureExt;

use super::Case;
use crate::aws::cognito;
use crate::engine::Provider;

#[rustfmt::skip]
pub(super) fn cases() -> Vec<Case> {
    vec![
        Case {
            wait: "COGNITO_BUSY",
            at: "DeleteUserPool",
            refusal: (400, "ConcurrentModificationException",
                "This exception is thrown if two or more modifications are happening concurrently."),
            verb: |clients, task| {
                let gone = cognito::UserPoolOutputs {
                    id: "p1".into(),
                    arn: "arn:p".into(),
                    name: "demo-p".into(),
                    deletion_protection: false,
                };
                async move {
                    Provider::<cognito::UserPool>::delete(&cognito::Cognito::new(&clients), &gone, &task).await
                }.boxed_local()
            },
        },
        Case {
            wait: "IDENTITY_ROLES",
            at: "SetIdentityPoolRoles",
            refusal: (400, "InvalidParameterException", "Invalid role ARN"),
            verb: |clients, task| {
                let want = cognito::IdentityPoolRoles {
                    pool_id: "r:1".into(),
                    role_arn: "arn:r".into(),
                    provider: "p".into(),
                };
                async move {
                    cognito::CognitoIdentity::new(&clients).create(&want, &task).await.map(drop)
                }.boxed_local()
            },
        },
        Case {
            wait: "IDENTITY_BUSY",
            at: "DeleteIdentityPool",
            refusal: (400, "ConcurrentModificationException",
                "Thrown if there are parallel requests to modify a resource."),
            verb: |clients, task| {
                let gone = cognito::IdentityPoolOutputs { id: "r:1".into() };
                async move {
                    let pools = cognito::CognitoIdentity::new(&clients);
                    Provider::<cognito::IdentityPool>::delete(&pools, &gone, &task).await
                }.boxed_local()
            },
        },
    ]
}
