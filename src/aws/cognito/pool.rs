//! User pools.

use aws_sdk_cognitoidentityprovider::types::{
    AdminCreateUserConfigType, SoftwareTokenMfaConfigType, UserPoolPolicyType, UserPoolType, UsernameAttributeType,
    UsernameConfigurationType, VerifiedAttributeType,
};
use futures_util::future::join_all;
use serde::{Deserialize, Serialize};

use super::pool_settings::{differ, email_recovery, is_protected, names, protection, recovery, update, verify_first};
use super::{Cognito, PAGE, POOLS, PasswordPolicy, TARGET};
use crate::aws::error::{OrAbsent, OrFail, built, empty, several};
use crate::aws::kind::{Calls, CleanupGroup, Described, Kind, Listed, Rate, SettingsCheck};
use crate::aws::rights::{Permissions, Sid, StatementTemplate, Usage};
use crate::aws::settle::{COGNITO_BUSY, settled};
use crate::aws::{pairs, tag_map};
use crate::engine::{Comparison, Drift, Failure, Found, Listing, Provider, Resource, Task};
use crate::layer::Layer;
use crate::regions::Service;
use crate::scope::Whose;

/// The fields that AWS cannot change later.
const FIXED: [&str; 2] = ["UsernameAttributes", "UsernameConfiguration.CaseSensitive"];

/// A directory of users who sign in with their e-mail address, which Cognito verifies.
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
}

/// Whether users need a second factor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mfa {
    /// No user has one.
    Off,
    /// Users who have set one up need it.
    Optional,
    /// All users need one.
    On,
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
    /// Whether it was protected from deletion when it was last read. With the record no call is needed to refuse the
    /// deletion.
    pub deletion_protection: bool,
}

/// A pool, as read from AWS: complete, because an update resets what it leaves out.
#[derive(Debug, Clone)]
pub struct UserPoolLive(UserPoolType);

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

    fn compare(&self, UserPoolLive(live): &UserPoolLive) -> Comparison {
        let drift: Vec<Drift> = {
            let admin_only =
                live.admin_create_user_config().is_some_and(AdminCreateUserConfigType::allow_admin_create_user_only);
            let sensitive = live.username_configuration().is_none_or(UsernameConfigurationType::case_sensitive);
            let (protected, is_protected) = (protection(self.deletion_protection), protection(is_protected(live)));
            let (mfa, has_mfa) = (self.mfa.to_aws(), Mfa::read(live));
            let email = || "email".to_owned();
            let settings = live.user_attribute_update_settings();
            let first = settings.map_or(&[][..], |settings| settings.attributes_require_verification_before_update());
            let own = [
                differ(FIXED[0], email(), names(live.username_attributes()), true),
                differ(FIXED[1], false, sensitive, true),
                differ("AutoVerifiedAttributes", email(), names(live.auto_verified_attributes()), true),
                differ("AttributesRequireVerificationBeforeUpdate", email(), names(first), true),
                differ("AccountRecoverySetting", "verified_email".to_owned(), recovery(live), true),
                differ(
                    "AdminCreateUserConfig.AllowAdminCreateUserOnly",
                    !self.self_sign_up,
                    admin_only,
                    !self.self_sign_up,
                ),
                differ("MfaConfiguration", mfa, has_mfa.to_aws(), has_mfa < self.mfa),
                differ("DeletionProtection", protected, is_protected, self.deletion_protection),
            ];
            self.password.drift(&PasswordPolicy::read(live)).chain(own.into_iter().flatten()).collect()
        };
        drift.into_iter().collect()
    }

    fn requires_replacement(&self, drift: &[Drift]) -> Option<Failure> {
        let fixed = drift.iter().find(|drift| FIXED.contains(&drift.field.as_str()))?;
        let Drift { field, live, want, .. } = fixed;
        let message = format!("AWS cannot change {field} of the user pool {} from {live} to {want}", self.name);
        Some(Failure::refused(message).hint(
            "only a new pool can have it: give the pool another name in the stack file, and `securelambda up \
             --remove-pool NAME` removes the old pool and deletes its users",
        ))
    }
}

