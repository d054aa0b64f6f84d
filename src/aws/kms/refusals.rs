//! The refusals of KMS that the program distinguishes, and the temporary refusals after which it repeats a call.

use crate::aws::refusals::refusals;
use crate::aws::settle::{Wait, wait, waits};
use crate::engine::Refusal;

refusals! {
    /// KMS has no such key, alias or grant.
    NO_KEY: Absent = Refusal::new(&["kms"], &["NotFoundException"]);
    /// Another key has the alias.
    ALIAS_EXISTS: Exists = Refusal::new(&["kms CreateAlias"], &["AlreadyExistsException"]);
    /// The deletion of the key is scheduled already, or is not scheduled any more.
    KEY_PENDING =
        Refusal::new(&["kms CancelKeyDeletion", "kms ScheduleKeyDeletion"], &["KMSInvalidStateException"]);
}

waits! {
    /// After CreateKey and CancelKeyDeletion, other calls may not see the change yet.
    KEY_VISIBLE = wait(
        "keys-of-a-stack",
        "the key is not visible everywhere yet",
        &["kms CreateAlias", "kms EnableKey", "kms EnableKeyRotation"],
        &["NotFoundException", "KMSInvalidStateException"],
    )
    .pace(500, 5000, 180);

    /// After CreateKey, IAM may not see the key's tags yet.
    KEY_TAGGED = wait(
        "keys-of-a-stack",
        "IAM does not see the key's tags yet",
        &["kms CreateAlias", "kms EnableKeyRotation"],
        &["AccessDeniedException"],
    )
    .pace(1000, 10_000, 300);
}

#[cfg(test)]
pub(in crate::aws) mod tests {
    use futures_util::FutureExt;
    use futures_util::future::LocalBoxFuture;

    use crate::aws::waits::{Answer, Case, WaitTests};
    use crate::aws::{Clients, kms};
    use crate::engine::{Failure, Found, Provider, Task};
    use crate::policy::Policy;

    /// The tests of the waits of this service.
    pub(in crate::aws) const WAITS: WaitTests = WaitTests::new(cases).answering(answers);

    fn answers(call: &str, _: &str) -> Option<Answer> {
        match call {
            "DescribeKey" => Some((400, r#"{"__type":"NotFoundException","message":"no such key"}"#.to_owned())),
            "CreateKey" => {
                let made = r#"{"KeyMetadata":{"KeyId":"k","Arn":"arn:aws:kms:eu-central-1:123456789012:key/k"}}"#;
                Some((200, made.to_owned()))
            }
            _ => None,
        }
    }

    fn enable(clients: Clients, task: Task) -> LocalBoxFuture<'static, Result<(), Failure>> {
        let want = want();
        let live = kms::KeyLive {
            state: "Disabled".into(),
            description: want.description.clone(),
            form: ("SYMMETRIC_DEFAULT".into(), "ENCRYPT_DECRYPT".into()),
            policy: want.policy.clone(),
            rotation_days: Some(want.rotation_days),
            aliases: vec![want.alias.clone()],
            grants: Vec::new(),
        };
        let outputs =
            kms::KeyOutputs { arn: "arn:aws:kms:eu-central-1:123456789012:key/k".into(), alias: want.alias.clone() };
        let found = Found { outputs, live };
        async move { kms::Kms::new(&clients).update(&want, &found, &task).await.map(drop) }.boxed_local()
    }

    fn want() -> kms::Key {
        kms::Key {
            id: "key.stack".into(),
            alias: "alias/demo".into(),
            description: "d".into(),
            policy: Policy::default(),
            rotation_days: 365,
            roles: "arn:aws:iam::123456789012:role/securelambda/demo/".into(),
        }
    }

    #[rustfmt::skip]
    fn cases() -> Vec<Case> {
        vec![
            Case {
                wait: "KEY_VISIBLE",
                at: "EnableKey",
                refusal: (400, "NotFoundException", "Key 'arn:aws:kms:eu-central-1:123456789012:key/k' does not exist"),
                verb: enable,
            },
            Case {
                wait: "KEY_TAGGED",
                at: "EnableKeyRotation",
                refusal: (400, "AccessDeniedException", "User: arn:me is not authorized to perform: kms:EnableKeyRotation on resource: arn:key because no identity-based policy allows the kms:EnableKeyRotation action"),
                verb: |clients, task| {
                    async move { kms::Kms::new(&clients).create(&want(), &task).await.map(drop) }.boxed_local()
                },
            },
        ]
    }
}
