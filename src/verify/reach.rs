//! Checks that requests reach the APIs. Otherwise a proof could pass in which no request was answered by the stack.

use super::check_spec::{CheckResult, CheckSpec};
use super::context::VerifyContext;
use super::prober::Traffic;
use super::target::Target;
use super::{Check, Layer};
use crate::spec::Api;

/// A check for each API, after all requests were sent.
pub(super) fn checks(context: &VerifyContext<'_>) -> Vec<Check> {
    context.subject.stack.all_apis().map(|api| check(context, api)).collect()
}

fn check(context: &VerifyContext<'_>, (name, api): (Option<&str>, &Api)) -> Check {
    let subject = name.map_or("API".to_owned(), |name| format!("API {name}"));
    let claim = CheckSpec::new(Layer::Authorization, subject, "requests reach it")
        .sent("the requests of the other checks")
        .expects("at least one answer that came through API Gateway");
    let skipped = Target::all((name, api)).all(|target| context.included(target).is_err());
    let result = match context.base_url(name) {
        Ok(url) => judge(context.prober.traffic(&url), &url, skipped),
        Err(result) => result,
    };
    claim.known(result)
}

fn judge(traffic: Traffic, url: &str, skipped: bool) -> CheckResult {
    match traffic.answered {
        0 if skipped => CheckResult::not_tried("--skip leaves all routes of this API out"),
        0 if traffic.sent == 0 => CheckResult::not_tried(
            "every request could change data; a route with `verify = true` in the stack file gets requests",
        ),
        0 => CheckResult::fail(format!("no answer from {url} came through API Gateway")),
        some => CheckResult::pass(format!("{some} answers from {url}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verify::Verdict::{Fail, NotTried, Pass};

    #[test]
    fn an_api_that_answered_no_request_fails() {
        let judged = |sent, answered, skipped| judge(Traffic { sent, answered }, "https://x", skipped).verdict;
        assert_eq!(judged(2, 0, false), Fail);
        assert_eq!(judged(0, 0, false), NotTried, "no request was sent");
        assert_eq!(judged(2, 0, true), NotTried);
        assert_eq!(judged(2, 1, false), Pass);
    }
}
