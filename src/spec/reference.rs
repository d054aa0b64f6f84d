//! Writes `docs/stack-file.md` from the declarations of keys, with the command
//! `SECURELAMBDA_WRITE_DOCS=1 cargo test --lib spec::reference`. Without the variable, the test compares the page with
//! them.

use super::field::{Holds, Key};
use super::section::Section;
use super::sections::{ROOT, SETTINGS};

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/stack-file.md");

const INTRODUCTION: &str = "\
# The stack file

`securelambda.toml` describes one stack. This page lists every key. `securelambda init` writes a file that contains all of
them, with comments, and a JSON schema with which editors complete and check the file.

The program checks every key before the first call to AWS, and also AWS's own rules for names, sizes and numbers. It reports
all mistakes at once. A key that is not on this page is a mistake.

You choose the `NAME` of functions, pools and so on: 1 to 39 letters, digits, `_` and `-` (for identity pools 1 to 32). Roles,
policies, permissions and authorizers are not in the file. The program derives them from it: a function may do exactly what
its entry says.

`posture = \"hardened\"` under `[stack]` changes the defaults of some keys to the values that auditors expect. The column \"Default\" shows
both. A value that you write yourself applies in both postures.

<!-- Generated from src/spec/sections. Do not edit; docs/architecture.md says how to generate it. -->
";

/// A table of the page: its path in the stack file, as TOML writes it, and its keys.
type Found = (String, &'static dyn Section);

/// Adds `section` and, after it, the tables inside it. A table that has been added already is not added again:
/// `[apis.NAME]` has the same keys as `[api]`.
fn add(found: &mut Vec<Found>, path: &str, section: &'static dyn Section) {
    if section.keys().is_empty() || found.iter().any(|(_, known)| known.what() == section.what()) {
        return;
    }
    found.push((path.to_owned(), section));
    for key in section.keys() {
        let bare = path.trim_matches(['[', ']']);
        let inner = if bare.is_empty() { key.name.to_owned() } else { format!("{bare}.{}", key.name) };
        match key.holds {
            Holds::Table(section) => add(found, &format!("[{inner}]"), section),
            Holds::Tables(section) => add(found, &format!("[[{inner}]]"), section),
            Holds::NamedTables(section) => add(found, &format!("[[{inner}.NAME]]"), section),
            Holds::Named(_, section) => add(found, &format!("[{inner}.NAME]"), section),
            Holds::Variables(section) => add(found, &format!("[{inner}.VARIABLE]"), section),
            Holds::Secrets(section, settings) => {
                add(found, &format!("[{inner}.NAME.KEY]"), section);
                add(found, &format!("[{inner}.NAME.{SETTINGS}]"), settings);
            }
            _ => {}
        }
    }
}

/// Words as Markdown code, separated by commas.
fn words(words: &[&str]) -> String {
    words.iter().map(|word| format!("`\"{word}\"`")).collect::<Vec<_>>().join(", ")
}

fn value(key: &Key) -> String {
    match key.holds {
        Holds::Text | Holds::Form(_) => "text".to_owned(),
        Holds::Word(known) => words(known),
        Holds::Number(from, to) => format!("a whole number, {from} to {to}"),
        Holds::OneOf(numbers) => numbers.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
        Holds::Flag => "`true` or `false`".to_owned(),
        Holds::True => "`true`".to_owned(),
        Holds::Auth(known, _) => format!("{}, or `{{ pool = \"NAME\" }}`", words(known)),
        Holds::Texts => "a list of text".to_owned(),
        Holds::Words(known) => format!("a list of {}", words(known)),
        Holds::Variables(_) => "for each variable, text or a table (below)".to_owned(),
        Holds::Reasons => "for each control, the reason as text".to_owned(),
        Holds::Lists => "for each name, a list of text".to_owned(),
        Holds::NamedTexts => "for each name, text".to_owned(),
        Holds::Environments => "for each environment, a table with keys of this file".to_owned(),
        Holds::Tags => "for each tag, its value as text".to_owned(),
        Holds::Conditions => "for each operator of IAM, a table of condition keys with their values".to_owned(),
        Holds::Table(_) => "a table (below)".to_owned(),
        Holds::Tables(_) => "a list of tables (below)".to_owned(),
        Holds::NamedTables(_) => "for each name, a list of tables (below)".to_owned(),
        Holds::Named(_, section) if section.keys().is_empty() => "an empty table for each name".to_owned(),
        Holds::Named(..) => "a table for each name (below)".to_owned(),
        Holds::Secrets(..) => "for each name, a table for each key (below)".to_owned(),
    }
}

/// The key's default, or `required`, for the column "Default".
fn default(key: &Key) -> String {
    let hardened = key.hardened_default().map(|default| format!("; hardened: `{default}`")).unwrap_or_default();
    match key.default() {
        _ if key.required => "required".to_owned(),
        Some(default) => format!("`{default}`{hardened}"),
        None => format!("–{hardened}"),
    }
}

/// The remark above the keys of a table; empty for most tables.
fn remark(path: &str) -> &'static str {
    match path {
        "[secrets.NAME.KEY]" => "Exactly one of these keys, as in `TOPIC_ARN = { topic = \"greetings\" }`.",
        "[secrets.NAME.settings]" => {
            "The settings of a secret, which are not part of its value. A key of the value can also be called `settings`: it then has one of the keys of `[secrets.NAME.KEY]`."
        }
        "[functions.NAME.environment.VARIABLE]" => {
            "Exactly one of these keys, as in `POOL_ID = { pool_id = \"Users\" }`. The program fills in the value once the \
             resource exists."
        }
        "[api]" => "`[apis.NAME]` has the same keys.",
        "[[api.routes]]" => {
            "A route has exactly one of `function` and `integration`, and exactly one of `pool`, `auth` and `authorizer`."
        }
        "[api.routes.integration]" => {
            "Exactly one of these keys. All other keys of the route work as with a function: authorization, `parameters`, `body` and limits."
        }
        "[firewall.countries]" => "Exactly one of these keys.",
        "[[firewall.rules]]" => "A request must meet all conditions of a rule, and a rule has at least one.",
        _ => "",
    }
}

