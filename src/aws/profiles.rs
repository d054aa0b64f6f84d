//! Finds where the credentials come from, and mistakes in AWS's configuration files. The SDK ignores settings that it
//! cannot use and may then use credentials of another account. This module follows the same path and reports such
//! settings.

use std::path::{Path, PathBuf};

use aws_config::profile::{Profile, ProfileSet};
use aws_types::os_shim_internal::{Env, Fs};

use crate::engine::{Cause, Failure};
use crate::spelling::nearest;

/// The environment variables about credentials.
#[derive(Debug, Clone)]
pub struct Sources {
    config: PathBuf,
    credentials: PathBuf,
    /// AWS_PROFILE.
    profile: Option<String>,
    has_key: bool,
    has_secret: bool,
}

impl Sources {
    /// Reads the variables. `variable` returns the value of one, and nothing for an empty one.
    pub fn new(variable: impl Fn(&str) -> Option<String>) -> Self {
        let home = variable("HOME").map(PathBuf::from).unwrap_or_default();
        let file = |name: &str, default: &str| match variable(name).map(PathBuf::from) {
            None => home.join(default),
            Some(path) => path.strip_prefix("~").map(|below| home.join(below)).unwrap_or(path),
        };
        Self {
            config: file("AWS_CONFIG_FILE", ".aws/config"),
            credentials: file("AWS_SHARED_CREDENTIALS_FILE", ".aws/credentials"),
            profile: variable("AWS_PROFILE"),
            has_key: variable("AWS_ACCESS_KEY_ID").is_some(),
            has_secret: variable("AWS_SECRET_ACCESS_KEY").is_some(),
        }
    }
}

/// The source of the credentials.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// Environment variables, or credentials that this program sets.
    Environment,
    /// Other settings of this profile.
    Profile(String),
    /// The profile's sign-in with IAM Identity Center.
    Sso(String),
    /// The profile's `credential_process`.
    Process(String),
    /// No profile names a source; the SDK uses any that it finds.
    Elsewhere {
        /// The chosen profile, which names no credentials.
        profile: Option<String>,
    },
}

impl Origin {
    /// The name of the source in messages about a long wait.
    pub(super) fn waited_for(&self) -> String {
        match self {
            Self::Process(profile) => format!("the credential_process of the profile {profile}"),
            Self::Sso(profile) => format!("the sign-in service of the profile {profile}"),
            Self::Profile(profile) => format!("the credentials of the profile {profile}"),
            Self::Environment | Self::Elsewhere { .. } => "credentials".to_owned(),
        }
    }
}

/// Finds the source of the credentials. `named` is `--profile`, which takes precedence over keys in the environment.
///
/// # Errors
/// [`Cause::Fatal`], with the file and the mistake in it.
pub async fn origin(named: Option<&str>, sources: &Sources) -> Result<Origin, Failure> {
    for path in [&sources.config, &sources.credentials] {
        readable(path)?;
    }
    let chosen = named.map(str::to_owned).or_else(|| sources.profile.clone());
    #[expect(clippy::default_trait_access, reason = "its type is of a crate that is not among the dependencies")]
    let files = &Default::default();
    let read = aws_config::profile::load(&Fs::real(), &Env::real(), files, chosen.clone().map(Into::into)).await;
    let profiles = read.map_err(|error| broken(&error))?;
    if let Some(name) = &chosen
        && profiles.get_profile(name).is_none()
    {
        let by = if named.is_some() { "" } else { " (from AWS_PROFILE)" };
        let (config, credentials) = (sources.config.display(), sources.credentials.display());
        let message = format!("no profile called {name}{by} in {config} or {credentials}");
        return Err(suggest(fault(message), name, &profiles).unwrap_or_else(|fault| {
            fault.hint("a profile begins with [profile NAME] in the first file and with [NAME] in the second")
        }));
    }
    // If the user names a profile, keys in the environment are ignored.
    let (has_key, has_secret) = if named.is_some() { (false, false) } else { (sources.has_key, sources.has_secret) };
    match (has_key, has_secret) {
        (true, true) => return Ok(Origin::Environment),
        (false, false) => {}
        (has_key, _) => {
            let both = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"];
            let (set, unset) = if has_key { (both[0], both[1]) } else { (both[1], both[0]) };
            return Err(fault(format!("{set} is set, but {unset} is not")).hint("set both, or neither"));
        }
    }
    along((&profiles, sources.has_key && sources.has_secret), profiles.selected_profile(), chosen)
}

fn fault(message: impl Into<String>) -> Failure {
    Failure::new(Cause::Fatal, message)
}

/// Adds the profile with the most similar name, if there is one.
fn suggest(fault: Failure, name: &str, profiles: &ProfileSet) -> Result<Failure, Failure> {
    let known: Vec<&str> = profiles.profiles().collect();
    match nearest(name, &known) {
        Some(near) => Ok(fault.hint(format!("did you mean {near}?"))),
        None => Err(fault),
    }
}

