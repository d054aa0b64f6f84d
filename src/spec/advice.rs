//! Words of other tools in the stack file: what the key is called here, or what to do instead.

use super::field::Holds;
use super::section::Section;
use super::sections::ROOT;

/// Words that mean the same in one kind of table, and what to write instead.
struct Word {
    /// The kind of table, as in `a function`.
    within: &'static str,
    /// In lower case, without `_` and `-`.
    words: &'static [&'static str],
    /// The keys that the advice names, as in `functions.memory_mb`. If one does not exist, the advice does not apply.
    keys: &'static [&'static str],
    advice: Advice,
}

enum Advice {
    /// The same setting under another name: the last part of the key.
    Name,
    Text(&'static str),
}

/// A setting that is called otherwise here.
const fn name(within: &'static str, words: &'static [&'static str], key: &'static [&'static str; 1]) -> Word {
    Word { within, words, keys: key, advice: Advice::Name }
}

/// A setting that is made in another way.
const fn text(
    within: &'static str,
    words: &'static [&'static str],
    keys: &'static [&'static str],
    advice: &'static str,
) -> Word {
    Word { within, words, keys, advice: Advice::Text(advice) }
}

const FILE: &str = "a stack file";
const STACK: &str = "stack";
const FUNCTION: &str = "a function";
const API: &str = "api";
const ROUTE: &str = "a route";
const POOL: &str = "a pool";
const PASSWORD: &str = "a password rule";
const FIREWALL: &str = "firewall";
const SECRET: &str = "a secret's value";
const QUEUE: &str = "a queue";
const IDENTITY_POOL: &str = "an identity pool";

const WORDS: &[Word] = &[
    text(
        FILE,
        &["function", "lambda", "lambdas", "lambdafunction", "lambdafunctions", "awslambdafunction"],
        &["functions"],
        "write each function as [functions.NAME]",
    ),
    text(
        FILE,
        &["userpool", "userpools", "cognito", "cognitouserpool", "awscognitouserpool"],
        &["pools"],
        "write each user pool as [pools.NAME]",
    ),
    text(FILE, &["waf", "webacl", "wafv2"], &["firewall"], "write it as [firewall]"),
    text(FILE, &["service", "app", "project", "name"], &["stack.name"], "write it as `name` under [stack]"),
    text(
        FILE,
        &["routes", "route", "events", "httpapi", "restapi", "endpoints", "paths"],
        &["api.routes"],
        "write each route as [[api.routes]]",
    ),
    text(
        FILE,
        &["environment", "env", "vars", "variables"],
        &["functions.environment"],
        "variables belong to a function: write them as [functions.NAME.environment]",
    ),
    text(
        FILE,
        &["usageplan", "usageplans", "apikey", "apikeys", "keys", "quota"],
        &["plans", "api.routes.key"],
        "write API keys and their limits as [plans.NAME], and `key = true` into the routes that ask for one",
    ),
    text(FILE, &["cors"], &["api.cors"], "CORS holds for a whole API: write it as `cors` under [api]"),
    text(
        FILE,
        &["provider", "region", "profile", "account"],
        &[],
        "a stack file fits every account and region: choose them with --profile and --region",
    ),
    text(
        FILE,
        &["resources", "parameters", "globals", "transform", "custom", "plugins", "locals", "terraform", "module"],
        &["functions", "api"],
        "a stack file is no template: it has sections such as [functions.NAME] and [api]; `securelambda init` writes a \
         file with every key",
    ),
    text(FILE, &["outputs"], &[], "`securelambda outputs` prints ids, ARNs and URLs; nothing needs to be declared"),
    text(
        FILE,
        &["bucket", "buckets", "s3"],
        &["functions.allow"],
        "make the bucket with another tool, and let functions use it with `allow`",
    ),
    text(
        STACK,
        &["region", "profile", "account"],
        &[],
        "a stack file fits every account and region: choose them with --profile and --region",
    ),
    name(STACK, &["kms", "kmskeyarn", "encryptionkey", "kmskeyid"], &["stack.kms_key"]),
    name(STACK, &["boundary", "permissionboundary", "rolepermissionsboundary"], &["stack.permissions_boundary"]),
    name(FUNCTION, &["memory", "memorysize", "ram", "memorysizemb", "memorymib"], &["functions.memory_mb"]),
    name(FUNCTION, &["timeout", "timeoutseconds", "timeoutsec"], &["functions.timeout_s"]),
    name(FUNCTION, &["env", "vars", "envvars", "environmentvariables", "variables"], &["functions.environment"]),
    name(
        FUNCTION,
        &["codeuri", "code", "path", "dir", "folder", "filename", "src", "package", "sourcedir", "entry"],
        &["functions.source"],
    ),
    name(FUNCTION, &["imageuri", "container", "dockerimage", "containerimage"], &["functions.image"]),
    name(FUNCTION, &["entrypoint", "main"], &["functions.handler"]),
    name(FUNCTION, &["logretention", "logretentionindays", "retentionindays"], &["functions.log_retention_days"]),
    name(FUNCTION, &["arch", "architectures", "platform"], &["functions.architecture"]),
    name(
        FUNCTION,
        &["concurrency", "reservedconcurrentexecutions", "concurrentexecutions"],
        &["functions.reserved_concurrency"],
    ),
    name(
        FUNCTION,
        &["dlq", "deadletterqueue", "deadletterconfig", "deadletter", "destinations", "onerror"],
        &["functions.on_failure"],
    ),
    name(FUNCTION, &["vpcconfig"], &["functions.vpc"]),
    name(FUNCTION, &["xray", "tracingconfig", "activetracing"], &["functions.tracing"]),
    name(FUNCTION, &["secret", "secretarn", "secretsmanager"], &["functions.secrets"]),
    name(FUNCTION, &["publish", "publishesto"], &["functions.publishes"]),
    text(
        FUNCTION,
        &["events", "http", "httpapi", "url", "routes", "route", "apievent"],
        &["api.routes.function"],
        "routes name their function: write [[api.routes]] with `route` and `function`",
    ),
    text(
        FUNCTION,
        &["sns", "sqs", "schedule", "stream", "eventsourcemapping", "eventsource", "subscribes"],
        &["functions.triggers.topic", "functions.triggers.queue", "functions.triggers.schedule"],
        "write [[functions.NAME.triggers]] with `topic`, `queue` or `schedule`",
    ),
    text(
        FUNCTION,
        &["iamrolestatements", "policies", "policy", "role", "permissions", "statements", "managedpolicyarns", "iam"],
        &[
            "functions.secrets",
            "functions.reads",
            "functions.writes",
            "functions.publishes",
            "functions.sends",
            "functions.allow",
        ],
        "the role is derived from the function's keys: `secrets`, `reads`, `writes`, `publishes` and `sends`; anything \
         else is `allow`",
    ),
    text(
        FUNCTION,
        &["auth", "authorizer", "pool"],
        &["api.routes.pool"],
        "who may call is a key of the route: `pool` in [[api.routes]]",
    ),
    text(FUNCTION, &["cors"], &["api.cors"], "CORS holds for a whole API: write it as `cors` under [api]"),
    text(
        FUNCTION,
        &["name", "functionname"],
        &["functions"],
        "a function's name is that of its table, [functions.NAME]",
    ),
    name(API, &["type", "protocol", "protocoltype"], &["api.kind"]),
    name(API, &["throttlingratelimit", "throttlerate", "rate", "ratelimiting"], &["api.rate_limit"]),
    name(API, &["throttlingburstlimit", "burst"], &["api.burst_limit"]),
    name(API, &["accesslogs", "logging", "accesslogsettings", "accesslog"], &["api.logs"]),
    name(API, &["stagename", "stages"], &["api.stage"]),
    name(API, &["endpoints", "paths", "resources", "events"], &["api.routes"]),
    name(API, &["xray", "tracingenabled"], &["api.tracing"]),
    name(API, &["securitypolicy", "minimumtlsversion"], &["api.tls"]),
    name(API, &["resourcepolicy", "policy", "iprangewhitelist", "sourceip", "whitelist"], &["api.allow_from"]),
    name(API, &["customdomain", "domainname", "domains", "hostname"], &["api.domain"]),
    name(API, &["disableexecuteapiendpoint", "disabledefaultendpoint"], &["api.default_endpoint"]),
    text(API, &["waf", "webacl"], &["firewall"], "write it as [firewall]"),
    text(
        API,
        &["authorizer", "authorizers", "auth", "pool"],
        &["api.routes.pool", "api.routes.authorizer"],
        "who may call is a key of each route: `pool` in [[api.routes]], or `authorizer` for an entry of [authorizers]",
    ),
    text(
        ROUTE,
        &["method", "httpmethod", "path", "resource", "routekey", "url", "uri", "verb"],
        &["api.routes.route"],
        "method and path are one key: route = \"POST /items/{id}\"",
    ),
    name(ROUTE, &["lambda", "handler", "target", "lambdafunction", "functionname"], &["api.routes.function"]),
    text(
        ROUTE,
        &["mock", "http", "backend", "proxy", "integrationtype", "integrationuri", "upstream"],
        &["api.routes.integration"],
        "write integration = { http = \"https://…\" } for a server, or integration = { mock = { status = 200, body = \"ok\" } } \
         for a fixed answer",
    ),
    text(
        ROUTE,
        &["authorization", "authorizationtype", "cognito", "userpool", "security"],
        &["api.routes.pool", "api.routes.authorizer", "api.routes.auth"],
        "name the user pool with `pool`, or an entry of [authorizers] with `authorizer`; or write auth = \"iam\" or auth = \"none\"",
    ),
    text(
        ROUTE,
        &["public", "open", "anonymous"],
        &["api.routes.auth"],
        "for a route that anyone may call, write auth = \"none\"",
    ),
    text(ROUTE, &["cors"], &["api.cors"], "CORS holds for a whole API: write it as `cors` under [api]"),
    name(
        ROUTE,
        &["schema", "requestschema", "requestmodels", "requestmodel", "model", "validation", "validator"],
        &["api.routes.body"],
    ),
    name(ROUTE, &["timeout", "timeouts", "timeoutinmillis"], &["api.routes.timeout_s"]),
    text(
        ROUTE,
        &["throttling", "throttle"],
        &["api.routes.rate_limit", "api.routes.burst_limit"],
        "write `rate_limit` and `burst_limit` into the route; those under [api] hold for each route without its own",
    ),
    name(ROUTE, &["throttlingratelimit", "throttlerate", "rate"], &["api.routes.rate_limit"]),
    name(ROUTE, &["throttlingburstlimit", "burst"], &["api.routes.burst_limit"]),
    name(ROUTE, &["apikey", "apikeyrequired", "private"], &["api.routes.key"]),
    text(
        POOL,
        &[
            "presignup",
            "postconfirmation",
            "preauthentication",
            "postauthentication",
            "pretokengeneration",
            "pretoken",
            "custommessage",
            "usermigration",
            "lambdaconfig",
            "triggers",
        ],
        &["pools.hooks"],
        "write it under `hooks`, with the function's name",
    ),
    text(
        POOL,
        &["presignup"],
        &["pools.self_sign_up"],
        "a pool calls no functions; with `self_sign_up = false`, only `securelambda add-user` adds users",
    ),
    text(
        POOL,
        &[
            "postconfirmation",
            "preauthentication",
            "postauthentication",
            "pretokengeneration",
            "pretoken",
            "custommessage",
            "usermigration",
            "lambdaconfig",
            "triggers",
        ],
        &["pools"],
        "a pool calls no functions: the stack file has no key for Cognito's Lambda triggers",
    ),
    name(POOL, &["passwordpolicy", "policies"], &["pools.password"]),
    name(POOL, &["mfaconfiguration", "multifactor"], &["pools.mfa"]),
    name(POOL, &["allowadmincreateuseronly", "signup", "allowsignup"], &["pools.self_sign_up"]),
    name(
        POOL,
        &["tokenvalidity", "accesstokenvalidity", "idtokenvalidity", "refreshtokenvalidity", "tokenvalidityunits"],
        &["pools.tokens"],
    ),
    name(POOL, &["explicitauthflows", "authflows", "authenticationflows"], &["pools.flows"]),
    name(POOL, &["advancedsecurity", "advancedsecuritymode", "userpooladdons"], &["pools.threat_protection"]),
    text(
        POOL,
        &["users", "user"],
        &["pools"],
        "users are no part of the stack file: `securelambda add-user` adds them",
    ),
    name(PASSWORD, &["length", "minlength", "min"], &["pools.password.minimum_length"]),
    name(PASSWORD, &["requirelowercase"], &["pools.password.lowercase"]),
    name(PASSWORD, &["requireuppercase"], &["pools.password.uppercase"]),
    name(PASSWORD, &["requirenumbers", "digits"], &["pools.password.numbers"]),
    name(PASSWORD, &["requiresymbols", "special"], &["pools.password.symbols"]),
    name(FIREWALL, &["rate", "ratelimit", "ratebased", "ratebasedstatement"], &["firewall.rate_per_ip"]),
    name(FIREWALL, &["ips", "ip", "ipset", "allowlist", "whitelist", "cidr", "cidrs"], &["firewall.addresses"]),
    name(FIREWALL, &["defaultaction", "action"], &["firewall.mode"]),
    name(FIREWALL, &["geo", "geomatch", "geomatchstatement", "country"], &["firewall.countries"]),
    name(FIREWALL, &["logging", "logs", "loggingconfiguration"], &["firewall.log"]),
    name(FIREWALL, &["managed", "managedrulegroups", "rulegroups", "managedgroups"], &["firewall.managed_rules"]),
    text(
        SECRET,
        &["value", "secretstring", "default", "plain", "text"],
        &["secrets.env", "secrets.prompt", "secrets.generate"],
        "a secret's value is never in the stack file: take it from a variable with `env`, ask for it with `prompt`, or \
         make it with `generate`",
    ),
    name(SECRET, &["random", "length", "generatesecretstring"], &["secrets.generate"]),
    name(SECRET, &["variable", "environment", "fromenv"], &["secrets.env"]),
    name(
        QUEUE,
        &["dlq", "deadletter", "deadletterqueue", "redrivepolicy", "maxreceivecount"],
        &["queues.dead_letter_after"],
    ),
    name(QUEUE, &["retention", "messageretentionperiod", "retentionperiod"], &["queues.retention_days"]),
    text(
        QUEUE,
        &["visibility", "visibilitytimeout"],
        &["functions.timeout_s"],
        "it follows from `timeout_s` of the function that reads the queue",
    ),
    name(IDENTITY_POOL, &["userpool", "userpools", "provider"], &["identity_pools.pool"]),
    name(IDENTITY_POOL, &["routes", "apis"], &["identity_pools.invokes"]),
    text(
        IDENTITY_POOL,
        &["policy", "role", "permissions", "statements", "authenticatedrole"],
        &["identity_pools.invokes", "identity_pools.allow"],
        "the role is derived from `invokes` and `allow`",
    ),
];

/// WAF's names of managed rule groups, and ours.
const MANAGED_GROUPS: [(&str, &str); 5] = [
    ("commonruleset", "common"),
    ("knownbadinputsruleset", "known-bad-inputs"),
    ("sqliruleset", "sqli"),
    ("amazonipreputationlist", "ip-reputation"),
    ("anonymousiplist", "anonymous-ip"),
];

/// What to write instead of an unknown key of a table; `None` if the word means nothing here.
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

/// What to write instead of an unknown word as the value of a key.
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

/// Our name of one of WAF's managed rule groups.
fn managed_group(word: &str) -> Option<&'static str> {
    let plain = plain(word);
    let group = plain.strip_prefix("awsmanagedrules")?;
    MANAGED_GROUPS.iter().find(|(theirs, _)| *theirs == group).map(|(_, ours)| *ours)
}

