//! Key names of other tools for the top level and `[stack]`.

use super::{FILE, STACK, Word, name, text};

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
    text(FILE, &["sqs", "sqsqueue", "sqsqueues", "awssqsqueue"], &["queues"], "write each SQS queue as [queues.NAME]"),
    text(FILE, &["sns", "snstopic", "snstopics", "awssnstopic"], &["topics"], "write each SNS topic as [topics.NAME]"),
    text(
        FILE,
        &["dynamodb", "dynamo", "ddb", "dynamodbtable", "dynamodbtables", "awsdynamodbtable"],
        &["tables"],
        "write each table of DynamoDB as [tables.NAME]",
    ),
    text(
        FILE,
        &["schedule", "schedules", "scheduler", "cron", "crons", "timers"],
        &["functions.trigger.schedule"],
        "a schedule is a trigger of a function: write trigger = { schedule = \"rate(5 minutes)\" } under \
         [functions.NAME]",
    ),
    text(
        FILE,
        &["rule", "rules", "eventrule", "eventrules", "eventbridge", "eventbus"],
        &["functions.trigger.schedule", "functions.trigger.service", "firewall.rules"],
        "rules of the firewall are [[firewall.rules]], and a schedule is a trigger of a function, with `schedule`; \
         make other rules of EventBridge with another tool, and let them call a function by a trigger with `service`",
    ),
    text(
        FILE,
        &["websocket", "websockets", "websocketapi", "websocketapis"],
        &["functions.allow"],
        "a stack has no WebSocket APIs: make one with another tool; a function sends to its connections if `allow` has \
         execute-api:ManageConnections",
    ),
    text(
        FILE,
        &["statemachine", "statemachines", "stepfunction", "stepfunctions", "workflow", "workflows"],
        &["functions.allow"],
        "a stack has no state machines: make one with another tool; a function starts it if `allow` has \
         states:StartExecution",
    ),
    text(
        FILE,
        &["layer", "layers"],
        &["functions.layers"],
        "publish layers with another tool, and write their ARNs as `layers` of a function",
    ),
    text(
        FILE,
        &["domain", "domains", "customdomain", "customdomains"],
        &["api.domain", "pools.login.domain"],
        "a domain belongs to an API or to a pool: write it as `domain` under [api], or under [pools.NAME.login]",
    ),
    text(
        FILE,
        &["vpc", "vpcs", "subnets", "securitygroups", "network"],
        &["functions.vpc"],
        "a stack makes no VPC; a function runs in an existing one with `vpc` under [functions.NAME]",
    ),
    text(
        FILE,
        &["cloudfront", "cdn", "distribution", "distributions", "website"],
        &["api"],
        "a stack makes no CloudFront distribution: make it with another tool, in front of the URL of the API that \
         `securelambda outputs` prints",
    ),
];
