//! Access that somebody adds with another tool to user pools and identity pools: `status` names each change and `up`
//! removes it. Hardening by hand is named too, and is not reported as weakening.

use serde_json::{Value, json};

use crate::support::botocore;
use crate::support::emulator::{account, endpoint};
use crate::support::program::User;

const STACK: &str = r#"[stack]
name = "doors"

[functions.F]
source = "f"

[pools.People]
mfa = "optional"

[service_users.Robot]
pool = "People"

[identity_pools.Callers]
pool = "People"
invokes = ["GET /signed"]

[api]
[[api.routes]]
route = "GET /signed"
function = "F"
auth = "iam"
[[api.routes]]
route = "GET /token"
function = "F"
pool = "People"
"#;

struct Stack {
    user: User,
    outputs: Value,
}

/// One change with botocore.
struct Change {
    name: &'static str,
    /// The calls, `[service, operation, arguments]` each.
    calls: fn(&Stack) -> Vec<Value>,
    /// The resource that `status` must name, and the field.
    shows: (&'static str, &'static str),
    weakens: bool,
}

impl Stack {
    fn new(file: &str) -> Self {
        let user = User::of(&account(), &endpoint());
        user.write("securelambda.toml", file);
        user.write("f/index.mjs", "export const handler = async () => ({ statusCode: 200, body: \"{}\" });\n");
        let outputs = user.run(&["up", "--yes", "--json"]).ends(0).summary()["outputs"].clone();
        user.run(&["status", "--detailed-exitcode"]).ends(0);
        Self { user, outputs }
    }

    fn pool(&self) -> &str {
        self.outputs["pools"]["People"]["id"].as_str().unwrap()
    }

    fn identity_pool(&self) -> &str {
        self.outputs["identity_pools"]["Callers"]["id"].as_str().unwrap()
    }

    /// The arguments of a call about the pool.
    fn of_pool(&self, more: &Value) -> Value {
        merged(json!({ "UserPoolId": self.pool() }), more)
    }

    /// The call that writes the whole client with some settings changed.
    fn client(&self, more: &Value) -> Value {
        let client = &self.outputs["pools"]["People"]["client_id"];
        let key = self.of_pool(&json!({ "ClientId": client }));
        let live = botocore::call(&self.user, "cognito-idp", "describe_user_pool_client", &key);
        let names = [
            "ExplicitAuthFlows",
            "PreventUserExistenceErrors",
            "EnableTokenRevocation",
            "AccessTokenValidity",
            "IdTokenValidity",
            "RefreshTokenValidity",
            "TokenValidityUnits",
            "ReadAttributes",
            "WriteAttributes",
        ];
        let kept: serde_json::Map<String, Value> =
            names.iter().map(|name| ((*name).to_owned(), live["UserPoolClient"][name].clone())).collect();
        json!(["cognito-idp", "update_user_pool_client", merged(merged(key, &kept.into()), more)])
    }

    /// The call that writes the whole pool with some settings changed.
    fn update(&self, more: &Value) -> Value {
        let key = self.of_pool(&json!({}));
        let live = botocore::call(&self.user, "cognito-idp", "describe_user_pool", &key)["UserPool"].clone();
        let names = [
            "Policies",
            "AutoVerifiedAttributes",
            "UserAttributeUpdateSettings",
            "AdminCreateUserConfig",
            "AccountRecoverySetting",
            "DeletionProtection",
            "UserPoolTags",
        ];
        let kept: serde_json::Map<String, Value> =
            names.iter().map(|name| ((*name).to_owned(), live[name].clone())).collect();
        json!(["cognito-idp", "update_user_pool", merged(merged(key, &kept.into()), more)])
    }

    fn identity(&self, more: &Value) -> Value {
        let key = json!({ "IdentityPoolId": self.identity_pool() });
        let live = botocore::call(&self.user, "cognito-identity", "describe_identity_pool", &key);
        let names = [
            "IdentityPoolName",
            "AllowUnauthenticatedIdentities",
            "AllowClassicFlow",
            "CognitoIdentityProviders",
            "IdentityPoolTags",
        ];
        let kept: serde_json::Map<String, Value> =
            names.iter().map(|name| ((*name).to_owned(), live[name].clone())).collect();
        json!(["cognito-identity", "update_identity_pool", merged(merged(key, &kept.into()), more)])
    }

