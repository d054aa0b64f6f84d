//! A simulation of the part of IAM that the operator's policies use: it tells whether a policy allows a call. Also
//! operators: users of an account who have only one policy.
//!
//! MiniStack enforces IAM too, but it does not know role paths, the resources of the calls of Cognito, WAF, KMS and
//! CloudWatch, tags of resources, PassRole, and the services' condition keys. [`reduced_for_ministack`] removes these from
//! a policy, and [`crate::services::needs`] with [`allows`] tests them instead.

use serde_json::{Value, json};

use super::botocore;
use super::program::User;
use crate::services::Usage;

/// The documents that `policy` prints for these arguments.
pub fn policies(user: &User, args: &[&str]) -> Vec<Value> {
    let printed = user.run(&[&["policy", "--json"], args].concat()).ends(0).json();
    printed["policies"].as_array().unwrap().iter().map(|policy| policy["document"].clone()).collect()
}

/// Whether one of the policies allows this action on the resource. Knows only the condition operators that our policies
/// use.
pub fn allows(policies: &[Value], need: &Usage) -> bool {
    policies.iter().flat_map(|policy| policy["Statement"].as_array().unwrap()).any(|statement| {
        let any = |element: &str, value: &str| many(&statement[element]).any(|pattern| matches_pattern(pattern, value));
        assert_eq!(statement["Effect"], "Allow");
        any("Action", &need.action) && any("Resource", &need.resource) && holds(&statement["Condition"], need)
    })
}

fn holds(condition: &Value, need: &Usage) -> bool {
    let operators = condition.as_object().into_iter().flatten();
    operators.into_iter().all(|(operator, keys)| {
        keys.as_object().unwrap().iter().all(|(key, wanted)| {
            let Some(value) = need.context.get(key) else {
                let met = operator.ends_with("IfExists") || operator.starts_with("ForAllValues:");
                return met || operator == "Null" && wanted == "true";
            };
            match operator.as_str() {
                "StringEquals" | "StringEqualsIfExists" => many(wanted).any(|wanted| wanted == value),
                // Several values of a request are separated by commas.
                "ForAllValues:StringEquals" => value.split(',').all(|one| many(wanted).any(|wanted| wanted == one)),
                "StringLike" | "StringLikeIfExists" | "ArnEquals" | "ArnLike" => {
                    many(wanted).any(|wanted| matches_pattern(wanted, value))
                }
                "Null" => wanted == "false",
                other => panic!("no such operator here: {other}"),
            }
        })
    })
}

fn many(values: &Value) -> impl Iterator<Item = &str> {
    let all = values.as_array().map_or(std::slice::from_ref(values), Vec::as_slice);
    all.iter().map(|value| value.as_str().unwrap())
}

/// In a pattern, `*` matches any text, `?` matches one character, and `${*}` matches an asterisk.
fn matches_pattern(pattern: &str, value: &str) -> bool {
    fn fits(pattern: &[u8], value: &[u8]) -> bool {
        match pattern {
            [] => value.is_empty(),
            [b'*', rest @ ..] => (0..=value.len()).any(|at| fits(rest, &value[at..])),
            [first, rest @ ..] => {
                value.split_first().is_some_and(|(one, others)| (first == one || *first == b'?') && fits(rest, others))
            }
        }
    }
    fits(pattern.replace("${*}", "\u{1}").as_bytes(), value.replace('*', "\u{1}").as_bytes())
}

