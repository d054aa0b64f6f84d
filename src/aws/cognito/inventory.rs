//! The list of all user pools, with their app clients. AWS's list does not show tags (docs/aws.md, User pools). Domains
//! are not listed: only the stack file and the state know which domains the stack created.

use super::pool::outputs;
use super::{AppClient, AppClientKey, AppClientOutputs, Cognito, PAGE, UserPool, UserPoolKey};
use crate::aws::error::{OrAbsent, OrFail};
use crate::aws::pages::{as_far_as_it_goes, closer};
use crate::aws::tags::pairs;
use crate::engine::{Failure, Id, InventoryItem, Listing, Unread};
use crate::scope::{Owner, Whose};

/// The id of a client in the stack. The name of an additional client begins with the name of its pool.
fn client_id_of(pool: &str, pool_name: &str, name: &str) -> Id {
    match name.strip_prefix(pool_name).and_then(|rest| rest.strip_prefix('.')) {
        Some(further) => Id::new("client", &format!("{pool}/{further}")),
        None => Id::new("client", pool),
    }
}

impl Cognito {
    async fn listed_pool(&self, id: String) -> Result<Listing, Failure> {
        let (pool, clients) = tokio::join!(self.pool(&id), self.clients(&id));
        let Some(pool) = pool? else { return Ok(Listing::default()) };
        let owner = Owner::read(pairs(pool.user_pool_tags()));
        let outputs = outputs(&pool, &id)?;
        let key = |_| UserPoolKey { name: outputs.name.clone() };
        let listed = InventoryItem::new::<UserPool>((&outputs.name, &outputs.arn), owner, key, &outputs);
        let pool_name = outputs.name.clone();
        // The clients are deleted with the pool, even if they could not be listed.
        let (clients, unread) = match clients {
            Ok(clients) => (clients, None),
            Err(failure) => (Vec::new(), Some(Unread::new::<AppClient>(format!("of {}", outputs.name), failure))),
        };
        let under = clients.into_iter().map(|(client_id, name)| {
            let key = AppClientKey {
                pool_id: id.clone(),
                name: name.clone(),
                watched: false,
                in_their_pool: false,
                secret_name: None,
            };
            let of = client_id_of(listed.id.parts().1, &pool_name, &name);
            let place = format!("{}/client/{client_id}", outputs.arn);
            let outputs = AppClientOutputs { pool_id: id.clone(), client_id, name: name.clone() };
            InventoryItem::under::<AppClient>(&listed, of, (&name, &place), &key, &outputs)
        });
        let under: Vec<InventoryItem> = under.collect();
        Ok(Listing::from([vec![listed], under].concat()).and_unread(unread))
    }

    /// The ids and names of a pool's clients.
    pub(super) async fn clients(&self, pool: &str) -> Result<Vec<(String, String)>, Failure> {
        let call = self.client.list_user_pool_clients().user_pool_id(pool).max_results(PAGE);
        let mut pages = call.into_paginator().send();
        let mut all = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.or_fail(&format!("list the app clients of {pool}")).or_absent()?;
            let clients = page.and_then(|page| page.user_pool_clients).unwrap_or_default();
            all.extend(clients.into_iter().filter_map(|client| client.client_id.zip(client.client_name)));
        }
        Ok(all)
    }
}

impl Cognito {
    pub(super) async fn list_pools(&self, whose: &Whose) -> Result<Listing, Failure> {
        let pages = self.client.list_user_pools().max_results(PAGE).into_paginator().send();
        let (pages, cut) = as_far_as_it_goes!(pages, "list the user pools");
        let pools = pages.into_iter().flat_map(|page| page.user_pools.unwrap_or_default());
        let pools = pools.filter_map(|pool| pool.id.zip(pool.name)).filter(|(_, name)| whose.may_own(name));
        let looks = pools.map(|(id, name)| (format!("{name} ({id})"), self.listed_pool(id)));
        let listing = closer::<UserPool, _>(looks.collect()).await;
        Ok(listing.and_unread(cut.map(|failure| Unread::new::<UserPool>(None, failure))))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use crate::aws::testing::{asked, replay};

    fn described(id: &str, stack: &str) -> String {
        format!(
            r#"{{"UserPool":{{"Id":"{id}","Arn":"arn:{id}","Name":"demo-p",
                "UserPoolTags":{{"securelambda:stack":"{stack}","securelambda:resource":"pool.p"}}}}}}"#
        )
    }

    #[tokio::test]
    async fn two_pools_of_one_name_are_both_listed_with_their_clients() {
        let first = r#"{"UserPools":[{"Id":"r_1","Name":"demo-p"},{"Id":"r_9","Name":"x"}],"NextToken":"p2"}"#;
        let second = r#"{"UserPools":[{"Id":"r_2","Name":"demo-p"},{"Id":"r_3","Name":"demo-p"}]}"#;
        let clients = r#"{"UserPoolClients":[{"ClientId":"c1","ClientName":"demo-p-client"},
            {"ClientId":"c2","ClientName":"demo-p.partner"}]}"#;
        let none = r#"{"UserPoolClients":[]}"#;
        let gone = r#"{"__type":"ResourceNotFoundException","message":"no"}"#;
        let (one, two) = (described("r_1", "demo"), described("r_2", "demo"));
        let reads = [(200, &*one), (200, clients), (200, &*two), (200, none), (400, gone), (400, gone)];
        let (clients, http) = replay([vec![(200, first), (200, second)], reads.to_vec()].concat());
        let listed = Cognito::new(&clients).list_pools(&Whose::Stack("demo".into())).await.unwrap().listed;
        let seen: Vec<_> = listed.iter().map(|one| (one.id.as_str(), one.arn.as_str())).collect();
        let expected = [
            ("pool.p", "arn:r_1"),
            ("client.p", "arn:r_1/client/c1"),
            ("client.p/partner", "arn:r_1/client/c2"),
            ("pool.p", "arn:r_2"),
        ];
        assert_eq!(seen, expected);
        assert!(asked(&http)[1].1.contains("p2"));
    }
}
