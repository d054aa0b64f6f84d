//! `[functions.NAME.environment]`

use std::collections::BTreeMap;

use toml::de::DeValue;

use super::{Function, KEY, rights, rules, secret_variable};
use crate::spec::advice::forms;
use crate::spec::checks::Checks;
use crate::spec::diagnostic::Diagnostic;
use crate::spec::field::{Nested, Text};
use crate::spec::reader::{Reader, Table, joined};
use crate::spec::section::{Choice, section};
use crate::spec::sections::{ApiKind, UNNAMED, identity_pools, pools, queues, tables, topics};

/// The key of a source of a variable, and the variable with that source.
type Source<'a> = (&'a Text, fn(String) -> Variable);

/// The form of a variable's name, as a regular expression of ECMAScript.
pub(in crate::spec) const VARIABLE: &str = "^[A-Za-z][A-Za-z0-9_]+$";

section! {
    VARIABLE_FROM: VariableFromKeys = "a variable", Choice::OneKey;
    pool_id: Text = any("The id of this pool.");
    client_id: Text = any("The id of this pool's app client.");
    identity_pool_id: Text = any("The id of this identity pool.");
    url: Text = any("The base URL of this REST API, as in url = \"Age\" for [apis.Age], or \"api\" for [api].");
    queue: Text = any("The URL of this queue. `sends` lets the function send messages to it.");
    table: Text = any("The name of this table in AWS. `reads` and `writes` let the function use it.");
    parameter: Text = any("The name of this parameter of SSM. The function may read it, and finds its value with this name.");
    function: Text = any("The name of this function of the stack in AWS. `invokes_functions` lets it be invoked.");
    topic: Text = any("The ARN of this topic. `publishes` lets the function publish to it.");
}

/// The value of an environment variable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Variable {
    Text(String),
    /// The id of this user pool.
    PoolId(String),
    /// The id of this user pool's app client.
    ClientId(String),
    /// The id of this identity pool.
    IdentityPoolId(String),
    /// The beginning of the URLs of this API's routes.
    Url(String),
    /// The URL of this queue.
    Queue(String),
    /// The name in AWS of this table.
    Table(String),
    /// The name of this parameter of SSM.
    Parameter(String),
    /// The name in AWS of this function.
    Function(String),
    /// The ARN of this topic.
    Topic(String),
    /// The issuer of the tokens of this user pool. Only functions of this program have this variable and those below.
    Issuer(String),
    /// The id of a further app client, by the names of its user pool and of the client.
    FurtherClientId(String, String),
    /// The id of this API.
    ApiId(Option<String>),
}

/// Names of things that do not exist, or that a variable cannot refer to; and variables that would have two values.
pub(super) fn check(name: &str, function: &Function, checks: &mut Checks) {
    for (variable, value) in &function.environment {
        let place = format!("functions.{name}.environment.{variable}");
        match value {
            Variable::Text(_) | Variable::Issuer(_) | Variable::FurtherClientId(..) | Variable::ApiId(_) => {}
            Variable::Parameter(parameter) => {
                checks.report(rights::parameter_name(parameter).err().map(|why| Diagnostic::new(place, why)));
            }
            Variable::Table(table) => checks.exists(place, "table", table, &[&tables::KEY.key]),
            Variable::Function(function) => checks.exists(place, "function", function, &[&KEY.key]),
            Variable::PoolId(pool) | Variable::ClientId(pool) => {
                checks.exists(place, "pool", pool, &[&pools::KEY.key]);
            }
            Variable::IdentityPoolId(pool) => {
                checks.exists(place, "identity pool", pool, &[&identity_pools::KEY.key]);
            }
            Variable::Topic(topic) => checks.exists(place, "topic", topic, &[&topics::KEY.key]),
            Variable::Queue(queue) => queues::exists(checks, place, queue),
            Variable::Url(api) => {
                let known: Vec<&str> = checks.stack.all_apis().map(|(name, _)| name.unwrap_or(UNNAMED)).collect();
                checks.one_of(place.clone(), "API", api, &known);
                if checks.stack.api_called(api).is_some_and(|(_, api)| api.kind == ApiKind::Http) {
                    let message = format!("{api} is an HTTP API; a variable can hold the URL of a REST API only");
                    checks.report([Diagnostic::new(place, message)]);
                }
            }
        }
    }
    twin_variables(name, function, checks);
}

/// Secrets whose names would be in the same variable. Reported at the later one.
fn twin_variables(name: &str, function: &Function, checks: &mut Checks) {
    let mut variables: BTreeMap<String, &str> = BTreeMap::new();
    for secret in &function.secrets {
        let variable = secret_variable(secret);
        if let Some(twin) = variables.insert(variable.clone(), secret) {
            let message = format!("the secrets {twin} and {secret} of {name} would both use the variable {variable}");
            checks.report([Diagnostic::new(format!("functions.{name}.secrets.{secret}"), message)]);
        }
    }
}

pub(super) fn read(reader: &mut Reader, table: &Table, key: &Nested<VariableFromKeys>) -> BTreeMap<String, Variable> {
    let Some(item) = table.get(&key.key) else { return BTreeMap::new() };
    let place = table.at(&key.key);
    reader.remember(place.clone(), item.span());
    let DeValue::Table(variables) = item.get_ref() else {
        reader.misformed(item, key.key.name, "a table", forms::by_name(&key.key));
        return BTreeMap::new();
    };
    let mut environment = BTreeMap::new();
    for (variable, item) in variables {
        let name = variable.get_ref();
        if let Err(why) = rules::environment_name(name) {
            reader.diagnostic(&variable.span(), why, None);
        }
        let place = joined(&place, name);
        reader.remember(place.clone(), item.span());
        let value = match item.get_ref() {
            DeValue::Table(_) => {
                reader.open(item, name, place, key.section).and_then(|table| self::variable(reader, &table))
            }
            _ => reader.string(item, name).map(Variable::Text),
        };
        environment.extend(value.map(|value| (name.to_string(), value)));
    }
    environment
}

fn variable(reader: &mut Reader, table: &Table) -> Option<Variable> {
    let VariableFromKeys {
        pool_id,
        client_id,
        identity_pool_id,
        url,
        queue,
        table: dynamo,
        parameter,
        function,
        topic,
    } = &VARIABLE_FROM;
    let sources: [Source; 9] = [
        (pool_id, Variable::PoolId),
        (client_id, Variable::ClientId),
        (identity_pool_id, Variable::IdentityPoolId),
        (url, Variable::Url),
        (queue, Variable::Queue),
        (dynamo, Variable::Table),
        (parameter, Variable::Parameter),
        (function, Variable::Function),
        (topic, Variable::Topic),
    ];
    let given: Vec<_> = sources.iter().filter(|(key, _)| table.get(&key.key).is_some()).collect();
    let [(key, variable)] = given.as_slice() else {
        let known: Vec<&str> = sources.iter().map(|(key, _)| key.key.name).collect();
        let help = format!("write text, or a table with one of {}", known.join(", "));
        reader.diagnostic(&table.span, "a variable must have exactly one source", Some(help));
        return None;
    };
    reader.text(table, key).map(|(name, _)| variable(name))
}
