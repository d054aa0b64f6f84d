//! `ci role`: creates the roles that the workflow of `ci github` runs as, in the user's account. They belong to the
//! account and not to the stack, as the OIDC provider does that they trust.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::ask::confirm;
use super::ci::{base, check_previews, scope_of_previews};
use super::policy::{least, offline};
use super::session::{refuse_root, who_am_i};
use super::states::stored;
use super::{Ending, note_unless};
use crate::args;
use crate::aws::Clients;
use crate::aws::iam::{AUDIENCE, CI_TAG, FoundWorkflowRole, GITHUB, Iam, Step, WorkflowRole, provider_arn};
use crate::ci::{Purpose, preview_stack, role_trust};
use crate::config::Config;
use crate::engine::Task;
use crate::error::{Error, Kind};
use crate::operator::{CommandName, Document};
use crate::outputs::SCHEMA_VERSION;
use crate::policy::Policy;
use crate::report::{answer, counted, quoted};
use crate::scope::Scope;
use crate::spec::Stack;
use crate::state::State;

/// A role, with its documents as `policy` prints them.
struct Wanted {
    purpose: Purpose,
    role: WorkflowRole,
    documents: Vec<(String, Document)>,
}

/// Creates the roles, or prints what would be created.
pub(super) async fn create(args: &args::CiRole, config: &Config) -> Result<Ending, Error> {
    let (base, _) = base(config)?;
    if args.previews {
        check_previews(&base)?;
    }
    if let Some(account) = &args.account {
        let scope = offline(account, config)?;
        return print(args, config, &scope, &wanted(args, config, &base, (&scope, None, None))?);
    }
    let (clients, caller, endpoint) = who_am_i(config).await?;
    let state = stored(config, &clients, endpoint.as_deref()).read().await?;
    let wanted = wanted(args, config, &base, (&clients.scope, endpoint.as_deref(), state.as_ref()))?;
    if args.print {
        return print(args, config, &clients.scope, &wanted);
    }
    refuse_root(&caller, endpoint.as_deref())?;
    complete(args, config, &clients, &wanted).await
}

/// The purposes of the roles, each with the name of its stack and the commands that it runs.
fn purposes<'a>(
    args: &args::CiRole,
    config: &'a Config,
    base: &'a Stack,
) -> Vec<(Purpose, &'a str, &'static [CommandName])> {
    use CommandName::{Down, Plan, Sweep, Up, Verify};
    let stack = config.stack.name.as_str();
    let previews = (Purpose::Preview, base.name.as_str(), &[Up, Verify, Down, Sweep][..]);
    let all = [(Purpose::Deploy, stack, &[Up, Verify][..]), (Purpose::Plan, stack, &[Plan][..])];
    all.into_iter().chain(args.previews.then_some(previews)).collect()
}

/// The roles as they should be. Each has exactly the documents that `policy` prints for its commands.
fn wanted(
    args: &args::CiRole,
    config: &Config,
    base: &Stack,
    (scope, endpoint, state): (&Scope, Option<&str>, Option<&State>),
) -> Result<Vec<Wanted>, Error> {
    let repository = args.repository.as_ref().ok_or_else(|| Error::usage("--repository is missing"))?;
    let roles = purposes(args, config, base).into_iter().map(|(purpose, stack, works)| {
        let documents = match purpose {
            Purpose::Preview => {
                let config = Config { stack: base.clone(), ..config.clone() };
                least(&config, &scope_of_previews(scope, base), endpoint, works, None)?
            }
            _ => least(config, scope, endpoint, works, state)?,
        };
        let role = purpose.role(stack);
        let names = (1..).map(|number| format!("{role}-{number}"));
        let documents: Vec<(String, Document)> = names.zip(documents).collect();
        let policies = documents.iter().map(|(name, document)| Ok((name.clone(), policy_of(document)?)));
        let role = WorkflowRole {
            stack: stack.to_owned(),
            description: description(purpose, stack),
            trust: role_trust(purpose, (repository, &args.branch), (&provider_arn(scope), GITHUB, AUDIENCE)),
            policies: policies.collect::<Result<_, Error>>()?,
            name: role,
        };
        Ok(Wanted { purpose, role, documents })
    });
    roles.collect()
}

fn policy_of(document: &Document) -> Result<Policy, Error> {
    let text = serde_json::to_string(document).map_err(|error| Error::other(error.to_string()))?;
    Policy::parse(&text).map_err(|error| Error::other(error.to_string()))
}

/// IAM takes only characters of Latin 1. It does not name the repository, which may change.
fn description(purpose: Purpose, stack: &str) -> String {
    let what = match purpose {
        Purpose::Deploy => format!("Deploys the stack {stack}"),
        Purpose::Plan => format!("Plans the stack {stack} on pull requests"),
        Purpose::Preview => format!("Stacks of pull requests, {}", preview_stack(stack, "NUMBER")),
    };
    format!("{what} (securelambda ci role)")
}

