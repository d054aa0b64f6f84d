//! User pools.

use aws_sdk_cognitoidentityprovider::types::{
    AdminCreateUserConfigType, AliasAttributeType, ChallengeNameType, UserPoolPolicyType, UserPoolType,
    UsernameAttributeType, UsernameConfigurationType, VerifiedAttributeType,
};
use futures_util::future::join_all;
use serde::{Deserialize, Serialize};

use super::attached::{Attached, is_attached};
use super::pool_comparison::{self, is_factor};
use super::pool_settings::{email_recovery, is_protected, protection, verify_first};
use super::refusals::COGNITO_BUSY;
use super::schema::{self, is_attribute};
use super::threat::{Risk, add_ons, is_risk, tier};
use super::{Cognito, HookFunction, PasswordPolicy, hooks};
use crate::aws::error::{OrAbsent, OrFail, built, empty, several};
use crate::aws::settle::settled;
use crate::aws::tags::{self, pairs, tag_map};
use crate::choices::{Mail, Mfa, Plan, SignIn, ThreatProtection, UserAttribute};
use crate::engine::{Comparison, Drift, Failure, Found, Listing, Provider, Resource, Retag, Tags, Task};
use crate::scope::Whose;

/// The fields that AWS cannot change later.
const FIXED: [&str; 3] = ["UsernameAttributes", "AliasAttributes", "UsernameConfiguration.CaseSensitive"];

/// A directory of users. Cognito verifies their e-mail addresses.
#[derive(Debug, Clone)]
pub struct UserPool {
    /// Its id in the stack, for its tags.
    pub id: String,
    /// 1 to 128 of letters, digits, spaces and `_+=,.@-`.
    pub name: String,
    /// Its password policy.
    pub password: PasswordPolicy,
    /// Whether anybody may sign up. Otherwise only administrators add users.
    pub self_sign_up: bool,
    /// Whether users need a second factor: the code of a TOTP app.
    pub mfa: Mfa,
    /// Whether AWS refuses to delete it.
    pub deletion_protection: bool,
    pub threat_protection: ThreatProtection,
    /// `None`: the cheapest plan with the features that the other settings need.
    pub plan: Option<Plan>,
    /// The names of the stack's own app clients of this pool. Any other client lets programs sign in that the stack
    /// file does not name.
    pub clients: Vec<String>,
    /// The names of the stack's own groups of this pool. Other groups are users' data: a run keeps them, but removes
    /// their role.
    pub groups: Vec<String>,
    /// The identifiers of the stack's own resource servers of this pool.
    pub resource_servers: Vec<String>,
    /// The names of the stack's own identity providers of this pool.
    pub identity_providers: Vec<String>,
    /// Whether the stack file gives it a domain.
    pub has_domain: bool,
    /// The attributes of its users that the stack file names.
    pub attributes: Vec<UserAttribute>,
    /// The kinds of name that its users sign in with: at least one.
    pub sign_in: Vec<SignIn>,
    /// The functions that it calls. `PoolHooks` sets them.
    pub hooks: Vec<HookFunction>,
    /// The sender and the texts of its e-mails.
    pub mail: Mail,
}

impl UserPool {
    /// AWS's names of the attributes that users sign in with, and of those that they can also sign in with.
    pub(crate) fn sign_in_names(&self) -> (Vec<String>, Vec<String>) {
        let (names, aliases) = self.sign_in_attributes();
        let names = names.iter().map(|name| name.as_str().to_owned());
        (names.collect(), aliases.iter().map(|alias| alias.as_str().to_owned()).collect())
    }

    /// AWS's name of the choice of second factors.
    pub(crate) fn mfa_name(&self) -> String {
        self.mfa.to_aws().as_str().to_owned()
    }

    /// AWS's name of the second factor, if users can have one.
    pub(crate) fn factor_name(&self) -> Option<String> {
        (self.mfa != Mfa::Off).then(|| ChallengeNameType::SoftwareTokenMfa.as_str().to_owned())
    }

    /// AWS's name of the feature plan, if it is known.
    pub(crate) fn plan_name(&self, live: &UserPoolLive) -> Option<String> {
        tier(self, Some(&live.pool)).map(|plan| plan.as_str().to_owned())
    }

    /// The username attributes and the alias attributes. If users choose a name, addresses and numbers are aliases of
    /// it. Otherwise they are the only names of users.
    pub(super) fn sign_in_attributes(&self) -> (Vec<UsernameAttributeType>, Vec<AliasAttributeType>) {
        let (email, phone) = (self.sign_in.contains(&SignIn::Email), self.sign_in.contains(&SignIn::Phone));
        if self.sign_in.contains(&SignIn::Username) {
            let aliases = [(email, AliasAttributeType::Email), (phone, AliasAttributeType::PhoneNumber)];
            return (Vec::new(), aliases.into_iter().filter_map(|(has, alias)| has.then_some(alias)).collect());
        }
        let names = [(email, UsernameAttributeType::Email), (phone, UsernameAttributeType::PhoneNumber)];
        (names.into_iter().filter_map(|(has, name)| has.then_some(name)).collect(), Vec::new())
    }
}

