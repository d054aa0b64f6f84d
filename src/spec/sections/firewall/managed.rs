//! AWS's managed rule groups: `"common"` counts the requests that the group would block, `"common:block"` blocks them.
//! The user turns on blocking for each group, because a new group often blocks legitimate clients (docs/aws.md, Managed
//! rules).

use crate::spec::advice;
use crate::spec::field::{Key, List, Nested};
use crate::spec::reader::{Reader, Table};
use crate::spec::section::Section;
use crate::spelling::nearest;

/// Short names and AWS's names, in the order of evaluation: groups that check the sender's address come before groups
/// that check the request (docs/aws.md, Managed rules).
pub const GROUPS: [(&str, &str); 5] = [
    ("ip-reputation", "AWSManagedRulesAmazonIpReputationList"),
    ("anonymous-ip", "AWSManagedRulesAnonymousIpList"),
    ("common", "AWSManagedRulesCommonRuleSet"),
    ("known-bad-inputs", "AWSManagedRulesKnownBadInputsRuleSet"),
    ("sqli", "AWSManagedRulesSQLiRuleSet"),
];

/// The rules of each group, in the order of [`GROUPS`] (docs/aws.md, Managed rules). AWS adds some from time to time.
pub const RULES: [&[&str]; GROUPS.len()] = [
    &["AWSManagedIPReputationList", "AWSManagedReconnaissanceList", "AWSManagedIPDDoSList"],
    &["AnonymousIPList", "HostingProviderIPList"],
    &[
        "NoUserAgent_HEADER",
        "UserAgent_BadBots_HEADER",
        "SizeRestrictions_QUERYSTRING",
        "SizeRestrictions_Cookie_HEADER",
        "SizeRestrictions_BODY",
        "SizeRestrictions_URIPATH",
        "EC2MetaDataSSRF_BODY",
        "EC2MetaDataSSRF_COOKIE",
        "EC2MetaDataSSRF_URIPATH",
        "EC2MetaDataSSRF_QUERYARGUMENTS",
        "GenericLFI_QUERYARGUMENTS",
        "GenericLFI_URIPATH",
        "GenericLFI_BODY",
        "RestrictedExtensions_URIPATH",
        "RestrictedExtensions_QUERYARGUMENTS",
        "GenericRFI_QUERYARGUMENTS",
        "GenericRFI_BODY",
        "GenericRFI_URIPATH",
        "CrossSiteScripting_COOKIE",
        "CrossSiteScripting_QUERYARGUMENTS",
        "CrossSiteScripting_BODY",
        "CrossSiteScripting_URIPATH",
    ],
    &[
        "JavaDeserializationRCE_HEADER",
        "JavaDeserializationRCE_BODY",
        "JavaDeserializationRCE_URIPATH",
        "JavaDeserializationRCE_QUERYSTRING",
        "Host_localhost_HEADER",
        "PROPFIND_METHOD",
        "ExploitablePaths_URIPATH",
        "Log4JRCE_HEADER",
        "Log4JRCE_QUERYSTRING",
        "Log4JRCE_BODY",
        "Log4JRCE_URIPATH",
        "ReactJSRCE_BODY",
    ],
    &[
        "SQLi_QUERYARGUMENTS",
        "SQLiExtendedPatterns_QUERYARGUMENTS",
        "SQLi_BODY",
        "SQLiExtendedPatterns_BODY",
        "SQLiExtendedPatterns_HEADER",
        "SQLiExtendedPatterns_URIPATH",
        "SQLi_COOKIE",
        "SQLi_URIPATH",
    ],
];

/// All values of an entry of `managed_rules`.
pub const WORDS: [&str; 15] = [
    "ip-reputation",
    "ip-reputation:count",
    "ip-reputation:block",
    "anonymous-ip",
    "anonymous-ip:count",
    "anonymous-ip:block",
    "common",
    "common:count",
    "common:block",
    "known-bad-inputs",
    "known-bad-inputs:count",
    "known-bad-inputs:block",
    "sqli",
    "sqli:count",
    "sqli:block",
];

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManagedRule {
    /// The short name in the stack file.
    pub name: String,
    /// Whether WAF blocks the requests that the group matches, or only counts them.
    pub block: bool,
    /// Rules of the group that only count.
    pub exceptions: Vec<String>,
}

/// The keys of `exceptions` are the names of the managed rule groups, which are not valid identifiers in Rust.
pub(in crate::spec) struct ExceptionsKeys {
    /// In the order of [`GROUPS`].
    pub groups: [List; GROUPS.len()],
}

pub(super) static EXCEPTIONS: ExceptionsKeys = ExceptionsKeys {
    groups: [
        List::words("ip-reputation", RULES[0], EXCEPTION),
        List::words("anonymous-ip", RULES[1], EXCEPTION),
        List::words("common", RULES[2], EXCEPTION),
        List::words("known-bad-inputs", RULES[3], EXCEPTION),
        List::words("sqli", RULES[4], EXCEPTION),
    ],
};

const EXCEPTION: &str = "Rules of this group that only count.";

impl Section for ExceptionsKeys {
    fn what(&self) -> &'static str {
        "exceptions"
    }

    fn keys(&'static self) -> Vec<&'static Key> {
        self.groups.iter().map(|group| &group.key).collect()
    }
}

