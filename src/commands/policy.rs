//! `policy`: the least IAM policy of whoever runs the other commands on this stack.

use std::collections::BTreeSet;

use super::Ending;
use super::session::who_am_i;
use crate::args;
use crate::bundle::Bundles;
use crate::config::{self, Config};
use crate::error::{Error, Kind};
use crate::operator::{Document, LONGEST_POLICY, Wanted, Work, policy};
use crate::regions::{Needs, check};
use crate::report::answer;
use crate::scope::{Scope, partition_of};
use crate::stack;
use crate::state::Store;

pub(super) async fn run(args: &args::Policy, config: &Config) -> Result<Ending, Error> {
    let (scope, endpoint) = if let Some(account) = &args.account {
        (offline(account, config)?, config.connection.endpoint.clone())
    } else {
        let (clients, _, endpoint) = who_am_i(config).await?;
        (clients.scope, endpoint)
    };
    let document = least(config, &scope, endpoint.as_deref(), &args.works)?;
    let length = document.length();
    if length > LONGEST_POLICY {
        return Err(Error::other(format!(
            "the policy is {length} characters long; a managed one has room for {LONGEST_POLICY}"
        ))
        .hint("make two of it: --for up --for down, and --for verify --for add-user and what else is wanted"));
    }
    answer(&serde_json::to_string_pretty(&document).map_err(|error| Error::other(error.to_string()))?);
    Ok(Ending::Done)
}

/// The least policy for the stack file, and for what is on record and no longer in it: `up` will remove that.
pub(super) fn least(config: &Config, scope: &Scope, endpoint: Option<&str>, works: &[Work]) -> Result<Document, Error> {
    let store = Store::new(&config.state_dir, &scope.stack, &scope.account, &scope.region, endpoint);
    let recorded = store.read()?;
    let recorded = recorded.iter().flat_map(|state| state.resources.values()).map(|record| record.kind.clone());
    // What the functions are made of makes no difference here.
    let graph = stack::desired(&config.stack, scope, endpoint, &Bundles::default(), &stack::HiddenValues::default());
    let kinds: BTreeSet<String> = graph.ids().map(|(_, kind)| kind.to_owned()).chain(recorded).collect();
    let boundary = config.stack.permissions_boundary.as_deref();
    Ok(policy(&Wanted { scope, works, kinds: &kinds, boundary }))
}

/// Where the stack will live, without asking anybody.
fn offline(account: &str, config: &Config) -> Result<Scope, Error> {
    let region = config.connection.region.clone().or_else(config::region);
    let region = region.ok_or_else(|| Error::usage("--account needs a region beside it").hint("give --region too"))?;
    // A policy says nothing of what the region has; but its ARNs must be right.
    check(&region, &Needs::default()).map_err(|unfit| Error::new(Kind::Account, unfit.message).hint(unfit.hint))?;
    let partition = partition_of(&region).to_owned();
    Ok(Scope { partition, account: account.to_owned(), region, stack: config.stack.name.clone() })
}
