//! The checks of request bodies: the validator, and the models that it compares bodies with.

use aws_sdk_apigateway::types::RequestValidator;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::super::error::{OrAbsent, OrFail};
use super::{ApiGateway, CREATE_UPDATE_DELETE, Mends, PAGE, READ, replace};
use crate::aws::apigateway::SERVICE;
use crate::aws::kind::{CleanupGroup, Described, Kind, Listed, SettingsCheck};
use crate::aws::rights::{Permissions, Sid, StatementTemplate, Usage};
use crate::engine::{Comparison, Effect, Failure, Found, Provider, Resource, Task};
use crate::layer::Layer;

/// A validator that checks bodies and parameters, for all methods that name it.
#[derive(Debug, Clone)]
pub struct Validator {
    pub api_id: String,
    /// The name. Several validators of an API may have the same one.
    pub name: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ValidatorOutputs {
    pub api_id: String,
    /// An id that AWS chose.
    pub id: String,
}

/// A validator is looked up by name in its API.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ValidatorKey {
    api_id: String,
    name: String,
}

/// The checks of a validator, as AWS has them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LiveValidator {
    /// Whether bodies match the method's model.
    pub body: bool,
    /// Whether required parameters are present.
    pub parameters: bool,
}

impl Validator {
    fn mends(live: LiveValidator) -> Mends {
        let check =
            |mends: Mends, field: &str, on: bool| mends.guard(field, true, on, [replace(format!("/{field}"), true)]);
        let mends = check(Mends::default(), "validateRequestBody", live.body);
        check(mends, "validateRequestParameters", live.parameters)
    }
}

impl Resource for Validator {
    const KIND: &'static str = "apigateway.request_validator";
    const GOES_WITH_PARENT: bool = true;
    const NAME_IS_UNIQUE: bool = false;
    const ID_IS_GIVEN_ONCE: bool = true;
    const GUARDS: bool = true;
    type Key = ValidatorKey;
    type Outputs = ValidatorOutputs;
    type Live = LiveValidator;

    fn key(&self) -> ValidatorKey {
        ValidatorKey { api_id: self.api_id.clone(), name: self.name.clone() }
    }

    fn identity(outputs: &ValidatorOutputs) -> String {
        format!("{}/{}", outputs.api_id, outputs.id)
    }

    fn removal_command(_: &ValidatorOutputs) -> Option<String> {
        None
    }

    fn compare(&self, live: &LiveValidator) -> Comparison {
        Self::mends(*live).compared
    }
}

impl Described for Validator {
    const ABOUT: Kind = Kind {
        service: SERVICE,
        label: "request validator",
        listed: Listed::WithParent,
        cleanup: CleanupGroup::ApiGateway,
        gone_before: &[],
        permissions: &[
            READ,
            // The documentation does not say that request validators inherit their API's tag, so the tag cannot be
            // demanded.
            StatementTemplate {
                sid: Sid::RequestValidators,
                on: &["arn:{partition}:apigateway:{region}::/restapis/*/requestvalidators*"],
                rights: &[
                    Permissions { needs: &[Usage::Create], actions: &["apigateway:POST"] },
                    Permissions { needs: &[Usage::Update], actions: &["apigateway:PATCH"] },
                    Permissions { needs: &[Usage::Delete], actions: &["apigateway:DELETE"] },
                ],
            },
        ],
        rates: &[],
        check: SettingsCheck {
            layer: Layer::Secrets,
            subject: "body validator",
            holds: "settings match the stack file",
            read: "GetRequestValidators",
        },
    };
}

impl Provider<Validator> for ApiGateway {
    async fn read(
        &self,
        key: &ValidatorKey,
        known: Option<&ValidatorOutputs>,
        _: &Task,
    ) -> Result<Option<Found<Validator>>, Failure> {
        let mut all: Vec<RequestValidator> = Vec::new();
        let mut position = None;
        loop {
            let call = self.client.get_request_validators().rest_api_id(&key.api_id).limit(PAGE).set_position(position);
            let page = call.send().await.or_fail(&format!("list the request validators of the API {}", key.api_id));
            let Some(page) = page.or_absent()? else { return Ok(None) };
            all.extend(page.items.unwrap_or_default());
            position = page.position;
            if position.is_none() {
                break;
            }
        }
        // A create call whose answer was lost may have left a second validator. Both can be used, and both disappear
        // with the API. But the choice must be the same every time, because methods refer to the validator's id.
        let by_id = known.and_then(|known| all.iter().find(|one| one.id() == Some(&known.id)));
        let named = all.iter().filter(|one| one.name() == Some(&key.name));
        let Some(one) = by_id.or_else(|| named.min_by_key(|one| one.id().map(str::to_owned))) else { return Ok(None) };
        let live = LiveValidator { body: one.validate_request_body, parameters: one.validate_request_parameters };
        let id = one.id().unwrap_or_default().to_owned();
        Ok(Some(Found { outputs: ValidatorOutputs { api_id: key.api_id.clone(), id }, live }))
    }

