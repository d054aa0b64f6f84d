//! Threat protection: Cognito watches sign-ins for stolen passwords and unusual behaviour, and logs or refuses them. It
//! needs the feature plan Plus.

use aws_sdk_cognitoidentityprovider::types::{
    AccountTakeoverActionType, AccountTakeoverActionsType, AccountTakeoverEventActionType,
    AccountTakeoverRiskConfigurationType, AdvancedSecurityAdditionalFlowsType, AdvancedSecurityEnabledModeType,
    AdvancedSecurityModeType, CompromisedCredentialsActionsType, CompromisedCredentialsEventActionType,
    CompromisedCredentialsRiskConfigurationType, EventFilterType, RiskConfigurationType,
    RiskExceptionConfigurationType, UserPoolAddOnsType, UserPoolTierType, UserPoolType,
};

use super::pool_settings::names;
use super::refusals::{COGNITO_BUSY, NO_RISK_CONFIGURATION};
use super::{Cognito, UserPool};
use crate::aws::error::{OrFail, built};
use crate::aws::settle::settled;
use crate::aws::unsupported::{UNSUPPORTED, unless_unsupported};
use crate::choices::{Plan, ThreatProtection, TokenEvent};
use crate::engine::{Comparison, Effect, Failure, Task};

/// A pool's risk configuration, as read from AWS.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) enum Risk {
    /// A pool without threat protection has no risk configuration.
    #[default]
    NotRead,
    Unsupported,
    Read(Box<RiskConfigurationType>),
}

impl ThreatProtection {
    fn from_mode(mode: &AdvancedSecurityModeType) -> Self {
        match mode {
            AdvancedSecurityModeType::Enforced => Self::Enforced,
            AdvancedSecurityModeType::Audit => Self::Audit,
            _ => Self::Off,
        }
    }

    fn of(pool: &UserPoolType) -> Self {
        pool.user_pool_add_ons().map_or(Self::Off, |add_ons| Self::from_mode(add_ons.advanced_security_mode()))
    }

    /// The protection of sign-ins with custom authentication (`ALLOW_CUSTOM_AUTH`).
    fn of_custom_flows(pool: &UserPoolType) -> Self {
        let flows = pool.user_pool_add_ons().and_then(UserPoolAddOnsType::advanced_security_additional_flows);
        match flows.and_then(AdvancedSecurityAdditionalFlowsType::custom_auth_mode) {
            Some(AdvancedSecurityEnabledModeType::Enforced) => Self::Enforced,
            Some(AdvancedSecurityEnabledModeType::Audit) => Self::Audit,
            _ => Self::Off,
        }
    }

    /// The mode by AWS's name.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Off => "OFF",
            Self::Audit => "AUDIT",
            Self::Enforced => "ENFORCED",
        }
    }

    fn add_ons(self) -> Result<UserPoolAddOnsType, Failure> {
        let (mode, custom) = match self {
            Self::Off => (AdvancedSecurityModeType::Off, None),
            Self::Audit => (AdvancedSecurityModeType::Audit, Some(AdvancedSecurityEnabledModeType::Audit)),
            Self::Enforced => (AdvancedSecurityModeType::Enforced, Some(AdvancedSecurityEnabledModeType::Enforced)),
        };
        let custom = custom.map(|mode| AdvancedSecurityAdditionalFlowsType::builder().custom_auth_mode(mode).build());
        let add_ons = UserPoolAddOnsType::builder().advanced_security_mode(mode);
        built(add_ons.set_advanced_security_additional_flows(custom).build())
    }
}

impl Plan {
    fn from_aws(tier: &UserPoolTierType) -> Option<Self> {
        match tier {
            UserPoolTierType::Lite => Some(Self::Lite),
            UserPoolTierType::Essentials => Some(Self::Essentials),
            UserPoolTierType::Plus => Some(Self::Plus),
            _ => None,
        }
    }

    fn to_aws(self) -> UserPoolTierType {
        match self {
            Self::Lite => UserPoolTierType::Lite,
            Self::Essentials => UserPoolTierType::Essentials,
            Self::Plus => UserPoolTierType::Plus,
        }
    }
}

/// The add-ons for a call; `None` if the call can leave them out.
pub(super) fn add_ons(want: &UserPool, live: Option<&UserPoolType>) -> Result<Option<UserPoolAddOnsType>, Failure> {
    let is_on = live.is_some_and(|live| ThreatProtection::of(live) != ThreatProtection::Off);
    let sends = want.threat_protection != ThreatProtection::Off || is_on;
    sends.then(|| want.threat_protection.add_ons()).transpose()
}

