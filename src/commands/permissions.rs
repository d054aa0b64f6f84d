//! Finds permissions that somebody added to a function's role by hand, and the keys of the stack file that keep them.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::engine::{Change, Drift, Effect, Plan};
use crate::policy::{Policy, one_or_many};
use crate::spec::policies;

/// The keys of a function that give permissions for a service's resources, by the beginning of the action. Other
/// actions require `allow`.
const KEYS: [(&str, &str); 13] = [
    ("dynamodb:BatchGetItem", "reads"),
    ("dynamodb:BatchWriteItem", "writes"),
    ("dynamodb:DeleteItem", "writes"),
    ("dynamodb:GetItem", "reads"),
    ("dynamodb:PutItem", "writes"),
    ("dynamodb:Query", "reads"),
    ("dynamodb:Scan", "reads"),
    ("dynamodb:UpdateItem", "writes"),
    ("lambda:InvokeFunction", "invokes_functions"),
    ("secretsmanager:GetSecretValue", "secrets"),
    ("sns:Publish", "publishes"),
    ("sqs:SendMessage", "sends"),
    ("ssm:GetParameter", "reads_parameters"),
];

/// A line for each role of a function with permissions that `plan` takes away.
pub(super) fn taken_by(plan: &Plan) -> Vec<String> {
    let changes = plan.changes.iter().filter_map(|(id, _, change)| match change {
        Change::Update { drift } => Some((id.parts(), drift.as_slice())),
        _ => None,
    });
    changes.filter_map(|(id, drift)| note(id, drift)).collect()
}

/// The line about the differences of the resource with this id; `None` if they add no permission.
pub(super) fn note((what, function): (&str, &str), drift: &[Drift]) -> Option<String> {
    let (added, keys) = match what {
        "policy" => {
            let actions = drift.iter().find(|one| one.field == "PolicyDocument").map(added)?;
            let keys: BTreeSet<&str> = actions.iter().map(|action| key(action)).collect();
            (actions, keys)
        }
        "role" => {
            let others = drift.iter().filter(|one| ["PolicyNames", "AttachedPolicies"].contains(&one.field.as_str()));
            (others.map(|one| one.live.clone()).collect(), BTreeSet::from(["allow"]))
        }
        _ => return None,
    };
    let list = |texts: Vec<String>, word: &str| texts.join(word);
    let added: Vec<String> = added.into_iter().collect();
    let keys: Vec<String> = keys.into_iter().map(|key| format!("`{key}`")).collect();
    (!added.is_empty()).then(|| {
        format!(
            "The role of {function} has permissions that the stack file does not give ({}). `up` removes them. To keep them, use {} under [functions.{function}].",
            list(added, ", "),
            list(keys, " and ")
        )
    })
}

/// The actions of the statements that the wanted document does not cover.
fn added(drift: &Drift) -> BTreeSet<String> {
    let (Ok(want), Ok(live)) = (Policy::parse(&drift.want), Policy::parse(&drift.live)) else { return BTreeSet::new() };
    let allows = |statement: &&Value| statement["Effect"] == "Allow";
    let want = Policy::new(want.statements().filter(allows).cloned());
    let further = |statement: &&Value| want.judge(&Policy::new([(*statement).clone()])) == Effect::Weakens;
    // Statements with a `Sid` of this program come from an earlier stack file. The user removed their key, so `up` may
    // remove them.
    let by_hand = |statement: &&Value| !statement["Sid"].as_str().is_some_and(policies::is_of_the_program);
    let actions = live
        .statements()
        .filter(allows)
        .filter(further)
        .filter(by_hand)
        .flat_map(|statement| one_or_many(&statement["Action"]));
    actions.filter_map(Value::as_str).map(str::to_owned).collect()
}

fn key(action: &str) -> &'static str {
    let found = KEYS.iter().find(|(beginning, _)| action.to_lowercase().starts_with(&beginning.to_lowercase()));
    found.map_or("allow", |(_, key)| key)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn allow(action: &str, resource: &str) -> Value {
        json!({ "Effect": "Allow", "Action": action, "Resource": resource })
    }

    #[test]
    fn the_key_that_keeps_an_added_permission_is_named() {
        let want =
            Policy::new([allow("sns:Publish", "arn:t"), json!({ "Effect": "Deny", "Action": "*", "Resource": "*" })]);
        let live = |statement| want.clone().with(statement).to_string();
        let note = |live: String| note(("policy", "F"), &[Drift::weakening("PolicyDocument", &want, live)]);
        let text = note(live(allow("s3:GetObject", "arn:b/*"))).expect("a note");
        assert!(text.contains("(s3:GetObject)") && text.ends_with("use `allow` under [functions.F]."), "{text}");
        let text = note(live(allow("lambda:InvokeFunction", "arn:f"))).expect("a note");
        assert!(text.ends_with("use `invokes_functions` under [functions.F]."), "{text}");
        // Statements from an earlier stack file were not added by hand.
        for sid in ["TellOfFailedEvents", "ReadTableStreams", "Allow2", "DecryptStream1"] {
            let mut former = allow("sns:Publish", "arn:other");
            former["Sid"] = json!(sid);
            assert_eq!(note(live(former)), None, "{sid}");
        }
        let mut by_hand = allow("sns:Publish", "arn:other");
        by_hand["Sid"] = json!("VisualEditor0");
        assert!(note(live(by_hand)).is_some());
        let fewer = Policy::default().to_string();
        assert_eq!(note(fewer), None);
    }

    #[test]
    fn other_policies_of_a_role_are_named_and_other_differences_are_not() {
        let text = note(("role", "F"), &[Drift::weakening("AttachedPolicies", "none", "arn:admin")]).expect("a note");
        assert!(text.contains("(arn:admin)") && text.contains("`allow`"), "{text}");
        assert_eq!(note(("role", "F"), &[Drift::new("Description", "a", "b")]), None);
        assert_eq!(note(("topic", "t"), &[Drift::new("Policy", "a", "b")]), None);
    }
}
