//! Compares a user pool with the stack file. Every setting that an auditor looks at is listed, also if no key sets it.

use aws_sdk_cognitoidentityprovider::types::{
    AdminCreateUserConfigType, AuthFactorType, DeviceConfigurationType, SignInPolicyType, SmsConfigurationType,
    SoftwareTokenMfaConfigType, UserPoolPolicyType, UserPoolType, UsernameConfigurationType,
};

use super::pool_settings::{is_protected, names, protection, recovery};
use super::{PasswordPolicy, UserPool, UserPoolLive, hooks, schema, threat};
use crate::choices::Mfa;
use crate::engine::{Comparison, Effect};

/// Whether a drift is repaired by `SetUserPoolMfaConfig`.
pub(super) fn is_factor(field: &str) -> bool {
    field.contains("Mfa")
}

pub(super) fn compare(want: &UserPool, live: &UserPoolLive) -> Comparison {
    let pool = &live.pool;
    let parts = [
        sign_in(want, pool),
        password(&want.password, &PasswordPolicy::read(pool)),
        factors(want, live),
        functions(want, pool),
        want.mail.compare(pool),
        threat::compare(want, pool, &live.risk),
        live.attached.compare(want, pool),
        schema::compare(want, pool, &live.recorded),
        kept(pool),
    ];
    parts.into_iter().flatten().collect()
}

/// Compares the settings of sign-in, sign-up, account recovery and deletion.
fn sign_in(want: &UserPool, pool: &UserPoolType) -> Comparison {
    let admin_only =
        pool.admin_create_user_config().is_some_and(AdminCreateUserConfigType::allow_admin_create_user_only);
    let sensitive = pool.username_configuration().is_none_or(UsernameConfigurationType::case_sensitive);
    let settings = pool.user_attribute_update_settings();
    let verified_first = settings.map_or(&[][..], |settings| settings.attributes_require_verification_before_update());
    let sign_up = match (want.self_sign_up, !admin_only) {
        (false, true) => Effect::Weakens,
        (true, false) => Effect::Differs,
        _ => Effect::Same,
    };
    // With `admin_only`, only administrators can recover accounts, so it does not weaken.
    let recovered = recovery(pool);
    let recovery_effect = match recovered.as_str() {
        "verified_email" => Effect::Same,
        "admin_only" => Effect::Differs,
        _ => Effect::Weakens,
    };
    let (protected, is_protected) = (protection(want.deletion_protection), protection(is_protected(pool)));
    let protection_effect = if want.deletion_protection {
        Effect::weakens_unless(protected == is_protected)
    } else {
        Effect::differs_unless(protected == is_protected)
    };
    let (attributes, aliases) = want.sign_in_attributes();
    Comparison::default()
        .guard("UsernameAttributes", names(&attributes), names(pool.username_attributes()))
        .guard("AliasAttributes", names(&aliases), names(pool.alias_attributes()))
        .guard("UsernameConfiguration.CaseSensitive", false, sensitive)
        .guard("AutoVerifiedAttributes", "email", names(pool.auto_verified_attributes()))
        .guard("UserAttributeUpdateSettings.AttributesRequireVerificationBeforeUpdate", "email", names(verified_first))
        .judged("AccountRecoverySetting.RecoveryMechanisms", "verified_email", &recovered, recovery_effect)
        .judged("AdminCreateUserConfig.AllowAdminCreateUserOnly", !want.self_sign_up, admin_only, sign_up)
        .judged("DeletionProtection", protected, is_protected, protection_effect)
}

fn password(want: &PasswordPolicy, live: &PasswordPolicy) -> Comparison {
    let name = |member: &str| format!("Policies.PasswordPolicy.{member}");
    // `larger_is_stricter`: whether a larger number demands more of passwords.
    let number = |want: u16, live: u16, larger_is_stricter: bool| match (want == live, live > want) {
        (true, _) => Effect::Same,
        (false, larger) if larger == larger_is_stricter => Effect::Differs,
        (false, _) => Effect::Weakens,
    };
    let flag = |want: bool, live: bool| number(want.into(), live.into(), true);
    let (length, has_length) = (want.minimum_length.into(), live.minimum_length.into());
    let (days, has_days) = (want.temporary_validity_days, live.temporary_validity_days);
    let (history, has_history) = (want.history.into(), live.history.into());
    Comparison::default()
        .judged(name("MinimumLength"), length, has_length, number(length, has_length, true))
        .judged(name("RequireLowercase"), want.lowercase, live.lowercase, flag(want.lowercase, live.lowercase))
        .judged(name("RequireUppercase"), want.uppercase, live.uppercase, flag(want.uppercase, live.uppercase))
        .judged(name("RequireNumbers"), want.numbers, live.numbers, flag(want.numbers, live.numbers))
        .judged(name("RequireSymbols"), want.symbols, live.symbols, flag(want.symbols, live.symbols))
        .judged(name("TemporaryPasswordValidityDays"), days, has_days, number(days, has_days, false))
        .judged(name("PasswordHistorySize"), history, has_history, number(history, has_history, true))
}

