//! Web ACLs.

use aws_sdk_wafv2::types::{AllowAction, BlockAction, DefaultAction, WebAcl as AwsWebAcl, WebAclSummary};

use super::logging::LoggingLive;
use super::refusals::{ASSOCIATED, WAF_IN_USE, WAF_IP_SET, WAF_LOCK, WAF_TROUBLE};
use super::rule::visibility;
use super::{
    ACL_AND_STAGES, Association, Key, Logging, Outputs, PAGE, PoolAssociation, RULE_GROUPS, Rule, SCOPE, SETS_AND_ACLS,
    STAGES, TARGET, Wafv2, compare, locked, removal_command, settings, token,
};
use crate::aws::error::{OrAbsent, OrFail, empty, is_absent};
use crate::aws::kind::{Calls, CleanupGroup, Described, Kind, Listed, Rate, SettingsCheck};
use crate::aws::pages::{as_far_as_pages_go, whole};
use crate::aws::rights::{Permissions, Sid, StatementTemplate, Usage};
use crate::aws::settle::settled;
use crate::aws::wafv2::SERVICE;
use crate::engine::{Comparison, Failure, Found, Listing, Provider, Resource, Retag, Tags, Task};
use crate::layer::Layer;
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
    /// How much of a body WAF inspects, in KB: 16, 32, 48 or 64.
    pub body_limit_kb: u32,
}

/// A web ACL, as read from AWS.
#[derive(Debug, Clone)]
pub struct WebAclLive {
    /// The whole web ACL, because an update resets the settings that it leaves out.
    pub(super) acl: AwsWebAcl,
    /// Its logging configuration.
    pub(super) logging: LoggingLive,
    /// The ARNs of the stages that it is associated with, ours and others. `None`: the emulator does not list them.
    pub(super) resources: Option<Vec<String>>,
    /// Whether the endpoint is an emulator, which may lose settings that AWS keeps.
    pub(super) emulated: bool,
}

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

    fn compare(&self, live: &WebAclLive) -> Comparison {
        let compared = settings::default(Comparison::default(), self, &live.acl);
        let compared = compare::rules(compared, &self.rules, live.acl.rules(), !self.default_allow);
        let compared = compare::visibility(compared, "", &self.metric, live.acl.visibility_config());
        settings::others(compared, self, live)
    }
}

