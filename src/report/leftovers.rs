//! What is left after a removal, what is not ours, and what can be brought back; and all that carries a stack's tag.

use std::collections::BTreeMap;

use super::summary::table;
use super::timestamp::date;
use super::words::{harmless, one_line};
use crate::engine::{Failure, Inventory, InventoryItem, Leftover, Unread};

/// Strangers' things that are named one by one; of more, just how many.
const NAMED: usize = 8;

/// What is left or may be, each with what it is, where it is, why it is there and how to remove it. Empty if there is
/// nothing.
pub fn left_text(left: &[Leftover], unread: &[Unread], at: &str) -> String {
    let mut lines = Vec::new();
    for one in left {
        let place = one.arn.as_deref().map(|arn| format!(" {}", harmless(arn))).unwrap_or_default();
        if one.seen {
            lines.push(format!("  left: {} ({}){place}", one.id, one.kind));
        } else {
            lines.push(format!("  may be left: {} ({}){place}", one.id, one.kind));
        }
        lines.extend(one.error.as_ref().map(why));
        lines.extend(one.remove.as_ref().map(|command| format!("    {} {at}", harmless(command))));
    }
    lines.extend(unread.iter().flat_map(unread_lines));
    lines.join("\n")
}

/// What could not be read while listing, why, and what can be done about it.
pub fn unread_lines(unread: &Unread) -> Vec<String> {
    let Unread { kind, name, error, .. } = unread;
    let what = match name {
        Some(name) => format!("  could not be read: {kind} {}", harmless(name)),
        None => format!("  could not be listed: {kind}"),
    };
    let hint = error.hint.as_ref().map(|hint| format!("    {hint}"));
    [what, why(error)].into_iter().chain(hint).collect()
}

/// Why, with the call that failed.
fn why(failure: &Failure) -> String {
    let words = one_line(&failure.to_string());
    match &failure.call {
        Some(call) => format!("    {words} (call: {call})"),
        None => format!("    {words}"),
    }
}

/// What AWS keeps for the whole account once an HTTP API has logged its requests.
pub const LOG_POLICY: &str = "For the access logs of HTTP APIs AWS keeps a resource policy of CloudWatch Logs in the account \
                              (its name begins with AWSLogDeliveryWrite). Other stacks and services may use it, so it is left.";

/// What has a name like this stack's and is not this stack's. Empty if there is nothing.
pub fn others_text(others: &[InventoryItem], stack: &str) -> String {
    let mut lines = Vec::new();
    let mut stacks: BTreeMap<&str, usize> = BTreeMap::new();
    let (mut untagged, mut more) = (0, 0);
    for one in others {
        match one.stack.as_deref() {
            Some(other) => *stacks.entry(other).or_default() += 1,
            None if untagged < NAMED => {
                untagged += 1;
                let (name, arn) = (harmless(&one.name), harmless(&one.arn));
                lines.push(format!("Not ours, left alone: {name} ({}), without the tag of a stack: {arn}", one.kind));
            }
            None => more += 1,
        }
    }
    if more > 0 {
        lines.push(format!("Not ours, left alone: {more} more without the tag of a stack"));
    }
    for (other, count) in stacks {
        let (other, beginning) = (one_line(other), format!("{stack}-"));
        lines.push(format!("Left alone: {count} of the stack {other}, whose names begin with {beginning} too"));
    }
    lines.join("\n")
}

/// Until when deleted secrets can be brought back. Empty if there are none.
pub fn recoverable_text(recoverable: &[InventoryItem]) -> String {
    let line = |one: &InventoryItem| {
        let (name, day) = (harmless(one.id.parts().1), date(one.until.unwrap_or_default()));
        format!(
            "The secret {name} can be recovered until {day}; until then `up` restores it instead of making a new one, \
             and `down --purge` removes it at once, for good."
        )
    };
    recoverable.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// All that carries a stack's tag, by stack, each with its state file if there is one here.
pub fn swept_text(inventory: &Inventory, stacks: &[(&str, Option<String>)]) -> String {
    let mut text = String::new();
    for (stack, state) in stacks {
        let ours: Vec<&InventoryItem> = inventory.of(stack).collect();
        let state = state.as_ref().map_or("no state file here".to_owned(), |path| format!("state file {path}"));
        text += &format!("{}: {} in all, {state}\n", one_line(stack), ours.len());
        let rows = ours.iter().map(|one| {
            let until = one.until.map(|until| format!(", deleted, recoverable until {}", date(until)));
            vec![
                format!("  {}", harmless(one.id.as_str())),
                one.kind.to_owned(),
                format!("{}{}", harmless(&one.arn), until.unwrap_or_default()),
            ]
        });
        text += &table(&["  id", "kind", "where"], rows);
        text += "\n\n";
    }
    text.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;
    use serde_json::{Value, json};

    use super::*;
    use crate::engine::{Drift, Resource};
    use crate::scope::Owner;

    #[derive(Clone)]
    struct Secret;

    impl Resource for Secret {
        const KIND: &'static str = "secretsmanager.secret";
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
        fn drift(&self, (): &()) -> Vec<Drift> {
            Vec::new()
        }
    }

    fn listed(name: &str, stack: Option<&str>) -> InventoryItem {
        let owner = stack.map(|stack| Owner { stack: stack.into(), resource: Some(format!("secret.{name}")) });
        InventoryItem::new::<Secret>((name, &format!("arn:{name}")), owner, |_| (), &json!({}))
    }

    #[test]
    fn survivors_say_what_where_why_and_how() {
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
          left: logs.f (logs.group) arn:logs.f
            could not delete f: no [2J (call: logs DeleteLogGroup)
            aws logs delete-log-group --log-group-name f --region eu-central-1
          left: logs.g (logs.group) arn:logs.g
            aws logs delete-log-group --log-group-name f --region eu-central-1
          may be left: logs.h (logs.group)
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
    fn a_crowd_of_strangers_is_counted() {
        let names: Vec<String> = (0..11).map(|n| format!("a-{n}")).collect();
        let mut others: Vec<InventoryItem> = names.iter().map(|name| listed(name, None)).collect();
        others.extend(["a-b-x", "a-b-y"].map(|name| listed(name, Some("a-b"))));
        let text = others_text(&others, "a");
        assert_eq!(text.lines().count(), NAMED + 2);
        let end: Vec<&str> = text.lines().skip(NAMED - 1).collect();
        assert_snapshot!(end.join("\n"), @r"
        Not ours, left alone: a-7 (secretsmanager.secret), without the tag of a stack: arn:a-7
        Not ours, left alone: 3 more without the tag of a stack
        Left alone: 2 of the stack a-b, whose names begin with a- too
        ");
    }

    #[test]
    fn a_secret_in_its_window_has_a_date() {
        let inventory = Inventory {
            listed: vec![listed("s", Some("demo")).recoverable(Some(1_795_824_000)), listed("x", None)],
            ..Inventory::default()
        };
        assert!(recoverable_text(&inventory.listed[..1]).contains("secret s can be recovered until 2026-11-28"));
        assert_snapshot!(swept_text(&inventory, &[("demo", Some("state/demo.json".into()))]), @r"
        demo: 1 in all, state file state/demo.json
          id        kind                   where
          secret.s  secretsmanager.secret  arn:s, deleted, recoverable until 2026-11-28
        ");
    }
}
