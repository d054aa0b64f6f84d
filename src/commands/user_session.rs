//! The session of a user who signed in with `login`: a refresh token in a file of the cache folder, which only its owner
//! can read. It is in no state file.

use std::fs::{self, DirBuilder};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::session::Session;
use crate::aws::cognito::{Tokens, Users};
use crate::config::variable;
use crate::engine::Cause;
use crate::error::Error;
use crate::local::Local;
use crate::outputs::Pool;
use crate::probe::Client;
use crate::probe::authorization_code::{NotGranted, UserTokens, granted, post, renewal};
use crate::secret::SecretValue;
use crate::spec::{self, Stack};

/// A user who is signed in to a pool.
#[derive(Debug)]
pub(super) struct UserSession {
    /// The names with which the user can sign in: at least one.
    names: Vec<String>,
    refresh: SecretValue,
    file: PathBuf,
}

/// The contents of the file. The type exists only to read and to write it, because a secret cannot be serialized.
#[derive(Serialize, Deserialize)]
struct Stored {
    version: u32,
    names: Vec<String>,
    refresh_token: String,
}

const VERSION: u32 = 1;

/// Whether a user of this pool can sign in with `login`: the pool has sign-in pages.
pub(super) fn possible(stack: &Stack, pool: &str) -> bool {
    stack.pools.get(pool).and_then(spec::Pool::pages).is_some()
}

impl UserSession {
    /// The session in this pool, if somebody has signed in on this machine.
    pub(super) fn find(session: &Session, pool: &Pool) -> Result<Option<Self>, Error> {
        let file = file(session, pool)?;
        let text = match fs::read(&file) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(unusable(&file, &error)),
        };
        if is_open_to_others(&file) || file.parent().is_some_and(is_open_to_others) {
            let message =
                format!("other users of this machine could read or write the session file {}", file.display());
            return Err(Error::other(message).hint("run `securelambda logout`, then `securelambda login` again"));
        }
        let stored: Stored = serde_json::from_slice(&text).map_err(|_| damaged(&file))?;
        if stored.version != VERSION || stored.names.is_empty() {
            return Err(damaged(&file));
        }
        Ok(Some(Self { names: stored.names, refresh: SecretValue::new(stored.refresh_token), file }))
    }

    /// Keeps the session of a user.
    pub(super) fn keep(session: &Session, pool: &Pool, names: &[String], refresh: &SecretValue) -> Result<(), Error> {
        let file = file(session, pool)?;
        write(&file, names, refresh).map_err(|error| unusable(&file, &error))
    }

    /// The user's name in messages.
    pub(super) fn name(&self) -> &str {
        &self.names[0]
    }

    /// Whether it is the session of the user who signs in with this name.
    pub(super) fn is_of(&self, name: &str) -> bool {
        self.names.iter().any(|own| own.to_lowercase() == name.to_lowercase())
    }

    /// New tokens of the user. If Cognito also gives a new refresh token, it replaces the kept one.
    pub(super) async fn tokens(&self, session: &Session, pool: &Pool) -> Result<Tokens, Error> {
        let url = token_url(pool)?;
        let body = renewal(&pool.client_id, &self.refresh);
        let answer = Client::new(&session.config.connection.proxies)?.send(&post(url, &body)).await?;
        let tokens = granted(&answer).map_err(|NotGranted { is_final, why }| {
            if is_final {
                let error = Error::other(format!("the session of {} has ended: {why}", self.name()));
                return error.hint("run `securelambda login` again");
            }
            Error::other(format!("Cognito gave {} no new tokens: {why}", self.name()))
                .hint("the session is still there: run the same command again")
        })?;
        if let Some(refresh) = &tokens.refresh {
            write(&self.file, &self.names, refresh).map_err(|error| unusable(&self.file, &error))?;
        }
        let UserTokens { id, access, refresh, expires_in } = tokens;
        let refresh = refresh.unwrap_or_else(|| self.refresh.clone());
        Ok(Tokens { id, access, refresh, expires_in: i32::try_from(expires_in).unwrap_or(i32::MAX) })
    }

    /// Ends the session: Cognito refuses its refresh token from now on, and the file goes. If Cognito did not answer, the
    /// file stays, so that the session can be ended later.
    pub(super) async fn end(&self, session: &Session, pool: &Pool) -> Result<(), Error> {
        let ended = Users::new(&session.clients).revoke(&pool.client_id, &self.refresh).await;
        let Err(failure) = ended else { return removed(&self.file) };
        if failure.cause != Cause::Refused {
            return Err(failure.hint("the session is still there: run `securelambda logout` again").into());
        }
        removed(&self.file)?;
        let words = "the session is forgotten on this machine, but its refresh token stays valid until it expires";
        Err(failure.hint(words).into())
    }
}

