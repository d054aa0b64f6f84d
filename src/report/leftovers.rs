//! Resources that remain after a removal, resources of others with similar names, secrets that can be restored, and the
//! inventory of all resources with a stack's tag.

use std::collections::BTreeMap;

use super::commands::completed;
use super::summary::table;
use super::timestamp::date;
use super::words::{counted, harmless, one_line};
use crate::engine::{Failure, Inventory, InventoryItem, Leftover, Unread};

/// How many untagged resources of others are listed. Further ones are only counted.
const LISTED: usize = 8;

/// The resources that remain or may remain, each with its kind, its ARN, the reason and the command that removes it.
/// Empty if there are none. `at` is appended to each command, such as `--region eu-central-1`.
pub fn left_text(left: &[Leftover], unread: &[Unread], at: &str) -> String {
    let mut lines = Vec::new();
    for one in left {
        let arn = one.arn.as_deref().map(|arn| format!(" {}", harmless(arn))).unwrap_or_default();
        if one.seen {
            lines.push(format!("  remains: {} ({}){arn}", one.id, one.kind));
        } else {
            lines.push(format!("  may remain: {} ({}){arn}", one.id, one.kind));
        }
        lines.extend(one.error.as_ref().map(reason));
        lines.extend(one.remove.as_ref().map(|command| format!("    {} {at}", harmless(command))));
    }
    lines.extend(unread.iter().flat_map(unread_lines));
    lines.join("\n")
}

/// A resource or a kind that could not be read or listed, with the reason and a hint.
pub fn unread_lines(unread: &Unread) -> Vec<String> {
    let Unread { kind, name, error, .. } = unread;
    let what = match name {
        Some(name) => format!("  could not be read: {kind} {}", harmless(name)),
        None => format!("  could not be listed: {kind}"),
    };
    let hint = error.hint.as_ref().map(|hint| format!("    {}", completed(hint)));
    [what, reason(error)].into_iter().chain(hint).collect()
}

/// The reason, with the call that failed.
fn reason(failure: &Failure) -> String {
    let words = one_line(&failure.to_string());
    match &failure.call {
        Some(call) => format!("    {words} (call: {call})"),
        None => format!("    {words}"),
    }
}

/// Explains a resource policy that AWS keeps in the account after an HTTP API logged its requests.
pub const LOG_POLICY: &str = "AWS keeps a resource policy of CloudWatch Logs for the access logs of HTTP APIs in the \
                              account (its name begins with AWSLogDeliveryWrite). Other stacks and services may use \
                              it, so it is not deleted.";

/// Explains the role that stays in the account after REST APIs wrote logs.
pub const LOG_ROLE: &str = "API Gateway's role for logs belongs to the account (securelambda-apigateway-logs, unless the \
                            account had another one). Other APIs may use it, so it is not deleted.";

/// Resources that have a name like this stack's and do not belong to it. Empty if there are none.
pub fn others_text(others: &[InventoryItem], stack: &str) -> String {
    let mut lines = Vec::new();
    let mut stacks: BTreeMap<&str, usize> = BTreeMap::new();
    let (mut untagged, mut more) = (0, 0);
    for one in others {
        match one.stack.as_deref() {
            Some(other) => *stacks.entry(other).or_default() += 1,
            None if untagged < LISTED => {
                untagged += 1;
                let (name, arn) = (harmless(&one.name), harmless(&one.arn));
                lines.push(format!(
                    "Not part of this stack, not touched: {name} ({}), which has no stack tag: {arn}",
                    one.kind
                ));
            }
            None => more += 1,
        }
    }
    if more > 0 {
        lines.push(format!("Not part of this stack, not touched: {more} more without a stack tag"));
    }
    for (other, count) in stacks {
        let (other, beginning) = (one_line(other), format!("{stack}-"));
        lines.push(format!("Not touched: {count} of the stack {other}, whose names also begin with {beginning}"));
    }
    lines.join("\n")
}

