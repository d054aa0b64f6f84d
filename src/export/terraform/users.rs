//! User pools and everything in them.

use serde_json::{Map, Value, json};

use crate::aws::cognito::{AppClient, IdentityProvider, PoolDomain, ResourceServer, ServiceUser, UserGroup, UserPool};
use crate::choices::{Hook, MailText, Mfa, ThreatProtection, UserAttributeType};
use crate::engine::Seen;
use crate::export::resources::{Form, Piece, Resources, some};

const POOL: &str = "aws_cognito_user_pool";

pub(super) fn pool(seen: &Seen<'_, UserPool>, stack: &Resources<'_>) -> Form {
    let (want, outputs) = (seen.want, &seen.outputs);
    let id = &outputs.id;
    let (names, aliases) = want.sign_in_names();
    let password = &want.password;
    let mail = &want.mail;
    let sender = mail.sender.as_ref().map(|sender| {
        json!({
            "email_sending_account": "DEVELOPER",
            "source_arn": sender.ses,
            "from_email_address": sender.from,
            "reply_to_email_address": sender.reply_to,
        })
    });
    let template = |text: &MailText| json!({ "email_subject": text.subject, "email_message": text.text });
    let verification = mail.verification.as_ref().map(|text| {
        json!({
            "default_email_option": "CONFIRM_WITH_CODE",
            "email_subject": text.subject,
            "email_message": text.text,
        })
    });
    let watched = (want.threat_protection != ThreatProtection::Off).then(|| {
        let mode = want.threat_protection.as_str();
        json!({
            "advanced_security_mode": mode,
            "advanced_security_additional_flows": { "custom_auth_mode": mode },
        })
    });
    let attributes = want.attributes.iter().map(|attribute| {
        let name = attribute.custom().unwrap_or(&attribute.name);
        // Without the limits that AWS gave the attribute, Terraform would replace the pool.
        let (least, most) = seen.live.limits(&attribute.name);
        let (texts, numbers) = match attribute.kind {
            UserAttributeType::String => (Some(json!({ "min_length": least, "max_length": most })), None),
            UserAttributeType::Number => (None, Some(json!({ "min_value": least, "max_value": most }))),
            UserAttributeType::DateTime | UserAttributeType::Boolean => (None, None),
        };
        json!({
            "string_attribute_constraints": texts,
            "number_attribute_constraints": numbers,
            "name": name,
            "attribute_data_type": attribute.type_name(),
            "mutable": attribute.mutable,
            "required": attribute.required,
        })
    });
    let piece = Piece::new(
        POOL,
        id.as_str(),
        json!({
            "name": want.name,
            "username_attributes": some(names),
            "alias_attributes": some(aliases),
            "username_configuration": { "case_sensitive": false },
            "auto_verified_attributes": ["email"],
            "user_attribute_update_settings": { "attributes_require_verification_before_update": ["email"] },
            "account_recovery_setting": { "recovery_mechanism": { "name": "verified_email", "priority": 1 } },
            "admin_create_user_config": {
                "allow_admin_create_user_only": !want.self_sign_up,
                "invite_message_template": mail.invitation.as_ref().map(template),
            },
            "password_policy": {
                "minimum_length": password.minimum_length,
                "require_lowercase": password.lowercase,
                "require_uppercase": password.uppercase,
                "require_numbers": password.numbers,
                "require_symbols": password.symbols,
                "temporary_password_validity_days": password.temporary_validity_days,
                "password_history_size": Some(password.history).filter(|size| *size > 0),
            },
            "mfa_configuration": want.mfa_name(),
            "software_token_mfa_configuration": (want.mfa != Mfa::Off).then(|| json!({ "enabled": true })),
            "email_configuration": sender,
            "verification_message_template": verification,
            "user_pool_add_ons": watched,
            "user_pool_tier": want.plan_name(seen.live),
            "deletion_protection": if want.deletion_protection { "ACTIVE" } else { "INACTIVE" },
            "schema": some(attributes),
            "lambda_config": lambda_config(id, stack),
            "tags": stack.tags(&want.id),
        }),
    )
    .value(&outputs.arn, "arn")
    .value(id, "id");
    let risks = (want.threat_protection == ThreatProtection::Enforced).then(|| risks(id).beside());
    Form::of([piece].into_iter().chain(risks))
}

/// The functions that the pool calls. In the stack they are a resource of their own.
fn lambda_config(pool: &str, stack: &Resources<'_>) -> Option<Value> {
    let hooks = stack.hooks(pool);
    let of = hooks.iter().map(|one| match one.hook {
        Hook::PreToken => (
            "pre_token_generation_config".to_owned(),
            json!({ "lambda_arn": one.arn, "lambda_version": one.event.name() }),
        ),
        hook => (spelled(hook.name()), one.arn.as_str().into()),
    });
    (!hooks.is_empty()).then(|| Value::Object(of.collect()))
}

/// `PreSignUp` becomes `pre_sign_up`.
fn spelled(name: &str) -> String {
    name.char_indices().fold(String::new(), |mut words, (at, c)| {
        if c.is_ascii_uppercase() && at > 0 {
            words.push('_');
        }
        words.push(c.to_ascii_lowercase());
        words
    })
}

