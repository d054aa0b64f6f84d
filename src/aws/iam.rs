//! IAM: the roles that functions run as, and their permissions; also the roles of workflows, which belong to the account.
//!
//! A role's name is unique in the account, whatever its path. Documents in answers are URL-encoded. A role that has
//! policies cannot be deleted. For some seconds a change is not visible everywhere (docs/aws.md, Roles).

mod attachments;
mod changes;
mod inventory;
pub mod refusals;
mod role;
mod role_policy;
mod simulation;
mod tagging;
mod workflow_role;

use std::collections::{BTreeMap, BTreeSet};

use self::refusals::IAM_BUSY;
pub use self::role::{Role, RoleKey, RoleLive, RoleOutputs};
pub use self::role_policy::{RolePolicy, RolePolicyOutputs};
pub(super) use self::simulation::decisions;
pub use self::simulation::{Request, RequestKey};
pub use self::workflow_role::{AUDIENCE, CI_TAG, FoundWorkflowRole, GITHUB, Step, WorkflowRole, provider_arn};
use super::Clients;
use super::error::{OrAbsent, OrFail};
use super::pages::side_by_side;
use super::retries::{client, once};
use super::service::AwsService;
use super::settle::settled;
use crate::engine::{Failure, Task};
use crate::policy::Policy;
use crate::regions::Service;
use crate::scope::Scope;

pub const SERVICE: Service = Service::new("iam", "IAM");

pub(super) const ABOUT: AwsService = AwsService {
    names: &[SERVICE.name],
    refusals: refusals::REFUSALS,
    waits: refusals::WAITS,
    #[cfg(test)]
    tests: refusals::tests::WAITS,
};

const ROLES: &[&str] = &["arn:{partition}:iam::{account}:role/securelambda/{stack}/*"];

/// The ARNs for calls that read roles. IAM does not know the path of a role that does not exist, so the second pattern
/// has none; otherwise IAM would deny the call.
const FINDABLE: &[&str] =
    &["arn:{partition}:iam::{account}:role/securelambda/{stack}/*", "arn:{partition}:iam::{account}:role/{stack}-*"];

/// How many inline policies of a role are read at the same time.
const POLICIES_AT_ONCE: usize = 4;

/// Manages roles and their inline policies.
#[derive(Debug, Clone)]
pub struct Iam {
    client: aws_sdk_iam::Client,
    /// Without the SDK's retries, for calls that create.
    once: aws_sdk_iam::Client,
    scope: Scope,
}

impl Iam {
    pub fn new(clients: &Clients) -> Self {
        Self {
            client: client!(aws_sdk_iam, &clients.sdk),
            once: once!(aws_sdk_iam, &clients.once),
            scope: clients.scope.clone(),
        }
    }

    /// A role is ours if it has our tag and our path.
    fn owns(&self, role: &aws_sdk_iam::types::Role) -> bool {
        role.path() == self.scope.role_path() && self.scope.owns(role.tags().iter().map(|tag| (tag.key(), tag.value())))
    }

    async fn inline(&self, role: &str) -> Result<BTreeSet<String>, Failure> {
        let mut names = self.client.list_role_policies().role_name(role).into_paginator().items().send();
        let mut all = BTreeSet::new();
        while let Some(name) = names.next().await {
            all.insert(name.or_fail(&format!("list the inline policies of the role {role}"))?);
        }
        Ok(all)
    }

    /// The inline policies with their documents, which are read only if there are several.
    async fn documents(
        &self,
        role: &str,
        names: BTreeSet<String>,
    ) -> Result<BTreeMap<String, Option<Policy>>, Failure> {
        if names.len() < 2 {
            return Ok(names.into_iter().map(|name| (name, None)).collect());
        }
        let reads = names.into_iter().map(|name| async move {
            let doing = format!("read the policy {name} of the role {role}");
            let answer = self.client.get_role_policy().role_name(role).policy_name(&name).send().await;
            let answer = answer.or_fail(&doing).or_absent()?;
            let read = answer.map(|answer| document(answer.policy_document(), &doing)).transpose()?;
            Ok(read.map(|document| (name, Some(document))))
        });
        Ok(side_by_side(POLICIES_AT_ONCE, reads.collect()).await?.into_iter().flatten().collect())
    }

    async fn remove_inline(&self, role: &str, name: &str, task: &Task) -> Result<(), Failure> {
        let doing = format!("delete the policy {name} of the role {role}");
        let deleted = settled(task, &[&IAM_BUSY], || async {
            self.client.delete_role_policy().role_name(role).policy_name(name).send().await.or_fail(&doing)
        });
        deleted.await.or_absent().map(drop)
    }
}

