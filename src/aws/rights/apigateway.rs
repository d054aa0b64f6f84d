//! APIs by our tag, since AWS makes up their ids; what is below an API inherits its tag here. Of request validators the
//! documentation does not say so: they may go without one. Rights are HTTP methods.
//!
//! What is created with tags takes the right to tag it, asked for on the ARN that it will have, with an asterisk for the
//! id that it does not have yet. The right to tag what is there is never given: it would make anybody's API ours.

use super::{Grant, Need, Right, When};

const API: &str = "apigateway.rest_api";
const STAGE: &str = "apigateway.stage";
const DEPLOYMENT: &str = "apigateway.deployment";
const AUTHORIZER: &str = "apigateway.authorizer";
const MODEL: &str = "apigateway.model";
const VALIDATOR: &str = "apigateway.request_validator";
const PATHS: &str = "apigateway.paths";
const ROUTES: &str = "apigateway.routes";
const RELEASE: &str = "apigateway.release";

pub(super) const GRANTS: &[Grant] = &[
    Grant {
        sid: "FindOwn",
        on: &["arn:{partition}:apigateway:{region}::/restapis", "arn:{partition}:apigateway:{region}::/restapis/*"],
        when: &[When::NotAnothers],
        rights: &[Right {
            needs: &[
                Need::Find(API),
                Need::Find(STAGE),
                Need::Find(DEPLOYMENT),
                Need::Find(AUTHORIZER),
                Need::Find(MODEL),
                Need::Find(VALIDATOR),
                Need::Find(PATHS),
                Need::Find(ROUTES),
                Need::Find(RELEASE),
                Need::Survivors,
                Need::Doctor,
            ],
            actions: &["apigateway:GET"],
        }],
    },
    // What the account lets through, for all APIs in the region.
    Grant {
        sid: "FindOwn",
        on: &["arn:{partition}:apigateway:{region}::/account"],
        when: &[When::NotAnothers],
        rights: &[Right { needs: &[Need::Doctor], actions: &["apigateway:GET"] }],
    },
    Grant {
        sid: "OwnByTag",
        on: &["arn:{partition}:apigateway:{region}::/restapis/*"],
        when: &[When::TagCarried],
        rights: &[
            Right {
                needs: &[
                    Need::Create(STAGE),
                    Need::Create(DEPLOYMENT),
                    Need::Create(AUTHORIZER),
                    Need::Create(MODEL),
                    Need::Create(PATHS),
                    Need::Converge(PATHS),
                    Need::Converge(ROUTES),
                ],
                actions: &["apigateway:POST"],
            },
            Right { needs: &[Need::Create(ROUTES), Need::Converge(ROUTES)], actions: &["apigateway:PUT"] },
            Right {
                needs: &[
                    Need::Converge(API),
                    Need::Create(STAGE),
                    Need::Converge(STAGE),
                    Need::Converge(AUTHORIZER),
                    Need::Converge(MODEL),
                    Need::Converge(ROUTES),
                    Need::Create(RELEASE),
                    Need::Converge(RELEASE),
                ],
                actions: &["apigateway:PATCH"],
            },
            Right {
                needs: &[
                    Need::Delete(API),
                    Need::Delete(STAGE),
                    Need::Delete(DEPLOYMENT),
                    Need::Delete(AUTHORIZER),
                    Need::Delete(MODEL),
                    Need::Delete(PATHS),
                    Need::Delete(ROUTES),
                    Need::Converge(DEPLOYMENT),
                    Need::Converge(PATHS),
                    Need::Converge(ROUTES),
                    // Deployments that no stage answers from any more.
                    Need::Create(STAGE),
                    Need::Converge(RELEASE),
                    Need::Delete(RELEASE),
                ],
                actions: &["apigateway:DELETE"],
            },
        ],
    },
    Grant {
        sid: "RequestValidators",
        on: &["arn:{partition}:apigateway:{region}::/restapis/*/requestvalidators*"],
        when: &[When::NotAnothers],
        rights: &[
            Right { needs: &[Need::Create(VALIDATOR)], actions: &["apigateway:POST"] },
            Right { needs: &[Need::Converge(VALIDATOR)], actions: &["apigateway:PATCH"] },
            Right { needs: &[Need::Delete(VALIDATOR)], actions: &["apigateway:DELETE"] },
        ],
    },
    Grant {
        sid: "MakeOwn",
        on: &["arn:{partition}:apigateway:{region}::/restapis"],
        when: &[When::TagGiven, When::NotAnothers],
        rights: &[Right { needs: &[Need::Create(API)], actions: &["apigateway:POST"] }],
    },
    Grant {
        sid: "TagWhatIsMade",
        on: &[
            "arn:{partition}:apigateway:{region}::/tags/arn%3A{partition}%3Aapigateway%3A{region}%3A%3A%2Frestapis%2F${*}",
        ],
        when: &[When::NoOthersTagGiven],
        rights: &[Right { needs: &[Need::Create(API)], actions: &["apigateway:PUT"] }],
    },
    // AWS knows the name that a stage will have; whether it asks by that one nobody has said. If it does, the stage is
    // created without tags.
    Grant {
        sid: "TagWhatIsMade",
        on: &[
            "arn:{partition}:apigateway:{region}::/tags/arn%3A{partition}%3Aapigateway%3A{region}%3A%3A%2Frestapis%2F*%2Fstages%2F${*}",
        ],
        when: &[When::NoOthersTagGiven],
        rights: &[Right { needs: &[Need::Create(STAGE)], actions: &["apigateway:PUT"] }],
    },
    // With an account's first API comes a role of API Gateway's own.
    Grant {
        sid: "FirstApi",
        on: &["arn:{partition}:iam::{account}:role/aws-service-role/ops.apigateway.amazonaws.com/*"],
        when: &[],
        rights: &[Right { needs: &[Need::Create(API)], actions: &["iam:CreateServiceLinkedRole"] }],
    },
];
