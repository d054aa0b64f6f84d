//! Reads a stack file: TOML into a [`Stack`], with all mistakes at once, each at its place.
//!
//! The document is walked by hand rather than deserialised, because a deserialiser stops at the first mistake.

use toml::de::DeTable;

use super::checks::Checks;
use super::diagnostic::{Diagnostic, SpanMap};
use super::environments::{self, Selected};
use super::reader::{Reader, Table};
use super::{Stack, check_name};

/// Reads a stack file. `Err` holds every mistake, in the order of the file.
pub fn parse(text: &str) -> Result<Stack, Vec<Diagnostic>> {
    read(text, None).map(|(stack, _)| stack)
}

/// Reads a stack file with the keys of an environment, and returns the places of its parts for mistakes that are found
/// later.
pub fn read(text: &str, environment: Option<&str>) -> Result<(Stack, SpanMap), Vec<Diagnostic>> {
    let (document, errors) = DeTable::parse_recoverable(text);
    let mut reader = Reader::default();
    if !errors.is_empty() {
        // A line with a syntax error could mean anything, and so could the lines that depend on it.
        let help = "the file must be valid TOML (see toml.io); other mistakes are found after that";
        for error in errors {
            let span = error.span().unwrap_or(0..0);
            reader.diagnostic(&within(text, span), error.message().trim_end(), Some(help.to_owned()));
        }
        return Err(reader.mistakes);
    }
    let mut document = document.into_inner();
    let selected = environments::select(&mut reader, &mut document, environment);
    let root = Table { span: 0..0, entries: &document, path: String::new(), what: String::new() };
    let mut stack = Stack::read(&mut reader, &root);
    if let Some(Selected { name, span }) = selected {
        stack.name = format!("{}-{name}", stack.name);
        if let Err(why) = check_name(&stack.name) {
            reader.diagnostic(&span, format!("with this environment, {why}"), None);
        }
    }
    if root.entries.keys().all(|key| key.get_ref() == "stack") && reader.mistakes.is_empty() {
        let help = "add at least a function, as in [functions.Hello] with source = \"hello\", and a route to it; \
                    `securelambda init` writes a file with every key. To remove a stack, run `securelambda down`";
        reader.diagnostic(&(0..0), "the stack file describes nothing to build", Some(help.to_owned()));
    }
    let mut checks = Checks::of(&stack, &reader);
    stack.check(&mut checks);
    for flaw in checks.flaws() {
        reader.flaw(flaw);
    }
    reader.drop_consequences();
    if reader.mistakes.is_empty() {
        return Ok((stack, reader.places));
    }
    reader.mistakes.sort_by_key(Diagnostic::offset);
    Err(reader.mistakes)
}

/// The span, limited to the text and to whole characters: the TOML parser may point behind the end or into a character.
fn within(text: &str, span: std::ops::Range<usize>) -> std::ops::Range<usize> {
    let start = text.floor_char_boundary(span.start.min(text.len()));
    start..text.ceil_char_boundary(span.end.clamp(start, text.len()))
}

#[cfg(test)]
mod tests {
    use super::parse;

    /// The text that is shown if a file has these mistakes.
    fn shown(text: &str) -> String {
        super::super::conceal(text, &parse(text).expect_err("mistakes"))
    }

    #[test]
    fn what_may_be_a_secret_stays_concealed_whatever_is_reported() {
        let head = "[stack]\nname = \"demo\"\n";
        for rest in [
            // A misspelt key, and a mistake that is not reported because it follows from another.
            "[pools.P.providers.Google]\nclient_id = \"a\"\nclientSecret = \"sentinel\"\n",
            "[functions.F]\nsource = \"f\"\ndb_password = \"sentinel\"\n",
            "[secrets.S]\nKEY = { envv = \"sentinel\" }\n",
            "[topics.t]\nsubscribers = [{ http = \"https://a:sentinel@example.com\" }]\n",
            "[topics.t]\nsubscribers = [{ htps = \"https://a:sentinel@example.com\" }]\n",
        ] {
            let text = format!("{head}{rest}");
            assert!(!shown(&text).contains("sentinel"), "{rest}: {}", shown(&text));
        }
    }

    #[test]
    fn a_misspelt_key_is_one_mistake() {
        let whole = "[stack]\nname = \"demo\"\n[functions.Hello]\nsource = \"hello\"\n[pools.Users]\n\
                     [[api.routes]]\nroute = \"GET /hello\"\nfunction = \"Hello\"\npool = \"Users\"\n";
        assert!(parse(whole).is_ok());
        for (right, misspelt) in [
            ("source", "sorce"),
            ("[pools.Users]", "[pool.Users]"),
            ("[functions.Hello]", "[funktions.Hello]"),
            ("route = ", "rout = "),
            ("function = ", "functon = "),
            ("pool = ", "poll = "),
            ("name = ", "nam = "),
        ] {
            let mistakes = parse(&whole.replace(right, misspelt)).expect_err(misspelt);
            let said: Vec<&str> = mistakes.iter().map(|mistake| mistake.message.as_str()).collect();
            assert!(said.len() == 1 && said[0].contains("has no key"), "{misspelt}: {said:?}");
        }
        // What a table lacks is said if no other key could be meant.
        let mistakes = parse(&whole.replace("source", "quite_other")).expect_err("two mistakes");
        assert_eq!(mistakes.len(), 2, "{mistakes:?}");
    }
}
