//! User pools and everything in them, and identity pools.

use serde_json::{Map, Value, json};

use super::tags;
use crate::aws::cognito::{
    AppClient, IdentityPool, IdentityPoolRoles, IdentityProvider, PoolDomain, ResourceServer, ServiceUser, UserGroup,
    UserPool,
};
use crate::choices::{Hook, MailText, ThreatProtection, UserAttributeType};
use crate::engine::Seen;
use crate::export::resources::{Form, Piece, Resources, some};

pub(super) fn pool(seen: &Seen<'_, UserPool>, stack: &Resources<'_>) -> Form {
    let (want, outputs) = (seen.want, &seen.outputs);
    let id = &outputs.id;
    let (names, aliases) = want.sign_in_names();
    let (password, mail) = (&want.password, &want.mail);
    let sender = mail.sender.as_ref().map(|sender| {
        json!({
            "EmailSendingAccount": "DEVELOPER",
            "SourceArn": sender.ses,
            "From": sender.from,
            "ReplyToEmailAddress": sender.reply_to,
        })
    });
    let text = |text: &MailText| json!({ "EmailSubject": text.subject, "EmailMessage": text.text });
    let verification = mail.verification.as_ref().map(|mail| {
        let mut template = text(mail);
        template["DefaultEmailOption"] = "CONFIRM_WITH_CODE".into();
        template
    });
    let watched = (want.threat_protection != ThreatProtection::Off).then(|| {
        let mode = want.threat_protection.as_str();
        json!({ "AdvancedSecurityMode": mode, "AdvancedSecurityAdditionalFlows": { "CustomAuthMode": mode } })
    });
    let attributes = want.attributes.iter().map(|attribute| {
        let (least, most) = seen.live.limits(&attribute.name);
        let limited = least.is_some() || most.is_some();
        let (texts, numbers) = match attribute.kind {
            UserAttributeType::String if limited => (Some(json!({ "MinLength": least, "MaxLength": most })), None),
            UserAttributeType::Number if limited => (None, Some(json!({ "MinValue": least, "MaxValue": most }))),
            _ => (None, None),
        };
        json!({
            "Name": attribute.custom().unwrap_or(&attribute.name),
            "AttributeDataType": attribute.type_name(),
            "Mutable": attribute.mutable,
            "Required": attribute.required,
            "StringAttributeConstraints": texts,
            "NumberAttributeConstraints": numbers,
        })
    });
    let piece = Piece::new(
        "AWS::Cognito::UserPool",
        json!({ "UserPoolId": id }),
        json!({
            "UserPoolName": want.name,
            "UsernameAttributes": some(names),
            "AliasAttributes": some(aliases),
            "UsernameConfiguration": { "CaseSensitive": false },
            "AutoVerifiedAttributes": ["email"],
            "UserAttributeUpdateSettings": { "AttributesRequireVerificationBeforeUpdate": ["email"] },
            "AccountRecoverySetting": { "RecoveryMechanisms": [{ "Name": "verified_email", "Priority": 1 }] },
            "AdminCreateUserConfig": {
                "AllowAdminCreateUserOnly": !want.self_sign_up,
                "InviteMessageTemplate": mail.invitation.as_ref().map(text),
            },
            "Policies": {
                "PasswordPolicy": {
                    "MinimumLength": password.minimum_length,
                    "RequireLowercase": password.lowercase,
                    "RequireUppercase": password.uppercase,
                    "RequireNumbers": password.numbers,
                    "RequireSymbols": password.symbols,
                    "TemporaryPasswordValidityDays": password.temporary_validity_days,
                    "PasswordHistorySize": Some(password.history).filter(|size| *size > 0),
                },
            },
            "MfaConfiguration": want.mfa_name(),
            "EnabledMfas": want.factor_name().map(|factor| [factor]),
            "EmailConfiguration": sender,
            "VerificationMessageTemplate": verification,
            "UserPoolAddOns": watched,
            "UserPoolTier": want.plan_name(seen.live),
            "DeletionProtection": if want.deletion_protection { "ACTIVE" } else { "INACTIVE" },
            "Schema": some(attributes),
            "LambdaConfig": lambda_config(id, stack),
            "UserPoolTags": stack.tags(&want.id),
        }),
    )
    .value(&outputs.arn, "Arn")
    .value(id, "UserPoolId");
    let risks = (want.threat_protection == ThreatProtection::Enforced).then(|| risks(id).suffix("risks").beside());
    Form::of([piece].into_iter().chain(risks))
}

