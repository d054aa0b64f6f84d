//! A run that ended before its end: stopped on request, or because the state could not be saved. What is kept, what is
//! not, and how to go on.

use crate::engine::{Id, NotSaved, Summary};
use crate::error::{Error, Kind};

/// The error that such a run ends with.
pub(super) fn error(done: &Summary, verb: &str) -> Error {
    let error = match &done.save_error {
        Some(not_saved) => not_saved_error(not_saved, verb),
        None => stopped(done, verb),
    };
    if done.unanswered.is_empty() {
        return error;
    }
    let calls = if done.unanswered.len() == 1 { "1 call had" } else { &format!("{} calls had", done.unanswered.len()) };
    error.hint(format!("{calls} not been answered ({}); the next run looks what came of it", list(&done.unanswered)))
}

fn stopped(done: &Summary, verb: &str) -> Error {
    let (kind, how) = if done.abandoned { (Kind::Interrupted, "left at once") } else { (Kind::Stopped, "stopped") };
    let other = if verb == "up" { "`securelambda down` removes it" } else { "`securelambda up` builds it again" };
    Error::new(kind, format!("{how}; {}", kept(verb))).hint(format!("`securelambda {verb}` goes on from here, {other}"))
}

/// What there is after a run that ended early, and how it is found again. `sweep` may have no record to find it by.
pub(super) fn kept(verb: &str) -> &'static str {
    match verb {
        "up" => "what was made is on record",
        "down" => "what is still there is on record",
        _ => "what is still there carries the stack's tag",
    }
}

fn not_saved_error(not_saved: &NotSaved, verb: &str) -> Error {
    let error = Error::other(not_saved.message.clone()).hint(not_saved.hint.clone());
    if not_saved.made.is_empty() {
        return error.hint(format!("nothing more was begun; `securelambda {verb}` goes on from here"));
    }
    let mut made = String::from("These were made and could not be written down:\n");
    for (id, outputs) in &not_saved.made {
        made += &format!("  {id} {outputs}\n");
    }
    let error =
        error.hint("`securelambda up` and `securelambda down` find them by name and tag; keep this list till then");
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
    fn stopped_says_how_to_go_on() {
        let mut done = Summary { stopped: true, ..Summary::default() };
        insta::assert_snapshot!(said(&done, "up"), @r#"
        8 stopped; what was made is on record
        `securelambda up` goes on from here, `securelambda down` removes it
        "#);
        insta::assert_snapshot!(said(&done, "down"), @r#"
        8 stopped; what is still there is on record
        `securelambda down` goes on from here, `securelambda up` builds it again
        "#);
        insta::assert_snapshot!(said(&done, "sweep --stack mine"), @r#"
        8 stopped; what is still there carries the stack's tag
        `securelambda sweep --stack mine` goes on from here, `securelambda up` builds it again
        "#);
        done.abandoned = true;
        done.unanswered = vec![pool(), Id::new("role", "Hello")];
        insta::assert_snapshot!(said(&done, "up"), @r#"
        130 left at once; what was made is on record
        `securelambda up` goes on from here, `securelambda down` removes it
        2 calls had not been answered (pool.People, role.Hello); the next run looks what came of it
        "#);
    }

    #[test]
    fn what_is_not_on_disk_is_listed_with_its_ids() {
        let mut not_saved = NotSaved { message: "the disk is full".into(), hint: "make room".into(), made: Vec::new() };
        let done = |not_saved: &NotSaved| Summary { save_error: Some(not_saved.clone()), ..Summary::default() };
        insta::assert_snapshot!(said(&done(&not_saved), "up"), @r#"
        1 the disk is full
        make room
        nothing more was begun; `securelambda up` goes on from here
        "#);
        not_saved.made.push((pool(), json!({ "id": "eu-central-1_1" })));
        insta::assert_snapshot!(said(&done(&not_saved), "down"), @r#"
        1 the disk is full
        These were made and could not be written down:
          pool.People {"id":"eu-central-1_1"}

        make room
        `securelambda up` and `securelambda down` find them by name and tag; keep this list till then
        "#);
    }
}
