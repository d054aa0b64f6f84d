//! `[secrets]`

use std::collections::BTreeMap;

use serde_json::json;
use toml::de::{DeTable, DeValue};

use super::{Part, Stack, functions, topics};
use crate::scope::Scope;
use crate::spec::checks::Checks;
use crate::spec::diagnostic::Diagnostic;
use crate::spec::field::{Flag, Key, List, Nested, Number, OnlyTrue, OptionalNumber, Required, Text};
use crate::spec::reader::{Item, Reader, Table, joined};
use crate::spec::rules::is_account;
use crate::spec::section::{Choice, Section, section};

pub(super) static KEY: Nested<ValueKeys> =
    Nested::secrets("secrets", &VALUE, &SETTINGS_KEYS, "Secrets in Secrets Manager, by name. Each is a JSON object.");

/// The key of a secret's settings, beside the keys of its value.
pub(in crate::spec) const SETTINGS: &str = "settings";

/// The greatest size of a secret's value, in bytes.
pub const MAX_SECRET: usize = 65_536;

pub(super) const RESOURCE_POLICY: &str = "Whether the secret's resource policy denies reading the value to everybody but the functions that may read it, and everything to other accounts.";

section! {
    VALUE: ValueKeys = "a secret's value", Choice::OneKey;
    topic: Text = any("The ARN of this topic of the stack.");
    env: Text = form(
        "^[A-Za-z_][A-Za-z0-9_]*$", "The value of this variable of the environment in which `up` runs.",
    );
    prompt: OnlyTrue = of("`up` asks for the value at the terminal when it writes the secret.");
    generate: OptionalNumber = range(
        16, 4096, "`up` generates this many letters and digits, and keeps them from then on.",
    );
}

section! {
    SETTINGS_KEYS: SettingsKeys = "a secret's settings";
    resource_policy: Flag = hardened(false, true, RESOURCE_POLICY);
    administrators: List = texts(
        "ARNs of roles and users. With a resource policy, only they and the functions that may read the secret have access; the policy denies everything to all others. The caller of `up` must be in the list.",
    );
    rotation: Nested<RotationKeys> = table(&ROTATION, "How the value is replaced regularly.");
    existing: Text = form(
        "^arn:[a-z-]+:secretsmanager:[a-z0-9-]+:[0-9]{12}:secret:.+-[A-Za-z0-9]{6}$",
        "The ARN of a secret that somebody else manages, instead of a value. Functions may read the secret; the program never changes or deletes it.",
    );
}

section! {
    ROTATION: RotationKeys = "a rotation";
    function: Required = text(
        "The function that replaces the value, as Secrets Manager asks it to. It may read and write this secret.",
    );
    days: Number = range(1, 1000, 30, "After how many days the value is replaced.");
}

/// A secret, which is a JSON object.
#[derive(Debug, Clone, PartialEq)]
pub struct Secret {
    /// For each key of the object, the source of the value.
    pub values: BTreeMap<String, Value>,
    pub settings: SecretSettings,
}

/// The source of a secret's value, but never the value.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// The ARN of this topic of the stack.
    Topic(String),
    /// This variable of the environment in which `up` runs.
    Env(String),
    /// `up` asks for it at the terminal when it writes the secret.
    Prompt,
    /// `up` generates this many characters.
    Generate(u16),
}

/// The settings of a secret, which are not part of its value.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SecretSettings {
    /// Whether its resource policy denies reading to everybody but the functions that may read it, and everything to
    /// other accounts.
    pub resource_policy: bool,
    /// The ARNs of the roles and users that may do more than read, if there is a resource policy. Empty: no limit.
    pub administrators: Vec<String>,
    pub rotation: Option<Rotation>,
    /// The ARN of an existing secret outside of the stack. Then the secret has no values, and
    /// [`Stack::existing_secrets`] has it.
    pub existing: Option<String>,
}

