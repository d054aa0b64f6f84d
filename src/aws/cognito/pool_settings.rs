//! A user pool's settings: read from AWS's answers, compared, and put into calls.

use aws_sdk_cognitoidentityprovider::types::{
    AccountRecoverySettingType, AdminCreateUserConfigType, AuthFactorType, DeletionProtectionType,
    DeviceConfigurationType, LambdaConfigType, PasswordPolicyType, RecoveryOptionNameType, RecoveryOptionType,
    SignInPolicyType, UserAttributeUpdateSettingsType, UserPoolMfaType, UserPoolPolicyType, UserPoolType,
    VerifiedAttributeType,
};

use super::threat::tier;
use super::{PasswordPolicy, UserPool};
use crate::aws::error::built;
use crate::choices::{MailText, Mfa};
use crate::engine::Failure;

impl PasswordPolicy {
    /// A pool's policy, with AWS's defaults for missing values.
    pub(super) fn read(pool: &UserPoolType) -> Self {
        let policy = pool.policies().and_then(UserPoolPolicyType::password_policy);
        let days = policy.map_or(0, PasswordPolicyType::temporary_password_validity_days);
        let length = policy.and_then(PasswordPolicyType::minimum_length).unwrap_or(8);
        Self {
            minimum_length: u8::try_from(length).unwrap_or(u8::MAX),
            lowercase: policy.is_some_and(PasswordPolicyType::require_lowercase),
            uppercase: policy.is_some_and(PasswordPolicyType::require_uppercase),
            numbers: policy.is_some_and(PasswordPolicyType::require_numbers),
            symbols: policy.is_some_and(PasswordPolicyType::require_symbols),
            // For AWS, 0 means 7 days (docs/aws.md, Users and passwords).
            temporary_validity_days: u16::try_from(if days == 0 { 7 } else { days }).unwrap_or(u16::MAX),
            history: policy
                .and_then(PasswordPolicyType::password_history_size)
                .map_or(0, |size| u8::try_from(size).unwrap_or(u8::MAX)),
        }
    }

    pub(super) fn to_aws(&self) -> PasswordPolicyType {
        PasswordPolicyType::builder()
            .minimum_length(self.minimum_length.into())
            .require_lowercase(self.lowercase)
            .require_uppercase(self.uppercase)
            .require_numbers(self.numbers)
            .require_symbols(self.symbols)
            .temporary_password_validity_days(self.temporary_validity_days.into())
            // For AWS, a missing number means no history. Any number needs a higher plan.
            .set_password_history_size((self.history > 0).then_some(self.history.into()))
            .build()
    }
}

impl Mfa {
    pub(super) fn read(pool: &UserPoolType) -> Self {
        match pool.mfa_configuration() {
            Some(UserPoolMfaType::On) => Self::On,
            Some(UserPoolMfaType::Optional) => Self::Optional,
            _ => Self::Off,
        }
    }

    pub(super) fn to_aws(self) -> UserPoolMfaType {
        match self {
            Self::Off => UserPoolMfaType::Off,
            Self::Optional => UserPoolMfaType::Optional,
            Self::On => UserPoolMfaType::On,
        }
    }
}

pub(super) fn protection(on: bool) -> DeletionProtectionType {
    if on { DeletionProtectionType::Active } else { DeletionProtectionType::Inactive }
}

pub(super) fn is_protected(pool: &UserPoolType) -> bool {
    pool.deletion_protection() == Some(&DeletionProtectionType::Active)
}

/// The sorted attributes as text, or `none`.
pub(super) fn names<T: ToString>(attributes: &[T]) -> String {
    let mut names: Vec<String> = attributes.iter().map(ToString::to_string).collect();
    names.sort_unstable();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

/// The ways to recover an account, the preferred one first.
pub(super) fn recovery(pool: &UserPoolType) -> String {
    let ways = pool.account_recovery_setting().map_or(&[][..], |setting| setting.recovery_mechanisms());
    let mut ways: Vec<(i32, String)> = ways.iter().map(|way| (way.priority(), way.name().to_string())).collect();
    ways.sort_unstable();
    let names: Vec<String> = ways.into_iter().map(|(_, name)| name).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", then ") }
}