/// A word without what different tools write differently: `memorySize`, `MemorySize` and `memory_size` are the same.
fn plain(word: &str) -> String {
    word.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
}

/// Whether the stack file has a key, as in `functions.memory_mb`. The names that users choose are left out.
fn exists(path: &str) -> bool {
    let mut tables: Vec<&'static dyn Section> = vec![&ROOT];
    path.split('.').all(|name| {
        let key = tables.iter().flat_map(|table| table.keys()).find(|key| key.name == name);
        tables = key.map_or_else(Vec::new, |key| match key.holds {
            Holds::Secrets(value, settings) => vec![value, settings],
            Holds::Table(inner)
            | Holds::Tables(inner)
            | Holds::Named(_, inner)
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

    /// Keys that the tables name although they do not exist yet.
    const PLANNED: [&str; 1] = ["pools.hooks"];

    #[test]
    fn every_advised_key_exists() {
        for word in WORDS {
            for key in word.keys {
                assert!(exists(key) || PLANNED.contains(key), "{key}");
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
            (format!("user_pool = 1\n{function}"), "[pools.NAME]"),
            (format!("provider = 1\n{function}"), "--region"),
            ("[secrets.S]\nKEY = { value = \"x\" }\n".to_owned(), "never in the stack file"),
        ] {
            let said = help(&file);
            assert!(said.contains(words), "{file}: {said}");
        }
        // What is said about hooks depends on whether there are any.
        let hook = help(&format!("{pool}pre_sign_up = \"F\""));
        assert!(hook.contains("hooks") || hook.contains("self_sign_up"), "{hook}");
    }

    #[test]
    fn every_unknown_key_gets_the_nearest_one_or_the_list() {
        let said = help("[functions.F]\nsource = \"f\"\nxyz = 1\n");
        assert!(said.starts_with("a function has the keys source, "), "{said}");
    }
}