    fn role(&self) -> String {
        let key = json!({ "IdentityPoolId": self.identity_pool() });
        let roles = botocore::call(&self.user, "cognito-identity", "get_identity_pool_roles", &key);
        roles["Roles"]["authenticated"].as_str().unwrap().to_owned()
    }

    fn apply(&self, change: &Change) {
        let calls = (change.calls)(self);
        for (call, answer) in calls.iter().zip(botocore::calls(&self.user, &calls)) {
            assert!(answer.get("Error").is_none(), "{}: {call}: {answer}", change.name);
        }
    }

    /// Asserts that `status` names the change, and says correctly whether it weakens security.
    fn assert_named(&self, change: &Change) {
        let (name, (id, field)) = (change.name, change.shows);
        let status = self.user.run(&["status", "--json", "--detailed-exitcode"]).ends(7).json();
        let row = status["resources"].as_array().unwrap().iter().find(|row| row["id"] == id).unwrap();
        let drift = row["drift"].as_array().unwrap_or_else(|| panic!("{name}: {row:#}"));
        let found = drift.iter().find(|drift| drift["field"] == field);
        let found = found.unwrap_or_else(|| panic!("{name}: no {field} in {row:#}"));
        assert_eq!(found["weakens"], change.weakens, "{name}: {row:#}");
        assert!(change.weakens || drift.iter().all(|drift| drift["weakens"] == false), "{name}: {row:#}");
    }

    fn assert_repaired(&self, name: &str) {
        let ran = self.user.run(&["up", "--yes"]);
        assert_eq!(ran.code, 0, "{name}:\n{}", ran.stderr);
        let status = self.user.run(&["status", "--json", "--detailed-exitcode"]);
        assert_eq!(status.code, 0, "{name} is not repaired:\n{}", status.stdout);
        self.user.run(&["plan", "--detailed-exitcode"]).ends(0);
    }

    fn each(changes: &[Change]) {
        let stack = Self::new(STACK);
        for change in changes {
            stack.apply(change);
            stack.assert_named(change);
            stack.assert_repaired(change.name);
        }
        stack.user.run(&["down", "--yes"]).ends(0);
    }
}

fn merged(mut into: Value, more: &Value) -> Value {
    for (key, value) in more.as_object().unwrap() {
        into[key] = value.clone();
    }
    into
}

const FUNCTION: &str = "arn:aws:lambda:eu-central-1:123456789012:function:theirs";

