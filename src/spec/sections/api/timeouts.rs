//! How long routes wait for their functions.

use super::{Api, ApiKind, Route};
use crate::spec::Stack;
use crate::spec::diagnostic::Diagnostic;

impl Api {
    /// The longest time that API Gateway waits for an answer, in seconds, unless AWS raised the quota.
    fn longest_s(&self) -> u32 {
        match self.kind {
            ApiKind::Rest => 29,
            ApiKind::Http => 30,
        }
    }
}

impl Route {
    /// How long API Gateway waits for the answer, in milliseconds. `None`: as long as its quota allows.
    pub fn timeout_ms(&self) -> Option<i32> {
        self.timeout_s.and_then(|seconds| i32::try_from(seconds).ok()).map(|seconds| seconds * 1000)
    }
}

impl Stack {
    /// A sentence for each route whose function may run longer than API Gateway waits.
    pub fn impatient_routes(&self) -> Vec<String> {
        let of = |(name, api): (Option<&str>, &Api)| -> Vec<String> {
            let outlasts = |route: &Route| {
                let function = route.function()?;
                let runs = self.functions.get(function)?.timeout_s;
                let waits = route.timeout_s.unwrap_or(api.longest_s());
                let within = name.map(|name| format!("{name} ")).unwrap_or_default();
                (runs > waits).then(|| {
                    format!(
                        "{within}{}: API Gateway waits {waits} s, and the function {function} may run for {runs} s. Its caller \
                         then gets an error although the function goes on; a lower `timeout_s` of the function ends it.",
                        route.name(),
                    )
                })
            };
            api.routes.iter().filter_map(outlasts).collect()
        };
        self.all_apis().flat_map(of).collect()
    }
}

/// Timeouts that API Gateway refuses.
pub(super) fn too_long(api: &Api) -> Vec<Diagnostic> {
    let longest = api.longest_s();
    let over = api.routes.iter().enumerate().filter(|(_, route)| route.timeout_s.is_some_and(|wait| wait > longest));
    let flaw = |(index, _)| {
        let message = format!("a REST API waits at most {longest} s for an answer, unless AWS raised the quota");
        let help = "answer earlier and go on in another function, for example one that reads a queue";
        Diagnostic::new(format!("routes.{index}.timeout_s"), message).help(help)
    };
    over.map(flaw).collect()
}

#[cfg(test)]
mod tests {
    use crate::spec::parse;

    fn file(function_s: u32, kind: &str, wait: &str) -> String {
        format!(
            "[stack]\nname = \"s\"\n[functions.F]\nsource = \"f\"\ntimeout_s = {function_s}\n[api]\nkind = \"{kind}\"\n\
             [[api.routes]]\nroute = \"GET /a\"\nfunction = \"F\"\nauth = \"none\"\n{wait}"
        )
    }

    #[test]
    fn a_function_that_may_outlast_the_gateway_is_noted() {
        let notes = |function_s, kind: &str, wait: &str| {
            parse(&file(function_s, kind, wait)).expect("sound").impatient_routes().len()
        };
        for (function_s, kind, wait, expected) in [
            (29, "rest", "", 0),
            (30, "rest", "", 1),
            (30, "http", "", 0),
            (31, "http", "", 1),
            (5, "rest", "timeout_s = 5", 0),
            (6, "rest", "timeout_s = 5", 1),
        ] {
            assert_eq!(notes(function_s, kind, wait), expected, "{function_s} {kind} {wait}");
        }
    }

    #[test]
    fn a_rest_api_does_not_wait_thirty_seconds() {
        assert!(parse(&file(3, "http", "timeout_s = 30")).is_ok() && parse(&file(3, "rest", "timeout_s = 29")).is_ok());
        let mistakes = parse(&file(3, "rest", "timeout_s = 30")).expect_err("refused");
        assert!(mistakes[0].message.contains("at most 29 s"), "{mistakes:?}");
        assert!(
            parse(&file(3, "http", "timeout_s = 31")).is_err() && parse(&file(3, "rest", "timeout_s = 0")).is_err()
        );
    }
}
