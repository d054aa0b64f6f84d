//! User pools and app clients.

use serde_json::Value;

use super::super::proxy::AwsRequest;
use super::Rule;

/// The standard attributes that are text.
const TEXTS: [&str; 16] = [
    "address",
    "birthdate",
    "email",
    "family_name",
    "gender",
    "given_name",
    "locale",
    "middle_name",
    "name",
    "nickname",
    "phone_number",
    "picture",
    "preferred_username",
    "profile",
    "website",
    "zoneinfo",
];

/// The attributes that a request declares.
fn declared(request: &AwsRequest) -> Vec<Value> {
    let body = super::json(request);
    let list = match request.name().as_str() {
        "cognito-idp CreateUserPool" => &body["Schema"],
        "cognito-idp AddCustomAttributes" => &body["CustomAttributes"],
        _ => &Value::Null,
    };
    list.as_array().cloned().unwrap_or_default()
}

fn is_standard(request: &AwsRequest, attribute: &Value) -> bool {
    let name = attribute["Name"].as_str().unwrap_or_default();
    request.operation == "CreateUserPool" && (TEXTS.contains(&name) || name == "updated_at")
}

fn has(list: &Value, wanted: &str) -> bool {
    list.as_array().is_some_and(|list| list.iter().any(|one| one == wanted))
}

fn is_client(request: &AwsRequest) -> bool {
    ["cognito-idp CreateUserPoolClient", "cognito-idp UpdateUserPoolClient"].contains(&request.name().as_str())
}

pub const RULES: &[Rule] = &[
    Rule {
        name: "Cognito: a custom attribute that every user must have",
        status: 400,
        code: "",
        message: "Required custom attributes are not supported currently.",
        source: "public code and questions; Cognito developer guide, Custom attributes",
        refuses: |request| declared(request).iter().any(|one| !is_standard(request, one) && one["Required"] == true),
    },
    Rule {
        name: "Cognito: a standard attribute of another type",
        status: 400,
        code: "",
        message: "You can not change AttributeDataType or set developerOnlyAttribute for standard schema attribute name",
        source: "terraform-provider-aws #23181",
        refuses: |request| {
            declared(request).iter().any(|one| {
                let kind = if one["Name"] == "updated_at" { "Number" } else { "String" };
                is_standard(request, one) && one["AttributeDataType"] != kind
            })
        },
    },
    Rule {
        name: "Cognito: aliasAttributes together with usernameAttributes",
        status: 400,
        code: "",
        message: "Only one of the aliasAttributes or usernameAttributes can be set in a user pool.",
        source: "terraform-provider-aws, user_pool.go (ConflictsWith); public code",
        refuses: |request| {
            let (body, is_set) =
                (super::json(request), |list: &Value| list.as_array().is_some_and(|one| !one.is_empty()));
            request.name() == "cognito-idp CreateUserPool"
                && is_set(&body["UsernameAttributes"])
                && is_set(&body["AliasAttributes"])
        },
    },
    Rule {
        name: "Cognito: client credentials without a secret",
        status: 400,
        code: "InvalidOAuthFlowException",
        message: "client_credentials flow can not be selected if client does not have a client secret.",
        source: "public code and questions",
        refuses: |request| {
            let body = super::json(request);
            request.name() == "cognito-idp CreateUserPoolClient"
                && has(&body["AllowedOAuthFlows"], "client_credentials")
                && body["GenerateSecret"] != true
        },
    },
    Rule {
        name: "Cognito: client credentials beside another flow",
        status: 400,
        code: "InvalidOAuthFlowException",
        message: "client_credentials flow can not be selected along with code flow or implicit flow.",
        source: "model, CreateUserPoolClient, AllowedOAuthFlows; aws-sdk-js-v3 #2650",
        refuses: |request| {
            let flows = super::json(request)["AllowedOAuthFlows"].clone();
            is_client(request)
                && has(&flows, "client_credentials")
                && flows.as_array().is_some_and(|flows| flows.len() > 1)
        },
    },
    Rule {
        name: "Cognito: rotation of refresh tokens beside the flow that renews without it",
        status: 400,
        code: "",
        message: "Refresh token rotation cannot be enabled with ALLOW_REFRESH_TOKEN_AUTH.",
        source: "Cognito developer guide, Refresh tokens; the words are assumed",
        refuses: |request| {
            let body = super::json(request);
            is_client(request)
                && body["RefreshTokenRotation"]["Feature"] == "ENABLED"
                && has(&body["ExplicitAuthFlows"], "ALLOW_REFRESH_TOKEN_AUTH")
        },
    },
];
