//! The refusals of Route 53 that the program distinguishes, and the temporary refusals after which it repeats a call.

use crate::aws::refusals::refusals;
use crate::aws::settle::{Wait, wait, waits};
use crate::engine::Refusal;

refusals! {
    /// There is no such hosted zone.
    NO_ZONE: Absent = Refusal::new(&["route53"], &["NoSuchHostedZone"]);
    /// A record of that name and type exists.
    RECORD_EXISTS: Exists = Refusal::new(&["route53 ChangeResourceRecordSets"], &["InvalidChangeBatch"])
        .words(&["but it already exists"]);
    /// There is no record of that name and type, or it has other values.
    NO_RECORD: Absent = Refusal::new(&["route53 ChangeResourceRecordSets"], &["InvalidChangeBatch"])
        .words(&["but it was not found", "values provided do not match"]);
}

waits! {
    /// Another change of the zone has not been accepted yet.
    ZONE_BUSY = wait(
        "dns-records",
        "another change of the hosted zone is being made",
        &["route53 ChangeResourceRecordSets"],
        &["PriorRequestNotComplete"],
    )
    .pace(1000, 5000, 120);
}

#[cfg(test)]
pub(in crate::aws) mod tests {
    use futures_util::FutureExt;

    use crate::aws::route53;
    use crate::aws::waits::{Answer, Case, WaitTests};
    use crate::engine::Provider;

    /// The tests of the waits of this service.
    pub(in crate::aws) const WAITS: WaitTests = WaitTests::new(cases).answering(answers);

    const ZONES: &str = "<ListHostedZonesByNameResponse><HostedZones><HostedZone><Id>/hostedzone/Z1</Id>\
        <Name>example.com.</Name><CallerReference>x</CallerReference></HostedZone></HostedZones>\
        <IsTruncated>false</IsTruncated><MaxItems>100</MaxItems></ListHostedZonesByNameResponse>";

    const CHANGED: &str = "<ChangeResourceRecordSetsResponse><ChangeInfo><Id>/change/C1</Id><Status>PENDING</Status>\
        <SubmittedAt>2026-11-29T12:00:00Z</SubmittedAt></ChangeInfo></ChangeResourceRecordSetsResponse>";

    fn answers(call: &str, _: &str) -> Option<Answer> {
        match call {
            "GET /2013-04-01/hostedzonesbyname" => Some((200, ZONES.to_owned())),
            "POST /2013-04-01/hostedzone/Z1/rrset" => Some((200, CHANGED.to_owned())),
            _ => None,
        }
    }

    #[rustfmt::skip]
    fn cases() -> Vec<Case> {
        vec![
            Case {
                wait: "ZONE_BUSY",
                at: "POST /2013-04-01/hostedzone/Z1/rrset",
                refusal: (400, "PriorRequestNotComplete", "The request was rejected because Route 53 was still processing a prior request."),
                verb: |clients, task| {
                    let want = route53::Record {
                        zone: "example.com".into(),
                        name: "api.example.com".into(),
                        target: "d-1.execute-api.eu-central-1.amazonaws.com".into(),
                        target_zone: "Z2".into(),
                    };
                    async move { route53::Route53::new(&clients).create(&want, &task).await.map(drop) }.boxed_local()
                },
            },
        ]
    }
}