    async fn create(&self, want: &Validator, task: &Task) -> Result<ValidatorOutputs, Failure> {
        let made = self.write(&want.api_id, task, &[], || async {
            let call = self.once.create_request_validator().rest_api_id(&want.api_id).name(&want.name);
            let call = call.validate_request_body(true).validate_request_parameters(true);
            call.send().await.or_fail(&format!("create the request validator {}", want.name))
        });
        Ok(ValidatorOutputs { api_id: want.api_id.clone(), id: made.await?.id.unwrap_or_default() })
    }

    async fn update(
        &self,
        want: &Validator,
        found: &Found<Validator>,
        task: &Task,
    ) -> Result<ValidatorOutputs, Failure> {
        let patches = Validator::mends(found.live).patches;
        let updated = self.write(&want.api_id, task, &[], || async {
            let call = self.client.update_request_validator().rest_api_id(&want.api_id);
            let call = call.request_validator_id(&found.outputs.id).set_patch_operations(Some(patches.clone()));
            call.send().await.or_fail(&format!("update the request validator {}", want.name))
        });
        updated.await.map(|_| found.outputs.clone())
    }

    async fn delete(&self, gone: &ValidatorOutputs, task: &Task) -> Result<(), Failure> {
        let deleted = self.write(&gone.api_id, task, &[], || async {
            let call = self.client.delete_request_validator().rest_api_id(&gone.api_id).request_validator_id(&gone.id);
            call.send().await.or_fail(&format!("delete the request validator {}", gone.id))
        });
        deleted.await.or_absent().map(drop)
    }
}

/// A model: the schema of JSON bodies.
#[derive(Debug, Clone)]
pub struct Model {
    pub api_id: String,
    /// Letters and digits only; unique in the API. `Empty` and `Error` are AWS's own.
    pub name: String,
    /// A JSON Schema, draft 4, of 400 KB at most.
    pub schema: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelOutputs {
    pub api_id: String,
    pub name: String,
}

/// A model is looked up by name in its API.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelKey {
    api_id: String,
    name: String,
}

impl Model {
    /// `live` is the schema. Any other schema may accept more, so every difference weakens.
    fn mends(&self, live: &str) -> Mends {
        let same = match (serde_json::from_str::<Value>(&self.schema), serde_json::from_str::<Value>(live)) {
            (Ok(want), Ok(live)) => want == live,
            _ => self.schema == live,
        };
        let effect = Effect::weakens_unless(same);
        Mends::default().judged("schema", &self.schema, live, effect, [replace("/schema", &self.schema)])
    }

    fn outputs(&self) -> ModelOutputs {
        ModelOutputs { api_id: self.api_id.clone(), name: self.name.clone() }
    }
}

impl Resource for Model {
    const KIND: &'static str = "apigateway.model";
    const GOES_WITH_PARENT: bool = true;
    const NAME_IS_UNIQUE: bool = true;
    const ID_IS_GIVEN_ONCE: bool = true;
    const GUARDS: bool = true;
    type Key = ModelKey;
    type Outputs = ModelOutputs;
    type Live = String;

    fn key(&self) -> ModelKey {
        ModelKey { api_id: self.api_id.clone(), name: self.name.clone() }
    }

    fn identity(outputs: &ModelOutputs) -> String {
        format!("{}/{}", outputs.api_id, outputs.name)
    }

    fn removal_command(_: &ModelOutputs) -> Option<String> {
        None
    }

    fn compare(&self, live: &String) -> Comparison {
        self.mends(live).compared
    }
}

impl Described for Model {
    const ABOUT: Kind = Kind {
        service: SERVICE,
        label: "model",
        listed: Listed::WithParent,
        cleanup: CleanupGroup::ApiGateway,
        gone_before: &[],
        permissions: &[READ, CREATE_UPDATE_DELETE],
        rates: &[],
        check: SettingsCheck {
            layer: Layer::Secrets,
            subject: "model {}",
            holds: "it matches the schema file",
            read: "GetModel",
        },
    };
}

impl Provider<Model> for ApiGateway {
    async fn read(&self, key: &ModelKey, _: Option<&ModelOutputs>, _: &Task) -> Result<Option<Found<Model>>, Failure> {
        let call = self.client.get_model().rest_api_id(&key.api_id).model_name(&key.name);
        let model = call.send().await.or_fail(&format!("read the model {}", key.name)).or_absent()?;
        Ok(model.map(|model| {
            let outputs = ModelOutputs { api_id: key.api_id.clone(), name: key.name.clone() };
            Found { outputs, live: model.schema.unwrap_or_default() }
        }))
    }

