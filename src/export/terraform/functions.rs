//! Functions with their roles, log groups, aliases, permissions and event sources.

use serde_json::json;

use super::document;
use crate::aws::iam::{Role, RolePolicy};
use crate::aws::lambda::{Alias, Code, EventSourceMapping, Function, Permission, ProvisionedConcurrency, Reading};
use crate::aws::logs::LogGroup;
use crate::choices::LIVE;
use crate::engine::Seen;
use crate::export::resources::{Form, Piece, Resources, named, package_file, some};

const FUNCTION: &str = "aws_lambda_function";
const ALIAS: &str = "aws_lambda_alias";

pub(super) fn log_group(seen: &Seen<'_, LogGroup>, stack: &Resources<'_>) -> Form {
    let want = seen.want;
    Piece::new(
        "aws_cloudwatch_log_group",
        want.name.as_str(),
        json!({
            "name": want.name,
            "retention_in_days": want.retention_days,
            "kms_key_id": want.kms_key.key(),
            "tags": stack.tags(&want.id),
        }),
    )
    .value(&seen.outputs.arn, "arn")
    .name(&want.name, "name")
    .into()
}

pub(super) fn role(seen: &Seen<'_, Role>, stack: &Resources<'_>) -> Form {
    let want = seen.want;
    Piece::new(
        "aws_iam_role",
        want.name.as_str(),
        json!({
            "name": want.name,
            "path": stack.scope.role_path(),
            "description": want.description,
            "assume_role_policy": document(&want.trust),
            "permissions_boundary": want.boundary.as_ref().or(seen.live.boundary.as_ref()),
            "tags": stack.tags(&want.id),
        }),
    )
    .value(&seen.outputs.arn, "arn")
    .name(&want.name, "name")
    .into()
}

pub(super) fn role_policy(seen: &Seen<'_, RolePolicy>) -> Form {
    let want = seen.want;
    Piece::new(
        "aws_iam_role_policy",
        format!("{}:{}", want.role, want.name),
        json!({
            "name": want.name,
            "role": named("aws_iam_role", &want.role, &want.role),
            "policy": document(&want.document),
        }),
    )
    .into()
}

pub(super) fn function(seen: &Seen<'_, Function>, stack: &Resources<'_>) -> Form {
    let want = seen.want;
    let code = match &want.code {
        Code::Zip { .. } => {
            let file = format!("${{path.module}}/{}", package_file(&want.name));
            json!({
                "filename": { "$raw": format!("\"{file}\"") },
                "source_code_hash": { "$raw": format!("filebase64sha256(\"{file}\")") },
                "handler": want.handler,
                "runtime": want.runtime,
                "layers": some(want.layers.iter().cloned()),
            })
        }
        Code::Image(uri) => json!({ "package_type": "Image", "image_uri": uri }),
    };
    let vpc = (!want.vpc.subnets.is_empty()).then(|| {
        json!({
            "subnet_ids": want.vpc.subnets,
            "security_group_ids": want.vpc.security_groups,
            "ipv6_allowed_for_dual_stack": want.vpc.ipv6.then_some(true),
        })
    });
    let mut body = json!({
        "function_name": want.name,
        "description": want.description,
        "role": want.role_arn,
        "architectures": [want.architecture],
        "memory_size": want.memory_mb,
        "timeout": want.timeout_s,
        "kms_key_arn": want.kms_key.key(),
        "reserved_concurrent_executions": want.reserved_concurrency,
        // Its alias leads to a version.
        "publish": want.provisioned_concurrency.map(|_| true),
        "ephemeral_storage": { "size": want.ephemeral_mb },
        "environment": (!want.environment.is_empty()).then(|| json!({ "variables": want.environment })),
        "logging_config": {
            "log_format": "Text",
            "log_group": named("aws_cloudwatch_log_group", &want.log_group, &want.log_group),
        },
        "tracing_config": { "mode": if want.tracing { "Active" } else { "PassThrough" } },
        "dead_letter_config": want.dead_letters.as_ref().map(|queue| json!({ "target_arn": queue })),
        "vpc_config": vpc,
        "tags": stack.tags(&want.id),
    });
    if let (Some(body), serde_json::Value::Object(code)) = (body.as_object_mut(), code) {
        body.extend(code);
    }
    Piece::new(FUNCTION, want.name.as_str(), body)
        .value(&seen.outputs.arn, "arn")
        .name(&want.name, "function_name")
        .name(format!("{} version", want.name), "version")
        .into()
}

