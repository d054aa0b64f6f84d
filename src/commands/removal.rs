//! The text and the exit code of `down` and `sweep`: the resources to remove, the result of the removal, and the
//! resources that are left.

use serde_json::{Value, json};

use super::tables::{self, Kept};
use super::{Ending, api_keys, pools, queues};
use crate::aws::Clients;
use crate::aws::kind::{CleanupGroup, cleanup_position, must_go_first};
use crate::engine::{
    CancellationToken, Cleanup, Failure, Id, Inventory, InventoryItem, Outcome, Registry, Removal, Removed, Run,
    Spared, Target, UnreadTarget,
};
use crate::error::{Error, Kind};
use crate::report::{
    self, LOG_POLICY, LOG_ROLE, Output, answer, id_width, left_text, others_text, quoted, recoverable_text, say,
    summary_line,
};
use crate::scope::Scope;
use crate::state::{State, StateStore};

/// The order in which a stack is removed.
pub(super) const ORDER: Cleanup = Cleanup { group: cleanup_position, holds: must_go_first };

/// The kind of an HTTP API. AWS writes [`LOG_POLICY`] for its access logs.
const HTTP_API: &str = <crate::aws::apigatewayv2::HttpApi as crate::engine::Resource>::KIND;

/// The kind of a REST API. Its access and execution logs need the role of [`LOG_ROLE`].
const REST_API: &str = <crate::aws::apigateway::RestApi as crate::engine::Resource>::KIND;

/// The kind of a log group.
const LOG_GROUP: &str = <crate::aws::logs::LogGroup as crate::engine::Resource>::KIND;

/// The name prefixes of log groups with logs of APIs.
const API_LOGS: [&str; 2] = ["/aws/vendedlogs/apis/", crate::aws::logs::EXECUTION_LOGS];

/// The kind of a secret. A deleted secret can be recovered for some days.
const SECRET: &str = <crate::aws::secretsmanager::Secret as crate::engine::Resource>::KIND;

pub(super) fn removal(stack: &str, purge: bool, spared: Spared) -> Removal<'_> {
    Removal { stack, cleanup: ORDER, purge, spared }
}

/// A line for each loss of data with the resources in `targets`. `seen` has the pools that were already read.
///
/// # Errors
/// A pool is protected from deletion, or the credentials are not accepted. Nothing has been removed then.
pub(super) async fn lost(
    clients: &Clients,
    targets: &[Target],
    seen: &pools::Seen,
    again: &str,
) -> Result<Vec<String>, Error> {
    let (users, messages) =
        tokio::try_join!(pools::lost_users(clients, targets, seen, again), queues::lost_by_removal(clients, targets),)?;
    let (items, keys) = (tables::lost_by_removal(targets), api_keys::lost_by_removal(targets));
    Ok([users, messages, items, keys].concat())
}

/// The flags with which the AWS CLI uses the same region, account and endpoint as this run.
pub(super) fn at(region: &str, profile: Option<&str>, endpoint: Option<&str>) -> String {
    let flag =
        |name: &str, value: Option<&str>| value.map(|value| format!(" --{name} {}", quoted(value))).unwrap_or_default();
    format!("--region {region}{}{}", flag("profile", profile), flag("endpoint-url", endpoint))
}

/// Removes the state of a stack that is gone. If some of its secrets or keys can still be restored, the state stays
/// without resources, for its lineage. Returns whether the stack is gone.
pub(super) async fn finish(
    removed: &Removed,
    stack: &str,
    state: &State,
    store: &mut dyn StateStore,
) -> Result<bool, Error> {
    if !removed.is_clean() || !state.resources.is_empty() {
        return Ok(false);
    }
    if state.serial > 0 && removed.inventory.of(stack).any(|one| one.until.is_some()) {
        store.save(state).await?;
    } else {
        store.delete().await?;
    }
    Ok(true)
}

/// Prints a removal, in words or as JSON.
pub(super) struct Report<'a> {
    /// `down` or `sweep`.
    pub verb: &'static str,
    /// The command that continues an incomplete removal.
    pub again: String,
    pub scope: &'a Scope,
    /// See [`at`].
    pub at: String,
    pub output: Output,
    pub registry: &'a Registry,
    pub jobs: usize,
    pub stop: &'a CancellationToken,
    /// Whether secrets are deleted permanently.
    pub purge: bool,
    /// Somebody else's resources that were already printed.
    pub foreign: &'a [(Id, Failure)],
    /// The tables that stay with their data, and the key that encrypts them.
    pub kept: &'a [Kept],
}

/// The resources that a report lists besides those that were removed and those that are left.
struct Around {
    /// Deleted secrets and keys that can be recovered.
    recoverable: Vec<InventoryItem>,
    /// Somebody else's resources with names like ours.
    others: Vec<InventoryItem>,
    /// A text about settings of the whole account that were created for a removed resource and stay.
    shared: Option<String>,
}

