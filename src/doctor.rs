//! What would go wrong, found before anything is made: judgements on what was read of the credentials, the account, the
//! stack and this machine. Pure; the clock is a value.

use serde::Serialize;

use crate::aws::account::{AccountThrottle, AccountUsage, Expiry};
use crate::engine::{Cause, Failure};
use crate::spec::{Stack, Throughput, deprecated_on};

/// How many seconds credentials should be good for: longer than any run takes.
const LONG_ENOUGH: i64 = 15 * 60;

/// How it stands with something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Health {
    /// As it should be.
    Good,
    /// It works, and something should be known of it.
    Warning,
    /// It will not work.
    Bad,
    /// It cannot be told here.
    NotApplicable,
}

/// What something is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Area {
    /// Whose credentials there are, where.
    Credentials,
    /// How full the account is, and what may be done in it.
    Account,
    /// The stack as written.
    Stack,
    /// This machine.
    Machine,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HealthCheck {
    /// What it is about.
    pub area: Area,
    /// What was looked at, in a word or two.
    pub subject: String,
    /// How it stands with it.
    pub health: Health,
    /// What was found.
    pub finding: String,
    /// What to do, where it is not good.
    pub hint: Option<String>,
}

impl HealthCheck {
    /// A finding. `hint` is for what is not good.
    pub fn new(area: Area, subject: impl Into<String>, health: Health, finding: impl Into<String>) -> Self {
        Self { area, subject: subject.into(), health, finding: finding.into(), hint: None }
    }

    /// What to do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Something could not be read.
    pub fn failed(area: Area, subject: impl Into<String>, failure: &Failure) -> Self {
        let check = Self::new(area, subject, Health::Bad, failure.to_string());
        Self { hint: failure.hint.clone(), ..check }
    }
}

/// Root is refused at AWS itself; an emulator's has nothing to lose.
pub fn principal(arn: &str, is_root: bool, at_aws: bool) -> HealthCheck {
    let check = |health| HealthCheck::new(Area::Credentials, "who", health, arn);
    match (is_root, at_aws) {
        (false, _) => check(Health::Good),
        (true, true) => check(Health::Bad)
            .hint("use a role or a user with fewer rights: root credentials are refused, and should not exist at all"),
        (true, false) => check(Health::Warning).hint("root credentials; on AWS itself they would be refused"),
    }
}

/// Until when the credentials are good.
pub fn expiry(expires: Expiry, now: i64, moment: impl Fn(i64) -> String) -> HealthCheck {
    let check = |health, finding: String| HealthCheck::new(Area::Credentials, "expiry", health, finding);
    match expires {
        Expiry::Never => check(Health::Good, "they do not expire".to_owned()),
        Expiry::Unknown => check(Health::Good, "they are temporary, and do not say until when".to_owned()),
        Expiry::At(at) if at <= now => {
            check(Health::Bad, format!("they expired on {}", moment(at))).hint("sign in again")
        }
        Expiry::At(at) if at - now < LONG_ENOUGH => check(Health::Warning, format!("in {} min", (at - now) / 60))
            .hint("sign in again first; a run that is cut off goes on from there, though"),
        Expiry::At(at) => check(Health::Good, format!("not before {}", moment(at))),
    }
}

/// How far this machine's clock is from AWS's, which signatures are made with: AWS's is so many seconds ahead.
pub fn clock(ahead: i64) -> HealthCheck {
    let check = |health, finding: String| HealthCheck::new(Area::Machine, "clock", health, finding);
    let way = if ahead > 0 { "behind" } else { "ahead of" };
    match (ahead.abs() + 30) / 60 {
        0 => check(Health::Good, "agrees with AWS's".to_owned()),
        minutes => check(Health::Warning, format!("{minutes} min {way} AWS's; calls are corrected for it"))
            .hint("set this machine's clock: other tools are refused for it"),
    }
}

