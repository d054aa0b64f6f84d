//! `[functions]`

mod code;
mod environment;
mod event_sources;
mod events;
mod filters;
mod image;
mod rights;
mod rules;
mod runtimes;
mod schedules;
mod triggers;
mod vpc;

use std::collections::{BTreeMap, BTreeSet};

use toml::de::DeTable;

use self::environment::{VARIABLE_FROM, VariableFromKeys};
use self::events::{ON_FAILURE, OnFailureKeys};
use self::triggers::{TRIGGER, TriggerKeys};
use self::vpc::{VPC, VpcKeys};
use super::allow::{ALLOW, AllowKeys};
use super::{Part, Stack, queues, service_users, topics};
use crate::choices::LIVE;
use crate::scope::Scope;
use crate::spec::checks::Checks;
use crate::spec::diagnostic::Diagnostic;
use crate::spec::field::{Flag, Key, List, Nested, Number, OptionalNumber, OptionalWord, Text, TextOr, Word};
use crate::spec::reader::{Reader, Table};
use crate::spec::rules::NAME;
use crate::spec::section::{Choice, section};

pub use code::{Bundler, Code, Packed};
pub(in crate::spec) use environment::VARIABLE;
pub use environment::Variable;
pub use event_sources::{Batches, QueueTrigger, StreamSource, StreamTrigger};
pub use events::Destination;
pub use image::Image;
pub use rights::Rights;
pub use rules::secret_variable;
pub use runtimes::{Aging, Language, Runtime, aging, deprecated_on, newest_runtime};
pub use triggers::{OutsideCaller, ScheduleTrigger, Trigger};
pub use vpc::Vpc;

pub(super) static KEY: Nested<FunctionKeys> =
    Nested::named("functions", NAME, &FUNCTION, "Lambda functions, by name. Each has a role of its own.");

const ARCHITECTURES: [&str; 2] = ["arm64", "x86_64"];

section! {
    FUNCTION: FunctionKeys = "a function", Choice::OneOf(&[&["source", "image"]]);
    source: Text = any(
        "The folder of its code, relative to the stack file. It can also be a .zip file or, with java, a .jar file, which is shipped as it is.",
    );
    image: Text = any(
        "Instead of `source`: a container image in a private repository of Amazon ECR, in the stack's region, with its digest: 123456789012.dkr.ecr.eu-central-1.amazonaws.com/resize@sha256:….",
    );
    trigger: Nested<TriggerKeys> = table(&TRIGGER, "The trigger that calls the function besides routes, if there is only one.");
    triggers: Nested<TriggerKeys> = some_tables(&TRIGGER, "The triggers that call the function besides routes, if there are several.");
    secrets: List = texts(
        "The secrets it may read. With one secret, the variable SECRET_ID has its name; with several, SECRET_ID_NAME has the name of each.",
    );
    publishes: List = texts("The topics it may publish to.");
    sends: List = texts("The queues it may send messages to.");
    allow: Nested<AllowKeys> = some_tables(
        &ALLOW, "What else it may do at AWS. `up` removes permissions that neither this nor another key gives.",
    );
    reads: List = texts("The tables that it may read: their items, by key, query and scan, also by their indexes.");
    writes: List = texts("The tables that it may write: it may put, update and delete items.");
    invokes_functions: List = texts("The functions of the stack that it may invoke.");
    reads_parameters: List = texts(
        "The parameters of SSM that it may read: a name as in \"/app/url\", or a path as in \"/app/*\" for all below it.",
    );
    runtime: TextOr = word(
        &runtimes::RUNTIMES,
        "Lambda's runtime. Code for java, dotnet, ruby and provided is shipped as it was built.",
    );
    handler: TextOr = form(
        "^\\S{1,128}$",
        "index.handler",
        "The handler that Lambda calls: the file without its extension, a dot, and the function. With java it is package.Class::method, with dotnet Assembly::Namespace.Class::Method; both are required. With provided, the default is bootstrap.",
    );
    bundler: OptionalWord<Bundler> = of(
        &code::BUNDLERS, &[Bundler::Esbuild],
        "Bundles the handler's file, in TypeScript or JavaScript, and everything that it imports into one file.",
    );
    layers: List = texts(
        "The ARNs of up to 5 layers, each with its version. Their code runs in the function; if two layers contain the same file, the one in the later layer is used.",
    );
    architecture: Word<&'static str> = of(&ARCHITECTURES, &ARCHITECTURES, "The processor it runs on.");
    memory_mb: Number = range(128, 10_240, 128, "Memory in MB. CPU power grows with it.");
    ephemeral_mb: Number = range(512, 10_240, 512, "The size of /tmp in MB.");
    timeout_s: Number = range(1, 900, 10, "How many seconds one call may take. A REST API waits for 29 seconds, an HTTP API for 30.");
    reserved_concurrency: OptionalNumber = range(
        1, 10_000,
        "How many calls it may handle at the same time. Lambda reserves them for it; at least 100 of the account must remain unreserved, which `doctor` checks. Without this key, the function shares the account's unreserved concurrency.",
    );
    provisioned_concurrency: OptionalNumber = range(
        1, 10_000,
        "How many of its instances are ready before they are called, so that no call waits for a start. AWS charges for them all the time. The function then has an alias called live, and everything in the stack file that calls the function calls the alias. Not more than `reserved_concurrency`, and otherwise part of the unreserved executions of the account. A change of the code waits until instances of the new version are ready, which takes minutes.",
    );
    tracing: Flag = hardened(
        false, true, "Whether it sends traces to X-Ray. China's regions do not have X-Ray.",
    );
    log_retention_days: Number = hardened_one_of(
        &rules::RETENTION_DAYS, 14, 365, "How many days its logs are kept.",
    );
    vpc: Nested<VpcKeys> = table(
        &VPC,
        "The VPC that it runs in. Without it, the function runs in none, and `up` takes it out of one that somebody set by hand. In a VPC, a function reaches AWS's services and the internet only if the VPC does.",
    );
    on_failure: Nested<OnFailureKeys> = table(
        &ON_FAILURE,
        "Where Lambda sends the events of asynchronous calls, such as a topic's messages, when all retries have failed: to a queue or to a topic. With posture = \"hardened\" it is { queue = \"dead\" }.",
    );
    environment: Nested<VariableFromKeys> = variables(&VARIABLE_FROM, "Environment variables that are not secret.");
}

