//! `policy`: prints the minimal IAM policies for running the other commands on this stack.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use serde_json::{Value, json};

use super::Ending;
use super::session::who_am_i;
use super::states::{state_id, stored};
use crate::args;
use crate::aws::apigatewayv2::DomainName;
use crate::aws::cognito::AppClient;
use crate::bundle::Bundles;
use crate::config::{self, Config};
use crate::engine::Resource as _;
use crate::error::{Error, Kind};
use crate::location::Location;
use crate::operator::{CommandName, Document, LONGEST_POLICY, MOST_POLICIES, Named, StatePlace, Wanted, policies};
use crate::outputs::SCHEMA_VERSION;
use crate::regions::{Needs, check};
use crate::report::{answer, quoted, say};
use crate::scope::{Scope, partition_of};
use crate::spec::{KmsKey, Stack, Topic};
use crate::state::{Folder, State, StateBackend as _};
use crate::topology;

pub(super) async fn run(args: &args::Policy, config: &Config) -> Result<Ending, Error> {
    let (scope, endpoint, state) = if let Some(account) = &args.account {
        let scope = offline(account, config)?;
        // A state in a bucket cannot be read without credentials.
        let state = match &config.state {
            Location::Folder(folder) => Folder::new(folder).read(&state_id(&scope)).await?,
            Location::Bucket { .. } => None,
        };
        (scope, config.connection.endpoint.clone(), state)
    } else {
        let (clients, _, endpoint) = who_am_i(config).await?;
        let state = stored(config, &clients, endpoint.as_deref()).read().await?;
        (clients.scope, endpoint, state)
    };
    let documents = least(config, &scope, endpoint.as_deref(), &args.works, state.as_ref())?;
    let label = label(&scope.stack, &args.works);
    let names: Vec<String> = (1..=documents.len()).map(|number| format!("{label}-{number}")).collect();
    let texts = documents.iter().map(pretty).collect::<Result<Vec<String>, Error>>()?;
    let files = match &args.out {
        Some(folder) => Some(write(folder, &names, &texts)?),
        None => None,
    };
    if config.output.json {
        answer(&super::pretty(&in_one(&names, &documents, files.as_deref())?));
        return Ok(Ending::Done);
    }
    match (files, texts.as_slice()) {
        (Some(files), _) => {
            for file in &files {
                say(&format!("Wrote {}", file.display()));
            }
            say(match files.len() {
                1 => "Create the policy with this command and attach it to the operator:",
                _ => "Create the policies with these commands and attach all of them to the operator:",
            });
            for (name, file) in names.iter().zip(&files) {
                let file = quoted(&format!("file://{}", file.display()));
                answer(&format!("aws iam create-policy --policy-name {name} --policy-document {file}"));
            }
        }
        (None, [text]) => answer(text),
        (None, texts) => {
            return Err(Error::usage(format!(
                "the permissions require {} managed policies, because IAM allows {LONGEST_POLICY} characters in each",
                texts.len()
            ))
            .hint("--out DIR writes a file for each and prints the commands that create them")
            .hint("--json prints all of them as one document")
            .hint("--for COMMAND prints the permissions of one command only"));
        }
    }
    Ok(Ending::Done)
}

/// The prefix of the policies' names. It depends on the commands, so that policies for different commands can coexist.
fn label(stack: &str, works: &[CommandName]) -> String {
    let works: Vec<String> =
        works.iter().filter_map(|work| Some(work.to_possible_value()?.get_name().to_owned())).collect();
    if works.is_empty() { format!("{stack}-operator") } else { format!("{stack}-{}", works.join("-")) }
}

/// Refuses a permissions boundary of another account.
fn check_boundary(boundary: Option<&str>, account: &str) -> Result<(), Error> {
    match boundary.and_then(|arn| arn.split(':').nth(4)) {
        Some(other) if other != "aws" && other != account => Err(Error::usage(format!(
            "the permissions boundary is in account {other}, but the stack is in account {account}"
        ))
        .hint("use a policy of the same account, or an AWS managed policy")),
        _ => Ok(()),
    }
}

/// The minimal policies for the resources in the stack file, and for those in the state file that `up` will remove.
///
/// # Errors
/// The permissions boundary is of another account, or the permissions do not fit into as many policies as IAM allows.
pub(super) fn least(
    config: &Config,
    scope: &Scope,
    endpoint: Option<&str>,
    works: &[CommandName],
    state: Option<&State>,
) -> Result<Vec<Document>, Error> {
    check_boundary(config.stack.permissions_boundary.as_deref(), &scope.account)?;
    let domains =
        state.into_iter().flat_map(|state| state.resources.values()).filter(|record| record.kind == DomainName::KIND);
    let domains = domains.filter_map(|record| Some(record.outputs.as_ref()?["name"].as_str()?.to_owned()));
    // An app client without a parent is in an existing pool, or was in one when it was created.
    let records = state.into_iter().flat_map(|state| state.resources.values());
    let clients = records.filter(|record| record.kind == AppClient::KIND && record.parent.is_none());
    let left = clients.filter_map(|record| Some(record.outputs.as_ref()?["pool_id"].as_str()?.to_owned()));
    let mut named = named(config, scope);
    named.domains.extend(domains);
    named.with_our_clients.extend(left.map(|id| scope.arn("cognito-idp", &format!("userpool/{id}"))));
    named.their_pools.extend(named.with_our_clients.clone());
    let recorded = state.into_iter().flat_map(|state| state.resources.values()).map(|record| record.kind.clone());
    // The functions' code makes no difference here.
    let graph = topology::desired(
        &config.stack,
        scope,
        endpoint,
        &Bundles::default(),
        &topology::SecretValues::default(),
        None,
    );
    let kinds: BTreeSet<String> = graph.ids().map(|(_, kind)| kind.to_owned()).chain(recorded).collect();
    let documents = policies(&Wanted { scope, works, kinds: &kinds, named: &named });
    if documents.len() > MOST_POLICIES || documents.iter().any(|document| document.length() > LONGEST_POLICY) {
        return Err(Error::other(format!(
            "the permissions do not fit into {MOST_POLICIES} managed policies of {LONGEST_POLICY} characters"
        ))
        .hint("--for COMMAND prints the permissions of one command only"));
    }
    Ok(documents)
}

