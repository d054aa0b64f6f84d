//! The calls that create and change [`Routes`].
//!
//! A method that differs is patched if a patch can express the change. `PutMethod` refuses a method that exists, and
//! with a patch the method is never missing. On AWS nobody would notice that it is missing, because the stage serves
//! the deployed snapshot; an emulator that makes methods live at once would show it. For the same reason new and
//! changed methods come first and removed ones last.

use std::collections::BTreeMap;

use aws_sdk_apigateway::operation::update_method::UpdateMethodOutput;
use aws_sdk_apigateway::types::{self, Op, PatchOperation};

use super::super::error::{OrAbsent, OrFail};
use super::super::pages::side_by_side;
use super::integration::Integrate;
use super::refusals::API_AUTHORIZER_VISIBLE;
use super::{
    AT_ONCE, ApiGateway, LiveMethod, LiveRoutes, Method, Routes, RoutesKey, RoutesOutputs, remove, replace, route,
    segment,
};
use crate::engine::{Cause, Failure, Found, Provider, Task};

/// The step that one method needs.
#[derive(Debug, PartialEq)]
enum Step<'a> {
    /// Delete the existing method, if there is one; then create method and integration.
    Put { name: &'a str, method: &'a Method, replaces: bool },
    /// Patch the method, then its integration if needed.
    Patch { name: &'a str, method: &'a Method, patches: Vec<PatchOperation>, integrate: Option<Integrate> },
    /// Only the integration: it differs, or it is missing.
    Integrate { name: &'a str, method: &'a Method, how: Integrate },
    /// Delete the method.
    Remove { name: &'a str, resource_id: &'a str, http_method: &'a str },
}

/// The patches that correct a method; `None` if it must be created again. The values of patches are strings, and an
/// emulator may keep the string where AWS stores a boolean. So a method with a different boolean, or with other
/// declared answers, is created again.
fn patches(want: &Method, live: &LiveMethod) -> Option<Vec<PatchOperation>> {
    let validator = want.validator_id.as_ref()?;
    // An emulator turns the list of scopes into a string if a scope is added.
    let scopes = want.authorization.scopes();
    if !scopes.is_subset(&live.scopes) {
        return None;
    }
    if live.api_key_required != want.api_key_required
        || want.required != live.required
        || want.declared() != live.responses
    {
        return None;
    }
    let mut patches = Vec::new();
    let (kind, authorizer) = (want.authorization.kind(), want.authorization.authorizer_id());
    if kind != live.authorization || authorizer.is_some_and(|id| live.authorizer_id.as_deref() != Some(id)) {
        // One call sets both, so that the type and the authorizer always belong together.
        patches.push(replace("/authorizationType", kind));
        patches.extend(authorizer.map(|id| replace("/authorizerId", id)));
    }
    let scope = |scope| PatchOperation::builder().op(Op::Remove).path("/authorizationScopes").value(scope).build();
    patches.extend(live.scopes.difference(&scopes).map(scope));
    if live.validator_id.as_ref() != Some(validator) {
        patches.push(replace("/requestValidatorId", validator));
    }
    let (models, path) = (want.models(), |kind: &str| format!("/requestModels/{}", segment(kind)));
    for (kind, model) in &models {
        let op = match live.models.get(kind) {
            Some(live) if live == model => continue,
            Some(_) => Op::Replace,
            None => Op::Add,
        };
        patches.push(PatchOperation::builder().op(op).path(path(kind)).value(model).build());
    }
    patches.extend(live.models.keys().filter(|kind| !models.contains_key(*kind)).map(|kind| remove(path(kind))));
    Some(patches)
}

