//! The error codes and parts of messages by which the program recognises refusals. No other file contains any, except
//! [`settle`](super::settle) and [`error`](super::error).
//!
//! Tests check each of them against botocore's service models and `tests/it/facts`, which gives the sources. Messages
//! are compared only where AWS uses one code for several cases.

use super::error::{CREDENTIALS, DENIED, EXPIRED, QUOTA, THROTTLED, UNKNOWN_CALL};
use super::settle::WAITS;
use crate::engine::Refusal;

/// Every service that the program calls.
pub const EVERYWHERE: &[&str] = &[
    "apigateway",
    "apigatewayv2",
    "cloudwatch",
    "cognito-identity",
    "cognito-idp",
    "iam",
    "kms",
    "lambda",
    "logs",
    "secretsmanager",
    "sns",
    "sqs",
    "sts",
    "wafv2",
];

/// IAM has no such role or policy.
pub const NO_ENTITY: Refusal = Refusal::new(&["iam"], &["NoSuchEntity"]);
/// SNS has no such topic or subscription; of tags it says so in a code of their own.
pub const NO_TOPIC: Refusal = Refusal::new(&["sns"], &["NotFound", "ResourceNotFound"]);
/// SQS has no such queue. Its newer protocol has a code of its own.
pub const NO_QUEUE: Refusal = Refusal::new(&["sqs"], &["AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist"]);
/// The codes for a queue of that name that was deleted less than a minute ago, in both protocols.
pub(super) const QUEUE_DELETED: &[&str] = &["AWS.SimpleQueueService.QueueDeletedRecently", "QueueDeletedRecently"];
/// API Gateway has no such API, or no such part of it.
pub const NO_API: Refusal = Refusal::new(&["apigateway", "apigatewayv2"], &["NotFoundException"]);
/// There is no such function, log group, pool, client or secret.
pub const NO_RESOURCE: Refusal = Refusal::new(
    &["cognito-identity", "cognito-idp", "lambda", "logs", "secretsmanager"],
    &["ResourceNotFoundException"],
);
/// The pool has no such user.
pub const NO_USER: Refusal = Refusal::new(&["cognito-idp"], &["UserNotFoundException"]);
/// WAF has no such IP set or web ACL, or does not see the resource to protect.
pub const NO_WAF_ITEM: Refusal = Refusal::new(&["wafv2"], &["WAFNonexistentItemException"]);

/// KMS has no such key, alias or grant.
pub const NO_KEY: Refusal = Refusal::new(&["kms"], &["NotFoundException"]);
/// CloudWatch has no such alarm.
pub const NO_ALARM: Refusal = Refusal::new(&["cloudwatch"], &["ResourceNotFound", "ResourceNotFoundException"]);

/// All refusals that say that a resource does not exist.
pub(super) const ABSENT: [&Refusal; 9] =
    [&NO_ENTITY, &NO_TOPIC, &NO_QUEUE, &NO_API, &NO_RESOURCE, &NO_USER, &NO_WAF_ITEM, &NO_KEY, &NO_ALARM];

/// A resource of that name exists, by the code.
pub const NAME_TAKEN: Refusal = Refusal::new(
    &[
        "iam CreateRole",
        "secretsmanager CreateSecret",
        "logs CreateLogGroup",
        "wafv2 CreateIPSet",
        "wafv2 CreateWebACL",
        "cognito-idp AdminCreateUser",
        "cognito-idp CreateGroup",
        "cognito-idp SignUp",
        "kms CreateAlias",
    ],
    &[
        "EntityAlreadyExists",
        "ResourceExistsException",
        "ResourceAlreadyExistsException",
        "WAFDuplicateItemException",
        "UsernameExistsException",
        "GroupExistsException",
        "AlreadyExistsException",
    ],
);
/// A resource of that name exists, by the message.
pub const ALREADY_EXISTS: Refusal = Refusal::new(
    &[
        "lambda CreateFunction",
        "lambda AddPermission",
        "sns CreateTopic",
        "sns Subscribe",
        "apigateway PutMethod",
        "apigateway CreateModel",
        "apigateway CreateStage",
        "apigateway CreateAuthorizer",
        "apigatewayv2 CreateRoute",
        "apigatewayv2 CreateStage",
    ],
    &["ResourceConflictException", "InvalidParameter", "ConflictException"],
)
.words(&["already exist"]);
/// The path exists. Two paths that exclude each other are refused in similar words, and that is another case.
pub const PATH_TAKEN: Refusal =
    Refusal::new(&["apigateway CreateResource"], &["ConflictException"]).words(&["already has this name"]);
/// The API has an authorizer of that name.
pub const AUTHORIZER_TAKEN: Refusal = Refusal::new(
    &["apigateway CreateAuthorizer", "apigatewayv2 CreateAuthorizer"],
    &["BadRequestException", "ConflictException"],
)
.words(&["must be unique"]);

/// All refusals that say that a resource exists already.
pub(super) const EXISTS: [&Refusal; 4] = [&NAME_TAKEN, &ALREADY_EXISTS, &PATH_TAKEN, &AUTHORIZER_TAKEN];