/// Deletes the file of the session in this pool, even if it cannot be read. It is no error if there is none.
pub(super) fn forget(session: &Session, pool: &Pool) -> Result<(), Error> {
    removed(&file(session, pool)?)
}

fn removed(file: &Path) -> Result<(), Error> {
    match fs::remove_file(file) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(unusable(file, &error)),
        _ => Ok(()),
    }
}

/// The endpoint at which the pool's domain gives tokens.
pub(super) fn token_url(pool: &Pool) -> Result<&str, Error> {
    pool.token_url
        .as_deref()
        .ok_or_else(|| Error::other("the pool's domain does not exist yet").hint("run `securelambda up`"))
}

/// The file of the session in this pool. Its name depends on the endpoint, because emulators may use the same ids.
fn file(session: &Session, pool: &Pool) -> Result<PathBuf, Error> {
    let local = Local::from_env(variable).map_err(|error| Error::other(error.to_string()))?;
    let endpoint = session.endpoint.as_deref().unwrap_or("aws");
    let digest = Sha256::digest(format!("{endpoint}\n{}\n{}", pool.arn, pool.client_id));
    let name = hex::encode(&digest[..16]);
    Ok(local.cache().join("sessions").join(format!("{name}.json")))
}

/// Whether other users than the owner have any right to a file or a folder.
fn is_open_to_others(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|data| data.permissions().mode() & 0o077 != 0)
}

/// Replaces the file. Only its owner can read it and its folder.
fn write(file: &Path, names: &[String], refresh: &SecretValue) -> io::Result<()> {
    let folder = file.parent().unwrap_or(Path::new("."));
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let stored = Stored { version: VERSION, names: names.to_vec(), refresh_token: refresh.reveal().to_owned() };
    // The crate `tempfile` creates the file with mode 0600.
    let mut new = tempfile::NamedTempFile::new_in(folder)?;
    new.write_all(&serde_json::to_vec(&stored)?)?;
    new.as_file().sync_all()?;
    new.persist(file).map_err(|error| error.error)?;
    Ok(())
}

fn unusable(file: &Path, error: &io::Error) -> Error {
    Error::other(format!("the session file {} cannot be used: {error}", file.display()))
}

fn damaged(file: &Path) -> Error {
    Error::other(format!("the session file {} is damaged or of another version", file.display()))
        .hint("run `securelambda logout`, which deletes it, then `securelambda login` again")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_owner_can_read_a_session() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("sessions/a.json");
        let names = ["ada@example.com".to_owned()];
        write(&file, &names, &SecretValue::from("old")).expect("written");
        write(&file, &names, &SecretValue::from("new")).expect("replaced");
        let mode = |path: &Path| fs::metadata(path).expect("there").permissions().mode() & 0o777;
        assert_eq!((mode(&file), mode(file.parent().expect("a folder"))), (0o600, 0o700));
        let open = |path: &Path, mode| {
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("set");
            is_open_to_others(path)
        };
        assert!(!open(&file, 0o600) && open(&file, 0o640) && open(&file, 0o602));
        let stored: Stored = serde_json::from_slice(&fs::read(&file).expect("read")).expect("JSON");
        assert_eq!((stored.names.as_slice(), stored.refresh_token.as_str()), (names.as_slice(), "new"));
    }
}
