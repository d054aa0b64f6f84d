//! The rates of the kinds, compared with the table "Published rates" of docs/aws.md. A kind without its rates would be
//! refused by AWS only in large stacks, so these tests fail if a published rate has no entry in the kinds, and if the
//! table does not mention an operation that a kind uses.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use securelambda::aws::KINDS;
use securelambda::aws::kind::{Calls, Rate};
use serde_json::Value;

use crate::support::emulator::python;

const PAGE: &str = include_str!("../../docs/aws.md");

/// Prints the method and the path of every operation of these services.
const REQUESTS: &str = r#"
import json, sys, botocore.session
load = botocore.session.get_session().get_component("data_loader").load_service_model
print(json.dumps({service: {name: operation["http"] for name, operation in load(service, "service-2")["operations"].items()}
                  for service in sys.argv[1:]}))
"#;

/// The published rates of a service.
#[derive(Default)]
struct Published {
    /// Calls per second, by operation. `None` if no rate is known.
    operations: BTreeMap<&'static str, Option<f64>>,
    /// Whether a row covers all operations without a row of their own.
    covers_all: bool,
}

/// The table of published rates, by service.
fn published() -> BTreeMap<&'static str, Published> {
    let (_, section) = PAGE.split_once("## Published rates\n").unwrap();
    let section = section.split("\n## ").next().unwrap();
    let mut services: BTreeMap<&str, Published> = BTreeMap::new();
    let mut service = "";
    for line in section.lines().filter(|line| line.starts_with('|')).skip(2) {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [named, operations, rate] = cells[..] else { panic!("{line}") };
        service = if named.is_empty() { service } else { named };
        let entry = services.entry(service).or_default();
        if operations.starts_with("all") {
            entry.covers_all = true;
            continue;
        }
        let numbers: Vec<f64> = rate.split([' ', ',']).filter_map(|word| word.parse().ok()).take(2).collect();
        let limit = if let [count, seconds] = numbers[..] { Some(count / seconds) } else { None };
        assert!(limit.is_some() || rate == "none known", "{line}");
        entry.operations.extend(operations.split(", ").map(|operation| (operation, limit)));
    }
    services
}

/// The rates that the kinds of a service describe.
fn described(service: &str) -> impl Iterator<Item = &'static Rate> {
    KINDS.iter().filter(move |(_, about)| about.service.name == service).flat_map(|(_, about)| about.rates)
}

fn requests(services: &[&str]) -> Value {
    let output = Command::new(python()).args(["-I", "-c", REQUESTS]).args(services).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Whether a rate counts the calls of an operation with this request.
fn counts(rate: &Rate, operation: &str, http: &Value) -> bool {
    match rate.calls {
        Calls::Operations(_, operations) => operations.contains(&operation),
        Calls::Requests(methods, path) => {
            let segments = |path: &str| path.trim_matches('/').split('/').map(str::to_owned).collect::<Vec<_>>();
            let (pattern, asked) = (segments(path), segments(http["requestUri"].as_str().unwrap_or_default()));
            let fits = |(pattern, asked): (&String, &String)| pattern == "*" || pattern == asked;
            methods.contains(&http["method"].as_str().unwrap_or_default())
                && pattern.len() == asked.len()
                && pattern.iter().zip(&asked).all(fits)
        }
    }
}

#[test]
fn the_kinds_keep_every_published_rate() {
    let published = published();
    // The second API of API Gateway has a model of its own and the same rates.
    let models =
        |service: &'static str| [service, "apigatewayv2"].into_iter().take(1 + usize::from(service == "apigateway"));
    let services: BTreeSet<&str> = published.keys().copied().flat_map(models).collect();
    let requests = requests(&Vec::from_iter(services));
    let mut compared = 0;
    for (service, Published { operations, .. }) in &published {
        // The program only reads resources of these services, which others created.
        let has_kinds = KINDS.iter().any(|(_, about)| about.service.name == *service);
        if !has_kinds {
            assert!(operations.keys().all(|operation| operation.starts_with("Describe")), "{service} has no kinds");
            continue;
        }
        for (operation, limit) in operations {
            let https: Vec<&Value> = models(service).map(|model| &requests[model][operation]).collect();
            let counted = |rate: &&Rate| https.iter().any(|http| http.is_object() && counts(rate, operation, http));
            let rates: Vec<&Rate> = described(service).filter(counted).collect();
            let Some(limit) = limit else {
                assert!(rates.is_empty(), "a kind has a rate of {operation}: docs/aws.md must give its source");
                continue;
            };
            assert!(https.iter().any(|http| http.is_object()), "{service} has no operation {operation}");
            let a_second = |rate: &&Rate| f64::from(rate.count) / f64::from(u32::try_from(rate.seconds).unwrap());
            let least = rates.iter().map(a_second).min_by(f64::total_cmp);
            let least = least.unwrap_or_else(|| panic!("no kind of {service} has the rate of {operation}"));
            assert!(least <= *limit, "{service} {operation}: {least} calls a second, and AWS allows {limit}");
            compared += 1;
        }
    }
    assert!(compared > 35, "{compared}");
}

#[test]
fn the_table_of_published_rates_has_every_operation_that_a_kind_uses() {
    let published = published();
    let mut missing = BTreeSet::new();
    for (kind, about) in KINDS {
        let service = about.service.name;
        let Some(Published { operations, covers_all }) = published.get(service) else {
            missing.insert(format!("{service} (of {kind})"));
            continue;
        };
        let actions = about.permissions.iter().flat_map(|template| template.rights).flat_map(|right| right.actions);
        let used = actions.filter_map(|action| action.strip_prefix(service)?.strip_prefix(':'));
        let limited = about.rates.iter().flat_map(|rate| match rate.calls {
            Calls::Operations(_, operations) => operations,
            Calls::Requests(..) => &[],
        });
        let named = used.filter(|_| !covers_all).chain(limited.copied());
        missing.extend(named.filter(|name| !operations.contains_key(name)).map(|name| format!("{service} {name}")));
    }
    assert_eq!(missing, BTreeSet::new(), "add their rates, or that none is known, to docs/aws.md");
}
