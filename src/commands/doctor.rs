//! `doctor`: checks credentials, account, stack and machine. Without usable credentials it still checks the machine.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use futures_util::{StreamExt, stream};
use serde_json::json;

use super::session::{Session, Sources};
use super::states::state_id;
use super::{Ending, policy, states};
use crate::aws::account::{Account, Expiry, simulated};
use crate::aws::lambda::{provisioned_concurrency, reserved_concurrency};
use crate::aws::secretsmanager::SecretsManager;
use crate::config::Config;
use crate::doctor::{self, Area, Health, HealthCheck, Rights};
use crate::engine::{CancellationToken, Comparison, Failure, ReadResult, Refresh};
use crate::error::{Error, Kind};
use crate::local::tools;
use crate::location::Location;
use crate::operator::{Wanted, questions};
use crate::outputs::SCHEMA_VERSION;
use crate::proxies::Proxy;
use crate::report::{answer, checkup_text, completed_document, date, moment};
use crate::spec::Stack;
use crate::state::{Folder, State, StateBackend};
use crate::topology::ids;

/// The number of concurrent policy simulations. IAM throttles more than that, and for a long time.
const AT_ONCE: usize = 4;

/// The permission that a simulation itself requires. If the simulation denies it, its results cannot be trusted.
const CONTROL: &str = "iam:SimulatePrincipalPolicy";

/// Half a year, in seconds.
const SOON: i64 = 182 * 86_400;

pub(super) async fn run(config: Config, stop: CancellationToken) -> Result<Ending, Error> {
    let output = config.output;
    let (local, stack, place) = (config.connection.local, config.stack.clone(), config.state.clone());
    // Without a session, only a folder can be checked.
    let mut backend: Option<Arc<dyn StateBackend>> = match &place {
        Location::Folder(folder) => Some(Arc::new(Folder::new(folder))),
        Location::Bucket { .. } => None,
    };
    let mut checks = Vec::new();
    let mut kind = Kind::Other;
    match Session::open(config, Sources::Packed).await {
        Ok(session) => {
            checks.extend(in_the_account(&session, &stop).await?);
            backend = Some(states::open(&place, &session.clients, &session.config.connection));
        }
        Err(error) if error.kind == Kind::Usage => return Err(error),
        Err(error) => {
            kind = error.kind;
            let check = HealthCheck::new(Area::Credentials, "credentials", Health::Bad, error.message);
            checks.push(HealthCheck { hint: error.hints.into_iter().next(), ..check });
        }
    }
    checks.extend(runtimes(&stack));
    if let Some(backend) = backend {
        checks.push(state_storage(&*backend, &stack.name).await);
    }
    checks.extend(machine(local).await);
    checks.sort_by_key(|check| check.area as u8);
    let bad = checks.iter().filter(|check| check.health == Health::Bad).count();
    if output.json {
        let document = json!({ "schema_version": SCHEMA_VERSION, "sound": bad == 0, "checks": checks });
        answer(&super::pretty(&completed_document(document)));
    } else {
        answer(&checkup_text(&checks, output.answers));
    }
    if checks.iter().any(|check| check.health == Health::Bad && check.area == Area::Credentials) {
        kind = Kind::Account;
    }
    if bad == 0 {
        return Ok(Ending::Done);
    }
    let errors = if bad == 1 { "1 error".to_owned() } else { format!("{bad} errors") };
    Err(Error::new(kind, format!("{errors} found; see above")))
}

