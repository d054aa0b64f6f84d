//! The engine with the fake cloud: `up`, `down` and `refresh`, without faults and with single faults. Crashes are in
//! `crash.rs`.

use std::time::Duration;

use securelambda::engine::{Cause, Change, Event, Graph, Id, Outcome, Plan, ReadResult, StopLevel};
use securelambda::state::{StateStore, Status};

use super::support::fake::{ANSWER, Fault, Role, Toy, client, function, pool, registry, role, route};
use super::support::graphs::{DEPTH, add, half_a_stack, roles, stack, under};
use super::support::simulation::{Run, Simulation, all, of_kinds, sorted};

const NONE: &[&str] = &[];

fn created(outcome: &Outcome) -> bool {
    *outcome == Outcome::Created
}

/// A duration in units of `ANSWER`, the time of one answer of the cloud.
fn answers(time: Duration) -> u128 {
    time.as_millis() / ANSWER.as_millis()
}

mod up {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn up_creates_everything_once_and_in_parallel() {
        let (sim, stack) = (Simulation::new(), stack());
        let run = sim.up(&stack).await.succeeded();
        sim.assert_built(&stack);
        assert_eq!(run.with(created), all(&stack));
        assert_eq!(sorted(sim.cloud.writes()), sorted(all(&stack).iter().map(|id| format!("create {id}"))));
        // Only the longest chain counts. Three of its resources could not be read in the refresh, so `up` reads them.
        assert_eq!(answers(run.took) as usize, DEPTH + 3);
    }

