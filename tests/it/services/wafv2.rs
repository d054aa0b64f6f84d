//! WAF.

use serde_json::json;

use super::Entry::{Is, Not};
use super::{Asked, Host, Kind, List, OURS, Reads, Refusals, Service, Usage, WrongTime, by_operation};

pub const SERVICE: Service = Service {
    name: "wafv2",
    host: Host::Regional("wafv2"),
    sdk: "wafv2",
    kinds: &[
        Kind {
            name: "wafv2.ip_set",
            read: "GetIPSet",
            list: Is(List {
                operation: "ListIPSets",
                arguments: || json!({ "Scope": "REGIONAL" }),
                of_parent: None,
                items: "IPSets",
                name: "Name",
            }),
            create: Is("CreateIPSet"),
            id: Is("/Summary/Id"),
            lag: Not("its name is unique"),
            delete: Is("DeleteIPSet"),
            // It can only be deleted after the web ACL that uses it.
            outlives: Is(Reads {
                called: "IP set ",
                with_state: &[],
                without_state: &["ListIPSets", "ListWebACLs", "ListTagsForResource"],
            }),
        },
        Kind {
            name: "wafv2.web_acl",
            read: "GetWebACL",
            list: Is(List {
                operation: "ListWebACLs",
                arguments: || json!({ "Scope": "REGIONAL" }),
                of_parent: None,
                items: "WebACLs",
                name: "Name",
            }),
            create: Is("CreateWebACL"),
            id: Is("/Summary/Id"),
            lag: Not("its name is unique"),
            delete: Is("DeleteWebACL"),
            outlives: Is(Reads {
                called: "web ACL ",
                with_state: &[],
                without_state: &["ListWebACLs", "ListTagsForResource"],
            }),
        },
        Kind {
            name: "wafv2.association",
            read: "GetWebACLForResource",
            list: Not("its web ACL lists it"),
            create: Is("AssociateWebACL"),
            id: Not("it is part of its parent, whose id identifies it"),
            lag: Not("a stage has at most one"),
            delete: Not("the program finds it with its web ACL"),
            outlives: Not("the account reader shows it in its stage"),
        },
        Kind {
            name: "wafv2.pool_association",
            read: "GetWebACLForResource",
            list: Not("its web ACL lists it"),
            create: Not("its call is that of wafv2.association"),
            id: Not("it is part of its parent, whose id identifies it"),
            lag: Not("a pool has at most one"),
            delete: Not("the program finds it with its web ACL"),
            outlives: Not("the account reader shows it in its pool"),
        },
        Kind {
            name: "wafv2.logging",
            read: "GetLoggingConfiguration",
            list: Not("its web ACL has it"),
            create: Is("PutLoggingConfiguration"),
            id: Not("it is part of its parent, whose id identifies it"),
            lag: Not("a web ACL has at most one"),
            delete: Not("it goes with its web ACL"),
            outlives: Not("the account reader shows it in its web ACL"),
        },
    ],
    created: by_operation,
    needs,
    unused: &[("wafv2:UntagResource", "the stack file loses a tag, or the stack no longer expires")],
    unseen: &[],
    refusals: Refusals {
        throttled: "waf-throttled",
        retry_after: None,
        unavailable: "waf-unavailable",
        conflicts: &["waf-unavailable-entity", "waf-lock", "waf-tagging"],
        denied: (400, "AccessDeniedException"),
        wrong_time: WrongTime::Json,
    },
};

