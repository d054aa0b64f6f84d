//! The rules of a web ACL: as the stack wants them, as AWS writes them, and read back.

use std::fmt;

use aws_sdk_wafv2::types;

use crate::aws::error::built;
use crate::engine::{Drift, Failure};

/// The window of a rate rule, in seconds: AWS's default.
const WINDOW: i64 = 300;

/// One rule of a web ACL.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// Unique in its web ACL; 1 to 128 of `A-Z a-z 0-9 _ -`.
    pub name: String,
    /// The rule with the lowest number comes first. Unique in its web ACL, 0 or more.
    pub priority: i32,
    /// The name of its CloudWatch metric; 1 to 128 of `A-Z a-z 0-9 _ -`.
    pub metric: String,
    /// What it matches, and its action.
    pub kind: RuleKind,
}

/// What a rule matches, and its action.
#[derive(Debug, Clone, PartialEq)]
pub enum RuleKind {
    /// Requests from the addresses of an IP set.
    IpSet {
        arn: String,
        /// What to do with them.
        action: RuleAction,
    },
    /// Blocks an address while it sends more than so many requests.
    RatePerIp {
        /// Requests in any 5 minutes, 10 to 2,000,000,000.
        limit: i64,
    },
    /// A group of rules that a vendor maintains.
    Managed {
        /// As in `AWS`.
        vendor: String,
        /// As in `AWSManagedRulesCommonRuleSet`.
        group: String,
        /// Only count the requests that its rules match, instead of their actions.
        count_only: bool,
    },
}

/// What to do with a request that matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RuleAction {
    /// Count the request and continue with the next rule.
    Count,
    /// Allow the request, without later rules.
    Allow,
    /// Answer 403.
    Block,
}

impl Rule {
    /// As AWS writes it.
    pub(super) fn to_aws(&self) -> Result<types::Rule, Failure> {
        let rule = types::Rule::builder().name(&self.name).priority(self.priority);
        let rule = rule.visibility_config(visibility(&self.metric)?);
        let statement = types::Statement::builder();
        // A group takes an override action and no action, every other rule the reverse (docs/aws.md, Web ACLs).
        let rule = match &self.kind {
            RuleKind::IpSet { arn, action } => {
                let addresses = built(types::IpSetReferenceStatement::builder().arn(arn).build())?;
                let rule = rule.statement(statement.ip_set_reference_statement(addresses).build());
                rule.action(action.to_aws())
            }
            RuleKind::RatePerIp { limit } => {
                let rate = types::RateBasedStatement::builder().limit(*limit).evaluation_window_sec(WINDOW);
                let rate = rate.aggregate_key_type(types::RateBasedStatementAggregateKeyType::Ip).build();
                let rule = rule.statement(statement.rate_based_statement(built(rate)?).build());
                rule.action(RuleAction::Block.to_aws())
            }
            RuleKind::Managed { vendor, group, count_only } => {
                let managed = types::ManagedRuleGroupStatement::builder().vendor_name(vendor).name(group).build();
                let rule = rule.statement(statement.managed_rule_group_statement(built(managed)?).build());
                let action = types::OverrideAction::builder();
                rule.override_action(if *count_only {
                    action.count(types::CountAction::builder().build()).build()
                } else {
                    action.none(types::NoneAction::builder().build()).build()
                })
            }
        };
        built(rule.build())
    }

    /// The differences from the live rule of the same name.
    fn differs(&self, live: &types::Rule) -> Vec<Drift> {
        let field = |name: &str| format!("Rules.{}.{name}", self.name);
        let (statement, action) = (Statement::of(&self.kind), Action::of(&self.kind));
        let (live_statement, live_action) = (Statement::read(live), Action::read(live));
        let mut drift = Vec::new();
        if self.priority != live.priority() {
            drift.push(Drift::weakening(field("Priority"), self.priority, live.priority()));
        }
        if statement != live_statement {
            drift.push(Drift::weakening(field("Statement"), statement, live_statement));
        }
        if action != live_action {
            drift.push(Drift::weakening(field("Action"), action, live_action));
        }
        drift.extend(visibility_drift(&format!("Rules.{}.", self.name), &self.metric, live.visibility_config()));
        drift
    }
}

/// The differences between the wanted and the live rules. An extra rule weakens: it may allow what a later rule
/// would have stopped.
pub(super) fn rules_drift(want: &[Rule], live: &[types::Rule]) -> Vec<Drift> {
    let wanted = want.iter().flat_map(|rule| match live.iter().find(|live| live.name() == rule.name) {
        Some(live) => rule.differs(live),
        None => vec![Drift::weakening(format!("Rules.{}", rule.name), Statement::of(&rule.kind), "no such rule")],
    });
    let unwanted = live.iter().filter(|live| want.iter().all(|rule| rule.name != live.name())).map(|live| {
        let does = format!("{}: {}", Statement::read(live), Action::read(live));
        Drift::weakening(format!("Rules.{}", live.name()), "no such rule", does)
    });
    wanted.chain(unwanted).collect()
}

/// Metrics and sampled requests on, under this name.
pub(super) fn visibility(metric: &str) -> Result<types::VisibilityConfig, Failure> {
    let config = types::VisibilityConfig::builder().metric_name(metric);
    built(config.cloud_watch_metrics_enabled(true).sampled_requests_enabled(true).build())
}

