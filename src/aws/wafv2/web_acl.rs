//! Web ACLs.

use aws_sdk_wafv2::types::{AllowAction, BlockAction, DefaultAction, WebAcl as AwsWebAcl, WebAclSummary};

use super::rule::{rules_drift, visibility, visibility_drift};
use super::{
    ACL_AND_STAGES, Association, Key, Outputs, PAGE, RULE_GROUPS, Rule, SCOPE, SETS_AND_ACLS, STAGES, TARGET, Wafv2,
    locked, removal_command, token,
};
use crate::aws::error::{OrAbsent, OrFail, empty, is_absent};
use crate::aws::kind::{Calls, CleanupGroup, Described, Kind, Listed, Rate, SettingsCheck};
use crate::aws::refusals::ASSOCIATED;
use crate::aws::rights::{Permissions, Sid, StatementTemplate, Usage};
use crate::aws::settle::{WAF_IN_USE, WAF_IP_SET, WAF_LOCK, WAF_TROUBLE, settled};
use crate::aws::{as_far_as_pages_go, whole};
use crate::engine::{Comparison, Drift, Failure, Found, Listing, Provider, Resource, Task};
use crate::layer::Layer;
use crate::regions::Service;
use crate::scope::Whose;

/// A web ACL decides about every request to the resources that it is associated with.
#[derive(Debug, Clone)]
pub struct WebAcl {
    /// Its id in the stack, for its tags.
    pub id: String,
    /// 1 to 128 of `A-Z a-z 0-9 _ -`.
    pub name: String,
    /// The name of its CloudWatch metric; 1 to 128 of `A-Z a-z 0-9 _ -`.
    pub metric: String,
    /// Whether a request that no rule decides is allowed. Otherwise it is blocked.
    pub default_allow: bool,
    /// In any order; their priorities decide.
    pub rules: Vec<Rule>,
}

/// A web ACL, as read from AWS: complete, because an update resets what it leaves out.
#[derive(Debug, Clone)]
pub struct WebAclLive(AwsWebAcl);

impl Resource for WebAcl {
    const KIND: &'static str = "wafv2.web_acl";
    const GOES_WITH_PARENT: bool = false;
    const NAME_IS_UNIQUE: bool = true;
    const ID_IS_GIVEN_ONCE: bool = true;
    const GUARDS: bool = true;
    const SETTLES_IN: usize = 5; // minutes until a stage can see it
    type Key = Key;
    type Outputs = Outputs;
    type Live = WebAclLive;

    fn key(&self) -> Key {
        Key { name: self.name.clone() }
    }

    fn identity(outputs: &Outputs) -> String {
        outputs.arn.clone()
    }

    fn removal_command(outputs: &Outputs) -> Option<String> {
        Some(removal_command("web-acl", outputs))
    }

    fn compare(&self, WebAclLive(live): &WebAclLive) -> Comparison {
        let drift = {
            let mut drift = Vec::new();
            let allows = live.default_action().map(|action| action.allow().is_some());
            if allows != Some(self.default_allow) {
                let word = |allow: bool| if allow { "Allow" } else { "Block" };
                drift.push(Drift::weakening("DefaultAction", word(self.default_allow), allows.map_or("none", word)));
            }
            drift.extend(rules_drift(&self.rules, live.rules()));
            drift.extend(visibility_drift("", &self.metric, live.visibility_config()));
            drift
        };
        drift.into_iter().collect()
    }
}

