//! All paths of an API, as one resource.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_apigateway::types;
use serde::{Deserialize, Serialize};

use super::super::error::{OrAbsent, OrFail};
use super::super::pages::side_by_side;
use super::{AT_ONCE, ApiGateway, BELOW, READ};
use crate::aws::apigateway::SERVICE;
use crate::aws::kind::{Calls, CleanupGroup, Described, Kind, Listed, Rate, SettingsCheck};
use crate::aws::rights::{Permissions, Sid, StatementTemplate, Usage};
use crate::engine::{Cause, Comparison, Effect, Failure, Found, Provider, Resource, Task};
use crate::layer::Layer;

/// All paths of an API.
#[derive(Debug, Clone)]
pub struct Paths {
    pub api_id: String,
    pub root_id: String,
    /// As in `/lambda1`, `/items/{id}` or `/files/{proxy+}`. Parents need not be listed.
    pub paths: BTreeSet<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PathsOutputs {
    pub api_id: String,
    /// The id of each path, including `/` and all parents.
    pub ids: BTreeMap<String, String>,
}

/// Paths are found in their API.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PathsKey {
    api_id: String,
}

/// A path that an API has.
#[derive(Debug, Clone, PartialEq)]
pub struct LivePath {
    pub id: String,
    /// Whether it has methods.
    pub carries_methods: bool,
}

impl Paths {
    /// The paths with all parents, including `/`.
    fn wanted(&self) -> BTreeSet<String> {
        let parents = |path: &String| {
            let cuts: Vec<usize> = path.match_indices('/').map(|(at, _)| at).filter(|&at| at > 0).collect();
            cuts.into_iter().map(|at| path[..at].to_owned()).collect::<Vec<_>>()
        };
        let on_the_way = self.paths.iter().flat_map(parents);
        on_the_way.chain(self.paths.iter().cloned()).chain(["/".to_owned()]).collect()
    }
}

/// The number of levels below `/`.
fn depth(path: &str) -> usize {
    if path == "/" { 0 } else { path.matches('/').count() }
}

/// Splits a path into its parent and its last part: `/a/b` into `/a` and `b`.
fn split(path: &str) -> (&str, &str) {
    match path.rsplit_once('/') {
        Some(("", part)) => ("/", part),
        Some((parent, part)) => (parent, part),
        None => ("/", path),
    }
}

impl Resource for Paths {
    const KIND: &'static str = "apigateway.paths";
    const GOES_WITH_PARENT: bool = true;
    const NAME_IS_UNIQUE: bool = true;
    const ID_IS_GIVEN_ONCE: bool = true;
    const GUARDS: bool = false;
    type Key = PathsKey;
    type Outputs = PathsOutputs;
    type Live = BTreeMap<String, LivePath>;

    fn key(&self) -> PathsKey {
        PathsKey { api_id: self.api_id.clone() }
    }

    fn identity(outputs: &PathsOutputs) -> String {
        outputs.api_id.clone()
    }

    fn removal_command(_: &PathsOutputs) -> Option<String> {
        None
    }

    fn compare(&self, live: &Self::Live) -> Comparison {
        let wanted = self.wanted();
        let mut compared = Comparison::default();
        for path in &wanted {
            let there = live.contains_key(path);
            compared = compared.plain(field(path), "present", if there { "present" } else { "absent" });
        }
        for (path, live) in live.iter().filter(|(path, _)| !wanted.contains(*path)) {
            let (live, effect) = if live.carries_methods {
                ("present, with methods", Effect::Weakens)
            } else {
                ("present", Effect::Differs)
            };
            compared = compared.judged(field(path), "absent", live, effect);
        }
        compared
    }
}

fn field(path: &str) -> String {
    format!("resource {path}")
}

