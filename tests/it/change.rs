//! Changes of a stack while clients call it continuously: calls without a token never pass, calls with one never fail, and
//! the firewall and the throttle are never off. Also changes that need a flag or cannot be made.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use securelambda::probe::{Body, Client, Request};
use securelambda::proxies::Proxies;
use securelambda::secret::SecretValue;
use serde_json::{Value, json};

use crate::support::botocore;
use crate::support::default_account::default_account;
use crate::support::emulator::{account, endpoint};
use crate::support::inventory::inventory;
use crate::support::program::User;
use crate::support::proxy::{Call, Proxy};

const PASSWORD: &str = "Correct-Horse-7-Battery\n";
const BODY: &str = r#"{"name":"Ada"}"#;
const POOLS: [&str; 2] = ["MyUserPool1", "MyUserPool2"];

/// A user with copies of the built-in stack file and sources.
fn someone(account: &str, endpoint: &str) -> User {
    let user = User::of(account, endpoint);
    let lambdas = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("lambdas");
    for folder in ["external", "internal"] {
        for entry in std::fs::read_dir(lambdas.join(folder)).unwrap().map(Result::unwrap) {
            if entry.path().is_file() {
                let text = std::fs::read_to_string(entry.path()).unwrap();
                user.write(format!("lambdas/{folder}/{}", entry.file_name().to_str().unwrap()), &text);
            }
        }
    }
    // Outside the source folder, so that a changed schema does not change the code.
    let schema = std::fs::read_to_string(lambdas.join("external/request.schema.json")).unwrap();
    user.write("greeting.schema.json", &schema);
    let body = "\"lambdas/external/request.schema.json\"";
    user.write("securelambda.toml", &securelambda::spec::BUILTIN.replace(body, "\"greeting.schema.json\""));
    user
}

/// Edits the stack file.
fn edit(user: &User, change: impl FnOnce(&mut toml::Table)) {
    let file = user.folder.path().join("securelambda.toml");
    let mut document: toml::Table = toml::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    change(&mut document);
    user.write("securelambda.toml", &document.to_string());
}

fn routes(document: &mut toml::Table) -> &mut Vec<toml::Value> {
    document["api"]["routes"].as_array_mut().unwrap()
}

fn put(table: &mut toml::Value, key: &str, value: impl Into<toml::Value>) {
    table.as_table_mut().unwrap().insert(key.into(), value.into());
}

fn up(user: &User) -> Value {
    user.run(&["up", "--yes", "--json"]).ends(0).summary()["outputs"].clone()
}

/// The result of one call to `POST /lambda1`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Seen {
    /// The pool of the token, if there was one.
    shown: Option<&'static str>,
    status: u16,
    /// The function that answered.
    by: String,
}

impl Seen {
    fn greets(shown: &'static str, function: &str) -> Self {
        Self { shown: Some(shown), status: 200, by: function.to_owned() }
    }

    fn refused(shown: Option<&'static str>) -> Self {
        Self { shown, status: 401, by: String::new() }
    }
}

/// Clients that call one route continuously: one for each token, and one without a token.
struct Callers {
    stop: Arc<AtomicBool>,
    seen: Arc<Mutex<Vec<Seen>>>,
    threads: Vec<std::thread::JoinHandle<()>>,
}