impl Described for WebAcl {
    const ABOUT: Kind = Kind {
        service: Service::Waf,
        label: "web ACL",
        listed: Listed::ByItself,
        cleanup: CleanupGroup::Waf,
        gone_before: &[Association::KIND],
        permissions: &[
            StatementTemplate {
                sid: Sid::FindOwn,
                on: SETS_AND_ACLS,
                rights: &[
                    Permissions {
                        needs: &[Usage::Read, Usage::Update, Usage::Delete, Usage::ReadTraffic],
                        actions: &["wafv2:GetWebACL"],
                    },
                    Permissions { needs: &[Usage::Read, Usage::Survivors], actions: &["wafv2:ListTagsForResource"] },
                    Permissions {
                        needs: &[Usage::Survivors, Usage::Delete],
                        actions: &["wafv2:ListResourcesForWebACL"],
                    },
                    Permissions { needs: &[Usage::ReadTraffic], actions: &["wafv2:GetSampledRequests"] },
                ],
            },
            // By name: AWS's managed rule groups, which the web ACL contains, carry no tag of ours.
            StatementTemplate {
                sid: Sid::OwnByName,
                on: SETS_AND_ACLS,
                rights: &[
                    Permissions { needs: &[Usage::Update], actions: &["wafv2:UpdateWebACL"] },
                    Permissions { needs: &[Usage::Delete], actions: &["wafv2:DeleteWebACL"] },
                ],
            },
            StatementTemplate {
                sid: Sid::MakeOwn,
                on: SETS_AND_ACLS,
                rights: &[Permissions {
                    needs: &[Usage::Create],
                    actions: &["wafv2:CreateWebACL", "wafv2:TagResource"],
                }],
            },
            StatementTemplate {
                sid: Sid::OnAnything,
                on: &["*"],
                rights: &[Permissions {
                    needs: &[Usage::Read, Usage::Survivors, Usage::Doctor],
                    actions: &["wafv2:ListWebACLs"],
                }],
            },
            // Deleting it also removes its associations.
            StatementTemplate {
                sid: Sid::FindOwn,
                on: ACL_AND_STAGES,
                rights: &[Permissions { needs: &[Usage::Delete], actions: &["wafv2:GetWebACLForResource"] }],
            },
            StatementTemplate {
                sid: Sid::OwnByName,
                on: ACL_AND_STAGES,
                rights: &[Permissions { needs: &[Usage::Delete], actions: &["wafv2:DisassociateWebACL"] }],
            },
            StatementTemplate {
                sid: Sid::OwnByName,
                on: RULE_GROUPS,
                rights: &[Permissions { needs: &[Usage::Delete], actions: &["wafv2:PutPermissionPolicy"] }],
            },
            StatementTemplate {
                sid: Sid::OwnByTag,
                on: STAGES,
                rights: &[Permissions { needs: &[Usage::Delete], actions: &["apigateway:SetWebACL"] }],
            },
        ],
        rates: &[
            Rate::one_in(1, Calls::Operations(TARGET, &["CreateWebACL"])),
            Rate::one_in(1, Calls::Operations(TARGET, &["UpdateWebACL"])),
            Rate::one_in(1, Calls::Operations(TARGET, &["DeleteWebACL"])),
            Rate::one_in(1, Calls::Operations(TARGET, &["ListResourcesForWebACL"])),
            Rate::per_second(5, Calls::Operations(TARGET, &["GetWebACL"])),
            Rate::per_second(5, Calls::Operations(TARGET, &["ListWebACLs"])),
            // AWS does not publish this one; it is assumed to be like the other reads.
            Rate::per_second(5, Calls::Operations(TARGET, &["GetSampledRequests"])),
            // Shared with IP sets.
            Rate::per_second(5, Calls::Operations(TARGET, &["ListTagsForResource"])),
        ],
        check: SettingsCheck {
            layer: Layer::Firewall,
            subject: "web ACL",
            holds: "rules and actions match the stack file",
            read: "GetWebACL",
        },
    };
}

impl WebAcl {
    fn default_action(&self) -> DefaultAction {
        if self.default_allow {
            DefaultAction::builder().allow(AllowAction::builder().build()).build()
        } else {
            DefaultAction::builder().block(BlockAction::builder().build()).build()
        }
    }
}

