//! The refusals of Secrets Manager: those that the program tells apart, and those that end by themselves.

use crate::aws::refusals::refusals;
use crate::aws::settle::{Wait, wait, waits};
use crate::engine::Refusal;

refusals! {
    /// There is no such secret.
    NO_SECRET: Absent = Refusal::new(&["secretsmanager"], &["ResourceNotFoundException"]);
    /// A secret of this name is in use. Some emulators also say so of one that is being deleted.
    SECRET_EXISTS: Exists = Refusal::new(&["secretsmanager CreateSecret"], &["ResourceExistsException"]);
    /// The secret, or one of its name, is in its recovery window, or is being deleted for good.
    SECRET_SCHEDULED = Refusal::new(
        &["secretsmanager CreateSecret", "secretsmanager DeleteSecret", "secretsmanager RestoreSecret"],
        &["InvalidRequestException"],
    )
    .words(&["scheduled for deletion", "marked for deletion", "was deleted"]);
    /// The secret cannot be restored: it is being deleted for good.
    NOT_RESTORED = Refusal::new(&["secretsmanager RestoreSecret"], &["InvalidRequestException"]);
}

waits! {
    /// A forced deletion in progress. Reading the secret distinguishes it from a recovery window.
    SECRET_NAME = wait(
        "deletion-and-recovery",
        "the secret's name is not free yet",
        &["secretsmanager CreateSecret"],
        &["InvalidRequestException", "ResourceExistsException"],
    )
    .words(&["scheduled for deletion", "was deleted"])
    .pace(2000, 5000, 120);

    /// After RestoreSecret, other calls may not see the restored secret yet.
    SECRET_BACK = wait(
        "deletion-and-recovery",
        "the restored secret is not visible everywhere yet",
        &[
            "secretsmanager DeleteSecret",
            "secretsmanager PutSecretValue",
            "secretsmanager UpdateSecret",
            "secretsmanager TagResource",
            "secretsmanager UntagResource",
            "secretsmanager PutResourcePolicy",
            "secretsmanager DeleteResourcePolicy",
            "secretsmanager RotateSecret",
        ],
        &["InvalidRequestException"],
    )
    .words(&["marked for deletion"])
    .pace(500, 2000, 60);

    /// The permission to invoke the function was just added.
    ROTATION = wait(
        "rotation",
        "Secrets Manager is not allowed to invoke the function yet",
        &["secretsmanager RotateSecret"],
        &["AccessDeniedException"],
    )
    .words(&["cannot invoke the specified lambda function"])
    .pace(1000, 5000, 60);
}

#[cfg(test)]
pub(in crate::aws) mod tests {
    use futures_util::FutureExt;
    use futures_util::future::LocalBoxFuture;
    use serde_json::json;

    use crate::aws::waits::{Answer, Case, WaitTests};
    use crate::aws::{Clients, secretsmanager};
    use crate::engine::{Failure, Provider, Task};

    /// The tests of the waits of this service.
    pub(in crate::aws) const WAITS: WaitTests = WaitTests::new(cases).answering(answers);

    /// A secret that is scheduled for deletion is restored. One that is being deleted permanently is waited for.
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
    fn cases() -> Vec<Case> {
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

    /// The service's answer if it does not refuse the call; `None` if that answer is empty.
    fn answers(call: &str, body: &str) -> Option<Answer> {
        let answer = match call {
            "CreateSecret" if !body.contains("demo-going") => {
                let words = "a secret with this name is already scheduled for deletion";
                return Some((400, json!({ "__type": "InvalidRequestException", "message": words }).to_string()));
            }
            "DescribeSecret" if body.contains("demo-going") => {
                return Some((400, json!({ "__type": "ResourceNotFoundException" }).to_string()));
            }
            // Scheduled for deletion, and ours.
            "DescribeSecret" => json!({
                "ARN": "arn:aws:secretsmanager:eu-central-1:123456789012:secret:demo-s-AbCdEf",
                "Name": "demo-s", "DeletedDate": 1_763_700_000,
                "Tags": [{ "Key": "securelambda:stack", "Value": "demo" }] }),
            _ => return None,
        };
        Some((200, answer.to_string()))
    }
}
