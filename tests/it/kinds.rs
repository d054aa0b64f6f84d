//! The tables of `tests/it/services`, compared with the kinds that the program knows and with botocore. Otherwise a
//! kind without an entry would silently not be tested, and an operation that AWS does not have would stay unnoticed.

use std::collections::{BTreeMap, BTreeSet};

use regex::Regex;
use securelambda::aws::kind::Listed;
use securelambda::aws::{Clients, KINDS, offline, registry};
use securelambda::scope::Scope;
use serde_json::{Value, json};

use crate::killed::conflict_of;
use crate::services::{Parent, SERVICES, WrongTime, kinds};
use crate::support::account_reader;
use crate::support::facts::recorded;
use crate::support::proxy::models::ask;

/// Every kind of resource that the program can manage.
fn all() -> BTreeSet<&'static str> {
    let scope = Scope {
        partition: "aws".into(),
        account: "123456789012".into(),
        region: "eu-central-1".into(),
        stack: "demo".into(),
        ..Scope::default()
    };
    registry(&Clients::new(offline(), scope)).kinds().collect()
}

/// Every kind that the program can list without a state file.
pub fn listed() -> BTreeSet<&'static str> {
    KINDS.iter().filter(|(_, about)| about.listed == Listed::ByItself).map(|(name, _)| *name).collect()
}

#[test]
fn the_tables_of_the_services_have_one_entry_for_every_kind() {
    let mut entries = BTreeSet::new();
    for (_, kind) in kinds() {
        assert!(entries.insert(kind.name), "{} has two entries", kind.name);
    }
    assert_eq!(entries, all(), "the kinds of tests/it/services and of the program");
}

#[test]
fn the_entry_of_a_kind_is_in_the_file_of_its_service() {
    let of_program: BTreeMap<&str, &str> = KINDS.iter().map(|(name, about)| (*name, about.service.name)).collect();
    for (service, kind) in kinds() {
        // Both versions of API Gateway have one name in IAM.
        let named = if service.name == "apigatewayv2" { "apigateway" } else { service.name };
        assert_eq!(of_program.get(kind.name), Some(&named), "{}", kind.name);
    }
}

#[test]
fn the_tables_list_and_delete_every_kind_that_the_program_lists() {
    let by_itself = kinds().filter(|(_, kind)| kind.list.known().is_some_and(|list| list.of_parent.is_none()));
    let by_itself: BTreeSet<&str> = by_itself.map(|(_, kind)| kind.name).collect();
    let without: Vec<_> = listed().into_iter().filter(|kind| !by_itself.contains(kind)).collect();
    assert!(without.is_empty(), "tests/it/services has no list of {without:?}");
    let deleted: BTreeSet<&str> =
        kinds().filter(|(_, kind)| kind.delete.known().is_some()).map(|(_, kind)| kind.name).collect();
    assert_eq!(deleted, listed(), "the kinds with a call that deletes them");
    for (_, kind) in kinds() {
        let Some(Parent { kind: parent, .. }) = kind.list.known().and_then(|list| list.of_parent) else { continue };
        assert!(by_itself.contains(parent), "the list of {} needs {parent}, which has no list", kind.name);
    }
}

#[test]
fn whatever_a_kind_lacks_has_a_reason() {
    for (_, kind) in kinds() {
        let calls = [kind.create.reason(), kind.delete.reason(), kind.id.reason()];
        let reads = [kind.list.reason(), kind.lag.reason(), kind.outlives.reason()];
        for reason in calls.into_iter().chain(reads).flatten() {
            assert!(reason.split(' ').count() > 2, "{}: {reason:?} is no reason", kind.name);
        }
    }
}

#[test]
fn a_lagging_list_hides_ids_that_a_create_call_gives() {
    for (_, kind) in kinds().filter(|(_, kind)| kind.lag.known().is_some()) {
        let ids = kind.create.known().is_some() && kind.id.known().is_some();
        assert!(ids, "{} has a list that lags, and no id that could be missing from it", kind.name);
    }
}

#[test]
fn no_call_creates_or_deletes_two_kinds() {
    let mut calls = BTreeSet::new();
    for (service, kind) in kinds() {
        for operation in [kind.create.known(), kind.delete.known()].into_iter().flatten() {
            assert!(calls.insert((service.name, *operation)), "{} {operation} has two kinds", service.name);
        }
    }
}