/// The runtimes of the stack's functions, by how long Lambda patches them. Days are compared as text, which their form
/// (`2026-11-28`) allows; `soon` is half a year from `today`.
pub fn runtimes(stack: &Stack, today: &str, soon: &str) -> Vec<HealthCheck> {
    let names: std::collections::BTreeSet<&str> =
        stack.functions.values().map(|function| function.runtime.as_str()).collect();
    let classify = |name: &str| {
        let check = |health, finding: String| HealthCheck::new(Area::Stack, format!("runtime {name}"), health, finding);
        match deprecated_on(name) {
            None => check(Health::Bad, "not among the supported ones".to_owned())
                .hint("choose another `runtime` in the stack file"),
            Some(day) if day <= today => {
                check(Health::Bad, format!("no longer patched since {day}")).hint("choose a newer `runtime`")
            }
            Some(day) if day <= soon => {
                check(Health::Warning, format!("patched until {day}")).hint("plan for a newer `runtime`")
            }
            Some(day) => check(Health::Good, format!("patched until {day}")),
        }
    };
    names.into_iter().map(classify).collect()
}

/// How many of something there are, may be, and would be added. A limit that the account did not tell is AWS's default,
/// and one above it is not known to be in the way.
pub fn quota(usage: &AccountUsage, new: i64) -> HealthCheck {
    let AccountUsage { what, used, limit, told, .. } = *usage;
    let check = |health, finding: String| HealthCheck::new(Area::Account, what, health, finding);
    let to_come = if new == 0 { String::new() } else { format!(", {new} to come") };
    let whose = if told { "" } else { " by AWS's default" };
    let numbers = format!("{used} of {limit}{whose} used{to_come}");
    if used + new > limit && told {
        check(Health::Bad, numbers).hint("remove what is not needed, or ask for more in Service Quotas")
    } else if used + new > limit {
        check(Health::Warning, numbers)
            .hint("more than AWS allows by default: look in Service Quotas for the account's own")
    } else if new > 0 && (used + new) * 10 > limit * 9 {
        check(Health::Warning, numbers).hint("nearly full: more is to be had in Service Quotas")
    } else {
        check(Health::Good, numbers)
    }
}

/// How much code Lambda stores, in bytes. What a function brings is little beside what there may be.
pub fn stored_code(used: i64, limit: i64) -> HealthCheck {
    let megabytes = |bytes: i64| bytes / 1_048_576;
    let numbers = format!("{} of {} MB used", megabytes(used), megabytes(limit));
    let check = |health| HealthCheck::new(Area::Account, "stored code", health, numbers.clone());
    if used >= limit / 10 * 9 {
        check(Health::Warning).hint("nearly full: delete old functions and versions, or ask for more in Service Quotas")
    } else {
        check(Health::Good)
    }
}

/// How many functions may run at once in the account and region, but for those that are reserved for single functions;
/// new accounts begin with 10. A stage's limits hold for each route, and so the stack lets through their sum.
pub fn concurrency(limit: i64, lets: Throughput) -> HealthCheck {
    let numbers = format!("{limit} for all functions in the region together");
    let check = |health| HealthCheck::new(Area::Account, "functions at once", health, numbers.clone());
    if u64::try_from(limit).is_ok_and(|limit| lets.burst <= limit) {
        return check(Health::Good);
    }
    let Throughput { routes, burst, .. } = lets;
    check(Health::Warning).hint(format!(
        "{} through at once, and requests beyond {limit} running functions fail: lower `burst_limit`, or ask for more in \
         Service Quotas",
        lets_through(routes, burst)
    ))
}

