//! IAM's simulation of policies, which tells whether a role may make a call without making it.

use aws_sdk_iam::operation::simulate_principal_policy::builders::SimulatePrincipalPolicyFluentBuilder;
use aws_sdk_iam::types::{ContextEntry, ContextKeyTypeEnum, PolicyEvaluationDecisionType};

use super::Iam;
use crate::aws::error::OrFail;
use crate::aws::refusals::UNKNOWN_CALL;
use crate::engine::Failure;

/// A request that is simulated, once for each action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// As in `s3:GetObject`.
    pub actions: Vec<String>,
    /// An ARN, or `*` for actions that take no resource.
    pub resource: String,
    pub keys: Vec<RequestKey>,
}

/// The value of a condition's key in a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestKey {
    /// The operator of the condition that tests the key, as in `ForAnyValue:StringLike`. It determines the type of the
    /// key.
    pub operator: String,
    pub key: String,
    pub value: String,
}

impl RequestKey {
    fn entry(&self) -> ContextEntry {
        let (set, bare) = match self.operator.split_once(':') {
            Some((_, bare)) => (true, bare),
            None => (false, self.operator.as_str()),
        };
        let kind = match bare {
            bare if bare.starts_with("Bool") => ContextKeyTypeEnum::Boolean,
            bare if bare.starts_with("Numeric") => ContextKeyTypeEnum::Numeric,
            bare if bare.starts_with("Date") => ContextKeyTypeEnum::Date,
            bare if bare.starts_with("IpAddress") => ContextKeyTypeEnum::Ip,
            _ if set => ContextKeyTypeEnum::StringList,
            _ => ContextKeyTypeEnum::String,
        };
        let entry = ContextEntry::builder().context_key_name(&self.key).context_key_values(&self.value);
        entry.context_key_type(kind).build()
    }
}

impl Iam {
    /// Whether IAM's simulation allows this role this action on this resource. `None`: the endpoint does not implement
    /// the call.
    pub async fn simulate(&self, role_arn: &str, action: &str, resource: &str) -> Result<Option<bool>, Failure> {
        let request = Request { actions: vec![action.to_owned()], resource: resource.to_owned(), keys: Vec::new() };
        let decided = self.simulate_all(role_arn, &request).await?;
        Ok(decided.filter(|decided| !decided.is_empty()).map(|decided| decided.iter().any(|(_, allowed)| *allowed)))
    }

    /// Each action of the request, and whether IAM's simulation allows it this role. `None`: the endpoint does not
    /// implement the call.
    pub async fn simulate_all(
        &self,
        role_arn: &str,
        request: &Request,
    ) -> Result<Option<Vec<(String, bool)>>, Failure> {
        let call = self.client.simulate_principal_policy().policy_source_arn(role_arn);
        let call = call.resource_arns(&request.resource).set_action_names(Some(request.actions.clone()));
        let context: Vec<ContextEntry> = request.keys.iter().map(RequestKey::entry).collect();
        let call = call.set_context_entries(Some(context).filter(|entries| !entries.is_empty()));
        match decisions(call, &format!("simulate {} as {role_arn}", request.actions.join(", "))).await {
            Ok(decided) => Ok(Some(decided)),
            Err(failure) if UNKNOWN_CALL.is(&failure) => Ok(None),
            Err(failure) => Err(failure),
        }
    }
}

/// The results of a simulation: each action, and whether it is allowed.
pub(in crate::aws) async fn decisions(
    call: SimulatePrincipalPolicyFluentBuilder,
    doing: &str,
) -> Result<Vec<(String, bool)>, Failure> {
    let mut results = call.into_paginator().items().send();
    let mut decided = Vec::new();
    while let Some(result) = results.next().await {
        let result = result.or_fail(doing)?;
        let allowed = *result.eval_decision() == PolicyEvaluationDecisionType::Allowed;
        decided.push((result.eval_action_name().to_owned(), allowed));
    }
    Ok(decided)
}
