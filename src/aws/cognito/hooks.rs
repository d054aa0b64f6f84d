//! The functions that a user pool calls. A function may need the pool's id, so the pool is created without them, and they
//! are set once the functions exist and Cognito may call them.
//!
//! The update of the pool itself removes the functions that the stack file no longer names. It runs before these
//! functions are deleted, so a function still exists when it is called for the last time.

use aws_sdk_cognitoidentityprovider::types::{
    CustomEmailLambdaVersionConfigType, CustomSmsLambdaVersionConfigType, InboundFederationLambdaType,
    LambdaConfigType, PreTokenGenerationLambdaVersionType, PreTokenGenerationVersionConfigType, UserPoolType,
};
use serde::{Deserialize, Serialize};

use super::{COGNITO_IDP, Cognito, POOLS, TARGET, UserPool};
use crate::aws::error::built;
use crate::aws::kind::{Calls, CleanupGroup, Described, Kind, Listed, Rate, SettingsCheck};
use crate::aws::rights::{Permissions, Sid, StatementTemplate, Usage};
use crate::choices::{Hook, TokenEvent};
use crate::engine::{Comparison, Failure, Found, Listing, Provider, Resource, Task};
use crate::layer::Layer;
use crate::scope::Whose;

const TOKEN_EVENT: &str = "LambdaConfig.PreTokenGenerationConfig.LambdaVersion";

/// The member in which AWS shows the function of [`Hook::PreToken`] with its event version. For the first version, an
/// emulator may leave it out.
const TOKEN_CONFIG: &str = "PreTokenGenerationConfig";

/// A function that a pool calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HookFunction {
    pub hook: Hook,
    /// The ARN of the function or of its alias.
    pub arn: String,
    /// The version of its event. Only [`Hook::PreToken`] has more versions than the first.
    pub event: TokenEvent,
}

/// The functions that a pool calls.
#[derive(Debug, Clone)]
pub struct PoolHooks {
    pub pool_id: String,
    /// All wanted settings of the pool, with its hooks, because an update of the pool resets the settings that it
    /// leaves out.
    pub pool: UserPool,
}

/// The outputs are also the key.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PoolHooksOutputs {
    pub pool_id: String,
}

impl Hook {
    /// The hook's name in `LambdaConfig`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::PreSignUp => "PreSignUp",
            Self::PostConfirmation => "PostConfirmation",
            Self::PreAuthentication => "PreAuthentication",
            Self::PostAuthentication => "PostAuthentication",
            Self::PreToken => "PreTokenGeneration",
            Self::CustomMessage => "CustomMessage",
            Self::DefineAuthChallenge => "DefineAuthChallenge",
            Self::CreateAuthChallenge => "CreateAuthChallenge",
            Self::VerifyAuthChallenge => "VerifyAuthChallengeResponse",
            Self::UserMigration => "UserMigration",
        }
    }
}

impl TokenEvent {
    /// AWS's name of the version.
    pub(crate) fn name(self) -> String {
        self.to_aws().as_str().to_owned()
    }

    fn to_aws(self) -> PreTokenGenerationLambdaVersionType {
        match self {
            Self::V1 => PreTokenGenerationLambdaVersionType::V10,
            Self::V2 => PreTokenGenerationLambdaVersionType::V20,
            Self::V3 => PreTokenGenerationLambdaVersionType::V30,
        }
    }
}

/// A function that a pool calls according to AWS, or the key that encrypts the codes that such a function gets.
struct Trigger<'a> {
    /// The member of `LambdaConfig`.
    name: &'static str,
    /// `None` if a stack file cannot name it.
    hook: Option<Hook>,
    arn: &'a str,
}

