//! The list of all REST APIs, with their stages. Everything else below an API disappears with it.

use aws_sdk_apigateway::types;

use super::{ApiGateway, PAGE, RestApi, RestApiKey, RestApiOutputs, Stage, StageKey};
use crate::aws::error::{OrAbsent, OrFail};
use crate::aws::pages::{as_far_as_it_goes, closer};
use crate::aws::tags::described;
use crate::engine::{Failure, Id, InventoryItem, Listing, Unread};
use crate::scope::{Owner, Whose};

impl ApiGateway {
    async fn listed_api(&self, api: types::RestApi, owner: Option<Owner>, whose: &Whose) -> Result<Listing, Failure> {
        let (id, name) = (api.id.unwrap_or_default(), api.name.unwrap_or_default());
        // For an API of another stack only the name is needed. An operator may not be allowed to read more of it.
        let theirs = owner.as_ref().is_some_and(|owner| !whose.owns(owner));
        let (stages, unread) = if theirs {
            (Vec::new(), None)
        } else {
            let doing = format!("list the stages of the REST API {name}");
            // The stages disappear with the API even if they are not known.
            match self.client.get_stages().rest_api_id(&id).send().await.or_fail(&doing).or_absent() {
                Ok(Some(stages)) => (stages.item.unwrap_or_default(), None),
                // The list is out of date: the API is gone.
                Ok(None) => return Ok(Listing::default()),
                Err(failure) => (Vec::new(), Some(Unread::new::<Stage>(format!("of the REST API {name}"), failure))),
            }
        };
        // The root's id may be missing; deleting an API does not need it.
        let root_resource_id = api.root_resource_id.unwrap_or_default();
        let outputs = RestApiOutputs { id: id.clone(), root_resource_id, name: name.clone(), revision: 0 };
        let place = self.arn(&format!("/restapis/{id}"));
        let key = |_| RestApiKey { name: name.clone() };
        let listed = InventoryItem::new::<RestApi>((&name, &place), owner, key, &outputs);
        let under = stages.into_iter().map(|stage| {
            let name = stage.stage_name.unwrap_or_default();
            let outputs = self.stage_outputs(&id, &name);
            let key = StageKey { api_id: id.clone(), name: name.clone() };
            InventoryItem::under::<Stage>(&listed, Id::new("stage", &name), (&name, &outputs.arn), &key, &outputs)
        });
        let under: Vec<InventoryItem> = under.collect();
        Ok(Listing::from([vec![listed], under].concat()).and_unread(unread))
    }
}

impl ApiGateway {
    pub(super) async fn list_apis(&self, whose: &Whose) -> Result<Listing, Failure> {
        let pages = self.client.get_rest_apis().limit(PAGE).into_paginator().send();
        let (pages, cut) = as_far_as_it_goes!(pages, "list the REST APIs");
        let looks = pages.into_iter().flat_map(|page| page.items.unwrap_or_default()).filter_map(|api| {
            let owner = Owner::read(described(api.tags(), self.emulated));
            // The tags in the list also identify an API whose name was changed.
            let ours = owner.as_ref().is_some_and(|owner| whose.owns(owner));
            let ours = ours || api.name().is_some_and(|name| whose.may_own(name));
            ours.then(|| (api.name().unwrap_or_default().to_owned(), self.listed_api(api, owner, whose)))
        });
        let listing = closer::<RestApi, _>(looks.collect()).await;
        Ok(listing.and_unread(cut.map(|failure| Unread::new::<RestApi>(None, failure))))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use crate::aws::testing::{asked, replay};

    #[tokio::test]
    async fn rest_apis_are_listed_by_tag_even_if_renamed() {
        let first = r#"{"position":"p2","item":[
            {"id":"a1","name":"renamed","tags":{"securelambda:stack":"demo","securelambda:resource":"api.rest"}},
            {"id":"x1","name":"theirs","tags":{"securelambda:stack":"other"}},
            {"id":"x2","name":"demo-prod-api","tags":{"securelambda:stack":"demo-prod","securelambda:resource":"api.rest"}}]}"#;
        let second = r#"{"item":[{"id":"a2","name":"demo-api"},
            {"id":"a3","name":"demo-api","tags":{"securelambda:stack":"demo"}}]}"#;
        let stages = r#"{"item":[{"stageName":"development","deploymentId":"d1"}]}"#;
        let absent = r#"{"__type":"NotFoundException","message":"no such API"}"#;
        let (clients, http) =
            replay(vec![(200, first), (200, second), (200, stages), (200, r#"{"item":[]}"#), (404, absent)]);
        let listed = ApiGateway::new(&clients).list_apis(&Whose::Stack("demo".into())).await.unwrap().listed;
        let seen: Vec<_> = listed.iter().map(|one| (one.id.as_str(), one.stack.as_deref())).collect();
        let expected = [
            ("api.rest", Some("demo")),
            ("stage.development", Some("demo")),
            ("api.rest", Some("demo-prod")),
            ("rest_api.demo-api", None),
        ];
        assert_eq!(seen, expected, "and the stages of another stack's API are not read");
        assert!(asked(&http)[1].0.contains("position=p2"), "{:?}", asked(&http));
    }
}
