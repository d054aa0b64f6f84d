//! The refusals of Cognito that the program distinguishes, and the temporary refusals after which it repeats a call.

use crate::aws::refusals::refusals;
use crate::aws::settle::{Wait, wait, waits};
use crate::engine::Refusal;

refusals! {
    /// There is no such pool, app client or group.
    NO_RESOURCE: Absent = Refusal::new(&["cognito-identity", "cognito-idp"], &["ResourceNotFoundException"]);
    /// The pool has no such user.
    NO_USER: Absent = Refusal::new(&["cognito-idp"], &["UserNotFoundException"]);
    /// The pool has a user of that name or address.
    USER_EXISTS: Exists = Refusal::new(&["cognito-idp AdminCreateUser", "cognito-idp SignUp"], &["UsernameExistsException"]);
    /// The pool has a group of that name.
    GROUP_EXISTS: Exists = Refusal::new(&["cognito-idp CreateGroup"], &["GroupExistsException"]);
    /// The pool has a domain.
    HAS_DOMAIN = Refusal::new(&["cognito-idp DeleteUserPool"], &["InvalidParameterException"]).words(&["has a domain configured"]);
    /// Somebody has the domain in the region, perhaps in another account.
    POOL_DOMAIN_TAKEN = Refusal::new(&["cognito-idp CreateUserPoolDomain"], &["InvalidParameterException"]).words(&["already associated"]);
    /// The pool has no threat protection, and so no risk configuration.
    NO_RISK_CONFIGURATION = Refusal::new(&["cognito-idp DescribeRiskConfiguration"], &["UserPoolAddOnNotEnabledException"]);
    /// The identity pool gives the provider's users no principal tags.
    NO_PRINCIPAL_TAGS = Refusal::new(&["cognito-identity GetPrincipalTagAttributeMap"], &["ResourceNotFoundException"]);
    /// The app client does not allow signing in with a password.
    NO_PASSWORD_FLOW = Refusal::new(&["cognito-idp InitiateAuth"], &["InvalidParameterException"]).words(&["flow not enabled"]);
    /// The user was confirmed before.
    CONFIRMED = Refusal::new(&["cognito-idp ConfirmSignUp"], &["NotAuthorizedException"]).words(&["current status is confirmed"]);
    /// A wrong password or an unknown user: both give the same error.
    WRONG_PASSWORD = Refusal::new(&["cognito-idp InitiateAuth"], &["NotAuthorizedException"]).words(&["incorrect username or password"]);
    /// Too many wrong passwords.
    HELD_BACK = Refusal::new(&["cognito-idp InitiateAuth"], &["NotAuthorizedException"]).words(&["attempts exceeded"]);
    /// An administrator has disabled the user.
    DISABLED = Refusal::new(&["cognito-idp InitiateAuth"], &["NotAuthorizedException"]).words(&["user is disabled"]);
    /// The refresh token has expired, or was revoked.
    BAD_REFRESH_TOKEN = Refusal::new(&["cognito-idp InitiateAuth"], &["NotAuthorizedException"]).words(&["refresh token"]);
    /// Only administrators can add users to the pool.
    NO_SIGN_UP = Refusal::new(&["cognito-idp SignUp"], &["NotAuthorizedException"]).words(&["not permitted"]);
    /// The user has not entered the code from the mail.
    NOT_CONFIRMED = Refusal::new(&["cognito-idp"], &["UserNotConfirmedException"]);
    /// An administrator has reset the password.
    PASSWORD_RESET = Refusal::new(&["cognito-idp"], &["PasswordResetRequiredException"]);
    /// The password does not meet the pool's rule.
    WEAK_PASSWORD = Refusal::new(&["cognito-idp"], &["InvalidPasswordException"]);
    /// The password was used before.
    USED_PASSWORD = Refusal::new(&["cognito-idp"], &["PasswordHistoryPolicyViolationException"]);
    /// The user has already accepted the invitation.
    PAST_INVITATION = Refusal::new(&["cognito-idp"], &["UnsupportedUserStateException"]);
    /// A wrong code of an authenticator app, or one that was used before.
    WRONG_FACTOR = Refusal::new(&["cognito-idp RespondToAuthChallenge"], &["CodeMismatchException", "ExpiredCodeException"]);
    /// The sign-in took too long: its session has ended.
    OLD_SIGN_IN = Refusal::new(&["cognito-idp RespondToAuthChallenge"], &["NotAuthorizedException"]).words(&["session"]);
    /// A wrong code.
    WRONG_CODE = Refusal::new(&["cognito-idp"], &["CodeMismatchException"]);
    /// The code has expired.
    OLD_CODE = Refusal::new(&["cognito-idp"], &["ExpiredCodeException"]);
    /// A user's attributes do not fit the pool's: a required one is missing, or one cannot be changed.
    NOT_BY_SCHEMA = Refusal::new(&["cognito-idp"], &["InvalidParameterException"]).words(&["did not conform to the schema"]);
    /// The user made too many attempts.
    TOO_MANY_TRIES = Refusal::new(&["cognito-idp"], &["LimitExceededException", "TooManyFailedAttemptsException"]);
    /// The e-mail could not be sent.
    NOT_DELIVERED = Refusal::new(&["cognito-idp"], &["CodeDeliveryFailureException"]);
    /// The app client gives users no permission to write the attribute.
    NOT_WRITABLE = Refusal::new(&["cognito-idp UpdateUserAttributes"], &["NotAuthorizedException"]);
    /// A function that the pool calls rejected the user's request.
    HOOK_REFUSED = Refusal::new(&["cognito-idp"], &["UserLambdaValidationException"]);
    /// A function that the pool calls could not be called, or answered something that Cognito does not understand.
    HOOK_FAILED = Refusal::new(&["cognito-idp"], &["UnexpectedLambdaException", "InvalidLambdaResponseException"]);
    /// Not a refusal: the password was correct, and Cognito asks for a second factor.
    SECOND_FACTOR = Refusal::new(&["cognito-idp InitiateAuth"], &["MFA_SETUP", "SOFTWARE_TOKEN_MFA", "SMS_MFA", "SELECT_MFA_TYPE"]);
    /// The identity pool gives no credentials to guests.
    NO_GUESTS = Refusal::new(
        &["cognito-identity GetId", "cognito-identity GetCredentialsForIdentity"],
        &["NotAuthorizedException"],
    );
    /// The identity pool's role is new, and the identity pool does not see its trust policy yet.
    NOT_TRUSTED = Refusal::new(&["cognito-identity GetCredentialsForIdentity"], &["InvalidIdentityPoolConfigurationException"]);
}

