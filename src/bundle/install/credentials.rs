//! The credentials of registries, which must not be shown. The tools do not print them, but a registry may repeat them in
//! its answer, which npm prints.

use std::collections::BTreeSet;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use percent_encoding::percent_decode_str;

use super::environment::Environment;

const HIDDEN: &str = "(hidden)";

/// Shorter values are not hidden: a hidden part of another word would reveal them.
const SHORTEST: usize = 4;

/// The credentials in settings of pip and npm.
#[derive(Debug, Default)]
pub(super) struct Credentials {
    names: BTreeSet<String>,
    secrets: BTreeSet<String>,
}

impl Credentials {
    /// Finds the credentials in these texts: files of npm's settings, requirements files and the answer of `pip config
    /// list`. Variables that a text names as `${NAME}` usually have credentials.
    pub(super) fn of<'a>(texts: impl IntoIterator<Item = &'a str>, environment: &Environment) -> Self {
        let mut found = Self::default();
        for text in texts {
            let (text, values) = expanded(text, environment);
            found.secrets.extend(values);
            text.lines().for_each(|line| found.of_npm(line));
            found.of_urls(&text);
        }
        found.of_netrc(&environment.netrc().unwrap_or_default());
        found
    }

    /// A line of npm's settings, as in `//host/:_authToken=x`.
    fn of_npm(&mut self, line: &str) {
        let Some((key, value)) = line.split_once('=') else { return };
        let value = value.trim().trim_matches(['"', '\'']);
        match key.trim().rsplit(':').next().unwrap_or_default() {
            "username" => drop(self.names.insert(value.to_owned())),
            "_authToken" => self.secret(value),
            "_auth" | "_password" => {
                self.secret(value);
                let decoded = BASE64_STANDARD.decode(value).ok().and_then(|bytes| String::from_utf8(bytes).ok());
                if let Some(decoded) = decoded {
                    self.pair(&decoded);
                }
            }
            _ => {}
        }
    }

    /// The credentials between `://` and `@` in URLs.
    fn of_urls(&mut self, text: &str) {
        for rest in text.split("://").skip(1) {
            let end = rest.find(|c: char| c.is_whitespace() || "/\"'`<>".contains(c)).unwrap_or(rest.len());
            let Some((credentials, _)) = rest[..end].rsplit_once('@') else { continue };
            self.pair(credentials);
            self.pair(&percent_decode_str(credentials).decode_utf8_lossy());
        }
    }

    /// The words of a `.netrc` file.
    fn of_netrc(&mut self, text: &str) {
        let words: Vec<&str> = text.split_whitespace().collect();
        for pair in words.windows(2) {
            match pair {
                ["login", name] => drop(self.names.insert((*name).to_owned())),
                ["password", secret] => self.secret(secret),
                _ => {}
            }
        }
    }

    /// A name and a password, or a token alone.
    fn pair(&mut self, text: &str) {
        match text.split_once(':') {
            Some((name, secret)) => {
                self.names.insert(name.to_owned());
                self.secret(secret);
            }
            None => self.secret(text),
        }
    }

    fn secret(&mut self, value: &str) {
        self.secrets.insert(value.to_owned());
    }

    /// A text in which these credentials, in the forms in which they are sent, and those in its URLs are hidden.
    pub(super) fn hidden_in(&self, text: &str) -> String {
        let mut all: Vec<String> = self.secrets.iter().cloned().collect();
        for name in &self.names {
            all.extend(self.secrets.iter().map(|secret| BASE64_STANDARD.encode(format!("{name}:{secret}"))));
        }
        all.retain(|secret| secret.len() >= SHORTEST);
        // Longer values first, because one may be a part of another.
        all.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        without_passwords(&all.iter().fold(text.to_owned(), |text, secret| text.replace(secret, HIDDEN)))
    }
}

/// Whether a URL in a text has a password or a token, and not the name of a variable in its place.
pub(in crate::bundle) fn has_password(text: &str) -> bool {
    let mut found = Credentials::default();
    found.of_urls(text);
    found.secrets.iter().any(|secret| !secret.is_empty() && !secret.contains("${"))
}