impl Report<'_> {
    fn say(&self, text: &str) {
        if !self.output.json && !self.output.quiet {
            say(text);
        }
    }

    /// Prints the resources that will be removed, in their order, and a warning if values are lost.
    pub(super) fn announce(&self, targets: &[Target]) {
        self.say(&listing(targets));
        if let Some(warning) = self.warning(targets) {
            self.say(&warning);
        }
    }

    /// Says which secrets are deleted permanently.
    fn warning(&self, targets: &[Target]) -> Option<String> {
        let secrets: Vec<&str> =
            targets.iter().filter(|target| target.kind == SECRET).map(|target| target.id.parts().1).collect();
        (self.purge && !secrets.is_empty())
            .then(|| format!("--purge permanently deletes the values of these secrets: {}", secrets.join(", ")))
    }

    fn around(&self, removed: &Removed) -> Around {
        let Removed { inventory, targets, .. } = removed;
        let named = |one: &InventoryItem| self.foreign.iter().any(|(_, failure)| is_of(failure, one));
        // A topic's subscriptions are deleted with it, stay listed for a while, and carry no tag.
        let went = |one: &InventoryItem| {
            let arns = targets.iter().filter_map(|target| target.outputs["arn"].as_str());
            arns.into_iter().any(|arn| one.arn.strip_prefix(arn).is_some_and(|rest| rest.starts_with(':')))
        };
        let stack = &self.scope.stack;
        let others = inventory.others(stack).filter(|one| !named(one) && !went(one)).cloned().collect();
        let recoverable = recoverable(inventory, stack, self.purge);
        let any = |kind: &str| targets.iter().any(|target| target.kind == kind);
        let logs = |target: &Target| {
            let name = target.outputs["name"].as_str().unwrap_or_default();
            target.kind == LOG_GROUP && API_LOGS.iter().any(|place| name.starts_with(place))
        };
        let by_role = any(REST_API) && targets.iter().any(logs);
        let shared = [any(HTTP_API).then_some(LOG_POLICY), by_role.then_some(LOG_ROLE)];
        let shared: Vec<&str> = shared.into_iter().flatten().collect();
        Around { recoverable, others, shared: (!shared.is_empty()).then(|| shared.join("\n")) }
    }

    /// Removes `targets` and shows the run.
    pub(super) async fn carry_out(
        &self,
        removal: &Removal<'_>,
        state: &mut State,
        store: &mut dyn StateStore,
        targets: Vec<Target>,
        unread: Vec<UnreadTarget>,
    ) -> Result<Removed, Error> {
        let mut reporter = report::reporter(self.output, id_width(targets.iter().map(|target| &target.id)));
        let mut run = Run {
            registry: self.registry,
            state,
            store,
            jobs: self.jobs,
            stop: self.stop,
            tell: &mut |event| reporter.on(&event),
        };
        let removed = removal.remove(&mut run, targets, unread).await;
        // Also after a failure: the progress display must not stay on the screen.
        reporter.finish();
        Ok(removed?)
    }

    /// Prints the result. `on_record` is the number of resources that are still in the state, including those in
    /// `kept`.
    pub(super) fn tell(&self, removed: &Removed, on_record: usize) {
        let on_record = on_record.saturating_sub(self.kept.len());
        let Removed { done, elapsed, left, inventory, .. } = removed;
        let Around { recoverable, others, shared } = self.around(removed);
        if self.output.json {
            let windows: Vec<Value> = recoverable
                .iter()
                .map(|one| {
                    let mut window = json!({ "id": one.id, "kind": one.kind, "arn": one.arn, "until_unix": one.until });
                    if one.kind == SECRET {
                        window["secret"] = one.id.parts().1.into();
                    }
                    window
                })
                .collect();
            let extra = json!({
                "left": left, "not_looked_for": inventory.unread, "recoverable": windows, "not_ours": others,
                "on_record": on_record, "shared": shared, "kept": self.kept,
            });
            answer(&summary_line(self.verb, done, *elapsed, extra));
            return;
        }
        if self.output.quiet {
            return;
        }
        let gone = done.count(|outcome| matches!(outcome, Outcome::Deleted | Outcome::WentWithParent));
        let nothing = done.done.is_empty() && done.failed.is_empty() && left.is_empty();
        if !done.stopped && !nothing {
            let seen = left.iter().filter(|one| one.seen).count();
            let perhaps = left.len() - seen;
            // Each record is of a resource that exists or could not be read.
            let count = seen.max(on_record.saturating_sub(perhaps));
            let perhaps = if perhaps == 0 { String::new() } else { format!(", {perhaps} may remain") };
            say(&format!("{gone} removed, {count} left{perhaps}."));
        }
        for text in [
            left_text(left, &inventory.unread, &self.at),
            others_text(&others, &self.scope.stack),
            recoverable_text(&recoverable),
            tables::text(self.kept, &self.again),
            shared.unwrap_or_default(),
        ] {
            if !text.is_empty() {
                say(&text);
            }
        }
    }

    /// Exit code 0 if nothing is left, 4 if something is or may be.
    pub(super) fn ending(&self, removed: &Removed) -> Result<Ending, Error> {
        let Removed { done, left, inventory, .. } = removed;
        if removed.is_clean() {
            return Ok(Ending::Done);
        }
        if removed.is_cut_short() {
            super::outcome_of(done, &self.again).map_err(Error::summed_up)?;
        }
        let seen = left.iter().filter(|one| one.seen).count();
        let told = left.iter().map(|one| &one.id);
        // Resources whose removal failed, but which no longer exist.
        let failed = done.failed.iter().filter(|(id, _)| !told.clone().any(|told| told == id)).count();
        let count = |count: usize, one: &str, more: &str| match count {
            0 => None,
            1 => Some(format!("1 resource {one}")),
            count => Some(format!("{count} resources {more}")),
        };
        let what = [
            count(seen, "is still there", "are still there"),
            count(left.len() - seen, "may still be there", "may still be there"),
            count(failed, "was not removed cleanly", "were not removed cleanly"),
            (!inventory.unread.is_empty())
                .then(|| "some services could not be listed, so resources may remain".to_owned()),
        ];
        let what: Vec<String> = what.into_iter().flatten().collect();
        let (again, stack) = (&self.again, &self.scope.stack);
        let sweep = format!("sweep --stack {stack}");
        let error = Error::new(Kind::Resource, what.join("; "))
            .hint("see the reasons above")
            .hint(format!("fix the cause, then run `securelambda {again}` to continue"));
        let error = if again.starts_with(&sweep) {
            error
        } else {
            error.hint(format!("`securelambda {sweep}` finds resources by the stack's tag, without the state file"))
        };
        Err(error.summed_up())
    }
}