    async fn create(&self, want: &Model, task: &Task) -> Result<ModelOutputs, Failure> {
        let made = self.write(&want.api_id, task, &[], || async {
            let call = self.once.create_model().rest_api_id(&want.api_id).name(&want.name).schema(&want.schema);
            call.content_type("application/json").send().await.or_fail(&format!("create the model {}", want.name))
        });
        made.await.map(|_| want.outputs())
    }

    async fn update(&self, want: &Model, found: &Found<Model>, task: &Task) -> Result<ModelOutputs, Failure> {
        let patches = want.mends(&found.live).patches;
        let updated = self.write(&want.api_id, task, &[], || async {
            let call = self.client.update_model().rest_api_id(&want.api_id).model_name(&want.name);
            let call = call.set_patch_operations(Some(patches.clone()));
            call.send().await.or_fail(&format!("update the model {}", want.name))
        });
        updated.await.map(|_| want.outputs())
    }

    async fn delete(&self, gone: &ModelOutputs, task: &Task) -> Result<(), Failure> {
        let deleted = self.write(&gone.api_id, task, &[], || async {
            let call = self.client.delete_model().rest_api_id(&gone.api_id).model_name(&gone.name);
            call.send().await.or_fail(&format!("delete the model {}", gone.name))
        });
        deleted.await.or_absent().map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::testing::{asked, replay};
    use crate::engine::{Cause, Drift};

    fn validator() -> Validator {
        Validator { api_id: "abc".into(), name: "all".into() }
    }

    fn model() -> Model {
        Model {
            api_id: "abc".into(),
            name: "Request".into(),
            schema: r#"{"type":"object","required":["name"]}"#.into(),
        }
    }

    fn task() -> Task {
        Task::detached("model.Request")
    }

    #[test]
    fn a_disabled_check_weakens() {
        let drift = |body, parameters| validator().drift(&LiveValidator { body, parameters });
        assert_eq!(drift(true, true), vec![]);
        assert_eq!(drift(false, true), vec![Drift::weakening("validateRequestBody", true, false)]);
        assert_eq!(drift(true, false), vec![Drift::weakening("validateRequestParameters", true, false)]);
    }

    #[test]
    fn schemas_are_compared_by_meaning() {
        assert_eq!(model().drift(&"{ \"required\": [\"name\"],\n \"type\": \"object\" }".to_owned()), vec![]);
        let drift = model().drift(&r#"{"type":"object"}"#.to_owned());
        assert_eq!((drift.len(), drift[0].field.as_str(), drift[0].weakens), (1, "schema", true));
    }

    #[tokio::test]
    async fn of_two_equal_validators_the_same_is_found_every_time() {
        let list = r#"{"item":[
            {"id":"v2","name":"all","validateRequestBody":true,"validateRequestParameters":true},
            {"id":"v1","name":"all","validateRequestBody":true,"validateRequestParameters":true},
            {"id":"v0","name":"other","validateRequestBody":false,"validateRequestParameters":false}]}"#;
        for (known, expected) in [(None, "v1"), (Some("v2"), "v2"), (Some("gone"), "v1")] {
            let (clients, _) = replay(vec![(200, list)]);
            let known = known.map(|id: &str| ValidatorOutputs { api_id: "abc".into(), id: id.into() });
            let found =
                Provider::<Validator>::read(&ApiGateway::new(&clients), &validator().key(), known.as_ref(), &task())
                    .await;
            let found = found.expect("no failure").expect("found");
            assert_eq!(found.outputs.id, expected);
            assert_eq!(validator().drift(&found.live), vec![]);
        }
    }

    #[tokio::test]
    async fn a_model_is_found_unchanged_in_one_call() {
        let answer = r#"{"id":"m1","name":"Request","contentType":"application/json",
            "schema":"{\"required\":[\"name\"],\"type\":\"object\"}"}"#;
        let (clients, http) = replay(vec![(200, answer)]);
        let found = Provider::<Model>::read(&ApiGateway::new(&clients), &model().key(), None, &task())
            .await
            .expect("no failure");
        assert_eq!(model().drift(&found.expect("found").live), vec![]);
        assert_eq!(asked(&http).len(), 1);
    }

    #[tokio::test]
    async fn an_existing_model_is_read() {
        let answer = r#"{"__type":"ConflictException","message":"Model name already exists for this REST API"}"#;
        let (clients, _) = replay(vec![(409, answer)]);
        let made = Provider::<Model>::create(&ApiGateway::new(&clients), &model(), &task()).await;
        assert_eq!(made.map_err(|failure| failure.cause), Err(Cause::Exists));
    }
}