/// What differs in a visibility configuration whose fields begin with `at`.
pub(super) fn visibility_drift(at: &str, metric: &str, live: Option<&types::VisibilityConfig>) -> Vec<Drift> {
    let field = |name: &str| format!("{at}VisibilityConfig.{name}");
    let name = live.map_or("none", types::VisibilityConfig::metric_name);
    let metrics = live.is_some_and(types::VisibilityConfig::cloud_watch_metrics_enabled);
    let samples = live.is_some_and(types::VisibilityConfig::sampled_requests_enabled);
    let mut drift = Vec::new();
    if name != metric {
        drift.push(Drift::new(field("MetricName"), metric, name));
    }
    drift.extend(Drift::unless_equal(&field("CloudWatchMetricsEnabled"), &true, &metrics));
    drift.extend(Drift::unless_equal(&field("SampledRequestsEnabled"), &true, &samples));
    drift
}

impl RuleAction {
    fn to_aws(self) -> types::RuleAction {
        let action = types::RuleAction::builder();
        match self {
            Self::Count => action.count(types::CountAction::builder().build()).build(),
            Self::Allow => action.allow(types::AllowAction::builder().build()).build(),
            Self::Block => action.block(types::BlockAction::builder().build()).build(),
        }
    }
}

/// What a live rule matches: something that this program writes, or something else.
#[derive(PartialEq)]
enum Statement {
    IpSet(String),
    RatePerIp { limit: i64, window: i64 },
    Managed { vendor: String, group: String },
    Other,
}

impl Statement {
    fn of(kind: &RuleKind) -> Self {
        match kind {
            RuleKind::IpSet { arn, .. } => Self::IpSet(arn.clone()),
            RuleKind::RatePerIp { limit } => Self::RatePerIp { limit: *limit, window: WINDOW },
            RuleKind::Managed { vendor, group, .. } => Self::Managed { vendor: vendor.clone(), group: group.clone() },
        }
    }

    /// It counts as ours only without restrictions: no forwarded header instead of the address, no scope-down, no
    /// exception inside a group.
    fn read(rule: &types::Rule) -> Self {
        let Some(statement) = rule.statement() else { return Self::Other };
        if let Some(set) = statement.ip_set_reference_statement() {
            if set.ip_set_forwarded_ip_config().is_none() {
                return Self::IpSet(set.arn().to_owned());
            }
        } else if let Some(rate) = statement.rate_based_statement() {
            let by_ip = *rate.aggregate_key_type() == types::RateBasedStatementAggregateKeyType::Ip;
            if by_ip && rate.scope_down_statement().is_none() && rate.custom_keys().is_empty() {
                // Left out means the default.
                let window = if rate.evaluation_window_sec() == 0 { WINDOW } else { rate.evaluation_window_sec() };
                return Self::RatePerIp { limit: rate.limit(), window };
            }
        } else if let Some(managed) = statement.managed_rule_group_statement() {
            let whole = managed.scope_down_statement().is_none()
                && managed.excluded_rules().is_empty()
                && managed.rule_action_overrides().is_empty()
                && managed.version().is_none();
            if whole {
                let (vendor, group) = (managed.vendor_name().to_owned(), managed.name().to_owned());
                return Self::Managed { vendor, group };
            }
        }
        Self::Other
    }
}

impl fmt::Display for Statement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::IpSet(arn) => write!(f, "addresses of {arn}"),
            Self::RatePerIp { limit, window } => write!(f, "over {limit} requests in {window} s from one address"),
            Self::Managed { vendor, group } => write!(f, "the whole group {vendor}/{group}"),
            Self::Other => f.write_str("another statement"),
        }
    }
}

/// What a rule does.
#[derive(PartialEq)]
enum Action {
    Take(RuleAction),
    AsTheGroupSays,
    Other,
}

impl Action {
    fn of(kind: &RuleKind) -> Self {
        match kind {
            RuleKind::IpSet { action, .. } => Self::Take(*action),
            RuleKind::RatePerIp { .. } => Self::Take(RuleAction::Block),
            RuleKind::Managed { count_only: true, .. } => Self::Take(RuleAction::Count),
            RuleKind::Managed { count_only: false, .. } => Self::AsTheGroupSays,
        }
    }

    fn read(rule: &types::Rule) -> Self {
        match (rule.action(), rule.override_action()) {
            (Some(action), None) if action.count().is_some() => Self::Take(RuleAction::Count),
            (Some(action), None) if action.allow().is_some() => Self::Take(RuleAction::Allow),
            (Some(action), None) if action.block().is_some() => Self::Take(RuleAction::Block),
            (None, Some(action)) if action.count().is_some() => Self::Take(RuleAction::Count),
            (None, Some(action)) if action.none().is_some() => Self::AsTheGroupSays,
            _ => Self::Other,
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Take(RuleAction::Count) => "Count",
            Self::Take(RuleAction::Allow) => "Allow",
            Self::Take(RuleAction::Block) => "Block",
            Self::AsTheGroupSays => "as the group says",
            Self::Other => "another action",
        })
    }
}
