//! Checks an entry of `allow` against AWS's service authorization reference and IAM's policy language.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::ops::Range;

use super::{Condition, Given, PLACEHOLDERS, Reference, references};
use crate::authorization::{self, Action, Service};
use crate::spec::reader::Reader;
use crate::spelling::nearest;

/// The partitions of AWS that this program knows.
const PARTITIONS: [&str; 3] = ["aws", "aws-cn", "aws-us-gov"];

/// IAM's operators, which may end in `IfExists` and, for several values, begin with a word of [`SETS`].
const OPERATORS: [&str; 27] = [
    "StringEquals",
    "StringNotEquals",
    "StringEqualsIgnoreCase",
    "StringNotEqualsIgnoreCase",
    "StringLike",
    "StringNotLike",
    "NumericEquals",
    "NumericNotEquals",
    "NumericLessThan",
    "NumericLessThanEquals",
    "NumericGreaterThan",
    "NumericGreaterThanEquals",
    "DateEquals",
    "DateNotEquals",
    "DateLessThan",
    "DateLessThanEquals",
    "DateGreaterThan",
    "DateGreaterThanEquals",
    "Bool",
    "BinaryEquals",
    "IpAddress",
    "NotIpAddress",
    "ArnEquals",
    "ArnLike",
    "ArnNotEquals",
    "ArnNotLike",
    "Null",
];

const SETS: [&str; 2] = ["ForAllValues:", "ForAnyValue:"];

/// An action of the entry, perhaps with wildcards, and its service.
struct Asked<'a> {
    /// As in `s3:GetObject`.
    name: &'a str,
    span: &'a Range<usize>,
    prefix: &'a str,
    service: Service,
}

impl Asked<'_> {
    fn actions(&self) -> Vec<&Action> {
        self.service.actions(self.name.split_once(':').map_or("", |(_, name)| name))
    }

    fn is_open(&self) -> bool {
        self.name.contains(['*', '?'])
    }
}

pub(super) fn check(reader: &mut Reader, given: &Given) {
    let excused = given.because.is_some();
    let asked: Vec<Asked> =
        given.actions.iter().filter_map(|(name, span)| self::asked(reader, name, span, excused)).collect();
    let known = asked.len() == given.actions.len();
    let on_everything = given.resources.iter().any(|(arn, _)| arn == "*");
    let mut sound = true;
    for (arn, span) in given.resources.iter().filter(|(arn, _)| arn != "*") {
        if let Err((why, help)) = whole(arn).and_then(|()| form(&plain(arn), excused)) {
            reader.diagnostic(span, why, Some(help));
            sound = false;
        }
    }
    // We compare actions with ARNs only if all actions exist and all ARNs have a valid form.
    if known && sound && !given.resources.is_empty() {
        if on_everything {
            everything(reader, given, &asked);
        } else {
            each_fits(reader, given, &asked);
        }
    }
    if known {
        for condition in &given.conditions {
            self::condition(reader, condition, &asked);
        }
    }
}

/// Checks an action and finds its service. `None` if AWS has no such action.
fn asked<'a>(reader: &mut Reader, name: &'a str, span: &'a Range<usize>, excused: bool) -> Option<Asked<'a>> {
    let Some((prefix, action)) = name.split_once(':').filter(|(prefix, _)| !prefix.contains(['*', '?'])) else {
        let help = "write the prefix of one service, a colon and the action, as in \"s3:GetObject\"";
        reader.diagnostic(span, format!("{name:?} is not an action"), Some(help.into()));
        return None;
    };
    let Some(service) = Service::of(prefix) else {
        let help = authorization::nearest_service(prefix).map(|near| format!("did you mean `{near}`?"));
        reader.diagnostic(span, format!("AWS has no service with the prefix {prefix:?}"), help);
        return None;
    };
    let asked = Asked { name, span, prefix, service };
    let actions = asked.actions();
    if actions.is_empty() {
        let help = asked.service.nearest(action).map(|near| format!("did you mean `{prefix}:{near}`?"));
        reader.diagnostic(span, format!("AWS has no action {name:?}"), help);
        return None;
    }
    if !excused && asked.is_open() {
        let message = format!("{name:?} stands for {} actions", actions.len());
        reader.diagnostic(span, message, Some("name the actions, or give the reason with `because`".into()));
    } else if !excused && actions.iter().any(|action| action.escalates(prefix)) {
        let message = format!("a role with {name} could gain or grant further permissions");
        reader.diagnostic(span, message, Some("leave it out, or give the reason with `because`".into()));
    }
    Some(asked)
}

