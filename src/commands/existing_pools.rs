//! Pools that are managed outside the stack: the conditions that `up` checks before it changes anything, and the
//! refusal to change their users.

use futures_util::future::join_all;

use super::consequences::Kept;
use super::session::Session;
use crate::aws::cognito::{Cognito, TheirPool};
use crate::engine::{Failure, Plan};
use crate::error::Error;
use crate::spec::{ExistingPool, Stack};
use crate::topology::ids;

/// The pools that do not exist, or lack the app client that the stack file names. Makes no AWS call if `plan` changes
/// nothing.
///
/// # Errors
/// A pool cannot be read.
pub(super) async fn unusable(session: &Session, plan: &Plan) -> Result<Vec<Kept>, Error> {
    if plan.is_empty() {
        return Ok(Vec::new());
    }
    let cognito = &Cognito::new(&session.clients);
    let reads = session.config.stack.existing_pools.iter().map(|(name, pool)| async move {
        let seen = cognito.their_pool(&pool.id).await?;
        let why = unfit(pool, seen.as_ref(), &session.scope().stack);
        Ok(why.map(|(why, hint)| Kept { id: ids::pool(name).into(), why: format!("the pool {} {why}", pool.id), hint }))
    });
    let unfit: Result<Vec<Option<Kept>>, Failure> = join_all(reads).await.into_iter().collect();
    Ok(unfit?.into_iter().flatten().collect())
}

/// Why a pool cannot be used, and what to do.
fn unfit(pool: &ExistingPool, seen: Option<&TheirPool>, stack: &str) -> Option<(String, String)> {
    let Some(seen) = seen else {
        let hint = "`aws cognito-idp list-user-pools --max-results 60` lists the pools of this account and region";
        return Some(("does not exist in this account and region".into(), hint.into()));
    };
    match (&pool.client_id, &seen.stack) {
        (Some(client), _) if !seen.clients.contains(client) => {
            let hint = format!("`aws cognito-idp list-user-pool-clients --user-pool-id {}` lists them", pool.id);
            Some((format!("has no app client {client}"), hint))
        }
        (None, Some(other)) if other == stack => {
            let hint = "remove `existing`: the stack makes and changes its own pools itself";
            Some(("is one of the stack's own".into(), hint.into()))
        }
        // A run of the other stack removes clients that its stack file does not name.
        (None, Some(other)) => {
            let hint = "add a client to the pool in the file of that stack, and name it here with `client_id`";
            Some((format!("belongs to the stack {other}, which would remove the app client of this one"), hint.into()))
        }
        _ => None,
    }
}

/// Refuses to create, change or remove a user of an existing pool, which the program only reads. `named` is the pool's
/// name, if the user gave it.
pub(super) fn refuse_users(stack: &Stack, named: Option<&str>) -> Result<(), Error> {
    let only = || stack.existing_pools.keys().next().filter(|_| stack.pool_names().count() == 1).map(String::as_str);
    let theirs = named.or_else(only).and_then(|name| Some((name, stack.existing_pools.get(name)?)));
    match theirs {
        Some((name, pool)) => {
            let message = format!(
                "the program only reads the existing pool {name}: it cannot create, change or remove users there"
            );
            let hint = format!("use the tool that made {}, or its console", pool.id);
            Err(Error::usage(message).hint(hint))
        }
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::parse;

    fn stack(client: &str) -> Stack {
        let text = format!("[stack]\nname = \"demo\"\n[pools.Company]\nexisting = \"eu-central-1_a\"\n{client}");
        parse(&text).expect("a sound file")
    }

    #[test]
    fn a_pool_must_exist_and_must_not_belong_to_a_stack_that_would_remove_the_client() {
        let seen = |stack: Option<&str>| TheirPool { clients: vec!["c1".into()], stack: stack.map(str::to_owned) };
        let why = |client: &str, seen: Option<&TheirPool>| {
            unfit(&stack(client).existing_pools["Company"], seen, "demo").map(|(why, _)| why)
        };
        assert_eq!(why("", None).as_deref(), Some("does not exist in this account and region"));
        assert_eq!(why("", Some(&seen(None))), None);
        assert_eq!(why("", Some(&seen(Some("demo")))).as_deref(), Some("is one of the stack's own"));
        let others = why("", Some(&seen(Some("other")))).expect("a reason");
        assert!(others.starts_with("belongs to the stack other"), "{others}");
        assert_eq!(why("client_id = \"c1\"", Some(&seen(Some("other")))), None);
        assert_eq!(why("client_id = \"c2\"", Some(&seen(None))).as_deref(), Some("has no app client c2"));
    }

    #[test]
    fn users_are_changed_only_in_pools_of_the_stack() {
        let both = parse("[stack]\nname = \"demo\"\n[pools.Company]\nexisting = \"eu-central-1_a\"\n[pools.Own]\n");
        let both = both.expect("a sound file");
        let refused = |stack: &Stack, named: Option<&str>| refuse_users(stack, named).is_err();
        assert!(refused(&stack(""), None) && refused(&stack(""), Some("Company")) && refused(&both, Some("Company")));
        assert!(!refused(&both, Some("Own")) && !refused(&both, None));
    }
}
