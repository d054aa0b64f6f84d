//! The minimal IAM policies for running this program: the permissions that the given commands need for the kinds
//! of resources in the stack, as the kinds describe them. Pure functions.

mod named;

use std::collections::{BTreeMap, BTreeSet};

use clap::ValueEnum;
use serde::{Serialize, Serializer};

use self::named::{DOMAIN, KEY, STATE_PREFIX};
pub use self::named::{Named, StatePlace};
use crate::aws::account::SimulationRequest;
use crate::aws::cognito::PoolHooks;
use crate::aws::rights::{Condition, Grant, Sid, StatementTemplate, Usage, grants};
use crate::aws::sns::Subscription;
use crate::engine::Resource as _;
use crate::policy::VERSION;
use crate::scope::{RESOURCE_TAG, STACK_TAG, Scope};

/// Sets or replaces an existing role's permissions boundary.
const SET_BOUNDARY: &str = "iam:PutRolePermissionsBoundary";

/// The maximum size of a managed policy in characters. IAM does not count whitespace.
pub const LONGEST_POLICY: usize = 6144;

/// The default quota of managed policies that are attached to a user or role.
pub const MOST_POLICIES: usize = 10;

/// A command that needs IAM permissions. `token`, `call`, `outputs` and `local` need none, unless the state is in a bucket.
/// Then those of any other command suffice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum CommandName {
    Up,
    Plan,
    Down,
    Status,
    Verify,
    Audit,
    Export,
    AddUser,
    Users,
    Groups,
    RemoveUser,
    ExportUsers,
    ImportUsers,
    Logs,
    Traffic,
    Sweep,
    Doctor,
}

impl CommandName {
    /// Whether this command needs the permissions of `need`.
    fn has(self, need: Usage) -> bool {
        let looks = need == Usage::Read;
        if need == Usage::ReadState {
            return true;
        }
        let writes = need == Usage::WriteState;
        match self {
            Self::Plan | Self::Status | Self::Audit | Self::Export => looks,
            Self::Up => looks || writes || matches!(need, Usage::Create | Usage::Update | Usage::Delete),
            Self::Down | Self::Sweep => looks || writes || matches!(need, Usage::Delete | Usage::Survivors),
            Self::Verify => {
                use Usage::{AddUser, Invoke, ListUsers, ReadLogs, RemoveUser, ShortLivedClient, Simulate};
                let users = matches!(need, AddUser | ListUsers | RemoveUser | ShortLivedClient);
                looks || users || matches!(need, Invoke(_) | ReadLogs | Simulate)
            }
            Self::AddUser | Self::ImportUsers => need == Usage::AddUser,
            Self::Users | Self::Groups | Self::ExportUsers => need == Usage::ListUsers,
            Self::RemoveUser => need == Usage::RemoveUser,
            Self::Logs => need == Usage::ReadLogs,
            Self::Traffic => need == Usage::ReadTraffic,
            Self::Doctor => looks || writes || need == Usage::Doctor,
        }
    }
}

/// The stack and the commands for which the policies must suffice.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// The name of the stack may end in `*`, which stands for all stacks whose names begin like that.
    pub scope: &'a Scope,
    /// The commands; all if empty.
    pub works: &'a [CommandName],
    /// The kinds of resources in the stack file and the state.
    pub kinds: &'a BTreeSet<String>,
    pub named: &'a Named,
}

