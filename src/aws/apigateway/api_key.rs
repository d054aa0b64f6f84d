//! An API key, by which API Gateway tells partners apart. AWS makes its value. Only [`ApiKeys::value`] reads it, and only
//! when somebody asks for it: nothing that is recorded, compared or shown contains it.

use aws_sdk_apigateway::types::{self, PatchOperation};
use serde::{Deserialize, Serialize};

use super::tagging::RETAG;
use super::{ApiGateway, Mends, PAGE, given, replace};
use crate::aws::Clients;
use crate::aws::apigateway::SERVICE;
use crate::aws::error::{OrAbsent, OrFail, several};
use crate::aws::kind::{Calls, CleanupGroup, Described, Kind, Listed, Rate, SettingsCheck};
use crate::aws::pages::{as_far_as_it_goes, closer};
use crate::aws::rights::{Permissions, Sid, StatementTemplate, Usage};
use crate::aws::settle::settled;
use crate::aws::tags::{described, pairs, read, tag_map};
use crate::engine::{
    Comparison, Failure, Found, InventoryItem, Listing, Provider, Resource, Retag, Tags, Task, Unread,
};
use crate::layer::Layer;
use crate::scope::{Owner, Whose};
use crate::secret::SecretValue;

const KEYS: &[&str] =
    &["arn:{partition}:apigateway:{region}::/apikeys", "arn:{partition}:apigateway:{region}::/apikeys/*"];

const KEY: &[&str] = &["arn:{partition}:apigateway:{region}::/apikeys/*"];

/// An API key. AWS chooses its value.
#[derive(Debug, Clone)]
pub struct ApiKey {
    /// Its id in the stack, for its tags.
    pub id: String,
    /// Its name, of at most 1,024 characters. Not unique.
    pub name: String,
    pub description: String,
}

/// The outputs of an API key. They do not contain its value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ApiKeyOutputs {
    pub id: String,
    pub name: String,
}

/// A key is found by its name among those with our tag.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ApiKeyKey {
    pub(super) name: String,
}

/// A key as AWS has it, without its value.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct LiveApiKey {
    pub name: String,
    pub description: String,
    /// Whether callers may use it.
    pub enabled: bool,
    /// The id of the AWS Marketplace customer that the key belongs to.
    pub customer_id: Option<String>,
}

impl LiveApiKey {
    fn of(key: types::ApiKey) -> Self {
        Self {
            name: key.name.unwrap_or_default(),
            description: key.description.unwrap_or_default(),
            enabled: key.enabled,
            customer_id: given(key.customer_id.as_deref()),
        }
    }
}

impl ApiKey {
    fn mends(&self, live: &LiveApiKey) -> Mends {
        let customer = live.customer_id.as_deref().unwrap_or("none");
        Mends::default()
            .plain("name", &self.name, &live.name, [replace("/name", &self.name)])
            .plain("description", &self.description, &live.description, [replace("/description", &self.description)])
            .plain("enabled", true, live.enabled, [replace("/enabled", true)])
            .plain("customerId", "none", customer, [replace("/customerId", "")])
    }
}

impl Resource for ApiKey {
    const KIND: &'static str = "apigateway.api_key";
    const GOES_WITH_PARENT: bool = false;
    const NAME_IS_UNIQUE: bool = false;
    const ID_IS_GIVEN_ONCE: bool = true;
    const GUARDS: bool = false;
    type Key = ApiKeyKey;
    type Outputs = ApiKeyOutputs;
    type Live = LiveApiKey;

    fn key(&self) -> ApiKeyKey {
        ApiKeyKey { name: self.name.clone() }
    }

    fn identity(outputs: &ApiKeyOutputs) -> String {
        outputs.id.clone()
    }

    fn removal_command(outputs: &ApiKeyOutputs) -> Option<String> {
        Some(format!("aws apigateway delete-api-key --api-key {}", outputs.id))
    }

    fn compare(&self, live: &LiveApiKey) -> Comparison {
        self.mends(live).compared
    }
}