/// Removes the existing secrets from `secrets`, and returns their ARNs by name.
pub(super) fn existing(secrets: &mut BTreeMap<String, Secret>) -> BTreeMap<String, String> {
    let (own, theirs): (BTreeMap<_, _>, BTreeMap<_, _>) =
        std::mem::take(secrets).into_iter().partition(|(_, secret)| secret.settings.existing.is_none());
    *secrets = own;
    theirs.into_iter().filter_map(|(name, secret)| Some((name, secret.settings.existing?))).collect()
}

/// How a secret's value is replaced regularly.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rotation {
    /// The function of the stack that replaces the value.
    pub function: String,
    /// 1 to 1000.
    pub days: u32,
}

impl Stack {
    /// The id by which a function requests a secret: its name in AWS, or the ARN of an existing secret.
    pub fn secret_id(&self, name: &str, scope: &Scope) -> String {
        self.existing_secrets.get(name).cloned().unwrap_or_else(|| scope.physical(name))
    }
}

impl Part for BTreeMap<String, Secret> {
    fn key() -> &'static Key {
        &KEY.key
    }

    fn read(reader: &mut Reader, root: &Table) -> Self {
        let named = reader.named(root, &KEY);
        named.into_iter().filter_map(|(name, item)| Some((name.clone(), secret(reader, &name, item)?))).collect()
    }

    fn check(&self, checks: &mut Checks) {
        for (name, secret) in self {
            if let Some(rotation) = &secret.settings.rotation {
                let place = format!("secrets.{name}.settings.rotation.function");
                checks.exists(place, "function", &rotation.function, &[&functions::KEY.key]);
            }
            for (key, value) in &secret.values {
                if let Value::Topic(topic) = value {
                    checks.exists(format!("secrets.{name}.{key}"), "topic", topic, &[&topics::KEY.key]);
                }
            }
            checks.report(too_large(name, &secret.values));
        }
    }
}

fn secret(reader: &mut Reader, name: &str, item: Item) -> Option<Secret> {
    let place = joined(KEY.key.name, name);
    let DeValue::Table(table) = item.get_ref() else {
        reader.wrong(item, &place, "a table");
        reader.hide(item.span());
        return None;
    };
    let own = table.get(SETTINGS).filter(|item| is_settings(item));
    let has_values = table.len() > usize::from(own.is_some());
    let settings = settings(reader, own, joined(&place, SETTINGS));
    match &settings.existing {
        None if !has_values => {
            reader.flaw(Diagnostic::new(place.as_str(), format!("the secret {name} has no value")));
        }
        Some(_) if has_values => {
            let flaw = Diagnostic::new(place.as_str(), format!("the secret {name} exists already and has values here"));
            reader.flaw(flaw.help("leave out its values, or `existing`"));
        }
        _ => {}
    }
    Some(Secret { values: values(reader, &place, table), settings })
}

/// Whether the table under the key `settings` of a secret holds settings rather than the source of a value.
fn is_settings(item: Item) -> bool {
    let sources: Vec<&str> = VALUE.keys().iter().map(|key| key.name).collect();
    let DeValue::Table(table) = item.get_ref() else { return false };
    !table.is_empty() && !table.keys().any(|key| sources.contains(&key.get_ref().as_ref()))
}

fn values(reader: &mut Reader, place: &str, table: &DeTable) -> BTreeMap<String, Value> {
    let mut values = BTreeMap::new();
    for (key, item) in table.iter().filter(|(key, item)| key.get_ref() != SETTINGS || !is_settings(item)) {
        let place = joined(place, key.get_ref());
        reader.remember(place.clone(), item.span());
        if key.get_ref().trim().is_empty() {
            reader.diagnostic(&key.span(), "a secret's key is empty", None);
        }
        if let Some(value) = value(reader, item, &place) {
            values.insert(key.get_ref().to_string(), value);
        }
    }
    values
}

