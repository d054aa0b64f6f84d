//! Loads the functions that `up --local` created or changed: code without syntax errors may still fail when it is
//! loaded. Only the emulator's functions are loaded, because loading a module runs its code.

use std::collections::BTreeMap;

use futures_util::future::join_all;

use super::note_unless;
use super::session::Session;
use crate::aws::lambda::Lambda;
use crate::config::variable;
use crate::engine::{Id, Outcome, Summary};
use crate::error::{Error, Kind};
use crate::local::{Loadable, Local};
use crate::spec::{Function, Language, Packed};
use crate::state::State;
use crate::topology::ids;

/// Fails if the code of a function that this run created or changed cannot be loaded.
pub(super) async fn check(session: &Session, state: &State, done: &Summary) -> Result<(), Error> {
    if !session.config.connection.local {
        return Ok(());
    }
    let local = Local::from_env(variable)?;
    let changed = session.config.stack.functions.iter().filter(|(name, _)| {
        let id = Id::from(ids::function(name));
        done.done.iter().any(|(other, outcome)| *other == id && *outcome != Outcome::Unchanged)
    });
    let packed = changed.filter_map(|(name, function)| Some((name, function, function.packed()?)));
    let loaded = packed.map(|(name, function, packed)| load(session, state, &local, name, (function, packed)));
    let loaded = join_all(loaded).await;
    let failed = loaded.into_iter().collect::<Result<Vec<_>, Error>>()?;
    let failed: Vec<String> = failed.into_iter().flatten().collect();
    if failed.is_empty() {
        return Ok(());
    }
    Err(Error::new(Kind::Resource, failed.join("\n")).hint(
        "the stack was created, but calls of these functions fail; correct the code, then run `securelambda up` again",
    ))
}

/// Returns the error of a function whose code cannot be loaded, and otherwise `None`.
async fn load(
    session: &Session,
    state: &State,
    local: &Local,
    name: &str,
    (function, packed): (&Function, &Packed),
) -> Result<Option<String>, Error> {
    let (Some(zip), Some(there)) = (session.bundles.functions.get(name), ids::function(name).recorded(state)) else {
        return Ok(None);
    };
    let mut variables = Lambda::new(&session.clients).variables(&there.name).await?;
    variables.extend(of_the_runtime(session, &there.name, (function, packed)));
    let language = Language::of(&packed.runtime);
    let code = Loadable { archive: &zip.bytes, language, handler: &packed.handler, variables };
    let loaded = local.load(&code, &note_unless(session.config.output.quiet)).await?;
    let Err(said) = loaded else { return Ok(None) };
    if let Some(layer) = packed.layers_of_others(&session.scope().account).next().filter(|_| is_missing_module(&said)) {
        let note = note_unless(session.config.output.quiet);
        note(&format!(
            "The code of {name} was not loaded, because it may import a module that only the layer {layer} contains:\n{said}"
        ));
        return Ok(None);
    }
    Ok(Some(format!("the code of {name} cannot be loaded:\n{said}")))
}

/// Whether an error text of Python or Node.js says that an imported module is missing.
fn is_missing_module(said: &str) -> bool {
    [
        "ModuleNotFoundError",
        "No module named",
        "ERR_MODULE_NOT_FOUND",
        "MODULE_NOT_FOUND",
        "Cannot find module",
        "Cannot find package",
    ]
    .iter()
    .any(|words| said.contains(words))
}

/// The environment variables that Lambda's runtime sets, with credentials of the emulator.
fn of_the_runtime(
    session: &Session,
    function: &str,
    (settings, packed): (&Function, &Packed),
) -> BTreeMap<String, String> {
    let (key, secret) = Local::credentials();
    let region = &session.scope().region;
    [
        ("AWS_ACCESS_KEY_ID", key),
        ("AWS_SECRET_ACCESS_KEY", secret),
        ("AWS_REGION", region),
        ("AWS_DEFAULT_REGION", region),
        ("AWS_ENDPOINT_URL", session.endpoint.as_deref().unwrap_or_default()),
        ("AWS_EC2_METADATA_DISABLED", "true"),
        ("AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED", "true"),
        ("AWS_LAMBDA_FUNCTION_NAME", function),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", &settings.memory_mb.to_string()),
        ("AWS_EXECUTION_ENV", &format!("AWS_Lambda_{}", packed.runtime)),
        ("_HANDLER", &packed.handler),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_module_that_is_not_there_may_be_in_a_layer() {
        for said in [
            "ModuleNotFoundError: No module named 'aws_lambda_powertools'",
            "Error [ERR_MODULE_NOT_FOUND]: Cannot find package '@aws-lambda-powertools/logger'",
            "Error: Cannot find module 'left-pad'",
        ] {
            assert!(is_missing_module(said), "{said}");
        }
        assert!(!is_missing_module("KeyError: 'TABLE'"));
    }
}