const UNDER_THE_POOL: &[Change] = &[
    Change {
        name: "another app client",
        calls: |stack| {
            let arguments = stack.of_pool(&json!({ "ClientName": "theirs", "GenerateSecret": true }));
            vec![json!(["cognito-idp", "create_user_pool_client", arguments])]
        },
        shows: ("pool.People", "UserPoolClients"),
        weakens: true,
    },
    Change {
        name: "a second app client of our client's name",
        calls: |stack| {
            let arguments = stack.of_pool(&json!({ "ClientName": "doors-People-client" }));
            vec![json!(["cognito-idp", "create_user_pool_client", arguments])]
        },
        shows: ("client.People", "UserPoolClients of the same name"),
        weakens: true,
    },
    Change {
        name: "a resource server",
        calls: |stack| {
            let scopes = json!([{ "ScopeName": "all", "ScopeDescription": "all" }]);
            let arguments = stack.of_pool(&json!({ "Identifier": "orders", "Name": "orders", "Scopes": scopes }));
            vec![json!(["cognito-idp", "create_resource_server", arguments])]
        },
        shows: ("pool.People", "ResourceServers"),
        weakens: true,
    },
    Change {
        name: "an identity provider",
        calls: |stack| {
            let details = json!({ "client_id": "c", "client_secret": "s", "authorize_scopes": "email" });
            let arguments = stack
                .of_pool(&json!({ "ProviderName": "Google", "ProviderType": "Google", "ProviderDetails": details }));
            vec![json!(["cognito-idp", "create_identity_provider", arguments])]
        },
        shows: ("pool.People", "IdentityProviders"),
        weakens: true,
    },
    Change {
        name: "a domain for sign-in pages",
        calls: |stack| {
            let arguments = stack.of_pool(&json!({ "Domain": format!("doors-{}", std::process::id()) }));
            vec![json!(["cognito-idp", "create_user_pool_domain", arguments])]
        },
        shows: ("pool.People", "Domains"),
        weakens: true,
    },
    Change {
        name: "a trigger",
        calls: |stack| vec![stack.update(&json!({ "LambdaConfig": { "PreTokenGeneration": FUNCTION } }))],
        shows: ("pool.People", "LambdaConfig"),
        weakens: true,
    },
    Change {
        name: "devices that need no second factor",
        calls: |stack| {
            let device = json!({ "ChallengeRequiredOnNewDevice": true, "DeviceOnlyRememberedOnUserPrompt": false });
            vec![stack.update(&json!({ "DeviceConfiguration": device }))]
        },
        shows: ("pool.People", "DeviceConfiguration"),
        weakens: true,
    },
    Change {
        name: "a code by mail as the only factor",
        calls: |stack| {
            let key = stack.of_pool(&json!({}));
            let live = botocore::call(&stack.user, "cognito-idp", "describe_user_pool", &key);
            let mut policies = live["UserPool"]["Policies"].clone();
            policies["SignInPolicy"] = json!({ "AllowedFirstAuthFactors": ["PASSWORD", "EMAIL_OTP"] });
            vec![stack.update(&json!({ "Policies": policies }))]
        },
        shows: ("pool.People", "Policies.SignInPolicy.AllowedFirstAuthFactors"),
        weakens: true,
    },
    Change {
        name: "codes by mail as the second factor",
        calls: |stack| {
            let arguments = stack.of_pool(&json!({
                "MfaConfiguration": "OPTIONAL", "SoftwareTokenMfaConfiguration": { "Enabled": true },
                "EmailMfaConfiguration": { "Subject": "code", "Message": "{####}" },
            }));
            vec![json!(["cognito-idp", "set_user_pool_mfa_config", arguments])]
        },
        shows: ("pool.People", "EmailMfaConfiguration"),
        weakens: true,
    },
];

const CLIENT: &[Change] = &[
    Change {
        name: "sign-in on pages of Cognito's",
        calls: |stack| {
            vec![stack.client(&json!({
                "AllowedOAuthFlowsUserPoolClient": true, "AllowedOAuthFlows": ["implicit"],
                "AllowedOAuthScopes": ["openid"], "CallbackURLs": ["https://evil.example/cb"],
            }))]
        },
        shows: ("client.People", "AllowedOAuthFlows"),
        weakens: true,
    },
    Change {
        name: "another identity provider",
        calls: |stack| vec![stack.client(&json!({ "SupportedIdentityProviders": ["COGNITO", "Google"] }))],
        shows: ("client.People", "SupportedIdentityProviders"),
        weakens: true,
    },
    Change {
        name: "attributes that users set themselves",
        calls: |stack| vec![stack.client(&json!({ "WriteAttributes": ["email", "profile"] }))],
        shows: ("client.People", "WriteAttributes"),
        weakens: true,
    },
    Change {
        name: "long sessions while signing in",
        calls: |stack| vec![stack.client(&json!({ "AuthSessionValidity": 15 }))],
        shows: ("client.People", "AuthSessionValidity"),
        weakens: true,
    },
    Change {
        name: "tokens for a day",
        calls: |stack| vec![stack.client(&json!({ "IdTokenValidity": 1440 }))],
        shows: ("client.People", "IdTokenValidity"),
        weakens: true,
    },
];

