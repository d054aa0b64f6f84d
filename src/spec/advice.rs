//! Hints for names that other tools use, such as `memorySize`: the stack file's name for the setting, or an
//! alternative.

mod words;

use super::field::Holds;
use super::section::Section;
use super::sections::ROOT;
use words::{Advice, FIREWALL, WORDS, Word};

/// WAF's names of managed rule groups as [`plain`] words without `awsmanagedrules`, and the stack file's names.
const MANAGED_GROUPS: [(&str, &str); 5] = [
    ("commonruleset", "common"),
    ("knownbadinputsruleset", "known-bad-inputs"),
    ("sqliruleset", "sqli"),
    ("amazonipreputationlist", "ip-reputation"),
    ("anonymousiplist", "anonymous-ip"),
];

/// The hint for an unknown key of a table; `None` if this module does not know the word.
pub(super) fn for_key(within: &str, keys: &[&str], key: &str) -> Option<String> {
    let plain = plain(key);
    if let Some(same) = keys.iter().find(|known| self::plain(known) == plain) {
        return Some(format!("did you mean `{same}`?"));
    }
    if within == FIREWALL
        && let Some(group) = managed_group(key)
    {
        return Some(format!("write managed_rules = [\"{group}\"]"));
    }
    let fits = |word: &&Word| word.within == within && word.words.contains(&plain.as_str());
    let word = WORDS.iter().filter(fits).find(|word| word.keys.iter().all(|key| exists(key)))?;
    Some(match word.advice {
        Advice::Text(text) => text.to_owned(),
        Advice::Name => format!("did you mean `{}`?", word.keys[0].rsplit('.').next().unwrap_or_default()),
    })
}

/// The hint for an unknown word as the value of a key.
pub(super) fn for_value(key: &str, known: &[&str], word: &str) -> Option<String> {
    let plain = plain(word);
    let same = known.iter().find(|known| self::plain(known) == plain).copied();
    let other = match (key, plain.as_str()) {
        ("managed_rules", _) => managed_group(word),
        ("mfa", "required" | "true" | "totp" | "softwaretokenmfa") => Some("on"),
        ("mfa", "none" | "false" | "disabled") => Some("off"),
        ("auth", "awsiam" | "sigv4" | "signed") => Some("iam"),
        ("auth", "public" | "open" | "anonymous" | "false") => Some("none"),
        ("kind", "httpapi" | "v2") => Some("http"),
        ("kind", "restapi" | "regional" | "edge" | "v1") => Some("rest"),
        ("architecture", "x86" | "amd64" | "intel") => Some("x86_64"),
        ("architecture", "arm" | "aarch64" | "graviton") => Some("arm64"),
        ("mode", "monitor" | "log" | "detect") => Some("count"),
        ("mode", "deny" | "denylist" | "blacklist") => Some("block"),
        ("mode", "allowlist" | "whitelist") => Some("allow"),
        _ => None,
    };
    same.or(other.filter(|other| known.contains(other))).map(|right| format!("did you mean \"{right}\"?"))
}

/// The stack file's name of a WAF managed rule group, as in `sqli`.
fn managed_group(word: &str) -> Option<&'static str> {
    let plain = plain(word);
    let group = plain.strip_prefix("awsmanagedrules")?;
    MANAGED_GROUPS.iter().find(|(theirs, _)| *theirs == group).map(|(_, ours)| *ours)
}

/// A word in lower case without punctuation, so that `memorySize`, `MemorySize` and `memory_size` are equal.
fn plain(word: &str) -> String {
    word.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
}