pub(super) fn alias(seen: &Seen<'_, Alias>) -> Form {
    let function = &seen.outputs.function;
    Piece::new(
        ALIAS,
        format!("{function}/{LIVE}"),
        json!({
            "name": LIVE,
            "function_name": named(FUNCTION, function, function),
            "function_version": named(FUNCTION, &format!("{function} version"), seen.live.version()),
        }),
    )
    .value(&seen.outputs.arn, "arn")
    .name(function, "name")
    .into()
}

pub(super) fn provisioned_concurrency(seen: &Seen<'_, ProvisionedConcurrency>) -> Form {
    let want = seen.want;
    Piece::new(
        "aws_lambda_provisioned_concurrency_config",
        format!("{},{LIVE}", want.function),
        json!({
            "function_name": named(FUNCTION, &want.function, &want.function),
            "qualifier": named(ALIAS, &want.function, LIVE),
            "provisioned_concurrent_executions": want.executions,
        }),
    )
    .into()
}

pub(super) fn permission(seen: &Seen<'_, Permission>) -> Form {
    let want = seen.want;
    let qualified = want.alias.iter().fold(want.function.clone(), |function, alias| format!("{function}:{alias}"));
    Piece::new(
        "aws_lambda_permission",
        format!("{qualified}/{}", want.sid),
        json!({
            "statement_id": want.sid,
            "action": "lambda:InvokeFunction",
            "function_name": named(FUNCTION, &want.function, &want.function),
            "qualifier": want.alias.as_ref().map(|alias| named(ALIAS, &want.function, alias)),
            "principal": want.principal,
            "source_arn": want.source_arn,
            "source_account": want.source_account,
        }),
    )
    .into()
}

pub(super) fn event_source_mapping(seen: &Seen<'_, EventSourceMapping>, stack: &Resources<'_>) -> Form {
    let want = seen.want;
    let function = stack.called_arn(&want.function, want.alias.as_deref());
    let mut body = json!({
        "event_source_arn": want.source_arn,
        "function_name": function,
        "batch_size": want.batch_size,
        "maximum_batching_window_in_seconds": Some(want.window_s).filter(|seconds| *seconds > 0),
        "function_response_types": want.reports_failures.then_some(["ReportBatchItemFailures"]),
        "filter_criteria": some(want.filters.iter().map(|pattern| json!({ "pattern": pattern })))
            .map(|filters| json!({ "filter": filters })),
        "tags": stack.tags(&want.id),
    });
    match &want.reading {
        Reading::Queue { concurrency } => {
            body["scaling_config"] = json!(concurrency.map(|most| json!({ "maximum_concurrency": most })));
        }
        Reading::Stream(stream) => {
            body["starting_position"] = stream.position().into();
            body["parallelization_factor"] = stream.parallel.into();
            body["maximum_retry_attempts"] = stream.retries.into();
            body["maximum_record_age_in_seconds"] = stream.max_age_s.into();
            body["bisect_batch_on_function_error"] = stream.bisect.into();
            let told = stream.on_failure.as_ref();
            let told = told.map(|arn| json!({ "on_failure": { "destination_arn": arn } }));
            body["destination_config"] = json!(told);
        }
    }
    Piece::new("aws_lambda_event_source_mapping", seen.outputs.uuid.as_str(), body).into()
}