/// The functions that the pool calls.
fn lambda_config(pool: &str, stack: &Resources<'_>) -> Option<Value> {
    let hooks = stack.hooks(pool);
    let of = hooks.iter().map(|one| match one.hook {
        Hook::PreToken => {
            ("PreTokenGenerationConfig".to_owned(), json!({ "LambdaArn": one.arn, "LambdaVersion": one.event.name() }))
        }
        hook => (hook.name().to_owned(), one.arn.as_str().into()),
    });
    (!hooks.is_empty()).then(|| Value::Object(of.collect()))
}

fn risks(pool: &str) -> Piece {
    let block = json!({ "EventAction": "BLOCK", "Notify": false });
    Piece::new(
        "AWS::Cognito::UserPoolRiskConfigurationAttachment",
        json!({ "UserPoolId": pool, "ClientId": "ALL" }),
        json!({
            "UserPoolId": pool,
            "ClientId": "ALL",
            "CompromisedCredentialsRiskConfiguration": {
                "EventFilter": UserPool::WATCHED_EVENTS,
                "Actions": { "EventAction": "BLOCK" },
            },
            "AccountTakeoverRiskConfiguration": {
                "Actions": { "LowAction": block, "MediumAction": block, "HighAction": block },
            },
        }),
    )
}

pub(super) fn client(seen: &Seen<'_, AppClient>) -> Form {
    let (want, id) = (seen.want, &seen.outputs.client_id);
    let (pages, domain) = (want.pages.as_ref(), want.uses_domain());
    let rotation = want.tokens.rotate;
    let rotation =
        rotation.then(|| json!({ "Feature": "ENABLED", "RetryGracePeriodSeconds": AppClient::GRACE_SECONDS }));
    Piece::new(
        "AWS::Cognito::UserPoolClient",
        json!({ "UserPoolId": want.pool_id, "ClientId": id }),
        json!({
            "ClientName": want.name,
            "UserPoolId": want.pool_id,
            "GenerateSecret": want.secret_name.as_ref().map(|_| true),
            "ExplicitAuthFlows": want.flow_names(),
            "AllowedOAuthFlowsUserPoolClient": domain.then_some(true),
            "AllowedOAuthFlows": domain.then(|| want.grant_names()),
            "AllowedOAuthScopes": domain.then(|| want.granted_scopes()),
            "CallbackURLs": pages.map(|pages| &pages.callbacks),
            "LogoutURLs": pages.and_then(|pages| some(pages.logouts.iter().cloned())),
            "SupportedIdentityProviders": want.providers(),
            "PreventUserExistenceErrors": "ENABLED",
            "EnableTokenRevocation": true,
            "AccessTokenValidity": want.tokens.access_minutes,
            "IdTokenValidity": want.tokens.id_minutes,
            "RefreshTokenValidity": want.tokens.refresh_days,
            "TokenValidityUnits": { "AccessToken": "minutes", "IdToken": "minutes", "RefreshToken": "days" },
            "RefreshTokenRotation": rotation,
            "ReadAttributes": want.attributes.read,
            "WriteAttributes": want.settable(seen.live),
        }),
    )
    .value(id, "ClientId")
    .into()
}

pub(super) fn group(seen: &Seen<'_, UserGroup>) -> Form {
    let want = seen.want;
    Piece::new(
        "AWS::Cognito::UserPoolGroup",
        json!({ "UserPoolId": want.pool_id, "GroupName": want.name }),
        json!({
            "GroupName": want.name,
            "UserPoolId": want.pool_id,
            "RoleArn": want.role.as_ref().map(|role| &role.arn),
            "Precedence": want.role.as_ref().map(|role| role.precedence),
        }),
    )
    .into()
}

