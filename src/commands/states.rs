//! Opens the place where states are stored.

use std::sync::Arc;
use std::time::Duration;

use super::session::who_am_i;
use crate::aws::Clients;
use crate::aws::s3::S3;
use crate::config::{Config, Connection, folder_of_states};
use crate::error::Error;
use crate::location::Location;
use crate::report::say;
use crate::scope::Scope;
use crate::state::{Bucket, Folder, StackState, StateBackend, StateId, Times};

/// The backend for states at this place. Makes no call.
pub(super) fn open(location: &Location, clients: &Clients, connection: &Connection) -> Arc<dyn StateBackend> {
    match location {
        Location::Folder(folder) => Arc::new(Folder::new(folder)),
        Location::Bucket { bucket, prefix } => Arc::new(self::bucket(bucket, prefix, clients, connection)),
    }
}

/// The backend for states in a bucket.
pub(super) fn bucket(bucket: &str, prefix: &str, clients: &Clients, connection: &Connection) -> Bucket {
    let scaled = |time: Duration| connection.time_scale.of(time);
    let Times { renewal, lease, between } = Times::AWS;
    let times = Times { renewal: scaled(renewal), lease: scaled(lease), between: scaled(between) };
    let objects = Arc::new(S3::new(&clients.sdk, bucket));
    Bucket::new(objects, prefix, folder_of_states(None), times, Arc::new(say))
}

/// Access to the state of this configuration's stack.
pub(super) fn stored(config: &Config, clients: &Clients, endpoint: Option<&str>) -> StackState {
    StackState::new(open(&config.state, clients, &config.connection), state_id(&clients.scope), endpoint)
}

pub(super) fn state_id(scope: &Scope) -> StateId {
    let Scope { stack, account, region, .. } = scope.clone();
    StateId { stack, account, region }
}

/// The backend of a configuration, for commands that otherwise make no call.
pub(super) async fn offline(config: &Config) -> Result<Arc<dyn StateBackend>, Error> {
    if let Location::Folder(folder) = &config.state {
        return Ok(Arc::new(Folder::new(folder)));
    }
    let (clients, ..) = who_am_i(config).await?;
    Ok(open(&config.state, &clients, &config.connection))
}
