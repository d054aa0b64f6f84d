//! The refusals of Lambda that the program distinguishes, and the temporary refusals after which it repeats a call.

use crate::aws::refusals::refusals;
use crate::aws::settle::{Wait, wait, waits};
use crate::engine::Refusal;

refusals! {
    /// Lambda has no such function, or no such part of it.
    NO_FUNCTION: Absent = Refusal::new(&["lambda"], &["ResourceNotFoundException"]);
    /// No instances of the version or alias are kept ready.
    NO_PROVISIONED: Absent =
        Refusal::new(&["lambda GetProvisionedConcurrencyConfig"], &["ProvisionedConcurrencyConfigNotFoundException"]);
    /// A function or alias of that name, a statement with that id, or a mapping of that function and source exists.
    FUNCTION_EXISTS: Exists = Refusal::new(
        &["lambda CreateFunction", "lambda CreateAlias", "lambda AddPermission", "lambda CreateEventSourceMapping"],
        &["ResourceConflictException"],
    )
    .words(&["already exist"]);
    /// The function runs a container image, which has its own runtime. The name is the only parameter of the call, so
    /// the error has no other reason.
    NO_MANAGED_RUNTIME =
        Refusal::new(&["lambda GetRuntimeManagementConfig"], &["InvalidParameterValueException"]);
    /// Lambda may not read the image: its repository does not allow it.
    IMAGE_DENIED = Refusal::new(&["lambda CreateFunction", "lambda UpdateFunctionCode"], &["AccessDeniedException"])
        .words(&["permission to access the ecr image"]);
}

waits! {
    /// On AWS the call was seen to succeed 8 to 23 s after the role was created. Short pauses find the first success.
    ROLE = wait(
        "new-roles",
        "the role cannot be assumed yet",
        &[
            "lambda CreateFunction",
            "lambda UpdateFunctionConfiguration",
            "lambda UpdateFunctionCode",
            "lambda CreateEventSourceMapping",
            "lambda UpdateEventSourceMapping",
        ],
        &["InvalidParameterValueException"],
    )
    .words(&[
        "cannot be assumed by lambda",
        "execution role does not have permissions",
        "kms key is invalid for creategrant",
    ])
    .pace(500, 2000, 120);

    /// Lambda reads the stream with the function's role. For some seconds, Lambda does not see a new permission of the
    /// role.
    STREAM_READER = wait(
        "event-source-mappings",
        "the role cannot read the stream yet",
        &["lambda CreateEventSourceMapping", "lambda UpdateEventSourceMapping"],
        &["InvalidParameterValueException"],
    )
    .words(&["ensure the role can perform"])
    .pace(500, 2000, 120);

    /// The function was just created or changed.
    FUNCTION_BUSY = wait(
        "states-of-functions",
        "the function is still settling",
        &[
            "lambda CreateFunction",
            "lambda UpdateFunctionConfiguration",
            "lambda UpdateFunctionCode",
            "lambda DeleteFunction",
            "lambda AddPermission",
            "lambda RemovePermission",
            "lambda PutFunctionConcurrency",
            "lambda DeleteFunctionConcurrency",
            "lambda PutRuntimeManagementConfig",
            "lambda PutFunctionRecursionConfig",
            "lambda DeleteFunctionUrlConfig",
            "lambda DeleteFunctionEventInvokeConfig",
            "lambda PublishVersion",
            "lambda CreateAlias",
            "lambda UpdateAlias",
            "lambda DeleteAlias",
            "lambda PutProvisionedConcurrencyConfig",
            "lambda DeleteProvisionedConcurrencyConfig",
            "lambda TagResource",
            "lambda UntagResource",
        ],
        &["ResourceConflictException"],
    )
    .unless(&["already exist", "on an already provisioned version"])
    .pace(500, 2000, 300);

    /// AWS is still creating, changing or deleting the mapping.
    MAPPING_BUSY = wait(
        "event-source-mappings",
        "the event source mapping is still settling",
        &["lambda UpdateEventSourceMapping", "lambda DeleteEventSourceMapping"],
        &["ResourceInUseException"],
    )
    .pace(1000, 5000, 300);

    /// The function was just created, and some calls do not see it yet.
    FUNCTION_VISIBLE = wait(
        "states-of-functions",
        "the function is not visible everywhere yet",
        &[
            "lambda GetFunction",
            "lambda PublishVersion",
            "lambda CreateAlias",
            "lambda AddPermission",
            "lambda CreateEventSourceMapping",
        ],
        &["ResourceNotFoundException"],
    )
    .pace(500, 2000, 60);
}

