//! The checks of `doctor`: problems with the credentials, the account, the stack and this machine, found before
//! anything is created. Pure functions on values that were read before.

use serde::Serialize;

use crate::aws::account::{AccountThrottle, AccountUsage, Expiry};
use crate::engine::{Cause, Failure};
use crate::spec::{Stack, Throughput, deprecated_on};

/// How long credentials should remain valid, in seconds: longer than any run takes.
const LONG_ENOUGH: i64 = 15 * 60;

/// The result of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Health {
    /// Passed.
    Good,
    /// A run will work, but the user should know this.
    Warning,
    /// A run will fail.
    Bad,
    /// The check is not possible here.
    NotApplicable,
}

/// The area that a check belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Area {
    /// Identity, account, region and expiry.
    Credentials,
    /// Quotas and permissions.
    Account,
    /// The stack file and its resources.
    Stack,
    Machine,
}

/// One check and its result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HealthCheck {
    pub area: Area,
    /// The checked object, in a word or two.
    pub subject: String,
    pub health: Health,
    pub finding: String,
    /// The action that the user should take, unless the check passed.
    pub hint: Option<String>,
}

impl HealthCheck {
    pub fn new(area: Area, subject: impl Into<String>, health: Health, finding: impl Into<String>) -> Self {
        Self { area, subject: subject.into(), health, finding: finding.into(), hint: None }
    }

    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// A value could not be read.
    pub fn failed(area: Area, subject: impl Into<String>, failure: &Failure) -> Self {
        let check = Self::new(area, subject, Health::Bad, failure.to_string());
        Self { hint: failure.hint.clone(), ..check }
    }
}

/// The caller. AWS root credentials are refused; an emulator's are allowed.
pub fn principal(arn: &str, is_root: bool, at_aws: bool) -> HealthCheck {
    let check = |health| HealthCheck::new(Area::Credentials, "identity", health, arn);
    match (is_root, at_aws) {
        (false, _) => check(Health::Good),
        (true, true) => check(Health::Bad)
            .hint("use a role or an IAM user with limited permissions, and delete the root user's access keys"),
        (true, false) => check(Health::Warning).hint("these are root credentials; with AWS they would be refused"),
    }
}

/// When the credentials expire.
pub fn expiry(expires: Expiry, now: i64, moment: impl Fn(i64) -> String) -> HealthCheck {
    let check = |health, finding: String| HealthCheck::new(Area::Credentials, "expiry", health, finding);
    match expires {
        Expiry::Never => check(Health::Good, "no expiry".to_owned()),
        Expiry::Unknown => check(Health::Good, "temporary; the expiry is unknown".to_owned()),
        Expiry::At(at) if at <= now => check(Health::Bad, format!("expired at {}", moment(at))).hint("sign in again"),
        Expiry::At(at) if at - now < LONG_ENOUGH => check(Health::Warning, format!("in {} min", (at - now) / 60))
            .hint("sign in again first; an interrupted run can be continued"),
        Expiry::At(at) => check(Health::Good, format!("at {}", moment(at))),
    }
}

/// This machine's clock compared with AWS's, which is `ahead` seconds ahead. Signatures use AWS's time.
pub fn clock(ahead: i64) -> HealthCheck {
    let check = |health, finding: String| HealthCheck::new(Area::Machine, "clock", health, finding);
    let way = if ahead > 0 { "behind" } else { "ahead of" };
    match (ahead.abs() + 30) / 60 {
        0 => check(Health::Good, "matches AWS's clock".to_owned()),
        minutes => check(Health::Warning, format!("{minutes} min {way} AWS's clock; signatures use AWS's time"))
            .hint("set this machine's clock: AWS refuses requests of other tools"),
    }
}

/// Whether Lambda still supports the functions' runtimes. Dates are compared as text (`2026-11-28`); `soon` is half a
/// year after `today`.
pub fn runtimes(stack: &Stack, today: &str, soon: &str) -> Vec<HealthCheck> {
    let names: std::collections::BTreeSet<&str> =
        stack.functions.values().filter_map(|one| Some(one.packed()?.runtime.as_str())).collect();
    let classify = |name: &str| {
        let check = |health, finding: String| HealthCheck::new(Area::Stack, format!("runtime {name}"), health, finding);
        match deprecated_on(name) {
            None => check(Health::Bad, "not supported".to_owned()).hint("choose another `runtime` in the stack file"),
            Some(day) if day <= today => {
                check(Health::Bad, format!("no security patches since {day}")).hint("choose a newer `runtime`")
            }
            Some(day) if day <= soon => check(Health::Warning, format!("security patches until {day}"))
                .hint("plan to change to a newer `runtime`"),
            Some(day) => check(Health::Good, format!("security patches until {day}")),
        }
    };
    names.into_iter().map(classify).collect()
}