/// All functions and keys that are set.
fn triggers(config: &LambdaConfigType) -> Vec<Trigger<'_>> {
    let with_event = config.pre_token_generation_config().map(PreTokenGenerationVersionConfigType::lambda_arn);
    let with_event = with_event.filter(|arn| !arn.is_empty());
    let hooks = [
        (Hook::PreSignUp, config.pre_sign_up()),
        (Hook::CustomMessage, config.custom_message()),
        (Hook::PostConfirmation, config.post_confirmation()),
        (Hook::PreAuthentication, config.pre_authentication()),
        (Hook::PostAuthentication, config.post_authentication()),
        (Hook::DefineAuthChallenge, config.define_auth_challenge()),
        (Hook::CreateAuthChallenge, config.create_auth_challenge()),
        (Hook::VerifyAuthChallenge, config.verify_auth_challenge_response()),
        (Hook::UserMigration, config.user_migration()),
    ];
    let hooks = hooks.into_iter().map(|(hook, arn)| (hook.name(), Some(hook), arn));
    // AWS shows the same function under both names.
    let before_tokens = match (with_event, config.pre_token_generation()) {
        (None, only) => [(Hook::PreToken.name(), Some(Hook::PreToken), only), (TOKEN_CONFIG, None, None)],
        (shown, other) => [
            (TOKEN_CONFIG, Some(Hook::PreToken), shown),
            (Hook::PreToken.name(), None, other.filter(|other| shown != Some(*other))),
        ],
    };
    let others = [
        ("CustomSMSSender", config.custom_sms_sender().map(CustomSmsLambdaVersionConfigType::lambda_arn)),
        ("CustomEmailSender", config.custom_email_sender().map(CustomEmailLambdaVersionConfigType::lambda_arn)),
        ("KMSKeyID", config.kms_key_id()),
        ("InboundFederation", config.inbound_federation().map(InboundFederationLambdaType::lambda_arn)),
    ];
    let all = hooks.chain(before_tokens).chain(others.into_iter().map(|(name, arn)| (name, None, arn)));
    all.filter_map(|(name, hook, arn)| Some(Trigger { name, hook, arn: arn.filter(|arn| !arn.is_empty())? })).collect()
}

/// The functions that Cognito calls and the stack file does not name. Each can let users in, change their tokens or
/// read their data. For a hook that the stack file names, [`PoolHooks`] itself reports a wrong function.
pub(super) fn foreign(want: &UserPool, live: &UserPoolType) -> Vec<String> {
    let is_wanted = |hook: Hook| want.hooks.iter().any(|one| one.hook == hook);
    let triggers = live.lambda_config().map(triggers).unwrap_or_default();
    let foreign = triggers.into_iter().filter(|trigger| !trigger.hook.is_some_and(is_wanted));
    foreign.map(|Trigger { name, arn, .. }| format!("{name}: {arn}")).collect()
}

/// The functions that an update of the pool itself keeps: the live functions of the hooks that the stack file names. So
/// their checks continue until [`PoolHooks`] is updated.
pub(super) fn kept(want: &UserPool, live: &UserPoolType) -> Result<LambdaConfigType, Failure> {
    let Some(live) = live.lambda_config() else { return Ok(LambdaConfigType::builder().build()) };
    let event = event_of(live);
    let mut config = LambdaConfigType::builder();
    for Trigger { hook, arn, .. } in triggers(live) {
        if let Some(hook) = hook.filter(|hook| want.hooks.iter().any(|one| one.hook == *hook)) {
            config = with(config, hook, arn, &event)?;
        }
    }
    Ok(config.build())
}

/// The event version that the function of [`Hook::PreToken`] gets.
fn event_of(live: &LambdaConfigType) -> PreTokenGenerationLambdaVersionType {
    let event = live.pre_token_generation_config().map(PreTokenGenerationVersionConfigType::lambda_version);
    event.cloned().unwrap_or_else(|| TokenEvent::V1.to_aws())
}

type Builder = aws_sdk_cognitoidentityprovider::types::builders::LambdaConfigTypeBuilder;

fn with(
    config: Builder,
    hook: Hook,
    arn: &str,
    event: &PreTokenGenerationLambdaVersionType,
) -> Result<Builder, Failure> {
    Ok(match hook {
        Hook::PreSignUp => config.pre_sign_up(arn),
        Hook::PostConfirmation => config.post_confirmation(arn),
        Hook::PreAuthentication => config.pre_authentication(arn),
        Hook::PostAuthentication => config.post_authentication(arn),
        Hook::CustomMessage => config.custom_message(arn),
        Hook::DefineAuthChallenge => config.define_auth_challenge(arn),
        Hook::CreateAuthChallenge => config.create_auth_challenge(arn),
        Hook::VerifyAuthChallenge => config.verify_auth_challenge_response(arn),
        Hook::UserMigration => config.user_migration(arn),
        // The member `PreTokenGeneration` means the first event version.
        Hook::PreToken if *event == TokenEvent::V1.to_aws() => config.pre_token_generation(arn),
        Hook::PreToken => {
            let token = PreTokenGenerationVersionConfigType::builder().lambda_arn(arn).lambda_version(event.clone());
            config.pre_token_generation_config(built(token.build())?)
        }
    })
}