fn steps<'a>(want: &'a Routes, live: &'a BTreeMap<String, LiveMethod>) -> Vec<Step<'a>> {
    let wanted = want.methods.iter().filter_map(|(name, method)| {
        let Some(live) = Routes::live_for(method, name, live) else {
            return Some(Step::Put { name, method, replaces: false });
        };
        let integrate = Integrate::of(&method.integration, live.integration.as_ref());
        // AWS refuses to declare an answer twice (docs/aws.md, Mocks).
        if integrate.is_some() && method.integration.answer.mock().is_some() {
            return Some(Step::Put { name, method, replaces: true });
        }
        if method.compare(name, live, &want.authorizers).is_as_wanted() {
            return integrate.map(|how| Step::Integrate { name, method, how });
        }
        Some(match patches(method, live) {
            Some(patches) => Step::Patch { name, method, patches, integrate },
            None => Step::Put { name, method, replaces: true },
        })
    });
    let extra = live.iter().filter(|(name, _)| !want.methods.contains_key(*name));
    let extra =
        extra.map(|(name, live)| Step::Remove { name, resource_id: &live.resource_id, http_method: &live.http_method });
    wanted.chain(extra).collect()
}

impl ApiGateway {
    /// First the wanted methods, then the removed ones. Within each group methods are changed concurrently, the calls
    /// of one method in sequence.
    async fn take(&self, api: &str, steps: Vec<Step<'_>>, task: &Task) -> Result<(), Failure> {
        let (removals, wanted): (Vec<_>, Vec<_>) =
            steps.into_iter().partition(|step| matches!(step, Step::Remove { .. }));
        self.take_all(api, wanted, task).await?;
        self.take_all(api, removals, task).await
    }

    async fn take_all(&self, api: &str, steps: Vec<Step<'_>>, task: &Task) -> Result<(), Failure> {
        let calls = steps.into_iter().map(|step| async move {
            match step {
                Step::Put { name, method, replaces } => {
                    if replaces {
                        self.delete_method(api, name, &method.resource_id, &method.http_method, task).await?;
                    }
                    self.put_method(api, name, method, task).await?;
                    self.put_integration(api, name, method, task).await
                }
                Step::Patch { name, method, patches, integrate } => {
                    if self.patch_method(api, name, method, &patches, task).await? {
                        return self.integrate(api, name, method, integrate, task).await;
                    }
                    self.put_method(api, name, method, task).await?;
                    self.put_integration(api, name, method, task).await
                }
                Step::Integrate { name, method, how } => self.integrate(api, name, method, Some(how), task).await,
                Step::Remove { name, resource_id, http_method } => {
                    self.delete_method(api, name, resource_id, http_method, task).await
                }
            }
        });
        side_by_side(AT_ONCE, calls.collect()).await.map(drop)
    }

    /// Creates a method. An existing one, perhaps of an unanswered attempt, is in our API, so it is deleted and created
    /// again.
    async fn put_method(&self, api: &str, name: &str, method: &Method, task: &Task) -> Result<(), Failure> {
        let put = || {
            self.write(api, task, &[&API_AUTHORIZER_VISIBLE], || async {
                let authorization = &method.authorization;
                let call = self.client.put_method().rest_api_id(api).resource_id(&method.resource_id);
                let call = call.http_method(&method.http_method).authorization_type(authorization.kind());
                let call = call.set_authorizer_id(authorization.authorizer_id().map(str::to_owned));
                let scopes = Some(Vec::from_iter(authorization.scopes())).filter(|scopes| !scopes.is_empty());
                let call = call.set_authorization_scopes(scopes);
                let required = method.required.iter().map(|name| (name.clone(), true)).collect();
                let call = call.set_request_parameters(Some(required));
                let call = call.set_request_models(Some(method.models().into_iter().collect()));
                let call = call
                    .set_request_validator_id(method.validator_id.clone())
                    .api_key_required(method.api_key_required);
                call.send().await.or_fail(&format!("put the method {name}")).map(drop)
            })
        };
        match put().await {
            Err(failure) if failure.cause == Cause::Exists => {
                self.delete_method(api, name, &method.resource_id, &method.http_method, task).await?;
                put().await
            }
            done => done,
        }
    }