/// A pool is found by its name, which is not unique, and our tag.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UserPoolKey {
    pub(super) name: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UserPoolOutputs {
    /// `<region>_<nine letters and digits>`.
    pub id: String,
    /// `arn:aws:cognito-idp:<region>:<account>:userpool/<id>`.
    pub arn: String,
    pub name: String,
    /// Whether it was protected from deletion when it was last read. The state records it, so that no call is needed to
    /// refuse the deletion.
    pub deletion_protection: bool,
    /// The attributes that the stack file gave it, by Cognito's names. AWS cannot remove them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attributes: Vec<String>,
}

/// A pool, as read from AWS. It is complete, because an update resets the settings that it leaves out.
#[derive(Debug, Clone)]
pub struct UserPoolLive {
    pub(super) pool: UserPoolType,
    pub(super) attached: Attached,
    pub(super) risk: Risk,
    /// The attributes that the state records.
    pub(super) recorded: Vec<String>,
    /// Whether an emulator gave the answer.
    pub(super) emulator: bool,
}

impl Resource for UserPool {
    const KIND: &'static str = "cognito.user_pool";
    const GOES_WITH_PARENT: bool = false;
    const NAME_IS_UNIQUE: bool = false;
    const ID_IS_GIVEN_ONCE: bool = true;
    const GUARDS: bool = false;
    type Key = UserPoolKey;
    type Outputs = UserPoolOutputs;
    type Live = UserPoolLive;

    fn key(&self) -> UserPoolKey {
        UserPoolKey { name: self.name.clone() }
    }

    fn identity(outputs: &UserPoolOutputs) -> String {
        outputs.id.clone()
    }

    fn removal_command(outputs: &UserPoolOutputs) -> Option<String> {
        Some(format!("aws cognito-idp delete-user-pool --user-pool-id {}", outputs.id))
    }

    fn compare(&self, live: &UserPoolLive) -> Comparison {
        pool_comparison::compare(self, live)
    }

    fn adopted(&self, outputs: UserPoolOutputs) -> UserPoolOutputs {
        UserPoolOutputs { attributes: schema::recorded(self), ..outputs }
    }

    fn requires_replacement(&self, drift: &[Drift]) -> Option<Failure> {
        let Some(fixed) = drift.iter().find(|drift| FIXED.contains(&drift.field.as_str())) else {
            return schema::unchangeable(self, drift);
        };
        let Drift { field, live, want, .. } = fixed;
        // `UsernameAttributes` and `AliasAttributes` both follow from the key `sign_in` of the stack file.
        let key = if field.ends_with("Attributes") { format!("`sign_in` ({field})") } else { field.clone() };
        let message = format!("AWS cannot change {key} of the user pool {} from {live} to {want}", self.name);
        Some(Failure::refused(message).hint(
            "only a new pool can have it: give the pool another name in the stack file, and `securelambda up \
             --remove-pool NAME` removes the old pool and deletes its users",
        ))
    }
}

pub(super) fn outputs(pool: &UserPoolType, name: &str) -> Result<UserPoolOutputs, Failure> {
    match (pool.id(), pool.arn()) {
        (Some(id), Some(arn)) => Ok(UserPoolOutputs {
            id: id.to_owned(),
            arn: arn.to_owned(),
            name: pool.name().unwrap_or(name).to_owned(),
            deletion_protection: is_protected(pool),
            attributes: Vec::new(),
        }),
        _ => Err(empty(&format!("the user pool {name}"))),
    }
}

impl Provider<UserPool> for Cognito {
    async fn read(
        &self,
        key: &UserPoolKey,
        known: Option<&UserPoolOutputs>,
        task: &Task,
    ) -> Result<Option<Found<UserPool>>, Failure> {
        if let Some(known) = known {
            let (pool, attached) = tokio::join!(self.pool(&known.id), self.attached(&known.id, task));
            if let Some(pool) = pool? {
                if !self.owns(&pool) {
                    return Err(Failure::foreign("the user pool", &known.arn));
                }
                return self.whole_pool(pool, attached, &key.name, &known.attributes).await.map(Some);
            }
        }
        let ids = self.pools_named(&key.name).await?;
        let mut ours = Vec::new();
        for pool in join_all(ids.iter().map(|id| self.pool(id))).await {
            // Pools of that name that belong to others are ignored.
            ours.extend(pool?.filter(|pool| self.owns(pool)));
        }
        match ours.as_slice() {
            [] => Ok(None),
            [pool] => {
                let attached = self.attached(pool.id().unwrap_or_default(), task).await;
                self.whole_pool(pool.clone(), attached, &key.name, &[]).await.map(Some)
            }
            all => {
                let ids: Vec<&str> = all.iter().filter_map(UserPoolType::id).collect();
                Err(several("user pools", &key.name, &ids))
            }
        }
    }