impl Callers {
    fn start(url: &str, tokens: &[(&'static str, String)]) -> Self {
        let (stop, seen) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(Vec::new())));
        let shown = tokens.iter().map(|(pool, token)| (Some(*pool), Some(token.clone()))).chain([(None, None)]);
        let threads = shown.map(|(pool, token)| {
            let (stop, seen, url) = (Arc::clone(&stop), Arc::clone(&seen), url.to_owned());
            std::thread::spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                let token = token.map(|token| SecretValue::from(token.as_str()));
                let client = runtime.block_on(async { Client::new(&Proxies::default()).unwrap() });
                while !stop.load(Ordering::Relaxed) {
                    let request =
                        Request { method: "POST", url: &url, token: token.as_ref(), body: Some(Body::json(BODY)) };
                    let answer = runtime.block_on(client.send(&request)).unwrap();
                    let by = if answer.status == 200 { greeter(&answer.text()) } else { String::new() };
                    seen.lock().unwrap().push(Seen { shown: pool, status: answer.status, by });
                    // A pause, because the emulator starts a process for each concurrent call.
                    std::thread::sleep(Duration::from_millis(5));
                }
            })
        });
        let threads = threads.collect();
        Self { stop, seen, threads }
    }

    /// Waits until every client has this many more answers.
    fn settle(&self, answers: usize) {
        let callers = [Some(POOLS[0]), Some(POOLS[1]), None];
        let count = || {
            let seen = self.seen.lock().unwrap();
            callers.map(|caller| seen.iter().filter(|seen| seen.shown == caller).count())
        };
        let before = count();
        for _ in 0..2000 {
            if count().iter().zip(before).all(|(now, before)| *now >= before + answers) {
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        panic!("the callers get no answers");
    }

    /// The different answers since this was last called, each with its count.
    fn take(&self) -> Vec<(Seen, usize)> {
        let mut seen = std::mem::take(&mut *self.seen.lock().unwrap());
        seen.sort();
        let mut counted: Vec<(Seen, usize)> = Vec::new();
        for one in seen {
            match counted.last_mut() {
                Some((last, count)) if *last == one => *count += 1,
                _ => counted.push((one, 1)),
            }
        }
        counted
    }

    fn end(self) {
        self.stop.store(true, Ordering::Relaxed);
        self.threads.into_iter().for_each(|thread| thread.join().unwrap());
    }
}

/// `Hello Ada. Greetings from ExternalLambda1! …`
fn greeter(body: &str) -> String {
    let (_, rest) = body.split_once("Greetings from ").unwrap_or(("", body));
    rest.split(['!', '"']).next().unwrap_or_default().to_owned()
}

struct Change {
    name: &'static str,
    make: fn(&User),
    /// The answers that callers of `POST /lambda1` see after the change. During it they may also see the previous
    /// answers.
    after: fn() -> Vec<Seen>,
    /// Whether the change needs a new deployment.
    redeploys: bool,
    /// How many calls may fail. The emulator aborts calls of a function whose code is replaced; AWS lets them finish.
    cut: usize,
}

fn tutorial() -> Vec<Seen> {
    vec![Seen::greets(POOLS[0], "ExternalLambda1"), Seen::refused(Some(POOLS[1])), Seen::refused(None)]
}

fn other_function() -> Vec<Seen> {
    vec![Seen::greets(POOLS[0], "ExternalLambda2"), Seen::refused(Some(POOLS[1])), Seen::refused(None)]
}

fn new_function() -> Vec<Seen> {
    vec![Seen::greets(POOLS[0], "ExternalLambda3"), Seen::refused(Some(POOLS[1])), Seen::refused(None)]
}

fn other_pool() -> Vec<Seen> {
    vec![Seen::greets(POOLS[1], "ExternalLambda3"), Seen::refused(Some(POOLS[0])), Seen::refused(None)]
}

/// The changes, which are applied one after another.
const CHANGES: [Change; 11] = [
    Change {
        name: "the route's function is swapped",
        make: |user| edit(user, |file| put(&mut routes(file)[0], "function", "ExternalLambda2")),
        after: other_function,
        redeploys: true,
        cut: 0,
    },
    Change {
        name: "the route moves to a function that is new, and the first one goes",
        make: |user| {
            edit(user, |file| {
                let functions = file["functions"].as_table_mut().unwrap();
                let gone = functions.remove("ExternalLambda1").unwrap();
                functions.insert("ExternalLambda3".into(), gone);
                routes(file)[0].as_table_mut().unwrap().insert("function".into(), "ExternalLambda3".into());
            });
        },
        after: new_function,
        redeploys: true,
        cut: 0,
    },
    Change {
        name: "the body's schema is changed",
        make: |user| {
            let schema = std::fs::read_to_string(user.folder.path().join("greeting.schema.json")).unwrap();
            user.write("greeting.schema.json", &schema.replace("100", "50"));
        },
        after: new_function,
        redeploys: true,
        cut: 0,
    },
    Change {
        name: "a route is added",
        make: |user| {
            edit(user, |file| {
                let mut route = routes(file)[0].clone();
                route.as_table_mut().unwrap().insert("route".into(), "GET /lambda1/{id}".into());
                route.as_table_mut().unwrap().remove("body");
                routes(file).push(route);
            });
        },
        after: new_function,
        redeploys: true,
        cut: 0,
    },
    Change {
        name: "a route is removed",
        make: |user| edit(user, |file| drop(routes(file).pop())),
        after: new_function,
        redeploys: true,
        cut: 0,
    },
    Change {
        name: "the route's pool is swapped",
        make: |user| edit(user, |file| put(&mut routes(file)[0], "pool", POOLS[1])),
        after: other_pool,
        redeploys: true,
        cut: 0,
    },
    Change {
        name: "the code is changed",
        make: |user| {
            let code = std::fs::read_to_string(user.folder.path().join("lambdas/external/index.mjs")).unwrap();
            user.write("lambdas/external/index.mjs", &format!("{code}// changed\n"));
        },
        after: other_pool,
        redeploys: false,
        cut: 1,
    },
    Change {
        name: "the rate is changed",
        make: |user| edit(user, |file| put(&mut file["api"], "rate_limit", 4999)),
        after: other_pool,
        redeploys: false,
        cut: 0,
    },
    Change {
        name: "the firewall's mode is changed",
        make: |user| edit(user, |file| put(&mut file["firewall"], "mode", "block")),
        after: other_pool,
        redeploys: false,
        cut: 0,
    },
    Change {
        name: "everything at once",
        make: |user| {
            edit(user, |file| {
                let functions = file["functions"].as_table_mut().unwrap();
                let back = functions.remove("ExternalLambda3").unwrap();
                functions.insert("ExternalLambda1".into(), back);
                let route = routes(file)[0].as_table_mut().unwrap();
                route.insert("function".into(), "ExternalLambda1".into());
                file["firewall"].as_table_mut().unwrap().insert("mode".into(), "count".into());
            });
        },
        after: || vec![Seen::greets(POOLS[1], "ExternalLambda1"), Seen::refused(Some(POOLS[0])), Seen::refused(None)],
        redeploys: true,
        cut: 0,
    },
    Change {
        name: "the pool is swapped back",
        make: |user| edit(user, |file| put(&mut routes(file)[0], "pool", POOLS[0])),
        after: tutorial,
        redeploys: true,
        cut: 0,
    },
];

#[test]
fn callers_see_only_the_old_or_new_behaviour_during_every_change() {
    let _alone = default_account();
    let proxy = Proxy::new(&endpoint(), Duration::ZERO);
    let user = someone("test", &proxy.endpoint);
    // High limits, because this test does not test the throttle.
    edit(&user, |file| {
        let api = file["api"].as_table_mut().unwrap();
        api.insert("rate_limit".into(), 5000.into());
        api.insert("burst_limit".into(), 5000.into());
    });
    let outputs = up(&user);
    let tokens = POOLS.map(|pool| {
        user.run_with(PASSWORD, &["add-user", "ada@example.com", "--pool", pool, "--password-stdin"]).ends(0);
        let ran = user.run_with(PASSWORD, &["token", "ada@example.com", "--pool", pool, "--password-stdin"]).ends(0);
        (pool, ran.stdout.trim_end().to_owned())
    });
    let url = outputs["api"]["routes"][0]["url"].as_str().unwrap().replace(&proxy.endpoint, &endpoint());
    let callers = Callers::start(&url, &tokens);
    let guard = Guard::new(&user, &outputs);

    let (mut before, mut made) = (tutorial(), BTreeSet::new());
    callers.settle(5);
    for Change { name, make, after, redeploys, cut } in CHANGES {
        callers.take();
        make(&user);
        proxy.take();
        let ran = user.run(&["up", "--yes", "--json", "--detailed-exitcode"]);
        assert_eq!(ran.code, 7, "{name}: {}{}", ran.stdout, ran.stderr);
        let calls = proxy.take();
        callers.settle(2);
        let after = after();
        for (seen, count) in callers.take() {
            let cut = seen.status == 502 && count <= cut;
            assert!(cut || before.contains(&seen) || after.contains(&seen), "{name}: {count} times {seen:?}");
        }
        callers.settle(5);
        let now: Vec<Seen> = callers.take().into_iter().map(|(seen, _)| seen).collect();
        assert!(
            now.iter().all(|seen| after.contains(seen)) && after.iter().all(|seen| now.contains(seen)),
            "{name}: {now:?}"
        );
        assert_never_off(name, redeploys, &calls);
        made.extend(calls.into_iter().map(|call| call.name));
        user.run(&["up", "--detailed-exitcode"]).ends(0).says("Nothing to do");
        before = after;
    }
    assert!(guard.end() > 10, "the guard made too few checks");
    // The changes together made the calls that `assert_never_off` checks.
    for call in
        ["apigateway CreateDeployment", "apigateway UpdateStage", "lambda AddPermission", "lambda DeleteFunction"]
    {
        assert!(made.contains(call), "{call} is not in {made:?}");
    }
    callers.end();
    user.run(&["down", "--yes"]).ends(0).says("0 left");
}

/// Asserts that no call removes the firewall or recreates the stage, and that there is at most one deployment, only if it is
/// needed.
fn assert_never_off(name: &str, redeploys: bool, calls: &[Call]) {
    let is = |service: &'static str, operation: &'static str| {
        move |call: &Call| call.sent.service == service && call.sent.operation == operation
    };
    let count = |service, operation| calls.iter().filter(|call| is(service, operation)(call)).count();
    for (service, operation) in [
        ("wafv2", "DisassociateWebACL"),
        ("wafv2", "AssociateWebACL"),
        ("apigateway", "DeleteStage"),
        ("apigateway", "CreateStage"),
    ] {
        assert_eq!(count(service, operation), 0, "{name}: {operation}");
    }
    // A change needs no new deployment if the kept previous deployment is the desired one.
    assert!(count("apigateway", "CreateDeployment") <= usize::from(redeploys), "{name}");
    // The stage moves after new permissions and before deletions.
    let moved = calls.iter().rposition(is("apigateway", "UpdateStage"));
    assert!(moved.is_some() || !redeploys, "{name}: the stage did not move");
    let allowed = calls.iter().rposition(is("lambda", "AddPermission"));
    assert!(moved.zip(allowed).is_none_or(|(moved, allowed)| allowed < moved), "{name}: moved before it may invoke");
    let gone = calls.iter().position(is("lambda", "DeleteFunction"));
    assert!(moved.zip(gone).is_none_or(|(moved, gone)| moved < gone), "{name}: removed before the stage moved");
}

/// Checks the stage continuously with botocore.
struct Guard {
    stop: Arc<AtomicBool>,
    thread: std::thread::JoinHandle<usize>,
}

impl Guard {
    fn new(user: &User, outputs: &Value) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (api, acl) = (outputs["api"]["id"].clone(), outputs["firewall"]["web_acl_arn"].clone());
        let arn = format!("arn:aws:apigateway:eu-central-1::/restapis/{}/stages/development", api.as_str().unwrap());
        let eyes = User::of("test", &endpoint());
        assert!(user.state().exists());
        let told = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            let looks: Vec<Value> = (0..5)
                .flat_map(|_| {
                    [
                        json!(["wafv2", "get_web_acl_for_resource", { "ResourceArn": arn }]),
                        json!(["apigateway", "get_stage", { "restApiId": api, "stageName": "development" }]),
                    ]
                })
                .collect();
            let mut looked = 0;
            while !told.load(Ordering::Relaxed) {
                for pair in botocore::calls(&eyes, &looks).chunks(2) {
                    assert_eq!(pair[0]["WebACL"]["ARN"], acl, "the firewall is off: {}", pair[0]);
                    let all = &pair[1]["methodSettings"]["*/*"];
                    assert!(
                        all["throttlingRateLimit"].as_f64().is_some_and(|rate| rate > 0.0 && rate <= 5000.0),
                        "{all}"
                    );
                    assert_eq!(all["throttlingBurstLimit"], 5000, "the throttle is off: {}", pair[1]);
                    looked += 1;
                }
                std::thread::sleep(Duration::from_millis(200));
            }
            looked
        });
        Self { stop, thread }
    }

    fn end(self) -> usize {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap()
    }
}

