//! The permissions that the entry of a function or of an identity pool grants. Each grant is a statement of the role's
//! policy. ARNs follow from names, except for user pools, so they are known before the resources exist.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::sections::{pools_in, with_pool};
use super::{Allowed, Block, Function, GroupAllow, IdentityPool, Stack, Variable};
use crate::scope::Scope;

/// A permission of a role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// The key of the entry that grants it.
    pub key: &'static str,
    /// The id of its statement.
    pub sid: String,
    /// IAM's names of the actions. They have wildcards only if the stack file gives the reason.
    pub actions: Vec<String>,
    /// ARNs, or `*`.
    pub resources: Vec<String>,
    pub conditions: Block,
}

impl Grant {
    fn new(key: &'static str, sid: &str, actions: &[&str], resources: Vec<String>) -> Self {
        let actions = actions.iter().map(|&action| action.to_owned()).collect();
        Self { key, sid: sid.to_owned(), actions, resources, conditions: Block::new() }
    }

    fn when(mut self, operator: &str, key: &str, values: Vec<String>) -> Self {
        self.conditions.entry(operator.to_owned()).or_default().insert(key.to_owned(), values);
        self
    }

    /// The same grant, with the ARNs of known pools in place of their placeholders.
    #[must_use]
    pub fn with_pools(mut self, known: &dyn Fn(&str) -> Option<String>) -> Self {
        self.resources = self.resources.iter().map(|resource| with_pool(resource, known)).collect();
        self
    }

    /// The statement that allows it.
    pub fn statement(&self) -> Value {
        let mut statement =
            json!({ "Sid": self.sid, "Effect": "Allow", "Action": self.actions, "Resource": self.resources });
        if !self.conditions.is_empty() {
            statement["Condition"] = json!(self.conditions);
        }
        statement
    }
}

/// The pools that these entries name.
pub fn pools_of(allow: &[Allowed]) -> impl Iterator<Item = &str> {
    allow.iter().flat_map(|allowed| pools_in(&allowed.resources))
}

/// Everything that the entry of an identity pool grants in `allow`. A user pool has a placeholder instead of its ARN.
pub fn granted_to_callers(wanted: &IdentityPool, stack: &Stack, scope: &Scope) -> Vec<Grant> {
    let allow = wanted.allow.iter().enumerate();
    allow.map(|(at, allowed)| allowed_by("allow", at, allowed, (stack, scope))).collect()
}

/// Everything that the entry of an identity pool grants to the members of a group: the permissions of all users, and
/// those of the group.
pub fn granted_to_members(wanted: &IdentityPool, group: &GroupAllow, stack: &Stack, scope: &Scope) -> Vec<Grant> {
    let further = group.allow.iter().enumerate();
    let further = further.map(|(at, allowed)| allowed_by("groups", wanted.allow.len() + at, allowed, (stack, scope)));
    granted_to_callers(wanted, stack, scope).into_iter().chain(further).collect()
}

/// Everything that the entry of a function grants. Grants without resources are left out. A user pool has a placeholder
/// instead of its ARN, because AWS chooses its id.
pub fn grants(stack: &Stack, wanted: &Function, scope: &Scope) -> Vec<Grant> {
    let mut grants: Vec<Grant> = tables(stack, wanted, scope).into();
    grants.push(invokes(stack, wanted, scope));
    grants.extend(parameters(wanted, scope));
    grants.extend(their_secrets(stack, wanted, scope));
    let allow = wanted.rights.allow.iter().enumerate();
    grants.extend(allow.map(|(at, allowed)| allowed_by("allow", at, allowed, (stack, scope))));
    grants.retain(|grant| !grant.resources.is_empty());
    grants
}

/// The actions that read items. Libraries call `DescribeTable` to get a table's keys.
const READ: [&str; 6] = [
    "dynamodb:BatchGetItem",
    "dynamodb:ConditionCheckItem",
    "dynamodb:DescribeTable",
    "dynamodb:GetItem",
    "dynamodb:Query",
    "dynamodb:Scan",
];

/// The actions that change items.
const WRITE: [&str; 4] = ["dynamodb:BatchWriteItem", "dynamodb:DeleteItem", "dynamodb:PutItem", "dynamodb:UpdateItem"];

