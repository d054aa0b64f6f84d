//! Functions.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::settings::PACKAGE;
use super::{Code, FUNCTIONS, FunctionLive, Vpc};
use crate::aws::Encryption;
use crate::aws::kind::{Calls, CleanupGroup, Described, Kind, Listed, Rate, SettingsCheck};
use crate::aws::lambda::SERVICE;
use crate::aws::rights::{Permissions, Sid, StatementTemplate, Usage};
use crate::engine::{Comparison, Drift, Failure, Resource};
use crate::layer::Layer;

#[derive(Debug, Clone)]
pub struct Function {
    /// Its id in the stack, for its tags.
    pub id: String,
    /// 1 to 64 of `a-z A-Z 0-9 - _`.
    pub name: String,
    /// Up to 256 characters.
    pub description: String,
    /// For example `nodejs24.x`. Empty for an image, like `handler`.
    pub runtime: String,
    /// Returns the date, as in `2028-04-30`, from which Lambda no longer patches a runtime; `None` for an unknown
    /// runtime.
    pub patched_until: fn(&str) -> Option<&'static str>,
    /// As in `index.handler`.
    pub handler: String,
    /// The ARNs of layer versions, in the order in which Lambda applies them.
    pub layers: Vec<String>,
    /// `arm64` or `x86_64`.
    pub architecture: String,
    /// The memory in MB, 128 to 10,240.
    pub memory_mb: i32,
    /// The size of `/tmp` in MB, 512 to 10,240.
    pub ephemeral_mb: i32,
    /// The timeout in seconds, 1 to 900.
    pub timeout_s: i32,
    /// The ARN of the role it runs as.
    pub role_arn: String,
    /// The name of the group it logs to, which exists already.
    pub log_group: String,
    /// All of its environment variables. Never credentials: those are in secrets.
    pub environment: BTreeMap<String, String>,
    /// Whether it sends traces to X-Ray.
    pub tracing: bool,
    /// How many executions are reserved for it. `None`: it uses the account's unreserved concurrency, as other
    /// functions do.
    pub reserved_concurrency: Option<i32>,
    /// The provisioned concurrency of its alias `live`. `None`: the function has no alias.
    pub provisioned_concurrency: Option<i32>,
    /// The ids of the statements that its resource policy may have. Each is a [`Permission`](super::Permission).
    pub statements: BTreeSet<String>,
    /// The ARNs of the sources that may call it by an event source mapping, in which `*` may replace a part. Each
    /// source has an [`EventSourceMapping`](super::EventSourceMapping).
    pub sources: BTreeSet<String>,
    /// Its network. The default value means that it runs outside a VPC.
    pub vpc: Vpc,
    /// The ARN of the queue that receives the events of asynchronous calls that failed.
    pub dead_letters: Option<String>,
    /// The encryption of its variables.
    pub kms_key: Encryption,
    pub code: Code,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FunctionOutputs {
    pub name: String,
    /// `arn:aws:lambda:<region>:<account>:function:<name>`.
    pub arn: String,
}

/// A function is looked up by its name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FunctionKey {
    pub(super) id: String,
    pub(super) name: String,
}

impl Resource for Function {
    const KIND: &'static str = "lambda.function";
    const GOES_WITH_PARENT: bool = false;
    const NAME_IS_UNIQUE: bool = true;
    const ID_IS_GIVEN_ONCE: bool = false;
    const GUARDS: bool = false;
    const SETTLES_IN: usize = 3; // Pending for a second or more
    type Key = FunctionKey;
    type Outputs = FunctionOutputs;
    type Live = FunctionLive;

    fn key(&self) -> FunctionKey {
        FunctionKey { id: self.id.clone(), name: self.name.clone() }
    }

    fn identity(outputs: &FunctionOutputs) -> String {
        outputs.arn.clone()
    }

    fn removal_command(outputs: &FunctionOutputs) -> Option<String> {
        Some(format!("aws lambda delete-function --function-name {}", outputs.name))
    }

    fn compare(&self, live: &FunctionLive) -> Comparison {
        self.compared(live)
    }

    fn requires_replacement(&self, drift: &[Drift]) -> Option<Failure> {
        let fixed = drift.iter().find(|drift| drift.field == PACKAGE)?;
        let Drift { live, want, .. } = fixed;
        let message = format!("AWS cannot change {PACKAGE} of the function {} from {live} to {want}", self.name);
        Some(Failure::refused(message).hint(
            "only a new function can have this package type: give the function another name in the stack file, or remove the function with another tool; `up` then creates it again",
        ))
    }
}