/// The ARN itself, or a sample ARN if it begins with a placeholder for a resource of the stack.
fn plain(arn: &str) -> Cow<'_, str> {
    Reference::of(arn).map_or(Cow::Borrowed(arn), |reference| Cow::Owned(reference.sample()))
}

/// Checks the text after a placeholder for a resource of the stack. It must begin with `/` or `:`, so that it names a
/// part of that resource.
fn whole(resource: &str) -> Result<(), (String, String)> {
    match Reference::of(resource) {
        Some(Reference { kind, name, rest }) if !rest.is_empty() && !rest.starts_with(['/', ':']) => {
            let message = format!("{resource:?} would name another resource than the {} {name}", kind.word());
            Err((message, "continue with / or :, or write the ARN".into()))
        }
        _ => Ok(()),
    }
}

/// Checks that this is an ARN of a known partition. A wildcard in the region or the account needs a reason.
fn form(arn: &str, excused: bool) -> Result<(), (String, String)> {
    if let Some(unknown) = placeholder(arn) {
        let known = PLACEHOLDERS.map(|(name, _)| name).join(", ");
        let help = format!("known: {known}; at the beginning {}; IAM's variables begin with ${{", references::words());
        return Err((format!("`{unknown}` is not filled in"), help));
    }
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    let ["arn", partition, service, region, account, name] = parts.as_slice() else {
        let help = "write it as \"arn:{partition}:s3:::photos/*\" or \"arn:{partition}:sqs:{region}:{account}:work\"";
        return Err((format!("{arn:?} is not an ARN"), help.into()));
    };
    if *partition != PLACEHOLDERS[0].0 && !PARTITIONS.contains(partition) {
        return Err((format!("{arn:?} names no partition of AWS"), "write {partition}".into()));
    }
    if service.is_empty() || service.contains(['*', '?']) || name.is_empty() {
        let help = "IAM takes wildcards only in the region, the account and the name";
        return Err((format!("{arn:?} names no resource of one service"), help.into()));
    }
    if !excused && [region, account].iter().any(|part| part.contains(['*', '?'])) {
        let help = "write {region} and {account}, or give the reason with `because`";
        return Err((format!("{arn:?} stands for resources in any region or account"), help.into()));
    }
    Ok(())
}

/// The first text in braces that is neither one of [`PLACEHOLDERS`] nor a variable of IAM.
fn placeholder(arn: &str) -> Option<&str> {
    arn.match_indices('{').filter(|(at, _)| !arn[..*at].ends_with('$')).find_map(|(at, _)| {
        let rest = &arn[at..];
        let text = &rest[..rest.find('}').map_or(rest.len(), |end| end + 1)];
        (!PLACEHOLDERS.iter().any(|(name, _)| *name == text)).then_some(text)
    })
}

/// Checks an entry for `*`: an action that can be limited to resources needs a reason.
fn everything(reader: &mut Reader, given: &Given, asked: &[Asked]) {
    if given.because.is_some() {
        return;
    }
    for one in asked.iter().filter(|one| !one.is_open()) {
        let Some(action) = one.actions().into_iter().find(|action| !action.on.is_empty()) else { continue };
        let message = format!("\"*\" allows {} on everything", one.name);
        let help = format!("name the resources, as in {:?}, or give the reason with `because`", example(action));
        reader.diagnostic(one.span, message, Some(help));
    }
}

