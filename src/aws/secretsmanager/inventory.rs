//! All secrets, those in their recovery window too.

use aws_sdk_secretsmanager::types::{Filter, FilterNameStringType};

use super::{Secret, SecretKey, SecretOutputs, SecretsManager, live};
use crate::aws::closer;
use crate::aws::error::{DENIED, OrFail};
use crate::engine::{Failure, Inventory, Listed};
use crate::scope::{Owner, Whose};

impl SecretsManager {
    /// The list lags behind by up to five minutes (docs/aws.md, Names of secrets), so each secret is asked itself.
    async fn listed_secret(&self, arn: String, name: String) -> Result<Vec<Listed>, Failure> {
        let listed = |owner, version_id| {
            let key = |id| SecretKey { id, name: name.clone() };
            let outputs = SecretOutputs { arn: arn.clone(), version_id };
            let remove = format!("aws secretsmanager delete-secret --recovery-window-in-days 7 --secret-id {arn}");
            Listed::new::<Secret>((&name, &arn), owner, key, &outputs, remove)
        };
        let secret = match self.describe(&arn).await {
            Err(failure) if DENIED.is(&failure) => return Ok(vec![listed(None, String::new()).denied()]),
            secret => secret?,
        };
        let Some(secret) = secret else { return Ok(Vec::new()) };
        let owner = Owner::read(secret.tags().iter().filter_map(|tag| tag.key().zip(tag.value())));
        let listed = listed(owner, live(&secret, None).current.unwrap_or_default());
        Ok(vec![listed.recoverable(secret.deleted_date.map(|date| date.secs()))])
    }
}

impl Inventory<Secret> for SecretsManager {
    async fn list(&self, whose: &Whose) -> Result<Vec<Listed>, Failure> {
        let prefix = whose.prefix();
        let begins = Filter::builder().key(FilterNameStringType::Name).values(&prefix).build();
        let call = self.client.list_secrets().include_planned_deletion(true);
        let call = call.set_filters((!prefix.is_empty()).then(|| vec![begins]));
        let mut pages = call.into_paginator().send();
        let mut looks = Vec::new();
        while let Some(page) = pages.next().await {
            for secret in page.or_fail("list the secrets")?.secret_list.unwrap_or_default() {
                if let Some((arn, name)) = secret.arn.zip(secret.name).filter(|(_, name)| whose.may_own(name)) {
                    looks.push(self.listed_secret(arn, name));
                }
            }
        }
        closer(looks).await
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use crate::aws::testing::{replay, requests};

    fn arn(name: &str) -> String {
        format!("arn:aws:secretsmanager:eu-central-1:123456789012:secret:{name}-AbCdEf")
    }

    fn page(names: &[&str], next: &str) -> String {
        let secrets: Vec<String> =
            names.iter().map(|name| format!(r#"{{"Name":"{name}","ARN":"{}"}}"#, arn(name))).collect();
        format!(r#"{{"SecretList":[{}]{next}}}"#, secrets.join(","))
    }

    fn described(name: &str, more: &str) -> String {
        format!(
            r#"{{"ARN":"{}","Name":"{name}","Tags":[{{"Key":"securelambda:stack","Value":"demo"}}],
                "VersionIdsToStages":{{"v1":["AWSCURRENT"]}}{more}}}"#,
            arn(name)
        )
    }

    #[tokio::test]
    async fn each_is_asked_itself_and_one_in_its_window_says_until_when() {
        let (first, second) = (page(&["demo-a", "demo-gone"], r#","NextToken":"p2""#), page(&["demo-b"], ""));
        let (a, b) = (described("demo-a", ""), described("demo-b", r#","DeletedDate":1.795824e9"#));
        let gone = r#"{"__type":"ResourceNotFoundException","message":"no"}"#;
        let (clients, http) = replay(vec![(200, &first), (200, &second), (200, &a), (400, gone), (200, &b)]);
        let listed = SecretsManager::new(&clients).list(&Whose::Stack("demo".into())).await.unwrap();
        let seen: Vec<_> = listed.iter().map(|one| (one.name.as_str(), one.until)).collect();
        assert_eq!(seen, [("demo-a", None), ("demo-b", Some(1_795_824_000))]);
        assert!(listed.iter().all(|one| one.stack.as_deref() == Some("demo")));
        let requests = requests(&http);
        assert!(requests[0].contains(r#""IncludePlannedDeletion":true"#), "{requests:?}");
        assert!(requests[0].contains(r#""Values":["demo-"]"#), "{requests:?}");
        assert!(requests[1].contains(r#""NextToken":"p2""#), "{requests:?}");
    }

    #[tokio::test]
    async fn for_every_stack_there_is_no_filter() {
        let list = page(&["NotOurs", "demo-a"], "");
        let a = described("demo-a", "");
        let (clients, http) = replay(vec![(200, &list), (200, &a)]);
        assert_eq!(SecretsManager::new(&clients).list(&Whose::Any).await.unwrap().len(), 1);
        assert!(!requests(&http)[0].contains("Filters"));
    }
}
