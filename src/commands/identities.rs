//! `verify --identity`: the identities that Lambda authorizers admit, which only the user knows.

use std::collections::BTreeMap;

use super::ask;
use super::headers::header;
use crate::error::Error;
use crate::secret::SecretValue;
use crate::spec::{Identity, Stack};
use crate::verify::Admitted;

/// The identities that the flags name, by authorizer.
///
/// # Errors
/// A flag names no authorizer, or the file lacks a part of the authorizer's identity, or contains anything else.
pub(super) async fn read(stack: &Stack, given: &[String]) -> Result<BTreeMap<String, Admitted>, Error> {
    let mut found = BTreeMap::new();
    let from_input = given.iter().filter(|flag| flag.ends_with("=@-")).count();
    if from_input > 1 {
        return Err(Error::usage("several --identity would read standard input").hint("put the others into files"));
    }
    for flag in given {
        let (name, from) = flag.split_once('=').ok_or_else(malformed)?;
        // Authorizers that check groups identify callers by their tokens, which `verify` obtains itself.
        let written = || stack.authorizers.iter().filter(|(_, authorizer)| authorizer.pool.is_none());
        let known: Vec<&str> = written().map(|(known, _)| known.as_str()).collect();
        let authorizer = written().find(|(known, _)| *known == name).map(|(_, authorizer)| authorizer);
        let authorizer = authorizer.ok_or_else(|| Error::unknown("authorizer", name, &known))?;
        let from = from.strip_prefix('@').ok_or_else(malformed)?;
        let text = text(from).await?;
        if found.insert(name.to_owned(), parts(name, &authorizer.identity, &text)?).is_some() {
            return Err(Error::usage(format!("--identity names the authorizer {name} twice")));
        }
    }
    Ok(found)
}

fn malformed() -> Error {
    // An identity is a secret.
    Error::usage("--identity has the form AUTHORIZER=@FILE, because other users of this machine can read arguments")
        .hint("write the headers into a file, one a line, as in 'X-Partner: KEY'; or use AUTHORIZER=@- and standard input")
}

async fn text(file: &str) -> Result<String, Error> {
    if file != "-" {
        return std::fs::read_to_string(file).map_err(|error| Error::usage(format!("{file} cannot be read: {error}")));
    }
    let bytes = ask::all_of_standard_input("identity").await?;
    String::from_utf8(bytes).map_err(|_| Error::usage("the identity on standard input is not text"))
}

/// A value for each part of an authorizer's identity. Errors do not show the text, because it is a secret.
fn parts(name: &str, identity: &[Identity], text: &str) -> Result<Admitted, Error> {
    let mut admitted = Admitted::default();
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        if let Some((key, value)) = line.split_once('=').filter(|(key, _)| asks_query(identity, key)) {
            admitted.query.push((key.to_owned(), SecretValue::from(value.trim())));
            continue;
        }
        let (key, value) = header(line)?;
        let is_part = |part: &Identity| matches!(part, Identity::Header(known) if known.eq_ignore_ascii_case(&key));
        if !identity.iter().any(is_part) {
            let known: Vec<String> = identity.iter().map(shown).collect();
            return Err(Error::usage(format!("{key} is no part of the identity of {name}"))
                .hint(format!("its `identity` names {}", known.join(" and "))));
        }
        admitted.headers.push((key, value));
    }
    let has = |part: &Identity| match part {
        Identity::Header(known) => admitted.headers.iter().any(|(key, _)| key.eq_ignore_ascii_case(known)),
        Identity::Query(known) => admitted.query.iter().any(|(key, _)| key == known),
    };
    match identity.iter().find(|part| !has(part)) {
        Some(missing) => Err(Error::usage(format!("--identity for {name} lacks {}", shown(missing)))),
        None => Ok(admitted),
    }
}

fn asks_query(identity: &[Identity], name: &str) -> bool {
    identity.iter().any(|part| matches!(part, Identity::Query(known) if known == name))
}

fn shown(part: &Identity) -> String {
    match part {
        Identity::Header(name) => format!("the header {name}"),
        Identity::Query(name) => format!("the query parameter {name}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity() -> [Identity; 2] {
        [Identity::Header("X-Partner".to_owned()), Identity::Query("key".to_owned())]
    }

    #[test]
    fn an_identity_has_a_value_for_each_part() {
        let read = parts("Partner", &identity(), "x-partner: a=b: c \n\nkey=d=e\n").expect("sound");
        let revealed = |pairs: &[(String, SecretValue)]| pairs[0].1.reveal().to_owned();
        assert_eq!((revealed(&read.headers), revealed(&read.query)), ("a=b: c".to_owned(), "d=e".to_owned()));
    }

    #[test]
    fn an_error_names_the_part_and_not_its_value() {
        for (text, words) in [
            ("X-Partner: s3cret", "lacks the query parameter key"),
            ("X-Other: s3cret\nkey=s3cret", "X-Other is no part"),
            ("s3cret", "a header has the form"),
            ("other=s3cret", "a header has the form"),
        ] {
            let error = parts("Partner", &identity(), text).expect_err("refused");
            assert!(error.message.contains(words), "{error:?}");
            assert!(!format!("{error:?}").contains("s3cret"), "{error:?}");
        }
    }
}