#[test]
fn a_route_that_moves_to_another_function_leaves_no_old_permission() {
    let user = someone(&account(), &endpoint());
    up(&user);
    edit(&user, |file| {
        routes(file)[0].as_table_mut().unwrap().insert("function".into(), "ExternalLambda2".into());
    });
    let plan = user.run(&["plan"]).ends(0).stdout;
    for line in
        ["+ permission.POST /lambda1 ExternalLambda2", "- permission.POST /lambda1 ExternalLambda1", "~ api.release"]
    {
        assert!(plan.contains(line), "{line} is not in the plan:\n{plan}");
    }
    assert!(plan.contains("methodIntegration.uri: ") && plan.contains("Lambda1/invoc"), "{plan}");
    up(&user);
    let statements = |function: &str| {
        let function = json!({ "FunctionName": format!("securelambda-{function}") });
        let policy = botocore::call(&user, "lambda", "get_policy", &function);
        let policy: Value = serde_json::from_str(policy["Policy"].as_str().unwrap_or("{}")).unwrap();
        policy["Statement"].as_array().map_or(0, Vec::len)
    };
    assert_eq!((statements("ExternalLambda1"), statements("ExternalLambda2")), (0, 2));
    user.run(&["status", "--detailed-exitcode"]).ends(0);
    user.run(&["down", "--yes"]).ends(0);
    assert_eq!(inventory(&user), Vec::<String>::new());
}