const IDENTITY_POOL: &[Change] = &[
    Change {
        name: "guests",
        calls: |stack| vec![stack.identity(&json!({ "AllowUnauthenticatedIdentities": true }))],
        shows: ("identity-pool.Callers", "AllowUnauthenticatedIdentities"),
        weakens: true,
    },
    Change {
        name: "the classic flow",
        calls: |stack| vec![stack.identity(&json!({ "AllowClassicFlow": true }))],
        shows: ("identity-pool.Callers", "AllowClassicFlow"),
        weakens: true,
    },
    Change {
        name: "a social login",
        calls: |stack| vec![stack.identity(&json!({ "SupportedLoginProviders": { "accounts.google.com": "1.apps" } }))],
        shows: ("identity-pool.Callers", "SupportedLoginProviders"),
        weakens: true,
    },
    Change {
        name: "another user pool",
        calls: |stack| {
            let theirs = "cognito-idp.eu-central-1.amazonaws.com/eu-central-1_Theirs";
            let providers = json!([{ "ProviderName": theirs, "ClientId": "theirs", "ServerSideTokenCheck": false }]);
            vec![stack.identity(&json!({ "CognitoIdentityProviders": providers }))]
        },
        shows: ("identity-pool.Callers", "CognitoIdentityProviders of others"),
        weakens: true,
    },
    Change {
        name: "a role for guests",
        calls: |stack| {
            let role = stack.role();
            let roles = json!({ "authenticated": role, "unauthenticated": role });
            let arguments = json!({ "IdentityPoolId": stack.identity_pool(), "Roles": roles });
            vec![json!(["cognito-identity", "set_identity_pool_roles", arguments])]
        },
        shows: ("identity-pool-roles.Callers", "Roles"),
        weakens: true,
    },
    Change {
        name: "tags of sessions from tokens",
        calls: |stack| {
            let provider = format!("cognito-idp.eu-central-1.amazonaws.com/{}", stack.pool());
            let arguments = json!({
                "IdentityPoolId": stack.identity_pool(), "IdentityProviderName": provider,
                "UseDefaults": false, "PrincipalTags": { "role": "custom:role" },
            });
            vec![json!(["cognito-identity", "set_principal_tag_attribute_map", arguments])]
        },
        shows: ("identity-pool-roles.Callers", "PrincipalTags"),
        weakens: true,
    },
];

const HARDENED_BY_HAND: &[Change] = &[
    Change {
        name: "shorter tokens",
        calls: |stack| vec![stack.client(&json!({ "IdTokenValidity": 5, "AccessTokenValidity": 5 }))],
        shows: ("client.People", "IdTokenValidity"),
        weakens: false,
    },
    Change {
        name: "one flow only",
        calls: |stack| {
            vec![stack.client(&json!({ "ExplicitAuthFlows": ["ALLOW_USER_SRP_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"] }))]
        },
        shows: ("client.People", "ExplicitAuthFlows"),
        weakens: false,
    },
    Change {
        name: "accounts that only administrators recover",
        calls: |stack| {
            let recovery = json!({ "RecoveryMechanisms": [{ "Priority": 1, "Name": "admin_only" }] });
            vec![stack.update(&json!({ "AccountRecoverySetting": recovery }))]
        },
        shows: ("pool.People", "AccountRecoverySetting.RecoveryMechanisms"),
        weakens: false,
    },
    Change {
        name: "threat protection",
        calls: |stack| {
            let add_ons = json!({ "AdvancedSecurityMode": "ENFORCED" });
            vec![stack.update(&json!({ "UserPoolAddOns": add_ons, "UserPoolTier": "PLUS" }))]
        },
        shows: ("pool.People", "UserPoolAddOns.AdvancedSecurityMode"),
        weakens: false,
    },
    Change {
        name: "a second factor for everybody",
        calls: |stack| {
            let totp = json!({ "Enabled": true });
            let arguments = stack.of_pool(&json!({ "MfaConfiguration": "ON", "SoftwareTokenMfaConfiguration": totp }));
            vec![json!(["cognito-idp", "set_user_pool_mfa_config", arguments])]
        },
        shows: ("pool.People", "MfaConfiguration"),
        weakens: false,
    },
];

#[test]
fn what_hangs_under_a_pool_is_named_and_removed() {
    Stack::each(UNDER_THE_POOL);
}

