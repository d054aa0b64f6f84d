//! Checks that runtimes are supported, and that all resources are in one account and one region.

use futures_util::FutureExt;

use super::check_spec::{CheckResult, CheckSpec};
use super::context::{CheckFuture, VerifyContext};
use super::{Check, Layer, settings};
use crate::outputs::Outputs;
use crate::spec::deprecated_on;
use crate::topology::ids;

pub(super) fn units<'a>(context: &'a VerifyContext<'a>) -> Vec<CheckFuture<'a>> {
    vec![async { runtimes(context) }.boxed(), async { vec![one_place(context)] }.boxed()]
}

fn runtimes(context: &VerifyContext<'_>) -> Vec<Check> {
    let check = |(name, function): (&String, &crate::spec::Function)| {
        let id = ids::function(name);
        let drift = settings::drift(context.subject.seen, id.as_str());
        let result = match (drift, function.packed()) {
            (None, _) => CheckResult::because_failed(&settings::name(context.subject.seen, id.as_str())),
            (Some(_), None) => {
                CheckResult::not_tried("the runtime is in the container image, which the program does not look into")
            }
            (Some(drift), Some(packed)) => {
                let live = drift.iter().find(|drift| drift.field == "Runtime").map(|drift| &drift.live);
                supported(live.unwrap_or(&packed.runtime), context.subject.today)
            }
        };
        CheckSpec::new(Layer::Functions, name, "the runtime is supported")
            .sent("GetFunctionConfiguration")
            .expects(format!("a runtime that gets security patches after {}", context.subject.today))
            .known(result)
    };
    context.subject.stack.functions.iter().map(check).collect()
}

/// Dates in ISO 8601 can be compared as text.
fn supported(runtime: &str, today: &str) -> CheckResult {
    let runtime = runtime.trim_matches('"');
    match deprecated_on(runtime) {
        Some(day) => CheckResult::pass_if(today < day, format!("{runtime}, patched until {day}")),
        None => CheckResult::fail(format!("{runtime}, which is not a supported runtime")),
    }
}

fn one_place(context: &VerifyContext<'_>) -> Check {
    let outputs = context.subject.outputs;
    CheckSpec::new(Layer::Functions, "stack", "all resources are in one account and one region")
        .sent("every ARN of the stack")
        .expects(format!("{} in {}", outputs.account, outputs.region))
        .known(in_one_place(outputs))
}

fn in_one_place(outputs: &Outputs) -> CheckResult {
    let arns = outputs.arns();
    let elsewhere = |arn: &&String| {
        let mut parts = arn.split(':').skip(3);
        let (region, account) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        // ARNs of IAM have no region.
        account != outputs.account || !(region == outputs.region || region.is_empty())
    };
    let strays: Vec<&str> = arns.iter().filter(elsewhere).map(String::as_str).collect();
    if strays.is_empty() {
        CheckResult::pass(format!("all {} ARNs", arns.len()))
    } else {
        CheckResult::fail(format!("in another account or region: {}", strays.join(", ")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outputs::Arn;
    use crate::verify::Verdict::{Fail, Pass};

    #[test]
    fn a_runtime_is_supported_until_its_end_date() {
        assert_eq!(supported("nodejs24.x", "2026-11-28").verdict, Pass);
        assert_eq!(supported("nodejs24.x", "2028-04-30").verdict, Fail);
        assert_eq!(supported("nodejs18.x", "2026-11-28").verdict, Fail);
    }

    #[test]
    fn an_arn_of_another_account_or_region_fails() {
        let outputs = |arn: &str| Outputs {
            account: "123456789012".into(),
            region: "eu-central-1".into(),
            topics: [("t".to_owned(), Arn { arn: arn.into() })].into(),
            ..Outputs::default()
        };
        for (arn, verdict) in [
            ("arn:aws:sns:eu-central-1:123456789012:t", Pass),
            ("arn:aws:iam::123456789012:role/t", Pass),
            ("arn:aws:sns:eu-west-1:123456789012:t", Fail),
            ("arn:aws:sns:eu-central-1:999999999999:t", Fail),
            ("t", Fail),
        ] {
            assert_eq!(in_one_place(&outputs(arn)).verdict, verdict, "{arn}");
        }
    }
}