impl Wanted<'_> {
    /// Whether a use of a permission is wanted; `kind` is the kind that lists the permission.
    fn needs(&self, kind: Option<&str>, need: Usage) -> bool {
        let works = if self.works.is_empty() { CommandName::value_variants() } else { self.works };
        let there = match need {
            Usage::Read | Usage::Create | Usage::Update | Usage::Delete | Usage::ShortLivedClient => {
                kind.is_none_or(|kind| self.kinds.contains(kind))
            }
            Usage::Invoke(kind) => self.kinds.contains(kind),
            _ => true,
        };
        there && works.iter().any(|work| work.has(need))
    }

    /// The required actions of a grant, sorted; empty if the grant is not needed.
    fn actions(&self, Grant { kind, template }: Grant) -> BTreeSet<&'static str> {
        let is_on = |what: &str| template.on.contains(&what);
        let lacks_key = self.named.key.is_none() && is_on(KEY);
        let lacks_arns =
            template.on.iter().any(|on| self.named.arns(self.scope, on).is_some_and(|arns| arns.is_empty()));
        let names_domains =
            template.on.iter().any(|pattern| pattern.contains(DOMAIN)) || template.sid == Sid::OwnRecords;
        let lacks_domains = names_domains && self.named.domains.is_empty();
        if lacks_key || lacks_arns || lacks_domains {
            return BTreeSet::new();
        }
        let rights = template.rights.iter();
        let needed = rights.filter(|right| right.needs.iter().any(|need| self.needs(kind, *need)));
        // Without a boundary the program never sets one, and must not be able to replace one.
        let used = |action: &&str| *action != SET_BOUNDARY || self.named.boundary.is_some();
        needed.flat_map(|right| right.actions).copied().filter(used).collect()
    }

    /// The resources that a pattern stands for.
    fn resources(&self, pattern: &str) -> Vec<String> {
        match self.named.arns(self.scope, pattern) {
            Some(arns) => arns.into_iter().collect(),
            None if pattern.contains(DOMAIN) => {
                self.named.domains.iter().map(|domain| self.filled_in(&pattern.replace(DOMAIN, domain))).collect()
            }
            None => vec![self.filled_in(pattern)],
        }
    }

    fn filled_in(&self, pattern: &str) -> String {
        let Scope { partition, account, region, stack, .. } = self.scope;
        let text = match pattern.strip_prefix("{arn:").and_then(|rest| rest.split_once('}')) {
            Some((service, rest)) => format!("arn:{partition}:{service}:{region}:{account}{rest}"),
            None => pattern.to_owned(),
        };
        let key = self.named.key.clone().unwrap_or_default();
        let prefix = self.named.state.as_ref().map(StatePlace::folder).unwrap_or_default();
        [
            (KEY, &key),
            (STATE_PREFIX, &prefix),
            ("{partition}", partition),
            ("{region}", region),
            ("{account}", account),
            ("{stack}", stack),
        ]
        .iter()
        .fold(text, |text, (name, value)| text.replace(name, value))
    }

    /// The condition block of a statement; empty if it has none.
    fn condition(&self, when: &[Condition]) -> ConditionBlock {
        let mut condition = ConditionBlock::new();
        let mut add = |operator, key: &str, values: &[&str]| {
            let values = values.iter().map(|&value| value.to_owned()).collect();
            condition.entry(operator).or_default().insert(key.to_owned(), Values(values));
        };
        let stack = self.scope.stack.as_str();
        // A pattern stands for several stacks.
        let (is, is_if_given) = if stack.contains('*') {
            ("StringLike", "StringLikeIfExists")
        } else {
            ("StringEquals", "StringEqualsIfExists")
        };
        for one in when {
            match *one {
                Condition::TagGiven => add(is, &format!("aws:RequestTag/{STACK_TAG}"), &[stack]),
                Condition::TagCarried => add(is, &format!("aws:ResourceTag/{STACK_TAG}"), &[stack]),
                Condition::NotAnothers => add(is_if_given, &format!("aws:ResourceTag/{STACK_TAG}"), &[stack]),
                Condition::NoOthersTagGiven => add(is_if_given, &format!("aws:RequestTag/{STACK_TAG}"), &[stack]),
                Condition::Is(key, values) => {
                    let filled_in = |value: &&str| match *value {
                        "{identity-pools}" => self.scope.identity_pools_passed_to(),
                        "{outside-callers}" => self.named.outside_callers.iter().cloned().collect(),
                        "{https}" => self.named.https.then(|| "https".to_owned()).into_iter().collect(),
                        // Only stacks with subscriptions let SNS invoke functions. Only those with hooks let Cognito
                        // invoke them.
                        "sns.amazonaws.com" if !self.kinds.contains(Subscription::KIND) => Vec::new(),
                        "cognito-idp.amazonaws.com" if !self.kinds.contains(PoolHooks::KIND) => Vec::new(),
                        value => vec![value.to_owned()],
                    };
                    let values: Vec<String> = values.iter().flat_map(filled_in).collect();
                    add("StringEquals", key, &values.iter().map(String::as_str).collect::<Vec<_>>());
                }
                Condition::Each(key, values) => {
                    let filled_in = |value: &&str| match *value {
                        DOMAIN => self.named.domains.iter().cloned().collect(),
                        value => vec![value.to_owned()],
                    };
                    let values: Vec<String> = values.iter().flat_map(filled_in).collect();
                    let values: Vec<&str> = values.iter().map(String::as_str).collect();
                    add("ForAllValues:StringEquals", key, &values);
                }
                Condition::IsLike(key, pattern) => add("StringLike", key, &[&self.filled_in(pattern)]),
                Condition::IsArnLike(key, pattern) => add("ArnLike", key, &[&self.filled_in(pattern)]),
                Condition::Absent(key) => add("Null", key, &["true"]),
                // The lineage may change: it distinguishes the states of one stack, not stacks.
                Condition::KeepsOurTags => {
                    add("ForAllValues:StringNotEquals", "aws:TagKeys", &[STACK_TAG, RESOURCE_TAG]);
                }
                Condition::Bounded => {
                    if let Some(boundary) = &self.named.boundary {
                        add("ArnEquals", "iam:PermissionsBoundary", &[boundary]);
                    }
                }
            }
        }
        condition
    }
}

