//! Why a verb did not succeed: what we know of it in our words, and apart from that what a service answered.
//!
//! Decisions are made on what a service answered, and on nothing else. So its code and message can be shown but not be
//! compared: the only way to tell one refusal from another is a [`Refusal`], and all of those stand in tables.

use std::fmt;

use serde::Serialize;

/// Why a verb did not succeed, and so what the engine does about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// AWS said no, and would again.
    Refused,
    /// The call may or may not have been carried out: time-out, reset, 5xx. Look before trying again.
    Unknown,
    /// There is one already. Look whose it is.
    Exists,
    /// There is one of that name and it is not ours.
    Foreign,
    /// No later call can succeed either: credentials expired, or refused as a whole.
    Fatal,
    /// We were asked to stop while waiting.
    Stopped,
}

/// A verb that did not succeed. It is shown as `context: what the service said (waited)`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(into = "Told")]
pub struct Failure {
    /// What the engine makes of it.
    pub cause: Cause,
    /// What was not done, and why as far as we know, in our own words: `could not create the topic greetings`.
    pub context: String,
    /// The call that failed, as `iam GetRole`; none where no call was made.
    pub call: Option<Box<str>>,
    /// What the service answered, where one did.
    pub service: Option<Box<ServiceError>>,
    /// How long it was waited, and for what: `waited 120 s: the role cannot be assumed yet`.
    pub waited: Option<Box<str>>,
    /// The ARN or id of the resource that is in the way, of [`Cause::Foreign`].
    pub resource: Option<String>,
    /// What to do next.
    pub hint: Option<String>,
}

impl Failure {
    /// A failure with a cause and words of our own.
    pub fn new(cause: Cause, context: impl Into<String>) -> Self {
        Self { cause, context: context.into(), call: None, service: None, waited: None, resource: None, hint: None }
    }

    /// A refusal with words of our own.
    pub fn refused(context: impl Into<String>) -> Self {
        Self::new(Cause::Refused, context)
    }

    /// There is one of this name, it is not ours, and this is what it is (an ARN or an id).
    pub fn foreign(what: &str, arn: &str) -> Self {
        let failure = Self::new(Cause::Foreign, format!("{what} exists and does not belong to this stack: {arn}"));
        Self { resource: Some(arn.to_owned()), ..failure }
            .hint("choose another --stack name, or remove that resource yourself; it was not touched")
    }

    /// Adds what a service answered.
    #[must_use]
    pub fn answered(mut self, answer: ServiceError) -> Self {
        self.service = Some(Box::new(answer));
        self
    }

    /// Adds what to do next.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// No later call can succeed, or none is to be made.
    pub fn ends_all(&self) -> bool {
        matches!(self.cause, Cause::Fatal | Cause::Stopped)
    }