/// A text with the values of the variables that it names as `${NAME}`, and these values.
fn expanded(text: &str, environment: &Environment) -> (String, Vec<String>) {
    let mut parts = text.split("${");
    let (mut expanded, mut values) = (parts.next().unwrap_or_default().to_owned(), Vec::new());
    for part in parts {
        let named = part.split_once('}').and_then(|(name, rest)| Some((environment.get(name)?.to_str()?, rest)));
        if let Some((value, rest)) = named {
            expanded += value;
            expanded += rest;
            values.push(value.to_owned());
        } else {
            expanded += "${";
            expanded += part;
        }
    }
    (expanded, values)
}

/// Replaces the credentials between `://` and `@` in URLs, and the value of npm's settings for credentials.
fn without_passwords(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for (at, part) in text.split("://").enumerate() {
        let part = if at == 0 { part } else { part.trim_start_matches(HIDDEN) };
        let end = part.find(|c: char| c.is_whitespace() || "/\"'`<>".contains(c)).unwrap_or(part.len());
        if at > 0 {
            shown += "://";
        }
        match part[..end].rfind('@').filter(|_| at > 0) {
            Some(host) => shown += &format!("{HIDDEN}{}", &part[host..]),
            None => shown += part,
        }
    }
    let mut lines = Vec::new();
    for line in shown.split('\n') {
        let secret = ["_authToken=", "_auth=", "_password="].iter().find_map(|key| Some(line.find(key)? + key.len()));
        lines.push(secret.map_or(line.to_owned(), |at| format!("{}{HIDDEN}", &line[..at])));
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(settings: &[&str], said: &str) -> String {
        let variables = [("TOKEN", "hunter22"), ("HOME", "/nonexistent")];
        let environment = Environment::new(variables.map(|(name, value)| (name.into(), value.into())));
        Credentials::of(settings.iter().copied(), &environment).hidden_in(said)
    }

    #[test]
    fn credentials_in_urls_and_settings_are_hidden_though_nobody_knows_them() {
        let said = "GET https://ann:pw@h/simple failed, see https://h/a@b\n//h/:_authToken=npm_1";
        let expected = "GET https://(hidden)@h/simple failed, see https://h/a@b\n//h/:_authToken=(hidden)";
        assert_eq!(shown(&[], said), expected);
    }

    #[test]
    fn a_password_in_a_url_is_told_from_a_variable() {
        for (text, has) in [
            ("--index-url https://ann:pw@h/simple", true),
            ("--index-url https://token@h/simple", true),
            ("--index-url https://ann:${TOKEN}@h/simple", false),
            ("--index-url https://${TOKEN}@h/simple\nown==1", false),
            ("own @ https://h/own.whl\nsee https://h/a@b", false),
        ] {
            assert_eq!(has_password(text), has, "{text}");
        }
    }

    #[test]
    fn known_credentials_are_hidden_in_every_form_in_which_they_are_sent() {
        let encoded = |text: &str| BASE64_STANDARD.encode(text);
        let auth = format!("//h/:_auth={}", encoded("ann:first-one"));
        let password = format!("//h/:username = bob\n//h/:_password = \"{}\"", encoded("second-one"));
        let settings = [
            auth.as_str(),
            &password,
            "//h/:_authToken=third-one",
            "global.index-url='https://eve:fourth%40one@h/simple'",
            "--index-url https://joe:${TOKEN}@h/simple",
            "--extra-index-url https://fifth-one@h/simple",
        ];
        for secret in [
            "first-one",
            &encoded("ann:first-one"),
            "second-one",
            &encoded("bob:second-one"),
            "third-one",
            "fourth%40one",
            "fourth@one",
            &encoded("eve:fourth@one"),
            "hunter22",
            &encoded("joe:hunter22"),
            "fifth-one",
        ] {
            assert_eq!(shown(&settings, &format!("the token {secret}.")), "the token (hidden).", "{secret}");
        }
    }

    #[test]
    fn a_short_password_is_not_told_by_hiding_it_in_other_words() {
        assert_eq!(shown(&["--index-url https://ann:ow@h/simple"], "own was not found"), "own was not found");
    }

    #[test]
    fn passwords_of_a_netrc_file_are_hidden() {
        let home = tempfile::tempdir().expect("a folder");
        std::fs::write(home.path().join(".netrc"), "machine h\n  login ann\n  password sixth-one\n").expect("written");
        let environment = Environment::new([("HOME".into(), home.path().as_os_str().to_owned())]);
        let credentials = Credentials::of([], &environment);
        for secret in ["sixth-one", &BASE64_STANDARD.encode("ann:sixth-one")] {
            assert_eq!(credentials.hidden_in(&format!("Basic {secret}")), "Basic (hidden)");
        }
    }
}
