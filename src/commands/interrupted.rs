//! Errors of runs that were stopped, or that could not save the state. They say how to continue.

use crate::engine::{Id, NotSaved, Summary};
use crate::error::{Error, Kind};

/// The error of a run that was stopped, or that could not save the state. `verb` is the command to continue with.
pub(super) fn error(done: &Summary, verb: &str) -> Error {
    let error = match &done.save_error {
        Some(not_saved) => not_saved_error(not_saved, verb),
        None => stopped(done, verb),
    };
    if done.unanswered.is_empty() {
        return error;
    }
    let calls = if done.unanswered.len() == 1 { "1 AWS call" } else { &format!("{} AWS calls", done.unanswered.len()) };
    error.hint(format!("no response yet to {calls} ({}); the next run checks the result", list(&done.unanswered)))
}

fn stopped(done: &Summary, verb: &str) -> Error {
    let (kind, how) = if done.abandoned { (Kind::Interrupted, "interrupted") } else { (Kind::Stopped, "stopped") };
    let other = if verb == "up" {
        "to remove the stack, run `securelambda down`"
    } else {
        "to recreate the stack, run `securelambda up`"
    };
    Error::new(kind, format!("{how}; {}", kept(verb))).hint(format!("to continue, run `securelambda {verb}`; {other}"))
}

/// How the next run finds the resources. For `sweep` there may be no state file.
pub(super) fn kept(verb: &str) -> &'static str {
    match verb {
        "up" => "created resources are recorded in the state file",
        "down" => "remaining resources are recorded in the state file",
        _ => "remaining resources carry the stack's tag",
    }
}

fn not_saved_error(not_saved: &NotSaved, verb: &str) -> Error {
    let error = Error::other(not_saved.message.clone()).hint(not_saved.hint.clone());
    if not_saved.made.is_empty() {
        return error.hint(format!("no further changes were started; to continue, run `securelambda {verb}`"));
    }
    let mut made = String::from("These resources were created but could not be recorded:\n");
    for (id, outputs) in &not_saved.made {
        made += &format!("  {id} {outputs}\n");
    }
    let error =
        error.hint("`securelambda up` and `securelambda down` find them by name and tag; keep this list until then");
    Error { details: Some(made.into()), ..error }
}

fn list(ids: &[Id]) -> String {
    ids.iter().map(Id::as_str).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn said(done: &Summary, verb: &str) -> String {
        let error = error(done, verb);
        let details = error.details.map(|details| format!("\n{details}")).unwrap_or_default();
        format!("{} {}{details}\n{}", error.kind.code(), error.message, error.hints.join("\n"))
    }

    fn pool() -> Id {
        Id::new("pool", "People")
    }

    #[test]
    fn a_stopped_run_says_how_to_continue() {
        let mut done = Summary { stopped: true, ..Summary::default() };
        insta::assert_snapshot!(said(&done, "up"), @r#"
        8 stopped; created resources are recorded in the state file
        to continue, run `securelambda up`; to remove the stack, run `securelambda down`
        "#);
        insta::assert_snapshot!(said(&done, "down"), @r#"
        8 stopped; remaining resources are recorded in the state file
        to continue, run `securelambda down`; to recreate the stack, run `securelambda up`
        "#);
        insta::assert_snapshot!(said(&done, "sweep --stack mine"), @r#"
        8 stopped; remaining resources carry the stack's tag
        to continue, run `securelambda sweep --stack mine`; to recreate the stack, run `securelambda up`
        "#);
        done.abandoned = true;
        done.unanswered = vec![pool(), Id::new("role", "Hello")];
        insta::assert_snapshot!(said(&done, "up"), @r#"
        130 interrupted; created resources are recorded in the state file
        to continue, run `securelambda up`; to remove the stack, run `securelambda down`
        no response yet to 2 AWS calls (pool.People, role.Hello); the next run checks the result
        "#);
    }

    #[test]
    fn resources_that_could_not_be_recorded_are_listed() {
        let mut not_saved = NotSaved { message: "the disk is full".into(), hint: "make room".into(), made: Vec::new() };
        let done = |not_saved: &NotSaved| Summary { save_error: Some(not_saved.clone()), ..Summary::default() };
        insta::assert_snapshot!(said(&done(&not_saved), "up"), @r#"
        1 the disk is full
        make room
        no further changes were started; to continue, run `securelambda up`
        "#);
        not_saved.made.push((pool(), json!({ "id": "eu-central-1_1" })));
        insta::assert_snapshot!(said(&done(&not_saved), "down"), @r#"
        1 the disk is full
        These resources were created but could not be recorded:
          pool.People {"id":"eu-central-1_1"}

        make room
        `securelambda up` and `securelambda down` find them by name and tag; keep this list until then
        "#);
    }
}