impl Described for ApiKey {
    const ABOUT: Kind = Kind {
        service: SERVICE,
        label: "API key",
        listed: Listed::ByItself,
        cleanup: CleanupGroup::ApiGateway,
        gone_before: &[],
        permissions: &[
            RETAG,
            StatementTemplate {
                sid: Sid::FindOwn,
                on: KEYS,
                rights: &[Permissions { needs: &[Usage::Read, Usage::Survivors], actions: &["apigateway:GET"] }],
            },
            StatementTemplate {
                sid: Sid::OwnApiKeys,
                on: KEY,
                rights: &[
                    Permissions { needs: &[Usage::Update], actions: &["apigateway:PATCH"] },
                    Permissions { needs: &[Usage::Delete], actions: &["apigateway:DELETE"] },
                ],
            },
            StatementTemplate {
                sid: Sid::MakeOwn,
                on: &["arn:{partition}:apigateway:{region}::/apikeys"],
                rights: &[Permissions { needs: &[Usage::Create], actions: &["apigateway:POST"] }],
            },
            StatementTemplate {
                sid: Sid::TagWhatIsMade,
                on: &[
                    "arn:{partition}:apigateway:{region}::/tags/arn%3A{partition}%3Aapigateway%3A{region}%3A%3A%2Fapikeys%2F${*}",
                ],
                rights: &[Permissions { needs: &[Usage::Create], actions: &["apigateway:PUT"] }],
            },
        ],
        rates: &[
            Rate::per_second(5, Calls::Requests(&["POST"], "/apikeys")),
            Rate::per_second(5, Calls::Requests(&["DELETE"], "/apikeys/*")),
        ],
        check: SettingsCheck {
            layer: Layer::Authorization,
            subject: "API key {}",
            holds: "it is enabled and its settings match the stack file",
            read: "GetApiKey",
        },
    };
}

impl ApiGateway {
    fn api_key_outputs(key: &types::ApiKey) -> ApiKeyOutputs {
        let (id, name) = (key.id.clone().unwrap_or_default(), key.name.clone().unwrap_or_default());
        ApiKeyOutputs { id, name }
    }

    /// A key without its value; `None` if there is none with this id.
    async fn api_key(&self, id: &str) -> Result<Option<types::ApiKey>, Failure> {
        let answer = self.client.get_api_key().api_key(id).include_value(false).send().await;
        let answer = answer.or_fail(&format!("read the API key {id}")).or_absent()?;
        Ok(answer.map(|key| {
            types::ApiKey::builder()
                .set_id(key.id)
                .set_name(key.name)
                .set_description(key.description)
                .enabled(key.enabled)
                .set_customer_id(key.customer_id)
                .set_tags(key.tags)
                .build()
        }))
    }

    fn key_arn(&self, id: &str) -> String {
        self.arn(&format!("/apikeys/{id}"))
    }

    fn owns_key(&self, key: &types::ApiKey) -> bool {
        self.scope.owns(described(key.tags(), self.emulated))
    }

    fn found_key(key: types::ApiKey) -> Found<ApiKey> {
        Found { outputs: Self::api_key_outputs(&key), live: LiveApiKey::of(key) }
    }

    /// If the list shows no tags for the key, the key is read by a call of its own.
    async fn listed_key(&self, key: types::ApiKey) -> Result<Listing, Failure> {
        let id = key.id.clone().unwrap_or_default();
        let tagged = key.tags().is_some_and(|tags| !tags.is_empty());
        let key = if tagged { Some(key) } else { self.api_key(&id).await? };
        let Some(key) = key else { return Ok(Listing::default()) };
        let owner = Owner::read(described(key.tags(), self.emulated));
        let outputs = Self::api_key_outputs(&key);
        let (name, arn) = (outputs.name.clone(), self.key_arn(&id));
        let found = |_| ApiKeyKey { name: name.clone() };
        Ok(vec![InventoryItem::new::<ApiKey>((&name, &arn), owner, found, &outputs)].into())
    }
}

