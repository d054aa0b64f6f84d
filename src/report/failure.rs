//! A failure as text: the message, AWS's code and request id, and a hint.

use super::commands::completed;
use super::palette::Palette;
use super::words::{one_line, wrap};
use crate::engine::Failure;

/// A failure in full, wrapped to `width` columns.
pub(super) fn lines(failure: &Failure, palette: Palette, width: usize) -> Vec<String> {
    let mut lines = wrap(&one_line(&failure.to_string()), width);
    if let Some(aws) = aws(failure) {
        lines.extend(wrap(&aws, width).iter().map(|line| palette.dim(line)));
    }
    if let Some(hint) = &failure.hint {
        lines.extend(hanging("hint: ", &one_line(&completed(hint)), width));
    }
    lines
}

/// `AWS: AccessDenied, request 4f0c…`; `None` if AWS did not answer.
fn aws(failure: &Failure) -> Option<String> {
    let request = failure.request_id().map(|id| format!("request {id}"));
    let said: Vec<String> = failure.code().map(|code| code.to_string()).into_iter().chain(request).collect();
    (!said.is_empty()).then(|| one_line(&format!("AWS: {}", said.join(", "))))
}

/// A paragraph with a hanging indent: its second and later lines begin below the first line's text.
fn hanging(label: &str, text: &str, width: usize) -> Vec<String> {
    let indent = " ".repeat(label.len());
    let lines = wrap(text, width.saturating_sub(label.len()).max(1));
    lines.iter().enumerate().map(|(n, line)| format!("{}{line}", if n == 0 { label } else { &indent })).collect()
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::super::fixture;
    use super::*;
    use crate::engine::Cause;

    fn text(failure: &Failure) -> String {
        lines(failure, Palette::default(), usize::MAX).join("\n")
    }

    #[test]
    fn a_failure_shows_message_code_request_and_hint() {
        assert_snapshot!(text(&fixture::denied()), @"
        create role: user arn:aws:iam::123456789012:user/dev is not authorized to perform iam:CreateRole
        AWS: AccessDenied, request 4f0c2b1e-8f9a-4a51-9d3c
        hint: `securelambda policy` prints what is needed; ask for it, then run `up` again
        ");
    }

    #[test]
    fn a_failure_is_wrapped_to_the_width() {
        assert_snapshot!(lines(&fixture::denied(), Palette::default(), 40).join("\n"), @"
        create role: user
        arn:aws:iam::123456789012:user/dev is
        not authorized to perform iam:CreateRole
        AWS: AccessDenied, request
        4f0c2b1e-8f9a-4a51-9d3c
        hint: `securelambda policy` prints what
              is needed; ask for it, then run
              `up` again
        ");
    }

    #[test]
    fn a_failure_without_an_answer_shows_only_its_message() {
        assert_eq!(text(&Failure::new(Cause::Unknown, "timed out")), "timed out");
    }
}
