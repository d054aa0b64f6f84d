//! HTTP APIs by our tag, as REST APIs. Rights are HTTP methods here too. A stage that logs its requests has CloudWatch
//! deliver them, which takes rights on everything: these name no log group (docs/aws.md, Access logs of HTTP APIs).

use super::{Grant, Need, Right, When};

const API: &str = "apigatewayv2.api";
const AUTHORIZER: &str = "apigatewayv2.authorizer";
const ROUTES: &str = "apigatewayv2.routes";
const STAGE: &str = "apigatewayv2.stage";

pub(super) const GRANTS: &[Grant] = &[
    Grant {
        sid: "ReadOnly",
        // The list and all below it in one, for room: nothing else begins like that.
        on: &["arn:{partition}:apigateway:{region}::/apis*"],
        when: &[],
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
            Right {
                needs: &[Need::Create(AUTHORIZER), Need::Create(ROUTES), Need::Create(STAGE), Need::Converge(ROUTES)],
                actions: &["apigateway:POST"],
            },
            Right {
                needs: &[
                    Need::Converge(API),
                    Need::Converge(AUTHORIZER),
                    Need::Converge(ROUTES),
                    Need::Converge(STAGE),
                ],
                actions: &["apigateway:PATCH"],
            },
            Right {
                needs: &[
                    // What lets pages of other origins in, and a route's own limits, have a call each to end them.
                    Need::Converge(API),
                    Need::Converge(ROUTES),
                    Need::Converge(STAGE),
                    Need::Delete(API),
                    Need::Delete(AUTHORIZER),
                    Need::Delete(ROUTES),
                    Need::Delete(STAGE),
                ],
                actions: &["apigateway:DELETE"],
            },
        ],
    },
    Grant {
        sid: "MakeHttpApis",
        on: &["arn:{partition}:apigateway:{region}::/apis", "arn:{partition}:apigateway:{region}::/tags/*"],
        when: &[When::TagGiven],
        rights: &[Right { needs: &[Need::Create(API), Need::Create(STAGE)], actions: &["apigateway:POST"] }],
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
        sid: "OwnByName",
        on: &["{arn:logs}:log-group:/aws/vendedlogs/apis/{stack}-*"],
        when: &[],
        rights: &[
            Right { needs: &[Need::Find(STAGE), Need::Survivors], actions: &["logs:ListTagsForResource"] },
            Right { needs: &[Need::Create(STAGE), Need::Converge(STAGE)], actions: &["logs:PutRetentionPolicy"] },
            Right { needs: &[Need::Delete(STAGE)], actions: &["logs:DeleteLogGroup"] },
        ],
    },
    Grant {
        sid: "MakeOwn",
        on: &["{arn:logs}:log-group:/aws/vendedlogs/apis/{stack}-*"],
        when: &[When::TagGiven],
        rights: &[Right { needs: &[Need::Create(STAGE)], actions: &["logs:CreateLogGroup", "logs:TagResource"] }],
    },
];