impl Wafv2 {
    /// Reads a web ACL by its ids; `None` if there is none.
    async fn web_acl(&self, name: &str, id: &str, arn: &str) -> Result<Option<Found<WebAcl>>, Failure> {
        let get = self.client.get_web_acl().name(name).id(id).scope(SCOPE);
        let (answer, owned) = tokio::join!(get.send(), self.owns(arn));
        let answer = answer.or_fail(&format!("read the web ACL {name}")).or_absent()?;
        let (Some(answer), Some(owned)) = (answer, owned?) else { return Ok(None) };
        if !owned {
            return Err(Failure::foreign("the web ACL", arn));
        }
        let acl = answer.web_acl.ok_or_else(|| empty(name))?;
        let lock_token = answer.lock_token.unwrap_or_default();
        let outputs = Outputs { name: acl.name.clone(), id: acl.id.clone(), arn: acl.arn.clone(), lock_token };
        Ok(Some(Found { outputs, live: WebAclLive(acl) }))
    }

    /// All web ACLs of the account, and the failure if the list could not be read to its end.
    pub(super) async fn web_acls(&self) -> (Vec<WebAclSummary>, Option<Failure>) {
        let list = |marker| async move {
            let call = self.client.list_web_acls().scope(SCOPE).limit(PAGE).set_next_marker(marker);
            let page = call.send().await.or_fail("list the web ACLs")?;
            Ok((page.web_acls, page.next_marker))
        };
        as_far_as_pages_go(list).await
    }

    async fn web_acl_token(&self, acl: &Outputs) -> Result<String, Failure> {
        let call = self.client.get_web_acl().name(&acl.name).id(&acl.id).scope(SCOPE);
        let answer = call.send().await.or_fail(&format!("read the web ACL {}", acl.name));
        token(&acl.name, answer.map(|answer| answer.lock_token), async {
            let listed = self.web_acls().await.0.into_iter().find(|one| one.id() == Some(&acl.id));
            listed.and_then(|one| one.lock_token)
        })
        .await
    }

    /// Removes all associations of a web ACL that is being deleted. It is ours, so nobody else's protection is lost.
    async fn release(&self, acl: &Outputs, task: &Task) -> Result<(), Failure> {
        for stage in self.stages(&acl.arn).await? {
            task.note(format!("taking it off {stage}"));
            self.detach(&stage, &acl.arn).await?;
        }
        Ok(())
    }
}

impl Provider<WebAcl> for Wafv2 {
    async fn read(&self, key: &Key, known: Option<&Outputs>, _: &Task) -> Result<Option<Found<WebAcl>>, Failure> {
        if let Some(known) = known
            && let Some(found) = self.web_acl(&known.name, &known.id, &known.arn).await?
        {
            return Ok(Some(found));
        }
        match whole(self.web_acls().await)?.into_iter().find(|acl| acl.name() == Some(&key.name)) {
            Some(WebAclSummary { id: Some(id), arn: Some(arn), .. }) => self.web_acl(&key.name, &id, &arn).await,
            _ => Ok(None),
        }
    }

    async fn create(&self, want: &WebAcl, task: &Task) -> Result<Outputs, Failure> {
        let rules = want.rules.iter().map(Rule::to_aws).collect::<Result<Vec<_>, _>>()?;
        let visible = visibility(&want.metric)?;
        let made = settled(task, &[&WAF_IP_SET, &WAF_TROUBLE], || async {
            let call = self.once.create_web_acl().name(&want.name).scope(SCOPE).default_action(want.default_action());
            let call = call.set_rules(Some(rules.clone())).visibility_config(visible.clone());
            let call = call.set_tags(Some(self.tags(&want.id)?));
            call.send().await.or_fail(&format!("create the web ACL {}", want.name))
        });
        let made = made.await?.summary.ok_or_else(|| empty(&want.name))?;
        match (made.id, made.arn) {
            (Some(id), Some(arn)) => {
                Ok(Outputs { name: want.name.clone(), id, arn, lock_token: made.lock_token.unwrap_or_default() })
            }
            _ => Err(empty(&want.name)),
        }
    }