/// The days until which deleted secrets and keys can be restored. Empty if there are none.
pub fn recoverable_text(recoverable: &[InventoryItem]) -> String {
    let line = |one: &InventoryItem| {
        let (name, day) = (harmless(one.id.parts().1), date(one.until.unwrap_or_default()));
        if one.ends_by_itself {
            let (name, arn) = (harmless(&one.name), harmless(&one.arn));
            return format!(
                "The KMS key {name} is scheduled for deletion on {day} and costs nothing until then. Until then, `up` uses \
                 it again, and nothing can delete it sooner: {arn}"
            );
        }
        format!(
            "The secret {name} can be restored until {day}. Until then, `up` restores it instead of creating a new one, \
             and `down --purge` deletes it permanently."
        )
    };
    recoverable.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// All resources with a stack's tag, by stack. A stack's state file is shown if this machine has one.
pub fn swept_text(inventory: &Inventory, stacks: &[(&str, Option<String>)]) -> String {
    let mut text = String::new();
    for (stack, state) in stacks {
        let ours: Vec<&InventoryItem> = inventory.of(stack).collect();
        let state =
            state.as_ref().map_or("no state file on this machine".to_owned(), |path| format!("state file {path}"));
        text += &format!("{}: {}, {state}\n", one_line(stack), resources(ours.len()));
        let rows = ours.iter().map(|one| {
            let until = one.until.map(|until| {
                let how =
                    if one.ends_by_itself { "scheduled for deletion on" } else { "deleted, can be restored until" };
                format!(", {how} {}", date(until))
            });
            vec![
                format!("  {}", harmless(one.id.as_str())),
                one.kind.to_owned(),
                format!("{}{}", harmless(&one.arn), until.unwrap_or_default()),
            ]
        });
        text += &table(&["  id", "kind", "arn"], rows);
        text += "\n\n";
    }
    text.trim_end().to_owned()
}

fn resources(count: usize) -> String {
    counted(count, "resource")
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;
    use serde_json::{Value, json};

    use super::*;
    use crate::engine::{Comparison, Resource};
    use crate::scope::Owner;

    #[derive(Clone)]
    struct Secret;

    impl Resource for Secret {
        const KIND: &'static str = "secretsmanager.secret";
        const GOES_WITH_PARENT: bool = false;
        const NAME_IS_UNIQUE: bool = true;
        const ID_IS_GIVEN_ONCE: bool = false;
        const GUARDS: bool = false;
        type Key = ();
        type Outputs = Value;
        type Live = ();
        fn key(&self) {}
        fn identity(outputs: &Value) -> String {
            outputs.to_string()
        }
        fn removal_command(_: &Value) -> Option<String> {
            Some("aws rm".to_owned())
        }
        fn compare(&self, (): &()) -> Comparison {
            Comparison::default()
        }
    }

    fn listed(name: &str, stack: Option<&str>) -> InventoryItem {
        let owner = stack.map(|stack| Owner {
            stack: stack.into(),
            resource: Some(format!("secret.{name}")),
            lineage: None,
            expires: None,
        });
        InventoryItem::new::<Secret>((name, &format!("arn:{name}")), owner, |_| (), &json!({}))
    }

    #[test]
    fn leftovers_show_kind_arn_reason_and_command() {
        let one = |id: &str, seen: bool, error: Option<Failure>| Leftover {
            id: id.into(),
            kind: "logs.group".into(),
            arn: seen.then(|| format!("arn:{id}")),
            remove: seen.then(|| "aws logs delete-log-group --log-group-name f".to_owned()),
            seen,
            error,
        };
        let denied = Failure {
            call: Some("logs DeleteLogGroup".into()),
            ..Failure::refused("could not delete f: no\n\u{1b}[2J")
        };
        let no = || Some(denied.clone());
        let left = [one("logs.f", true, no()), one("logs.g", true, None), one("logs.h", false, no())];
        let unread = |name: Option<&str>, error| Unread {
            kind: "sns.topic",
            name: name.map(str::to_owned),
            error,
            denied: false,
        };
        let unread = [
            unread(None, Failure::refused("could not list the topics: no").hint("ask for sns:ListTopics")),
            unread(Some("demo-t"), Failure::refused("could not read the tags of demo-t: no")),
        ];
        assert_snapshot!(left_text(&left, &unread, "--region eu-central-1"), @r"
          remains: logs.f (logs.group) arn:logs.f
            could not delete f: no [2J (call: logs DeleteLogGroup)
            aws logs delete-log-group --log-group-name f --region eu-central-1
          remains: logs.g (logs.group) arn:logs.g
            aws logs delete-log-group --log-group-name f --region eu-central-1
          may remain: logs.h (logs.group)
            could not delete f: no [2J (call: logs DeleteLogGroup)
          could not be listed: sns.topic
            could not list the topics: no
            ask for sns:ListTopics
          could not be read: sns.topic demo-t
            could not read the tags of demo-t: no
        ");
        assert_eq!(left_text(&[], &[], ""), "");
    }

    #[test]
    fn many_untagged_resources_of_others_are_counted() {
        let names: Vec<String> = (0..11).map(|n| format!("a-{n}")).collect();
        let mut others: Vec<InventoryItem> = names.iter().map(|name| listed(name, None)).collect();
        others.extend(["a-b-x", "a-b-y"].map(|name| listed(name, Some("a-b"))));
        let text = others_text(&others, "a");
        assert_eq!(text.lines().count(), LISTED + 2);
        let end: Vec<&str> = text.lines().skip(LISTED - 1).collect();
        assert_snapshot!(end.join("\n"), @r"
        Not part of this stack, not touched: a-7 (secretsmanager.secret), which has no stack tag: arn:a-7
        Not part of this stack, not touched: 3 more without a stack tag
        Not touched: 2 of the stack a-b, whose names also begin with a-
        ");
    }

    #[test]
    fn a_deleted_secret_shows_until_when_it_can_be_restored() {
        let inventory = Inventory {
            listed: vec![listed("s", Some("demo")).recoverable(Some(1_795_824_000)), listed("x", None)],
            ..Inventory::default()
        };
        assert!(recoverable_text(&inventory.listed[..1]).contains("secret s can be restored until 2026-11-28"));
        let key = listed("alias/demo", Some("demo")).ending(Some(1_795_824_000));
        assert!(recoverable_text(&[key]).contains("alias/demo is scheduled for deletion on 2026-11-28"));
        assert_snapshot!(swept_text(&inventory, &[("demo", Some("state/demo.json".into()))]), @r"
        demo: 1 resource, state file state/demo.json
          id        kind                   arn
          secret.s  secretsmanager.secret  arn:s, deleted, can be restored until 2026-11-28
        ");
    }
}