/// The settings of a secret, or the defaults if it has no key `settings`.
fn settings(reader: &mut Reader, item: Option<Item>, place: String) -> SecretSettings {
    let SettingsKeys { resource_policy, administrators, rotation, existing } = &SETTINGS_KEYS;
    let none = DeTable::new();
    let given = item.and_then(|item| reader.open(item, SETTINGS, place.clone(), &SETTINGS_KEYS));
    let table = given.unwrap_or(Table { span: 0..0, entries: &none, path: place, what: String::new() });
    let mut arns = Vec::new();
    for (arn, span) in reader.list(&table, administrators) {
        match principal_arn(&arn) {
            Ok(()) => arns.push(arn),
            Err(why) => reader.diagnostic(&span, why, Some("as in arn:aws:iam::123456789012:role/Deploy".into())),
        }
    }
    let resource_policy = reader.flag(&table, resource_policy);
    if !arns.is_empty() && !resource_policy {
        let help = "add `resource_policy = true`";
        let message = "administrators have an effect only with a resource policy";
        reader.diagnostic(&table.span, message, Some(help.into()));
    }
    let rotation = reader.table(&table, rotation).map(|rotation| {
        let RotationKeys { function, days } = &ROTATION;
        Rotation { function: reader.required_or(&rotation, function), days: reader.number(&rotation, days) }
    });
    let existing = reader.text(&table, existing).map(|(arn, span)| {
        if let Err(why) = secret_arn(&arn) {
            let help = "as in arn:aws:secretsmanager:eu-central-1:123456789012:secret:theirs-AbCdEf";
            reader.diagnostic(&span, why, Some(help.into()));
        }
        if table.entries.len() > 1 {
            let help = "leave out the other settings: whoever looks after the secret decides about them";
            reader.diagnostic(&table.span, "a secret that exists already has no other settings", Some(help.into()));
        }
        arn
    });
    SecretSettings { resource_policy, administrators: arns, rotation, existing }
}

/// Checks the whole ARN of a secret, with the six characters that AWS has chosen.
fn secret_arn(arn: &str) -> Result<(), String> {
    let parts: Vec<&str> = arn.splitn(7, ':').collect();
    let chosen = |name: &str| {
        name.rsplit_once('-').is_some_and(|(name, end)| {
            !name.is_empty() && end.len() == 6 && end.chars().all(|c| c.is_ascii_alphanumeric())
        })
    };
    let fits = matches!(parts.as_slice(), ["arn", partition, "secretsmanager", region, account, "secret", name]
        if partition.starts_with("aws")
            && !region.is_empty()
            && is_account(account)
            && chosen(name));
    fits.then_some(()).ok_or_else(|| format!("{arn:?} is not the whole ARN of a secret"))
}

fn value(reader: &mut Reader, item: Item, place: &str) -> Option<Value> {
    let help = "write { topic = \"…\" }, { env = \"VARIABLE\" }, { prompt = true } or { generate = 32 }; the value \
                itself is never in this file";
    let ValueKeys { topic, env, prompt, generate } = &VALUE;
    let DeValue::Table(_) = item.get_ref() else {
        reader.diagnostic(&item.span(), "a secret's value must be a table that names its source", Some(help.into()));
        reader.hide(item.span());
        return None;
    };
    let table = reader.open(item, place, place.to_owned(), &VALUE)?;
    let known: Vec<&str> = VALUE.keys().iter().map(|key| key.name).collect();
    for (_, item) in table.entries.iter().filter(|(key, _)| !known.contains(&key.get_ref().as_ref())) {
        reader.hide(item.span());
    }
    if table.entries.len() != 1 {
        reader.diagnostic(&item.span(), "a secret's value must have exactly one source", Some(help.into()));
        return None;
    }
    if table.get(&topic.key).is_some() {
        return reader.text(&table, topic).map(|(topic, _)| Value::Topic(topic));
    }
    if table.get(&env.key).is_some() {
        let (variable, span) = reader.text(&table, env)?;
        if let Err(why) = variable_name(&variable) {
            reader.diagnostic(&span, why, Some("the value itself is never in this file".into()));
            reader.hide(span);
        }
        return Some(Value::Env(variable));
    }
    if reader.only_true(&table, prompt) {
        return Some(Value::Prompt);
    }
    let length = reader.optional_number(&table, generate)?;
    u16::try_from(length).ok().map(Value::Generate)
}

