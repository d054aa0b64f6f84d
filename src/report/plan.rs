//! The plan of `up` as text and as JSON.

use console::pad_str;
use serde::Serialize;
use serde_json::{Value, json};

use super::palette::Palette;
use super::words::tally;
use super::{drift, failure, id_width};
use crate::engine::{Change, Drift, Id, Plan};
use crate::outputs::SCHEMA_VERSION;

struct Entry<'a> {
    mark: String,
    id: &'a Id,
    remark: String,
    details: Vec<String>,
    /// Whether the stack is less protected than it should be.
    weakened: bool,
}

/// The settings to show for a resource that is created.
pub(super) type Settings<'a> = &'a dyn Fn(&Id) -> Vec<String>;

/// A line for each resource that would change, followed by its settings or differences. Resources with reduced protection
/// come first, followed by those to create, to change, to remove and to refuse. Each group is in the plan's order.
pub fn plan_text(plan: &Plan, settings: Settings, palette: Palette) -> String {
    let entries = entries(plan, settings, palette);
    let column = id_width(entries.iter().map(|entry| entry.id));
    let lines: Vec<String> = entries.iter().flat_map(|entry| entry.lines(column)).collect();
    lines.join("\n")
}

/// The counts of a plan, in one line, which is shown last.
pub fn plan_summary(plan: &Plan) -> String {
    let mut text = Tally::of(plan).text();
    let only_records = plan.changes.iter().all(|(_, _, change)| *change == Change::Keep) && plan.removals.is_empty();
    if !plan.outdated.is_empty() && only_records {
        let ids: Vec<&str> = plan.outdated.iter().map(Id::as_str).collect();
        text += &format!(" `up` only renews the records of unchanged resources: {}.", ids.join(", "));
    }
    text
}

/// The plan as Markdown, for a comment on a pull request: the counts, and the changes as a block that GitHub colours. A
/// long block is folded.
pub fn plan_markdown(plan: &Plan, settings: Settings, title: &str, on_emulator: bool, notes: &[String]) -> String {
    /// The most lines that are not folded.
    const LINES: usize = 25;
    let entries = entries(plan, settings, Palette { color: false, unicode: true });
    let column = id_width(entries.iter().map(|entry| entry.id));
    let lines: Vec<String> = entries.iter().flat_map(|entry| entry.lines(column)).collect();
    // GitHub colours lines by their first character, and knows no sign for a change but this one.
    let coloured = lines.iter().map(|line| match line.strip_prefix(['~', '±']) {
        Some(rest) => format!("!{rest}"),
        None => line.clone(),
    });
    let block = coloured.collect::<Vec<_>>().join("\n");
    let weakened = entries.iter().any(|entry| entry.weakened);
    let mut text = format!("### Plan of {title}\n\n**{}**\n", Tally::of(plan).text());
    if weakened {
        text += "\n⚠️ The stack is less protected than the stack file says. `up` repairs what is marked with `!` inside an entry.\n";
    }
    if on_emulator {
        text += "\nThis is an emulator, not AWS.\n";
    }
    if !block.is_empty() {
        // A block ends at a fence that is as long as its first one.
        let fence = "`".repeat(block.lines().map(|line| line.matches('`').count()).max().unwrap_or(0).max(2) + 1);
        let block = format!("{fence}diff\n{block}\n{fence}\n");
        text += &if lines.len() > LINES {
            format!("\n<details><summary>{} lines</summary>\n\n{block}\n</details>\n", lines.len())
        } else {
            format!("\n{block}")
        };
    }
    for note in notes {
        text += &format!("\n- {}\n", note.replace('\n', " "));
    }
    text.trim_end().to_owned()
}