/// The features that no key describes. Each line gives the reason and the alternative.
const BEYOND: &str = "\
## What a stack file cannot say

The program creates only resources whose callers and permissions it can verify. Create the resources below with another tool.
`allow`, `reads_parameters`, `layers`, `image`, `vpc`, a trigger with `stream_arn` or `service`, variables, and `existing` secrets and
pools connect a stack with them.

| Not described | Why, and what to do |
|---|---|
| WebSocket APIs | Only the connection is authorized, and not each message, so most of what `verify` proves has no meaning there. A function calls `execute-api:ManageConnections` by `allow`. |
| GraphQL APIs (AppSync) | Resolvers decide field by field, in a language that the program does not read. |
| Private APIs, edge-optimized endpoints, VPC links | Every API is regional and public, so that it can be called and proven from outside. |
| Mutual TLS at a custom domain | Nobody but the owner of the clients' certificates could prove it. |
| Integrations with templates or with other services of AWS | A template hides what is called. Use a function, `integration = { http = … }` or `{ mock = … }`. |
| Cached answers of API Gateway | API Gateway returns a cached answer without checking the token of the next caller. Cache in the function or before the API. |
| Step Functions | A state machine has rights and a language of its own. A function starts one by `allow`. The state machine's own role calls functions, which need no trigger. |
| EventBridge rules, buses and pipes | Patterns decide what arrives, and other accounts may send. Schedules are a trigger here; for a rule, use a trigger with `service`. |
| IoT rules | Devices are authorized by certificates and policies of IoT. Let a rule call a function by a trigger with `service`. |
| S3 buckets, websites, CloudFront | The program deletes nothing that holds people's files, and has no bucket policies to prove. A function reads and writes by `allow`; a bucket calls it by a trigger with `service`. |
| Queues and topics of the stack that others write to, such as a bucket or an EventBridge rule | Only this account's roles can write to them. Let a function with a trigger receive the events, and send them on. |
| Queues of others whose messages a function handles | `trigger.queue` is a queue of the stack. Let the other tool subscribe a queue of the stack, or send to it. |
| VPCs, subnets, security groups, NAT gateways | They belong to the account's network, and other things use them. `vpc` names existing ones. |
| RDS, Aurora, ElastiCache, OpenSearch | They hold data and cost money when nobody uses them. A function reaches them with `vpc` and a secret, or by `allow`. |
| File systems (EFS) that a function mounts | Whoever mounts one reads what others left there. Use a table, or a bucket by `allow`. |
| Aliases, and shifting traffic from one version to the next | Not yet, except the alias `live` of `provisioned_concurrency`. |
| Limits for each user | API Gateway limits routes, stages and API keys, and `rate_per_ip` an address. Give partners a plan with a key. |
| Several stages of one API, base paths of a domain | Each stage would need a proof of its own. Use [an environment](changing.md#environments) for each. |
| Guests of an identity pool | Credentials without a sign-in are for everybody. Use a route with `auth = \"none\"`. |
| Layers from folders | Each function's folder has all its code, and only what `layers` names comes from elsewhere. Publish a layer with another tool. |
| SSM parameters that the stack writes | Ids and addresses for other tools come from `securelambda outputs --json`, which is never out of date. Functions read parameters of others with `reads_parameters`. |
| Dashboards, and alarms on other metrics | `[alarms]` watches what shows attacks and failures. Add alarms on the metrics of your own code with another tool. |
| SES identities | A sender must be verified by its owner. `mail` of a pool sends with one. |
| Sign-in pages with a domain or a look of your own; Facebook, Amazon and Apple as identity providers | Not yet. Google, OpenID Connect and SAML have keys. |
| Resources of other regions or accounts | One stack is one account in one region. |
";

fn page() -> String {
    let mut found = Vec::new();
    add(&mut found, "", &ROOT);
    let mut text = INTRODUCTION.to_owned();
    for (path, section) in found {
        let title = if path.is_empty() { "Top level".to_owned() } else { format!("`{path}`") };
        text += &format!("\n## {title}\n\n");
        if !remark(&path).is_empty() {
            text += &format!("{}\n\n", remark(&path));
        }
        text += "| Key | Value | Default | Meaning |\n|---|---|---|---|\n";
        for key in section.keys() {
            text += &format!("| `{}` | {} | {} | {} |\n", key.name, value(key), default(key), key.about);
        }
    }
    text + "\n" + BEYOND
}

#[test]
fn the_page_describes_every_key() {
    let page = page();
    if std::env::var_os("SECURELAMBDA_WRITE_DOCS").is_some() {
        std::fs::write(PAGE, &page).expect("the page can be written");
    }
    let there = std::fs::read_to_string(PAGE).unwrap_or_default();
    assert!(there == page, "write it: SECURELAMBDA_WRITE_DOCS=1 cargo test --lib spec::reference");
}