/// Reading tables and their indexes, and writing tables (docs/aws.md, Tables).
fn tables(stack: &Stack, wanted: &Function, scope: &Scope) -> [Grant; 2] {
    let arn = |table: &String| scope.arn("dynamodb", &format!("table/{}", scope.physical(table)));
    let with_indexes = |table: &String| {
        let own = arn(table);
        let indexes = stack.tables.get(table).into_iter().flat_map(|table| table.indexes.keys());
        let indexes: Vec<String> = indexes.map(|index| format!("{own}/index/{index}")).collect();
        [vec![own], indexes].concat()
    };
    let read = wanted.rights.reads.iter().flat_map(with_indexes).collect();
    let written = wanted.rights.writes.iter().map(arn).collect();
    [Grant::new("reads", "ReadTables", &READ, read), Grant::new("writes", "WriteTables", &WRITE, written)]
}

fn invokes(stack: &Stack, wanted: &Function, scope: &Scope) -> Grant {
    let functions = wanted.rights.invokes.iter().map(|function| stack.called_arn(scope, function)).collect();
    Grant::new("invokes_functions", "InvokeOwnFunctions", &["lambda:InvokeFunction"], functions)
}

/// The grants to read parameters and to decrypt them. Only SSM may use the key, and only for these parameters
/// (docs/aws.md, Parameters).
fn parameters(wanted: &Function, scope: &Scope) -> [Grant; 3] {
    let of_variables = wanted.environment.values().filter_map(|value| match value {
        Variable::Parameter(name) => Some(name),
        _ => None,
    });
    let names: BTreeSet<&String> = wanted.rights.parameters.iter().chain(of_variables).collect();
    let arn = |name: &str| scope.arn("ssm", &format!("parameter/{}", name.trim_start_matches('/')));
    let each: Vec<String> = names.iter().map(|name| arn(name)).collect();
    // A call of `GetParametersByPath` needs permission for the path itself.
    let paths = names.iter().filter_map(|name| name.strip_suffix("/*"));
    let paths: Vec<String> = paths.flat_map(|path| [arn(path), arn(&format!("{path}/*"))]).collect();
    let key = "reads_parameters";
    let keys = if each.is_empty() { Vec::new() } else { vec![scope.arn("kms", "key/*")] };
    let read = ["ssm:GetParameter", "ssm:GetParameters"];
    [
        Grant::new(key, "ReadParameters", &read, each.clone()),
        Grant::new(key, "ReadParameterPaths", &["ssm:GetParametersByPath"], paths),
        Grant::new(key, "DecryptParameters", &["kms:Decrypt"], keys)
            .when("StringEquals", "kms:ViaService", vec![scope.host("ssm")])
            .when("StringLike", "kms:EncryptionContext:PARAMETER_ARN", each),
    ]
}

/// The grants to read secrets that are managed outside of the stack, and to decrypt them with any key of their account.
/// Only Secrets Manager may use the key, and only for these secrets (docs/aws.md, Values and versions).
fn their_secrets(stack: &Stack, wanted: &Function, scope: &Scope) -> [Grant; 2] {
    let arns = wanted.secrets.iter().filter_map(|secret| stack.existing_secrets.get(secret));
    let arns: Vec<String> = arns.cloned().collect();
    let key = |arn: &String| {
        let account = arn.split(':').nth(4).unwrap_or_default().to_owned();
        Scope { account, ..scope.clone() }.arn("kms", "key/*")
    };
    let keys: BTreeSet<String> = arns.iter().map(key).collect();
    [
        Grant::new("secrets", "ReadTheirSecrets", &["secretsmanager:GetSecretValue"], arns.clone()),
        Grant::new("secrets", "DecryptTheirSecrets", &["kms:Decrypt"], keys.into_iter().collect())
            .when("StringEquals", "kms:ViaService", vec![scope.host("secretsmanager")])
            .when("StringEquals", "kms:EncryptionContext:SecretARN", arns),
    ]
}

