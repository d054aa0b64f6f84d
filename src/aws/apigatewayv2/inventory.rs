//! The list of all HTTP APIs. Everything below an API disappears with it.

use super::{ApiGatewayV2, HttpApi, HttpApiKey, HttpApiOutputs};
use crate::aws::tags::described;
use crate::engine::{Failure, InventoryItem, Listing, Unread};
use crate::scope::{Owner, Whose};

impl ApiGatewayV2 {
    pub(super) async fn list_apis(&self, whose: &Whose) -> Result<Listing, Failure> {
        let (apis, cut) = self.apis("list the HTTP APIs").await;
        let listed = apis.into_iter().filter_map(|api| {
            let owner = Owner::read(described(api.tags(), self.emulated));
            let (id, name) = (api.api_id.unwrap_or_default(), api.name.unwrap_or_default());
            // The tags in the list also identify an API whose name was changed.
            if !owner.as_ref().is_some_and(|owner| whose.owns(owner)) && !whose.may_own(&name) {
                return None;
            }
            let place = format!("arn:{}:apigateway:{}::/apis/{id}", self.scope.partition, self.scope.region);
            let outputs = HttpApiOutputs { id: id.clone(), name: name.clone() };
            let key = |_| HttpApiKey { name: name.clone() };
            Some(InventoryItem::new::<HttpApi>((&name, &place), owner, key, &outputs))
        });
        let listing = Listing::from(listed.collect::<Vec<_>>());
        Ok(listing.and_unread(cut.map(|failure| Unread::new::<HttpApi>(None, failure))))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use crate::aws::testing::{asked, replay};

    #[tokio::test]
    async fn http_apis_are_listed_by_tag_even_if_renamed() {
        let first = r#"{"nextToken":"p2","items":[
            {"apiId":"a1","name":"renamed","tags":{"securelambda:stack":"demo","securelambda:resource":"api.http"}},
            {"apiId":"x1","name":"theirs","tags":{"securelambda:stack":"other"}}]}"#;
        let second = r#"{"items":[{"apiId":"a2","name":"demo-api"}]}"#;
        let (clients, http) = replay(vec![(200, first), (200, second)]);
        let listed = ApiGatewayV2::new(&clients).list_apis(&Whose::Stack("demo".into())).await.unwrap().listed;
        let seen: Vec<_> = listed.iter().map(|one| (one.id.as_str(), one.stack.as_deref())).collect();
        assert_eq!(seen, [("api.http", Some("demo")), ("api.demo-api", None)]);
        assert!(asked(&http)[1].0.contains("nextToken=p2"), "{:?}", asked(&http));
    }
}