fn risks(pool: &str) -> Piece {
    let block = json!({ "event_action": "BLOCK", "notify": false });
    Piece::new(
        "aws_cognito_risk_configuration",
        pool,
        json!({
            "user_pool_id": pool,
            "compromised_credentials_risk_configuration": {
                "event_filter": UserPool::WATCHED_EVENTS,
                "actions": { "event_action": "BLOCK" },
            },
            "account_takeover_risk_configuration": {
                "actions": { "low_action": block, "medium_action": block, "high_action": block },
            },
        }),
    )
}

pub(super) fn client(seen: &Seen<'_, AppClient>) -> Form {
    let (want, id) = (seen.want, &seen.outputs.client_id);
    let pages = want.pages.as_ref();
    let domain = want.uses_domain();
    Piece::new(
        "aws_cognito_user_pool_client",
        format!("{}/{id}", want.pool_id),
        json!({
            "name": want.name,
            "user_pool_id": want.pool_id,
            "generate_secret": want.secret_name.as_ref().map(|_| true),
            "explicit_auth_flows": want.flow_names(),
            "allowed_oauth_flows_user_pool_client": domain.then_some(true),
            "allowed_oauth_flows": domain.then(|| want.grant_names()),
            "allowed_oauth_scopes": domain.then(|| want.granted_scopes()),
            "callback_urls": pages.map(|pages| &pages.callbacks),
            "logout_urls": pages.and_then(|pages| some(pages.logouts.iter().cloned())),
            "supported_identity_providers": want.providers(),
            "prevent_user_existence_errors": "ENABLED",
            "enable_token_revocation": true,
            "access_token_validity": want.tokens.access_minutes,
            "id_token_validity": want.tokens.id_minutes,
            "refresh_token_validity": want.tokens.refresh_days,
            "token_validity_units": { "access_token": "minutes", "id_token": "minutes", "refresh_token": "days" },
            "refresh_token_rotation": want.tokens.rotate.then(|| json!({
                "feature": "ENABLED",
                "retry_grace_period_seconds": AppClient::GRACE_SECONDS,
            })),
            "read_attributes": want.attributes.read,
            "write_attributes": want.settable(seen.live),
        }),
    )
    .value(id, "id")
    .into()
}

pub(super) fn group(seen: &Seen<'_, UserGroup>) -> Form {
    let want = seen.want;
    Piece::new(
        "aws_cognito_user_group",
        format!("{}/{}", want.pool_id, want.name),
        json!({
            "name": want.name,
            "user_pool_id": want.pool_id,
            "role_arn": want.role.as_ref().map(|role| &role.arn),
            "precedence": want.role.as_ref().map(|role| role.precedence),
        }),
    )
    .into()
}

pub(super) fn resource_server(seen: &Seen<'_, ResourceServer>) -> Form {
    let want = seen.want;
    let scopes =
        want.scopes.iter().map(|scope| json!({ "scope_name": scope, "scope_description": want.describes(scope) }));
    Piece::new(
        "aws_cognito_resource_server",
        format!("{}|{}", want.pool_id, want.identifier),
        json!({
            "user_pool_id": want.pool_id,
            "identifier": want.identifier,
            "name": want.name(),
            "scope": some(scopes),
        }),
    )
    .into()
}

/// The provider. Terraform reads the client secret from Secrets Manager, so the text does not contain it.
pub(super) fn identity_provider(seen: &Seen<'_, IdentityProvider>) -> Form {
    let want = seen.want;
    let mut details: Map<String, Value> =
        want.details().into_iter().map(|(name, value)| (name, value.into())).collect();
    let mut secret = None;
    if let Some(client) = &want.client {
        let field = &client.secret;
        let label = super::label(&format!("{}_{}", want.pool_id, want.name));
        details.insert(
            "client_secret".to_owned(),
            json!({ "$raw": format!(
                "jsondecode(data.aws_secretsmanager_secret_version.{label}.secret_string)[{}]",
                super::hcl::quoted(&field.key)
            ) }),
        );
        secret = Some((label, &field.arn));
    }
    let mut body = json!({
        "user_pool_id": want.pool_id,
        "provider_name": want.name,
        "provider_type": want.kind_name(),
        "provider_details": details,
        "attribute_mapping": want.mapping(),
    });
    if let Some((label, arn)) = secret {
        body["$data"] = json!({ "aws_secretsmanager_secret_version": { label: { "secret_id": arn } } });
    }
    Piece::new("aws_cognito_identity_provider", format!("{}:{}", want.pool_id, want.name), body)
        .name(format!("{} {}", want.pool_id, want.name), "provider_name")
        .into()
}

pub(super) fn domain(seen: &Seen<'_, PoolDomain>) -> Form {
    let want = seen.want;
    let body = json!({ "domain": want.domain, "user_pool_id": want.pool_id });
    Piece::new("aws_cognito_user_pool_domain", want.domain.as_str(), body).into()
}

/// The user without a password, which is in Secrets Manager alone.
pub(super) fn service_user(seen: &Seen<'_, ServiceUser>) -> Form {
    let want = seen.want;
    let body = json!({
        "user_pool_id": want.pool_id,
        "username": want.username,
        // Terraform does not read these back completely: the version of the password, for example, is an attribute.
        "lifecycle": { "ignore_changes": [{ "$raw": "attributes" }, { "$raw": "message_action" }] },
        "message_action": "SUPPRESS",
    });
    Piece::new("aws_cognito_user", format!("{}/{}", want.pool_id, want.username), body).into()
}
