//! Cognito: an update resets every field that it omits, and a pool with a domain or with protection cannot be deleted.

use std::collections::HashMap;

use serde_json::Value;

use super::{Answer, ConsistencyRule, SilentDamage, TimeScale, Verdict, refuse};
use crate::support::proxy::AwsRequest;

pub fn all(_: TimeScale, damage: &SilentDamage) -> Vec<Box<dyn ConsistencyRule>> {
    let resets = |update, describe, shape, key, kept| {
        Box::new(Resets { update, describe, shape, key, kept, known: HashMap::new(), damage: damage.clone() })
    };
    vec![
        resets("UpdateUserPool", "DescribeUserPool", "UserPool", "UserPoolId", &POOL),
        resets("UpdateUserPoolClient", "DescribeUserPoolClient", "UserPoolClient", "ClientId", &CLIENT),
        Box::new(Domain::default()),
        Box::new(Providers::default()),
        Box::new(Protected::default()),
    ]
}

/// The fields that UpdateUserPool and DescribeUserPool share.
const POOL: [&str; 17] = [
    "Policies",
    "DeletionProtection",
    "LambdaConfig",
    "AutoVerifiedAttributes",
    "SmsVerificationMessage",
    "EmailVerificationMessage",
    "EmailVerificationSubject",
    "VerificationMessageTemplate",
    "SmsAuthenticationMessage",
    "UserAttributeUpdateSettings",
    "DeviceConfiguration",
    "EmailConfiguration",
    "UserPoolTags",
    "AdminCreateUserConfig",
    "UserPoolAddOns",
    "AccountRecoverySetting",
    "UserPoolTier",
];

/// The fields that UpdateUserPoolClient and DescribeUserPoolClient share.
const CLIENT: [&str; 16] = [
    "AllowedOAuthFlows",
    "AllowedOAuthFlowsUserPoolClient",
    "AllowedOAuthScopes",
    "CallbackURLs",
    "LogoutURLs",
    "RefreshTokenValidity",
    "AccessTokenValidity",
    "IdTokenValidity",
    "TokenValidityUnits",
    "ReadAttributes",
    "WriteAttributes",
    "ExplicitAuthFlows",
    "SupportedIdentityProviders",
    "PreventUserExistenceErrors",
    "EnableTokenRevocation",
    "AuthSessionValidity",
];

/// An update resets a field that was set and is omitted.
struct Resets {
    update: &'static str,
    describe: &'static str,
    shape: &'static str,
    key: &'static str,
    kept: &'static [&'static str],
    /// The last description of each resource, by id.
    known: HashMap<String, Value>,
    damage: SilentDamage,
}

/// Whether the value differs from AWS's default.
fn is_set(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => false,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(fields) => fields.values().any(is_set),
        Value::Bool(true) => true,
    }
}

impl ConsistencyRule for Resets {
    fn name(&self) -> &'static str {
        match self.update {
            "UpdateUserPool" => "Cognito: UpdateUserPool resets the fields that the request leaves out",
            _ => "Cognito: UpdateUserPoolClient resets the fields that the request leaves out",
        }
    }

    fn before(&mut self, request: &AwsRequest) -> Verdict {
        if request.service != "cognito-idp" || request.operation != self.update {
            return Verdict::NotConcerned;
        }
        let id = request.field(self.key).unwrap();
        let known = self.known.get(&id).expect("an update needs a description first");
        for field in self.kept.iter().filter(|field| is_set(&known[**field]) && request.field(field).is_none()) {
            self.damage.report(format!("{} reset {field} of {id} from {}", self.update, known[*field]));
        }
        Verdict::Allows
    }

    fn after(&mut self, request: &AwsRequest, answer: &mut Answer) -> bool {
        if request.service == "cognito-idp" && request.operation == self.describe && answer.is_success() {
            self.known.insert(request.field(self.key).unwrap(), answer.json()[self.shape].clone());
        }
        false
    }
}

/// A pool with a domain cannot be deleted.
#[derive(Default)]
pub struct Domain(HashMap<String, String>);