    async fn update(&self, want: &WebAcl, found: &Found<WebAcl>, task: &Task) -> Result<Outputs, Failure> {
        let (seen, WebAclLive(live)) = (&found.outputs, &found.live);
        let rules = &want.rules.iter().map(Rule::to_aws).collect::<Result<Vec<_>, _>>()?;
        let visible = &visibility(&want.metric)?;
        // Waits for an IP set that is not visible yet, but not for a web ACL that is gone.
        let read = || async {
            let token = self.web_acl_token(seen).await;
            token.map_err(|failure| if is_absent(&failure) { Failure::refused(failure.to_string()) } else { failure })
        };
        let updated = locked(task, &[&WAF_LOCK, &WAF_IP_SET, &WAF_TROUBLE], seen, read, |token| async move {
            let call = self.client.update_web_acl().name(&seen.name).id(&seen.id).scope(SCOPE).lock_token(token);
            let call = call.default_action(want.default_action()).set_rules(Some(rules.clone()));
            let call = call.visibility_config(visible.clone());
            // The stack file does not decide about the rest, and an update would reset it if it were left out.
            let call = call
                .set_description(live.description.clone().filter(|text| !text.is_empty()))
                .set_data_protection_config(live.data_protection_config.clone())
                .set_custom_response_bodies(live.custom_response_bodies.clone())
                .set_captcha_config(live.captcha_config.clone())
                .set_challenge_config(live.challenge_config.clone())
                .set_token_domains(live.token_domains.clone())
                .set_association_config(live.association_config.clone())
                .set_on_source_d_do_s_protection_config(live.on_source_d_do_s_protection_config.clone())
                .set_application_config(live.application_config.clone())
                .set_monetization_config(live.monetization_config.clone());
            call.send().await.or_fail(&format!("update the web ACL {}", seen.name))
        });
        let lock_token = updated.await?.next_lock_token.unwrap_or_default();
        Ok(Outputs { lock_token, ..seen.clone() })
    }

    async fn delete(&self, gone: &Outputs, task: &Task) -> Result<(), Failure> {
        let read = || self.web_acl_token(gone);
        let deleted = locked(task, &[&WAF_IN_USE, &WAF_LOCK, &WAF_TROUBLE], gone, read, |token| async move {
            let call = self.client.delete_web_acl().name(&gone.name).id(&gone.id).scope(SCOPE).lock_token(token);
            let deleted = call.send().await.or_fail(&format!("delete the web ACL {}", gone.name));
            if deleted.as_ref().is_err_and(|failure| ASSOCIATED.is(failure)) {
                self.release(gone, task).await?;
            }
            deleted
        });
        deleted.await.or_absent().map(drop)
    }