#[test]
fn settings_of_an_app_client_that_let_more_in_are_named_and_repaired() {
    Stack::each(CLIENT);
}

#[test]
fn ways_into_an_identity_pool_are_named_and_closed() {
    Stack::each(IDENTITY_POOL);
}

#[test]
fn what_somebody_hardened_differs_and_does_not_weaken() {
    Stack::each(HARDENED_BY_HAND);
}

#[test]
fn a_group_loses_its_role_and_keeps_its_members() {
    let stack = Stack::new(STACK);
    let username = json!("robot@doors.invalid");
    let change = Change {
        name: "a group with a role",
        calls: |stack| {
            let role = stack.role();
            let group = stack.of_pool(&json!({ "GroupName": "staff", "Description": "The staff", "RoleArn": role }));
            let member = stack.of_pool(&json!({ "GroupName": "staff", "Username": "robot@doors.invalid" }));
            vec![
                json!(["cognito-idp", "create_group", group]),
                json!(["cognito-idp", "admin_add_user_to_group", member]),
            ]
        },
        shows: ("pool.People", "Groups.RoleArn"),
        weakens: true,
    };
    stack.apply(&change);
    stack.assert_named(&change);
    stack.assert_repaired(change.name);
    let of_user = stack.of_pool(&json!({ "Username": username }));
    let groups = botocore::call(&stack.user, "cognito-idp", "admin_list_groups_for_user", &of_user);
    let groups = groups["Groups"].as_array().unwrap();
    assert_eq!(groups.len(), 1, "{groups:?}");
    assert_eq!((&groups[0]["GroupName"], &groups[0]["Description"]), (&json!("staff"), &json!("The staff")));
    assert!(groups[0].get("RoleArn").is_none_or(|role| role == ""), "{groups:?}");
    stack.user.run(&["down", "--yes"]).ends(0);
}

#[test]
fn the_hardened_posture_sets_everything_and_settles() {
    let hardened =
        STACK.replace("name = \"doors\"", "name = \"doors\"\nposture = \"hardened\"").replace("mfa = \"optional\"", "");
    let stack = Stack::new(&hardened);
    stack.user.run(&["plan", "--detailed-exitcode"]).ends(0);
    let pool = botocore::call(&stack.user, "cognito-idp", "describe_user_pool", &stack.of_pool(&json!({})));
    let pool = &pool["UserPool"];
    assert_eq!(pool["UserPoolAddOns"]["AdvancedSecurityMode"], "ENFORCED");
    assert_eq!(pool["UserPoolAddOns"]["AdvancedSecurityAdditionalFlows"]["CustomAuthMode"], "ENFORCED");
    assert_eq!((&pool["UserPoolTier"], &pool["DeletionProtection"]), (&json!("PLUS"), &json!("ACTIVE")));
    assert_eq!(pool["MfaConfiguration"], "OFF", "a program signs in to it");
    assert_eq!(pool["Policies"]["PasswordPolicy"]["PasswordHistorySize"], 24);
    let client = stack.of_pool(&json!({ "ClientId": stack.outputs["pools"]["People"]["client_id"] }));
    let client = botocore::call(&stack.user, "cognito-idp", "describe_user_pool_client", &client);
    let client = &client["UserPoolClient"];
    assert_eq!(client["ExplicitAuthFlows"], json!(["ALLOW_USER_SRP_AUTH", "ALLOW_USER_PASSWORD_AUTH"]));
    assert_eq!((&client["IdTokenValidity"], &client["RefreshTokenValidity"]), (&json!(15), &json!(1)));

    // The baseline has no deletion protection, so the stack can be removed afterwards.
    stack.user.write("securelambda.toml", STACK);
    stack.assert_repaired("back to the baseline");
    let pool = botocore::call(&stack.user, "cognito-idp", "describe_user_pool", &stack.of_pool(&json!({})));
    let pool = &pool["UserPool"];
    assert_eq!(
        (&pool["UserPoolAddOns"]["AdvancedSecurityMode"], &pool["UserPoolTier"]),
        (&json!("OFF"), &json!("ESSENTIALS"))
    );
    stack.user.run(&["down", "--yes"]).ends(0);
}
