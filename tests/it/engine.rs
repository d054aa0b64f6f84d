//! The engine against the fake cloud: what `up` and `down` do when things go well, and when they go wrong one by one.
//! Sudden death is in `crash`.

use std::time::Duration;

use securelambda::engine::{Cause, Change, Event, Graph, Id, Outcome, Plan, ReadResult, StopLevel};
use securelambda::state::{StateStore, Status};

use super::support::fake::{ANSWER, Fault, Role, Thing, client, function, pool, registry, role, route};
use super::support::graphs::{DEPTH, add, half_a_stack, roles, stack, under};
use super::support::world::{Run, World, all, of_kinds, sorted};

const NONE: &[&str] = &[];

fn created(outcome: &Outcome) -> bool {
    *outcome == Outcome::Created
}

/// How many answers' time something took.
fn answers(time: Duration) -> u128 {
    time.as_millis() / ANSWER.as_millis()
}

mod up {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn up_creates_everything_once_and_in_parallel() {
        let (world, stack) = (World::new(), stack());
        let run = world.up(&stack).await.succeeded();
        world.holds(&stack);
        assert_eq!(run.with(created), all(&stack));
        assert_eq!(sorted(world.cloud.writes()), sorted(all(&stack).iter().map(|id| format!("create {id}"))));
        // No waves: only the longest chain counts. Three of its links were blocked in the survey, and so looked for.
        assert_eq!(answers(run.took) as usize, DEPTH + 3);
    }

