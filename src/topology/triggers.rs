//! What calls functions besides routes: topics, and services for something that another tool made.

use sha2::{Digest, Sha256};

use super::functions::Ready;
use super::messaging::Topics;
use crate::aws::lambda::Permission;
use crate::aws::sns::{Subscription, Topic};
use crate::engine::{Graph, Handle};
use crate::scope::Scope;
use crate::spec::{Function as Wanted, OutsideCaller};

/// The ids of what this file adds.
mod ids {
    use crate::aws::lambda::Permission;
    use crate::aws::sns::Subscription;
    use crate::topology::id::IdOf;

    /// Lets something call a function.
    pub(super) fn permission(trigger: &str) -> IdOf<Permission> {
        IdOf::new("permission", trigger)
    }

    pub(super) fn subscription(trigger: &str) -> IdOf<Subscription> {
        IdOf::new("subscription", trigger)
    }
}

/// The principal of SNS.
const SNS: &str = "sns.amazonaws.com";

/// The id of the statement in a function's resource policy for its topic, if it has one topic.
const TOPIC_SID: &str = "securelambda-topic";

/// The topics of a function, each with what follows the function's name in ids, and with the id of its statement. A
/// single topic is not named in either.
fn topics(wanted: &Wanted) -> impl Iterator<Item = (&String, String, String)> {
    let only = wanted.topics().count() == 1;
    wanted.topics().map(move |topic| match only {
        true => (topic, String::new(), TOPIC_SID.to_owned()),
        false => (topic, format!(".{topic}"), format!("{TOPIC_SID}-{topic}")),
    })
}

/// The id of the statement for a service. AWS allows no ARN in it.
fn outside_sid(caller: &OutsideCaller) -> String {
    let source = format!("{} {}", caller.service, caller.source_arn);
    format!("securelambda-service-{}", &hex::encode(Sha256::digest(source))[..16])
}

/// The ids of the statements for the triggers of a function.
pub(super) fn statements(wanted: &Wanted) -> impl Iterator<Item = String> {
    topics(wanted).map(|(_, _, sid)| sid).chain(wanted.outside_callers().map(outside_sid))
}

/// Adds what calls a function.
pub(super) fn triggers(
    graph: &mut Graph,
    (name, wanted): (&str, &Wanted),
    scope: &Scope,
    function: Ready,
    known: &Topics,
) {
    for (topic, suffix, sid) in topics(wanted) {
        if let Some(topic) = known.get(topic) {
            subscribe(graph, &format!("{name}{suffix}"), function, *topic, sid);
        }
    }
    for caller in wanted.outside_callers() {
        permit(graph, name, scope, function, caller);
    }
}

/// Creates the permission before the subscription. In the other order SNS would drop messages without an error
/// (docs/aws.md, Subscriptions).
fn subscribe(graph: &mut Graph, trigger: &str, Ready { function, policy }: Ready, topic: Handle<Topic>, sid: String) {
    let id = ids::permission(trigger);
    let permission = id.add_under(graph, function, (function, topic), move |(function, topic)| Permission {
        function: function.name,
        sid: sid.clone(),
        principal: SNS.into(),
        source_arn: topic.arn,
        source_account: None,
    });
    let needs = (function, topic, permission, policy);
    ids::subscription(trigger).add_under(graph, topic, needs, |(function, topic, _, _)| Subscription {
        topic: topic.arn,
        function: function.arn,
    });
}

/// Lets a service call a function. The policy of the function comes first.
fn permit(graph: &mut Graph, name: &str, scope: &Scope, Ready { function, policy }: Ready, caller: &OutsideCaller) {
    let OutsideCaller { service, source_arn } = caller.clone();
    let (sid, account) = (outside_sid(caller), (!caller.names_account()).then(|| scope.account.clone()));
    let id = ids::permission(&format!("{name} {service} {source_arn}"));
    id.add_under(graph, function, (function, policy), move |(function, _)| Permission {
        function: function.name,
        sid: sid.clone(),
        principal: service.clone(),
        source_arn: source_arn.clone(),
        source_account: account.clone(),
    });
}
