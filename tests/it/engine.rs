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
    async fn makes_everything_once_side_by_side() {
        let (world, stack) = (World::new(), stack());
        let run = world.up(&stack).await.succeeded();
        world.holds(&stack);
        assert_eq!(run.with(created), all(&stack));
        assert_eq!(sorted(world.cloud.writes()), sorted(all(&stack).iter().map(|id| format!("create {id}"))));
        // No waves: only the longest chain counts. Three of its links were blocked in the survey, and so looked for.
        assert_eq!(answers(run.took) as usize, DEPTH + 3);
    }

    #[tokio::test(start_paused = true)]
    async fn keeps_to_the_number_of_jobs() {
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
    async fn starts_the_longest_chain_first() {
        let mut graph = roles(3);
        let head = add(&mut graph, pool, "head", (), |it, ()| it);
        add(&mut graph, function, "tail", head, |it, head| it.using(&head));
        let mut world = World::new();
        world.jobs = 1;
        world.up(&graph).await.succeeded();
        assert_eq!(world.cloud.writes()[0], "create pool.head");
    }

    #[tokio::test(start_paused = true)]
    async fn writes_nothing_the_second_time() {
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
    async fn adopts_everything_when_the_state_is_lost() {
        let stack = stack();
        let world = World::with(&stack).await;
        world.disk.wipe();
        let run = world.up(&stack).await.succeeded();
        assert_eq!(run.with(|outcome| *outcome == Outcome::Adopted), all(&stack));
        assert_eq!(world.cloud.writes(), NONE);
        world.holds(&stack);
    }

    #[tokio::test(start_paused = true)]
    async fn adopts_without_a_survey_too() {
        let stack = stack();
        let world = World::with(&stack).await;
        world.disk.wipe();
        let run = world.up_blind(&stack).await.succeeded();
        assert_eq!(run.with(|outcome| *outcome == Outcome::Adopted), all(&stack));
        assert_eq!(world.cloud.writes(), NONE);
        world.holds(&stack);
    }

    #[tokio::test(start_paused = true)]
    async fn names_drift_and_puts_right_only_that() {
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
    async fn makes_again_what_somebody_removed_and_mends_what_was_made_from_it() {
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
    async fn stops_only_what_needs_what_failed() {
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
    async fn reports_every_cause_of_its_own() {
        let (world, stack) = (World::new(), stack());
        for call in ["create role.auth", "create client.app", "create pool.rest"] {
            world.cloud.on(call, 1, Fault::refuse());
        }
        assert_eq!(world.up(&stack).await.failed(), ["client.app", "pool.rest", "role.auth"]);
        world.keeps_promises();
    }

    #[tokio::test(start_paused = true)]
    async fn starts_nothing_more_once_all_is_doomed() {
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
    async fn refuses_a_stranger_and_leaves_him_alone() {
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
    async fn refuses_a_stranger_met_at_the_create() {
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
    async fn takes_exists_for_a_reason_to_look() {
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
    async fn mends_what_a_create_finds_in_its_way() {
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
    async fn recovers_every_lost_answer_by_itself() {
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
    async fn recovers_when_every_answer_is_lost() {
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
    async fn creates_again_what_an_unanswered_create_did_not_make() {
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
    async fn gives_up_a_create_that_is_never_answered() {
        let (world, stack) = (World::new(), half_a_stack());
        (1..=9).for_each(|nth| world.cloud.on("create pool.users", nth, Fault::fail(Cause::Unknown)));
        let run = world.up(&stack).await;
        assert_eq!(run.failed(), ["pool.users"]);
        world.calm();
        world.up(&stack).await.succeeded();
        world.holds(&stack);
    }

    #[tokio::test(start_paused = true)]
    async fn starts_no_dependent_of_what_it_could_not_save() {
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
    async fn lets_calls_in_flight_finish_after_a_failed_save() {
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
    async fn is_one_step_deep_when_all_is_on_record() {
        let stack = stack();
        let world = World::with(&stack).await;
        assert_eq!(depth(&world, &stack).await, 1);
        assert_eq!(world.cloud.most_in_flight(), all(&stack).len(), "all are asked before any answers");
    }

    #[tokio::test(start_paused = true)]
    async fn is_as_deep_as_the_graph_when_nothing_is() {
        let stack = stack();
        let world = World::with(&stack).await;
        world.disk.wipe();
        assert_eq!(depth(&world, &stack).await, DEPTH);
    }

    #[tokio::test(start_paused = true)]
    async fn looks_again_where_it_guessed_wrong() {
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
    async fn takes_what_hangs_under_nothing_for_absent_whatever_else_it_needs() {
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
    async fn takes_an_unreadable_one_for_neither_there_nor_gone() {
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
    async fn fails_where_every_look_would() {
        let stack = stack();
        let world = World::with(&stack).await;
        world.cloud.on("read role.exec", 1, Fault::fail(Cause::Fatal));
        assert_eq!(world.refresh(&stack).await.err().unwrap().cause, Cause::Fatal);
    }

    #[tokio::test(start_paused = true)]
    async fn is_what_a_plan_is_made_from() {
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
    async fn finds_a_row_to_write_where_the_record_is_behind() {
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
    async fn removes_everything_dependents_first_children_with_their_parent() {
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
    async fn needs_no_state_where_there_is_a_graph() {
        let stack = stack();
        let world = World::with(&stack).await;
        world.disk.wipe();
        world.down(&stack).await.succeeded();
        world.is_empty();
    }

    #[tokio::test(start_paused = true)]
    async fn of_nothing_is_nothing() {
        let world = World::new();
        world.down(&stack()).await.succeeded();
        assert_eq!(world.cloud.writes(), NONE);
        world.is_empty();
    }

    #[tokio::test(start_paused = true)]
    async fn goes_group_by_group() {
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
    async fn keeps_to_the_number_of_jobs() {
        let mut world = World::with(&roles(12)).await;
        world.jobs = 4;
        let run = world.down(&roles(12)).await.succeeded();
        assert_eq!(answers(run.took), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn keeps_what_a_survivor_needs_and_goes_on_with_the_rest() {
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
    async fn names_the_culprit_not_the_messenger() {
        let stack = stack();
        let world = World::with(&stack).await;
        world.cloud.on("delete role.edge", 1, Fault::refuse());
        let run = world.down(&stack).await;
        assert!(run.summary.skipped.iter().all(|(_, because)| because.as_str() == "role.edge"), "{:?}", run.skipped());
        assert_eq!(world.cloud.ours(), all(&stack), "all else is needed by it, but for what is needed by nothing");
    }

    #[tokio::test(start_paused = true)]
    async fn removes_a_circle_through_children() {
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
    async fn takes_what_is_gone_for_done() {
        let stack = stack();
        let world = World::with(&stack).await;
        world.cloud.lose("role.edge");
        world.cloud.lose("pool.rest");
        world.down(&Graph::default()).await.succeeded();
        world.is_empty();
    }

    #[tokio::test(start_paused = true)]
    async fn leaves_what_cannot_be_read_and_removes_all_else() {
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
    async fn removes_unread_what_its_recorded_id_proves_to_be_ours() {
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
    async fn keeps_what_something_unread_holds() {
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
    async fn looks_no_further_with_dead_credentials() {
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
    async fn is_held_up_only_by_what_holds() {
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
    async fn removes_what_is_no_longer_wanted_and_nothing_else() {
        let half = half_a_stack();
        let world = World::with(&stack()).await;
        let run = world.remove_unwanted(&half).await.succeeded();
        assert_eq!(went_along(&run), ["route.admin", "route.hello"]);
        assert!(deleted(&run).contains(&"client.app".to_owned()), "its parent stays, so it is removed by itself");
        world.up(&half).await.succeeded();
        world.holds(&half);
    }

    #[tokio::test(start_paused = true)]
    async fn forgets_an_unwanted_row_of_what_is_gone_already() {
        let half = half_a_stack();
        let world = World::with(&stack()).await;
        for gone in ["role.edge", "function.stage", "pool.rest", "function.check", "role.auth", "client.app"] {
            world.cloud.lose(gone);
        }
        world.remove_unwanted(&half).await.succeeded();
        world.holds(&half);
    }

    #[tokio::test(start_paused = true)]
    async fn starts_nothing_more_once_all_is_doomed() {
        let mut world = World::with(&roles(12)).await;
        world.jobs = 3;
        world.cloud.on("delete", 2, Fault::fail(Cause::Fatal));
        let run = world.down(&roles(12)).await;
        assert_eq!((deleted(&run).len(), run.failed().len()), (2, 1));
        world.down(&roles(12)).await.succeeded();
        world.is_empty();
    }

    #[tokio::test(start_paused = true)]
    async fn drains_after_a_failed_save() {
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
    async fn starts_nothing_more_and_lets_calls_in_flight_finish() {
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
    async fn waits_for_a_slow_one_and_saves_it() {
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
    async fn abandons_what_takes_too_long_and_the_next_run_finds_it() {
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
    async fn leaves_at_once_when_asked_twice() {
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
    async fn asked_for_before_it_begins_changes_nothing() {
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
    async fn asked_for_while_an_answer_arrives_starts_nothing_on_it() {
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
    async fn takes_an_answer_that_is_there_before_it_leaves() {
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
    async fn is_heard_between_a_look_and_a_create() {
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
    async fn is_heard_while_looking_at_everything() {
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
    async fn is_heard_while_looking_for_an_unanswered_create() {
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
    async fn drains_a_removal_too_and_the_next_one_finishes_it() {
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
    async fn of_a_removal_may_be_followed_by_up() {
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
    fn refuses_two_of_one_name() {
        add(&mut roles(1), role, "r00", (), |it, ()| it);
    }

    #[test]
    #[should_panic(expected = "role is registered twice")]
    fn has_one_type_for_a_kind() {
        let world = World::new();
        let _ = registry(&world.cloud).with::<Thing<Role>>(world.cloud.clone());
    }

    #[test]
    fn knows_a_need_once_however_often_it_is_used() {
        let mut graph = roles(0);
        let users = add(&mut graph, pool, "users", (), |it, ()| it);
        let needs = ((users, vec![users, users]), users);
        under(&mut graph, users, client, "web", needs, |it, ((one, _), _)| it.mentioning(&one));
        assert_eq!(graph.needs(&Id::new("client", "web")), [&Id::new("pool", "users")]);
    }

    #[tokio::test(start_paused = true)]
    async fn of_an_unknown_kind_on_record_is_not_taken_for_gone() {
        let world = World::with(&roles(2)).await;
        let mut state = world.disk.state();
        state.resources.get_mut("role.r01").unwrap().kind = "of tomorrow".into();
        state.serial += 1;
        world.disk.clone().save(&state).await.unwrap();
        let run = world.down(&Graph::default()).await;
        assert_eq!(run.unseen.len(), 1);
        assert!(run.unseen[0].1.context.contains("of tomorrow"), "{:?}", run.unseen);
        assert_eq!(world.cloud.ours(), ["role.r01"], "what this version knows is removed");
        assert!(world.disk.state().resources.contains_key("role.r01"));
    }
}
