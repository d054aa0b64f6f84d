//! HTTP APIs and their stages by our tag, as REST APIs. Rights are HTTP methods here too, but for one. Nothing else below
//! an API carries or inherits a tag: such parts may go without one, and AWS offers nothing else to tell whose they are. A
//! stage that logs its requests has CloudWatch deliver them, which takes rights on everything: these name no log group.

use super::{Condition, Permissions, StatementTemplate, Usage};

const API: &str = "apigatewayv2.api";
const AUTHORIZER: &str = "apigatewayv2.authorizer";
const ROUTES: &str = "apigatewayv2.routes";
const STAGE: &str = "apigatewayv2.stage";
const GROUPS: &[&str] = &["{arn:logs}:log-group:/aws/vendedlogs/apis/{stack}-*"];

pub(super) const GRANTS: &[StatementTemplate] = &[
    StatementTemplate {
        sid: "FindOwn",
        on: &["arn:{partition}:apigateway:{region}::/apis", "arn:{partition}:apigateway:{region}::/apis/*"],
        when: &[Condition::NotAnothers],
        rights: &[Permissions {
            needs: &[
                Usage::Read(API),
                Usage::Read(AUTHORIZER),
                Usage::Read(ROUTES),
                Usage::Read(STAGE),
                Usage::Survivors,
            ],
            actions: &["apigateway:GET"],
        }],
    },
    StatementTemplate {
        sid: "OwnHttpApis",
        on: &["arn:{partition}:apigateway:{region}::/apis/*"],
        when: &[Condition::TagCarried],
        rights: &[
            Permissions { needs: &[Usage::Update(API), Usage::Update(STAGE)], actions: &["apigateway:PATCH"] },
            Permissions { needs: &[Usage::Delete(API), Usage::Delete(STAGE)], actions: &["apigateway:DELETE"] },
        ],
    },
    StatementTemplate {
        sid: "HttpApiParts",
        on: &[
            "arn:{partition}:apigateway:{region}::/apis/*/authorizers",
            "arn:{partition}:apigateway:{region}::/apis/*/authorizers/*",
            "arn:{partition}:apigateway:{region}::/apis/*/cors",
            "arn:{partition}:apigateway:{region}::/apis/*/integrations",
            "arn:{partition}:apigateway:{region}::/apis/*/integrations/*",
            "arn:{partition}:apigateway:{region}::/apis/*/routes",
            "arn:{partition}:apigateway:{region}::/apis/*/routes/*",
            "arn:{partition}:apigateway:{region}::/apis/*/stages/*/routesettings/*",
        ],
        when: &[Condition::NotAnothers],
        rights: &[
            Permissions {
                needs: &[Usage::Create(AUTHORIZER), Usage::Create(ROUTES), Usage::Update(ROUTES)],
                actions: &["apigateway:POST"],
            },
            Permissions { needs: &[Usage::Update(AUTHORIZER), Usage::Update(ROUTES)], actions: &["apigateway:PATCH"] },
            Permissions {
                needs: &[
                    Usage::Delete(AUTHORIZER),
                    Usage::Delete(ROUTES),
                    Usage::Update(ROUTES),
                    // What lets pages of other origins in, and a route's own limits, have a call each to end them.
                    Usage::Update(API),
                    Usage::Update(STAGE),
                ],
                actions: &["apigateway:DELETE"],
            },
        ],
    },
    StatementTemplate {
        sid: "MakeOwn",
        on: &["arn:{partition}:apigateway:{region}::/apis", "arn:{partition}:apigateway:{region}::/apis/*/stages"],
        when: &[Condition::TagGiven, Condition::NotAnothers],
        rights: &[Permissions { needs: &[Usage::Create(API), Usage::Create(STAGE)], actions: &["apigateway:POST"] }],
    },
    StatementTemplate {
        sid: "TagWhatIsMade",
        on: &[
            "arn:{partition}:apigateway:{region}::/tags/arn%3A{partition}%3Aapigateway%3A{region}%3A%3A%2Fv2%2Fapis%2F${*}",
        ],
        when: &[Condition::NoOthersTagGiven],
        rights: &[Permissions { needs: &[Usage::Create(API)], actions: &["apigateway:POST"] }],
    },
    // The one right that is no method. The list of AWS's actions lacks it, and AWS asks for it all the same, on the list
    // of the API's stages. No call that tags a stage which is there asks for it there.
    StatementTemplate {
        sid: "TagHttpStages",
        on: &["arn:{partition}:apigateway:{region}::/apis/*/stages"],
        when: &[Condition::NoOthersTagGiven],
        rights: &[Permissions { needs: &[Usage::Create(STAGE)], actions: &["apigateway:TagResource"] }],
    },
    StatementTemplate {
        sid: "FirstApi",
        on: &["arn:{partition}:iam::{account}:role/aws-service-role/ops.apigateway.amazonaws.com/*"],
        when: &[],
        rights: &[Permissions { needs: &[Usage::Create(API)], actions: &["iam:CreateServiceLinkedRole"] }],
    },
    StatementTemplate {
        sid: "DeliverAccessLogs",
        on: &["*"],
        when: &[],
        rights: &[
            Permissions {
                needs: &[Usage::Create(STAGE), Usage::Update(STAGE)],
                actions: &[
                    "logs:CreateLogDelivery",
                    "logs:DescribeResourcePolicies",
                    "logs:GetLogDelivery",
                    "logs:ListLogDeliveries",
                    "logs:PutResourcePolicy",
                    "logs:UpdateLogDelivery",
                ],
            },
            Permissions {
                needs: &[Usage::Delete(STAGE), Usage::Delete(API)],
                actions: &["logs:DeleteLogDelivery", "logs:GetLogDelivery", "logs:ListLogDeliveries"],
            },
        ],
    },
    // The group of these logs, by name as those of functions.
    StatementTemplate {
        sid: "FindOwn",
        on: GROUPS,
        when: &[Condition::NotAnothers],
        rights: &[Permissions {
            needs: &[Usage::Read(STAGE), Usage::Survivors],
            actions: &["logs:ListTagsForResource"],
        }],
    },
    StatementTemplate {
        sid: "OwnByName",
        on: GROUPS,
        when: &[Condition::NotAnothers],
        rights: &[
            Permissions { needs: &[Usage::Create(STAGE), Usage::Update(STAGE)], actions: &["logs:PutRetentionPolicy"] },
            Permissions { needs: &[Usage::Delete(STAGE)], actions: &["logs:DeleteLogGroup"] },
        ],
    },
    StatementTemplate {
        sid: "MakeOwn",
        on: GROUPS,
        when: &[Condition::TagGiven, Condition::NotAnothers],
        rights: &[Permissions {
            needs: &[Usage::Create(STAGE)],
            actions: &["logs:CreateLogGroup", "logs:TagResource"],
        }],
    },
];