/// Checks an entry for ARNs: every action must take one of the ARNs, and every ARN must be of a type that some action
/// takes.
fn each_fits(reader: &mut Reader, given: &Given, asked: &[Asked]) {
    let samples: Vec<String> = given.resources.iter().map(|(arn, _)| sample(arn)).collect();
    for one in asked.iter().filter(|one| !one.is_open()) {
        for action in one.actions() {
            if action.on.is_empty() {
                let help = "put it into an entry of its own, with resources = [\"*\"]; that needs no `because`";
                let message = format!("AWS allows {} on \"*\" alone", one.name);
                reader.diagnostic(one.span, message, Some(help.into()));
            } else if !samples.iter().any(|sample| action.takes(sample)) {
                let message = format!("none of the resources is one that {} is allowed on", one.name);
                reader.diagnostic(one.span, message, Some(format!("it takes {:?}", example(action))));
            }
        }
    }
    let actions: Vec<&Action> = asked.iter().flat_map(Asked::actions).collect();
    for ((arn, span), sample) in given.resources.iter().zip(&samples) {
        let takers: Vec<&&Action> = actions.iter().filter(|action| action.takes(sample)).collect();
        let on = takers.iter().flat_map(|action| &action.on);
        if takers.is_empty() {
            let taken = actions.iter().find(|action| !action.on.is_empty());
            let help = taken.map(|action| format!("{} takes {:?}", action.name, example(action)));
            reader.diagnostic(span, format!("no action of this entry is allowed on {arn:?}"), help);
        } else if given.because.is_none() && on.into_iter().any(|on| authorization::is_all_of(sample, on)) {
            let help = "name them, or give the reason with `because`";
            reader.diagnostic(span, format!("{arn:?} stands for all resources of its kind"), Some(help.into()));
        }
    }
}

/// An example of an ARN that an action takes, with `{partition}`, `{region}` and `{account}`.
fn example(action: &Action) -> String {
    let Some(on) = action.on.first() else { return "*".to_owned() };
    let parts = on.splitn(6, ':').enumerate().map(|(at, part)| match (at, part) {
        (1, "*") => "{partition}".to_owned(),
        (3, "*") => "{region}".to_owned(),
        (4, "*") => "{account}".to_owned(),
        (_, part) => part.replace(['*', '%'], "NAME"),
    });
    parts.collect::<Vec<_>>().join(":")
}

/// An ARN with sample values in place of placeholders, and `*` in place of IAM's variables.
fn sample(arn: &str) -> String {
    let arn = PLACEHOLDERS.iter().fold(plain(arn).into_owned(), |arn, (name, value)| arn.replace(name, value));
    let mut parts = arn.split("${");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| text + "*" + part.split_once('}').map_or("", |(_, rest)| rest))
}

fn condition(reader: &mut Reader, Condition { operator, key, .. }: &Condition, asked: &[Asked]) {
    let (name, span) = operator;
    let bare = SETS.iter().find_map(|set| name.strip_prefix(set)).unwrap_or(name);
    let bare = bare.strip_suffix("IfExists").unwrap_or(bare);
    if !OPERATORS.contains(&bare) {
        let help = nearest(bare, &OPERATORS).map(|near| format!("did you mean `{near}`?"));
        reader.diagnostic(span, format!("IAM has no condition operator {name:?}"), help);
    }
    let (key, span) = key;
    if !asked.iter().any(|one| one.service.has_key(key)) {
        let near = asked.first().and_then(|one| one.service.nearest_key(key));
        let services: BTreeSet<&str> = asked.iter().map(|one| one.prefix).collect();
        let services = services.into_iter().collect::<Vec<_>>().join(" and ");
        let message = format!("neither {services} nor the global condition keys of IAM include {key:?}");
        reader.diagnostic(span, message, near.map(|near| format!("did you mean `{near}`?")));
    }
}
