//! The SDK's credentials, with supervision: a slow source is reported, a source that does not answer is given up, and
//! errors name the profile. The output of a `credential_process` is never shown, because it may contain a secret.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{self, ProvideCredentials, SharedCredentialsProvider, future};
use aws_sdk_sts::operation::assume_role::AssumeRoleError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use super::children;
use super::current_run::CurrentRun;
use super::error::host_in;
use super::profiles::Origin;
use crate::engine::TimeScale;

/// After this time the user is told what the program is waiting for.
const LONG: Duration = Duration::from_secs(3);

/// After this time the program gives up. It is long enough to touch a security key or to answer a question of the
/// credential program.
pub(super) const AT_MOST: Duration = Duration::from_mins(1);

/// Shows a message to the user.
#[derive(Clone)]
pub struct Note(Arc<dyn Fn(&str) + Send + Sync>);

impl Note {
    pub fn new(tell: impl Fn(&str) + Send + Sync + 'static) -> Self {
        Self(Arc::new(tell))
    }

    fn tell(&self, words: &str) {
        if !CurrentRun::get().note(words) {
            (self.0)(words);
        }
    }
}

impl fmt::Debug for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Note")
    }
}

/// The reason why there are no usable credentials.
#[derive(Debug)]
pub(super) struct Unusable {
    pub why: String,
    pub hint: String,
}

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)
    }
}

impl Error for Unusable {}

#[derive(Debug)]
pub(super) struct Watched {
    pub inner: SharedCredentialsProvider,
    pub origin: Origin,
    pub note: Note,
    pub time_scale: TimeScale,
}

impl ProvideCredentials for Watched {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(self.watch())
    }
}

impl Watched {
    async fn watch(&self) -> provider::Result {
        let mut asking = std::pin::pin!(self.inner.provide_credentials());
        let given = tokio::select! {
            given = &mut asking => given,
            () = tokio::time::sleep(self.time_scale.of(LONG)) => {
                self.note.tell(&format!("waiting for {}", self.origin.waited_for()));
                let limit = self.time_scale.of(AT_MOST.saturating_sub(LONG));
                let Ok(given) = tokio::time::timeout(limit, asking).await else {
                    if matches!(self.origin, Origin::Process(_)) {
                        children::kill();
                    }
                    return Err(unusable(self.late()));
                };
                given
            }
        };
        given.map_err(|error| match explain(&self.origin, &error) {
            Some(why) => unusable(why),
            None => error,
        })
    }

    fn late(&self) -> Unusable {
        let hint = match &self.origin {
            Origin::Process(profile) => {
                format!(
                    "the process was ended, because it may be waiting for input; run the credential_process of the profile {profile} in a terminal"
                )
            }
            _ => "check the network, then run the same command again".to_owned(),
        };
        let why = format!("{} did not answer within {} s", self.origin.waited_for(), AT_MOST.as_secs());
        Unusable { why, hint }
    }
}

fn unusable(why: Unusable) -> CredentialsError {
    CredentialsError::provider_error(why)
}

/// The error in words for people; `None` if the SDK's error is good enough. Pure.
fn explain(origin: &Origin, error: &CredentialsError) -> Option<Unusable> {
    let chain: Vec<&(dyn Error + 'static)> =
        std::iter::successors(Some(error as &(dyn Error + 'static)), |&error| error.source()).collect();
    if host_in(chain.iter().copied()).is_some() {
        return None;
    }
    let said: Vec<String> = chain.iter().map(ToString::to_string).collect();
    if let Some(said) = said.iter().find_map(|said| said.split_once("external process")) {
        return Some(of_process(origin, said.1));
    }
    if let Some(refused) = chain.iter().find_map(|error| error.downcast_ref::<AssumeRoleError>()) {
        let words = refused.message().unwrap_or("no reason given").trim();
        let why = format!("could not get {}: AWS refused AssumeRole: {words}", origin.waited_for());
        return Some(Unusable { why, hint: "check role_arn and the role's trust policy".to_owned() });
    }
    match origin {
        Origin::Sso(profile) => {
            // The user is signed in and may not have this role. All other errors are about the sign-in.
            if format!("{error:?}").contains("ForbiddenException") {
                let why = format!("IAM Identity Center refuses the role of the profile {profile}");
                return Some(Unusable {
                    why,
                    hint: "check sso_account_id and sso_role_name in the profile".to_owned(),
                });
            }
            let hint = format!("run `aws sso login --profile {profile}`, then the same command again");
            let why =
                format!("the profile {profile} is not signed in to IAM Identity Center, or the sign-in has expired");
            Some(Unusable { why, hint })
        }
        Origin::Elsewhere { profile: Some(profile) } => Some(Unusable {
            why: format!("the profile {profile} has no credentials, and no other source of credentials was found"),
            hint: format!("add credentials to the profile {profile}, or choose another profile with --profile"),
        }),
        _ => None,
    }
}

/// The SDK's message about a `credential_process`, without the output that it quotes.
fn of_process(origin: &Origin, said: &str) -> Unusable {
    let whose = match origin {
        Origin::Process(_) => origin.waited_for(),
        _ => format!("the credential_process behind {}", origin.waited_for()),
    };
    let status = said.strip_prefix(" exited with code ").and_then(|rest| rest.split(". Stderr:").next());
    let status = status.filter(|status| ["exit status: ", "signal: "].iter().any(|begin| status.starts_with(begin)));
    let what = match status {
        Some(status) => format!("failed ({status})"),
        None if said.contains("could not parse") || said.contains("could not decode") => {
            "did not print the JSON that AWS defines".to_owned()
        }
        None => "could not be run".to_owned(),
    };
    Unusable {
        why: format!("{whose} {what}"),
        hint: "run that command in a terminal to see why; its output is not shown, because it may contain secrets"
            .to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_of_a_credential_process_is_never_shown() {
        let process = Origin::Process("prod".into());
        for (said, expected) in [
            (
                "Error retrieving credentials: external process exited with code exit status: 7. Stderr: sentinel",
                "the credential_process of the profile prod failed (exit status: 7)",
            ),
            (
                "Error retrieving credentials: external process exited with code sentinel",
                "the credential_process of the profile prod could not be run",
            ),
            (
                "Error retrieving credentials from external process, could not parse response: sentinel",
                "the credential_process of the profile prod did not print the JSON that AWS defines",
            ),
            (
                "Error retrieving credentials from external process: sentinel",
                "the credential_process of the profile prod could not be run",
            ),
        ] {
            let error = CredentialsError::provider_error(said);
            let why = explain(&process, &error).expect("explained");
            assert_eq!(why.why, expected);
            assert!(!why.hint.contains("sentinel"));
        }
    }
}