/// The message names the missing action after these words.
pub const DENIED_ACTION: Refusal = Refusal { words: &["not authorized to perform: "], ..DENIED };

/// The permission to tag the new stage is missing.
pub const MAY_NOT_TAG: Refusal = Refusal::new(&["apigateway CreateStage"], &["AccessDeniedException"])
    .words(&["::/tags/", "apigateway:tagresource"]);

/// The REST API cannot be created with these settings; perhaps the region does not know the security policy.
pub const BAD_REQUEST: Refusal = Refusal::new(&["apigateway CreateRestApi"], &["BadRequestException"]);

/// A quota. The SDK would take it for throttling.
pub const TOO_MANY_THINGS: Refusal = Refusal::new(EVERYWHERE, &["LimitExceededException"]);
/// Throttling by a service whose answer asks for a long pause.
pub const TOO_MANY_CALLS: Refusal = Refusal::new(&["apigateway", "lambda"], &["TooManyRequestsException"]);

/// The web ACL is still associated with a resource.
pub const ASSOCIATED: Refusal = Refusal::new(&["wafv2 DeleteWebACL"], &["WAFAssociatedItemException"]);

/// A secret of this name is in use. Some emulators also say so of one that is being deleted.
pub const SECRET_EXISTS: Refusal = Refusal::new(&["secretsmanager CreateSecret"], &["ResourceExistsException"]);
/// The secret, or one of its name, is in its recovery window, or is being deleted for good.
pub const SECRET_SCHEDULED: Refusal = Refusal::new(
    &["secretsmanager CreateSecret", "secretsmanager DeleteSecret", "secretsmanager RestoreSecret"],
    &["InvalidRequestException"],
)
.words(&["scheduled for deletion", "marked for deletion", "was deleted"]);
/// The deletion of the key is scheduled already, or is not scheduled any more.
pub const KEY_PENDING: Refusal =
    Refusal::new(&["kms CancelKeyDeletion", "kms ScheduleKeyDeletion"], &["KMSInvalidStateException"]);

/// The secret cannot be restored: it is being deleted for good.
pub const NOT_RESTORED: Refusal = Refusal::new(&["secretsmanager RestoreSecret"], &["InvalidRequestException"]);

/// The pool has a domain.
pub const HAS_DOMAIN: Refusal =
    Refusal::new(&["cognito-idp DeleteUserPool"], &["InvalidParameterException"]).words(&["has a domain configured"]);
/// The pool has no threat protection, and so no reactions to risks.
pub const NO_RISK_CONFIGURATION: Refusal =
    Refusal::new(&["cognito-idp DescribeRiskConfiguration"], &["UserPoolAddOnNotEnabledException"]);
/// The identity pool gives the provider's users no tags.
pub const NO_PRINCIPAL_TAGS: Refusal =
    Refusal::new(&["cognito-identity GetPrincipalTagAttributeMap"], &["ResourceNotFoundException"]);
/// The app client does not allow signing in with a password.
pub const NO_PASSWORD_FLOW: Refusal =
    Refusal::new(&["cognito-idp InitiateAuth"], &["InvalidParameterException"]).words(&["flow not enabled"]);
/// The user was confirmed before.
pub const CONFIRMED: Refusal =
    Refusal::new(&["cognito-idp ConfirmSignUp"], &["NotAuthorizedException"]).words(&["current status is confirmed"]);
/// A wrong password or an unknown user: both give the same error.
pub const WRONG_PASSWORD: Refusal =
    Refusal::new(&["cognito-idp InitiateAuth"], &["NotAuthorizedException"]).words(&["incorrect username or password"]);
/// Too many wrong passwords.
pub const HELD_BACK: Refusal =
    Refusal::new(&["cognito-idp InitiateAuth"], &["NotAuthorizedException"]).words(&["attempts exceeded"]);
/// An administrator has disabled the user.
pub const DISABLED: Refusal =
    Refusal::new(&["cognito-idp InitiateAuth"], &["NotAuthorizedException"]).words(&["user is disabled"]);
/// The refresh token has expired, or was revoked.
pub const BAD_REFRESH_TOKEN: Refusal =
    Refusal::new(&["cognito-idp InitiateAuth"], &["NotAuthorizedException"]).words(&["refresh token"]);
/// Only administrators can add users to the pool.
pub const NO_SIGN_UP: Refusal =
    Refusal::new(&["cognito-idp SignUp"], &["NotAuthorizedException"]).words(&["not permitted"]);
