//! The repository and the branch that are trusted, in the form in which GitHub names them in its tokens (docs/aws.md,
//! Workflows of GitHub Actions).

use std::fmt;
use std::str::FromStr;

use serde_json::json;

use super::Purpose;
use crate::policy::Policy;

/// A repository on GitHub: `octo-org/orders`, or with the ids of the owner and of the repository
/// `octo-org@123456/orders@456789`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repository {
    owner: String,
    name: String,
    /// The ids of the owner and of the repository, if GitHub's tokens contain them.
    ids: Option<(u64, u64)>,
}

const FORM: &str = "write it as OWNER/NAME or, with the ids that GitHub gives them, as OWNER@ID/NAME@ID";

impl Repository {
    /// Whether GitHub's tokens name the repository by ids, which are never given again.
    pub fn has_ids(&self) -> bool {
        self.ids.is_some()
    }
}

impl FromStr for Repository {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (owner, name) = text.split_once('/').ok_or(FORM)?;
        let (owner, owner_id) = with_id(owner)?;
        let (name, id) = with_id(name)?;
        let is_owner = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
        let is_name = |c: char| is_owner(c) || c == '.';
        let fits = (1..=39).contains(&owner.len()) && (1..=100).contains(&name.len());
        if !fits || !owner.chars().all(is_owner) || !name.chars().all(is_name) {
            return Err(FORM.to_owned());
        }
        let ids = match (owner_id, id) {
            (Some(owner), Some(id)) => Some((owner, id)),
            (None, None) => None,
            _ => return Err(format!("both have an id or none; {FORM}")),
        };
        Ok(Self { owner: owner.to_owned(), name: name.to_owned(), ids })
    }
}

/// A name, and the id behind `@`.
fn with_id(text: &str) -> Result<(&str, Option<u64>), String> {
    match text.split_once('@') {
        Some((name, id)) => Ok((name, Some(id.parse().map_err(|_| FORM.to_owned())?))),
        None => Ok((text, None)),
    }
}

impl fmt::Display for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { owner, name, ids } = self;
        match ids {
            Some((owner_id, id)) => write!(f, "{owner}@{owner_id}/{name}@{id}"),
            None => write!(f, "{owner}/{name}"),
        }
    }
}

/// The name of a branch. Only characters that have no meaning in policies, in patterns of workflows and in YAML.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Branch(String);

impl FromStr for Branch {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let fits = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
        let is_path = !text.starts_with('/') && !text.ends_with('/') && !text.contains("//") && !text.contains("..");
        if text.is_empty() || text.len() > 200 || !text.chars().all(fits) || !is_path || text.starts_with('-') {
            return Err("the name of a branch has letters, digits and -_./ here, as in release/2".to_owned());
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for Branch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The trust policy of a role: it admits tokens of GitHub for AWS, of runs of this repository that the role is for.
/// `provider` is the ARN of the account's provider, `host` the host of GitHub's tokens.
pub fn role_trust(
    purpose: Purpose,
    (repository, branch): (&Repository, &Branch),
    (provider, host, audience): (&str, &str, &str),
) -> Policy {
    let on_branch = format!("repo:{repository}:ref:refs/heads/{branch}");
    let on_pull_requests = format!("repo:{repository}:pull_request");
    let subjects = match purpose {
        Purpose::Deploy => json!(on_branch),
        Purpose::Plan => json!(on_pull_requests),
        // The schedule that removes expired previews runs on the branch.
        Purpose::Preview => json!([on_pull_requests, on_branch]),
    };
    let equals = json!({ format!("{host}:aud"): audience, format!("{host}:sub"): subjects });
    Policy::new([json!({
        "Effect": "Allow",
        "Principal": { "Federated": provider },
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": { "StringEquals": equals },
    })])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repository_has_both_ids_or_none() {
        for text in ["octo-org/orders", "octo-org@123456/orders.api@456789", "a_b/.github"] {
            let repository: Repository = text.parse().expect(text);
            assert_eq!((repository.to_string(), repository.has_ids()), (text.to_owned(), text.contains('@')));
        }
        for wrong in ["", "orders", "a/b/c", "a@1/b", "a/b@1", "a@x/b@1", "a b/c", "*/c", "o/${x}", "/b", "a/"] {
            assert!(wrong.parse::<Repository>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_branch_has_no_character_with_a_meaning_elsewhere() {
        for text in ["main", "release/2.0", "a_b-c"] {
            assert_eq!(text.parse::<Branch>().map(|branch| branch.to_string()), Ok(text.to_owned()));
        }
        for wrong in ["", "*", "a b", "a*", "${x}", "a:b", "/a", "a/", "a//b", "a..b", "-a", "a\"", "!a"] {
            assert!(wrong.parse::<Branch>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn each_role_trusts_exactly_its_runs() {
        let repository = "octo-org@1/orders@2".parse().expect("a repository");
        let branch = "main".parse().expect("a branch");
        let subjects = |purpose| {
            let trust = role_trust(purpose, (&repository, &branch), ("arn:p", "host", "aud"));
            trust.statements().next().expect("a statement")["Condition"]["StringEquals"]["host:sub"].clone()
        };
        let (main, pull_request) =
            ("repo:octo-org@1/orders@2:ref:refs/heads/main", "repo:octo-org@1/orders@2:pull_request");
        assert_eq!(subjects(Purpose::Deploy), json!(main));
        assert_eq!(subjects(Purpose::Plan), json!(pull_request));
        assert_eq!(subjects(Purpose::Preview), json!([pull_request, main]));
    }
}
