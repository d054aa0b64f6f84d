//! Placeholders for resources of the stack, at the beginning of a resource of `allow`: `{table.notes}` is the ARN of
//! the table, and `{table.notes}/index/*` that of its indexes.

use crate::scope::Scope;
use crate::spec::sections::Stack;

/// The kinds of resources that placeholders can name, each with a sample of its ARNs for checks before the account is
/// known.
const KINDS: [(&str, Kind, &str); 5] = [
    ("function", Kind::Function, "lambda:{region}:{account}:function:NAME"),
    ("pool", Kind::Pool, "cognito-idp:{region}:{account}:userpool/NAME"),
    ("queue", Kind::Queue, "sqs:{region}:{account}:NAME"),
    ("table", Kind::Table, "dynamodb:{region}:{account}:table/NAME"),
    ("topic", Kind::Topic, "sns:{region}:{account}:NAME"),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::spec) enum Kind {
    Function,
    Pool,
    Queue,
    Table,
    Topic,
}

impl Kind {
    /// The kind's word in placeholders and in messages.
    pub(in crate::spec) fn word(self) -> &'static str {
        KINDS.iter().find(|(_, kind, _)| *kind == self).map_or("", |(word, ..)| word)
    }
}

/// A placeholder for a resource of the stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::spec) struct Reference<'a> {
    pub kind: Kind,
    /// Its name in the stack file.
    pub name: &'a str,
    /// The text after the placeholder, as in `/index/*`.
    pub rest: &'a str,
}

impl<'a> Reference<'a> {
    /// The placeholder at the beginning of a resource.
    pub(in crate::spec) fn of(resource: &'a str) -> Option<Self> {
        let (placeholder, rest) = resource.strip_prefix('{')?.split_once('}')?;
        let (word, name) = placeholder.split_once('.')?;
        let kind = KINDS.iter().find(|(known, ..)| *known == word).map(|(_, kind, _)| *kind)?;
        Some(Self { kind, name, rest })
    }

    /// A sample ARN of its kind, with `{partition}`, `{region}` and `{account}`.
    pub(super) fn sample(&self) -> String {
        let sample = KINDS.iter().find(|(_, kind, _)| *kind == self.kind).map_or("", |(.., sample)| sample);
        format!("arn:{{partition}}:{sample}{}", self.rest)
    }

    /// Its ARN in this account and region. The id of a pool is AWS's choice, so its placeholder stays.
    pub(super) fn arn(&self, stack: &Stack, scope: &Scope) -> String {
        let Self { kind, name, rest } = self;
        let physical = scope.physical(name);
        let own = match kind {
            Kind::Pool => return format!("{{pool.{name}}}{rest}"),
            Kind::Function => scope.arn("lambda", &format!("function:{physical}")),
            Kind::Queue => stack.queue_arn(scope, name),
            Kind::Table => scope.arn("dynamodb", &format!("table/{physical}")),
            Kind::Topic => scope.arn("sns", &physical),
        };
        own + rest
    }
}

/// All forms of placeholders, as in `{table.NAME}`, for help.
pub(super) fn words() -> String {
    KINDS.map(|(word, ..)| format!("{{{word}.NAME}}")).join(", ")
}

/// The names of the pools whose placeholders are still in these resources.
pub(in crate::spec) fn pools_in(resources: &[String]) -> impl Iterator<Item = &str> {
    let references = resources.iter().filter_map(|resource| Reference::of(resource));
    references.filter(|reference| reference.kind == Kind::Pool).map(|reference| reference.name)
}

/// A resource with the ARN of its pool in place of the placeholder, if the pool is known.
pub(in crate::spec) fn with_pool(resource: &str, known: &dyn Fn(&str) -> Option<String>) -> String {
    let Some(Reference { kind: Kind::Pool, name, rest }) = Reference::of(resource) else { return resource.to_owned() };
    known(name).map_or_else(|| resource.to_owned(), |arn| arn + rest)
}
