//! IAM policy documents, compared by meaning.
//!
//! AWS returns a document with different whitespace, with a list instead of a single value or the reverse, and
//! sometimes in another order. [`Policy::means_same`] ignores such differences. [`Policy::judge`] returns the effect of
//! a difference in meaning on protection, and [`Policy::is_public`] whether a document admits everybody.

mod judge;
mod public;

pub(crate) use self::judge::covers;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

/// The version of the policy language that this program uses.
pub const VERSION: &str = "2012-10-17";

/// The version that IAM assumes for a document without one.
const VERSION_IF_UNSAID: &str = "2008-10-17";

/// A policy document: JSON with `Version` and `Statement`. Prints as compact JSON.
#[derive(Debug, Clone)]
pub struct Policy(Value);

/// The values of a statement by element (`Action`, `Principal.AWS`, `Condition.ArnLike.aws:sourcearn`).
type Meaning = BTreeMap<String, BTreeSet<String>>;

impl Default for Policy {
    fn default() -> Self {
        Self::new([])
    }
}

impl Policy {
    pub fn new(statements: impl IntoIterator<Item = Value>) -> Self {
        Self(json!({ "Version": VERSION, "Statement": statements.into_iter().collect::<Vec<_>>() }))
    }

    /// A trust policy that lets only this service (`lambda.amazonaws.com`) assume the role, and only for resources of
    /// this account (docs/aws.md, Roles).
    pub fn trust(service: &str, account: &str) -> Self {
        Self::new([json!({
            "Effect": "Allow",
            "Principal": { "Service": service },
            "Action": "sts:AssumeRole",
            "Condition": { "StringEquals": { "aws:SourceAccount": account } },
        })])
    }

    /// Adds a statement that allows these actions on these ARNs.
    #[must_use]
    pub fn allow<S: AsRef<str>>(self, actions: &[&str], resources: &[S]) -> Self {
        let resources: Vec<&str> = resources.iter().map(AsRef::as_ref).collect();
        self.with(json!({ "Effect": "Allow", "Action": actions, "Resource": resources }))
    }

    #[must_use]
    pub fn with(self, statement: Value) -> Self {
        Self::new(self.statements().cloned().chain([statement]))
    }

    /// Parses JSON, the format of Lambda.
    ///
    /// # Errors
    /// The text is not JSON.
    pub fn parse(text: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text).map(Self)
    }

    /// Parses URL-encoded JSON, the format of IAM (RFC 3986; docs/aws.md, Policy documents).
    ///
    /// # Errors
    /// The decoded text is not JSON.
    pub fn parse_encoded(text: &str) -> Result<Self, serde_json::Error> {
        Self::parse(&percent_decode_str(text).decode_utf8_lossy())
    }

    /// The document as JSON.
    pub fn document(&self) -> Value {
        self.0.clone()
    }

    /// The statements. A single statement need not be in a list.
    pub fn statements(&self) -> impl Iterator<Item = &Value> {
        self.0.get("Statement").into_iter().flat_map(one_or_many)
    }

    /// The statement with this id.
    pub fn statement(&self, sid: &str) -> Option<&Value> {
        self.statements().find(|statement| statement.get("Sid").and_then(Value::as_str) == Some(sid))
    }

    /// Whether both documents allow and deny the same. The comparison ignores the order of statements and values, lists
    /// of one value, the case of actions and condition keys, and statement ids. Wildcards are not expanded.
    pub fn means_same(&self, other: &Self) -> bool {
        self.version() == other.version() && self.meanings() == other.meanings()
    }

    fn version(&self) -> &str {
        self.0.get("Version").and_then(Value::as_str).unwrap_or(VERSION_IF_UNSAID)
    }

    fn meanings(&self) -> BTreeSet<Meaning> {
        self.statements().map(meaning).collect()
    }
}

impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

