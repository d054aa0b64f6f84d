//! `up --allow-ip`: one more address for the firewall. It is written into the stack file, so that the next plain `up`
//! neither forgets it nor keeps it unseen.

use std::io::Write;
use std::path::{Path, PathBuf};

use ipnet::IpNet;

use crate::config::Config;
use crate::error::Error;
use crate::report::say;
use crate::spec::{self, Mode, Unwritable};

/// A stack file to be written once it is decided that it is built.
#[derive(Debug)]
pub(super) struct Edit {
    file: PathBuf,
    text: String,
    new: Vec<IpNet>,
}

/// Puts the addresses into what is wanted; what is to be written for it, if anything is new.
pub(super) fn prepare(config: &mut Config, asked: &[String]) -> Result<Option<Edit>, Error> {
    if asked.is_empty() {
        return Ok(None);
    }
    let Some(file) = config.file.clone() else {
        return Err(Error::usage("--allow-ip adds to the stack file, and the built-in stack has none")
            .hint("`securelambda init` writes it out"));
    };
    let (text, new) =
        spec::allow(&config.document.text, &config.stack, asked).map_err(|why| refused(&why, &file, asked))?;
    let Some(text) = text else { return Ok(None) };
    if let Some(firewall) = &mut config.stack.firewall {
        firewall.addresses.splice(0..0, new.iter().copied());
        if firewall.mode == Mode::Count && !config.output.quiet {
            say("the firewall's mode is \"count\": its addresses are counted, and everyone passes anyway");
        }
    }
    Ok(Some(Edit { file, text, new }))
}

fn refused(why: &Unwritable, file: &Path, asked: &[String]) -> Error {
    let error = Error::usage(why.to_string());
    match why {
        Unwritable::NoNetwork(_) if asked.iter().any(|one| one == "me") => error
            .hint("only the other side sees your address: `curl https://checkip.amazonaws.com` prints what AWS sees"),
        Unwritable::NoNetwork(_) => error.hint("write it as CIDR: 203.0.113.7/32"),
        Unwritable::NoFirewall => error.hint("without a firewall every address passes"),
        Unwritable::WouldBlock => error.hint("take the address out of the list instead, or change the mode"),
        Unwritable::Form => error.hint(format!("add it to `addresses` in {} by hand, then run `up`", file.display())),
    }
}

impl Edit {
    /// Writes the stack file: all of it or nothing, its permissions as they are.
    pub(super) fn write(&self, quiet: bool) -> Result<(), Error> {
        let file = &self.file;
        let write = || {
            // Through a link to what it leads to.
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
            say(&format!("{} now has {} among the firewall's addresses.", file.display(), new.join(", ")));
        }
        Ok(())
    }
}
