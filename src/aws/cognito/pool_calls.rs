//! Calls about user pools that several operations make.

use aws_sdk_cognitoidentityprovider::types::{
    EmailMfaConfigType, LambdaConfigType, SmsMfaConfigType, SoftwareTokenMfaConfigType, UserPoolType,
};

use super::attached::Attached;
use super::pool::outputs;
use super::pool_settings::{email_recovery, update};
use super::refusals::COGNITO_BUSY;
use super::threat::add_ons;
use super::{Cognito, PAGE, UserPool, UserPoolLive, UserPoolOutputs};
use crate::aws::error::{OrAbsent, OrFail};
use crate::aws::settle::settled;
use crate::aws::tags::pairs;
use crate::choices::Mfa;
use crate::engine::{Failure, Found, Task};

impl Cognito {
    /// A pool by its id; `None` if there is none.
    pub(super) async fn pool(&self, id: &str) -> Result<Option<UserPoolType>, Failure> {
        let call = self.client.describe_user_pool().user_pool_id(id);
        let answer = call.send().await.or_fail(&format!("read the user pool {id}")).or_absent()?;
        Ok(answer.and_then(|answer| answer.user_pool))
    }

    pub(super) fn owns(&self, pool: &UserPoolType) -> bool {
        self.scope.owns(pairs(pool.user_pool_tags()))
    }

    /// The ids of all pools with this name, even of those that do not belong to the stack.
    pub(super) async fn pools_named(&self, name: &str) -> Result<Vec<String>, Failure> {
        let mut pages = self.client.list_user_pools().max_results(PAGE).into_paginator().send();
        let mut ids = Vec::new();
        while let Some(page) = pages.next().await {
            let pools = page.or_fail("list the user pools")?.user_pools.unwrap_or_default();
            ids.extend(pools.into_iter().filter(|pool| pool.name() == Some(name)).filter_map(|pool| pool.id));
        }
        Ok(ids)
    }

    /// A pool of ours that was just read, with its parts and its risk configuration. `recorded` are the attributes that
    /// the state records.
    pub(super) async fn whole_pool(
        &self,
        pool: UserPoolType,
        attached: Result<Attached, Failure>,
        name: &str,
        recorded: &[String],
    ) -> Result<Found<UserPool>, Failure> {
        let risk = self.risks_of(&pool).await?;
        let recorded = recorded.to_vec();
        let outputs = UserPoolOutputs { attributes: recorded.clone(), ..outputs(&pool, name)? };
        let live = UserPoolLive { pool, attached: attached?, risk, recorded, emulator: self.emulator };
        Ok(Found { outputs, live })
    }

    /// Sends all settings except the second factor. `functions` are the functions that the pool calls.
    pub(super) async fn update_settings(
        &self,
        want: &UserPool,
        live: &UserPoolType,
        functions: LambdaConfigType,
        task: &Task,
    ) -> Result<(), Failure> {
        let (recovery, add_ons, functions) = (&email_recovery()?, &add_ons(want, Some(live))?, &functions);
        let updated = settled(task, &[&COGNITO_BUSY], || async move {
            let call = update(&self.client, want, live, functions.clone(), self.emulator);
            let call = call.user_pool_id(live.id().unwrap_or_default());
            let call = call.account_recovery_setting(recovery.clone()).set_user_pool_add_ons(add_ons.clone());
            call.send().await.or_fail(&format!("update the user pool {}", want.name))
        });
        updated.await.map(drop)
    }

    /// Sets the second factor after an update: it is not known for all calls whether they reset it (docs/aws.md,
    /// Updates of pools and clients).
    pub(super) async fn repeat_mfa(&self, want: &UserPool, live: &UserPoolType, task: &Task) -> Result<(), Failure> {
        if want.mfa == Mfa::Off && Mfa::read(live) == Mfa::Off {
            return Ok(());
        }
        self.set_mfa(want, live.id().unwrap_or_default(), task).await
    }

    /// Sets the second factor. Only this call accepts TOTP, and AWS refuses a factor together with `OFF` (docs/aws.md,
    /// Updates of pools and clients).
    pub(super) async fn set_mfa(&self, want: &UserPool, id: &str, task: &Task) -> Result<(), Failure> {
        let totp = (want.mfa != Mfa::Off).then(|| SoftwareTokenMfaConfigType::builder().enabled(true).build());
        let set = settled(task, &[&COGNITO_BUSY], || async {
            let call = self.client.set_user_pool_mfa_config().user_pool_id(id);
            let call = call.mfa_configuration(want.mfa.to_aws()).set_software_token_mfa_configuration(totp.clone());
            // AWS removes other factors if they are left out. An emulator removes them only if they are sent empty.
            let forget = self.emulator && totp.is_some();
            let call = call
                .set_sms_mfa_configuration(forget.then(|| SmsMfaConfigType::builder().build()))
                .set_email_mfa_configuration(forget.then(|| EmailMfaConfigType::builder().build()));
            call.send().await.or_fail(&format!("set the second factor of the user pool {}", want.name))
        });
        set.await.map(drop)
    }
}