    /// Patches a method, and returns whether the patches had the wanted effect. An emulator may implement some of them
    /// differently.
    async fn patch_method(
        &self,
        api: &str,
        name: &str,
        method: &Method,
        patches: &[PatchOperation],
        task: &Task,
    ) -> Result<bool, Failure> {
        let updated = self.write(api, task, &[&API_AUTHORIZER_VISIBLE], || async {
            let call = self.client.update_method().rest_api_id(api).resource_id(&method.resource_id);
            let call = call.http_method(&method.http_method).set_patch_operations(Some(patches.to_vec()));
            call.send().await.or_fail(&format!("update the method {name}"))
        });
        let live = answered(method, updated.await?);
        Ok(method.compare(name, &live, &BTreeMap::new()).is_as_wanted())
    }

    async fn delete_method(
        &self,
        api: &str,
        name: &str,
        resource_id: &str,
        http_method: &str,
        task: &Task,
    ) -> Result<(), Failure> {
        let deleted = self.write(api, task, &[], || async {
            let call = self.client.delete_method().rest_api_id(api).resource_id(resource_id).http_method(http_method);
            call.send().await.or_fail(&format!("delete the method {name}"))
        });
        // Its whole path may have been deleted meanwhile.
        deleted.await.or_absent().map(drop)
    }

    /// All methods of an API by name; `None` if there is no such API.
    async fn methods(&self, api: &str) -> Result<Option<BTreeMap<String, LiveMethod>>, Failure> {
        let Some(all) = self.resources(api, true).await? else { return Ok(None) };
        let methods = all.into_iter().flat_map(|(path, resource)| {
            let id = resource.id.unwrap_or_default();
            let methods = resource.resource_methods.unwrap_or_default();
            methods
                .into_iter()
                .map(move |(http, method)| (route(&http, &path), LiveMethod::of(id.clone(), http, method)))
        });
        Ok(Some(methods.collect()))
    }
}

/// The method in the answer to a patch.
fn answered(method: &Method, answer: UpdateMethodOutput) -> LiveMethod {
    let live = types::Method::builder()
        .set_authorization_type(answer.authorization_type)
        .set_authorizer_id(answer.authorizer_id)
        .set_authorization_scopes(answer.authorization_scopes)
        .set_api_key_required(answer.api_key_required)
        .set_request_validator_id(answer.request_validator_id)
        .set_request_models(answer.request_models)
        .set_request_parameters(answer.request_parameters)
        .set_method_responses(answer.method_responses);
    LiveMethod::of(method.resource_id.clone(), method.http_method.clone(), live.build())
}

impl Provider<Routes> for ApiGateway {
    async fn read(
        &self,
        key: &RoutesKey,
        _: Option<&RoutesOutputs>,
        _: &Task,
    ) -> Result<Option<Found<Routes>>, Failure> {
        let (methods, authorizers) = tokio::try_join!(self.methods(&key.api_id), self.authorizers(&key.api_id))?;
        let Some(methods) = methods.filter(|methods| !methods.is_empty()) else { return Ok(None) };
        let authorizers = authorizers.unwrap_or_default().into_iter();
        let named = authorizers.map(|one| (one.id.unwrap_or_default(), one.name.unwrap_or_default()));
        let live = LiveRoutes { methods, authorizers: named.collect() };
        let RoutesKey { api_id, hash } = key.clone();
        Ok(Some(Found { outputs: RoutesOutputs { api_id, hash }, live }))
    }

    async fn create(&self, want: &Routes, task: &Task) -> Result<RoutesOutputs, Failure> {
        self.take(&want.api_id, steps(want, &BTreeMap::new()), task).await?;
        Ok(RoutesOutputs { api_id: want.api_id.clone(), hash: want.hash() })
    }

    async fn update(&self, want: &Routes, found: &Found<Routes>, task: &Task) -> Result<RoutesOutputs, Failure> {
        self.take(&want.api_id, steps(want, &found.live.methods), task).await?;
        // Last: AWS refuses to delete an authorizer that a method names.
        for (id, name) in want.other_authorizers(&found.live) {
            self.delete_authorizer(&want.api_id, id, name, task).await?;
        }
        Ok(RoutesOutputs { api_id: want.api_id.clone(), hash: want.hash() })
    }

