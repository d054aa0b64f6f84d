//! The permissions of a function besides those for its secrets, topics and queues.

use super::super::allow::{self, AllowKeys, Allowed};
use super::super::tables;
use super::KEY;
use crate::spec::checks::Checks;
use crate::spec::field::{List, Nested};
use crate::spec::reader::{Reader, Table};

/// The permissions of a function besides those for its secrets, topics and queues.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rights {
    pub allow: Vec<Allowed>,
    /// The tables whose items it may read.
    pub reads: Vec<String>,
    /// The tables whose items it may change.
    pub writes: Vec<String>,
    /// The functions of the stack that it may invoke.
    pub invokes: Vec<String>,
    /// Names of SSM parameters as in `/app/url`, and paths as in `/app/*`.
    pub parameters: Vec<String>,
}

pub(super) fn read(
    reader: &mut Reader,
    table: &Table,
    (allow, [reads, writes, invokes], parameters): (&Nested<AllowKeys>, [&List; 3], &List),
) -> Rights {
    let allow = allow::read(reader, table, allow);
    let mut names = |key: &List| reader.list(table, key).into_iter().map(|(name, _)| name).collect();
    Rights {
        allow,
        reads: names(reads),
        writes: names(writes),
        invokes: names(invokes),
        parameters: self::parameters(reader, table, parameters),
    }
}

fn parameters(reader: &mut Reader, table: &Table, key: &List) -> Vec<String> {
    let mut parameters = Vec::new();
    for (name, span) in reader.list(table, key) {
        let path = name.strip_suffix("/*");
        match parameter_name(path.unwrap_or(&name)) {
            Err(why) if path != Some("") => {
                let help = "write a name as in \"/app/url\", or \"/app/*\" for all parameters below a path";
                reader.diagnostic(&span, why, Some(help.into()));
            }
            Err(_) => {
                let help = "name a path, as in \"/app/*\"; for all of them use `allow`, with `because`";
                reader.diagnostic(&span, "\"/*\" stands for every parameter of the account", Some(help.into()));
            }
            Ok(()) => {}
        }
        parameters.push(name);
    }
    parameters
}

/// Checks the name of a parameter (docs/aws.md, Parameters).
pub(super) fn parameter_name(name: &str) -> Result<(), String> {
    let charset = |c: char| c.is_ascii_alphanumeric() || "_.-/".contains(c);
    let fits = (1..=1011).contains(&name.len())
        && name.chars().all(charset)
        && !name.ends_with('/')
        && !name.contains("//")
        && (name.starts_with('/') || !name.contains('/'))
        && name.matches('/').count() <= 15;
    fits.then_some(()).ok_or_else(|| format!("{name:?} is not the name of a parameter"))
}

/// Names of tables and functions that do not exist.
pub(super) fn check(name: &str, rights: &Rights, checks: &mut Checks) {
    for (key, named) in [("reads", &rights.reads), ("writes", &rights.writes)] {
        for table in named {
            checks.exists(format!("functions.{name}.{key}.{table}"), "table", table, &[&tables::KEY.key]);
        }
    }
    allow::check(&format!("functions.{name}.allow"), &rights.allow, checks);
    for function in &rights.invokes {
        let place = format!("functions.{name}.invokes_functions.{function}");
        checks.exists(place, "function", function, &[&KEY.key]);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use crate::spec::parse;

    fn with(entry: &str) -> Result<crate::spec::Stack, Vec<String>> {
        let text = format!("[stack]\nname = \"demo\"\n[functions.F]\nsource = \"f\"\n{entry}\n");
        parse(&text).map_err(|flaws| flaws.into_iter().map(|flaw| flaw.message).collect())
    }

    #[test]
    fn parameters_are_named_or_stand_below_a_path() {
        assert!(with("reads_parameters = [\"/app/url\", \"/app/*\", \"plain\"]").is_ok());
        for (wrong, why) in [
            ("*", "\"*\" is not the name of a parameter"),
            ("/*", "\"/*\" stands for every parameter of the account"),
            ("/app/", "\"/app/\" is not the name of a parameter"),
            ("app/url", "\"app/url\" is not the name of a parameter"),
        ] {
            assert_eq!(with(&format!("reads_parameters = [{wrong:?}]")).unwrap_err(), [why]);
        }
    }

    #[test]
    fn functions_and_variables_name_what_exists() {
        assert_eq!(with("invokes_functions = [\"G\"]").unwrap_err(), ["there is no function called G"]);
        assert_eq!(
            with("environment = { OTHER = { function = \"G\" } }").unwrap_err(),
            ["there is no function called G"]
        );
        assert!(with("environment = { SELF = { function = \"F\" }, URL = { parameter = \"/app/url\" } }").is_ok());
        assert_eq!(
            with("environment = { URL = { parameter = \"/app/*\" } }").unwrap_err(),
            ["\"/app/*\" is not the name of a parameter"]
        );
    }

    #[test]
    fn an_arn_of_another_partition_is_found_once_the_partition_is_known() {
        let stack =
            with("allow = [{ actions = [\"s3:GetObject\"], resources = [\"arn:aws:s3:::photos/*\"] }]").unwrap();
        assert_eq!(stack.of_other_partitions("aws"), []);
        let flaws = stack.of_other_partitions("aws-cn");
        assert_eq!(flaws[0].message, "an ARN of the partition aws means nothing in aws-cn");
        assert_eq!(flaws[0].key, "functions.F.allow.0");
    }
}