/// The deleted secrets and the key of a stack that can be recovered.
pub(super) fn recoverable(inventory: &Inventory, stack: &str, purge: bool) -> Vec<InventoryItem> {
    inventory.of(stack).filter(|one| one.until.is_some() && (!purge || one.ends_by_itself)).cloned().collect()
}

/// The resources that will be removed, in the documented order.
fn listing(targets: &[Target]) -> String {
    let mut text = String::from("These resources will be removed, in this order:\n");
    for (index, group) in CleanupGroup::ALL.iter().enumerate() {
        let ids: Vec<&str> =
            targets.iter().filter(|target| cleanup_position(&target.kind) == index).map(|t| t.id.as_str()).collect();
        if !ids.is_empty() {
            text += &format!("  {}. {}\n     {}\n", index + 1, group.title(), ids.join(", "));
        }
    }
    text.trim_end().to_owned()
}

/// Whether a [`Failure::foreign`] is about this resource.
fn is_of(failure: &Failure, one: &InventoryItem) -> bool {
    failure.resource.as_ref() == Some(&one.arn)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Comparison, Resource};

    #[derive(Clone)]
    struct LogGroup;

    impl Resource for LogGroup {
        const KIND: &'static str = "logs.group";
        const GOES_WITH_PARENT: bool = false;
        const NAME_IS_UNIQUE: bool = true;
        const ID_IS_GIVEN_ONCE: bool = false;
        const GUARDS: bool = false;
        type Key = ();
        type Outputs = Value;
        type Live = ();
        fn key(&self) {}
        fn identity(outputs: &Value) -> String {
            outputs["arn"].to_string()
        }
        fn removal_command(_: &Value) -> Option<String> {
            None
        }
        fn compare(&self, (): &()) -> Comparison {
            Comparison::default()
        }
    }

    #[test]
    fn printed_commands_reach_the_same_region_account_and_endpoint() {
        assert_eq!(at("eu-central-1", None, None), "--region eu-central-1");
        let all = "--region us-east-1 --profile op --endpoint-url http://127.0.0.1:9";
        assert_eq!(at("us-east-1", Some("op"), Some("http://127.0.0.1:9")), all);
        assert_eq!(at("us-east-1", Some("my profile"), None), "--region us-east-1 --profile 'my profile'");
    }

    #[test]
    fn a_failure_about_one_resource_does_not_hide_another_whose_name_begins_in_the_same_way() {
        let listed = ["orders", "orders-2"].map(|name| {
            let arn = format!("arn:{name}");
            InventoryItem::new::<LogGroup>((name, &arn), None, |_| (), &json!({ "arn": arn }))
        });
        let told = Failure::foreign("the log group", "arn:orders-2");
        let named: Vec<&str> = listed.iter().filter(|one| is_of(&told, one)).map(|one| one.arn.as_str()).collect();
        assert_eq!(named, ["arn:orders-2"]);
    }
}