    #[tokio::test(start_paused = true)]
    async fn up_runs_at_most_as_many_calls_at_once_as_jobs() {
        for jobs in [1, 3, 8] {
            let mut world = World::new();
            world.jobs = jobs;
            let run = world.up(&roles(12)).await.succeeded();
            // The survey reads with a limit of its own.
            world.cloud.most_in_flight();
            assert_eq!(answers(run.took) as usize, 12_usize.div_ceil(jobs));
            let blind = world.up_blind(&roles(12)).await.succeeded();
            assert_eq!(world.cloud.most_in_flight(), jobs);
            assert_eq!(answers(blind.took) as usize, 12_usize.div_ceil(jobs));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn up_starts_the_longest_dependency_chain_first() {
        let mut graph = roles(3);
        let head = add(&mut graph, pool, "head", (), |it, ()| it);
        add(&mut graph, function, "tail", head, |it, head| it.using(&head));
        let mut world = World::new();
        world.jobs = 1;
        world.up(&graph).await.succeeded();
        assert_eq!(world.cloud.writes()[0], "create pool.head");
    }

    #[tokio::test(start_paused = true)]
    async fn a_second_up_makes_no_write_calls_and_no_saves() {
        let stack = stack();
        let world = World::with(&stack).await;
        let plan = Plan::new(&stack, &world.refresh(&stack).await.unwrap(), &world.disk.state());
        assert!(plan.is_empty(), "{plan:?}");
        let run = world.up(&stack).await.succeeded();
        assert_eq!(run.with(|outcome| *outcome == Outcome::Unchanged), all(&stack));
        assert_eq!(world.cloud.writes(), NONE);
        assert_eq!(world.disk.saves(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn up_adopts_everything_when_the_state_is_lost() {
        let stack = stack();
        let world = World::with(&stack).await;
        world.disk.wipe();
        let run = world.up(&stack).await.succeeded();
        assert_eq!(run.with(|outcome| *outcome == Outcome::Adopted), all(&stack));
        assert_eq!(world.cloud.writes(), NONE);
        world.holds(&stack);
    }

    #[tokio::test(start_paused = true)]
    async fn up_without_a_refresh_adopts_everything_when_the_state_is_lost() {
        let stack = stack();
        let world = World::with(&stack).await;
        world.disk.wipe();
        let run = world.up_blind(&stack).await.succeeded();
        assert_eq!(run.with(|outcome| *outcome == Outcome::Adopted), all(&stack));
        assert_eq!(world.cloud.writes(), NONE);
        world.holds(&stack);
    }

    #[tokio::test(start_paused = true)]
    async fn up_reports_and_repairs_only_the_field_that_drifted() {
        let stack = stack();
        let world = World::with(&stack).await;
        world.cloud.tamper("pool.users", "mfa", "off");
        let run = world.up(&stack).await.succeeded();
        let only_mfa = |outcome: &Outcome| match outcome {
            Outcome::Updated { drift } => drift.iter().map(|one| &one.field).eq(["mfa"]),
            _ => false,
        };
        assert_eq!(run.with(only_mfa), ["pool.users"]);
        assert_eq!(world.cloud.writes(), ["update pool.users"]);
        assert!(world.up(&stack).await.with(|outcome| *outcome != Outcome::Unchanged).is_empty());
        world.holds(&stack);
    }

    #[tokio::test(start_paused = true)]
    async fn up_recreates_deleted_resources_and_updates_their_dependents() {
        let stack = stack();
        let world = World::with(&stack).await;
        world.cloud.lose("pool.users");
        let run = world.up(&stack).await.succeeded();
        assert_eq!(run.with(created), ["client.app", "client.web", "pool.users"]);
        let updated = |outcome: &Outcome| matches!(outcome, Outcome::Updated { .. });
        assert_eq!(run.with(updated), ["function.check", "function.greet"]);
        world.holds(&stack);
    }

    #[tokio::test(start_paused = true)]
    async fn up_skips_only_the_dependents_of_a_failed_create() {
        let (world, stack) = (World::new(), stack());
        world.cloud.on("create role.auth", 1, Fault::refuse());
        let run = world.up(&stack).await;
        assert_eq!(run.failed(), ["role.auth"]);
        let skipped = ["function.check", "function.stage", "role.edge", "route.admin"];
        assert_eq!(run.skipped(), skipped.map(|id| format!("{id} because of role.auth")));
        assert!(!run.summary.succeeded() && !run.summary.stopped);
        let rest =
            ["client.app", "client.web", "function.greet", "pool.rest", "pool.users", "role.exec", "route.hello"];
        assert_eq!(world.cloud.ours(), rest);
        world.cloud.calls();
        world.up(&stack).await.succeeded();
        assert_eq!(sorted(world.cloud.writes()).len(), skipped.len() + 1);
        world.holds(&stack);
    }

    #[tokio::test(start_paused = true)]
    async fn up_reports_every_independent_failure() {
        let (world, stack) = (World::new(), stack());
        for call in ["create role.auth", "create client.app", "create pool.rest"] {
            world.cloud.on(call, 1, Fault::refuse());
        }
        assert_eq!(world.up(&stack).await.failed(), ["client.app", "pool.rest", "role.auth"]);
        world.keeps_promises();
    }

    #[tokio::test(start_paused = true)]
    async fn up_starts_nothing_after_a_fatal_failure() {
        let (mut world, graph) = (World::new(), roles(12));
        world.jobs = 3;
        world.cloud.on("create role.r01", 1, Fault::fail(Cause::Fatal));
        let run = world.up(&graph).await;
        assert_eq!(run.failed(), ["role.r01"]);
        assert_eq!(world.cloud.ours(), ["role.r00", "role.r02"], "those in flight were let finish");
        assert_eq!(run.with(created), ["role.r00", "role.r02"]);
        world.up(&graph).await.succeeded();
        world.holds(&graph);
    }

    #[tokio::test(start_paused = true)]
    async fn up_and_down_leave_foreign_resources_alone() {
        let (world, stack) = (World::new(), stack());
        world.cloud.stranger(&role("exec"));
        world.cloud.stranger(&pool("users"));
        let run = world.up(&stack).await;
        assert_eq!(run.failed(), ["role.exec"]);
        assert_eq!(run.summary.failed[0].1.cause, Cause::Foreign);
        assert!(!world.cloud.ours().contains(&"role.exec".to_owned()), "no stranger is adopted");
        assert!(world.cloud.ours().contains(&"pool.users".to_owned()), "where names are not unique, he is no obstacle");
        let run = world.down(&stack).await.succeeded();
        assert_eq!(run.strangers.len(), 1);
        world.is_empty();
    }

    #[tokio::test(start_paused = true)]
    async fn up_refuses_a_foreign_resource_that_the_create_finds() {
        let (world, stack) = (World::new(), half_a_stack());
        world.cloud.stranger(&role("exec"));
        // The survey did not see him.
        world.cloud.on("read role.exec", 1, Fault::refuse());
        let run = world.up(&stack).await;
        assert_eq!(run.summary.failed[0].1.cause, Cause::Foreign);
        world.down(&Graph::default()).await.succeeded();
        world.is_empty();
    }

    #[tokio::test(start_paused = true)]
    async fn a_create_that_fails_with_exists_adopts_the_existing_resource() {
        let graph = roles(3);
        let world = World::with(&graph).await;
        world.disk.wipe();
        world.cloud.tamper("role.r01", "trusts", "lambda");
        let long_ago = World::new().refresh(&graph).await.unwrap();
        world.up_as_if(&graph, long_ago).await.succeeded();
        let calls = world.cloud.calls();
        for id in all(&graph) {
            assert_eq!(calls.iter().filter(|call| call.ends_with(&id)).collect::<Vec<_>>().len(), 2, "{calls:?}");
        }
        world.holds(&graph);
    }

    #[tokio::test(start_paused = true)]
    async fn a_create_that_fails_with_exists_repairs_drift() {
        let graph = half_a_stack();
        let world = World::with(&graph).await;
        world.cloud.lose("pool.users");
        world.cloud.tamper("role.exec", "trusts", "everybody");
        let long_ago = World::new().refresh(&graph).await.unwrap();
        world.up_as_if(&graph, long_ago).await.succeeded();
        let writes = world.cloud.writes();
        assert!(writes.contains(&"update role.exec".to_owned()), "{writes:?}");
        assert!(writes.contains(&"update function.greet".to_owned()), "{writes:?}");
        world.holds(&graph);
    }

    #[tokio::test(start_paused = true)]
    async fn up_recovers_from_any_one_lost_answer_to_a_create() {
        let stack = stack();
        for id in all(&stack) {
            for lag in [0, 2, 10] {
                let world = World::new();
                world.cloud.lag(Duration::from_secs(lag));
                world.cloud.on(&format!("create {id}"), 1, Fault::Lose);
                let run = world.up(&stack).await.succeeded();
                assert_eq!(run.with(created), all(&stack), "{id}");
                world.holds(&stack);
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn up_recovers_when_every_answer_to_a_create_is_lost() {
        let (world, stack) = (World::new(), stack());
        world.cloud.lag(Duration::from_secs(10));
        for id in all(&stack) {
            world.cloud.on(&format!("create {id}"), 1, Fault::Lose);
        }
        let run = world.up(&stack).await.succeeded();
        assert!(run.events.iter().any(|event| matches!(event, Event::Noted { .. })), "it says why it takes long");
        world.holds(&stack);
    }

    #[tokio::test(start_paused = true)]
    async fn up_repeats_an_unanswered_create_that_created_nothing() {
        for id in ["role.exec", "pool.users"] {
            let (world, stack) = (World::new(), half_a_stack());
            let create = format!("create {id}");
            (1..=2).for_each(|nth| world.cloud.on(&create, nth, Fault::fail(Cause::Unknown)));
            world.up(&stack).await.succeeded();
            assert_eq!(world.cloud.writes().iter().filter(|call| **call == create).count(), 3);
            world.holds(&stack);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn up_gives_up_on_a_create_that_is_never_answered() {
        let (world, stack) = (World::new(), half_a_stack());
        (1..=9).for_each(|nth| world.cloud.on("create pool.users", nth, Fault::fail(Cause::Unknown)));
        let run = world.up(&stack).await;
        assert_eq!(run.failed(), ["pool.users"]);
        world.calm();
        world.up(&stack).await.succeeded();
        world.holds(&stack);
    }

    #[tokio::test(start_paused = true)]
    async fn up_starts_no_dependent_of_a_resource_that_it_could_not_save() {
        for nth in 1..=DEPTH + 1 {
            let (world, stack) = (World::new(), stack());
            world.disk.fail(nth);
            let run = world.up(&stack).await;
            assert!(run.summary.save_error.is_some() && !run.summary.succeeded());
            // What the fake saw at each create is the assertion: nothing was made from what was not on disk.
            world.keeps_promises();
            world.up(&stack).await.succeeded();
            world.holds(&stack);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn up_finishes_calls_in_flight_after_a_failed_save() {
        let (mut world, graph) = (World::new(), roles(4));
        world.jobs = 2;
        world.cloud.on("create role.r01", 1, Fault::Slow(3 * ANSWER));
        world.disk.fail(2);
        let run = world.up(&graph).await;
        assert_eq!(run.with(created), ["role.r00", "role.r01"]);
        assert_eq!(world.disk.state().resources["role.r01"].status, Status::Ready, "the next save went well");
        assert_eq!(world.disk.state().resources["role.r00"].status, Status::Ready);
        assert_eq!(world.cloud.ours(), ["role.r00", "role.r01"]);
    }
}

mod refresh {
    use super::*;

    async fn depth(world: &World, graph: &Graph) -> usize {
        let begun = tokio::time::Instant::now();
        world.refresh(graph).await.unwrap();
        answers(begun.elapsed()) as usize
    }

    #[tokio::test(start_paused = true)]
    async fn refresh_is_one_call_deep_when_everything_is_in_the_state() {
        let stack = stack();
        let world = World::with(&stack).await;
        assert_eq!(depth(&world, &stack).await, 1);
        assert_eq!(world.cloud.most_in_flight(), all(&stack).len(), "all are asked before any answers");
    }

    #[tokio::test(start_paused = true)]
    async fn refresh_is_as_deep_as_the_graph_without_a_state() {
        let stack = stack();
        let world = World::with(&stack).await;
        world.disk.wipe();
        assert_eq!(depth(&world, &stack).await, DEPTH);
    }

    #[tokio::test(start_paused = true)]
    async fn refresh_reads_again_when_a_recorded_parent_id_is_outdated() {
        let stack = stack();
        let world = World::with(&stack).await;
        world.cloud.replace("pool.users");
        world.cloud.replace("client.web");
        let refresh = world.refresh(&stack).await.unwrap();
        assert!(
            refresh
                .results(&stack)
                .all(|(_, _, sight)| matches!(sight, ReadResult::Live { drift, .. } if drift.is_empty()))
        );
        let looks = world.cloud.calls();
        let count = |call: &str| looks.iter().filter(|look| *look == call).count();
        assert_eq!(count("read client.web"), 2, "its key names the pool that was replaced");
        assert_eq!(count("read function.greet"), 1, "its key does not: the answer is compared anew");
        world.up(&stack).await.succeeded();
        assert_eq!(world.cloud.writes(), NONE);
        world.holds(&stack);
    }

    #[tokio::test(start_paused = true)]
    async fn refresh_reports_children_of_an_absent_parent_as_absent() {
        let (world, stack) = (World::new(), stack());
        for slow in ["read pool.rest", "read pool.users"] {
            world.cloud.on(slow, 1, Fault::Slow(3 * ANSWER));
            let refresh = world.refresh(&stack).await.unwrap();
            let absent = refresh.results(&stack).filter(|(_, _, sight)| **sight == ReadResult::Absent);
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
        let world = World::with(&stack).await;
        world.cloud.on("read role.exec", 1, Fault::refuse());
        let refresh = world.refresh(&stack).await.unwrap();
        let sight = |wanted: &str| refresh.results(&stack).find(|(id, ..)| id.as_str() == wanted).unwrap().2.clone();
        assert!(matches!(sight("role.exec"), ReadResult::Failed(_)));
        assert_eq!(sight("function.greet"), ReadResult::Blocked);
        assert!(matches!(sight("role.auth"), ReadResult::Live { .. }));
    }

    #[tokio::test(start_paused = true)]
    async fn refresh_fails_on_a_fatal_failure() {
        let stack = stack();
        let world = World::with(&stack).await;
        world.cloud.on("read role.exec", 1, Fault::fail(Cause::Fatal));
        assert_eq!(world.refresh(&stack).await.err().unwrap().cause, Cause::Fatal);
    }

    #[tokio::test(start_paused = true)]
    async fn a_plan_follows_from_the_refresh() {
        let stack = stack();
        let world = World::with(&half_a_stack()).await;
        world.cloud.tamper("pool.users", "mfa", "off");
        let plan = Plan::new(&stack, &world.refresh(&stack).await.unwrap(), &world.disk.state());
        let change = |wanted: &str| plan.changes.iter().find(|(id, ..)| id.as_str() == wanted).unwrap().2.clone();
        assert_eq!(change("role.exec"), Change::Keep);
        assert!(matches!(change("pool.users"), Change::Update { .. }));
        assert_eq!((change("role.auth"), change("route.hello")), (Change::Create, Change::Create));
        assert!(!plan.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn a_plan_adopts_a_resource_whose_creation_was_not_saved() {
        let graph = roles(1);
        let world = World::new();
        world.cloud.on("create", 1, Fault::CutAfter);
        assert!(world.try_up(&graph).await.is_none());
        let plan = Plan::new(&graph, &world.refresh(&graph).await.unwrap(), &world.disk.state());
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
            let world = World::with(&stack).await;
            let run = world.down(graph).await.succeeded();
            assert_eq!(deleted(&run), of_kinds(&stack, &["role", "function", "pool"]));
            assert_eq!(went_along(&run), of_kinds(&stack, &["client", "route"]));
            assert_eq!(sorted(world.cloud.writes()), sorted(deleted(&run).iter().map(|id| format!("delete {id}"))));
            assert_eq!(run.left, []);
            world.is_empty();
        }
    }

    #[tokio::test(start_paused = true)]
    async fn down_needs_no_state_if_there_is_a_graph() {
        let stack = stack();
        let world = World::with(&stack).await;
        world.disk.wipe();
        world.down(&stack).await.succeeded();
        world.is_empty();
    }

    #[tokio::test(start_paused = true)]
    async fn down_of_an_empty_account_makes_no_write_calls() {
        let world = World::new();
        world.down(&stack()).await.succeeded();
        assert_eq!(world.cloud.writes(), NONE);
        world.is_empty();
    }

    #[tokio::test(start_paused = true)]
    async fn down_deletes_one_cleanup_group_after_another() {
        let mut graph = roles(3);
        let (one, two) = (add(&mut graph, pool, "one", (), |it, ()| it), add(&mut graph, pool, "two", (), |it, ()| it));
        // A function mentions a pool and is removed after it all the same, because its group is later.
        add(&mut graph, function, "late", (one, two), |it, (one, two)| it.mentioning(&one).mentioning(&two));
        let mut world = World::with(&graph).await;
        world.group = |kind| match kind {
            "pool" => 0,
            "function" => 1,
            _ => 2,
        };
        world.cloud.on("delete pool.two", 1, Fault::Slow(9 * ANSWER));
        let run = world.down(&graph).await.succeeded();
        let calls = world.cloud.writes();
        assert_eq!(calls[2], "delete function.late");
        assert_eq!(sorted(calls[..2].iter()), ["delete pool.one", "delete pool.two"]);
        assert_eq!(answers(run.took), 9 + 1 + 1, "a group waits for the one before it, and is side by side in itself");
        world.is_empty();
    }

    #[tokio::test(start_paused = true)]
    async fn down_runs_at_most_as_many_calls_at_once_as_jobs() {
        let mut world = World::with(&roles(12)).await;
        world.jobs = 4;
        let run = world.down(&roles(12)).await.succeeded();
        assert_eq!(answers(run.took), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn down_keeps_what_a_failed_delete_depends_on_and_deletes_the_rest() {
        let stack = stack();
        let world = World::with(&stack).await;
        world.cloud.on("delete function.check", 1, Fault::refuse());
        let run = world.down(&Graph::default()).await;
        assert_eq!(run.failed(), ["function.check"]);
        let kept = ["client.app", "client.web", "pool.users", "role.auth"];
        assert_eq!(run.skipped(), kept.map(|id| format!("{id} because of function.check")));
        let left = ["client.app", "client.web", "function.check", "pool.users", "role.auth"];
        assert_eq!(world.cloud.ours(), left);
        assert_eq!(sorted(run.left.iter().map(Id::as_str)), left, "who looks again sees them");
        assert_eq!(run.summary.done.len() + run.summary.failed.len() + run.summary.skipped.len(), all(&stack).len());
        world.down(&Graph::default()).await.succeeded();
        world.is_empty();
    }

    #[tokio::test(start_paused = true)]
    async fn skipped_deletes_name_the_resource_whose_delete_failed() {
        let stack = stack();
        let world = World::with(&stack).await;
        world.cloud.on("delete role.edge", 1, Fault::refuse());
        let run = world.down(&stack).await;
        assert!(run.summary.skipped.iter().all(|(_, because)| because.as_str() == "role.edge"), "{:?}", run.skipped());
        assert_eq!(world.cloud.ours(), all(&stack), "all else is needed by it, but for what is needed by nothing");
    }

    #[tokio::test(start_paused = true)]
    async fn down_deletes_a_cycle_that_goes_through_children() {
        // An API's route names a function; the function's permission, which goes with it, names the API.
        let mut graph = Graph::default();
        let hello = add(&mut graph, function, "hello", (), |it, ()| it);
        let rest = add(&mut graph, pool, "rest", (), |it, ()| it);
        under(&mut graph, rest, route, "call", hello, |it, hello| it.mentioning(&hello));
        under(&mut graph, hello, client, "permission", rest, |it, rest| it.mentioning(&rest));
        let world = World::with(&graph).await;
        world.down(&graph).await.succeeded();
        world.is_empty();
    }

    #[tokio::test(start_paused = true)]
    async fn down_counts_resources_that_are_already_gone_as_done() {
        let stack = stack();
        let world = World::with(&stack).await;
        world.cloud.lose("role.edge");
        world.cloud.lose("pool.rest");
        world.down(&Graph::default()).await.succeeded();
        world.is_empty();
    }

    #[tokio::test(start_paused = true)]
    async fn down_leaves_an_unreadable_resource_and_deletes_the_rest() {
        let stack = stack();
        for graph in [&stack, &Graph::default()] {
            let world = World::with(&stack).await;
            world.cloud.on("read role.auth", 1, Fault::refuse());
            let run = world.down(graph).await.succeeded();
            let unseen: Vec<&str> = run.unseen.iter().map(|(id, _)| id.as_str()).collect();
            assert_eq!((unseen, world.cloud.ours()), (vec!["role.auth"], vec!["role.auth".to_owned()]));
            assert!(run.unseen[0].1.context.contains("as told"), "{:?}", run.unseen);
            assert!(world.disk.state().resources.contains_key("role.auth"), "the next run knows of it");
            world.down(&Graph::default()).await.succeeded();
            world.is_empty();
        }
    }

    #[tokio::test(start_paused = true)]
    async fn down_deletes_an_unreadable_resource_with_a_recorded_unique_id() {
        let stack = stack();
        for graph in [&stack, &Graph::default()] {
            let world = World::with(&stack).await;
            world.cloud.on("read pool.users", 1, Fault::fail(Cause::Unknown));
            world.down(graph).await.succeeded();
            world.is_empty();
        }
        // Without a record there is no id.
        let world = World::with(&stack).await;
        world.disk.wipe();
        world.cloud.on("read pool.users", 1, Fault::refuse());
        let run = world.down(&stack).await;
        assert_eq!(run.unseen.iter().map(|(id, _)| id.as_str()).collect::<Vec<_>>(), ["pool.users"]);
        assert!(world.cloud.ours().contains(&"pool.users".to_owned()));
    }

    #[tokio::test(start_paused = true)]
    async fn down_keeps_what_an_unreadable_resource_depends_on() {
        // The function has a name alone, and is made from the role; the other role is nobody's.
        let mut graph = Graph::default();
        let exec = add(&mut graph, role, "exec", (), |it, ()| it);
        add(&mut graph, role, "free", (), |it, ()| it);
        add(&mut graph, function, "greet", exec, |it, exec| it.using(&exec));
        let world = World::with(&graph).await;
        world.cloud.on("read function.greet", 1, Fault::refuse());
        let run = world.down(&Graph::default()).await;
        assert_eq!(
            (run.skipped(), world.cloud.breaches()),
            (vec!["role.exec because of function.greet".into()], vec![])
        );
        assert_eq!(world.cloud.ours(), ["function.greet", "role.exec"]);
        world.down(&Graph::default()).await.succeeded();
        world.is_empty();
    }

    #[tokio::test(start_paused = true)]
    async fn down_fails_before_any_delete_if_a_read_fails_fatally() {
        let stack = stack();
        for graph in [&stack, &Graph::default()] {
            let world = World::with(&stack).await;
            world.cloud.on("read role.auth", 1, Fault::fail(Cause::Fatal));
            assert!(world.try_down(graph).await.unwrap().is_err());
            assert_eq!(world.cloud.writes(), NONE);
            world.holds(&stack);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_failed_delete_blocks_only_the_resources_that_it_holds() {
        // The function was made from the role, as on AWS, where the role can go all the same.
        let mut graph = Graph::default();
        let exec = add(&mut graph, role, "exec", (), |it, ()| it);
        add(&mut graph, function, "greet", exec, |it, exec| it.mentioning(&exec));
        for (holds, left) in [(true, vec!["function.greet", "role.exec"]), (false, vec!["function.greet"])] {
            let mut world = World::with(&graph).await;
            world.holds = if holds { |_, _| true } else { |_, _| false };
            world.cloud.on("delete function.greet", 1, Fault::refuse());
            let run = world.down(&Graph::default()).await;
            assert_eq!((run.failed(), world.cloud.ours()), (vec!["function.greet".into()], sorted(left)));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn only_resources_missing_from_the_graph_are_removed() {
        let half = half_a_stack();
        let world = World::with(&stack()).await;
        let run = world.remove_unwanted(&half).await.succeeded();
        assert_eq!(went_along(&run), ["route.admin", "route.hello"]);
        assert!(deleted(&run).contains(&"client.app".to_owned()), "its parent stays, so it is removed by itself");
        world.up(&half).await.succeeded();
        world.holds(&half);
    }

    #[tokio::test(start_paused = true)]
    async fn unwanted_resources_that_are_already_gone_are_forgotten() {
        let half = half_a_stack();
        let world = World::with(&stack()).await;
        for gone in ["role.edge", "function.stage", "pool.rest", "function.check", "role.auth", "client.app"] {
            world.cloud.lose(gone);
        }
        world.remove_unwanted(&half).await.succeeded();
        world.holds(&half);
    }

    #[tokio::test(start_paused = true)]
    async fn down_starts_nothing_after_a_fatal_failure() {
        let mut world = World::with(&roles(12)).await;
        world.jobs = 3;
        world.cloud.on("delete", 2, Fault::fail(Cause::Fatal));
        let run = world.down(&roles(12)).await;
        assert_eq!((deleted(&run).len(), run.failed().len()), (2, 1));
        world.down(&roles(12)).await.succeeded();
        world.is_empty();
    }

    #[tokio::test(start_paused = true)]
    async fn down_starts_nothing_after_a_failed_save() {
        for nth in 1..=4 {
            let mut world = World::with(&roles(4)).await;
            world.jobs = 1;
            world.disk.fail(nth);
            let run = world.down(&roles(4)).await;
            assert!(run.summary.save_error.is_some());
            assert_eq!(world.cloud.writes().len(), nth - 1, "nothing is removed after it");
            world.down(&roles(4)).await.succeeded();
            world.is_empty();
        }
    }
}

mod stop {
    use super::*;

    /// Well within the time that calls in flight are given.
    const SOON: Duration = Duration::from_secs(3);
    const NEVER: Duration = Duration::from_mins(10);

    #[tokio::test(start_paused = true)]
    async fn a_stop_starts_nothing_and_lets_calls_in_flight_finish() {
        let (mut world, graph) = (World::new(), roles(12));
        world.jobs = 3;
        world.cloud.on("create role.r01", 1, Fault::Slow(SOON));
        world.halt_in(3 * ANSWER / 2, StopLevel::Drain);
        let run = world.up(&graph).await;
        assert!(run.summary.stopped && !run.summary.succeeded());
        assert_eq!(run.with(created), ["role.r00", "role.r01", "role.r02"]);
        assert_eq!(world.cloud.ours(), ["role.r00", "role.r01", "role.r02"]);
        world.calm();
        world.up(&graph).await.succeeded();
        world.holds(&graph);
    }

    #[tokio::test(start_paused = true)]
    async fn a_stop_waits_for_a_slow_call_and_saves_its_result() {
        let (mut world, graph) = (World::new(), roles(4));
        world.jobs = 1;
        world.cloud.on("create role.r00", 1, Fault::Slow(SOON));
        world.halt_in(2 * ANSWER, StopLevel::Drain);
        let run = world.up(&graph).await;
        assert_eq!(run.with(created), ["role.r00"]);
        assert!(run.events.iter().any(|event| matches!(event, Event::Draining)));
        assert_eq!(world.disk.state().resources["role.r00"].status, Status::Ready);
        assert_eq!(run.took.as_secs(), SOON.as_secs());
    }

    #[tokio::test(start_paused = true)]
    async fn a_stop_abandons_a_call_after_6_s_and_the_next_run_adopts_it() {
        let (world, graph) = (World::new(), half_a_stack());
        world.cloud.on("create pool.users", 1, Fault::Slow(NEVER));
        world.halt_in(Duration::from_secs(1), StopLevel::Drain);
        let run = world.up(&graph).await;
        assert!(run.summary.stopped);
        assert_eq!(run.took.as_secs(), 6, "asked after 1 s, some of which the survey took, and given 6 s");
        assert_eq!(world.disk.state().resources["pool.users"].status, Status::Creating);
        world.calm();
        let run = world.up(&graph).await.succeeded();
        assert!(run.with(|outcome| *outcome == Outcome::Adopted).contains(&"pool.users".to_owned()));
        world.holds(&graph);
    }

    #[tokio::test(start_paused = true)]
    async fn a_second_stop_ends_at_once_and_keeps_saved_results() {
        let (world, graph) = (World::new(), half_a_stack());
        world.cloud.on("create pool.users", 1, Fault::Slow(NEVER));
        world.halt_in(Duration::from_secs(1), StopLevel::Drain);
        world.halt_in(Duration::from_secs(2), StopLevel::Now);
        let run = world.up(&graph).await;
        assert!(run.summary.stopped);
        assert_eq!(run.took.as_millis() / 100, 19, "the survey took the first tenth");
        assert_eq!(world.disk.state().resources["role.exec"].status, Status::Ready, "what was known is saved");
    }

    #[tokio::test(start_paused = true)]
    async fn a_stop_before_the_first_call_changes_nothing() {
        let stack = stack();
        let began = |event: &Event| matches!(event, Event::Began { .. });
        let mut world = World::new();
        world.halt_when = began;
        assert!(world.up(&stack).await.summary.stopped, "nothing was done, so it did not succeed");
        assert_eq!(world.cloud.writes(), NONE);
        world.is_empty();

        let mut world = World::with(&stack).await;
        world.halt_when = began;
        assert!(world.down(&stack).await.summary.stopped);
        assert_eq!(world.cloud.writes(), NONE);
    }

    #[tokio::test(start_paused = true)]
    async fn a_stop_while_an_answer_arrives_starts_no_dependents() {
        let mut graph = Graph::default();
        let first = add(&mut graph, role, "first", (), |it, ()| it);
        add(&mut graph, function, "second", first, |it, first| it.using(&first));
        let mut world = World::new();
        world.halt_when = |event| matches!(event, Event::Done { .. });
        assert!(world.up(&graph).await.summary.stopped);
        assert_eq!(world.cloud.ours(), ["role.first"]);
        world.calm();
        world.halt_when = |_| false;
        world.up(&graph).await.succeeded();
        world.halt_when = |event| matches!(event, Event::Done { .. });
        assert!(world.down(&graph).await.summary.stopped);
        assert_eq!(world.cloud.ours(), ["role.first"]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_stop_saves_an_answer_that_arrives_at_the_same_moment() {
        // The loop hears several things in one moment: often enough to see them in any order.
        for _ in 0..20 {
            let (world, graph) = (World::new(), roles(1));
            world.cloud.on("create", 1, Fault::Slow(SOON));
            world.halt_in(2 * ANSWER, StopLevel::Drain);
            world.halt_in(ANSWER + SOON, StopLevel::Now);
            world.up(&graph).await;
            world.holds(&graph);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_stop_between_a_read_and_a_create_prevents_the_create() {
        let (world, graph) = (World::new(), roles(3));
        world.halt_in(ANSWER / 2, StopLevel::Drain);
        let run = world.up_blind(&graph).await;
        assert!(run.summary.stopped && run.failed().is_empty());
        assert_eq!(world.cloud.writes(), NONE);
        world.calm();
        world.up(&graph).await.succeeded();
        world.holds(&graph);
    }

    #[tokio::test(start_paused = true)]
    async fn a_stop_during_any_read_of_down_ends_the_run() {
        let stack = stack();
        let count = all(&stack).len();
        for graph in [&stack, &Graph::default()] {
            for find in 1..=2 * count {
                let world = World::with(&stack).await;
                world.cloud.on("read", find, Fault::Slow(NEVER));
                world.halt_in(SOON, StopLevel::Drain);
                let begun = tokio::time::Instant::now();
                let ended = world.try_down(graph).await.unwrap();
                assert!(begun.elapsed() <= SOON);
                match ended {
                    Err(failure) => assert_eq!((failure.cause, world.cloud.writes().len()), (Cause::Stopped, 0)),
                    Ok(run) => assert!(find > count && run.succeeded().left.len() == 1, "only who looks again waited"),
                }
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_stop_while_up_looks_for_an_unanswered_create_ends_the_run() {
        let (world, graph) = (World::new(), half_a_stack());
        world.cloud.on("create pool.users", 1, Fault::fail(Cause::Unknown));
        world.halt_in(Duration::from_millis(700), StopLevel::Drain);
        let run = world.up(&graph).await;
        assert!(run.summary.stopped && run.failed().is_empty());
        assert!(run.took < Duration::from_secs(1));
        world.calm();
        world.up(&graph).await.succeeded();
        world.holds(&graph);
    }

    #[tokio::test(start_paused = true)]
    async fn a_stopped_down_is_finished_by_the_next_down() {
        let stack = stack();
        let mut world = World::with(&stack).await;
        world.jobs = 1;
        world.cloud.on("delete role.edge", 1, Fault::Slow(SOON));
        world.halt_in(SOON, StopLevel::Drain);
        let run = world.down(&stack).await;
        assert!(run.summary.stopped);
        assert_eq!(world.cloud.writes(), ["delete role.edge"]);
        assert!(!world.disk.state().resources.contains_key("role.edge"));
        world.calm();
        world.down(&stack).await.succeeded();
        world.is_empty();
    }

    #[tokio::test(start_paused = true)]
    async fn up_restores_the_stack_after_a_stopped_down() {
        let stack = stack();
        let mut world = World::with(&stack).await;
        world.jobs = 1;
        world.halt_in(5 * ANSWER / 2, StopLevel::Drain);
        assert!(world.down(&stack).await.summary.stopped);
        world.calm();
        world.up(&stack).await.succeeded();
        world.holds(&stack);
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
        let world = World::new();
        let _ = registry(&world.cloud).with::<Thing<Role>>(world.cloud.clone());
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
        let world = World::with(&roles(2)).await;
        let mut state = world.disk.state();
        state.resources.get_mut("role.r01").unwrap().kind = "of tomorrow".into();
        state.serial += 1;
        world.disk.clone().save(&state).unwrap();
        let run = world.down(&Graph::default()).await;
        assert_eq!(run.unseen.len(), 1);
        assert!(run.unseen[0].1.context.contains("of tomorrow"), "{:?}", run.unseen);
        assert_eq!(world.cloud.ours(), ["role.r01"], "what this version knows is removed");
        assert!(world.disk.state().resources.contains_key("role.r01"));
    }
}
