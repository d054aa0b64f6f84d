//! The refusals of AWS WAF: those that the program tells apart, and those that end by themselves.

use crate::aws::refusals::refusals;
use crate::aws::settle::{Wait, wait, waits};
use crate::engine::Refusal;

refusals! {
    /// WAF has no such IP set or web ACL, or does not see the resource to protect.
    NO_WAF_ITEM: Absent = Refusal::new(&["wafv2"], &["WAFNonexistentItemException"]);
    /// An IP set or web ACL of that name exists.
    WAF_NAME_TAKEN: Exists = Refusal::new(&["wafv2 CreateIPSet", "wafv2 CreateWebACL"], &["WAFDuplicateItemException"]);
    /// The web ACL is still associated with a resource.
    ASSOCIATED = Refusal::new(&["wafv2 DeleteWebACL"], &["WAFAssociatedItemException"]);
}

waits! {
    /// A new stage or web ACL is not visible yet. This is the longest wait: five minutes were not always enough.
    WAF_ASSOCIATION = wait(
        "associations",
        "the firewall cannot see the stage or the web ACL yet",
        &["wafv2 AssociateWebACL", "wafv2 PutLoggingConfiguration"],
        &["WAFUnavailableEntityException", "WAFNonexistentItemException"],
    )
    .pace(2000, 10_000, 600);

    /// A removed association still counts as use.
    WAF_IN_USE = wait(
        "associations",
        "the resource still counts as in use",
        &["wafv2"],
        &["WAFAssociatedItemException", "WAFUnavailableEntityException"],
    )
    .pace(2000, 10_000, 600);

    /// Somebody else changed the resource. The caller reads the lock token again before each attempt.
    WAF_LOCK = wait(
        "web-acls",
        "the lock token of the IP set or web ACL is out of date",
        &["wafv2 UpdateIPSet", "wafv2 DeleteIPSet", "wafv2 UpdateWebACL", "wafv2 DeleteWebACL"],
        &["WAFOptimisticLockException"],
    )
    .pace(1000, 2000, 15);

    /// The web ACL refers to an IP set that was just created.
    WAF_IP_SET = wait(
        "associations",
        "the web ACL cannot see the IP set yet",
        &["wafv2 CreateWebACL", "wafv2 UpdateWebACL"],
        &["WAFUnavailableEntityException", "WAFNonexistentItemException"],
    )
    .pace(2000, 10_000, 300);

    /// Problems inside the service, mostly with tags. If a create call succeeded nevertheless, the resource is found by
    /// its name, like any that exists already.
    WAF_TROUBLE = wait(
        "associations",
        "the firewall service is busy",
        &["wafv2"],
        &["WAFTagOperationException", "WAFTagOperationInternalErrorException", "WAFInternalErrorException"],
    )
    .pace(1000, 5000, 60);
}

#[cfg(test)]
pub(in crate::aws) mod tests {
    use futures_util::FutureExt;
    use futures_util::future::LocalBoxFuture;
    use serde_json::json;

    use crate::aws::waits::{Answer, Case, WaitTests};
    use crate::aws::{Clients, wafv2};
    use crate::engine::{Failure, Provider, Task};

    /// The tests of the waits of this service.
    pub(in crate::aws) const WAITS: WaitTests = WaitTests::new(cases).answering(answers);

    /// The outputs of a web ACL or an IP set, which have the same form.
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

    pub(in crate::aws) fn delete_ip_set(clients: Clients, task: Task) -> LocalBoxFuture<'static, Result<(), Failure>> {
        async move { Provider::<wafv2::IpSet>::delete(&wafv2::Wafv2::new(&clients), &ids(), &task).await }.boxed_local()
    }

    #[rustfmt::skip]
    fn cases() -> Vec<Case> {
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

    /// The service's answer if it does not refuse the call; `None` if that answer is empty.
    fn answers(call: &str, _: &str) -> Option<Answer> {
        let answer = match call {
            "GetIPSet" => json!({ "LockToken": "t2", "IPSet": {
                "Name": "demo", "Id": "1", "ARN": "arn:x", "IPAddressVersion": "IPV4", "Addresses": [] } }),
            "CreateIPSet" | "CreateWebACL" => json!({ "Summary": { "Id": "1", "ARN": "arn:x", "LockToken": "t" } }),
            _ => return None,
        };
        Some((200, answer.to_string()))
    }
}