#[test]
fn up_removes_a_pool_with_users_only_with_remove_pool() {
    let user = someone(&account(), &endpoint());
    up(&user);
    user.run_with(PASSWORD, &["add-user", "ada@example.com", "--pool", POOLS[1], "--password-stdin"]).ends(0);
    user.run(&["up", "--yes", "--remove-pool", POOLS[1]]).ends(2).says("it is in the stack file");
    edit(&user, |file| {
        file["pools"].as_table_mut().unwrap().remove(POOLS[1]);
        routes(file).pop();
    });
    let before = std::fs::read(user.state()).unwrap();
    let plan = user.run(&["plan", "--detailed-exitcode"]).ends(4).stdout;
    assert!(plan.contains("- pool.MyUserPool2") && plan.contains("--remove-pool MyUserPool2"), "{plan}");
    let kept = user.run(&["plan", "--json"]).ends(4).json()["kept"].clone();
    assert_eq!(kept[0]["id"], "pool.MyUserPool2");
    user.run(&["up", "--yes", "--remove-pool", "Other"]).ends(4);
    user.run(&["up", "--yes"]).ends(4).says("has 1 user").says("nothing was changed").says("--remove-pool MyUserPool2");
    assert_eq!(std::fs::read(user.state()).unwrap(), before, "nothing was changed");

    for _ in 0..2 {
        user.run(&["up", "--yes", "--remove-pool", POOLS[1]]).ends(0);
    }
    assert!(!inventory(&user).iter().any(|name| name.contains(POOLS[1])));
    // A pool without users is removed without the flag.
    edit(&user, |file| {
        file["pools"].as_table_mut().unwrap().remove(POOLS[0]);
        let route = routes(file)[0].as_table_mut().unwrap();
        route.remove("pool");
        route.insert("auth".into(), "none".into());
    });
    user.run(&["up", "--yes"]).ends(0);
    user.run(&["down", "--yes"]).ends(0);
}

