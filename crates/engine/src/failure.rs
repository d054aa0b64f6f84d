//! Why an operation failed: a description in our own words and, separately, the service's answer.
//!
//! Decisions depend on the service's answer, never on our own words. Its code and message can be shown but not
//! compared: the only way to tell one refusal from another is a [`Refusal`], and all refusals are in tables.

use std::fmt;

use serde::Serialize;

/// The class of a failure, which decides what the engine does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// The service refused the call, and would refuse it again.
    Refused,
    /// The call may or may not have been carried out: time-out, connection reset, 5xx. The engine reads the resource
    /// before it tries again.
    Unknown,
    /// A resource with this name exists. The engine checks whether it belongs to the stack.
    Exists,
    /// A resource with this name exists and does not belong to the stack.
    Foreign,
    /// No later call can succeed either: the credentials have expired, or AWS does not accept them at all.
    Fatal,
    /// The run was asked to stop while the operation waited.
    Stopped,
}

/// A failed operation. It is shown as `context: the service's message (waited)`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(into = "Told")]
pub struct Failure {
    pub cause: Cause,
    /// The operation that failed and, if known, the reason, in our own words: `could not create the topic greetings`.
    pub context: String,
    /// The call that failed, as in `iam GetRole`. `None` if no call was made.
    pub call: Option<Box<str>>,
    /// The service's answer, if there is one.
    pub service: Option<Box<ServiceError>>,
    /// How long the program waited, and for what: `waited 120 s: the role cannot be assumed yet`.
    pub waited: Option<Box<str>>,
    /// With [`Cause::Foreign`], the ARN or id of the resource that does not belong to the stack.
    pub resource: Option<String>,
    /// The action that the user can take next.
    pub hint: Option<String>,
}

impl Failure {
    pub fn new(cause: Cause, context: impl Into<String>) -> Self {
        Self { cause, context: context.into(), call: None, service: None, waited: None, resource: None, hint: None }
    }

    /// A failure with [`Cause::Refused`].
    pub fn refused(context: impl Into<String>) -> Self {
        Self::new(Cause::Refused, context)
    }

    /// A failure with [`Cause::Foreign`]: `what` exists and does not belong to the stack. `arn` is its ARN or id.
    pub fn foreign(what: &str, arn: &str) -> Self {
        let failure = Self::new(Cause::Foreign, format!("{what} exists and does not belong to this stack: {arn}"));
        Self { resource: Some(arn.to_owned()), ..failure }
            .hint("choose another --stack name, or remove that resource yourself; it was not touched")
    }

    /// Adds the service's answer.
    #[must_use]
    pub fn answered(mut self, answer: ServiceError) -> Self {
        self.service = Some(Box::new(answer));
        self
    }

    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Whether the run must end: no later call can succeed, or the run was asked to stop.
    pub fn ends_all(&self) -> bool {
        matches!(self.cause, Cause::Fatal | Cause::Stopped)
    }

    /// The service's error code, if a service answered.
    pub fn code(&self) -> Option<Shown<'_>> {
        self.service.as_ref().map(|answer| answer.code())
    }

    /// The service's id of the request, if it gave one.
    pub fn request_id(&self) -> Option<&str> {
        self.service.as_ref()?.request_id.as_deref()
    }

    /// How long the service asked us to wait before trying again, in seconds.
    pub fn retry_after(&self) -> Option<u64> {
        self.service.as_ref()?.retry_after
    }

    /// Replaces the service's message with these words, because it may quote a secret. The whole message is replaced:
    /// if only the secret were removed, the gap could reveal it.
    #[must_use]
    pub fn withhold(mut self, words: &str) -> Self {
        if let Some(answer) = &mut self.service {
            words.clone_into(&mut answer.message);
        }
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.context)?;
        match self.service.as_ref().map(|answer| answer.message.as_str()) {
            Some(said) if !said.is_empty() => write!(f, ": {said}")?,
            _ => {}
        }
        self.waited.iter().try_for_each(|waited| write!(f, " ({waited})"))
    }
}

impl std::error::Error for Failure {}

/// A failure as JSON.
#[derive(Serialize)]
struct Told {
    cause: Cause,
    message: String,
    code: Option<String>,
    request_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    call: Option<String>,
    hint: Option<String>,
}