    async fn create(&self, want: &UserPool, task: &Task) -> Result<UserPoolOutputs, Failure> {
        let recovery = email_recovery()?;
        let usernames = built(UsernameConfigurationType::builder().case_sensitive(false).build())?;
        let (add_ons, plan) = (add_ons(want, None)?, tier(want, None));
        let (names, aliases) = want.sign_in_attributes();
        let (names, aliases) = (Some(names).filter(|all| !all.is_empty()), Some(aliases).filter(|all| !all.is_empty()));
        let made = settled(task, &[&COGNITO_BUSY], || async {
            let invite = AdminCreateUserConfigType::builder()
                .allow_admin_create_user_only(!want.self_sign_up)
                .set_invite_message_template(want.mail.invitation_template(None));
            self.once
                .create_user_pool()
                .pool_name(&want.name)
                .policies(UserPoolPolicyType::builder().password_policy(want.password.to_aws()).build())
                .set_username_attributes(names.clone())
                .set_alias_attributes(aliases.clone())
                .set_schema(schema::wanted(want))
                .username_configuration(usernames.clone())
                .auto_verified_attributes(VerifiedAttributeType::Email)
                .user_attribute_update_settings(verify_first())
                .account_recovery_setting(recovery.clone())
                .admin_create_user_config(invite.build())
                .set_email_configuration(want.mail.email_configuration(None))
                .set_verification_message_template(want.mail.verification_template(None))
                .deletion_protection(protection(want.deletion_protection))
                .set_user_pool_add_ons(add_ons.clone())
                .set_user_pool_tier(plan.clone())
                .set_user_pool_tags(Some(tag_map(&self.scope, &want.id)))
                .send()
                .await
                .or_fail(&format!("create the user pool {}", want.name))
        });
        let pool = made.await?.user_pool.ok_or_else(|| empty(&format!("the user pool {}", want.name)))?;
        let outputs = UserPoolOutputs {
            deletion_protection: want.deletion_protection,
            attributes: schema::recorded(want),
            ..outputs(&pool, &want.name)?
        };
        if want.mfa != Mfa::Off {
            self.set_mfa(want, &outputs.id, task).await?;
        }
        if want.threat_protection == ThreatProtection::Enforced {
            self.set_risks(want, &outputs.id, &Risk::NotRead, task).await?;
        }
        Ok(outputs)
    }

    async fn update(&self, want: &UserPool, found: &Found<UserPool>, task: &Task) -> Result<UserPoolOutputs, Failure> {
        let drift = want.drift(&found.live);
        let (seen, UserPoolLive { pool: live, attached, risk, .. }) = (&found.outputs, &found.live);
        let is = |which: fn(&str) -> bool| drift.iter().any(|drift| which(&drift.field));
        if is(is_attached) {
            self.detach(want, live, attached, task).await?;
        }
        if is(is_attribute) {
            self.add_attributes(want, live, task).await?;
        }
        let is_elsewhere = |field: &str| is_attached(field) || is_risk(field) || is_attribute(field);
        if drift.iter().any(|drift| !is_elsewhere(&drift.field) && !is_factor(&drift.field)) {
            self.update_settings(want, live, hooks::kept(want, live)?, task).await?;
        }
        if drift.iter().any(|drift| !is_elsewhere(&drift.field)) {
            self.repeat_mfa(want, live, task).await?;
        }
        let begins = ThreatProtection::Enforced == want.threat_protection
            && is(|field| is_risk(field) || field.starts_with("UserPoolAddOns"));
        if begins {
            self.set_risks(want, &seen.id, risk, task).await?;
        }
        let attributes = schema::recorded(want);
        Ok(UserPoolOutputs { deletion_protection: want.deletion_protection, attributes, ..seen.clone() })
    }

    async fn tags(&self, of: &UserPoolOutputs, _: &Task) -> Result<Option<Tags>, Failure> {
        let answer = self.client.describe_user_pool().user_pool_id(&of.id).send().await;
        let answer = answer.or_fail(&format!("read the tags of the user pool {}", of.id)).or_absent()?;
        Ok(answer.and_then(|answer| answer.user_pool).map(|pool| tags::read(pairs(pool.user_pool_tags()))))
    }

    async fn retag(&self, of: &UserPoolOutputs, change: &Retag, task: &Task) -> Result<(), Failure> {
        self.retag_at(&of.arn, change, task).await
    }

    async fn delete(&self, gone: &UserPoolOutputs, task: &Task) -> Result<(), Failure> {
        // AWS also refuses to delete a protected pool, but an emulator may not.
        if gone.deletion_protection {
            return Err(Failure::refused(format!("the user pool {} is protected from deletion", gone.name)).hint(
                "set `deletion_protection = false` for it in the stack file and run `up`, then `down` again; \
                 that deletes its users",
            ));
        }
        let deleted = settled(task, &[&COGNITO_BUSY], || async {
            let call = self.client.delete_user_pool().user_pool_id(&gone.id);
            call.send().await.or_fail(&format!("delete the user pool {}", gone.name))
        });
        match deleted.await.or_absent() {
            Err(refusal) => Err(self.explained(gone, refusal).await),
            deleted => deleted.map(drop),
        }
    }

    async fn list(&self, whose: &Whose) -> Result<Listing, Failure> {
        self.list_pools(whose).await
    }
}