impl Described for Paths {
    const ABOUT: Kind = Kind {
        service: SERVICE,
        label: "paths",
        listed: Listed::WithParent,
        cleanup: CleanupGroup::ApiGateway,
        gone_before: &[],
        permissions: &[
            READ,
            StatementTemplate {
                sid: Sid::OwnByTag,
                on: BELOW,
                rights: &[
                    Permissions { needs: &[Usage::Create, Usage::Update], actions: &["apigateway:POST"] },
                    Permissions { needs: &[Usage::Delete, Usage::Update], actions: &["apigateway:DELETE"] },
                ],
            },
        ],
        rates: &[
            Rate::per_second(5, Calls::Requests(&["POST", "DELETE"], "/restapis/*/resources/*")),
            Rate { calls: Calls::Requests(&["GET"], "/restapis/*/resources"), count: 5, seconds: 2, burst: 5 },
        ],
        check: SettingsCheck {
            layer: Layer::Authorization,
            subject: "API",
            holds: "paths match the stack file",
            read: "GetResources",
        },
    };
}

impl ApiGateway {
    /// Creates the paths of `wanted` that `ids` lacks: parents first, siblings concurrently.
    async fn make_paths(
        &self,
        api: &str,
        wanted: &BTreeSet<String>,
        mut ids: BTreeMap<String, String>,
        task: &Task,
    ) -> Result<PathsOutputs, Failure> {
        for level in levels(wanted.iter().filter(|path| !ids.contains_key(*path))).into_values() {
            let calls = level.into_iter().map(|path| {
                let parent = ids.get(split(path).0).cloned().unwrap_or_default();
                async move { Ok((path.clone(), self.make_path(api, &parent, path, task).await?)) }
            });
            let made = side_by_side(AT_ONCE, calls.collect()).await?;
            ids.extend(made);
        }
        Ok(PathsOutputs { api_id: api.to_owned(), ids })
    }

    /// A path's name is unique in its parent, so this may be repeated: an existing path is used.
    async fn make_path(&self, api: &str, parent: &str, path: &str, task: &Task) -> Result<String, Failure> {
        let made = self.write(api, task, &[], || async {
            let call = self.client.create_resource().rest_api_id(api).parent_id(parent).path_part(split(path).1);
            call.send().await.or_fail(&format!("create the path {path}"))
        });
        match made.await {
            Ok(made) => Ok(made.id.unwrap_or_default()),
            Err(failure) if failure.cause == Cause::Exists => {
                let there = self.resources(api, false).await?.unwrap_or_default().remove(path);
                // If the path is not listed, it was deleted again, or the list is out of date.
                there.and_then(|there| there.id).ok_or(Failure { cause: Cause::Refused, ..failure })
            }
            Err(failure) => Err(failure),
        }
    }

    /// Deletes paths with their methods by their ids: children first, siblings concurrently.
    async fn remove_paths(&self, api: &str, gone: &BTreeMap<String, String>, task: &Task) -> Result<(), Failure> {
        for level in levels(gone.keys()).into_values().rev() {
            let calls = level.into_iter().map(|path| async move {
                let deleted = self.write(api, task, &[], || async {
                    let call = self.client.delete_resource().rest_api_id(api).set_resource_id(gone.get(path).cloned());
                    call.send().await.or_fail(&format!("delete the path {path}"))
                });
                deleted.await.or_absent().map(drop)
            });
            side_by_side(AT_ONCE, calls.collect()).await?;
        }
        Ok(())
    }
}

fn levels<'a>(paths: impl Iterator<Item = &'a String>) -> BTreeMap<usize, Vec<&'a String>> {
    let mut levels: BTreeMap<usize, Vec<&String>> = BTreeMap::new();
    for path in paths {
        levels.entry(depth(path)).or_default().push(path);
    }
    levels
}

fn ids(live: &BTreeMap<String, LivePath>) -> BTreeMap<String, String> {
    live.iter().map(|(path, live)| (path.clone(), live.id.clone())).collect()
}

impl Provider<Paths> for ApiGateway {
    async fn read(
        &self,
        key: &PathsKey,
        known: Option<&PathsOutputs>,
        _: &Task,
    ) -> Result<Option<Found<Paths>>, Failure> {
        let Some(all) = self.resources(&key.api_id, false).await? else { return Ok(None) };
        // Every API has `/`. If the state has no record of the paths, `/` alone does not count as paths of ours.
        if known.is_none_or(|known| known.api_id != key.api_id) && all.len() < 2 {
            return Ok(None);
        }
        let live: BTreeMap<_, _> = all.into_iter().map(|(path, resource)| (path, seen(resource))).collect();
        Ok(Some(Found { outputs: PathsOutputs { api_id: key.api_id.clone(), ids: ids(&live) }, live }))
    }