impl Described for WebAcl {
    const ABOUT: Kind = Kind {
        service: SERVICE,
        label: "web ACL",
        listed: Listed::ByItself,
        cleanup: CleanupGroup::Waf,
        gone_before: &[Association::KIND, PoolAssociation::KIND, Logging::KIND],
        permissions: &[
            StatementTemplate {
                sid: Sid::RetagOwn,
                on: SETS_AND_ACLS,
                rights: &[Permissions {
                    needs: &[Usage::Update],
                    actions: &["wafv2:TagResource", "wafv2:UntagResource"],
                }],
            },
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
                        needs: &[Usage::Read, Usage::Survivors, Usage::Delete],
                        actions: &["wafv2:ListResourcesForWebACL"],
                    },
                    Permissions {
                        needs: &[Usage::Read, Usage::Survivors],
                        actions: &["wafv2:GetLoggingConfiguration"],
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
            // AWS does not publish these rates; they are assumed to be like those of the other reads.
            Rate::per_second(5, Calls::Operations(TARGET, &["GetSampledRequests"])),
            Rate::per_second(5, Calls::Operations(TARGET, &["GetLoggingConfiguration"])),
            // IP sets share this rate.
            Rate::per_second(5, Calls::Operations(TARGET, &["ListTagsForResource"])),
        ],
        check: SettingsCheck {
            layer: Layer::Firewall,
            subject: "web ACL",
            holds: "rules and actions match the stack file",
            read: "GetWebACL, GetLoggingConfiguration, ListResourcesForWebACL",
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
        let (answer, owned, logging, resources) =
            tokio::join!(get.send(), self.owns(arn), self.log_of(arn), self.stages(arn));
        let answer = answer.or_fail(&format!("read the web ACL {name}")).or_absent()?;
        let (Some(answer), Some(owned)) = (answer, owned?) else { return Ok(None) };
        if !owned {
            return Err(Failure::foreign("the web ACL", arn));
        }
        let acl = answer.web_acl.ok_or_else(|| empty(name))?;
        let lock_token = answer.lock_token.unwrap_or_default();
        let outputs = Outputs { name: acl.name.clone(), id: acl.id.clone(), arn: acl.arn.clone(), lock_token };
        let resources = match resources {
            // The resources are only shown, so a failure of an emulator is ignored.
            Err(failure) if self.emulator && !failure.ends_all() => None,
            resources => Some(resources?),
        };
        let (logging, emulated) = (logging?, self.emulator);
        Ok(Some(Found { outputs, live: WebAclLive { acl, logging, resources, emulated } }))
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
            task.note(format!("removing the web ACL from {stage}"));
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
        let bodies = settings::association_config(want.body_limit_kb, None)?;
        let made = settled(task, &[&WAF_IP_SET, &WAF_TROUBLE], || async {
            let call = self.once.create_web_acl().name(&want.name).scope(SCOPE).default_action(want.default_action());
            let call = call.set_rules(Some(rules.clone())).visibility_config(visible.clone());
            let call = call.set_association_config(bodies.clone());
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
        let (seen, live) = (&found.outputs, &found.live.acl);
        let rules = &want.rules.iter().map(Rule::to_aws).collect::<Result<Vec<_>, _>>()?;
        let visible = &visibility(&want.metric)?;
        let bodies = &settings::association_config(want.body_limit_kb, live.association_config())?;
        // The update waits for an IP set that is not visible yet. An absent web ACL becomes a refusal, so that it does
        // not wait for that too.
        let read = || async {
            let token = self.web_acl_token(seen).await;
            token.map_err(|failure| if is_absent(&failure) { Failure::refused(failure.to_string()) } else { failure })
        };
        let updated = locked(task, &[&WAF_LOCK, &WAF_IP_SET, &WAF_TROUBLE], seen, read, |token| async move {
            let call = self.client.update_web_acl().name(&seen.name).id(&seen.id).scope(SCOPE).lock_token(token);
            let call = call.default_action(want.default_action()).set_rules(Some(rules.clone()));
            let call = call.visibility_config(visible.clone());
            // An update resets the settings that it leaves out. The following are kept: except for the body limit, they
            // are not the stack's, and they do not let requests through. `CustomResponseBodies`, `CaptchaConfig`,
            // `ChallengeConfig` and `TokenDomains` are reset.
            let call = call
                .set_description(live.description.clone().filter(|text| !text.is_empty()))
                .set_data_protection_config(live.data_protection_config.clone())
                .set_association_config(bodies.clone())
                .set_on_source_d_do_s_protection_config(live.on_source_d_do_s_protection_config.clone())
                .set_application_config(live.application_config.clone())
                .set_monetization_config(live.monetization_config.clone());
            call.send().await.or_fail(&format!("update the web ACL {}", seen.name))
        });
        let lock_token = updated.await?.next_lock_token.unwrap_or_default();
        Ok(Outputs { lock_token, ..seen.clone() })
    }

    async fn tags(&self, of: &Outputs, _: &Task) -> Result<Option<Tags>, Failure> {
        self.tags_at(&of.arn).await
    }

    async fn retag(&self, of: &Outputs, change: &Retag, task: &Task) -> Result<(), Failure> {
        self.retag_at(&of.arn, change, task).await
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
    use aws_config::retry::RetryConfig;
    use aws_smithy_http_client::test_util::infallible_client_fn;
    use serde_json::{Value, json};

    use super::*;
    use crate::aws::testing::{asked, clients, replay};
    use crate::aws::wafv2::{Match, RuleAction, RuleKind};
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
                        exceptions: Vec::new(),
                    },
                ),
            ],
            body_limit_kb: 16,
        }
    }

    /// AWS's answer for a web ACL that is as wanted.
    fn got() -> Value {
        let visible =
            |name| json!({"SampledRequestsEnabled": true, "CloudWatchMetricsEnabled": true, "MetricName": name});
        json!({"LockToken": "t1", "WebACL": {
            "Name": "demo-firewall", "Id": "1-2", "ARN": ARN, "Capacity": 703,
            "DefaultAction": {"Allow": {}},
            "VisibilityConfig": visible("demo"),
            "DataProtectionConfig": {"DataProtections": [
                {"Field": {"FieldType": "SINGLE_HEADER", "FieldKeys": ["authorization"]}, "Action": "HASH"}]},
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

    const NO_LOG: &str = r#"{"__type": "WAFNonexistentItemException", "Message": "no such thing"}"#;

    /// Reads a web ACL that AWS describes with this answer. The four calls of a read are sent in any order.
    async fn found(answer: &Value) -> Found<WebAcl> {
        let (answer, stages) = (answer.to_string(), json!({"ResourceArns": [STAGE, "arn:another"]}).to_string());
        let http = infallible_client_fn(move |request: hyper::Request<_>| {
            let target = request.headers()["x-amz-target"].to_str().expect("text").to_owned();
            let (status, body) = match target.rsplit('.').next() {
                Some("GetWebACL") => (200, answer.clone()),
                Some("ListTagsForResource") => (200, TAGS.to_owned()),
                Some("GetLoggingConfiguration") => (400, NO_LOG.to_owned()),
                Some("ListResourcesForWebACL") => (200, stages.clone()),
                other => panic!("{other:?} was not expected"),
            };
            hyper::Response::builder().status(status).body(body).expect("an answer")
        });
        let waf = Wafv2::new(&clients(http, RetryConfig::disabled()));
        let task = Task::detached("x");
        let found = Provider::<WebAcl>::read(&waf, &want().key(), Some(&ids()), &task).await.expect("an answer");
        found.expect("a web ACL")
    }

    #[tokio::test]
    async fn an_unchanged_web_acl_does_not_drift() {
        let found = found(&got()).await;
        assert_eq!(found.outputs, ids());
        assert_eq!(want().drift(&found.live), []);
        let compared = want().compare(&found.live);
        let value = |field: &str| {
            let setting = compared.settings().iter().find(|setting| setting.field == field);
            setting.unwrap_or_else(|| panic!("{field} is not compared")).live.clone()
        };
        // Settings that others added are shown, and not changed.
        assert_eq!(value("ResourceArns"), format!("{STAGE}, arn:another"));
        assert_eq!(value("DataProtectionConfig"), "HASH SINGLE_HEADER authorization");
        assert_eq!(value("LoggingConfiguration"), "none");
        assert_eq!(value("Rules.office.Action"), "Block");
        assert_eq!(value("AssociationConfig.RequestBody.API_GATEWAY.DefaultSizeInspectionLimit"), "KB_16");
    }

    /// The first drift of a web ACL in which one value of AWS's answer is another one: field, value, whether it weakens.
    async fn drift(want: &WebAcl, at: &str, value: Value) -> (String, String, bool) {
        let mut answer = got();
        put(&mut answer["WebACL"], at, value);
        let drift = want.drift(&found(&answer).await.live);
        let first = drift.first().unwrap_or_else(|| panic!("no drift for {at}"));
        (first.field.clone(), first.live.clone(), first.weakens)
    }

    #[tokio::test]
    async fn every_field_is_compared() {
        let count = || json!({"Count": {}});
        let scoped = json!({"GeoMatchStatement": {"CountryCodes": ["DE"]}});
        let visible = json!({"SampledRequestsEnabled": true, "CloudWatchMetricsEnabled": true, "MetricName": "x"});
        let group = "/Rules/0/Statement/ManagedRuleGroupStatement";
        let rate = "/Rules/2/Statement/RateBasedStatement";
        let forwarded = json!({"HeaderName": "X-Forwarded-For", "FallbackBehavior": "MATCH", "Position": "ANY"});
        // The pointer to the changed value, the new value, and the drift: field, live value, whether it weakens.
        #[rustfmt::skip]
        let table: Vec<(String, Value, &str, &str, bool)> = vec![
            ("/DefaultAction".into(), json!({"Block": {}}), "DefaultAction", "Block", false),
            ("/DefaultAction/Allow".into(), json!({"CustomRequestHandling": {"InsertHeaders": [{"Name": "a", "Value": "b"}]}}),
                "DefaultAction", "Allow with custom request headers", false),
            ("/VisibilityConfig/MetricName".into(), json!("other"), "VisibilityConfig.MetricName", "other", false),
            ("/VisibilityConfig/CloudWatchMetricsEnabled".into(), json!(false), "VisibilityConfig.CloudWatchMetricsEnabled", "false", false),
            ("/VisibilityConfig/SampledRequestsEnabled".into(), json!(false), "VisibilityConfig.SampledRequestsEnabled", "false", false),
            ("/TokenDomains".into(), json!(["example.com"]), "TokenDomains", "example.com", false),
            ("/CaptchaConfig".into(), json!({"ImmunityTimeProperty": {"ImmunityTime": 600}}), "CaptchaConfig.ImmunityTimeProperty", "600 s", false),
            ("/ChallengeConfig".into(), json!({"ImmunityTimeProperty": {"ImmunityTime": 600}}), "ChallengeConfig.ImmunityTimeProperty", "600 s", false),
            ("/CustomResponseBodies".into(), json!({"b": {"ContentType": "TEXT_PLAIN", "Content": "x"}}), "CustomResponseBodies", "b", false),
            ("/AssociationConfig".into(), json!({"RequestBody": {"API_GATEWAY": {"DefaultSizeInspectionLimit": "KB_64"}}}),
                "AssociationConfig.RequestBody.API_GATEWAY.DefaultSizeInspectionLimit", "KB_64", false),
            ("/Rules/0/OverrideAction".into(), json!({"None": {}}), "Rules.common.OverrideAction", "None (the group's own actions)", false),
            ("/Rules/0/Priority".into(), json!(7), "Rules.common.Priority", "7", false),
            ("/Rules/0/RuleLabels".into(), json!([{"Name": "x"}]), "Rules.common.RuleLabels", "x", false),
            (format!("{group}/Name"), json!("Other"), "Rules.common.Statement", "the group AWS/Other", true),
            (format!("{group}/ScopeDownStatement"), scoped.clone(), "Rules.common.Statement.ScopeDownStatement", "countries DE", true),
            (format!("{group}/ExcludedRules"), json!([{"Name": "x"}]), "Rules.common.Statement.ExcludedRules", "x", true),
            (format!("{group}/Version"), json!("Version_1.0"), "Rules.common.Statement.Version", "Version_1.0", true),
            (format!("{group}/RuleActionOverrides"), json!([{"Name": "x", "ActionToUse": count()}]),
                "Rules.common.Statement.RuleActionOverrides", "x: Count", true),
            (format!("{group}/RuleActionOverrides"), json!([{"Name": "x", "ActionToUse": {"Block": {}}}]),
                "Rules.common.Statement.RuleActionOverrides", "x: Block", false),
            ("/Rules/1/Action".into(), count(), "Rules.office.Action", "Count", true),
            ("/Rules/1/Action".into(), json!({"Allow": {}}), "Rules.office.Action", "Allow", true),
            ("/Rules/1/Action".into(), json!({"Captcha": {}}), "Rules.office.Action", "Captcha", true),
            ("/Rules/1/Action".into(), json!({"Block": {"CustomResponse": {"ResponseCode": 200}}}), "Rules.office.Action",
                "Block with a custom response", false),
            ("/Rules/1/Name".into(), json!("door"), "Rules.office", "no such rule", true),
            ("/Rules/1/Statement/IPSetReferenceStatement/ARN".into(), json!("arn:x"), "Rules.office.Statement", "addresses of arn:x", true),
            ("/Rules/1/Statement/IPSetReferenceStatement/IPSetForwardedIPConfig".into(), forwarded, "Rules.office.Statement",
                "addresses of arn:aws:wafv2:eu-central-1:123456789012:regional/ipset/demo-office/3-4, read from a header", true),
            ("/Rules/1/Statement".into(), json!({"AndStatement": {"Statements": [{"IPSetReferenceStatement": {"ARN": SET}}, scoped]}}),
                "Rules.office.Statement", "all of (addresses of arn:aws:wafv2:eu-central-1:123456789012:regional/ipset/demo-office/3-4, countries DE)", true),
            ("/Rules/1/VisibilityConfig/MetricName".into(), json!("x"), "Rules.office.VisibilityConfig.MetricName", "x", false),
            (format!("{rate}/Limit"), json!(5000), "Rules.rate.Statement", "over 5000 requests in 300 s from one address", true),
            (format!("{rate}/Limit"), json!(50), "Rules.rate.Statement", "over 50 requests in 300 s from one address", false),
            (format!("{rate}/EvaluationWindowSec"), json!(60), "Rules.rate.Statement", "over 500 requests in 60 s from one address", true),
            (format!("{rate}/EvaluationWindowSec"), json!(600), "Rules.rate.Statement", "over 500 requests in 600 s from one address", false),
            (format!("{rate}/AggregateKeyType"), json!("FORWARDED_IP"), "Rules.rate.Statement",
                "over 500 requests in 300 s from one address, read from a header", true),
            (format!("{rate}/ScopeDownStatement"), scoped.clone(), "Rules.rate.Statement",
                "over 500 requests in 300 s from one address, only countries DE", true),
        ];
        for (at, value, field, live, weakens) in table {
            let found = drift(&want(), &at, value).await;
            assert_eq!((found.0.as_str(), found.1.as_str(), found.2), (field, live, weakens), "{at}");
        }
        // Rules that somebody added, before or after those of the stack.
        let set = json!({"IPSetReferenceStatement": {"ARN": "arn:x"}});
        let foreign = |vendor: &str| json!({"ManagedRuleGroupStatement": {"VendorName": vendor, "Name": "G"}});
        for (priority, action, statement, does, weakens) in [
            (1, json!({"Action": {"Allow": {}}}), &set, "addresses of arn:x: Allow (priority 1)", true),
            (9, json!({"Action": {"Allow": {}}}), &set, "addresses of arn:x: Allow (priority 9)", false),
            (1, json!({"Action": {"Block": {}}}), &set, "addresses of arn:x: Block (priority 1)", false),
            (1, json!({"Action": count()}), &set, "addresses of arn:x: Count (priority 1)", false),
            (1, json!({"Action": {"Block": {}}}), &scoped, "countries DE: Block (priority 1)", false),
            (
                1,
                json!({"OverrideAction": {"None": {}}}),
                &foreign("AWS"),
                "the group AWS/G: None (the group's own actions) (priority 1)",
                false,
            ),
            (
                1,
                json!({"OverrideAction": {"None": {}}}),
                &foreign("Other"),
                "the group Other/G: None (the group's own actions) (priority 1)",
                true,
            ),
        ] {
            let mut rule =
                json!({"Name": "door", "Priority": priority, "Statement": statement, "VisibilityConfig": visible});
            rule.as_object_mut().expect("a rule").extend(action.as_object().expect("an action").clone());
            let found = drift(&want(), "/Rules/3", rule.clone()).await;
            assert_eq!((found.0.as_str(), found.1.as_str(), found.2), ("Rules.door", does, weakens));
            // Where requests are blocked unless a rule allows them, every rule that allows weakens.
            let shut = WebAcl { default_allow: false, ..want() };
            let mut answer = got();
            answer["WebACL"]["DefaultAction"] = json!({"Block": {}});
            put(&mut answer["WebACL"], "/Rules/3", rule.clone());
            let drift = shut.drift(&self::found(&answer).await.live);
            let allows = weakens || rule["Action"]["Allow"].is_object();
            assert_eq!((drift.len(), drift[0].weakens), (1, allows), "{does}");
        }
    }

    #[tokio::test]
    async fn a_rule_that_lets_requests_pass_weakens_if_it_comes_first() {
        let mut letting = want();
        letting.rules[2].kind = RuleKind::IpSet { arn: SET.into(), action: RuleAction::Allow };
        let statement = json!({"IPSetReferenceStatement": {"ARN": SET}});
        for (priority, weakens) in [(9, false), (-1, true)] {
            let mut answer = got();
            let rule = &mut answer["WebACL"]["Rules"][0];
            rule["Priority"] = json!(priority);
            rule["Statement"] = statement.clone();
            rule["Action"] = json!({"Allow": {}});
            rule.as_object_mut().expect("a rule").remove("OverrideAction");
            let drift = letting.drift(&found(&answer).await.live);
            assert_eq!((drift.len(), drift[0].weakens), (1, weakens), "{drift:?}");
        }
        // Where the default action blocks, more blocking is no weakening, and letting pass is.
        let shut = WebAcl { default_allow: false, ..want() };
        let drift = shut.drift(&found(&got()).await.live);
        assert_eq!(drift, [crate::engine::Drift::weakening("DefaultAction", "Block", "Allow")]);
    }

    #[tokio::test]
    async fn countries_exceptions_and_own_rules_are_compared_by_meaning() {
        let rule = |name: &str, priority, kind| Rule { name: name.into(), priority, metric: name.into(), kind };
        let codes = |codes: &[&str]| codes.iter().map(|&code| code.to_owned()).collect();
        let conditions = vec![Match::Path("^/admin/.*$".into()), Match::NotFrom(vec![SET.into()])];
        let want = WebAcl {
            rules: vec![
                rule("countries", 0, RuleKind::Countries { codes: codes(&["AT", "DE"]), all_others: false }),
                rule("others", 1, RuleKind::Countries { codes: codes(&["AT", "DE"]), all_others: true }),
                rule(
                    "common",
                    2,
                    RuleKind::Managed {
                        vendor: "AWS".into(),
                        group: "AWSManagedRulesCommonRuleSet".into(),
                        count_only: false,
                        exceptions: vec!["SizeRestrictions_BODY".into()],
                    },
                ),
                rule("admin", 3, RuleKind::Match { conditions, action: RuleAction::Block }),
            ],
            body_limit_kb: 32,
            ..want()
        };
        // AWS's answer: the web ACL that was sent, with the country codes in AWS's order.
        let made =
            json!({"Summary": {"Name": "demo-firewall", "Id": "1-2", "ARN": ARN, "LockToken": "t1"}}).to_string();
        let (clients, http) = replay(vec![(200, &made)]);
        assert_eq!(Wafv2::new(&clients).create(&want, &Task::detached("x")).await, Ok(ids()));
        let mut sent: Value = serde_json::from_str(&asked(&http)[0].1).expect("JSON");
        sent["ARN"] = json!(ARN);
        sent["Id"] = json!("1-2");
        sent["Rules"][0]["Statement"]["GeoMatchStatement"]["CountryCodes"] = json!(["DE", "AT"]);
        let echo = json!({"LockToken": "t1", "WebACL": sent});
        assert_eq!(want.drift(&found(&echo).await.live), []);
        let countries = "/Rules/0/Statement/GeoMatchStatement/CountryCodes";
        let others = "/Rules/1/Statement/NotStatement/Statement/GeoMatchStatement/CountryCodes";
        let overrides = "/Rules/2/Statement/ManagedRuleGroupStatement/RuleActionOverrides";
        let regex = "/Rules/3/Statement/AndStatement/Statements/0/RegexMatchStatement/RegexString";
        let bodies = "/AssociationConfig/RequestBody/API_GATEWAY/DefaultSizeInspectionLimit";
        for (at, value, weakens) in [
            (countries, json!(["DE"]), true),
            (countries, json!(["DE", "AT", "CH"]), false),
            (others, json!(["DE"]), false),
            (others, json!(["DE", "AT", "CH"]), true),
            (overrides, json!([]), false),
            (overrides, json!([{"Name": "SizeRestrictions_BODY", "ActionToUse": {"Allow": {}}}]), true),
            (regex, json!("^/admin/x$"), true),
            (bodies, json!("KB_16"), true),
            (bodies, json!("KB_48"), false),
        ] {
            let mut answer = echo.clone();
            put(&mut answer["WebACL"], at, value);
            let drift = want.drift(&found(&answer).await.live);
            assert_eq!((drift.len(), drift[0].weakens), (1, weakens), "{at}: {drift:?}");
        }
    }

    /// Sets the value at a JSON pointer, and creates its last part if needed.
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
        assert_eq!(sent["Tags"][1]["Value"], "demo");
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
        answer["WebACL"]["TokenDomains"] = json!(["example.com"]);
        let found = found(&answer).await;
        let (clients, http) = replay(vec![(200, r#"{"NextLockToken": "t2"}"#)]);
        let outputs = Wafv2::new(&clients).update(&want(), &found, &Task::detached("x")).await;
        assert_eq!(outputs, Ok(Outputs { lock_token: "t2".into(), ..ids() }));
        let sent: Value = serde_json::from_str(&asked(&http)[0].1).expect("JSON");
        assert_eq!(sent["DataProtectionConfig"]["DataProtections"][0]["Action"], "HASH");
        assert_eq!(sent.get("TokenDomains"), None, "what weakens nothing and is not the stack's is reset");
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
