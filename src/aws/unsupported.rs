//! Operations and settings that an emulator lacks. AWS has every operation and every setting that the program uses, so
//! on AWS a missing operation is a failure like any other.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use super::Clients;
use super::current_run::CurrentRun;
use super::refusals::UNKNOWN_CALL;
use crate::engine::Failure;

pub use crate::emulator::UNSUPPORTED;

impl Clients {
    /// Whether the endpoint is an emulator instead of AWS.
    pub fn is_emulator(&self) -> bool {
        self.sdk.endpoint_url().is_some()
    }
}

/// The calls about which a note was given.
static NOTED: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// `None` if the endpoint is an emulator that does not implement the call. The user is told so once for each call.
///
/// # Errors
/// Every other failure, and every failure on AWS.
pub(super) fn unless_unsupported<T>(emulator: bool, result: Result<T, Failure>) -> Result<Option<T>, Failure> {
    match result {
        Err(failure) if emulator && UNKNOWN_CALL.is(&failure) => {
            note(failure.call.as_deref().unwrap_or("a call"));
            Ok(None)
        }
        result => result.map(Some),
    }
}

fn note(call: &str) {
    if !NOTED.lock().unwrap_or_else(PoisonError::into_inner).insert(call.to_owned()) {
        return;
    }
    tracing::debug!("the emulator does not support {call}");
    CurrentRun::get().note(&format!("the emulator does not support {call}"));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Cause, ServiceError};

    fn unknown() -> Failure {
        let answer = ServiceError::new("InvalidAction", "Unknown Cognito IDP action: SetRiskConfiguration");
        Failure::refused("could not set it").answered(answer.on("cognito-idp SetRiskConfiguration"))
    }

    #[test]
    fn only_an_emulator_may_lack_a_call() {
        assert_eq!(unless_unsupported::<()>(true, Err(unknown())), Ok(None));
        assert_eq!(unless_unsupported::<()>(false, Err(unknown())), Err(unknown()));
        assert_eq!(unless_unsupported(true, Ok(1)), Ok(Some(1)));
        let other = Failure::new(Cause::Refused, "no");
        assert_eq!(unless_unsupported::<()>(true, Err(other.clone())), Err(other));
    }

    #[test]
    fn an_endpoint_is_an_emulator() {
        let (clients, _) = crate::aws::testing::replay(vec![]);
        assert!(!clients.is_emulator());
        let sdk = clients.sdk.into_builder().endpoint_url("http://127.0.0.1:4577").build();
        assert!(Clients::new(sdk, clients.scope).is_emulator());
    }
}