#[test]
fn down_refuses_while_a_pool_has_deletion_protection() {
    let user = someone(&account(), &endpoint());
    let protect = |on: bool| {
        edit(&user, |file| put(&mut file["pools"][POOLS[0]], "deletion_protection", on));
    };
    protect(true);
    up(&user);
    user.run_with(PASSWORD, &["add-user", "ada@example.com", "--pool", POOLS[1], "--password-stdin"]).ends(0);
    let before = inventory(&user);
    user.run(&["down", "--yes"]).ends(4).says("deletion_protection = false").says("nothing was removed");
    let sweep = ["sweep", "--stack", "securelambda"];
    user.run(&[&sweep[..], &["--yes"]].concat())
        .ends(4)
        .says("deletion_protection = false")
        .says("nothing was removed");
    assert_eq!(inventory(&user), before);
    protect(false);
    up(&user);
    // Nobody confirms, so nothing is removed. The users that would be lost are named before the question.
    user.run(&sweep).ends(2).says("1 user of MyUserPool2 will be deleted");
    user.run(&["down", "--yes"]).ends(0).says("1 user of MyUserPool2 will be deleted").says("0 left");
    assert_eq!(inventory(&user), Vec::<String>::new());
}

/// The stack's web ACL, read with botocore: its default action, and priority, name and action of each rule.
fn web_acl(user: &User) -> (String, Vec<String>) {
    let regional = json!({ "Scope": "REGIONAL" });
    let listed = botocore::call(user, "wafv2", "list_web_acls", &regional)["WebACLs"][0].clone();
    let get = json!({ "Scope": "REGIONAL", "Name": listed["Name"], "Id": listed["Id"] });
    let acl = botocore::call(user, "wafv2", "get_web_acl", &get)["WebACL"].clone();
    let word = |action: &Value| action.as_object().and_then(|action| action.keys().next().cloned()).unwrap_or_default();
    let rule = |rule: &Value| {
        let does = word(&rule["Action"]) + &word(&rule["OverrideAction"]);
        format!("{} {} {does}", rule["Priority"], rule["Name"].as_str().unwrap())
    };
    (word(&acl["DefaultAction"]), acl["Rules"].as_array().unwrap().iter().map(rule).collect())
}