impl Described for UserPool {
    const ABOUT: Kind = Kind {
        service: Service::UserPools,
        label: "user pool",
        listed: Listed::ByItself,
        cleanup: CleanupGroup::Cognito,
        gone_before: &[],
        permissions: &[
            // Without a stack's tag too: only the settings of a pool show whose it is.
            StatementTemplate {
                sid: Sid::FindOwn,
                on: POOLS,
                rights: &[Permissions {
                    needs: &[Usage::Read, Usage::Delete, Usage::AddUser, Usage::Survivors],
                    actions: &["cognito-idp:DescribeUserPool"],
                }],
            },
            StatementTemplate {
                sid: Sid::OwnByTag,
                on: POOLS,
                rights: &[
                    Permissions { needs: &[Usage::Create], actions: &["cognito-idp:SetUserPoolMfaConfig"] },
                    Permissions {
                        needs: &[Usage::Update],
                        actions: &["cognito-idp:SetUserPoolMfaConfig", "cognito-idp:UpdateUserPool"],
                    },
                    Permissions { needs: &[Usage::Delete], actions: &["cognito-idp:DeleteUserPool"] },
                    Permissions {
                        needs: &[Usage::AddUser],
                        actions: &["cognito-idp:AdminCreateUser", "cognito-idp:AdminSetUserPassword"],
                    },
                    Permissions { needs: &[Usage::ListUsers, Usage::Delete], actions: &["cognito-idp:ListUsers"] },
                    Permissions { needs: &[Usage::RemoveUser], actions: &["cognito-idp:AdminDeleteUser"] },
                ],
            },
            StatementTemplate {
                sid: Sid::MakeUserPools,
                on: &["*"],
                rights: &[Permissions { needs: &[Usage::Create], actions: &["cognito-idp:CreateUserPool"] }],
            },
            StatementTemplate {
                sid: Sid::TagWhatIsMade,
                on: &["{arn:cognito-idp}:userpool/${*}"],
                rights: &[Permissions { needs: &[Usage::Create], actions: &["cognito-idp:TagResource"] }],
            },
            StatementTemplate {
                sid: Sid::OnAnything,
                on: &["*"],
                rights: &[Permissions {
                    needs: &[Usage::Read, Usage::Survivors, Usage::Doctor],
                    actions: &["cognito-idp:ListUserPools"],
                }],
            },
        ],
        rates: &[
            // AWS also limits changes to 5 a second for each pool. One pool never needs that many.
            Rate::per_second(
                15,
                Calls::Operations(
                    TARGET,
                    &[
                        "CreateUserPool",
                        "DescribeUserPool",
                        "UpdateUserPool",
                        "DeleteUserPool",
                        "ListUserPools",
                        "SetUserPoolMfaConfig",
                        "CreateUserPoolClient",
                        "DescribeUserPoolClient",
                        "UpdateUserPoolClient",
                        "DeleteUserPoolClient",
                        "ListUserPoolClients",
                    ],
                ),
            ),
        ],
        check: SettingsCheck {
            layer: Layer::Authentication,
            subject: "{}",
            holds: "settings match the stack file",
            read: "DescribeUserPool",
        },
    };
}

pub(super) fn outputs(pool: &UserPoolType, name: &str) -> Result<UserPoolOutputs, Failure> {
    match (pool.id(), pool.arn()) {
        (Some(id), Some(arn)) => Ok(UserPoolOutputs {
            id: id.to_owned(),
            arn: arn.to_owned(),
            name: pool.name().unwrap_or(name).to_owned(),
            deletion_protection: is_protected(pool),
        }),
        _ => Err(empty(&format!("the user pool {name}"))),
    }
}

impl Cognito {
    /// A pool by its id; `None` if there is none.
    pub(super) async fn pool(&self, id: &str) -> Result<Option<UserPoolType>, Failure> {
        let call = self.client.describe_user_pool().user_pool_id(id);
        let answer = call.send().await.or_fail(&format!("read the user pool {id}")).or_absent()?;
        Ok(answer.and_then(|answer| answer.user_pool))
    }

    fn owns(&self, pool: &UserPoolType) -> bool {
        self.scope.owns(pairs(pool.user_pool_tags()))
    }

    /// The ids of all pools with this name, whoever they belong to.
    async fn pools_named(&self, name: &str) -> Result<Vec<String>, Failure> {
        let mut pages = self.client.list_user_pools().max_results(PAGE).into_paginator().send();
        let mut ids = Vec::new();
        while let Some(page) = pages.next().await {
            let pools = page.or_fail("list the user pools")?.user_pools.unwrap_or_default();
            ids.extend(pools.into_iter().filter(|pool| pool.name() == Some(name)).filter_map(|pool| pool.id));
        }
        Ok(ids)
    }

    /// Sets the second factor. Only this call accepts TOTP, and AWS refuses a factor together with `OFF` (docs/aws.md,
    /// Updates of pools and clients).
    async fn set_mfa(&self, want: &UserPool, id: &str, task: &Task) -> Result<(), Failure> {
        let totp = (want.mfa != Mfa::Off).then(|| SoftwareTokenMfaConfigType::builder().enabled(true).build());
        let set = settled(task, &[&COGNITO_BUSY], || async {
            let call = self.client.set_user_pool_mfa_config().user_pool_id(id);
            let call = call.mfa_configuration(want.mfa.to_aws()).set_software_token_mfa_configuration(totp.clone());
            call.send().await.or_fail(&format!("set the second factor of the user pool {}", want.name))
        });
        set.await.map(drop)
    }
}

