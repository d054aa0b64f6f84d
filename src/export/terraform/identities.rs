//! Identity pools, which give AWS credentials to users.

use serde_json::json;

use crate::aws::cognito::{IdentityPool, IdentityPoolRoles};
use crate::engine::Seen;
use crate::export::resources::{Form, Piece, Resources};

pub(super) fn pool(seen: &Seen<'_, IdentityPool>, stack: &Resources<'_>) -> Form {
    let (want, id) = (seen.want, &seen.outputs.id);
    Piece::new(
        "aws_cognito_identity_pool",
        id.as_str(),
        json!({
            "identity_pool_name": want.name,
            "allow_unauthenticated_identities": false,
            "allow_classic_flow": false,
            "cognito_identity_providers": {
                "client_id": want.client_id,
                "provider_name": want.provider,
                "server_side_token_check": true,
            },
            "tags": stack.tags(&want.id),
        }),
    )
    .value(id, "id")
    .into()
}

pub(super) fn roles(seen: &Seen<'_, IdentityPoolRoles>) -> Form {
    let want = seen.want;
    let mapping = want.roles_from.as_ref().map(|client| {
        json!({
            "identity_provider": format!("{}:{client}", want.provider),
            "ambiguous_role_resolution": "AuthenticatedRole",
            "type": "Token",
        })
    });
    let roles = Piece::new(
        "aws_cognito_identity_pool_roles_attachment",
        want.pool_id.as_str(),
        json!({
            "identity_pool_id": want.pool_id,
            "roles": { "authenticated": want.role_arn },
            "role_mapping": mapping,
        }),
    );
    let tags = (!want.tags.is_empty()).then(|| {
        Piece::new(
            "aws_cognito_identity_pool_provider_principal_tag",
            format!("{}:{}", want.pool_id, want.provider),
            json!({
                "identity_pool_id": want.pool_id,
                "identity_provider_name": want.provider,
                "use_defaults": false,
                "principal_tags": want.tags,
            }),
        )
    });
    Form::of([roles].into_iter().chain(tags))
}
