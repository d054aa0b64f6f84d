//! Plans in files: `plan --out FILE` saves what `up` would do, and `up --plan FILE` does exactly that, or refuses.
//!
//! A plan depends on the stack file, the functions' code, the state and what exists. All of them are compared when the
//! plan is carried out, so nothing else happens than what somebody has read and approved.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::session::Session;
use crate::engine::{Plan, TOOL};
use crate::error::{Error, Kind};
use crate::report::plan_json;
use crate::state::State;

/// The version of the form of saved plans.
const VERSION: u32 = 1;

/// A plan, and everything that it depends on. Contains no secrets.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct SavedPlan {
    version: u32,
    /// The name and version of the program.
    tool: String,
    stack: String,
    account: String,
    region: String,
    endpoint: Option<String>,
    /// A digest of the stack file.
    file: String,
    environment: Option<String>,
    permissions_boundary: Option<String>,
    /// Digests of the functions' code and of the schemas of bodies.
    code: BTreeMap<String, String>,
    /// The lineage and the serial of the state; `None` if there was none.
    state: Option<(Option<String>, u64)>,
    /// Whether it takes over the resources of another state.
    pub adopt: bool,
    /// What `plan --json` shows of the changes.
    plan: Value,
}

impl SavedPlan {
    pub(super) fn new(session: &Session, state: &State, plan: &Plan, adopt: bool) -> Self {
        let (scope, config) = (session.scope(), &session.config);
        let functions =
            session.bundles.functions.iter().map(|(name, zip)| (format!("function {name}"), zip.sha256.clone()));
        let schemas = session.bundles.schemas.iter();
        let schemas = schemas.map(|(path, text)| (format!("schema {}", path.display()), digest(text)));
        Self {
            version: VERSION,
            tool: TOOL.to_owned(),
            stack: scope.stack.clone(),
            account: scope.account.clone(),
            region: scope.region.clone(),
            endpoint: session.endpoint.clone(),
            file: digest(&config.document.text),
            environment: config.environment.clone(),
            permissions_boundary: config.stack.permissions_boundary.clone(),
            code: functions.chain(schemas).collect(),
            state: (state.serial > 0).then(|| (state.lineage.clone(), state.serial)),
            adopt,
            plan: plan_json(plan),
        }
    }

    /// Reads a saved plan.
    pub(super) fn read(path: &Path) -> Result<Self, Error> {
        let unusable = |why: String| {
            Error::usage(format!("the plan {} {why}", path.display())).hint("`securelambda plan --out FILE` writes one")
        };
        let text = std::fs::read(path).map_err(|error| unusable(format!("cannot be read: {error}")))?;
        let plan: Value = serde_json::from_slice(&text).map_err(|error| unusable(format!("is damaged: {error}")))?;
        if plan["version"] != VERSION {
            return Err(unusable("was written by another version of the program".to_owned()));
        }
        serde_json::from_value(plan).map_err(|error| unusable(format!("is damaged: {error}")))
    }

    /// Writes the plan into a file that only its owner can read, because it names accounts and resources.
    pub(super) fn write(&self, path: &Path) -> Result<(), Error> {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let write = || {
            let mut file = tempfile::NamedTempFile::new_in(folder)?;
            serde_json::to_writer_pretty(&mut file, self)?;
            file.write_all(b"\n")?;
            file.persist(path).map_err(|error| error.error)
        };
        write().map(drop).map_err(|error| Error::usage(format!("{} cannot be written: {error}", path.display())))
    }

    /// Refuses to carry out this plan if it is not the one that `now` would be.
    pub(super) fn check(&self, now: &Self, path: &Path) -> Result<(), Error> {
        let differences = self.differences(now);
        if differences.is_empty() {
            return Ok(());
        }
        let error =
            Error::new(Kind::Other, format!("the plan {} no longer holds, so nothing was changed", path.display()));
        let error = differences.into_iter().fold(error, Error::hint);
        Err(error.hint("run `securelambda plan --out FILE` again, and read the new plan"))
    }

    /// What differs, in words.
    fn differences(&self, now: &Self) -> Vec<String> {
        let place = |plan: &Self| format!("{} in account {}, {}", plan.stack, plan.account, plan.region);
        let mut found = Vec::new();
        if place(self) != place(now) || self.endpoint != now.endpoint {
            found.push(format!("it is for the stack {}, and this is {}", place(self), place(now)));
            return found;
        }
        if self.tool != now.tool {
            found.push(format!("{} made it, and this is {}", self.tool, now.tool));
        }
        if (&self.file, &self.environment, &self.permissions_boundary)
            != (&now.file, &now.environment, &now.permissions_boundary)
        {
            found.push("the stack file, the environment or the permissions boundary is another one".to_owned());
        }
        let names: BTreeSet<&String> = self.code.keys().chain(now.code.keys()).collect();
        let recoded = names.into_iter().filter(|name| self.code.get(*name) != now.code.get(*name));
        found.extend(recoded.map(|name| format!("the {name} was changed")));
        if self.state != now.state {
            found.push("another run has written the state".to_owned());
        }
        let ids = |plan: &Self| -> BTreeMap<String, Value> {
            let planned = plan.plan["changes"].as_array().cloned().unwrap_or_default();
            planned.into_iter().map(|one| (one["id"].as_str().unwrap_or_default().to_owned(), one)).collect()
        };
        let (then, today) = (ids(self), ids(now));
        let listed: BTreeSet<&String> = then.keys().chain(today.keys()).collect();
        let differing = listed.into_iter().filter(|id| then.get(*id) != today.get(*id));
        let differing: Vec<&str> = differing.map(String::as_str).collect();
        if !differing.is_empty() {
            found.push(format!("another change is necessary now: {}", differing.join(", ")));
        } else if self.plan != now.plan {
            found.push("other resources must be removed now".to_owned());
        }
        if self.adopt != now.adopt {
            found.push("only one of both has --adopt".to_owned());
        }
        found
    }
}

fn digest(text: &str) -> String {
    hex::encode(Sha256::digest(text))
}
