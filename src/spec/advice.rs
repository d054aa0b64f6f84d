//! Hints for names that other tools use, such as `memorySize`: the stack file's name for the setting, or an
//! alternative. Hints for values of the wrong type are in [`forms`].

pub(super) mod forms;
mod words;

use super::field::Holds;
use super::section::Section;
use super::sections::ROOT;
use words::{Advice, FIREWALL, Word};

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
    let word = words::all().filter(fits).find(|word| word.keys.iter().all(|key| exists(key)))?;
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
        for word in words::all() {
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
        let cors = format!("{route}[api.cors]\n");
        let table = format!("{function}[tables.T]\n");
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
            (format!("websockets = 1\n{function}"), "no WebSocket APIs"),
            (format!("state_machines = 1\n{function}"), "states:StartExecution"),
            (format!("rules = []\n{function}"), "[[firewall.rules]]"),
            (format!("schedules = 1\n{function}"), "trigger = { schedule = "),
            (format!("layers = 1\n{function}"), "`layers` of a function"),
            (format!("domains = 1\n{function}"), "as `domain` under [api]"),
            (format!("sqs = 1\n{function}"), "[queues.NAME]"),
            (format!("sns = 1\n{function}"), "[topics.NAME]"),
            (format!("dynamodb = 1\n{function}"), "[tables.NAME]"),
            (format!("vpc = 1\n{function}"), "`vpc` under [functions.NAME]"),
            (format!("cloudfront = 1\n{function}"), "no CloudFront distribution"),
            (format!("{cors}allow_origins = []"), "did you mean `origins`?"),
            (format!("{cors}AllowHeaders = []"), "did you mean `headers`?"),
            (format!("{cors}allow_credentials = true"), "did you mean `credentials`?"),
            (format!("{cors}allow_methods = []"), "the methods of the API's routes"),
            (format!("{cors}methods = []"), "the methods of the API's routes"),
            (format!("{table}hash_key = 1"), "did you mean `key`?"),
            (format!("{table}partition_key = 1"), "did you mean `key`?"),
            (format!("{table}range_key = 1"), "did you mean `sort`?"),
            (format!("{table}billing = 1"), "every table is on demand"),
            (format!("{table}billing_mode = 1"), "every table is on demand"),
            (format!("{table}existing = 1"), "with `allow`"),
            (
                format!("{function}trigger = {{ schedule = \"rate(1 hour)\", input = 1 }}"),
                "[functions.NAME.environment]",
            ),
            (
                format!("{function}trigger = {{ schedule = \"rate(1 hour)\", enabled = true }}"),
                "while it is in the stack file",
            ),
            (format!("{function}function_url = true"), "[[api.routes]]"),
            (format!("{function}snap_start = true"), "`provisioned_concurrency`"),
            (format!("{function}efs = 1"), "mounts no file system"),
            (format!("{function}maximum_retry_attempts = 1"), "`on_failure`"),
            (format!("{function}event_invoke_config = {{}}"), "`on_failure`"),
            (format!("{function}release = 1"), "[environments.NAME]"),
            ("[queues.Q]\ndelay_seconds = 1\n".to_owned(), "as DelaySeconds"),
            ("[queues.Q]\ndead_letter_queue = \"D\"\n".to_owned(), "write dead_letter_after = 5"),
            ("[queues.Q]\nmaxReceiveCount = 5\n".to_owned(), "did you mean `dead_letter_after`?"),
            ("[plans.P]\nthrottle = {}\n".to_owned(), "`rate_limit` and `burst_limit`"),
            ("[plans.P]\nroutes = []\n".to_owned(), "`key = true`"),
            ("[plans.P]\napis = []\n".to_owned(), "`key = true`"),
            ("[authorizers.A]\ntype = \"token\"\n".to_owned(), "an authorizer is always a function"),
            (format!("{route}[api.domain]\nbase_path = \"v1\"\n"), "a domain has no base path"),
            (
                "[[api.routes]]\nroute = \"GET /\"\nauth = \"none\"\nintegration = { mock = { headers = {} } }\n"
                    .to_owned(),
                "use a function to send headers",
            ),
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