impl From<Failure> for Told {
    fn from(failure: Failure) -> Self {
        Self {
            cause: failure.cause,
            message: failure.to_string(),
            code: failure.code().map(|code| code.to_string()),
            request_id: failure.request_id().map(str::to_owned),
            call: failure.call.map(String::from),
            hint: failure.hint,
        }
    }
}

/// A service's error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceError {
    operation: String,
    code: String,
    message: String,
    status: Option<u16>,
    request_id: Option<String>,
    retry_after: Option<u64>,
}

impl ServiceError {
    pub fn new(code: impl Into<String>, message: impl Into<String>) -> Self {
        let (code, message) = (code.into(), message.into());
        Self { operation: String::new(), code, message, status: None, request_id: None, retry_after: None }
    }

    /// Sets the operation that was called, as in `sns CreateTopic`.
    #[must_use]
    pub fn on(self, operation: impl Into<String>) -> Self {
        Self { operation: operation.into(), ..self }
    }

    /// Sets the HTTP status, the id of the request, and after how many seconds to try again.
    #[must_use]
    pub fn details(self, status: u16, request_id: Option<&str>, retry_after: Option<u64>) -> Self {
        Self { status: Some(status), request_id: request_id.map(str::to_owned), retry_after, ..self }
    }

    pub fn code(&self) -> Shown<'_> {
        Shown(&self.code)
    }

    pub fn message(&self) -> Shown<'_> {
        Shown(&self.message)
    }

    pub fn status(&self) -> Option<u16> {
        self.status
    }

    /// The rest of the message after the first of `refusal`'s words that it contains.
    pub fn after(&self, refusal: &Refusal) -> Option<&str> {
        refusal.words.iter().find_map(|words| Some(self.message.split_once(words)?.1))
    }
}

/// A service's text. It can be shown, but not compared.
#[derive(Debug, Clone, Copy)]
pub struct Shown<'a>(&'a str);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// A refusal that the program recognises by the service's code and message.
#[derive(Debug, Clone, Copy)]
pub struct Refusal {
    /// The operations that answer with it, as in `sns CreateTopic`. A service's name alone means all of its operations.
    pub on: &'static [&'static str],
    /// The code is one of these.
    pub codes: &'static [&'static str],
    /// The message contains one of these, in upper or lower case. If this is empty, every message matches.
    pub words: &'static [&'static str],
    /// The message contains none of these.
    pub unless: &'static [&'static str],
}