/// Compares the first factors, the second factors, and remembered devices, which replace a second factor.
fn factors(want: &UserPool, live: &UserPoolLive) -> Comparison {
    let pool = &live.pool;
    let (mfa, has_mfa) = (want.mfa.to_aws(), Mfa::read(pool));
    let mfa_effect = match has_mfa.cmp(&want.mfa) {
        std::cmp::Ordering::Less => Effect::Weakens,
        std::cmp::Ordering::Equal => Effect::Same,
        std::cmp::Ordering::Greater => Effect::Differs,
    };
    let policy = pool.policies().and_then(UserPoolPolicyType::sign_in_policy);
    let first = policy.map_or(&[][..], SignInPolicyType::allowed_first_auth_factors);
    // A passkey does not weaken compared with a password. A code sent by e-mail or SMS does.
    let codes = first.iter().any(|factor| matches!(factor, AuthFactorType::EmailOtp | AuthFactorType::SmsOtp));
    let first_effect = match first {
        [] | [AuthFactorType::Password] => Effect::Same,
        _ if codes => Effect::Weakens,
        _ => Effect::Differs,
    };
    let set = live.attached.factors.as_ref();
    let app =
        set.and_then(|set| set.software_token_mfa_configuration()).is_some_and(SoftwareTokenMfaConfigType::enabled);
    let sms = set.and_then(|set| set.sms_mfa_configuration());
    let sms = sms.filter(|sms| sms.sms_configuration().is_some() || sms.sms_authentication_message().is_some());
    let email = set.and_then(|set| set.email_mfa_configuration());
    let email = email.filter(|email| email.message().is_some() || email.subject().is_some());
    // If MFA is off, the kinds of second factor have no effect.
    let factor = |wanted: bool, has: bool| match want.mfa {
        Mfa::Off => Effect::Same,
        _ => Effect::weakens_unless(wanted == has),
    };
    let is_on = |on: bool| if on { "enabled" } else { "none" };
    let wanted_app = if want.mfa == Mfa::Off { app } else { true };
    // If no devices are remembered, an emulator shows a configuration without settings.
    let unset = |device: &&DeviceConfigurationType| {
        !(live.emulator
            && !device.challenge_required_on_new_device()
            && !device.device_only_remembered_on_user_prompt())
    };
    let devices = pool.device_configuration().filter(unset);
    let remembered = devices.map_or("none", |device| {
        if device.challenge_required_on_new_device() {
            "remembered devices need no second factor"
        } else {
            "devices are remembered"
        }
    });
    let device_effect = match (devices, want.mfa) {
        (None, _) => Effect::Same,
        (Some(_), Mfa::Off) => Effect::Differs,
        (Some(_), Mfa::Optional | Mfa::On) => Effect::Weakens,
    };
    let shown = if first.is_empty() { "PASSWORD".to_owned() } else { names(first) };
    Comparison::default()
        .judged("Policies.SignInPolicy.AllowedFirstAuthFactors", "PASSWORD", shown, first_effect)
        .judged("MfaConfiguration", mfa, has_mfa.to_aws(), mfa_effect)
        .judged("SoftwareTokenMfaConfiguration.Enabled", wanted_app, app, factor(wanted_app, app))
        .judged("SmsMfaConfiguration", "none", is_on(sms.is_some()), factor(false, sms.is_some()))
        .judged("EmailMfaConfiguration", "none", is_on(email.is_some()), factor(false, email.is_some()))
        .judged("DeviceConfiguration", "none", remembered, device_effect)
}

/// The functions that Cognito calls besides those of the stack file.
fn functions(want: &UserPool, pool: &UserPoolType) -> Comparison {
    Comparison::default().nothing_else("LambdaConfig", hooks::foreign(want, pool))
}

/// Settings that no key sets and no update changes. They are shown, and never differ.
fn kept(pool: &UserPoolType) -> Comparison {
    let sms = pool.sms_configuration().map(SmsConfigurationType::sns_caller_arn).filter(|arn| !arn.is_empty());
    let own = pool.schema_attributes().iter().filter_map(|attribute| attribute.name());
    let own: Vec<&str> = own.filter(|name| name.starts_with("custom:") || name.starts_with("dev:")).collect();
    let mut found = Comparison::default();
    for (field, value) in [("SmsConfiguration.SnsCallerArn", sms.unwrap_or("none")), ("SchemaAttributes", &names(&own))]
    {
        found = found.judged(field, value, value, Effect::Same);
    }
    found
}
