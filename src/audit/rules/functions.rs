//! Rules about functions: their runtime, their network, and their environment variables.

use super::super::Finding;
use super::super::estate::{Estate, found, not_applicable, not_tried};
use super::super::fix::Fix;
use super::api::PATIENCE;
use super::number;
use crate::aws::lambda;
use crate::engine::Resource as Kind;
use crate::secret::is_credential;
use crate::spec;

pub(super) fn runtimes(estate: &Estate<'_>) -> Vec<Finding> {
    let supported = |runtime: &str| spec::deprecated_on(runtime).is_some_and(|day| estate.today.as_str() < day);
    estate.each(lambda::Function::KIND, |function| match function.setting("Runtime") {
        None if function.value("PackageType") == Some("Image") => {
            not_applicable(function.id, "PackageType: Image; the runtime is in the container image")
        }
        None => not_tried(function.id, "Runtime was not read"),
        Some(runtime) => {
            let observed = match spec::deprecated_on(&runtime.live) {
                None => format!("Runtime: {}, not a runtime that this version knows", runtime.live),
                Some(day) => format!("Runtime: {}, deprecated on {day}", runtime.live),
            };
            let newest = spec::newest_runtime(&runtime.want);
            let key = format!("functions.{}.runtime = \"{newest}\"", function.name());
            // The runtime of the stack file is always one that this version knows.
            let fix = if supported(&runtime.want) { Fix::Up } else { Fix::set(key) };
            found(function.id, supported(&runtime.live), observed, fix)
        }
    })
}

/// Whether the subnets of functions are in several zones. One subnet is in one zone; the zones of several are not read.
pub(super) fn zones(estate: &Estate<'_>) -> Vec<Finding> {
    estate.each(lambda::Function::KIND, |function| match function.value("VpcConfig") {
        None => not_tried(function.id, "VpcConfig was not read"),
        Some("none") => not_applicable(function.id, "the function is not in a VPC"),
        Some(value) => match value.matches("subnet-").count() {
            0 | 1 => {
                let key = format!("functions.{}.vpc.subnets = [\"SUBNET_1\", \"SUBNET_2\"]", function.name());
                found(function.id, false, format!("VpcConfig: {value}"), Fix::set(key))
            }
            count => not_tried(function.id, format!("the program does not read the zones of the {count} subnets")),
        },
    })
}

/// Whether a function that answers routes ends before the API stops waiting. A longer run costs money, and the client
/// does not get the answer.
pub(super) fn timeout(estate: &Estate<'_>) -> Vec<Finding> {
    let answers = |name: &str| {
        estate.stack.all_routes().any(|(_, route)| route.function().is_some_and(|function| function == name))
    };
    estate.each(lambda::Function::KIND, |function| match function.setting("Timeout") {
        None => not_tried(function.id, "Timeout was not read"),
        Some(setting) if !answers(function.name()) => {
            not_applicable(function.id, format!("Timeout: {} s; no route leads to the function", setting.live))
        }
        Some(setting) => {
            let in_time = |value: &str| number(value).is_some_and(|seconds| seconds <= PATIENCE);
            let key = format!("functions.{}.timeout_s = {PATIENCE}", function.name());
            let fix = if in_time(&setting.want) { Fix::Up } else { Fix::set(key) };
            let observed = format!("Timeout: {} s; the API waits for {PATIENCE} s", setting.live);
            found(function.id, in_time(&setting.live), observed, fix)
        }
    })
}

/// Layers can contain secrets. The program does not look into them.
pub(super) fn layers(estate: &Estate<'_>) -> Vec<Finding> {
    estate.each(lambda::Function::KIND, |function| match function.value("Layers") {
        None => not_tried(function.id, "Layers was not read"),
        Some("none") => not_applicable(function.id, "Layers: none"),
        Some(layers) => not_tried(function.id, format!("the program does not search layers for secrets: {layers}")),
    })
}

/// Whether no variable looks like a credential. The values are not shown.
pub(super) fn environment(estate: &Estate<'_>) -> Vec<Finding> {
    estate.all(lambda::Function::KIND, |function| {
        let name = function.name();
        let variables: Vec<_> =
            function.settings().filter_map(|one| Some((one.field.strip_prefix("Environment.")?, one))).collect();
        let foreign = variables.iter().filter(|(_, one)| one.want == "unset").map(|(variable, _)| {
            let observed = format!("Environment.{variable} is not in the stack file");
            found(function.id, false, observed, Fix::Up)
        });
        let secret = variables
            .iter()
            .filter(|(variable, one)| is_credential(variable, one.live.trim_matches('"')))
            .map(|(variable, _)| {
                let observed = format!("Environment.{variable} looks like a credential: remove it, and use a secret");
                let lines = [
                    format!("secrets.SECRET.{variable} = {{ prompt = true }}"),
                    format!("functions.{name}.secrets = [\"SECRET\"]"),
                ];
                found(function.id, false, observed, Fix::Set(lines.into()))
            });
        let failures: Vec<Finding> = foreign.chain(secret).collect();
        if failures.is_empty() {
            let observed = format!("{} variables, of which none looks like a credential", variables.len());
            return vec![found(function.id, true, observed, Fix::Up)];
        }
        failures
    })
}