impl Provider<ApiKey> for ApiGateway {
    async fn read(
        &self,
        key: &ApiKeyKey,
        known: Option<&ApiKeyOutputs>,
        _: &Task,
    ) -> Result<Option<Found<ApiKey>>, Failure> {
        if let Some(known) = known
            && let Some(live) = self.api_key(&known.id).await?
        {
            if !self.owns_key(&live) {
                return Err(Failure::foreign("the API key", &self.key_arn(&known.id)));
            }
            return Ok(Some(Self::found_key(live)));
        }
        // Names are not unique: keys of that name without our tag are somebody else's.
        let mut ours = Vec::new();
        let call = self.client.get_api_keys().name_query(&key.name).include_values(false).limit(PAGE);
        let mut pages = call.into_paginator().send();
        while let Some(page) = pages.next().await {
            let items = page.or_fail(&format!("read the API key {}", key.name))?.items.unwrap_or_default();
            for id in items.into_iter().filter(|item| item.name() == Some(&key.name)).filter_map(|item| item.id) {
                ours.extend(self.api_key(&id).await?.filter(|live| self.owns_key(live)));
            }
        }
        if ours.len() > 1 {
            let ids: Vec<&str> = ours.iter().filter_map(types::ApiKey::id).collect();
            return Err(several("API keys", &key.name, &ids));
        }
        Ok(ours.pop().map(Self::found_key))
    }

    async fn create(&self, want: &ApiKey, task: &Task) -> Result<ApiKeyOutputs, Failure> {
        let made = settled(task, &[], || async {
            // Without `enabled` the key would be disabled (docs/aws.md, API keys and usage plans).
            let call = self.once.create_api_key().name(&want.name).description(&want.description).enabled(true);
            let call = call.set_tags(Some(tag_map(&self.scope, &want.id)));
            call.send().await.or_fail(&format!("create the API key {}", want.name))
        });
        // The answer contains the key's value, which is dropped here.
        Ok(ApiKeyOutputs { id: made.await?.id.unwrap_or_default(), name: want.name.clone() })
    }

    async fn update(&self, want: &ApiKey, found: &Found<ApiKey>, task: &Task) -> Result<ApiKeyOutputs, Failure> {
        let patches: Vec<PatchOperation> = want.mends(&found.live).patches;
        if !patches.is_empty() {
            let updated = settled(task, &[], || async {
                let call = self.client.update_api_key().api_key(&found.outputs.id);
                let call = call.set_patch_operations(Some(patches.clone()));
                call.send().await.or_fail(&format!("update the API key {}", want.name))
            });
            updated.await?;
        }
        Ok(ApiKeyOutputs { name: want.name.clone(), ..found.outputs.clone() })
    }

    async fn tags(&self, of: &ApiKeyOutputs, _: &Task) -> Result<Option<Tags>, Failure> {
        Ok(self.api_key(&of.id).await?.map(|key| read(pairs(key.tags()))))
    }

    async fn retag(&self, of: &ApiKeyOutputs, change: &Retag, task: &Task) -> Result<(), Failure> {
        self.retag_at(&self.key_arn(&of.id), change, task).await
    }

    async fn delete(&self, gone: &ApiKeyOutputs, task: &Task) -> Result<(), Failure> {
        let deleted = settled(task, &[], || async {
            let call = self.client.delete_api_key().api_key(&gone.id);
            call.send().await.or_fail(&format!("delete the API key {}", gone.name))
        });
        deleted.await.or_absent().map(drop)
    }

    async fn list(&self, whose: &Whose) -> Result<Listing, Failure> {
        let prefix = Some(whose.prefix()).filter(|prefix| !prefix.is_empty());
        let call = self.client.get_api_keys().set_name_query(prefix).include_values(false).limit(PAGE);
        let (pages, cut) = as_far_as_it_goes!(call.into_paginator().send(), "list the API keys");
        let keys = pages.into_iter().flat_map(|page| page.items.unwrap_or_default());
        let looks = keys.filter_map(|key| {
            let name = key.name.clone()?;
            whose.may_own(&name).then(|| (name, self.listed_key(key)))
        });
        let listing = closer::<ApiKey, _>(looks.collect()).await;
        Ok(listing.and_unread(cut.map(|failure| Unread::new::<ApiKey>(None, failure))))
    }
}