fn needs(asked: &Asked<'_>) -> Vec<Usage> {
    let named = |kind: &str| asked.stack.arn("wafv2", &format!("regional/{kind}/{}/0b1c", asked.text("Name")));
    let groups = asked.stack.arn("wafv2", &format!("regional/rulegroup/{}-any/0b1c", asked.stack.stack));
    let resource = asked.text("ResourceArn");
    let of_a_pool = resource.contains(":userpool/");
    // The service of the protected resource checks a permission too.
    let owner = |verb: &str| {
        let action = if of_a_pool { format!("cognito-idp:{verb}WebACL") } else { "apigateway:SetWebACL".to_owned() };
        Usage::new(action, &*resource).with(OURS, asked.stack.stack)
    };
    let of_logs = |actions: &[&str]| -> Vec<Usage> {
        actions.iter().map(|action| Usage::new(format!("logs:{action}"), "*")).collect()
    };
    assert!(asked.list_of_tags("TagInfoList").is_empty());
    let tags = asked.list_of_tags("Tags");
    let needs = match asked.operation() {
        "ListIPSets" | "ListWebACLs" => vec![asked.need("*")],
        "ListTagsForResource" => vec![asked.need(asked.text("ResourceARN"))],
        "GetIPSet" | "UpdateIPSet" | "DeleteIPSet" | "CreateIPSet" => {
            asked.need_with_tags(&named("ipset"), &tags, "CreateIPSet", "wafv2:TagResource")
        }
        "CreateWebACL" | "UpdateWebACL" => {
            let rules = asked.body["Rules"].to_string();
            let sets = rules.split('"').filter(|part| part.contains(":regional/ipset/"));
            let managed = rules.contains("ManagedRuleGroupStatement").then(|| {
                asked.stack.arn("wafv2", "regional/managedruleset/AWSManagedRulesCommonRuleSet/1")
            });
            let used = sets.map(str::to_owned).chain(managed).map(|part| asked.need(part).with_tags(&tags));
            let acl = asked.need_with_tags(&named("webacl"), &tags, "CreateWebACL", "wafv2:TagResource");
            acl.into_iter().chain(used).collect()
        }
        "AssociateWebACL" => {
            let acl = asked.text("WebACLArn");
            let permissions =
                ["Get", "Put"].map(|verb| Usage::new(format!("wafv2:{verb}PermissionPolicy"), &*groups));
            // Cognito checks the web ACL too, and sees no tags of it.
            let pool = of_a_pool.then(|| Usage::new("cognito-idp:AssociateWebACL", &*acl));
            let these = [asked.need(&*acl), asked.need(&*resource), owner("Associate")];
            these.into_iter().chain(pool).chain(permissions).collect()
        }
        "DisassociateWebACL" => {
            vec![asked.need(&*resource), owner("Disassociate"), Usage::new("wafv2:PutPermissionPolicy", groups)]
        }
        "GetWebACLForResource" => {
            let acl = asked.stack.arn("wafv2", &format!("regional/webacl/{}-web-acl/0b1c", asked.stack.stack));
            let pool = of_a_pool.then(|| Usage::new("cognito-idp:GetWebACLForResource", &*resource));
            let these = [asked.need(&*resource), asked.need(&*acl), Usage::new("wafv2:GetWebACL", acl)];
            these.into_iter().chain(pool).collect()
        }
        "ListResourcesForWebACL" => {
            let acl = asked.text("WebACLArn");
            let pools = (asked.text("ResourceType") == "COGNITO_USER_POOL")
                .then(|| Usage::new("cognito-idp:ListResourcesForWebACL", &*acl));
            [asked.need(acl)].into_iter().chain(pools).collect()
        }
        "GetLoggingConfiguration" => vec![asked.need(resource)],
        "PutLoggingConfiguration" => {
            let acl = asked.body["LoggingConfiguration"]["ResourceArn"].as_str().unwrap();
            let delivery =
                ["CreateLogDelivery", "DescribeLogGroups", "DescribeResourcePolicies", "PutResourcePolicy"];
            [vec![asked.need(acl)], of_logs(&delivery)].concat()
        }
        "DeleteLoggingConfiguration" => [vec![asked.need(resource)], of_logs(&["DeleteLogDelivery"])].concat(),
        "GetSampledRequests" => vec![asked.need(asked.text("WebAclArn"))],
        _ => vec![asked.need(named("webacl"))],
    };
    asked.with_our_tag(needs, &["/managedruleset/", ":apigateway:", "/rulegroup/"])
}
