//! A call of the program as IAM sees it, and the permissions that it needs.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::support::proxy::{Call, cbor};

/// A question to IAM: is this action allowed on this resource, with these condition values?
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub struct Usage {
    pub action: String,
    pub resource: String,
    pub context: BTreeMap<String, String>,
}

impl Usage {
    pub fn new(action: impl Into<String>, resource: impl Into<String>) -> Self {
        Self { action: action.into(), resource: resource.into(), context: BTreeMap::new() }
    }

    /// Adds a condition value.
    pub fn with(mut self, key: &str, value: impl Into<String>) -> Self {
        self.context.insert(key.to_owned(), value.into());
        self
    }

    /// Adds the tags of a request as condition values.
    pub fn with_tags(mut self, tags: &Tags) -> Self {
        self.context.extend(tags.iter().map(|(key, value)| (format!("aws:RequestTag/{key}"), value.clone())));
        self
    }
}

/// The tags in a request.
pub type Tags = BTreeMap<String, String>;

/// The stack that makes the calls.
pub struct StackIdentity<'a> {
    pub account: &'a str,
    pub region: &'a str,
    pub stack: &'a str,
    /// The permissions boundary of its roles.
    pub boundary: Option<&'a str>,
}

impl StackIdentity<'_> {
    pub fn arn(&self, service: &str, resource: &str) -> String {
        format!("arn:aws:{service}:{}:{}:{resource}", self.region, self.account)
    }
}

/// The condition key of the resource's stack tag.
pub const OURS: &str = "aws:ResourceTag/securelambda:stack";

/// A call with its body.
pub struct Asked<'a> {
    pub call: &'a Call,
    pub stack: &'a StackIdentity<'a>,
    /// The JSON or CBOR body, or the form as a JSON object.
    pub body: Value,
}

impl<'a> Asked<'a> {
    pub fn new(call: &'a Call, stack: &'a StackIdentity<'a>) -> Self {
        let form = || call.sent.form().map(|(name, value)| (name, Value::from(value))).collect::<Map<_, _>>().into();
        let json = serde_json::from_slice(&call.sent.body).ok().or_else(|| cbor::decode(&call.sent.body));
        let body = json.unwrap_or_else(form);
        Self { call, stack, body }
    }

    pub fn operation(&self) -> &str {
        &self.call.sent.operation
    }

    /// The path without the query.
    pub fn path(&self) -> &str {
        self.call.sent.path.split('?').next().unwrap_or_default()
    }

    /// A parameter of the query; empty if it is not there.
    pub fn query(&self, name: &str) -> &str {
        let (_, query) = self.call.sent.path.split_once('?').unwrap_or_default();
        let mut parameters = query.split('&').filter_map(|parameter| parameter.split_once('='));
        parameters.find(|(known, _)| *known == name).map_or("", |(_, value)| value)
    }

    /// A field of the body; empty if it is not there.
    pub fn text(&self, field: &str) -> String {
        self.body[field].as_str().unwrap_or_default().to_owned()
    }

    /// The permission with the name of the operation.
    pub fn need(&self, resource: impl Into<String>) -> Usage {
        Usage::new(format!("{}:{}", self.call.sent.service, self.operation()), resource)
    }

    /// The tags in a field of the body that is a map.
    pub fn map_of_tags(&self, field: &str) -> Tags {
        let tags = self.body[field].as_object().into_iter().flatten();
        tags.map(|(key, value)| (key.clone(), value.as_str().unwrap().to_owned())).collect()
    }

    /// The tags in a field of the body that is a list.
    pub fn list_of_tags(&self, field: &str) -> Tags {
        self.list_of(field, "Key", "Value")
    }

    /// Like [`Self::list_of_tags`], with these names of the fields for keys and values.
    pub fn list_of(&self, field: &str, key: &str, value: &str) -> Tags {
        let tags = self.body[field].as_array().into_iter().flatten();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        tags.map(|tag| (text(&tag[key]), text(&tag[value]))).collect()
    }

    /// The tags in the numbered fields of a form.
    pub fn numbered_tags(&self) -> Tags {
        let fields: Map<String, Value> = self.body.as_object().cloned().unwrap_or_default();
        let keys = fields.iter().filter(|(name, _)| name.starts_with("Tags.member.") && name.ends_with(".Key"));
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        keys.map(|(name, key)| (text(key), text(&fields[&name.replace(".Key", ".Value")]))).collect()
    }

    /// The permission with the name of the operation, and for the operation `create` also `tag`: a call that tags what it
    /// creates needs both, with the tags as condition values.
    pub fn need_with_tags(&self, resource: &str, tags: &Tags, create: &str, tag: &str) -> Vec<Usage> {
        let tagging = (self.operation() == create).then(|| Usage::new(tag, resource).with_tags(tags));
        [self.need(resource).with_tags(tags)].into_iter().chain(tagging).collect()
    }

    /// An existing resource with a name has our tag. A resource that is being created, or is gone, has none, and neither
    /// have resources whose ARNs contain one of `tagless`.
    pub fn with_our_tag(&self, needs: Vec<Usage>, tagless: &[&str]) -> Vec<Usage> {
        if self.operation().starts_with("Create") || self.call.status >= 400 {
            return needs;
        }
        let tagged = |need: Usage| {
            let has_none = need.resource == "*" || tagless.iter().any(|part| need.resource.contains(part));
            if has_none { need } else { need.with(OURS, self.stack.stack) }
        };
        needs.into_iter().map(tagged).collect()
    }
}