#[derive(Debug, Clone, PartialEq)]
pub struct Function {
    /// The code of the function.
    pub code: Code,
    /// The triggers that call it besides routes.
    pub triggers: Vec<Trigger>,
    /// The secrets it may read.
    pub secrets: Vec<String>,
    /// The topics it may publish to.
    pub publishes: Vec<String>,
    /// The queues it may send messages to.
    pub sends: Vec<String>,
    /// Its further permissions.
    pub rights: Rights,
    /// 128 to 10,240.
    pub memory_mb: u32,
    /// 512 to 10,240.
    pub ephemeral_mb: u32,
    /// 1 to 900.
    pub timeout_s: u32,
    /// How many executions are reserved for it, 1 to 10,000.
    pub reserved_concurrency: Option<u32>,
    /// How many of its instances are ready before they are called, 1 to 10,000.
    pub provisioned_concurrency: Option<u32>,
    /// Whether it sends traces to X-Ray.
    pub tracing: bool,
    /// One of the values that CloudWatch Logs allows.
    pub log_retention_days: u32,
    /// `None`: the stack file has no `vpc`, so the function runs in no VPC.
    pub vpc: Option<Vpc>,
    /// The destination for the events of asynchronous calls that failed.
    pub on_failure: Option<Destination>,
    pub environment: BTreeMap<String, Variable>,
}

impl Stack {
    /// The ARNs of the layers of its functions.
    pub fn layers(&self) -> BTreeSet<String> {
        let packed = self.functions.values().filter_map(Function::packed);
        packed.flat_map(|packed| packed.layers.iter().cloned()).collect()
    }

    /// The layers of other accounts than this one, each with the functions that use it.
    pub fn layers_of_others<'a>(&'a self, account: &'a str) -> BTreeMap<&'a String, Vec<&'a String>> {
        let mut layers: BTreeMap<&String, Vec<&String>> = BTreeMap::new();
        for (name, function) in &self.functions {
            for layer in function.packed().into_iter().flat_map(|packed| packed.layers_of_others(account)) {
                layers.entry(layer).or_default().push(name);
            }
        }
        layers
    }

    /// The alias by which everything calls a function, if it has one.
    fn alias_of(&self, function: &str) -> Option<&'static str> {
        let wanted = self.functions.get(function)?;
        wanted.provisioned_concurrency.map(|_| LIVE)
    }

    /// The name by which a function is called: with its alias, if it has one.
    pub fn called_name(&self, scope: &Scope, function: &str) -> String {
        let name = scope.physical(function);
        self.alias_of(function).map_or(name.clone(), |alias| format!("{name}:{alias}"))
    }

    /// The ARN by which a function is called, which follows from its name. It is that of its alias, if it has one.
    pub fn called_arn(&self, scope: &Scope, function: &str) -> String {
        scope.arn("lambda", &format!("function:{}", self.called_name(scope, function)))
    }
}