/// Whether stack files can have a key, as in `functions.memory_mb`. The path leaves out the names that users choose.
fn exists(path: &str) -> bool {
    let mut tables: Vec<&'static dyn Section> = vec![&ROOT];
    path.split('.').all(|name| {
        let key = tables.iter().flat_map(|table| table.keys()).find(|key| key.name == name);
        tables = key.map_or_else(Vec::new, |key| match key.holds {
            Holds::Secrets(value, settings) => vec![value, settings],
            Holds::Table(inner)
            | Holds::Tables(inner)
            | Holds::Named(_, inner)
            | Holds::NamedTables(inner)
            | Holds::Variables(inner)
            | Holds::Auth(_, inner) => vec![inner],
            _ => Vec::new(),
        });
        key.is_some()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_advised_key_exists() {
        for word in WORDS {
            for key in word.keys {
                assert!(exists(key), "{key}");
            }
            for one in word.words {
                assert_eq!(plain(one), *one, "{one} is compared without _, - and capital letters");
            }
        }
    }

    fn help(file: &str) -> String {
        let mistakes = crate::spec::parse(file).expect_err("a mistake");
        mistakes.iter().map(|mistake| mistake.help.clone().unwrap_or_default()).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn words_of_other_tools_lead_to_the_key_or_say_what_to_do_instead() {
        let function = "[functions.F]\nsource = \"f\"\n";
        let route = format!("{function}[[api.routes]]\nroute = \"GET /\"\nfunction = \"F\"\nauth = \"none\"\n");
        let pool = format!("{function}[pools.P]\n");
        let firewall = format!("{route}[firewall]\n");
        for (file, words) in [
            (format!("{function}memorySize = 512"), "did you mean `memory_mb`?"),
            (format!("{function}MemorySize = 512"), "did you mean `memory_mb`?"),
            (format!("{function}memory_size = 512"), "did you mean `memory_mb`?"),
            (format!("{function}memoryMb = 512"), "did you mean `memory_mb`?"),
            (format!("{function}timeout = 5"), "did you mean `timeout_s`?"),
            (format!("{function}env = {{}}"), "did you mean `environment`?"),
            (format!("{function}events = []"), "routes name their function"),
            (format!("{function}events.http = 1"), "routes name their function"),
            (format!("{function}iamRoleStatements = []"), "the role is derived"),
            (format!("{function}policies = []"), "the role is derived"),
            (format!("{function}authorizer = \"P\""), "`pool` in [[api.routes]]"),
            (format!("{route}method = \"GET\""), "route = \"POST /items/{id}\""),
            (format!("{route}path = \"/\""), "route = \"POST /items/{id}\""),
            (format!("{route}lambda_function = \"F\""), "did you mean `function`?"),
            (format!("{route}authorization = \"P\""), "name the user pool with `pool`"),
            (format!("{pool}password_policy = {{}}"), "did you mean `password`?"),
            (format!("{firewall}AWSManagedRulesCommonRuleSet = true"), "managed_rules = [\"common\"]"),
            (format!("{firewall}managed_rules = [\"AWSManagedRulesSQLiRuleSet\"]"), "did you mean \"sqli\"?"),
            (format!("{firewall}mode = \"monitor\""), "did you mean \"count\"?"),
            (format!("{pool}mfa = \"REQUIRED\""), "did you mean \"on\"?"),
            (format!("{pool}pre_sign_up = \"F\""), "write it under `hooks`"),
            (format!("{pool}hooks = {{ preTokenGeneration = \"F\" }}"), "did you mean `pre_token`?"),
            (format!("{pool}hooks = {{ CustomEmailSender = \"F\" }}"), "cannot send the messages itself"),
            (format!("{pool}callbackURLs = []"), "write it under `login`"),
            (format!("{pool}identity_providers = {{}}"), "[pools.NAME.providers.PROVIDER]"),
            (format!("{pool}emailConfiguration = {{}}"), "write it under `mail`"),
            (format!("{pool}login = {{ domain = \"a\", callbackUrls = [] }}"), "did you mean `callbacks`?"),
            (format!("{pool}providers = {{ Corp = {{ attribute_mapping = {{}} }} }}"), "did you mean `attributes`?"),
            (format!("user_pool = 1\n{function}"), "[pools.NAME]"),
            (format!("provider = 1\n{function}"), "--region"),
            ("[secrets.S]\nKEY = { value = \"x\" }\n".to_owned(), "never in the stack file"),
        ] {
            let said = help(&file);
            assert!(said.contains(words), "{file}: {said}");
        }
    }

    #[test]
    fn every_unknown_key_gets_the_nearest_one_or_the_list() {
        let said = help("[functions.F]\nsource = \"f\"\nxyz = 1\n");
        assert!(said.starts_with("a function has the keys source, "), "{said}");
    }
}