/// A group's place in the order of evaluation, and its name at AWS.
pub fn group(name: &str) -> Option<(usize, &'static str)> {
    let position = GROUPS.iter().position(|(known, _)| *known == name)?;
    Some((position, GROUPS[position].1))
}

/// Reads one entry of `managed_rules`. An error is a message and perhaps a suggestion.
pub fn parse(text: &str) -> Result<ManagedRule, (String, Option<String>)> {
    let (name, action) = text.split_once(':').unwrap_or((text, "count"));
    let block = match action {
        "count" => false,
        "block" => true,
        _ => {
            let message = format!("{action:?} is not an action: a managed rule group either counts or blocks");
            return Err((message, Some(format!("write \"{name}\" or \"{name}:block\""))));
        }
    };
    if group(name).is_none() {
        let known: Vec<&str> = GROUPS.iter().map(|(name, _)| *name).collect();
        let near = || nearest(name, &known).map(|near| format!("did you mean \"{near}\"?"));
        let help = advice::for_value("managed_rules", &known, name).or_else(near);
        return Err((format!("{name:?} is not a managed rule group: use one of {}", known.join(", ")), help));
    }
    Ok(ManagedRule { name: name.to_owned(), block, exceptions: Vec::new() })
}

/// Whether a group has a rule. An error is a message and perhaps a suggestion.
pub fn rule(name: &str, rule: &str) -> Result<(), (String, Option<String>)> {
    let known = group(name).map_or(&[][..], |(position, _)| RULES[position]);
    if known.contains(&rule) {
        return Ok(());
    }
    let help = nearest(rule, known).map(|near| format!("did you mean \"{near}\"?"));
    Err((format!("{name} has no rule {rule:?}: use one of {}", known.join(", ")), help))
}

/// The managed rule groups with their exceptions.
pub(super) fn groups(
    reader: &mut Reader,
    table: &Table,
    managed_rules: &List,
    exceptions: &Nested<ExceptionsKeys>,
) -> Vec<ManagedRule> {
    let mut groups: Vec<ManagedRule> = Vec::new();
    for (group, span) in reader.list(table, managed_rules) {
        match parse(&group) {
            Ok(rule) if groups.iter().any(|known| known.name == rule.name) => {
                reader.diagnostic(&span, format!("{} is listed twice", rule.name), None);
            }
            Ok(rule) => groups.push(rule),
            Err((why, help)) => reader.diagnostic(&span, why, help),
        }
    }
    if let Some(table) = reader.table(table, exceptions) {
        self::exceptions(reader, &table, &mut groups);
    }
    groups
}

/// Adds the exceptions to their groups.
fn exceptions(reader: &mut Reader, table: &Table, groups: &mut [ManagedRule]) {
    let ExceptionsKeys { groups: known } = &EXCEPTIONS;
    for (key, (group, _)) in known.iter().zip(GROUPS) {
        let mut rules = Vec::new();
        for (rule, span) in reader.list(table, key) {
            match self::rule(group, &rule) {
                Ok(()) => rules.push(rule),
                Err((why, help)) => reader.diagnostic(&span, why, help),
            }
        }
        match groups.iter_mut().find(|one| one.name == group) {
            Some(one) => one.exceptions = rules,
            None if rules.is_empty() => {}
            None => {
                let help = format!("add \"{group}:block\" to it, or remove the exceptions");
                let message = format!("{group} is not among the firewall's managed rule groups");
                reader.diagnostic(&table.span, message, Some(help));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_counts_unless_block_is_given() {
        let rule = |block| Ok(ManagedRule { name: "common".into(), block, exceptions: Vec::new() });
        assert_eq!(
            [parse("common"), parse("common:count"), parse("common:block")],
            [rule(false), rule(false), rule(true)]
        );
    }

    #[test]
    fn the_list_of_values_has_every_group_with_every_action() {
        assert!(WORDS.iter().all(|word| parse(word).is_ok()));
        let of = |name: &str| WORDS.iter().filter(|word| word.split(':').next() == Some(name)).count();
        assert!(GROUPS.iter().all(|(name, _)| of(name) == 3));
    }

    #[test]
    fn every_rule_is_in_one_group() {
        assert!(rule("common", "SizeRestrictions_BODY").is_ok());
        let (message, help) = rule("common", "SizeRestriction_BODY").expect_err("it is mistyped");
        assert!(message.contains("common has no rule"), "{message}");
        assert_eq!(help.as_deref(), Some("did you mean \"SizeRestrictions_BODY\"?"));
        assert!(rule("sqli", "SizeRestrictions_BODY").is_err());
        let all: Vec<&str> = RULES.concat();
        let once: std::collections::BTreeSet<&&str> = all.iter().collect();
        assert_eq!(once.len(), all.len());
    }

    #[test]
    fn a_mistyped_group_or_action_gets_a_suggestion() {
        let help = |text| parse(text).err().and_then(|(_, help)| help);
        assert_eq!(help("comon").as_deref(), Some("did you mean \"common\"?"));
        assert_eq!(help("common:blok").as_deref(), Some("write \"common\" or \"common:block\""));
        assert_eq!(parse("zzz").err().map(|(_, help)| help), Some(None));
    }
}