/// Creates what is missing and changes what differs, after a question.
async fn complete(args: &args::CiRole, config: &Config, clients: &Clients, wanted: &[Wanted]) -> Result<Ending, Error> {
    let (iam, scope) = (Iam::new(clients), &clients.scope);
    let provider = iam.github_provider().await?;
    if let Some(audiences) = provider.as_ref().filter(|audiences| !audiences.iter().any(|one| one == AUDIENCE)) {
        return Err(unsuitable(audiences, scope));
    }
    let mut changes = Vec::new();
    for Wanted { role, .. } in wanted {
        let found = iam.workflow_role(role).await?;
        changes.push((role, role.steps(&found, scope)));
    }
    let tell = note_unless(config.output.quiet || config.output.json);
    let lines = lines(provider.is_none(), &changes);
    if lines.is_empty() {
        tell("Nothing to do: the roles are as they should be.");
    } else {
        tell(&format!("Account {}:\n{}", scope.account, lines.join("\n")));
        if let Some(repository) = args.repository.as_ref().filter(|_| !config.yes) {
            let question = format!("Trust {repository} (branch {}) with these roles?", args.branch);
            confirm(config.output, &question).await?;
        }
        if provider.is_none() {
            iam.create_github_provider().await?;
        }
        carry_out(&iam, config, &changes).await?;
    }
    if config.output.json {
        let roles: Vec<Value> = wanted.iter().map(|wanted| described(wanted, scope)).collect();
        let document = json!({ "schema_version": SCHEMA_VERSION, "provider": provider_arn(scope), "changes": lines, "roles": roles });
        answer(&super::pretty(&document));
    } else {
        for Wanted { role, .. } in wanted {
            answer(&role.arn(scope));
        }
    }
    for note in notes(args, config, provider.is_some()) {
        tell(&note);
    }
    Ok(Ending::Done)
}

/// The provider belongs to the account, so the program does not change it.
fn unsuitable(audiences: &[String], scope: &Scope) -> Error {
    let arn = provider_arn(scope);
    Error::new(
        Kind::Resource,
        format!("the account's OIDC provider for GitHub accepts {} and not {AUDIENCE}", audiences.join(", ")),
    )
    .hint("it belongs to the account, so it was not changed; an administrator can add the audience:")
    .hint(format!(
        "aws iam add-client-id-to-open-id-connect-provider --open-id-connect-provider-arn {arn} --client-id {AUDIENCE}"
    ))
}

async fn carry_out(iam: &Iam, config: &Config, changes: &[(&WorkflowRole, Vec<Step>)]) -> Result<(), Error> {
    for (role, steps) in changes {
        let task = Task::detached(&*role.name).at(config.connection.time_scale);
        for step in steps {
            iam.change_workflow_role(role, step, &task).await?;
        }
    }
    Ok(())
}

/// The changes as lines for the user.
fn lines(new_provider: bool, changes: &[(&WorkflowRole, Vec<Step>)]) -> Vec<String> {
    let provider = new_provider.then(|| format!("  + the account's OIDC provider for GitHub, {GITHUB}"));
    let steps =
        changes.iter().flat_map(|(role, steps)| steps.iter().map(|step| format!("  {}", line(&role.name, step))));
    provider.into_iter().chain(steps).collect()
}

fn line(role: &str, step: &Step) -> String {
    let last = |arn: &str| arn.rsplit('/').next().unwrap_or(arn).to_owned();
    match step {
        Step::CreateRole => format!("+ the role {role}"),
        Step::SetTrust => format!("~ who may assume the role {role}"),
        Step::CreatePolicy(name) => format!("+ the policy {name}"),
        Step::UpdatePolicy(name) => format!("~ the policy {name}"),
        Step::Attach(arn) => format!("~ the role {role}: attach {}", last(arn)),
        Step::Detach(arn) => format!("~ the role {role}: detach {arn}"),
        Step::DeleteInlinePolicy(name) => format!("- the inline policy {name} of the role {role}"),
        Step::DeletePolicy(name) => format!("- the policy {name}"),
        Step::DeleteRole => format!("- the role {role}"),
    }
}

/// What the user should know about the roles.
fn notes(args: &args::CiRole, config: &Config, had_provider: bool) -> Vec<String> {
    let mut notes = Vec::new();
    if had_provider {
        notes.push("The account's OIDC provider for GitHub existed and was not changed.".to_owned());
    }
    if config.stack.permissions_boundary.is_none() {
        notes.push(format!(
            "Without permissions_boundary in the stack file, whoever may push to {} can create a role with any permissions. Protect the branch.",
            args.branch
        ));
    }
    if args.repository.as_ref().is_some_and(|repository| !repository.has_ids()) {
        notes.push(
            "The roles trust the repository by its name. GitHub's tokens name repositories that were created, renamed or \
             transferred after 15 July 2026 by ids: OWNER@ID/NAME@ID."
                .to_owned(),
        );
    }
    notes
}

