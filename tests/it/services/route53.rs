//! Route 53.

use super::Entry::Not;
use super::{Asked, Host, Kind, Refusals, Service, Usage, WrongTime, by_operation};

pub const SERVICE: Service = Service {
    name: "route53",
    host: Host::Global("route53"),
    sdk: "route53",
    kinds: &[Kind {
        name: "route53.record",
        read: "ListResourceRecordSets",
        list: Not("the hosted zone lists it, and the zone belongs to no stack; the program finds it by its domain name"),
        create: Not("the same call changes and deletes records"),
        id: Not("its name identifies it"),
        lag: Not("its name is unique in its zone"),
        delete: Not("the same call creates records"),
        outlives: Not("the account reader lists it in its hosted zone, which belongs to no stack"),
    }],
    created: by_operation,
    needs,
    unused: &[],
    unseen: &[],
    refusals: Refusals {
        throttled: "route53-throttled",
        retry_after: None,
        unavailable: "route53-unavailable",
        conflicts: &["zone-busy"],
        denied: (403, "AccessDenied"),
        wrong_time: WrongTime::Query,
    },
};

fn needs(asked: &Asked<'_>) -> Vec<Usage> {
    let zone = asked.path().split('/').nth(3).unwrap_or_default();
    match asked.operation() {
        "ListHostedZonesByName" => vec![asked.need("*")],
        "ChangeResourceRecordSets" => {
            let sent = String::from_utf8_lossy(&asked.call.sent.body).into_owned();
            let values = |tag: &str| -> String {
                let open = format!("<{tag}>");
                let found = sent.split(&open).skip(1).filter_map(|rest| rest.split('<').next());
                let mut values: Vec<String> = found.map(|value| value.trim_end_matches('.').to_owned()).collect();
                values.sort();
                values.dedup();
                values.join(",")
            };
            let key = |name: &str| format!("route53:ChangeResourceRecordSets{name}");
            vec![
                asked
                    .need(format!("arn:aws:route53:::hostedzone/{zone}"))
                    .with(&key("NormalizedRecordNames"), values("Name"))
                    .with(&key("RecordTypes"), values("Type"))
                    .with(&key("Actions"), values("Action")),
            ]
        }
        _ => vec![asked.need(format!("arn:aws:route53:::hostedzone/{zone}"))],
    }
}
