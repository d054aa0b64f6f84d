//! The sections of the stack file, a file for each: the declarations of its keys, the types for its values, the code
//! that reads it, and the checks of its entries and of the names in them.
//!
//! Each reading function destructures the keys of its table without `..`, so that a declared key that is not read is a
//! compiler error.

#![deny(unused_variables)]

mod alarms;
mod allow;
mod api;
mod audit;
mod authorizers;
mod firewall;
mod functions;
mod identity_pools;
mod plans;
mod pools;
mod queues;
mod secrets;
mod service_users;
mod tables;
mod topics;

use std::collections::BTreeMap;

use super::checks::Checks;
use super::field::{Environments, Key, Nested, Required, TagTexts, Text, Word};
use super::reader::{Reader, Table};
use super::rules::is_account;
use super::section::{Section, section};
use crate::location::{InvalidLocation, Location};

/// The value of a key at the top of the stack file.
trait Part: Sized {
    /// The key, with the tables under it.
    fn key() -> &'static Key;

    /// Reads the value, and reports the mistakes that can be found without other sections.
    fn read(reader: &mut Reader, root: &Table) -> Self;

    /// Reports the mistakes that can be found only in the whole stack.
    fn check(&self, _checks: &mut Checks) {}
}

/// Lists the files of the sections, each with the fields of [`Stack`] that it reads. A field's type is a [`Part`].
macro_rules! sections {
    ($($file:ident { $($(#[$about:meta])* $field:ident: $part:ty),* $(,)? })*) => {
        $(pub use $file::*;)*
        pub use allow::{Allowed, Block};
        pub(super) use allow::{pools_in, with_pool};

        /// A stack as its file describes it, with all defaults. Nothing is checked against AWS. Lists keep the file's
        /// order.
        #[derive(Debug, Clone, PartialEq)]
        pub struct Stack {
            /// 1 to 24 of a-z, 0-9 and -, beginning with a letter.
            pub name: String,
            /// The ARN of the managed policy that is the permissions boundary of every role of the stack.
            pub permissions_boundary: Option<String>,
            /// Where the stack's state is stored; `None`: the command line or a default says it.
            pub state: Option<Location>,
            /// The KMS key that encrypts the stack's data.
            pub kms_key: Option<KmsKey>,
            pub posture: Posture,
            /// The tags of all resources that take tags.
            pub tags: BTreeMap<String, String>,
            /// The ARNs of existing secrets outside of the stack, by name.
            pub existing_secrets: BTreeMap<String, String>,
            /// The existing user pools outside of the stack, by name.
            pub existing_pools: BTreeMap<String, ExistingPool>,
            $($($(#[$about])* pub $field: $part,)*)*
        }

        impl Section for Root {
            fn what(&self) -> &'static str {
                "a stack file"
            }

            fn keys(&'static self) -> Vec<&'static Key> {
                vec![&STACK.key, $($(<$part>::key(),)*)* &ENVIRONMENTS.key]
            }
        }

        impl Stack {
            pub(super) fn read(reader: &mut Reader, root: &Table) -> Self {
                reader.known(root, &ROOT);
                // The posture decides the defaults of all other keys.
                let Head { name, permissions_boundary, state, kms_key, tags } = head(reader, root);
                let posture = reader.posture;
                $($(let $field = <$part>::read(reader, root);)*)*
                let (existing_secrets, existing_pools) = (BTreeMap::new(), BTreeMap::new());
                let mut stack = Self {
                    name,
                    permissions_boundary,
                    state,
                    kms_key,
                    posture,
                    tags,
                    existing_secrets,
                    existing_pools,
                    $($($field),*),*
                };
                stack.existing_secrets = secrets::existing(&mut stack.secrets);
                stack.existing_pools = pools::existing(&mut stack.pools);
                if let Some(firewall) = firewall::by_posture(reader, root, &stack) {
                    stack.firewall = Some(firewall);
                }
                api::groups::add_checkers(reader, &mut stack);
                stack
            }

            pub(super) fn check(&self, checks: &mut Checks) {
                $($(self.$field.check(checks);)*)*
            }
        }
    };
}

sections! {
    topics { topics: BTreeMap<String, Topic> }
    queues { queues: BTreeMap<String, Queue> }
    tables { tables: BTreeMap<String, DataTable> }
    secrets { secrets: BTreeMap<String, Secret> }
    functions { functions: BTreeMap<String, Function> }
    pools { pools: BTreeMap<String, Pool> }
    service_users {
        /// Programs that sign in to a pool, by name. A secret of the same name holds the username and the password.
        service_users: BTreeMap<String, ServiceUser>,
    }
    identity_pools { identity_pools: BTreeMap<String, IdentityPool> }
    api { api: Option<Api>, apis: BTreeMap<String, Api> }
    authorizers {
        /// Functions that decide who may call routes, by name.
        authorizers: BTreeMap<String, LambdaAuthorizer>,
    }
    plans {
        /// Usage plans with the API keys of partners, by name.
        plans: BTreeMap<String, UsagePlan>,
    }
    firewall { firewall: Option<Firewall> }
    alarms { alarms: Option<Alarms> }
    audit { accepted: Accepted }
}

/// The keys at the top of the file.
pub(super) struct Root;

pub(super) static ROOT: Root = Root;

static STACK: Nested<StackKeys> =
    Nested::table("stack", &STACK_KEYS, "The stack's name and the settings for the whole stack.");

pub(in crate::spec) static ENVIRONMENTS: Environments = Environments::of(
    "environments",
    "Keys that replace those of the file, by the name of an environment, as in [environments.prod]. --env prod selects them, and the stack is then called NAME-prod. Tables merge, routes merge by route, and all other values replace those of the file. A name has 1 to 12 characters of a-z, 0-9 and -.",
);

section! {
    STACK_KEYS: StackKeys = "stack";
    name: Required = form_or(
        "^[a-z][a-z0-9-]{0,23}$",
        "securelambda",
        "The prefix of every resource's name: 1 to 24 characters of a-z, 0-9 and -, beginning with a letter and not ending in -.",
    );
    permissions_boundary: Text = form(
        "^arn:[a-z-]+:iam::([0-9]{12}|aws):policy/",
        "The ARN of the managed policy that is the permissions boundary of every role of the stack.",
    );
    state: Text = form(
        "^[^:]+$|^s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[A-Za-z0-9!_.*'()/-]*)?$",
        "Where the stack's state is stored: a folder, or s3://BUCKET/PREFIX so that a team and its pipelines share it. --state overrides it. Left out: the folder state.",
    );
    kms_key: Text = form(
        "^(create|arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]+)$",
        "The KMS key that encrypts topics, queues, tables, secrets, log groups and the variables of functions. create: `up` makes a key, which costs money. Or the ARN of a key, whose policy must let CloudWatch Logs use it, and CloudWatch if there are alarms; the account's policies decide about the rest. Left out: AWS's own keys, or keys of this account that somebody set by hand; with posture = \"hardened\": create.",
    );
    tags: TagTexts = of(
        "Tags of everything that the stack makes and that takes tags, as in { team = \"payments\" }. `up` changes and removes them everywhere when they change here; tags that it never set stay. Up to 45, whose keys begin with neither aws: nor securelambda:.",
    );
    posture: Word<Posture> = of(
        &["baseline", "hardened"],
        &[Posture::Baseline, Posture::Hardened],
        "The set of defaults for the other keys. hardened: the defaults that auditors expect; `plan` shows which of them cost money.",
    );
}

/// The set of defaults for the stack file's keys.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Posture {
    /// The defaults of the tutorial.
    #[default]
    Baseline,
    /// The defaults that auditors expect. Some of them cost money.
    Hardened,
}

/// The value of `kms_key` for a key of the stack's own.
const CREATE: &str = "create";

/// The KMS key that encrypts the stack's data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KmsKey {
    /// A key of the stack's own, which `up` creates.
    Create,
    /// The ARN of a key outside of the stack.
    Arn(String),
}

impl KmsKey {
    /// The ARN of a key outside of the stack, if the stack uses one.
    pub fn given(&self) -> Option<&str> {
        match self {
            Self::Create => None,
            Self::Arn(arn) => Some(arn),
        }
    }

    /// Its ARN, in which `?` stand for an id that AWS has not chosen yet.
    pub fn arn(&self, scope: &crate::scope::Scope) -> String {
        match self {
            Self::Create => scope.arn("kms", "key/????????-????-????-????-????????????"),
            Self::Arn(arn) => arn.clone(),
        }
    }
}

/// The values of `[stack]` except the posture, which the reader keeps.
struct Head {
    name: String,
    permissions_boundary: Option<String>,
    state: Option<Location>,
    kms_key: Option<KmsKey>,
    tags: BTreeMap<String, String>,
}

/// Reads `[stack]`.
fn head(reader: &mut Reader, root: &Table) -> Head {
    let StackKeys { name, permissions_boundary, state, kms_key, tags, posture } = &STACK_KEYS;
    let Some(table) = &reader.table(root, &STACK) else {
        let name = name.default.to_owned();
        return Head { name, permissions_boundary: None, state: None, kms_key: None, tags: BTreeMap::new() };
    };
    reader.posture = reader.word(table, posture);
    let boundary = reader.text(table, permissions_boundary);
    if let Some((arn, span)) = &boundary
        && let Err(why) = check_boundary(arn)
    {
        reader.diagnostic(span, why, None);
    }
    let state = reader.text(table, state).and_then(|(place, span)| match place.parse() {
        Ok(place) => Some(place),
        Err(why) => {
            let why: InvalidLocation = why;
            reader.diagnostic(&span, why.to_string(), None);
            None
        }
    });
    let key = match reader.text(table, kms_key) {
        Some((word, _)) if word == CREATE => Some(KmsKey::Create),
        Some((arn, span)) => {
            if let Err(why) = key_arn(&arn) {
                let help = "use \"create\", or an ARN as in arn:aws:kms:eu-central-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab";
                reader.diagnostic(&span, why, Some(help.into()));
            }
            Some(KmsKey::Arn(arn))
        }
        // Auditors expect a key of the stack's own.
        None => (reader.posture == Posture::Hardened).then_some(KmsKey::Create),
    };
    let wanted = reader.required(table, name);
    if let Some((wanted, span)) = &wanted
        && let Err(why) = check_name(wanted)
    {
        reader.diagnostic(span, why, None);
    }
    let name = wanted.map_or_else(|| name.default.to_owned(), |(wanted, _)| wanted);
    let tags = reader.tags(table, tags);
    Head { name, permissions_boundary: boundary.map(|(arn, _)| arn), state, kms_key: key, tags }
}

/// The longest name of a stack, in characters.
pub const LONGEST_STACK_NAME: usize = 24;

/// Checks a stack's name, which is the beginning of the names of roles, pools and paths.
pub fn check_name(name: &str) -> Result<(), String> {
    let fits = (1..=LONGEST_STACK_NAME).contains(&name.len())
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
    fits.then_some(()).ok_or_else(|| {
        format!("{name:?} is not a valid stack name: use 1 to {LONGEST_STACK_NAME} characters of a-z, 0-9 and -, beginning with a letter")
    })?;
    if name.ends_with('-') {
        return Err(format!("{name:?} is not a valid stack name: it must not end in '-'"));
    }
    Ok(())
}

/// Checks the ARN of a managed policy, which belongs to an account or to AWS.
pub fn check_boundary(arn: &str) -> Result<(), String> {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    let fits = matches!(parts.as_slice(), ["arn", partition, "iam", "", account, policy]
        if partition.starts_with("aws")
            && (*account == "aws" || is_account(account))
            && policy.strip_prefix("policy/").is_some_and(|name| !name.is_empty() && !name.ends_with('/'))
            && policy.chars().all(|c| c.is_ascii_alphanumeric() || "+=,.@_/-".contains(c)));
    fits.then_some(()).ok_or_else(|| {
        format!("{arn:?} is not the ARN of a managed policy, such as arn:aws:iam::123456789012:policy/bounds")
    })
}

/// Checks the ARN of a KMS key. An alias is a mistake, because not every service takes its ARN.
fn key_arn(arn: &str) -> Result<(), String> {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    let fits = matches!(parts.as_slice(), ["arn", partition, "kms", region, account, key]
        if partition.starts_with("aws")
            && !region.is_empty()
            && is_account(account)
            && key.strip_prefix("key/").is_some_and(|id| !id.is_empty() && id.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')));
    fits.then_some(()).ok_or_else(|| format!("{arn:?} is not the ARN of a KMS key"))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::choices::{Mfa, SignInFlow, ThreatProtection};
    use crate::spec::field::Holds;
    use crate::spec::section::Choice;
    use crate::spec::{BUILTIN, parse, rules};

    /// Every table, each once.
    fn sections() -> Vec<&'static dyn Section> {
        let mut found: Vec<&'static dyn Section> = vec![&ROOT];
        let mut next = 0;
        while let Some(section) = found.get(next).copied() {
            next += 1;
            for key in section.keys() {
                if let Holds::Secrets(_, settings) = key.holds {
                    found.push(settings);
                }
                if let Holds::Table(inner)
                | Holds::Tables(inner)
                | Holds::Named(_, inner)
                | Holds::Variables(inner)
                | Holds::Auth(_, inner)
                | Holds::Secrets(inner, _) = key.holds
                    && !found.iter().any(|known| known.what() == inner.what())
                {
                    found.push(inner);
                }
            }
        }
        found
    }

    /// The lines of the commented file, without the comment mark in front of settings and headings.
    fn settings() -> impl Iterator<Item = &'static str> {
        BUILTIN.lines().map(|line| line.trim_start_matches(['#', ' ']))
    }

    #[test]
    fn the_commented_file_has_every_key() {
        for section in sections() {
            for key in section.keys() {
                let name = key.name;
                let heading = [format!("[{name}]"), format!("[{name}."), format!(".{name}]]")];
                let written = |line: &str| {
                    line.starts_with(name) && line[name.len()..].trim_start().starts_with('=')
                        || line.contains(&format!("{name} = "))
                        || heading.iter().any(|heading| line.contains(heading.as_str()))
                };
                assert!(settings().any(written), "{name} of {} is not in builtin.toml", section.what());
            }
        }
    }

    #[test]
    fn the_commented_file_has_every_default() {
        for section in sections() {
            for key in section.keys() {
                let Some(default) = key.default() else { continue };
                let written = |line: &str| {
                    // JSON writes lists without spaces.
                    let line = line.split_whitespace().collect::<Vec<_>>().join(" ").replace("\", \"", "\",\"") + " ";
                    [" ", ","].iter().any(|end| line.contains(&format!("{} = {default}{end}", key.name)))
                };
                assert!(settings().any(written), "{} = {default} is not in builtin.toml", key.name);
            }
        }
    }

    #[test]
    fn the_schemas_pattern_of_a_name_allows_the_length_that_the_parser_accepts() {
        for key in ROOT.keys() {
            let Holds::Named(names, _) = key.holds else { continue };
            let longest = (1..99).rev().find(|length| rules::name(key.name, &"n".repeat(*length), names).is_ok());
            let longest = longest.expect("some length is taken");
            assert!(names.form.ends_with(&format!("{{1,{longest}}}$")), "{}: {}, {longest}", key.name, names.form);
        }
    }

    #[test]
    fn a_default_is_one_of_the_values_that_its_key_takes() {
        for key in sections().iter().flat_map(|section| section.keys()) {
            for default in key.default().into_iter().chain(key.hardened_default()) {
                let fits = match key.holds {
                    Holds::Word(words) => words.iter().any(|word| default == **word),
                    Holds::OneOf(numbers) => numbers.iter().any(|number| default == *number),
                    // The constructors of the other kinds ensure valid defaults.
                    _ => true,
                };
                assert!(fits, "{}", key.name);
            }
            let hardened = key.hardened_default();
            assert!(hardened.is_none() || hardened != key.default(), "{}: the posture changes nothing", key.name);
        }
    }

    #[test]
    fn keys_that_exclude_each_other_exist() {
        for section in sections() {
            if let Choice::OneOf(groups) = section.choice() {
                let keys: BTreeSet<&str> = section.keys().iter().map(|key| key.name).collect();
                assert!(groups.concat().iter().all(|name| keys.contains(name)), "{}", section.what());
            }
        }
    }

    #[test]
    fn the_posture_decides_the_defaults_and_a_given_key_counts_in_either() {
        let pool = |posture: &str, key: &str| {
            let file = format!("[stack]\nname = \"demo\"\nposture = \"{posture}\"\n[pools.Users]\n{key}");
            let stack = parse(&file).expect("a stack file");
            (stack.posture, stack.pools["Users"].clone())
        };
        let (posture, baseline) = pool("baseline", "");
        assert_eq!((posture, baseline.self_sign_up, baseline.password.minimum_length), (Posture::Baseline, true, 12));
        let (posture, hardened) = pool("hardened", "self_sign_up = true");
        assert_eq!((posture, hardened.self_sign_up, hardened.password.minimum_length), (Posture::Hardened, true, 14));
        assert_eq!((hardened.mfa, hardened.deletion_protection), (Mfa::On, true));
        assert_eq!(baseline.flows, [SignInFlow::Srp, SignInFlow::Password, SignInFlow::AdminPassword]);
        assert_eq!(hardened.flows, [SignInFlow::Srp, SignInFlow::Password]);
        assert_eq!(hardened.threat_protection, ThreatProtection::Enforced);
        assert_eq!((hardened.password.history, hardened.tokens.rotate, hardened.tokens.id_minutes), (24, true, 15));
        assert_eq!((baseline.password.history, baseline.tokens.rotate, baseline.tokens.id_minutes), (0, false, 60));
    }

    /// The code that reads a stack file takes names and defaults from the declarations: a literal would repeat a
    /// declaration.
    #[test]
    fn the_reading_code_looks_up_no_key_by_a_literal() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/spec");
        let mut waiting = ["reader.rs", "sections"].map(|name| std::path::Path::new(folder).join(name)).to_vec();
        let mut files = 0;
        while let Some(path) = waiting.pop() {
            if path.is_dir() {
                waiting.extend(std::fs::read_dir(&path).expect("a folder").map(|entry| entry.expect("a file").path()));
                continue;
            }
            files += 1;
            let text = std::fs::read_to_string(&path).expect("a file");
            let literal = concat!(".get", "(\"");
            assert!(!text.contains(literal), "{} looks up a key by a literal", path.display());
        }
        assert!(files > 10, "{files}");
    }

    #[test]
    fn a_boundary_is_the_arn_of_a_managed_policy() {
        for good in ["arn:aws:iam::123456789012:policy/a/b-c", "arn:aws-cn:iam::aws:policy/PowerUserAccess"] {
            assert_eq!(check_boundary(good), Ok(()), "{good}");
        }
        let role = "arn:aws:iam::123456789012:role/a";
        for bad in [
            "",
            "bounds",
            role,
            "arn:aws:iam::12345:policy/a",
            "arn:aws:iam::aws:policy/",
            "arn:aws:iam::aws:policy/a b",
        ] {
            assert!(check_boundary(bad).is_err_and(|why| why.contains("ARN of a managed policy")), "{bad}");
        }
    }

    #[test]
    fn a_stacks_name_begins_with_a_letter_and_has_at_most_24_characters() {
        assert!(check_name("a-1").is_ok() && check_name("a-").is_err());
        assert!(check_name("1a").is_err() && check_name("A").is_err());
        assert!(check_name(&"a".repeat(24)).is_ok() && check_name(&"a".repeat(25)).is_err());
    }
}