    async fn list(&self, whose: &Whose) -> Result<Listing, Failure> {
        self.list_acls(whose).await
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::aws::testing::{asked, replay};
    use crate::aws::wafv2::{RuleAction, RuleKind};
    use crate::engine::Cause;

    const ARN: &str = "arn:aws:wafv2:eu-central-1:123456789012:regional/webacl/demo-firewall/1-2";
    const SET: &str = "arn:aws:wafv2:eu-central-1:123456789012:regional/ipset/demo-office/3-4";
    const STAGE: &str = "arn:aws:apigateway:eu-central-1::/restapis/abc/stages/development";

    fn want() -> WebAcl {
        let rule = |name: &str, priority, kind| Rule { name: name.into(), priority, metric: name.into(), kind };
        WebAcl {
            id: "web_acl.firewall".into(),
            name: "demo-firewall".into(),
            metric: "demo".into(),
            default_allow: true,
            rules: vec![
                rule("office", 0, RuleKind::IpSet { arn: SET.into(), action: RuleAction::Block }),
                rule("rate", 1, RuleKind::RatePerIp { limit: 500 }),
                rule(
                    "common",
                    2,
                    RuleKind::Managed {
                        vendor: "AWS".into(),
                        group: "AWSManagedRulesCommonRuleSet".into(),
                        count_only: true,
                    },
                ),
            ],
        }
    }

    /// What AWS answers once `want` is as wanted.
    fn got() -> Value {
        let visible =
            |name| json!({"SampledRequestsEnabled": true, "CloudWatchMetricsEnabled": true, "MetricName": name});
        json!({"LockToken": "t1", "WebACL": {
            "Name": "demo-firewall", "Id": "1-2", "ARN": ARN, "Capacity": 703,
            "DefaultAction": {"Allow": {}},
            "VisibilityConfig": visible("demo"),
            "TokenDomains": ["example.com"],
            "Rules": [
                {"Name": "common", "Priority": 2, "OverrideAction": {"Count": {}}, "VisibilityConfig": visible("common"),
                 "Statement": {"ManagedRuleGroupStatement": {"VendorName": "AWS", "Name": "AWSManagedRulesCommonRuleSet"}}},
                {"Name": "office", "Priority": 0, "Action": {"Block": {}}, "VisibilityConfig": visible("office"),
                 "Statement": {"IPSetReferenceStatement": {"ARN": SET}}},
                {"Name": "rate", "Priority": 1, "Action": {"Block": {}}, "VisibilityConfig": visible("rate"),
                 "Statement": {"RateBasedStatement": {"Limit": 500, "AggregateKeyType": "IP"}}}]}})
    }

    fn ids() -> Outputs {
        Outputs { name: "demo-firewall".into(), id: "1-2".into(), arn: ARN.into(), lock_token: "t1".into() }
    }

    const TAGS: &str = r#"{"TagInfoForResource": {"TagList": [{"Key": "securelambda:stack", "Value": "demo"}]}}"#;

    async fn found(answer: &Value) -> Found<WebAcl> {
        let answer = answer.to_string();
        let (clients, http) = replay(vec![(200, &answer), (200, TAGS)]);
        let waf = Wafv2::new(&clients);
        let found =
            Provider::<WebAcl>::read(&waf, &want().key(), Some(&ids()), &Task::detached("x")).await.expect("an answer");
        assert_eq!(asked(&http).len(), 2, "both reads side by side and no write");
        found.expect("a web ACL")
    }

    #[tokio::test]
    async fn an_unchanged_web_acl_does_not_drift() {
        let found = found(&got()).await;
        assert_eq!(found.outputs, ids());
        assert_eq!(want().drift(&found.live), []);
    }

    #[tokio::test]
    async fn every_field_is_compared() {
        let count = || json!({"Count": {}});
        let scoped = json!({"GeoMatchStatement": {"CountryCodes": ["DE"]}});
        let extra = json!({"Name": "door", "Priority": 9, "Action": {"Allow": {}},
            "Statement": {"IPSetReferenceStatement": {"ARN": "arn:x"}},
            "VisibilityConfig": {"SampledRequestsEnabled": true, "CloudWatchMetricsEnabled": true, "MetricName": "x"}});
        // Where the change is made, what it is, and the drift: field, live value, whether it weakens.
        let table: Vec<(&str, Value, &str, &str, bool)> = vec![
            ("/DefaultAction", json!({"Block": {}}), "DefaultAction", "Block", true),
            ("/VisibilityConfig/MetricName", json!("other"), "VisibilityConfig.MetricName", "other", false),
            (
                "/VisibilityConfig/CloudWatchMetricsEnabled",
                json!(false),
                "VisibilityConfig.CloudWatchMetricsEnabled",
                "false",
                false,
            ),
            (
                "/VisibilityConfig/SampledRequestsEnabled",
                json!(false),
                "VisibilityConfig.SampledRequestsEnabled",
                "false",
                false,
            ),
            ("/Rules/0/OverrideAction", json!({"None": {}}), "Rules.common.Action", "as the group says", true),
            ("/Rules/0/Priority", json!(7), "Rules.common.Priority", "7", true),
            (
                "/Rules/0/Statement/ManagedRuleGroupStatement/Name",
                json!("Other"),
                "Rules.common.Statement",
                "the whole group AWS/Other",
                true,
            ),
            (
                "/Rules/0/Statement/ManagedRuleGroupStatement/ScopeDownStatement",
                scoped.clone(),
                "Rules.common.Statement",
                "another statement",
                true,
            ),
            (
                "/Rules/0/Statement/ManagedRuleGroupStatement/ExcludedRules",
                json!([{"Name": "x"}]),
                "Rules.common.Statement",
                "another statement",
                true,
            ),
            (
                "/Rules/0/Statement/ManagedRuleGroupStatement/RuleActionOverrides",
                json!([{"Name": "x", "ActionToUse": count()}]),
                "Rules.common.Statement",
                "another statement",
                true,
            ),
            ("/Rules/1/Action", count(), "Rules.office.Action", "Count", true),
            ("/Rules/1/Action", json!({"Allow": {}}), "Rules.office.Action", "Allow", true),
            ("/Rules/1/Action", json!({"Captcha": {}}), "Rules.office.Action", "another action", true),
            ("/Rules/1/Name", json!("door"), "Rules.office", "no such rule", true),
            (
                "/Rules/1/Statement/IPSetReferenceStatement/ARN",
                json!("arn:x"),
                "Rules.office.Statement",
                "addresses of arn:x",
                true,
            ),
            (
                "/Rules/1/Statement/IPSetReferenceStatement/IPSetForwardedIPConfig",
                json!({"HeaderName": "X-Forwarded-For", "FallbackBehavior": "MATCH", "Position": "ANY"}),
                "Rules.office.Statement",
                "another statement",
                true,
            ),
            (
                "/Rules/1/VisibilityConfig/MetricName",
                json!("x"),
                "Rules.office.VisibilityConfig.MetricName",
                "x",
                false,
            ),
            (
                "/Rules/2/Statement/RateBasedStatement/Limit",
                json!(5000),
                "Rules.rate.Statement",
                "over 5000 requests in 300 s from one address",
                true,
            ),
            (
                "/Rules/2/Statement/RateBasedStatement/EvaluationWindowSec",
                json!(60),
                "Rules.rate.Statement",
                "over 500 requests in 60 s from one address",
                true,
            ),
            (
                "/Rules/2/Statement/RateBasedStatement/AggregateKeyType",
                json!("FORWARDED_IP"),
                "Rules.rate.Statement",
                "another statement",
                true,
            ),
            (
                "/Rules/2/Statement/RateBasedStatement/ScopeDownStatement",
                scoped,
                "Rules.rate.Statement",
                "another statement",
                true,
            ),
            ("/Rules/3", extra, "Rules.door", "addresses of arn:x: Allow", true),
        ];
        for (at, value, field, live, weakens) in table {
            let mut answer = got();
            put(&mut answer["WebACL"], at, value);
            let drift = want().drift(&found(&answer).await.live);
            let first = drift.first().unwrap_or_else(|| panic!("no drift for {at}"));
            assert_eq!((first.field.as_str(), first.live.as_str(), first.weakens), (field, live, weakens));
        }
    }

    /// Sets what a pointer names, making the last step if need be.
    fn put(document: &mut Value, at: &str, value: Value) {
        let (parent, last) = at.rsplit_once('/').expect("a pointer");
        match document.pointer_mut(parent).expect("a parent") {
            Value::Array(items) if last == items.len().to_string() => items.push(value),
            Value::Array(items) => items[last.parse::<usize>().expect("an index")] = value,
            other => other[last] = value,
        }
    }

    #[tokio::test]
    async fn a_new_web_acl_has_no_drift() {
        let made =
            json!({"Summary": {"Name": "demo-firewall", "Id": "1-2", "ARN": ARN, "LockToken": "t1"}}).to_string();
        let (clients, http) = replay(vec![(200, &made)]);
        assert_eq!(Wafv2::new(&clients).create(&want(), &Task::detached("x")).await, Ok(ids()));
        let mut sent: Value = serde_json::from_str(&asked(&http)[0].1).expect("JSON");
        for rule in sent["Rules"].as_array().expect("rules") {
            assert!(rule["Action"].is_object() ^ rule["OverrideAction"].is_object(), "exactly one of the two: {rule}");
        }
        assert_eq!(sent["Tags"][0]["Value"], "demo");
        sent["ARN"] = json!(ARN);
        sent["Id"] = json!("1-2");
        let echo = json!({"LockToken": "t1", "WebACL": sent});
        assert_eq!(want().drift(&found(&echo).await.live), []);
    }

    #[tokio::test]
    async fn an_existing_web_acl_and_a_lost_answer_have_different_causes() {
        let duplicate = r#"{"__type": "WAFDuplicateItemException", "Message": "a duplicate"}"#;
        for (status, body, cause) in [(400, duplicate, Cause::Exists), (503, "{}", Cause::Unknown)] {
            let (clients, http) = replay(vec![(status, body)]);
            let failure = Wafv2::new(&clients).create(&want(), &Task::detached("x")).await.expect_err("a refusal");
            assert_eq!((failure.cause, asked(&http).len()), (cause, 1));
        }
    }

    #[tokio::test]
    async fn an_update_keeps_settings_that_the_stack_does_not_name() {
        let mut answer = got();
        answer["WebACL"]["Rules"] = json!([]);
        let found = found(&answer).await;
        let (clients, http) = replay(vec![(200, r#"{"NextLockToken": "t2"}"#)]);
        let outputs = Wafv2::new(&clients).update(&want(), &found, &Task::detached("x")).await;
        assert_eq!(outputs, Ok(Outputs { lock_token: "t2".into(), ..ids() }));
        let sent: Value = serde_json::from_str(&asked(&http)[0].1).expect("JSON");
        assert_eq!(sent["TokenDomains"], json!(["example.com"]));
        assert_eq!(sent["LockToken"], "t1");
        assert_eq!(sent["Rules"].as_array().map(Vec::len), Some(3));
    }

    #[tokio::test]
    async fn a_web_acl_that_disappears_is_not_waited_for() {
        let absent = r#"{"__type": "WAFNonexistentItemException", "Message": "no such thing"}"#;
        let found = found(&got()).await;
        let (clients, http) = replay(vec![(400, absent), (400, absent)]);
        let failure = Wafv2::new(&clients).update(&want(), &found, &Task::detached("x")).await.expect_err("gone");
        assert_eq!((failure.cause, asked(&http).len()), (Cause::Refused, 2));
    }

    #[tokio::test]
    async fn a_web_acl_in_use_is_disassociated_first() {
        let in_use = r#"{"__type": "WAFAssociatedItemException", "Message": "in use"}"#;
        let listed = json!({"ResourceArns": [STAGE, "arn:taken-over"]}).to_string();
        let attached = json!({"WebACL": got()["WebACL"]}).to_string();
        let mut other = got()["WebACL"].clone();
        other["ARN"] = json!("arn:another");
        let other = json!({"WebACL": other}).to_string();
        let fresh = got().to_string().replace("t1", "t2");
        let (clients, http) = replay(vec![
            (400, in_use),
            (200, &listed),
            (200, &attached),
            (200, "{}"),
            (200, &other),
            (200, &fresh),
            (200, "{}"),
        ]);
        let waf = Wafv2::new(&clients);
        assert_eq!(Provider::<WebAcl>::delete(&waf, &ids(), &Task::detached("x")).await, Ok(()));
        let asked = asked(&http);
        let operations: Vec<&str> = asked.iter().map(|(operation, _)| operation.as_str()).collect();
        assert_eq!(
            operations,
            [
                "DeleteWebACL",
                "ListResourcesForWebACL",
                "GetWebACLForResource",
                "DisassociateWebACL",
                "GetWebACLForResource",
                "GetWebACL",
                "DeleteWebACL"
            ]
        );
        assert!(asked[1].1.contains("API_GATEWAY"), "without a type it lists load balancers");
        assert!(asked[3].1.contains(STAGE), "what another took over keeps its own");
        assert!(asked[6].1.contains(r#""LockToken":"t2""#));
    }
}
