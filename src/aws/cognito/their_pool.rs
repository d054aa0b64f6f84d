//! Pools that somebody else manages. Runs only read them.

use super::{AppClientKey, Cognito};
use crate::aws::tags::pairs;
use crate::engine::Failure;
use crate::scope::Owner;

/// The properties of a read-only pool that a stack needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TheirPool {
    /// The ids of its app clients.
    pub clients: Vec<String>,
    /// The name of the stack of this program that owns the pool, if there is one.
    pub stack: Option<String>,
}

/// Cognito alone sets it.
const SUB: &str = "sub";

impl Cognito {
    /// The attributes that a pool of somebody else requires of every user. For our own pools, the stack file names them.
    pub(super) async fn required_by_others(&self, key: &AppClientKey) -> Result<Vec<String>, Failure> {
        if !key.in_their_pool {
            return Ok(Vec::new());
        }
        let schema = self.pool(&key.pool_id).await?.and_then(|pool| pool.schema_attributes).unwrap_or_default();
        let required = schema.into_iter().filter(|attribute| attribute.required == Some(true));
        Ok(required.filter_map(|attribute| attribute.name).filter(|name| name != SUB).collect())
    }

    /// The pool with this id; `None` if there is none.
    pub async fn their_pool(&self, id: &str) -> Result<Option<TheirPool>, Failure> {
        let (pool, clients) = tokio::join!(self.pool(id), self.clients(id));
        let Some(pool) = pool? else { return Ok(None) };
        let clients = clients?.into_iter().map(|(id, _)| id).collect();
        Ok(Some(TheirPool { clients, stack: Owner::read(pairs(pool.user_pool_tags())).map(|owner| owner.stack) }))
    }
}
