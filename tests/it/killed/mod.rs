//! The crash matrix and the random-fault runs, on the emulator.
//!
//! The crash matrix kills the program before each call, kills it after each call, or loses the call's answer. The next
//! `up` must build exactly the account of an undisturbed run, and the next `down` must leave nothing. The random-fault
//! runs execute `up` and `down` while many calls fail. The engine's own tests (`crash.rs`) cut at every save as well, with
//! a fake cloud.
//!
//! `cargo test` runs a sample, and the gate one of three parts. All cases, with a report:
//! `cargo test --test it killed:: -- --ignored --nocapture --test-threads 1`
//!
//! - `SECURELAMBDA_TEST_PART=2/3`: only the second of three parts
//! - `SECURELAMBDA_TEST_SEEDS=17..18` (with `random_fault_runs`): only these seeds; a seed always gives the same faults
//! - `SECURELAMBDA_TEST_CALL='iam CreateRole'` (with `the_whole`): only the cases of this call
//! - `SECURELAMBDA_TEST_ACCOUNTS=2`: how many accounts are used in parallel

#![allow(clippy::print_stderr, reason = "the report")]

mod address;
mod fault_plan;
mod faults;
mod matrix;
mod part;
mod random_faults;
mod test_account;

use std::collections::HashSet;
use std::ops::Range;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use self::address::Address;
pub use self::faults::conflict_of;
use self::matrix::Undisturbed;
use self::part::Part;
use self::test_account::TestAccount;
use crate::support::edge;
use crate::support::emulator::{endpoint, python};

/// How many accounts are used in parallel. Each run waits most of the time, so this many keep two cores busy.
const PARALLEL_ACCOUNTS: usize = 8;

#[derive(Clone, Copy, PartialEq)]
enum Blueprint {
    Tutorial,
    HttpJwt,
    ApiToApi,
    /// The stack file [`WATCHED`], which is no blueprint.
    Watched,
    /// The stack file [`edge::STACK`], which is no blueprint.
    Edge,
    /// The tutorial's blueprint, with the state in a bucket. After a cut, another machine goes on.
    InBucket,
}

/// A stack with resources that no blueprint has: a key of its own, a table, queues, event source mappings, a layer, an
/// image, hooks, a group with a role, and alarms.
const WATCHED: &str = r#"
[stack]
name = "securelambda"
kms_key = "create"
[tables.notes]
key = "userId"
ttl = "expires"
stream = "new-and-old"
indexes = { byDate = { key = "userId", sort = "date" } }
recovery = true
deletion_protection = true
[topics.news]
[secrets.Where]
TOPIC_ARN = { topic = "news" }
[functions.Reader]
source = "f"
secrets = ["Where"]
reads = ["notes"]
writes = ["notes"]
on_failure = { queue = "dead" }
sends = ["work"]
environment = { QUEUE = { queue = "work" }, POOL = { pool_id = "People" } }
layers = ["arn:aws:lambda:eu-central-1:210987654321:layer:tools:3"]
ephemeral_mb = 1024
provisioned_concurrency = 1
[[functions.Reader.triggers]]
topic = "news"
[[functions.Reader.triggers]]
queue = "work"
[[functions.Reader.triggers]]
schedule = "rate(1 day)"
[[functions.Reader.triggers]]
stream = "notes"
on_failure = { topic = "news" }
[functions.Pictures]
image = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/pictures@sha256:0000000000000000000000000000000000000000000000000000000000000000"
[pools.People]
groups = ["staff"]
attributes = { tenant = {} }
mail = { verification = { subject = "Code", text = "{####}" } }
hooks = { post_confirmation = "Reader", post_authentication = "Pictures" }
[[api.routes]]
route = "GET /staff"
function = "Reader"
pool = "People"
groups = ["staff"]
[identity_pools.Files]
pool = "People"
allow = [{ actions = ["s3:GetObject"], resources = ["arn:{partition}:s3:::photos/*"] }]
tags = { tenant = "custom:tenant" }
groups = { staff = [{ actions = ["s3:PutObject"], resources = ["arn:{partition}:s3:::photos/*"] }] }
[queues.work]
dead_letter_after = 3
[alarms]
notify = "ops@example.com"
"#;

