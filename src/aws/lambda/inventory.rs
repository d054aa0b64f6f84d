//! All functions. What is told of one in a list lacks its tags (docs/aws.md, Functions).

use super::{Function, FunctionKey, FunctionOutputs, Lambda};
use crate::aws::error::{DENIED, OrFail};
use crate::aws::{closer, pairs};
use crate::engine::{Failure, Inventory, Listed};
use crate::scope::{Owner, Whose};

impl Lambda {
    async fn listed_function(&self, name: String, arn: String) -> Result<Vec<Listed>, Failure> {
        let listed = |owner| {
            let key = |id| FunctionKey { id, name: name.clone() };
            let outputs = FunctionOutputs { name: name.clone(), arn: arn.clone() };
            let remove = format!("aws lambda delete-function --function-name {name}");
            Listed::new::<Function>((&name, &arn), owner, key, &outputs, remove)
        };
        let read = match self.read(&name).await {
            Err(failure) if DENIED.is(&failure) => return Ok(vec![listed(None).denied()]),
            read => read?,
        };
        let Some(read) = read else { return Ok(Vec::new()) };
        // Says so if tags could not be read, which does not make it a stranger's.
        self.owns(&read)?;
        Ok(vec![listed(Owner::read(pairs(read.tags())))])
    }
}

impl Inventory<Function> for Lambda {
    async fn list(&self, whose: &Whose) -> Result<Vec<Listed>, Failure> {
        let mut functions = self.client.list_functions().into_paginator().items().send();
        let mut looks = Vec::new();
        while let Some(function) = functions.next().await {
            let function = function.or_fail("list the functions")?;
            if let (Some(name), Some(arn)) = (function.function_name, function.function_arn)
                && whose.may_own(&name)
            {
                looks.push(self.listed_function(name, arn));
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

    fn page(names: &[&str], next: &str) -> String {
        let functions: Vec<String> =
            names.iter().map(|name| format!(r#"{{"FunctionName":"{name}","FunctionArn":"arn:{name}"}}"#)).collect();
        format!(r#"{{"Functions":[{}]{next}}}"#, functions.join(","))
    }

    #[tokio::test]
    async fn functions_are_listed_to_the_end_and_told_by_their_tags() {
        let (first, second) = (page(&["demo-f", "x"], r#","NextMarker":"m2""#), page(&["demo-g", "demo-gone"], ""));
        let read = |name: &str, stack: &str| {
            format!(r#"{{"Configuration":{{"FunctionName":"{name}"}},"Tags":{{"securelambda:stack":"{stack}"}}}}"#)
        };
        let (f, g) = (read("demo-f", "demo"), read("demo-g", "demo-b"));
        let gone = r#"{"Type":"User","Message":"Function not found"}"#;
        let absent = format!(r#"{{"__type":"ResourceNotFoundException",{}"#, &gone[1..]);
        let (clients, http) = replay(vec![(200, &first), (200, &second), (200, &f), (200, &g), (404, &absent)]);
        let listed = Lambda::new(&clients).list(&Whose::Stack("demo".into())).await.unwrap();
        let seen: Vec<_> = listed.iter().map(|one| (one.name.as_str(), one.stack.as_deref().unwrap())).collect();
        assert_eq!(seen, [("demo-f", "demo"), ("demo-g", "demo-b")]);
        assert!(requests(&http)[1].contains("Marker=m2"));
    }

    #[tokio::test]
    async fn tags_that_cannot_be_read_are_no_strangers() {
        let list = page(&["demo-f"], "");
        let read =
            r#"{"Configuration":{"FunctionName":"demo-f"},"TagsError":{"ErrorCode":"AccessDenied","Message":"no"}}"#;
        let (clients, _) = replay(vec![(200, &list), (200, read)]);
        let failure = Lambda::new(&clients).list(&Whose::Stack("demo".into())).await.unwrap_err();
        assert!(failure.to_string().contains("could not read the tags"), "{failure}");
    }
}
