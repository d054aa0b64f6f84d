//! `up --allow-ip`: adds addresses to the firewall and to the stack file. Without the latter, the next `up` would
//! remove them again.

use std::io::Write;
use std::path::{Path, PathBuf};

use ipnet::IpNet;

use crate::config::Config;
use crate::error::Error;
use crate::report::say;
use crate::spec::{self, Mode, Unwritable};

/// A change to the stack file, written after the user has confirmed the plan.
#[derive(Debug)]
pub(super) struct Edit {
    file: PathBuf,
    text: String,
    new: Vec<IpNet>,
}

/// Adds the addresses to the configuration. Returns the change to the stack file, or `None` if it has all of them.
pub(super) fn prepare(config: &mut Config, asked: &[String]) -> Result<Option<Edit>, Error> {
    if asked.is_empty() {
        return Ok(None);
    }
    let Some(file) = config.file.clone() else {
        return Err(Error::usage("--allow-ip changes the stack file, but the built-in stack has none")
            .hint("create a stack file with `securelambda init`"));
    };
    let list = ["firewall", "addresses"];
    if let Some(environment) = &config.environment
        && spec::environment_has(&config.document.text, environment, &list)
    {
        return Err(Error::usage(format!("the environment {environment} has its own list of addresses")).hint(
            format!("add the address to `firewall.addresses` under [environments.{environment}], then run `up`"),
        ));
    }
    let (text, new) =
        spec::allow(&config.document.text, &config.stack, asked).map_err(|why| refused(&why, &file, asked))?;
    let Some(text) = text else { return Ok(None) };
    if let Some(firewall) = &mut config.stack.firewall {
        firewall.addresses.splice(0..0, new.iter().copied());
        if firewall.mode == Mode::Count && !config.output.quiet {
            say("The firewall's mode is \"count\": it counts requests from its addresses, and allows all requests.");
        }
    }
    Ok(Some(Edit { file, text, new }))
}

fn refused(why: &Unwritable, file: &Path, asked: &[String]) -> Error {
    let error = Error::usage(why.to_string());
    match why {
        Unwritable::NoNetwork(_) if asked.iter().any(|one| one == "me") => {
            error.hint("`curl https://checkip.amazonaws.com` prints the address that AWS sees")
        }
        Unwritable::NoNetwork(why) => error.hint(&why.help),
        Unwritable::NoFirewall => error.hint("without a firewall, all addresses are allowed"),
        Unwritable::WouldBlock => error.hint("remove the address from the list instead, or change the mode"),
        Unwritable::Form => {
            error.hint(format!("add it to `addresses` in {} with an editor, then run `up`", file.display()))
        }
    }
}

impl Edit {
    /// Replaces the stack file atomically and keeps its permissions.
    pub(super) fn write(&self, quiet: bool) -> Result<(), Error> {
        let file = &self.file;
        let write = || {
            // Follow symbolic links, so that a link stays one.
            let file = file.canonicalize()?;
            let mut new = tempfile::NamedTempFile::new_in(file.parent().unwrap_or(Path::new(".")))?;
            new.write_all(self.text.as_bytes())?;
            new.as_file().set_permissions(std::fs::metadata(&file)?.permissions())?;
            new.as_file().sync_all()?;
            new.persist(&file).map_err(|error| error.error)
        };
        write().map_err(|error| {
            Error::usage(format!("the stack file {} cannot be written: {error}", file.display()))
                .hint("nothing was changed")
        })?;
        if !quiet {
            let new: Vec<String> = self.new.iter().map(ToString::to_string).collect();
            say(&format!("Added to the firewall's addresses in {}: {}.", file.display(), new.join(", ")));
        }
        Ok(())
    }
}