impl Blueprint {
    fn name(self) -> &'static str {
        match self {
            Self::Tutorial | Self::InBucket => "tutorial",
            Self::HttpJwt => "http-jwt",
            Self::ApiToApi => "api-to-api",
            Self::Watched => "watched",
            Self::Edge => "edge",
        }
    }

    /// The stack file, unless it is a blueprint's.
    fn file(self) -> Option<&'static str> {
        match self {
            Self::Watched => Some(WATCHED),
            Self::Edge => Some(edge::STACK),
            Self::Tutorial | Self::HttpJwt | Self::ApiToApi | Self::InBucket => None,
        }
    }

    /// A lower bound for the number of resources after `up`, to notice an account reader that finds nothing.
    fn least_resources(self) -> usize {
        match self {
            Self::Tutorial | Self::InBucket => 40,
            Self::HttpJwt | Self::Watched | Self::Edge => 15,
            Self::ApiToApi => 35,
        }
    }

    fn test_accounts(self, count: usize) -> Vec<TestAccount> {
        let of = |_| TestAccount::new(&endpoint(), &python(), (self.name(), self.file()), self == Self::InBucket);
        (0..count).map(of).collect()
    }

    /// The undisturbed runs, which are made once in each test process.
    fn undisturbed(self) -> &'static Undisturbed {
        static KEPT: [OnceLock<Undisturbed>; 6] = [const { OnceLock::new() }; 6];
        KEPT[self as usize].get_or_init(|| {
            let undisturbed = matrix::undisturbed(&mut self.test_accounts(1)[0]);
            let names: Vec<&String> = undisturbed.built.account.keys().collect();
            assert!(names.len() > self.least_resources(), "{names:#?}");
            undisturbed
        })
    }
}

fn number(name: &str, otherwise: usize) -> usize {
    std::env::var(name).ok().and_then(|number| number.parse().ok()).unwrap_or(otherwise)
}

/// These tests run one at a time, because each uses all cores.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs the cases of this part whose call is wanted.
fn matrix_of(blueprint: Blueprint, part: Part, count: usize, folder: &str, wanted: impl Fn(&Address) -> bool) {
    let evidence = matrix::evidence(folder);
    let undisturbed = blueprint.undisturbed();
    let cases = matrix::cases(undisturbed, part, &wanted);
    eprintln!("\n{}: {} cases ({part})", blueprint.name(), cases.len());
    let whole = matrix::cases(undisturbed, Part::first_of(1), wanted);
    assert!(!whole.is_empty(), "no call of {} is wanted", blueprint.name());
    let report = matrix::run_cases(undisturbed, cases, blueprint.test_accounts(count), &evidence);
    eprintln!("\n{}{}", blueprint.name(), matrix::table(undisturbed, &report));
    assert!(report.failures().is_empty(), "{} failures, listed above", report.failures().len());
}

fn random_faults_of(blueprint: Blueprint, part: Part, seeds: Range<u64>, count: usize, folder: &str) {
    let evidence = matrix::evidence(folder);
    let seeds = random_faults::seeds_of(part, blueprint as usize, seeds);
    eprintln!("\n{}: {} seeds ({part})", blueprint.name(), seeds.len());
    let built = &blueprint.undisturbed().built;
    let report = random_faults::run(built, seeds, blueprint.test_accounts(count), &evidence);
    eprintln!("\n{}{}", blueprint.name(), random_faults::table(&report));
    assert!(report.failures.is_empty(), "{} failures, listed above", report.failures.len());
}

fn seeds(otherwise: Range<u64>) -> Range<u64> {
    let Ok(asked) = std::env::var("SECURELAMBDA_TEST_SEEDS") else { return otherwise };
    let (first, end) = asked.split_once("..").unwrap();
    first.parse().unwrap()..end.parse().unwrap()
}

/// Operations that the tutorial uses for other resources than the other stacks do: their app clients have secrets, and their
/// permissions are those of hooks and triggers.
const ALSO_IN_TUTORIAL: [&str; 3] =
    ["cognito-idp CreateUserPoolClient", "secretsmanager CreateSecret", "lambda AddPermission"];

/// Selects the calls that the tutorial never makes, and those of [`ALSO_IN_TUTORIAL`].
fn not_in_tutorial() -> impl Fn(&Address) -> bool {
    let tutorial = Blueprint::Tutorial.undisturbed();
    let known: HashSet<&str> = tutorial.calls.values().flatten().map(|call| call.name.as_str()).collect();
    move |call| !known.contains(call.name.as_str()) || ALSO_IN_TUTORIAL.contains(&call.name.as_str())
}

#[test]
fn a_sample_of_the_tutorials_crash_matrix() {
    let _alone = alone();
    matrix_of(Blueprint::Tutorial, Part::first_of(40), 2, "killed-sample", |_| true);
}

