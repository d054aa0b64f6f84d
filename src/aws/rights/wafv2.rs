//! IP sets and web ACLs by name. A web ACL that points at sets and managed groups needs the right on those too, and one
//! that goes in front of a stage needs API Gateway's leave.

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
        sid: "FindOwn",
        on: NAMED,
        when: &[When::NotAnothers],
        rights: &[
            Right { needs: &[Need::Find(SET), Need::Converge(SET), Need::Delete(SET)], actions: &["wafv2:GetIPSet"] },
            Right {
                needs: &[
                    Need::Find(ACL),
                    Need::Find(ASSOCIATION),
                    Need::Converge(ACL),
                    Need::Delete(ACL),
                    Need::ReadTraffic,
                ],
                actions: &["wafv2:GetWebACL"],
            },
            Right {
                needs: &[Need::Find(SET), Need::Find(ACL), Need::Survivors],
                actions: &["wafv2:ListTagsForResource"],
            },
            Right { needs: &[Need::Survivors, Need::Delete(ACL)], actions: &["wafv2:ListResourcesForWebACL"] },
            Right { needs: &[Need::ReadTraffic], actions: &["wafv2:GetSampledRequests"] },
        ],
    },
    Grant {
        sid: "OwnByName",
        on: NAMED,
        when: &[When::NotAnothers],
        rights: &[
            // The managed groups that a web ACL is made of carry no tag.
            Right { needs: &[Need::Converge(SET)], actions: &["wafv2:UpdateIPSet"] },
            Right { needs: &[Need::Converge(ACL)], actions: &["wafv2:UpdateWebACL"] },
            Right { needs: &[Need::Delete(SET)], actions: &["wafv2:DeleteIPSet"] },
            Right { needs: &[Need::Delete(ACL)], actions: &["wafv2:DeleteWebACL"] },
        ],
    },
    Grant {
        sid: "MakeOwn",
        on: NAMED,
        when: &[When::TagGiven, When::NotAnothers],
        rights: &[
            Right { needs: &[Need::Create(SET)], actions: &["wafv2:CreateIPSet", "wafv2:TagResource"] },
            Right { needs: &[Need::Create(ACL)], actions: &["wafv2:CreateWebACL", "wafv2:TagResource"] },
        ],
    },
    Grant {
        sid: "FindOwn",
        on: &["{arn:wafv2}:regional/webacl/{stack}-*", STAGES],
        when: &[When::NotAnothers],
        rights: &[Right {
            needs: &[Need::Find(ASSOCIATION), Need::Delete(ASSOCIATION), Need::Delete(ACL)],
            actions: &["wafv2:GetWebACLForResource"],
        }],
    },
    Grant {
        sid: "OwnByName",
        // Of a stage these see no tag. That it is ours, API Gateway asks: the last grant of this file.
        on: &["{arn:wafv2}:regional/webacl/{stack}-*", STAGES],
        when: &[When::NotAnothers],
        rights: &[
            Right {
                needs: &[Need::Create(ASSOCIATION), Need::Converge(ASSOCIATION)],
                actions: &["wafv2:AssociateWebACL"],
            },
            Right { needs: &[Need::Delete(ASSOCIATION), Need::Delete(ACL)], actions: &["wafv2:DisassociateWebACL"] },
        ],
    },
    // The service authorization reference says that those two calls ask for these as well, though they do something to
    // rule groups alone. The program makes none.
    Grant {
        sid: "OwnByName",
        on: &["{arn:wafv2}:regional/rulegroup/{stack}-*"],
        when: &[When::NotAnothers],
        rights: &[
            Right {
                needs: &[Need::Create(ASSOCIATION), Need::Converge(ASSOCIATION)],
                actions: &["wafv2:GetPermissionPolicy", "wafv2:PutPermissionPolicy"],
            },
            Right { needs: &[Need::Delete(ASSOCIATION), Need::Delete(ACL)], actions: &["wafv2:PutPermissionPolicy"] },
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