impl UserPool {
    /// All functions that the pool should call.
    fn lambda_config(&self) -> Result<LambdaConfigType, Failure> {
        let config = self
            .hooks
            .iter()
            .try_fold(LambdaConfigType::builder(), |config, one| with(config, one.hook, &one.arn, &one.event.to_aws()));
        config.map(Builder::build)
    }
}

impl Resource for PoolHooks {
    const KIND: &'static str = "cognito.hooks";
    const GOES_WITH_PARENT: bool = true;
    const NAME_IS_UNIQUE: bool = true;
    const ID_IS_GIVEN_ONCE: bool = true;
    const GUARDS: bool = true; // without the functions, their checks do not happen
    type Key = PoolHooksOutputs;
    type Outputs = PoolHooksOutputs;
    type Live = LambdaConfigType;

    fn key(&self) -> PoolHooksOutputs {
        PoolHooksOutputs { pool_id: self.pool_id.clone() }
    }

    fn identity(outputs: &PoolHooksOutputs) -> String {
        outputs.pool_id.clone()
    }

    fn removal_command(_: &PoolHooksOutputs) -> Option<String> {
        None
    }

    fn compare(&self, live: &LambdaConfigType) -> Comparison {
        let triggers = triggers(live);
        let mut found = Comparison::default();
        for HookFunction { hook, arn, event } in &self.pool.hooks {
            let is = triggers.iter().find(|trigger| trigger.hook == Some(*hook)).map_or("none", |trigger| trigger.arn);
            found = found.guard(format!("LambdaConfig.{}", hook.name()), arn, is);
            if *hook == Hook::PreToken {
                // A function fails on an event of another version, so a wrong version lets nobody in.
                found = found.plain(TOKEN_EVENT, event.to_aws().as_str(), event_of(live).as_str());
            }
        }
        found
    }
}

impl Described for PoolHooks {
    const ABOUT: Kind = Kind {
        service: COGNITO_IDP,
        label: "hooks",
        listed: Listed::WithParent,
        cleanup: CleanupGroup::Cognito,
        gone_before: &[],
        permissions: &[
            StatementTemplate {
                sid: Sid::FindOwn,
                on: POOLS,
                rights: &[Permissions {
                    needs: &[Usage::Read, Usage::Create, Usage::Update],
                    actions: &["cognito-idp:DescribeUserPool"],
                }],
            },
            StatementTemplate {
                sid: Sid::OwnByTag,
                on: POOLS,
                rights: &[
                    Permissions {
                        needs: &[Usage::Create, Usage::Update],
                        actions: &["cognito-idp:SetUserPoolMfaConfig", "cognito-idp:UpdateUserPool"],
                    },
                    // The hooks are deleted with the pool.
                    Permissions { needs: &[Usage::Delete], actions: &["cognito-idp:DeleteUserPool"] },
                ],
            },
        ],
        rates: &[
            Rate::per_second(15, Calls::Operations(TARGET, &["DescribeUserPool"])),
            Rate::per_second(15, Calls::Operations(TARGET, &["UpdateUserPool", "SetUserPoolMfaConfig"])),
        ],
        check: SettingsCheck {
            layer: Layer::Authentication,
            subject: "{}",
            holds: "the pool calls the functions of its hooks",
            read: "DescribeUserPool",
        },
    };
}

impl Cognito {
    /// Sets the hooks, and all other settings of the pool again.
    async fn set_hooks(&self, want: &PoolHooks, task: &Task) -> Result<PoolHooksOutputs, Failure> {
        // The pool may have been changed since it was read.
        let pool = self.pool(&want.pool_id).await?.filter(|pool| self.owns(pool));
        let pool = pool.ok_or_else(|| {
            Failure::refused(format!("the user pool {} was removed during this run", want.pool.name))
                .hint("run the same command again")
        })?;
        self.update_settings(&want.pool, &pool, want.pool.lambda_config()?, task).await?;
        self.repeat_mfa(&want.pool, &pool, task).await?;
        Ok(want.key())
    }
}

