//! The rules of a web ACL: as the stack wants them, and as AWS writes them.

use aws_sdk_wafv2::types;

use crate::aws::error::built;
use crate::engine::Failure;

/// The window of a rate rule, in seconds: AWS's default.
pub(super) const WINDOW: i64 = 300;

/// One rule of a web ACL.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// Unique in its web ACL; 1 to 128 of `A-Z a-z 0-9 _ -`.
    pub name: String,
    /// The rule with the lowest number comes first. Unique in its web ACL, 0 or more.
    pub priority: i32,
    /// The name of its CloudWatch metric; 1 to 128 of `A-Z a-z 0-9 _ -`.
    pub metric: String,
    /// The requests that it matches, and its action.
    pub kind: RuleKind,
}

/// The requests that a rule matches, and its action.
#[derive(Debug, Clone, PartialEq)]
pub enum RuleKind {
    /// Requests from the addresses of an IP set.
    IpSet {
        arn: String,
        /// The action on these requests.
        action: RuleAction,
    },
    /// Blocks an address while it sends more requests than the limit.
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
        /// Rules of the group that only count, as in `SizeRestrictions_BODY`.
        exceptions: Vec<String>,
    },
    /// Blocks requests by the country of their address.
    Countries {
        /// Codes of two letters, as in `DE`.
        codes: Vec<String>,
        /// Blocks the countries that are not listed, instead of the listed ones.
        all_others: bool,
    },
    /// Requests that meet all conditions, of which there is at least one.
    Match { conditions: Vec<Match>, action: RuleAction },
}

/// One condition of a rule.
#[derive(Debug, Clone, PartialEq)]
pub enum Match {
    /// The path matches a regular expression, after it was decoded and normalized.
    Path(String),
    /// The header, named in lower case, matches a regular expression.
    Header { name: String, value: String },
    /// As in `POST`.
    Method(String),
    /// The body has more bytes than this. A body that is longer than the part that WAF inspects matches too.
    BodyOver(i32),
    /// An earlier rule gave the request this label.
    Label(String),
    /// The address is in none of these IP sets.
    NotFrom(Vec<String>),
}

/// The action on a request that matches.
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
    /// The rule in AWS's form.
    pub(super) fn to_aws(&self) -> Result<types::Rule, Failure> {
        let rule = types::Rule::builder().name(&self.name).priority(self.priority);
        let rule = rule.visibility_config(visibility(&self.metric)?).statement(self.kind.statement()?);
        // A rule with a group takes an override action and no action. Every other rule takes an action and no override
        // action (docs/aws.md, Web ACLs).
        built(
            match &self.kind {
                RuleKind::IpSet { action, .. } | RuleKind::Match { action, .. } => rule.action(action.to_aws()),
                RuleKind::RatePerIp { .. } | RuleKind::Countries { .. } => rule.action(RuleAction::Block.to_aws()),
                RuleKind::Managed { count_only, .. } => {
                    let action = types::OverrideAction::builder();
                    rule.override_action(if *count_only {
                        action.count(types::CountAction::builder().build()).build()
                    } else {
                        action.none(types::NoneAction::builder().build()).build()
                    })
                }
            }
            .build(),
        )
    }
}

impl RuleKind {
    fn statement(&self) -> Result<types::Statement, Failure> {
        let statement = types::Statement::builder();
        Ok(match self {
            Self::IpSet { arn, .. } => in_set(arn)?,
            Self::RatePerIp { limit } => {
                let rate = types::RateBasedStatement::builder().limit(*limit).evaluation_window_sec(WINDOW);
                let rate = rate.aggregate_key_type(types::RateBasedStatementAggregateKeyType::Ip).build();
                statement.rate_based_statement(built(rate)?).build()
            }
            Self::Managed { vendor, group, exceptions, .. } => {
                let mut managed = types::ManagedRuleGroupStatement::builder().vendor_name(vendor).name(group);
                for rule in exceptions {
                    let counts = types::RuleActionOverride::builder().name(rule);
                    managed =
                        managed.rule_action_overrides(built(counts.action_to_use(RuleAction::Count.to_aws()).build())?);
                }
                statement.managed_rule_group_statement(built(managed.build())?).build()
            }
            Self::Countries { codes, all_others } => {
                let codes = codes.iter().map(|code| types::CountryCode::from(code.as_str())).collect();
                let from = types::GeoMatchStatement::builder().set_country_codes(Some(codes)).build();
                let from = statement.geo_match_statement(from).build();
                if *all_others { not(from) } else { from }
            }
            Self::Match { conditions, .. } => {
                all(&conditions.iter().map(Match::statements).collect::<Result<Vec<_>, _>>()?)?
            }
        })
    }
}