/// Reads the values of API keys for somebody who asked for them.
#[derive(Debug, Clone)]
pub struct ApiKeys(ApiGateway);

impl ApiKeys {
    pub fn new(clients: &Clients) -> Self {
        Self(ApiGateway::new(clients))
    }

    /// The value of the key with this id; `None` if the key does not exist.
    pub async fn value(&self, id: &str, name: &str) -> Result<Option<SecretValue>, Failure> {
        let answer = self.0.client.get_api_key().api_key(id).include_value(true).send().await;
        let Some(key) = answer.or_fail(&format!("read the value of the API key {name}")).or_absent()? else {
            return Ok(None);
        };
        let value = key.value.filter(|value| !value.is_empty()).map(SecretValue::new);
        let none =
            || Failure::refused(format!("could not read the value of the API key {name}: AWS returned no value"));
        value.map(Some).ok_or_else(none)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::testing::{asked, replay};
    use crate::engine::Drift;

    const OURS: &str = r#"{"id":"k1","name":"demo-acme","description":"d","enabled":true,"stageKeys":[],
        "tags":{"securelambda:stack":"demo","securelambda:resource":"api-key.acme"}}"#;
    const MADE: &str =
        r#"{"id":"k1","name":"demo-acme","enabled":true,"stageKeys":[],"value":"sentinel-value-0123456789"}"#;
    const NONE: &str = r#"{"__type":"NotFoundException","message":"Invalid API Key identifier specified"}"#;

    fn want() -> ApiKey {
        ApiKey { id: "api-key.acme".into(), name: "demo-acme".into(), description: "d".into() }
    }

    fn live() -> LiveApiKey {
        LiveApiKey { name: "demo-acme".into(), description: "d".into(), enabled: true, ..LiveApiKey::default() }
    }

    fn outputs() -> ApiKeyOutputs {
        ApiKeyOutputs { id: "k1".into(), name: "demo-acme".into() }
    }

    fn task() -> Task {
        Task::detached("api-key.acme")
    }

    #[test]
    fn a_changed_setting_of_a_key_differs() {
        assert_eq!(want().drift(&live()), []);
        let table = [
            (LiveApiKey { enabled: false, ..live() }, Drift::new("enabled", true, false)),
            (LiveApiKey { name: "x".into(), ..live() }, Drift::new("name", "demo-acme", "x")),
            (LiveApiKey { customer_id: Some("c".into()), ..live() }, Drift::new("customerId", "none", "c")),
        ];
        for (live, drift) in table {
            assert_eq!(want().drift(&live), [drift]);
        }
    }