/// All policies in one document, without the parts that MiniStack cannot evaluate (see the top of this file).
pub fn reduced_for_ministack(policies: &[Value]) -> Value {
    let mut statements = Vec::new();
    for statement in policies.iter().flat_map(|policy| policy["Statement"].as_array().unwrap()) {
        // MiniStack does not know the resources of these actions either.
        let blind = ["iam:SimulatePrincipalPolicy", "lambda:CreateFunction", "sns:ListTagsForResource"];
        let part_of = |action: &str| (action.split(':').next().unwrap().to_owned(), blind.contains(&action));
        let parts: std::collections::BTreeSet<_> = many(&statement["Action"]).map(part_of).collect();
        for (number, of) in parts.iter().enumerate() {
            let service = of.0.as_str();
            let actions: Vec<&str> = many(&statement["Action"]).filter(|action| part_of(action) == *of).collect();
            let mut part = statement.clone();
            part["Sid"] = json!(format!("{}{number}", statement["Sid"].as_str().unwrap()));
            part["Action"] = json!(actions);
            part["Resource"] = match service {
                // MiniStack knows neither the resources of these services nor role paths.
                "cognito-idp" | "cognito-identity" | "wafv2" | "kms" | "cloudwatch" | "scheduler" => json!("*"),
                _ if of.1 => json!("*"),
                "iam" => {
                    let pathless = |arn: &str| match arn.split_once("role/securelambda/") {
                        Some((start, end)) => format!("{start}role/{}", end.replace("/*", "-*")),
                        None => arn.to_owned(),
                    };
                    json!(many(&statement["Resource"]).map(pathless).collect::<Vec<_>>())
                }
                _ => statement["Resource"].clone(),
            };
            // For these services MiniStack knows neither request tags nor resource tags.
            let tagless = ["apigateway", "cognito-idp", "cognito-identity"].contains(&service);
            if let Some(operators) = part.get_mut("Condition").and_then(Value::as_object_mut) {
                for keys in operators.values_mut() {
                    keys.as_object_mut().unwrap().retain(|key, _| key.starts_with("aws:RequestTag/") && !tagless);
                }
                operators.retain(|_, keys| !keys.as_object().unwrap().is_empty());
            }
            statements.push(part);
        }
    }
    json!({ "Version": "2012-10-17", "Statement": statements })
}

/// A user of an account who has only one policy.
pub struct Operator {
    root: User,
    name: String,
    /// Runs the program with this user's credentials.
    pub user: User,
    policies: usize,
    account: String,
}

impl Operator {
    /// A new operator in this account, with this endpoint.
    pub fn new(account: &str, endpoint: &str) -> Self {
        static COUNT: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);
        let name = format!("operator{}", COUNT.fetch_add(1, std::sync::atomic::Ordering::Relaxed));
        let root = User::of(account, &super::emulator::endpoint());
        let answers = botocore::calls(
            &root,
            &[
                json!(["iam", "create_user", { "UserName": name }]),
                json!(["iam", "create_access_key", { "UserName": name }]),
            ],
        );
        let key = &answers[1]["AccessKey"];
        let (id, secret) = (key["AccessKeyId"].as_str().unwrap(), key["SecretAccessKey"].as_str().unwrap());
        let user = User::of(account, endpoint).with("AWS_ACCESS_KEY_ID", id).with("AWS_SECRET_ACCESS_KEY", secret);
        let account = if account == "test" { "000000000000" } else { account };
        Self { root, name, user, policies: 0, account: account.to_owned() }
    }

    pub fn account(&self) -> &str {
        &self.account
    }

    /// Replaces the operator's policy.
    pub fn set_policy(&mut self, policy: &Value) {
        let arn = |number: usize| format!("arn:aws:iam::{}:policy/{}-{number}", self.account, self.name);
        let mut calls = Vec::new();
        if self.policies > 0 {
            calls
                .push(json!(["iam", "detach_user_policy", { "UserName": self.name, "PolicyArn": arn(self.policies) }]));
        }
        let next = self.policies + 1;
        let name = format!("{}-{next}", self.name);
        calls.push(json!(["iam", "create_policy", { "PolicyName": name, "PolicyDocument": policy.to_string() }]));
        calls.push(json!(["iam", "attach_user_policy", { "UserName": self.name, "PolicyArn": arn(next) }]));
        for answer in botocore::calls(&self.root, &calls) {
            assert!(answer.get("Error").is_none(), "{answer}");
        }
        self.policies = next;
    }
}
