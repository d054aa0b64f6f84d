//! AWS's managed rule groups: `"common"` counts what the group would block, `"common:block"` blocks it. A group that
//! blocks from its first day breaks clients (docs/aws.md, Managed rules), so to block takes a word of its own, group by
//! group.

use super::model::ManagedRule;
use crate::spelling::nearest;

/// Our short names, in the order in which they are asked: who sends before what is sent (docs/aws.md, Managed rules).
pub const GROUPS: [(&str, &str); 5] = [
    ("ip-reputation", "AWSManagedRulesAmazonIpReputationList"),
    ("anonymous-ip", "AWSManagedRulesAnonymousIpList"),
    ("common", "AWSManagedRulesCommonRuleSet"),
    ("known-bad-inputs", "AWSManagedRulesKnownBadInputsRuleSet"),
    ("sqli", "AWSManagedRulesSQLiRuleSet"),
];

/// Every way to write one.
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

/// Where a group comes, and what AWS calls it.
pub fn group(name: &str) -> Option<(usize, &'static str)> {
    let position = GROUPS.iter().position(|(known, _)| *known == name)?;
    Some((position, GROUPS[position].1))
}

/// One entry of `managed_rules`. What is wrong with it, and what was probably meant.
pub fn parse(text: &str) -> Result<ManagedRule, (String, Option<String>)> {
    let (name, action) = text.split_once(':').unwrap_or((text, "count"));
    let block = match action {
        "count" => false,
        "block" => true,
        _ => {
            let message = format!("a managed rule group counts or blocks; {action:?} is neither");
            return Err((message, Some(format!("write \"{name}\" or \"{name}:block\""))));
        }
    };
    if group(name).is_none() {
        let known: Vec<&str> = GROUPS.iter().map(|(name, _)| *name).collect();
        let help = nearest(name, &known).map(|near| format!("did you mean \"{near}\"?"));
        return Err((format!("managed rules are {}", known.join(", ")), help));
    }
    Ok(ManagedRule { name: name.to_owned(), block })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_counts_until_it_is_told_to_block() {
        let rule = |block| Ok(ManagedRule { name: "common".into(), block });
        assert_eq!(
            [parse("common"), parse("common:count"), parse("common:block")],
            [rule(false), rule(false), rule(true)]
        );
    }

    #[test]
    fn every_way_to_write_one_is_known() {
        assert!(WORDS.iter().all(|word| parse(word).is_ok()));
        let of = |name: &str| WORDS.iter().filter(|word| word.split(':').next() == Some(name)).count();
        assert!(GROUPS.iter().all(|(name, _)| of(name) == 3));
    }

    #[test]
    fn mistakes_come_with_what_was_meant() {
        let help = |text| parse(text).err().and_then(|(_, help)| help);
        assert_eq!(help("comon").as_deref(), Some("did you mean \"common\"?"));
        assert_eq!(help("common:blok").as_deref(), Some("write \"common\" or \"common:block\""));
        assert_eq!(parse("zzz").err().map(|(_, help)| help), Some(None));
    }
}
