//! HTTP APIs and their stages by our tag, as REST APIs. Rights are HTTP methods here too, but for one. Nothing else below
//! an API carries or inherits a tag: such parts may go without one, and AWS offers nothing else to tell whose they are. A
//! stage that logs its requests has CloudWatch deliver them, which takes rights on everything: these name no log group.

use super::{Grant, Need, Right, When};

const API: &str = "apigatewayv2.api";
const AUTHORIZER: &str = "apigatewayv2.authorizer";
const ROUTES: &str = "apigatewayv2.routes";
const STAGE: &str = "apigatewayv2.stage";
const GROUPS: &[&str] = &["{arn:logs}:log-group:/aws/vendedlogs/apis/{stack}-*"];

pub(super) const GRANTS: &[Grant] = &[
    Grant {
        sid: "FindOwn",
        on: &["arn:{partition}:apigateway:{region}::/apis", "arn:{partition}:apigateway:{region}::/apis/*"],
        when: &[When::NotAnothers],
        rights: &[Right {
            needs: &[Need::Find(API), Need::Find(AUTHORIZER), Need::Find(ROUTES), Need::Find(STAGE), Need::Survivors],
            actions: &["apigateway:GET"],
        }],
    },
    Grant {
        sid: "OwnHttpApis",
        on: &["arn:{partition}:apigateway:{region}::/apis/*"],
        when: &[When::TagCarried],
        rights: &[
            Right { needs: &[Need::Converge(API), Need::Converge(STAGE)], actions: &["apigateway:PATCH"] },
            Right { needs: &[Need::Delete(API), Need::Delete(STAGE)], actions: &["apigateway:DELETE"] },
        ],
    },
    Grant {
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
        when: &[When::NotAnothers],
        rights: &[
            Right {
                needs: &[Need::Create(AUTHORIZER), Need::Create(ROUTES), Need::Converge(ROUTES)],
                actions: &["apigateway:POST"],
            },
            Right { needs: &[Need::Converge(AUTHORIZER), Need::Converge(ROUTES)], actions: &["apigateway:PATCH"] },
            Right {
                needs: &[
                    Need::Delete(AUTHORIZER),
                    Need::Delete(ROUTES),
                    Need::Converge(ROUTES),
                    // What lets pages of other origins in, and a route's own limits, have a call each to end them.
                    Need::Converge(API),
                    Need::Converge(STAGE),
                ],
                actions: &["apigateway:DELETE"],
            },
        ],
    },
    Grant {
        sid: "MakeOwn",
        on: &["arn:{partition}:apigateway:{region}::/apis", "arn:{partition}:apigateway:{region}::/apis/*/stages"],
        when: &[When::TagGiven, When::NotAnothers],
        rights: &[Right { needs: &[Need::Create(API), Need::Create(STAGE)], actions: &["apigateway:POST"] }],
    },
    Grant {
        sid: "TagWhatIsMade",
        on: &[
            "arn:{partition}:apigateway:{region}::/tags/arn%3A{partition}%3Aapigateway%3A{region}%3A%3A%2Fv2%2Fapis%2F${*}",
        ],
        when: &[When::NoOthersTagGiven],
        rights: &[Right { needs: &[Need::Create(API)], actions: &["apigateway:POST"] }],
    },
    // The one right that is no method. The list of AWS's actions lacks it, and AWS asks for it all the same, on the list
    // of the API's stages. No call that tags a stage which is there asks for it there.
    Grant {
        sid: "TagHttpStages",
        on: &["arn:{partition}:apigateway:{region}::/apis/*/stages"],
        when: &[When::NoOthersTagGiven],
        rights: &[Right { needs: &[Need::Create(STAGE)], actions: &["apigateway:TagResource"] }],
    },
    Grant {
        sid: "FirstApi",
        on: &["arn:{partition}:iam::{account}:role/aws-service-role/ops.apigateway.amazonaws.com/*"],
        when: &[],
        rights: &[Right { needs: &[Need::Create(API)], actions: &["iam:CreateServiceLinkedRole"] }],
    },
    Grant {
        sid: "DeliverAccessLogs",
        on: &["*"],
        when: &[],
        rights: &[
            Right {
                needs: &[Need::Create(STAGE), Need::Converge(STAGE)],
                actions: &[
                    "logs:CreateLogDelivery",
                    "logs:DescribeResourcePolicies",
                    "logs:GetLogDelivery",
                    "logs:ListLogDeliveries",
                    "logs:PutResourcePolicy",
                    "logs:UpdateLogDelivery",
                ],
            },
            Right {
                needs: &[Need::Delete(STAGE), Need::Delete(API)],
                actions: &["logs:DeleteLogDelivery", "logs:GetLogDelivery", "logs:ListLogDeliveries"],
            },
        ],
    },
    // The group of these logs, by name as those of functions.
    Grant {
        sid: "FindOwn",
        on: GROUPS,
        when: &[When::NotAnothers],
        rights: &[Right { needs: &[Need::Find(STAGE), Need::Survivors], actions: &["logs:ListTagsForResource"] }],
    },
    Grant {
        sid: "OwnByName",
        on: GROUPS,
        when: &[When::NotAnothers],
        rights: &[
            Right { needs: &[Need::Create(STAGE), Need::Converge(STAGE)], actions: &["logs:PutRetentionPolicy"] },
            Right { needs: &[Need::Delete(STAGE)], actions: &["logs:DeleteLogGroup"] },
        ],
    },
    Grant {
        sid: "MakeOwn",
        on: GROUPS,
        when: &[When::TagGiven, When::NotAnothers],
        rights: &[Right { needs: &[Need::Create(STAGE)], actions: &["logs:CreateLogGroup", "logs:TagResource"] }],
    },
];