/// The resources that would change, in the order in which they are shown.
fn entries<'a>(plan: &'a Plan, settings: Settings, palette: Palette) -> Vec<Entry<'a>> {
    let mut groups: [Vec<Entry>; 5] = Default::default();
    for (id, _, change) in &plan.changes {
        let entry = |mark: String, remark: &str, details: Vec<String>| Entry {
            mark,
            id,
            remark: remark.to_owned(),
            details,
            weakened: false,
        };
        match change {
            Change::Keep => {}
            Change::Create if plan.lost_guards.contains(id) => {
                let lost = palette.warn("! was deleted; protection reduced");
                groups[0].push(entry(palette.good("+"), "", vec![lost]));
            }
            Change::Create => {
                let settings = settings(id).into_iter().map(|line| palette.dim(&format!("  {line}"))).collect();
                groups[1].push(entry(palette.good("+"), "", settings));
            }
            Change::Adopt => groups[1].push(entry(palette.good("+"), "(already exists)", Vec::new())),
            Change::Update { drift } => {
                let group = if weakened(drift) { 0 } else { 2 };
                groups[group].push(entry(palette.warn("~"), "", drift::lines(drift, palette)));
            }
            Change::Replace { moved } => {
                let details = drift::lines(moved, palette);
                groups[2].push(entry(palette.warn("±"), "create the new one, then remove the old one", details));
            }
            Change::KnownAfterApply { drift } => {
                let (group, remark) =
                    if weakened(drift) { (0, "(depends on changes below)") } else { (2, "(depends on changes above)") };
                groups[group].push(entry(palette.warn("~"), remark, drift::lines(drift, palette)));
            }
            Change::Refuse { failure } => {
                let details = failure::lines(failure, palette, usize::MAX);
                groups[4].push(entry(palette.failed(), "", details));
            }
        }
    }
    for id in &plan.removals {
        groups[3].push(Entry {
            mark: palette.bad("-"),
            id,
            remark: String::new(),
            details: Vec::new(),
            weakened: false,
        });
    }

    groups[0].iter_mut().for_each(|entry| entry.weakened = true);
    groups.into_iter().flatten().collect()
}

impl Entry<'_> {
    fn lines(&self, column: usize) -> Vec<String> {
        let id = pad_str(self.id.as_str(), column, console::Alignment::Left, None);
        let first = format!("{} {id}  {}", self.mark, self.remark);
        let details = self.details.iter().map(|detail| format!("    {detail}"));
        std::iter::once(first.trim_end().to_owned()).chain(details).collect()
    }
}

/// The plan as a JSON document: `schema_version`, `changes` (each with `id`, `kind`, `action` and, depending on the
/// action, `drift`, `moved` or `failure`), `removals`, `lost_guards` and `outdated` (ids) and `counts` by action.
pub fn plan_json(plan: &Plan) -> Value {
    let changes: Vec<PlannedChange> =
        plan.changes.iter().map(|(id, kind, change)| PlannedChange { id, kind, change }).collect();
    let tally = Tally::of(plan);
    json!({
        "schema_version": SCHEMA_VERSION,
        "changes": changes,
        "removals": plan.removals,
        "lost_guards": plan.lost_guards,
        "outdated": plan.outdated,
        "counts": {
            "create": tally.create, "adopt": tally.adopt, "update": tally.update, "replace": tally.replace,
            "depends": tally.depends,
            "remove": tally.remove, "keep": tally.keep, "refuse": tally.refuse,
        },
    })
}

#[derive(Serialize)]
struct PlannedChange<'a> {
    id: &'a Id,
    kind: &'a str,
    #[serde(flatten)]
    change: &'a Change,
}

/// The number of resources by action.
#[derive(Default)]
struct Tally {
    create: usize,
    adopt: usize,
    update: usize,
    replace: usize,
    depends: usize,
    remove: usize,
    keep: usize,
    refuse: usize,
}

impl Tally {
    fn of(plan: &Plan) -> Self {
        let mut tally = Self { remove: plan.removals.len(), ..Self::default() };
        for (_, _, change) in &plan.changes {
            *match change {
                Change::Keep => &mut tally.keep,
                Change::Adopt => &mut tally.adopt,
                Change::Create => &mut tally.create,
                Change::Update { .. } => &mut tally.update,
                Change::Replace { .. } => &mut tally.replace,
                Change::KnownAfterApply { .. } => &mut tally.depends,
                Change::Refuse { .. } => &mut tally.refuse,
            } += 1;
        }
        tally
    }

    fn text(&self) -> String {
        let Self { create, update, remove, .. } = self;
        let rest = tally(&[
            (self.replace, "to replace"),
            (self.adopt, "to adopt"),
            (self.depends, "dependent on other changes"),
            (self.keep, "unchanged"),
            (self.refuse, "refused"),
        ]);
        let comma = if rest.is_empty() { "" } else { ", " };
        format!("Plan: {create} to create, {update} to change, {remove} to remove{comma}{rest}.")
    }
}

