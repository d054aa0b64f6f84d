//! Calls of AWS WAF that meet a wait.

use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;

use super::Case;
use crate::aws::{Clients, wafv2};
use crate::engine::{Failure, Provider, Task};

/// The web ACL's ids and an IP set's are of one shape.
fn ids() -> wafv2::Outputs {
    wafv2::Outputs { name: "demo".into(), id: "1".into(), arn: "arn:x".into(), lock_token: "t1".into() }
}

fn ip_set() -> wafv2::IpSet {
    wafv2::IpSet {
        id: "ip_set.office".into(),
        name: "demo".into(),
        description: None,
        addresses: Vec::new(),
        v6: false,
        membership: wafv2::Membership::KeepsOut,
    }
}

pub(super) fn delete_ip_set(clients: Clients, task: Task) -> LocalBoxFuture<'static, Result<(), Failure>> {
    async move { Provider::<wafv2::IpSet>::delete(&wafv2::Wafv2::new(&clients), &ids(), &task).await }.boxed_local()
}

#[rustfmt::skip]
pub(super) fn cases() -> Vec<Case> {
    vec![
        Case {
            wait: "WAF_ASSOCIATION",
            at: "AssociateWebACL",
            refusal: (400, "WAFUnavailableEntityException",
                "AWS WAF couldn\u{2019}t retrieve the resource that you requested. Retry your request."),
            verb: |clients, task| {
                let want = wafv2::Association::new("arn:acl".into(), "arn:stage".into());
                async move { wafv2::Wafv2::new(&clients).create(&want, &task).await.map(drop) }.boxed_local()
            },
        },
        Case {
            wait: "WAF_IN_USE",
            at: "DeleteIPSet",
            refusal: (400, "WAFAssociatedItemException",
                "AWS WAF couldn\u{2019}t perform the operation because your resource is being used by another resource \
                 or it\u{2019}s associated with another resource."),
            verb: delete_ip_set,
        },
        Case {
            wait: "WAF_LOCK",
            at: "DeleteIPSet",
            refusal: (400, "WAFOptimisticLockException",
                "AWS WAF couldn\u{2019}t save your changes because you tried to update or delete a resource that has \
                 changed since you last retrieved it. Get the resource again, make any changes you need to make to \
                 the new copy, and retry your operation."),
            verb: delete_ip_set,
        },
        Case {
            wait: "WAF_IP_SET",
            at: "CreateWebACL",
            refusal: (400, "WAFUnavailableEntityException",
                "AWS WAF couldn\u{2019}t retrieve the resource that you requested. Retry your request."),
            verb: |clients, task| {
                let want = wafv2::WebAcl {
                    id: "web_acl.w".into(),
                    name: "demo".into(),
                    metric: "demo".into(),
                    default_allow: true,
                    rules: Vec::new(),
                    body_limit_kb: 16,
                };
                async move { wafv2::Wafv2::new(&clients).create(&want, &task).await.map(drop) }.boxed_local()
            },
        },
        Case {
            wait: "WAF_TROUBLE",
            at: "CreateIPSet",
            refusal: (500, "WAFInternalErrorException",
                "Your request is valid, but AWS WAF couldn\u{2019}t perform the operation because of a system problem. \
                 Retry your request."),
            verb: |clients, task| {
                async move { wafv2::Wafv2::new(&clients).create(&ip_set(), &task).await.map(drop) }.boxed_local()
            },
        },
    ]
}
