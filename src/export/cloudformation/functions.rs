//! Functions with their roles, log groups, aliases, permissions and event sources.

use serde_json::{Value, json};

use super::{BUCKET, PREFIX, tags};
use crate::aws::AnyKind;
use crate::aws::iam::{Role, RolePolicy};
use crate::aws::lambda::{Alias, Code, EventSourceMapping, Function, Permission, Reading};
use crate::aws::logs::LogGroup;
use crate::choices::LIVE;
use crate::engine::Seen;
use crate::export::resources::{Form, Piece, Resources, named, package_file, some};

const FUNCTION: &str = "AWS::Lambda::Function";
const ROLE: &str = "AWS::IAM::Role";

pub(super) fn log_group(seen: &Seen<'_, LogGroup>, stack: &Resources<'_>) -> Form {
    let want = seen.want;
    Piece::new(
        "AWS::Logs::LogGroup",
        json!({ "LogGroupName": want.name }),
        json!({
            "LogGroupName": want.name,
            "RetentionInDays": want.retention_days,
            "KmsKeyId": want.kms_key.key(),
            "Tags": tags(stack, &want.id),
        }),
    )
    .name(&want.name, "Ref")
    .into()
}

pub(super) fn role(seen: &Seen<'_, Role>, stack: &Resources<'_>) -> Form {
    let want = seen.want;
    Piece::new(
        ROLE,
        json!({ "RoleName": want.name }),
        json!({
            "RoleName": want.name,
            "Path": stack.scope.role_path(),
            "Description": want.description,
            "AssumeRolePolicyDocument": want.trust.document(),
            "PermissionsBoundary": want.boundary.as_ref().or(seen.live.boundary.as_ref()),
            "Tags": tags(stack, &want.id),
        }),
    )
    .value(&seen.outputs.arn, "Arn")
    .name(&want.name, "Ref")
    .into()
}

pub(super) fn role_policy(seen: &Seen<'_, RolePolicy>) -> Form {
    let want = seen.want;
    Piece::new(
        "AWS::IAM::RolePolicy",
        json!({ "PolicyName": want.name, "RoleName": want.role }),
        json!({
            "PolicyName": want.name,
            "RoleName": named(ROLE, &want.role, &want.role),
            "PolicyDocument": want.document.document(),
        }),
    )
    .into()
}

pub(super) fn function(seen: &Seen<'_, Function>, stack: &Resources<'_>) -> Form {
    let want = seen.want;
    let (code, is_image) = match &want.code {
        Code::Zip { .. } => {
            let key = json!({ "Fn::Sub": format!("${{{PREFIX}}}{}", package_file(&want.name)) });
            (json!({ "S3Bucket": { "Ref": BUCKET }, "S3Key": key }), false)
        }
        Code::Image(uri) => (json!({ "ImageUri": uri }), true),
    };
    let vpc = (!want.vpc.subnets.is_empty()).then(|| {
        json!({
            "SubnetIds": want.vpc.subnets,
            "SecurityGroupIds": want.vpc.security_groups,
            "Ipv6AllowedForDualStack": want.vpc.ipv6.then_some(true),
        })
    });
    Piece::new(
        FUNCTION,
        json!({ "FunctionName": want.name }),
        json!({
            "FunctionName": want.name,
            "Description": want.description,
            "Role": want.role_arn,
            "Code": code,
            "PackageType": is_image.then_some("Image"),
            "Handler": (!is_image).then_some(&want.handler),
            "Runtime": (!is_image).then_some(&want.runtime),
            "Layers": some(want.layers.iter().cloned()),
            "Architectures": [want.architecture],
            "MemorySize": want.memory_mb,
            "Timeout": want.timeout_s,
            "KmsKeyArn": want.kms_key.key(),
            "ReservedConcurrentExecutions": want.reserved_concurrency,
            "EphemeralStorage": { "Size": want.ephemeral_mb },
            "Environment": (!want.environment.is_empty()).then(|| json!({ "Variables": want.environment })),
            "LoggingConfig": {
                "LogFormat": "Text",
                "LogGroup": named("AWS::Logs::LogGroup", &want.log_group, &want.log_group),
            },
            "TracingConfig": { "Mode": if want.tracing { "Active" } else { "PassThrough" } },
            "DeadLetterConfig": want.dead_letters.as_ref().map(|queue| json!({ "TargetArn": queue })),
            "VpcConfig": vpc,
            "Tags": tags(stack, &want.id),
        }),
    )
    .value(&seen.outputs.arn, "Arn")
    .name(&want.name, "Ref")
    .into()
}