fn allowed_by(key: &'static str, at: usize, allowed: &Allowed, (stack, scope): (&Stack, &Scope)) -> Grant {
    Grant {
        key,
        sid: format!("Allow{}", at + 1),
        actions: allowed.actions.clone(),
        resources: allowed.resources(stack, scope),
        conditions: allowed.conditions(scope),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::parse;

    fn statements(entry: &str) -> Vec<Value> {
        let text = format!(
            "[stack]\nname = \"demo\"\n[tables.notes]\nkey = \"a\"\nindexes = {{ byB = {{ key = \"b\" }} }}\n[functions.G]\nsource = \"g\"\n[functions.F]\nsource = \"f\"\n{entry}\n"
        );
        let stack = parse(&text).expect("a sound file");
        let scope = Scope {
            partition: "aws".into(),
            account: "123456789012".into(),
            region: "eu-west-1".into(),
            stack: "demo".into(),
            ..Scope::default()
        };
        grants(&stack, &stack.functions["F"], &scope).iter().map(Grant::statement).collect()
    }

    #[test]
    fn a_function_without_these_keys_is_granted_nothing() {
        assert_eq!(statements(""), Vec::<Value>::new());
    }

    #[test]
    fn a_table_is_read_with_its_indexes_and_written_alone() {
        let arn = "arn:aws:dynamodb:eu-west-1:123456789012:table/demo-notes";
        let found = statements("reads = [\"notes\"]\nwrites = [\"notes\"]");
        assert_eq!(
            (&found[0]["Action"], &found[0]["Resource"]),
            (&json!(READ), &json!([arn, format!("{arn}/index/byB")]))
        );
        assert_eq!((&found[1]["Action"], &found[1]["Resource"]), (&json!(WRITE), &json!([arn])));
        assert_eq!(found.len(), 2);
    }

    #[test]
    fn functions_may_be_invoked_by_their_arns() {
        let found = statements("invokes_functions = [\"G\"]");
        assert_eq!(found[0]["Action"], json!(["lambda:InvokeFunction"]));
        assert_eq!(found[0]["Resource"], json!(["arn:aws:lambda:eu-west-1:123456789012:function:demo-G"]));
        assert_eq!(found.len(), 1);
    }

    #[test]
    fn parameters_are_read_by_name_and_paths_below_theirs() {
        let arn = |name: &str| format!("arn:aws:ssm:eu-west-1:123456789012:parameter/{name}");
        let found = statements(
            "reads_parameters = [\"/app/*\", \"plain\"]\nenvironment = { URL = { parameter = \"/b/url\" } }",
        );
        assert_eq!(found[0]["Resource"], json!([arn("app/*"), arn("b/url"), arn("plain")]));
        assert_eq!(found[1]["Action"], json!(["ssm:GetParametersByPath"]));
        assert_eq!(found[1]["Resource"], json!([arn("app"), arn("app/*")]));
        assert_eq!(found[2]["Condition"]["StringEquals"]["kms:ViaService"], json!(["ssm.eu-west-1.amazonaws.com"]));
        assert_eq!(found[2]["Condition"]["StringLike"]["kms:EncryptionContext:PARAMETER_ARN"], found[0]["Resource"]);
        assert_eq!(statements("reads_parameters = [\"/app/url\"]").len(), 2, "no path");
    }

    #[test]
    fn a_secret_of_somebody_elses_is_read_and_decrypted() {
        let found = statements(
            "secrets = [\"Theirs\"]\n[secrets.Theirs]\nsettings = { existing = \"arn:aws:secretsmanager:eu-west-1:999999999999:secret:t-AbCdEf\" }",
        );
        let arn = "arn:aws:secretsmanager:eu-west-1:999999999999:secret:t-AbCdEf";
        assert_eq!(found[0]["Resource"], json!([arn]));
        assert_eq!(found[1]["Resource"], json!(["arn:aws:kms:eu-west-1:999999999999:key/*"]));
        assert_eq!(found[1]["Condition"]["StringEquals"]["kms:EncryptionContext:SecretARN"], json!([arn]));
    }

    #[test]
    fn entries_of_allow_are_statements_in_their_order() {
        let found = statements(
            "allow = [{ actions = [\"s3:GetObject\"], resources = [\"arn:{partition}:s3:::photos/*\"] },\n\
             { actions = [\"s3:ListAllMyBuckets\"], resources = [\"*\"] }]",
        );
        let expected = json!({ "Sid": "Allow1", "Effect": "Allow", "Action": ["s3:GetObject"], "Resource": ["arn:aws:s3:::photos/*"] });
        assert_eq!((&found[0], &found[1]["Sid"]), (&expected, &json!("Allow2")));
    }
}