/// Checks the ARN of one role or user.
fn principal_arn(arn: &str) -> Result<(), String> {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    let fits = matches!(parts.as_slice(), ["arn", partition, "iam", "", account, principal]
        if partition.starts_with("aws")
            && is_account(account)
            && ["role/", "user/"].iter().any(|kind| principal.strip_prefix(kind).is_some_and(|name| !name.is_empty()))
            && principal.chars().all(|c| c.is_ascii_alphanumeric() || "+=,.@_/-".contains(c)));
    fits.then_some(()).ok_or_else(|| format!("{arn:?} is not the ARN of a role or a user"))
}

/// Checks the name of a variable of the environment that `up` runs in.
fn variable_name(name: &str) -> Result<(), String> {
    let fits = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    // The text is not quoted: it may be the secret value, written in the wrong place.
    let why = "the name of an environment variable has only A-Z, a-z, 0-9 and _, and does not begin with a digit";
    fits.then_some(()).ok_or_else(|| why.to_owned())
}

/// Counts the keys and the generated values (docs/aws.md, Values and versions). Other values are checked when `up`
/// reads them.
fn too_large(name: &str, values: &BTreeMap<String, Value>) -> Option<Diagnostic> {
    let length = |value: &Value| match value {
        Value::Generate(length) => usize::from(*length),
        Value::Topic(_) | Value::Env(_) | Value::Prompt => 0,
    };
    let filled: BTreeMap<&String, String> =
        values.iter().map(|(key, value)| (key, "x".repeat(length(value)))).collect();
    let size = json!(filled).to_string().len();
    (size > MAX_SECRET).then(|| {
        let message = format!("the secret {name} would have {size} bytes; Secrets Manager allows {MAX_SECRET}");
        Diagnostic::new(format!("secrets.{name}"), message).help("split it into two secrets")
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use crate::spec::{Stack, parse};

    const THEIRS: &str = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:theirs-AbCdEf";

    fn read(text: &str) -> Result<Stack, Vec<String>> {
        let flaws = |flaws: Vec<crate::spec::Diagnostic>| flaws.into_iter().map(|flaw| flaw.message).collect();
        parse(&format!("[stack]\nname = \"demo\"\n{text}\n")).map_err(flaws)
    }

    #[test]
    fn a_secret_that_exists_already_is_none_of_the_stacks_own() {
        let text = format!(
            "[secrets.Theirs]\nsettings = {{ existing = {THEIRS:?} }}\n[functions.F]\nsource = \"f\"\nsecrets = [\"Theirs\"]"
        );
        let stack = read(&text).unwrap();
        assert_eq!(stack.existing_secrets["Theirs"], THEIRS);
        assert!(stack.secrets.is_empty());
        for (settings, why) in [
            (
                format!("existing = {THEIRS:?}, resource_policy = true"),
                "a secret that exists already has no other settings",
            ),
            (format!("existing = {:?}", THEIRS.replace("-AbCdEf", "")), "is not the whole ARN of a secret"),
        ] {
            let flaws = read(&format!("[secrets.Theirs]\nsettings = {{ {settings} }}")).unwrap_err();
            assert!(flaws[0].ends_with(why), "{flaws:?}");
        }
        let both = format!("[secrets.Theirs]\nKEY = {{ generate = 32 }}\nsettings = {{ existing = {THEIRS:?} }}");
        assert_eq!(read(&both).unwrap_err(), ["the secret Theirs exists already and has values here"]);
        // A key of the value that is called `settings`.
        assert!(read("[secrets.Own]\nsettings = { env = \"existing\" }").is_ok());
    }

    /// AWS puts a hyphen and six characters behind a secret's name in its ARN.
    #[test]
    fn secrets_keys_and_functions_may_have_names_of_six_letters() {
        for name in ["Stripe", "OpenAI", "GitHub", "ApiKey", "my-Stripe"] {
            let text = format!(
                "[secrets.{name}]\n{name} = {{ generate = 32 }}\n[functions.{name}]\nsource = \"f\"\nsecrets = [{name:?}]"
            );
            assert!(read(&text).is_ok(), "{name}: {:?}", read(&text).err());
        }
    }
}