impl Described for Function {
    const ABOUT: Kind = Kind {
        service: SERVICE,
        label: "function",
        listed: Listed::ByItself,
        cleanup: CleanupGroup::Lambda,
        gone_before: &[],
        permissions: &[
            StatementTemplate {
                sid: Sid::RetagOwn,
                on: FUNCTIONS,
                rights: &[Permissions {
                    needs: &[Usage::Update],
                    actions: &["lambda:TagResource", "lambda:UntagResource"],
                }],
            },
            // Without the permission to list tags, `GetFunction` leaves them out.
            StatementTemplate {
                sid: Sid::FindOwn,
                on: FUNCTIONS,
                rights: &[
                    Permissions {
                        needs: &[Usage::Read, Usage::Create, Usage::Survivors],
                        actions: &["lambda:GetFunction", "lambda:ListTags"],
                    },
                    Permissions {
                        needs: &[Usage::Read],
                        actions: &[
                            "lambda:GetFunctionRecursionConfig",
                            "lambda:GetPolicy",
                            "lambda:GetRuntimeManagementConfig",
                            "lambda:ListAliases",
                            "lambda:ListFunctionEventInvokeConfigs",
                            "lambda:ListFunctionUrlConfigs",
                            "lambda:ListVersionsByFunction",
                        ],
                    },
                ],
            },
            StatementTemplate {
                sid: Sid::OwnByTag,
                on: FUNCTIONS,
                rights: &[Permissions {
                    needs: &[Usage::Update],
                    actions: &[
                        "lambda:DeleteFunctionConcurrency",
                        "lambda:PutFunctionConcurrency",
                        "lambda:PutFunctionRecursionConfig",
                        "lambda:PutRuntimeManagementConfig",
                        "lambda:UpdateFunctionCode",
                        "lambda:UpdateFunctionConfiguration",
                    ],
                }],
            },
            StatementTemplate {
                sid: Sid::OwnByName,
                on: FUNCTIONS,
                rights: &[
                    Permissions { needs: &[Usage::Update, Usage::Delete], actions: &["lambda:DeleteFunction"] },
                    // Aliases and versions carry no tags.
                    Permissions {
                        needs: &[Usage::Update],
                        actions: &[
                            "lambda:DeleteAlias",
                            "lambda:DeleteFunctionEventInvokeConfig",
                            "lambda:DeleteFunctionUrlConfig",
                            "lambda:RemovePermission",
                        ],
                    },
                ],
            },
            StatementTemplate {
                sid: Sid::OwnFunctionsEvents,
                on: &["{arn:lambda}:event-source-mapping:*"],
                rights: &[Permissions { needs: &[Usage::Update], actions: &["lambda:DeleteEventSourceMapping"] }],
            },
            StatementTemplate {
                sid: Sid::MakeOwn,
                on: FUNCTIONS,
                rights: &[Permissions {
                    needs: &[Usage::Create],
                    actions: &["lambda:CreateFunction", "lambda:TagResource"],
                }],
            },
            // A run sets the reserved concurrency of a new function by a separate call.
            StatementTemplate {
                sid: Sid::OwnByTag,
                on: FUNCTIONS,
                rights: &[Permissions { needs: &[Usage::Create], actions: &["lambda:PutFunctionConcurrency"] }],
            },
            // Lambda reads layers as the caller (docs/aws.md, Layers).
            StatementTemplate {
                sid: Sid::UseLayers,
                on: &["{layers}"],
                rights: &[Permissions { needs: &[Usage::Create, Usage::Update], actions: &["lambda:GetLayerVersion"] }],
            },
            // Lambda reads the image of another account as the caller (docs/aws.md, Container images).
            StatementTemplate {
                sid: Sid::UseImages,
                on: &["{images}"],
                rights: &[Permissions {
                    needs: &[Usage::Create, Usage::Update],
                    actions: &["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
                }],
            },
            StatementTemplate {
                sid: Sid::PassRolesToLambda,
                on: &["arn:{partition}:iam::{account}:role/securelambda/{stack}/*"],
                rights: &[Permissions { needs: &[Usage::Create, Usage::Update], actions: &["iam:PassRole"] }],
            },
            StatementTemplate {
                sid: Sid::OnAnything,
                on: &["*"],
                rights: &[
                    Permissions { needs: &[Usage::Survivors], actions: &["lambda:ListFunctions"] },
                    Permissions { needs: &[Usage::Read], actions: &["lambda:ListEventSourceMappings"] },
                    // Lambda looks at the network of a function as the caller (docs/aws.md, Functions in a VPC).
                    Permissions {
                        needs: &[Usage::Create, Usage::Update],
                        actions: &["ec2:DescribeSecurityGroups", "ec2:DescribeSubnets", "ec2:DescribeVpcs"],
                    },
                ],
            },
        ],
        rates: &[Rate::per_second(100, Calls::Requests(&["GET"], "/*/functions/*"))],
        check: SettingsCheck {
            layer: Layer::Functions,
            subject: "{}",
            holds: "code and settings match the stack file, and nothing else can call the function or receive its events and results",
            read: "GetFunction, GetPolicy, ListFunctionUrlConfigs, ListFunctionEventInvokeConfigs, \
                   ListEventSourceMappings, ListAliases, ListVersionsByFunction, GetRuntimeManagementConfig, \
                   GetFunctionRecursionConfig",
        },
    };
}
