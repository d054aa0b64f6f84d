//! The controls that `audit` evaluates, as data: each control with its standard and the rules that must hold. `audit`
//! knows how each rule is evaluated. The titles are this project's own words; docs/audit.md names the sources.

mod checklist;
mod fsbp;
mod owasp;
mod prowler;

/// A list of controls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standard {
    /// AWS Security Hub's controls of the services that a stack uses, most of them in the standard "AWS Foundational
    /// Security Best Practices".
    Fsbp,
    /// The checks of Prowler 5.46 for the resources of a stack.
    Prowler,
    /// OWASP API Security Top 10, edition 2023.
    Owasp,
    /// Twenty points: the layers of security that the built-in stack consists of.
    Checklist,
}

impl Standard {
    pub const ALL: [Self; 4] = [Self::Fsbp, Self::Prowler, Self::Owasp, Self::Checklist];

    /// The word that selects the standard on the command line.
    pub fn word(self) -> &'static str {
        match self {
            Self::Fsbp => "fsbp",
            Self::Prowler => "prowler",
            Self::Owasp => "owasp",
            Self::Checklist => "checklist",
        }
    }

    pub fn title(self) -> &'static str {
        match self {
            Self::Fsbp => "AWS Security Hub",
            Self::Prowler => "Prowler 5.46",
            Self::Owasp => "OWASP API Security Top 10 (2023)",
            Self::Checklist => "Checklist of the five layers",
        }
    }
}

/// The severity of a failure, as the source of the control states it. For OWASP and the checklist, this project decides
/// it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    Low,
    Medium,
    High,
    Critical,
}

impl Severity {
    pub fn word(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

/// A control. It passes if none of its rules fails and at least one passes.
#[derive(Debug)]
pub struct Control {
    /// As in `Cognito.5`, `cognito_user_pool_mfa_enabled` or `API2`.
    pub id: &'static str,
    pub standard: Standard,
    pub severity: Severity,
    /// A sentence that is true if the control passes.
    pub title: &'static str,
    pub rules: &'static [Rule],
}

/// A fact about the resources of one kind. Several controls ask for the same fact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Rule {
    // User pools, app clients and identity pools.
    PoolMfa,
    PoolDeletionProtection,
    PoolThreatProtection,
    PoolThreatProtectionForCustomFlows,
    PoolBlocksCompromisedPasswords,
    PoolBlocksTakeovers,
    PoolPasswordLength8,
    PoolPasswordLength14,
    PoolPasswordLowercase,
    PoolPasswordUppercase,
    PoolPasswordNumber,
    PoolPasswordSymbol,
    PoolTemporaryPassword,
    PoolNoSelfSignUp,
    PoolRecoveryWithoutSms,
    PoolFirewall,
    PoolNothingElse,
    ClientHidesUsers,
    ClientRevokesTokens,
    ClientShortTokens,
    IdentityPoolNoGuests,
    // APIs.
    RestExecutionLogs,
    RestAccessLogs,
    RestTracing,
    RestTls,
    RestFirewall,
    RestCacheEncrypted,
    RestBackendCertificate,
    RestPrivate,
    RestVariablesWithoutSecrets,
    RestBodiesValidated,
    RestNothingElse,
    HttpAccessLogs,
    HttpPrivateIntegrations,
    RestRoutesAuthorized,
    HttpNothingElse,
    HttpRoutesAuthorized,
    RoutesThrottled,
    CustomDomains,
    // Functions.
    FunctionNotPublic,
    FunctionNoUrl,
    FunctionRuntime,
    FunctionVpc,
    FunctionVpcZones,
    FunctionTracing,
    FunctionDeadLetters,
    FunctionKey,
    FunctionNoForeignLayers,
    FunctionLayersWithoutSecrets,
    FunctionNoSecretsInEnvironment,
    FunctionTimeout,
    // Roles.
    RoleSourceAccount,
    RoleOwnPoliciesOnly,
    RolePermissionsDerived,
    RoleExactPermissions,
    // Tables.
    TableOnDemand,
    TableRecovery,
    TableBackupPlan,
    TableDeletionProtection,
    TableKey,
    TableNotShared,
    TableTagged,
    // Topics, queues and secrets.
    TopicKey,
    TopicNotPublic,
    SubscriptionsWithoutHttp,
    QueueEncrypted,
    QueueNotPublic,
    SecretRotation,
    SecretRotationSucceeds,
    SecretRotatedInTime,
    SecretPolicy,
    SecretNotPublic,
    SecretKey,
    // Firewall and logs.
    WebAclHasRules,
    WebAclBlocks,
    WebAclLogs,
    WebAclMetrics,
    WebAclManagedRules,
    LogsKeptForAYear,
    LogsKept,
    LogsKey,
    LogsNotForwarded,
    // The key and the alarms.
    KeyInUse,
    KeyRotated,
    KeyNotPublic,
    AlarmTells,
    AlarmEnabled,
    // Tags.
    FunctionTagged,
    QueueTagged,
    RoleTagged,
    SecretTagged,
    TopicTagged,
    /// The values that the program reads do not decide the fact.
    Unknowable(&'static str),
    /// The fact cannot apply to a stack.
    NotApplicable(&'static str),
}

/// All controls, by standard, in the order of their sources.
pub fn all() -> impl Iterator<Item = &'static Control> {
    [fsbp::CONTROLS, prowler::CONTROLS, owasp::CONTROLS, checklist::CONTROLS].into_iter().flatten()
}

/// The ids of all controls.
pub fn ids() -> Vec<&'static str> {
    all().map(|control| control.id).collect()
}

/// A table of controls of one standard.
macro_rules! controls {
    ($standard:ident; $($id:literal $severity:ident $title:literal: $($rule:ident $(($why:literal))?),+;)*) => {
        pub(super) static CONTROLS: &[super::Control] = &[$(super::Control {
            id: $id,
            standard: super::Standard::$standard,
            severity: super::Severity::$severity,
            title: $title,
            rules: &[$(super::Rule::$rule $(($why))?),+],
        },)*];
    };
}
use controls;

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_control_has_an_id_of_its_own() {
        let unique: BTreeSet<&str> = ids().into_iter().collect();
        assert_eq!(unique.len(), all().count());
    }

    #[test]
    fn the_lists_are_complete() {
        let count = |standard| all().filter(|control| control.standard == standard).count();
        assert_eq!(count(Standard::Owasp), 10);
        assert_eq!(count(Standard::Checklist), 20);
        assert!(count(Standard::Fsbp) >= 43 && count(Standard::Prowler) >= 65, "a control is missing");
    }

    #[test]
    fn a_title_is_a_sentence_without_an_end() {
        for control in all() {
            assert!(!control.title.ends_with('.') && control.title.contains(' '), "{}", control.id);
        }
    }
}
