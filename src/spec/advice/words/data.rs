//! Key names of other tools for tables, queues and secrets.

use super::{INDEX, QUEUE, SECRET, TABLE, Word, name, text};

pub(super) const WORDS: &[Word] = &[
    text(
        SECRET,
        &["value", "secretstring", "default", "plain", "text"],
        &["secrets.env", "secrets.prompt", "secrets.generate"],
        "a secret's value is never in the stack file: take it from a variable with `env`, ask for it with `prompt`, or \
         make it with `generate`",
    ),
    name(SECRET, &["random", "length", "generatesecretstring"], &["secrets.generate"]),
    name(SECRET, &["variable", "environment", "fromenv"], &["secrets.env"]),
    name(QUEUE, &["maxreceivecount", "maxreceives"], &["queues.dead_letter_after"]),
    name(QUEUE, &["retention", "messageretentionperiod", "retentionperiod"], &["queues.retention_days"]),
    text(
        QUEUE,
        &["visibility", "visibilitytimeout"],
        &["functions.timeout_s"],
        "the visibility timeout follows from `timeout_s` of the function that reads the queue",
    ),
    text(
        QUEUE,
        &["dlq", "deadletter", "deadletterqueue", "deadletters", "redrivepolicy"],
        &["queues.dead_letter_after"],
        "write dead_letter_after = 5, the number of failed deliveries: `up` then makes the dead-letter queue, whose \
         name is that of this queue followed by -dead",
    ),
    text(
        QUEUE,
        &["delay", "delays", "delayseconds"],
        &["queues"],
        "remove the key: a queue delivers at once; the sender of a message can give it a delay, as DelaySeconds",
    ),
    name(TABLE, &["hashkey", "partitionkey", "primarykey", "pk"], &["tables.key"]),
    name(TABLE, &["rangekey", "sortkey", "sk"], &["tables.sort"]),
    name(TABLE, &["gsi", "globalsecondaryindexes", "globalsecondaryindex", "globalindexes"], &["tables.indexes"]),
    name(TABLE, &["timetolive", "timetoliveattribute"], &["tables.ttl"]),
    name(TABLE, &["streams", "streamviewtype", "streamspecification"], &["tables.stream"]),
    name(TABLE, &["pitr", "pointintimerecovery", "backup"], &["tables.recovery"]),
    name(TABLE, &["deletionprotectionenabled"], &["tables.deletion_protection"]),
    text(
        TABLE,
        &["billing", "billingmode", "capacity", "readcapacity", "writecapacity", "provisionedthroughput"],
        &["tables"],
        "remove the key: every table is on demand, so AWS charges for each request",
    ),
    text(
        TABLE,
        &["existing", "arn", "tablearn"],
        &["functions.allow"],
        "a stack has only tables that it makes: let a function use another one with `allow`",
    ),
    name(INDEX, &["hashkey", "partitionkey", "primarykey", "pk"], &["tables.indexes.key"]),
    name(INDEX, &["rangekey", "sortkey", "sk"], &["tables.indexes.sort"]),
];
