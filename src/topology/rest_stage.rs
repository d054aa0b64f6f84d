//! The stage of a REST API, and its logs.

use std::collections::BTreeMap;

use super::Input;
use super::apis::{ApiIds, access_log_name};
use crate::aws::Encryption;
use crate::aws::apigateway::{Deployment, LogRole, MethodLimits, RestApi, RestApiOutputs, Stage};
use crate::aws::logs::{EXECUTION_LOGS, LogGroup};
use crate::choices::ExecutionLog;
use crate::engine::{Deferred, Graph, Handle};
use crate::scope::Scope;
use crate::spec::{Api, Limits, Route};

/// The resources that the stage's logs need.
#[derive(Clone, Copy)]
pub(super) struct Logs {
    pub access: Option<Handle<LogGroup>>,
    pub execution: Option<Handle<LogGroup>>,
    pub role: Option<Handle<LogRole>>,
}

/// The name that API Gateway gives to the group of a stage's execution log.
pub(super) fn execution_log_name(api_id: &str, stage: &str) -> String {
    format!("{EXECUTION_LOGS}{api_id}/{stage}")
}

/// The group of the execution log. API Gateway would create it without a retention (docs/aws.md, Logs of REST APIs).
pub(super) fn execution_log(
    graph: &mut Graph,
    Input { scope, encrypted_by, .. }: Input<'_>,
    api: Handle<RestApi>,
    ids: ApiIds<'_>,
    retention_days: i32,
    wanted: &Api,
) -> Option<Handle<LogGroup>> {
    let id = ids.execution_log();
    let (tag, stage, account) = (id.to_string(), wanted.stage.clone(), scope.account.clone());
    let group = move |(api, kms_key): (RestApiOutputs, Encryption)| LogGroup {
        id: tag.clone(),
        name: execution_log_name(&api.id, &stage),
        retention_days,
        account: account.clone(),
        kms_key,
    };
    (wanted.logs.execution != ExecutionLog::Off).then(|| id.add(graph, (api, encrypted_by.clone()), group))
}

/// The limits of the routes that have their own.
pub(super) fn method_limits(wanted: &Api) -> BTreeMap<String, MethodLimits> {
    let of = |(route, limits): (&Route, Limits)| {
        let burst = i32::try_from(limits.burst).unwrap_or(i32::MAX);
        (route.name(), MethodLimits { rate: f64::from(limits.rate), burst })
    };
    wanted.limited_routes().map(of).collect()
}

pub(super) fn stage(
    graph: &mut Graph,
    api: Handle<RestApi>,
    ids: ApiIds<'_>,
    deployment: Handle<Deployment>,
    wanted: &Api,
    scope: &Scope,
    logs: Logs,
) -> Handle<Stage> {
    let id = ids.rest_stage(&wanted.stage);
    let (name, tag, tracing) = (wanted.stage.clone(), id.to_string(), wanted.tracing);
    let account = scope.account.clone();
    let (rate_limit, burst_limit) = (f64::from(wanted.rate_limit), i32::try_from(wanted.burst_limit).unwrap_or(50));
    let (execution_log, limits) = (wanted.logs.execution, method_limits(wanted));
    let group = scope.arn("logs", &format!("log-group:{}", access_log_name(ids, scope)));
    let Logs { access, execution, role } = logs;
    let access_log = access.map(|_| group);
    // The stage can be read without these.
    let groups: Vec<_> = access.into_iter().chain(execution).map(Deferred).collect();
    let role: Vec<_> = role.into_iter().map(Deferred).collect();
    let needs = (api, Deferred(deployment), groups, role);
    id.add_under(graph, api, needs, move |(api, deployment, _, _)| Stage {
        id: tag.clone(),
        api_id: api.id,
        name: name.clone(),
        deployment_id: deployment.map(|deployment| deployment.id),
        rate_limit,
        burst_limit,
        limits: limits.clone(),
        access_log: access_log.clone(),
        execution_log,
        account: account.clone(),
        tracing,
    })
}