fn weakened(drift: &[Drift]) -> bool {
    drift.iter().any(|drift| drift.weakens)
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;
    use crate::engine::Failure;

    const UNICODE: Palette = Palette { color: false, unicode: true };

    fn settings(id: &Id) -> Vec<String> {
        if id.as_str() == "api.api" { vec!["two routes".to_owned()] } else { Vec::new() }
    }

    fn mixed() -> Plan {
        let drift = vec![Drift::new("memory", 128, 256)];
        let weaker = vec![Drift::new("description", "development", ""), Drift::weakening("rate limit", 50, 10000)];
        let failure = Failure::foreign("topic acme-greetings", "arn:aws:sns:eu-west-1:123456789012:acme-greetings");
        let change = |what: &str, name: &str, kind, change| (Id::new(what, name), kind, change);
        Plan {
            changes: vec![
                change("role", "InternalLambda", "iam.role", Change::Keep),
                change("topic", "greetings", "sns.topic", Change::Refuse { failure }),
                change("function", "InternalLambda", "lambda.function", Change::Update { drift }),
                change("log-group", "InternalLambda", "logs.group", Change::Adopt),
                change("api", "api", "apigateway.rest-api", Change::Create),
                change("firewall", "association", "wafv2.association", Change::Create),
                change("method", "POST /lambda1", "apigateway.method", Change::KnownAfterApply { drift: Vec::new() }),
                change("stage", "development", "apigateway.stage", Change::Update { drift: weaker }),
            ],
            removals: vec![Id::new("role", "Old")],
            lost_guards: vec![Id::new("firewall", "association")],
            unchangeable: Vec::new(),
            outdated: Vec::new(),
        }
    }

    #[test]
    fn a_plan_with_every_action() {
        assert_snapshot!(plan_text(&mixed(), &settings, UNICODE), @"
        + firewall.association
            ! was deleted; protection reduced
        ~ stage.development
            ! rate limit: 10000 → 50
              description: (none) → development
        + log-group.InternalLambda  (already exists)
        + api.api
              two routes
        ~ function.InternalLambda
              memory: 256 → 128
        ~ method.POST /lambda1      (depends on changes above)
        - role.Old
        ✗ topic.greetings
            topic acme-greetings exists and does not belong to this stack: arn:aws:sns:eu-west-1:123456789012:acme-greetings
            hint: choose another --stack name, or remove that resource yourself; it was not touched
        ");
        assert_snapshot!(plan_summary(&mixed()), @"Plan: 2 to create, 2 to change, 1 to remove, 1 to adopt, 1 dependent on other changes, 1 unchanged, 1 refused.");
        assert!(plan_text(&mixed(), &settings, Palette::default()).is_ascii());
    }

    #[test]
    fn what_weakens_comes_first_although_the_rest_depends_on_other_changes() {
        let mut plan = mixed();
        let open = vec![Drift::weakening("GET /h AuthorizationType", "JWT", "NONE")];
        let drift = Change::KnownAfterApply { drift: open };
        plan.changes = vec![
            (Id::new("client", "writer"), "cognito.client", Change::Create),
            (Id::new("api", "routes"), "apigatewayv2.routes", drift),
        ];
        plan.removals.clear();
        assert_snapshot!(plan_text(&plan, &settings, UNICODE), @r"
        ~ api.routes     (depends on changes below)
            ! GET /h AuthorizationType: NONE → JWT
        + client.writer
        ");
        assert_eq!(plan_json(&plan)["changes"][1]["drift"][0]["weakens"], true);
    }

    #[test]
    fn plans_with_only_creations_and_without_changes() {
        let of = |change: &Change| Plan {
            changes: ["A", "B"].map(|name| (Id::new("topic", name), "sns.topic", change.clone())).to_vec(),
            removals: Vec::new(),
            lost_guards: Vec::new(),
            unchangeable: Vec::new(),
            outdated: Vec::new(),
        };
        assert_snapshot!(plan_text(&of(&Change::Create), &settings, UNICODE), @"
        + topic.A
        + topic.B
        ");
        assert_eq!(plan_summary(&of(&Change::Create)), "Plan: 2 to create, 0 to change, 0 to remove.");
        assert_snapshot!(plan_summary(&of(&Change::Keep)), @"Plan: 0 to create, 0 to change, 0 to remove, 2 unchanged.");
    }

    #[test]
    fn a_plan_as_json() {
        let mut plan = mixed();
        plan.changes.drain(..2);
        plan.changes.truncate(2);
        let drift = json!([{ "field": "memory", "want": "128", "live": "256", "weakens": false }]);
        let expected = json!({
            "schema_version": 1,
            "changes": [
                { "id": "function.InternalLambda", "kind": "lambda.function", "action": "update", "drift": drift },
                { "id": "log-group.InternalLambda", "kind": "logs.group", "action": "adopt" },
            ],
            "removals": ["role.Old"],
            "lost_guards": ["firewall.association"],
            "outdated": [],
            "counts": { "create": 0, "adopt": 1, "update": 1, "replace": 0, "depends": 0, "remove": 1, "keep": 0, "refuse": 0 },
        });
        assert_eq!(plan_json(&plan), expected);
    }
}