impl Provider<UserPool> for Cognito {
    async fn read(
        &self,
        key: &UserPoolKey,
        known: Option<&UserPoolOutputs>,
        _: &Task,
    ) -> Result<Option<Found<UserPool>>, Failure> {
        if let Some(known) = known
            && let Some(pool) = self.pool(&known.id).await?
        {
            if !self.owns(&pool) {
                return Err(Failure::foreign("the user pool", &known.arn));
            }
            return Ok(Some(Found { outputs: outputs(&pool, &key.name)?, live: UserPoolLive(pool) }));
        }
        let ids = self.pools_named(&key.name).await?;
        let mut ours = Vec::new();
        for pool in join_all(ids.iter().map(|id| self.pool(id))).await {
            // Pools of that name that belong to others are ignored.
            ours.extend(pool?.filter(|pool| self.owns(pool)));
        }
        match ours.as_slice() {
            [] => Ok(None),
            [pool] => Ok(Some(Found { outputs: outputs(pool, &key.name)?, live: UserPoolLive(pool.clone()) })),
            all => {
                let ids: Vec<&str> = all.iter().filter_map(UserPoolType::id).collect();
                Err(several("user pools", &key.name, &ids))
            }
        }
    }

    async fn create(&self, want: &UserPool, task: &Task) -> Result<UserPoolOutputs, Failure> {
        let recovery = email_recovery()?;
        let usernames = built(UsernameConfigurationType::builder().case_sensitive(false).build())?;
        let made = settled(task, &[&COGNITO_BUSY], || async {
            let invite = AdminCreateUserConfigType::builder().allow_admin_create_user_only(!want.self_sign_up);
            self.once
                .create_user_pool()
                .pool_name(&want.name)
                .policies(UserPoolPolicyType::builder().password_policy(want.password.to_aws()).build())
                .username_attributes(UsernameAttributeType::Email)
                .username_configuration(usernames.clone())
                .auto_verified_attributes(VerifiedAttributeType::Email)
                .user_attribute_update_settings(verify_first())
                .account_recovery_setting(recovery.clone())
                .admin_create_user_config(invite.build())
                .deletion_protection(protection(want.deletion_protection))
                .set_user_pool_tags(Some(tag_map(&self.scope, &want.id)))
                .send()
                .await
                .or_fail(&format!("create the user pool {}", want.name))
        });
        let pool = made.await?.user_pool.ok_or_else(|| empty(&format!("the user pool {}", want.name)))?;
        let outputs = UserPoolOutputs { deletion_protection: want.deletion_protection, ..outputs(&pool, &want.name)? };
        if want.mfa != Mfa::Off {
            self.set_mfa(want, &outputs.id, task).await?;
        }
        Ok(outputs)
    }

    async fn update(&self, want: &UserPool, found: &Found<UserPool>, task: &Task) -> Result<UserPoolOutputs, Failure> {
        let drift = want.drift(&found.live);
        let (seen, UserPoolLive(live)) = (&found.outputs, &found.live);
        if drift.iter().any(|drift| drift.field != "MfaConfiguration") {
            let recovery = &email_recovery()?;
            let updated = settled(task, &[&COGNITO_BUSY], || async move {
                let call =
                    update(&self.client, want, live).user_pool_id(&seen.id).account_recovery_setting(recovery.clone());
                call.send().await.or_fail(&format!("update the user pool {}", want.name))
            });
            updated.await?;
        }
        // Also after an update: it is not known for all calls whether they reset the second factor (docs/aws.md,
        // Updates of pools and clients).
        if want.mfa != Mfa::Off || Mfa::read(live) != Mfa::Off {
            self.set_mfa(want, &seen.id, task).await?;
        }
        Ok(UserPoolOutputs { deletion_protection: want.deletion_protection, ..seen.clone() })
    }