    async fn create(&self, want: &Paths, task: &Task) -> Result<PathsOutputs, Failure> {
        let root = BTreeMap::from([("/".to_owned(), want.root_id.clone())]);
        self.make_paths(&want.api_id, &want.wanted(), root, task).await
    }

    async fn update(&self, want: &Paths, found: &Found<Paths>, task: &Task) -> Result<PathsOutputs, Failure> {
        let wanted = want.wanted();
        let (keep, gone): (BTreeMap<_, _>, BTreeMap<_, _>) =
            ids(&found.live).into_iter().partition(|(path, _)| wanted.contains(path));
        // Unwanted paths are removed first, because `{b}` cannot be created next to `{a}`. Callers do not notice this,
        // because the stage serves a deployment.
        self.remove_paths(&want.api_id, &gone, task).await?;
        self.make_paths(&want.api_id, &wanted, keep, task).await
    }

    async fn delete(&self, gone: &PathsOutputs, task: &Task) -> Result<(), Failure> {
        let mut below = gone.ids.clone();
        below.remove("/");
        self.remove_paths(&gone.api_id, &below, task).await
    }
}

fn seen(resource: types::Resource) -> LivePath {
    let carries_methods = resource.resource_methods().is_some_and(|methods| !methods.is_empty());
    LivePath { id: resource.id.unwrap_or_default(), carries_methods }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::testing::{asked, replay};
    use crate::engine::Drift;

    const ROOT: &str = r#"{"id":"r00t","path":"/"}"#;
    const LAMBDA1: &str =
        r#"{"id":"p1","parentId":"r00t","pathPart":"lambda1","path":"/lambda1","resourceMethods":{"POST":{}}}"#;

    fn want(paths: &[&str]) -> Paths {
        let paths = paths.iter().map(|path| (*path).to_owned()).collect();
        Paths { api_id: "abc".into(), root_id: "r00t".into(), paths }
    }

    fn live(paths: &[(&str, bool)]) -> BTreeMap<String, LivePath> {
        let path = |(path, methods): &(&str, bool)| {
            ((*path).to_owned(), LivePath { id: format!("id{path}"), carries_methods: *methods })
        };
        paths.iter().map(path).collect()
    }

    fn task() -> Task {
        Task::detached("paths.main")
    }

    #[test]
    fn parent_paths_are_wanted_too() {
        let wanted = want(&["/items/{id}/parts", "/files/{proxy+}", "/items"]).wanted();
        let wanted: Vec<&str> = wanted.iter().map(String::as_str).collect();
        assert_eq!(wanted, ["/", "/files", "/files/{proxy+}", "/items", "/items/{id}", "/items/{id}/parts"]);
        assert_eq!(want(&["/"]).wanted().len(), 1);
        assert_eq!((split("/a"), split("/a/{b}"), depth("/"), depth("/a/{b}")), (("/", "a"), ("/a", "{b}"), 0, 2));
    }

    #[test]
    fn an_extra_path_weakens_if_it_has_methods() {
        let want = want(&["/lambda1"]);
        assert_eq!(want.drift(&live(&[("/", false), ("/lambda1", true)])), vec![]);
        assert_eq!(want.drift(&live(&[("/", false)])), vec![Drift::new("resource /lambda1", "present", "absent")]);
        let extra = want.drift(&live(&[("/", false), ("/lambda1", true), ("/x", false), ("/y", true)]));
        let weakens: Vec<_> = extra.iter().map(|drift| (drift.field.as_str(), drift.weakens)).collect();
        assert_eq!(weakens, [("resource /x", false), ("resource /y", true)]);
    }

    #[tokio::test]
    async fn unchanged_paths_cost_one_call() {
        let (clients, http) = replay(vec![(200, &format!(r#"{{"item":[{ROOT},{LAMBDA1}]}}"#))]);
        let want = want(&["/lambda1"]);
        let found =
            Provider::<Paths>::read(&ApiGateway::new(&clients), &want.key(), None, &task()).await.expect("no failure");
        let found = found.expect("found");
        assert_eq!(want.drift(&found.live), vec![]);
        assert_eq!(found.outputs.ids["/lambda1"], "p1");
        assert_eq!(asked(&http).len(), 1);
    }

    #[tokio::test]
    async fn an_empty_api_and_a_missing_api_have_no_paths() {
        let bare = format!(r#"{{"item":[{ROOT}]}}"#);
        let (clients, _) = replay(vec![(200, &bare), (200, &bare), (404, r#"{"__type":"NotFoundException"}"#)]);
        let gateway = ApiGateway::new(&clients);
        let key = want(&["/"]).key();
        assert!(Provider::<Paths>::read(&gateway, &key, None, &task()).await.expect("no failure").is_none());
        // An API whose only route is at `/` never has another path.
        let known = PathsOutputs { api_id: "abc".into(), ids: BTreeMap::new() };
        let found =
            Provider::<Paths>::read(&gateway, &key, Some(&known), &task()).await.expect("no failure").expect("found");
        assert_eq!(want(&["/"]).drift(&found.live), vec![]);
        assert!(Provider::<Paths>::read(&gateway, &key, Some(&known), &task()).await.expect("no failure").is_none());
    }

    #[tokio::test]
    async fn parents_are_created_first_and_existing_paths_are_adopted() {
        let exists = r#"{"__type":"ConflictException",
            "message":"Another resource with the same parent already has this name: a"}"#;
        let list = format!(r#"{{"item":[{ROOT},{{"id":"pa","parentId":"r00t","pathPart":"a","path":"/a"}}]}}"#);
        let (clients, http) = replay(vec![(409, exists), (200, &list), (201, r#"{"id":"pb"}"#)]);
        let made = Provider::<Paths>::create(&ApiGateway::new(&clients), &want(&["/a/{b}"]), &task()).await;
        let ids = made.expect("made").ids;
        assert_eq!((ids["/"].as_str(), ids["/a"].as_str(), ids["/a/{b}"].as_str()), ("r00t", "pa", "pb"));
        assert!(asked(&http)[2].0.contains("/resources/pa"), "{:?}", asked(&http));
    }

    #[tokio::test]
    async fn paths_that_exclude_each_other_are_refused() {
        let odds = r#"{"__type":"BadRequestException","message":"A sibling ({a}) of this resource already has a variable path part -- only one is allowed"}"#;
        let (clients, http) = replay(vec![(400, odds), (200, &format!(r#"{{"item":[{ROOT}]}}"#))]);
        let made = Provider::<Paths>::create(&ApiGateway::new(&clients), &want(&["/{b}"]), &task()).await;
        assert_eq!(made.map_err(|failure| failure.cause), Err(Cause::Refused));
        assert_eq!(asked(&http).len(), 1, "it is not taken for one that is there already");
    }

    /// The name of a path in an error must not count as a part of AWS's message.
    #[tokio::test(start_paused = true)]
    async fn a_path_named_like_a_conflict_is_not_waited_for() {
        let refused = r#"{"__type":"ConflictException","message":"No."}"#;
        let (clients, http) = replay(vec![(409, refused); 5]);
        let made = Provider::<Paths>::create(&ApiGateway::new(&clients), &want(&["/concurrent-jobs"]), &task()).await;
        let failure = made.expect_err("refused");
        assert_eq!((failure.cause, asked(&http).len()), (Cause::Refused, 1), "{failure}");
    }

    #[tokio::test]
    async fn children_are_removed_before_parents() {
        let (clients, http) =
            replay(vec![(202, ""), (404, r#"{"__type":"NotFoundException"}"#), (201, r#"{"id":"new"}"#)]);
        let live = live(&[("/", false), ("/x", false), ("/x/y", true)]);
        let outputs = PathsOutputs { api_id: "abc".into(), ids: ids(&live) };
        let want = want(&["/z"]);
        let made =
            Provider::<Paths>::update(&ApiGateway::new(&clients), &want, &Found { outputs, live }, &task()).await;
        assert_eq!(made.expect("converged").ids.into_keys().collect::<Vec<_>>(), ["/", "/z"]);
        let calls: Vec<_> = asked(&http).into_iter().map(|(call, _)| call).collect();
        assert!(calls[0].contains("id%2Fx%2Fy") && calls[1].ends_with("id%2Fx"), "{calls:?}");
    }
}
