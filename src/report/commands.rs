//! Commands that are printed for the user to run. They keep the flags of this run that decide which stack is meant, so
//! that a copied command never acts on another one.

use std::borrow::Cow;
use std::sync::OnceLock;

use serde_json::Value;

/// The flags of this run that decide which stack, account and endpoint are meant.
static FLAGS: OnceLock<Vec<StackFlag>> = OnceLock::new();

/// A flag that every command accepts, as in `--region eu-central-1`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StackFlag {
    /// Such as `--region`.
    pub name: &'static str,
    /// `None` for a switch.
    pub value: Option<String>,
    /// Whether the flag says which stack is meant. Other flags say where the stack is.
    pub names_stack: bool,
}

/// Commands that act on no stack.
const WITHOUT_STACK: [&str; 5] = ["local", "init", "completions", "man", "schema"];

/// Sets the flags that printed commands keep. The flags belong to the process, so only the first call has an effect.
pub fn keep_flags(flags: Vec<StackFlag>) {
    let _ = FLAGS.set(flags);
}

/// A command of this program with the flags that mean the same stack, as in `securelambda down --local`.
pub fn command(words: &str) -> String {
    with_flags(words, FLAGS.get().map_or(&[], Vec::as_slice))
}

/// Text in which every command in backticks, as in `` `securelambda up` ``, has the flags that mean the same stack.
pub(super) fn completed(text: &str) -> Cow<'_, str> {
    match FLAGS.get() {
        Some(flags) if !flags.is_empty() => Cow::Owned(complete(text, flags)),
        _ => Cow::Borrowed(text),
    }
}

/// A document in which every text is [`completed`].
pub fn completed_document(mut document: Value) -> Value {
    if let Some(flags) = FLAGS.get().filter(|flags| !flags.is_empty()) {
        complete_in(&mut document, flags);
    }
    document
}

fn complete_in(value: &mut Value, flags: &[StackFlag]) {
    match value {
        Value::String(text) => *text = complete(text, flags),
        Value::Array(items) => items.iter_mut().for_each(|item| complete_in(item, flags)),
        Value::Object(fields) => fields.values_mut().for_each(|field| complete_in(field, flags)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn complete(text: &str, flags: &[StackFlag]) -> String {
    let mut parts = text.split("`securelambda ");
    let mut done = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (words, rest) = part.split_once('`').map_or((part, None), |(words, rest)| (words, Some(rest)));
        match rest {
            Some(rest) => done += &format!("`{}`{rest}", with_flags(words, flags)),
            None => done += &format!("`securelambda {words}"),
        }
    }
    done
}

fn with_flags(words: &str, flags: &[StackFlag]) -> String {
    let verb = words.split_whitespace().next().unwrap_or_default();
    // `sweep` takes the stack's name alone.
    let needless = |flag: &StackFlag| {
        WITHOUT_STACK.contains(&verb)
            || (verb == "sweep" && flag.names_stack)
            || words.split_whitespace().any(|word| word == flag.name)
            // The command is about another stack.
            || (flag.name == "--env" && words.contains("--stack "))
    };
    let mut command = format!("securelambda {words}");
    for flag in flags.iter().filter(|flag| !needless(flag)) {
        command += &format!(" {}", flag.name);
        if let Some(value) = &flag.value {
            command += &format!(" {}", quoted(value));
        }
    }
    command
}

/// Quotes a word for a shell.
pub fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/:._-@".contains(c);
    let is_plain = !word.is_empty() && word.chars().all(plain);
    if is_plain { word.to_owned() } else { format!("'{}'", word.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn flags() -> Vec<StackFlag> {
        let flag =
            |name, value: Option<&str>, names_stack| StackFlag { name, value: value.map(str::to_owned), names_stack };
        vec![
            flag("--file", Some("my stack.toml"), true),
            flag("--stack", Some("one"), true),
            flag("--local", None, false),
        ]
    }

    #[test]
    fn printed_commands_keep_the_flags_that_mean_the_same_stack() {
        for (text, expected) in [
            (
                "run `securelambda up`, then `securelambda down`.",
                "run `securelambda up --file 'my stack.toml' --stack one --local`, then `securelambda down --file 'my \
                 stack.toml' --stack one --local`.",
            ),
            ("`securelambda sweep --stack NAME`", "`securelambda sweep --stack NAME --local`"),
            ("`securelambda up --local`", "`securelambda up --local --file 'my stack.toml' --stack one`"),
            ("`securelambda local stop` and `up`", "`securelambda local stop` and `up`"),
            ("`securelambda up is not closed", "`securelambda up is not closed"),
            ("securelambda up", "securelambda up"),
            ("", ""),
        ] {
            assert_eq!(complete(text, &flags()), expected);
        }
        assert_eq!(complete("run `securelambda up`", &[]), "run `securelambda up`");
    }

    #[test]
    fn commands_in_documents_keep_the_flags_too() {
        let mut document = json!({ "kept": [{ "hint": "run `securelambda up --remove-pool Users`" }], "count": 1 });
        complete_in(&mut document, &flags()[2..]);
        let expected = json!({ "kept": [{ "hint": "run `securelambda up --remove-pool Users --local`" }], "count": 1 });
        assert_eq!(document, expected);
    }

    #[test]
    fn a_word_is_quoted_for_a_shell_if_it_must_be() {
        for (word, expected) in
            [("a/b.c", "a/b.c"), ("", "''"), ("a b", "'a b'"), ("it's", r"'it'\''s'"), ("$x", "'$x'")]
        {
            assert_eq!(quoted(word), expected);
        }
    }
}