#[test]
fn the_firewall_mode_and_rule_group_actions_change_in_place() {
    let user = someone(&account(), &endpoint());
    let firewall = |entries: &str| {
        let entries: toml::Table = toml::from_str(entries).unwrap();
        edit(&user, |file| drop(file.insert("firewall".into(), entries.into())));
    };
    firewall(
        "mode = 'allow'\naddresses = ['203.0.113.7/32', '2001:db8::/48']\nrate_per_ip = 500\nmanaged_rules = ['common', 'sqli', 'ip-reputation']",
    );
    up(&user);
    let rules = ["10 rate-per-ip Block", "20 ip-reputation Count", "22 common Count", "24 sqli Count"];
    let lists = ["100 addresses-v4 Allow", "101 addresses-v6 Allow"];
    assert_eq!(
        web_acl(&user),
        ("Block".into(), [&rules[..], &lists].concat().iter().map(ToString::to_string).collect())
    );

    firewall("mode = 'block'\naddresses = ['203.0.113.7/32']\nmanaged_rules = ['common:block', 'ip-reputation']");
    let plan = user.run(&["plan", "--detailed-exitcode"]).ends(7).stdout;
    for line in ["DefaultAction: Block → Allow", "Rules.common.OverrideAction: Count → None", "- firewall.addresses-v6"]
    {
        assert!(plan.contains(line), "{line} is not in the plan:\n{plan}");
    }
    up(&user);
    let rules = ["0 addresses-v4 Block", "20 ip-reputation Count", "22 common None"];
    assert_eq!(web_acl(&user), ("Allow".into(), rules.map(str::to_owned).to_vec()));
    user.run(&["status", "--detailed-exitcode"]).ends(0);

    // `--allow-ip` is refused when the list blocks its addresses.
    user.run(&["up", "--yes", "--allow-ip", "198.51.100.4/32"])
        .ends(2)
        .says("blocks its addresses instead of allowing them");
    user.run(&["up", "--yes", "--allow-ip", "me", "--file", "securelambda.toml"]).ends(2);
    firewall("mode = 'allow'\naddresses = ['203.0.113.7/32']");
    user.run(&["up", "--yes", "--allow-ip", "me"]).ends(2).says("checkip.amazonaws.com");
    user.run(&["up", "--yes", "--allow-ip", "198.51.100.4/32"])
        .ends(0)
        .says("Added to the firewall's addresses in securelambda.toml: 198.51.100.4/32");
    // The address stays in the file and on the firewall, also after the next `up` without the flag.
    for args in [&["up", "--yes", "--allow-ip", "198.51.100.4/32"][..], &["up", "--yes"]] {
        user.run(args).ends(0).says("Nothing to do");
    }
    let sets = botocore::call(&user, "wafv2", "list_ip_sets", &json!({ "Scope": "REGIONAL" }))["IPSets"].clone();
    let get = json!({ "Scope": "REGIONAL", "Name": sets[0]["Name"], "Id": sets[0]["Id"] });
    let set = botocore::call(&user, "wafv2", "get_ip_set", &get)["IPSet"]["Addresses"].to_string();
    assert!(
        sets.as_array().unwrap().len() == 1 && set.contains("198.51.100.4/32") && set.contains("203.0.113.7/32"),
        "{set}"
    );
    user.run(&["down", "--yes"]).ends(0);
    let bare = User::of(&account(), &endpoint());
    bare.run(&["up", "--yes", "--allow-ip", "198.51.100.4/32"]).ends(2).says("securelambda init");
}