impl Part for BTreeMap<String, Function> {
    fn key() -> &'static Key {
        &KEY.key
    }

    fn read(reader: &mut Reader, root: &Table) -> Self {
        reader.each(root, &KEY, function)
    }

    fn check(&self, checks: &mut Checks) {
        // Role names are unique regardless of case (docs/aws.md, Roles).
        let mut roles: BTreeMap<String, &str> = BTreeMap::new();
        for (name, function) in self {
            references(name, function, checks);
            rights::check(name, &function.rights, checks);
            if let Some(twin) = roles.insert(name.to_lowercase(), name) {
                let message =
                    format!("the functions {twin} and {name} would have the same role name: IAM ignores case");
                checks.report([Diagnostic::new(format!("functions.{name}"), message)]);
            }
            checks.report(rules::environment_too_large(name, function, checks));
            checks.report(rules::policy_too_large(name, function, checks));
            checks.report(rules::more_provisioned_than_reserved(name, function));
        }
        checks.report(rules::too_many_callers(checks));
    }
}

/// Names of things that do not exist, or that a variable cannot refer to.
fn references(name: &str, function: &Function, checks: &mut Checks) {
    for secret in &function.secrets {
        checks.exists(format!("functions.{name}.secrets.{secret}"), "secret", secret, &service_users::secrets());
    }
    for topic in &function.publishes {
        checks.exists(format!("functions.{name}.publishes.{topic}"), "topic", topic, &[&topics::KEY.key]);
    }
    for queue in &function.sends {
        queues::exists(checks, format!("functions.{name}.sends.{queue}"), queue);
    }
    triggers::check(name, function, checks);
    events::check(name, function, checks);
    environment::check(name, function, checks);
}

fn function(reader: &mut Reader, _name: &str, table: &Table) -> Function {
    let FunctionKeys {
        source,
        image,
        trigger,
        triggers,
        secrets,
        publishes,
        sends,
        allow,
        reads,
        writes,
        invokes_functions,
        reads_parameters,
        runtime,
        handler,
        bundler,
        layers,
        architecture,
        memory_mb,
        ephemeral_mb,
        timeout_s,
        reserved_concurrency,
        provisioned_concurrency,
        tracing,
        log_retention_days,
        vpc,
        on_failure,
        environment,
    } = &FUNCTION;
    let beside = [&source.key, &runtime.key, &handler.key, &bundler.key, &layers.key];
    let image = image::read(reader, table, image, &beside);
    let architecture = reader.word(table, architecture).to_owned();
    let code = if let Some(image) = image {
        Code::Image(Image { architecture, ..image })
    } else {
        let keys = code::Keys { source, runtime, handler, bundler, layers };
        Code::Packed(Packed::read(reader, table, &keys, architecture))
    };
    Function {
        code,
        triggers: triggers::read(reader, table, (trigger, triggers)),
        secrets: reader.list(table, secrets).into_iter().map(|(secret, _)| secret).collect(),
        publishes: reader.list(table, publishes).into_iter().map(|(topic, _)| topic).collect(),
        sends: reader.list(table, sends).into_iter().map(|(queue, _)| queue).collect(),
        rights: rights::read(reader, table, (allow, [reads, writes, invokes_functions], reads_parameters)),
        memory_mb: reader.number(table, memory_mb),
        ephemeral_mb: reader.number(table, ephemeral_mb),
        timeout_s: reader.number(table, timeout_s),
        reserved_concurrency: reader.optional_number(table, reserved_concurrency),
        provisioned_concurrency: reader.optional_number(table, provisioned_concurrency),
        tracing: reader.flag(table, tracing),
        log_retention_days: reader.number(table, log_retention_days),
        vpc: vpc::read(reader, table, vpc),
        on_failure: events::on_failure(reader, table, on_failure),
        environment: environment::read(reader, table, environment),
    }
}

/// A function whose code is in the folder `source` of this program. Its other settings are the defaults of the posture.
pub(super) fn shipped(
    reader: &mut Reader,
    name: &str,
    source: &str,
    environment: BTreeMap<String, Variable>,
) -> Function {
    let text = format!("source = \"{source}\"");
    let (entry, _) = DeTable::parse_recoverable(&text);
    let table = Table { span: 0..0, entries: entry.get_ref(), path: "shipped".into(), what: name.to_owned() };
    let mut function = function(reader, name, &table);
    if let Code::Packed(packed) = &mut function.code {
        packed.shipped = true;
    }
    Function { environment, ..function }
}