/// The feature plan for a call; `None` for the plan that AWS gives a new pool.
pub(super) fn tier(want: &UserPool, live: Option<&UserPoolType>) -> Option<UserPoolTierType> {
    if let Some(plan) = want.plan {
        return Some(plan.to_aws());
    }
    let has = live.and_then(|live| Plan::from_aws(live.user_pool_tier()?));
    let was_on = live.is_some_and(|live| ThreatProtection::of(live) != ThreatProtection::Off);
    let plan = match (want.threat_protection, has) {
        (ThreatProtection::Audit | ThreatProtection::Enforced, _) => Some(Plan::Plus),
        // The stack file no longer asks for the protection that needed Plus, which costs money.
        (ThreatProtection::Off, Some(Plan::Plus)) if was_on => Some(Plan::Essentials),
        (ThreatProtection::Off, None | Some(Plan::Lite)) if needs_essentials(want) => Some(Plan::Essentials),
        (ThreatProtection::Off, has) => has,
    };
    plan.map(Plan::to_aws)
}

/// Whether a setting other than threat protection needs more than the plan Lite.
fn needs_essentials(want: &UserPool) -> bool {
    want.password.history > 0 || want.hooks.iter().any(|one| one.event > TokenEvent::V1)
}

/// Compares the settings of threat protection and the plan.
pub(super) fn compare(want: &UserPool, live: &UserPoolType, risk: &Risk) -> Comparison {
    let guards = [
        ("UserPoolAddOns.AdvancedSecurityMode", ThreatProtection::of(live)),
        ("UserPoolAddOns.AdvancedSecurityAdditionalFlows.CustomAuthMode", ThreatProtection::of_custom_flows(live)),
    ];
    let mut found = Comparison::default();
    for (field, has) in guards {
        let effect = match has.cmp(&want.threat_protection) {
            std::cmp::Ordering::Less => Effect::Weakens,
            std::cmp::Ordering::Equal => Effect::Same,
            std::cmp::Ordering::Greater => Effect::Differs,
        };
        found = found.judged(field, want.threat_protection.as_str(), has.as_str(), effect);
    }
    let (wanted, has) = (tier(want, Some(live)), live.user_pool_tier());
    let word = |tier: Option<&UserPoolTierType>| tier.map_or("none", UserPoolTierType::as_str).to_owned();
    found = found.plain("UserPoolTier", word(wanted.as_ref()), word(has));
    // Cognito acts on risks only if the protection is enforced.
    if want.threat_protection < ThreatProtection::Enforced {
        return found;
    }
    risks(found, risk)
}

/// Compares the actions of the risk configuration, by AWS's member names.
fn risks(found: Comparison, risk: &Risk) -> Comparison {
    const ACTIONS: [&str; 3] = ["LowAction", "MediumAction", "HighAction"];
    let stolen = "RiskConfiguration.CompromisedCredentialsRiskConfiguration";
    let takeover = "RiskConfiguration.AccountTakeoverRiskConfiguration.Actions";
    let none = RiskConfigurationType::builder().build();
    let live = match risk {
        Risk::Unsupported => {
            return found.judged("RiskConfiguration", "BLOCK", UNSUPPORTED, Effect::Same);
        }
        Risk::NotRead => &none,
        Risk::Read(live) => live,
    };
    let credentials = live.compromised_credentials_risk_configuration();
    let action = credentials.and_then(|credentials| Some(credentials.actions()?.event_action().as_str()));
    let filter = credentials.map_or(&[][..], CompromisedCredentialsRiskConfigurationType::event_filter);
    // An empty filter means all events.
    let all = filter.is_empty() && action.is_some();
    let watched = if all { names(&events()) } else { names(filter) };
    let actions = live.account_takeover_risk_configuration().and_then(|risk| risk.actions());
    let levels = [
        actions.and_then(AccountTakeoverActionsType::low_action),
        actions.and_then(AccountTakeoverActionsType::medium_action),
        actions.and_then(AccountTakeoverActionsType::high_action),
    ];
    let exceptions = live.risk_exception_configuration();
    let skipped = exceptions.map_or(&[][..], RiskExceptionConfigurationType::skipped_ip_range_list);
    let blocked = names(exceptions.map_or(&[][..], RiskExceptionConfigurationType::blocked_ip_range_list));
    let mut found = found.guard(format!("{stolen}.Actions.EventAction"), "BLOCK", action.unwrap_or("none")).guard(
        format!("{stolen}.EventFilter"),
        names(&events()),
        watched,
    );
    for (name, level) in ACTIONS.iter().zip(levels) {
        let action = level.map_or("none", |level| level.event_action().as_str());
        found = found.guard(format!("{takeover}.{name}.EventAction"), "BLOCK", action);
    }
    // Addresses that somebody blocked stay blocked, so they are no difference.
    found.nothing_else("RiskConfiguration.RiskExceptionConfiguration.SkippedIPRangeList", skipped).judged(
        "RiskConfiguration.RiskExceptionConfiguration.BlockedIPRangeList",
        &blocked,
        &blocked,
        Effect::Same,
    )
}