fn meaning(statement: &Value) -> Meaning {
    let Some(elements) = statement.as_object() else {
        return Meaning::from([(String::new(), [statement.to_string()].into())]);
    };
    let mut meaning = Meaning::new();
    let mut say = |path: String, values: &Value, normal: fn(String) -> String| {
        let values = one_or_many(values).map(|value| normal(text(value)));
        meaning.entry(path).or_default().extend(values);
    };
    for (element, values) in elements {
        match element.as_str() {
            "Sid" => {}
            "Action" | "NotAction" => say(element.clone(), values, |action| action.to_lowercase()),
            "Principal" | "NotPrincipal" => match values.as_object() {
                Some(kinds) => kinds.iter().for_each(|(kind, who)| say(format!("{element}.{kind}"), who, principal)),
                // "*" is short for {"AWS": "*"}.
                None => say(format!("{element}.AWS"), values, principal),
            },
            "Condition" if values.is_object() => {
                for (operator, keys) in values.as_object().into_iter().flatten() {
                    let Some(keys) = keys.as_object() else {
                        say(format!("Condition.{operator}"), keys, |value| value);
                        continue;
                    };
                    for (key, wanted) in keys {
                        say(format!("Condition.{operator}.{}", key.to_lowercase()), wanted, |value| value);
                    }
                }
            }
            _ => say(element.clone(), values, |value| value),
        }
    }
    meaning
}

/// Converts an account's root ARN to the account id, which is the same principal.
fn principal(who: String) -> String {
    let account = who.strip_suffix(":root").and_then(|arn| arn.split_once(":iam::")).map(|(_, account)| account);
    account.map(str::to_owned).unwrap_or(who)
}

pub(crate) fn one_or_many(value: &Value) -> std::slice::Iter<'_, Value> {
    match value {
        Value::Array(many) => many.iter(),
        one => std::slice::from_ref(one).iter(),
    }
}

