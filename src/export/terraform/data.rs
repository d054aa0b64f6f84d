//! Tables, secrets and the key.

use serde_json::json;

use super::document;
use crate::aws::dynamodb::Table;
use crate::aws::kms::Key;
use crate::aws::secretsmanager::{Rotation, Secret};
use crate::choices::Projection;
use crate::engine::Seen;
use crate::export::resources::{Form, Piece, Resources, some};

pub(super) fn table(seen: &Seen<'_, Table>, stack: &Resources<'_>) -> Form {
    let want = seen.want;
    let attributes = want.attributes().into_iter();
    let attributes: Vec<_> =
        attributes.map(|one| json!({ "name": one.name, "type": Table::type_name(one.kind) })).collect();
    let indexes = want.indexes.iter().map(|(name, index)| {
        let (projection, with) = match &index.projection {
            Projection::All => ("ALL", None),
            Projection::Keys => ("KEYS_ONLY", None),
            Projection::With(names) => ("INCLUDE", Some(names)),
        };
        json!({
            "name": name,
            "hash_key": index.key.name,
            "range_key": index.sort.as_ref().map(|sort| &sort.name),
            "projection_type": projection,
            "non_key_attributes": with,
        })
    });
    let encryption = want.kms_key.key();
    let mut piece = Piece::new(
        "aws_dynamodb_table",
        want.name.as_str(),
        json!({
            "name": want.name,
            "billing_mode": "PAY_PER_REQUEST",
            "hash_key": want.key.name,
            "range_key": want.sort.as_ref().map(|sort| &sort.name),
            "attribute": attributes,
            "global_secondary_index": some(indexes),
            "ttl": want.ttl.as_ref().map(|name| json!({ "attribute_name": name, "enabled": true })),
            "stream_enabled": want.stream.map(|_| true),
            "stream_view_type": want.stream_name(),
            "point_in_time_recovery": { "enabled": want.recovery },
            "deletion_protection_enabled": want.deletion_protection,
            "server_side_encryption": encryption.map(|key| json!({ "enabled": true, "kms_key_arn": key })),
            "tags": stack.tags(&want.id),
        }),
    )
    .value(&seen.outputs.arn, "arn");
    if let Some(stream) = &seen.outputs.stream_arn {
        piece = piece.value(stream, "stream_arn");
    }
    piece.into()
}

/// The secret without its value, which is in Secrets Manager alone.
pub(super) fn secret(seen: &Seen<'_, Secret>, stack: &Resources<'_>) -> Form {
    let want = seen.want;
    let arn = &seen.outputs.arn;
    let has_policy = want.policy.statements().next().is_some();
    Piece::new(
        "aws_secretsmanager_secret",
        arn.as_str(),
        json!({
            "name": want.name,
            "description": want.description,
            "policy": has_policy.then(|| document(&want.policy)),
            "kms_key_id": want.kms_key.key(),
            "tags": stack.tags(&want.id),
        }),
    )
    .value(arn, "arn")
    .into()
}

pub(super) fn rotation(seen: &Seen<'_, Rotation>) -> Form {
    let want = seen.want;
    Piece::new(
        "aws_secretsmanager_secret_rotation",
        want.secret_arn.as_str(),
        json!({
            "secret_id": want.secret_arn,
            "rotation_lambda_arn": want.function_arn,
            "rotate_immediately": false,
            "rotation_rules": { "automatically_after_days": want.days },
        }),
    )
    .into()
}

pub(super) fn key(seen: &Seen<'_, Key>, stack: &Resources<'_>) -> Form {
    let (want, arn) = (seen.want, &seen.outputs.arn);
    let id = arn.rsplit('/').next().unwrap_or(arn);
    let key = Piece::new(
        "aws_kms_key",
        id,
        json!({
            "description": want.description,
            "policy": document(&want.policy),
            "enable_key_rotation": true,
            "rotation_period_in_days": want.rotation_days,
            "tags": stack.tags(&want.id),
        }),
    );
    let alias = json!({ "name": want.alias, "target_key_id": arn });
    Form::of([key.value(arn, "arn"), Piece::new("aws_kms_alias", want.alias.as_str(), alias).beside()])
}