    #[tokio::test]
    async fn a_key_is_enabled_and_its_value_is_not_kept() {
        let (clients, http) = replay(vec![(201, MADE)]);
        let made = Provider::<ApiKey>::create(&ApiGateway::new(&clients), &want(), &task()).await.expect("made");
        assert_eq!(made, outputs());
        let body = &asked(&http)[0].1;
        assert!(body.contains(r#""enabled":true"#) && body.contains(r#""securelambda:stack":"demo""#), "{body}");
        // AWS chooses the value.
        assert!(!body.contains(r#""value""#), "{body}");
    }

    #[tokio::test]
    async fn only_the_reader_of_values_asks_for_them() {
        let (clients, http) = replay(vec![(200, OURS), (200, MADE)]);
        let known = outputs();
        let found = Provider::<ApiKey>::read(&ApiGateway::new(&clients), &want().key(), Some(&known), &task()).await;
        assert_eq!(want().drift(&found.expect("no failure").expect("found").live), []);
        let value = ApiKeys::new(&clients).value("k1", "acme").await.expect("an answer").expect("a value");
        assert_eq!((value.reveal(), format!("{value:?}").as_str()), ("sentinel-value-0123456789", "[hidden]"));
        let (clients, _) = replay(vec![(404, NONE)]);
        assert!(matches!(ApiKeys::new(&clients).value("k1", "acme").await, Ok(None)));
        let asked: Vec<_> = asked(&http).into_iter().map(|(call, _)| call).collect();
        assert!(asked[0].ends_with("/apikeys/k1?includeValue=false"), "{asked:?}");
        assert!(asked[1].ends_with("/apikeys/k1?includeValue=true"), "{asked:?}");
    }

    #[tokio::test]
    async fn a_key_is_found_by_its_name_and_our_tag() {
        let list = r#"{"item":[{"id":"k0","name":"demo-acme"},{"id":"k1","name":"demo-acme"},{"id":"k2","name":"demo-acme-2"}]}"#;
        let theirs = r#"{"id":"k0","name":"demo-acme","enabled":true,"tags":{"securelambda:stack":"other"}}"#;
        let (clients, http) = replay(vec![(404, NONE), (200, list), (200, theirs), (200, OURS)]);
        let stale = ApiKeyOutputs { id: "gone".into(), ..outputs() };
        let found = Provider::<ApiKey>::read(&ApiGateway::new(&clients), &want().key(), Some(&stale), &task()).await;
        assert_eq!(found.expect("no failure").expect("found").outputs, outputs());
        assert!(asked(&http)[1].0.contains("name=demo-acme"), "{:?}", asked(&http));
        // A recorded key that lost our tag is foreign and must not be changed.
        let (clients, _) = replay(vec![(200, theirs)]);
        let foreign = Provider::<ApiKey>::read(&ApiGateway::new(&clients), &want().key(), Some(&stale), &task()).await;
        assert!(foreign.is_err());
    }

    #[tokio::test]
    async fn what_differs_is_patched_and_a_missing_key_is_gone() {
        let (clients, http) = replay(vec![(200, OURS), (404, NONE)]);
        let gateway = ApiGateway::new(&clients);
        let found = Found { outputs: outputs(), live: LiveApiKey { enabled: false, ..live() } };
        Provider::<ApiKey>::update(&gateway, &want(), &found, &task()).await.expect("converged");
        let patch = r#"{"patchOperations":[{"op":"replace","path":"/enabled","value":"true"}]}"#;
        assert_eq!(asked(&http)[0].1, patch);
        assert_eq!(Provider::<ApiKey>::delete(&gateway, &outputs(), &task()).await, Ok(()));
    }

    #[tokio::test]
    async fn keys_are_listed_with_their_owners() {
        let list = r#"{"item":[{"id":"k1","name":"demo-acme"},{"id":"k9","name":"theirs"}]}"#;
        let (clients, http) = replay(vec![(200, list), (200, OURS)]);
        let listing = Provider::<ApiKey>::list(&ApiGateway::new(&clients), &Whose::Stack("demo".into())).await;
        let listed = listing.expect("a list").listed;
        let seen: Vec<_> = listed.iter().map(|one| (one.id.as_str(), one.stack.as_deref())).collect();
        assert_eq!(seen, [("api-key.acme", Some("demo"))]);
        assert!(asked(&http)[0].0.contains("includeValues=false"), "{:?}", asked(&http));
    }

    #[tokio::test]
    async fn its_tags_are_read_with_it_and_changed_apart() {
        let (clients, http) = replay(vec![(200, OURS), (204, ""), (204, "")]);
        let gateway = ApiGateway::new(&clients);
        let tags = Provider::<ApiKey>::tags(&gateway, &outputs(), &task()).await.expect("no failure").expect("tags");
        assert_eq!(tags["securelambda:stack"], "demo");
        let change = Retag { set: [("team".to_owned(), "core".to_owned())].into(), gone: vec!["env".into()] };
        assert_eq!(Provider::<ApiKey>::retag(&gateway, &outputs(), &change, &task()).await, Ok(()));
        let asked = asked(&http);
        let path = "/tags/arn%3Aaws%3Aapigateway%3Aeu-central-1%3A%3A%2Fapikeys%2Fk1";
        assert!(asked[1].0.starts_with("PUT") && asked[1].0.ends_with(path), "{asked:?}");
        assert_eq!(asked[1].1, r#"{"tags":{"team":"core"}}"#);
        assert!(asked[2].0.starts_with("DELETE") && asked[2].0.ends_with("?tagKeys=env"), "{asked:?}");
    }
}
