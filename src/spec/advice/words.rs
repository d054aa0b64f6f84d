//! Key names of other tools, and the hints for them.

/// Key names of other tools that mean the same in one kind of table, and the hint for them.
pub(super) struct Word {
    /// The kind of table, as in `a function`.
    pub(super) within: &'static str,
    /// In lower case, without `_` and `-`.
    pub(super) words: &'static [&'static str],
    /// The keys that the advice names, as in `functions.memory_mb`. If one does not exist, the advice does not apply.
    pub(super) keys: &'static [&'static str],
    pub(super) advice: Advice,
}

pub(super) enum Advice {
    /// The stack file has the setting under another name: the last part of the key.
    Name,
    Text(&'static str),
}

/// A setting that has another name in the stack file.
const fn name(within: &'static str, words: &'static [&'static str], key: &'static [&'static str; 1]) -> Word {
    Word { within, words, keys: key, advice: Advice::Name }
}

/// A setting that the stack file expresses in another way.
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
const HOOKS: &str = "hooks";
const LOGIN: &str = "a login";
const PROVIDER: &str = "an identity provider";
const MAIL: &str = "mail";
const PASSWORD: &str = "a password rule";
pub(super) const FIREWALL: &str = "firewall";
const SECRET: &str = "a secret's value";
const QUEUE: &str = "a queue";
const IDENTITY_POOL: &str = "an identity pool";

pub(super) const WORDS: &[Word] = &[
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
        "authorization belongs to the route: write `pool` in [[api.routes]]",
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
        "authorization belongs to each route: write `pool` in [[api.routes]], or `authorizer` for an entry of [authorizers]",
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
            "defineauthchallenge",
            "createauthchallenge",
            "verifyauthchallenge",
            "verifyauthchallengeresponse",
            "lambdaconfig",
            "lambdatriggers",
            "triggers",
        ],
        &["pools.hooks"],
        "write it under `hooks`, with the function's name",
    ),
    name(HOOKS, &["pretokengeneration", "pretokengenerationconfig"], &["pools.hooks.pre_token"]),
    name(HOOKS, &["verifyauthchallengeresponse"], &["pools.hooks.verify_auth_challenge"]),
    text(
        HOOKS,
        &["customemailsender", "customsmssender"],
        &["pools.hooks.custom_message"],
        "a function cannot send the messages itself, because it would get the codes; `custom_message` can change their text",
    ),
    text(
        POOL,
        &[
            "domain",
            "userpooldomain",
            "hostedui",
            "managedlogin",
            "callbackurls",
            "logouturls",
            "oauth",
            "oauth2",
            "callbacks",
        ],
        &["pools.login.domain", "pools.login.callbacks"],
        "write it under `login`: the domain, and the addresses to which the sign-in pages send users back, as `callbacks`",
    ),
    text(
        POOL,
        &[
            "identityprovider",
            "identityproviders",
            "socialproviders",
            "supportedidentityproviders",
            "google",
            "saml",
            "oidc",
        ],
        &["pools.providers"],
        "write each identity provider as [pools.NAME.providers.PROVIDER]",
    ),
    text(
        POOL,
        &[
            "email",
            "emailconfiguration",
            "emailsettings",
            "ses",
            "sender",
            "verificationmessagetemplate",
            "invitemessagetemplate",
        ],
        &["pools.mail"],
        "write it under `mail`: the sender as `ses` and `from`, the texts as `verification` and `invitation`",
    ),
    name(LOGIN, &["callbackurls", "callbackurl", "redirecturis", "callback"], &["pools.login.callbacks"]),
    name(LOGIN, &["logouturls", "logouturl", "signouturls", "logout"], &["pools.login.logouts"]),
    name(LOGIN, &["oauthscopes", "allowedoauthscopes", "scope"], &["pools.login.scopes"]),
    name(PROVIDER, &["clientid"], &["pools.providers.client_id"]),
    name(PROVIDER, &["clientsecret"], &["pools.providers.client_secret"]),
    name(PROVIDER, &["oidcissuer", "issuerurl", "authority"], &["pools.providers.issuer"]),
    name(PROVIDER, &["metadataurl", "metadatafile"], &["pools.providers.metadata"]),
    name(PROVIDER, &["attributemapping", "mapping", "attributemap"], &["pools.providers.attributes"]),
    name(PROVIDER, &["authorizescopes", "scope"], &["pools.providers.scopes"]),
    name(MAIL, &["sourcearn", "sesarn", "identity"], &["pools.mail.ses"]),
    name(MAIL, &["fromemailaddress", "sender"], &["pools.mail.from"]),
    name(MAIL, &["replyto", "replytoemailaddress"], &["pools.mail.reply_to"]),
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
        "the visibility timeout follows from `timeout_s` of the function that reads the queue",
    ),
    name(IDENTITY_POOL, &["userpool", "userpools", "provider"], &["identity_pools.pool"]),
    name(IDENTITY_POOL, &["routes", "apis"], &["identity_pools.invokes"]),
    name(IDENTITY_POOL, &["principaltags", "attributesforaccesscontrol", "sessiontags"], &["identity_pools.tags"]),
    name(IDENTITY_POOL, &["rolemappings", "rolemapping", "rules", "grouproles"], &["identity_pools.groups"]),
    text(
        IDENTITY_POOL,
        &["policy", "role", "permissions", "statements", "authenticatedrole"],
        &["identity_pools.invokes", "identity_pools.allow"],
        "the role is derived from `invokes` and `allow`",
    ),
];