/// The resources named in the stack file that the operator's policies must contain.
pub(super) fn named(config: &Config, scope: &Scope) -> Named {
    let stack = &config.stack;
    let clients = stack.existing_pools.values().filter(|pool| pool.client_id.is_none());
    Named {
        boundary: stack.permissions_boundary.clone(),
        key: stack.kms_key.as_ref().and_then(KmsKey::given).map(str::to_owned),
        outside_callers: stack.outside_callers(),
        layers: stack.layers(),
        images: stack.image_repositories(),
        member_roles: stack.member_roles().map(|role| scope.role_arn(&scope.physical(&role))).collect(),
        their_pools: stack.existing_pools.values().map(|pool| pool.arn(scope)).collect(),
        with_our_clients: clients.map(|pool| pool.arn(scope)).collect(),
        provider_secrets: stack.provider_secrets().map(str::to_owned).collect(),
        state: match &config.state {
            Location::Folder(_) => None,
            Location::Bucket { bucket, prefix } => Some(StatePlace { bucket: bucket.clone(), prefix: prefix.clone() }),
        },
        domains: stack.domains().map(|domain| domain.name.clone()).collect(),
        told_topics: topics(stack, Topic::tells_addresses),
        queued_topics: topics(stack, |topic| topic.queues().next().is_some()),
        mail: stack.pools.values().any(|pool| pool.mail.sender.is_some()),
        session_tags: stack.identity_pools.values().any(|pool| !pool.tags.is_empty()),
        https: stack.topics.values().any(Topic::tells_https),
    }
}

/// The names of the topics for which `holds` is true.
fn topics(stack: &Stack, holds: impl Fn(&Topic) -> bool) -> BTreeSet<String> {
    stack.topics.iter().filter(|(_, topic)| holds(topic)).map(|(name, _)| name.clone()).collect()
}

/// The scope of the stack, without AWS calls.
pub(super) fn offline(account: &str, config: &Config) -> Result<Scope, Error> {
    let region = config.connection.region.clone().or_else(config::region);
    let region = region.ok_or_else(|| Error::usage("--account requires a region").hint("pass --region too"))?;
    // The region may lack services, but its partition must be known: it is part of the ARNs.
    check(&region, &Needs::default()).map_err(|unfit| Error::new(Kind::Account, unfit.message).hint(unfit.hint))?;
    let partition = partition_of(&region).to_owned();
    Ok(Scope { partition, account: account.to_owned(), region, stack: config.stack.name.clone(), ..Scope::default() })
}

fn pretty(document: &Document) -> Result<String, Error> {
    serde_json::to_string_pretty(document).map_err(|error| Error::other(error.to_string()))
}

/// All policies as one JSON document, with the names that the printed commands use.
fn in_one(names: &[String], documents: &[Document], files: Option<&[PathBuf]>) -> Result<Value, Error> {
    let mut policies = Vec::new();
    for (index, (name, document)) in names.iter().zip(documents).enumerate() {
        let value = serde_json::to_value(document).map_err(|error| Error::other(error.to_string()))?;
        let mut policy = json!({ "name": name, "characters": document.length(), "document": value });
        if let Some(file) = files.and_then(|files| files.get(index)) {
            policy["file"] = json!(file);
        }
        policies.push(policy);
    }
    Ok(json!({ "schema_version": SCHEMA_VERSION, "policies": policies }))
}

/// Writes each policy to a file that is named after it.
fn write(folder: &Path, names: &[String], texts: &[String]) -> Result<Vec<PathBuf>, Error> {
    let failed = |what: &Path, why: &std::io::Error| {
        Error::other(format!("{} cannot be written: {why}", what.display()))
            .hint("choose a folder that you can write to with --out")
    };
    fs::create_dir_all(folder).map_err(|why| failed(folder, &why))?;
    let mut files = Vec::new();
    for (name, text) in names.iter().zip(texts) {
        let file = folder.join(format!("{name}.json"));
        fs::write(&file, format!("{text}\n")).map_err(|why| failed(&file, &why))?;
        files.push(file);
    }
    // An earlier run may have written more files.
    let prefix = names.first().and_then(|name| name.strip_suffix('1')).unwrap_or_default();
    for number in names.len() + 1..=MOST_POLICIES {
        let file = folder.join(format!("{prefix}{number}.json"));
        if file.exists() {
            say(&format!("{} is from an earlier run; this policy is no longer needed", file.display()));
        }
    }
    Ok(files)
}
