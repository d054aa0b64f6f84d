//! Hints for refusals that concern a user.

use super::refusals::{
    BAD_REFRESH_TOKEN, DISABLED, HELD_BACK, HOOK_FAILED, HOOK_REFUSED, NO_PASSWORD_FLOW, NO_SIGN_UP, NO_USER,
    NOT_BY_SCHEMA, NOT_CONFIRMED, NOT_DELIVERED, OLD_CODE, PASSWORD_RESET, PAST_INVITATION, TOO_MANY_TRIES,
    USED_PASSWORD, USER_EXISTS, WEAK_PASSWORD, WRONG_CODE, WRONG_PASSWORD,
};
use crate::engine::{Failure, Refusal};

/// The hint for a refusal about a user.
const ADVICE: [(&Refusal, &str); 20] = [
    (&WRONG_PASSWORD, "check address and password; `securelambda add-user` with the same address sets a new password"),
    (&HELD_BACK, "Cognito has locked this user out after too many wrong passwords: wait some minutes, then try again"),
    (
        &NO_PASSWORD_FLOW,
        "the pool's app client does not let clients send passwords: add \"password\" to the pool's `flows` in the stack \
         file, or sign in with the application",
    ),
    (&DISABLED, "an administrator has disabled this user"),
    (&BAD_REFRESH_TOKEN, "sign in again with the password"),
    (
        &NO_SIGN_UP,
        "this pool does not allow sign-up: add the user without `--sign-up`, or set `self_sign_up = true` for the pool",
    ),
    (
        &NOT_CONFIRMED,
        "confirm the address with the code from the e-mail: \
         `securelambda add-user EMAIL --pool POOL --code CODE`",
    ),
    (&PASSWORD_RESET, "`securelambda add-user` with the same address sets a new password"),
    (&WEAK_PASSWORD, "choose a password that meets the pool's rule, or use `--generate`"),
    (&USED_PASSWORD, "choose a password that was not used before"),
    (
        &USER_EXISTS,
        "if the user was never confirmed, enter the code from the e-mail; otherwise sign in with `securelambda token EMAIL`",
    ),
    (
        &PAST_INVITATION,
        "the user has signed in before: set a password with `securelambda add-user`, or remove the user first",
    ),
    (
        &NOT_BY_SCHEMA,
        "set attributes with `--attribute NAME=VALUE`: every attribute that the pool requires, with a value of the right type, and no attribute that cannot be changed",
    ),
    (&HOOK_REFUSED, "a function that the pool calls refused the request: see `hooks` of the pool in the stack file"),
    (
        &HOOK_FAILED,
        "a function that the pool calls failed: `securelambda logs FUNCTION` shows why; see `hooks` of the pool",
    ),
    (&NO_USER, "`securelambda users` lists the users"),
    (&WRONG_CODE, "check the code; only the code from the latest e-mail is valid"),
    (&OLD_CODE, "the code has expired or was used: request a new one"),
    (&TOO_MANY_TRIES, "too many attempts: wait 15 minutes, then try again"),
    (
        &NOT_DELIVERED,
        "Cognito could not send the e-mail: check the address; unless the pool has a sender of its own, Cognito sends \
         at most 50 a day",
    ),
];

/// Adds the hint for a refusal about a user.
pub(super) fn explained<T>(result: Result<T, Failure>) -> Result<T, Failure> {
    result.map_err(with_advice)
}

/// The failure with the hint for a refusal about a user.
pub(super) fn with_advice(failure: Failure) -> Failure {
    match ADVICE.iter().find(|(refusal, _)| refusal.is(&failure)) {
        Some((_, advice)) => failure.hint(*advice),
        None => failure,
    }
}