/// The user has not entered the code from the mail.
pub const NOT_CONFIRMED: Refusal = Refusal::new(&["cognito-idp"], &["UserNotConfirmedException"]);
/// An administrator has reset the password.
pub const PASSWORD_RESET: Refusal = Refusal::new(&["cognito-idp"], &["PasswordResetRequiredException"]);
/// The password does not meet the pool's rule.
pub const WEAK_PASSWORD: Refusal = Refusal::new(&["cognito-idp"], &["InvalidPasswordException"]);
/// The password was used before.
pub const USED_PASSWORD: Refusal = Refusal::new(&["cognito-idp"], &["PasswordHistoryPolicyViolationException"]);
/// The pool has a user of that address.
pub const USER_EXISTS: Refusal = Refusal::new(&["cognito-idp"], &["UsernameExistsException"]);
/// The user has already accepted the invitation.
pub const PAST_INVITATION: Refusal = Refusal::new(&["cognito-idp"], &["UnsupportedUserStateException"]);
/// A wrong code.
pub const WRONG_CODE: Refusal = Refusal::new(&["cognito-idp"], &["CodeMismatchException"]);
/// An old code.
pub const OLD_CODE: Refusal = Refusal::new(&["cognito-idp"], &["ExpiredCodeException"]);
/// The user made too many attempts.
pub const TOO_MANY_TRIES: Refusal =
    Refusal::new(&["cognito-idp"], &["LimitExceededException", "TooManyFailedAttemptsException"]);
/// The mail could not be sent.
pub const NOT_DELIVERED: Refusal = Refusal::new(&["cognito-idp"], &["CodeDeliveryFailureException"]);
/// The app client gives users no permission to write the attribute.
pub const NOT_WRITABLE: Refusal = Refusal::new(&["cognito-idp UpdateUserAttributes"], &["NotAuthorizedException"]);
/// Not a refusal: the password was correct, and Cognito asks for a second factor.
pub const SECOND_FACTOR: Refusal =
    Refusal::new(&["cognito-idp InitiateAuth"], &["MFA_SETUP", "SOFTWARE_TOKEN_MFA", "SMS_MFA", "SELECT_MFA_TYPE"]);
/// The identity pool gives no credentials to guests.
pub const NO_GUESTS: Refusal = Refusal::new(
    &["cognito-identity GetId", "cognito-identity GetCredentialsForIdentity"],
    &["NotAuthorizedException"],
);

/// AWS does not know the access key, or the account has not enabled the region (docs/aws.md, Regions that an account
/// has to enable).
pub const UNKNOWN_KEY: Refusal = Refusal::new(&["sts GetCallerIdentity"], &["InvalidClientTokenId"]);

/// The identity pool's role is new, and the identity pool does not see its trust policy yet.
pub const NOT_TRUSTED: Refusal =
    Refusal::new(&["cognito-identity GetCredentialsForIdentity"], &["InvalidIdentityPoolConfigurationException"]);

/// Constants, each with its name.
macro_rules! named {
    ($($name:ident),+ $(,)?) => { [$((stringify!($name), &$name)),+] };
}
pub(super) use named;

/// All refusals that the program recognises, by name.
pub fn all() -> Vec<(&'static str, &'static Refusal)> {
    let mut all = HERE.to_vec();
    all.extend(WAITS.iter().map(|(name, wait)| (*name, &wait.refusal)));
    all
}

const HERE: [(&str, &Refusal); 54] = named! {
    NO_KEY, NO_ALARM, KEY_PENDING,
    NO_ENTITY, NO_TOPIC, NO_QUEUE, NO_API, NO_RESOURCE, NO_USER, NO_WAF_ITEM, NAME_TAKEN, ALREADY_EXISTS, PATH_TAKEN,
    AUTHORIZER_TAKEN, DENIED_ACTION, MAY_NOT_TAG, TOO_MANY_THINGS, TOO_MANY_CALLS, ASSOCIATED, SECRET_EXISTS,
    SECRET_SCHEDULED, NOT_RESTORED, HAS_DOMAIN, NO_RISK_CONFIGURATION, NO_PRINCIPAL_TAGS, NO_PASSWORD_FLOW, CONFIRMED, WRONG_PASSWORD, HELD_BACK, DISABLED,
    BAD_REFRESH_TOKEN, NO_SIGN_UP, NOT_CONFIRMED, PASSWORD_RESET, WEAK_PASSWORD, USED_PASSWORD, USER_EXISTS,
    PAST_INVITATION, WRONG_CODE, OLD_CODE, TOO_MANY_TRIES, NOT_DELIVERED, SECOND_FACTOR, NOT_WRITABLE, NO_GUESTS, BAD_REQUEST, NOT_TRUSTED, UNKNOWN_KEY,
    CREDENTIALS,
    DENIED, EXPIRED, QUOTA, THROTTLED, UNKNOWN_CALL
};

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_table_contains_every_refusal() {
        let of = |source: &'static str| {
            source.lines().filter_map(|line| {
                let line = line.trim_start_matches("pub(super) ").trim_start_matches("pub ");
                Some(line.strip_prefix("const ")?.split_once(": Refusal =")?.0)
            })
        };
        let declared: BTreeSet<&str> = of(include_str!("refusals.rs")).chain(of(include_str!("error.rs"))).collect();
        let listed: BTreeSet<&str> = HERE.iter().map(|(name, _)| *name).collect();
        assert_eq!(declared, listed);
        assert_eq!(listed.len(), HERE.len());
    }
}
