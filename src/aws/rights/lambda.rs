//! Functions by name, and the right to give them a role of the stack's: to the Lambda service and no other.

use super::{Condition, Permissions, StatementTemplate, Usage};

const FUNCTION: &str = "lambda.function";
const PERMISSION: &str = "lambda.permission";
const FUNCTIONS: &[&str] = &["{arn:lambda}:function:{stack}-*"];

pub(super) const GRANTS: &[StatementTemplate] = &[
    StatementTemplate {
        sid: "FindOwn",
        on: FUNCTIONS,
        when: &[Condition::NotAnothers],
        rights: &[
            // GetFunction leaves the tags out for who may not list them.
            Permissions {
                needs: &[Usage::Read(FUNCTION), Usage::Create(FUNCTION), Usage::Survivors],
                actions: &["lambda:GetFunction", "lambda:ListTags"],
            },
            Permissions {
                needs: &[Usage::Read(PERMISSION)],
                actions: &["lambda:GetFunction", "lambda:ListTags", "lambda:GetPolicy"],
            },
        ],
    },
    StatementTemplate {
        sid: "OwnByTag",
        on: FUNCTIONS,
        when: &[Condition::TagCarried],
        rights: &[
            Permissions {
                needs: &[Usage::Update(FUNCTION)],
                actions: &["lambda:UpdateFunctionCode", "lambda:UpdateFunctionConfiguration"],
            },
            Permissions { needs: &[Usage::Invoke("apigatewayv2.api")], actions: &["lambda:InvokeFunction"] },
        ],
    },
    StatementTemplate {
        sid: "OwnByName",
        on: FUNCTIONS,
        when: &[Condition::NotAnothers],
        rights: &[
            Permissions { needs: &[Usage::Delete(FUNCTION)], actions: &["lambda:DeleteFunction"] },
            Permissions {
                needs: &[Usage::Update(PERMISSION), Usage::Delete(PERMISSION)],
                actions: &["lambda:RemovePermission"],
            },
        ],
    },
    StatementTemplate {
        sid: "MakeOwn",
        on: FUNCTIONS,
        when: &[Condition::TagGiven, Condition::NotAnothers],
        rights: &[Permissions {
            needs: &[Usage::Create(FUNCTION)],
            actions: &["lambda:CreateFunction", "lambda:TagResource"],
        }],
    },
    StatementTemplate {
        sid: "LetServicesInvoke",
        on: FUNCTIONS,
        when: &[
            Condition::Is("lambda:Principal", &["apigateway.amazonaws.com", "sns.amazonaws.com"]),
            Condition::NotAnothers,
        ],
        rights: &[Permissions {
            needs: &[Usage::Create(PERMISSION), Usage::Update(PERMISSION)],
            actions: &["lambda:AddPermission"],
        }],
    },
    StatementTemplate {
        sid: "PassRolesToLambda",
        on: &["arn:{partition}:iam::{account}:role/securelambda/{stack}/*"],
        when: &[Condition::Is("iam:PassedToService", &["lambda.amazonaws.com"])],
        rights: &[Permissions {
            needs: &[Usage::Create(FUNCTION), Usage::Update(FUNCTION)],
            actions: &["iam:PassRole"],
        }],
    },
];
