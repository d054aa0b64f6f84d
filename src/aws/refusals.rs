//! The error codes and parts of messages by which the program recognises refusals: the macro that declares them, the
//! refusals that all services share, and the table of all. Those of one service are in the file `refusals.rs` of its
//! folder. No other file contains any.
//!
//! Tests check each of them against botocore's service models and `tests/it/facts`, which gives the sources. Messages
//! are compared only where AWS uses one code for several cases.

use super::SERVICES;
use super::settle;
use crate::engine::{Refusal, ServiceError};

/// The meaning of a refusal for the resource, if all code that reads or creates resources must know it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Says {
    /// The resource does not exist.
    Absent,
    /// A resource of that name exists already.
    Exists,
    /// Neither: only the code that checks for this refusal knows its meaning.
    Else,
}

/// A refusal in the table of all.
#[derive(Debug)]
pub(super) struct Row {
    name: &'static str,
    says: Says,
    refusal: &'static Refusal,
}

impl Row {
    pub(super) const fn new(name: &'static str, says: Says, refusal: &'static Refusal) -> Self {
        Self { name, says, refusal }
    }
}

/// Declares refusals, as `NAME = Refusal::new(..);`. Each becomes a constant and a row of the module's `REFUSALS`.
/// `NAME: Absent = ..` says that the resource does not exist, and `NAME: Exists = ..` that one of that name exists.
macro_rules! refusals {
    (@says) => { $crate::aws::refusals::Says::Else };
    (@says $says:ident) => { $crate::aws::refusals::Says::$says };
    ($($(#[$doc:meta])+ $name:ident $(: $says:ident)? = $refusal:expr;)+) => {
        $($(#[$doc])+ pub const $name: Refusal = $refusal;)+

        /// All refusals that this module declares.
        pub(in $crate::aws) const REFUSALS: &[$crate::aws::refusals::Row] = &[$(
            $crate::aws::refusals::Row::new(
                stringify!($name),
                $crate::aws::refusals::refusals!(@says $($says)?),
                &$name,
            )
        ),+];
    };
}
pub(super) use refusals;

/// How many names the services have.
const NAMES: usize = {
    let (mut all, mut service) = (0, 0);
    while service < SERVICES.len() {
        all += SERVICES[service].names.len();
        service += 1;
    }
    all
};

/// Every service that the program calls, by its name in requests.
pub const EVERYWHERE: &[&str] = &{
    let mut all = [""; NAMES];
    let (mut service, mut next) = (0, 0);
    while service < SERVICES.len() {
        let mut name = 0;
        while name < SERVICES[service].names.len() {
            all[next] = SERVICES[service].names[name];
            next += 1;
            name += 1;
        }
        service += 1;
    }
    all
};

refusals! {
    /// The credentials themselves are refused, so every other call would fail too.
    CREDENTIALS = Refusal::new(
        EVERYWHERE,
        &[
            "ExpiredToken",
            "ExpiredTokenException",
            "InvalidClientTokenId",
            "UnrecognizedClientException",
            "InvalidSignatureException",
            "SignatureDoesNotMatch",
            "IncompleteSignature",
            "MissingAuthenticationToken",
            "MissingAuthenticationTokenException",
            "RequestTimeTooSkewed",
            "RequestExpired",
            "RequestInTheFuture",
            "AuthFailure",
        ],
    );
    /// The credentials were valid and have expired.
    EXPIRED = Refusal::new(EVERYWHERE, &["ExpiredToken", "ExpiredTokenException"]);
    /// How endpoints that are not AWS say that they do not implement a call.
    UNKNOWN_CALL = Refusal::new(
        EVERYWHERE,
        &["InvalidAction", "UnknownOperationException", "UnknownOperation", "NotImplemented", "NotImplementedException"],
    );
    /// The caller lacks a permission.
    DENIED = Refusal::new(EVERYWHERE, &["AccessDenied", "AccessDeniedException", "AuthorizationError", "NotAuthorized"]);
    /// The message names the missing action after these words.
    DENIED_ACTION = Refusal { words: &["not authorized to perform: "], ..DENIED };
    /// A quota of the account is used up.
    QUOTA = Refusal::new(EVERYWHERE, &["LimitExceededException", "LimitExceeded", "WAFLimitsExceededException"]);
    /// The call was not carried out because of the rate of calls.
    THROTTLED = Refusal::new(
        EVERYWHERE,
        &[
            "Throttled",
            "Throttling",
            "ThrottlingException",
            "ThrottledException",
            "TooManyRequestsException",
            "RequestLimitExceeded",
            "RequestThrottled",
        ],
    );
    /// A quota is used up. The SDK would treat this code as throttling.
    TOO_MANY_THINGS = Refusal::new(EVERYWHERE, &["LimitExceededException"]);
    /// Throttling by a service whose answer asks for a long pause.
    TOO_MANY_CALLS = Refusal::new(&["apigateway", "lambda"], &["TooManyRequestsException"]);
}

/// The rows of all tables of final refusals.
fn rows() -> impl Iterator<Item = &'static Row> {
    SERVICES.iter().flat_map(|service| service.refusals).chain(REFUSALS)
}

/// Whether a service's error says this about the resource.
pub(super) fn says(what: Says, answer: &ServiceError) -> bool {
    Refusal::any(rows().filter(|row| row.says == what).map(|row| row.refusal), answer)
}

/// Whether the program knows a service's error as a refusal of the operation.
pub(super) fn is_known(answer: &ServiceError) -> bool {
    all().iter().any(|(_, refusal)| refusal.describes(answer))
}

/// All refusals that the program recognises, by name.
pub fn all() -> Vec<(&'static str, &'static Refusal)> {
    let waits = settle::all().map(|(name, wait)| (name, &wait.refusal));
    rows().map(|row| (row.name, row.refusal)).chain(waits).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::{Path, PathBuf};

    use super::*;

    fn sources(folder: &Path, all: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()) {
            if entry.is_dir() {
                sources(&entry, all);
            } else {
                all.push(entry);
            }
        }
    }

    /// The macros make the rows. A table that no service mentions, or a constant without the macro, would be left out.
    #[test]
    fn the_table_contains_every_refusal_and_every_wait() {
        let mut files = Vec::new();
        sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/aws"), &mut files);
        let constant = regex::Regex::new(r"^\s*(pub(\(.*\))? )?const \w+: (Refusal|Wait) =").expect("a pattern");
        let declaration = regex::Regex::new(r"^    ([A-Z][A-Z0-9_]*)(: [A-Z][a-z]+)? =( |$)").expect("a pattern");
        let mut declared = Vec::new();
        for file in files {
            let text = std::fs::read_to_string(&file).expect("a source file");
            let (mut inside, file) = (false, file.display());
            for line in text.lines() {
                assert!(!constant.is_match(line), "{file}: declare it by a macro: {line}");
                inside = (inside || ["refusals! {", "waits! {"].contains(&line)) && line != "}";
                if let Some(found) = declaration.captures(line).filter(|_| inside) {
                    declared.push(found[1].to_owned());
                }
            }
        }
        let all = all();
        let listed: BTreeSet<&str> = all.iter().map(|(name, _)| *name).collect();
        assert_eq!(declared.iter().map(String::as_str).collect::<BTreeSet<_>>(), listed);
        assert_eq!((declared.len(), listed.len()), (all.len(), all.len()), "a name is there twice");
        assert!(all.len() > 80, "{}", all.len());
    }

    #[test]
    fn every_service_is_named_once() {
        assert!(EVERYWHERE.iter().all(|name| !name.is_empty()));
        assert_eq!(EVERYWHERE.iter().collect::<BTreeSet<_>>().len(), EVERYWHERE.len());
    }
}