    async fn delete(&self, gone: &UserPoolOutputs, task: &Task) -> Result<(), Failure> {
        // AWS refuses it too, but an emulator may not.
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
mod tests {
    use serde_json::{Value, json};

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
            },
            self_sign_up: false,
            mfa: Mfa::Optional,
            deletion_protection: true,
        }
    }

    /// What AWS answers once `want` is as wanted.
    fn got(id: &str) -> Value {
        json!({"UserPool": {
            "Id": id, "Name": "demo-MyUserPool1", "Arn": format!("arn:aws:cognito-idp:::userpool/{id}"),
            "Policies": {
                "PasswordPolicy": {
                    "MinimumLength": 12, "RequireLowercase": true, "RequireUppercase": true, "RequireNumbers": true,
                    "RequireSymbols": false, "TemporaryPasswordValidityDays": 7, "PasswordHistorySize": 5},
                "SignInPolicy": {"AllowedFirstAuthFactors": ["PASSWORD"]}},
            "DeletionProtection": "ACTIVE",
            "LambdaConfig": {"PreSignUp": "arn:aws:lambda:::function:check"},
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
        }
    }

    async fn read(
        answers: Vec<(u16, &str)>,
        known: Option<&UserPoolOutputs>,
    ) -> (Result<Option<Found<UserPool>>, Failure>, Vec<String>) {
        let (clients, http) = replay(answers);
        let found =
            Provider::<UserPool>::read(&Cognito::new(&clients), &want().key(), known, &Task::detached("x")).await;
        (found, asked(&http).into_iter().map(|(operation, _)| operation).collect())
    }

    fn live(answer: &Value) -> UserPoolLive {
        let answer = answer.to_string();
        let found = async move { read(vec![(200, &answer)], Some(&ids("p1"))).await.0 };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(found).expect("an answer").expect("a pool").live
    }

    #[test]
    fn every_field_is_compared() {
        // What is changed, to what, and the drift: field, live value, whether it weakens.
        let table = [
            ("/Policies/PasswordPolicy/MinimumLength", json!(8), "PasswordPolicy.MinimumLength", "8", true),
            ("/Policies/PasswordPolicy/MinimumLength", json!(20), "PasswordPolicy.MinimumLength", "20", false),
            (
                "/Policies/PasswordPolicy/RequireLowercase",
                json!(false),
                "PasswordPolicy.RequireLowercase",
                "false",
                true,
            ),
            (
                "/Policies/PasswordPolicy/RequireUppercase",
                json!(false),
                "PasswordPolicy.RequireUppercase",
                "false",
                true,
            ),
            ("/Policies/PasswordPolicy/RequireNumbers", json!(false), "PasswordPolicy.RequireNumbers", "false", true),
            ("/Policies/PasswordPolicy/RequireSymbols", json!(true), "PasswordPolicy.RequireSymbols", "true", false),
            (
                "/Policies/PasswordPolicy/TemporaryPasswordValidityDays",
                json!(90),
                "PasswordPolicy.TemporaryPasswordValidityDays",
                "90",
                true,
            ),
            (
                "/Policies/PasswordPolicy/TemporaryPasswordValidityDays",
                json!(1),
                "PasswordPolicy.TemporaryPasswordValidityDays",
                "1",
                false,
            ),
            ("/DeletionProtection", json!("INACTIVE"), "DeletionProtection", "INACTIVE", true),
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
                "AccountRecoverySetting",
                "verified_phone_number, then verified_email",
                true,
            ),
            ("/AccountRecoverySetting", json!(null), "AccountRecoverySetting", "none", true),
            ("/UserAttributeUpdateSettings", json!(null), "AttributesRequireVerificationBeforeUpdate", "none", true),
        ];
        assert_eq!(want().drift(&live(&got("p1"))), []);
        for (at, value, field, in_words, weakens) in table {
            let mut answer = got("p1");
            *answer["UserPool"].pointer_mut(at).expect("a field") = value;
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
    async fn an_unchanged_pool_costs_one_read() {
        let answer = got("p1").to_string();
        let (found, asked) = read(vec![(200, &answer)], Some(&ids("p1"))).await;
        let found = found.expect("an answer").expect("a pool");
        assert_eq!((want().drift(&found.live), found.outputs), (vec![], ids("p1")));
        assert_eq!(asked, ["DescribeUserPool"]);
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
        let answers = vec![(400, ABSENT), (200, pages[0]), (200, pages[1]), (200, &theirs), (200, &ours)];
        let (found, asked) = read(answers, Some(&ids("p1"))).await;
        assert_eq!(found.expect("an answer").expect("a pool").outputs, ids("p2"));
        assert_eq!(asked.len(), 5, "the pool of another name is not read: {asked:?}");

        let listed = r#"{"UserPools": [{"Id": "p0", "Name": "demo-MyUserPool1"}]}"#;
        let (found, _) = read(vec![(200, listed), (200, &theirs)], None).await;
        assert!(found.expect("an answer").is_none());
        let (found, _) = read(vec![(200, listed), (400, ABSENT)], None).await;
        assert!(found.expect("an answer").is_none(), "it went between the list and the read");
    }

    #[tokio::test]
    async fn a_recorded_pool_without_our_tag_is_foreign() {
        let theirs = got("p1").to_string().replace("\"demo\"", "\"somebody\"");
        let (found, _) = read(vec![(200, &theirs)], Some(&ids("p1"))).await;
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
            "LambdaConfig",
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
}