/// Numbers and booleans equal their text, as in `{"Bool": {"aws:SecureTransport": true}}`.
fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn policy(text: &str) -> Policy {
        Policy::parse(text).expect("JSON")
    }

    #[test]
    fn spelling_differences_are_ignored() {
        let ours = Policy::default().allow(&["logs:PutLogEvents", "logs:CreateLogStream"], &["arn:aws:logs:a"]);
        for same in [
            r#"{"Statement": {"Effect":"Allow","Action":["logs:CreateLogStream","logs:PutLogEvents"],
                "Resource":"arn:aws:logs:a"}, "Version":"2012-10-17"}"#,
            r#"{"Version":"2012-10-17","Id":"x","Statement":[{"Sid":"Logs","Effect":"Allow",
                "Action":["LOGS:putlogevents","logs:CreateLogStream"],"Resource":["arn:aws:logs:a"]}]}"#,
        ] {
            assert!(ours.means_same(&policy(same)), "{same}");
        }
    }

    #[test]
    fn differences_in_meaning_are_found() {
        let ours = Policy::default().allow(&["sns:Publish"], &["arn:aws:sns:t"]);
        for other in [
            r#"{"Version":"2012-10-17","Statement":[]}"#,
            // Without a version, IAM assumes the older language.
            r#"{"Statement":[{"Effect":"Allow","Action":"sns:Publish","Resource":"arn:aws:sns:t"}]}"#,
            r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"sns:Publish","Resource":"arn:aws:sns:t"}]}"#,
            r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sns:*","Resource":"arn:aws:sns:t"}]}"#,
            r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","NotAction":"sns:Publish","Resource":"arn:aws:sns:t"}]}"#,
            r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sns:Publish","Resource":"ARN:aws:sns:t"}]}"#,
            r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sns:Publish","Resource":"arn:aws:sns:t",
                "Condition":{"Bool":{"aws:SecureTransport":"true"}}}]}"#,
            r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sns:Publish","Resource":"arn:aws:sns:t"},
                {"Effect":"Allow","Action":"*","Resource":"*"}]}"#,
        ] {
            assert!(!ours.means_same(&policy(other)), "{other}");
        }
    }

    #[test]
    fn spellings_of_principals_and_conditions_are_equal() {
        let statement = |principal: Value, condition: Value| {
            Policy::new([json!({ "Effect": "Allow", "Principal": principal, "Action": "a:b", "Condition": condition })])
        };
        let one = statement(json!("*"), json!({ "Bool": { "aws:SecureTransport": true } }));
        let two = statement(json!({ "AWS": ["*"] }), json!({ "Bool": { "AWS:securetransport": ["true"] } }));
        assert!(one.means_same(&two));
        let root = statement(json!({ "AWS": "arn:aws:iam::123456789012:root" }), json!({}));
        assert!(root.means_same(&statement(json!({ "AWS": "123456789012" }), json!({}))));
        assert!(!root.means_same(&statement(json!({ "AWS": "arn:aws:iam::123456789012:user/a" }), json!({}))));
        assert!(!root.means_same(&statement(json!({ "Service": "123456789012" }), json!({}))));
    }

    #[test]
    fn a_statement_is_found_by_its_id() {
        let one = policy(r#"{"Statement":{"Sid":"a","Effect":"Allow"}}"#);
        assert!(one.statement("a").is_some());
        assert!(one.statement("b").is_none());
    }

    #[test]
    fn urlencoded_documents_are_decoded() {
        let trust = Policy::parse_encoded(
            "%7B%22Version%22%3A%222012-10-17%22%2C%22Statement%22%3A%5B%7B%22Effect%22%3A%22Allow%22%2C%22Principal%22%3A%7B%22Service%22%3A%22lambda.amazonaws.com%22%7D%2C%22Action%22%3A%22sts%3AAssumeRole%22%2C%22Condition%22%3A%7B%22StringEquals%22%3A%7B%22aws%3ASourceAccount%22%3A%22123456789012%22%7D%7D%7D%5D%7D",
        );
        assert!(Policy::trust("lambda.amazonaws.com", "123456789012").means_same(&trust.expect("JSON")));
    }

    /// The same statements with statements and values in another order, and single values with or without a list.
    fn respelt(statements: &[(Vec<String>, Vec<String>)], turn: usize, upper: bool, lone: bool) -> Policy {
        let spell = |values: &[String]| {
            let mut values: Vec<&String> = values.iter().collect();
            let by = turn % values.len();
            values.rotate_left(by);
            match values.as_slice() {
                [one] if lone => json!(one),
                many => json!(many),
            }
        };
        let mut statements: Vec<Value> = statements
            .iter()
            .map(|(actions, resources)| {
                let actions: Vec<String> =
                    actions.iter().map(|action| if upper { action.to_uppercase() } else { action.clone() }).collect();
                json!({ "Sid": format!("S{turn}"), "Effect": "Allow", "Action": spell(&actions), "Resource": spell(resources) })
            })
            .collect();
        let by = turn % statements.len();
        statements.rotate_right(by);
        match statements.as_slice() {
            [one] if lone => policy(&json!({ "Version": VERSION, "Statement": one }).to_string()),
            _ => Policy::new(statements),
        }
    }

    proptest! {
        #[test]
        fn order_and_spelling_are_ignored(
            statements in prop::collection::vec(
                (prop::collection::vec("[a-z]{1,4}:[A-Z][a-z]{1,5}", 1..4), prop::collection::vec("arn:[a-z:/*]{1,8}", 1..4)),
                1..5,
            ),
            turn in 0usize..7,
            upper: bool,
            lone: bool,
        ) {
            let plain = respelt(&statements, 0, false, false);
            let other = respelt(&statements, turn, upper, lone);
            prop_assert!(plain.means_same(&other), "{plain} {other}");
            prop_assert!(other.means_same(&plain));
            let wider = other.with(json!({ "Effect": "Allow", "Action": "9:*", "Resource": "*" }));
            prop_assert!(!plain.means_same(&wider));
        }
    }
}