#[cfg(test)]
impl UserPool {
    /// A pool without anything that the stack file can add.
    pub(super) fn bare() -> Self {
        Self {
            id: "pool.A".into(),
            name: "demo-A".into(),
            password: PasswordPolicy::STRICTEST,
            self_sign_up: false,
            mfa: Mfa::Off,
            deletion_protection: false,
            threat_protection: ThreatProtection::Off,
            plan: None,
            clients: Vec::new(),
            groups: Vec::new(),
            resource_servers: Vec::new(),
            identity_providers: Vec::new(),
            has_domain: false,
            attributes: Vec::new(),
            sign_in: vec![SignIn::Email],
            hooks: Vec::new(),
            mail: Mail::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::{AppClient, AppClientKey, PoolDomain, PoolDomainKey, ResourceServer, ResourceServerOutputs};
    use super::*;
    use crate::aws::testing::{asked, replay};
    use crate::engine::Cause;

    fn want() -> UserPool {
        UserPool {
            id: "pool.MyUserPool1".into(),
            name: "demo-MyUserPool1".into(),
            password: PasswordPolicy {
                minimum_length: 12,
                lowercase: true,
                uppercase: true,
                numbers: true,
                symbols: false,
                temporary_validity_days: 7,
                history: 5,
            },
            self_sign_up: false,
            mfa: Mfa::Optional,
            deletion_protection: true,
            threat_protection: ThreatProtection::Off,
            plan: None,
            clients: vec!["demo-MyUserPool1-client".into()],
            groups: vec!["editors".into()],
            resource_servers: vec!["stock".into()],
            identity_providers: Vec::new(),
            has_domain: false,
            attributes: Vec::new(),
            sign_in: vec![SignIn::Email],
            hooks: Vec::new(),
            mail: Mail::default(),
        }
    }

    /// AWS's answers about the parts of a pool that is equal to `want`, in the order of the calls.
    const ATTACHED: [(u16, &str); 5] = [
        (200, r#"{"UserPoolClients": [{"ClientId": "c1", "ClientName": "demo-MyUserPool1-client"}]}"#),
        (200, r#"{"ResourceServers": []}"#),
        (200, r#"{"Providers": []}"#),
        (200, r#"{"Groups": [{"GroupName": "staff", "Precedence": 0}]}"#),
        (200, r#"{"MfaConfiguration": "OPTIONAL", "SoftwareTokenMfaConfiguration": {"Enabled": true}}"#),
    ];

    /// The answers about a pool and about its parts.
    fn whole(pool: (u16, &str)) -> Vec<(u16, &str)> {
        [vec![pool], ATTACHED.to_vec()].concat()
    }

    /// AWS's answer when the pool is equal to `want`.
    fn got(id: &str) -> Value {
        json!({"UserPool": {
            "Id": id, "Name": "demo-MyUserPool1", "Arn": format!("arn:aws:cognito-idp:::userpool/{id}"),
            "Policies": {
                "PasswordPolicy": {
                    "MinimumLength": 12, "RequireLowercase": true, "RequireUppercase": true, "RequireNumbers": true,
                    "RequireSymbols": false, "TemporaryPasswordValidityDays": 7, "PasswordHistorySize": 5},
                "SignInPolicy": {"AllowedFirstAuthFactors": ["PASSWORD"]}},
            "DeletionProtection": "ACTIVE",
            "AutoVerifiedAttributes": ["email"],
            "UsernameAttributes": ["email"],
            "UsernameConfiguration": {"CaseSensitive": false},
            "SmsVerificationMessage": "",
            "EmailConfiguration": {"EmailSendingAccount": "DEVELOPER", "SourceArn": "arn:aws:ses:::identity/example.com"},
            "MfaConfiguration": "OPTIONAL",
            "AdminCreateUserConfig": {"AllowAdminCreateUserOnly": true, "UnusedAccountValidityDays": 7,
                "InviteMessageTemplate": {"EmailSubject": "Welcome"}},
            "AccountRecoverySetting": {"RecoveryMechanisms": [{"Priority": 1, "Name": "verified_email"}]},
            "UserAttributeUpdateSettings": {"AttributesRequireVerificationBeforeUpdate": ["email"]},
            "UserPoolTier": "ESSENTIALS",
            "UserPoolTags": {"securelambda:stack": "demo", "aws:cloudformation:stack-name": "x", "team": "blue"}}})
    }

    fn ids(id: &str) -> UserPoolOutputs {
        UserPoolOutputs {
            id: id.into(),
            arn: format!("arn:aws:cognito-idp:::userpool/{id}"),
            name: "demo-MyUserPool1".into(),
            deletion_protection: true,
            attributes: Vec::new(),
        }
    }

    async fn read(
        answers: Vec<(u16, &str)>,
        known: Option<&UserPoolOutputs>,
    ) -> (Result<Option<Found<UserPool>>, Failure>, Vec<String>) {
        read_by(answers, known, &Task::detached("x")).await
    }

    async fn read_by(
        answers: Vec<(u16, &str)>,
        known: Option<&UserPoolOutputs>,
        task: &Task,
    ) -> (Result<Option<Found<UserPool>>, Failure>, Vec<String>) {
        let (clients, http) = replay(answers);
        let found = Provider::<UserPool>::read(&Cognito::new(&clients), &want().key(), known, task).await;
        (found, asked(&http).into_iter().map(|(operation, _)| operation).collect())
    }

    fn live(answer: &Value) -> UserPoolLive {
        live_with(answer, ATTACHED)
    }

    fn live_with(answer: &Value, attached: [(u16, &'static str); 5]) -> UserPoolLive {
        let answer = answer.to_string();
        let found = async move {
            // With threat protection, the risk configuration is read too.
            let answers = [vec![(200, answer.as_str())], attached.to_vec(), vec![(200, "{}")]].concat();
            read(answers, Some(&ids("p1"))).await.0
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(found).expect("an answer").expect("a pool").live
    }

    #[test]
    fn every_field_is_compared() {
        // The changed member, its new value, and the drift: field, live value, whether it weakens.
        let table = [
            ("/Policies/PasswordPolicy/MinimumLength", json!(8), "Policies.PasswordPolicy.MinimumLength", "8", true),
            ("/Policies/PasswordPolicy/MinimumLength", json!(20), "Policies.PasswordPolicy.MinimumLength", "20", false),
            (
                "/Policies/PasswordPolicy/RequireLowercase",
                json!(false),
                "Policies.PasswordPolicy.RequireLowercase",
                "false",
                true,
            ),
            (
                "/Policies/PasswordPolicy/RequireUppercase",
                json!(false),
                "Policies.PasswordPolicy.RequireUppercase",
                "false",
                true,
            ),
            (
                "/Policies/PasswordPolicy/RequireNumbers",
                json!(false),
                "Policies.PasswordPolicy.RequireNumbers",
                "false",
                true,
            ),
            (
                "/Policies/PasswordPolicy/RequireSymbols",
                json!(true),
                "Policies.PasswordPolicy.RequireSymbols",
                "true",
                false,
            ),
            (
                "/Policies/PasswordPolicy/TemporaryPasswordValidityDays",
                json!(90),
                "Policies.PasswordPolicy.TemporaryPasswordValidityDays",
                "90",
                true,
            ),
            (
                "/Policies/PasswordPolicy/TemporaryPasswordValidityDays",
                json!(1),
                "Policies.PasswordPolicy.TemporaryPasswordValidityDays",
                "1",
                false,
            ),
            ("/DeletionProtection", json!("INACTIVE"), "DeletionProtection", "INACTIVE", true),
            (
                "/EmailConfiguration/SourceArn",
                json!("arn:aws:ses:eu-central-1:999999999999:identity/example.org"),
                "EmailConfiguration.SourceArn",
                "arn:aws:ses:eu-central-1:999999999999:identity/example.org",
                true,
            ),
            ("/AutoVerifiedAttributes", json!([]), "AutoVerifiedAttributes", "none", true),
            (
                "/AutoVerifiedAttributes",
                json!(["phone_number", "email"]),
                "AutoVerifiedAttributes",
                "email, phone_number",
                true,
            ),
            ("/UsernameAttributes", json!([]), "UsernameAttributes", "none", true),
            ("/UsernameConfiguration/CaseSensitive", json!(true), "UsernameConfiguration.CaseSensitive", "true", true),
            ("/UsernameConfiguration", json!(null), "UsernameConfiguration.CaseSensitive", "true", true),
            ("/MfaConfiguration", json!("OFF"), "MfaConfiguration", "OFF", true),
            ("/MfaConfiguration", json!("ON"), "MfaConfiguration", "ON", false),
            (
                "/AdminCreateUserConfig/AllowAdminCreateUserOnly",
                json!(false),
                "AdminCreateUserConfig.AllowAdminCreateUserOnly",
                "false",
                true,
            ),
            (
                "/AccountRecoverySetting/RecoveryMechanisms",
                json!([{"Priority": 2, "Name": "verified_email"}, {"Priority": 1, "Name": "verified_phone_number"}]),
                "AccountRecoverySetting.RecoveryMechanisms",
                "verified_phone_number, then verified_email",
                true,
            ),
            ("/AccountRecoverySetting", json!(null), "AccountRecoverySetting.RecoveryMechanisms", "none", true),
            (
                "/AccountRecoverySetting/RecoveryMechanisms",
                json!([{"Priority": 1, "Name": "admin_only"}]),
                "AccountRecoverySetting.RecoveryMechanisms",
                "admin_only",
                false,
            ),
            (
                "/UserAttributeUpdateSettings",
                json!(null),
                "UserAttributeUpdateSettings.AttributesRequireVerificationBeforeUpdate",
                "none",
                true,
            ),
            (
                "/Policies/PasswordPolicy/PasswordHistorySize",
                json!(0),
                "Policies.PasswordPolicy.PasswordHistorySize",
                "0",
                true,
            ),
            (
                "/Policies/PasswordPolicy/PasswordHistorySize",
                json!(24),
                "Policies.PasswordPolicy.PasswordHistorySize",
                "24",
                false,
            ),
            (
                "/Policies/SignInPolicy/AllowedFirstAuthFactors",
                json!(["PASSWORD", "EMAIL_OTP"]),
                "Policies.SignInPolicy.AllowedFirstAuthFactors",
                "EMAIL_OTP, PASSWORD",
                true,
            ),
            (
                "/Policies/SignInPolicy/AllowedFirstAuthFactors",
                json!(["PASSWORD", "WEB_AUTHN"]),
                "Policies.SignInPolicy.AllowedFirstAuthFactors",
                "PASSWORD, WEB_AUTHN",
                false,
            ),
            ("/AliasAttributes", json!(["phone_number"]), "AliasAttributes", "phone_number", true),
            (
                "/LambdaConfig",
                json!({"PreTokenGeneration": "arn:f", "PreTokenGenerationConfig":
                    {"LambdaVersion": "V2_0", "LambdaArn": "arn:f"}, "UserMigration": "arn:m"}),
                "LambdaConfig",
                "UserMigration: arn:m, PreTokenGenerationConfig: arn:f",
                true,
            ),
            (
                "/DeviceConfiguration",
                json!({"ChallengeRequiredOnNewDevice": true}),
                "DeviceConfiguration",
                "remembered devices need no second factor",
                true,
            ),
            ("/Domain", json!("login"), "Domains", "login", true),
            ("/CustomDomain", json!("login.example.com"), "Domains", "login.example.com", true),
            (
                "/UserPoolAddOns",
                json!({"AdvancedSecurityMode": "ENFORCED"}),
                "UserPoolAddOns.AdvancedSecurityMode",
                "ENFORCED",
                false,
            ),
        ];
        assert_eq!(want().drift(&live(&got("p1"))), []);
        for (at, value, field, in_words, weakens) in table {
            let mut answer = got("p1");
            match answer["UserPool"].pointer_mut(at) {
                Some(field) => *field = value,
                None => answer["UserPool"][&at[1..]] = value,
            }
            let drift = want().drift(&live(&answer));
            let told: Vec<_> = drift.iter().map(|d| (d.field.as_str(), d.live.as_str(), d.weakens)).collect();
            assert_eq!(told, [(field, in_words, weakens)], "{at}");
        }
    }

    #[test]
    fn a_missing_validity_means_seven_days() {
        let mut answer = got("p1");
        answer["UserPool"]["Policies"]["PasswordPolicy"]["TemporaryPasswordValidityDays"] = json!(0);
        assert_eq!(want().drift(&live(&answer)), []);
    }

    #[tokio::test]
    async fn an_unchanged_pool_costs_one_round_trip() {
        let answer = got("p1").to_string();
        let (found, asked) = read(whole((200, &answer)), Some(&ids("p1"))).await;
        let found = found.expect("an answer").expect("a pool");
        assert_eq!((want().drift(&found.live), found.outputs), (vec![], ids("p1")));
        let expected = [
            "DescribeUserPool",
            "ListUserPoolClients",
            "ListResourceServers",
            "ListIdentityProviders",
            "ListGroups",
            "GetUserPoolMfaConfig",
        ];
        assert_eq!(asked, expected, "all at the same time");
    }

    const ABSENT: &str = r#"{"__type": "ResourceNotFoundException", "message": "User pool p1 does not exist."}"#;

    #[tokio::test]
    async fn foreign_pools_with_our_name_are_ignored() {
        let pages = [
            r#"{"UserPools": [{"Id": "p0", "Name": "demo-MyUserPool1"}, {"Id": "p9", "Name": "other"}], "NextToken": "n"}"#,
            r#"{"UserPools": [{"Id": "p2", "Name": "demo-MyUserPool1"}]}"#,
        ];
        let theirs = got("p0").to_string().replace("\"demo\"", "\"somebody\"");
        let ours = got("p2").to_string();
        let answers = [
            whole((400, ABSENT)),
            vec![(200, pages[0]), (200, pages[1]), (200, &theirs), (200, &ours)],
            ATTACHED.to_vec(),
        ];
        let (found, asked) = read(answers.concat(), Some(&ids("p1"))).await;
        assert_eq!(found.expect("an answer").expect("a pool").outputs, ids("p2"));
        let described = asked.iter().filter(|call| *call == "DescribeUserPool").count();
        assert_eq!(described, 3, "the pool of another name is not read: {asked:?}");

        let listed = r#"{"UserPools": [{"Id": "p0", "Name": "demo-MyUserPool1"}]}"#;
        let (found, _) = read(vec![(200, listed), (200, &theirs)], None).await;
        assert!(found.expect("an answer").is_none());
        let (found, _) = read(vec![(200, listed), (400, ABSENT)], None).await;
        assert!(found.expect("an answer").is_none(), "it went between the list and the read");
    }

    #[tokio::test]
    async fn a_recorded_pool_without_our_tag_is_foreign() {
        let theirs = got("p1").to_string().replace("\"demo\"", "\"somebody\"");
        let (found, _) = read(whole((200, &theirs)), Some(&ids("p1"))).await;
        assert_eq!(found.expect_err("a stranger's").cause, Cause::Foreign);
    }

    #[tokio::test]
    async fn two_pools_of_ours_with_one_name_are_an_error() {
        let listed =
            r#"{"UserPools": [{"Id": "p1", "Name": "demo-MyUserPool1"}, {"Id": "p2", "Name": "demo-MyUserPool1"}]}"#;
        let (one, two) = (got("p1").to_string(), got("p2").to_string());
        let (found, _) = read(vec![(200, listed), (200, &one), (200, &two)], None).await;
        let failure = found.expect_err("two");
        assert_eq!(failure.cause, Cause::Refused);
        assert!(failure.to_string().ends_with("p1, p2"), "{failure}");
    }

    #[tokio::test]
    async fn a_create_is_sent_once_with_tags_and_then_sets_the_second_factor() {
        let mut made = got("p1");
        made["UserPool"]["DeletionProtection"] = json!("INACTIVE");
        let made = made.to_string();
        let (clients, http) = replay(vec![(200, &made), (200, "{}")]);
        let outputs = Cognito::new(&clients).create(&want(), &Task::detached("x")).await;
        assert_eq!(outputs, Ok(ids("p1")));
        let asked = asked(&http);
        let sent: Value = serde_json::from_str(&asked[0].1).expect("JSON");
        assert_eq!(sent["UserPoolTags"]["securelambda:stack"], "demo");
        assert_eq!(sent["UsernameConfiguration"], json!({"CaseSensitive": false}));
        assert_eq!(sent.get("MfaConfiguration"), None, "AWS would want an SMS configuration along with it");
        assert_eq!(asked[1].0, "SetUserPoolMfaConfig");

        let (clients, http) = replay(vec![(500, r#"{"__type": "InternalErrorException", "message": "oh"}"#)]);
        let failure = Cognito::new(&clients).create(&want(), &Task::detached("x")).await.expect_err("no answer");
        assert_eq!((failure.cause, self::asked(&http).len()), (Cause::Unknown, 1));
    }

    #[tokio::test]
    async fn an_update_sends_all_settings() {
        let mut weaker = got("p1");
        weaker["UserPool"]["Policies"]["PasswordPolicy"]["MinimumLength"] = json!(8);
        let live = tokio::task::spawn_blocking(move || live(&weaker)).await.expect("live");
        let found = Found { outputs: ids("p1"), live };
        let (clients, http) = replay(vec![(200, "{}"), (200, "{}")]);
        let outputs = Cognito::new(&clients).update(&want(), &found, &Task::detached("x")).await;
        assert_eq!(outputs, Ok(ids("p1")));
        let asked = asked(&http);
        let sent: Value = serde_json::from_str(&asked[0].1).expect("JSON");
        let before = got("p1")["UserPool"].clone();
        for kept in [
            "AutoVerifiedAttributes",
            "EmailConfiguration",
            "UserPoolTier",
            "Policies",
            "DeletionProtection",
            "AccountRecoverySetting",
            "UserAttributeUpdateSettings",
        ] {
            assert_eq!(sent[kept], before[kept], "{kept}");
        }
        assert_eq!(sent["UserPoolTags"], json!({"securelambda:stack": "demo", "team": "blue"}));
        assert_eq!(
            sent["AdminCreateUserConfig"],
            json!({"AllowAdminCreateUserOnly": true, "UnusedAccountValidityDays": 0,
                "InviteMessageTemplate": {"EmailSubject": "Welcome"}}),
            "any other legacy validity is refused beside the temporary password's"
        );
        assert_eq!(sent.get("SmsVerificationMessage"), None, "an empty text is refused");
        assert_eq!(sent["LambdaConfig"], json!({}), "no trigger");
        assert_eq!(sent.get("DeviceConfiguration"), None, "left out, AWS remembers no devices");
        assert_eq!(asked[1].0, "SetUserPoolMfaConfig");
    }

    #[tokio::test]
    async fn the_second_factor_is_switched_off_without_naming_one() {
        let found =
            Found { outputs: ids("p1"), live: tokio::task::spawn_blocking(|| live(&got("p1"))).await.expect("live") };
        let (clients, http) = replay(vec![(200, "{}")]);
        let want = UserPool { mfa: Mfa::Off, ..want() };
        let result = Cognito::new(&clients).update(&want, &found, &Task::detached("x")).await;
        assert_eq!(result, Ok(ids("p1")));
        assert_eq!(
            asked(&http),
            [("SetUserPoolMfaConfig".into(), r#"{"UserPoolId":"p1","MfaConfiguration":"OFF"}"#.into())]
        );
    }

    #[tokio::test]
    async fn a_setting_that_cannot_change_requires_replacement() {
        let mut answer = got("p1");
        answer["UserPool"]["UsernameAttributes"] = json!(["phone_number"]);
        let live = tokio::task::spawn_blocking(move || live(&answer)).await.expect("live");
        let failure = want().requires_replacement(&want().drift(&live)).expect("a refusal");
        assert_eq!(failure.cause, Cause::Refused);
        assert!(failure.context.contains("AWS cannot change `sign_in` (UsernameAttributes)"), "{}", failure.context);
        assert!(failure.hint.is_some_and(|hint| hint.contains("deletes its users")));
    }

    #[tokio::test]
    async fn a_protected_pool_is_not_deleted_and_a_missing_one_is_success() {
        let (clients, http) = replay(vec![]);
        let cognito = Cognito::new(&clients);
        let failure =
            Provider::<UserPool>::delete(&cognito, &ids("p1"), &Task::detached("x")).await.expect_err("protected");
        assert_eq!((failure.cause, asked(&http).len()), (Cause::Refused, 0));
        let gone = UserPoolOutputs { deletion_protection: false, ..ids("p1") };
        for (status, body) in [(200, "{}"), (400, ABSENT)] {
            let (clients, http) = replay(vec![(status, body)]);
            let cognito = Cognito::new(&clients);
            assert_eq!(Provider::<UserPool>::delete(&cognito, &gone, &Task::detached("x")).await, Ok(()));
            assert_eq!(asked(&http).len(), 1);
        }
    }

    const FOREIGN: [(u16, &str); 5] = [
        (
            200,
            r#"{"UserPoolClients": [{"ClientId": "c1", "ClientName": "demo-MyUserPool1-client"},
                {"ClientId": "c9", "ClientName": "theirs"}]}"#,
        ),
        (200, r#"{"ResourceServers": [{"UserPoolId": "p1", "Identifier": "orders", "Name": "orders"}]}"#),
        (200, r#"{"Providers": [{"ProviderName": "Google", "ProviderType": "Google"}]}"#),
        (200, r#"{"Groups": [{"GroupName": "staff", "RoleArn": "arn:aws:iam::1:role/admin"}]}"#),
        (
            200,
            r#"{"MfaConfiguration": "OPTIONAL", "SoftwareTokenMfaConfiguration": {"Enabled": false},
                "EmailMfaConfiguration": {"Subject": "code"}}"#,
        ),
    ];

    #[test]
    fn what_hangs_under_the_pool_and_other_factors_weaken() {
        let drift = want().drift(&live_with(&got("p1"), FOREIGN));
        let told: Vec<_> = drift.iter().map(|d| (d.field.as_str(), d.live.as_str(), d.weakens)).collect();
        let expected = [
            ("SoftwareTokenMfaConfiguration.Enabled", "false", true),
            ("EmailMfaConfiguration", "enabled", true),
            ("UserPoolClients", "theirs (c9)", true),
            ("ResourceServers", "orders", true),
            ("IdentityProviders", "Google", true),
            ("Groups.RoleArn", "staff: arn:aws:iam::1:role/admin", true),
        ];
        assert_eq!(told, expected);
        let off = UserPool { mfa: Mfa::Off, ..want() };
        let drift = off.drift(&live_with(&got("p1"), FOREIGN));
        assert!(drift.iter().all(|drift| !drift.field.starts_with("EmailMfa")), "no factor is asked for: {drift:?}");
    }

    /// The engine removes these parts at the end of the run, when a client that replaces another client exists already.
    #[tokio::test]
    async fn parts_on_record_that_the_stack_file_no_longer_names_are_not_foreign() {
        let mut answer = got("p1");
        answer["UserPool"]["Domain"] = json!("login");
        let answer = answer.to_string();
        let client = |pool: &str| AppClientKey {
            pool_id: pool.into(),
            name: "theirs".into(),
            watched: false,
            in_their_pool: false,
            secret_name: None,
        };
        let domain = |pool: &str| PoolDomainKey { pool_id: pool.into() };
        let server = |pool: &str| ResourceServerOutputs { pool_id: pool.into(), identifier: "orders".into() };
        let drift = async |pool: &str| {
            let task = Task::detached("x").with_parts_of::<AppClient>([client(pool)]);
            let task = task.with_parts_of::<ResourceServer>([server(pool)]).with_parts_of::<PoolDomain>([domain(pool)]);
            let answers = [vec![(200, answer.as_str())], FOREIGN.to_vec()].concat();
            let found = read_by(answers, Some(&ids("p1")), &task).await.0.expect("an answer").expect("a pool");
            let attached = want().drift(&found.live).into_iter().filter(|drift| is_attached(&drift.field));
            attached.map(|drift| drift.field).collect::<Vec<_>>()
        };
        assert_eq!(drift("p1").await, ["IdentityProviders", "Groups.RoleArn"]);
        // The recorded parts of an old pool, which this pool replaces, do not count.
        let all = ["UserPoolClients", "ResourceServers", "IdentityProviders", "Domains", "Groups.RoleArn"];
        assert_eq!(drift("p0").await, all);
    }

    #[tokio::test]
    async fn an_update_removes_exactly_what_is_foreign() {
        let mut answer = got("p1");
        answer["UserPool"]["Domain"] = json!("login");
        let live = tokio::task::spawn_blocking(move || live_with(&answer, FOREIGN)).await.expect("live");
        let found = Found { outputs: ids("p1"), live };
        let mut answers = vec![(200, "{}"); 20];
        answers[3] = (200, r#"{"DomainDescription": {"UserPoolId": "p1", "Status": "ACTIVE"}}"#);
        let (clients, http) = replay(answers);
        Cognito::new(&clients).update(&want(), &found, &Task::detached("x")).await.expect("updated");
        let asked = asked(&http);
        let calls: Vec<&str> = asked.iter().map(|(call, _)| call.as_str()).collect();
        let expected = [
            "DeleteUserPoolClient",
            "DeleteIdentityProvider",
            "DeleteResourceServer",
            "DescribeUserPoolDomain",
            "DeleteUserPoolDomain",
            "DescribeUserPoolDomain",
            "CreateGroup",
            "ListUsersInGroup",
            "DeleteGroup",
            "CreateGroup",
            "ListUsersInGroup",
            "DeleteGroup",
            "SetUserPoolMfaConfig",
        ];
        assert_eq!(calls, expected, "the pool's own settings are as wanted");
        assert!(asked[0].1.contains("c9") && asked[4].1.contains("login"), "{asked:?}");
    }
}
