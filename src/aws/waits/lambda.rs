//! Calls of Lambda that meet a wait.

use futures_util::FutureExt;

use super::Case;
use crate::aws::lambda;
use crate::engine::Provider;

#[rustfmt::skip]
pub(super) fn cases() -> Vec<Case> {
    vec![
        Case {
            wait: "ROLE",
            at: "POST /2015-03-31/functions",
            refusal: (400, "InvalidParameterValueException",
                "The role defined for the function cannot be assumed by Lambda."),
            verb: |clients, task| {
                let want = lambda::Function {
                    id: "function.f".into(),
                    name: "demo-f".into(),
                    description: "what".into(),
                    runtime: "nodejs24.x".into(),
                    patched_until: |_| None,
                    handler: "index.handler".into(),
                    architecture: "arm64".into(),
                    memory_mb: 128,
                    timeout_s: 10,
                    role_arn: "arn:r".into(),
                    log_group: "/aws/lambda/demo-f".into(),
                    environment: std::collections::BTreeMap::new(),
                    tracing: false,
                    reserved_concurrency: None,
                    statements: std::collections::BTreeSet::new(),
                    vpc: lambda::Vpc::default(),
                    dead_letters: None,
                    kms_key: None,
                    code: lambda::Code::new(b"zip".to_vec()),
                };
                async move {
                    let lambda = lambda::Lambda::new(&clients);
                    Provider::<lambda::Function>::create(&lambda, &want, &task).await.map(drop)
                }.boxed_local()
            },
        },
        Case {
            wait: "FUNCTION_BUSY",
            at: "DELETE /2015-03-31/functions/demo-f",
            refusal: (409, "ResourceConflictException",
                "The operation cannot be performed at this time. The function is currently in the following state: Pending"),
            verb: |clients, task| {
                let gone = lambda::FunctionOutputs { name: "demo-f".into(), arn: "arn:f".into() };
                async move {
                    Provider::<lambda::Function>::delete(&lambda::Lambda::new(&clients), &gone, &task).await
                }.boxed_local()
            },
        },
        Case {
            wait: "FUNCTION_VISIBLE",
            at: "POST /2015-03-31/functions/demo-f/policy",
            refusal: (404, "ResourceNotFoundException", "Function not found: arn:f"),
            verb: |clients, task| {
                let want = lambda::Permission {
                    function: "demo-f".into(),
                    sid: "s".into(),
                    principal: "sns.amazonaws.com".into(),
                    source_arn: "arn:t".into(),
                };
                async move {
                    let lambda = lambda::Lambda::new(&clients);
                    Provider::<lambda::Permission>::create(&lambda, &want, &task).await.map(drop)
                }.boxed_local()
            },
        },
    ]
}
