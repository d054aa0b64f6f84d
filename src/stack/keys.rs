//! Every key of a stack file: what it holds, its default, what it means. The parser takes its known keys, ranges and
//! words from here, and the JSON schema is written from here, so the two cannot part; tests hold the file that `init`
//! writes to it too.

use super::{managed, rules};

/// A table of the stack file.
#[derive(Debug, Clone, Copy)]
pub(super) struct Section {
    /// What it is called in messages, as in `a function`.
    pub what: &'static str,
    /// Its keys, in the order in which they are best read.
    pub keys: &'static [Key],
}

/// A key of a table.
#[derive(Debug, Clone, Copy)]
pub(super) struct Key {
    pub name: &'static str,
    pub holds: Holds,
    /// What is taken where it is left out, as TOML and JSON alike write it.
    pub default: Option<&'static str>,
    pub required: bool,
    /// What it means, for an editor to show.
    pub about: &'static str,
}

/// What a key can hold.
#[derive(Debug, Clone, Copy)]
pub(super) enum Holds {
    /// Text.
    Text,
    /// Text of this form: a regular expression of ECMAScript's.
    Form(&'static str),
    /// One of these words.
    Word(&'static [&'static str]),
    /// A whole number from one to another.
    Number(u32, u32),
    /// One of these whole numbers.
    OneOf(&'static [u32]),
    /// True or false.
    Flag,
    /// Only true.
    True,
    /// "iam", "none", or a table.
    Auth(&'static Section),
    /// A list of text.
    Texts,
    /// A list of these words.
    Words(&'static [&'static str]),
    /// Names of the user's choice, each with text or with where it comes from.
    Variables(&'static Section),
    /// A table.
    Table(&'static Section),
    /// A list of tables.
    Tables(&'static Section),
    /// Names of the user's choice, of this form, each with a table.
    Named(&'static str, &'static Section),
    /// Names of the user's choice, each with names of the user's choice, each with where a value comes from.
    Secrets(&'static Section),
}

const fn key(name: &'static str, holds: Holds, about: &'static str) -> Key {
    Key { name, holds, default: None, required: false, about }
}

impl Key {
    const fn or(mut self, default: &'static str) -> Self {
        self.default = Some(default);
        self
    }

    const fn required(mut self) -> Self {
        self.required = true;
        self
    }
}

impl Section {
    /// The names of its keys.
    pub(super) fn names(&self) -> Vec<&'static str> {
        self.keys.iter().map(|key| key.name).collect()
    }

    /// From where to where the number in this key goes.
    pub(super) fn range(&self, name: &str) -> std::ops::RangeInclusive<u32> {
        match self.keys.iter().find(|key| key.name == name).map(|key| key.holds) {
            Some(Holds::Number(from, to)) => from..=to,
            Some(Holds::OneOf(numbers)) => {
                let ends = numbers.iter().min().zip(numbers.iter().max());
                ends.map_or(0..=0, |(first, last)| *first..=*last)
            }
            _ => 0..=u32::MAX,
        }
    }
}

/// Names in the stack file: letters, digits, `_` and `-`, and no more than leaves room for the stack's name in front.
pub(super) const NAME: &str = "^[A-Za-z0-9_-]{1,39}$";

/// Names of identity pools, which leave room for `-caller` behind them too.
pub(super) const IDENTITY_POOL_NAME: &str = "^[A-Za-z0-9_-]{1,32}$";

/// Variables of a function's environment.
pub(super) const VARIABLE: &str = "^[A-Za-z][A-Za-z0-9_]+$";

pub(super) const ROOT: Section = Section {
    what: "a stack file",
    keys: &[
        key("stack", Holds::Table(&STACK), "The stack's name and its permissions boundary."),
        key("topics", Holds::Named(NAME, &TOPIC), "SNS topics, by name. A topic has no settings."),
        key("secrets", Holds::Secrets(&VALUE), "Secrets in Secrets Manager, by name. Each is a JSON object."),
        key("functions", Holds::Named(NAME, &FUNCTION), "Lambda functions, by name. Each has a role of its own."),
        key("pools", Holds::Named(NAME, &POOL), "Cognito user pools, by name."),
        key("service_users", Holds::Named(NAME, &SERVICE_USER), "Programs that sign in to a pool, by name."),
        key("identity_pools", Holds::Named(IDENTITY_POOL_NAME, &IDENTITY_POOL), "Cognito identity pools, by name."),
        key("api", Holds::Table(&API), "The API."),
        key("apis", Holds::Named(NAME, &API), "Further APIs, by name."),
        key("firewall", Holds::Table(&FIREWALL), "The web ACL on the stages of REST APIs."),
    ],
};

pub(super) const STACK: Section = Section {
    what: "stack",
    keys: &[
        key(
            "name",
            Holds::Form("^[a-z]([a-z0-9-]{0,22}[a-z0-9])?$"),
            "Prefix of all resource names: 1 to 24 of a-z, 0-9 and -, beginning with a letter, not ending in -.",
        )
        .or("\"securelambda\"")
        .required(),
        key(
            "permissions_boundary",
            Holds::Form("^arn:[a-z-]+:iam::([0-9]{12}|aws):policy/"),
            "The ARN of the managed policy that is the permissions boundary of every role of the stack.",
        ),
    ],
};

pub(super) const TOPIC: Section = Section { what: "a topic", keys: &[] };

pub(super) const VALUE: Section = Section {
    what: "a secret's value",
    keys: &[
        key("topic", Holds::Text, "The ARN of this topic of the stack."),
        key(
            "env",
            Holds::Form("^[A-Za-z_][A-Za-z0-9_]*$"),
            "The value of this variable of the environment in which `up` runs.",
        ),
        key("prompt", Holds::True, "`up` asks for the value at the terminal when it writes the secret."),
        key(
            "generate",
            Holds::Number(16, 4096),
            "`up` generates this many letters and digits, and keeps them from then on.",
        ),
    ],
};

pub(super) const FUNCTION: Section = Section {
    what: "a function",
    keys: &[
        key("source", Holds::Text, "The folder of its code, relative to the stack file.").required(),
        key("trigger", Holds::Table(&TRIGGER), "What calls the function besides routes."),
        key(
            "secrets",
            Holds::Texts,
            "The secrets it may read. With one secret, the variable SECRET_ID has its name; with several, SECRET_ID_NAME has the name of each.",
        )
        .or("[]"),
        key("publishes", Holds::Texts, "The topics it may publish to.").or("[]"),
        key("runtime", Holds::Word(&rules::RUNTIMES), "Lambda's runtime.").or("\"nodejs24.x\""),
        key("handler", Holds::Form("^\\S{1,128}$"), "The file without its extension, a dot, and the function that Lambda calls.")
            .or("\"index.handler\""),
        key("architecture", Holds::Word(&["arm64", "x86_64"]), "The processor it runs on.").or("\"arm64\""),
        key("memory_mb", Holds::Number(128, 10_240), "Memory in MB. CPU power grows with it.").or("128"),
        key("timeout_s", Holds::Number(1, 900), "How many seconds one call may take. The API waits 29 seconds.")
            .or("10"),
        key("log_retention_days", Holds::OneOf(&rules::RETENTION_DAYS), "How many days its logs are kept.").or("14"),
        key("environment", Holds::Variables(&VARIABLE_FROM), "Environment variables that are not secret.").or("{}"),
    ],
};

pub(super) const VARIABLE_FROM: Section = Section {
    what: "a variable",
    keys: &[
        key("pool_id", Holds::Text, "The id of this pool."),
        key("client_id", Holds::Text, "The id of this pool's app client."),
        key("identity_pool_id", Holds::Text, "The id of this identity pool."),
        key("url", Holds::Text, "The base URL of this API."),
    ],
};

pub(super) const SERVICE_USER: Section = Section {
    what: "a service user",
    keys: &[key(
        "pool",
        Holds::Text,
        "The pool it signs in to. `up` writes its username and password to a secret of the same name, and nowhere else.",
    )
    .required()],
};

pub(super) const IDENTITY_POOL: Section = Section {
    what: "an identity pool",
    keys: &[
        key("pool", Holds::Text, "The pool whose users get temporary credentials.").required(),
        key(
            "invokes",
            Holds::Texts,
            "The routes that these credentials may call, as in \"Age GET /age\": the API's name and the route.",
        )
        .required(),
    ],
};

pub(super) const TRIGGER: Section = Section {
    what: "a trigger",
    keys: &[key("topic", Holds::Text, "The topic whose messages call the function.").required()],
};

pub(super) const POOL: Section = Section {
    what: "a pool",
    keys: &[
        key(
            "authorizer",
            Holds::Form(NAME),
            "The name of the API's authorizer for this pool. The default is the pool's name followed by Authorizer.",
        ),
        key("password", Holds::Table(&PASSWORD), "The password policy."),
        key("self_sign_up", Holds::Flag, "Whether people may sign up themselves.").or("true"),
        key("mfa", Holds::Word(&["off", "optional", "on"]), "Whether users need a code from an authenticator app.")
            .or("\"off\""),
        key("deletion_protection", Holds::Flag, "Whether AWS refuses to delete the pool.").or("false"),
    ],
};

pub(super) const PASSWORD: Section = Section {
    what: "a password rule",
    keys: &[
        key("minimum_length", Holds::Number(6, 99), "The least number of characters.").or("12"),
        key("lowercase", Holds::Flag, "At least one of a-z.").or("true"),
        key("uppercase", Holds::Flag, "At least one of A-Z.").or("true"),
        key("numbers", Holds::Flag, "At least one of 0-9.").or("true"),
        key("symbols", Holds::Flag, "At least one of Cognito's symbols.").or("true"),
    ],
};

pub(super) const API: Section = Section {
    what: "api",
    keys: &[
        key(
            "kind",
            Holds::Word(&["rest", "http"]),
            "rest: supports a firewall and body validation. http: small and cheap.",
        )
        .or("\"rest\""),
        key(
            "stage",
            Holds::Form("^[A-Za-z0-9_-]{1,128}$"),
            "The stage, which is the first part of every route's path. The default is development for a REST API; an HTTP API has none unless it is given.",
        ),
        key(
            "rate_limit",
            Holds::Number(1, 10_000),
            "Requests a second that each route allows. All routes together allow the sum.",
        )
        .or("50"),
        key(
            "burst_limit",
            Holds::Number(1, 5_000),
            "Requests at once that each route allows. All routes together allow the sum.",
        )
        .or("50"),
        key("routes", Holds::Tables(&ROUTE), "The routes that can be called.").required(),
    ],
};

pub(super) const ROUTE: Section = Section {
    what: "a route",
    keys: &[
        key(
            "route",
            Holds::Form("^(GET|POST|PUT|PATCH|DELETE|HEAD|OPTIONS|ANY) /\\S*$"),
            "A method and a path, as in POST /items/{id} or ANY /files/{proxy+}.",
        )
        .required(),
        key("function", Holds::Text, "The function that answers.").required(),
        key("pool", Holds::Text, "The pool whose users may call the route."),
        key(
            "auth",
            Holds::Auth(&AUTH),
            "Instead of a pool: \"iam\" for IAM-signed requests, \"none\" for a route that anyone may call.",
        ),
        key(
            "body",
            Holds::Text,
            "The JSON schema (draft 4) for request bodies: a file, relative to the stack file. Without one, any body passes.",
        ),
    ],
};

pub(super) const AUTH: Section =
    Section { what: "auth", keys: &[key("pool", Holds::Text, "The pool whose users may call the route.").required()] };

pub(super) const FIREWALL: Section = Section {
    what: "firewall",
    keys: &[
        key(
            "mode",
            Holds::Word(&["count", "allow", "block"]),
            "count: requests from the addresses are counted and every request passes. allow: only the addresses pass. block: the addresses are blocked.",
        )
        .or("\"count\""),
        key("addresses", Holds::Texts, "IPv4 and IPv6 networks, as CIDR.").or("[]"),
        key(
            "rate_per_ip",
            Holds::Number(10, 2_000_000_000),
            "The most requests of one address in 5 minutes. Above that, the address is blocked.",
        ),
        key("managed_rules", Holds::Words(&managed::WORDS), "AWS's managed rule groups. WAF counts what a group would block, or blocks it with :block.").or("[]"),
    ],
};

#[cfg(test)]
mod tests {
    use super::*;

    /// Every section, with the path of tables that leads to it.
    fn sections() -> Vec<&'static Section> {
        let mut found = vec![&ROOT];
        let mut next = 0;
        while let Some(section) = found.get(next).copied() {
            next += 1;
            for key in section.keys {
                if let Holds::Table(inner) | Holds::Tables(inner) | Holds::Named(_, inner) | Holds::Secrets(inner) =
                    key.holds
                {
                    found.push(inner);
                }
            }
        }
        found
    }

    #[test]
    fn every_key_is_in_the_commented_file() {
        for section in sections() {
            for key in section.keys.iter().filter(|key| !matches!(key.holds, Holds::Table(_) | Holds::Named(..))) {
                let written = |line: &str| {
                    let line = line.trim_start_matches(['#', ' ']);
                    line.starts_with(key.name)
                        || line.contains(&format!("{} =", key.name))
                        || line.contains(&format!("{}]]", key.name))
                        || line.contains(&format!("[{}.", key.name))
                };
                assert!(super::super::BUILTIN.lines().any(written), "{} of {} is not in it", key.name, section.what);
            }
        }
    }

    #[test]
    fn names_are_as_long_as_the_parser_takes_them() {
        for key in ROOT.keys {
            let Holds::Named(form, _) = key.holds else { continue };
            let longest = (1..99).rev().find(|length| rules::name(key.name, &"n".repeat(*length)).is_ok());
            let longest = longest.expect("some length is taken");
            assert!(form.ends_with(&format!("{{1,{longest}}}$")), "{}: {form}, {longest}", key.name);
        }
    }

    #[test]
    fn every_default_is_what_it_may_be() {
        for key in sections().iter().flat_map(|section| section.keys) {
            let Some(default) = key.default else { continue };
            let value: serde_json::Value = serde_json::from_str(default).expect("TOML and JSON alike");
            let fits = match key.holds {
                Holds::Word(words) => words.iter().any(|word| value == **word),
                Holds::Number(from, to) => {
                    value.as_u64().is_some_and(|n| (u64::from(from)..=u64::from(to)).contains(&n))
                }
                Holds::OneOf(numbers) => numbers.iter().any(|number| value == *number),
                Holds::Flag => value.is_boolean(),
                Holds::Text | Holds::Form(_) => value.is_string(),
                Holds::Texts | Holds::Words(_) => value.is_array(),
                _ => value.is_object(),
            };
            assert!(fits, "{}", key.name);
        }
    }
}