impl ConsistencyRule for Domain {
    fn name(&self) -> &'static str {
        "Cognito: a pool that has a domain is not deleted"
    }

    fn before(&mut self, request: &AwsRequest) -> Verdict {
        if request.name() != "cognito-idp DeleteUserPool" {
            return Verdict::NotConcerned;
        }
        if !self.0.contains_key(&request.field("UserPoolId").unwrap()) {
            return Verdict::Allows;
        }
        refuse(request, "pool-has-domain", &[])
    }

    fn after(&mut self, request: &AwsRequest, answer: &mut Answer) -> bool {
        if request.service != "cognito-idp" || !answer.is_success() {
            return false;
        }
        match (request.operation.as_str(), request.field("UserPoolId")) {
            ("CreateUserPoolDomain", Some(pool)) => _ = self.0.insert(pool, request.field("Domain").unwrap()),
            ("DeleteUserPoolDomain", Some(pool)) => _ = self.0.remove(&pool),
            // AWS's description contains the domain.
            ("DescribeUserPool", Some(pool)) if self.0.contains_key(&pool) => {
                let mut body = answer.json();
                body["UserPool"]["Domain"] = self.0[&pool].clone().into();
                answer.set(&body);
                return true;
            }
            _ => {}
        }
        false
    }
}

/// A pool with deletion protection cannot be deleted.
#[derive(Default)]
struct Protected(HashMap<String, bool>);

impl ConsistencyRule for Protected {
    fn name(&self) -> &'static str {
        "Cognito: a pool that is protected is not deleted"
    }

    fn before(&mut self, request: &AwsRequest) -> Verdict {
        if request.name() != "cognito-idp DeleteUserPool" {
            return Verdict::NotConcerned;
        }
        if !self.0.get(&request.field("UserPoolId").unwrap()).is_some_and(|protected| *protected) {
            return Verdict::Allows;
        }
        refuse(request, "pool-protected", &[])
    }

    fn after(&mut self, request: &AwsRequest, answer: &mut Answer) -> bool {
        if request.service != "cognito-idp" || !answer.is_success() {
            return false;
        }
        let active = request.field("DeletionProtection").as_deref() == Some("ACTIVE");
        match request.operation.as_str() {
            "CreateUserPool" => {
                let pool = answer.json()["UserPool"]["Id"].as_str().unwrap_or_default().to_owned();
                self.0.insert(pool, active);
            }
            "UpdateUserPool" => _ = self.0.insert(request.field("UserPoolId").unwrap(), active),
            _ => {}
        }
        false
    }
}

/// A client can name only identity providers that its pool has, and AWS adds details to the settings of Google.
#[derive(Default)]
struct Providers(HashMap<String, Vec<String>>);

impl ConsistencyRule for Providers {
    fn name(&self) -> &'static str {
        "Cognito: a client names only identity providers that exist"
    }

    fn before(&mut self, request: &AwsRequest) -> Verdict {
        if !["cognito-idp CreateUserPoolClient", "cognito-idp UpdateUserPoolClient"].contains(&request.name().as_str())
        {
            return Verdict::NotConcerned;
        }
        let Some(named) = request.field("SupportedIdentityProviders") else { return Verdict::NotConcerned };
        let pool = request.field("UserPoolId").unwrap();
        let known = self.0.entry(pool.clone()).or_default();
        let named: Vec<String> = serde_json::from_str(&named).unwrap();
        match named.iter().find(|name| *name != "COGNITO" && !known.contains(name)) {
            Some(name) => refuse(request, "provider-absent", &[("name", name), ("id", &pool)]),
            None => Verdict::Allows,
        }
    }

    fn after(&mut self, request: &AwsRequest, answer: &mut Answer) -> bool {
        const DETAILS: [(&str, &str); 6] = [
            ("attributes_url", "https://people.googleapis.com/v1/people/me?personFields="),
            ("attributes_url_add_attributes", "true"),
            ("authorize_url", "https://accounts.google.com/o/oauth2/v2/auth"),
            ("oidc_issuer", "https://accounts.google.com"),
            ("token_request_method", "POST"),
            ("token_url", "https://www.googleapis.com/oauth2/v4/token"),
        ];
        if request.service != "cognito-idp" || !answer.is_success() || !request.operation.ends_with("IdentityProvider")
        {
            return false;
        }
        let (pool, name) = (request.field("UserPoolId").unwrap(), request.field("ProviderName").unwrap());
        match request.operation.as_str() {
            "CreateIdentityProvider" => self.0.entry(pool).or_default().push(name),
            "DeleteIdentityProvider" => self.0.entry(pool).or_default().retain(|known| *known != name),
            _ => {}
        }
        let mut body = answer.json();
        if body["IdentityProvider"]["ProviderType"] != "Google" {
            return false;
        }
        for (detail, value) in DETAILS {
            body["IdentityProvider"]["ProviderDetails"][detail] = value.into();
        }
        body["IdentityProvider"]["AttributeMapping"]["username"] = "sub".into();
        answer.set(&body);
        true
    }
}