/// Checks that need no further AWS calls. `up` prints their warnings and errors.
pub(super) fn at_hand(session: &Session, expires: Expiry) -> Vec<HealthCheck> {
    let clients = &session.clients;
    let mut checks = vec![doctor::expiry(expires, clients.now_ms() / 1000, moment), doctor::clock(clients.ahead())];
    checks.extend(runtimes(&session.config.stack));
    checks.retain(|check| check.health != Health::Good);
    checks
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

fn runtimes(stack: &Stack) -> Vec<HealthCheck> {
    let now = now();
    doctor::runtimes(stack, &date(now), &date(now.saturating_add(SOON)))
}

async fn in_the_account(session: &Session, stop: &CancellationToken) -> Result<Vec<HealthCheck>, Error> {
    let scope = session.scope();
    let state = session.store.read().await?;
    let state = state.unwrap_or_else(|| State::new(&state_id(scope), None));
    let account = Account::new(&session.clients);
    let lets = session.config.stack.throughput();
    let throttle = async { if lets.routes == 0 { Ok(None) } else { account.throttle().await } };
    let (refresh, expires, usage, lambda, throttle, rights) = tokio::join!(
        session.refresh(&state, stop),
        account.credentials_expire(),
        account.usage(),
        account.lambda(),
        throttle,
        rights(session, &account, &state),
    );
    let refresh = refresh?;
    let caller = &session.caller;
    let at_aws = session.endpoint.is_none();
    let mut checks = vec![
        doctor::principal(&caller.arn, caller.is_root(), at_aws),
        HealthCheck::new(Area::Credentials, "where", Health::Good, place(session)),
        doctor::expiry(expires, session.clients.now_ms() / 1000, moment),
        doctor::clock(session.clients.ahead()),
    ];
    checks.extend(proxies(session));
    let new = |kind: &str| {
        let missing = |result: &ReadResult| matches!(result, ReadResult::Absent | ReadResult::Blocked(_));
        let count =
            refresh.results(&session.graph).filter(|(_, known, result)| *known == kind && missing(result)).count();
        i64::try_from(count).unwrap_or(i64::MAX)
    };
    for usage in usage {
        checks.push(match usage {
            Ok(usage) => doctor::quota(&usage, new(usage.kind)),
            Err(failure) => untold("quota", &failure),
        });
    }
    match lambda {
        Ok(Some(limits)) => {
            checks.push(doctor::stored_code(limits.code_used, limits.code_limit));
            checks.push(doctor::concurrency(limits.concurrency, lets));
            if session.config.stack.functions.values().any(|function| kept_for(function).is_some()) {
                checks.push(doctor::reserved_concurrency(limits.concurrency, to_reserve(session, &refresh)));
            }
        }
        Ok(None) => {}
        Err(failure) => checks.push(untold("Lambda's limits", &failure)),
    }
    match throttle {
        Ok(Some(account)) => checks.push(doctor::throttle(account, lets)),
        Ok(None) => {}
        Err(failure) => checks.push(untold("API Gateway's throttle", &failure)),
    }
    checks.push(doctor::rights(&rights));
    checks.extend(names(session, &refresh).await);
    Ok(checks)
}

/// How many more executions the stack file reserves than the functions have.
fn to_reserve(session: &Session, refresh: &Refresh) -> i64 {
    let wanted = session.config.stack.functions.values().filter_map(kept_for);
    let live: BTreeMap<&str, &ReadResult> =
        refresh.results(&session.graph).map(|(id, _, result)| (id.as_str(), result)).collect();
    let read = |id: &str, of: fn(&Comparison) -> Option<i64>| match live.get(id) {
        Some(ReadResult::Live { comparison, .. }) => of(comparison),
        _ => None,
    };
    let kept = session.config.stack.functions.keys().filter_map(|name| {
        let reserved = read(ids::function(name).as_str(), reserved_concurrency);
        reserved.or_else(|| read(ids::provisioned(name).as_str(), provisioned_concurrency))
    });
    wanted.map(i64::from).sum::<i64>() - kept.sum::<i64>()
}

/// How many executions Lambda keeps for a function: its reserved concurrency, or else its provisioned concurrency.
fn kept_for(function: &crate::spec::Function) -> Option<u32> {
    function.reserved_concurrency.or(function.provisioned_concurrency)
}

/// The proxy of the AWS calls, if they use one.
fn proxies(session: &Session) -> Vec<HealthCheck> {
    let check =
        |proxy: &Proxy| HealthCheck::new(Area::Machine, "proxy", Health::Good, format!("AWS calls use {proxy}"));
    let host = crate::partition::host("sts", &session.scope().region);
    let url = session.endpoint.clone().unwrap_or_else(|| format!("https://{host}"));
    session.config.connection.proxies.of(&url).ok().flatten().map(check).into_iter().collect()
}

fn place(session: &Session) -> String {
    let scope = session.scope();
    let endpoint = session.endpoint.as_ref().map(|endpoint| format!(", at {endpoint}")).unwrap_or_default();
    format!("account {}, {}{endpoint}", scope.account, scope.region)
}

/// A value that could not be read. This is not an error: the permissions check covers the calls that a run makes.
fn untold(subject: &str, failure: &Failure) -> HealthCheck {
    let check = HealthCheck::new(Area::Account, subject, Health::NotApplicable, failure.to_string());
    HealthCheck { hint: failure.hint.clone(), ..check }
}

/// Checks for name conflicts, unreadable resources, and secrets in their recovery window.
async fn names(session: &Session, refresh: &Refresh) -> Vec<HealthCheck> {
    let mut checks = Vec::new();
    let secrets = SecretsManager::new(&session.clients);
    for (id, kind, result) in refresh.results(&session.graph) {
        match result {
            ReadResult::Failed(failure) => checks.push(doctor::unreadable(id.as_str(), failure)),
            ReadResult::Absent | ReadResult::Blocked(_) if kind == "secretsmanager.secret" => {
                let name = id.parts().1;
                if let Ok(Some(day)) = secrets.scheduled_deletion(&session.scope().physical(name)).await {
                    checks.push(doctor::in_window(name, &date(day)));
                }
            }
            _ => {}
        }
    }
    if checks.iter().all(|check| check.health != Health::Bad) {
        checks.push(HealthCheck::new(Area::Stack, "names", Health::Good, "no name conflicts"));
    }
    checks
}

/// Simulates whether the caller has the permissions of the minimal policy.
async fn rights(session: &Session, account: &Account, state: &State) -> Rights {
    let caller = &session.caller;
    if caller.is_root() {
        return Rights::Untold("the root user has all permissions".to_owned());
    }
    let Some(principal) = simulated(&caller.arn) else {
        return Rights::Untold(format!("IAM cannot simulate the permissions of {}", caller.arn));
    };
    let recorded = state.resources.values().map(|record| record.kind.clone());
    let kinds: BTreeSet<String> = session.graph.ids().map(|(_, kind)| kind.to_owned()).chain(recorded).collect();
    let scope = session.scope();
    let named = policy::named(&session.config, session.scope());
    let mut questions = questions(&Wanted { scope, works: &[], kinds: &kinds, named: &named });
    if session.endpoint.is_some() {
        // Emulators ignore conditions and paths in a simulation.
        questions.retain(|question| !question.only_then && !question.resource.contains(":role/"));
    }
    let asked = questions.iter().flat_map(|question| &question.actions).collect::<BTreeSet<_>>().len();
    let answers: Vec<Result<Vec<String>, Failure>> =
        stream::iter(&questions).map(|question| account.denied(&principal, question)).buffered(AT_ONCE).collect().await;
    let mut missing = BTreeSet::new();
    for answer in answers {
        match answer {
            Ok(denied) => missing.extend(denied),
            Err(failure) => return Rights::Untold(failure.to_string()),
        }
    }
    if missing.contains(CONTROL) {
        return Rights::Untold("IAM's simulation denies an action that was just allowed".to_owned());
    }
    Rights::Judged { asked, missing: missing.into_iter().collect() }
}

/// Whether states can be saved.
async fn state_storage(backend: &dyn StateBackend, stack: &str) -> HealthCheck {
    let check = |health, finding| HealthCheck::new(Area::Machine, "state storage", health, finding);
    match backend.check(stack).await {
        Ok(()) => check(Health::Good, format!("{} is writable", backend.description())),
        Err(error) => check(Health::Bad, error.message).hint(error.hint),
    }
}

/// The tools that `--local` requires. A missing tool is an error only with `--local`.
async fn machine(local: bool) -> Vec<HealthCheck> {
    let lacking = if local { Health::Bad } else { Health::Warning };
    let classify = |(name, found): (&str, Result<String, crate::local::LocalError>)| {
        let subject = format!("{name} for --local");
        match found {
            Ok(what) => HealthCheck::new(Area::Machine, subject, Health::Good, what),
            Err(error) => {
                let hint = error.hint();
                HealthCheck { hint, ..HealthCheck::new(Area::Machine, subject, lacking, error.to_string()) }
            }
        }
    };
    tools().await.into_iter().map(classify).collect()
}
