//! The environment of the programs that install dependencies. They see none of the user's settings, except those for
//! the sources of packages: other settings, such as pip's `user` or npm's `dry-run`, would change or prevent the
//! installation.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use tokio::process::Command;

/// The variables of a process.
#[derive(Debug, Clone, Default)]
pub struct Environment(Vec<(OsString, OsString)>);

/// Variables with these beginnings configure pip, uv, npm, Python or a virtual environment. Compared in upper case,
/// because npm's are not case-sensitive.
const SETTINGS: [&str; 6] = ["PIP_", "UV_", "NPM_CONFIG_", "PYTHON", "VIRTUAL_ENV", "CONDA_"];

/// The keys of npm's settings for the sources of packages. Keys of single registries begin with `//`, keys of scopes
/// with `@`.
const NPM_SOURCES: [&str; 10] =
    ["registry", "cache", "cafile", "ca", "cert", "key", "proxy", "https-proxy", "noproxy", "strict-ssl"];

/// The keys of pip's settings for the sources of packages, each with uv's variable for the same setting.
const PIP_SOURCES: [(&str, &str); 7] = [
    ("index-url", "UV_DEFAULT_INDEX"),
    ("extra-index-url", "UV_INDEX"),
    ("find-links", "UV_FIND_LINKS"),
    ("no-index", "UV_NO_INDEX"),
    ("trusted-host", "UV_INSECURE_HOST"),
    ("cert", "SSL_CERT_FILE"),
    ("timeout", "UV_HTTP_TIMEOUT"),
];

impl Environment {
    pub fn new(variables: impl IntoIterator<Item = (OsString, OsString)>) -> Self {
        Self(variables.into_iter().collect())
    }

    pub(super) fn get(&self, name: &str) -> Option<&OsStr> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_os_str())
    }

    /// Gives a command this environment without the variables in [`SETTINGS`].
    pub(in crate::bundle) fn apply(&self, command: &mut Command) {
        let is_setting = |name: &OsStr| {
            let name = name.to_string_lossy().to_uppercase();
            SETTINGS.iter().any(|start| name.starts_with(start))
        };
        command.env_clear().envs(self.0.iter().filter(|(name, _)| !is_setting(name)).cloned());
    }

    /// pip's own variables that say where packages come from.
    pub(super) fn pip_sources(&self) -> impl Iterator<Item = (&OsString, &OsString)> {
        self.0.iter().map(|(name, value)| (name, value)).filter(|(name, _)| {
            let name = name.to_string_lossy();
            let key = name.strip_prefix("PIP_").map(|key| key.to_lowercase().replace('_', "-"));
            key.is_some_and(|key| PIP_SOURCES.iter().any(|(known, _)| *known == key) || key == "config-file")
        })
    }

    /// npm's settings that say where packages come from, as a file of settings: those of the machine, which are in the
    /// file `global`, then those of the user. npm takes the last of several.
    pub(super) fn npm_sources(&self, global: Option<&Path>) -> String {
        let file = self.npm_variable("userconfig").map(PathBuf::from);
        let file = file.or_else(|| self.get("HOME").map(|home| PathBuf::from(home).join(".npmrc")));
        let written: Vec<String> = [global.map(Path::to_owned), file]
            .into_iter()
            .flatten()
            .filter_map(|file| std::fs::read_to_string(file).ok())
            .collect();
        let variables = self.0.iter().filter_map(|(name, value)| {
            let name = name.to_str().filter(|name| name.to_lowercase().starts_with("npm_config_"))?;
            let key = &name["npm_config_".len()..];
            let key = if key.starts_with("//") { key.to_owned() } else { key.to_lowercase().replace('_', "-") };
            Some(format!("{key}={}", value.to_str()?))
        });
        let lines = written.iter().flat_map(|text| text.lines()).map(str::to_owned).chain(variables);
        lines.filter(|line| is_npm_source(line)).map(|line| line + "\n").collect()
    }

    fn npm_variable(&self, key: &str) -> Option<&OsString> {
        let name = format!("npm_config_{key}");
        self.0.iter().find(|(known, _)| known.to_string_lossy().to_lowercase() == name).map(|(_, value)| value)
    }

    /// The file with passwords for hosts that pip and uv read.
    pub(super) fn netrc(&self) -> Option<String> {
        let home = || self.get("HOME").map(|home| PathBuf::from(home).join(".netrc"));
        std::fs::read_to_string(self.get("NETRC").map(PathBuf::from).or_else(home)?).ok()
    }
}