pub(super) fn email_recovery() -> Result<AccountRecoverySettingType, Failure> {
    let way = RecoveryOptionType::builder().priority(1).name(RecoveryOptionNameType::VerifiedEmail);
    let way = built(way.build())?;
    Ok(AccountRecoverySettingType::builder().recovery_mechanisms(way).build())
}

/// The setting that a new address is not used until it is verified.
pub(super) fn verify_first() -> UserAttributeUpdateSettingsType {
    let email = VerifiedAttributeType::Email;
    UserAttributeUpdateSettingsType::builder().attributes_require_verification_before_update(email).build()
}

/// The policy that the password is the only first factor.
fn password_only() -> SignInPolicyType {
    SignInPolicyType::builder().allowed_first_auth_factors(AuthFactorType::Password).build()
}

/// An update that sets the wanted settings and `functions`, and repeats all others, because AWS resets missing ones
/// (docs/aws.md, Updates of pools and clients).
pub(super) fn update(
    client: &aws_sdk_cognitoidentityprovider::Client,
    want: &UserPool,
    live: &UserPoolType,
    functions: LambdaConfigType,
    emulator: bool,
) -> aws_sdk_cognitoidentityprovider::operation::update_user_pool::builders::UpdateUserPoolFluentBuilder {
    // A pool whose plan has no choice of first factors has no sign-in policy.
    let has_choice = live.policies().is_some_and(|policies| policies.sign_in_policy().is_some());
    let policies = UserPoolPolicyType::builder()
        .password_policy(want.password.to_aws())
        .set_sign_in_policy(has_choice.then(password_only));
    let invite = live.admin_create_user_config().and_then(AdminCreateUserConfigType::invite_message_template);
    // `UnusedAccountValidityDays`, the old validity of invitations, is not kept: together with the validity of
    // temporary passwords, AWS accepts only 0 for it.
    let invite = AdminCreateUserConfigType::builder()
        .allow_admin_create_user_only(!want.self_sign_up)
        .set_invite_message_template(want.mail.invitation_template(invite));
    // AWS returns values that it does not accept: its own tags, and empty texts and senders.
    let tags = live.user_pool_tags().into_iter().flatten().filter(|(key, _)| !key.starts_with("aws:"));
    let text = |text: Option<&str>| text.filter(|text| !text.is_empty()).map(str::to_owned);
    let older = |field: &dyn Fn(&MailText) -> &String, live: Option<&str>| match &want.mail.verification {
        Some(mail) => Some(field(mail).clone()),
        None => text(live),
    };
    let sms = live.sms_configuration().filter(|sms| !sms.sns_caller_arn().is_empty());
    client
        .update_user_pool()
        .policies(policies.build())
        .auto_verified_attributes(VerifiedAttributeType::Email)
        .user_attribute_update_settings(verify_first())
        .admin_create_user_config(invite.build())
        .deletion_protection(protection(want.deletion_protection))
        .set_user_pool_tags(Some(tags.map(|(key, value)| (key.clone(), value.clone())).collect()))
        // Without wanted functions, this is empty, because an emulator keeps the live functions if the member is
        // missing. AWS removes them in both cases.
        .lambda_config(functions)
        .set_email_configuration(want.mail.email_configuration(Some(live)))
        .set_sms_configuration(sms.cloned())
        .set_sms_verification_message(text(live.sms_verification_message()))
        .set_sms_authentication_message(text(live.sms_authentication_message()))
        // The older names of the two texts in the template. AWS shows the same texts under both.
        .set_email_verification_message(older(&|mail| &mail.text, live.email_verification_message()))
        .set_email_verification_subject(older(&|mail| &mail.subject, live.email_verification_subject()))
        .set_verification_message_template(want.mail.verification_template(live.verification_message_template()))
        // If this is left out, AWS remembers no devices. An emulator resets the setting only if it is empty, which on
        // AWS might mean that devices are remembered.
        .set_device_configuration(emulator.then(|| DeviceConfigurationType::builder().build()))
        .set_user_pool_tier(tier(want, Some(live)))
        .set_key_configuration(live.key_configuration().cloned())
        .set_issuer_configuration(live.issuer_configuration().cloned())
        .set_acr_configuration(live.acr_configuration().cloned())
}
