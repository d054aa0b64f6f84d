//! The workflow of GitHub Actions that deploys a stack, and who may assume the roles that it runs as. Pure: `commands`
//! writes the workflow and `aws` creates the roles.

mod subject;
mod workflow;

pub use self::subject::{Branch, Repository, role_trust};
pub use self::workflow::{Previews, Workflow};

use crate::scope::Scope;

/// A role of the workflow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// `up` and `verify` on the branch.
    Deploy,
    /// `plan` on pull requests.
    Plan,
    /// The stacks of pull requests.
    Preview,
}

impl Purpose {
    /// The role's name.
    pub fn role(self, stack: &str) -> String {
        let purpose = match self {
            Self::Deploy => "deploy",
            Self::Plan => "plan",
            Self::Preview => "preview",
        };
        format!("securelambda-ci-{stack}-{purpose}")
    }

    /// The role's ARN.
    pub fn role_arn(self, scope: &Scope, stack: &str) -> String {
        let Scope { partition, account, .. } = scope;
        format!("arn:{partition}:iam::{account}:role/securelambda-ci/{stack}/{}", self.role(stack))
    }
}

/// The stack of the pull request with this number, or of all pull requests with `*`.
pub fn preview_stack(stack: &str, number: &str) -> String {
    format!("{stack}-pr-{number}")
}

/// The longest number of a pull request for which the name of a preview must be valid.
pub const LONGEST_NUMBER: &str = "99999";