impl Refusal {
    /// A refusal with one of these codes and any message.
    pub const fn new(on: &'static [&'static str], codes: &'static [&'static str]) -> Self {
        Self { on, codes, words: &[], unless: &[] }
    }

    /// Restricts the refusal to messages that contain one of these words.
    #[must_use]
    pub const fn words(self, words: &'static [&'static str]) -> Self {
        Self { words, ..self }
    }

    /// Restricts the refusal to messages that contain none of these words.
    #[must_use]
    pub const fn unless(self, unless: &'static [&'static str]) -> Self {
        Self { unless, ..self }
    }

    /// Whether a service answered with this refusal.
    pub fn is(&self, failure: &Failure) -> bool {
        failure.service.as_ref().is_some_and(|answer| self.matches(answer))
    }

    /// Whether a service's error is this refusal.
    pub fn matches(&self, answer: &ServiceError) -> bool {
        let matches = self.has(&answer.code, &answer.message);
        debug_assert!(
            !matches || self.covers(&answer.operation),
            "{} answered with {}, which the table knows of {:?} only",
            answer.operation,
            answer.code,
            self.on
        );
        matches
    }

    /// Whether a service's error is this refusal and its operation is in `on`.
    pub fn describes(&self, answer: &ServiceError) -> bool {
        self.covers(&answer.operation) && self.has(&answer.code, &answer.message)
    }

    /// Whether a service's error is one of these refusals. They may belong to different services.
    pub fn any<'a>(refusals: impl IntoIterator<Item = &'a Self>, answer: &ServiceError) -> bool {
        let found: Vec<&Self> =
            refusals.into_iter().filter(|refusal| refusal.has(&answer.code, &answer.message)).collect();
        debug_assert!(
            found.is_empty() || found.iter().any(|refusal| refusal.covers(&answer.operation)),
            "{} answered with {}, which the tables know of other calls only: {found:?}",
            answer.operation,
            answer.code
        );
        !found.is_empty()
    }

    /// Whether a code and a message are those of this refusal.
    pub fn has(&self, code: &str, message: &str) -> bool {
        let message = message.to_lowercase();
        let holds = |fragment: &&str| message.contains(&fragment.to_lowercase());
        self.codes.contains(&code)
            && (self.words.is_empty() || self.words.iter().any(holds))
            && !self.unless.iter().any(holds)
    }

    /// Whether `on` contains an operation. An empty name is an unknown operation and counts as contained.
    pub fn covers(&self, operation: &str) -> bool {
        let is = |one: &&str| {
            one.eq_ignore_ascii_case(operation)
                || operation.split_once(' ').is_some_and(|(service, _)| service.eq_ignore_ascii_case(one))
        };
        operation.is_empty() || self.on.iter().any(is)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BUSY: Refusal = Refusal::new(&["lambda AddPermission"], &["Conflict"]).words(&["Concurrent"]).unless(&["no"]);

    #[test]
    fn a_refusal_is_recognised_by_the_services_answer_and_never_by_our_words() {
        let ours = Failure::refused("could not create the route /concurrent-jobs");
        for (code, message, is) in [
            ("Conflict", "A concurrent update", true),
            ("Conflict", "Something else", false),
            ("Conflict", "A concurrent update that is no conflict", false),
            ("Other", "A concurrent update", false),
        ] {
            assert_eq!(BUSY.is(&ours.clone().answered(ServiceError::new(code, message))), is, "{code} {message}");
        }
        assert!(!BUSY.is(&ours) && !BUSY.is(&Failure::refused("Conflict: concurrent")));
    }

    #[test]
    fn any_of_several_refusals_may_be_of_another_service() {
        let other = Refusal::new(&["sns CreateTopic"], &["Conflict"]);
        let answer = |operation: &str, code: &'static str| ServiceError::new(code, "concurrent").on(operation);
        assert!(Refusal::any([&other, &BUSY], &answer("lambda AddPermission", "Conflict")));
        assert!(!Refusal::any([&other, &BUSY], &answer("lambda AddPermission", "Other")));
        assert!(!Refusal::any([], &answer("lambda AddPermission", "Conflict")));
    }

    #[test]
    #[should_panic(expected = "which the tables know of other calls only")]
    fn a_refusal_by_an_operation_that_none_of_several_lists_panics() {
        let other = Refusal::new(&["sns CreateTopic"], &["Conflict"]);
        let _ = Refusal::any([&other, &BUSY], &ServiceError::new("Conflict", "concurrent").on("iam CreateRole"));
    }

    #[test]
    #[should_panic(expected = "knows of [\"lambda AddPermission\"] only")]
    fn a_refusal_by_an_operation_that_the_table_does_not_list_panics() {
        let answer = ServiceError::new("Conflict", "concurrent").on("lambda RemovePermission");
        let _ = BUSY.is(&Failure::refused("no").answered(answer));
    }

    #[test]
    fn a_failure_shows_our_words_and_then_the_services_message() {
        let mut failure = Failure::refused("could not delete it").answered(ServiceError::new("A", "It is in use."));
        assert_eq!(failure.to_string(), "could not delete it: It is in use.");
        failure.waited = Some("waited 3 s: it still counts as in use".into());
        assert_eq!(
            serde_json::to_value(&failure).expect("JSON"),
            serde_json::json!({
                "cause": "refused",
                "message": "could not delete it: It is in use. (waited 3 s: it still counts as in use)",
                "code": "A", "request_id": null, "hint": null,
            })
        );
        let withheld = failure.withhold("not shown");
        assert_eq!(withheld.to_string(), "could not delete it: not shown (waited 3 s: it still counts as in use)");
        assert!(!format!("{withheld:?}").contains("It is in use"));
        let silent = Failure::refused("could not sign in").answered(ServiceError::new("MFA_SETUP", ""));
        assert_eq!(silent.to_string(), "could not sign in");
    }
}
