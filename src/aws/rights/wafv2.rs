//! IP sets and web ACLs by name. A web ACL that points at sets and managed groups needs the right on those too, and one
//! that goes in front of a stage needs API Gateway's leave (docs/aws.md, Permissions).

use super::{Grant, Need, Right, When};

const SET: &str = "wafv2.ip_set";
const ACL: &str = "wafv2.web_acl";
const ASSOCIATION: &str = "wafv2.association";

/// Of AWS's own rule groups every web ACL may make use.
const NAMED: &[&str] = &[
    "{arn:wafv2}:regional/ipset/{stack}-*",
    "{arn:wafv2}:regional/webacl/{stack}-*",
    "{arn:wafv2}:regional/managedruleset/*",
];
const STAGES: &str = "arn:{partition}:apigateway:{region}::/restapis/*/stages/*";

pub(super) const GRANTS: &[Grant] = &[
    Grant {
        sid: "OwnByName",
        on: NAMED,
        when: &[],
        rights: &[
            Right { needs: &[Need::Find(SET), Need::Converge(SET), Need::Delete(SET)], actions: &["wafv2:GetIPSet"] },
            Right {
                needs: &[Need::Find(ACL), Need::Find(ASSOCIATION), Need::Delete(ACL), Need::ReadTraffic],
                actions: &["wafv2:GetWebACL"],
            },
            Right {
                needs: &[Need::Find(SET), Need::Find(ACL), Need::Survivors],
                actions: &["wafv2:ListTagsForResource"],
            },
            Right { needs: &[Need::Converge(SET)], actions: &["wafv2:UpdateIPSet"] },
            Right { needs: &[Need::Converge(ACL)], actions: &["wafv2:GetWebACL", "wafv2:UpdateWebACL"] },
            Right { needs: &[Need::Delete(SET)], actions: &["wafv2:DeleteIPSet"] },
            Right { needs: &[Need::Delete(ACL)], actions: &["wafv2:DeleteWebACL", "wafv2:ListResourcesForWebACL"] },
            Right { needs: &[Need::ReadTraffic], actions: &["wafv2:GetSampledRequests"] },
        ],
    },
    Grant {
        sid: "MakeOwn",
        on: NAMED,
        when: &[When::TagGiven],
        rights: &[
            Right { needs: &[Need::Create(SET)], actions: &["wafv2:CreateIPSet", "wafv2:TagResource"] },
            Right { needs: &[Need::Create(ACL)], actions: &["wafv2:CreateWebACL", "wafv2:TagResource"] },
        ],
    },
    Grant {
        sid: "OwnByName",
        on: &["{arn:wafv2}:regional/webacl/{stack}-*", STAGES],
        when: &[],
        rights: &[
            Right { needs: &[Need::Find(ASSOCIATION)], actions: &["wafv2:GetWebACLForResource"] },
            Right {
                needs: &[Need::Create(ASSOCIATION), Need::Converge(ASSOCIATION)],
                actions: &["wafv2:AssociateWebACL"],
            },
            Right {
                needs: &[Need::Delete(ASSOCIATION), Need::Delete(ACL)],
                actions: &["wafv2:DisassociateWebACL", "wafv2:GetWebACLForResource"],
            },
        ],
    },
    Grant {
        sid: "OwnByTag",
        on: &[STAGES],
        when: &[When::TagCarried],
        rights: &[Right {
            needs: &[
                Need::Create(ASSOCIATION),
                Need::Converge(ASSOCIATION),
                Need::Delete(ASSOCIATION),
                Need::Delete(ACL),
            ],
            actions: &["apigateway:SetWebACL"],
        }],
    },
];
