//! Reads the firewall of a stack file.

use std::collections::BTreeSet;

use ipnet::IpNet;

use super::super::field::List;
use super::super::model::{Countries, Firewall, FirewallRule, ManagedRule};
use super::super::reader::{Reader, Table, joined};
use super::super::{countries, keys, managed, rules};

/// The most rules of a stack's own: their priorities have to fit between those of other rules.
const MOST_RULES: usize = 50;

impl Reader {
    pub(super) fn firewall(&mut self, table: &Table) -> Firewall {
        let keys::Firewall {
            mode,
            addresses,
            rate_per_ip,
            managed_rules,
            exceptions,
            countries,
            body_limit_kb,
            log,
            rules,
        } = &keys::FIREWALL;
        let mut groups: Vec<ManagedRule> = Vec::new();
        for (group, span) in self.list(table, managed_rules) {
            match managed::parse(&group) {
                Ok(rule) if groups.iter().any(|known| known.name == rule.name) => {
                    self.diagnostic(&span, format!("{} is listed twice", rule.name), None);
                }
                Ok(rule) => groups.push(rule),
                Err((why, help)) => self.diagnostic(&span, why, help),
            }
        }
        if let Some(table) = self.table(table, exceptions) {
            self.exceptions(&table, &mut groups);
        }
        let networks = self.networks(table, addresses);
        let countries = self.table(table, countries).and_then(|table| self.countries(&table));
        let place = table.at(&rules.key);
        let mut own: Vec<FirewallRule> = Vec::new();
        for item in self.tables(table, rules).unwrap_or_default() {
            let path = joined(&place, &own.len().to_string());
            if let Some(table) = self.open(item, "a firewall rule", path, rules.section) {
                own.extend(self.firewall_rule(&table, &own));
            }
        }
        if own.len() > MOST_RULES {
            self.diagnostic(&table.span, format!("a firewall has at most {MOST_RULES} rules of its own"), None);
        }
        Firewall {
            mode: self.word(table, mode),
            addresses: networks,
            rate_per_ip: self.optional_number(table, rate_per_ip),
            managed_rules: groups,
            countries,
            body_limit_kb: self.number(table, body_limit_kb),
            log: self.flag(table, log),
            rules: own,
        }
    }

    /// Networks, each once.
    fn networks(&mut self, table: &Table, key: &List) -> Vec<IpNet> {
        let mut networks: Vec<IpNet> = Vec::new();
        for (address, span) in self.list(table, key) {
            match rules::network(&address) {
                Ok(network) if networks.contains(&network) => {
                    self.diagnostic(&span, format!("{network} is listed twice"), None);
                }
                Ok(network) => networks.push(network),
                Err(why) => self.diagnostic(&span, why, Some("write it as CIDR: \"203.0.113.7/32\"".into())),
            }
        }
        networks
    }

    /// Adds the exceptions to their groups.
    fn exceptions(&mut self, table: &Table, groups: &mut [ManagedRule]) {
        let keys::Exceptions { groups: known } = &keys::EXCEPTIONS;
        for (key, (group, _)) in known.iter().zip(managed::GROUPS) {
            let mut rules = Vec::new();
            for (rule, span) in self.list(table, key) {
                match managed::rule(group, &rule) {
                    Ok(()) => rules.push(rule),
                    Err((why, help)) => self.diagnostic(&span, why, help),
                }
            }
            match groups.iter_mut().find(|one| one.name == group) {
                Some(one) => one.exceptions = rules,
                None if rules.is_empty() => {}
                None => {
                    let help = format!("add \"{group}:block\" to it, or remove the exceptions");
                    let message = format!("{group} is not among the firewall's managed rule groups");
                    self.diagnostic(&table.span, message, Some(help));
                }
            }
        }
    }

    fn countries(&mut self, table: &Table) -> Option<Countries> {
        let keys::Countries { block, allow } = &keys::COUNTRIES;
        let given = [block, allow].map(|key| table.get(&key.key).is_some());
        let mut codes = BTreeSet::new();
        for (code, span) in [self.list(table, block), self.list(table, allow)].concat() {
            if countries::CODES.contains(&code.as_str()) {
                codes.insert(code);
            } else {
                let help = "write the code of two capital letters, as in \"DE\" (ISO 3166)";
                self.diagnostic(&span, format!("{code:?} is no country that WAF knows"), Some(help.into()));
            }
        }
        if given == [true, true] || given == [false, false] {
            let (block, allow) = (block.key.name, allow.key.name);
            let message = format!("the countries have either `{block}` or `{allow}`");
            self.diagnostic(&table.span, message, None);
            return None;
        }
        if codes.is_empty() {
            self.diagnostic(&table.span, "no country is listed", None);
        }
        Some(Countries { codes: codes.into_iter().collect(), all_others: given[1] })
    }

    fn firewall_rule(&mut self, table: &Table, before: &[FirewallRule]) -> Option<FirewallRule> {
        let keys::FirewallRule { name, action, path, header, method, body_over_kb, label, unless_address } =
            &keys::FIREWALL_RULE;
        let named = self.required(table, name);
        let action = self.word(table, action);
        let path = self.formed(table, path, "a path begins with / and has no spaces", |path| {
            path.starts_with('/') && !path.contains(char::is_whitespace)
        });
        let header = self.formed(table, header, "write a header as \"X-Client: value\"", |header| {
            let named = |name: &str| !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
            header.split_once(':').is_some_and(|(name, value)| named(name) && !value.trim().is_empty())
        });
        let method = self.formed(table, method, "a method is a word in capital letters", |method| {
            method.chars().all(|c| c.is_ascii_uppercase())
        });
        let label = self.formed(table, label, "a label has letters, digits and _:- only", |label| {
            label.chars().all(|c| c.is_ascii_alphanumeric() || "_:-".contains(c))
        });
        let header = header.and_then(|header| {
            header.split_once(':').map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        });
        let body_over_kb = self.optional_number(table, body_over_kb);
        let unless_address = self.networks(table, unless_address);
        let (name, span) = named?;
        if let Err(why) = rules::name(table.what.as_str(), &name) {
            self.diagnostic(&span, why, None);
        }
        let reserved = ["addresses-v4", "addresses-v6", "rate-per-ip", "countries"];
        let taken = reserved.contains(&name.as_str()) || managed::group(&name).is_some();
        if taken || before.iter().any(|other| other.name == name) {
            self.diagnostic(&span, format!("another rule of the firewall has the name {name}"), None);
        }
        let rule = FirewallRule { name, action, path, header, method, body_over_kb, label, unless_address };
        if !rule.has_conditions() {
            let help = "add a condition: which requests are meant?";
            self.diagnostic(&table.span, "this rule would match every request", Some(help.into()));
        }
        Some(rule)
    }

    /// Text that has a certain form. `None` if it is left out or wrong.
    fn formed(
        &mut self,
        table: &Table,
        key: &super::super::field::Text,
        form: &str,
        fits: impl Fn(&str) -> bool,
    ) -> Option<String> {
        let (text, span) = self.text(table, key)?;
        if fits(&text) {
            return Some(text);
        }
        self.diagnostic(&span, format!("`{}` cannot be {text:?}: {form}", key.key.name), None);
        None
    }
}