/// A condition block: keys and allowed values by operator.
pub type ConditionBlock = BTreeMap<&'static str, BTreeMap<String, Values>>;

/// The values of a key. A single value is serialized without a list.
#[derive(Debug, Clone, Serialize)]
#[serde(transparent)]
pub struct Values(#[serde(serialize_with = "one_or_many")] pub BTreeSet<String>);

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Statement {
    pub sid: &'static str,
    /// Always `Allow`.
    pub effect: &'static str,
    #[serde(serialize_with = "one_or_many")]
    pub action: BTreeSet<&'static str>,
    #[serde(serialize_with = "one_or_many")]
    pub resource: BTreeSet<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub condition: ConditionBlock,
}

/// A policy document. It serializes in the usual order of elements.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Document {
    pub version: &'static str,
    pub statement: Vec<Statement>,
}

impl Document {
    /// The size as IAM counts it: without whitespace.
    pub fn length(&self) -> usize {
        serde_json::to_string(self).map_or(usize::MAX, |text| text.len())
    }
}

/// Distributes the statements over as few policies as possible: each goes into the first policy with enough room.
pub fn policies(wanted: &Wanted<'_>) -> Vec<Document> {
    let mut documents: Vec<Document> = Vec::new();
    for statement in statements(wanted) {
        let with = |document: &Document| {
            let statement = [document.statement.clone(), vec![statement.clone()]].concat();
            Document { version: VERSION, statement }
        };
        match documents.iter_mut().find(|document| with(document).length() <= LONGEST_POLICY) {
            Some(document) => *document = with(document),
            None => documents.push(Document { version: VERSION, statement: vec![statement] }),
        }
    }
    documents
}

fn statements(wanted: &Wanted<'_>) -> Vec<Statement> {
    let mut statements: BTreeMap<Sid, Statement> = BTreeMap::new();
    for grant in grants() {
        let action = wanted.actions(grant);
        if action.is_empty() {
            continue;
        }
        let sid = grant.template.sid;
        let statement = statements.entry(sid).or_insert_with(|| Statement {
            sid: sid.name(),
            effect: "Allow",
            action: BTreeSet::new(),
            resource: BTreeSet::new(),
            condition: wanted.condition(sid.conditions()),
        });
        statement.action.extend(action);
        statement.resource.extend(grant.template.on.iter().flat_map(|pattern| wanted.resources(pattern)));
    }
    statements.into_values().collect()
}

