//! Key names of other tools for functions and their triggers.

use super::{FUNCTION, TRIGGER, Word, name, text};

pub(super) const WORDS: &[Word] = &[
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
    text(
        FUNCTION,
        &["functionurl", "functionurlconfig", "functionurlauth"],
        &["api.routes.function"],
        "a function has no URL of its own: write [[api.routes]] with `route` and `function`",
    ),
    text(
        FUNCTION,
        &["snapstart"],
        &["functions.provisioned_concurrency"],
        "there is no SnapStart: `provisioned_concurrency` keeps instances ready",
    ),
    text(
        FUNCTION,
        &["efs", "filesystem", "filesystems", "filesystemconfig", "filesystemconfigs"],
        &["functions.reads", "functions.writes", "functions.allow"],
        "a function mounts no file system: use a table, with `reads` and `writes`, or a bucket, with `allow`",
    ),
    text(
        FUNCTION,
        &[
            "maximumretryattempts",
            "retryattempts",
            "retries",
            "maximumeventage",
            "maximumeventageinseconds",
            "eventinvokeconfig",
            "asyncinvokeconfig",
        ],
        &["functions.on_failure", "functions.trigger.retries"],
        "Lambda repeats a failed asynchronous call twice, and then sends its event to `on_failure`; for streams, write \
         `retries` under the trigger",
    ),
    text(
        FUNCTION,
        &["release", "alias", "aliases", "autopublishalias", "deploymentpreference", "canary", "version", "versions"],
        &["environments"],
        "`up` replaces the code for all calls at once; to try a version first, deploy it to an environment: \
         [environments.NAME], and `up --env NAME`",
    ),
    text(
        TRIGGER,
        &["input", "payload"],
        &["functions.environment"],
        "the event of a schedule is empty: write the values under [functions.NAME.environment]",
    ),
    text(
        TRIGGER,
        &["enabled", "state", "disabled"],
        &["functions.triggers"],
        "remove the key: a trigger is enabled while it is in the stack file, and `up` removes it when it is not",
    ),
    text(
        TRIGGER,
        &["s3", "bucket", "event", "eventbridge", "pattern"],
        &["functions.triggers.service", "functions.triggers.source_arn"],
        "another tool makes the bucket or the rule and its notification: write service = \"s3.amazonaws.com\" or \
         \"events.amazonaws.com\", and its ARN as `source_arn`",
    ),
    name(TRIGGER, &["sns"], &["functions.triggers.topic"]),
    name(TRIGGER, &["sqs"], &["functions.triggers.queue"]),
    name(TRIGGER, &["dynamodb", "table"], &["functions.triggers.stream"]),
    name(TRIGGER, &["kinesis", "eventsourcearn"], &["functions.triggers.stream_arn"]),
    name(TRIGGER, &["cron", "rate", "scheduleexpression"], &["functions.triggers.schedule"]),
    name(TRIGGER, &["scheduleexpressiontimezone"], &["functions.triggers.timezone"]),
    name(TRIGGER, &["batchsize"], &["functions.triggers.batch"]),
    name(
        TRIGGER,
        &["batchwindow", "maximumbatchingwindow", "maximumbatchingwindowinseconds"],
        &["functions.triggers.window_s"],
    ),
    name(TRIGGER, &["filterpatterns", "filtercriteria"], &["functions.triggers.filters"]),
    name(TRIGGER, &["startingposition"], &["functions.triggers.start"]),
    name(TRIGGER, &["maximumretryattempts"], &["functions.triggers.retries"]),
    name(TRIGGER, &["maximumrecordage", "maximumrecordageinseconds"], &["functions.triggers.max_age_s"]),
    name(TRIGGER, &["parallelizationfactor"], &["functions.triggers.parallel"]),
    name(TRIGGER, &["bisectbatchonfunctionerror"], &["functions.triggers.bisect"]),
    name(
        TRIGGER,
        &["functionresponsetypes", "functionresponsetype", "reportbatchitemfailures"],
        &["functions.triggers.partial"],
    ),
    name(TRIGGER, &["maximumconcurrency"], &["functions.triggers.concurrency"]),
];