    async fn delete(&self, gone: &RoutesOutputs, task: &Task) -> Result<(), Failure> {
        let Some(live) = self.methods(&gone.api_id).await? else { return Ok(()) };
        let none = Routes {
            api_id: gone.api_id.clone(),
            methods: BTreeMap::new(),
            authorizers: BTreeMap::new(),
            fingerprint: String::new(),
        };
        self.take(&gone.api_id, steps(&none, &live), task).await
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::LiveIntegration;
    use super::super::routes::tests::{URI, live_method, live_routes, method, routes};
    use super::*;
    use crate::aws::testing::{asked, replay};
    use crate::engine::Resource;

    const OURS: &str = r#"{"item":[{"id":"a1","name":"First"},{"id":"a2","name":"Second"}]}"#;
    const NONE: &str = r#"{"__type":"NotFoundException"}"#;

    fn list(method: &str) -> String {
        format!(
            r#"{{"item":[{{"id":"r00t","path":"/"}},{{"id":"p0","path":"/x"}},
               {{"id":"p1","path":"/x/{{id}}","resourceMethods":{{"POST":{method}}}}}]}}"#
        )
    }

    fn whole() -> String {
        format!(
            r#"{{"httpMethod":"POST","authorizationType":"COGNITO_USER_POOLS","authorizerId":"a1","apiKeyRequired":false,
                "requestValidatorId":"v1","requestModels":{{"application/json":"Request","$default":"Request"}},
                "requestParameters":{{"method.request.path.id":true,"method.request.header.X":false}},
                "methodIntegration":{{"type":"AWS_PROXY","httpMethod":"POST","uri":"{URI}","timeoutInMillis":29000,
                "passthroughBehavior":"WHEN_NO_MATCH"}}}}"#
        )
    }

    fn found(live: &[(&str, LiveMethod)]) -> Found<Routes> {
        let live = live_routes(live.iter().map(|(name, live)| ((*name).to_owned(), live.clone())));
        Found { outputs: RoutesOutputs { api_id: "abc".into(), hash: routes().hash() }, live }
    }

    fn task() -> Task {
        Task::detached("routes.main")
    }

    fn calls(http: &aws_smithy_http_client::test_util::StaticReplayClient) -> Vec<String> {
        let short =
            |call: String| call.replace("https://apigateway.eu-central-1.amazonaws.com/restapis/abc/resources", "");
        asked(http).into_iter().map(|(call, _)| short(call)).collect()
    }

    #[tokio::test]
    async fn unchanged_methods_cost_two_concurrent_calls() {
        let (clients, http) = replay(vec![(200, &list(&whole())), (200, OURS)]);
        let found = Provider::<Routes>::read(&ApiGateway::new(&clients), &routes().key(), None, &task())
            .await
            .expect("no failure");
        let found = found.expect("found");
        assert_eq!(routes().drift(&found.live), vec![]);
        assert_eq!(found.outputs.hash, routes().hash());
        let calls = calls(&http);
        assert_eq!(calls.len(), 2);
        assert!(calls[0].contains("embed=methods") && calls[0].contains("limit=500"), "{calls:?}");
        assert_eq!(steps(&routes(), &found.live.methods), vec![]);
    }

    #[tokio::test]
    async fn an_api_without_methods_and_a_missing_api_have_no_routes() {
        let bare = r#"{"item":[{"id":"r00t","path":"/"}]}"#;
        let (clients, _) = replay(vec![(200, bare), (200, OURS), (404, NONE), (404, NONE)]);
        let gateway = ApiGateway::new(&clients);
        for _ in 0..2 {
            assert!(
                Provider::<Routes>::read(&gateway, &routes().key(), None, &task()).await.expect("no failure").is_none()
            );
        }
    }

    #[tokio::test]
    async fn a_method_is_put_and_then_its_integration() {
        let (clients, http) = replay(vec![(201, "{}"), (201, "{}")]);
        let made = Provider::<Routes>::create(&ApiGateway::new(&clients), &routes(), &task()).await;
        assert_eq!(made.expect("made").hash, routes().hash());
        assert_eq!(calls(&http), ["PUT /p1/methods/POST", "PUT /p1/methods/POST/integration"]);
        let bodies: Vec<_> = asked(&http).into_iter().map(|(_, body)| body).collect();
        for part in [
            r#""authorizationType":"COGNITO_USER_POOLS""#,
            r#""authorizerId":"a1""#,
            r#""requestValidatorId":"v1""#,
            r#""application/json":"Request""#,
            r#""$default":"Request""#,
            r#""method.request.path.id":true"#,
        ] {
            assert!(bodies[0].contains(part), "{part} in {}", bodies[0]);
        }
        assert!(bodies[1].contains(r#""type":"AWS_PROXY""#) && bodies[1].contains(r#""httpMethod":"POST""#));
    }

    #[tokio::test]
    async fn an_open_method_names_no_authorizer() {
        let (clients, http) = replay(vec![(201, "{}"), (201, "{}")]);
        let mut want = routes();
        want.methods.values_mut().for_each(|method| method.authorization = super::super::Authorization::None);
        Provider::<Routes>::create(&ApiGateway::new(&clients), &want, &task()).await.expect("made");
        let body = &asked(&http)[0].1;
        assert!(body.contains(r#""authorizationType":"NONE""#) && !body.contains("authorizerId"), "{body}");
    }

    #[tokio::test]
    async fn an_existing_method_is_replaced() {
        let exists = r#"{"__type":"ConflictException","message":"Method already exists for this resource"}"#;
        let (clients, http) = replay(vec![(409, exists), (204, ""), (201, "{}"), (201, "{}")]);
        Provider::<Routes>::create(&ApiGateway::new(&clients), &routes(), &task()).await.expect("made");
        let put = "PUT /p1/methods/POST";
        assert_eq!(calls(&http), [put, "DELETE /p1/methods/POST", put, "PUT /p1/methods/POST/integration"]);
    }

    #[tokio::test]
    async fn a_new_authorizer_is_waited_for() {
        let not_yet = r#"{"__type":"BadRequestException","message":"Invalid authorizer ID specified. Setting the authorization type to CUSTOM or COGNITO_USER_POOLS requires a valid authorizer."}"#;
        let (clients, http) = replay(vec![(400, not_yet), (201, "{}"), (201, "{}")]);
        Provider::<Routes>::create(&ApiGateway::new(&clients), &routes(), &task()).await.expect("made");
        assert_eq!(calls(&http).len(), 3);
    }

    /// AWS's answer to a patch: the whole method.
    fn patched(live: &LiveMethod) -> String {
        serde_json::json!({
            "httpMethod": "POST", "authorizationType": live.authorization, "authorizerId": live.authorizer_id,
            "apiKeyRequired": false, "requestValidatorId": live.validator_id, "requestModels": live.models,
            "requestParameters": { "method.request.path.id": true },
        })
        .to_string()
    }

    const NAME: &str = "POST /x/{id}";
    const PUT: &str = "PUT /p1/methods/POST";
    const INTEGRATE: &str = "PUT /p1/methods/POST/integration";
    const PATCH: &str = "PATCH /p1/methods/POST";
    const REPOINT: &str = "PATCH /p1/methods/POST/integration";
    const DELETE: &str = "DELETE /p1/methods/POST";

    #[tokio::test]
    async fn only_differing_methods_are_changed() {
        let half = LiveMethod { integration: None, ..live_method() };
        let keyed = LiveMethod { api_key_required: true, ..live_method() };
        let bare = LiveMethod { required: BTreeSet::new(), ..live_method() };
        let answering = LiveMethod { responses: BTreeMap::from([("200".into(), BTreeSet::new())]), ..live_method() };
        let stray = LiveMethod { resource_id: "p9".into(), http_method: "ANY".into(), ..live_method() };
        let to = |change: fn(&mut LiveIntegration)| {
            let mut live = live_method();
            live.integration.iter_mut().for_each(change);
            live
        };
        let table = [
            (found(&[(NAME, live_method())]), vec![]),
            (found(&[(NAME, half)]), vec![INTEGRATE]),
            (found(&[(NAME, to(|live| live.uri = "arn:g".into()))]), vec![REPOINT]),
            (found(&[(NAME, to(|live| live.timeout_ms = 50))]), vec![INTEGRATE]),
            (found(&[(NAME, keyed)]), vec![DELETE, PUT, INTEGRATE]),
            (found(&[(NAME, bare)]), vec![DELETE, PUT, INTEGRATE]),
            (found(&[(NAME, answering)]), vec![DELETE, PUT, INTEGRATE]),
            (found(&[(NAME, to(|live| live.credentials = Some("arn:r".into())))]), vec![INTEGRATE]),
            (found(&[(NAME, live_method()), ("ANY /stray", stray)]), vec!["DELETE /p9/methods/ANY"]),
        ];
        for (found, expected) in table {
            let (clients, http) = replay(expected.iter().map(|_| (200, "{}")).collect());
            Provider::<Routes>::update(&ApiGateway::new(&clients), &routes(), &found, &task())
                .await
                .expect("converged");
            assert_eq!(calls(&http), expected);
        }
    }

    #[tokio::test]
    async fn a_method_that_differs_is_patched_in_one_call() {
        let with = |change: fn(&mut LiveMethod)| {
            let mut live = live_method();
            change(&mut live);
            live
        };
        let kind = r#"{"op":"replace","path":"/authorizationType","value":"COGNITO_USER_POOLS"}"#;
        let authorizer = r#"{"op":"replace","path":"/authorizerId","value":"a1"}"#;
        let secured = format!("{kind},{authorizer}");
        let table = [
            (with(|live| live.authorizer_id = Some("a2".into())), secured.clone()),
            (
                with(|live| {
                    live.authorization = "NONE".into();
                    live.authorizer_id = None;
                }),
                secured,
            ),
            (
                with(|live| live.scopes = BTreeSet::from(["x/y".into()])),
                r#"{"op":"remove","path":"/authorizationScopes","value":"x/y"}"#.into(),
            ),
            (
                with(|live| live.validator_id = None),
                r#"{"op":"replace","path":"/requestValidatorId","value":"v1"}"#.into(),
            ),
            (
                with(|live| live.models.clear()),
                [
                    r#"{"op":"add","path":"/requestModels/$default","value":"Request"}"#,
                    r#"{"op":"add","path":"/requestModels/application~1json","value":"Request"}"#,
                ]
                .join(","),
            ),
            (
                with(|live| drop(live.models.insert("application/json".into(), "Old".into()))),
                r#"{"op":"replace","path":"/requestModels/application~1json","value":"Request"}"#.into(),
            ),
            (
                with(|live| drop(live.models.remove("$default"))),
                r#"{"op":"add","path":"/requestModels/$default","value":"Request"}"#.into(),
            ),
            (
                with(|live| drop(live.models.insert("text/~x".into(), "Empty".into()))),
                r#"{"op":"remove","path":"/requestModels/text~1~0x"}"#.into(),
            ),
        ];
        for (live, expected) in table {
            let answer = patched(&live_method());
            let (clients, http) = replay(vec![(200, &answer)]);
            Provider::<Routes>::update(&ApiGateway::new(&clients), &routes(), &found(&[(NAME, live)]), &task())
                .await
                .expect("converged");
            let (bodies, calls): (Vec<_>, _) = (asked(&http).into_iter().map(|(_, body)| body).collect(), calls(&http));
            assert_eq!(
                (calls, bodies),
                (vec![PATCH.to_owned()], vec![format!(r#"{{"patchOperations":[{expected}]}}"#)])
            );
        }
    }

    #[tokio::test]
    async fn a_route_gets_its_authorizer_before_its_function() {
        let mut live = LiveMethod { authorizer_id: Some("a2".into()), ..live_method() };
        live.integration.iter_mut().for_each(|live| live.uri = "arn:g".into());
        let answer = patched(&live_method());
        let (clients, http) = replay(vec![(200, &answer), (200, "{}")]);
        Provider::<Routes>::update(&ApiGateway::new(&clients), &routes(), &found(&[(NAME, live)]), &task())
            .await
            .expect("converged");
        assert_eq!(calls(&http), [PATCH, REPOINT]);
        let expected = format!(r#"{{"patchOperations":[{{"op":"replace","path":"/uri","value":"{URI}"}}]}}"#);
        assert_eq!(asked(&http)[1].1, expected);
    }

    #[tokio::test]
    async fn a_method_that_a_patch_does_not_fix_is_created_anew() {
        let old = LiveMethod { models: BTreeMap::from([("application/json".into(), "Old".into())]), ..live_method() };
        let mut literal = old.clone();
        literal.models.insert("application~1json".into(), "Request".into());
        let answer = patched(&literal);
        let (clients, http) = replay(vec![(200, &answer), (201, "{}"), (201, "{}")]);
        Provider::<Routes>::update(&ApiGateway::new(&clients), &routes(), &found(&[(NAME, old)]), &task())
            .await
            .expect("converged");
        assert_eq!(calls(&http), [PATCH, PUT, INTEGRATE]);
    }

    #[tokio::test]
    async fn unwanted_methods_are_removed_last() {
        let stray = LiveMethod { resource_id: "p9".into(), ..live_method() };
        let (clients, http) = replay(vec![(201, "{}"), (201, "{}"), (204, "")]);
        let found = found(&[("POST /a-stray", stray)]);
        Provider::<Routes>::update(&ApiGateway::new(&clients), &routes(), &found, &task()).await.expect("converged");
        assert_eq!(calls(&http), [PUT, INTEGRATE, "DELETE /p9/methods/POST"]);
    }

    #[tokio::test]
    async fn an_opened_method_is_patched() {
        let mut want = routes();
        want.methods.values_mut().for_each(|method| method.authorization = super::super::Authorization::None);
        // AWS may still return an authorizer's id for a method whose authorization is `NONE`.
        let opened = LiveMethod { authorization: "NONE".into(), ..live_method() };
        let answer = patched(&opened);
        let (clients, http) = replay(vec![(200, &answer)]);
        Provider::<Routes>::update(&ApiGateway::new(&clients), &want, &found(&[(NAME, live_method())]), &task())
            .await
            .expect("converged");
        let body = &asked(&http)[0].1;
        assert_eq!(body, r#"{"patchOperations":[{"op":"replace","path":"/authorizationType","value":"NONE"}]}"#);
        assert_eq!(want.drift(&found(&[(NAME, opened)]).live), []);
    }

    #[tokio::test]
    async fn an_unwanted_method_disappears_with_its_path() {
        let (clients, _) = replay(vec![(404, r#"{"__type":"NotFoundException"}"#)]);
        let found = found(&[("POST /x/{id}", live_method()), ("GET /y", live_method())]);
        let done = Provider::<Routes>::update(&ApiGateway::new(&clients), &routes(), &found, &task()).await;
        assert_eq!(done, Ok(found.outputs));
    }

    #[test]
    fn a_method_is_created_again_on_a_new_path() {
        let old = found(&[("POST /x/{id}", LiveMethod { resource_id: "old".into(), ..live_method() })]);
        let (want, method) = (routes(), method());
        let expected = Step::Put { name: "POST /x/{id}", method: &method, replaces: false };
        assert_eq!(steps(&want, &old.live.methods), vec![expected]);
    }

    #[tokio::test]
    async fn other_authorizers_are_removed_after_the_methods_that_name_them() {
        let mut found = found(&[(NAME, LiveMethod { authorizer_id: Some("a9".into()), ..live_method() })]);
        found.live.authorizers.insert("a9".into(), "Stranger".into());
        let answer = patched(&live_method());
        let (clients, http) = replay(vec![(200, &answer), (202, "")]);
        Provider::<Routes>::update(&ApiGateway::new(&clients), &routes(), &found, &task()).await.expect("converged");
        let asked: Vec<_> = asked(&http).into_iter().map(|(call, _)| call).collect();
        assert!(asked[0].starts_with("PATCH") && asked[1].ends_with("/restapis/abc/authorizers/a9"), "{asked:?}");
    }
}
