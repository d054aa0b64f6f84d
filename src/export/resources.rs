//! The resources of a stack, and the form that one of them has in another tool.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::aws::AnyKind;
use crate::aws::apigateway::Release;
use crate::aws::apigatewayv2::{HttpApi, HttpIntegration, HttpRouteLimit, HttpRoutes};
use crate::aws::cognito::HookFunction;
use crate::aws::lambda::Code;
use crate::aws::sqs::queue_url;
use crate::engine::{Existing, Id, Seen};
use crate::scope::Scope;

/// The resources of a stack that exist.
pub struct Resources<'a> {
    pub(super) scope: &'a Scope,
    /// The address of an emulator, if one is used.
    endpoint: Option<&'a str>,
    /// In an order of creation.
    pub(super) nodes: Vec<Node<'a>>,
}

/// A resource of the stack.
pub(super) struct Node<'a> {
    pub id: &'a Id,
    pub kind: &'static str,
    /// The ids of its dependencies.
    pub needs: Vec<&'a Id>,
    pub resource: AnyKind<'a>,
}

impl<'a> Resources<'a> {
    /// Resources of a kind that this version does not know are left out.
    pub fn new(scope: &'a Scope, endpoint: Option<&'a str>, existing: impl Iterator<Item = Existing<'a>>) -> Self {
        let nodes = existing.filter_map(|one| {
            let resource = AnyKind::of(&one)?;
            Some(Node { id: one.id, kind: one.kind, needs: one.needs, resource })
        });
        Self { scope, endpoint, nodes: nodes.collect() }
    }

    /// The tags of a resource, by its id in the stack.
    pub(super) fn tags(&self, id: &str) -> BTreeMap<String, String> {
        self.scope.tags(id).into_iter().collect()
    }

    pub(super) fn queue_url(&self, name: &str) -> String {
        queue_url(self.endpoint, self.scope, name)
    }

    /// The ARN of a function, or of its alias.
    pub(super) fn called_arn(&self, function: &str, alias: Option<&str>) -> String {
        let alias = alias.map(|alias| format!(":{alias}")).unwrap_or_default();
        self.scope.arn("lambda", &format!("function:{function}{alias}"))
    }

    /// The packages of the functions: the path of each file, and its content.
    pub fn packages(&self) -> impl Iterator<Item = (String, &'a [u8])> {
        self.nodes.iter().filter_map(|node| match &node.resource {
            AnyKind::Function(function) => match &function.want.code {
                Code::Zip { bytes, .. } => Some((package_file(&function.want.name), bytes.as_slice())),
                Code::Image(_) => None,
            },
            _ => None,
        })
    }

    /// The first result of `find`, which looks for a resource.
    pub(super) fn find<T>(&self, find: impl FnMut(&AnyKind<'a>) -> Option<T>) -> Option<T> {
        self.nodes.iter().map(|node| &node.resource).find_map(find)
    }

    /// The functions that a user pool calls. In the stack they are a resource of their own.
    pub(super) fn hooks(&self, pool: &str) -> &'a [HookFunction] {
        let hooks = self.find(|one| match one {
            AnyKind::PoolHooks(hooks) if hooks.want.pool_id == pool => Some(hooks.want.pool.hooks.as_slice()),
            _ => None,
        });
        hooks.unwrap_or_default()
    }

    /// The deployment that a stage of a REST API serves, and the limits of its methods.
    pub(super) fn release(&self, api: &str, stage: &str) -> Option<&Seen<'a, Release>> {
        self.nodes.iter().find_map(|node| match &node.resource {
            AnyKind::Release(release) if release.want.api_id == api && release.want.stage == stage => Some(release),
            _ => None,
        })
    }

    /// The limits of single routes of an HTTP API's stage.
    pub(super) fn route_limits(
        &self,
        api: &str,
        stage: &str,
    ) -> impl Iterator<Item = (&'a String, &'a HttpRouteLimit)> {
        let limits = self.find(|one| match one {
            AnyKind::HttpRouteLimits(limits) if limits.want.api_id == api && limits.want.stage == stage => {
                Some(&limits.want.limits)
            }
            _ => None,
        });
        limits.into_iter().flatten()
    }

    /// Whether an HTTP API answers at the host name that AWS gave it.
    pub(super) fn answers_at_default(&self, api: &Seen<'_, HttpApi>) -> bool {
        let closed = self.find(|one| match one {
            AnyKind::HttpDefaultEndpoint(closed) if closed.want.api_id == api.outputs.id => Some(()),
            _ => None,
        });
        api.want.default_endpoint && closed.is_none()
    }
}

/// The path of a function's package, from the folder of the other files.
pub(super) fn package_file(function: &str) -> String {
    format!("packages/{function}.zip")
}

