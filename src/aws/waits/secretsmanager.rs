//! Calls of Secrets Manager that meet a wait.

use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;

use super::Case;
use crate::aws::{Clients, secretsmanager};
use crate::engine::{Failure, Provider, Task};

/// One that is scheduled for deletion is brought back; one that is going away for good is waited for.
fn create_secret(name: &str, clients: Clients, task: Task) -> LocalBoxFuture<'static, Result<(), Failure>> {
    let want = secretsmanager::Secret {
        id: "secret.s".into(),
        name: name.into(),
        description: "what".into(),
        plain: [("TOPIC_ARN".to_owned(), "arn:t".to_owned())].into(),
        secret_fields: std::collections::BTreeMap::new(),
        rotate: false,
        filled_by_another: false,
        rotated: false,
        policy: crate::policy::Policy::default(),
        account: "123456789012".into(),
        kms_key: crate::aws::Encryption::default(),
    };
    async move { secretsmanager::SecretsManager::new(&clients).create(&want, &task).await.map(drop) }.boxed_local()
}

#[rustfmt::skip]
pub(super) fn cases() -> Vec<Case> {
    vec![
        Case {
            wait: "SECRET_NAME",
            at: "CreateSecret",
            refusal: (400, "InvalidRequestException",
                "You can't create this secret because a secret with this name is already scheduled for deletion."),
            verb: |clients, task| create_secret("demo-going", clients, task),
        },
        Case {
            wait: "SECRET_BACK",
            at: "TagResource",
            refusal: (400, "InvalidRequestException", "You can't perform this operation on the secret because it was marked for deletion."),
            verb: |clients, task| create_secret("demo-s", clients, task),
        },
        Case {
            wait: "ROTATION",
            at: "RotateSecret",
            refusal: (400, "AccessDeniedException",
                "Secrets Manager cannot invoke the specified Lambda function. Ensure that the function policy grants access \
                 to the principal secretsmanager.amazonaws.com."),
            verb: |clients, task| {
                let want = secretsmanager::Rotation {
                    secret_arn: "arn:aws:secretsmanager:eu-central-1:123456789012:secret:demo-s-AbCdEf".into(),
                    function_arn: "arn:aws:lambda:eu-central-1:123456789012:function:demo-f".into(),
                    days: 30,
                };
                async move { secretsmanager::SecretsManager::new(&clients).create(&want, &task).await.map(drop) }.boxed_local()
            },
        },
    ]
}