    /// The service's error code, where a service answered.
    pub fn code(&self) -> Option<Shown<'_>> {
        self.service.as_ref().map(|answer| answer.code())
    }

    /// The service's id of the request, where it gave one.
    pub fn request_id(&self) -> Option<&str> {
        self.service.as_ref()?.request_id.as_deref()
    }

    /// How long the service asked us to wait before trying again, in seconds.
    pub fn retry_after(&self) -> Option<u64> {
        self.service.as_ref()?.retry_after
    }

    /// Takes every mention of `text` out of it.
    pub fn hide(&mut self, text: &str) {
        let said = self.service.as_mut().map(|answer| &mut answer.message);
        for words in [Some(&mut self.context), said, self.hint.as_mut()].into_iter().flatten() {
            if words.contains(text) {
                *words = words.replace(text, "(hidden)");
            }
        }
        if let Some(waited) = self.waited.as_mut().filter(|waited| waited.contains(text)) {
            *waited = waited.replace(text, "(hidden)").into();
        }
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

/// How a failure stands in JSON.
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

/// What a service answered instead of doing what it was asked.
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
    /// Its code and message.
    pub fn new(code: impl Into<String>, message: impl Into<String>) -> Self {
        let (code, message) = (code.into(), message.into());
        Self { operation: String::new(), code, message, status: None, request_id: None, retry_after: None }
    }

    /// Which operation was asked for, as `sns CreateTopic`.
    #[must_use]
    pub fn on(self, operation: impl Into<String>) -> Self {
        Self { operation: operation.into(), ..self }
    }

    /// The HTTP status, the id of the request, and after how many seconds to try again.
    #[must_use]
    pub fn details(self, status: u16, request_id: Option<&str>, retry_after: Option<u64>) -> Self {
        Self { status: Some(status), request_id: request_id.map(str::to_owned), retry_after, ..self }
    }

    /// Its error code.
    pub fn code(&self) -> Shown<'_> {
        Shown(&self.code)
    }

    /// Its message.
    pub fn message(&self) -> Shown<'_> {
        Shown(&self.message)
    }

    /// The HTTP status that it came with.
    pub fn status(&self) -> Option<u16> {
        self.status
    }

    /// What its message says after these words, the first of `refusal`'s that it holds.
    pub fn after(&self, refusal: &Refusal) -> Option<&str> {
        refusal.words.iter().find_map(|words| Some(self.message.split_once(words)?.1))
    }
}

/// A service's words: to be shown, not to be compared.
#[derive(Debug, Clone, Copy)]
pub struct Shown<'a>(&'a str);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// A refusal that the program tells from others, by the service's code and message.
#[derive(Debug, Clone, Copy)]
pub struct Refusal {
    /// The operations that answer with it, as `sns CreateTopic`; a service alone stands for all of its operations.
    pub on: &'static [&'static str],
    /// Any of these codes,
    pub codes: &'static [&'static str],
    /// with a message that holds any of these, in any case; none: any message.
    pub words: &'static [&'static str],
    /// but none of these.
    pub unless: &'static [&'static str],
}

impl Refusal {
    /// One that is told by its code.
    pub const fn new(on: &'static [&'static str], codes: &'static [&'static str]) -> Self {
        Self { on, codes, words: &[], unless: &[] }
    }

    /// And by its message, which must hold one of these.
    #[must_use]
    pub const fn words(self, words: &'static [&'static str]) -> Self {
        Self { words, ..self }
    }

    /// And by its message, which must hold none of these.
    #[must_use]
    pub const fn unless(self, unless: &'static [&'static str]) -> Self {
        Self { unless, ..self }
    }

    /// Whether a service answered with it.
    pub fn is(&self, failure: &Failure) -> bool {
        failure.service.as_ref().is_some_and(|answer| self.matches(answer))
    }

    /// Whether this answer is it.
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

    /// Whether a code and a message are those of this refusal.
    pub fn has(&self, code: &str, message: &str) -> bool {
        let message = message.to_lowercase();
        let holds = |fragment: &&str| message.contains(&fragment.to_lowercase());
        self.codes.contains(&code)
            && (self.words.is_empty() || self.words.iter().any(holds))
            && !self.unless.iter().any(holds)
    }

    /// Whether it is known of an operation; what is not known is not doubted.
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
    fn a_refusal_is_told_by_the_service_and_never_by_our_words() {
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
    #[should_panic(expected = "knows of [\"lambda AddPermission\"] only")]
    fn a_refusal_of_an_operation_that_the_table_does_not_know_is_a_mistake_of_ours() {
        let answer = ServiceError::new("Conflict", "concurrent").on("lambda RemovePermission");
        let _ = BUSY.is(&Failure::refused("no").answered(answer));
    }

    #[test]
    fn a_failure_is_shown_in_our_words_and_then_the_services() {
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
        failure.hide("in use");
        assert_eq!(
            failure.to_string(),
            "could not delete it: It is (hidden). (waited 3 s: it still counts as (hidden))"
        );
        let silent = Failure::refused("could not sign in").answered(ServiceError::new("MFA_SETUP", ""));
        assert_eq!(silent.to_string(), "could not sign in");
    }
}
