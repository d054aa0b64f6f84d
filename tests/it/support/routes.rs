//! Requests to the routes of a stack, as its users and programs send them.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use securelambda::probe::{Answer, Body, Client, Request};
use securelambda::proxies::Proxies;
use securelambda::secret::SecretValue;
use serde_json::Value;

/// The URLs of an API's routes, by their paths. `api` is its part of the outputs.
pub fn urls(api: &Value) -> BTreeMap<String, String> {
    let text = |route: &Value, key: &str| route[key].as_str().unwrap().to_owned();
    api["routes"].as_array().unwrap().iter().map(|route| (text(route, "path"), text(route, "url"))).collect()
}

/// The answer to a request with this value of the header `Authorization`, or without the header.
pub fn ask(method: &str, url: &str, authorization: Option<&str>, body: Option<Body<'_>>) -> Answer {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let token = authorization.map(|value| SecretValue::new(value.to_owned()));
    let client = runtime.block_on(async { Client::new(&Proxies::default()).unwrap() });
    runtime.block_on(client.send(&Request { method, url, token: token.as_ref(), body })).unwrap()
}

/// The claims of a token.
pub fn claims(token: &str) -> Value {
    let payload = token.trim().split('.').nth(1).unwrap();
    serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
}

/// How many checks with this claim have passed. `proof` is the standard output of `verify --json`.
pub fn passed(proof: &str, claim: &str) -> usize {
    proof.lines().filter(|line| line.contains(claim) && line.contains("\"verdict\":\"pass\"")).count()
}