#[test]
fn up_refuses_a_change_that_aws_cannot_make_before_changing_anything() {
    let user = someone(&account(), &endpoint());
    up(&user);
    // Another tool replaces one of our pools by a case-sensitive one with our name and tags.
    let outputs = user.run(&["outputs", "--json"]).ends(0).json();
    let pool = outputs["pools"][POOLS[1]]["id"].clone();
    let made = json!({
        "PoolName": format!("securelambda-{}", POOLS[1]), "UsernameAttributes": ["email"],
        "UsernameConfiguration": { "CaseSensitive": true },
        "UserPoolTags": { "securelambda:stack": "securelambda", "securelambda:resource": "pool.MyUserPool2" },
    });
    let calls = [
        json!(["cognito-idp", "delete_user_pool", { "UserPoolId": pool }]),
        json!(["cognito-idp", "create_user_pool", made]),
    ];
    for answer in botocore::calls(&user, &calls) {
        assert!(answer.get("Error").is_none(), "{answer}");
    }
    edit(&user, |file| put(&mut file["api"], "rate_limit", 7));
    let plan = user.run(&["plan", "--detailed-exitcode"]).ends(4).stdout;
    let why = "AWS cannot change UsernameConfiguration.CaseSensitive";
    assert!(plan.contains(why) && plan.contains("50 → 7"), "{plan}");
    let before = inventory(&user);
    user.run(&["up", "--yes"]).ends(4).says(why).says("nothing was changed").says("--remove-pool");
    let status = user.run(&["status"]).ends(0).stdout;
    assert!(status.contains("methodSettings.*/*.throttlingRateLimit is 50, wanted 7"), "{status}");
    assert_eq!(inventory(&user), before);
    user.run(&["down", "--yes"]).ends(0);
}
