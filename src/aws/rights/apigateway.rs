//! APIs by our tag, since AWS makes up their ids; what is below an API inherits its tag here. Of request validators the
//! documentation does not say so: they may go without one. Rights are HTTP methods.
//!
//! What is created with tags takes the right to tag it, asked for on the ARN that it will have, with an asterisk for the
//! id that it does not have yet. The right to tag what is there is never given: it would make anybody's API ours.

use super::{Condition, Permissions, StatementTemplate, Usage};

const API: &str = "apigateway.rest_api";
const STAGE: &str = "apigateway.stage";
const DEPLOYMENT: &str = "apigateway.deployment";
const AUTHORIZER: &str = "apigateway.authorizer";
const MODEL: &str = "apigateway.model";
const VALIDATOR: &str = "apigateway.request_validator";
const PATHS: &str = "apigateway.paths";
const ROUTES: &str = "apigateway.routes";
const RELEASE: &str = "apigateway.release";

pub(super) const GRANTS: &[StatementTemplate] = &[
    StatementTemplate {
        sid: "FindOwn",
        on: &["arn:{partition}:apigateway:{region}::/restapis", "arn:{partition}:apigateway:{region}::/restapis/*"],
        when: &[Condition::NotAnothers],
        rights: &[Permissions {
            needs: &[
                Usage::Read(API),
                Usage::Read(STAGE),
                Usage::Read(DEPLOYMENT),
                Usage::Read(AUTHORIZER),
                Usage::Read(MODEL),
                Usage::Read(VALIDATOR),
                Usage::Read(PATHS),
                Usage::Read(ROUTES),
                Usage::Read(RELEASE),
                Usage::Survivors,
                Usage::Doctor,
            ],
            actions: &["apigateway:GET"],
        }],
    },
    // What the account lets through, for all APIs in the region.
    StatementTemplate {
        sid: "FindOwn",
        on: &["arn:{partition}:apigateway:{region}::/account"],
        when: &[Condition::NotAnothers],
        rights: &[Permissions { needs: &[Usage::Doctor], actions: &["apigateway:GET"] }],
    },
    StatementTemplate {
        sid: "OwnByTag",
        on: &["arn:{partition}:apigateway:{region}::/restapis/*"],
        when: &[Condition::TagCarried],
        rights: &[
            Permissions {
                needs: &[
                    Usage::Create(STAGE),
                    Usage::Create(DEPLOYMENT),
                    Usage::Create(AUTHORIZER),
                    Usage::Create(MODEL),
                    Usage::Create(PATHS),
                    Usage::Update(PATHS),
                    Usage::Update(ROUTES),
                ],
                actions: &["apigateway:POST"],
            },
            Permissions { needs: &[Usage::Create(ROUTES), Usage::Update(ROUTES)], actions: &["apigateway:PUT"] },
            Permissions {
                needs: &[
                    Usage::Update(API),
                    Usage::Create(STAGE),
                    Usage::Update(STAGE),
                    Usage::Update(AUTHORIZER),
                    Usage::Update(MODEL),
                    Usage::Update(ROUTES),
                    Usage::Create(RELEASE),
                    Usage::Update(RELEASE),
                ],
                actions: &["apigateway:PATCH"],
            },
            Permissions {
                needs: &[
                    Usage::Delete(API),
                    Usage::Delete(STAGE),
                    Usage::Delete(DEPLOYMENT),
                    Usage::Delete(AUTHORIZER),
                    Usage::Delete(MODEL),
                    Usage::Delete(PATHS),
                    Usage::Delete(ROUTES),
                    Usage::Update(DEPLOYMENT),
                    Usage::Update(PATHS),
                    Usage::Update(ROUTES),
                    // Deployments that no stage answers from any more.
                    Usage::Create(STAGE),
                    Usage::Update(RELEASE),
                    Usage::Delete(RELEASE),
                ],
                actions: &["apigateway:DELETE"],
            },
        ],
    },
    StatementTemplate {
        sid: "RequestValidators",
        on: &["arn:{partition}:apigateway:{region}::/restapis/*/requestvalidators*"],
        when: &[Condition::NotAnothers],
        rights: &[
            Permissions { needs: &[Usage::Create(VALIDATOR)], actions: &["apigateway:POST"] },
            Permissions { needs: &[Usage::Update(VALIDATOR)], actions: &["apigateway:PATCH"] },
            Permissions { needs: &[Usage::Delete(VALIDATOR)], actions: &["apigateway:DELETE"] },
        ],
    },
    StatementTemplate {
        sid: "MakeOwn",
        on: &["arn:{partition}:apigateway:{region}::/restapis"],
        when: &[Condition::TagGiven, Condition::NotAnothers],
        rights: &[Permissions { needs: &[Usage::Create(API)], actions: &["apigateway:POST"] }],
    },
    StatementTemplate {
        sid: "TagWhatIsMade",
        on: &[
            "arn:{partition}:apigateway:{region}::/tags/arn%3A{partition}%3Aapigateway%3A{region}%3A%3A%2Frestapis%2F${*}",
        ],
        when: &[Condition::NoOthersTagGiven],
        rights: &[Permissions { needs: &[Usage::Create(API)], actions: &["apigateway:PUT"] }],
    },
    // AWS knows the name that a stage will have; whether it asks by that one nobody has said. If it does, the stage is
    // created without tags.
    StatementTemplate {
        sid: "TagWhatIsMade",
        on: &[
            "arn:{partition}:apigateway:{region}::/tags/arn%3A{partition}%3Aapigateway%3A{region}%3A%3A%2Frestapis%2F*%2Fstages%2F${*}",
        ],
        when: &[Condition::NoOthersTagGiven],
        rights: &[Permissions { needs: &[Usage::Create(STAGE)], actions: &["apigateway:PUT"] }],
    },
    // With an account's first API comes a role of API Gateway's own.
    StatementTemplate {
        sid: "FirstApi",
        on: &["arn:{partition}:iam::{account}:role/aws-service-role/ops.apigateway.amazonaws.com/*"],
        when: &[],
        rights: &[Permissions { needs: &[Usage::Create(API)], actions: &["iam:CreateServiceLinkedRole"] }],
    },
];