#[cfg(test)]
pub(in crate::aws) mod tests {
    use futures_util::FutureExt;
    use serde_json::json;

    use crate::aws::lambda::{self, sample};
    use crate::aws::waits::{Answer, Case, WaitTests};
    use crate::engine::Provider;

    /// The tests of the waits of this service.
    pub(in crate::aws) const WAITS: WaitTests = WaitTests::new(cases).answering(answers);

    #[rustfmt::skip]
    fn cases() -> Vec<Case> {
        vec![
            Case {
                wait: "ROLE",
                at: "POST /2015-03-31/functions",
                refusal: (400, "InvalidParameterValueException",
                    "The role defined for the function cannot be assumed by Lambda."),
                verb: |clients, task| {
                    let want = sample::want();
                    async move {
                        let lambda = lambda::Lambda::new(&clients);
                        Provider::<lambda::Function>::create(&lambda, &want, &task).await.map(drop)
                    }.boxed_local()
                },
            },
            Case {
                wait: "STREAM_READER",
                at: "POST /2015-03-31/event-source-mappings",
                refusal: (400, "InvalidParameterValueException",
                    "Cannot access stream arn:s. Please ensure the role can perform the GetRecords, GetShardIterator, DescribeStream, and ListStreams Actions on your stream in IAM."),
                verb: |clients, task| {
                    let want = sample::mapping();
                    async move {
                        let lambda = lambda::Lambda::new(&clients);
                        Provider::<lambda::EventSourceMapping>::create(&lambda, &want, &task).await.map(drop)
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
                wait: "MAPPING_BUSY",
                at: "DELETE /2015-03-31/event-source-mappings/u-1",
                refusal: (400, "ResourceInUseException",
                    "Cannot delete the event source mapping because it is in use."),
                verb: |clients, task| {
                    let gone = lambda::MappingOutputs { uuid: "u-1".into() };
                    async move {
                        Provider::<lambda::EventSourceMapping>::delete(&lambda::Lambda::new(&clients), &gone, &task).await
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
                        alias: None,
                        sid: "s".into(),
                        principal: "sns.amazonaws.com".into(),
                        source_arn: "arn:t".into(),
                        source_account: None,
                    };
                    async move {
                        let lambda = lambda::Lambda::new(&clients);
                        Provider::<lambda::Permission>::create(&lambda, &want, &task).await.map(drop)
                    }.boxed_local()
                },
            },
        ]
    }

    /// The answer to a call that is not refused; `None` for an empty answer.
    fn answers(call: &str, _: &str) -> Option<Answer> {
        let answer = match call {
            // The read after a deletion.
            "GET /2015-03-31/functions/demo-f" | "GET /2015-03-31/event-source-mappings/u-1" => {
                return Some((404, json!({ "__type": "ResourceNotFoundException" }).to_string()));
            }
            "POST /2015-03-31/event-source-mappings" | "GET /2015-03-31/event-source-mappings/u-2" => {
                json!({ "UUID": "u-2", "State": "Enabled" })
            }
            "POST /2015-03-31/functions" => {
                json!({ "FunctionArn": "arn:f", "State": "Active", "LastUpdateStatus": "Successful" })
            }
            _ => return None,
        };
        Some((200, answer.to_string()))
    }
}