/// Reports a file that cannot be read. The SDK would treat it as empty.
fn readable(path: &Path) -> Result<(), Failure> {
    let fix = "make it readable, or name another with AWS_CONFIG_FILE or AWS_SHARED_CREDENTIALS_FILE";
    match std::fs::read(path) {
        Ok(text) if std::str::from_utf8(&text).is_err() => {
            Err(fault(format!("{} is not text in UTF-8", path.display())).hint(fix))
        }
        // AWS's own tools do not read it either.
        Ok(text) if text.starts_with("\u{feff}".as_bytes()) => {
            let message = format!("{} begins with a byte order mark, which AWS's tools do not read", path.display());
            Err(fault(message).hint("save it as UTF-8 without a byte order mark (BOM)"))
        }
        Err(error)
            if error.kind() != std::io::ErrorKind::NotFound && error.kind() != std::io::ErrorKind::NotADirectory =>
        {
            Err(fault(format!("{} cannot be read: {error}", path.display())).hint(fix))
        }
        _ => Ok(()),
    }
}

/// The failure for a line that AWS's configuration format does not allow.
fn broken(error: &(dyn std::error::Error + 'static)) -> Failure {
    let root = std::iter::successors(Some(error), |&error| error.source()).last();
    let words = root.map(ToString::to_string).unwrap_or_default();
    // The message does not quote the line: `error parsing FILE on line 3:\n  Expected an '=' sign defining a property`.
    let words = words.trim_start_matches("error parsing ").replace(":\n  ", ": ");
    fault(format!("AWS's configuration cannot be read: {words}")).hint("correct that line, or remove it")
}

/// Follows the chain of profiles from the chosen one, as the SDK does.
fn along(
    (profiles, has_variables): (&ProfileSet, bool),
    selected: &str,
    chosen: Option<String>,
) -> Result<Origin, Failure> {
    let mut seen: Vec<&str> = Vec::new();
    let mut name = selected;
    loop {
        let Some(profile) = profiles.get_profile(name) else {
            let Some(last) = seen.last() else { return Ok(Origin::Elsewhere { profile: None }) };
            let fault =
                fault(format!("the profile {last} has source_profile = {name}, but there is no profile {name}"));
            return Err(suggest(fault, name, profiles)
                .unwrap_or_else(|fault| fault.hint("name a profile that exists, or add this one")));
        };
        if seen.contains(&name) {
            return Err(fault(format!("the profiles {} take their credentials from each other", seen.join(" and ")))
                .hint("one of them must have credentials of its own"));
        }
        seen.push(name);
        let is_first = seen.len() == 1;
        if !is_first && profile.get("aws_access_key_id").is_some() && profile.get("aws_secret_access_key").is_some() {
            return Ok(Origin::Profile(selected.to_owned()));
        }
        if profile.get("role_arn").is_some()
            && profile.get("web_identity_token_file").is_none()
            && let Some(next) = source(profile)?
        {
            name = next;
            continue;
        }
        return match base((profiles, has_variables), profile)? {
            Some(origin) => Ok(origin),
            None if profile.get("role_arn").is_some() => Err(fault(format!(
                "the profile {name} has source_profile = {name}, but no credentials of its own"
            ))
            .hint("add aws_access_key_id and aws_secret_access_key to it, or name another profile as source_profile")),
            None if is_first => Ok(Origin::Elsewhere { profile: chosen }),
            None => Err(fault(format!(
                "the profile {name} has no credentials, and other profiles name it as source_profile"
            ))
            .hint("add aws_access_key_id and aws_secret_access_key, or another source of credentials")),
        };
    }
}

/// The profile whose credentials are used to assume a role; `None` if it is this one.
fn source(profile: &Profile) -> Result<Option<&str>, Failure> {
    let name = profile.name();
    if profile.get("mfa_serial").is_some() {
        let export = format!("eval \"$(aws configure export-credentials --profile {name} --format env)\"");
        return Err(fault(format!(
            "the profile {name} requires an MFA code (mfa_serial), which this program does not ask for"
        ))
        .hint(format!(
            "run {export} and then the same command without the profile, or choose a profile with a credential_process"
        )));
    }
    match (profile.get("source_profile"), profile.get("credential_source")) {
        (Some(_), Some(_)) => Err(fault(format!("the profile {name} has both source_profile and credential_source"))
            .hint("remove one of them")),
        (None, None) => {
            Err(fault(format!("the profile {name} has a role_arn, but neither source_profile nor credential_source"))
                .hint("set source_profile to the profile whose credentials may assume the role"))
        }
        (Some(next), None) => Ok((next != name).then_some(next)),
        (None, Some(_)) => Ok(None),
    }
}

/// The credentials that a profile itself names, if any.
fn base((profiles, has_variables): (&ProfileSet, bool), profile: &Profile) -> Result<Option<Origin>, Failure> {
    let (name, has) = (profile.name(), |key: &str| profile.get(key).is_some());
    let itself = || Ok(Some(Origin::Profile(name.to_owned())));
    if let Some(source) = profile.get("credential_source") {
        let known = ["Environment", "Ec2InstanceMetadata", "EcsContainer"];
        if source == known[0] && !has_variables {
            let message =
                format!("the profile {name} has credential_source = {source}, but no variables have credentials");
            return Err(
                fault(message).hint("set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or name a source_profile")
            );
        }
        if known.contains(&source) {
            return itself();
        }
        return Err(fault(format!("the profile {name} has credential_source = {source}, which does not exist"))
            .hint(format!("use one of {}", known.join(", "))));
    }
    if let Some(file) = profile.get("web_identity_token_file") {
        if !has("role_arn") {
            return Err(fault(format!("the profile {name} has a web_identity_token_file, but no role_arn"))
                .hint("add the role_arn of the role that the token is for"));
        }
        return match std::fs::metadata(file) {
            Ok(_) => itself(),
            Err(error) => {
                Err(fault(format!("the web_identity_token_file of the profile {name} cannot be read: {error}"))
                    .hint(format!("the file is {file}")))
            }
        };
    }
    if ["sso_account_id", "sso_region", "sso_role_name", "sso_start_url", "sso_session"].into_iter().any(has) {
        return sso(profiles, profile).map(Some);
    }
    if has("login_session") {
        let export = format!("eval \"$(aws configure export-credentials --profile {name} --format env)\"");
        return Err(fault(format!(
            "the profile {name} signs in with `aws login`, which this program does not support"
        ))
        .hint(format!("run {export} and then the same command without the profile")));
    }
    if has("credential_process") {
        return Ok(Some(Origin::Process(name.to_owned())));
    }
    match (has("aws_access_key_id"), has("aws_secret_access_key")) {
        (true, true) => itself(),
        (false, false) => Ok(None),
        (has_key, _) => {
            let names = ["aws_access_key_id", "aws_secret_access_key"];
            let (set, unset) = if has_key { (names[0], names[1]) } else { (names[1], names[0]) };
            Err(fault(format!("the profile {name} has {set}, but no {unset}")).hint("add it, or remove both"))
        }
    }
}

/// A sign-in with IAM Identity Center.
fn sso(profiles: &ProfileSet, profile: &Profile) -> Result<Origin, Failure> {
    let name = profile.name();
    let lacks = |what: &str| {
        Err(fault(format!("the profile {name} signs in with IAM Identity Center, but has no {what}"))
            .hint(format!("run `aws configure sso --profile {name}`, which writes all of them")))
    };
    for key in ["sso_account_id", "sso_role_name"] {
        if profile.get(key).is_none() {
            return lacks(key);
        }
    }
    let session = match profile.get("sso_session") {
        None => None,
        Some(session) => Some(profiles.sso_session(session).ok_or_else(|| no_session(profiles, name, session))?),
    };
    for key in ["sso_region", "sso_start_url"] {
        let value = match session {
            Some(session) => session.get(key),
            None => profile.get(key),
        };
        if value.is_none() {
            return lacks(key);
        }
    }
    Ok(Origin::Sso(name.to_owned()))
}

/// The failure if the `sso_session` section that a profile names does not exist.
fn no_session(profiles: &ProfileSet, profile: &str, session: &str) -> Failure {
    let known: Vec<&str> = profiles.sso_sessions().collect();
    let hint = nearest(session, &known).map_or_else(
        || format!("add [sso-session {session}], or run `aws configure sso --profile {profile}`"),
        |near| format!("did you mean {near}?"),
    );
    fault(format!("the profile {profile} has sso_session = {session}, but there is no [sso-session {session}]"))
        .hint(hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Follows the profile `a` of a configuration file.
    async fn origin_of(config: &str) -> Result<Origin, String> {
        let fs = Fs::from_slice(&[("config", config)]);
        let env = Env::from_slice(&[("AWS_CONFIG_FILE", "config"), ("HOME", "/nowhere")]);
        #[expect(clippy::default_trait_access, reason = "its type is of a crate that is not among the dependencies")]
        let files = &Default::default();
        let profiles = aws_config::profile::load(&fs, &env, files, Some("a".into())).await.expect("a valid file");
        along((&profiles, false), "a", Some("a".to_owned())).map_err(|failure| failure.to_string())
    }

    #[tokio::test]
    async fn a_profile_that_names_itself_as_source_must_have_credentials() {
        let role = "[profile a]\nrole_arn = arn:aws:iam::123456789012:role/x\nsource_profile = a\n";
        let keys = "aws_access_key_id = x\naws_secret_access_key = y\n";
        assert_eq!(origin_of(&format!("{role}{keys}")).await, Ok(Origin::Profile("a".to_owned())));
        let missing = "the profile a has source_profile = a, but no credentials of its own";
        assert_eq!(origin_of(role).await, Err(missing.to_owned()));
    }
}