impl UserPool {
    /// The events at which a stolen password is refused, with enforced threat protection.
    pub(crate) const WATCHED_EVENTS: [&'static str; 3] = ["SIGN_IN", "PASSWORD_CHANGE", "SIGN_UP"];
}

fn events() -> Vec<EventFilterType> {
    UserPool::WATCHED_EVENTS.map(EventFilterType::from).to_vec()
}

/// Whether a drift is repaired by [`Cognito::set_risks`].
pub(super) fn is_risk(field: &str) -> bool {
    field.starts_with("RiskConfiguration")
}

impl Cognito {
    /// The risk configuration of a pool with threat protection, or of one of its app clients.
    pub(super) async fn risks(&self, pool_id: &str, client_id: Option<&str>) -> Result<Risk, Failure> {
        let call = self.client.describe_risk_configuration().user_pool_id(pool_id);
        let answer = call.set_client_id(client_id.map(str::to_owned)).send().await;
        let answer = answer.or_fail(&format!("read the risk configuration of the user pool {pool_id}"));
        match unless_unsupported(self.emulator, answer) {
            Ok(None) => Ok(Risk::Unsupported),
            Ok(Some(answer)) => Ok(answer.risk_configuration.map_or(Risk::NotRead, |risk| Risk::Read(risk.into()))),
            Err(failure) if NO_RISK_CONFIGURATION.is(&failure) => Ok(Risk::NotRead),
            Err(failure) => Err(failure),
        }
    }

    /// The risk configuration of a pool, if the pool has threat protection.
    pub(super) async fn risks_of(&self, pool: &UserPoolType) -> Result<Risk, Failure> {
        match pool.id() {
            Some(id) if ThreatProtection::of(pool) != ThreatProtection::Off => self.risks(id, None).await,
            _ => Ok(Risk::NotRead),
        }
    }