/// What API Gateway lets through for all APIs of the account in the region: what of it the stack may use up.
pub fn throttle(account: AccountThrottle, lets: Throughput) -> HealthCheck {
    let Throughput { routes, rate, burst } = lets;
    let numbers = format!("{} requests/s, burst {} for all APIs in the region together", account.rate, account.burst);
    let check = |health| HealthCheck::new(Area::Account, "API Gateway's throttle", health, numbers.clone());
    let number = |limit: u64| u32::try_from(limit).map_or(f64::INFINITY, f64::from);
    let beyond = "API Gateway then throttles this stack and every other API in the region";
    if number(rate) > account.rate {
        check(Health::Warning).hint(format!(
            "{} through in a second: {beyond}; lower `rate_limit`, or ask for more in Service Quotas",
            lets_through(routes, rate)
        ))
    } else if i64::try_from(burst).is_ok_and(|burst| burst <= account.burst) {
        check(Health::Good)
    } else {
        check(Health::Warning).hint(format!(
            "{} through at once: {beyond}; lower `burst_limit` (AWS sets the account's burst, and raises it only with the rate)",
            lets_through(routes, burst)
        ))
    }
}

/// `the 3 routes together let 150`
fn lets_through(routes: u64, limit: u64) -> String {
    if routes == 1 {
        format!("the one route lets {limit}")
    } else {
        format!("the {routes} routes together let {limit}")
    }
}

/// What the survey could not look at: names that strangers have, and whatever may not be read.
pub fn unreadable(id: &str, failure: &Failure) -> HealthCheck {
    let check = HealthCheck::failed(Area::Stack, id, failure);
    match failure.cause {
        Cause::Foreign if check.hint.is_none() => check.hint("choose another name with --stack, or remove it"),
        _ => check,
    }
}

/// A secret that waits to be deleted holds its name.
pub fn in_window(name: &str, day: &str) -> HealthCheck {
    HealthCheck::new(Area::Stack, format!("secret {name}"), Health::Warning, format!("to be deleted on {day}"))
        .hint("`securelambda up` brings it back instead of making a new one")
}

/// What IAM's simulation said of the rights that are needed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rights {
    /// So many were asked about, and these are lacking.
    Judged {
        /// How many were asked about.
        asked: usize,
        /// Those that are lacking, sorted.
        missing: Vec<String>,
    },
    /// It cannot be had, or not be trusted: why.
    Untold(String),
}

