//! Tables, secrets and the key.

use serde_json::{Value, json};

use super::tags;
use crate::aws::dynamodb::Table;
use crate::aws::kms::Key;
use crate::aws::secretsmanager::{Rotation, Secret};
use crate::choices::{Attribute, Projection};
use crate::engine::Seen;
use crate::export::resources::{Form, Piece, Resources, some};

fn keys(key: &Attribute, sort: Option<&Attribute>) -> Vec<Value> {
    let of = |attribute: &Attribute, kind: &str| json!({ "AttributeName": attribute.name, "KeyType": kind });
    [of(key, "HASH")].into_iter().chain(sort.map(|sort| of(sort, "RANGE"))).collect()
}

pub(super) fn table(seen: &Seen<'_, Table>, stack: &Resources<'_>) -> Form {
    let want = seen.want;
    let attributes = want.attributes().into_iter();
    let attributes: Vec<_> = attributes
        .map(|one| json!({ "AttributeName": one.name, "AttributeType": Table::type_name(one.kind) }))
        .collect();
    let indexes = want.indexes.iter().map(|(name, index)| {
        let projection = match &index.projection {
            Projection::All => json!({ "ProjectionType": "ALL" }),
            Projection::Keys => json!({ "ProjectionType": "KEYS_ONLY" }),
            Projection::With(names) => json!({ "ProjectionType": "INCLUDE", "NonKeyAttributes": names }),
        };
        json!({ "IndexName": name, "KeySchema": keys(&index.key, index.sort.as_ref()), "Projection": projection })
    });
    let encryption = want.kms_key.key();
    let encryption = encryption.map(|key| json!({ "SSEEnabled": true, "SSEType": "KMS", "KMSMasterKeyId": key }));
    let mut piece = Piece::new(
        "AWS::DynamoDB::Table",
        json!({ "TableName": want.name }),
        json!({
            "TableName": want.name,
            "BillingMode": "PAY_PER_REQUEST",
            "AttributeDefinitions": attributes,
            "KeySchema": keys(&want.key, want.sort.as_ref()),
            "GlobalSecondaryIndexes": some(indexes),
            "TimeToLiveSpecification":
                want.ttl.as_ref().map(|name| json!({ "AttributeName": name, "Enabled": true })),
            "StreamSpecification": want.stream_name().map(|view| json!({ "StreamViewType": view })),
            "PointInTimeRecoverySpecification": { "PointInTimeRecoveryEnabled": want.recovery },
            "DeletionProtectionEnabled": want.deletion_protection,
            "SSESpecification": encryption,
            "Tags": tags(stack, &want.id),
        }),
    )
    .value(&seen.outputs.arn, "Arn");
    if let Some(stream) = &seen.outputs.stream_arn {
        piece = piece.value(stream, "StreamArn");
    }
    piece.into()
}

/// The secret without its value, which is in Secrets Manager alone.
pub(super) fn secret(seen: &Seen<'_, Secret>, stack: &Resources<'_>) -> Form {
    let (want, arn) = (seen.want, &seen.outputs.arn);
    let secret = Piece::new(
        "AWS::SecretsManager::Secret",
        json!({ "Id": arn }),
        json!({
            "Name": want.name,
            "Description": want.description,
            "KmsKeyId": want.kms_key.key(),
            "Tags": tags(stack, &want.id),
        }),
    );
    let policy = want.policy.statements().next().is_some().then(|| {
        Piece::new(
            "AWS::SecretsManager::ResourcePolicy",
            json!({ "Id": arn }),
            json!({ "SecretId": arn, "ResourcePolicy": want.policy.document(), "BlockPublicPolicy": true }),
        )
        .suffix("policy")
        .beside()
    });
    Form::of([secret.value(arn, "Id")].into_iter().chain(policy))
}

pub(super) fn rotation(seen: &Seen<'_, Rotation>) -> Form {
    let want = seen.want;
    Piece::new(
        "AWS::SecretsManager::RotationSchedule",
        json!({ "Id": want.secret_arn }),
        json!({
            "SecretId": want.secret_arn,
            "RotationLambdaARN": want.function_arn,
            "RotateImmediatelyOnUpdate": false,
            "RotationRules": { "AutomaticallyAfterDays": want.days },
        }),
    )
    .into()
}

pub(super) fn key(seen: &Seen<'_, Key>, stack: &Resources<'_>) -> Form {
    let (want, arn) = (seen.want, &seen.outputs.arn);
    let id = arn.rsplit('/').next().unwrap_or(arn);
    let key = Piece::new(
        "AWS::KMS::Key",
        json!({ "KeyId": id }),
        json!({
            "Description": want.description,
            "KeyPolicy": want.policy.document(),
            "EnableKeyRotation": true,
            "RotationPeriodInDays": want.rotation_days,
            "Tags": tags(stack, &want.id),
        }),
    );
    let alias = Piece::new(
        "AWS::KMS::Alias",
        json!({ "AliasName": want.alias }),
        json!({ "AliasName": want.alias, "TargetKeyId": arn }),
    );
    Form::of([key.value(arn, "Arn"), alias.suffix("alias").beside()])
}
