//! The text of the workflow. Its jobs are the files of the folder `workflow`, in which `@NAME@` stands for a value.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use super::{Branch, Purpose};
use crate::scope::Scope;

const HEAD: &str = include_str!("workflow/head.yml");
const PLAN: &str = include_str!("workflow/plan.yml");
const DEPLOY: &str = include_str!("workflow/deploy.yml");
const PREVIEWS: &str = include_str!("workflow/previews.yml");
/// The steps with which every job begins. The actions are named by commits, because tags can be moved.
const SETUP: &str = include_str!("workflow/setup.yml");

/// When expired previews are looked for: once an hour, not at its beginning, when GitHub is busy.
const SCHEDULE: &str = "  schedule:\n    - cron: \"23 * * * *\"\n";

/// A workflow that deploys one stack.
#[derive(Debug, Clone)]
pub struct Workflow<'a> {
    /// The account and the region of the stack, and its name.
    pub scope: &'a Scope,
    pub branch: &'a Branch,
    /// The flags of every command, as variables.
    pub flags: BTreeMap<&'static str, String>,
    /// The flags of the commands that act on the stack of the branch, as variables.
    pub stack_flags: BTreeMap<&'static str, String>,
    /// The variables from which the stack file reads values of secrets.
    pub secrets: BTreeSet<String>,
    /// `None`: pull requests get no stacks.
    pub previews: Option<Previews>,
}

/// Stacks of pull requests.
#[derive(Debug, Clone)]
pub struct Previews {
    /// The stack after which they are named.
    pub stack: String,
    /// After which time they expire, as in `3d`.
    pub ttl: String,
    /// The tables that are removed with a preview.
    pub tables: Vec<String>,
}

impl Workflow<'_> {
    /// The workflow's file.
    pub fn text(&self) -> String {
        let stack = &self.scope.stack;
        let with_previews = self.previews.is_some();
        let env = [("AWS_REGION", self.scope.region.clone())].into_iter().chain(self.flags.clone()).collect();
        let closed = if with_previews { ", closed" } else { "" };
        let head = HEAD
            .replace("@TITLE@", &scalar(&format!("securelambda {stack}")))
            .replace("@BRANCH@", &scalar(&self.branch.to_string()))
            .replace("@TYPES@", &format!("[opened, reopened, synchronize{closed}]"))
            .replace("@SCHEDULE@\n", &format!("{}\n", if with_previews { SCHEDULE } else { "" }))
            .replace("@ENV@", &variables(&env, 2));
        let job_env = variables(&self.stack_flags, 6);
        let job_env = if job_env.is_empty() { job_env } else { format!("    env:\n{job_env}") };
        let of_stack = |job: &str, purpose| self.job(job, purpose, stack).replace("@JOB_ENV@", &job_env);
        let jobs = [of_stack(PLAN, Purpose::Plan), of_stack(DEPLOY, Purpose::Deploy)].concat();
        let previews = self.previews.as_ref().map(|previews| self.of_pull_requests(previews)).unwrap_or_default();
        [head, jobs, previews].concat().replace("@VERSION@", env!("CARGO_PKG_VERSION"))
    }

    /// The jobs of previews.
    fn of_pull_requests(&self, Previews { stack, ttl, tables }: &Previews) -> String {
        let tables: Vec<String> = tables.iter().map(|table| format!(" --remove-table={table}")).collect();
        let jobs = self.job(PREVIEWS, Purpose::Preview, stack);
        jobs.replace("@BASE@", stack).replace("@TTL@", ttl).replace("@TABLES@", &tables.concat())
    }

    /// Jobs that run as this role of the stack.
    fn job(&self, text: &str, purpose: Purpose, stack: &str) -> String {
        let setup =
            SETUP.replace("@ROLE@", &purpose.role_arn(self.scope, stack)).replace("@REGION@", &self.scope.region);
        let of_secret = |name: &String| format!("          {name}: ${{{{ secrets.{name} }}}}\n");
        let secrets = self.secrets.iter().map(of_secret).collect::<Vec<_>>().concat();
        let secrets = if secrets.is_empty() { secrets } else { format!("        env:\n{secrets}") };
        text.replace("@SETUP@", &setup).replace("@SECRETS@", &secrets).replace("@STACK@", stack)
    }
}

/// Variables as YAML, each in a line.
fn variables(variables: &BTreeMap<&str, String>, indent: usize) -> String {
    let line = |(name, value): (&&str, &String)| format!("{:indent$}{name}: {}\n", "", scalar(value));
    variables.iter().map(line).collect::<Vec<_>>().concat()
}

/// A text as YAML, which a JSON string is.
fn scalar(text: &str) -> String {
    json!(text).to_string()
}
