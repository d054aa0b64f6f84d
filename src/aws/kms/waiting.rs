//! The waiting period of a key's deletion.

use super::Kms;
use crate::engine::{Failure, Task};

/// The shortest waiting period that AWS allows, in days.
const SHORTEST: i32 = 7;
/// The longest waiting period. No deleted secret can be restored after it.
const LONGEST: i32 = 30;

/// The extent of the removal to which a key's deletion belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RemovalOf {
    /// Only a part of the stack. Data that the key encrypted stays, for example old log events, which AWS does not
    /// encrypt again.
    Part,
    /// The whole stack.
    Stack,
}

impl Kms {
    /// The waiting period in days: the shortest one if nothing needs the key any more.
    ///
    /// # Errors
    /// A secret that is not deleted needs the key.
    pub(super) async fn waiting_days(&self, key: &str, alias: &str, task: &Task) -> Result<i32, Failure> {
        let secrets = match self.secrets.encrypted_with(&[key, alias]).await {
            Ok(secrets) => secrets,
            Err(failure) if failure.ends_all() => return Err(failure),
            // The longest period is safe in any case.
            Err(failure) => {
                tracing::info!("the secrets that need {key} could not be listed: {failure}");
                task.note("the key is deleted in 30 days: the secrets that may need it could not be listed");
                return Ok(LONGEST);
            }
        };
        let in_use: Vec<&str> =
            secrets.iter().filter(|secret| secret.until.is_none()).map(|secret| secret.name.as_str()).collect();
        if !in_use.is_empty() {
            let message = format!("the key {key} is kept, because it encrypts the secrets {}", in_use.join(", "));
            return Err(Failure::refused(message)
                .hint("encrypt these secrets with another key or delete them, then run the same command again"));
        }
        if !secrets.is_empty() {
            task.note("the key is deleted in 30 days, because it is needed to restore deleted secrets");
            return Ok(LONGEST);
        }
        match self.removal {
            RemovalOf::Stack => Ok(SHORTEST),
            RemovalOf::Part => {
                task.note("the key is deleted in 30 days: until then, log events that it encrypted can be read");
                Ok(LONGEST)
            }
        }
    }
}