/// A resource of another tool.
pub(super) struct Piece {
    /// Its type in that tool.
    pub kind: &'static str,
    /// Distinguishes it from the other pieces of the same resource of the stack.
    pub suffix: Option<String>,
    /// Whether nothing waits for it: it is attached to the resource, or others refer to it by its values.
    pub beside: bool,
    /// Its settings. Members that are null are left out.
    pub body: Value,
    /// How the tool identifies the existing resource.
    pub identity: Value,
    /// The values by which settings of other resources refer to it, such as its ARN, each with the attribute that has
    /// this value.
    pub values: Vec<(String, &'static str)>,
    /// The names by which other resources refer to it explicitly ([`named`]), each with its attribute.
    pub names: Vec<(String, &'static str)>,
}

impl Piece {
    pub(super) fn new(kind: &'static str, identity: impl Into<Value>, body: Value) -> Self {
        let (values, names) = (Vec::new(), Vec::new());
        Self { kind, suffix: None, beside: false, body: pruned(body), identity: identity.into(), values, names }
    }

    /// Adds a value that occurs in settings of other resources.
    pub(super) fn value(mut self, value: impl Into<String>, attribute: &'static str) -> Self {
        self.values.push((value.into(), attribute));
        self
    }

    /// Adds a name that [`named`] refers to.
    pub(super) fn name(mut self, name: impl Into<String>, attribute: &'static str) -> Self {
        self.names.push((name.into(), attribute));
        self
    }

    /// Nothing waits for the piece, unless it refers to it.
    pub(super) fn beside(mut self) -> Self {
        self.beside = true;
        self
    }

    /// Distinguishes the piece from the others of the same resource of the stack.
    pub(super) fn suffix(mut self, suffix: impl Into<String>) -> Self {
        self.suffix = Some(suffix.into());
        self
    }
}

/// A resource that the other tool does not take over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Left {
    /// Its id in the stack, and what it is.
    pub what: String,
    /// The reason.
    pub why: &'static str,
}

/// The form of a resource in another tool.
#[derive(Default)]
pub(super) struct Form {
    pub pieces: Vec<Piece>,
    pub left: Vec<Left>,
}

impl Form {
    pub(super) fn of(pieces: impl IntoIterator<Item = Piece>) -> Self {
        Self { pieces: pieces.into_iter().collect(), left: Vec::new() }
    }

    /// A resource that is a setting of another one in the other tool.
    pub(super) fn part() -> Self {
        Self::default()
    }

    /// Adds a resource that the tool does not take over.
    pub(super) fn but(mut self, what: impl Into<String>, why: &'static str) -> Self {
        self.left.push(Left { what: what.into(), why });
        self
    }
}

impl From<Piece> for Form {
    fn from(piece: Piece) -> Self {
        Self::of([piece])
    }
}

/// The member that marks a reference by name.
pub(super) const NAMED: &str = "$named";

/// The member that marks a JSON document, which is a text for the other tool.
pub(super) const JSON: &str = "$json";

/// A reference to a piece of this type by one of its names, or `otherwise` if there is none.
pub(super) fn named(kind: &str, name: &str, otherwise: &str) -> Value {
    one_named(&[kind], name, otherwise)
}

/// A reference to a piece of one of these types by one of its names, or `otherwise` if there is none.
pub(super) fn one_named(kinds: &[&str], name: &str, otherwise: &str) -> Value {
    json!({ NAMED: [kinds, name, otherwise] })
}

/// A list, or nothing if it has no members.
pub(super) fn some<T: Into<Value>>(list: impl IntoIterator<Item = T>) -> Option<Vec<Value>> {
    Some(list.into_iter().map(Into::into).collect()).filter(|list: &Vec<Value>| !list.is_empty())
}

/// The document that a text in JSON contains; a text that is not JSON stays a text.
pub(super) fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| text.into())
}

/// The integrations that routes of an HTTP API have: the id of each, the first route that has it, and its settings. The
/// ids are not recorded, because the program finds routes by their keys.
pub(super) fn used<'a>(
    seen: &Seen<'a, HttpRoutes>,
) -> impl Iterator<Item = (&'a String, &'a String, &'a HttpIntegration)> {
    let (want, live) = (seen.want, seen.live);
    live.integrations.keys().filter_map(move |id| {
        let mut of_route = live.routes.iter().filter(move |(_, route)| route.integration_id == *id);
        of_route.find_map(|(key, _)| Some((id, key, &want.routes.get(key)?.integration)))
    })
}

/// The value without members that are null.
fn pruned(value: Value) -> Value {
    match value {
        Value::Object(members) if !members.contains_key(JSON) => {
            let kept = members.into_iter().filter(|(_, value)| !value.is_null());
            Value::Object(kept.map(|(name, value)| (name, pruned(value))).collect::<Map<_, _>>())
        }
        Value::Array(items) => items.into_iter().map(pruned).collect(),
        other => other,
    }
}
