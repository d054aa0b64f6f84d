//! Checks an entry of `allow` against AWS's service authorization reference and IAM's policy language.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::ops::Range;

use super::{Condition, Given, PLACEHOLDERS, Reference, references};
use crate::authorization::{self, Action, Service};
use crate::spec::reader::Reader;
use crate::spec::rules::is_account;
use crate::spelling::nearest;

/// The partitions of AWS that this program knows.
const PARTITIONS: [&str; 3] = ["aws", "aws-cn", "aws-us-gov"];

/// Words in place of an account, in ARNs of what AWS itself owns.
const OF_AWS: [&str; 4] = ["aws", "cloudfront", "offering", "third-party"];

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

    /// The actions, each with its service.
    fn each(&self) -> impl Iterator<Item = (&str, &Action)> {
        let prefix = self.prefix;
        self.actions().into_iter().map(move |action| (prefix, action))
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
            let all: Vec<(&str, &Action)> = asked.iter().flat_map(Asked::each).collect();
            // The actions say what was probably meant by a name alone.
            let help = if arn.contains([':', '{']) { help } else { takes(&all, arn).unwrap_or(help) };
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
    let is_filled_in = account.contains(['{', '*', '?']) || OF_AWS.contains(account);
    if !account.is_empty() && !is_filled_in && !is_account(account) {
        let help = "write {account} for the account of the stack, or the 12 digits of another account";
        return Err((format!("{arn:?} has the account {account:?}, which is not 12 digits"), help.into()));
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
        let Some((_, example)) = one.actions().into_iter().find_map(|action| action.example("")) else { continue };
        let message = format!("\"*\" allows {} on everything", one.name);
        let help = format!("name the resources, as in {example:?}, or give the reason with `because`");
        reader.diagnostic(one.span, message, Some(help));
    }
}

/// Checks an entry for ARNs: every action must take one of the ARNs, and every ARN must be of a type that some action
/// takes.
fn each_fits(reader: &mut Reader, given: &Given, asked: &[Asked]) {
    let samples: Vec<String> = given.resources.iter().map(|(arn, _)| sample(arn)).collect();
    let all: Vec<(&str, &Action)> = asked.iter().flat_map(Asked::each).collect();
    let is_taken = |sample: &str| all.iter().any(|(_, action)| action.takes(sample));
    // The services of the ARNs that no action takes.
    let unused: Vec<&str> = samples.iter().filter(|sample| !is_taken(sample)).map(|sample| service(sample)).collect();
    let mut without = Vec::new();
    for one in asked.iter().filter(|one| !one.is_open()) {
        for (prefix, action) in one.each() {
            if action.on.is_empty() {
                let help = "put it into an entry of its own, with resources = [\"*\"]; that needs no `because`";
                let message = format!("AWS allows {} on \"*\" alone", one.name);
                reader.diagnostic(one.span, message, Some(help.into()));
            } else if !samples.iter().any(|sample| action.takes(sample)) {
                // An ARN that no action takes was probably meant for this one, and is reported.
                let is_meant = |of: &&str| *of == prefix || !asked.iter().any(|one| one.prefix == *of);
                if !unused.iter().any(is_meant) {
                    let message = format!("none of the resources is one that {} is allowed on", one.name);
                    reader.diagnostic(one.span, message, takes(&[(prefix, action)], ""));
                }
                without.push((prefix, action));
            }
        }
    }
    for ((arn, span), sample) in given.resources.iter().zip(&samples) {
        if !is_taken(sample) {
            let help = takes(&without, &plain(arn)).or_else(|| takes(&all, &plain(arn)));
            reader.diagnostic(span, format!("no action of this entry is allowed on {arn:?}"), help);
            continue;
        }
        let mut on = all.iter().filter(|(_, action)| action.takes(sample)).flat_map(|(_, action)| &action.on);
        if given.because.is_none() && on.any(|on| authorization::is_all_of(sample, on)) {
            let help = "name them, or give the reason with `because`";
            reader.diagnostic(span, format!("{arn:?} stands for all resources of its kind"), Some(help.into()));
        }
    }
}

/// The help with an ARN that one of these actions takes: the nearest to what is written. `None` if they take none.
fn takes(actions: &[(&str, &Action)], written: &str) -> Option<String> {
    let examples = actions.iter().filter_map(|(prefix, action)| {
        let (distance, example) = action.example(written)?;
        Some((distance, format!("{prefix}:{} takes {example:?}", action.name)))
    });
    examples.min_by_key(|(distance, _)| *distance).map(|(_, help)| help)
}

/// The service in an ARN.
fn service(arn: &str) -> &str {
    arn.split(':').nth(2).unwrap_or_default()
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