/// Simulation requests for the permissions, each with an example resource and condition values.
pub fn questions(wanted: &Wanted<'_>) -> Vec<SimulationRequest> {
    // Kinds that need the same on the same resources share a question.
    let mut needed: Vec<(&StatementTemplate, BTreeSet<&str>)> = Vec::new();
    for grant in grants() {
        let (template, actions) = (grant.template, wanted.actions(grant));
        match needed.iter_mut().find(|(other, _)| other.sid == template.sid && other.on == template.on) {
            Some((_, all)) => all.extend(actions),
            None => needed.push((template, actions)),
        }
    }
    let question = |(template, actions): (&StatementTemplate, BTreeSet<&str>)| {
        let actions: Vec<String> = actions.into_iter().map(str::to_owned).collect();
        let example = |text: &str| if text == "*" { text.to_owned() } else { text.replace('*', "example") };
        let resource = template.on.first().and_then(|pattern| Some(example(wanted.resources(pattern).first()?)))?;
        let conditions = template.sid.conditions();
        let keys = wanted.condition(conditions).into_values().flatten();
        let context = keys.filter_map(|(key, values)| Some((key, example(values.0.first()?)))).collect();
        let only_then =
            conditions.iter().any(|when| !matches!(when, Condition::NotAnothers | Condition::NoOthersTagGiven));
        (!actions.is_empty()).then_some(SimulationRequest { actions, resource, context, only_then })
    };
    // The simulation knows neither resources without an id nor an action that AWS's list lacks.
    let known = |template: &StatementTemplate| !matches!(template.sid, Sid::TagWhatIsMade | Sid::TagHttpStages);
    needed.into_iter().filter(|(template, _)| known(template)).filter_map(question).collect()
}

