//! IP sets and web ACLs by name. A web ACL that points at sets and managed groups needs the right on those too, and one
//! that goes in front of a stage needs API Gateway's leave.

use super::{Condition, Permissions, StatementTemplate, Usage};

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

pub(super) const GRANTS: &[StatementTemplate] = &[
    StatementTemplate {
        sid: "FindOwn",
        on: NAMED,
        when: &[Condition::NotAnothers],
        rights: &[
            Permissions {
                needs: &[Usage::Read(SET), Usage::Update(SET), Usage::Delete(SET)],
                actions: &["wafv2:GetIPSet"],
            },
            Permissions {
                needs: &[
                    Usage::Read(ACL),
                    Usage::Read(ASSOCIATION),
                    Usage::Update(ACL),
                    Usage::Delete(ACL),
                    Usage::ReadTraffic,
                ],
                actions: &["wafv2:GetWebACL"],
            },
            Permissions {
                needs: &[Usage::Read(SET), Usage::Read(ACL), Usage::Survivors],
                actions: &["wafv2:ListTagsForResource"],
            },
            Permissions { needs: &[Usage::Survivors, Usage::Delete(ACL)], actions: &["wafv2:ListResourcesForWebACL"] },
            Permissions { needs: &[Usage::ReadTraffic], actions: &["wafv2:GetSampledRequests"] },
        ],
    },
    StatementTemplate {
        sid: "OwnByName",
        on: NAMED,
        when: &[Condition::NotAnothers],
        rights: &[
            // The managed groups that a web ACL is made of carry no tag.
            Permissions { needs: &[Usage::Update(SET)], actions: &["wafv2:UpdateIPSet"] },
            Permissions { needs: &[Usage::Update(ACL)], actions: &["wafv2:UpdateWebACL"] },
            Permissions { needs: &[Usage::Delete(SET)], actions: &["wafv2:DeleteIPSet"] },
            Permissions { needs: &[Usage::Delete(ACL)], actions: &["wafv2:DeleteWebACL"] },
        ],
    },
    StatementTemplate {
        sid: "MakeOwn",
        on: NAMED,
        when: &[Condition::TagGiven, Condition::NotAnothers],
        rights: &[
            Permissions { needs: &[Usage::Create(SET)], actions: &["wafv2:CreateIPSet", "wafv2:TagResource"] },
            Permissions { needs: &[Usage::Create(ACL)], actions: &["wafv2:CreateWebACL", "wafv2:TagResource"] },
        ],
    },
    StatementTemplate {
        sid: "FindOwn",
        on: &["{arn:wafv2}:regional/webacl/{stack}-*", STAGES],
        when: &[Condition::NotAnothers],
        rights: &[Permissions {
            needs: &[Usage::Read(ASSOCIATION), Usage::Delete(ASSOCIATION), Usage::Delete(ACL)],
            actions: &["wafv2:GetWebACLForResource"],
        }],
    },
    StatementTemplate {
        sid: "OwnByName",
        // Of a stage these see no tag. That it is ours, API Gateway asks: the last grant of this file.
        on: &["{arn:wafv2}:regional/webacl/{stack}-*", STAGES],
        when: &[Condition::NotAnothers],
        rights: &[
            Permissions {
                needs: &[Usage::Create(ASSOCIATION), Usage::Update(ASSOCIATION)],
                actions: &["wafv2:AssociateWebACL"],
            },
            Permissions {
                needs: &[Usage::Delete(ASSOCIATION), Usage::Delete(ACL)],
                actions: &["wafv2:DisassociateWebACL"],
            },
        ],
    },
    // The service authorization reference says that those two calls ask for these as well, though they do something to
    // rule groups alone. The program makes none.
    StatementTemplate {
        sid: "OwnByName",
        on: &["{arn:wafv2}:regional/rulegroup/{stack}-*"],
        when: &[Condition::NotAnothers],
        rights: &[
            Permissions {
                needs: &[Usage::Create(ASSOCIATION), Usage::Update(ASSOCIATION)],
                actions: &["wafv2:GetPermissionPolicy", "wafv2:PutPermissionPolicy"],
            },
            Permissions {
                needs: &[Usage::Delete(ASSOCIATION), Usage::Delete(ACL)],
                actions: &["wafv2:PutPermissionPolicy"],
            },
        ],
    },
    StatementTemplate {
        sid: "OwnByTag",
        on: &[STAGES],
        when: &[Condition::TagCarried],
        rights: &[Permissions {
            needs: &[
                Usage::Create(ASSOCIATION),
                Usage::Update(ASSOCIATION),
                Usage::Delete(ASSOCIATION),
                Usage::Delete(ACL),
            ],
            actions: &["apigateway:SetWebACL"],
        }],
    },
];
