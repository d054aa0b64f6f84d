//! `[environments]`: keys that replace those of the file if an environment is selected, as in `--env prod`.
//!
//! The keys are merged into the document before it is read, so that everything else is read and checked as if the file
//! contained them. They keep their places for messages. Tables merge. Lists and all other values replace those of the
//! file, except routes, which merge by `route`.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue};

use super::reader::{Reader, suggest};
use super::section::Section as _;
use super::sections::{ENVIRONMENTS, ROOT};

/// The name of an environment: 1 to 12 characters.
pub(super) const NAME: &str = "^[a-z][a-z0-9-]{0,11}$";

/// An environment that was selected.
pub(super) struct Selected {
    pub name: String,
    pub span: Range<usize>,
}

/// Takes the environments out of the document, and merges the keys of the selected one into it.
pub(super) fn select(reader: &mut Reader, root: &mut DeTable, wanted: Option<&str>) -> Option<Selected> {
    let key = ENVIRONMENTS.key.name;
    let Some(environments) = root.remove(key) else {
        if let Some(wanted) = wanted {
            let help = format!("add [{key}.{wanted}] with the keys that differ there");
            reader.diagnostic(&(0..0), format!("the stack file has no environment {wanted}"), Some(help));
        }
        return None;
    };
    let whole = environments.span();
    let DeValue::Table(environments) = environments.into_inner() else {
        reader.diagnostic(&whole, format!("`{key}` must be a table of environments, as in [{key}.prod]"), None);
        return None;
    };
    let names: Vec<String> = environments.keys().map(|name| name.get_ref().to_string()).collect();
    let mut selected = None;
    for (name, keys) in environments {
        let Some(keys) = checked(reader, &name, keys) else { continue };
        if wanted == Some(name.get_ref()) {
            merge(root, keys);
            selected = Some(Selected { name: name.get_ref().to_string(), span: name.span() });
        }
    }
    if let Some(wanted) = wanted.filter(|wanted| !names.iter().any(|name| name == wanted)) {
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let help = suggest(wanted, &names);
        reader.diagnostic(&whole, format!("the stack file has no environment {wanted}"), Some(help));
    }
    selected
}

/// The names of the environments in a stack file.
pub fn environments(text: &str) -> Vec<String> {
    let (document, _) = DeTable::parse_recoverable(text);
    let environments = document.get_ref().get(ENVIRONMENTS.key.name).map(Spanned::get_ref);
    let Some(DeValue::Table(environments)) = environments else { return Vec::new() };
    environments.keys().map(|name| name.get_ref().to_string()).collect()
}

/// Whether an environment has the key at this path.
pub fn environment_has(text: &str, environment: &str, path: &[&str]) -> bool {
    let (document, _) = DeTable::parse_recoverable(text);
    let mut table = document.get_ref();
    for (depth, key) in [ENVIRONMENTS.key.name, environment].iter().chain(path).enumerate() {
        let Some(value) = table.get(*key) else { return false };
        match value.get_ref() {
            DeValue::Table(inner) => table = inner,
            _ => return depth == path.len() + 1,
        }
    }
    true
}

/// The keys of an environment, if it is a table with keys that an environment can have.
fn checked<'a>(
    reader: &mut Reader,
    name: &Spanned<toml::de::DeString<'a>>,
    keys: Spanned<DeValue<'a>>,
) -> Option<DeTable<'a>> {
    let (what, span) = (format!("{}.{}", ENVIRONMENTS.key.name, name.get_ref()), keys.span());
    if !is_name(name.get_ref()) {
        let why = format!(
            "{what}: a name has 1 to 12 characters of a-z, 0-9 and -, beginning with a letter and not ending in -"
        );
        reader.diagnostic(&name.span(), why, None);
    }
    let DeValue::Table(keys) = keys.into_inner() else {
        reader.diagnostic(&span, format!("{what} must be a table"), None);
        return None;
    };
    let known: Vec<&str> = ROOT.keys().iter().map(|key| key.name).filter(|key| *key != ENVIRONMENTS.key.name).collect();
    for key in keys.keys().filter(|key| !known.contains(&key.get_ref().as_ref())) {
        let help = suggest(key.get_ref(), &known);
        reader.diagnostic(&key.span(), format!("an environment has no key `{}`", key.get_ref()), Some(help));
    }
    if let Some(DeValue::Table(stack)) = keys.get("stack").map(Spanned::get_ref)
        && let Some((key, _)) = stack.get_key_value("name")
    {
        let why = format!("{what}: the stack of an environment is named after the stack and the environment");
        reader.diagnostic(&key.span(), why, Some("remove `name`, or pass --stack".to_owned()));
    }
    Some(keys)
}

fn is_name(name: &str) -> bool {
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    (1..=12).contains(&name.len())
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.chars().all(inner)
        && !name.ends_with('-')
}

fn merge<'a>(base: &mut DeTable<'a>, over: DeTable<'a>) {
    for (key, value) in over {
        match base.get_mut(key.get_ref().as_ref()) {
            Some(there) => merge_value(there, value),
            None => drop(base.insert(key, value)),
        }
    }
}