waits! {
    /// Concurrent changes of one pool.
    COGNITO_BUSY = wait(
        "updates-of-pools-and-clients",
        "the user pool is being changed",
        &["cognito-idp"],
        &["ConcurrentModificationException"],
    )
    .pace(1000, 2000, 30);

    /// The identity pool does not see the role's trust policy yet.
    IDENTITY_ROLES = wait(
        "identity-pools",
        "the identity pool cannot use the role yet",
        &["cognito-identity SetIdentityPoolRoles"],
        &["InvalidParameterException", "ConcurrentModificationException"],
    )
    .pace(2000, 2000, 60);

    /// All other writes to identity pools.
    IDENTITY_BUSY = wait(
        "identity-pools",
        "the identity pool is being changed",
        &["cognito-identity"],
        &["ConcurrentModificationException"],
    )
    .pace(2000, 2000, 60);
}

#[cfg(test)]
pub(in crate::aws) mod tests {
    use futures_util::FutureExt;

    use crate::aws::cognito;
    use crate::aws::waits::{Case, WaitTests};
    use crate::engine::Provider;

    /// The tests of the waits of this service.
    pub(in crate::aws) const WAITS: WaitTests = WaitTests::new(cases);

    #[rustfmt::skip]
    fn cases() -> Vec<Case> {
        vec![
            Case {
                wait: "COGNITO_BUSY",
                at: "DeleteUserPool",
                refusal: (400, "ConcurrentModificationException",
                    "This exception is thrown if two or more modifications are happening concurrently."),
                verb: |clients, task| {
                    let gone = cognito::UserPoolOutputs {
                        id: "p1".into(),
                        arn: "arn:p".into(),
                        name: "demo-p".into(),
                        deletion_protection: false,
                        attributes: Vec::new(),
                    };
                    async move {
                        Provider::<cognito::UserPool>::delete(&cognito::Cognito::new(&clients), &gone, &task).await
                    }.boxed_local()
                },
            },
            Case {
                wait: "IDENTITY_ROLES",
                at: "SetIdentityPoolRoles",
                refusal: (400, "InvalidParameterException", "Invalid role ARN"),
                verb: |clients, task| {
                    let want = cognito::IdentityPoolRoles {
                        pool_id: "r:1".into(),
                        role_arn: "arn:r".into(), roles_from: None,
                        provider: "p".into(),
                        tags: std::collections::BTreeMap::new(),
                    };
                    async move {
                        cognito::CognitoIdentity::new(&clients).create(&want, &task).await.map(drop)
                    }.boxed_local()
                },
            },
            Case {
                wait: "IDENTITY_BUSY",
                at: "DeleteIdentityPool",
                refusal: (400, "ConcurrentModificationException",
                    "Thrown if there are parallel requests to modify a resource."),
                verb: |clients, task| {
                    let gone = cognito::IdentityPoolOutputs { id: "r:1".into() };
                    async move {
                        let pools = cognito::CognitoIdentity::new(&clients);
                        Provider::<cognito::IdentityPool>::delete(&pools, &gone, &task).await
                    }.boxed_local()
                },
            },
        ]
    }
}
