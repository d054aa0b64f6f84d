//! Functions by name, and the right to give them a role of the stack's: to the Lambda service and no other.

use super::{Grant, Need, Right, When};

const FUNCTION: &str = "lambda.function";
const PERMISSION: &str = "lambda.permission";
const FUNCTIONS: &[&str] = &["{arn:lambda}:function:{stack}-*"];

pub(super) const GRANTS: &[Grant] = &[
    Grant {
        sid: "FindOwn",
        on: FUNCTIONS,
        when: &[When::NotAnothers],
        rights: &[
            // GetFunction leaves the tags out for who may not list them.
            Right {
                needs: &[Need::Find(FUNCTION), Need::Create(FUNCTION), Need::Survivors],
                actions: &["lambda:GetFunction", "lambda:ListTags"],
            },
            Right {
                needs: &[Need::Find(PERMISSION)],
                actions: &["lambda:GetFunction", "lambda:ListTags", "lambda:GetPolicy"],
            },
        ],
    },
    Grant {
        sid: "OwnByTag",
        on: FUNCTIONS,
        when: &[When::TagCarried],
        rights: &[
            Right {
                needs: &[Need::Converge(FUNCTION)],
                actions: &["lambda:UpdateFunctionCode", "lambda:UpdateFunctionConfiguration"],
            },
            Right { needs: &[Need::Invoke("apigatewayv2.api")], actions: &["lambda:InvokeFunction"] },
        ],
    },
    Grant {
        sid: "OwnByName",
        on: FUNCTIONS,
        when: &[When::NotAnothers],
        rights: &[
            Right { needs: &[Need::Delete(FUNCTION)], actions: &["lambda:DeleteFunction"] },
            Right {
                needs: &[Need::Converge(PERMISSION), Need::Delete(PERMISSION)],
                actions: &["lambda:RemovePermission"],
            },
        ],
    },
    Grant {
        sid: "MakeOwn",
        on: FUNCTIONS,
        when: &[When::TagGiven, When::NotAnothers],
        rights: &[Right {
            needs: &[Need::Create(FUNCTION)],
            actions: &["lambda:CreateFunction", "lambda:TagResource"],
        }],
    },
    Grant {
        sid: "LetServicesInvoke",
        on: FUNCTIONS,
        when: &[When::Is("lambda:Principal", &["apigateway.amazonaws.com", "sns.amazonaws.com"]), When::NotAnothers],
        rights: &[Right {
            needs: &[Need::Create(PERMISSION), Need::Converge(PERMISSION)],
            actions: &["lambda:AddPermission"],
        }],
    },
    Grant {
        sid: "PassRolesToLambda",
        on: &["arn:{partition}:iam::{account}:role/securelambda/{stack}/*"],
        when: &[When::Is("iam:PassedToService", &["lambda.amazonaws.com"])],
        rights: &[Right { needs: &[Need::Create(FUNCTION), Need::Converge(FUNCTION)], actions: &["iam:PassRole"] }],
    },
];