#[test]
fn botocore_knows_every_operation_of_the_tables() {
    let services: Vec<&str> = SERVICES.iter().map(|service| service.name).collect();
    let known = ask(&[json!({ "ask": "operations", "services": services })]).remove(0);
    let has = |service: &str, operation: &str| known[service].as_array().unwrap().contains(&json!(operation));
    for (service, kind) in kinds() {
        assert!(has(service.name, kind.read), "{}: {} has no {}", kind.name, service.name, kind.read);
        let list = kind.list.known().map(|list| list.operation);
        let lag = kind.lag.known().map(|lag| lag.operation);
        let written = [kind.create.known(), kind.delete.known()].into_iter().flatten().copied();
        let outlived =
            kind.outlives.known().into_iter().flat_map(|reads| reads.with_state.iter().chain(reads.without_state));
        for operation in list.into_iter().chain(lag).chain(written).chain(outlived.copied()) {
            assert!(has(service.name, operation), "{}: {} has no {operation}", kind.name, service.name);
        }
    }
    for service in SERVICES {
        for (operation, _) in service.unseen {
            assert!(has(service.name, operation), "{} has no {operation}", service.name);
        }
    }
}

/// The random faults may refuse any call that writes.
#[test]
fn every_refusal_of_a_concurrent_change_has_its_words() {
    let services: Vec<&str> = SERVICES.iter().map(|service| service.name).collect();
    let known = ask(&[json!({ "ask": "operations", "services": services })]).remove(0);
    for service in SERVICES {
        let operations: Vec<&str> = known[service.name].as_array().unwrap().iter().filter_map(Value::as_str).collect();
        let refused = |id: &&str| operations.iter().any(|op| recorded(id).covers(&format!("{} {op}", service.name)));
        let of_none: Vec<_> = service.refusals.conflicts.iter().filter(|id| !refused(id)).collect();
        assert!(of_none.is_empty(), "{} never answers with {of_none:?}", service.name);
        let worded = operations.iter().filter(|operation| conflict_of(service, operation, "orders").is_some()).count();
        assert_eq!(worded == 0, service.refusals.conflicts.is_empty(), "{}", service.name);
    }
}

/// Requests of REST services do not name their operations: the tests know them by method and path.
#[test]
fn the_tests_recognise_the_operations_of_rest_services() {
    let source = include_str!("support/proxy/aws_request.rs");
    for (service, kind) in kinds().filter(|(service, _)| service.refusals.wrong_time == WrongTime::Rest) {
        let calls = [kind.create.known(), kind.delete.known(), kind.list.known().map(|list| &list.operation)];
        for operation in calls.into_iter().flatten() {
            let known = source.lines().map(str::trim).any(|line| {
                line.starts_with(&format!("(\"{}\", ", service.name)) && line.ends_with(&format!("=> \"{operation}\","))
            });
            assert!(known, "support/proxy/aws_request.rs does not know {} {operation}", service.name);
        }
    }
}

/// botocore's Python name of an operation: `get_web_acl` for `GetWebACL`.
fn in_python(operation: &str) -> String {
    // A plural such as `IDs` or `ACLs` at the end is one word.
    let whole = Regex::new("([A-Z]{2,}s)$")
        .unwrap()
        .replace(operation, |found: &regex::Captures<'_>| format!("_{}", found[1].to_lowercase()));
    let before_words = Regex::new("(.)([A-Z][a-z]+)").unwrap().replace_all(&whole, "${1}_${2}").into_owned();
    Regex::new("([a-z0-9])([A-Z])").unwrap().replace_all(&before_words, "${1}_${2}").to_lowercase()
}

#[test]
fn the_account_reader_reads_every_kind() {
    assert_eq!(in_python("ListWebACLs"), "list_web_acls");
    assert_eq!(in_python("GetWebACLForResource"), "get_web_acl_for_resource");
    assert_eq!(in_python("GetIPSet"), "get_ip_set");
    for (_, kind) in kinds() {
        let quoted = format!("\"{}\"", in_python(kind.read));
        let called = account_reader::SCRIPT.contains(&quoted);
        assert!(called, "account_reader.py does not call {quoted} for {}", kind.name);
    }
}

#[test]
fn the_account_reader_gives_the_names_that_the_tables_say() {
    for (_, kind) in kinds() {
        let Some(reads) = kind.outlives.known() else { continue };
        let quoted = format!("\"{}", reads.called.trim_end());
        let said = account_reader::SCRIPT.contains(&quoted);
        assert!(said, "account_reader.py calls nothing {quoted}\", as {} is called in the tables", kind.name);
    }
}