    /// Configures the pool so that it blocks sign-ins with a stolen password or with any risk. Blocked addresses and
    /// the e-mails to users stay unchanged.
    pub(super) async fn set_risks(
        &self,
        want: &UserPool,
        pool_id: &str,
        live: &Risk,
        task: &Task,
    ) -> Result<(), Failure> {
        let live = match live {
            Risk::Read(live) => Some(live),
            _ => None,
        };
        let block =
            CompromisedCredentialsActionsType::builder().event_action(CompromisedCredentialsEventActionType::Block);
        let stolen = CompromisedCredentialsRiskConfigurationType::builder()
            .set_event_filter(Some(events()))
            .actions(built(block.build())?);
        let takeover = live.and_then(|live| live.account_takeover_risk_configuration());
        let notify = takeover.and_then(AccountTakeoverRiskConfigurationType::notify_configuration);
        let old = takeover.and_then(AccountTakeoverRiskConfigurationType::actions);
        let level = |old: Option<&AccountTakeoverActionType>| {
            let action = AccountTakeoverActionType::builder().event_action(AccountTakeoverEventActionType::Block);
            // E-mails need a notify configuration with a sender, so they are sent only if somebody set it.
            built(action.notify(notify.is_some() && old.is_some_and(AccountTakeoverActionType::notify)).build())
        };
        let actions = AccountTakeoverActionsType::builder()
            .low_action(level(old.and_then(AccountTakeoverActionsType::low_action))?)
            .medium_action(level(old.and_then(AccountTakeoverActionsType::medium_action))?)
            .high_action(level(old.and_then(AccountTakeoverActionsType::high_action))?);
        let takeover = AccountTakeoverRiskConfigurationType::builder().actions(actions.build());
        let takeover = takeover.set_notify_configuration(notify.cloned()).build();
        let blocked = live.and_then(|live| live.risk_exception_configuration());
        let blocked = blocked.map_or(&[][..], RiskExceptionConfigurationType::blocked_ip_range_list);
        let exceptions = (!blocked.is_empty()).then(|| {
            RiskExceptionConfigurationType::builder().set_blocked_ip_range_list(Some(blocked.to_vec())).build()
        });
        let stolen = stolen.build();
        let set = settled(task, &[&COGNITO_BUSY], || async {
            let call = self.client.set_risk_configuration().user_pool_id(pool_id);
            let call = call.compromised_credentials_risk_configuration(stolen.clone());
            let call = call.account_takeover_risk_configuration(takeover.clone());
            let call = call.set_risk_exception_configuration(exceptions.clone());
            call.send().await.or_fail(&format!("set the risk configuration of the user pool {}", want.name))
        });
        unless_unsupported(self.emulator, set.await).map(drop)
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_cognitoidentityprovider::types::UserPoolTierType::{Essentials, Lite, Plus};
    use serde_json::{Value, json};

    use super::*;
    use crate::aws::cognito::PasswordPolicy;
    use crate::aws::testing::{asked, clients, replay};

    fn want(threat_protection: ThreatProtection, plan: Option<Plan>, history: u8) -> UserPool {
        UserPool {
            password: PasswordPolicy { history, ..PasswordPolicy::STRICTEST },
            threat_protection,
            plan,
            ..UserPool::bare()
        }
    }

    fn pool(tier: Option<UserPoolTierType>, mode: Option<AdvancedSecurityModeType>) -> UserPoolType {
        let add_ons =
            mode.map(|mode| UserPoolAddOnsType::builder().advanced_security_mode(mode).build().expect("a mode"));
        UserPoolType::builder().id("p1").set_user_pool_tier(tier).set_user_pool_add_ons(add_ons).build()
    }

    #[test]
    fn the_plan_follows_from_what_is_asked_for() {
        use ThreatProtection::{Audit, Enforced, Off};
        let enforced = || Some(AdvancedSecurityModeType::Enforced);
        let table = vec![
            // If the stack file asks for nothing, a new pool gets AWS's default plan, and an old pool keeps its plan.
            (want(Off, None, 0), None, None),
            (want(Off, None, 0), Some(pool(Some(Lite), None)), Some(Lite)),
            (want(Off, None, 0), Some(pool(Some(Plus), None)), Some(Plus)),
            (want(Off, None, 0), Some(pool(Some(Plus), enforced())), Some(Essentials)),
            (want(Off, None, 5), None, Some(Essentials)),
            (want(Off, None, 5), Some(pool(Some(Lite), None)), Some(Essentials)),
            (want(Off, None, 5), Some(pool(Some(Plus), None)), Some(Plus)),
            (want(Audit, None, 0), None, Some(Plus)),
            (want(Enforced, None, 0), Some(pool(Some(Lite), None)), Some(Plus)),
            (want(Off, Some(Plan::Lite), 0), Some(pool(Some(Plus), enforced())), Some(Lite)),
        ];
        for (want, live, expected) in table {
            assert_eq!(tier(&want, live.as_ref()), expected, "{want:?} {live:?}");
        }
    }

    #[test]
    fn add_ons_are_sent_only_where_they_are_needed() {
        let sent = |want: &UserPool, live: Option<&UserPoolType>| {
            let add_ons = add_ons(want, live).expect("built");
            add_ons.map(|add_ons| add_ons.advanced_security_mode().as_str().to_owned())
        };
        let off = want(ThreatProtection::Off, None, 0);
        let audited = pool(Some(Plus), Some(AdvancedSecurityModeType::Audit));
        assert_eq!(sent(&off, None), None);
        assert_eq!(sent(&off, Some(&pool(None, None))), None);
        assert_eq!(sent(&off, Some(&audited)).as_deref(), Some("OFF"));
        assert_eq!(sent(&want(ThreatProtection::Enforced, None, 0), None).as_deref(), Some("ENFORCED"));
    }

    fn enforced() -> UserPoolType {
        let add_ons = ThreatProtection::Enforced.add_ons().expect("built");
        UserPoolType::builder().id("p1").user_pool_tier(Plus).user_pool_add_ons(add_ons).build()
    }

    /// AWS's answer when the risk configuration is as wanted.
    fn sound() -> Value {
        let block = json!({"Notify": false, "EventAction": "BLOCK"});
        json!({"RiskConfiguration": {
            "UserPoolId": "p1",
            "CompromisedCredentialsRiskConfiguration":
                {"EventFilter": ["SIGN_IN", "SIGN_UP", "PASSWORD_CHANGE"], "Actions": {"EventAction": "BLOCK"}},
            "AccountTakeoverRiskConfiguration":
                {"Actions": {"LowAction": block, "MediumAction": block, "HighAction": block}},
            "RiskExceptionConfiguration": {"BlockedIPRangeList": ["198.51.100.0/24"]}}})
    }

    async fn read(answer: &Value) -> Risk {
        let answer = answer.to_string();
        let (clients, _) = replay(vec![(200, &answer)]);
        Cognito::new(&clients).risks_of(&enforced()).await.expect("read")
    }

    #[tokio::test]
    async fn every_weaker_reaction_is_named_and_a_blocked_address_is_not() {
        let want = want(ThreatProtection::Enforced, None, 0);
        assert_eq!(compare(&want, &enforced(), &read(&sound()).await).drift(), []);
        let takeover = "/RiskConfiguration/AccountTakeoverRiskConfiguration/Actions";
        let table = [
            (format!("{takeover}/LowAction/EventAction"), json!("NO_ACTION"), "LowAction.EventAction"),
            (format!("{takeover}/HighAction/EventAction"), json!("MFA_IF_CONFIGURED"), "HighAction.EventAction"),
            (takeover.to_owned(), json!(null), "LowAction.EventAction"),
            (
                "/RiskConfiguration/CompromisedCredentialsRiskConfiguration/EventFilter".to_owned(),
                json!(["SIGN_UP"]),
                "EventFilter",
            ),
            (
                "/RiskConfiguration/CompromisedCredentialsRiskConfiguration/Actions/EventAction".to_owned(),
                json!("NO_ACTION"),
                "CompromisedCredentialsRiskConfiguration.Actions.EventAction",
            ),
            (
                "/RiskConfiguration/RiskExceptionConfiguration".to_owned(),
                json!({"SkippedIPRangeList": ["0.0.0.0/1"]}),
                "SkippedIPRangeList",
            ),
        ];
        for (at, value, field) in table {
            let mut answer = sound();
            *answer.pointer_mut(&at).expect("a field") = value;
            let drift = compare(&want, &enforced(), &read(&answer).await).drift();
            assert!(drift[0].weakens && drift[0].field.ends_with(field), "{at}: {drift:?}");
        }
        // Somebody else switched the protection off.
        let off = compare(&want, &pool(Some(Plus), None), &Risk::NotRead).drift();
        assert!(off.iter().any(|d| d.field == "UserPoolAddOns.AdvancedSecurityMode" && d.weakens), "{off:?}");
    }

    #[tokio::test]
    async fn setting_the_reactions_keeps_blocked_addresses() {
        let (clients, http) = replay(vec![(200, "{}")]);
        let (want, live) = (want(ThreatProtection::Enforced, None, 0), read(&sound()).await);
        Cognito::new(&clients).set_risks(&want, "p1", &live, &Task::detached("x")).await.expect("set");
        let (call, body) = asked(&http).remove(0);
        let sent: Value = serde_json::from_str(&body).expect("JSON");
        assert_eq!(call, "SetRiskConfiguration");
        assert_eq!(sent["RiskExceptionConfiguration"], json!({"BlockedIPRangeList": ["198.51.100.0/24"]}));
        let actions = &sent["AccountTakeoverRiskConfiguration"]["Actions"];
        for level in ["LowAction", "MediumAction", "HighAction"] {
            assert_eq!(actions[level], json!({"Notify": false, "EventAction": "BLOCK"}));
        }
    }

    #[tokio::test]
    async fn an_emulator_without_the_calls_is_not_tested_and_aws_is() {
        let unknown = r#"{"__type":"InvalidAction","message":"Unknown Cognito IDP action: DescribeRiskConfiguration"}"#;
        let want = want(ThreatProtection::Enforced, None, 0);
        let (aws, _) = replay(vec![(400, unknown)]);
        assert!(Cognito::new(&aws).risks_of(&enforced()).await.is_err());
        let (_, http) = replay(vec![(400, unknown), (400, unknown)]);
        let emulated = clients(http, aws_config::retry::RetryConfig::disabled());
        let sdk = emulated.sdk.into_builder().endpoint_url("http://127.0.0.1:4577").build();
        let cognito = Cognito::new(&crate::aws::Clients::new(sdk, emulated.scope));
        let risk = cognito.risks_of(&enforced()).await.expect("no failure");
        let found = compare(&want, &enforced(), &risk);
        assert_eq!(found.drift(), []);
        assert!(found.settings().iter().any(|setting| setting.live == UNSUPPORTED));
        cognito.set_risks(&want, "p1", &risk, &Task::detached("x")).await.expect("no failure");
    }
}