#[test]
fn a_sample_of_the_other_blueprints_crash_matrices() {
    let _alone = alone();
    // Names of these kinds are not unique: only tags tell whether the resource exists already.
    let create = |call: &Address| call.name.starts_with("apigatewayv2 Create");
    matrix_of(Blueprint::HttpJwt, Part::first_of(6), 2, "killed-http-jwt-sample", create);
    let create = |call: &Address| call.name == "cognito-identity CreateIdentityPool";
    matrix_of(Blueprint::ApiToApi, Part::first_of(3), 2, "killed-api-to-api-sample", create);
    let create = |call: &Address| ["kms CreateKey", "kms CancelKeyDeletion"].contains(&call.name.as_str());
    matrix_of(Blueprint::Watched, Part::first_of(2), 2, "killed-watched-sample", create);
    // AWS refuses a second declaration of the same response.
    let put = |call: &Address| {
        ["apigateway PutGatewayResponse", "apigateway PutMethodResponse"].contains(&call.name.as_str())
    };
    matrix_of(Blueprint::Edge, Part::first_of(3), 2, "killed-edge-sample", put);
    // One call creates, changes and deletes records. Only a deletion may be repeated.
    let change = |call: &Address| call.name == "route53 ChangeResourceRecordSets";
    matrix_of(Blueprint::Edge, Part::first_of(1), 2, "killed-edge-records", change);
}

#[test]
fn a_few_random_fault_runs() {
    let _alone = alone();
    random_faults_of(Blueprint::Tutorial, Part::first_of(1), 1000..1006, 2, "random-faults-sample");
}

#[test]
#[ignore = "takes twenty minutes"]
fn the_whole_crash_matrix_of_the_tutorial() {
    let _alone = alone();
    let only = std::env::var("SECURELAMBDA_TEST_CALL").unwrap_or_default();
    let test_accounts = number("SECURELAMBDA_TEST_ACCOUNTS", PARALLEL_ACCOUNTS);
    matrix_of(Blueprint::Tutorial, Part::asked(), test_accounts, "killed", |call| call.to_string().contains(&only));
}

/// Calls that the tutorial makes too are cut only there, unless `SECURELAMBDA_TEST_CALL` names them.
/// `SECURELAMBDA_TEST_STACK=edge` runs only the matrix of this stack.
#[test]
#[ignore = "takes five minutes"]
fn the_whole_crash_matrices_of_the_other_blueprints() {
    let _alone = alone();
    let only = std::env::var("SECURELAMBDA_TEST_CALL");
    let test_accounts = number("SECURELAMBDA_TEST_ACCOUNTS", PARALLEL_ACCOUNTS);
    let own = not_in_tutorial();
    let wanted = |call: &Address| only.as_ref().map_or_else(|_| own(call), |only| call.to_string().contains(only));
    for (blueprint, folder) in [
        (Blueprint::HttpJwt, "killed-http-jwt"),
        (Blueprint::ApiToApi, "killed-api-to-api"),
        (Blueprint::Watched, "killed-watched"),
        (Blueprint::Edge, "killed-edge"),
    ] {
        if std::env::var("SECURELAMBDA_TEST_STACK").is_ok_and(|only| only != blueprint.name()) {
            continue;
        }
        matrix_of(blueprint, Part::asked(), test_accounts, folder, wanted);
    }
}

/// The calls to the bucket, and those that change the account.
fn saves_or_changes(call: &Address) -> bool {
    call.name.starts_with("s3 ") || !call.reads()
}

#[test]
fn a_sample_of_the_crash_matrix_with_the_state_in_a_bucket() {
    let _alone = alone();
    matrix_of(Blueprint::InBucket, Part::first_of(120), 2, "killed-in-bucket-sample", saves_or_changes);
}

#[test]
#[ignore = "takes fifteen minutes"]
fn the_whole_crash_matrix_with_the_state_in_a_bucket() {
    let _alone = alone();
    let test_accounts = number("SECURELAMBDA_TEST_ACCOUNTS", PARALLEL_ACCOUNTS);
    matrix_of(Blueprint::InBucket, Part::asked(), test_accounts, "killed-in-bucket", saves_or_changes);
}

#[test]
#[ignore = "takes five minutes"]
fn all_random_fault_runs() {
    let _alone = alone();
    let test_accounts = number("SECURELAMBDA_TEST_ACCOUNTS", PARALLEL_ACCOUNTS);
    let part = Part::asked();
    random_faults_of(Blueprint::Tutorial, part, seeds(1..201), test_accounts, "random-faults");
    random_faults_of(Blueprint::HttpJwt, part, seeds(1..31), test_accounts, "random-faults-http-jwt");
    random_faults_of(Blueprint::ApiToApi, part, seeds(1..31), test_accounts, "random-faults-api-to-api");
    random_faults_of(Blueprint::Watched, part, seeds(1..31), test_accounts, "random-faults-watched");
    random_faults_of(Blueprint::Edge, part, seeds(1..31), test_accounts, "random-faults-edge");
}