/// Serializes a single value without a list, which is shorter.
fn one_or_many<T: Serialize + Ord, S: Serializer>(values: &BTreeSet<T>, to: S) -> Result<S::Ok, S::Error> {
    match (values.len(), values.first()) {
        (1, Some(one)) => one.serialize(to),
        _ => values.serialize(to),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(stack: &str) -> Scope {
        Scope {
            partition: "aws".into(),
            account: "123456789012".into(),
            region: "eu-central-1".into(),
            stack: stack.into(),
            ..Scope::default()
        }
    }

    fn every_kind() -> BTreeSet<String> {
        let (clients, _) = crate::aws::testing::replay(vec![]);
        crate::aws::registry(&clients).kinds().map(str::to_owned).collect()
    }

    /// All statements in one document, of any size.
    fn least(works: &[CommandName], boundary: Option<&str>) -> Document {
        let wanted = Wanted {
            scope: &scope("demo"),
            works,
            kinds: &every_kind(),
            named: &Named { boundary: boundary.map(str::to_owned), ..Named::default() },
        };
        let statement = policies(&wanted).into_iter().flat_map(|document| document.statement).collect();
        Document { version: VERSION, statement }
    }

    fn actions(document: &Document) -> BTreeSet<&str> {
        document.statement.iter().flat_map(|statement| statement.action.iter().copied()).collect()
    }

    fn pretty(document: &Document) -> String {
        serde_json::to_string_pretty(document).expect("JSON")
    }

    #[test]
    fn the_whole_policy() {
        insta::assert_snapshot!(pretty(&least(&[], Some("arn:aws:iam::123456789012:policy/functions"))));
    }

    #[test]
    fn only_the_layers_and_images_of_the_stack_file_can_be_read() {
        let images = BTreeSet::from(["arn:aws:ecr:eu-central-1:210987654321:repository/resize".to_owned()]);
        let layers = BTreeSet::from(["arn:aws:lambda:eu-central-1:210987654321:layer:tools:3".to_owned()]);
        let kinds = every_kind();
        let wanted = Wanted {
            scope: &scope("demo"),
            works: &[],
            kinds: &kinds,
            named: &Named { layers: layers.clone(), images: images.clone(), ..Named::default() },
        };
        let statements = statements(&wanted);
        let found: Vec<_> = statements.iter().filter(|one| one.action.contains("lambda:GetLayerVersion")).collect();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].resource, layers);
        assert!(!actions(&least(&[], None)).contains("lambda:GetLayerVersion"));
        let found: Vec<_> = statements.iter().filter(|one| one.action.contains("ecr:BatchGetImage")).collect();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].resource, images);
        assert!(!actions(&least(&[], None)).contains("ecr:BatchGetImage"));
    }

    #[test]
    fn a_pool_of_somebody_elses_is_read_and_may_get_a_client() {
        let arn = |id: &str| format!("arn:aws:cognito-idp:eu-central-1:123456789012:userpool/{id}");
        let (ours, theirs) = (arn("eu-central-1_a"), arn("eu-central-1_b"));
        let kinds = every_kind();
        let named = Named {
            their_pools: BTreeSet::from([ours.clone(), theirs.clone()]),
            with_our_clients: BTreeSet::from([ours.clone()]),
            ..Named::default()
        };
        let statements = statements(&Wanted { scope: &scope("demo"), works: &[], kinds: &kinds, named: &named });
        let allowed = |pool: &String| -> BTreeSet<&str> {
            let of_pool = statements.iter().filter(|one| one.resource.contains(pool));
            of_pool.flat_map(|one| one.action.iter().map(|action| action.trim_start_matches("cognito-idp:"))).collect()
        };
        let reads = ["DescribeUserPool", "ListGroups", "ListUserPoolClients", "ListUsers", "ListUsersInGroup"];
        assert_eq!(allowed(&theirs), BTreeSet::from(reads));
        let client = ["CreateUserPoolClient", "DeleteUserPoolClient", "DescribeUserPoolClient", "UpdateUserPoolClient"];
        assert_eq!(allowed(&ours), reads.into_iter().chain(client).collect::<BTreeSet<_>>());
        assert!(!pretty(&least(&[], None)).contains("TheirPools"));
    }

    #[test]
    fn the_policy_of_one_command() {
        insta::assert_snapshot!("what_reading_needs", pretty(&least(&[CommandName::Status], None)));
        insta::assert_snapshot!("what_adding_a_user_needs", pretty(&least(&[CommandName::AddUser], None)));
    }

    #[test]
    fn only_some_commands_write() {
        let reads = |action: &&str| {
            let name = action.split(':').nth(1).unwrap_or_default();
            ["Get", "GET", "AdminGet", "List", "Describe", "Filter", "Simulate", "Decrypt"]
                .iter()
                .any(|verb| name.starts_with(verb))
        };
        for work in CommandName::value_variants() {
            let document = least(&[*work], None);
            let writes = actions(&document).iter().any(|action| !reads(action));
            let should = [
                CommandName::Up,
                CommandName::Down,
                CommandName::Sweep,
                CommandName::Verify,
                CommandName::AddUser,
                CommandName::ImportUsers,
                CommandName::RemoveUser,
            ]
            .contains(work);
            assert_eq!(writes, should, "{work:?}");
        }
    }

    #[test]
    fn the_whole_policy_has_the_actions_of_all_commands() {
        let whole = least(&[], None);
        let parts = CommandName::value_variants().iter().map(|work| least(&[*work], None));
        let parts: Vec<Document> = parts.collect();
        let together: BTreeSet<&str> = parts.iter().flat_map(|part| actions(part)).collect();
        assert_eq!(together, actions(&whole));
    }

    #[test]
    fn kinds_outside_the_stack_need_no_permissions() {
        let kinds = every_kind().into_iter().filter(|kind| !kind.starts_with("wafv2.")).collect();
        let wanted =
            Wanted { scope: &scope("demo"), works: &[CommandName::Up], kinds: &kinds, named: &Named::default() };
        let actions: Vec<_> = statements(&wanted).into_iter().flat_map(|statement| statement.action).collect();
        assert!(actions.iter().all(|action| !action.contains("WebACL") && !action.contains("wafv2")), "{actions:?}");
    }

    #[test]
    fn only_services_that_call_functions_of_the_stack_may_be_let_in() {
        let principals = |without: &str| {
            let kinds = every_kind().into_iter().filter(|kind| *kind != without).collect();
            let wanted =
                Wanted { scope: &scope("demo"), works: &[CommandName::Up], kinds: &kinds, named: &Named::default() };
            let let_in = statements(&wanted).into_iter().find(|one| one.sid == "LetServicesInvoke");
            serde_json::to_string(&let_in.expect("a statement").condition).expect("JSON")
        };
        let all = principals("");
        for (kind, principal) in
            [(Subscription::KIND, "sns.amazonaws.com"), (PoolHooks::KIND, "cognito-idp.amazonaws.com")]
        {
            assert!(all.contains(principal), "{all}");
            assert!(!principals(kind).contains(principal), "{kind}");
        }
    }

    #[test]
    fn the_key_of_the_stack_file_is_used_through_services_alone() {
        let key = "arn:aws:kms:eu-central-1:123456789012:key/k";
        let of = |key: Option<&str>, works| {
            let wanted = Wanted {
                scope: &scope("demo"),
                works: &[works],
                kinds: &every_kind(),
                named: &Named { key: key.map(str::to_owned), ..Named::default() },
            };
            statements(&wanted).into_iter().find(|statement| statement.sid == "UseKey")
        };
        assert!(of(None, CommandName::Up).is_none());
        let up = of(Some(key), CommandName::Up).expect("a statement");
        assert_eq!((up.resource.iter().next().map(String::as_str), up.resource.len()), (Some(key), 1));
        assert!(up.action.contains("kms:GenerateDataKey") && up.condition["StringLike"].contains_key("kms:ViaService"));
        let status = of(Some(key), CommandName::Status).expect("a statement");
        assert_eq!(status.action, ["kms:Decrypt"].into());
    }

    /// The kinds of resources in a blueprint.
    fn kinds_of(blueprint: &crate::spec::blueprints::Blueprint) -> BTreeSet<String> {
        let stack = crate::spec::parse(blueprint.text).expect("a sound file");
        let (bundles, hidden) = Default::default();
        let graph = crate::topology::desired(&stack, &scope("demo"), None, &bundles, &hidden, None);
        graph.ids().map(|(_, kind)| kind.to_owned()).collect()
    }

    /// With the longest possible name, region, partition and boundary.
    #[test]
    fn every_policy_fits_and_ten_are_enough() {
        let mut long = scope("abcdefghijklmnopqrstuvwx");
        long.partition = "aws-us-gov".into();
        long.region = "ap-northeast-1".into();
        let boundary = format!("arn:aws-us-gov:iam::123456789012:policy/{}", "b".repeat(128));
        let blueprints = crate::spec::blueprints::ALL.iter().map(kinds_of);
        for kinds in blueprints.chain([every_kind()]) {
            for (scope, boundary) in [(&long, Some(boundary.as_str())), (&scope("a"), None)] {
                let wanted = Wanted {
                    scope,
                    works: &[],
                    kinds: &kinds,
                    named: &Named { boundary: boundary.map(str::to_owned), ..Named::default() },
                };
                let documents = policies(&wanted);
                assert!((1..=MOST_POLICIES).contains(&documents.len()), "{}", documents.len());
                for document in &documents {
                    assert!(document.length() <= LONGEST_POLICY, "{}: {}", document.length(), pretty(document));
                }
                let apart = documents.iter().flat_map(|document| &document.statement).map(|one| one.sid);
                let mut apart: Vec<&str> = apart.collect();
                let mut all: Vec<&str> = statements(&wanted).iter().map(|one| one.sid).collect();
                apart.sort_unstable();
                all.sort_unstable();
                assert_eq!(apart, all, "each statement is in one document");
            }
        }
    }

    /// IAM refuses wildcards in the service segment of an ARN.
    #[test]
    fn no_arn_has_a_wildcard_before_its_last_part() {
        for statement in least(&[], None).statement {
            for resource in statement.resource.iter().filter(|resource| *resource != "*") {
                let parts: Vec<&str> = resource.splitn(6, ':').collect();
                assert!(parts.len() == 6 && !parts[..5].concat().contains('*'), "{resource}");
            }
        }
    }

    #[test]
    fn changes_of_tags_leave_the_tags_of_the_owner_alone() {
        let found: Vec<_> = least(&[], None).statement;
        let found: Vec<_> = found.into_iter().filter(|one| ["Retag", "RetagOwn"].contains(&one.sid)).collect();
        assert_eq!(found.len(), 2);
        for statement in found {
            let condition = serde_json::to_value(&statement.condition).expect("JSON");
            let kept = serde_json::json!(["securelambda:resource", "securelambda:stack"]);
            assert_eq!(condition["ForAllValues:StringNotEquals"]["aws:TagKeys"], kept, "{condition:#}");
            assert_eq!(condition["Null"]["aws:RequestTag/securelambda:stack"], "true", "{condition:#}");
        }
    }

    /// MiniStack ignores these conditions; AWS does not.
    #[test]
    fn critical_statements_have_conditions() {
        let document = least(&[], Some("arn:aws:iam::123456789012:policy/b"));
        let conditions = |action: &str| {
            // Separate statements change the user's tags.
            let chosen = |sid: &str| ["Retag", "RetagOwn"].contains(&sid);
            let all = document.statement.iter().filter(|one| one.action.contains(action) && !chosen(one.sid));
            let all: Vec<_> = all.map(|one| serde_json::to_value(&one.condition).expect("JSON")).collect();
            // A separate statement creates the role for API Gateway's logs, and another one subscribes addresses.
            let two = ["iam:CreateRole", "sns:Subscribe"].contains(&action);
            assert_eq!(all.len(), if two { 2 } else { 1 }, "statements with {action}");
            all
        };
        for (action, operator, key, value) in [
            ("cognito-idp:DeleteUserPool", "StringEquals", "aws:ResourceTag/securelambda:stack", "demo"),
            ("cognito-idp:ListUsers", "StringEquals", "aws:ResourceTag/securelambda:stack", "demo"),
            ("apigateway:SetWebACL", "StringEquals", "aws:ResourceTag/securelambda:stack", "demo"),
            ("cognito-idp:DescribeUserPoolClient", "StringEquals", "aws:ResourceTag/securelambda:stack", "demo"),
            ("lambda:UpdateFunctionCode", "StringEquals", "aws:ResourceTag/securelambda:stack", "demo"),
            ("lambda:DeleteFunction", "StringEqualsIfExists", "aws:ResourceTag/securelambda:stack", "demo"),
            ("lambda:CreateFunction", "StringEqualsIfExists", "aws:ResourceTag/securelambda:stack", "demo"),
            ("sns:Subscribe", "StringEqualsIfExists", "aws:ResourceTag/securelambda:stack", "demo"),
            ("cognito-idp:CreateUserPool", "StringEquals", "aws:RequestTag/securelambda:stack", "demo"),
            ("lambda:CreateFunction", "StringEquals", "aws:RequestTag/securelambda:stack", "demo"),
            ("sns:Subscribe", "StringEquals", "sns:Protocol", "lambda"),
            ("sns:Subscribe", "StringLike", "sns:Endpoint", "arn:aws:lambda:eu-central-1:123456789012:function:demo-*"),
            ("kms:ScheduleKeyDeletion", "StringEquals", "aws:ResourceTag/securelambda:stack", "demo"),
            ("kms:PutKeyPolicy", "StringEquals", "aws:ResourceTag/securelambda:stack", "demo"),
            ("kms:CreateKey", "StringEquals", "aws:RequestTag/securelambda:stack", "demo"),
            ("kms:TagResource", "StringEquals", "aws:RequestTag/securelambda:stack", "demo"),
            ("kms:TagResource", "Null", "kms:ResourceAliases", "true"),
            ("kms:Decrypt", "StringEquals", "aws:ResourceTag/securelambda:stack", "demo"),
            ("iam:CreateRole", "ArnEquals", "iam:PermissionsBoundary", "arn:aws:iam::123456789012:policy/b"),
            ("iam:PutRolePolicy", "ArnEquals", "iam:PermissionsBoundary", "arn:aws:iam::123456789012:policy/b"),
        ] {
            // The statement that subscribes email addresses has no condition on functions.
            let email = |condition: &serde_json::Value| condition["StringEquals"]["sns:Protocol"] == "email";
            for condition in conditions(action).iter().filter(|condition| !key.starts_with("sns:") || !email(condition))
            {
                assert_eq!(condition[operator][key], value, "{action}");
            }
        }
        // One statement for each service, because each belongs to another kind.
        let passed = document.statement.iter().filter(|statement| statement.action.contains("iam:PassRole"));
        let passed = passed.map(|one| serde_json::to_value(&one.condition).expect("JSON"));
        let mut services: Vec<_> =
            passed.map(|condition| condition["StringEquals"]["iam:PassedToService"].to_string()).collect();
        services.sort();
        let expected = ["apigateway", "cognito-identity", "lambda", "scheduler"];
        assert_eq!(services, expected.map(|service| format!("\"{service}.amazonaws.com\"")));
        assert!(!actions(&document).contains("iam:DeleteRolePermissionsBoundary"), "it could be lifted again");
    }

    #[test]
    fn without_a_boundary_no_statement_requires_one() {
        let document = least(&[], None);
        assert!(!pretty(&document).contains("Boundary\":"), "{}", pretty(&document));
        // A boundary makes statements longer, which may change their distribution.
        let set = |document: &Document| document.statement.iter().map(|one| one.sid).collect::<BTreeSet<_>>();
        assert_eq!(set(&document), set(&least(&[], Some("arn:aws:iam::123456789012:policy/b"))));
    }
}