/// The alias, with the concurrency that is provisioned for it.
pub(super) fn alias(seen: &Seen<'_, Alias>, stack: &Resources<'_>) -> Form {
    let (function, arn) = (&seen.outputs.function, &seen.outputs.arn);
    let provisioned = stack.find(|one| match one {
        AnyKind::ProvisionedConcurrency(one) if one.want.function == *function => Some(one.want.executions),
        _ => None,
    });
    let provisioned = provisioned.map(|count| json!({ "ProvisionedConcurrentExecutions": count }));
    Piece::new(
        "AWS::Lambda::Alias",
        json!({ "AliasArn": arn }),
        json!({
            "Name": LIVE,
            "FunctionName": named(FUNCTION, function, function),
            "FunctionVersion": seen.live.version(),
            "ProvisionedConcurrencyConfig": provisioned,
        }),
    )
    .value(arn, "AliasArn")
    .into()
}

pub(super) fn permission(seen: &Seen<'_, Permission>, stack: &Resources<'_>) -> Form {
    let want = seen.want;
    let function: Value = match &want.alias {
        // An ARN becomes a reference to the alias.
        Some(alias) => stack.called_arn(&want.function, Some(alias)).into(),
        None => named(FUNCTION, &want.function, &want.function),
    };
    let identified =
        want.alias.as_ref().map_or(want.function.clone(), |alias| stack.called_arn(&want.function, Some(alias)));
    Piece::new(
        "AWS::Lambda::Permission",
        json!({ "FunctionName": identified, "Id": want.sid }),
        json!({
            "Action": "lambda:InvokeFunction",
            "FunctionName": function,
            "Principal": want.principal,
            "SourceArn": want.source_arn,
            "SourceAccount": want.source_account,
        }),
    )
    .into()
}

pub(super) fn event_source_mapping(seen: &Seen<'_, EventSourceMapping>, stack: &Resources<'_>) -> Form {
    let want = seen.want;
    let mut body = json!({
        "EventSourceArn": want.source_arn,
        "FunctionName": stack.called_arn(&want.function, want.alias.as_deref()),
        "BatchSize": want.batch_size,
        "MaximumBatchingWindowInSeconds": Some(want.window_s).filter(|seconds| *seconds > 0),
        "FunctionResponseTypes": want.reports_failures.then_some(["ReportBatchItemFailures"]),
        "FilterCriteria": some(want.filters.iter().map(|pattern| json!({ "Pattern": pattern })))
            .map(|filters| json!({ "Filters": filters })),
        "Tags": tags(stack, &want.id),
    });
    match &want.reading {
        Reading::Queue { concurrency } => {
            body["ScalingConfig"] = json!(concurrency.map(|most| json!({ "MaximumConcurrency": most })));
        }
        Reading::Stream(stream) => {
            body["StartingPosition"] = stream.position().into();
            body["ParallelizationFactor"] = stream.parallel.into();
            body["MaximumRetryAttempts"] = stream.retries.into();
            body["MaximumRecordAgeInSeconds"] = stream.max_age_s.into();
            body["BisectBatchOnFunctionError"] = stream.bisect.into();
            let told = stream.on_failure.as_ref();
            body["DestinationConfig"] = json!(told.map(|arn| json!({ "OnFailure": { "Destination": arn } })));
        }
    }
    Piece::new("AWS::Lambda::EventSourceMapping", json!({ "Id": seen.outputs.uuid }), body).into()
}
