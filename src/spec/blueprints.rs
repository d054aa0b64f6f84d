//! The stacks that are part of this binary. `init` writes them to a folder, and `up` builds one if there is no stack
//! file.

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::file;

/// A stack that is part of this binary, with its functions' sources and schemas in the folder `lambdas`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Blueprint {
    pub name: &'static str,
    pub about: &'static str,
    /// Its stack file.
    pub text: &'static str,
}

/// The blueprint that is used if none is named.
pub const DEFAULT: &Blueprint = &ALL[0];

pub const ALL: &[Blueprint] = &[
    Blueprint {
        name: "tutorial",
        about: "two routes, each behind a user pool of its own, that pass greetings on through a topic",
        text: super::BUILTIN,
    },
    Blueprint {
        name: "http-jwt",
        about: "an HTTP API with one route, whose tokens the gateway checks and a Python function checks again",
        text: include_str!("http-jwt.toml"),
    },
    Blueprint {
        name: "api-to-api",
        about: "two APIs, of which only the first may call the second, with credentials that Cognito hands out",
        text: include_str!("api-to-api.toml"),
    },
];

impl Blueprint {
    pub fn of(name: &str) -> Option<&'static Self> {
        ALL.iter().find(|blueprint| blueprint.name == name)
    }

    /// The folders of its functions and body schemas. No folder is inside another.
    pub fn folders(&self) -> Vec<PathBuf> {
        // The parse cannot fail, because a test reads every blueprint.
        let Ok(stack) = file::parse(self.text) else { return Vec::new() };
        let bodies = stack.all_routes().filter_map(|(_, route)| route.body.as_ref()?.parent());
        let mut folders: BTreeSet<PathBuf> = bodies.map(PathBuf::from).collect();
        folders.extend(stack.functions.values().filter_map(|function| Some(function.packed()?.source.clone())));
        let within = |folder: &&PathBuf| !folders.iter().any(|other| other != *folder && folder.starts_with(other));
        folders.iter().filter(within).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_blueprint_can_be_read_and_has_its_files() {
        for blueprint in ALL {
            assert!(file::parse(blueprint.text).is_ok(), "{}", blueprint.name);
            let files = crate::bundle::embedded(&blueprint.folders());
            assert!(!files.is_empty(), "{}", blueprint.name);
            assert_eq!(Blueprint::of(blueprint.name), Some(blueprint));
        }
        assert_eq!(Blueprint::of("tutorail"), None);
    }
}