/// Whether `new` resources fit into a quota. If the account's own quota is unknown, AWS's default is used, and
/// exceeding it is only a warning.
pub fn quota(usage: &AccountUsage, new: i64) -> HealthCheck {
    let AccountUsage { what, used, limit, told, .. } = *usage;
    let check = |health, finding: String| HealthCheck::new(Area::Account, what, health, finding);
    let to_come = if new == 0 { String::new() } else { format!(", {new} to create") };
    let identityse = if told { "" } else { " (AWS's default)" };
    let numbers = format!("{used} of {limit}{identityse} used{to_come}");
    if used + new > limit && told {
        check(Health::Bad, numbers).hint("delete unused resources, or request an increase in Service Quotas")
    } else if used + new > limit {
        check(Health::Warning, numbers)
            .hint("exceeds AWS's default quota; check this account's quota in Service Quotas")
    } else if new > 0 && (used + new) * 10 > limit * 9 {
        check(Health::Warning, numbers).hint("nearly full; request an increase in Service Quotas")
    } else {
        check(Health::Good, numbers)
    }
}

/// The size of the code that Lambda stores, in bytes. The stack's own functions are small in comparison.
pub fn stored_code(used: i64, limit: i64) -> HealthCheck {
    let megabytes = |bytes: i64| bytes / 1_048_576;
    let numbers = format!("{} of {} MB used", megabytes(used), megabytes(limit));
    let check = |health| HealthCheck::new(Area::Account, "stored code", health, numbers.clone());
    if used >= limit / 10 * 9 {
        check(Health::Warning)
            .hint("nearly full; delete old functions and versions, or request an increase in Service Quotas")
    } else {
        check(Health::Good)
    }
}

/// The unreserved concurrency of the account in the region, compared with the burst limits of all routes. New accounts
/// have a concurrency of 10. A stage's limits apply to each route, so the stack allows their sum.
pub fn concurrency(limit: i64, lets: Throughput) -> HealthCheck {
    let numbers = format!("{limit} for all functions in the region");
    let check = |health| HealthCheck::new(Area::Account, "Lambda concurrency", health, numbers.clone());
    if u64::try_from(limit).is_ok_and(|limit| lets.burst <= limit) {
        return check(Health::Good);
    }
    let Throughput { routes, burst, .. } = lets;
    check(Health::Warning).hint(format!(
        "{}; requests fail if more than {limit} run at the same time: lower `burst_limit`, or request an increase in Service Quotas",
        allowed(routes, burst, "concurrent requests")
    ))
}

/// How many executions must remain that are not reserved for single functions (docs/aws.md, Concurrency and retries).
const UNRESERVED: i64 = 100;

/// Whether executions can be reserved for the functions. `unreserved` is the account's unreserved concurrency. `new` is
/// the number of executions that the stack file reserves in addition to the existing reservations.
pub fn reserved_concurrency(unreserved: i64, new: i64) -> HealthCheck {
    let numbers = format!("{new} to reserve, {unreserved} unreserved in the account");
    let check = |health| HealthCheck::new(Area::Account, "reserved concurrency", health, numbers.clone());
    if new <= 0 || unreserved - new >= UNRESERVED {
        return check(Health::Good);
    }
    check(Health::Bad).hint(format!(
        "at least {UNRESERVED} executions must remain unreserved: lower `reserved_concurrency` or `provisioned_concurrency`, or request an increase in Service Quotas"
    ))
}

/// API Gateway's limit for all APIs of the account in the region, compared with the limits of all routes.
pub fn throttle(account: AccountThrottle, lets: Throughput) -> HealthCheck {
    let Throughput { routes, rate, burst } = lets;
    let numbers = format!("{} requests/s, burst {} for all APIs in the region", account.rate, account.burst);
    let check = |health| HealthCheck::new(Area::Account, "API Gateway limit", health, numbers.clone());
    let number = |limit: u64| u32::try_from(limit).map_or(f64::INFINITY, f64::from);
    let beyond = "beyond the account's limit API Gateway throttles all APIs in the region";
    if number(rate) > account.rate {
        check(Health::Warning).hint(format!(
            "{}; {beyond}: lower `rate_limit`, or request an increase in Service Quotas",
            allowed(routes, rate, "requests/s")
        ))
    } else if i64::try_from(burst).is_ok_and(|burst| burst <= account.burst) {
        check(Health::Good)
    } else {
        check(Health::Warning).hint(format!(
            "{}; {beyond}: lower `burst_limit` (AWS raises the account's burst only together with its rate)",
            allowed(routes, burst, "concurrent requests")
        ))
    }
}