fn described(Wanted { purpose, role, documents }: &Wanted, scope: &Scope) -> Value {
    let policies: Vec<Value> = documents
        .iter()
        .map(|(name, document)| json!({ "name": name, "arn": role.policy_arn(scope, name), "document": document }))
        .collect();
    let purpose = match purpose {
        Purpose::Deploy => "deploy",
        Purpose::Plan => "plan",
        Purpose::Preview => "preview",
    };
    let trust: Value = serde_json::from_str(&role.trust.to_string()).unwrap_or_default();
    json!({ "purpose": purpose, "name": role.name, "arn": role.arn(scope), "trust": trust, "policies": policies })
}

/// Prints the documents within the commands of the AWS CLI that create everything.
fn print(args: &args::CiRole, config: &Config, scope: &Scope, wanted: &[Wanted]) -> Result<Ending, Error> {
    if config.output.json {
        let roles: Vec<Value> = wanted.iter().map(|wanted| described(wanted, scope)).collect();
        let document = json!({ "schema_version": SCHEMA_VERSION, "provider": provider_arn(scope), "roles": roles });
        answer(&super::pretty(&document));
        return Ok(Ending::Done);
    }
    answer(&format!(
        "# Once for each account, if it has none:\naws iam create-open-id-connect-provider --url https://{GITHUB} --client-id-list {AUDIENCE}"
    ));
    for wanted in wanted {
        answer(&commands(wanted, scope)?);
    }
    let tell = note_unless(config.output.quiet);
    for note in notes(args, config, false) {
        tell(&note);
    }
    Ok(Ending::Done)
}

fn commands(Wanted { role, documents, .. }: &Wanted, scope: &Scope) -> Result<String, Error> {
    let pretty = |text: Result<String, serde_json::Error>| text.map_err(|error| Error::other(error.to_string()));
    let (name, path) = (&role.name, role.path());
    let tag = format!("--tags Key={CI_TAG},Value={}", role.stack);
    let trust: Value =
        serde_json::from_str(&role.trust.to_string()).map_err(|error| Error::other(error.to_string()))?;
    let trust = quoted(&pretty(serde_json::to_string_pretty(&trust))?);
    let mut all = format!(
        "\n# {}:\naws iam create-role --role-name {name} --path {path} {tag} --description {} --assume-role-policy-document {trust}",
        role.description,
        quoted(&role.description)
    );
    for (policy, document) in documents {
        let document = quoted(&pretty(serde_json::to_string_pretty(document))?);
        let arn = role.policy_arn(scope, policy);
        all += &format!(
            "\naws iam create-policy --policy-name {policy} --path {path} {tag} --policy-document {document}\n\
             aws iam attach-role-policy --role-name {name} --policy-arn {arn}"
        );
    }
    Ok(all)
}

/// Removes the roles and their policies, after a question.
pub(super) async fn remove(args: &args::CiRole, config: &Config) -> Result<Ending, Error> {
    let (base, _) = base(config)?;
    let (clients, caller, endpoint) = who_am_i(config).await?;
    refuse_root(&caller, endpoint.as_deref())?;
    let (iam, scope) = (Iam::new(&clients), &clients.scope);
    let roles: Vec<WorkflowRole> = purposes(args, config, &base)
        .into_iter()
        .map(|(purpose, stack, _)| WorkflowRole {
            stack: stack.to_owned(),
            name: purpose.role(stack),
            description: String::new(),
            trust: Policy::default(),
            policies: BTreeMap::new(),
        })
        .collect();
    let mut changes = Vec::new();
    for role in &roles {
        let found: FoundWorkflowRole = iam.workflow_role(role).await?;
        changes.push((role, found.removal()));
    }
    let tell = note_unless(config.output.quiet || config.output.json);
    let lines = lines(false, &changes);
    let removed = changes.iter().flat_map(|(_, steps)| steps).filter(|step| **step == Step::DeleteRole).count();
    if lines.is_empty() {
        tell(&format!("Nothing to remove: account {} has no such roles.", scope.account));
    } else {
        tell(&format!("Account {}:\n{}", scope.account, lines.join("\n")));
        if !config.yes {
            confirm(config.output, &format!("Remove the roles of the workflow of {}?", config.stack.name)).await?;
        }
        carry_out(&iam, config, &changes).await?;
        tell(&format!("Removed {}.", counted(removed, "role")));
    }
    if config.output.json {
        let document = json!({ "schema_version": SCHEMA_VERSION, "provider": provider_arn(scope), "changes": lines });
        answer(&super::pretty(&document));
    }
    tell("The account's OIDC provider for GitHub stays, because other roles may trust it.");
    Ok(Ending::Done)
}