fn is_npm_source(line: &str) -> bool {
    let key = line.split('=').next().unwrap_or_default().trim().trim_end_matches("[]");
    let of_scope = key.starts_with('@') && key.ends_with(":registry");
    key.starts_with("//") || of_scope || NPM_SOURCES.contains(&key)
}

/// uv's variables for pip's sources of packages, from the answer of `pip config list`. Variables of the environment win
/// over files.
pub(super) fn uv_sources(config: &str) -> Vec<(&'static str, String)> {
    let value = |key: &str| {
        let found = |of: &[&str]| {
            config.lines().find_map(|line| {
                let (name, value) = line.split_once('=')?;
                let (section, name) = name.rsplit_once('.')?;
                (name == key && of.contains(&section)).then(|| value.trim_matches(['\'', '"']).replace("\\n", " "))
            })
        };
        found(&[":env:"]).or_else(|| found(&["install"])).or_else(|| found(&["global"]))
    };
    PIP_SOURCES.iter().filter_map(|(key, variable)| Some((*variable, value(key)?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(variables: &[(&str, &str)]) -> Environment {
        Environment::new(variables.iter().map(|(name, value)| ((*name).into(), (*value).into())))
    }

    #[test]
    fn settings_of_the_user_are_taken_away() {
        let all = [
            ("PATH", "/bin"),
            ("NPM_TOKEN", "t"),
            ("PIP_REQUIRE_VIRTUALENV", "1"),
            ("npm_config_dry_run", "true"),
            ("NPM_CONFIG_GLOBAL", "true"),
            ("UV_OFFLINE", "1"),
            ("VIRTUAL_ENV", "/venv"),
        ];
        let mut command = Command::new("true");
        environment(&all).apply(&mut command);
        let kept: Vec<_> = command.as_std().get_envs().map(|(name, _)| name).collect();
        assert_eq!(kept, ["NPM_TOKEN", "PATH"]);
    }

    #[test]
    fn where_pip_gets_packages_from_is_kept() {
        let variables = [("PIP_INDEX_URL", "https://m/simple"), ("PIP_USER", "1"), ("PIP_CONFIG_FILE", "/pip.conf")];
        let environment = environment(&variables);
        let names: Vec<_> = environment.pip_sources().map(|(name, _)| name).collect();
        assert_eq!(names, ["PIP_INDEX_URL", "PIP_CONFIG_FILE"]);
        let config = ":env:.index-url='https://env/simple'\nglobal.index-url='https://file/simple'\n\
                      global.user='true'\nglobal.extra-index-url='\\nhttps://a\\nhttps://b'\n";
        let found = uv_sources(config);
        assert_eq!(found[0], ("UV_DEFAULT_INDEX", "https://env/simple".to_owned()));
        assert_eq!(found[1].1.split_whitespace().collect::<Vec<_>>(), ["https://a", "https://b"]);
        assert_eq!(found.len(), 2);
    }

    #[test]
    fn where_npm_gets_packages_from_is_kept() {
        let home = tempfile::tempdir().expect("a folder");
        let written = "//h/:_authToken=t\n@own:registry=https://h/\nregistry = https://m/\ndry-run=true\nprefix=/x\n";
        std::fs::write(home.path().join(".npmrc"), written).expect("written");
        let home = home.path().to_str().expect("UTF-8");
        let environment =
            environment(&[("HOME", home), ("npm_config_registry", "https://n/"), ("npm_config_global", "1")]);
        let kept = "//h/:_authToken=t\n@own:registry=https://h/\nregistry = https://m/\nregistry=https://n/\n";
        assert_eq!(environment.npm_sources(None), kept);
        // The user's settings follow those of the machine, so that they count.
        let machine = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(machine.path(), "cafile=/ca.pem\nregistry=https://o/\nglobal=true\n").expect("written");
        let all = format!("cafile=/ca.pem\nregistry=https://o/\n{kept}");
        assert_eq!(environment.npm_sources(Some(machine.path())), all);
    }
}