/// Parses a policy document of IAM's answer.
fn document(text: &str, doing: &str) -> Result<Policy, Failure> {
    Policy::parse_encoded(text)
        .map_err(|error| Failure::refused(format!("could not {doing}: IAM's answer is not a policy document: {error}")))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use crate::aws::testing::{replay, requests};
    use crate::engine::{Cause, Drift, Found, Provider, Resource};

    fn want() -> Role {
        Role {
            id: "role.f".into(),
            name: "demo-f".into(),
            trust: Policy::trust("lambda.amazonaws.com", "123456789012"),
            description: "runs f".into(),
            boundary: None,
            inline_policies: vec!["access".into()],
        }
    }

    fn policy() -> RolePolicy {
        let document = Policy::default().allow(&["sns:Publish"], &["arn:aws:sns:eu-central-1:123456789012:t"]);
        RolePolicy { role: "demo-f".into(), name: "access".into(), document }
    }

    fn encoded(policy: &Policy) -> String {
        policy.to_string().bytes().map(|byte| format!("%{byte:02X}")).collect::<Vec<_>>().concat()
    }

    /// The `<Role>` element of an answer, for a role of ours.
    fn role_xml() -> String {
        format!(
            "<Role><Path>/securelambda/demo/</Path><RoleName>demo-f</RoleName><RoleId>AROA1</RoleId>\
             <Arn>arn:aws:iam::123456789012:role/securelambda/demo/demo-f</Arn><CreateDate>2026-11-21T00:00:00Z</CreateDate>\
             <AssumeRolePolicyDocument>{}</AssumeRolePolicyDocument><Description>runs f</Description>\
             <Tags><member><Key>securelambda:stack</Key><Value>demo</Value></member></Tags></Role>",
            encoded(&want().trust)
        )
    }

    fn answer(operation: &str, inside: &str) -> String {
        format!("<{operation}Response><{operation}Result>{inside}</{operation}Result></{operation}Response>")
    }

    fn get_role() -> String {
        answer("GetRole", &role_xml())
    }

    fn inline(names: &[&str]) -> String {
        let members = names.iter().map(|name| format!("<member>{name}</member>")).collect::<Vec<_>>().concat();
        answer("ListRolePolicies", &format!("<PolicyNames>{members}</PolicyNames><IsTruncated>false</IsTruncated>"))
    }

    fn attached(arns: &[&str]) -> String {
        let members = arns
            .iter()
            .map(|arn| format!("<member><PolicyArn>{arn}</PolicyArn></member>"))
            .collect::<Vec<_>>()
            .concat();
        let inside = format!("<AttachedPolicies>{members}</AttachedPolicies><IsTruncated>false</IsTruncated>");
        answer("ListAttachedRolePolicies", &inside)
    }

    fn profiles(names: &[&str]) -> String {
        let profile = |name: &&str| {
            format!(
                "<member><Path>/</Path><InstanceProfileName>{name}</InstanceProfileName><InstanceProfileId>A</InstanceProfileId>\
                 <Arn>arn:p</Arn><CreateDate>2026-11-21T00:00:00Z</CreateDate><Roles/></member>"
            )
        };
        let members: String = names.iter().map(profile).collect();
        let inside = format!("<InstanceProfiles>{members}</InstanceProfiles><IsTruncated>false</IsTruncated>");
        answer("ListInstanceProfilesForRole", &inside)
    }

    fn get_policy() -> String {
        let document = encoded(&policy().document);
        let names = "<RoleName>demo-f</RoleName><PolicyName>access</PolicyName>";
        answer("GetRolePolicy", &format!("{names}<PolicyDocument>{document}</PolicyDocument>"))
    }

    fn refused(code: &str) -> String {
        format!(
            "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>words</Message></Error></ErrorResponse>"
        )
    }

    fn task() -> Task {
        Task::detached("role.f")
    }

    fn live() -> RoleLive {
        RoleLive {
            trust: want().trust,
            description: "runs f".into(),
            boundary: None,
            max_session_s: 3600,
            inline: [("access".to_owned(), None)].into(),
            attached: BTreeSet::new(),
            instance_profiles: BTreeSet::new(),
        }
    }

    fn with_inline(name: &str, document: Option<Policy>) -> RoleLive {
        RoleLive { inline: [("access".to_owned(), None), (name.to_owned(), document)].into(), ..live() }
    }

    fn statement(effect: &str, action: &str) -> Policy {
        Policy::new([serde_json::json!({ "Effect": effect, "Action": action, "Resource": "*" })])
    }

    #[test]
    fn drift_of_every_setting() {
        let bounded = Role { boundary: Some("arn:b".into()), ..want() };
        let anyone = Policy::trust("*", "123456789012");
        let text = |policy: &Policy| policy.to_string();
        let administrator = "arn:aws:iam::aws:policy/AdministratorAccess";
        for (want, live, drift) in [
            (want(), live(), None),
            (want(), RoleLive { inline: BTreeMap::new(), ..live() }, None),
            (
                want(),
                RoleLive { trust: anyone.clone(), ..live() },
                Some(Drift::weakening("AssumeRolePolicyDocument", text(&want().trust), text(&anyone))),
            ),
            (want(), with_inline("more", None), Some(Drift::weakening("PolicyNames", "none", "more"))),
            (
                want(),
                with_inline("more", Some(statement("Allow", "s3:GetObject"))),
                Some(Drift::weakening("PolicyNames", "none", "more")),
            ),
            (
                want(),
                RoleLive { attached: [administrator.to_owned()].into(), ..live() },
                Some(Drift::weakening("AttachedPolicies", "none", administrator)),
            ),
            (
                want(),
                RoleLive { max_session_s: 43_200, ..live() },
                Some(Drift::weakening("MaxSessionDuration", 3600, 43_200)),
            ),
            (
                want(),
                RoleLive { instance_profiles: ["web".to_owned()].into(), ..live() },
                Some(Drift::weakening("InstanceProfiles", "none", "web")),
            ),
            (bounded.clone(), live(), Some(Drift::weakening("PermissionsBoundary", "arn:b", "none"))),
            (
                bounded.clone(),
                RoleLive { boundary: Some("arn:c".into()), ..live() },
                Some(Drift::weakening("PermissionsBoundary", "arn:b", "arn:c")),
            ),
            (bounded.clone(), RoleLive { boundary: Some("arn:b".into()), ..live() }, None),
            // A boundary that somebody else set is kept.
            (want(), RoleLive { boundary: Some("arn:c".into()), ..live() }, None),
            (
                want(),
                RoleLive { description: String::new(), ..live() },
                Some(Drift::new("Description", "\"runs f\"", "\"\"")),
            ),
        ] {
            assert_eq!(want.drift(&live), Vec::from_iter(drift));
            assert_eq!(want.compare(&live).settings().len(), 7, "all settings are evidence");
        }
    }

    #[test]
    fn what_only_restricts_or_traces_differs_and_does_not_weaken() {
        let narrower = Policy::new([serde_json::json!({
            "Effect": "Allow", "Principal": { "Service": "lambda.amazonaws.com" }, "Action": "sts:AssumeRole",
            "Condition": {
                "StringEquals": { "aws:SourceAccount": "123456789012" },
                "ArnLike": { "aws:SourceArn": "arn:aws:lambda:*:123456789012:function:demo-f" },
            },
        })]);
        let traces = statement("Allow", "xray:PutTraceSegments");
        let managed = "arn:aws:iam::aws:policy/AWSXRayDaemonWriteAccess";
        for (field, live) in [
            ("AssumeRolePolicyDocument", RoleLive { trust: narrower, ..live() }),
            ("PolicyNames", with_inline("more", Some(statement("Deny", "s3:*")))),
            ("PolicyNames", with_inline("more", Some(traces.clone()))),
            ("AttachedPolicies", RoleLive { attached: [managed.to_owned()].into(), ..live() }),
        ] {
            let drift = want().drift(&live);
            assert!(matches!(drift.as_slice(), [one] if one.field == field && !one.weakens), "{drift:#?}");
        }
        let own = Policy::new(policy().document.statements().chain(traces.statements()).cloned());
        assert_eq!(policy().drift(&own), [Drift::new("PolicyDocument", policy().document, &own)]);
        let anothers = "arn:aws:iam::123456789012:policy/AWSXRayDaemonWriteAccess";
        let drift = want().drift(&RoleLive { attached: [anothers.to_owned()].into(), ..live() });
        assert!(drift[0].weakens, "{drift:#?}");
    }

    #[test]
    fn a_trust_without_the_account_weakens() {
        let open = Policy::new([serde_json::json!({
            "Effect": "Allow", "Principal": { "Service": "lambda.amazonaws.com" }, "Action": "sts:AssumeRole",
        })]);
        let drift = want().drift(&RoleLive { trust: open.clone(), ..live() });
        assert_eq!(drift, [Drift::weakening("AssumeRolePolicyDocument", want().trust, open)]);
    }

    #[test]
    fn policies_are_compared_by_meaning() {
        let respelt = r#"{"Statement":{"Resource":"arn:aws:sns:eu-central-1:123456789012:t","Action":"SNS:publish",
            "Effect":"Allow","Sid":"x"},"Version":"2012-10-17"}"#;
        assert_eq!(policy().drift(&Policy::parse(respelt).unwrap()), []);
        let wider = Policy::default().allow(&["sns:*"], &["*"]);
        let drift = policy().drift(&wider);
        assert_eq!(drift, [Drift::weakening("PolicyDocument", policy().document, wider)]);
    }

    #[tokio::test]
    async fn an_unchanged_role_costs_four_reads_at_once() {
        let (clients, http) =
            replay(vec![(200, &get_role()), (200, &inline(&["access"])), (200, &attached(&[])), (200, &profiles(&[]))]);
        let found = Provider::<Role>::read(&Iam::new(&clients), &want().key(), None, &task()).await.unwrap().unwrap();
        assert_eq!(want().drift(&found.live), []);
        assert_eq!(found.outputs.unique_id, "AROA1");
        assert_eq!(requests(&http).len(), 4);
        let (idle, _) = replay(vec![]);
        Provider::<Role>::update(&Iam::new(&idle), &want(), &found, &task()).await.unwrap();
    }

    #[tokio::test]
    async fn everything_that_opens_a_role_is_read() {
        let long = get_role().replace("<Description>", "<MaxSessionDuration>7200</MaxSessionDuration><Description>");
        let (clients, http) = replay(vec![
            (200, &long),
            (200, &inline(&["access", "more"])),
            (200, &attached(&["arn:a"])),
            (200, &profiles(&["web"])),
            (200, &get_policy()),
            (200, &get_policy()),
        ]);
        let found = Provider::<Role>::read(&Iam::new(&clients), &want().key(), None, &task()).await.unwrap().unwrap();
        let drift: Vec<_> = want().drift(&found.live).into_iter().map(|one| (one.field, one.weakens)).collect();
        let fields = ["PolicyNames", "AttachedPolicies", "MaxSessionDuration", "InstanceProfiles"];
        assert_eq!(drift, fields.map(|field| (field.to_owned(), true)));
        assert_eq!(requests(&http).len(), 6);
    }

    #[tokio::test]
    async fn an_unchanged_policy_costs_two_reads() {
        let (clients, _) = replay(vec![(200, &get_role()), (200, &get_policy())]);
        let iam = Iam::new(&clients);
        let found = Provider::<RolePolicy>::read(&iam, &policy().key(), None, &task()).await.unwrap().unwrap();
        assert_eq!(policy().drift(&found.live), []);
        let (idle, _) = replay(vec![]);
        Provider::<RolePolicy>::update(&Iam::new(&idle), &policy(), &found, &task()).await.unwrap();
    }

    #[tokio::test]
    async fn a_role_with_another_path_or_tag_and_its_policy_are_foreign() {
        for other in [
            get_role().replace("<Value>demo</Value>", "<Value>other</Value>"),
            get_role().replace("<Path>/securelambda/demo/</Path>", "<Path>/</Path>"),
        ] {
            let (clients, _) =
                replay(vec![(200, &other), (200, &inline(&[])), (200, &attached(&[])), (200, &profiles(&[]))]);
            let failure = Provider::<Role>::read(&Iam::new(&clients), &want().key(), None, &task()).await.unwrap_err();
            assert_eq!(failure.cause, Cause::Foreign);
            let (clients, _) = replay(vec![(200, &other), (200, &get_policy())]);
            let iam = Iam::new(&clients);
            assert!(Provider::<RolePolicy>::read(&iam, &policy().key(), None, &task()).await.unwrap().is_none());
        }
    }

    #[tokio::test]
    async fn a_missing_role_and_its_policy_are_absent() {
        let none = refused("NoSuchEntity");
        let (clients, _) = replay(vec![(404, &none); 6]);
        let iam = Iam::new(&clients);
        assert!(Provider::<Role>::read(&iam, &want().key(), None, &task()).await.unwrap().is_none());
        assert!(Provider::<RolePolicy>::read(&iam, &policy().key(), None, &task()).await.unwrap().is_none());
    }

    #[tokio::test]
    async fn create_sets_path_and_tags_in_that_call() {
        let (clients, http) = replay(vec![(200, &answer("CreateRole", &role_xml()))]);
        let outputs = Provider::<Role>::create(&Iam::new(&clients), &want(), &task()).await.unwrap();
        assert_eq!(outputs.arn, "arn:aws:iam::123456789012:role/securelambda/demo/demo-f");
        let requests = requests(&http);
        assert!(requests[0].contains("Path=%2Fsecurelambda%2Fdemo%2F") && requests[0].contains("securelambda%3Astack"));
    }

    #[tokio::test]
    async fn an_existing_role_and_a_lost_answer_have_different_causes() {
        for (status, code, cause) in [
            (409, "EntityAlreadyExists", Cause::Exists),
            (500, "InternalFailure", Cause::Unknown),
            (400, "MalformedPolicyDocument", Cause::Refused),
        ] {
            let (clients, _) = replay(vec![(status, &refused(code))]);
            let failure = Provider::<Role>::create(&Iam::new(&clients), &want(), &task()).await.unwrap_err();
            assert_eq!(failure.cause, cause, "{code}");
        }
    }

    #[tokio::test]
    async fn an_update_removes_other_policies_and_instance_profiles() {
        let live = RoleLive {
            attached: ["arn:a".into()].into(),
            instance_profiles: ["web".into()].into(),
            max_session_s: 43_200,
            ..with_inline("more", None)
        };
        let want = Role { boundary: Some("arn:b".into()), ..want() };
        let outputs = RoleOutputs { name: "demo-f".into(), arn: "arn:r".into(), unique_id: "AROA1".into() };
        let found = Found::<Role> { outputs, live };
        let (clients, http) = replay(vec![(200, "<x/>"); 5]);
        Provider::<Role>::update(&Iam::new(&clients), &want, &found, &task()).await.unwrap();
        let requests = requests(&http);
        assert!(requests[0].contains("DeleteRolePolicy") && requests[0].contains("PolicyName=more"), "{requests:?}");
        assert!(requests[1].contains("DetachRolePolicy") && requests[1].contains("arn%3Aa"), "{requests:?}");
        assert!(requests[2].contains("RemoveRoleFromInstanceProfile") && requests[2].contains("web"), "{requests:?}");
        assert!(requests[3].contains("PutRolePermissionsBoundary") && requests[3].contains("arn%3Ab"), "{requests:?}");
        assert!(requests[4].contains("UpdateRole") && requests[4].contains("MaxSessionDuration=3600"), "{requests:?}");
    }

    #[tokio::test]
    async fn a_deletion_looks_for_policies_and_instance_profiles_only_when_refused() {
        let outputs = RoleOutputs { name: "demo-f".into(), arn: "arn:r".into(), unique_id: "AROA1".into() };
        let (clients, http) = replay(vec![
            (409, &refused("DeleteConflict")),
            (200, &inline(&["more"])),
            (200, &attached(&["arn:a"])),
            (200, &profiles(&["web"])),
            (200, "<x/>"),
            (200, "<x/>"),
            (200, "<x/>"),
            (200, "<x/>"),
            (404, &refused("NoSuchEntity")),
        ]);
        let iam = Iam::new(&clients);
        Provider::<Role>::delete(&iam, &outputs, &task()).await.unwrap();
        assert_eq!(requests(&http).iter().filter(|call| call.contains("Action=DeleteRole&")).count(), 2);
        Provider::<Role>::delete(&iam, &outputs, &task()).await.unwrap();
    }

    #[tokio::test]
    async fn a_policy_waits_for_its_role_to_be_seen() {
        let (clients, http) = replay(vec![(404, &refused("NoSuchEntity")), (200, "<x/>")]);
        Provider::<RolePolicy>::create(&Iam::new(&clients), &policy(), &task()).await.unwrap();
        assert_eq!(requests(&http).len(), 2);
    }

    #[tokio::test]
    async fn a_simulation_allows_denies_or_is_not_implemented() {
        let answer = |decision: &str| {
            format!(
                "<SimulatePrincipalPolicyResponse xmlns=\"https://iam.amazonaws.com/doc/2010-05-08/\">\
                 <SimulatePrincipalPolicyResult><EvaluationResults><member><EvalActionName>sns:Publish</EvalActionName>\
                 <EvalDecision>{decision}</EvalDecision></member></EvaluationResults><IsTruncated>false</IsTruncated>\
                 </SimulatePrincipalPolicyResult></SimulatePrincipalPolicyResponse>"
            )
        };
        let (yes, no) = (answer("allowed"), answer("implicitDeny"));
        let unknown =
            "<ErrorResponse><Error><Code>InvalidAction</Code><Message>unknown</Message></Error></ErrorResponse>";
        let (clients, http) = replay(vec![(200, &yes), (200, &no), (400, unknown)]);
        let iam = Iam::new(&clients);
        for allowed in [Some(true), Some(false), None] {
            assert_eq!(iam.simulate("arn:role", "sns:Publish", "arn:topic").await, Ok(allowed));
        }
        assert!(crate::aws::testing::asked(&http)[0].1.contains("PolicySourceArn=arn%3Arole"));
    }
}
