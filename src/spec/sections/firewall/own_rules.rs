//! `[[firewall.rules]]`: rules of the stack's own.

use ipnet::IpNet;

use super::{managed, networks};
use crate::spec::field::{List, Nested, OptionalNumber, Required, Text, Word};
use crate::spec::reader::{Reader, Table, joined};
use crate::spec::rules::{self, NAME};
use crate::spec::section::section;

/// The most rules of a stack's own: their priorities have to fit between those of other rules.
const MOST_RULES: usize = 50;

section! {
    FIREWALL_RULE: FirewallRuleKeys = "a firewall rule";
    name: Required = form(NAME.form, "Its name in WAF, in its log and in its metrics.");
    action: Word<FirewallAction> = of(
        &["block", "count", "allow"],
        &[FirewallAction::Block, FirewallAction::Count, FirewallAction::Allow],
        "The action for a request that meets all conditions below. allow: the request passes, and WAF evaluates no later rule.",
    );
    path: Text = form(
        "^/\\S*$", "The path of the request without the stage, as in \"/admin/*\". An asterisk stands for any characters.",
    );
    header: Text = form(
        "^[A-Za-z0-9-]+: ?\\S",
        "A header with its value, as in \"X-Client: beta*\". An asterisk stands for any characters.",
    );
    method: Text = form("^[A-Z]+$", "The method of the request, as in DELETE.");
    body_over_kb: OptionalNumber = range(1, 64, "The body of the request is longer than this many KB.");
    label: Text = form(
        "^[0-9A-Za-z_:-]+$", "A managed rule group or an earlier rule gave the request this label.",
    );
    unless_address: List = texts("The request comes from none of these IPv4 and IPv6 networks, given as CIDR.");
}

/// A rule of the stack's own. It matches a request that meets all of its conditions; there is at least one.
#[derive(Debug, Clone, PartialEq)]
pub struct FirewallRule {
    pub name: String,
    pub action: FirewallAction,
    /// Without the stage; `*` stands for any characters.
    pub path: Option<String>,
    /// The header's name in lower case, and its value, in which `*` stands for any characters.
    pub header: Option<(String, String)>,
    pub method: Option<String>,
    pub body_over_kb: Option<u32>,
    pub label: Option<String>,
    pub unless_address: Vec<IpNet>,
}

impl FirewallRule {
    pub fn has_conditions(&self) -> bool {
        let Self { name: _, action: _, path, header, method, body_over_kb, label, unless_address } = self;
        let texts = [path.is_some(), header.is_some(), method.is_some(), body_over_kb.is_some(), label.is_some()];
        texts.contains(&true) || !unless_address.is_empty()
    }
}

/// The action of a rule of the stack's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FirewallAction {
    Block,
    Count,
    /// Lets the request pass. No later rule sees it.
    Allow,
}

pub(super) fn read(reader: &mut Reader, table: &Table, rules: &Nested<FirewallRuleKeys>) -> Vec<FirewallRule> {
    let place = table.at(&rules.key);
    let mut own: Vec<FirewallRule> = Vec::new();
    for item in reader.tables(table, rules).unwrap_or_default() {
        let path = joined(&place, &own.len().to_string());
        if let Some(table) = reader.open(item, "a firewall rule", path, rules.section) {
            own.extend(rule(reader, &table, &own));
        }
    }
    if own.len() > MOST_RULES {
        reader.diagnostic(&table.span, format!("a firewall has at most {MOST_RULES} rules of its own"), None);
    }
    own
}

fn rule(reader: &mut Reader, table: &Table, before: &[FirewallRule]) -> Option<FirewallRule> {
    let FirewallRuleKeys { name, action, path, header, method, body_over_kb, label, unless_address } = &FIREWALL_RULE;
    let named = reader.required(table, name);
    let action = reader.word(table, action);
    let path = formed(reader, table, path, "a path begins with / and has no spaces", |path| {
        path.starts_with('/') && !path.contains(char::is_whitespace)
    });
    let header = formed(reader, table, header, "write a header as \"X-Client: value\"", |header| {
        let named = |name: &str| !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
        header.split_once(':').is_some_and(|(name, value)| named(name) && !value.trim().is_empty())
    });
    let method = formed(reader, table, method, "a method is a word in capital letters", |method| {
        method.chars().all(|c| c.is_ascii_uppercase())
    });
    let label = formed(reader, table, label, "a label has letters, digits and _:- only", |label| {
        label.chars().all(|c| c.is_ascii_alphanumeric() || "_:-".contains(c))
    });
    let header = header.and_then(|header| {
        header.split_once(':').map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
    });
    let body_over_kb = reader.optional_number(table, body_over_kb);
    let unless_address = networks(reader, table, unless_address);
    let (name, span) = named?;
    if let Err(why) = rules::name(table.what.as_str(), &name, NAME) {
        reader.diagnostic(&span, why, None);
    }
    let reserved = ["addresses-v4", "addresses-v6", "rate-per-ip", "countries"];
    let taken = reserved.contains(&name.as_str()) || managed::group(&name).is_some();
    if taken || before.iter().any(|other| other.name == name) {
        reader.diagnostic(&span, format!("another rule of the firewall has the name {name}"), None);
    }
    let rule = FirewallRule { name, action, path, header, method, body_over_kb, label, unless_address };
    if !rule.has_conditions() {
        let help = "add a condition, such as `path`";
        reader.diagnostic(&table.span, "this rule would match every request", Some(help.into()));
    }
    Some(rule)
}

/// Text that has a certain form. `None` if it is left out or wrong.
fn formed(reader: &mut Reader, table: &Table, key: &Text, form: &str, fits: impl Fn(&str) -> bool) -> Option<String> {
    let (text, span) = reader.text(table, key)?;
    if fits(&text) {
        return Some(text);
    }
    reader.diagnostic(&span, format!("`{}` cannot be {text:?}: {form}", key.key.name), None);
    None
}