impl Provider<PoolHooks> for Cognito {
    async fn read(
        &self,
        key: &PoolHooksOutputs,
        _: Option<&PoolHooksOutputs>,
        _: &Task,
    ) -> Result<Option<Found<PoolHooks>>, Failure> {
        let Some(pool) = self.pool(&key.pool_id).await?.filter(|pool| self.owns(pool)) else { return Ok(None) };
        // A pool that calls nothing has no hooks.
        let live = pool.lambda_config.filter(|config| !triggers(config).is_empty());
        Ok(live.map(|live| Found { outputs: key.clone(), live }))
    }

    async fn create(&self, want: &PoolHooks, task: &Task) -> Result<PoolHooksOutputs, Failure> {
        self.set_hooks(want, task).await
    }

    async fn update(&self, want: &PoolHooks, _: &Found<PoolHooks>, task: &Task) -> Result<PoolHooksOutputs, Failure> {
        self.set_hooks(want, task).await
    }

    /// Does nothing: the update of the pool removes the hooks, before a run deletes anything.
    async fn delete(&self, _: &PoolHooksOutputs, _: &Task) -> Result<(), Failure> {
        Ok(())
    }

    async fn list(&self, _: &Whose) -> Result<Listing, Failure> {
        Ok(Listing::with_parent())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::aws::testing::{asked, replay};
    use crate::choices::Mfa;

    const OURS: &str = "arn:aws:lambda:eu-central-1:123456789012:function:demo-Claims";
    const THEIRS: &str = "arn:aws:lambda:eu-central-1:123456789012:function:theirs";

    fn hook(hook: Hook, event: TokenEvent) -> HookFunction {
        HookFunction { hook, arn: OURS.to_owned(), event }
    }

    fn want(hooks: Vec<HookFunction>) -> PoolHooks {
        PoolHooks { pool_id: "p1".into(), pool: UserPool { hooks, ..UserPool::bare() } }
    }

    fn pool(config: &Value) -> String {
        json!({"UserPool": {
            "Id": "p1", "Name": "demo-A", "Arn": "arn:aws:cognito-idp:::userpool/p1", "LambdaConfig": config,
            "UserPoolTags": {"securelambda:stack": "demo", "team": "blue"}, "MfaConfiguration": "OPTIONAL",
        }})
        .to_string()
    }

    async fn read(config: &Value) -> Option<LambdaConfigType> {
        let (clients, _) = replay(vec![(200, &pool(config))]);
        let key = want(Vec::new()).key();
        let found = Provider::<PoolHooks>::read(&Cognito::new(&clients), &key, None, &Task::detached("x")).await;
        found.expect("an answer").map(|found| found.live)
    }

    async fn live(config: &Value) -> LambdaConfigType {
        read(config).await.expect("hooks")
    }

    #[tokio::test]
    async fn another_function_or_none_weakens_and_another_event_differs() {
        let want = want(vec![hook(Hook::PreSignUp, TokenEvent::V1), hook(Hook::PreToken, TokenEvent::V2)]);
        let config = |sign_up: &str, token: &str, version: &str| {
            json!({"PreSignUp": sign_up, "PreTokenGeneration": token,
                "PreTokenGenerationConfig": {"LambdaArn": token, "LambdaVersion": version}})
        };
        assert_eq!(want.drift(&live(&config(OURS, OURS, "V2_0")).await), []);
        for (config, field, is, weakens) in [
            (config(THEIRS, OURS, "V2_0"), "LambdaConfig.PreSignUp", THEIRS, true),
            (config("", OURS, "V2_0"), "LambdaConfig.PreSignUp", "none", true),
            (config(OURS, THEIRS, "V2_0"), "LambdaConfig.PreTokenGeneration", THEIRS, true),
            (config(OURS, OURS, "V1_0"), TOKEN_EVENT, "V1_0", false),
        ] {
            let drift = want.drift(&live(&config).await);
            let told: Vec<_> = drift.iter().map(|one| (one.field.as_str(), one.live.as_str(), one.weakens)).collect();
            assert_eq!(told, [(field, is, weakens)], "{config}");
        }
    }

    #[tokio::test]
    async fn a_pool_that_calls_nothing_or_is_another_stacks_has_no_hooks() {
        assert!(read(&json!({})).await.is_none());
        assert!(read(&json!({"PreSignUp": ""})).await.is_none(), "as an emulator may show it");
        let theirs = pool(&json!({"PreSignUp": THEIRS})).replace("\"demo\"", "\"other\"");
        let (clients, _) = replay(vec![(200, &theirs)]);
        let key = want(Vec::new()).key();
        let found = Provider::<PoolHooks>::read(&Cognito::new(&clients), &key, None, &Task::detached("x")).await;
        assert!(found.expect("an answer").is_none());
    }

    #[tokio::test]
    async fn setting_hooks_sends_the_whole_pool_as_it_is_now_and_the_second_factor() {
        let now = pool(&json!({"UserMigration": THEIRS}));
        let want = want(vec![hook(Hook::PreSignUp, TokenEvent::V1), hook(Hook::PreToken, TokenEvent::V2)]);
        let want = PoolHooks { pool: UserPool { mfa: Mfa::Optional, ..want.pool.clone() }, ..want };
        let (clients, http) = replay(vec![(200, &now), (200, "{}"), (200, "{}")]);
        Provider::<PoolHooks>::create(&Cognito::new(&clients), &want, &Task::detached("x")).await.expect("set");
        let asked = asked(&http);
        let calls: Vec<&str> = asked.iter().map(|(call, _)| call.as_str()).collect();
        assert_eq!(calls, ["DescribeUserPool", "UpdateUserPool", "SetUserPoolMfaConfig"]);
        let sent: Value = serde_json::from_str(&asked[1].1).expect("JSON");
        let token = json!({"LambdaArn": OURS, "LambdaVersion": "V2_0"});
        assert_eq!(sent["LambdaConfig"], json!({"PreSignUp": OURS, "PreTokenGenerationConfig": token}));
        assert_eq!(sent["UserPoolTags"], json!({"securelambda:stack": "demo", "team": "blue"}));
        assert_eq!(sent["UserPoolTier"], "ESSENTIALS", "an event above V1_0 needs it");
        assert_eq!(sent["AdminCreateUserConfig"]["AllowAdminCreateUserOnly"], true);
    }

    #[tokio::test]
    async fn the_pool_keeps_what_stands_in_a_hooks_place_and_drops_the_rest() {
        let token = json!({"LambdaArn": THEIRS, "LambdaVersion": "V2_0"});
        let config = json!({"PreTokenGenerationConfig": token, "PreSignUp": OURS, "KMSKeyID": "arn:k"});
        let live = UserPoolType::builder().lambda_config(live(&config).await).build();
        let pool = want(vec![hook(Hook::PreToken, TokenEvent::V1)]).pool;
        assert_eq!(foreign(&pool, &live), [format!("PreSignUp: {OURS}"), "KMSKeyID: arn:k".to_owned()]);
        let other = json!({"PreTokenGenerationConfig": token, "PreTokenGeneration": OURS});
        let twice = UserPoolType::builder().lambda_config(self::live(&other).await).build();
        assert_eq!(foreign(&pool, &twice), [format!("PreTokenGeneration: {OURS}")], "two names, two functions");
        let kept = kept(&pool, &live).expect("built");
        let names: Vec<&str> = triggers(&kept).iter().map(|trigger| trigger.name).collect();
        assert_eq!(names, ["PreTokenGenerationConfig"]);
        assert_eq!(kept.pre_token_generation_config().expect("kept").lambda_version().as_str(), "V2_0");
    }

    #[tokio::test]
    async fn the_first_event_needs_no_version() {
        let want = want(vec![hook(Hook::PreToken, TokenEvent::V1)]);
        let sent = want.pool.lambda_config().expect("built");
        assert_eq!((sent.pre_token_generation(), sent.pre_token_generation_config()), (Some(OURS), None));
        assert_eq!(want.drift(&sent), []);
        let shown = json!({"PreTokenGeneration": OURS,
            "PreTokenGenerationConfig": {"LambdaArn": OURS, "LambdaVersion": "V1_0"}});
        assert_eq!(want.drift(&live(&shown).await), [], "as AWS shows it");
    }
}