    #[tokio::test(start_paused = true)]
    async fn up_runs_at_most_as_many_calls_at_once_as_jobs() {
        for jobs in [1, 3, 8] {
            let mut sim = Simulation::new();
            sim.jobs = jobs;
            let run = sim.up(&roles(12)).await.succeeded();
            // Forget the refresh, which has its own limit.
            sim.cloud.most_in_flight();
            assert_eq!(answers(run.took) as usize, 12_usize.div_ceil(jobs));
            let blind = sim.up_without_refresh(&roles(12)).await.succeeded();
            assert_eq!(sim.cloud.most_in_flight(), jobs);
            assert_eq!(answers(blind.took) as usize, 12_usize.div_ceil(jobs));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn up_starts_the_longest_dependency_chain_first() {
        let mut graph = roles(3);
        let head = add(&mut graph, pool, "head", (), |it, ()| it);
        add(&mut graph, function, "tail", head, |it, head| it.using(&head));
        let mut sim = Simulation::new();
        sim.jobs = 1;
        sim.up(&graph).await.succeeded();
        assert_eq!(sim.cloud.writes()[0], "create pool.head");
    }

    #[tokio::test(start_paused = true)]
    async fn a_second_up_makes_no_write_calls_and_no_saves() {
        let stack = stack();
        let sim = Simulation::with(&stack).await;
        let plan = Plan::new(&stack, &sim.refresh(&stack).await.unwrap(), &sim.disk.state());
        assert!(plan.is_empty(), "{plan:?}");
        let run = sim.up(&stack).await.succeeded();
        assert_eq!(run.with(|outcome| *outcome == Outcome::Unchanged), all(&stack));
        assert_eq!(sim.cloud.writes(), NONE);
        assert_eq!(sim.disk.saves(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn up_adopts_everything_when_the_state_is_lost() {
        let stack = stack();
        let sim = Simulation::with(&stack).await;
        sim.disk.wipe();
        let run = sim.up(&stack).await.succeeded();
        assert_eq!(run.with(|outcome| *outcome == Outcome::Adopted), all(&stack));
        assert_eq!(sim.cloud.writes(), NONE);
        sim.assert_built(&stack);
    }

    #[tokio::test(start_paused = true)]
    async fn up_without_a_refresh_adopts_everything_when_the_state_is_lost() {
        let stack = stack();
        let sim = Simulation::with(&stack).await;
        sim.disk.wipe();
        let run = sim.up_without_refresh(&stack).await.succeeded();
        assert_eq!(run.with(|outcome| *outcome == Outcome::Adopted), all(&stack));
        assert_eq!(sim.cloud.writes(), NONE);
        sim.assert_built(&stack);
    }

    #[tokio::test(start_paused = true)]
    async fn up_reports_and_repairs_only_the_field_that_drifted() {
        let stack = stack();
        let sim = Simulation::with(&stack).await;
        sim.cloud.change_externally("pool.users", "mfa", "off");
        let run = sim.up(&stack).await.succeeded();
        let only_mfa = |outcome: &Outcome| match outcome {
            Outcome::Updated { drift } => drift.iter().map(|one| &one.field).eq(["mfa"]),
            _ => false,
        };
        assert_eq!(run.with(only_mfa), ["pool.users"]);
        assert_eq!(sim.cloud.writes(), ["update pool.users"]);
        assert!(sim.up(&stack).await.with(|outcome| *outcome != Outcome::Unchanged).is_empty());
        sim.assert_built(&stack);
    }

    #[tokio::test(start_paused = true)]
    async fn up_recreates_deleted_resources_and_updates_their_dependents() {
        let stack = stack();
        let sim = Simulation::with(&stack).await;
        sim.cloud.delete_externally("pool.users");
        let run = sim.up(&stack).await.succeeded();
        assert_eq!(run.with(created), ["client.app", "client.web", "pool.users"]);
        let updated = |outcome: &Outcome| matches!(outcome, Outcome::Updated { .. });
        assert_eq!(run.with(updated), ["function.check", "function.greet"]);
        sim.assert_built(&stack);
    }

    #[tokio::test(start_paused = true)]
    async fn up_skips_only_the_dependents_of_a_failed_create() {
        let (sim, stack) = (Simulation::new(), stack());
        sim.cloud.on("create role.auth", 1, Fault::refuse());
        let run = sim.up(&stack).await;
        assert_eq!(run.failed(), ["role.auth"]);
        let skipped = ["function.check", "function.stage", "role.edge", "route.admin"];
        assert_eq!(run.skipped(), skipped.map(|id| format!("{id} because of role.auth")));
        assert!(!run.summary.succeeded() && !run.summary.stopped);
        let rest =
            ["client.app", "client.web", "function.greet", "pool.rest", "pool.users", "role.exec", "route.hello"];
        assert_eq!(sim.cloud.ours(), rest);
        sim.cloud.calls();
        sim.up(&stack).await.succeeded();
        assert_eq!(sorted(sim.cloud.writes()).len(), skipped.len() + 1);
        sim.assert_built(&stack);
    }

    #[tokio::test(start_paused = true)]
    async fn up_reports_every_independent_failure() {
        let (sim, stack) = (Simulation::new(), stack());
        for call in ["create role.auth", "create client.app", "create pool.rest"] {
            sim.cloud.on(call, 1, Fault::refuse());
        }
        assert_eq!(sim.up(&stack).await.failed(), ["client.app", "pool.rest", "role.auth"]);
        sim.assert_promises_kept();
    }

    #[tokio::test(start_paused = true)]
    async fn up_starts_nothing_after_a_fatal_failure() {
        let (mut sim, graph) = (Simulation::new(), roles(12));
        sim.jobs = 3;
        sim.cloud.on("create role.r01", 1, Fault::fail(Cause::Fatal));
        let run = sim.up(&graph).await;
        assert_eq!(run.failed(), ["role.r01"]);
        assert_eq!(sim.cloud.ours(), ["role.r00", "role.r02"], "the creates that were already sent must finish");
        assert_eq!(run.with(created), ["role.r00", "role.r02"]);
        sim.up(&graph).await.succeeded();
        sim.assert_built(&graph);
    }

    #[tokio::test(start_paused = true)]
    async fn up_and_down_leave_foreign_resources_alone() {
        let (sim, stack) = (Simulation::new(), stack());
        sim.cloud.add_foreign(&role("exec"));
        sim.cloud.add_foreign(&pool("users"));
        let run = sim.up(&stack).await;
        assert_eq!(run.failed(), ["role.exec"]);
        assert_eq!(run.summary.failed[0].1.cause, Cause::Foreign);
        assert!(!sim.cloud.ours().contains(&"role.exec".to_owned()), "no other owner's resource is adopted");
        assert!(
            sim.cloud.ours().contains(&"pool.users".to_owned()),
            "another owner's pool with the same name must not prevent the create, because pool names are not unique"
        );
        let run = sim.down(&stack).await.succeeded();
        assert_eq!(run.foreign.len(), 1);
        sim.assert_empty();
    }

    #[tokio::test(start_paused = true)]
    async fn up_refuses_a_foreign_resource_that_the_create_finds() {
        let (sim, stack) = (Simulation::new(), half_a_stack());
        sim.cloud.add_foreign(&role("exec"));
        // The refresh fails to read the foreign role.
        sim.cloud.on("read role.exec", 1, Fault::refuse());
        let run = sim.up(&stack).await;
        assert_eq!(run.summary.failed[0].1.cause, Cause::Foreign);
        sim.down(&Graph::default()).await.succeeded();
        sim.assert_empty();
    }

    #[tokio::test(start_paused = true)]
    async fn a_create_that_fails_with_exists_adopts_the_existing_resource() {
        let graph = roles(3);
        let sim = Simulation::with(&graph).await;
        sim.disk.wipe();
        sim.cloud.change_externally("role.r01", "trusts", "lambda");
        let long_ago = Simulation::new().refresh(&graph).await.unwrap();
        sim.up_with_refresh(&graph, long_ago).await.succeeded();
        let calls = sim.cloud.calls();
        for id in all(&graph) {
            assert_eq!(calls.iter().filter(|call| call.ends_with(&id)).collect::<Vec<_>>().len(), 2, "{calls:?}");
        }
        sim.assert_built(&graph);
    }

    #[tokio::test(start_paused = true)]
    async fn a_create_that_fails_with_exists_repairs_drift() {
        let graph = half_a_stack();
        let sim = Simulation::with(&graph).await;
        sim.cloud.delete_externally("pool.users");
        sim.cloud.change_externally("role.exec", "trusts", "everybody");
        let long_ago = Simulation::new().refresh(&graph).await.unwrap();
        sim.up_with_refresh(&graph, long_ago).await.succeeded();
        let writes = sim.cloud.writes();
        assert!(writes.contains(&"update role.exec".to_owned()), "{writes:?}");
        assert!(writes.contains(&"update function.greet".to_owned()), "{writes:?}");
        sim.assert_built(&graph);
    }

    #[tokio::test(start_paused = true)]
    async fn up_recovers_from_any_one_lost_answer_to_a_create() {
        let stack = stack();
        for id in all(&stack) {
            for lag in [0, 2, 10] {
                let sim = Simulation::new();
                sim.cloud.lag(Duration::from_secs(lag));
                sim.cloud.on(&format!("create {id}"), 1, Fault::LoseAnswer);
                let run = sim.up(&stack).await.succeeded();
                assert_eq!(run.with(created), all(&stack), "{id}");
                sim.assert_built(&stack);
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn up_recovers_when_every_answer_to_a_create_is_lost() {
        let (sim, stack) = (Simulation::new(), stack());
        sim.cloud.lag(Duration::from_secs(10));
        for id in all(&stack) {
            sim.cloud.on(&format!("create {id}"), 1, Fault::LoseAnswer);
        }
        let run = sim.up(&stack).await.succeeded();
        assert!(run.events.iter().any(|event| matches!(event, Event::Noted { .. })), "it says why it takes long");
        sim.assert_built(&stack);
    }

    #[tokio::test(start_paused = true)]
    async fn up_repeats_an_unanswered_create_that_created_nothing() {
        for id in ["role.exec", "pool.users"] {
            let (sim, stack) = (Simulation::new(), half_a_stack());
            let create = format!("create {id}");
            (1..=2).for_each(|nth| sim.cloud.on(&create, nth, Fault::fail(Cause::Unknown)));
            sim.up(&stack).await.succeeded();
            assert_eq!(sim.cloud.writes().iter().filter(|call| **call == create).count(), 3);
            sim.assert_built(&stack);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn up_gives_up_on_a_create_that_is_never_answered() {
        let (sim, stack) = (Simulation::new(), half_a_stack());
        (1..=9).for_each(|nth| sim.cloud.on("create pool.users", nth, Fault::fail(Cause::Unknown)));
        let run = sim.up(&stack).await;
        assert_eq!(run.failed(), ["pool.users"]);
        sim.clear_faults();
        sim.up(&stack).await.succeeded();
        sim.assert_built(&stack);
    }

    #[tokio::test(start_paused = true)]
    async fn up_starts_no_dependent_of_a_resource_that_it_could_not_save() {
        for nth in 1..=DEPTH + 1 {
            let (sim, stack) = (Simulation::new(), stack());
            sim.disk.fail_once(nth);
            let run = sim.up(&stack).await;
            assert!(run.summary.save_error.is_some() && !run.summary.succeeded());
            // The fake cloud checks at each create that all dependencies are saved.
            sim.assert_promises_kept();
            sim.up(&stack).await.succeeded();
            sim.assert_built(&stack);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn up_finishes_calls_in_flight_after_a_failed_save() {
        let (mut sim, graph) = (Simulation::new(), roles(4));
        sim.jobs = 2;
        sim.cloud.on("create role.r01", 1, Fault::Slow(3 * ANSWER));
        sim.disk.fail_once(2);
        let run = sim.up(&graph).await;
        assert_eq!(run.with(created), ["role.r00", "role.r01"]);
        assert_eq!(sim.disk.state().resources["role.r01"].status, Status::Ready, "the next save went well");
        assert_eq!(sim.disk.state().resources["role.r00"].status, Status::Ready);
        assert_eq!(sim.cloud.ours(), ["role.r00", "role.r01"]);
    }
}

mod refresh {
    use super::*;

    async fn depth(sim: &Simulation, graph: &Graph) -> usize {
        let begun = tokio::time::Instant::now();
        sim.refresh(graph).await.unwrap();
        answers(begun.elapsed()) as usize
    }

    #[tokio::test(start_paused = true)]
    async fn refresh_is_one_call_deep_when_everything_is_in_the_state() {
        let stack = stack();
        let sim = Simulation::with(&stack).await;
        assert_eq!(depth(&sim, &stack).await, 1);
        assert_eq!(sim.cloud.most_in_flight(), all(&stack).len(), "all are asked before any answers");
    }

    #[tokio::test(start_paused = true)]
    async fn refresh_is_as_deep_as_the_graph_without_a_state() {
        let stack = stack();
        let sim = Simulation::with(&stack).await;
        sim.disk.wipe();
        assert_eq!(depth(&sim, &stack).await, DEPTH);
    }

    #[tokio::test(start_paused = true)]
    async fn refresh_reads_again_when_a_recorded_parent_id_is_outdated() {
        let stack = stack();
        let sim = Simulation::with(&stack).await;
        sim.cloud.replace_externally("pool.users");
        sim.cloud.replace_externally("client.web");
        let refresh = sim.refresh(&stack).await.unwrap();
        assert!(
            refresh.results(&stack).all(
                |(_, _, result)| matches!(result, ReadResult::Live { comparison, .. } if comparison.is_as_wanted())
            )
        );
        let looks = sim.cloud.calls();
        let count = |call: &str| looks.iter().filter(|look| *look == call).count();
        assert_eq!(count("read client.web"), 2, "its key names the pool that was replaced");
        assert_eq!(
            count("read function.greet"),
            1,
            "its key names no replaced resource: the first answer is compared again"
        );
        sim.up(&stack).await.succeeded();
        assert_eq!(sim.cloud.writes(), NONE);
        sim.assert_built(&stack);
    }

    #[tokio::test(start_paused = true)]
    async fn refresh_reports_children_of_an_absent_parent_as_absent() {
        let (sim, stack) = (Simulation::new(), stack());
        for slow in ["read pool.rest", "read pool.users"] {
            sim.cloud.on(slow, 1, Fault::Slow(3 * ANSWER));
            let refresh = sim.refresh(&stack).await.unwrap();
            let absent = refresh.results(&stack).filter(|(_, _, result)| **result == ReadResult::Absent);
            let absent = sorted(absent.map(|(id, ..)| id.to_string()));
            assert_eq!(
                absent,
                [
                    of_kinds(&stack, &["client", "pool"]),
                    vec!["role.auth".into(), "role.exec".into()],
                    of_kinds(&stack, &["route"])
                ]
                .concat()
            );
        }
    }

    #[tokio::test(start_paused = true)]
    async fn refresh_reports_a_failed_read_and_blocks_its_dependents() {
        let stack = stack();
        let sim = Simulation::with(&stack).await;
        sim.cloud.on("read role.exec", 1, Fault::refuse());
        let refresh = sim.refresh(&stack).await.unwrap();
        let result = |wanted: &str| refresh.results(&stack).find(|(id, ..)| id.as_str() == wanted).unwrap().2.clone();
        assert!(matches!(result("role.exec"), ReadResult::Failed(_)));
        assert!(matches!(result("function.greet"), ReadResult::Blocked(_)));
        assert!(matches!(result("role.auth"), ReadResult::Live { .. }));
    }

    #[tokio::test(start_paused = true)]
    async fn what_somebody_changed_is_seen_although_a_dependency_is_missing() {
        let mut graph = Graph::default();
        let role = add(&mut graph, role, "exec", (), |it, ()| it);
        let greet = add(&mut graph, function, "greet", role, |it, role| it.using(&role).with("auth", "jwt"));
        add(&mut graph, pool, "users", greet, |it, greet| it.using(&greet).with("mfa", "on"));
        let sim = Simulation::with(&graph).await;
        sim.cloud.delete_externally("role.exec");
        let looked = async || {
            let refresh = sim.refresh(&graph).await.unwrap();
            let plan = Plan::new(&graph, &refresh, &sim.disk.state());
            plan.changes.into_iter().map(|(_, _, change)| change).collect::<Vec<_>>()
        };
        let waits = |field: &[&str], change: &Change| match change {
            Change::KnownAfterApply { drift } => {
                drift.iter().map(|drift| drift.field.as_str()).eq(field.iter().copied())
            }
            _ => false,
        };
        let changes = looked().await;
        assert!(
            waits(&[], &changes[1]) && waits(&[], &changes[2]),
            "only the replaced resources may differ: {changes:?}"
        );
        sim.cloud.change_externally("function.greet", "auth", "none");
        sim.cloud.change_externally("pool.users", "mfa", "off");
        let changes = looked().await;
        assert_eq!(changes[0], Change::Create);
        assert!(waits(&["auth"], &changes[1]) && waits(&["mfa"], &changes[2]), "{changes:?}");
        sim.up(&graph).await.succeeded();
        sim.assert_built(&graph);
    }

    #[tokio::test(start_paused = true)]
    async fn refresh_fails_on_a_fatal_failure() {
        let stack = stack();
        let sim = Simulation::with(&stack).await;
        sim.cloud.on("read role.exec", 1, Fault::fail(Cause::Fatal));
        assert_eq!(sim.refresh(&stack).await.err().unwrap().cause, Cause::Fatal);
    }

    #[tokio::test(start_paused = true)]
    async fn a_plan_follows_from_the_refresh() {
        let stack = stack();
        let sim = Simulation::with(&half_a_stack()).await;
        sim.cloud.change_externally("pool.users", "mfa", "off");
        let plan = Plan::new(&stack, &sim.refresh(&stack).await.unwrap(), &sim.disk.state());
        let change = |wanted: &str| plan.changes.iter().find(|(id, ..)| id.as_str() == wanted).unwrap().2.clone();
        assert_eq!(change("role.exec"), Change::Keep);
        assert!(matches!(change("pool.users"), Change::Update { .. }));
        assert_eq!((change("role.auth"), change("route.hello")), (Change::Create, Change::Create));
        assert!(!plan.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn a_plan_shows_what_other_outputs_of_a_changed_dependency_do() {
        let graph = |view: &'static str| {
            let mut graph = Graph::default();
            let notes = add(&mut graph, pool, "notes", (), move |it, ()| it.with("stream", view));
            under(&mut graph, notes, client, "reader", (), |it, ()| it);
            add(&mut graph, function, "greet", notes, |it, notes| it.using(&notes));
            graph
        };
        let sim = Simulation::with(&graph("new")).await;
        let graph = graph("keys");
        let plan = Plan::new(&graph, &sim.refresh(&graph).await.unwrap(), &sim.disk.state());
        let [notes, reader, greet] = [0, 1, 2].map(|index| &plan.changes[index].2);
        assert!(matches!(notes, Change::Update { .. }), "{notes:?}");
        let anew = "(known after apply)";
        assert!(matches!(reader, Change::Replace { moved } if moved[0].want == anew), "{reader:?}");
        assert!(matches!(greet, Change::Update { drift } if drift[0].want.contains(anew)), "{greet:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_resource_of_another_parent_moves_and_is_not_missing() {
        let graph = |name: &str| {
            let mut graph = Graph::default();
            let users = add(&mut graph, pool, name, (), |it, ()| it);
            under(&mut graph, users, client, "web", (), |it, ()| it);
            graph
        };
        let sim = Simulation::with(&graph("users")).await;
        let graph = graph("people");
        let plan = Plan::new(&graph, &sim.refresh(&graph).await.unwrap(), &sim.disk.state());
        assert!(matches!(&plan.changes[1].2, Change::Replace { moved } if moved[0].live == "users"), "{plan:?}");
        sim.up(&graph).await.succeeded();
        sim.assert_built(&graph);
    }

    #[tokio::test(start_paused = true)]
    async fn dependencies_in_another_order_and_other_ones_are_no_adoption() {
        let graph = |names: &[&str], mentioned: usize| {
            let mut graph = Graph::default();
            let roles: Vec<_> = names.iter().map(|name| add(&mut graph, role, name, (), |it, ()| it)).collect();
            let needs: Vec<_> = roles.into_iter().take(mentioned).collect();
            add(&mut graph, function, "greet", needs, |it, _| it);
            graph
        };
        let sim = Simulation::with(&graph(&["a", "b"], 2)).await;
        let plan = async |graph: &Graph| Plan::new(graph, &sim.refresh(graph).await.unwrap(), &sim.disk.state());
        assert!(plan(&graph(&["b", "a"], 2)).await.is_empty());
        let other = graph(&["a", "b"], 1);
        let planned = plan(&other).await;
        assert_eq!(planned.changes[2].2, Change::Keep);
        assert_eq!((planned.outdated, planned.lost_guards), (vec![Id::new("function", "greet")], vec![]));
        let run = sim.up(&other).await.succeeded();
        assert_eq!(run.with(|outcome| *outcome == Outcome::Unchanged).len(), 3);
        assert!(plan(&other).await.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn a_plan_adopts_a_resource_whose_creation_was_not_saved() {
        let graph = roles(1);
        let sim = Simulation::new();
        sim.cloud.on("create", 1, Fault::CutAfter);
        assert!(sim.try_up(&graph).await.is_none());
        let plan = Plan::new(&graph, &sim.refresh(&graph).await.unwrap(), &sim.disk.state());
        assert_eq!(plan.changes[0].2, Change::Adopt);
        assert!(!plan.is_empty(), "`up` would write its ids down");
    }
}

mod down {
    use super::*;

    fn deleted(run: &Run) -> Vec<String> {
        run.with(|outcome| *outcome == Outcome::Deleted)
    }

    fn went_along(run: &Run) -> Vec<String> {
        run.with(|outcome| *outcome == Outcome::WentWithParent)
    }

    #[tokio::test(start_paused = true)]
    async fn down_deletes_dependents_first_and_children_with_their_parent() {
        let stack = stack();
        for graph in [&stack, &Graph::default()] {
            let sim = Simulation::with(&stack).await;
            let run = sim.down(graph).await.succeeded();
            assert_eq!(deleted(&run), of_kinds(&stack, &["role", "function", "pool"]));
            assert_eq!(went_along(&run), of_kinds(&stack, &["client", "route"]));
            assert_eq!(sorted(sim.cloud.writes()), sorted(deleted(&run).iter().map(|id| format!("delete {id}"))));
            assert_eq!(run.left, []);
            sim.assert_empty();
        }
    }

    #[tokio::test(start_paused = true)]
    async fn down_needs_no_state_if_there_is_a_graph() {
        let stack = stack();
        let sim = Simulation::with(&stack).await;
        sim.disk.wipe();
        sim.down(&stack).await.succeeded();
        sim.assert_empty();
    }

    #[tokio::test(start_paused = true)]
    async fn down_of_an_empty_account_makes_no_write_calls() {
        let sim = Simulation::new();
        sim.down(&stack()).await.succeeded();
        assert_eq!(sim.cloud.writes(), NONE);
        sim.assert_empty();
    }

    #[tokio::test(start_paused = true)]
    async fn down_deletes_one_cleanup_group_after_another() {
        let mut graph = roles(3);
        let (one, two) = (add(&mut graph, pool, "one", (), |it, ()| it), add(&mut graph, pool, "two", (), |it, ()| it));
        // A function that contains a pool's id is deleted after the pool, because its group is later.
        add(&mut graph, function, "late", (one, two), |it, (one, two)| it.mentioning(&one).mentioning(&two));
        let mut sim = Simulation::with(&graph).await;
        sim.group = |kind| match kind {
            "pool" => 0,
            "function" => 1,
            _ => 2,
        };
        sim.cloud.on("delete pool.two", 1, Fault::Slow(9 * ANSWER));
        let run = sim.down(&graph).await.succeeded();
        let calls = sim.cloud.writes();
        assert_eq!(calls[2], "delete function.late");
        assert_eq!(sorted(calls[..2].iter()), ["delete pool.one", "delete pool.two"]);
        assert_eq!(
            answers(run.took),
            9 + 1 + 1,
            "a group starts after the group before it, and the calls of one group run at the same time"
        );
        sim.assert_empty();
    }

    #[tokio::test(start_paused = true)]
    async fn down_runs_at_most_as_many_calls_at_once_as_jobs() {
        let mut sim = Simulation::with(&roles(12)).await;
        sim.jobs = 4;
        let run = sim.down(&roles(12)).await.succeeded();
        assert_eq!(answers(run.took), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn down_keeps_what_a_failed_delete_depends_on_and_deletes_the_rest() {
        let stack = stack();
        let sim = Simulation::with(&stack).await;
        sim.cloud.on("delete function.check", 1, Fault::refuse());
        let run = sim.down(&Graph::default()).await;
        assert_eq!(run.failed(), ["function.check"]);
        let kept = ["client.app", "client.web", "pool.users", "role.auth"];
        assert_eq!(run.skipped(), kept.map(|id| format!("{id} because of function.check")));
        let left = ["client.app", "client.web", "function.check", "pool.users", "role.auth"];
        assert_eq!(sim.cloud.ours(), left);
        assert_eq!(sorted(run.left.iter().map(Id::as_str)), left, "the list after the run must contain them");
        assert_eq!(run.summary.done.len() + run.summary.failed.len() + run.summary.skipped.len(), all(&stack).len());
        sim.down(&Graph::default()).await.succeeded();
        sim.assert_empty();
    }

    #[tokio::test(start_paused = true)]
    async fn skipped_deletes_name_the_resource_whose_delete_failed() {
        let stack = stack();
        let sim = Simulation::with(&stack).await;
        sim.cloud.on("delete role.edge", 1, Fault::refuse());
        let run = sim.down(&stack).await;
        assert!(run.summary.skipped.iter().all(|(_, because)| because.as_str() == "role.edge"), "{:?}", run.skipped());
        assert_eq!(sim.cloud.ours(), all(&stack), "the failed delete must keep every resource that role.edge needs");
    }

    #[tokio::test(start_paused = true)]
    async fn down_deletes_a_cycle_that_goes_through_children() {
        // A route of the API contains the function's id, and a permission of the function contains the API's id.
        let mut graph = Graph::default();
        let hello = add(&mut graph, function, "hello", (), |it, ()| it);
        let rest = add(&mut graph, pool, "rest", (), |it, ()| it);
        under(&mut graph, rest, route, "call", hello, |it, hello| it.mentioning(&hello));
        under(&mut graph, hello, client, "permission", rest, |it, rest| it.mentioning(&rest));
        let sim = Simulation::with(&graph).await;
        sim.down(&graph).await.succeeded();
        sim.assert_empty();
    }

    #[tokio::test(start_paused = true)]
    async fn down_counts_resources_that_are_already_gone_as_done() {
        let stack = stack();
        let sim = Simulation::with(&stack).await;
        sim.cloud.delete_externally("role.edge");
        sim.cloud.delete_externally("pool.rest");
        sim.down(&Graph::default()).await.succeeded();
        sim.assert_empty();
    }

    #[tokio::test(start_paused = true)]
    async fn down_leaves_an_unreadable_resource_and_deletes_the_rest() {
        let stack = stack();
        for graph in [&stack, &Graph::default()] {
            let sim = Simulation::with(&stack).await;
            sim.cloud.on("read role.auth", 1, Fault::refuse());
            let run = sim.down(graph).await.succeeded();
            let unread: Vec<&str> = run.unread.iter().map(|(id, _)| id.as_str()).collect();
            assert_eq!((unread, sim.cloud.ours()), (vec!["role.auth"], vec!["role.auth".to_owned()]));
            assert!(run.unread[0].1.context.contains("as told"), "{:?}", run.unread);
            assert!(sim.disk.state().resources.contains_key("role.auth"), "the next run knows of it");
            sim.down(&Graph::default()).await.succeeded();
            sim.assert_empty();
        }
    }

    #[tokio::test(start_paused = true)]
    async fn down_deletes_an_unreadable_resource_with_a_recorded_unique_id() {
        let stack = stack();
        for graph in [&stack, &Graph::default()] {
            let sim = Simulation::with(&stack).await;
            sim.cloud.on("read pool.users", 1, Fault::fail(Cause::Unknown));
            sim.down(graph).await.succeeded();
            sim.assert_empty();
        }
        // Without a recorded id it is not deleted.
        let sim = Simulation::with(&stack).await;
        sim.disk.wipe();
        sim.cloud.on("read pool.users", 1, Fault::refuse());
        let run = sim.down(&stack).await;
        assert_eq!(run.unread.iter().map(|(id, _)| id.as_str()).collect::<Vec<_>>(), ["pool.users"]);
        assert!(sim.cloud.ours().contains(&"pool.users".to_owned()));
    }

    #[tokio::test(start_paused = true)]
    async fn down_keeps_what_an_unreadable_resource_depends_on() {
        // The function depends on the role `exec` and has no unique id. Nothing depends on the role `free`.
        let mut graph = Graph::default();
        let exec = add(&mut graph, role, "exec", (), |it, ()| it);
        add(&mut graph, role, "free", (), |it, ()| it);
        add(&mut graph, function, "greet", exec, |it, exec| it.using(&exec));
        let sim = Simulation::with(&graph).await;
        sim.cloud.on("read function.greet", 1, Fault::refuse());
        let run = sim.down(&Graph::default()).await;
        assert_eq!(
            (run.skipped(), sim.cloud.violations()),
            (vec!["role.exec because of function.greet".into()], vec![])
        );
        assert_eq!(sim.cloud.ours(), ["function.greet", "role.exec"]);
        sim.down(&Graph::default()).await.succeeded();
        sim.assert_empty();
    }

    #[tokio::test(start_paused = true)]
    async fn down_fails_before_any_delete_if_a_read_fails_fatally() {
        let stack = stack();
        for graph in [&stack, &Graph::default()] {
            let sim = Simulation::with(&stack).await;
            sim.cloud.on("read role.auth", 1, Fault::fail(Cause::Fatal));
            assert!(sim.try_down(graph).await.unwrap().is_err());
            assert_eq!(sim.cloud.writes(), NONE);
            sim.assert_built(&stack);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_failed_delete_blocks_only_the_resources_that_it_holds() {
        // On AWS, a role can be deleted although a function uses it.
        let mut graph = Graph::default();
        let exec = add(&mut graph, role, "exec", (), |it, ()| it);
        add(&mut graph, function, "greet", exec, |it, exec| it.mentioning(&exec));
        for (holds, left) in [(true, vec!["function.greet", "role.exec"]), (false, vec!["function.greet"])] {
            let mut sim = Simulation::with(&graph).await;
            sim.holds = if holds { |_, _| true } else { |_, _| false };
            sim.cloud.on("delete function.greet", 1, Fault::refuse());
            let run = sim.down(&Graph::default()).await;
            assert_eq!((run.failed(), sim.cloud.ours()), (vec!["function.greet".into()], sorted(left)));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn only_resources_missing_from_the_graph_are_removed() {
        let half = half_a_stack();
        let sim = Simulation::with(&stack()).await;
        let run = sim.remove_unwanted(&half).await.succeeded();
        assert_eq!(went_along(&run), ["route.admin", "route.hello"]);
        assert!(deleted(&run).contains(&"client.app".to_owned()), "its parent stays, so it is removed by itself");
        sim.up(&half).await.succeeded();
        sim.assert_built(&half);
    }

    #[tokio::test(start_paused = true)]
    async fn unwanted_resources_that_are_already_gone_are_forgotten() {
        let half = half_a_stack();
        let sim = Simulation::with(&stack()).await;
        for gone in ["role.edge", "function.stage", "pool.rest", "function.check", "role.auth", "client.app"] {
            sim.cloud.delete_externally(gone);
        }
        sim.remove_unwanted(&half).await.succeeded();
        sim.assert_built(&half);
    }

    #[tokio::test(start_paused = true)]
    async fn down_starts_nothing_after_a_fatal_failure() {
        let mut sim = Simulation::with(&roles(12)).await;
        sim.jobs = 3;
        sim.cloud.on("delete", 2, Fault::fail(Cause::Fatal));
        let run = sim.down(&roles(12)).await;
        assert_eq!((deleted(&run).len(), run.failed().len()), (2, 1));
        sim.down(&roles(12)).await.succeeded();
        sim.assert_empty();
    }

    #[tokio::test(start_paused = true)]
    async fn down_starts_nothing_after_a_failed_save() {
        for nth in 1..=4 {
            let mut sim = Simulation::with(&roles(4)).await;
            sim.jobs = 1;
            sim.disk.fail_once(nth);
            let run = sim.down(&roles(4)).await;
            assert!(run.summary.save_error.is_some());
            assert_eq!(sim.cloud.writes().len(), nth - 1, "nothing is removed after it");
            sim.down(&roles(4)).await.succeeded();
            sim.assert_empty();
        }
    }
}

mod stop {
    use super::*;

    /// Well within the time for calls in flight.
    const SOON: Duration = Duration::from_secs(3);
    const NEVER: Duration = Duration::from_mins(10);

    #[tokio::test(start_paused = true)]
    async fn a_stop_starts_nothing_and_lets_calls_in_flight_finish() {
        let (mut sim, graph) = (Simulation::new(), roles(12));
        sim.jobs = 3;
        sim.cloud.on("create role.r01", 1, Fault::Slow(SOON));
        sim.stop_after(3 * ANSWER / 2, StopLevel::Drain);
        let run = sim.up(&graph).await;
        assert!(run.summary.stopped && !run.summary.succeeded());
        assert_eq!(run.with(created), ["role.r00", "role.r01", "role.r02"]);
        assert_eq!(sim.cloud.ours(), ["role.r00", "role.r01", "role.r02"]);
        sim.clear_faults();
        sim.up(&graph).await.succeeded();
        sim.assert_built(&graph);
    }

    #[tokio::test(start_paused = true)]
    async fn a_stop_waits_for_a_slow_call_and_saves_its_result() {
        let (mut sim, graph) = (Simulation::new(), roles(4));
        sim.jobs = 1;
        sim.cloud.on("create role.r00", 1, Fault::Slow(SOON));
        sim.stop_after(2 * ANSWER, StopLevel::Drain);
        let run = sim.up(&graph).await;
        assert_eq!(run.with(created), ["role.r00"]);
        assert!(run.events.iter().any(|event| matches!(event, Event::Draining)));
        assert_eq!(sim.disk.state().resources["role.r00"].status, Status::Ready);
        assert_eq!(run.took.as_secs(), SOON.as_secs());
    }

    #[tokio::test(start_paused = true)]
    async fn a_stop_abandons_a_call_after_6_s_and_the_next_run_adopts_it() {
        let (sim, graph) = (Simulation::new(), half_a_stack());
        sim.cloud.on("create pool.users", 1, Fault::Slow(NEVER));
        sim.stop_after(Duration::from_secs(1), StopLevel::Drain);
        let run = sim.up(&graph).await;
        assert!(run.summary.stopped);
        assert_eq!(
            run.took.as_secs(),
            6,
            "the stop is requested after 1 s, which includes the reads before the plan. The run ends at 6 s"
        );
        assert_eq!(sim.disk.state().resources["pool.users"].status, Status::Creating);
        sim.clear_faults();
        let run = sim.up(&graph).await.succeeded();
        assert!(run.with(|outcome| *outcome == Outcome::Adopted).contains(&"pool.users".to_owned()));
        sim.assert_built(&graph);
    }

    #[tokio::test(start_paused = true)]
    async fn a_second_stop_ends_at_once_and_keeps_saved_results() {
        let (sim, graph) = (Simulation::new(), half_a_stack());
        sim.cloud.on("create pool.users", 1, Fault::Slow(NEVER));
        sim.stop_after(Duration::from_secs(1), StopLevel::Drain);
        sim.stop_after(Duration::from_secs(2), StopLevel::Now);
        let run = sim.up(&graph).await;
        assert!(run.summary.stopped);
        assert_eq!(run.took.as_millis() / 100, 19, "the survey took the first tenth");
        assert_eq!(sim.disk.state().resources["role.exec"].status, Status::Ready, "what was known is saved");
    }

    #[tokio::test(start_paused = true)]
    async fn a_stop_before_the_first_call_changes_nothing() {
        let stack = stack();
        let began = |event: &Event| matches!(event, Event::Began { .. });
        let mut sim = Simulation::new();
        sim.stop_when = began;
        assert!(sim.up(&stack).await.summary.stopped, "nothing was done, so it did not succeed");
        assert_eq!(sim.cloud.writes(), NONE);
        sim.assert_empty();

        let mut sim = Simulation::with(&stack).await;
        sim.stop_when = began;
        assert!(sim.down(&stack).await.summary.stopped);
        assert_eq!(sim.cloud.writes(), NONE);
    }

    #[tokio::test(start_paused = true)]
    async fn a_stop_while_an_answer_arrives_starts_no_dependents() {
        let mut graph = Graph::default();
        let first = add(&mut graph, role, "first", (), |it, ()| it);
        add(&mut graph, function, "second", first, |it, first| it.using(&first));
        let mut sim = Simulation::new();
        sim.stop_when = |event| matches!(event, Event::Done { .. });
        assert!(sim.up(&graph).await.summary.stopped);
        assert_eq!(sim.cloud.ours(), ["role.first"]);
        sim.clear_faults();
        sim.stop_when = |_| false;
        sim.up(&graph).await.succeeded();
        sim.stop_when = |event| matches!(event, Event::Done { .. });
        assert!(sim.down(&graph).await.summary.stopped);
        assert_eq!(sim.cloud.ours(), ["role.first"]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_stop_saves_an_answer_that_arrives_at_the_same_moment() {
        // The loop receives several events at the same moment. Repeat, to see them in different orders.
        for _ in 0..20 {
            let (sim, graph) = (Simulation::new(), roles(1));
            sim.cloud.on("create", 1, Fault::Slow(SOON));
            sim.stop_after(2 * ANSWER, StopLevel::Drain);
            sim.stop_after(ANSWER + SOON, StopLevel::Now);
            sim.up(&graph).await;
            sim.assert_built(&graph);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_stop_between_a_read_and_a_create_prevents_the_create() {
        let (sim, graph) = (Simulation::new(), roles(3));
        let refresh = sim.failed_refresh(&graph).await;
        sim.stop_after(ANSWER / 2, StopLevel::Drain);
        let run = sim.up_with_refresh(&graph, refresh).await;
        assert!(run.summary.stopped && run.failed().is_empty());
        assert_eq!(sim.cloud.writes(), NONE);
        sim.clear_faults();
        sim.up(&graph).await.succeeded();
        sim.assert_built(&graph);
    }

    #[tokio::test(start_paused = true)]
    async fn a_stop_during_any_read_of_down_ends_the_run() {
        let stack = stack();
        let count = all(&stack).len();
        for graph in [&stack, &Graph::default()] {
            for find in 1..=2 * count {
                let sim = Simulation::with(&stack).await;
                sim.cloud.on("read", find, Fault::Slow(NEVER));
                sim.stop_after(SOON, StopLevel::Drain);
                let begun = tokio::time::Instant::now();
                let ended = sim.try_down(graph).await.unwrap();
                assert!(begun.elapsed() <= SOON);
                match ended {
                    Err(failure) => assert_eq!((failure.cause, sim.cloud.writes().len()), (Cause::Stopped, 0)),
                    Ok(run) => assert!(
                        find > count && run.succeeded().left.len() == 1,
                        "only the list after the run may have waited"
                    ),
                }
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_stop_while_up_looks_for_an_unanswered_create_ends_the_run() {
        let (sim, graph) = (Simulation::new(), half_a_stack());
        sim.cloud.on("create pool.users", 1, Fault::fail(Cause::Unknown));
        sim.stop_after(Duration::from_millis(700), StopLevel::Drain);
        let run = sim.up(&graph).await;
        assert!(run.summary.stopped && run.failed().is_empty());
        assert!(run.took < Duration::from_secs(1));
        sim.clear_faults();
        sim.up(&graph).await.succeeded();
        sim.assert_built(&graph);
    }

    #[tokio::test(start_paused = true)]
    async fn a_stopped_down_is_finished_by_the_next_down() {
        let stack = stack();
        let mut sim = Simulation::with(&stack).await;
        sim.jobs = 1;
        sim.cloud.on("delete role.edge", 1, Fault::Slow(SOON));
        sim.stop_after(SOON, StopLevel::Drain);
        let run = sim.down(&stack).await;
        assert!(run.summary.stopped);
        assert_eq!(sim.cloud.writes(), ["delete role.edge"]);
        assert!(!sim.disk.state().resources.contains_key("role.edge"));
        sim.clear_faults();
        sim.down(&stack).await.succeeded();
        sim.assert_empty();
    }

    #[tokio::test(start_paused = true)]
    async fn up_restores_the_stack_after_a_stopped_down() {
        let stack = stack();
        let mut sim = Simulation::with(&stack).await;
        sim.jobs = 1;
        sim.stop_after(5 * ANSWER / 2, StopLevel::Drain);
        assert!(sim.down(&stack).await.summary.stopped);
        sim.clear_faults();
        sim.up(&stack).await.succeeded();
        sim.assert_built(&stack);
    }
}

mod graph {
    use super::*;

    #[test]
    #[should_panic(expected = "two resources are called role.r00")]
    fn a_graph_panics_if_two_resources_have_one_id() {
        add(&mut roles(1), role, "r00", (), |it, ()| it);
    }

    #[test]
    #[should_panic(expected = "role is registered twice")]
    fn a_registry_panics_if_a_kind_is_registered_twice() {
        let sim = Simulation::new();
        let _ = registry(&sim.cloud).with::<Toy<Role>>(sim.cloud.clone());
    }

    #[test]
    fn a_dependency_that_is_used_several_times_counts_once() {
        let mut graph = roles(0);
        let users = add(&mut graph, pool, "users", (), |it, ()| it);
        let needs = ((users, vec![users, users]), users);
        under(&mut graph, users, client, "web", needs, |it, ((one, _), _)| it.mentioning(&one));
        assert_eq!(graph.needs(&Id::new("client", "web")), [&Id::new("pool", "users")]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_recorded_resource_of_an_unknown_kind_stays_in_the_state() {
        let sim = Simulation::with(&roles(2)).await;
        let mut state = sim.disk.state();
        state.resources.get_mut("role.r01").unwrap().kind = "of tomorrow".into();
        state.serial += 1;
        sim.disk.clone().save(&state).await.unwrap();
        let run = sim.down(&Graph::default()).await;
        assert_eq!(run.unread.len(), 1);
        assert!(run.unread[0].1.context.contains("of tomorrow"), "{:?}", run.unread);
        assert_eq!(sim.cloud.ours(), ["role.r01"], "what this version knows is removed");
        assert!(sim.disk.state().resources.contains_key("role.r01"));
    }
}
