//! The stack file's tags for all resources, which must follow the rules of all AWS services together (docs/aws.md,
//! Tags).

use std::collections::BTreeMap;

use toml::de::DeValue;

use super::advice::forms;
use super::field::TagTexts;
use super::reader::{Reader, Table};

/// How many tags a stack may have. A resource has at most 50, some of which this program needs to mark its owner.
pub(super) const MOST: usize = 45;

const LONGEST_KEY: usize = 128;
const LONGEST_VALUE: usize = 256;

/// The forms of keys and values for the schema. The checks give more precise messages.
pub(super) const KEY: &str =
    "^(?!aws:|securelambda:)[A-Za-z0-9.:+=@_/-]([A-Za-z0-9 .:+=@_/-]{0,126}[A-Za-z0-9.:+=@_/-])?$";
pub(super) const VALUE: &str = "^[A-Za-z0-9.:+=@_/-]([A-Za-z0-9 .:+=@_/-]{0,254}[A-Za-z0-9.:+=@_/-])?$";

/// The prefixes of keys that are reserved for AWS and for this program.
const TAKEN: [&str; 2] = ["aws:", "securelambda:"];

impl Reader {
    /// The tags in a key.
    pub(super) fn tags(&mut self, table: &Table, key: &TagTexts) -> BTreeMap<String, String> {
        let Some(item) = table.get(&key.key) else { return BTreeMap::new() };
        let DeValue::Table(entries) = item.get_ref() else {
            self.misformed(item, key.key.name, "a table", forms::by_name(&key.key));
            return BTreeMap::new();
        };
        let mut tags = BTreeMap::new();
        let mut known: BTreeMap<String, String> = BTreeMap::new();
        for (key, value) in entries {
            let name = key.get_ref().to_string();
            if let Err(why) = check_key(&name) {
                self.diagnostic(&key.span(), why, None);
            }
            if let Some(twin) = known.insert(name.to_lowercase(), name.clone()) {
                let why = format!("the tags {twin} and {name} differ only in case, which IAM ignores");
                self.diagnostic(&key.span(), why, None);
            }
            let Some(text) = self.string(value, &name) else { continue };
            if let Err(why) = check("the value", &text, LONGEST_VALUE) {
                self.diagnostic(&value.span(), why, None);
            }
            tags.insert(name, text);
        }
        if tags.len() > MOST {
            self.diagnostic(&item.span(), format!("a stack has at most {MOST} tags, not {}", tags.len()), None);
        }
        tags
    }
}

fn check_key(key: &str) -> Result<(), String> {
    let lower = key.to_lowercase();
    if let Some(taken) = TAKEN.iter().find(|taken| lower.starts_with(**taken)) {
        return Err(format!("the key {key:?} of a tag must not begin with {taken}"));
    }
    check("the key", key, LONGEST_KEY)
}

fn check(what: &str, text: &str, longest: usize) -> Result<(), String> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || " .:+=@_/-".contains(c);
    if text.is_empty() || text.chars().count() > longest {
        return Err(format!("{what} of a tag has 1 to {longest} characters"));
    }
    if let Some(other) = text.chars().find(|c| !allowed(*c)) {
        return Err(format!(
            "{what} {text:?} of a tag contains {other:?}: some services take letters of English, digits, spaces and \
             . : + = @ _ / - alone"
        ));
    }
    if text.trim() != text {
        return Err(format!("{what} {text:?} of a tag must not begin or end with a space"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::spec::parse;

    fn tags(tags: &str) -> Result<Vec<(String, String)>, String> {
        let read = parse(&format!("[stack]\nname = \"demo\"\ntags = {{ {tags} }}\n[topics.a]\n"));
        read.map(|stack| stack.tags.into_iter().collect()).map_err(|mistakes| format!("{mistakes:?}"))
    }

    #[test]
    fn tags_follow_the_rules_of_all_services() {
        let sound = tags("team = \"payments\", \"cost centre\" = \"A-1/b\"").expect("sound tags");
        assert_eq!(sound[1], ("team".to_owned(), "payments".to_owned()));
        let (long_key, long_value) = ("k".repeat(129), "v".repeat(257));
        let many: Vec<String> = (0..46).map(|number| format!("k{number} = \"v\"")).collect();
        for (wrong, why) in [
            ("\"aws:x\" = \"a\"", "must not begin with aws:"),
            ("\"AWS:x\" = \"a\"", "must not begin with aws:"),
            ("\"securelambda:stack\" = \"a\"", "must not begin with securelambda:"),
            (&format!("{long_key} = \"v\""), "the key of a tag has 1 to 128 characters"),
            (&format!("k = \"{long_value}\""), "the value of a tag has 1 to 256 characters"),
            ("k = \"\"", "1 to 256"),
            ("k = \"Größe\"", "contains 'ö'"),
            ("k = \" v\"", "must not begin or end with a space"),
            ("Team = \"a\", team = \"b\"", "differ only in case"),
            ("k = 1", "must be a string"),
            (&many.join(", "), "at most 45 tags, not 46"),
        ] {
            let read = tags(wrong);
            assert!(read.as_ref().is_err_and(|mistakes| mistakes.contains(why)), "{wrong}: {read:?}");
        }
    }
}