pub(super) fn resource_server(seen: &Seen<'_, ResourceServer>) -> Form {
    let want = seen.want;
    let scopes = want.scopes.iter();
    let scopes = scopes.map(|scope| json!({ "ScopeName": scope, "ScopeDescription": want.describes(scope) }));
    Piece::new(
        "AWS::Cognito::UserPoolResourceServer",
        json!({ "UserPoolId": want.pool_id, "Identifier": want.identifier }),
        json!({
            "UserPoolId": want.pool_id,
            "Identifier": want.identifier,
            "Name": want.name(),
            "Scopes": some(scopes),
        }),
    )
    .into()
}

/// The provider. CloudFormation reads the client secret from Secrets Manager, so the template does not contain it.
pub(super) fn identity_provider(seen: &Seen<'_, IdentityProvider>) -> Form {
    let want = seen.want;
    let mut details: Map<String, Value> =
        want.details().into_iter().map(|(name, value)| (name, value.into())).collect();
    if let Some(client) = &want.client {
        let field = &client.secret;
        let secret = format!("{{{{resolve:secretsmanager:{}:SecretString:{}}}}}", field.arn, field.key);
        details.insert("client_secret".to_owned(), secret.into());
    }
    Piece::new(
        "AWS::Cognito::UserPoolIdentityProvider",
        json!({ "UserPoolId": want.pool_id, "ProviderName": want.name }),
        json!({
            "UserPoolId": want.pool_id,
            "ProviderName": want.name,
            "ProviderType": want.kind_name(),
            "ProviderDetails": details,
            "AttributeMapping": want.mapping(),
        }),
    )
    .into()
}

pub(super) fn domain(seen: &Seen<'_, PoolDomain>) -> Form {
    let body = json!({ "UserPoolId": seen.want.pool_id, "Domain": seen.want.domain });
    Piece::new("AWS::Cognito::UserPoolDomain", body.clone(), body).into()
}

/// The user without a password, which is in Secrets Manager alone.
pub(super) fn service_user(seen: &Seen<'_, ServiceUser>) -> Form {
    let body = json!({ "UserPoolId": seen.want.pool_id, "Username": seen.want.username });
    Piece::new("AWS::Cognito::UserPoolUser", body.clone(), body).into()
}

pub(super) fn identity_pool(seen: &Seen<'_, IdentityPool>, stack: &Resources<'_>) -> Form {
    let (want, id) = (seen.want, &seen.outputs.id);
    Piece::new(
        "AWS::Cognito::IdentityPool",
        json!({ "Id": id }),
        json!({
            "IdentityPoolName": want.name,
            "AllowUnauthenticatedIdentities": false,
            "AllowClassicFlow": false,
            "CognitoIdentityProviders": [{
                "ClientId": want.client_id,
                "ProviderName": want.provider,
                "ServerSideTokenCheck": true,
            }],
            "IdentityPoolTags": tags(stack, &want.id),
        }),
    )
    .value(id, "Id")
    .into()
}

pub(super) fn identity_pool_roles(seen: &Seen<'_, IdentityPoolRoles>) -> Form {
    let want = seen.want;
    let roles = format!("AWS::Cognito::IdentityPoolRoleAttachment of {}", want.pool_id);
    let tags = (!want.tags.is_empty()).then(|| {
        let identity = json!({ "IdentityPoolId": want.pool_id, "IdentityProviderName": want.provider });
        let body = json!({
            "IdentityPoolId": want.pool_id,
            "IdentityProviderName": want.provider,
            "UseDefaults": false,
            "PrincipalTags": want.tags,
        });
        Piece::new("AWS::Cognito::IdentityPoolPrincipalTag", identity, body)
    });
    Form::of(tags).but(roles, super::NO_IDENTIFIER)
}