impl Match {
    /// The statements of a condition, all of which must hold.
    fn statements(&self) -> Result<Vec<types::Statement>, Failure> {
        use types::TextTransformationType::{NormalizePath, UrlDecode};
        let field = types::FieldToMatch::builder();
        Ok(match self {
            Self::Path(pattern) => {
                let path = field.uri_path(types::UriPath::builder().build()).build();
                vec![matching(pattern, path, &[UrlDecode, NormalizePath])?]
            }
            Self::Header { name, value } => {
                let header = built(types::SingleHeader::builder().name(name).build())?;
                vec![matching(value, field.single_header(header).build(), &[types::TextTransformationType::None])?]
            }
            Self::Method(method) => {
                let of = field.method(types::Method::builder().build()).build();
                vec![matching(&format!("^{method}$"), of, &[types::TextTransformationType::None])?]
            }
            Self::BodyOver(bytes) => {
                let body = types::Body::builder().oversize_handling(types::OversizeHandling::Match).build();
                let size = types::SizeConstraintStatement::builder().field_to_match(field.body(body).build());
                let size = size.comparison_operator(types::ComparisonOperator::Gt).size(i64::from(*bytes));
                let size = size.text_transformations(transformation(0, types::TextTransformationType::None)?);
                vec![types::Statement::builder().size_constraint_statement(built(size.build())?).build()]
            }
            Self::Label(key) => {
                let label = types::LabelMatchStatement::builder().scope(types::LabelMatchScope::Label).key(key);
                vec![types::Statement::builder().label_match_statement(built(label.build())?).build()]
            }
            Self::NotFrom(sets) => {
                sets.iter().map(|arn| in_set(arn).map(not)).collect::<Result<Vec<types::Statement>, Failure>>()?
            }
        })
    }
}

fn in_set(arn: &str) -> Result<types::Statement, Failure> {
    let addresses = built(types::IpSetReferenceStatement::builder().arn(arn).build())?;
    Ok(types::Statement::builder().ip_set_reference_statement(addresses).build())
}

fn not(statement: types::Statement) -> types::Statement {
    let not = types::NotStatement::builder().statement(statement).build();
    types::Statement::builder().not_statement(not).build()
}

/// One statement that holds if all of these do. AWS wants at least two in an `AndStatement`.
fn all(statements: &[Vec<types::Statement>]) -> Result<types::Statement, Failure> {
    let mut statements = statements.concat();
    if statements.len() == 1 {
        return Ok(statements.remove(0));
    }
    let all = types::AndStatement::builder().set_statements(Some(statements)).build();
    Ok(types::Statement::builder().and_statement(built(all)?).build())
}

fn transformation(priority: i32, kind: types::TextTransformationType) -> Result<types::TextTransformation, Failure> {
    built(types::TextTransformation::builder().priority(priority).r#type(kind).build())
}

/// A regular expression that a field must match, after these transformations.
fn matching(
    pattern: &str,
    field: types::FieldToMatch,
    first: &[types::TextTransformationType],
) -> Result<types::Statement, Failure> {
    let mut regex = types::RegexMatchStatement::builder().regex_string(pattern).field_to_match(field);
    for (priority, kind) in (0..).zip(first) {
        regex = regex.text_transformations(transformation(priority, kind.clone())?);
    }
    Ok(types::Statement::builder().regex_match_statement(built(regex.build())?).build())
}

/// The visibility configuration with this metric name, with metrics and sampled requests turned on.
pub(super) fn visibility(metric: &str) -> Result<types::VisibilityConfig, Failure> {
    let config = types::VisibilityConfig::builder().metric_name(metric);
    built(config.cloud_watch_metrics_enabled(true).sampled_requests_enabled(true).build())
}

impl RuleAction {
    pub(super) fn to_aws(self) -> types::RuleAction {
        let action = types::RuleAction::builder();
        match self {
            Self::Count => action.count(types::CountAction::builder().build()).build(),
            Self::Allow => action.allow(types::AllowAction::builder().build()).build(),
            Self::Block => action.block(types::BlockAction::builder().build()).build(),
        }
    }
}
