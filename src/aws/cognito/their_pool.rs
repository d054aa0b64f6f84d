//! Pools that somebody else manages. Runs only read them.

use super::Cognito;
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

impl Cognito {
    /// The pool with this id; `None` if there is none.
    pub async fn their_pool(&self, id: &str) -> Result<Option<TheirPool>, Failure> {
        let (pool, clients) = tokio::join!(self.pool(id), self.clients(id));
        let Some(pool) = pool? else { return Ok(None) };
        let clients = clients?.into_iter().map(|(id, _)| id).collect();
        Ok(Some(TheirPool { clients, stack: Owner::read(pairs(pool.user_pool_tags())).map(|owner| owner.stack) }))
    }
}