fn merge_value<'a>(there: &mut Spanned<DeValue<'a>>, value: Spanned<DeValue<'a>>) {
    let span = value.span();
    match (there.get_mut(), value.into_inner()) {
        (DeValue::Table(base), DeValue::Table(over)) => merge(base, over),
        (DeValue::Array(base), DeValue::Array(over)) if are_routes(base) && are_routes(&over) => {
            merge_routes(base, over);
        }
        (_, value) => *there = Spanned::new(span, value),
    }
}

/// The route that an entry of `routes` is about.
fn route_of<'a>(entry: &'a Spanned<DeValue<'_>>) -> Option<&'a str> {
    let DeValue::Table(entry) = entry.get_ref() else { return None };
    match entry.get("route")?.get_ref() {
        DeValue::String(route) => Some(route.as_ref()),
        _ => None,
    }
}

fn are_routes(list: &DeArray) -> bool {
    !list.is_empty() && list.iter().all(|entry| route_of(entry).is_some())
}

fn merge_routes<'a>(base: &mut DeArray<'a>, over: DeArray<'a>) {
    for entry in over {
        let route = route_of(&entry).map(str::to_owned);
        match base.iter_mut().find(|there| route_of(there).map(str::to_owned) == route) {
            Some(there) => merge_value(there, entry),
            None => base.push(entry),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::file::read;
    use super::*;

    const FILE: &str = r#"
[stack]
name = "orders"
tags = { team = "payments" }
[functions.Notes]
source = "functions/notes"
runtime = "nodejs24.x"
memory_mb = 128
[api]
[[api.routes]]
route = "GET /notes"
function = "Notes"
auth = "none"
[firewall]
mode = "count"
addresses = ["192.0.2.1/32"]
[environments.prod]
stack.tags = { stage = "prod" }
firewall.mode = "allow"
firewall.addresses = ["198.51.100.0/24"]
functions.Notes.memory_mb = 512
[[environments.prod.api.routes]]
route = "GET /notes"
rate_limit = 5
[[environments.prod.api.routes]]
route = "GET /more"
function = "Notes"
auth = "none"
[environments.dev]
"#;

    #[test]
    fn tables_and_routes_merge_and_lists_replace() {
        let (plain, _) = read(FILE, None).expect("sound");
        assert_eq!((plain.name.as_str(), plain.functions["Notes"].memory_mb), ("orders", 128));
        let (dev, _) = read(FILE, Some("dev")).expect("sound");
        assert_eq!(dev.name, "orders-dev");
        let (prod, _) = read(FILE, Some("prod")).expect("sound");
        assert_eq!((prod.name.as_str(), prod.functions["Notes"].memory_mb), ("orders-prod", 512));
        assert_eq!(prod.tags.keys().collect::<Vec<_>>(), ["stage", "team"]);
        let addresses = &prod.firewall.as_ref().expect("a firewall").addresses;
        assert_eq!(addresses.iter().map(ToString::to_string).collect::<Vec<_>>(), ["198.51.100.0/24"]);
        let routes = &prod.api.as_ref().expect("an API").routes;
        assert_eq!(routes.len(), 2, "{routes:#?}");
        assert_eq!(environments(FILE), ["dev", "prod"]);
        assert!(environment_has(FILE, "prod", &["firewall", "addresses"]));
        assert!(!environment_has(FILE, "dev", &["firewall", "addresses"]));
    }

    #[test]
    fn mistakes_are_reported_at_their_place() {
        let said = |text: &str, environment: Option<&str>| -> Vec<String> {
            let mistakes = read(text, environment).expect_err("mistakes");
            mistakes.into_iter().map(|mistake| mistake.message).collect()
        };
        assert_eq!(said(FILE, Some("prd")), ["the stack file has no environment prd"]);
        let wrong = FILE.replace("firewall.mode = \"allow\"", "firewall.mode = \"alow\"");
        assert!(read(&wrong, None).is_ok(), "it is not selected");
        assert_eq!(said(&wrong, Some("prod")).len(), 1);
        for (from, to, words) in [
            ("firewall.mode = \"allow\"", "firwall.mode = \"allow\"", "an environment has no key `firwall`"),
            ("stack.tags = { stage", "stack.name = \"x\"\nstack.tags = { stage", "is named after the stack"),
            ("[environments.dev]", "[environments.Dev]", "a name has 1 to 12 characters"),
            ("[environments.dev]", "[environments]\ndev = 1", "must be a table"),
        ] {
            assert!(said(&FILE.replace(from, to), None)[0].contains(words), "{words}");
        }
        let long = FILE.replace("\"orders\"", "\"orders-of-a-long-name-1\"");
        assert!(said(&long, Some("prod"))[0].contains("\"orders-of-a-long-name-1-prod\" is not a valid stack name"));
        assert_eq!(said("[api]", Some("prod"))[0], "the stack file has no environment prod");
    }
}