/// What may be done.
pub fn rights(rights: &Rights) -> HealthCheck {
    let check = |health, finding: String| HealthCheck::new(Area::Account, "permissions", health, finding);
    match rights {
        Rights::Untold(why) => {
            check(Health::NotApplicable, why.clone()).hint("`securelambda policy` prints what is needed")
        }
        Rights::Judged { asked, missing } if missing.is_empty() => {
            check(Health::Good, format!("all of {asked} allowed, by IAM's simulation"))
        }
        Rights::Judged { asked, missing } => {
            check(Health::Bad, format!("{} of {asked} missing: {}", missing.len(), missing.join(", ")))
                .hint("`securelambda policy` prints what is needed")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Health::{Bad, Good, Warning};

    fn health(checks: &[HealthCheck]) -> Vec<Health> {
        checks.iter().map(|check| check.health).collect()
    }

    #[test]
    fn root_is_bad_at_aws_alone() {
        let table = [(true, true, Bad), (true, false, Warning), (false, true, Good), (false, false, Good)];
        for (root, at_aws, expected) in table {
            let check = principal("arn:aws:iam::123456789012:root", root, at_aws);
            assert_eq!((check.health, check.hint.is_some()), (expected, expected != Good));
        }
    }

    #[test]
    fn credentials_should_outlast_a_run() {
        let now = 1_000_000;
        for (expires, expected) in [
            (Expiry::Never, Good),
            (Expiry::Unknown, Good),
            (Expiry::At(now), Bad),
            (Expiry::At(now + 60), Warning),
            (Expiry::At(now + 899), Warning),
            (Expiry::At(now + 900), Good),
        ] {
            assert_eq!(expiry(expires, now, |at| at.to_string()).health, expected, "{expires:?}");
        }
    }

    #[test]
    fn a_clock_that_is_off_is_told_with_its_way() {
        let table = [
            (0, Good, "agrees with AWS's"),
            (1201, Warning, "20 min behind AWS's; calls are corrected for it"),
            (-1199, Warning, "20 min ahead of AWS's; calls are corrected for it"),
        ];
        for (ahead, health, finding) in table {
            let check = clock(ahead);
            assert_eq!((check.health, check.finding.as_str()), (health, finding));
        }
    }

    #[test]
    fn runtimes_near_their_end() {
        let stack = crate::spec::parse(crate::spec::BUILTIN).expect("it is sound");
        // nodejs24.x, until 2028-04-30
        for (today, soon, expected) in [
            ("2026-11-28", "2027-05-27", Good),
            ("2027-12-01", "2028-05-29", Warning),
            ("2028-04-30", "2028-10-27", Bad),
        ] {
            assert_eq!(health(&runtimes(&stack, today, soon)), [expected], "{today}");
        }
    }

    #[test]
    fn quotas_by_what_is_to_come() {
        let usage = |used, told| AccountUsage { what: "web ACLs", kind: "wafv2.web_acl", used, limit: 100, told };
        for (used, new, told, expected) in [
            (0, 1, true, Good),
            (99, 0, true, Good),
            (100, 0, true, Good),
            (99, 1, true, Warning),
            (90, 1, true, Warning),
            (89, 1, true, Good),
            (100, 1, true, Bad),
            // The account's own limit may have been raised.
            (100, 1, false, Warning),
            (250, 1, false, Warning),
            (89, 1, false, Good),
        ] {
            assert_eq!(quota(&usage(used, told), new).health, expected, "{used} + {new}, told: {told}");
        }
        assert_eq!([stored_code(89, 100).health, stored_code(90, 100).health], [Good, Warning]);
    }

    #[test]
    fn what_the_routes_let_through_together_is_held_against_the_account() {
        let lets = |routes, limit| Throughput { routes, rate: routes * limit, burst: routes * limit };
        for (limit, routes, expected) in [(1000, 2, Good), (1000, 20, Good), (1000, 21, Warning), (10, 1, Warning)] {
            let check = concurrency(limit, lets(routes, 50));
            assert_eq!(check.health, expected, "{limit}, {routes} routes");
        }
        let hint = concurrency(100, lets(3, 50)).hint.expect("a hint");
        assert!(hint.starts_with("the 3 routes together let 150 through at once"), "{hint}");

        let default = AccountThrottle { rate: 10_000.0, burst: 5000 };
        let young = AccountThrottle { rate: 2500.0, burst: 1250 };
        for (account, routes, expected, words) in [
            (default, 2, Good, ""),
            (default, 100, Good, ""),
            // 5,050 at once, though 5,050 a second are allowed.
            (default, 101, Warning, "let 5050 through at once"),
            (default, 201, Warning, "let 10050 through in a second"),
            (young, 25, Good, ""),
            (young, 26, Warning, "let 1300 through at once"),
        ] {
            let check = throttle(account, lets(routes, 50));
            assert_eq!(check.health, expected, "{account:?}, {routes} routes");
            assert!(check.hint.unwrap_or_default().contains(words), "{words}");
        }
    }

    #[test]
    fn what_is_not_good_says_what_to_do() {
        let missing = Rights::Judged { asked: 3, missing: vec!["sns:CreateTopic".into()] };
        let checks = [
            unreadable("topic.t", &Failure::foreign("the topic", "arn:x")),
            in_window("s", "2026-12-01"),
            rights(&missing),
            rights(&Rights::Untold("no".into())),
        ];
        assert_eq!(health(&checks), [Bad, Warning, Bad, Health::NotApplicable]);
        assert!(checks.iter().all(|check| check.hint.is_some()), "{checks:#?}");
        assert!(checks[2].finding.contains("sns:CreateTopic"));
        assert_eq!(rights(&Rights::Judged { asked: 3, missing: vec![] }).health, Good);
    }
}