/// `the 3 routes together allow 150 requests/s`
fn allowed(routes: u64, limit: u64, unit: &str) -> String {
    if routes == 1 {
        format!("the route allows {limit} {unit}")
    } else {
        format!("the {routes} routes together allow {limit} {unit}")
    }
}

/// A resource that could not be read, or identityse name is taken by a resource outside the stack.
pub fn unreadable(id: &str, failure: &Failure) -> HealthCheck {
    let check = HealthCheck::failed(Area::Stack, id, failure);
    match failure.cause {
        Cause::Foreign if check.hint.is_none() => {
            check.hint("choose another stack name with --stack, or remove the resource")
        }
        _ => check,
    }
}

/// A secret in its recovery window still occupies its name.
pub fn in_window(name: &str, day: &str) -> HealthCheck {
    HealthCheck::new(Area::Stack, format!("secret {name}"), Health::Warning, format!("scheduled for deletion on {day}"))
        .hint("`securelambda up` restores it")
}

/// The result of IAM's simulation of the required permissions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rights {
    Judged {
        /// The number of simulated actions.
        asked: usize,
        /// The denied actions, sorted.
        missing: Vec<String>,
    },
    /// The simulation failed or cannot be trusted, for this reason.
    Untold(String),
}

pub fn rights(rights: &Rights) -> HealthCheck {
    let check = |health, finding: String| HealthCheck::new(Area::Account, "permissions", health, finding);
    match rights {
        Rights::Untold(why) => {
            check(Health::NotApplicable, why.clone()).hint("`securelambda policy` prints the required permissions")
        }
        Rights::Judged { asked, missing } if missing.is_empty() => {
            check(Health::Good, format!("all {asked} actions allowed (IAM simulation)"))
        }
        Rights::Judged { asked, missing } => {
            check(Health::Bad, format!("{} of {asked} actions denied: {}", missing.len(), missing.join(", ")))
                .hint("`securelambda policy` prints the required permissions")
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
    fn root_is_an_error_only_with_aws() {
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
    fn a_wrong_clock_is_reported_with_its_direction() {
        let table = [
            (0, Good, "matches AWS's clock"),
            (1201, Warning, "20 min behind AWS's clock; signatures use AWS's time"),
            (-1199, Warning, "20 min ahead of AWS's clock; signatures use AWS's time"),
        ];
        for (ahead, health, finding) in table {
            let check = clock(ahead);
            assert_eq!((check.health, check.finding.as_str()), (health, finding));
        }
    }

    #[test]
    fn runtimes_near_or_after_their_deprecation() {
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
    fn quotas_include_resources_to_create() {
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
    fn limits_of_all_routes_are_compared_with_the_accounts() {
        let lets = |routes, limit| Throughput { routes, rate: routes * limit, burst: routes * limit };
        for (limit, routes, expected) in [(1000, 2, Good), (1000, 20, Good), (1000, 21, Warning), (10, 1, Warning)] {
            let check = concurrency(limit, lets(routes, 50));
            assert_eq!(check.health, expected, "{limit}, {routes} routes");
        }
        let hint = concurrency(100, lets(3, 50)).hint.expect("a hint");
        assert!(hint.starts_with("the 3 routes together allow 150 concurrent requests"), "{hint}");

        let default = AccountThrottle { rate: 10_000.0, burst: 5000 };
        let young = AccountThrottle { rate: 2500.0, burst: 1250 };
        for (account, routes, expected, words) in [
            (default, 2, Good, ""),
            (default, 100, Good, ""),
            // A burst of 5,050, although 5,050 requests/s are allowed.
            (default, 101, Warning, "allow 5050 concurrent requests"),
            (default, 201, Warning, "allow 10050 requests/s"),
            (young, 25, Good, ""),
            (young, 26, Warning, "allow 1300 concurrent requests"),
        ] {
            let check = throttle(account, lets(routes, 50));
            assert_eq!(check.health, expected, "{account:?}, {routes} routes");
            assert!(check.hint.unwrap_or_default().contains(words), "{words}");
        }
    }

    #[test]
    fn a_hundred_executions_must_remain_unreserved() {
        for (unreserved, new, expected) in [
            (1000, 0, Good),
            (1000, 900, Good),
            (1000, 901, Bad),
            // In a new account nothing can be reserved, but existing reservations can stay.
            (10, 1, Bad),
            (10, 0, Good),
            (10, -5, Good),
        ] {
            assert_eq!(reserved_concurrency(unreserved, new).health, expected, "{unreserved} {new}");
        }
        let check = reserved_concurrency(150, 60);
        assert_eq!(check.finding, "60 to reserve, 150 unreserved in the account");
        assert!(check.hint.is_some_and(|hint| hint.contains("`reserved_concurrency`")));
    }

    #[test]
    fn failed_checks_have_hints() {
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
